//! SUMMARY    Requests over HTTPS through async-stripe's client, and what its errors mean.
//! INVARIANTS Nothing is repeated here. What may have been done is `Unknown`; `Busy` is said only where Stripe says that nothing was done.

use crate::{
    call::{Call, Method, Wire, told},
    options::StripeOptions,
};
use billing::{Answer, Failure, FailureKind};
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use stripe::{ApiErrors, Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError};
use stripe_client_core::{CustomizedStripeRequest, RequestBuilder, StripeClient, StripeMethod};

pub struct Https {
    client: Client,
}

impl Https {
    /// Errors: `Refused`.
    pub fn new(options: &StripeOptions) -> Result<Https, Failure> {
        let refused = |e: StripeError| Failure::new(FailureKind::Refused, e.to_string());
        let client = ClientBuilder::new(options.secret_key.clone())
            .url(options.base()?)
            .request_strategy(RequestStrategy::Once)
            .timeout(options.timeout)
            .app_info("Posthouse", None, None);
        Ok(Https { client: client.build().map_err(refused)? })
    }
}

impl Wire for Https {
    fn send(&self, call: Call) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            let strategy = strategy(call.key.as_deref())?;
            let params = Some(call.encoded()).filter(|params| !params.is_empty());
            let (method, query, body) = match call.method {
                Method::Get => (StripeMethod::Get, params, None),
                Method::Post => (StripeMethod::Post, None, Some(params.unwrap_or_default())),
                Method::Delete => (StripeMethod::Delete, params, None),
            };
            let request = RequestBuilder { query, body, ..RequestBuilder::new(method, call.path.clone()) };
            let tap = Tap { client: &self.client, body: Mutex::default() };
            let sent = request.customize::<()>().request_strategy(strategy).send(&tap).await;
            sent.map_err(|e| {
                let failure = failure(&e);
                Failure { message: format!("{:?} {}: {}", call.method, call.path, failure.message), ..failure }
            })?;
            Ok(tap.body.into_inner().unwrap_or_else(PoisonError::into_inner).to_vec())
        })
    }
}

fn strategy(key: Option<&str>) -> Result<RequestStrategy, Failure> {
    let refused = |e| Failure::new(FailureKind::Refused, format!("{e}"));
    key.map_or(Ok(RequestStrategy::Once), |key| {
        IdempotencyKey::new(key).map(RequestStrategy::Idempotent).map_err(refused)
    })
}

/// The library reads answers into its own types only: this keeps the bytes for ours.
struct Tap<'a> {
    client: &'a Client,
    body: Mutex<Bytes>,
}

impl StripeClient for Tap<'_> {
    type Err = StripeError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, StripeError> {
        let body = self.client.execute(request).await?;
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(Bytes::from_static(b"null"))
    }
}

fn failure(error: &StripeError) -> Failure {
    match error {
        StripeError::Stripe(what, status) => said(what, *status),
        // A broken connection, an answer that is none of Stripe's (a proxy's page, whatever its status).
        StripeError::ClientError(_) | StripeError::JSONDeserialize(_) | StripeError::Timeout => {
            Failure::new(FailureKind::Unknown, error.to_string())
        }
        StripeError::ConfigError(_) => Failure::new(FailureKind::Refused, error.to_string()),
    }
}

fn said(what: &ApiErrors, status: u16) -> Failure {
    let code = what.code.as_ref().map_or("", |code| code.as_str());
    let decline = what.decline_code.as_deref().unwrap_or_default();
    told(status, code, &format!("{decline} {}", what.message.as_deref().unwrap_or_default()))
}

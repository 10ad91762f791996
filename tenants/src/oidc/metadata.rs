//! SUMMARY    What a provider says of itself and its keys, kept for a short time.
//! STANDARDS  OpenID Connect Discovery 1.0, RFC 8414, RFC 9207
//! SECURITY   The document must be of the issuer that was asked. A key that is not known is looked for again, not more often than
//!            IDENTITY_REFETCH_PAUSE, so that made-up key names make no traffic; a withdrawn key is believed for
//!            IDENTITY_KEPT at most.
//! LIMITS     IDENTITY_KEPT, IDENTITY_REFETCH_PAUSE, IDENTITY_KEPT_MAX

use super::{
    http::Fetch,
    token::{Claims, Expected, Keys, Refusal, verify},
};
use crate::limits::{IDENTITY_KEPT, IDENTITY_KEPT_MAX, IDENTITY_REFETCH_PAUSE};
use base::Timestamp;
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use url::Url;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    jwks_uri: Url,
    /// Missing: in the head (OpenID Connect Discovery 1.0 §3).
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether what comes back always names the issuer (RFC 9207 §3).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Whether the client's secret goes into the form.
    pub(super) fn secret_in_form(&self) -> bool {
        let takes = |method: &str| self.token_endpoint_auth_methods_supported.iter().any(|m| m == method);
        takes("client_secret_post") && !takes("client_secret_basic")
    }
}

struct Kept<T> {
    value: T,
    at: Timestamp,
}

/// What was learnt of providers, by issuer.
#[derive(Default)]
pub(crate) struct Providers {
    documents: Mutex<HashMap<String, Kept<Arc<Metadata>>>>,
    keys: Mutex<HashMap<String, Kept<Arc<Keys>>>>,
}

fn find<T: Clone>(kept: &Mutex<HashMap<String, Kept<T>>>, issuer: &str, since: Timestamp) -> Option<T> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get(issuer).filter(|k| k.at > since).map(|k| k.value.clone())
}

fn keep<T>(kept: &Mutex<HashMap<String, Kept<T>>>, issuer: &str, value: T, at: Timestamp) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= IDENTITY_KEPT_MAX && !kept.contains_key(issuer) {
        kept.clear();
    }
    kept.insert(issuer.to_owned(), Kept { value, at });
}

fn before(now: Timestamp, by: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

impl Providers {
    /// What an issuer says of itself. The error is for the log.
    pub(super) async fn metadata(&self, fetch: &Fetch, issuer: &str, now: Timestamp) -> Result<Arc<Metadata>, String> {
        if let Some(known) = find(&self.documents, issuer, before(now, IDENTITY_KEPT)) {
            return Ok(known);
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|e| e.to_string())?;
        let document: Metadata = fetch.document(&url).await?;
        if document.issuer != issuer {
            return Err(format!("{url} is of another issuer: {}", document.issuer));
        }
        if !fetch.may_ask(&document.authorization_endpoint) {
            return Err(format!("browsers are not sent to {}", document.authorization_endpoint));
        }
        let document = Arc::new(document);
        keep(&self.documents, issuer, document.clone(), now);
        Ok(document)
    }

    /// What an ID token says, by the keys that are known, or by those that the provider has now.
    pub(super) async fn verify(
        &self,
        fetch: &Fetch,
        metadata: &Metadata,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<Claims, String> {
        let (issuer, now) = (expected.issuer, expected.now);
        if let Some(keys) = find(&self.keys, issuer, before(now, IDENTITY_KEPT)) {
            match verify(token, &keys, expected) {
                Ok(claims) => return Ok(claims),
                Err(Refusal::Wrong(why)) => return Err(why),
                Err(Refusal::UnknownKey) if find(&self.keys, issuer, before(now, IDENTITY_REFETCH_PAUSE)).is_some() => {
                    return Err("it is signed by no key of the provider".into());
                }
                Err(Refusal::UnknownKey) => {}
            }
        }
        let keys = Arc::new(Keys::read(&fetch.document(&metadata.jwks_uri).await?));
        keep(&self.keys, issuer, keys.clone(), now);
        verify(token, &keys, expected).map_err(|e| match e {
            Refusal::Wrong(why) => why,
            Refusal::UnknownKey => "it is signed by no key of the provider".into(),
        })
    }
}

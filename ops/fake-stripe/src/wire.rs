//! SUMMARY    `stripe_payments::Stripe` over a model in this process: the same adapter, without HTTP.

use crate::{
    model::{Model, Request},
    params::Params,
};
use base::Clock;
use billing::Answer;
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::Arc;
use stripe_payments::{Call, Wire, told};

/// A model, and the clock that its time comes from.
#[derive(Clone)]
pub struct InProcess {
    pub model: Arc<Mutex<Model>>,
    pub clock: Arc<dyn Clock>,
}

impl Wire for InProcess {
    fn send(&self, call: Call) -> Answer<'_, Vec<u8>> {
        let request = Request { method: call.method, path: call.path, params: Params::of(call.params), key: call.key };
        let reply = self.model.lock().call(&request, self.clock.now().secs());
        let answer = if reply.status < 300 {
            Ok(reply.body.to_string().into_bytes())
        } else {
            let error = reply.body.get("error");
            let text = |name| error.and_then(|error| error.get(name)).and_then(Value::as_str).unwrap_or_default();
            Err(told(reply.status, text("code"), text("message")))
        };
        Box::pin(async move { answer })
    }
}

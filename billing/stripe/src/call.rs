//! SUMMARY    A request to Stripe, and what carries it there.

use crate::payments::Stripe;
use billing::{Answer, Failure, FailureKind};
use serde::de::DeserializeOwned;
use std::fmt::Display;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// A request below `/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    /// As `/customers/cus_1`.
    pub path: String,
    /// As `items[0][price]` with its value, not encoded.
    pub params: Vec<(String, String)>,
    /// `Idempotency-Key`.
    pub key: Option<String>,
}

/// Carries requests to Stripe: over HTTPS, or to a model of Stripe in this process.
pub trait Wire: Send + Sync + 'static {
    /// The body of an answer of success, in JSON. Everything else is a failure.
    fn send(&self, call: Call) -> Answer<'_, Vec<u8>>;
}

impl Call {
    pub fn get(path: impl Into<String>) -> Call {
        Call { method: Method::Get, path: path.into(), params: Vec::new(), key: None }
    }

    pub fn post(path: impl Into<String>, key: impl Into<String>) -> Call {
        Call { method: Method::Post, key: Some(key.into()), ..Call::get(path) }
    }

    pub fn delete(path: impl Into<String>) -> Call {
        Call { method: Method::Delete, ..Call::get(path) }
    }

    pub fn with(mut self, name: impl Into<String>, value: impl Display) -> Call {
        self.params.push((name.into(), value.to_string()));
        self
    }

    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Call {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Parameters as a query or a form.
    pub fn encoded(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.params {
            if !out.is_empty() {
                out.push('&');
            }
            encode(&mut out, name);
            out.push('=');
            encode(&mut out, value);
        }
        out
    }
}

fn encode(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.[]".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(HEX.get(usize::from(digit)).copied().unwrap_or(b'0')));
            }
        }
    }
}

/// What an answer that is no success means, by its status and Stripe's code of the error.
pub fn told(status: u16, code: &str, text: &str) -> Failure {
    let kind = match (status, code) {
        (404, _) | (400, "resource_missing") => FailureKind::Gone,
        // 401 and 403: a key that is wrong or revoked is the operator's to mend, and then it goes on. 409: a request with this key is under way.
        (401 | 403 | 409 | 429 | 503, _) | (_, "rate_limit" | "lock_timeout") => FailureKind::Busy,
        (500.., _) => FailureKind::Unknown,
        (_, _) => FailureKind::Refused,
    };
    Failure::new(kind, format!("{status} {code} {text:.300}"))
}

/// An id as a part of a path. Errors: `Gone` for what can be none.
pub fn id(text: &str) -> Result<&str, Failure> {
    let is_id = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_id { Ok(text) } else { Err(Failure::new(FailureKind::Gone, format!("{text:.40?} is no id of Stripe's"))) }
}

impl Stripe {
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let (method, path) = (call.method, call.path.clone());
        let body = self.wire.send(call).await?;
        let unread = |e: serde_json::Error| {
            Failure::new(FailureKind::Unknown, format!("the answer to {method:?} {path} cannot be read: {e}"))
        };
        serde_json::from_slice(&body).map_err(unread)
    }

    /// A call whose answer tells nothing more.
    pub(crate) async fn tell(&self, call: Call) -> Result<(), Failure> {
        self.wire.send(call).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded() {
        let call = Call::get("/x").with("a[0][b]", "ä & b=c").with("n", -5).maybe("none", None::<u8>);
        assert_eq!(call.encoded(), "a[0][b]=%C3%A4%20%26%20b%3Dc&n=-5");
    }

    #[test]
    fn failures_say_whether_it_may_have_been_done() {
        for (status, code, kind) in [
            (400, "parameter_missing", FailureKind::Refused),
            (400, "resource_missing", FailureKind::Gone),
            (402, "card_declined", FailureKind::Refused),
            (404, "resource_missing", FailureKind::Gone),
            (401, "", FailureKind::Busy),
            (409, "", FailureKind::Busy),
            (429, "rate_limit", FailureKind::Busy),
            (400, "lock_timeout", FailureKind::Busy),
            (503, "", FailureKind::Busy),
            (500, "", FailureKind::Unknown),
            (502, "", FailureKind::Unknown),
        ] {
            assert_eq!(told(status, code, "").kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn what_is_no_id_never_becomes_a_path() {
        assert_eq!(id("cus_1-A"), Ok("cus_1-A"));
        for wrong in ["", "../v1", "a/b", "a?b", "a b", "ä"] {
            assert_eq!(id(wrong).unwrap_err().kind, FailureKind::Gone, "{wrong}");
        }
    }
}

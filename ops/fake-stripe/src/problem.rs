//! SUMMARY    What is wrong with a request, in Stripe's shape.

use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub kind: &'static str,
    pub code: &'static str,
    pub decline: &'static str,
    pub param: String,
    pub message: String,
}

impl Problem {
    fn new(status: u16, kind: &'static str, code: &'static str, param: &str, message: impl Into<String>) -> Problem {
        Problem { status, kind, code, decline: "", param: param.into(), message: message.into() }
    }

    pub fn invalid(param: &str, message: impl Into<String>) -> Problem {
        Problem::new(400, "invalid_request_error", "", param, message)
    }

    pub fn coded(code: &'static str, param: &str, message: impl Into<String>) -> Problem {
        Problem::new(400, "invalid_request_error", code, param, message)
    }

    pub fn missing(param: &str) -> Problem {
        Problem::coded("parameter_missing", param, format!("Missing required param: {param}."))
    }

    /// The object of the path: 404. One that a parameter names: `named`, 400.
    pub fn gone(what: &str, id: &str) -> Problem {
        Problem::new(404, "invalid_request_error", "resource_missing", "id", format!("No such {what}: '{id}'"))
    }

    pub fn named(param: &str, what: &str, id: &str) -> Problem {
        Problem::coded("resource_missing", param, format!("No such {what}: '{id}'"))
    }

    pub fn declined(decline: &'static str) -> Problem {
        let message = match decline {
            "insufficient_funds" => "Your card has insufficient funds.",
            _ => "Your card was declined.",
        };
        Problem { decline, ..Problem::new(402, "card_error", "card_declined", "", message) }
    }

    pub fn of(status: u16, kind: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(status, kind, "", "", message)
    }

    pub fn json(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        let parts = [("code", self.code), ("decline_code", self.decline), ("param", &self.param)];
        if let Some(map) = error.as_object_mut() {
            for (name, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
                map.insert(name.into(), text.into());
            }
        }
        json!({ "error": error })
    }
}

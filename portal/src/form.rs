//! SUMMARY    A form as it is shown: what was typed, and what is wrong with it, beside the field and above the form.
//! STANDARDS  WCAG 2.2 (1.3.5 purpose of inputs, 3.3.1 errors identified, 3.3.3 suggestions)

use crate::{field::Fields, frame::Frame};
use askama::Template;

/// Why the API refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Argument it is about.
    pub(crate) field: String,
    /// The API's words, in English.
    pub(crate) message: String,
    pub(crate) code: String,
}

impl Refusal {
    /// One of the portal itself.
    pub(crate) fn new(field: &str, code: &str) -> Refusal {
        Refusal { field: field.to_owned(), message: String::new(), code: code.to_owned() }
    }

    /// Our words for a code.
    pub(crate) fn text(&self, f: &Frame) -> String {
        f.t(match self.code.as_str() {
            "INVALID" => "refused-invalid",
            "FORBIDDEN" => "refused-forbidden",
            "NOT_FOUND" => "refused-not-found",
            "TAKEN" => "refused-taken",
            "LIMIT_REACHED" => "refused-limit",
            "IN_USE" => "refused-in-use",
            "STALE_OBJECT" => "refused-stale",
            "HELD" => "refused-held",
            "INVALID_CREDENTIALS" => "refused-credentials",
            "FACTOR_REQUIRED" => "refused-factor",
            "THROTTLED" => "refused-throttled",
            "UNEQUAL" => "refused-unequal",
            "SIZE" => "refused-size",
            "CODE" => "refused-code",
            _ => "refused-other",
        })
    }

    /// The API's words where they say more than ours.
    pub(crate) fn detail(&self) -> &str {
        match self.code.as_str() {
            "INVALID_CREDENTIALS" | "FACTOR_REQUIRED" | "STALE_OBJECT" | "NOT_FOUND" | "CODE" => "",
            _ => &self.message,
        }
    }
}

/// A form with its values and refusals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    fields: Fields,
    pub(crate) refusals: Vec<Refusal>,
}

/// One input.
pub(crate) struct Ask<'a> {
    pub(crate) name: &'a str,
    /// `text`, `email`, `password`, `number`.
    pub(crate) kind: &'a str,
    /// Keys of texts; no hint when empty.
    pub(crate) label: &'a str,
    pub(crate) hint: &'a str,
    /// The autofill token.
    pub(crate) fill: &'a str,
    pub(crate) value: &'a str,
}

#[derive(Template)]
#[template(path = "input.html")]
struct Input<'a> {
    f: &'a Frame,
    ask: Ask<'a>,
    value: &'a str,
    refusal: Option<&'a Refusal>,
}

impl Form {
    pub(crate) fn of(fields: Fields, refusals: Vec<Refusal>) -> Form {
        Form { fields, refusals }
    }

    /// What was typed; what stands there already otherwise.
    pub(crate) fn value<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        if self.refusals.is_empty() { otherwise } else { self.fields.text(name) }
    }

    /// A label with its input, hint and error. Passwords are never written back.
    pub(crate) fn input(&self, f: &Frame, ask: Ask<'_>) -> Result<String, askama::Error> {
        let value = if ask.kind == "password" { "" } else { self.value(ask.name, ask.value) };
        let refusal = self.refusals.iter().find(|r| r.field == ask.name);
        Input { f, value, refusal, ask }.render()
    }

    pub(crate) fn is_refused(&self) -> bool {
        !self.refusals.is_empty()
    }
}

/// An input of a form, from a template.
pub(crate) fn ask<'a>(name: &'a str, kind: &'a str, label: &'a str, hint: &'a str, fill: &'a str) -> Ask<'a> {
    Ask { name, kind, label, hint, fill, value: "" }
}

impl<'a> Ask<'a> {
    pub(crate) fn with(self, value: &'a str) -> Ask<'a> {
        Ask { value, ..self }
    }
}

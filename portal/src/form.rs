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
            "PASSKEY" => "refused-passkey",
            "IDENTITY" => "refused-identity",
            "DAYS" => "refused-days",
            "UNEQUAL" => "refused-unequal",
            "SIZE" => "refused-size",
            "CODE" => "refused-code",
            "CODE_DIGITS" => "refused-code-digits",
            "WAIT" => "refused-wait",
            "NOT_OPEN" => "refused-not-open",
            "LAST_OWNER" => "refused-last-owner",
            "ABORTED" => "refused-aborted",
            "DECLINED" => "refused-declined",
            "QUANTITY" => "refused-quantity",
            "MONEY" => "refused-money",
            "DATE" => "refused-date",
            "MOMENT" => "refused-moment",
            "FEATURE_OFF" => "refused-feature-off",
            "NAME" => "refused-name",
            "LOW_CONTRAST" => "refused-contrast",
            "UNPAID" => "refused-unpaid",
            "PICTURE" => "refused-picture",
            "IDEMPOTENCY_MISMATCH" => "refused-again",
            _ => "refused-other",
        })
    }

    /// The API's words where they say more than ours.
    pub(crate) fn detail(&self) -> &str {
        match self.code.as_str() {
            "INVALID_CREDENTIALS" | "FACTOR_REQUIRED" | "STALE_OBJECT" | "NOT_FOUND" | "CODE" | "TAKEN" => "",
            _ => without_constant(&self.message),
        }
    }
}

/// A message without the name of the limit at its end, which is for programs and their authors.
fn without_constant(message: &str) -> &str {
    let is_constant = |name: &str| name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match message.trim_end().strip_suffix(')').and_then(|m| m.rsplit_once(" (")) {
        Some((text, name)) if is_constant(name) => text,
        _ => message,
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

/// One of several values: a list to choose from, or boxes to tick.
pub(crate) struct Choice<'a> {
    pub(crate) name: &'a str,
    /// Keys of texts; no hint when empty.
    pub(crate) label: &'a str,
    pub(crate) hint: &'a str,
    /// Values with their texts.
    pub(crate) options: Vec<(String, String)>,
    /// Values that are chosen already.
    pub(crate) chosen: Vec<String>,
}

/// An option as it is drawn: value, text, whether it is chosen.
type Drawn = (String, String, bool);

#[derive(Template)]
#[template(path = "choice.html")]
struct List<'a> {
    f: &'a Frame,
    ask: &'a Choice<'a>,
    options: Vec<Drawn>,
    refusal: Option<&'a Refusal>,
}

#[derive(Template)]
#[template(path = "ticks.html")]
struct Ticks<'a> {
    f: &'a Frame,
    ask: &'a Choice<'a>,
    options: Vec<Drawn>,
    refusal: Option<&'a Refusal>,
}

#[derive(Template)]
#[template(path = "area.html")]
struct Area<'a> {
    f: &'a Frame,
    ask: Ask<'a>,
    value: &'a str,
    refusal: Option<&'a Refusal>,
}

impl Form {
    fn refusal(&self, name: &str) -> Option<&Refusal> {
        self.refusals.iter().find(|r| r.field == name)
    }

    fn drawn(&self, ask: &Choice<'_>) -> Vec<Drawn> {
        let sent = self.fields.all(ask.name);
        let chosen = if self.refusals.is_empty() || sent.is_empty() { &ask.chosen } else { &sent };
        let draw = |(value, text): &(String, String)| (value.clone(), text.clone(), chosen.contains(value));
        ask.options.iter().map(draw).collect()
    }

    /// A list to choose one from.
    pub(crate) fn choice(&self, f: &Frame, ask: &Choice<'_>) -> Result<String, askama::Error> {
        List { f, options: self.drawn(ask), refusal: self.refusal(ask.name), ask }.render()
    }

    /// Boxes to tick.
    pub(crate) fn ticks(&self, f: &Frame, ask: &Choice<'_>) -> Result<String, askama::Error> {
        Ticks { f, options: self.drawn(ask), refusal: self.refusal(ask.name), ask }.render()
    }

    /// Several lines.
    pub(crate) fn area(&self, f: &Frame, ask: Ask<'_>) -> Result<String, askama::Error> {
        let value = self.value(ask.name, ask.value);
        Area { f, value, refusal: self.refusal(ask.name), ask }.render()
    }

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

/// A choice of a form, from a page.
pub(crate) fn choose<'a>(name: &'a str, label: &'a str, hint: &'a str, options: Vec<(String, String)>) -> Choice<'a> {
    Choice { name, label, hint, options, chosen: Vec::new() }
}

impl Choice<'_> {
    pub(crate) fn with(self, chosen: Vec<String>) -> Self {
        Choice { chosen, ..self }
    }
}

impl<'a> Ask<'a> {
    pub(crate) fn with(self, value: &'a str) -> Ask<'a> {
        Ask { value, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_limits_are_not_for_readers() {
        assert_eq!(without_constant("At most 365 days (MAILBOX_RETENTION_DAYS_MAX)"), "At most 365 days");
        for whole in ["Use a domain (RFC 1035)", "It is so already", "At most 3 (of them)", "(X)", ""] {
            assert_eq!(without_constant(whole), whole);
        }
    }
}

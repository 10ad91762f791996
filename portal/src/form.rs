//! SUMMARY    A form as it is shown: what was typed, and what is wrong with it, beside the field and above the form.
//! STANDARDS  WCAG 2.2 (1.3.5 purpose of inputs, 3.3.1 errors identified, 3.3.3 suggestions)

pub(crate) use crate::refusal::Refusal;
use crate::{field::Fields, frame::Frame};
use askama::Template;

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

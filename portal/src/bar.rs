//! SUMMARY    What is used of a limit, as a bar and in words.

use crate::frame::Frame;

/// Thousandths of a limit from which it is near.
const NEAR: u64 = 800;

/// What is used of a limit.
pub(crate) struct Bar {
    pub(crate) label: String,
    /// In words.
    pub(crate) text: String,
    /// `None`: there is no limit.
    pub(crate) permille: Option<u64>,
    pub(crate) link: &'static str,
}

impl Bar {
    pub(crate) fn class(&self) -> &'static str {
        match self.permille {
            Some(full) if full >= 1_000 => "full",
            Some(near) if near >= NEAR => "near",
            _ => "fine",
        }
    }
}

/// A count of the API, which has no sign.
pub(crate) fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

pub(crate) fn bar(
    f: &Frame,
    label: &str,
    used: u64,
    max: Option<u64>,
    link: &'static str,
    say: impl Fn(u64) -> String,
) -> Bar {
    let permille = max.map(|max| used.saturating_mul(1_000).checked_div(max).unwrap_or(1_000).min(1_000));
    let text = match max {
        Some(max) => f.with_two("bar-of", ("used", &say(used)), ("max", &say(max))),
        None => f.with("bar-unlimited", "used", say(used)),
    };
    Bar { label: f.t(label), text, permille, link }
}

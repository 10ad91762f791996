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
    class: &'static str,
}

impl Bar {
    pub(crate) fn class(&self) -> &'static str {
        self.class
    }
}

/// A count of the API, which has no sign.
pub(crate) fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn permille(used: u64, max: u64) -> u64 {
    used.saturating_mul(1_000).checked_div(max).unwrap_or(1_000).min(1_000)
}

/// What fills by itself, as storage does: it is told before it is full.
pub(crate) fn bar(
    f: &Frame,
    label: &str,
    used: u64,
    max: Option<u64>,
    link: &'static str,
    say: impl Fn(u64) -> String,
) -> Bar {
    let permille = max.map(|max| permille(used, max));
    let class = match permille {
        Some(full) if full >= 1_000 => "full",
        Some(near) if near >= NEAR => "near",
        _ => "fine",
    };
    let text = match max {
        Some(max) => f.with_two("bar-of", ("used", &say(used)), ("max", &say(max))),
        None => f.with("bar-unlimited", "used", say(used)),
    };
    Bar { label: f.t(label), text, permille, link, class }
}

/// What was bought by number and is put to use by hand: all of it in use is as it should be, and who wants one more is told then.
pub(crate) fn pool(f: &Frame, label: &str, used: u64, max: Option<u64>, link: &'static str) -> Bar {
    let text = match max {
        Some(max) => f.with_two("bar-in-use", ("used", &used.to_string()), ("max", &max.to_string())),
        None => f.with("bar-unlimited", "used", used),
    };
    let class = if max.is_some_and(|max| used > max) { "full" } else { "fine" };
    Bar { label: f.t(label), text, permille: max.map(|max| permille(used, max)), link, class }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn all_that_was_bought_in_use_is_no_trouble_and_more_than_that_is() {
        let f = Frame::new(Language::English, "home-title");
        let of = |used, max| pool(&f, "bar-mailboxes", used, max, "/mailboxes");
        for (used, max, text, class) in [
            (1, Some(1), "1 of 1 in use", "fine"),
            (9, Some(10), "9 of 10 in use", "fine"),
            (3, Some(2), "3 of 2 in use", "full"),
            (0, Some(0), "0 of 0 in use", "fine"),
            (3, None, "3, no limit", "fine"),
        ] {
            let bar = of(used, max);
            assert_eq!((bar.text.as_str(), bar.class()), (text, class));
        }
        let storage = |used| bar(&f, "bar-storage", used, Some(10), "/mailboxes", |n| n.to_string()).class();
        assert_eq!([storage(7), storage(8), storage(10)], ["fine", "near", "full"]);
    }
}

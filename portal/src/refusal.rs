//! SUMMARY    Why something was refused, in the reader's language: by the code, and by the field where that says all.
//! INVARIANTS Texts of the API are matched by nothing: they stand there, in English, where the code and the field do not say as much.

use crate::{frame::Frame, language::Language};

/// Why the API refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Argument it is about.
    pub(crate) field: String,
    /// The API's words, in English.
    pub(crate) message: String,
    pub(crate) code: String,
}

/// Values that are refused: where the form stands (it and all below it), the field, and the text that has all rules for it.
const INVALID: [(&str, &str, &str); 31] = [
    ("", "password", "refused-password"),
    ("", "email", "refused-address"),
    ("", "delegate", "refused-address"),
    ("", "targets", "refused-targets"),
    ("", "members", "refused-targets"),
    ("", "displayName", "refused-line"),
    ("", "label", "refused-line"),
    ("", "reason", "refused-line"),
    ("", "note", "refused-line"),
    ("", "url", "refused-url"),
    ("", "kinds", "refused-kinds"),
    ("", "catchAll", "refused-catch-all"),
    ("/addresses/", "address", "refused-address"),
    ("/billing/", "coupon", "refused-coupon"),
    ("/billing/details", "email", "refused-contact"),
    ("/billing/details", "taxIds", "refused-tax-ids"),
    ("/billing/details", "country", "refused-country"),
    ("/domains", "name", "refused-domain"),
    ("/mailboxes", "address", "refused-local"),
    ("/mailboxes", "alias", "refused-address"),
    ("/exports", "days", "refused-export-days"),
    ("/move", "host", "refused-move-host"),
    ("/move", "port", "refused-move-port"),
    ("/move/many", "accounts", "refused-move-accounts"),
    ("/privacy", "days", "refused-retention"),
    ("/privacy", "recovery-days", "refused-recovery-days"),
    ("/signup", "address", "refused-signup-name"),
    ("/signup", "contact", "refused-contact"),
    ("/signup", "coupon", "refused-coupon"),
    ("/signup", "domain", "refused-domain"),
    ("/signup", "plan", "refused-plan"),
];

/// Limits that are reached, in the same way.
const LIMIT_REACHED: [(&str, &str, &str); 4] = [
    ("/domains", "name", "refused-limit-domains"),
    ("/mailboxes", "address", "refused-limit-mailboxes"),
    ("/signup", "contact", "refused-limit-letters"),
    ("/signup", "code", "refused-limit-tries"),
];

/// What is still in use, in the same way.
const IN_USE: [(&str, &str, &str); 2] =
    [("/domains", "name", "refused-domain-in-use"), ("/billing", "", "refused-under-way")];

/// What is held up by something else, in the same way.
const HELD: [(&str, &str, &str); 1] = [("/billing/", "plan", "refused-unpaid")];

impl Refusal {
    /// One of the portal itself.
    pub(crate) fn new(field: &str, code: &str) -> Refusal {
        Refusal { field: field.to_owned(), message: String::new(), code: code.to_owned() }
    }

    /// Our words that have the rules of a field; the narrowest place counts.
    fn whole(&self, path: &str) -> Option<&'static str> {
        let all: &[(&str, &str, &'static str)] = match self.code.as_str() {
            "INVALID" => &INVALID,
            "LIMIT_REACHED" => &LIMIT_REACHED,
            "IN_USE" => &IN_USE,
            "HELD" => &HELD,
            _ => &[],
        };
        let here = all.iter().filter(|(place, field, _)| *field == self.field && path.starts_with(place));
        here.max_by_key(|(place, _, _)| place.len()).map(|(_, _, key)| *key)
    }

    /// Our words for a code.
    pub(crate) fn text(&self, f: &Frame) -> String {
        f.t(self.whole(&f.path).unwrap_or_else(|| by_code(&self.code)))
    }

    /// Where it goes on: what is in the way is done away with, for who may buy; who knocked at the wrong door is told of the other.
    pub(crate) fn way(&self, f: &Frame) -> Option<(&'static str, String)> {
        let buys = f.signed.as_ref().is_some_and(|signed| signed.billing.buys);
        match self.code.as_str() {
            "LIMIT_REACHED" if buys && !f.is_at("/sell/") => Some(("/billing/plan", f.t("limit-plans"))),
            // The other of the two doors.
            "INVALID_CREDENTIALS" if f.path == "/sign-in" => Some(("/sign-in/mailbox", f.t("sign-in-mailbox"))),
            "INVALID_CREDENTIALS" if f.path == "/sign-in/mailbox" => Some(("/sign-in", f.t("sign-in-person"))),
            "UNPAID" if buys => Some(("/billing", f.t("need-billing-pay"))),
            _ => None,
        }
    }

    /// The API's words where they say more than ours; whoever reads English has them beside the rules of a field too.
    pub(crate) fn detail(&self, f: &Frame) -> &str {
        match self.code.as_str() {
            "INVALID_CREDENTIALS"
            | "FACTOR_REQUIRED"
            | "STALE_OBJECT"
            | "NOT_FOUND"
            | "CODE"
            | "TAKEN"
            | "THROTTLED"
            | "NOT_OPEN"
            | "ABORTED"
            | "DECLINED"
            | "IDEMPOTENCY_MISMATCH" => "",
            _ if f.language != Language::English && self.whole(&f.path).is_some() => "",
            _ => without_constant(&self.message),
        }
    }
}

/// The key of a code's words.
fn by_code(code: &str) -> &'static str {
    match code {
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
        "RECOVERY_STOPPED" => "refused-recovery-stopped",
        "RECOVERY_GONE" => "refused-recovery-gone",
        "LOW_CONTRAST" => "refused-contrast",
        "UNPAID" => "refused-unpaid",
        "PICTURE" => "refused-picture",
        "CLOSED" => "refused-closed",
        "SOME" => "refused-some",
        "IDEMPOTENCY_MISMATCH" => "refused-again",
        _ => "refused-other",
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

    #[test]
    fn a_field_that_is_known_is_told_in_the_readers_language_alone() {
        let at = |path: &str| Frame { path: path.to_owned(), ..Frame::new(Language::German, "domains-title") };
        let message = || "Why (A_LIMIT)".to_owned();
        let refused = |field: &str, code: &str| Refusal { message: message(), ..Refusal::new(field, code) };
        for (path, field, code, key) in [
            ("/domains", "name", "INVALID", "refused-domain"),
            ("/domains/a.example", "name", "IN_USE", "refused-domain-in-use"),
            ("/mailboxes", "address", "INVALID", "refused-local"),
            ("/mailboxes", "address", "LIMIT_REACHED", "refused-limit-mailboxes"),
            ("/addresses/aliases", "address", "INVALID", "refused-address"),
            ("/billing/details", "email", "INVALID", "refused-contact"),
            ("/forgot", "email", "INVALID", "refused-address"),
        ] {
            let (f, refusal) = (at(path), refused(field, code));
            assert_eq!((refusal.text(&f), refusal.detail(&f)), (f.t(key), ""), "{path} {field} {code}");
        }
        let (f, other) = (at("/access/roles"), refused("name", "INVALID"));
        assert_eq!((other.text(&f), other.detail(&f)), (f.t("refused-invalid"), "Why"), "the API says the rest");
        let english = Frame { language: Language::English, ..at("/domains") };
        assert_eq!(refused("name", "INVALID").detail(&english), "Why", "its readers have both");
    }
}

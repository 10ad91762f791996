//! SUMMARY    What a hold says to whoever it is on, in the reader's language: by its code, or by its kind with the reason of who placed it.
//! INVARIANTS Reasons that people wrote are shown as they wrote them; those that doors and programs write are worded here.

use crate::frame::Frame;

/// What may be taken away, with the keys of its words.
pub(crate) const CAPABILITIES: [(&str, &str); 9] = [
    ("SEND_EXTERNAL", "may-send-external"),
    ("SEND_INTERNAL", "may-send-internal"),
    ("MAIL_READ", "may-mail-read"),
    ("RECEIVE", "may-receive"),
    ("PORTAL_LOGIN", "may-portal-login"),
    ("PROVISION", "may-provision"),
    ("EXPORT", "may-export"),
    ("PAY", "may-pay"),
    ("PURGE_ALLOWED", "may-purge"),
];

/// The words of a capability, by its name in the schema.
pub(crate) fn capability(f: &Frame, word: &str) -> String {
    f.t(CAPABILITIES.iter().find(|(name, _)| *name == word).map_or("may-other", |(_, key)| *key))
}

/// What stands against something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// In the reader's language.
    pub(crate) text: String,
    /// In the words of who placed it; empty where ours say all.
    pub(crate) foreign: String,
}

/// What is told of a reason: `kind` is that of the hold, empty where something else is in the way.
pub(crate) fn said(f: &Frame, kind: &str, code: &str, reason: &str, next_step: &str) -> Said {
    if let Some(key) = whole(code) {
        return Said { text: f.t(key), foreign: String::new() };
    }
    Said { text: f.t(beginning(kind, code)), foreign: format!("{reason} {next_step}").trim().to_owned() }
}

/// Codes that programs write, whose words say all.
fn whole(code: &str) -> Option<&'static str> {
    match code {
        "LIMIT_REACHED" => Some("why-limit"),
        "DELETED" => Some("why-deleted"),
        "PAYMENT_OVERDUE" => Some("why-overdue"),
        "CLOSED" => Some("why-closed"),
        "UPSTREAM_BILLING" => Some("held-upstream"),
        "DOMAIN_NOT_PROVEN" => Some("held-domain"),
        "SCIM_INACTIVE" => Some("held-directory"),
        _ => None,
    }
}

/// What comes before the reason of who placed it.
fn beginning(kind: &str, code: &str) -> &'static str {
    match (kind, code) {
        (_, "SIGNUP_REFUSED") => "held-signup",
        ("BILLING", _) => "held-billing",
        ("ABUSE", _) => "held-abuse",
        ("ADMIN", _) => "held-admin",
        ("SECURITY", _) => "held-security",
        ("USER_CLOSED", _) => "why-closed",
        ("LEGAL", _) => "held-legal",
        ("VERIFICATION", _) => "held-verification",
        ("UPSTREAM_BILLING", _) => "held-upstream",
        _ => "held-other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn what_programs_write_is_worded_and_what_people_write_stays() {
        for language in Language::ALL {
            let f = Frame::new(language, "why-title");
            for code in ["LIMIT_REACHED", "DELETED", "PAYMENT_OVERDUE", "CLOSED", "UPSTREAM_BILLING", "SCIM_INACTIVE"] {
                let said = said(&f, "BILLING", code, "In English.", "Do it.");
                assert!(said.foreign.is_empty() && !said.text.contains("English"), "{code}: {said:?}");
            }
            let kinds = ["BILLING", "ABUSE", "ADMIN", "SECURITY", "LEGAL", "VERIFICATION", "", "NEW"];
            let said = kinds.map(|kind| said(&f, kind, "SPAM", "Sendet Werbung.", "Melden Sie sich."));
            assert!(
                said.iter().all(|s| s.foreign == "Sendet Werbung. Melden Sie sich." && !s.text.contains('\u{27e6}'))
            );
        }
    }
}

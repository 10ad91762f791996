//! SUMMARY    Mails of signups: the code for a contact, that it is paid, the welcome.
//! SECURITY   What strangers typed stands in no mail but addresses and names of domains, which are checked: nobody writes to others in our
//!            name. The link that goes on with a signup is mailed to its contact alone.

use super::{Draft, paragraphs};

/// Subject and text; `None` for a kind that has no template.
pub(super) fn written(draft: &Draft<'_>, kind: &str) -> Option<(String, String)> {
    match kind {
        "signup-code" => Some(code(draft)),
        "signup-paid" => Some(paid(draft)),
        "signup-welcome" => Some(welcome(draft)),
        _ => None,
    }
}

/// How to go on elsewhere, or later.
fn go_on(draft: &Draft<'_>) -> String {
    let (id, secret) = (draft.fact("signup"), draft.fact("secret"));
    match &draft.portal {
        Some(portal) => format!("    {portal}/signup/resume/{id}/{secret}"),
        None => format!("    id {id}\n    secret {secret}"),
    }
}

fn code(draft: &Draft<'_>) -> (String, String) {
    let text = paragraphs([
        draft.text("signup-code-about", &[("wanted", draft.fact("wanted"))]),
        draft.text("signup-code-code", &[]),
        format!("    {}", draft.fact("code")),
        draft.text("signup-code-enter", &[("until", &draft.until())]),
        go_on(draft),
        draft.text("signup-code-unexpected", &[]),
    ]);
    (draft.text("signup-code-subject", &[]), text)
}

fn paid(draft: &Draft<'_>) -> (String, String) {
    let text = paragraphs([draft.text("signup-paid-about", &[]), go_on(draft), draft.text("signup-paid-else", &[])]);
    (draft.text("signup-paid-subject", &[]), text)
}

fn welcome(draft: &Draft<'_>) -> (String, String) {
    let (address, domain, contact) = (draft.fact("address"), draft.fact("domain"), draft.fact("contact"));
    let known = draft.notice.facts.get("known").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let mut parts = vec![draft.text("welcome-about", &[])];
    if !address.is_empty() {
        parts.push(draft.text("welcome-mailbox", &[("address", address)]));
    }
    let link = draft.portal.as_ref().map_or_else(|| draft.text("signs-in", &[]), |portal| format!("{portal}/"));
    let password = if known { "known" } else { "chosen" };
    parts.push(draft.text("welcome-sign-in", &[("contact", contact), ("password", password), ("link", &link)]));
    match (domain, draft.fact("outcome")) {
        ("", _) => {}
        (domain, "") => parts.push(draft.text("welcome-domain", &[("domain", domain)])),
        (domain, _) => parts.push(draft.text("welcome-domain-failed", &[("domain", domain)])),
    }
    parts.push(draft.text("welcome-slow", &[]));
    (draft.text("welcome-subject", &[]), paragraphs(parts))
}

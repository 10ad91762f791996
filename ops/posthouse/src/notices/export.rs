//! SUMMARY    Mails of exports: that one was asked for, that it is ready, that it did not get further.
//! SECURITY   They lead to the page of the export, where one signs in: no link that gives files is mailed. What somebody typed stands in none but names of
//!            tenants, and addresses that are checked.

use super::{Draft, paragraphs};
use base::Timestamp;

/// Subject and text; `None` for a kind that has no template.
pub(super) fn written(draft: &Draft<'_>, kind: &str) -> Option<(String, String)> {
    let subject = match kind {
        "export-asked" => "export-asked-subject",
        "export-ready" => "export-ready-subject",
        "export-failed" => "export-failed-subject",
        "export-cancelled" => "export-cancelled-subject",
        _ => return None,
    };
    let (tenant, mailbox) = (draft.name("tenant"), draft.fact("mailbox"));
    // A token has a name that says nothing to people.
    let by = match draft.fact("by") {
        by if by.contains('@') => by.to_owned(),
        _ => draft.text("export-by-program", &[]),
    };
    let what = match mailbox.is_empty() {
        true => draft.text("export-of-tenant", &[("tenant", &tenant)]),
        false => mailbox.to_owned(),
    };
    let at = draft.notice.facts.get("at_ms").and_then(serde_json::Value::as_i64);
    let at = at.map(|at| draft.language.moment(Timestamp(at))).unwrap_or_default();
    let waits = draft.notice.facts.get("waits").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let page = match &draft.portal {
        Some(portal) => format!("    {portal}/exports/{}", draft.fact("export")),
        None => draft.text("signs-in", &[]),
    };
    let about = match (kind, waits) {
        ("export-asked", true) => draft.text("export-asked-waits", &[("what", &what), ("by", &by), ("at", &at)]),
        ("export-asked", false) => draft.text("export-asked-begins", &[("what", &what), ("by", &by)]),
        ("export-ready", _) => draft.text("export-ready-about", &[("what", &what), ("at", &at)]),
        ("export-cancelled", _) => draft.text("export-cancelled-about", &[("what", &what)]),
        _ => draft.text("export-failed-about", &[("what", &what)]),
    };
    let end = match kind {
        "export-asked" => draft.text("export-asked-unexpected", &[]),
        "export-ready" => draft.text("export-ready-unexpected", &[]),
        _ => String::new(),
    };
    let reason = match draft.name("reason") {
        given if kind == "export-asked" && !given.is_empty() => {
            draft.text("export-asked-reason", &[("reason", &given)])
        }
        _ => String::new(),
    };
    Some((draft.text(subject, &[("what", &what)]), paragraphs([about, reason, page, end])))
}

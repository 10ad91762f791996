//! SUMMARY    Mails of signups: the code for a contact, that it is paid, the welcome.
//! SECURITY   What strangers typed stands in no mail but addresses and names of domains, which are checked: nobody writes to others in our
//!            name. The link that goes on with a signup is mailed to its contact alone.

use super::{Sender, day, until};
use tenants::OutgoingNotice;

/// Subject and text; `None` for a kind that has no template.
pub(super) fn written(
    sender: &Sender,
    hostname: &str,
    notice: &OutgoingNotice,
    kind: &str,
) -> Option<(String, String)> {
    match kind {
        "signup-code" => Some(code(sender, hostname, notice)),
        "signup-paid" => Some(paid(sender, hostname, notice)),
        "signup-welcome" => Some(welcome(sender, hostname, notice)),
        _ => None,
    }
}

fn fact<'n>(notice: &'n OutgoingNotice, name: &str) -> &'n str {
    notice.facts.get(name).and_then(|v| v.as_str()).unwrap_or_default()
}

/// How to go on elsewhere, or later.
fn go_on(sender: &Sender, notice: &OutgoingNotice) -> String {
    let (id, secret) = (fact(notice, "signup"), fact(notice, "secret"));
    match &sender.portal {
        Some(portal) => format!("    {portal}/signup/resume/{id}/{secret}"),
        None => format!("    id {id}\n    secret {secret}"),
    }
}

fn code(sender: &Sender, hostname: &str, notice: &OutgoingNotice) -> (String, String) {
    let (code, wanted, until) =
        (fact(notice, "code"), fact(notice, "wanted"), until(notice).map(day).unwrap_or_default());
    let text = format!(
        "Somebody, perhaps you, signs up for {wanted} on {hostname} and gave this address as a contact.\n\nThe code:\n\n    \
         {code}\n\nEnter it where you signed up. It is good until {until}. If you closed that page, go on here:\n\n{}\n\nIf it was \
         not you, do nothing, and tell the code to nobody.\n",
        go_on(sender, notice)
    );
    (format!("Your code for {hostname}"), text)
}

fn paid(sender: &Sender, hostname: &str, notice: &OutgoingNotice) -> (String, String) {
    let text = format!(
        "Your signup on {hostname} is paid. One step is left: choose a password. If you closed that page, go on here:\n\n{}\n\nWithout \
         it nothing is made, and in a week your money goes back.\n",
        go_on(sender, notice)
    );
    ("It is paid: one step is left".to_owned(), text)
}

fn welcome(sender: &Sender, hostname: &str, notice: &OutgoingNotice) -> (String, String) {
    let (address, domain, contact) = (fact(notice, "address"), fact(notice, "domain"), fact(notice, "contact"));
    let known = notice.facts.get("known").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let mut parts = vec![format!("Welcome to {hostname}.")];
    if !address.is_empty() {
        parts.push(format!("Your mailbox is {address}. Its password is the one that you chose."));
    }
    let at = sender.portal.as_ref().map_or(String::new(), |portal| format!(" at {portal}/"));
    let password = if known { "the password that you have there already" } else { "the same password" };
    parts.push(format!("To set things up, sign in{at} as {contact} with {password}."));
    match (domain, fact(notice, "outcome")) {
        ("", _) => {}
        (domain, "") => parts.push(format!(
            "{domain} takes mail once it is proven to be yours: you find the records to publish where you sign in."
        )),
        (domain, _) => {
            parts.push(format!("{domain} could not be set up. You find out why when you add it where you sign in."))
        }
    }
    parts.push("At first you can write to some people a day only; that grows by itself within days.".to_owned());
    (format!("Welcome to {hostname}"), parts.join("\n\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Address, Timestamp};
    use serde_json::json;

    fn mail(portal: Option<&str>, kind: &str, facts: serde_json::Value) -> Option<(String, String)> {
        let from = Address::parse("post@mx.example").unwrap();
        let sender = Sender { from, portal: portal.map(str::to_owned) };
        let (recipient, locale) = ("ann@x.example".to_owned(), "en".to_owned());
        let (id, created_at) = ("ntc_1".to_owned(), Timestamp(0));
        let notice = OutgoingNotice { id, tenant: None, kind: kind.to_owned(), recipient, locale, facts, created_at };
        written(&sender, "mx.example", &notice, kind)
    }

    #[test]
    fn each_mail_has_what_its_reader_needs_next() {
        let portal = Some("https://p.example");
        let facts = json!({ "signup": "sgn_1", "secret": "m1", "code": "12345678", "wanted": "a@free.example", "expires_at_ms": 0 });
        let (subject, text) = mail(portal, "signup-code", facts.clone()).unwrap();
        assert!(!subject.contains("12345678"), "it is not shown on a locked screen");
        assert!(text.contains("\n    12345678\n") && text.contains("https://p.example/signup/resume/sgn_1/m1\n"));
        assert!(text.contains("1970-01-01 00:00 UTC"));
        let (_, text) = mail(None, "signup-code", facts.clone()).unwrap();
        assert!(text.contains("id sgn_1\n    secret m1\n"));
        let (_, text) = mail(portal, "signup-paid", facts).unwrap();
        assert!(text.contains("/signup/resume/sgn_1/m1") && text.contains("choose a password"));
        let facts = json!({ "address": "a@free.example", "domain": "b.example", "contact": "ann@x.example", "known": true, "outcome": "b.example: no" });
        let (_, text) = mail(portal, "signup-welcome", facts).unwrap();
        assert!(text.contains("Your mailbox is a@free.example.") && text.contains("have there already"));
        assert!(text.contains("b.example could not be set up"));
        assert!(mail(portal, "signup-news", json!({})).is_none());
    }
}

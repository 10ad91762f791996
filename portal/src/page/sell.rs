//! SUMMARY    Selling: plans and coupons of the tenant that the visitor acts in, its customers, and what payment providers say; the
//!            console of who leads tenants below: signups, announcements, features, abuse.
//! SECURITY   The API says who sells to whom: a tenant that is no customer here does not exist, and what is the operator's is a 404 for
//!            everybody else.

mod abuse;
mod announcements;
mod calls;
mod coupons;
mod customer;
mod customers;
mod drift;
mod events;
mod flags;
mod give;
mod plan_new;
mod plans;
mod policy;
mod rehearsal;
mod signup;
mod signup_invites;
mod signup_settings;
mod signups;
mod subject;

use super::trace;
use crate::{
    field::Fields,
    form::Refusal,
    frame::Frame,
    operation::{ConsoleReach, console_reach},
    page::billing::shape::word,
    state::Console,
    trouble::Trouble,
    visit::{Reply, Visit},
};

/// Currencies without decimals (ISO 4217).
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Currencies with three.
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";

pub(crate) async fn read(visit: &mut Visit, path: &[&str]) -> Reply {
    visit.signed()?;
    match path {
        ["plans"] => plans::show(visit).await,
        ["plans", "new"] => plan_new::show(visit).await,
        ["coupons"] => coupons::show(visit).await,
        ["policy"] => policy::show(visit).await,
        ["customers"] => customers::show(visit).await,
        ["customers", id] => customer::show(visit, id).await,
        ["customers", id, "rehearsal"] => rehearsal::show(visit, id).await,
        ["events"] => events::show(visit).await,
        ["drift"] => drift::show(visit).await,
        ["calls"] => calls::show(visit).await,
        ["signups"] => signups::show(visit).await,
        ["signups", "settings"] => signup_settings::show(visit).await,
        ["signups", "invites"] => signup_invites::show(visit).await,
        ["signups", id] => signup::show(visit, id).await,
        ["announcements"] => announcements::show(visit).await,
        ["flags"] => flags::show(visit).await,
        ["abuse"] => abuse::show(visit).await,
        ["abuse", id] => subject::show(visit, id).await,
        ["queue", rest @ ..] => trace::read(visit, &queue(visit), rest).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

pub(crate) async fn change(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        ["plans"] => plans::change(visit).await,
        ["plans", "new"] => plan_new::create(visit).await,
        ["coupons"] => coupons::change(visit).await,
        ["policy"] => policy::change(visit).await,
        ["customers", id] => customer::change(visit, id).await,
        ["events"] => events::change(visit).await,
        ["signups", "settings"] => signup_settings::change(visit).await,
        ["signups", "invites"] => signup_invites::change(visit).await,
        ["signups", id] => signup::change(visit, id).await,
        ["announcements"] => announcements::change(visit).await,
        ["flags"] => flags::change(visit).await,
        ["abuse", id] => subject::change(visit, id).await,
        ["queue", rest @ ..] => trace::change(visit, &queue(visit), rest).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

/// Looks what of the console is in the menu of who has just arrived at a tenant, and what is switched off there. Nothing is, where the
/// API does not say.
pub(crate) async fn reach(visit: &mut Visit, permissions: &[String]) {
    let (console, off) = reached(visit, permissions).await.unwrap_or_default();
    if let Some(signed) = &mut visit.state.signed {
        (signed.console, signed.off, visit.changed) = (console, off, true);
    }
}

async fn reached(visit: &Visit, permissions: &[String]) -> Result<(Console, Vec<String>), Trouble> {
    let has = |name: &str| permissions.iter().any(|p| p == name);
    if !has("tenant:read") {
        return Ok((Console::default(), Vec::new()));
    }
    let data = visit.ask::<ConsoleReach>(console_reach::Variables { tenant: visit.tenant()? }).await?;
    // Who has nobody above leads everybody.
    let is_root = data.viewer.is_some_and(|viewer| viewer.parent_id.is_none());
    let has_below = is_root || data.tenants.total_count > 0;
    let console = Console {
        leads: has_below && has("tenant:create"),
        holds: has_below && has("tenant:hold"),
        queues: has_below && has("mailbox:read"),
        is_root: is_root && has("tenant:update"),
    };
    let off = data.feature_flags.into_iter().flatten().filter(|flag| !flag.enabled);
    Ok((console, off.map(|flag| word(&flag.feature)).collect()))
}

/// Outgoing mail of the tenants below too.
fn queue(visit: &Visit) -> trace::Area {
    let tabs = tabs(visit, &visit.frame("queue-title"));
    trace::Area { base: "/sell/queue", title: "queue-title", about: "queue-about", below: true, tabs }
}

/// The pages of the area: those of the installation for its operator.
fn tabs(visit: &Visit, f: &Frame) -> Vec<(&'static str, String)> {
    let Some(signed) = visit.state.signed.as_ref() else { return Vec::new() };
    let mut tabs = Vec::new();
    if signed.billing.sells {
        tabs.extend([
            ("/sell/plans", f.t("plans-title")),
            ("/sell/coupons", f.t("coupons-title")),
            ("/sell/policy", f.t("policy-title")),
            ("/sell/customers", f.t("customers-title")),
            ("/sell/calls", f.t("calls-title")),
        ]);
    }
    if signed.console.leads {
        tabs.push(("/sell/signups", f.t("signups-title")));
        tabs.push(("/sell/announcements", f.t("announcements-title")));
    }
    if signed.console.holds {
        tabs.push(("/sell/abuse", f.t("abuse-title")));
    }
    if signed.console.queues {
        tabs.push(("/sell/queue", f.t("queue-title")));
    }
    if signed.console.is_root {
        tabs.push(("/sell/flags", f.t("flags-title")));
    }
    if signed.billing.operates {
        tabs.push(("/sell/events", f.t("events-title")));
        tabs.push(("/sell/drift", f.t("drift-title")));
    }
    tabs
}

/// An amount as typed, in the API's writing: with all decimals of its currency.
fn money(amount: &str, currency: &str) -> Option<String> {
    let digits = match currency {
        c if WHOLE.contains(c) => 0,
        c if THREE.contains(c) => 3,
        _ => 2,
    };
    let is_code = currency.len() == 3 && currency.chars().all(|c| c.is_ascii_uppercase());
    let amount = amount.replace(',', ".");
    let (whole, rest) = amount.split_once('.').unwrap_or((&amount, ""));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_amount =
        !whole.is_empty() && whole.len() <= 12 && is_number(whole) && is_number(rest) && rest.len() <= digits;
    if !is_code || !is_amount {
        return None;
    }
    Some(if digits == 0 { format!("{whole} {currency}") } else { format!("{whole}.{rest:0<digits$} {currency}") })
}

/// An amount with its currency, in one field; a refusal for what is none. `None`: the field is empty.
fn money_of(fields: &Fields, name: &str) -> Result<Option<String>, Refusal> {
    let text = fields.text(name);
    if text.is_empty() {
        return Ok(None);
    }
    let parts = text.split_once(' ').and_then(|(amount, currency)| money(amount, &currency.trim().to_uppercase()));
    parts.map(Some).ok_or_else(|| Refusal::new(name, "MONEY"))
}

/// A number, or none where the field is empty.
fn number(fields: &Fields, name: &str) -> Result<Option<i64>, Refusal> {
    let text = fields.text(name);
    if text.is_empty() {
        return Ok(None);
    }
    text.parse::<i64>().ok().filter(|n| *n >= 0).map(Some).ok_or_else(|| Refusal::new(name, "QUANTITY"))
}

/// Gigabytes in bytes, or none where the field is empty.
fn gigabytes(fields: &Fields, name: &str) -> Result<Option<String>, Refusal> {
    super::mailbox_new::quota(fields.text(name)).map_err(|r| Refusal { field: name.to_owned(), ..r })
}

/// The end of a day, or none where the field is empty.
fn day(fields: &Fields, name: &str) -> Result<Option<String>, Refusal> {
    let text = fields.text(name);
    if text.is_empty() {
        return Ok(None);
    }
    let date = text.parse::<jiff::civil::Date>().map_err(|_| Refusal::new(name, "DATE"))?;
    Ok(Some(format!("{date}T23:59:59Z")))
}

/// A minute in UTC as typed, `2027-01-31 08:00`, or a whole day: its first second, or its last one. None where the field is empty.
fn moment(fields: &Fields, name: &str, is_end: bool) -> Result<Option<String>, Refusal> {
    let text = fields.text(name);
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        return Ok(Some(format!("{date}T{}Z", if is_end { "23:59:59" } else { "00:00:00" })));
    }
    let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M", text).map_err(|_| Refusal::new(name, "MOMENT"))?;
    Ok(Some(time.strftime("%Y-%m-%dT%H:%M:00Z").to_string()))
}

/// A moment of the API as it is typed.
fn typed(moment: &str) -> String {
    let time = moment.parse::<jiff::Timestamp>();
    time.map_or(String::new(), |t| t.strftime("%Y-%m-%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_minutes_or_whole_days() {
        for (text, is_end, moment_is) in [
            ("2027-01-31", false, Some("2027-01-31T00:00:00Z")),
            ("2027-01-31", true, Some("2027-01-31T23:59:59Z")),
            ("2027-01-31 08:05", true, Some("2027-01-31T08:05:00Z")),
            ("", true, None),
        ] {
            let fields = Fields::of(vec![("a".to_owned(), text.to_owned())]);
            assert_eq!(moment(&fields, "a", is_end).unwrap().as_deref(), moment_is, "{text}");
        }
        for wrong in ["tomorrow", "31.1.2027", "2027-01-31T08:00:00Z", "2027-01-31 25:00"] {
            let fields = Fields::of(vec![("a".to_owned(), wrong.to_owned())]);
            assert_eq!(moment(&fields, "a", false).unwrap_err().code, "MOMENT", "{wrong}");
        }
        assert_eq!(typed("2027-01-31T08:05:00.000Z"), "2027-01-31 08:05");
    }

    #[test]
    fn amounts_are_written_with_all_their_decimals() {
        for (amount, currency, text) in [
            ("5", "EUR", Some("5.00 EUR")),
            ("5,5", "EUR", Some("5.50 EUR")),
            ("12.50", "CHF", Some("12.50 CHF")),
            ("100", "JPY", Some("100 JPY")),
            ("1.5", "KWD", Some("1.500 KWD")),
            ("1.5", "JPY", None),
            ("1.234", "EUR", None),
            ("-1", "EUR", None),
            ("", "EUR", None),
            (".5", "EUR", None),
            ("1e3", "EUR", None),
            ("5", "eur", None),
            ("5", "", None),
        ] {
            assert_eq!(money(amount, currency).as_deref(), text, "{amount} {currency}");
        }
    }

    #[test]
    fn fields_are_read_or_refused_by_name() {
        let fields = Fields::parse(b"a=12.5+eur&b=x&n=3&m=-1&d=2027-01-31&e=31.1.2027&g=1,5");
        assert_eq!(money_of(&fields, "a").unwrap().unwrap(), "12.50 EUR");
        assert_eq!(money_of(&fields, "b").unwrap_err().field, "b");
        assert_eq!((number(&fields, "n").unwrap(), number(&fields, "none").unwrap()), (Some(3), None));
        assert!(number(&fields, "m").is_err());
        assert_eq!(day(&fields, "d").unwrap().unwrap(), "2027-01-31T23:59:59Z");
        assert!(day(&fields, "e").is_err());
        assert_eq!(gigabytes(&fields, "g").unwrap().unwrap(), "1610612736");
    }
}

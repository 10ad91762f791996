//! SUMMARY    A new mailbox, with a password that is shown once.
//! SECURITY   The password is made here: 100 random bits. It is in the sealed cookie until the next page has shown it.

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{DomainChoice, MailboxCreate, domain_choice, mailbox_create, refusals},
    state::Shown,
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// Letters and digits that are not mistaken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";

#[derive(Template)]
#[template(path = "mailbox_new.html")]
struct Page {
    f: Frame,
    form: Form,
    domains: Vec<String>,
    chosen: String,
}

/// 20 of 31 letters in groups of five: 99 bits.
pub(crate) fn password() -> Result<String, Trouble> {
    let mut letters = String::new();
    let mut count = 0;
    while count < 20 {
        let mut bytes = [0u8; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Trouble::Broken)?;
        // The last letter of the alphabet stands there twice: its second place is left out, so that all are equally likely.
        let fair = bytes.iter().map(|b| usize::from(b & 31)).filter(|i| *i < 31);
        for letter in fair.filter_map(|i| ALPHABET.get(i)).take(20 - count) {
            if count > 0 && count % 5 == 0 {
                letters.push('-');
            }
            letters.push(char::from(*letter));
            count += 1;
        }
    }
    Ok(letters)
}

/// Bytes of a GB: a power of 1024, as everywhere.
pub(crate) const GB: f64 = (1u64 << 30) as f64;

/// Gigabytes as typed, in bytes; `None` for no limit. A refusal for what is no size.
pub(crate) fn quota(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = text.replace(',', ".").parse::<f64>().ok().filter(|gb| (0.0..=1e6).contains(gb)).map(|gb| gb * GB);
    match bytes {
        Some(bytes) => Ok(Some(format!("{bytes:.0}"))),
        None => Err(Refusal::new("quotaBytesMax", "SIZE")),
    }
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let found = visit.ask::<DomainChoice>(domain_choice::Variables { tenant: visit.tenant()? }).await?;
    let proven = |d: &domain_choice::DomainChoiceDomainsNodes| {
        use domain_choice::DomainState as S;
        d.alias_of.is_none() && matches!(d.state, S::OWNED | S::LIVE | S::DEGRADED)
    };
    let nodes = found.domains.map(|d| d.nodes).unwrap_or_default();
    let domains: Vec<String> = nodes.into_iter().filter(proven).map(|d| d.name).collect();
    let chosen = form.value("domain", domains.first().map_or("", String::as_str)).to_owned();
    page(form.is_refused(), &Page { f: visit.frame("mailbox-new-title"), form, domains, chosen })
}

pub(crate) async fn create(visit: &mut Visit) -> Reply {
    let quota = match quota(visit.fields.text("quotaBytesMax")) {
        Ok(quota) => quota,
        Err(refusal) => return draw(visit, visit.refused(vec![refusal])).await,
    };
    let (address, password) =
        (format!("{}@{}", visit.fields.text("address"), visit.fields.text("domain")), password()?);
    let input = mailbox_create::MailboxCreateInput {
        address,
        password: Some(password.clone()),
        password_hash: None,
        display_name: visit.fields.given("displayName"),
        quota_bytes_max: quota,
        kind: None,
        send_limits: None,
        tenant_id: Some(visit.tenant()?),
        dry_run: false,
        // The password is another one each time: a form that is sent twice is refused as taken.
        idempotency_key: None,
    };
    let payload = visit.ask::<MailboxCreate>(mailbox_create::Variables { input }).await?.mailbox_create;
    let Some(mailbox) = payload.mailbox else {
        let refusals = refusals!(payload);
        return draw(visit, visit.refused(refusals)).await;
    };
    visit.state.shown = Some(Shown::Password { address: mailbox.address, password, ended: 0 });
    visit.changed = true;
    see(format!("/mailboxes/{}", mailbox.id))
}

impl Page {
    fn local(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("address", "text", "label-local", "hint-local", "off"))
    }

    fn name(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("displayName", "text", "label-display-name", "hint-display-name", "off"))
    }

    fn quota(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("quotaBytesMax", "text", "label-quota", "hint-quota", "off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_password_is_long_and_another_one_each_time() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 23);
        assert!(one.split('-').all(|group| group.len() == 5));
    }

    #[test]
    fn quotas_are_gigabytes() {
        assert_eq!(quota("").unwrap(), None);
        assert_eq!(quota("1,5").unwrap().unwrap(), "1610612736");
        assert_eq!(quota("10").unwrap().unwrap(), "10737418240");
        assert_eq!(quota("0").unwrap().unwrap(), "0");
        for wrong in ["x", "-1", "NaN", "inf", "1e9"] {
            assert!(quota(wrong).is_err(), "{wrong}");
        }
    }
}

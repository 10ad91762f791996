//! SUMMARY    Mails what the control plane has to tell people (invitations, forgotten passwords, signups, what is due) through our own queue.
//! LIMITS     NOTICES_AT_ONCE, NAME_CHARS_MAX, those of tenants::limits
//! INVARIANTS At least once, and always the same message: a notice is done once its letter is durable with us. One whose secret is worth
//!            nothing any more is not sent.

mod billing;
mod signup;

use base::{Address, Timestamp};
use mail::{Letter, Mail, Sent};
use std::{sync::Arc, time::Duration};
use tenants::{OutgoingNotice, Service, limits::NOTICE_LIFE};
use tokio::sync::watch;

/// Notices of one pass.
const NOTICES_AT_ONCE: u32 = 50;
/// Characters of a tenant's name in a mail.
const NAME_CHARS_MAX: usize = 60;
/// Pause when nothing is due.
const PAUSE: Duration = Duration::from_secs(2);

/// Who writes, and where people find the portal.
#[derive(Debug, Clone)]
pub struct Sender {
    pub from: Address,
    pub portal: Option<String>,
}

/// Sends what is due until the server stops.
pub async fn run(service: Arc<Service>, mail: Mail, sender: Sender, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let sent = pass(&service, &mail, &sender).await.unwrap_or_else(|e| {
            tracing::warn!(error = %e, "notices wait");
            0
        });
        if sent == 0 {
            drop(tokio::time::timeout(PAUSE, stop.wait_for(|stop| *stop)).await);
        }
    }
}

/// Takes what is due and sends it; gives how many it took.
pub async fn pass(service: &Service, mail: &Mail, sender: &Sender) -> tenants::Result<usize> {
    let due = service.notices_take(NOTICES_AT_ONCE).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let provider = service.provider().await?;
    for notice in &due {
        let given_up =
            |why: &str| tracing::warn!(notice = %notice.id, kind = %notice.kind, why, "a notice is not sent");
        match send(mail, sender, notice, provider).await {
            Ok(Some(Sent::Accepted)) => {}
            Ok(Some(Sent::Nobody)) => given_up("nobody here has the address, or may not receive"),
            Ok(None) => given_up(
                "it is too old (NOTICE_LIFE, its secret's end), has no template, or its recipient is no address",
            ),
            Err(e) => {
                tracing::warn!(notice = %notice.id, error = %e, "a notice waits");
                continue;
            }
        }
        service.notice_done(&notice.id).await?;
    }
    Ok(due.len())
}

/// `None`: there is nothing to send.
async fn send(
    mail: &Mail,
    sender: &Sender,
    notice: &OutgoingNotice,
    provider: base::TenantId,
) -> mail::Result<Option<Sent>> {
    let now = mail.accounts().clock().now();
    let old = notice.created_at.plus(NOTICE_LIFE) <= now || until(notice).is_some_and(|until| until <= now);
    let Ok(to) = Address::parse(&notice.recipient) else { return Ok(None) };
    let Some((subject, text)) = written(sender, mail.hostname(), notice).filter(|_| !old) else { return Ok(None) };
    let (id, from) = (notice.id.as_str(), &sender.from);
    let tenant = notice.tenant.unwrap_or(provider);
    if tenant == provider {
        mail.accounts().open_tenant(provider).await?;
    }
    mail.send_letter(&Letter { tenant, id, from, to: &to, subject: &subject, text: &text }).await.map(Some)
}

/// Subject and text; `None` for a kind that has no template.
fn written(sender: &Sender, hostname: &str, notice: &OutgoingNotice) -> Option<(String, String)> {
    let fact = |name: &str| notice.facts.get(name).and_then(|v| v.as_str()).unwrap_or_default();
    // At the host of the brand that its reader sees.
    let portal = Some(fact("portal").to_owned()).filter(|p| !p.is_empty()).or_else(|| sender.portal.clone());
    let sender = &Sender { portal, ..sender.clone() };
    let until = until(notice).map(day).unwrap_or_default();
    let place = |page: &str, mutation: &str| match &sender.portal {
        Some(portal) => format!("Enter this code at {portal}/{page}:"),
        None => format!(
            "Your code. Enter it where you sign in to what {hostname} offers, or ask whoever runs it; a program gives it to the API as \
             `secret` of `{mutation}`:"
        ),
    };
    let (secret, to, tenant) = (fact("secret"), &notice.recipient, named(fact("tenant")));
    match notice.kind.as_str() {
        "invitation" => Some((
            format!("You are invited to {tenant}"),
            format!(
                "You are invited to {tenant} on {hostname}.\n\n{}\n\n    {secret}\n\nIt is good once, until {until}.\nIf you did \
                 not expect this, do nothing.\n",
                place("invitation", "invitationAccept")
            ),
        )),
        "password-reset" => Some((
            "A new password".to_owned(),
            format!(
                "Somebody, perhaps you, asked for a new password for {to} on {hostname}.\n\n{}\n\n    {secret}\n\nIt is good once, \
                 until {until}.\nIf it was not you, do nothing: your password stays as it is.\n",
                place("reset", "passwordReset")
            ),
        )),
        kind => {
            billing::written(kind, &notice.facts, hostname).or_else(|| signup::written(sender, hostname, notice, kind))
        }
    }
}

/// When the secret in a notice ends.
fn until(notice: &OutgoingNotice) -> Option<Timestamp> {
    notice.facts.get("expires_at_ms").and_then(serde_json::Value::as_i64).map(Timestamp)
}

/// A tenant's name in a mail of ours: who chose it writes no address, link or line of text in our name.
fn named(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '&' | '-' | '\'') { c } else { ' ' };
    let name: String = name.chars().map(plain).collect();
    name.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS_MAX).collect()
}

/// As `2026-11-26 05:40 UTC`.
fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use account::{AccountOptions, Accounts, LeaseRequest, MasterKey};
    use base::{SystemClock, TenantId, rng::SeededRng};
    use control::Control;
    use serde_json::json;
    use store::{MemKv, blob::FsObjects};
    use tenants::{
        Database, DomainOptions, NewInvitation, NewMailbox, NewTenant, PasswordCost, Selector, ServiceOptions, Terms,
    };

    fn notice(kind: &str, facts: serde_json::Value) -> OutgoingNotice {
        let recipient = "ann@x.example".to_owned();
        let (id, kind, locale) = ("ntc_1".to_owned(), kind.to_owned(), "en".to_owned());
        OutgoingNotice { id, tenant: None, kind, recipient, locale, facts, created_at: Timestamp(0) }
    }

    #[test]
    fn a_notice_says_what_it_is_about_and_has_the_code() {
        let sender =
            Sender { from: Address::parse("post@mx.example").unwrap(), portal: Some("https://p.example".into()) };
        let facts = serde_json::json!({ "tenant": "Alpha", "secret": "s3", "expires_at_ms": 0 });
        let (subject, text) = written(&sender, "mx.example", &notice("invitation", facts.clone())).unwrap();
        assert_eq!(subject, "You are invited to Alpha");
        let bait = "Your Bank: pay at http://evil.example/x \u{202e}gpj";
        assert_eq!(named(bait), "Your Bank pay at http evil example x gpj");
        assert!(
            text.contains("\n    s3\n")
                && text.contains("at https://p.example/invitation:\n")
                && text.contains("1970-01-01 00:00 UTC")
        );
        let (_, text) = written(&sender, "mx.example", &notice("password-reset", facts.clone())).unwrap();
        assert!(
            text.contains("https://p.example/reset:\n\n    s3\n") && text.contains("for ann@x.example on mx.example")
        );
        assert!(written(&sender, "mx.example", &notice("news", facts.clone())).is_none());
        let branded =
            serde_json::json!({ "tenant": "Alpha", "secret": "s3", "portal": "https://login.alpine.example" });
        let (_, text) = written(&sender, "mx.example", &notice("invitation", branded)).unwrap();
        assert!(text.contains("at https://login.alpine.example/invitation:\n"), "{text}");
        // Without a portal it says where else the code goes.
        let sender = Sender { portal: None, ..sender };
        for (kind, mutation) in [("invitation", "invitationAccept"), ("password-reset", "passwordReset")] {
            let (_, text) = written(&sender, "mx.example", &notice(kind, facts.clone())).unwrap();
            let place = format!(
                "sign in to what mx.example offers, or ask whoever runs it; a program gives it to the API as `secret` of `{mutation}`:\n\n    s3\n"
            );
            assert!(text.contains(&place), "{text}");
        }
    }

    #[tokio::test]
    async fn an_invitation_is_mailed_once_and_what_cannot_be_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::new(AccountOptions {
            kv: Arc::new(MemKv::new()),
            objects: Arc::new(FsObjects::open(folder.path().join("objects")).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SeededRng::new(7)),
        });
        let options = ServiceOptions {
            control: Arc::new(accounts.clone()),
            clock: Arc::new(SystemClock),
            password_cost: PasswordCost { memory_kib: 8, passes: 1 },
            domains: DomainOptions::default(),
        };
        let service = Service::open(Database::Sqlite(folder.path().join("c.sqlite")), options).await.unwrap();
        let operator =
            service.authenticate(&service.bootstrap("Provider").await.unwrap().operator_token).await.unwrap();
        let terms = Terms::default();
        let new = NewTenant { name: "alpha".into(), ..NewTenant::default() };
        let made = service.tenant_create(&operator, &terms, &new).await.unwrap().object;
        let (tenant, owner) = (made.tenant.id, service.authenticate(&made.token.unwrap()).await.unwrap());
        service.domain_vouch(&operator, &terms, tenant, "alpha.example").await.unwrap();
        let new =
            NewMailbox { address: "ann@alpha.example".into(), password: "long enough".into(), ..NewMailbox::default() };
        let ann = service.mailbox_create(&owner, &terms, &new).await.unwrap().object.id;
        for email in ["ann@alpha.example", "nobody@alpha.example"] {
            let (email, role) = (email.to_owned(), "auditor".to_owned());
            let new = NewInvitation { tenant, email, role, on: Selector::All };
            service.member_invite(&owner, &terms, &new).await.unwrap();
        }
        let (mail, from) = (Mail::new(accounts.clone(), "mx.example"), Address::parse("post@mx.example").unwrap());
        let sender = Sender { from, portal: None };
        let emails = async || accounts.account_usage(tenant, ann).await.unwrap().emails;
        assert_eq!(emails().await, 0);
        assert_eq!(pass(&service, &mail, &sender).await.unwrap(), 2);
        assert_eq!(emails().await, 1);
        assert_eq!(pass(&service, &mail, &sender).await.unwrap(), 0, "both are done");
        assert!(service.notices_due(10).await.unwrap().is_empty());
        assert_eq!(emails().await, 1);
        // The provider has no mailbox, and its mail to people elsewhere goes all the same.
        let away = OutgoingNotice {
            recipient: "boss@away.example".to_owned(),
            ..notice("password-reset", json!({ "secret": "s" }))
        };
        let away = OutgoingNotice { created_at: accounts.clock().now(), ..away };
        let provider = service.provider().await.unwrap();
        assert_eq!(send(&mail, &sender, &away, provider).await.unwrap(), Some(Sent::Accepted));
        let request =
            LeaseRequest { items: 1, items_per_tenant: 1, lease: Duration::from_secs(60), after: TenantId(0) };
        let [lease] = accounts.lease(request).await.unwrap().try_into().ok().unwrap();
        assert_eq!(accounts.held_back(provider, &lease.item).await.unwrap(), None, "it waits for nothing");
        // What has ended is tried no more, young as the notice is.
        let now = accounts.clock().now().0;
        for (expires_at_ms, sent) in [(now, None), (now + 60_000, Some(Sent::Accepted))] {
            let facts = json!({ "secret": "s", "expires_at_ms": expires_at_ms });
            let late = OutgoingNotice { id: format!("ntc_{expires_at_ms}"), facts, ..away.clone() };
            assert_eq!(send(&mail, &sender, &late, provider).await.unwrap(), sent);
        }
    }
}

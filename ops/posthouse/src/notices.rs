//! SUMMARY    Mails what the control plane has to tell people (invitations, forgotten passwords, signups, what is due, exports) through our own queue.
//! LIMITS     NOTICES_AT_ONCE, NAME_CHARS_MAX, those of tenants::limits
//! INVARIANTS At least once, and always the same message: a notice is done once its letter is durable with us. One whose secret is worth
//!            nothing any more is not sent.

mod billing;
mod export;
mod language;
mod signup;

use self::language::Language;
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
        let given_up = match send(mail, sender, notice, provider).await {
            Ok(Some(Sent::Accepted)) => None,
            Ok(Some(Sent::Nobody)) => Some("nobody here has the address, or may not receive"),
            Ok(None) => {
                Some("it is too old (NOTICE_LIFE, its secret's end), has no template, or its recipient is no address")
            }
            Err(e) => {
                tracing::warn!(notice = %notice.id, error = %e, "a notice waits");
                continue;
            }
        };
        match given_up {
            None => service.notice_done(&notice.id).await?,
            Some(why) => {
                tracing::warn!(notice = %notice.id, kind = %notice.kind, why, "a notice is not sent");
                service.notice_given_up(notice).await?;
            }
        }
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
    let draft = Draft::new(sender, mail.hostname(), notice);
    let Some((subject, text)) = draft.written().filter(|_| !old) else { return Ok(None) };
    let (id, from, language) = (notice.id.as_str(), &sender.from, draft.language.tag());
    let tenant = notice.tenant.unwrap_or(provider);
    if tenant == provider {
        mail.accounts().open_tenant(provider).await?;
    }
    mail.send_letter(&Letter { tenant, id, from, to: &to, language, subject: &subject, text: &text }).await.map(Some)
}

/// A letter that is being written.
struct Draft<'a> {
    language: Language,
    hostname: &'a str,
    /// At the host of the brand that its reader sees.
    portal: Option<String>,
    notice: &'a OutgoingNotice,
}

impl<'a> Draft<'a> {
    fn new(sender: &Sender, hostname: &'a str, notice: &'a OutgoingNotice) -> Draft<'a> {
        let mut draft = Draft { language: Language::of(&notice.locale), hostname, portal: None, notice };
        let branded = Some(draft.fact("portal")).filter(|portal| !portal.is_empty()).map(str::to_owned);
        draft.portal = branded.or_else(|| sender.portal.clone());
        draft
    }

    /// Subject and text; `None` for a kind that has no template.
    fn written(&self) -> Option<(String, String)> {
        let tenant = self.name("tenant");
        match self.notice.kind.as_str() {
            "invitation" => Some((
                self.text("invitation-subject", &[("tenant", &tenant)]),
                paragraphs([
                    self.text("invitation-about", &[("tenant", &tenant)]),
                    self.place("invitation", "invitationAccept"),
                    format!("    {}", self.fact("secret")),
                    self.text("secret-once", &[("until", &self.until())]),
                    self.text("invitation-unexpected", &[]),
                ]),
            )),
            "password-reset" => Some((
                self.text("reset-subject", &[]),
                paragraphs([
                    self.text("reset-about", &[("address", &self.notice.recipient)]),
                    self.place("reset", "passwordReset"),
                    format!("    {}", self.fact("secret")),
                    self.text("secret-once", &[("until", &self.until())]),
                    self.text("reset-unexpected", &[]),
                ]),
            )),
            "tenant-closing" => Some((
                self.text("purge-subject", &[("tenant", &tenant)]),
                paragraphs([
                    self.text("purge-about", &[("tenant", &tenant)]),
                    format!("  {}  {}", self.moment("at_ms"), self.text("coming", &[("stage", "PURGING")])),
                    self.text("purge-until", &[]),
                ]),
            )),
            kind => billing::written(self, kind)
                .or_else(|| signup::written(self, kind))
                .or_else(|| export::written(self, kind)),
        }
    }

    /// A fact of the notice; empty where there is none.
    fn fact(&self, name: &str) -> &'a str {
        self.notice.facts.get(name).and_then(|v| v.as_str()).unwrap_or_default()
    }

    /// A name that somebody chose. One that is an address is quoted, so that it is read as the name that it is.
    fn name(&self, fact: &str) -> String {
        let name = self.fact(fact).trim();
        if is_plain_address(name) { self.text("quoted", &[("name", name)]) } else { named(name) }
    }

    /// A text in the reader's language; which host writes is known to all of them.
    fn text(&self, key: &str, facts: &[(&str, &str)]) -> String {
        let mut all = vec![("host", self.hostname)];
        all.extend(facts);
        self.language.text(key, &all)
    }

    /// Where a code goes.
    fn place(&self, page: &str, mutation: &str) -> String {
        match &self.portal {
            Some(portal) => self.text("secret-at", &[("link", &format!("{portal}/{page}"))]),
            None => self.text("secret-elsewhere", &[("mutation", mutation)]),
        }
    }

    /// A moment among the facts.
    fn moment(&self, fact: &str) -> String {
        let at = self.notice.facts.get(fact).and_then(serde_json::Value::as_i64).unwrap_or_default();
        self.language.moment(Timestamp(at))
    }

    /// Until when the secret is good.
    fn until(&self) -> String {
        until(self.notice).map(|until| self.language.moment(until)).unwrap_or_default()
    }
}

/// The text of a letter; what is empty stands in no line.
fn paragraphs(all: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = all.into_iter().filter(|paragraph| !paragraph.is_empty()).collect();
    all.join("\n\n") + "\n"
}

/// When the secret in a notice ends.
fn until(notice: &OutgoingNotice) -> Option<Timestamp> {
    notice.facts.get("expires_at_ms").and_then(serde_json::Value::as_i64).map(Timestamp)
}

/// Whether a name is an address and nothing else, with the signs that most have: it leads nowhere but to a mailbox.
fn is_plain_address(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '@');
    name.len() <= NAME_CHARS_MAX
        && name.chars().all(is_plain)
        && name.matches('@').count() == 1
        && Address::parse(name).is_ok_and(|address| address.domain().as_str().contains('.'))
}

/// A tenant's name in a mail of ours: who chose it writes no link and no line of text in our name.
fn named(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '&' | '-' | '\'') { c } else { ' ' };
    let name: String = name.chars().map(plain).collect();
    name.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;

//! SUMMARY    "Why can't I …?": what a subject may do now, and for each thing it may not, why and what to do.
//! INVARIANTS The same holds that the doors are told of; nothing is computed another way here. A tenant whose limit lets it send nothing
//!            may not send, though nothing holds it: the doors answer by the limit.

use super::{Hold, Subject, policy::standing};
use crate::{
    Actor, Error, Permission, Result, Service,
    actor::Object,
    db::{Connection, query},
    rows::{domain_of, id, number, text},
};
use base::{AccountId, TenantId};
use control::{Capabilities, Capability};

/// A reason why something is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    pub code: String,
    pub reason: String,
    pub next_step: String,
    /// The hold, with what it is on; `None` when something else is in the way.
    pub hold: Option<Hold>,
}

/// What a subject may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub subject: Subject,
    /// Whose it is.
    pub tenant: TenantId,
    /// The mailbox that it is, or whose password it is, with its address.
    pub mailbox: Option<(AccountId, String)>,
    pub capabilities: Capabilities,
    /// For each capability that is missing, why.
    pub missing: Vec<(Capability, Vec<Because>)>,
}

impl Explained {
    /// In sentences, for people; empty when nothing is missing.
    pub fn text(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for because in self.missing.iter().flat_map(|(_, all)| all) {
            let mut line = format!("{} ({})", because.reason, because.code);
            if !because.next_step.is_empty() {
                line = format!("{line} {}", because.next_step);
            }
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.join("\n")
    }
}

/// What is known of a subject.
struct Facts {
    tenant: TenantId,
    /// With its domain.
    mailbox: Option<(AccountId, String)>,
    address: String,
    /// Ids of what it belongs to within its tenant, and itself.
    own: Vec<String>,
    deleted: bool,
    /// A limit of its tenant lets it send nothing.
    silent: bool,
}

impl Service {
    /// What a tenant, domain, mailbox or credential may do now, and why not the rest. `NotFound` for what is not reached.
    pub async fn capabilities(&self, actor: &Actor, subject: &Subject) -> Result<Explained> {
        let mut txn = self.reader(actor).await?;
        let mut facts = self.facts(&mut txn, subject).await?;
        let (permission, object) = match (&facts.mailbox, subject) {
            (Some((account, domain)), _) => (Permission::MailboxRead, Object::Mailbox { id: *account, domain }),
            (None, Subject::Domain(name)) => (Permission::DomainRead, Object::Domain(name)),
            (None, _) => (Permission::TenantRead, Object::Whole),
        };
        let permitted = self.permit_on(&mut txn, actor, permission, facts.tenant, object).await;
        permitted.map_err(|e| e.missing("subjectId"))?;
        facts.silent = sends_nothing(&mut txn, facts.tenant).await?;
        let mut holds = self.seen_holds(&mut txn, facts.tenant).await?;
        let mut own = self.holds_on(&mut txn, &facts.own).await?;
        facts.own.iter().for_each(|subject| holds.extend(own.of(subject)));
        Ok(explained(subject, &facts, &holds))
    }

    async fn facts(&self, txn: &mut Connection, subject: &Subject) -> Result<Facts> {
        let missing = || Error::not_found("subjectId");
        let sql = match subject {
            Subject::Tenant(tenant) => {
                let (own, address) = (Vec::new(), String::new());
                return Ok(Facts { tenant: *tenant, mailbox: None, address, own, deleted: false, silent: false });
            }
            Subject::Domain(name) => {
                let row = query("SELECT tenant FROM domain WHERE name = $1 AND live = 1").bind(name);
                let row = row.fetch_optional(txn).await?.ok_or_else(missing)?;
                return Ok(Facts {
                    tenant: id(&row, "tenant")?,
                    mailbox: None,
                    address: String::new(),
                    own: vec![name.clone()],
                    deleted: false,
                    silent: false,
                });
            }
            Subject::Mailbox(_) => "SELECT * FROM mailbox WHERE id = $1",
            Subject::Credential(_) => "SELECT m.* FROM credential c JOIN mailbox m ON m.id = c.mailbox WHERE c.id = $1",
        };
        let row = query(sql).bind(subject.to_string()).fetch_optional(txn).await?.ok_or_else(missing)?;
        let address = text(&row, "address")?;
        let (account, domain) = (id(&row, "id")?, domain_of(&address).to_owned());
        let mut own = vec![domain.clone(), AccountId::to_string(&account)];
        if let Subject::Credential(credential) = subject {
            own.push(credential.clone());
        }
        let deleted = number(&row, "live")? == 0;
        Ok(Facts {
            tenant: id(&row, "tenant")?,
            mailbox: Some((account, domain)),
            address,
            own,
            deleted,
            silent: false,
        })
    }
}

async fn sends_nothing(txn: &mut Connection, tenant: TenantId) -> Result<bool> {
    let row = query(
        "SELECT COUNT(*) AS n FROM tenant WHERE id = $1 AND (recipients_per_day_max = 0 OR messages_per_hour_max = 0)",
    )
    .bind(tenant.to_string())
    .fetch_one(txn)
    .await?;
    Ok(number(&row, "n")? > 0)
}

fn sends(capability: Capability) -> bool {
    matches!(capability, Capability::SendInternal | Capability::SendExternal)
}

fn explained(subject: &Subject, facts: &Facts, holds: &[Hold]) -> Explained {
    let mut capabilities = standing(holds).0;
    if facts.silent {
        capabilities = capabilities.without(Capability::SendInternal).without(Capability::SendExternal);
    }
    if facts.deleted {
        capabilities = Capabilities::NONE;
    }
    let missing = Capability::EVERY.iter().filter(|c| !capabilities.allows(**c)).map(|c| (*c, why(holds, *c, facts)));
    let mailbox = facts.mailbox.as_ref().map(|(account, _)| (*account, facts.address.clone()));
    Explained { subject: subject.clone(), tenant: facts.tenant, mailbox, capabilities, missing: missing.collect() }
}

fn why(holds: &[Hold], capability: Capability, facts: &Facts) -> Vec<Because> {
    let held = holds.iter().filter(|h| h.blocks.contains(&capability)).map(|h| Because {
        code: h.code.clone(),
        reason: h.reason.clone(),
        next_step: h.next_step.clone(),
        hold: Some(h.clone()),
    });
    let gone = facts.deleted.then(|| Because {
        code: "DELETED".into(),
        reason: "The mailbox was deleted.".into(),
        next_step: "It can be restored while it is kept.".into(),
        hold: None,
    });
    let silent = (facts.silent && sends(capability)).then(|| Because {
        code: "LIMIT_REACHED".into(),
        reason: "The limits of the organisation let it send nothing.".into(),
        next_step: "Choose a plan that sends, or ask whoever sells to you.".into(),
        hold: None,
    });
    gone.into_iter().chain(held).chain(silent).collect()
}

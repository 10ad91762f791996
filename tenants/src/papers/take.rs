//! SUMMARY    Papers taken in: addresses and settings of an exported mailbox, given to a mailbox here.
//! SECURITY   Papers are a file's words. An address is given to the mailbox where the domain is its tenant's and nobody has it; what others have is not
//!            touched. Rights are never taken from a file: delegates, sending for others, quotas and limits are told, and left to who gives them.
//! INVARIANTS Each step is the operation that a person would ask for, with its permissions, limits and audit entry. What is there already is not made
//!            again, so taking the same papers twice changes nothing the second time.

use super::form::{AddressLine, SettingsPaper};
use crate::{
    Actor, AliasPatch, Code, DomainPatch, Done, Error, GroupPatch, Mailbox, MailboxPatch, NewAlias, NewGroup, Result,
    Service, Terms,
    address::{key_of, targets_of},
    db::{Row, query},
    kind,
    rows::text,
};
use base::{AccountId, Address};
use control::{DataImporter, DataType, REGISTERED};

/// What an export says of a mailbox.
#[derive(Debug, Clone, Default)]
pub struct PapersGiven {
    pub addresses: Vec<AddressLine>,
    pub settings: Option<SettingsPaper>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PapersTaken {
    /// What was made or set, for people.
    pub made: Vec<String>,
    /// How much was there already.
    pub there: u64,
    pub untaken: Vec<Untaken>,
}

/// What was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untaken {
    pub what: String,
    pub why: String,
}

/// What came of one of them.
enum Taken {
    Made,
    There,
    Not(String),
}

impl PapersTaken {
    /// Notes what came of something. What is broken here, and not what was given, ends it all.
    fn note(&mut self, what: &str, taken: Result<Taken>) -> Result<()> {
        let why = match taken {
            Ok(Taken::Made) => {
                self.made.push(what.to_owned());
                return Ok(());
            }
            Ok(Taken::There) => {
                self.there += 1;
                return Ok(());
            }
            Ok(Taken::Not(why)) => why,
            Err(e) if matches!(e.code, Code::Internal | Code::Unavailable) => return Err(e),
            Err(e) if e.code == Code::NotFound => "its domain is not one of the mailbox's tenant".to_owned(),
            Err(e) => e.message,
        };
        self.untaken.push(Untaken { what: what.to_owned(), why });
        Ok(())
    }
}

fn made<T>(done: Result<Done<T>>) -> Result<Taken> {
    done.map(|_| Taken::Made)
}

impl Service {
    /// Gives a mailbox what papers say. `NotFound`, `Forbidden` about the mailbox; what cannot be taken is told.
    pub async fn take_papers(
        &self,
        actor: &Actor,
        mailbox: AccountId,
        given: &PapersGiven,
        dry_run: bool,
    ) -> Result<PapersTaken> {
        let (mut out, terms) = (PapersTaken::default(), Terms { dry_run, ..Terms::default() });
        let mailbox = self.mailbox(actor, mailbox).await?;
        for line in REGISTERED.iter().filter(|line| line.importer == DataImporter::ControlPlane) {
            // A type that comes later is taken in here, or does not compile.
            match line.data {
                DataType::Addresses => {
                    for address in &given.addresses {
                        let taken = self.take_address(actor, &terms, &mailbox, address).await;
                        out.note(address.about(), taken)?;
                    }
                }
                DataType::Settings => {
                    if let Some(settings) = &given.settings {
                        self.take_settings(actor, &terms, &mailbox, settings, &mut out).await?;
                    }
                }
                DataType::Emails
                | DataType::Mailboxes
                | DataType::Tenant
                | DataType::AuditHistory
                | DataType::Invoices => {}
            }
        }
        Ok(out)
    }

    async fn take_address(&self, actor: &Actor, terms: &Terms, mailbox: &Mailbox, line: &AddressLine) -> Result<Taken> {
        match line {
            AddressLine::Primary { address } => {
                self.take_alias(actor, terms, mailbox, address, ("", true, false)).await
            }
            AddressLine::Alias { address, label, enabled, shared } => {
                self.take_alias(actor, terms, mailbox, address, (label, *enabled, *shared)).await
            }
            AddressLine::Masked { address, .. } => match self.owner_of(mailbox, address).await? {
                Some(row) if text(&row, "kind")? == "masked" && leads_to(&row, mailbox)? => Ok(Taken::There),
                Some(_) => Ok(Taken::Not(HAS_OWNER.to_owned())),
                None => made(self.masked_take(actor, terms, mailbox.id, line).await),
            },
            AddressLine::Group { address, name, posting, enabled } => {
                let own = mailbox.address.clone();
                match self.owner_of(mailbox, address).await? {
                    Some(row) if text(&row, "kind")? != "group" => Ok(Taken::Not(HAS_OWNER.to_owned())),
                    Some(row) if leads_to(&row, mailbox)? => Ok(Taken::There),
                    Some(_) => {
                        let patch = GroupPatch { add: vec![own], ..GroupPatch::default() };
                        made(self.group_update(actor, terms, address, &patch).await)
                    }
                    None => {
                        let (posting, tenant) = ((*posting).into(), Some(mailbox.tenant));
                        let new = NewGroup {
                            address: address.clone(),
                            name: name.clone(),
                            members: vec![own],
                            posting,
                            tenant,
                        };
                        let done = made(self.group_create(actor, terms, &new).await)?;
                        if !enabled && !terms.dry_run {
                            let patch = GroupPatch { enabled: Some(false), ..GroupPatch::default() };
                            self.group_update(actor, terms, address, &patch).await?;
                        }
                        Ok(done)
                    }
                }
            }
            AddressLine::CatchAll { domain, address } => {
                self.take_catch_all(actor, terms, mailbox, domain, address).await
            }
        }
    }

    /// An address that is to lead to the mailbox: what was its own elsewhere is an alias here, unless it is its own here too.
    async fn take_alias(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: &Mailbox,
        address: &str,
        (label, enabled, shared): (&str, bool, bool),
    ) -> Result<Taken> {
        if key_of(address) == mailbox.address {
            return Ok(Taken::There);
        }
        let own = mailbox.address.clone();
        match self.owner_of(mailbox, address).await? {
            Some(row) if leads_to(&row, mailbox)? => Ok(Taken::There),
            Some(row) if shared && text(&row, "kind")? == "forward" => {
                let mut targets = targets_of(&row)?;
                targets.push(own);
                let patch = AliasPatch { targets: Some(targets), ..AliasPatch::default() };
                made(self.alias_update(actor, terms, address, &patch).await)
            }
            Some(_) => Ok(Taken::Not(HAS_OWNER.to_owned())),
            None => {
                let (address, label, tenant) = (address.to_owned(), label.to_owned(), Some(mailbox.tenant));
                let new = NewAlias { address, targets: vec![own], label, disabled: !enabled, tenant };
                made(self.alias_create(actor, terms, &new).await)
            }
        }
    }

    async fn take_catch_all(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: &Mailbox,
        domain: &str,
        address: &str,
    ) -> Result<Taken> {
        let known = self.domain(actor, domain, Some(mailbox.tenant)).await?;
        if known.tenant != mailbox.tenant {
            return Err(Error::not_found("domain"));
        }
        let row = self.owner_of(mailbox, address).await?;
        match (&known.catch_all, row) {
            (Some(now), _) if *now == key_of(address) => Ok(Taken::There),
            (Some(now), _) => Ok(Taken::Not(format!("the domain has the catch-all {now}"))),
            (None, Some(row)) if leads_to(&row, mailbox)? => {
                let patch = DomainPatch { catch_all: Some(Some(address.to_owned())), ..DomainPatch::default() };
                made(self.domain_update(actor, terms, domain, &patch).await)
            }
            (None, _) => Ok(Taken::Not(format!("{address} does not lead to the mailbox"))),
        }
    }

    /// The row of an address that somebody has; another tenant's is somebody's all the same, and an error of none but its own.
    async fn owner_of(&self, mailbox: &Mailbox, address: &str) -> Result<Option<Row>> {
        let address = Address::parse(address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        query("SELECT * FROM address WHERE domain = $1 AND local = $2 AND kind <> 'tombstone' AND tenant = $3")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(mailbox.tenant.to_string())
            .fetch_optional(&mut self.connection().await?)
            .await
    }

    async fn take_settings(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: &Mailbox,
        given: &SettingsPaper,
        out: &mut PapersTaken,
    ) -> Result<()> {
        let now = self.settings_paper(mailbox.tenant, mailbox.id).await?.unwrap_or_default();
        let mut update = async |what: &str, is_there: bool, patch: MailboxPatch| {
            let taken = match is_there {
                true => Ok(Taken::There),
                false => made(self.mailbox_update(actor, terms, mailbox.id, &patch).await),
            };
            out.note(what, taken)
        };
        if !given.display_name.is_empty() {
            let display_name = Some(given.display_name.clone());
            let patch = MailboxPatch { display_name, ..MailboxPatch::default() };
            update("displayName", given.display_name == now.display_name, patch).await?;
        }
        if let Some(kind) = kind::parse(&given.kind) {
            let patch = MailboxPatch { kind: Some(kind), ..MailboxPatch::default() };
            update("kind", given.kind == now.kind, patch).await?;
        }
        const LIMIT: &str = "limits are given by who grants them";
        const RIGHT: &str = "rights are not taken from a file: give it again";
        let names = (&given.given_name, &given.family_name);
        let send = |p: &SettingsPaper| (p.send_per_hour_max, p.send_per_day_max, p.new_recipients_per_day_max);
        for (what, is_set, is_there, why) in [
            ("quotaBytesMax", given.quota_bytes_max.is_some(), given.quota_bytes_max == now.quota_bytes_max, LIMIT),
            ("sendLimits", send(given) != send(&SettingsPaper::default()), send(given) == send(&now), LIMIT),
            ("language", given.language.is_some(), given.language == now.language, "it is of the person who signs in"),
            ("name", names != (&None, &None), names == (&now.given_name, &now.family_name), "it is the directory's"),
        ] {
            if is_set {
                let taken = if is_there { Taken::There } else { Taken::Not(why.to_owned()) };
                out.note(what, Ok(taken))?;
            }
        }
        for address in &given.send_as {
            let taken = if now.send_as.contains(address) { Taken::There } else { Taken::Not(RIGHT.to_owned()) };
            out.note(&format!("sendAs {address}"), Ok(taken))?;
        }
        for delegate in &given.delegates {
            let taken = if now.delegates.contains(delegate) { Taken::There } else { Taken::Not(RIGHT.to_owned()) };
            out.note(&format!("delegate {}", delegate.address), Ok(taken))?;
        }
        Ok(())
    }
}

const HAS_OWNER: &str = "the address is in use here and leads elsewhere";

/// Whether an address leads to a mailbox.
fn leads_to(row: &Row, mailbox: &Mailbox) -> Result<bool> {
    if row.text("account")?.as_deref() == Some(mailbox.id.to_string().as_str()) {
        return Ok(true);
    }
    match row.text("targets")? {
        Some(_) => Ok(targets_of(row)?.iter().any(|target| key_of(target) == mailbox.address)),
        None => Ok(false),
    }
}

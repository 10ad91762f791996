//! SUMMARY    Masked addresses: random ones that lead to a mailbox, one for each site, switched off when a site leaks them.
//! SECURITY   A person makes and ends those of their own mailbox. The random part tells nothing of whose it is.
//! LIMITS     MASKED_PER_MAILBOX_MAX, NAME_CHARS_MAX, NOTE_CHARS_MAX
//! INVARIANTS A masked address that was switched off refuses mail; a deleted one is a tombstone.

use crate::{
    Actor, Code, Done, Error, Feature, Mailbox, Page, Permission, Result, Service, Terms,
    actor::Object,
    address::{Lead, address_of},
    db::{Connection, Row, query},
    limits::{MASKED_PER_MAILBOX_MAX, NOTE_CHARS_MAX},
    page::Statements,
    papers::AddressLine,
    rows::{domain_of, id, number, random, short, text},
    terms::{Request, Start, Work},
    visible::seen,
};
use base::{AccountId, Address, TenantId};
use serde::{Deserialize, Serialize};

/// How often a random address may be somebody's already.
const TRIES_MAX: usize = 8;

/// A masked address as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Masked {
    pub address: String,
    pub mailbox: AccountId,
    pub label: String,
    pub note: String,
    /// Whom it was given to.
    pub site: String,
    pub enabled: bool,
    pub version: i64,
}

/// A masked address to be made.
#[derive(Debug, Clone)]
pub struct NewMasked {
    pub mailbox: AccountId,
    /// A domain of the mailbox's tenant, or a shared one; the mailbox's own when missing.
    pub domain: Option<String>,
    pub label: String,
    pub note: String,
    pub site: String,
}

/// Changes of a masked address; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct MaskedPatch {
    pub label: Option<String>,
    pub note: Option<String>,
    pub site: Option<String>,
    pub enabled: Option<bool>,
}

impl Service {
    /// Makes a random address that leads to a mailbox. `NotFound` (mailbox, domain), `LimitReached`.
    pub async fn masked_create(&self, actor: &Actor, terms: &Terms, new: &NewMasked) -> Result<Done<Masked>> {
        worded(&new.label, &new.note, &new.site)?;
        let request = Request::new("maskedAddressCreate", format!("{new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MaskedWrite, new.mailbox).await?;
        self.not_stolen(&mut work.txn, actor, &mailbox).await?;
        self.featured(&mut work.txn, Feature::MaskedAddresses, mailbox.tenant).await?;
        let domain = match &new.domain {
            Some(name) => self.masked_domain(&mut work.txn, actor, &mailbox, name).await?,
            None => domain_of(&mailbox.address).to_owned(),
        };
        self.room_for_masked(&mut work.txn, mailbox.id).await?;
        let address = self.random_address(&mut work.txn, &mailbox, &domain, new).await?;
        self.finish_masked(work, actor, "maskedAddressCreate", &address, mailbox.id).await
    }

    /// Makes the masked address that a paper of another provider, or of a time before, has. `Taken`, `NotFound`, `LimitReached`.
    pub(crate) async fn masked_take(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: AccountId,
        line: &AddressLine,
    ) -> Result<Done<Masked>> {
        let AddressLine::Masked { address, label, note, site, enabled } = line else {
            return Err(Error::new(Code::Invalid, "address", "It is no masked address"));
        };
        worded(label, note, site)?;
        let address = Address::parse(address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        let request = Request::new("maskedAddressCreate", format!("{mailbox} {line:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MaskedWrite, mailbox).await?;
        self.not_stolen(&mut work.txn, actor, &mailbox).await?;
        self.featured(&mut work.txn, Feature::MaskedAddresses, mailbox.tenant).await?;
        self.masked_domain(&mut work.txn, actor, &mailbox, address.domain().as_str()).await?;
        self.room_for_masked(&mut work.txn, mailbox.id).await?;
        let targets = [mailbox.address.clone()];
        let lead =
            Lead { account: Some(mailbox.id), enabled: *enabled, label, note, site, ..Lead::to("masked", &targets) };
        self.own_address(&mut work.txn, mailbox.tenant, &address, lead).await?;
        self.finish_masked(work, actor, "maskedAddressCreate", &address, mailbox.id).await
    }

    async fn room_for_masked(&self, txn: &mut Connection, mailbox: AccountId) -> Result<()> {
        let count = query("SELECT COUNT(*) AS n FROM address WHERE account = $1 AND kind = 'masked'")
            .bind(mailbox.to_string())
            .fetch_one(txn)
            .await?;
        if number(&count, "n")? < MASKED_PER_MAILBOX_MAX {
            return Ok(());
        }
        let message = format!("A mailbox has at most {MASKED_PER_MAILBOX_MAX} (MASKED_PER_MAILBOX_MAX)");
        Err(Error::new(Code::LimitReached, "mailboxId", message))
    }

    /// Words a masked address anew, switches it off or on.
    pub async fn masked_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        address: &str,
        patch: &MaskedPatch,
    ) -> Result<Done<Masked>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let request = Request::new("maskedAddressUpdate", format!("{} {patch:?}", address.canonical()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, now) = self.masked_in(&mut work.txn, actor, &address).await?;
        work.expect(now.version)?;
        if patch.enabled.is_some() && actor.user() != Some(now.mailbox) {
            self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        }
        let label = patch.label.as_ref().unwrap_or(&now.label);
        let (note, site) = (patch.note.as_ref().unwrap_or(&now.note), patch.site.as_ref().unwrap_or(&now.site));
        // What was there before stays.
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        worded(&word(&patch.label), &word(&patch.note), &word(&patch.site))?;
        query(
            "UPDATE address SET label = $3, note = $4, site = $5, enabled = $6, version = version + 1 \
             WHERE domain = $1 AND local = $2",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .bind(label)
        .bind(note)
        .bind(site)
        .bind(i64::from(patch.enabled.unwrap_or(now.enabled)))
        .execute(&mut work.txn)
        .await?;
        self.finish_masked(work, actor, "maskedAddressUpdate", &address, now.mailbox).await
    }

    /// Deletes a masked address: a tombstone, mail for it is refused for ever.
    pub async fn masked_delete(&self, actor: &Actor, terms: &Terms, address: &str) -> Result<Done<Masked>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let request = Request::new("maskedAddressDelete", address.canonical());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, masked) = self.masked_in(&mut work.txn, actor, &address).await?;
        work.expect(masked.version)?;
        if actor.user() != Some(masked.mailbox) {
            self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        }
        self.not_behind_catch_all(&mut work.txn, &address, "address").await?;
        let mut batch = self.leave_address(&mut work.txn, &address).await?;
        batch.extend(self.accounts_again(&mut work.txn, &[masked.mailbox]).await?);
        let detail = masked.mailbox.to_string();
        self.audit(&mut work.txn, actor, tenant, "maskedAddressDelete", &masked.address, &detail).await?;
        let gone = Masked { enabled: false, version: masked.version + 1, ..masked };
        self.finish(work, gone, &batch).await
    }

    /// Masked addresses of a mailbox in order of domain and local part, a page of them; and how many there are.
    pub async fn masked_of(&self, actor: &Actor, mailbox: AccountId, page: &Page) -> Result<(Vec<Masked>, i64)> {
        let mut connection = self.reader(actor).await?;
        // Which sites somebody uses is not for everybody who sees that there is a mailbox.
        match self.mailbox_or_deleted(&mut connection, actor, Permission::AddressRead, mailbox).await {
            Err(e) if e.code == Code::Forbidden => {
                self.mailbox_or_deleted(&mut connection, actor, Permission::MaskedWrite, mailbox).await?
            }
            read => read?,
        };
        let list = Statements {
            forward: "SELECT * FROM address WHERE account = $1 AND kind = 'masked' AND (domain, local) > ($2, $3) \
                      ORDER BY domain, local LIMIT $4",
            backward: "SELECT * FROM address WHERE account = $1 AND kind = 'masked' AND (domain, local) < ($2, $3) \
                       ORDER BY domain DESC, local DESC LIMIT $4",
            count: "SELECT COUNT(*) AS n FROM address WHERE account = $1 AND kind = 'masked'",
        };
        let (domain, local) = page.address_from()?;
        let from = vec![domain.into(), local.into()];
        let (rows, count) = page.rows(&mut connection, &list, &[mailbox.to_string()], from).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// A domain of a masked address: the mailbox's own, a shared one, or another of the tenant that the actor reaches.
    async fn masked_domain(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        mailbox: &Mailbox,
        name: &str,
    ) -> Result<String> {
        let name = self.domain_for(txn, mailbox.tenant, name).await?;
        if name != domain_of(&mailbox.address) {
            let shared = query("SELECT 1 AS n FROM domain WHERE name = $1 AND shared = 1").bind(&name);
            if shared.fetch_optional(&mut *txn).await?.is_none() {
                let object = Object::Domain(&name);
                let permitted = self.permit_on(txn, actor, Permission::MaskedWrite, mailbox.tenant, object).await;
                permitted.map_err(|e| e.missing("domain"))?;
            }
        }
        Ok(name)
    }

    /// A domain that a tenant's addresses may be on: its own, or one that is shared by a tenant above.
    pub(crate) async fn domain_for(&self, txn: &mut Connection, tenant: TenantId, name: &str) -> Result<String> {
        let missing = || Error::not_found("domain");
        let name = base::Domain::parse(name).map_err(|_| missing())?;
        let row = query("SELECT tenant, shared FROM domain WHERE name = $1 AND live = 1")
            .bind(name.as_str())
            .fetch_optional(&mut *txn)
            .await?
            .ok_or_else(missing)?;
        let owner: TenantId = id(&row, "tenant")?;
        let shared = number(&row, "shared")? != 0 && self.line(txn, tenant).await?.contains(&owner);
        if owner == tenant || shared { Ok(name.as_str().to_owned()) } else { Err(missing()) }
    }

    async fn random_address(
        &self,
        txn: &mut Connection,
        mailbox: &Mailbox,
        domain: &str,
        new: &NewMasked,
    ) -> Result<Address> {
        let targets = [mailbox.address.clone()];
        let lead = Lead {
            account: Some(mailbox.id),
            label: &new.label,
            note: &new.note,
            site: &new.site,
            ..Lead::to("masked", &targets)
        };
        for _ in 0..TRIES_MAX {
            let address = crate::address::stored(&format!("{}@{domain}", random_local()?))?;
            match self.own_address(txn, mailbox.tenant, &address, lead).await {
                Err(e) if e.code == Code::Taken => {}
                made => return made.map(|()| address),
            }
        }
        Err(Error::new(Code::Internal, "", "no random address is free"))
    }

    /// A masked address whose mailbox the actor reaches.
    async fn masked_in(&self, txn: &mut Connection, actor: &Actor, address: &Address) -> Result<(TenantId, Masked)> {
        let row = query(
            "SELECT a.*, m.address AS owner FROM address a JOIN mailbox m ON m.id = a.account \
             WHERE a.domain = $1 AND a.local = $2 AND a.kind = 'masked'",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .fetch_optional(&mut *txn)
        .await?
        .ok_or_else(|| Error::not_found("address"))?;
        let (tenant, masked, owner) = (id(&row, "tenant")?, from_row(&row)?, text(&row, "owner")?);
        let object = Object::Mailbox { id: masked.mailbox, domain: domain_of(&owner) };
        let permitted = self.permit_on(txn, actor, Permission::MaskedWrite, tenant, object).await;
        permitted.map_err(|e| e.missing("address"))?;
        Ok((tenant, masked))
    }

    async fn finish_masked(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &str,
        address: &Address,
        mailbox: AccountId,
    ) -> Result<Done<Masked>> {
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(&mut work.txn)
            .await?;
        let masked = from_row(&row)?;
        self.audit(&mut work.txn, actor, id(&row, "tenant")?, action, &masked.address, &mailbox.to_string()).await?;
        let mut batch = vec![self.address_change(&mut work.txn, address).await?];
        batch.extend(self.accounts_again(&mut work.txn, &[mailbox]).await?);
        self.finish(work, masked, &batch).await
    }
}

/// Twelve letters and digits, 60 bits.
fn random_local() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
    let bytes = random::<12>()?;
    Ok(bytes.iter().filter_map(|b| LETTERS.get(usize::from(*b) % 32)).map(|b| char::from(*b)).collect())
}

fn worded(label: &str, note: &str, site: &str) -> Result<()> {
    short(label, "label")?;
    short(site, "site")?;
    if note.chars().count() > NOTE_CHARS_MAX || note.chars().any(|c| c.is_control() && c != '\n') {
        let message = format!("A note has lines of at most {NOTE_CHARS_MAX} characters in all (NOTE_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "note", message));
    }
    seen(note, "note")
}

fn from_row(row: &Row) -> Result<Masked> {
    Ok(Masked {
        address: address_of(row)?,
        mailbox: id(row, "account")?,
        label: text(row, "label")?,
        note: text(row, "note")?,
        site: text(row, "site")?,
        enabled: number(row, "enabled")? != 0,
        version: number(row, "version")?,
    })
}

//! SUMMARY    Who else may open a mailbox or send from it, and which further addresses it may send from.
//! LIMITS     DELEGATES_PER_MAILBOX_MAX, SEND_AS_PER_MAILBOX_MAX
//! INVARIANTS Mailbox and delegate, mailbox and address are of one tenant. A deleted mailbox opens nothing; a purged one is no
//!            delegate any more.

use crate::{
    Actor, Code, Done, Error, Mailbox, Permission, Result, Service, Terms,
    actor::Object,
    db::{Connection, Row, query},
    limits::{DELEGATES_PER_MAILBOX_MAX, SEND_AS_PER_MAILBOX_MAX},
    rows::{domain_of, id, json_list, number, text},
    terms::{Request, Start, Work},
};
use base::{AccountId, Address, TenantId};
use std::collections::HashMap;

/// A delegate as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegate {
    pub account: AccountId,
    /// The address of the delegate.
    pub address: String,
    pub rights: DelegateRights,
}

/// What a delegate may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DelegateRights {
    /// Opening the mailbox with their own login.
    pub open: bool,
    /// Changing what they open.
    pub write: bool,
    /// Sending from the mailbox's addresses with their own login.
    pub send_as: bool,
}

/// A mailbox that a delegate was let into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    pub account: AccountId,
    pub address: String,
    pub display_name: String,
    /// What the delegate may do there.
    pub rights: DelegateRights,
}

/// What others may do with a mailbox, and what it may do beyond its own addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sharing {
    pub delegates: Vec<Delegate>,
    /// Where it is a delegate itself; deleted mailboxes are not there.
    pub delegate_of: Vec<Shared>,
    /// Addresses that were granted.
    pub send_as: Vec<String>,
}

impl Service {
    /// Gives a mailbox a delegate, or another set of rights to the one it has. `NotFound`, `Invalid`, `LimitReached`.
    pub async fn delegate_add(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: AccountId,
        delegate: AccountId,
        rights: DelegateRights,
    ) -> Result<Done<Mailbox>> {
        if mailbox == delegate || rights == DelegateRights::default() || (rights.write && !rights.open) {
            let why = "A delegate is another mailbox that may open or send; who may write may open";
            return Err(Error::new(Code::Invalid, "delegateId", why));
        }
        let request = Request::new("delegateAdd", format!("{mailbox} {delegate} {rights:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let of = self.mailbox_in(&mut work.txn, actor, Permission::MailboxUpdate, mailbox).await?;
        work.expect(of.version)?;
        self.mate_of(&mut work.txn, actor, of.tenant, delegate).await?;
        if rights.open {
            self.may_open(&mut work.txn, actor, &of).await?;
        }
        query(
            "INSERT INTO delegate (tenant, mailbox, account, may_open, may_write, may_send_as, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (mailbox, account) \
             DO UPDATE SET may_open = $4, may_write = $5, may_send_as = $6",
        )
        .bind(of.tenant.to_string())
        .bind(mailbox.to_string())
        .bind(delegate.to_string())
        .bind(i64::from(rights.open))
        .bind(i64::from(rights.write))
        .bind(i64::from(rights.send_as))
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        let count = "SELECT COUNT(*) AS n FROM delegate WHERE mailbox = $1";
        let limit = (DELEGATES_PER_MAILBOX_MAX, "DELEGATES_PER_MAILBOX_MAX");
        within(&mut work.txn, count, mailbox, limit).await?;
        self.finish_sharing(work, actor, "delegateAdd", &of, &format!("{delegate} {rights:?}")).await
    }

    /// Takes a delegate's rights away. `NotFound` when it is none.
    pub async fn delegate_remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: AccountId,
        delegate: AccountId,
    ) -> Result<Done<Mailbox>> {
        let request = Request::new("delegateRemove", format!("{mailbox} {delegate}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let of = self.mailbox_in(&mut work.txn, actor, Permission::MailboxUpdate, mailbox).await?;
        work.expect(of.version)?;
        let gone = query("DELETE FROM delegate WHERE mailbox = $1 AND account = $2")
            .bind(mailbox.to_string())
            .bind(delegate.to_string())
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("delegateId"));
        }
        self.finish_sharing(work, actor, "delegateRemove", &of, &delegate.to_string()).await
    }

    /// Lets a mailbox send from an address of its tenant that does not lead to it alone. `NotFound`, `LimitReached`.
    pub async fn send_as_add(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: AccountId,
        address: &str,
    ) -> Result<Done<Mailbox>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let request = Request::new("sendAsAdd", format!("{mailbox} {}", address.canonical()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let of = self.mailbox_in(&mut work.txn, actor, Permission::MailboxUpdate, mailbox).await?;
        work.expect(of.version)?;
        let owner = query("SELECT tenant FROM address WHERE domain = $1 AND local = $2 AND kind <> 'tombstone'")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_optional(&mut work.txn)
            .await?;
        let owner: TenantId = id(&owner.ok_or_else(|| Error::not_found("address"))?, "tenant")?;
        if owner != of.tenant {
            return Err(Error::not_found("address"));
        }
        // Whoever lets somebody send from an address may change that address.
        let object = Object::Domain(address.domain().as_str());
        let permitted = self.permit_on(&mut work.txn, actor, Permission::AddressWrite, owner, object).await;
        permitted.map_err(|e| e.missing("address"))?;
        self.grant_send_as(&mut work.txn, owner, mailbox, &address.canonical()).await?;
        let count = "SELECT COUNT(*) AS n FROM send_as WHERE mailbox = $1";
        within(&mut work.txn, count, mailbox, (SEND_AS_PER_MAILBOX_MAX, "SEND_AS_PER_MAILBOX_MAX")).await?;
        self.finish_sharing(work, actor, "sendAsAdd", &of, &address.canonical()).await
    }

    /// Takes the right to send from an address away. `NotFound` when it was not granted.
    pub async fn send_as_remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        mailbox: AccountId,
        address: &str,
    ) -> Result<Done<Mailbox>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?.canonical();
        let request = Request::new("sendAsRemove", format!("{mailbox} {address}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let of = self.mailbox_in(&mut work.txn, actor, Permission::MailboxUpdate, mailbox).await?;
        work.expect(of.version)?;
        let gone = query("DELETE FROM send_as WHERE mailbox = $1 AND address = $2")
            .bind(mailbox.to_string())
            .bind(&address)
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("address"));
        }
        self.finish_sharing(work, actor, "sendAsRemove", &of, &address).await
    }

    pub(crate) async fn grant_send_as(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        mailbox: AccountId,
        address: &str,
    ) -> Result<()> {
        query(
            "INSERT INTO send_as (tenant, mailbox, address, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (mailbox, address) DO NOTHING",
        )
        .bind(tenant.to_string())
        .bind(mailbox.to_string())
        .bind(address)
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(())
    }

    /// A mailbox that is not deleted, of the same tenant, and that the actor reaches as it reaches the one that is opened to it.
    async fn mate_of(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId, account: AccountId) -> Result<()> {
        let missing = || Error::not_found("delegateId");
        let row = query("SELECT domain FROM mailbox WHERE id = $1 AND tenant = $2 AND live = 1")
            .bind(account.to_string())
            .bind(tenant.to_string())
            .fetch_optional(&mut *txn)
            .await?;
        let domain = text(&row.ok_or_else(missing)?, "domain")?;
        let object = Object::Mailbox { id: account, domain: &domain };
        let permitted = self.permit_on(txn, actor, Permission::MailboxUpdate, tenant, object).await;
        permitted.map_err(|e| e.missing("delegateId"))
    }

    async fn finish_sharing(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &str,
        of: &Mailbox,
        detail: &str,
    ) -> Result<Done<Mailbox>> {
        self.audit(&mut work.txn, actor, of.tenant, action, &of.id.to_string(), detail).await?;
        let batch = self.accounts_again(&mut work.txn, &[of.id]).await?;
        let mailbox = self.mailbox_row(&mut work.txn, of.id).await?;
        self.finish(work, mailbox, &batch).await
    }

    /// Delegates and granted addresses of mailboxes that the actor reaches, and where they are delegates, by their ids: three statements
    /// however many. Of delegates and of those they are let in by, others than the mailbox's own user see whom they reach.
    pub async fn sharing_of(&self, actor: &Actor, mailboxes: &[AccountId]) -> Result<HashMap<AccountId, Sharing>> {
        let reached = self.mailboxes_by_id(actor, mailboxes).await?;
        let ids = json_list(&reached.keys().collect::<Vec<_>>());
        let mut connection = self.reader(actor).await?;
        let delegates = query(
            "SELECT d.*, m.address FROM delegate d JOIN mailbox m ON m.id = d.account \
             WHERE d.mailbox IN (SELECT value FROM json_each($1)) ORDER BY m.address",
        )
        .bind(&ids)
        .fetch_all(&mut connection)
        .await?;
        let shared = query(
            "SELECT d.*, m.address, m.display_name FROM delegate d JOIN mailbox m ON m.id = d.mailbox AND m.live = 1 \
             WHERE d.account IN (SELECT value FROM json_each($1)) ORDER BY m.address",
        )
        .bind(&ids)
        .fetch_all(&mut connection)
        .await?;
        let granted =
            query("SELECT * FROM send_as WHERE mailbox IN (SELECT value FROM json_each($1)) ORDER BY address")
                .bind(&ids)
                .fetch_all(&mut connection)
                .await?;
        let mut sharing: HashMap<AccountId, Sharing> = HashMap::new();
        for row in &delegates {
            let delegate = from_row(row)?;
            if self.may_know(&mut connection, actor, row, (delegate.account, &delegate.address)).await? {
                sharing.entry(id(row, "mailbox")?).or_default().delegates.push(delegate);
            }
        }
        for row in &shared {
            if !self.may_know(&mut connection, actor, row, (id(row, "mailbox")?, &text(row, "address")?)).await? {
                continue;
            }
            sharing.entry(id(row, "account")?).or_default().delegate_of.push(Shared {
                account: id(row, "mailbox")?,
                address: text(row, "address")?,
                display_name: text(row, "display_name")?,
                rights: rights_of(row)?,
            });
        }
        for row in &granted {
            sharing.entry(id(row, "mailbox")?).or_default().send_as.push(text(row, "address")?);
        }
        Ok(sharing)
    }

    /// Whether the other mailbox of a row is shown: to the users of both, and to who reaches it.
    async fn may_know(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        row: &Row,
        (other, address): (AccountId, &str),
    ) -> Result<bool> {
        let user = actor.user();
        if user.is_some() && [id(row, "mailbox")?, id(row, "account")?].into_iter().any(|a| user == Some(a)) {
            return Ok(true);
        }
        let object = Object::Mailbox { id: other, domain: domain_of(address) };
        self.allows(connection, actor, Permission::MailboxRead, id(row, "tenant")?, object).await
    }
}

/// Whether there are not too many of them now.
async fn within(txn: &mut Connection, count: &'static str, of: AccountId, limit: (i64, &str)) -> Result<()> {
    let row = query(count).bind(of.to_string()).fetch_one(txn).await?;
    if number(&row, "n")? <= limit.0 {
        return Ok(());
    }
    Err(Error::new(Code::LimitReached, "mailboxId", format!("A mailbox has at most {} ({})", limit.0, limit.1)))
}

fn from_row(row: &Row) -> Result<Delegate> {
    Ok(Delegate { account: id(row, "account")?, address: text(row, "address")?, rights: rights_of(row)? })
}

fn rights_of(row: &Row) -> Result<DelegateRights> {
    Ok(DelegateRights {
        open: number(row, "may_open")? != 0,
        write: number(row, "may_write")? != 0,
        send_as: number(row, "may_send_as")? != 0,
    })
}

//! SUMMARY    Making mailboxes, one or many.
//! LIMITS     the tenant's max_mailboxes, checked in the transaction that creates; BULK_ITEMS_MAX, HASHES_AT_ONCE
//! INVARIANTS An account id is never given twice.

use crate::{
    Actor, Code, Done, Error, ErrorPolicy, Item, Mailbox, NewPassword, PasswordCost, Permission, Result, Service,
    Terms,
    address::Lead,
    allocation::Limit,
    bulk::bulk_size,
    db::{Connection, query},
    kind,
    limits::HASHES_AT_ONCE,
    password,
    rows::{fresh_id, fresh_number, short, to_sql},
    terms::{Request, Start},
};
use base::{AccountId, Address, TenantId};
use control::{AccountKind, Change, SendLimits};

/// Why one more is refused.
pub(crate) const FULL: &str = "The tenant has all the mailboxes it may have";

/// A mailbox to be made.
#[derive(Clone, Default)]
pub struct NewMailbox {
    pub address: String,
    pub display_name: String,
    pub password: NewPassword,
    pub quota_bytes_max: Option<u64>,
    pub kind: AccountKind,
    pub send: SendLimits,
    /// Whose it is on a shared domain; the actor's tenant when missing.
    pub tenant: Option<TenantId>,
}

/// Without the password.
impl std::fmt::Debug for NewMailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NewMailbox { address, display_name, password, quota_bytes_max, kind, send, tenant } = self;
        write!(f, "{address:?} {display_name:?} {password:?} {quota_bytes_max:?} {kind:?} {send:?} {tenant:?}")
    }
}

/// What needs no database.
pub(crate) struct Ready {
    pub(crate) address: Address,
    pub(crate) verifiers: Option<password::Verifiers>,
}

impl Service {
    /// Makes a mailbox on a domain of the tenant that owns it. `Taken`, `LimitReached`, `NotFound` (domain).
    pub async fn mailbox_create(&self, actor: &Actor, terms: &Terms, new: &NewMailbox) -> Result<Done<Mailbox>> {
        let ready = ready(new, self.password_cost).await?;
        let passwords: Vec<&str> = new.password.secret().into_iter().collect();
        let request = Request::with_passwords("mailboxCreate", format!("{new:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (mailbox, batch) = self.mailbox_made(&mut work.txn, actor, new, &ready).await?;
        self.finish(work, mailbox, &batch).await
    }

    /// Makes mailboxes in one transaction; the results stand in the order of the items.
    pub async fn mailboxes_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &[NewMailbox],
        policy: ErrorPolicy,
    ) -> Result<Done<Vec<Item<Mailbox>>>> {
        bulk_size(new.len(), "mailboxes")?;
        let ready = self.all_ready(new, self.password_cost).await?;
        let passwords: Vec<&str> = new.iter().filter_map(|n| n.password.secret()).collect();
        let request = Request::with_passwords("mailboxesCreate", format!("{policy:?} {new:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (items, batch) = self.mailboxes_made(&mut work.txn, actor, new, &ready, 0).await?;
        self.finish_bulk(work, items, &batch, policy).await
    }

    /// What needs no database, of many: the passwords of some at a time.
    pub(crate) async fn all_ready(&self, new: &[NewMailbox], cost: PasswordCost) -> Result<Vec<Result<Ready>>> {
        let mut all = Vec::with_capacity(new.len());
        for part in new.chunks(HASHES_AT_ONCE) {
            let hashing: Vec<_> =
                part.iter().cloned().map(|n| tokio::spawn(async move { ready(&n, cost).await })).collect();
            for hashed in hashing {
                all.push(hashed.await.map_err(|_| Error::new(Code::Internal, "", "hashing the password failed"))?);
            }
        }
        Ok(all)
    }

    /// One mailbox: its rows, its audit entry, what the data plane is to know.
    pub(crate) async fn mailbox_made(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &NewMailbox,
        ready: &Ready,
    ) -> Result<(Mailbox, Vec<Change>)> {
        let Ready { address, verifiers } = ready;
        let domain = address.domain().as_str();
        let tenant = self.home(txn, actor, Permission::MailboxCreate, domain, new.tenant).await?;
        self.may_lead(txn, actor, tenant, &[address.canonical()], "address").await?;
        let account = self.insert_mailbox(txn, tenant, address, new, verifiers.as_ref()).await?;
        self.audit(txn, actor, tenant, "mailboxCreate", &account.to_string(), &address.canonical()).await?;
        let batch = vec![self.account_snapshot(txn, account).await?, self.address_change(txn, address).await?];
        Ok((self.mailbox_row(txn, account).await?, batch))
    }

    /// The rows of a new mailbox, within the tenant's limit: account, password, address.
    pub(crate) async fn insert_mailbox(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        address: &Address,
        new: &NewMailbox,
        verifiers: Option<&password::Verifiers>,
    ) -> Result<AccountId> {
        short(&new.display_name, "displayName")?;
        let account = AccountId(fresh_number()?);
        // First: who asks again for what is there hears so, also at the limit.
        self.own_address(txn, tenant, address, Lead::account(account)).await?;
        self.room_for(txn, tenant, Limit::Mailboxes, 1, "address", FULL).await?;
        query(
            "INSERT INTO mailbox (id, tenant, address, domain, display_name, name_key, quota_bytes_max, kind, send_per_hour, \
             send_per_day, send_new_per_day, live, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, 1, $12)",
        )
        .bind(account.to_string())
        .bind(tenant.to_string())
        .bind(address.canonical())
        .bind(address.domain().as_str())
        .bind(&new.display_name)
        .bind(new.display_name.to_lowercase())
        .bind(to_sql(new.quota_bytes_max, "quotaBytesMax")?)
        .bind(kind::name(new.kind))
        .bind(new.send.per_hour.map(i64::from))
        .bind(new.send.per_day.map(i64::from))
        .bind(new.send.new_recipients_per_day.map(i64::from))
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        if let Some(verifiers) = verifiers {
            self.add_credential(txn, tenant, account, "password", "password", verifiers).await?;
        }
        Ok(account)
    }

    pub(crate) async fn add_credential(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        account: AccountId,
        kind: &str,
        label: &str,
        verifiers: &password::Verifiers,
    ) -> Result<String> {
        let credential = fresh_id("crd_")?;
        query(
            "INSERT INTO credential (id, tenant, mailbox, kind, label, argon2, scram, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&credential)
        .bind(tenant.to_string())
        .bind(account.to_string())
        .bind(kind)
        .bind(label)
        .bind(&verifiers.argon2)
        .bind(&verifiers.scram)
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(credential)
    }
}

pub(crate) async fn ready(new: &NewMailbox, cost: PasswordCost) -> Result<Ready> {
    let address = Address::parse(&new.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
    Ok(Ready { address, verifiers: new.password.verifiers(cost).await? })
}

//! SUMMARY    Mailboxes: a person's account with its address and credentials.
//! INVARIANTS An account id is never given twice. Deleting leaves a tombstone of the address; creating it again, by the same
//!            tenant only, makes a new account that cannot reach the old one's mail.

use crate::{
    Actor, Code, Done, Error, Hold, NewHold, Page, Permission, Result, Service, Subject, Terms,
    actor::Object,
    db::{Connection, Row, query},
    page::list,
    password,
    rows::{domain_of, id, number, optional, short, text, to_sql},
    snapshot::address_snapshot,
    terms::{Request, Start, Work},
};
use base::{AccountId, Address, TenantId};
use control::HoldKind;
use serde::{Deserialize, Serialize};

/// A mailbox as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mailbox {
    pub id: AccountId,
    pub tenant: TenantId,
    pub address: String,
    pub display_name: String,
    pub quota_bytes_max: Option<u64>,
    /// Restrictions on the mailbox itself; those on its tenant stand there.
    pub holds: Vec<Hold>,
    pub version: i64,
}

/// Changes of a mailbox; `None` leaves as it is.
#[derive(Clone, Default)]
pub struct MailboxPatch {
    pub display_name: Option<String>,
    /// `Some(None)` = unlimited.
    pub quota_bytes_max: Option<Option<u64>>,
    pub password: Option<String>,
    /// `Some(Some(reason))` suspends, `Some(None)` resumes.
    pub hold: Option<Option<String>>,
}

impl MailboxPatch {
    /// What it takes.
    fn permission(&self) -> Permission {
        match self {
            MailboxPatch { hold: Some(_), .. } => Permission::MailboxHold,
            MailboxPatch { password: Some(_), display_name: None, quota_bytes_max: None, hold: None } => {
                Permission::MailboxPassword
            }
            MailboxPatch { .. } => Permission::MailboxUpdate,
        }
    }

    /// What the audit log calls it.
    fn action(&self) -> &'static str {
        match self {
            MailboxPatch { hold: Some(Some(_)), .. } => "mailboxSuspend",
            MailboxPatch { hold: Some(None), .. } => "mailboxResume",
            MailboxPatch { password: Some(_), display_name: None, quota_bytes_max: None, hold: None } => {
                "mailboxSetPassword"
            }
            MailboxPatch { .. } => "mailboxUpdate",
        }
    }
}

/// Without the password.
impl std::fmt::Debug for MailboxPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let MailboxPatch { display_name, quota_bytes_max, password, hold } = self;
        write!(f, "{display_name:?} {quota_bytes_max:?} {} {hold:?}", password.is_some())
    }
}

impl Service {
    /// Changes a mailbox; suspends or resumes it, or sets its password.
    pub async fn mailbox_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: AccountId,
        patch: &MailboxPatch,
    ) -> Result<Done<Mailbox>> {
        let action = patch.action();
        let passwords: Vec<&str> = patch.password.iter().map(String::as_str).collect();
        let verifiers = match &patch.password {
            Some(password) => Some(password::verifiers(password, self.password_cost).await?),
            None => None,
        };
        let request = Request::with_passwords(action, format!("{account} {patch:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, patch.permission(), account).await?;
        if patch.password.is_some() {
            // Whatever else is changed by the way.
            self.mailbox_in(&mut work.txn, actor, Permission::MailboxPassword, account).await?;
            self.end_sessions(&mut work.txn, &account.to_string(), None).await?;
        }
        work.rights = patch.password.is_some() || patch.hold.is_some();
        work.expect(mailbox.version)?;
        self.apply_patch(&mut work.txn, &mailbox, patch).await?;
        if let Some(verifiers) = &verifiers {
            self.replace_password(&mut work.txn, &mailbox, verifiers).await?;
        }
        match &patch.hold {
            None => {}
            Some(None) => self.release_holds(&mut work.txn, actor, &account.to_string(), HoldKind::Admin).await?,
            Some(Some(reason)) => {
                let (on, new) = (Subject::Mailbox(account), NewHold::suspension(reason));
                self.place_hold(&mut work.txn, actor, mailbox.tenant, &on, &new).await?;
            }
        }
        self.finish_mailbox(work, actor, action, &mailbox).await
    }

    async fn apply_patch(&self, txn: &mut Connection, mailbox: &Mailbox, patch: &MailboxPatch) -> Result<()> {
        let display_name = patch.display_name.as_ref().unwrap_or(&mailbox.display_name);
        short(display_name, "displayName")?;
        let quota = patch.quota_bytes_max.unwrap_or(mailbox.quota_bytes_max);
        query("UPDATE mailbox SET display_name = $2, quota_bytes_max = $3, version = version + 1 WHERE id = $1")
            .bind(mailbox.id.to_string())
            .bind(display_name)
            .bind(to_sql(quota, "quotaBytesMax")?)
            .execute(txn)
            .await?;
        Ok(())
    }

    async fn replace_password(
        &self,
        txn: &mut Connection,
        mailbox: &Mailbox,
        verifiers: &password::Verifiers,
    ) -> Result<()> {
        query("DELETE FROM credential WHERE mailbox = $1 AND kind = 'password'")
            .bind(mailbox.id.to_string())
            .execute(&mut *txn)
            .await?;
        self.add_credential(txn, mailbox.tenant, mailbox.id, "password", "password", verifiers).await?;
        Ok(())
    }

    /// Deletes a mailbox: its address becomes a tombstone, its mail can be reached by nobody. `InUse` while it is a
    /// catch-all, `Forbidden` while a tenant above suspends it.
    pub async fn mailbox_delete(&self, actor: &Actor, terms: &Terms, account: AccountId) -> Result<Done<Mailbox>> {
        let request = Request::new("mailboxDelete", account.to_string());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MailboxDelete, account).await?;
        work.expect(mailbox.version)?;
        self.no_foreign_hold(&mut work.txn, actor, &mailbox).await?;
        let address = Address::parse(&mailbox.address).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        self.not_catch_all(&mut work.txn, &address, "mailboxId").await?;
        let key = account.to_string();
        work.rights = true;
        query("UPDATE mailbox SET live = 0, version = version + 1 WHERE id = $1")
            .bind(&key)
            .execute(&mut work.txn)
            .await?;
        query("UPDATE address SET kind = 'tombstone', account = NULL, version = version + 1 WHERE account = $1")
            .bind(&key)
            .execute(&mut work.txn)
            .await?;
        query("DELETE FROM credential WHERE mailbox = $1").bind(&key).execute(&mut work.txn).await?;
        self.finish_mailbox(work, actor, "mailboxDelete", &mailbox).await
    }

    /// A mailbox that a tenant above suspends stays: making it again would end the suspension.
    async fn no_foreign_hold(&self, txn: &mut Connection, actor: &Actor, mailbox: &Mailbox) -> Result<()> {
        for hold in &mailbox.holds {
            if !self.is_above(&mut *txn, actor, hold.placed_by).await? {
                let message = "A tenant above suspended the mailbox; it stays until that ends";
                return Err(Error::new(Code::Forbidden, "mailboxId", message));
            }
        }
        Ok(())
    }

    pub async fn mailbox(&self, actor: &Actor, account: AccountId) -> Result<Mailbox> {
        let mut connection = self.pool().acquire().await?;
        self.mailbox_in(&mut connection, actor, Permission::MailboxRead, account).await
    }

    /// Live mailboxes of a tenant that the actor reaches, by id, a page of them; and how many there are.
    pub async fn mailboxes(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Mailbox>, i64)> {
        let mut connection = self.pool().acquire().await?;
        let reach = self.reach(&mut connection, actor, Permission::MailboxRead, tenant).await?;
        let mut scope = vec![tenant.to_string()];
        let list = match reach.whole {
            true => list!("mailbox WHERE tenant = $1 AND live = 1", by "id", "$2", "$3"),
            false => {
                scope.extend([reach.mailbox_list(), reach.domain_list()]);
                list!(
                    "mailbox WHERE tenant = $1 AND live = 1 AND (id IN (SELECT value FROM json_each($2)) OR id IN \
                     (SELECT a.account FROM address a WHERE a.domain IN (SELECT value FROM json_each($3)) \
                     AND a.local || '@' || a.domain = mailbox.address))",
                    by "id", "$4", "$5"
                )
            }
        };
        let from = page.from::<AccountId>()?;
        let (rows, count) = page.rows(&mut connection, &list, &scope, vec![from.into()]).await?;
        Ok((self.mailboxes_of(&mut connection, &rows).await?, count))
    }

    pub(crate) async fn finish_mailbox(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &str,
        before: &Mailbox,
    ) -> Result<Done<Mailbox>> {
        self.audit(&mut work.txn, actor, before.tenant, action, &before.id.to_string(), &before.address).await?;
        let mut batch = vec![self.account_snapshot(&mut work.txn, before.id).await?];
        if let Ok(address) = Address::parse(&before.address) {
            batch.push(self.address_change(&mut work.txn, &address).await?);
        }
        let mailbox = self.mailbox_row(&mut work.txn, before.id).await?;
        self.finish(work, mailbox, &batch).await
    }

    pub(crate) async fn address_change(&self, txn: &mut Connection, address: &Address) -> Result<control::Change> {
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(txn)
            .await?;
        address_snapshot(&row)
    }

    pub(crate) async fn mailbox_row(&self, txn: &mut Connection, account: AccountId) -> Result<Mailbox> {
        let row = query("SELECT * FROM mailbox WHERE id = $1").bind(account.to_string()).fetch_all(&mut *txn).await?;
        self.mailboxes_of(txn, &row).await?.pop().ok_or_else(|| Error::not_found("mailboxId"))
    }

    /// Mailboxes of rows, with their holds.
    pub(crate) async fn mailboxes_of(&self, txn: &mut Connection, rows: &[Row]) -> Result<Vec<Mailbox>> {
        let ids: Vec<AccountId> = rows.iter().map(|r| id(r, "id")).collect::<Result<_>>()?;
        let mut holds = self.mailbox_holds(txn, &ids).await?;
        rows.iter().zip(&ids).map(|(row, id)| from_row(row, holds.of(&id.to_string()))).collect()
    }

    /// A live mailbox the actor reaches.
    pub(crate) async fn mailbox_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        account: AccountId,
    ) -> Result<Mailbox> {
        let missing = || Error::not_found("mailboxId");
        let mailbox = self.mailbox_row(txn, account).await?;
        let object = Object::Mailbox { id: account, domain: domain_of(&mailbox.address) };
        let permitted = self.permit_on(txn, actor, permission, mailbox.tenant, object).await;
        permitted.map_err(|e| e.missing("mailboxId"))?;
        let live = query("SELECT live FROM mailbox WHERE id = $1").bind(account.to_string()).fetch_one(txn).await?;
        if number(&live, "live")? == 0 { Err(missing()) } else { Ok(mailbox) }
    }
}

fn from_row(row: &Row, holds: Vec<Hold>) -> Result<Mailbox> {
    Ok(Mailbox {
        id: id(row, "id")?,
        tenant: id(row, "tenant")?,
        address: text(row, "address")?,
        display_name: text(row, "display_name")?,
        quota_bytes_max: optional(row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
        holds,
        version: number(row, "version")?,
    })
}

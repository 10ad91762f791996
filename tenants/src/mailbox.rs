//! SUMMARY    Mailboxes: an account with its address and credentials.
//! INVARIANTS An account id is never given twice. A purged mailbox does not exist for anybody.

use crate::{
    Actor, Done, Error, Hold, MailboxState, NewHold, NewPassword, Permission, Result, Service, Subject, Terms,
    actor::Object,
    db::{Connection, Row, query},
    hold::HoldsOf,
    kind, password,
    rows::{domain_of, id, number, optional, short, text, to_sql},
    terms::{Request, Start, Work},
};
use base::{AccountId, Address, TenantId};
use control::{AccountKind, HoldKind, SendLimits};
use serde::{Deserialize, Serialize};

/// The beginning of a statement whose rows are mailboxes `m` as shown: with whether there is a password, and whether there are
/// holds, so that nearly always no other statement is needed.
macro_rules! shown {
    () => {
        "SELECT m.*, CASE WHEN EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.id AND c.kind = 'password') \
         THEN 1 ELSE 0 END AS has_password, CASE WHEN EXISTS (SELECT 1 FROM hold h WHERE h.subject = m.id \
         AND h.released_at IS NULL) THEN 1 ELSE 0 END AS is_held"
    };
}
pub(crate) use shown;

/// A mailbox as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mailbox {
    pub id: AccountId,
    pub tenant: TenantId,
    pub address: String,
    pub display_name: String,
    pub quota_bytes_max: Option<u64>,
    pub kind: AccountKind,
    pub state: MailboxState,
    /// Recipients it may send to.
    pub send: SendLimits,
    /// Whether it has a password of its own.
    pub has_password: bool,
    /// Restrictions on the mailbox itself; those on its tenant stand there.
    pub holds: Vec<Hold>,
    pub created_at_ms: i64,
    pub deleted_at_ms: Option<i64>,
    /// When a deleted one is gone for ever.
    pub purge_at_ms: Option<i64>,
    pub version: i64,
    /// App passwords that ended with the change that this is the answer to.
    #[serde(default)]
    pub ended_app_passwords: u64,
}

/// Changes of sending limits; `None` leaves as it is, `Some(None)` = unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendPatch {
    pub per_hour: Option<Option<u32>>,
    pub per_day: Option<Option<u32>>,
    pub new_recipients_per_day: Option<Option<u32>>,
}

impl SendPatch {
    /// The limits after the change.
    pub fn over(&self, now: SendLimits) -> SendLimits {
        SendLimits {
            per_hour: self.per_hour.unwrap_or(now.per_hour),
            per_day: self.per_day.unwrap_or(now.per_day),
            new_recipients_per_day: self.new_recipients_per_day.unwrap_or(now.new_recipients_per_day),
        }
    }
}

/// Changes of a mailbox; `None` leaves as it is.
#[derive(Clone, Default)]
pub struct MailboxPatch {
    pub display_name: Option<String>,
    /// `Some(None)` = unlimited.
    pub quota_bytes_max: Option<Option<u64>>,
    pub password: Option<NewPassword>,
    pub kind: Option<AccountKind>,
    pub send: SendPatch,
    /// `Some(Some(reason))` suspends, `Some(None)` resumes.
    pub hold: Option<Option<String>>,
}

impl MailboxPatch {
    /// Whether it sets the password and nothing else.
    fn sets_password(&self) -> bool {
        let MailboxPatch { display_name, quota_bytes_max, password, kind, send, hold } = self;
        let others = display_name.is_some() || quota_bytes_max.is_some() || kind.is_some() || hold.is_some();
        password.is_some() && !others && *send == SendPatch::default()
    }

    /// What it takes.
    fn permission(&self) -> Permission {
        match self {
            MailboxPatch { hold: Some(_), .. } => Permission::MailboxHold,
            patch if patch.sets_password() => Permission::MailboxPassword,
            MailboxPatch { .. } => Permission::MailboxUpdate,
        }
    }

    /// What the audit log calls it.
    fn action(&self) -> &'static str {
        match self {
            MailboxPatch { hold: Some(Some(_)), .. } => "mailboxSuspend",
            MailboxPatch { hold: Some(None), .. } => "mailboxResume",
            patch if patch.sets_password() => "mailboxSetPassword",
            MailboxPatch { .. } => "mailboxUpdate",
        }
    }
}

/// Without the password.
impl std::fmt::Debug for MailboxPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let MailboxPatch { display_name, quota_bytes_max, password, kind, send, hold } = self;
        write!(f, "{display_name:?} {quota_bytes_max:?} {password:?} {kind:?} {send:?} {hold:?}")
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
        // The user of a mailbox gives it another password, after showing the one before.
        let is_own = actor.user() == Some(account) && patch.sets_password();
        if is_own {
            self.sensitive(actor, "personSetPassword")?;
        }
        let permission = if is_own { Permission::CredentialWrite } else { patch.permission() };
        let passwords: Vec<&str> = patch.password.iter().filter_map(NewPassword::secret).collect();
        let verifiers = match &patch.password {
            Some(password) => password.verifiers(self.password_cost).await?,
            None => None,
        };
        let request = Request::with_passwords(action, format!("{account} {patch:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, permission, account).await?;
        if patch.password.is_some() {
            if !is_own {
                // Whatever else is changed by the way.
                self.mailbox_in(&mut work.txn, actor, Permission::MailboxPassword, account).await?;
            }
            self.may_open(&mut work.txn, actor, &mailbox).await?;
            // A password is no right that anybody acts by: without a sign-in nobody need ask anew.
            work.rights = self.end_sessions(&mut work.txn, &account.to_string(), actor.own_session(account)).await?;
        }
        work.rights |= patch.hold.is_some();
        work.expect(mailbox.version)?;
        self.apply_patch(&mut work.txn, &mailbox, patch).await?;
        let mut ended = 0;
        if let Some(verifiers) = &verifiers {
            ended = self.replace_password(&mut work.txn, actor, &mailbox, verifiers).await?;
        }
        match &patch.hold {
            None => {}
            Some(None) => self.release_holds(&mut work.txn, actor, &account.to_string(), HoldKind::Admin).await?,
            Some(Some(reason)) => {
                let (on, new) = (Subject::Mailbox(account), NewHold::suspension(reason));
                self.place_hold(&mut work.txn, actor, mailbox.tenant, &on, &new).await?;
            }
        }
        self.finish_mailbox(work, actor, action, &Mailbox { ended_app_passwords: ended, ..mailbox }).await
    }

    pub(crate) async fn apply_patch(
        &self,
        txn: &mut Connection,
        mailbox: &Mailbox,
        patch: &MailboxPatch,
    ) -> Result<()> {
        let display_name = patch.display_name.as_ref().unwrap_or(&mailbox.display_name);
        // What was there before stays.
        short(patch.display_name.as_deref().unwrap_or(""), "displayName")?;
        let quota = patch.quota_bytes_max.unwrap_or(mailbox.quota_bytes_max);
        let send = patch.send.over(mailbox.send);
        query(
            "UPDATE mailbox SET display_name = $2, name_key = $3, quota_bytes_max = $4, kind = $5, send_per_hour = $6, \
             send_per_day = $7, send_new_per_day = $8, version = version + 1 WHERE id = $1",
        )
        .bind(mailbox.id.to_string())
        .bind(display_name)
        .bind(display_name.to_lowercase())
        .bind(to_sql(quota, "quotaBytesMax")?)
        .bind(kind::name(patch.kind.unwrap_or(mailbox.kind)))
        .bind(send.per_hour.map(i64::from))
        .bind(send.per_day.map(i64::from))
        .bind(send.new_recipients_per_day.map(i64::from))
        .execute(txn)
        .await?;
        Ok(())
    }

    /// Gives a mailbox another password. The first one after a security hold was placed ends all app passwords: whoever had the
    /// old one may have made them. Gives how many ended.
    pub(crate) async fn replace_password(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        mailbox: &Mailbox,
        verifiers: &password::Verifiers,
    ) -> Result<u64> {
        let ended = self.end_stolen(txn, actor, mailbox).await?;
        query("DELETE FROM credential WHERE mailbox = $1 AND kind = 'password'")
            .bind(mailbox.id.to_string())
            .execute(&mut *txn)
            .await?;
        self.add_credential(txn, mailbox.tenant, mailbox.id, "password", "password", verifiers).await?;
        Ok(ended)
    }

    /// Ends the app passwords of a mailbox whose password has been there since before a security hold on it, its domain or the
    /// password itself, open or over.
    async fn end_stolen(&self, txn: &mut Connection, actor: &Actor, mailbox: &Mailbox) -> Result<u64> {
        let (key, domain) = (mailbox.id.to_string(), domain_of(&mailbox.address));
        let held = query(
            "SELECT 1 AS n FROM hold h WHERE h.kind = 'security' AND (h.subject IN ($1, $2) OR h.subject IN \
             (SELECT id FROM credential WHERE mailbox = $1 AND kind = 'password')) AND h.placed_at >= \
             COALESCE((SELECT MAX(created_at) FROM credential WHERE mailbox = $1 AND kind = 'password'), 0) LIMIT 1",
        )
        .bind(&key)
        .bind(domain)
        .fetch_optional(&mut *txn)
        .await?;
        if held.is_none() {
            return Ok(0);
        }
        let ended = query("DELETE FROM credential WHERE mailbox = $1 AND kind = 'app' RETURNING id")
            .bind(&key)
            .fetch_all(&mut *txn)
            .await?;
        for row in &ended {
            self.audit(txn, actor, mailbox.tenant, "appPasswordRevoke", &key, &text(row, "id")?).await?;
        }
        Ok(ended.len() as u64)
    }

    /// A mailbox, also one that can still be restored.
    pub async fn mailbox(&self, actor: &Actor, account: AccountId) -> Result<Mailbox> {
        let mut connection = self.reader(actor).await?;
        self.mailbox_or_deleted(&mut connection, actor, Permission::MailboxRead, account).await
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
        let mut mailbox = self.mailbox_row(&mut work.txn, before.id).await?;
        mailbox.ended_app_passwords = before.ended_app_passwords;
        self.finish(work, mailbox, &batch).await
    }

    pub(crate) async fn mailbox_row(&self, txn: &mut Connection, account: AccountId) -> Result<Mailbox> {
        let row =
            query(concat!(shown!(), " FROM mailbox m WHERE m.id = $1 AND (m.live = 1 OR m.purge_at IS NOT NULL)"))
                .bind(account.to_string())
                .fetch_all(&mut *txn)
                .await?;
        self.mailboxes_of(txn, &row).await?.pop().ok_or_else(|| Error::not_found("mailboxId"))
    }

    /// Mailboxes of rows of `shown!`, with their holds: those are asked for where there are some.
    pub(crate) async fn mailboxes_of(&self, txn: &mut Connection, rows: &[Row]) -> Result<Vec<Mailbox>> {
        let mut held: Vec<AccountId> = Vec::new();
        for row in rows {
            if number(row, "is_held")? != 0 {
                held.push(id(row, "id")?);
            }
        }
        let mut holds = match held.is_empty() {
            true => HoldsOf::default(),
            false => self.mailbox_holds(txn, &held).await?,
        };
        rows.iter().map(|row| from_row(row, holds.of(&text(row, "id")?))).collect()
    }

    /// A mailbox that is not deleted, which the actor reaches.
    pub(crate) async fn mailbox_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        account: AccountId,
    ) -> Result<Mailbox> {
        let mailbox = self.mailbox_or_deleted(txn, actor, permission, account).await?;
        if mailbox.state == MailboxState::Deleted { Err(Error::not_found("mailboxId")) } else { Ok(mailbox) }
    }

    /// A mailbox the actor reaches, also one that can still be restored.
    pub(crate) async fn mailbox_or_deleted(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        account: AccountId,
    ) -> Result<Mailbox> {
        let mailbox = self.mailbox_row(txn, account).await?;
        let object = Object::Mailbox { id: account, domain: domain_of(&mailbox.address) };
        let permitted = self.permit_on(txn, actor, permission, mailbox.tenant, object).await;
        permitted.map_err(|e| e.missing("mailboxId"))?;
        Ok(mailbox)
    }
}

fn from_row(row: &Row, holds: Vec<Hold>) -> Result<Mailbox> {
    let state = match (number(row, "live")? != 0, holds.is_empty()) {
        (false, _) => MailboxState::Deleted,
        (true, true) => MailboxState::Active,
        (true, false) => MailboxState::Restricted,
    };
    Ok(Mailbox {
        id: id(row, "id")?,
        tenant: id(row, "tenant")?,
        address: text(row, "address")?,
        display_name: text(row, "display_name")?,
        quota_bytes_max: optional(row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
        kind: kind::of(row)?,
        state,
        send: kind::send_limits(row)?,
        has_password: number(row, "has_password")? != 0,
        holds,
        created_at_ms: number(row, "created_at")?,
        deleted_at_ms: optional(row, "deleted_at")?,
        purge_at_ms: optional(row, "purge_at")?,
        version: number(row, "version")?,
        ended_app_passwords: 0,
    })
}

//! SUMMARY    Expunged mail that can be brought back: for how many days, what there is, and bringing it back.
//! SECURITY   Who manages a mailbox sees when something was deleted and how large it is; senders and subjects are told to the
//!            mailbox's own user alone. A hold that keeps from reading, or a security hold, keeps its user from both.
//! LIMITS     EMAIL_RECOVERY_DAYS, EMAIL_RECOVERY_DAYS_MAX, EMAILS_RECOVERED_MAX
//! INVARIANTS The data plane is not asked inside of a transaction. An email comes back once, whoever asks how often.

use crate::{
    Actor, Code, Done, Error, Mailbox, Permission, Result, Service, Tenant, Terms,
    db::{Connection, Row, query},
    hold::standing,
    limits::{EMAIL_RECOVERY_DAYS, EMAIL_RECOVERY_DAYS_MAX, EMAILS_RECOVERED_MAX},
    rows::{domain_of, id, optional},
    terms::{Request, Start},
};
use base::{AccountId, TenantId};
use control::{ControlError, ExpungedAsked, ExpungedOrder, ExpungedPage, ExpungedPlace, ExpungedRestored};

impl Service {
    /// A page of what can be brought back of a mailbox, the latest first.
    pub async fn expunged(
        &self,
        actor: &Actor,
        account: AccountId,
        before: Option<ExpungedPlace>,
        limit: u32,
    ) -> Result<ExpungedPage> {
        let mut connection = self.reader(actor).await?;
        let mailbox = self.mailbox_in(&mut connection, actor, Permission::MailboxRead, account).await?;
        self.may_recover(&mut connection, actor, &mailbox, Permission::MailboxRead).await?;
        drop(connection);
        let contents = actor.user() == Some(account);
        let asked = ExpungedAsked { tenant: mailbox.tenant, account, before, limit, contents };
        self.relay.control.expunged(asked).await.map_err(away)
    }

    /// Brings expunged emails of a mailbox back into it. `Invalid` for none or more than EMAILS_RECOVERED_MAX; where the mailbox is full on the way, the
    /// answer says so.
    pub async fn emails_recover(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: AccountId,
        places: &[ExpungedPlace],
    ) -> Result<Done<ExpungedRestored>> {
        if places.is_empty() || places.len() > EMAILS_RECOVERED_MAX {
            let message = format!("1 to {EMAILS_RECOVERED_MAX} emails at once (EMAILS_RECOVERED_MAX)");
            return Err(Error::new(Code::Invalid, "emailIds", message));
        }
        let request = || Request::new("emailsRecover", format!("{account} {places:?}"));
        let mut work = match self.start(actor, terms, request()).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MailboxRead, account).await?;
        self.may_recover(&mut work.txn, actor, &mailbox, Permission::MailboxUpdate).await?;
        // Said before it is done: whoever goes away meanwhile, or a crash, leaves no mail that came back unsaid.
        let mut asked = places.to_vec();
        asked.sort_unstable();
        asked.dedup();
        let detail = format!("{} emails asked for", asked.len());
        self.audit(&mut work.txn, actor, mailbox.tenant, "emailsRecover", &account.to_string(), &detail).await?;
        match terms.dry_run {
            true => work.txn.rollback().await?,
            false => work.txn.commit().await?,
        }
        let order = ExpungedOrder { tenant: mailbox.tenant, account, places: asked, dry_run: terms.dry_run };
        let restored = self.relay.control.restore_expunged(order).await.map_err(away)?;
        match self.start(actor, terms, request()).await? {
            Start::Fresh(work) => self.finish(work, restored, &[]).await,
            Start::Repeated(done) => Ok(done),
        }
    }

    /// The user of a mailbox, unless a hold keeps from reading it, or a security hold is on it; others need the permission on it.
    async fn may_recover(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        mailbox: &Mailbox,
        permission: Permission,
    ) -> Result<()> {
        if actor.user() == Some(mailbox.id) {
            self.may_read(txn, mailbox).await?;
            return self.not_stolen(txn, actor, mailbox).await;
        }
        self.mailbox_in(txn, actor, permission, mailbox.id).await.map(drop)
    }

    async fn may_read(&self, txn: &mut Connection, mailbox: &Mailbox) -> Result<()> {
        let (domain, key) = (domain_of(&mailbox.address), mailbox.id.to_string());
        let mut own = self.holds_on(txn, &[domain, key.as_str()]).await?;
        let all = [self.seen_holds(txn, mailbox.tenant).await?, own.of(domain), own.of(&key)].concat();
        let (capabilities, reason, _) = standing(&all);
        if capabilities.mail_read {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, "", format!("A hold keeps from reading the mailbox: {reason}")))
    }

    /// For how many days expunged mail of a tenant is kept: as it, or the nearest above that says so, has it.
    pub(crate) async fn email_recovery(&self, txn: &mut Connection, tenant: &Row) -> Result<u32> {
        if let Some(own) = days(tenant)? {
            return Ok(own);
        }
        let said = self.days_above(txn, id(tenant, "id")?, "email_recovery_days").await?;
        Ok(said.and_then(|days| u32::try_from(days).ok()).unwrap_or(EMAIL_RECOVERY_DAYS))
    }

    /// Says for how many days expunged mail of a tenant, and of those below without a word of their own, can be brought back; 0: not at
    /// all, `None`: as the tenant above. Fewer days forget what is older.
    pub async fn email_recovery_set(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        days: Option<u32>,
    ) -> Result<Done<Tenant>> {
        if days.is_some_and(|d| d > EMAIL_RECOVERY_DAYS_MAX) {
            let message = format!("At most {EMAIL_RECOVERY_DAYS_MAX} days (EMAIL_RECOVERY_DAYS_MAX)");
            return Err(Error::new(Code::Invalid, "days", message));
        }
        let request = Request::new("emailRecoverySet", format!("{tenant} {days:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::TenantUpdate, tenant).await?;
        let before = self.tenant_in(&mut work.txn, tenant).await?;
        work.expect(before.version)?;
        query("UPDATE tenant SET email_recovery_days = $2 WHERE id = $1")
            .bind(tenant.to_string())
            .bind(days.map(i64::from))
            .execute(&mut work.txn)
            .await?;
        let batch = self.entitlements_below(&mut work.txn, tenant).await?;
        let detail = days.map(|d| d.to_string()).unwrap_or_default();
        self.audit(&mut work.txn, actor, tenant, "emailRecoverySet", &tenant.to_string(), &detail).await?;
        let after = self.tenant_in(&mut work.txn, tenant).await?;
        self.finish(work, after, &batch).await
    }
}

/// What a tenant says itself.
pub(crate) fn days(tenant: &Row) -> Result<Option<u32>> {
    Ok(optional(tenant, "email_recovery_days")?.and_then(|d| u32::try_from(d).ok()))
}

fn away(e: ControlError) -> Error {
    match e {
        ControlError::Unavailable(why) => {
            tracing::warn!(%why, "the data plane does not tell of expunged mail");
            Error::new(Code::Unavailable, "", "The mail server does not answer: ask again in a moment")
        }
        ControlError::Invalid(why) => Error::new(Code::Invalid, "emailIds", why),
    }
}

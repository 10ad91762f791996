//! SUMMARY    App passwords: generated, one for each device or program, revoked alone.
//! SECURITY   Shown once; only verifiers are kept. Repeating a request by its key cannot show the same password again: the
//!            credential gets a fresh one, and the former ends.
//! LIMITS     APP_PASSWORDS_SHOWN

use crate::{
    Actor, Code, Done, Error, Mailbox, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    limits::APP_PASSWORDS_SHOWN,
    password,
    rows::{number, short, text},
    terms::{Request, Start},
};
use base::AccountId;

/// A generated password.
#[derive(Debug, Clone)]
pub struct AppPassword {
    /// Id by which it is revoked.
    pub id: String,
    /// Shown now and never again; none in a dry run.
    pub secret: Option<String>,
}

/// An app password as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPasswordListed {
    /// Id by which it is revoked.
    pub id: String,
    pub label: String,
    pub created_at_ms: i64,
}

impl Service {
    /// App passwords of a mailbox, oldest first, APP_PASSWORDS_SHOWN at most. `NotFound`.
    pub async fn app_passwords(&self, actor: &Actor, account: AccountId) -> Result<Vec<AppPasswordListed>> {
        let mut connection = self.reader(actor).await?;
        self.mailbox_or_deleted(&mut connection, actor, Permission::CredentialRead, account).await?;
        let rows = query(
            "SELECT id, label, created_at FROM credential WHERE mailbox = $1 AND kind = 'app' ORDER BY created_at, id LIMIT $2",
        )
        .bind(account.to_string())
        .bind(APP_PASSWORDS_SHOWN)
        .fetch_all(&mut connection)
        .await?;
        let listed = |row: &Row| {
            let (id, label) = (text(row, "id")?, text(row, "label")?);
            Ok(AppPasswordListed { id, label, created_at_ms: number(row, "created_at")? })
        };
        rows.iter().map(listed).collect()
    }

    /// Adds a generated password for one device.
    pub async fn app_password_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: AccountId,
        label: &str,
    ) -> Result<Done<AppPassword>> {
        short(label, "label")?;
        let generated = password::generate()?;
        let verifiers = password::app_verifiers(&generated).await?;
        let request = Request::new("appPasswordCreate", format!("{account} {label:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) if terms.dry_run => return Ok(done.map(|id| AppPassword { id, secret: None })),
            Start::Repeated(done) => return self.shown_again(actor, account, done.object, generated, &verifiers).await,
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::CredentialWrite, account).await?;
        self.may_open(&mut work.txn, actor, &mailbox).await?;
        work.expect(mailbox.version)?;
        let id = self.add_credential(&mut work.txn, mailbox.tenant, account, "app", label, &verifiers).await?;
        self.raise(&mut work.txn, account).await?;
        self.audit(&mut work.txn, actor, mailbox.tenant, "appPasswordCreate", &account.to_string(), &id).await?;
        let batch = [self.account_snapshot(&mut work.txn, account).await?];
        let secret = (!terms.dry_run).then_some(generated);
        Ok(self.finish(work, id, &batch).await?.map(|id| AppPassword { id, secret }))
    }

    /// The answer to a repeated request: the same credential, with a fresh password.
    async fn shown_again(
        &self,
        actor: &Actor,
        account: AccountId,
        id: String,
        generated: String,
        verifiers: &password::Verifiers,
    ) -> Result<Done<AppPassword>> {
        let request = Request::new("appPasswordCreate", String::new());
        let mut work = match self.start::<String>(actor, &Terms::default(), request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(_) => return Err(Error::new(Code::Internal, "", "a request without a key was repeated")),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::CredentialWrite, account).await?;
        self.may_open(&mut work.txn, actor, &mailbox).await?;
        let changed = query("UPDATE credential SET argon2 = $3, scram = $4 WHERE id = $1 AND mailbox = $2")
            .bind(&id)
            .bind(account.to_string())
            .bind(&verifiers.argon2)
            .bind(&verifiers.scram)
            .execute(&mut work.txn)
            .await?;
        if changed == 0 {
            return Err(Error::new(Code::NotFound, "", "The app password made by this key was revoked"));
        }
        self.raise(&mut work.txn, account).await?;
        self.audit(&mut work.txn, actor, mailbox.tenant, "appPasswordCreate", &account.to_string(), &id).await?;
        let batch = [self.account_snapshot(&mut work.txn, account).await?];
        let secret = Some(generated);
        Ok(self.finish(work, id, &batch).await?.map(|id| AppPassword { id, secret }))
    }

    /// Revokes an app password; sessions it opened end with the next login check.
    pub async fn app_password_revoke(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: AccountId,
        credential: &str,
    ) -> Result<Done<Mailbox>> {
        let request = Request::new("appPasswordRevoke", format!("{account} {credential}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::CredentialWrite, account).await?;
        work.expect(mailbox.version)?;
        let gone = query("DELETE FROM credential WHERE id = $1 AND mailbox = $2 AND kind = 'app'")
            .bind(credential)
            .bind(account.to_string())
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("id"));
        }
        self.raise(&mut work.txn, account).await?;
        self.finish_mailbox(work, actor, "appPasswordRevoke", &mailbox).await
    }

    async fn raise(&self, txn: &mut Connection, account: AccountId) -> Result<()> {
        query("UPDATE mailbox SET version = version + 1 WHERE id = $1").bind(account.to_string()).execute(txn).await?;
        Ok(())
    }
}

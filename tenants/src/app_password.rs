//! SUMMARY    App passwords: generated, one for each device or program, revoked alone.
//! SECURITY   Shown once; only verifiers are kept.

use crate::{Actor, Applied, Error, Result, Service, password};
use base::AccountId;

impl Service {
    /// Adds a generated password for one device; it is shown now and never again.
    pub async fn app_password_create(
        &self,
        actor: &Actor,
        account: AccountId,
        label: &str,
    ) -> Result<(String, String, Applied)> {
        let generated = password::generate()?;
        let verifiers = password::verifiers(&generated, self.password_cost).await?;
        let mut txn = self.begin_as(actor).await?;
        let mailbox = self.mailbox_in(&mut txn, actor, account).await?;
        let credential = self.add_credential(&mut txn, mailbox.tenant, account, "app", label, &verifiers).await?;
        sqlx::query("UPDATE mailbox SET version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .execute(&mut *txn)
            .await?;
        let (_, applied) = self.finish_mailbox(txn, actor, "appPasswordCreate", &mailbox).await?;
        Ok((credential, generated, applied))
    }

    /// Revokes an app password; sessions it opened end with the next login check.
    pub async fn app_password_revoke(&self, actor: &Actor, account: AccountId, credential: &str) -> Result<Applied> {
        let mut txn = self.begin_as(actor).await?;
        let mailbox = self.mailbox_in(&mut txn, actor, account).await?;
        let gone = sqlx::query("DELETE FROM credential WHERE id = $1 AND mailbox = $2 AND kind = 'app'")
            .bind(credential)
            .bind(account.to_string())
            .execute(&mut *txn)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(Error::not_found("credentialId"));
        }
        sqlx::query("UPDATE mailbox SET version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .execute(&mut *txn)
            .await?;
        Ok(self.finish_mailbox(txn, actor, "appPasswordRevoke", &mailbox).await?.1)
    }
}

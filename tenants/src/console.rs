//! SUMMARY    The operator on the machine itself: who holds the data folder acts without a token.
//! SECURITY   The caller has checked that it is the machine's operator who asks. The audit log says `ctl` and by whom.

use crate::{Actor, Code, Error, Mailbox, Permission, Permissions, Result, Service, db::query, rows::id};
use base::{Address, TenantId};

impl Service {
    /// Whether the database answers; `Err` says why not.
    pub async fn health(&self) -> std::result::Result<(), String> {
        let asked = async {
            let mut connection = self.pool().acquire().await?;
            query("SELECT 1").fetch_optional(&mut connection).await
        };
        asked.await.map(drop).map_err(|_| "the database does not answer".to_owned())
    }

    /// The machine's operator, `who` by name. `NotFound` before the first start made the provider.
    pub async fn console(&self, who: &str) -> Result<Actor> {
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT id FROM tenant WHERE parent IS NULL").fetch_optional(&mut connection).await?;
        let provider = id(&row.ok_or_else(|| Error::not_found("provider"))?, "id")?;
        Ok(Actor::of(provider, Permissions::all(), true, format!("ctl {who}")))
    }

    /// Notes in a tenant's audit log what an operator is about to do in the data plane: `action` of each object, with its detail.
    pub async fn note(
        &self,
        actor: &Actor,
        tenant: TenantId,
        action: &str,
        objects: &[(String, String)],
    ) -> Result<()> {
        let mut work = self.begin().await?;
        self.permit(&mut work, actor, Permission::TenantRead, tenant).await?;
        self.audit_each(&mut work, actor, tenant, action, objects).await?;
        work.commit().await
    }

    /// The mailbox of an address that the actor reaches, also one that can still be restored; an alias is none.
    pub async fn mailbox_by_address(&self, actor: &Actor, address: &str) -> Result<Mailbox> {
        let address = Address::parse(address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        let mut connection = self.reader(actor).await?;
        let row = query("SELECT account FROM address WHERE domain = $1 AND local = $2 AND kind = 'account'")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_optional(&mut connection)
            .await?;
        let account = id(&row.ok_or_else(|| Error::not_found("address"))?, "account")?;
        self.mailbox_or_deleted(&mut connection, actor, Permission::MailboxRead, account).await
    }
}

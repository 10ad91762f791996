//! SUMMARY    Open holds of a tenant and all below it, with whose they are: what an abuse desk works on.
//! LIMITS     HOLD_KINDS_MAX

use super::{Hold, Subject, policy, read::from_row};
use crate::{
    Actor, Code, Error, Page, Permission, Result, Service,
    db::{Connection, query},
    limits::HOLD_KINDS_MAX,
    page::list,
    rows::{id, json_list, text},
};
use base::{AccountId, TenantId};
use control::HoldKind;
use std::collections::HashMap;

/// An open hold, and whose what it is on is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldListed {
    pub hold: Hold,
    pub tenant: TenantId,
    pub tenant_name: String,
    /// The mailbox that it is on, or whose password it is on.
    pub mailbox: Option<AccountId>,
    pub address: Option<String>,
}

/// What of a hold's subject is known: mailbox and address. What its owner calls a password is nobody else's (decision 0026).
type Known = (AccountId, String);

impl Service {
    /// Open holds on a tenant, on those below it and on what is theirs, a page of them by id; and how many there are. Of all kinds, when
    /// none is named.
    pub async fn holds(
        &self,
        actor: &Actor,
        tenant: TenantId,
        kinds: &[HoldKind],
        page: &Page,
    ) -> Result<(Vec<HoldListed>, i64)> {
        if kinds.len() > HOLD_KINDS_MAX {
            let message = format!("At most {HOLD_KINDS_MAX} kinds (HOLD_KINDS_MAX)");
            return Err(Error::new(Code::Invalid, "kinds", message));
        }
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantHold, tenant).await?;
        // Below the root are all: nothing is looked for.
        let of = match self.line(&mut connection, tenant).await?.len() {
            1 => "all".to_owned(),
            _ => tenant.to_string(),
        };
        let kinds = match kinds.is_empty() {
            true => policy::KINDS.map(|(_, name)| name).to_vec(),
            false => kinds.iter().map(|kind| policy::kind_name(*kind)).collect(),
        };
        let list = list!(
            "hold WHERE released_at IS NULL AND kind IN (SELECT value FROM json_each($2)) AND ($1 = 'all' OR tenant IN \
             (WITH RECURSIVE below (id) AS (SELECT CAST($1 AS TEXT) UNION ALL SELECT t.id FROM tenant t \
             JOIN below ON t.parent = below.id) SELECT id FROM below))",
            by "id", "$3", "$4"
        );
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[of, json_list(&kinds)], vec![from.into()]).await?;
        let holds = rows.iter().map(|row| Ok((id(row, "tenant")?, from_row(row)?))).collect::<Result<Vec<_>>>()?;
        Ok((self.listed(&mut connection, holds).await?, count))
    }

    async fn listed(&self, txn: &mut Connection, holds: Vec<(TenantId, Hold)>) -> Result<Vec<HoldListed>> {
        let tenants: Vec<TenantId> = holds.iter().map(|(tenant, _)| *tenant).collect();
        let rows = query("SELECT id, name FROM tenant WHERE id IN (SELECT value FROM json_each($1))")
            .bind(json_list(&tenants))
            .fetch_all(&mut *txn)
            .await?;
        let name = |row| Ok((id(row, "id")?, text(row, "name")?));
        let names: HashMap<TenantId, String> = rows.iter().map(name).collect::<Result<_>>()?;
        let known = self.held_below(txn, &holds).await?;
        let listed = |(tenant, hold): (TenantId, Hold)| {
            let (mailbox, address) = known.get(&hold.on.to_string()).cloned().unzip();
            let tenant_name = names.get(&tenant).cloned().unwrap_or_default();
            HoldListed { hold, tenant, tenant_name, mailbox, address }
        };
        Ok(holds.into_iter().map(listed).collect())
    }

    /// Mailboxes and passwords among the subjects.
    async fn held_below(&self, txn: &mut Connection, holds: &[(TenantId, Hold)]) -> Result<HashMap<String, Known>> {
        let (mut mailboxes, mut credentials) = (Vec::new(), Vec::new());
        for (_, hold) in holds {
            match &hold.on {
                Subject::Mailbox(account) => mailboxes.push(account.to_string()),
                Subject::Credential(credential) => credentials.push(credential.clone()),
                Subject::Tenant(_) | Subject::Domain(_) => {}
            }
        }
        let mut known = HashMap::new();
        let rows = query("SELECT id, address FROM mailbox WHERE id IN (SELECT value FROM json_each($1))")
            .bind(json_list(&mailboxes))
            .fetch_all(&mut *txn)
            .await?;
        for row in &rows {
            known.insert(text(row, "id")?, (id(row, "id")?, text(row, "address")?));
        }
        let rows = query(
            "SELECT c.id AS credential, m.id, m.address FROM credential c JOIN mailbox m ON m.id = c.mailbox \
             WHERE c.id IN (SELECT value FROM json_each($1))",
        )
        .bind(json_list(&credentials))
        .fetch_all(txn)
        .await?;
        for row in &rows {
            known.insert(text(row, "credential")?, (id(row, "id")?, text(row, "address")?));
        }
        Ok(known)
    }
}

//! SUMMARY    Accounts whose domain is not their tenant's any more send nothing, until it is again.
//! STANDARDS  product.md §4 (D2: no sender for an unproven domain)
//! INVARIANTS What an account may send from is a proven domain of its tenant's line: its own address, and every alias.

use crate::{
    Code, Error, Result, Service,
    db::{Connection, query},
    rows::{id, json_list, text},
};
use base::{AccountId, TenantId};
use control::{Capability, Change, HoldKind, Restriction};
use std::collections::BTreeSet;

impl Service {
    /// Why an account on a domain may not send; `None` while the domain is proven and its tenant's.
    pub(crate) async fn without_domain(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        domain: &str,
    ) -> Result<Option<Restriction>> {
        if let Some(holder) = self.holder(txn, domain).await?
            && self.on_one_line(txn, holder, tenant).await?
        {
            return Ok(None);
        }
        Ok(Some(Restriction {
            kind: HoldKind::Verification,
            code: "DOMAIN_NOT_PROVEN".to_owned(),
            reason: format!("The domain {domain} is not proven."),
            next_step: "Publish its TXT record again.".to_owned(),
            blocks: vec![Capability::SendInternal, Capability::SendExternal, Capability::Receive],
        }))
    }

    /// Accounts that have an address on a domain, told again: what they may send from changed with it.
    pub(super) async fn accounts_told(&self, txn: &mut Connection, domain: &str) -> Result<Vec<Change>> {
        let rows = query(
            "SELECT account, targets FROM address WHERE domain = $1 AND kind IN ('account', 'forward', 'masked') UNION ALL \
             SELECT s.mailbox AS account, NULL AS targets FROM address a \
             JOIN send_as s ON s.address = a.local || '@' || a.domain WHERE a.domain = $1",
        )
            .bind(domain)
            .fetch_all(&mut *txn)
            .await?;
        let mut accounts: BTreeSet<AccountId> = BTreeSet::new();
        let mut targets: BTreeSet<String> = BTreeSet::new();
        for row in &rows {
            if row.text("account")?.is_some() {
                accounts.insert(id(row, "account")?);
            } else if let Some(list) = row.text("targets")? {
                let list: Vec<String> =
                    serde_json::from_str(&list).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
                targets.extend(list);
            }
        }
        let led = query("SELECT id FROM mailbox WHERE live = 1 AND address IN (SELECT value FROM json_each($1))")
            .bind(json_list(&targets.into_iter().collect::<Vec<_>>()))
            .fetch_all(&mut *txn)
            .await?;
        for row in &led {
            accounts.insert(id(row, "id")?);
        }
        let mut changes = Vec::with_capacity(accounts.len());
        for account in accounts {
            query("UPDATE mailbox SET version = version + 1 WHERE id = $1")
                .bind(account.to_string())
                .execute(&mut *txn)
                .await?;
            changes.push(self.account_snapshot(txn, account).await?);
        }
        Ok(changes)
    }

    /// Of some addresses those that stand on proven domains of the tenant's line.
    pub(crate) async fn on_proven_domains(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        addresses: Vec<String>,
    ) -> Result<Vec<String>> {
        let names: BTreeSet<&str> = addresses.iter().map(|a| crate::rows::domain_of(a)).collect();
        let rows =
            query("SELECT name, tenant FROM claim WHERE proven = 1 AND name IN (SELECT value FROM json_each($1))")
                .bind(json_list(&names.into_iter().collect::<Vec<_>>()))
                .fetch_all(&mut *txn)
                .await?;
        let mut proven = BTreeSet::new();
        for row in &rows {
            if self.on_one_line(txn, id(row, "tenant")?, tenant).await? {
                proven.insert(text(row, "name")?);
            }
        }
        Ok(addresses.into_iter().filter(|a| proven.contains(crate::rows::domain_of(a))).collect())
    }
}

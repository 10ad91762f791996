//! SUMMARY    A domain's catch-all is never left hanging: what it leads to stays until another one is chosen.
//! STANDARDS  docs/decisions/0007
//! LIMITS     ROUTE_DEPTH_MAX

use crate::{
    Code, Error, Result, Service,
    address::{address_of, key_of, stored, targets_of},
    db::{Connection, query},
    rows::{json_list, text},
};
use base::{Address, limits::ROUTE_DEPTH_MAX};
use std::collections::HashSet;

impl Service {
    /// Refuses to take an address away while it is its domain's catch-all: mail would be lost unseen.
    pub(crate) async fn not_catch_all(
        &self,
        txn: &mut Connection,
        address: &Address,
        field: &'static str,
    ) -> Result<()> {
        let used = query("SELECT 1 AS n FROM domain WHERE name = $1 AND catch_all = $2 AND live = 1")
            .bind(address.domain().as_str())
            .bind(address.canonical())
            .fetch_optional(txn)
            .await?;
        match used {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::InUse, field, "Give the domain another catch-all address first, or none")),
        }
    }

    /// The same for an address that mail will not reach any more: no catch-all is left that leads there and nowhere else.
    pub(crate) async fn not_behind_catch_all(
        &self,
        txn: &mut Connection,
        address: &Address,
        field: &'static str,
    ) -> Result<()> {
        let mut ends = vec![address.clone()];
        // As far as mail follows addresses; what leads round was never made.
        for _ in 0..=ROUTE_DEPTH_MAX {
            let mut before = Vec::new();
            for end in &ends {
                self.not_catch_all(txn, end, field).await?;
                before.extend(self.lead_only_to(txn, end).await?);
            }
            if before.is_empty() {
                break;
            }
            ends = before;
        }
        Ok(())
    }

    /// Aliases and groups of the same tenant whose mail reaches nobody without this address.
    async fn lead_only_to(&self, txn: &mut Connection, address: &Address) -> Result<Vec<Address>> {
        let rows = query(
            "SELECT a.* FROM address_target t JOIN address a ON a.domain = t.domain AND a.local = t.local \
             JOIN address own ON own.domain = $2 AND own.local = $3 AND own.tenant = a.tenant \
             WHERE t.target = $1 AND a.kind IN ('forward', 'group') ORDER BY a.domain, a.local",
        )
        .bind(address.canonical())
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .fetch_all(&mut *txn)
        .await?;
        let mut only = Vec::new();
        for row in &rows {
            let others = targets_of(row)?.into_iter().filter(|target| key_of(target) != address.canonical());
            let others: Vec<Address> = others.map(|target| stored(&target)).collect::<Result<_>>()?;
            if !self.any_takes_mail(txn, &others).await? {
                only.push(stored(&address_of(row)?)?);
            }
        }
        Ok(only)
    }

    /// Whether one of the addresses takes mail, as far as we know: those of other servers do.
    async fn any_takes_mail(&self, txn: &mut Connection, addresses: &[Address]) -> Result<bool> {
        if addresses.is_empty() {
            return Ok(false);
        }
        let domains = json_list(&addresses.iter().map(Address::domain).collect::<Vec<_>>());
        let ours = query("SELECT name FROM domain WHERE live = 1 AND name IN (SELECT value FROM json_each($1))")
            .bind(&domains)
            .fetch_all(&mut *txn)
            .await?;
        let ours: HashSet<String> = ours.iter().map(|r| text(r, "name")).collect::<Result<_>>()?;
        let taking = query(
            "SELECT a.domain, a.local FROM address a LEFT JOIN mailbox m ON m.id = a.account \
             WHERE a.domain IN (SELECT value FROM json_each($1)) AND a.local IN (SELECT value FROM json_each($2)) \
             AND a.enabled = 1 AND (m.live = 1 OR (m.id IS NULL AND a.kind IN ('forward', 'group')))",
        )
        .bind(&domains)
        .bind(json_list(&addresses.iter().map(Address::canonical_local).collect::<Vec<_>>()))
        .fetch_all(txn)
        .await?;
        let taking: HashSet<String> = taking.iter().map(address_of).collect::<Result<_>>()?;
        Ok(addresses.iter().any(|a| !ours.contains(a.domain().as_str()) || taking.contains(&a.canonical())))
    }
}

//! SUMMARY    A claim becomes the proven one, and stops being it: the rows that follow.
//! STANDARDS  product.md §4 (D1, D2, D3)
//! SECURITY   A name that changes hands brings nothing along: addresses of the tenant that had it become tombstones before the
//!            next one is told to the data plane.
//! INVARIANTS `domain.live = 1` iff a claim on the name is proven, and then its tenant is the claim's. Versions of a name rise
//!            whoever holds it.

use super::{DomainState, Proof, name};
use crate::{
    Code, Error, Result, Service,
    db::{Connection, query},
    rows::id,
    snapshot::address_snapshot,
};
use base::TenantId;
use control::Change;

impl Service {
    /// Makes a claim the proven one; gives what the data plane is to know before the domain. `Taken` while another claim is
    /// proven, or the name lies within another customer's; `Invalid` when it looks like one.
    pub(crate) async fn prove(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        name: &str,
        proof: Proof,
    ) -> Result<Vec<Change>> {
        if self.holder(txn, name).await?.is_some_and(|holder| holder != tenant) {
            return Err(Error::new(Code::Taken, "name", "Another tenant has proven the domain"));
        }
        if proof != Proof::Operator {
            self.not_look_alike(txn, tenant, name).await?;
        }
        self.not_within_anothers(txn, tenant, name).await?;
        let state = if proof == Proof::Operator { DomainState::Live } else { DomainState::Owned };
        query(
            "UPDATE claim SET proven = 1, proof = $3, state = $4, proven_at = $5, failed_days = 0, failed_at = NULL, \
             contested_at = NULL, mx_misses = 0, quiet_checks = 0, version = version + 1 WHERE name = $1 AND tenant = $2",
        )
        .bind(name)
        .bind(tenant.to_string())
        .bind(proof.name())
        .bind(state.name())
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        // Nothing of an earlier holder's settings comes along; the same one finds them again.
        query(
            "INSERT INTO domain (name, tenant, live, plus_addressing, version, created_at, reversed, skeleton, mx_here) \
             SELECT name, tenant, 1, 1, version, $3, $4, $5, $6 FROM claim WHERE name = $1 AND tenant = $2 \
             ON CONFLICT (name) DO UPDATE SET tenant = $2, live = 1, mx_here = $6, \
             catch_all = CASE WHEN domain.tenant = $2 THEN domain.catch_all ELSE NULL END, \
             plus_addressing = CASE WHEN domain.tenant = $2 THEN domain.plus_addressing ELSE 1 END, \
             alias_of = CASE WHEN domain.tenant = $2 THEN domain.alias_of ELSE NULL END, \
             shared = CASE WHEN domain.tenant = $2 THEN domain.shared ELSE 0 END, \
             version = CASE WHEN domain.version < excluded.version THEN excluded.version ELSE domain.version END + 1",
        )
        .bind(name)
        .bind(tenant.to_string())
        .bind(self.now().0)
        .bind(name::reversed(name))
        .bind(name::looks(name))
        .bind(i64::from(proof == Proof::Operator))
        .execute(&mut *txn)
        .await?;
        let mut changes = self.accounts_told(txn, name).await?;
        changes.extend(self.end_names_of_others(txn, tenant, name).await?);
        changes.extend(self.shut_addresses_of_others(txn, tenant, name).await?);
        Ok(changes)
    }

    /// The tenant whose claim on a name is proven.
    pub(crate) async fn holder(&self, txn: &mut Connection, name: &str) -> Result<Option<TenantId>> {
        let row =
            query("SELECT tenant FROM claim WHERE name = $1 AND proven = 1").bind(name).fetch_optional(txn).await?;
        row.map(|row| id(&row, "tenant")).transpose()
    }

    /// Ends a claim's being proven, or the claim: no mail is taken for the name from the next telling on. Gives what the data
    /// plane is to know of its accounts.
    pub(crate) async fn unprove(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        name: &str,
        state: DomainState,
    ) -> Result<Vec<Change>> {
        let was = self.holder(txn, name).await?.filter(|holder| *holder == tenant);
        query(
            "UPDATE claim SET proven = 0, proof = '', state = $3, live = $4, contested_at = NULL, quiet_checks = 0, \
             due_at = CASE WHEN $4 = 0 THEN NULL ELSE due_at END, version = version + 1 WHERE name = $1 AND tenant = $2",
        )
        .bind(name)
        .bind(tenant.to_string())
        .bind(state.name())
        .bind(i64::from(state != DomainState::Released))
        .execute(&mut *txn)
        .await?;
        query("UPDATE domain SET live = 0, version = version + 1 WHERE name = $1 AND tenant = $2 AND live = 1")
            .bind(name)
            .bind(tenant.to_string())
            .execute(&mut *txn)
            .await?;
        // Whoever proves the name next is looked at soon.
        query("UPDATE claim SET due_at = $2 WHERE name = $1 AND tenant <> $3 AND live = 1")
            .bind(name)
            .bind(self.now().0)
            .bind(tenant.to_string())
            .execute(&mut *txn)
            .await?;
        if was.is_some() { self.accounts_told(txn, name).await } else { Ok(Vec::new()) }
    }

    /// Shuts the addresses on a name that tenants off the holder's line of the tree still have.
    async fn shut_addresses_of_others(
        &self,
        txn: &mut Connection,
        holder: TenantId,
        name: &str,
    ) -> Result<Vec<Change>> {
        let others =
            query("SELECT DISTINCT tenant FROM address WHERE domain = $1 AND tenant <> $2 AND kind <> 'tombstone'")
                .bind(name)
                .bind(holder.to_string())
                .fetch_all(&mut *txn)
                .await?;
        let mut changes = Vec::new();
        for other in &others {
            let other: TenantId = id(other, "tenant")?;
            if self.on_one_line(txn, holder, other).await? {
                continue;
            }
            let shut = query(
                "UPDATE address SET kind = 'tombstone', account = NULL, targets = NULL, version = version + 1 \
                 WHERE domain = $1 AND tenant = $2 AND kind <> 'tombstone' RETURNING *",
            )
            .bind(name)
            .bind(other.to_string())
            .fetch_all(&mut *txn)
            .await?;
            for row in &shut {
                changes.push(address_snapshot(row)?);
            }
            query("DELETE FROM address_target WHERE domain = $1 AND tenant = $2")
                .bind(name)
                .bind(other.to_string())
                .execute(&mut *txn)
                .await?;
        }
        Ok(changes)
    }
}

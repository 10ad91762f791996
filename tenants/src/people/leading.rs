//! SUMMARY    What leads to an address: aliases, groups, masked addresses, other names of its domain, what a catch-all takes.
//! LIMITS     ROUTE_DEPTH_MAX
//! INVARIANTS Never less than mail follows (core/account/src/route.rs), switched off or not. Only tenants on one line with the address's.

use crate::{
    Result, Service,
    address::base_of,
    db::{Connection, query},
    rows::{domain_of, id, json_list, text},
};
use base::{TenantId, limits::ROUTE_DEPTH_MAX};
use std::collections::{BTreeMap, BTreeSet};

/// Ends of mail, by their places in what was asked about.
pub(super) type Ends = BTreeSet<usize>;

/// What leads to some ends.
#[derive(Default)]
pub(super) struct Leading {
    pub(super) addresses: BTreeMap<String, Ends>,
    /// Domains whose mail for nobody ends there, with the domain that they are another name of.
    pub(super) domains: BTreeMap<String, (String, Ends)>,
}

impl Leading {
    /// Notes what leads to ends; gives what was not known.
    fn note(&mut self, found: Vec<(String, Ends)>) -> Vec<(String, Ends)> {
        let mut fresh = Vec::new();
        for (address, ends) in found {
            let known = self.addresses.entry(address.clone()).or_default();
            let more: Ends = ends.difference(known).copied().collect();
            known.extend(&more);
            if !more.is_empty() {
                fresh.push((address, more));
            }
        }
        fresh
    }

    /// Where mail for an address ends, of those that are asked about; `rows` are the addresses that there are by themselves.
    pub(super) fn ends_of(&self, address: &str, rows: &BTreeSet<(String, String)>) -> Ends {
        let base = base_of(address);
        let by_name = [Some(address), base.as_deref()].into_iter().flatten();
        let mut ends: Ends = by_name.clone().filter_map(|a| self.addresses.get(a)).flatten().copied().collect();
        if let Some((name, caught)) = self.domains.get(domain_of(address)) {
            let own = |a: &str| rows.contains(&(name.clone(), local_of(a).to_owned()));
            if !by_name.into_iter().any(own) {
                ends.extend(caught);
            }
        }
        ends
    }
}

impl Service {
    /// All that leads to addresses of a tenant.
    pub(super) async fn leading_to(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        addresses: &[String],
    ) -> Result<Leading> {
        let mut leading = Leading::default();
        let mut next: Vec<_> = addresses.iter().cloned().enumerate().map(|(n, a)| (a, Ends::from([n]))).collect();
        for _ in 0..=ROUTE_DEPTH_MAX {
            let mut fresh = leading.note(next);
            let others = self.by_other_names(txn, &fresh).await?;
            fresh.extend(leading.note(others));
            if fresh.is_empty() {
                break;
            }
            self.caught(txn, &fresh, &mut leading).await?;
            next = self.sources(txn, tenant, &fresh).await?;
        }
        Ok(leading)
    }

    /// The same local parts at the other names of their domains.
    async fn by_other_names(&self, txn: &mut Connection, of: &[(String, Ends)]) -> Result<Vec<(String, Ends)>> {
        let rows = query(
            "SELECT name AS of_name, alias_of AS other FROM domain WHERE alias_of IS NOT NULL \
             AND name IN (SELECT value FROM json_each($1)) UNION \
             SELECT alias_of AS of_name, name AS other FROM domain WHERE alias_of IN (SELECT value FROM json_each($1)) UNION \
             SELECT d.name AS of_name, s.name AS other FROM domain d JOIN domain s ON s.alias_of = d.alias_of \
             WHERE d.name IN (SELECT value FROM json_each($1)) AND s.name <> d.name",
        )
        .bind(domains_of(of))
        .fetch_all(txn)
        .await?;
        let mut found = Vec::new();
        for row in &rows {
            let (name, other) = (text(row, "of_name")?, text(row, "other")?);
            let same = of.iter().filter(|(address, _)| domain_of(address) == name);
            found.extend(same.map(|(address, ends)| (format!("{}@{other}", local_of(address)), ends.clone())));
        }
        Ok(found)
    }

    /// Notes the domains of which one of the addresses is the catch-all.
    async fn caught(&self, txn: &mut Connection, of: &[(String, Ends)], leading: &mut Leading) -> Result<()> {
        let rows = query(
            "SELECT name, catch_all FROM domain WHERE live = 1 AND name IN (SELECT value FROM json_each($1)) \
             AND catch_all IN (SELECT value FROM json_each($2))",
        )
        .bind(domains_of(of))
        .bind(json_list(&of.iter().map(|(address, _)| address).collect::<Vec<_>>()))
        .fetch_all(&mut *txn)
        .await?;
        for row in &rows {
            let (name, address) = (text(row, "name")?, text(row, "catch_all")?);
            let ends: Ends = of.iter().filter(|(a, _)| *a == address).flat_map(|(_, ends)| ends).copied().collect();
            self.all_names(txn, &name, &ends, leading).await?;
        }
        Ok(())
    }

    /// Notes a domain, and its other names, as one whose mail for nobody leads to ends.
    pub(super) async fn all_names(
        &self,
        txn: &mut Connection,
        domain: &str,
        ends: &Ends,
        leading: &mut Leading,
    ) -> Result<()> {
        let rows = query("SELECT name FROM domain WHERE alias_of = $1").bind(domain).fetch_all(txn).await?;
        let others: Vec<String> = rows.iter().map(|row| text(row, "name")).collect::<Result<_>>()?;
        for name in others.into_iter().chain([domain.to_owned()]) {
            let known = leading.domains.entry(name).or_insert_with(|| (domain.to_owned(), Ends::new()));
            known.1.extend(ends);
        }
        Ok(())
    }

    /// Aliases, groups and masked addresses that lead to addresses, of tenants on one line with theirs.
    async fn sources(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        of: &[(String, Ends)],
    ) -> Result<Vec<(String, Ends)>> {
        let rows = query(
            "SELECT source, target AS reached, tenant FROM address_target WHERE target IN (SELECT value FROM json_each($1)) \
             UNION SELECT source, base AS reached, tenant FROM address_target WHERE base IN (SELECT value FROM json_each($1))",
        )
        .bind(json_list(&of.iter().map(|(address, _)| address).collect::<Vec<_>>()))
        .fetch_all(&mut *txn)
        .await?;
        let by_address: BTreeMap<&str, &Ends> = of.iter().map(|(address, ends)| (address.as_str(), ends)).collect();
        let mut found = Vec::new();
        for row in &rows {
            if self.on_one_line(txn, id(row, "tenant")?, tenant).await?
                && let Some(ends) = by_address.get(text(row, "reached")?.as_str())
            {
                found.push((text(row, "source")?, (*ends).clone()));
            }
        }
        Ok(found)
    }
}

fn domains_of(addresses: &[(String, Ends)]) -> String {
    let names: BTreeSet<&str> = addresses.iter().map(|(address, _)| domain_of(address)).collect();
    json_list(&names.into_iter().collect::<Vec<_>>())
}

pub(super) fn local_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(local, _)| local)
}

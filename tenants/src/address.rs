//! SUMMARY    The one address table: who owns an address, where it leads, what happens when it is left.
//! SECURITY   Nobody but its owner speaks for a shared domain.
//! LIMITS     ROUTE_DEPTH_MAX
//! INVARIANTS U1: an address has at most one owner over all time. A tombstone is given back only to the tenant that had it (M3: on a
//!            shared domain to nobody). A local part is used once in a domain and its alternate domains together. The targets
//!            of an address also stand in `address_target`, in canonical form. No address leads back to itself.

use crate::{
    Actor, Code, Error, Permission, Result, Service,
    actor::Object,
    db::{Connection, Row, query},
    local_part::given_out,
    rows::{id, json_list, number, text},
    snapshot::address_snapshot,
    visible::seen,
};
use base::{AccountId, Address, TenantId, limits::ROUTE_DEPTH_MAX};
use control::{Change, Posting};
use std::collections::BTreeSet;

/// Local parts that speak for a domain (RFC 2142), or by which a certificate for it is had (CA/Browser Forum, Baseline
/// Requirements §3.2.2.4.4), and what is taken for the provider itself.
pub(crate) const RESERVED: [&str; 20] = [
    "abuse",
    "admin",
    "administrator",
    "billing",
    "dns",
    "ftp",
    "hostmaster",
    "mailer-daemon",
    "news",
    "no-reply",
    "noc",
    "noreply",
    "postmaster",
    "root",
    "security",
    "ssladmin",
    "support",
    "sysadmin",
    "usenet",
    "webmaster",
];

/// What an address is to become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lead<'a> {
    /// `account`, `forward`, `group`, `masked`.
    pub(crate) kind: &'static str,
    pub(crate) account: Option<AccountId>,
    /// As `Service::kept` gives them.
    pub(crate) targets: &'a [String],
    pub(crate) enabled: bool,
    pub(crate) label: &'a str,
    pub(crate) note: &'a str,
    pub(crate) site: &'a str,
    pub(crate) posting: Option<Posting>,
}

impl<'a> Lead<'a> {
    /// The own address of an account.
    pub(crate) fn account(account: AccountId) -> Lead<'a> {
        Lead { account: Some(account), ..Lead::to("account", &[]) }
    }

    /// An address that leads to others.
    pub(crate) fn to(kind: &'static str, targets: &'a [String]) -> Lead<'a> {
        Lead { kind, account: None, targets, enabled: true, label: "", note: "", site: "", posting: None }
    }
}

/// As it is stored.
pub(crate) fn posting_name(posting: Posting) -> &'static str {
    match posting {
        Posting::Anyone => "anyone",
        Posting::Tenant => "tenant",
        Posting::Members => "members",
    }
}

/// Who may write to a group, of its row.
pub(crate) fn posting_of(row: &Row) -> Result<Posting> {
    match row.text("posting")?.as_deref() {
        Some("anyone") => Ok(Posting::Anyone),
        Some("tenant") => Ok(Posting::Tenant),
        Some("members") => Ok(Posting::Members),
        Some(_) | None => Err(damaged()),
    }
}

/// The targets of an address's row.
pub(crate) fn targets_of(row: &Row) -> Result<Vec<String>> {
    serde_json::from_str(&text(row, "targets")?).map_err(|_| damaged())
}

/// The address of a row.
pub(crate) fn address_of(row: &Row) -> Result<String> {
    Ok(format!("{}@{}", text(row, "local")?, text(row, "domain")?))
}

fn damaged() -> Error {
    Error::new(Code::Internal, "", "a stored address is damaged")
}

/// A stored address, parsed again.
pub(crate) fn stored(address: &str) -> Result<Address> {
    Address::parse(address).map_err(|_| damaged())
}

/// Addresses that something is to lead to; `Invalid` on the field.
pub(crate) fn parsed(addresses: &[String], field: &'static str) -> Result<Vec<Address>> {
    let parsed: std::result::Result<Vec<Address>, _> = addresses.iter().map(|a| Address::parse(a)).collect();
    parsed.map_err(|e| Error::new(Code::Invalid, field, e.to_string()))
}

/// What a stored target is compared by.
pub(crate) fn key_of(target: &str) -> String {
    match target.is_ascii() {
        true => target.to_owned(),
        false => Address::parse(target).map_or_else(|_| target.to_owned(), |a| a.canonical()),
    }
}

/// An address without what stands behind a `+`, by which mail for it is looked for next; `None` where nothing does.
pub(crate) fn base_of(address: &str) -> Option<String> {
    let address = Address::parse(address).ok()?;
    let (base, detail) = address.subaddress();
    detail.map(|_| format!("{base}@{}", address.domain()))
}

impl Service {
    /// Addresses that something is to lead to, as they are stored: ours in canonical form. Those elsewhere are as they were given but for
    /// cases of ASCII: whether two ways to compose a letter are one mailbox is for its server to say. `Invalid` on the field of new ones
    /// with characters that are not seen.
    pub(crate) async fn kept(
        &self,
        txn: &mut Connection,
        targets: Vec<Address>,
        new: Option<&'static str>,
    ) -> Result<Vec<String>> {
        let mut ours = BTreeSet::new();
        if targets.iter().any(Address::needs_utf8) {
            let domains = json_list(&targets.iter().map(Address::domain).collect::<Vec<_>>());
            let rows = query("SELECT name FROM domain WHERE live = 1 AND name IN (SELECT value FROM json_each($1))")
                .bind(domains)
                .fetch_all(txn)
                .await?;
            ours = rows.iter().map(|r| text(r, "name")).collect::<Result<_>>()?;
        }
        if let Some(field) = new {
            let mut own = targets.iter().filter(|a| ours.contains(a.domain().as_str()));
            own.try_for_each(|a| seen(a.local(), field))?;
        }
        let kept = |a: &Address| match a.needs_utf8() && !ours.contains(a.domain().as_str()) {
            true => format!("{}@{}", a.local(), a.domain()),
            false => a.canonical(),
        };
        Ok(targets.iter().map(kept).collect())
    }

    /// The tenant on whose behalf an address of a domain is made: the domain's own, or, on a shared domain, the one that is
    /// asked for or the actor's. `NotFound`, `Forbidden`, about the address.
    pub(crate) async fn home(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        domain: &str,
        wanted: Option<TenantId>,
    ) -> Result<TenantId> {
        let row = query("SELECT tenant FROM domain WHERE name = $1 AND live = 1 AND shared = 1")
            .bind(domain)
            .fetch_optional(&mut *txn)
            .await?;
        let Some(row) = row else {
            let domain = self.domain_in(txn, actor, permission, domain).await.map_err(Error::of_address)?;
            return match wanted {
                Some(wanted) if wanted != domain.tenant => Err(Error::not_found("tenantId")),
                _ => Ok(domain.tenant),
            };
        };
        let owner: TenantId = id(&row, "tenant")?;
        let object = Object::Domain(domain);
        let tenant = match wanted {
            Some(wanted) => wanted,
            None if self.allows(txn, actor, permission, owner, object).await? => owner,
            None => actor.tenant,
        };
        if !self.line(txn, tenant).await?.contains(&owner) {
            return Err(Error::not_found("address"));
        }
        self.permit_on(txn, actor, permission, tenant, object).await.map_err(|e| e.missing("address"))?;
        Ok(tenant)
    }

    /// The row of an address of a kind that the actor reaches, and whose it is.
    pub(crate) async fn address_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        address: &Address,
        kind: &str,
    ) -> Result<(TenantId, Row)> {
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2 AND kind = $3")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(kind)
            .fetch_optional(&mut *txn)
            .await?
            .ok_or_else(|| Error::not_found("address"))?;
        let tenant = id(&row, "tenant")?;
        let object = Object::Domain(address.domain().as_str());
        self.permit_on(txn, actor, permission, tenant, object).await.map_err(|e| e.missing("address"))?;
        Ok((tenant, row))
    }

    /// Makes an address the tenant's; `Taken` while it has an owner, or had one elsewhere; `Invalid` when it would lead
    /// back to itself.
    pub(crate) async fn own_address(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        address: &Address,
        lead: Lead<'_>,
    ) -> Result<()> {
        let (domain, local) = (address.domain().as_str(), address.canonical_local());
        let taken = |why: &str| Err(Error::new(Code::Taken, "address", why));
        given_out(&local)?;
        self.fit_for_shared(txn, tenant, domain, &local).await?;
        let elsewhere = query(
            "SELECT 1 AS n FROM address WHERE local = $2 AND kind <> 'tombstone' AND domain IN (SELECT alias_of FROM domain \
             WHERE name = $1 AND alias_of IS NOT NULL UNION ALL SELECT name FROM domain WHERE alias_of = $1 UNION ALL \
             SELECT s.name FROM domain d JOIN domain s ON s.alias_of = d.alias_of WHERE d.name = $1 AND s.name <> $1) LIMIT 1",
        )
        .bind(domain)
        .bind(&local)
        .fetch_optional(&mut *txn)
        .await?;
        if elsewhere.is_some() {
            return taken("The address is in use under another name of the domain");
        }
        let done = query(
            "INSERT INTO address (domain, local, tenant, kind, account, enabled, label, note, site, posting, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1) ON CONFLICT (domain, local) DO UPDATE SET kind = $4, \
             account = $5, enabled = $6, label = $7, note = $8, site = $9, posting = $10, version = address.version + 1 \
             WHERE address.kind = 'tombstone' AND address.tenant = $3 \
             AND NOT EXISTS (SELECT 1 FROM domain d WHERE d.name = $1 AND d.shared = 1)",
        )
        .bind(domain)
        .bind(&local)
        .bind(tenant.to_string())
        .bind(lead.kind)
        .bind(lead.account.map(|a| a.to_string()))
        .bind(i64::from(lead.enabled))
        .bind(lead.label)
        .bind(lead.note)
        .bind(lead.site)
        .bind(lead.posting.map(posting_name))
        .execute(&mut *txn)
        .await?;
        if done == 0 {
            return taken("The address is in use, or was somebody else's");
        }
        match lead.targets {
            [] if lead.kind == "account" => Ok(()),
            targets => self.lead_to(txn, tenant, address, targets).await,
        }
    }

    /// On a shared domain only its owner has addresses that speak for it, or that could be taken for somebody else's: no
    /// `+detail` of another's address, no letters that look like others. What a signup holds is its tenant's alone. `Taken`, `Invalid`.
    pub(crate) async fn fit_for_shared(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        domain: &str,
        local: &str,
    ) -> Result<()> {
        let shared = query(
            "SELECT CASE WHEN tenant <> $2 THEN 1 ELSE 0 END AS others, CASE WHEN EXISTS (SELECT 1 FROM signup_name n \
             WHERE n.domain = $1 AND n.local = $3 AND n.coming <> $2) THEN 1 ELSE 0 END AS held FROM domain \
             WHERE name = $1 AND shared = 1",
        )
        .bind(domain)
        .bind(tenant.to_string())
        .bind(local)
        .fetch_optional(txn)
        .await?;
        let Some(shared) = shared else { return Ok(()) };
        if number(&shared, "held")? != 0 {
            return Err(Error::new(Code::Taken, "address", "The address is in use, or was somebody else's"));
        }
        if number(&shared, "others")? == 0 {
            return Ok(());
        }
        if RESERVED.contains(&local) {
            return Err(Error::new(Code::Taken, "address", "On a shared domain this address is its owner's"));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        match local.bytes().all(plain) {
            true => Ok(()),
            false => {
                let message = "An address on a shared domain has letters a to z, digits, dots, hyphens and underscores";
                Err(Error::new(Code::Invalid, "address", message))
            }
        }
    }

    /// Sets where an address leads. Its version is the caller's to raise. `Invalid` when it would lead back to itself.
    pub(crate) async fn lead_to(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        address: &Address,
        targets: &[String],
    ) -> Result<()> {
        let source = address.canonical();
        query("UPDATE address SET targets = $3 WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(json_list(targets))
            .execute(&mut *txn)
            .await?;
        query("DELETE FROM address_target WHERE source = $1").bind(&source).execute(&mut *txn).await?;
        if targets.is_empty() {
            return Ok(());
        }
        query(
            "INSERT INTO address_target (tenant, source, domain, local, target) \
             SELECT DISTINCT $1, $2, $3, $4, value FROM json_each($5)",
        )
        .bind(tenant.to_string())
        .bind(&source)
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .bind(json_list(&targets.iter().map(|t| key_of(t)).collect::<Vec<_>>()))
        .execute(&mut *txn)
        .await?;
        for (target, base) in targets.iter().filter_map(|t| Some((t, base_of(t)?))) {
            query("UPDATE address_target SET base = $3 WHERE source = $1 AND target = $2")
                .bind(&source)
                .bind(key_of(target))
                .bind(base)
                .execute(&mut *txn)
                .await?;
        }
        self.not_round(txn, &source).await
    }

    /// Refuses an address that leads to itself, at once or by way of others, or that mail would follow too far.
    async fn not_round(&self, txn: &mut Connection, source: &str) -> Result<()> {
        let depth_max = i64::try_from(ROUTE_DEPTH_MAX).unwrap_or(i64::MAX);
        let below = query(
            "WITH RECURSIVE reach (address, depth) AS (SELECT $1, 0 UNION SELECT t.target, reach.depth + 1 \
             FROM address_target t JOIN reach ON t.source = reach.address WHERE reach.depth <= $2) \
             SELECT MAX(depth) AS depth, MAX(CASE WHEN depth > 0 AND address = $1 THEN 1 ELSE 0 END) AS round FROM reach",
        )
        .bind(source)
        .bind(depth_max)
        .fetch_one(&mut *txn)
        .await?;
        if number(&below, "round")? != 0 {
            return Err(Error::new(Code::Invalid, "targets", "The address would lead back to itself"));
        }
        let above = query(
            "WITH RECURSIVE reach (address, depth) AS (SELECT $1, 0 UNION SELECT t.source, reach.depth + 1 \
             FROM address_target t JOIN reach ON t.target = reach.address WHERE reach.depth <= $2) \
             SELECT MAX(depth) AS depth FROM reach",
        )
        .bind(source)
        .bind(depth_max)
        .fetch_one(&mut *txn)
        .await?;
        if number(&below, "depth")? + number(&above, "depth")? > depth_max {
            let message = format!("Mail follows at most {depth_max} addresses (ROUTE_DEPTH_MAX)");
            return Err(Error::new(Code::Invalid, "targets", message));
        }
        Ok(())
    }

    /// Leaves an address: it becomes a tombstone, leads nowhere, and nobody may send from it. Gives what the data plane is to
    /// know.
    pub(crate) async fn leave_address(&self, txn: &mut Connection, address: &Address) -> Result<Vec<Change>> {
        let canonical = address.canonical();
        query(
            "UPDATE address SET kind = 'tombstone', account = NULL, targets = NULL, enabled = 1, label = '', note = '', \
             site = '', posting = NULL, version = version + 1 WHERE domain = $1 AND local = $2",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .execute(&mut *txn)
        .await?;
        query("DELETE FROM address_target WHERE source = $1").bind(&canonical).execute(&mut *txn).await?;
        let rows = query("DELETE FROM send_as WHERE address = $1 RETURNING mailbox")
            .bind(&canonical)
            .fetch_all(&mut *txn)
            .await?;
        let senders: Vec<AccountId> = rows.iter().map(|r| id(r, "mailbox")).collect::<Result<_>>()?;
        let mut batch = vec![self.address_change(txn, address).await?];
        batch.extend(self.accounts_again(txn, &senders).await?);
        Ok(batch)
    }

    /// Raises the version of an address and gives what the data plane is to know of it.
    pub(crate) async fn address_again(&self, txn: &mut Connection, address: &Address) -> Result<Change> {
        query("UPDATE address SET version = version + 1 WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .execute(&mut *txn)
            .await?;
        self.address_change(txn, address).await
    }

    /// What the data plane is to know of an address.
    pub(crate) async fn address_change(&self, txn: &mut Connection, address: &Address) -> Result<Change> {
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(txn)
            .await?;
        address_snapshot(&row)
    }

    /// Raises the versions of accounts and gives what the data plane is to know of them.
    pub(crate) async fn accounts_again(&self, txn: &mut Connection, accounts: &[AccountId]) -> Result<Vec<Change>> {
        let mut batch = Vec::with_capacity(accounts.len());
        for account in accounts {
            query("UPDATE mailbox SET version = version + 1 WHERE id = $1")
                .bind(account.to_string())
                .execute(&mut *txn)
                .await?;
            batch.push(self.account_snapshot(txn, *account).await?);
        }
        Ok(batch)
    }

    /// The same for the mailboxes that may send from an address because it was granted: it was switched off or on.
    pub(crate) async fn senders_again(&self, txn: &mut Connection, address: &Address) -> Result<Vec<Change>> {
        let rows = query("SELECT mailbox FROM send_as WHERE address = $1 ORDER BY mailbox")
            .bind(address.canonical())
            .fetch_all(&mut *txn)
            .await?;
        let senders: Vec<AccountId> = rows.iter().map(|r| id(r, "mailbox")).collect::<Result<_>>()?;
        self.accounts_again(txn, &senders).await
    }

    /// The same for the mailboxes of a tenant with these addresses: who may send from what leads to them has changed.
    pub(crate) async fn owners_again(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        addresses: &[&String],
    ) -> Result<Vec<Change>> {
        let rows = query(
            "SELECT id FROM mailbox WHERE tenant = $1 AND live = 1 AND address IN (SELECT value FROM json_each($2)) ORDER BY id",
        )
        .bind(tenant.to_string())
        .bind(json_list(addresses))
        .fetch_all(&mut *txn)
        .await?;
        let accounts: Vec<AccountId> = rows.iter().map(|r| id(r, "id")).collect::<Result<_>>()?;
        self.accounts_again(txn, &accounts).await
    }
}

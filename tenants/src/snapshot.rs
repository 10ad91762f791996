//! SUMMARY    What the data plane is to know of a domain, an address, an account: snapshots from rows.
//! INVARIANTS A snapshot is whole and carries the version of its row.

use crate::{
    Code, Error, Result, Service,
    db::{Connection, Row, query},
    hold::standing,
    kind,
    rows::{domain_of, id, number, optional, text},
};
use base::{AccountId, TenantId};
use control::{
    AccountSnapshot, AddressSnapshot, Change, CredentialKind, CredentialSnapshot, Destination, DomainSnapshot,
};

impl Service {
    pub(crate) async fn domain_snapshot(&self, txn: &mut Connection, name: &str) -> Result<Change> {
        let row = query("SELECT * FROM domain WHERE name = $1").bind(name).fetch_one(&mut *txn).await?;
        let tenant = id(&row, "tenant")?;
        Ok(Change::Domain(DomainSnapshot {
            dkim: self.signing_keys(txn, name, tenant).await?,
            live: number(&row, "live")? != 0,
            catch_all: row.text("catch_all")?,
            plus_addressing: number(&row, "plus_addressing")? != 0,
            mx_here: number(&row, "mx_here")? != 0,
            ..DomainSnapshot::new(name, tenant, version(&row)?)
        }))
    }

    /// The same, if the tenant is the one that holds it, or held it last: an unproven claim is told to nobody.
    pub(crate) async fn domain_snapshot_of(
        &self,
        txn: &mut Connection,
        name: &str,
        tenant: TenantId,
    ) -> Result<Option<Change>> {
        let row =
            query("SELECT 1 AS n FROM domain WHERE name = $1 AND tenant = $2").bind(name).bind(tenant.to_string());
        match row.fetch_optional(&mut *txn).await? {
            Some(_) => self.domain_snapshot(txn, name).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn account_snapshot(&self, txn: &mut Connection, account: AccountId) -> Result<Change> {
        let key = account.to_string();
        let row = query("SELECT * FROM mailbox WHERE id = $1").bind(&key).fetch_one(&mut *txn).await?;
        let tenant: TenantId = id(&row, "tenant")?;
        let domain = domain_of(&text(&row, "address")?).to_owned();
        let mut held = self.holds_on(txn, &[domain.as_str(), key.as_str()]).await?;
        let (mut capabilities, mut reason, mut restrictions) = standing(&[held.of(&domain), held.of(&key)].concat());
        if let Some(restriction) = self.without_domain(txn, tenant, &domain).await? {
            capabilities = restriction.blocks.iter().fold(capabilities, |left, blocked| left.without(*blocked));
            reason = if reason.is_empty() { restriction.line() } else { format!("{reason}; {}", restriction.line()) };
            restrictions.push(restriction);
        }
        let credentials = self.credential_snapshots(txn, &key).await?;
        Ok(Change::Account(AccountSnapshot {
            display_name: text(&row, "display_name")?,
            live: number(&row, "live")? != 0,
            capabilities,
            reason,
            restrictions,
            quota_bytes_max: optional(&row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
            kind: kind::of(&row)?,
            send: kind::send_limits(&row)?,
            send_as: self.aliases_of(txn, tenant, &text(&row, "address")?).await?,
            credentials,
            ..AccountSnapshot::new(account, tenant, version(&row)?, text(&row, "address")?)
        }))
    }

    async fn credential_snapshots(&self, txn: &mut Connection, mailbox: &str) -> Result<Vec<CredentialSnapshot>> {
        let rows = query("SELECT * FROM credential WHERE mailbox = $1 ORDER BY created_at")
            .bind(mailbox)
            .fetch_all(&mut *txn)
            .await?;
        let ids: Vec<String> = rows.iter().map(|c| text(c, "id")).collect::<Result<_>>()?;
        let mut held = self.holds_on(txn, &ids).await?;
        let snapshot = |(c, id): (&Row, &String)| {
            let kind = if text(c, "kind")? == "app" { CredentialKind::AppPassword } else { CredentialKind::Password };
            let restrictions = standing(&held.of(id)).2;
            let known = CredentialSnapshot::new(id.clone(), kind, text(c, "argon2")?, text(c, "scram")?);
            Ok(CredentialSnapshot { restrictions, ..known })
        };
        rows.iter().zip(&ids).map(snapshot).collect()
    }

    /// Aliases that lead to an address and nowhere else: it may send from them.
    async fn aliases_of(&self, txn: &mut Connection, tenant: TenantId, address: &str) -> Result<Vec<String>> {
        let only = serde_json::to_string(&[address]).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let rows = query("SELECT local, domain FROM address WHERE tenant = $1 AND kind = 'forward' AND targets = $2")
            .bind(tenant.to_string())
            .bind(only)
            .fetch_all(&mut *txn)
            .await?;
        let aliases = rows.iter().map(|r| Ok(format!("{}@{}", text(r, "local")?, text(r, "domain")?)));
        let aliases: Vec<String> = aliases.collect::<Result<_>>()?;
        // Most accounts have none: nothing is asked then.
        if aliases.is_empty() { Ok(aliases) } else { self.on_proven_domains(txn, tenant, aliases).await }
    }
}

pub(crate) fn address_snapshot(row: &Row) -> Result<Change> {
    let destination = match text(row, "kind")?.as_str() {
        "account" => Destination::Account(id(row, "account")?),
        "forward" => Destination::Forward(
            serde_json::from_str(&text(row, "targets")?).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?,
        ),
        _ => Destination::Tombstone,
    };
    Ok(Change::Address(AddressSnapshot {
        local: text(row, "local")?,
        domain: text(row, "domain")?,
        version: version(row)?,
        tenant: id(row, "tenant")?,
        destination,
    }))
}

fn version(row: &Row) -> Result<u64> {
    Ok(u64::try_from(number(row, "version")?).unwrap_or(0))
}

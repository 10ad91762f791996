//! SUMMARY    What the data plane is to know of a domain, an address, an account: snapshots from rows.
//! INVARIANTS A snapshot is whole and carries the version of its row.

use crate::{
    Result, Service,
    address::{address_of, posting_of, targets_of},
    db::{Connection, Row, query},
    hold::standing,
    kind,
    rows::{domain_of, id, json_list, number, optional, text},
};
use base::{AccountId, TenantId};
use control::{
    AccountSnapshot, AddressSnapshot, Change, CredentialKind, CredentialSnapshot, Delegate, Destination,
    DomainSnapshot, HoldKind,
};
use std::collections::HashSet;

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
            alias_of: row.text("alias_of")?,
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
        let holds = [held.of(&domain), held.of(&key)].concat();
        let legal_hold = holds.iter().any(|h| h.kind == HoldKind::Legal);
        let (mut capabilities, mut reason, mut restrictions) = standing(&holds);
        if let Some(restriction) = self.without_domain(txn, tenant, &domain).await? {
            capabilities = restriction.blocks.iter().fold(capabilities, |left, blocked| left.without(*blocked));
            reason = if reason.is_empty() { restriction.line() } else { format!("{reason}; {}", restriction.line()) };
            restrictions.push(restriction);
        }
        // What was deleted opens to nobody, whatever the doors make of the rest.
        let live = number(&row, "live")? != 0;
        let credentials = if live { self.credential_snapshots(txn, &key).await? } else { Vec::new() };
        Ok(Change::Account(AccountSnapshot {
            display_name: text(&row, "display_name")?,
            live,
            purged: !live && optional(&row, "purge_at")?.is_none(),
            legal_hold,
            capabilities,
            reason,
            restrictions,
            quota_bytes_max: optional(&row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
            kind: kind::of(&row)?,
            send: kind::send_limits(&row)?,
            send_as: self.sends_as(txn, tenant, &key, &text(&row, "address")?).await?,
            delegates: self.delegates_told(txn, &key).await?,
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

    /// What else an account may send from: aliases that lead to it and nowhere else, its masked addresses, what was granted.
    async fn sends_as(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        mailbox: &str,
        address: &str,
    ) -> Result<Vec<String>> {
        let rows = query(
            "SELECT t.source AS address FROM address_target t JOIN address a ON a.domain = t.domain AND a.local = t.local \
             JOIN mailbox m ON m.id = $2 AND m.tenant = a.tenant WHERE t.target = $1 AND a.enabled = 1 \
             AND (a.kind = 'masked' OR (a.kind = 'forward' AND a.targets = $3)) \
             UNION SELECT address FROM send_as WHERE mailbox = $2 ORDER BY address",
        )
        .bind(address)
        .bind(mailbox)
        .bind(json_list(&[address]))
        .fetch_all(&mut *txn)
        .await?;
        let addresses: Vec<String> = rows.iter().map(|r| text(r, "address")).collect::<Result<_>>()?;
        // Most accounts have none: nothing is asked then.
        if addresses.is_empty() {
            return Ok(addresses);
        }
        let mut addresses = self.on_proven_domains(txn, tenant, addresses).await?;
        let off = self.switched_off(txn, &addresses).await?;
        addresses.retain(|a| !off.contains(a));
        Ok(addresses)
    }

    /// Those of the addresses that were switched off: nobody sends from them, whoever was granted it.
    async fn switched_off(&self, txn: &mut Connection, addresses: &[String]) -> Result<HashSet<String>> {
        let parts = || addresses.iter().filter_map(|a| a.rsplit_once('@'));
        let rows = query(
            "SELECT domain, local FROM address WHERE enabled = 0 AND domain IN (SELECT value FROM json_each($1)) \
             AND local IN (SELECT value FROM json_each($2))",
        )
        .bind(json_list(&parts().map(|(_, domain)| domain).collect::<Vec<_>>()))
        .bind(json_list(&parts().map(|(local, _)| local).collect::<Vec<_>>()))
        .fetch_all(txn)
        .await?;
        rows.iter().map(address_of).collect()
    }

    /// Who else may open an account or send from it. A deleted mailbox opens nothing.
    async fn delegates_told(&self, txn: &mut Connection, mailbox: &str) -> Result<Vec<Delegate>> {
        let rows = query(
            "SELECT d.* FROM delegate d JOIN mailbox m ON m.id = d.account WHERE d.mailbox = $1 AND m.live = 1 ORDER BY d.account",
        )
        .bind(mailbox)
        .fetch_all(txn)
        .await?;
        let delegate = |row: &Row| {
            Ok(Delegate {
                account: id(row, "account")?,
                open: number(row, "may_open")? != 0,
                write: number(row, "may_write")? != 0,
                send_as: number(row, "may_send_as")? != 0,
            })
        };
        rows.iter().map(delegate).collect()
    }
}

pub(crate) fn address_snapshot(row: &Row) -> Result<Change> {
    let enabled = number(row, "enabled")? != 0;
    let destination = match text(row, "kind")?.as_str() {
        "account" => Destination::Account(id(row, "account")?),
        "forward" | "masked" | "group" if !enabled => Destination::Disabled,
        "forward" | "masked" => Destination::Forward(targets_of(row)?),
        "group" => Destination::Group { members: targets_of(row)?, posting: posting_of(row)? },
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

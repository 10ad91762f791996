//! SUMMARY    What of a tenant stands in the control plane's tables: what a purge erases, in which order, and what stays.
//! LIMITS     PURGE_ROWS_MAX
//! INVARIANTS Every table with a tenant in it is erased or named as kept, with the reason: a test holds the list against the schema. A
//!            bounded number of rows in one transaction; what refers to others goes before them.

use crate::{
    Result,
    db::{Connection, query},
    limits::PURGE_ROWS_MAX,
    rows::number,
};
use base::{TenantId, Timestamp};
use std::collections::BTreeMap;

/// How long the transaction of an order may take, by its clock.
const ORDER_MS: i64 = 1_000;

/// Rows of a table by a condition with the tenant as `$1`: how they are counted, and how some of them (`$2`) are erased.
struct Erased {
    table: &'static str,
    count: &'static str,
    erase: &'static str,
}

macro_rules! erased {
    ($($table:literal by $key:literal where $of:literal;)+) => {
        const ERASED: &[Erased] = &[$(Erased {
            table: $table,
            count: concat!("SELECT COUNT(*) AS n FROM ", $table, " WHERE ", $of),
            erase: concat!("DELETE FROM ", $table, " WHERE (", $key, ") IN (SELECT ", $key, " FROM ", $table, " WHERE ", $of, " LIMIT $2)"),
        }),+];
        /// Tables of which a purge erases rows.
        pub const ERASED_TABLES: &[&str] = &[$($table),+];
    };
}

erased! {
    "session" by "id" where "tenant = $1 OR subject IN (SELECT id FROM mailbox WHERE tenant = $1)";
    "ceremony" by "id" where "subject IN (SELECT id FROM mailbox WHERE tenant = $1)";
    "api_token" by "jti" where "tenant = $1";
    "service_account" by "id" where "tenant = $1";
    "support_use" by "support_grant, principal" where "support_grant IN (SELECT id FROM support_grant WHERE tenant = $1)";
    "support_grant" by "id" where "tenant = $1";
    "identity" by "provider, subject" where "provider IN (SELECT id FROM identity_provider WHERE tenant = $1)";
    "identity_provider" by "id" where "tenant = $1";
    "invitation" by "id" where "tenant = $1";
    "address_target" by "source, target" where "tenant = $1";
    "delegate" by "mailbox, account" where "tenant = $1";
    "send_as" by "mailbox, address" where "tenant = $1";
    "credential" by "id" where "tenant = $1";
    "directory_entry" by "mailbox" where "tenant = $1";
    // On a domain that is another's, shared one, the address stays as a tombstone (M3).
    "address" by "domain, local" where "tenant = $1 AND domain NOT IN (SELECT name FROM domain WHERE tenant <> $1)";
    "export_fetch" by "link, file, ip" where "tenant = $1";
    "export_link" by "id" where "tenant = $1";
    "export" by "id" where "tenant = $1";
    "migration" by "id" where "tenant = $1";
    "mailbox" by "id" where "tenant = $1";
    "dkim_key" by "name, tenant, selector" where "tenant = $1";
    "dns_credential" by "tenant, name" where "tenant = $1";
    "dns_published" by "name, tenant, record, kind, content" where "tenant = $1";
    "domain_notice" by "seq" where "tenant = $1";
    "claim" by "name, tenant" where "tenant = $1";
    "domain" by "name" where "tenant = $1";
    "mailbox_import_part" by "job, part" where "tenant = $1";
    "mailbox_import" by "job" where "tenant = $1";
    "job_file" by "job, part" where "job IN (SELECT id FROM job WHERE tenant = $1)";
    "job" by "id" where "tenant = $1";
    "job_turn" by "tenant" where "tenant = $1";
    "webhook_delivery" by "seq" where "tenant = $1 OR body LIKE '%' || $1 || '%'";
    "webhook" by "id" where "tenant = $1";
    "event" by "seq" where "tenant = $1";
    "brand_logo" by "tenant, scheme" where "tenant = $1";
    "brand_host" by "host" where "tenant = $1";
    "brand" by "tenant" where "tenant = $1";
    "announcement" by "id" where "tenant = $1";
    "feature_flag" by "tenant, feature" where "tenant = $1";
    "signup_name" by "domain, local" where "coming = $1";
    "signup" by "id" where "coming = $1 OR tenant = $1";
    "signup_offer" by "domain" where "tenant = $1";
    "signup_invite" by "id" where "tenant = $1";
    "signup_seller" by "tenant" where "tenant = $1";
    "outgoing_notice" by "id" where "tenant = $1";
    "idempotency" by "tenant, key" where "tenant = $1 OR answer LIKE '%' || $1 || '%'";
    "usage_reading" by "tenant, meter" where "tenant = $1";
    "usage_hour" by "tenant, meter, hour" where "tenant = $1";
    "usage_day" by "tenant, meter, day" where "tenant = $1";
    "billing_drift" by "seq" where "tenant = $1";
    "checkout" by "id" where "tenant = $1";
    "entitlement_input" by "tenant, number" where "tenant = $1";
    "hold" by "id" where "tenant = $1 AND code <> 'PURGED'";
    "role" by "id" where "tenant = $1";
}

/// What a purge leaves, for people.
pub const KEPT: &[&str] = &[
    "books: invoice, payment, ledger, frozen usage, subscription, concession, customer, payment calls and events, plans and coupons it sold by",
    "audit: the head of its chain (a hash); what tenants above did to it, in their own logs",
    "address: on domains that are another's, as tombstones that are never given out again (M3)",
    "tenant, closing, hold PURGED: the tombstone, without its name",
];

/// Tables with a tenant in them that a purge leaves, whole or in part.
#[cfg(test)]
const KEPT_TABLES: &[&str] = &[
    "invoice",
    "invoice_series",
    "billing_letter",
    "billing_announced",
    "payment",
    "payment_call",
    "ledger_entry",
    "ledger_posting",
    "ledger_balance",
    "usage_frozen",
    "subscription",
    "concession",
    "customer",
    "manual_account",
    "plan",
    "coupon",
    "billing_policy",
    "signup_owed",
    "audit",
    "audit_head",
    "audit_checkpoint",
    "membership",
    "closing",
];

/// How many rows a purge would erase, by table; those that have none are left out.
pub(super) async fn count(connection: &mut Connection, tenant: TenantId) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for erased in ERASED {
        let row = query(erased.count).bind(tenant.to_string()).fetch_one(&mut *connection).await?;
        let rows = u64::try_from(number(&row, "n")?).unwrap_or(0);
        if rows > 0 {
            counts.insert(erased.table.to_owned(), rows);
        }
    }
    Ok(counts)
}

/// Shuts a tenant for good: a hold that takes everything but being purged.
pub(super) async fn shut(txn: &mut Connection, tenant: TenantId, now: Timestamp) -> Result<()> {
    query(
        "INSERT INTO hold (id, tenant, subject, kind, code, reason, next_step, blocks, placed_by, placed_by_tenant, placed_at) \
         SELECT 'hld_purged_' || $1, $1, $1, 'admin', 'PURGED', 'The organisation was closed and its data is destroyed', '', \
         'PORTAL_LOGIN MAIL_READ RECEIVE SEND_INTERNAL SEND_EXTERNAL PROVISION EXPORT PAY', 'purge', parent, $2 FROM tenant \
         WHERE id = $1 ON CONFLICT (id) DO NOTHING",
    )
    .bind(tenant.to_string())
    .bind(now.0)
    .execute(&mut *txn)
    .await?;
    query("UPDATE hold SET released_at = $2 WHERE tenant = $1 AND released_at IS NULL AND code <> 'PURGED'")
        .bind(tenant.to_string())
        .bind(now.0)
        .execute(txn)
        .await
        .map(drop)
}

/// Takes away what shut a tenant: its purge was refused before anything was destroyed.
pub(super) async fn unshut(txn: &mut Connection, tenant: TenantId) -> Result<()> {
    query("DELETE FROM hold WHERE subject = $1 AND code = 'PURGED'")
        .bind(tenant.to_string())
        .execute(txn)
        .await
        .map(drop)
}

/// Erases some rows of the first table from `reached` on that has any; the table and how many, or `None` when nothing is left.
pub(super) async fn erase_some(
    txn: &mut Connection,
    tenant: TenantId,
    reached: &mut usize,
) -> Result<Option<(&'static str, u64)>> {
    while let Some(erased) = ERASED.get(*reached) {
        let gone = query(erased.erase).bind(tenant.to_string()).bind(PURGE_ROWS_MAX).execute(&mut *txn).await?;
        if gone > 0 {
            return Ok(Some((erased.table, gone)));
        }
        *reached += 1;
    }
    Ok(None)
}

/// People of this tenant alone, some of them, with all that is theirs; those of others too lose their place here.
pub(super) async fn erase_people(txn: &mut Connection, tenant: TenantId) -> Result<u64> {
    const ALONE: &str = "SELECT DISTINCT m.person FROM membership m WHERE m.tenant = $1 AND NOT EXISTS \
                         (SELECT 1 FROM membership o WHERE o.person = m.person AND o.tenant <> $1) LIMIT $2";
    let rows = query(ALONE).bind(tenant.to_string()).bind(PURGE_ROWS_MAX).fetch_all(&mut *txn).await?;
    let mut gone = 0;
    for row in &rows {
        let person = crate::rows::text(row, "person")?;
        for sql in [
            "DELETE FROM session WHERE subject = $1",
            "DELETE FROM ceremony WHERE subject = $1",
            "DELETE FROM identity WHERE person = $1",
            "DELETE FROM recovery_code WHERE person = $1",
            "DELETE FROM factor WHERE person = $1",
            "DELETE FROM outgoing_notice WHERE recipient_key IN (SELECT email_key FROM person WHERE id = $1)",
            "DELETE FROM password_request WHERE email_key IN (SELECT email_key FROM person WHERE id = $1)",
            "DELETE FROM membership WHERE person = $1",
            "DELETE FROM person WHERE id = $1",
        ] {
            query(sql).bind(&person).execute(&mut *txn).await?;
        }
        gone += 1;
    }
    if rows.is_empty() {
        let left = query("DELETE FROM membership WHERE tenant = $1").bind(tenant.to_string());
        left.execute(txn).await?;
    }
    Ok(gone)
}

/// What stays loses what it says: the tombstone, addresses of shared domains, the audit log behind its head.
pub(super) async fn blank(txn: &mut Connection, tenant: TenantId, now: Timestamp) -> Result<u64> {
    for sql in [
        "UPDATE tenant SET name = '(purged)', max_domains = 0, max_mailboxes = 0, storage_bytes_max = 0, version = version + 1 WHERE id = $1",
        "UPDATE address SET kind = 'tombstone', account = NULL, targets = NULL, enabled = 1, label = '', note = '', site = '', \
         posting = NULL, version = version + 1 WHERE tenant = $1 AND kind <> 'tombstone'",
        // What was told when stays: by it the customer is for ever at its last stage.
        "UPDATE billing_letter SET recipient = '' WHERE tenant = $1",
        "UPDATE customer SET email = '', look_at = NULL WHERE tenant = $1",
    ] {
        query(sql).bind(tenant.to_string()).execute(&mut *txn).await?;
    }
    let head = "INSERT INTO audit_checkpoint (tenant, number, seq, hash, at) SELECT h.tenant, h.number, \
                (SELECT MAX(seq) FROM audit WHERE tenant = $1), h.hash, $2 FROM audit_head h WHERE h.tenant = $1 \
                AND EXISTS (SELECT 1 FROM audit WHERE tenant = $1) \
                ON CONFLICT (tenant) DO UPDATE SET number = excluded.number, seq = excluded.seq, hash = excluded.hash, at = excluded.at";
    query(head).bind(tenant.to_string()).bind(now.0).execute(&mut *txn).await?;
    query("DELETE FROM audit WHERE tenant = $1").bind(tenant.to_string()).execute(txn).await
}

/// Whether something that was still to be told to the data plane, as of the order, waits; it holds what is erased.
pub(super) async fn is_told(connection: &mut Connection, ordered_at: Timestamp) -> Result<bool> {
    let before = Timestamp(ordered_at.0.saturating_add(ORDER_MS));
    let oldest =
        query("SELECT created_at FROM outbox WHERE seq > 0 ORDER BY seq LIMIT 1").fetch_optional(connection).await?;
    let oldest = oldest.map(|row| number(&row, "created_at")).transpose()?;
    Ok(oldest.is_none_or(|at| at > before.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Database, Pool};

    #[tokio::test]
    async fn every_table_with_a_tenant_is_erased_or_named_as_kept() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::open(Database::Sqlite(folder.path().join("c.sqlite"))).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        let tables = query(
            "SELECT m.name AS name FROM sqlite_master m WHERE m.type = 'table' AND EXISTS \
             (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.name = 'tenant')",
        );
        let tables = tables.fetch_all(&mut connection).await.unwrap();
        assert!(tables.len() > 50);
        for row in &tables {
            let table = crate::rows::text(row, "name").unwrap();
            let known = ERASED_TABLES.contains(&table.as_str()) || KEPT_TABLES.contains(&table.as_str());
            assert!(known, "{table}: does a purge erase it?");
        }
        assert_eq!(count(&mut connection, TenantId(7)).await.unwrap(), BTreeMap::new());
    }
}

//! SUMMARY    What a statement sees that forgets its tenant: nothing of another one, on PostgreSQL.

use super::{Connection, Database, Pool, query};
use base::TenantId;

const TREE: [(u64, Option<u64>); 5] = [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1)), (5, Some(4))];

/// A root with two resellers that have a customer each: 1 > 2 > 3, 1 > 4 > 5. Each tenant has a mailbox of its name.
#[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
async fn town(folder: &tempfile::TempDir) -> (Pool, bool) {
    let postgres = std::env::var("POSTHOUSE_TEST_POSTGRES").ok();
    let database = match &postgres {
        Some(url) => {
            let name = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            Database::postgres(url, &format!("r{}{name}", std::process::id())).unwrap()
        }
        None => Database::Sqlite(folder.path().join("c.sqlite")),
    };
    let pool = Pool::open(database).await.unwrap();
    let mut txn = pool.begin().await.unwrap();
    for (id, parent) in TREE {
        query("INSERT INTO tenant (id, parent, name, version, created_at) VALUES ($1, $2, 'x', 1, 0)")
            .bind(TenantId(id).to_string())
            .bind(parent.map(|p| TenantId(p).to_string()))
            .execute(&mut txn)
            .await
            .unwrap();
        for insert in [
            "INSERT INTO mailbox (id, tenant, address, display_name, live, version, created_at) VALUES ($1, $1, $1, '', 1, 1, 0)",
            "INSERT INTO hold (id, tenant, subject, kind, reason, placed_by, placed_at) VALUES ($1, $1, $1, 'admin', '', '', 0)",
            "INSERT INTO role (id, tenant, name, permissions, version, created_at) VALUES ($1, $1, '', '', 1, 0)",
            "INSERT INTO brand (tenant, allowed, name, version, updated_at) VALUES ($1, 1, '', 1, 0)",
            "INSERT INTO brand_host (host, tenant, place) VALUES ($1, $1, 0)",
        ] {
            query(insert).bind(TenantId(id).to_string()).execute(&mut txn).await.unwrap();
        }
    }
    txn.commit().await.unwrap();
    (pool, postgres.is_some())
}

/// What a forgetful statement sees.
async fn seen(connection: &mut Connection, sql: &'static str) -> Vec<u64> {
    let rows = query(sql).fetch_all(connection).await.unwrap();
    let mut seen: Vec<u64> =
        rows.iter().map(|r| r.text("t").unwrap().unwrap().parse::<TenantId>().unwrap().0).collect();
    seen.sort_unstable();
    seen
}

#[tokio::test]
async fn a_statement_that_forgets_its_tenant_sees_nothing_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, postgres) = town(&folder).await;
    let all = vec![1, 2, 3, 4, 5];
    // SQLite has one lock, the statements' own.
    let sees = |reach: &[u64]| if postgres { reach.to_vec() } else { all.clone() };
    for (tenant, below, on_line) in
        [(3, vec![3], vec![1, 2, 3]), (2, vec![2, 3], vec![1, 2, 3]), (5, vec![5], vec![1, 4, 5])]
    {
        let mut connection = pool.acquire_in(TenantId(tenant)).await.unwrap();
        for sql in ["SELECT tenant AS t FROM mailbox", "SELECT tenant AS t FROM role WHERE tenant LIKE '%'"] {
            assert_eq!(seen(&mut connection, sql).await, sees(&below), "{tenant}: {sql}");
        }
        // Names, holds and brands above count for those below.
        for sql in [
            "SELECT id AS t FROM tenant",
            "SELECT tenant AS t FROM hold",
            "SELECT tenant AS t FROM brand",
            "SELECT tenant AS t FROM brand_host",
        ] {
            assert_eq!(seen(&mut connection, sql).await, sees(&on_line), "{tenant}: {sql}");
        }
    }
    // The same connection, taken for another; and for one that is not there.
    for (tenant, reach) in [(4, vec![4, 5]), (9, vec![]), (1, all.clone())] {
        for _ in 0..10 {
            let mut connection = pool.acquire_in(TenantId(tenant)).await.unwrap();
            assert_eq!(seen(&mut connection, "SELECT tenant AS t FROM mailbox").await, sees(&reach), "{tenant}");
        }
    }
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(seen(&mut connection, "SELECT tenant AS t FROM mailbox").await, all, "the server's own work");
}

#[tokio::test]
async fn a_connection_for_a_tenant_writes_nothing_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, postgres) = town(&folder).await;
    let mut connection = pool.acquire_in(TenantId(3)).await.unwrap();
    let changed = query("UPDATE mailbox SET display_name = 'mine'").execute(&mut connection).await.unwrap();
    assert_eq!(changed, if postgres { 1 } else { 5 });
    if !postgres {
        return;
    }
    assert_eq!(query("DELETE FROM role").execute(&mut connection).await.unwrap(), 1);
    assert_eq!(query("UPDATE hold SET reason = 'mine'").execute(&mut connection).await.unwrap(), 1, "those above stay");
    let foreign =
        query("INSERT INTO role (id, tenant, name, permissions, version, created_at) VALUES ('r', $1, '', '', 1, 0)");
    assert!(foreign.bind(TenantId(5).to_string()).execute(&mut connection).await.is_err());
    let given_away = query("UPDATE mailbox SET tenant = $1").bind(TenantId(5).to_string());
    assert!(given_away.execute(&mut connection).await.is_err());
}

/// Tables without the lock, and why: all others have it.
const OPEN: [(&str, &str); 17] = [
    ("_sqlx_migrations", "of the program"),
    ("announcement_dismissed", "of people: which announcements each has put away"),
    ("auth_state", "of the program"),
    ("ceremony", "of people"),
    ("factor", "of people"),
    ("identity", "of people"),
    ("outbox", "of the program"),
    ("password_request", "of whoever asks, before anybody is known: a queue that the server's own work empties"),
    (
        "payment_event",
        "of payment providers, who name no tenant: read by the server's own work, and shown to the operator",
    ),
    (
        "person",
        "of people, who may be members of several tenants: read for the person itself, or by the server's own work",
    ),
    ("recovery_code", "of people"),
    ("setting", "of the program"),
    ("signup_spent", "proofs of work that were used, by their hash: of whoever asks, before anybody is known"),
    ("support_use", "of the provider's people"),
    ("tenant_line", "who stands below whom: the lock itself asks it"),
    ("trial_spent", "of contacts, who may come again as another tenant: hashes"),
    ("usage_pass", "how far the pass over all tenants is in its hour"),
];

#[tokio::test]
async fn a_table_without_a_tenant_is_named_above_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, postgres) = town(&folder).await;
    if postgres {
        return; // The lock itself is looked at below.
    }
    let mut connection = pool.acquire().await.unwrap();
    let tables = query(
        "SELECT name, (SELECT COUNT(*) FROM pragma_table_info(m.name) WHERE name = 'tenant') AS owned FROM sqlite_master m \
         WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
    );
    let mut open: Vec<String> = vec!["tenant_line".into()];
    for table in tables.fetch_all(&mut connection).await.unwrap() {
        let name = table.text("name").unwrap().unwrap();
        // A tenant is its own, and a job's files have the lock of their job.
        if table.number("owned").unwrap() == Some(0) && !["tenant", "job_file"].contains(&name.as_str()) {
            open.push(name);
        }
    }
    open.sort_unstable();
    open.dedup();
    assert_eq!(open, OPEN.map(|(name, _)| name));
}

#[tokio::test]
async fn every_table_with_a_tenant_has_the_lock_and_a_second_start_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, postgres) = town(&folder).await;
    if postgres {
        for _ in 0..2 {
            let mut connection = pool.acquire().await.unwrap();
            let tables = query(
                "SELECT c.relname AS name, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' \
                 AND NOT a.attisdropped)::int::bigint AS owned, (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS \
                 (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'reach'))::int::bigint AS locked \
                 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname",
            );
            let tables = tables.fetch_all(&mut connection).await.unwrap();
            assert!(tables.len() > OPEN.len() + 30, "{}", tables.len());
            let mut open = Vec::new();
            for table in &tables {
                let name = table.text("name").unwrap().unwrap();
                let is = |column| table.number(column).unwrap() == Some(1);
                assert!(is("locked") || !is("owned") || name == "tenant_line", "{name} has a tenant and no policy");
                if !is("locked") {
                    open.push(name);
                }
            }
            assert_eq!(open, OPEN.map(|(name, _)| name), "a table without a lock is named above, with the reason");
            drop(connection);
            pool.migrate().await.unwrap();
        }
    }
    let mut connection = pool.acquire_in(TenantId(2)).await.unwrap();
    let reach = seen(&mut connection, "SELECT tenant AS t FROM mailbox").await;
    assert_eq!(reach, if postgres { vec![2, 3] } else { vec![1, 2, 3, 4, 5] });
}

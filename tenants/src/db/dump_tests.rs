//! SUMMARY    Dumps of both engines are the same rows; what is filled in is what was dumped, wherever it stops in between.

use super::{
    Database, Pool,
    dump::Dump,
    dump_row::{DumpRow, END, End, HEAD, key_of},
    empty::{BESIDES, UNFINISHED, made, tables},
    fill::Fill,
    query,
    schema::{Kind, Schema, Table},
    statement::Value,
};
use crate::Code;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of each table.
const ROWS: usize = 3;

struct Places {
    folder: tempfile::TempDir,
    url: Option<String>,
}

impl Places {
    #[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
    fn new() -> Places {
        Places { folder: tempfile::tempdir().unwrap(), url: std::env::var("POSTHOUSE_TEST_POSTGRES").ok() }
    }

    fn sqlite(&self, name: &str) -> Database {
        Database::Sqlite(self.folder.path().join(name))
    }

    /// On the engine that the tests run on.
    fn any(&self, name: &str) -> Database {
        let Some(url) = &self.url else { return self.sqlite(name) };
        let folder = self.folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let folder: String = folder.chars().filter(char::is_ascii_alphanumeric).collect();
        Database::postgres(url, &format!("d{}{folder}{name}", std::process::id())).unwrap()
    }
}

/// Row `n` of a table: its texts are `n`'s everywhere, so what refers to another row finds it; what may be missing is of the row
/// behind it, so parents come after their children.
fn row(table: &Table, n: usize) -> Vec<Value> {
    let text = |n: usize| format!("{n} 'ä\"\\\n%😀");
    let value = |column: &super::schema::Column| match (column.kind, column.required) {
        (Kind::Text, true) => Value::from(text(n)),
        (Kind::Text, false) => Value::Text((n + 1 < ROWS).then(|| text(n + 1))),
        (Kind::Number, true) => Value::Number(Some(i64::try_from(n).unwrap() + 1)),
        (Kind::Number, false) => Value::Number((n > 0).then_some(i64::MIN + i64::try_from(n).unwrap())),
    };
    table.columns.iter().map(value).collect()
}

/// A dump with rows in each table, and counters beyond them.
fn crafted(schema: &Schema) -> Vec<DumpRow> {
    let serial = schema.tables.iter().filter(|t| t.serial.is_some());
    let mut dump = vec![schema.head(serial.map(|t| (t.name.clone(), 70)).collect()).unwrap()];
    for table in &schema.tables {
        dump.extend((0..ROWS).map(|n| table.written(&row(table, n)).unwrap()));
    }
    let rows = dump.len() as u64 - 1;
    dump.push((key_of(END, []).unwrap(), serde_json::to_vec(&End { rows }).unwrap()));
    dump
}

async fn read(mut dump: Dump) -> Vec<DumpRow> {
    let mut rows = Vec::new();
    loop {
        let page = dump.page().await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

async fn dumped(database: Database) -> Vec<DumpRow> {
    read(Dump::open(database).await.unwrap()).await
}

async fn filled(database: Database, rows: &[DumpRow]) -> crate::Result<u64> {
    let mut fill = Fill::begin(database).await?;
    for (key, value) in rows {
        fill.row(key, value).await?;
    }
    fill.finish().await
}

/// Rows as texts, so that a difference is read.
fn shown(rows: &[DumpRow]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    rows.iter().map(|(key, value)| (text(key), text(value))).collect()
}

#[tokio::test]
async fn rows_of_every_table_come_back_byte_for_byte_from_one_engine_to_the_other() {
    let places = Places::new();
    let first = crafted(&Schema::newest().await.unwrap());
    for database in [places.sqlite("a"), places.any("b"), places.sqlite("c")] {
        assert_eq!(filled(database.clone(), &first).await.unwrap(), first.len() as u64 - 2);
        assert_eq!(shown(&dumped(database.clone()).await), shown(&first));
        // A start changes nothing of it.
        Pool::open(database.clone()).await.unwrap();
        assert_eq!(shown(&dumped(database).await), shown(&first));
    }
}

#[tokio::test]
async fn every_table_is_in_the_dump_or_made_without_it() {
    let places = Places::new();
    let pool = Pool::open(places.any("a")).await.unwrap();
    let there = tables(&mut pool.acquire().await.unwrap()).await.unwrap();
    let dumped: BTreeSet<String> = Schema::newest().await.unwrap().tables.into_iter().map(|t| t.name).collect();
    // `_sqlx_migrations` is the head; `tenant_line` is made from the tenants, and is PostgreSQL's alone.
    let left_out: Vec<&String> = there.difference(&dumped).collect();
    assert!(left_out.iter().all(|name| BESIDES.contains(&name.as_str())), "{left_out:?}");
    assert_eq!(dumped.difference(&there).count(), 0);
    assert!(dumped.len() > 70, "{}", dumped.len());
    assert!(dumped.iter().all(|name| name.as_str() > HEAD && name.as_str() < END));
}

#[tokio::test]
async fn after_a_restore_parents_reach_what_is_below_them() {
    let places = Places::new();
    let schema = Schema::newest().await.unwrap();
    filled(places.any("a"), &crafted(&schema)).await.unwrap();
    let pool = Pool::open(places.any("a")).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    if !tables(&mut connection).await.unwrap().contains("tenant_line") {
        return; // SQLite has no second lock.
    }
    let lines = query("SELECT COUNT(*) AS n FROM tenant_line").fetch_one(&mut connection).await.unwrap();
    assert_eq!(lines.number("n").unwrap(), Some(6), "each with itself and all above it");
    let held = query(
        "SELECT COUNT(*) AS n FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace",
    );
    let held = held.fetch_one(&mut connection).await.unwrap().number("n").unwrap();
    let fresh = Pool::open(places.any("b")).await.unwrap();
    let fresh = query(
        "SELECT COUNT(*) AS n FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace",
    )
    .fetch_one(&mut fresh.acquire().await.unwrap())
    .await
    .unwrap();
    assert_eq!(held, fresh.number("n").unwrap(), "every foreign key is back");
}

#[tokio::test]
async fn numbers_go_on_behind_those_that_were_given_out() {
    let places = Places::new();
    filled(places.any("a"), &crafted(&Schema::newest().await.unwrap())).await.unwrap();
    let pool = Pool::open(places.any("a")).await.unwrap();
    let mut txn = pool.begin().await.unwrap();
    let next = query("INSERT INTO outbox (batch, created_at) VALUES ('[]', 0) RETURNING seq");
    assert_eq!(next.fetch_one(&mut txn).await.unwrap().number("seq").unwrap(), Some(71));
    // What may never change is as locked as before.
    assert!(query("UPDATE audit SET actor = 'x' WHERE seq = 1").execute(&mut txn).await.is_err());
}

#[tokio::test]
async fn a_dump_is_of_one_moment_and_holds_up_no_writer() {
    let places = Places::new();
    filled(places.any("a"), &crafted(&Schema::newest().await.unwrap())).await.unwrap();
    let before = dumped(places.any("a")).await;
    let pool = Pool::open(places.any("a")).await.unwrap();
    let mut dump = pool.dump().await.unwrap();
    let mut rows = dump.page().await.unwrap();
    let mut n = 0;
    loop {
        n += 1;
        let mut txn = pool.begin().await.unwrap();
        let add = query("INSERT INTO setting (name, value) VALUES ($1, 'later')").bind(format!("later {n}"));
        add.execute(&mut txn).await.unwrap();
        query("DELETE FROM webhook").execute(&mut txn).await.unwrap();
        query("UPDATE person SET name = 'later'").execute(&mut txn).await.unwrap();
        query("INSERT INTO trial_spent (contact, at) VALUES ($1, 1)")
            .bind(n.to_string())
            .execute(&mut txn)
            .await
            .unwrap();
        txn.commit().await.unwrap();
        let page = dump.page().await.unwrap();
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    assert_eq!(shown(&rows), shown(&before));
    drop(dump);
    assert_ne!(dumped(places.any("a")).await.len(), before.len());
}

#[tokio::test]
async fn a_restore_that_stopped_is_seen_and_starts_over() {
    let places = Places::new();
    let (database, whole) = (places.any("a"), crafted(&Schema::newest().await.unwrap()));
    // Somebody has started a service there: it has a setting, and no tenant.
    let pool = Pool::open(database.clone()).await.unwrap();
    let mut txn = pool.begin().await.unwrap();
    query("INSERT INTO setting (name, value) VALUES ('jwt_key', 'other')").execute(&mut txn).await.unwrap();
    txn.commit().await.unwrap();
    drop(pool);
    Fill::begin(database.clone()).await.unwrap();
    Pool::open(database.clone()).await.map(drop).expect("nothing was changed before the first row");
    for stops in [1, 2, whole.len() / 2, whole.len() - 1, whole.len()] {
        let mut fill = Fill::begin(database.clone()).await.unwrap();
        for (key, value) in &whole[..stops] {
            fill.row(key, value).await.unwrap();
        }
        match stops % 2 {
            0 => drop(fill),
            _ if stops < whole.len() => {
                let error = fill.finish().await.unwrap_err();
                assert!(error.message.contains("its end is missing"), "{error}");
            }
            _ => drop(fill),
        }
        for refused in [Pool::open(database.clone()).await.err(), Dump::open(database.clone()).await.err()] {
            assert_eq!(refused.unwrap().code, Code::Unavailable, "after {stops} rows");
        }
    }
    filled(database.clone(), &whole).await.unwrap();
    assert_eq!(shown(&dumped(database).await), shown(&whole));
}

#[tokio::test]
async fn a_database_with_a_tenant_or_with_tables_of_others_is_left_alone() {
    let places = Places::new();
    let whole = crafted(&Schema::newest().await.unwrap());
    filled(places.any("a"), &whole).await.unwrap();
    assert_eq!(filled(places.any("a"), &whole).await.unwrap_err().code, Code::InUse);
    assert_eq!(shown(&dumped(places.any("a")).await), shown(&whole));
    let pool = Pool::connect(places.any("b")).await.unwrap();
    let mut txn = pool.begin().await.unwrap();
    made("CREATE TABLE recipes (id BIGINT PRIMARY KEY)".into()).execute(&mut txn).await.unwrap();
    txn.commit().await.unwrap();
    let error = filled(places.any("b"), &whole).await.unwrap_err();
    assert!(error.code == Code::Invalid && error.message.contains("recipes"), "{error}");
    let left = tables(&mut pool.acquire().await.unwrap()).await.unwrap();
    assert_eq!(left, BTreeSet::from(["recipes".to_owned()]));
}

#[tokio::test]
async fn a_dump_of_an_older_schema_is_filled_and_then_brought_up_to_date() {
    let places = Places::new();
    let newest = Schema::newest().await.unwrap();
    let old = newest.steps.iter().map(|(version, _)| *version).filter(|version| *version <= 20).collect();
    let old = Schema::after(old).await.unwrap();
    let dump = crafted(&old);
    assert!(old.place("closing").is_none() && newest.place("closing").is_some());
    filled(places.any("a"), &dump).await.unwrap();
    let now = dumped(places.any("a")).await;
    assert_eq!(
        now[0].1,
        newest
            .head(BTreeMap::from_iter(old.tables.iter().filter(|t| t.serial.is_some()).map(|t| (t.name.clone(), 70)),))
            .unwrap()
            .1
    );
    for table in &old.tables {
        let prefix = key_of(&table.name, []).unwrap();
        assert_eq!(now.iter().filter(|(key, _)| key.starts_with(&prefix)).count(), ROWS, "{}", table.name);
    }
}

#[tokio::test]
async fn a_dump_of_a_newer_release_is_refused_and_nothing_is_changed() {
    let places = Places::new();
    let schema = Schema::newest().await.unwrap();
    Pool::open(places.any("a")).await.unwrap();
    let before = dumped(places.any("a")).await;
    let head = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut head = serde_json::from_slice(&crafted(&schema)[0].1).unwrap();
        change(&mut head);
        serde_json::to_vec(&head).unwrap()
    };
    for (value, says) in [
        (head(&|h| h["steps"].as_array_mut().unwrap().push(serde_json::json!([999, "ab"]))), "step 999"),
        (head(&|h| h["steps"][3][1] = "ab".into()), "step 4 "),
        (head(&|h| h["steps"] = serde_json::json!([])), "no steps"),
        (head(&|h| h["format"] = 2.into()), "format 2"),
        (head(&|h| h["more"] = 2.into()), "unknown field"),
        (head(&|h| h["counters"]["tenant"] = 2.into()), "Table tenant"),
        (head(&|h| h["counters"]["audit"] = (-1).into()), "Table audit"),
        (b"[".to_vec(), HEAD),
    ] {
        let mut fill = Fill::begin(places.any("a")).await.unwrap();
        let error = fill.row(&key_of(HEAD, []).unwrap(), &value).await.unwrap_err();
        assert!(error.code == Code::Invalid && error.message.contains(says), "{says}: {error}");
        assert!(fill.finish().await.is_err());
    }
    assert_eq!(shown(&dumped(places.any("a")).await), shown(&before));
}

#[tokio::test]
async fn rows_that_are_not_as_a_dump_has_them_are_refused_with_the_tables_name() {
    let schema = Schema::newest().await.unwrap();
    let setting = &schema.tables[schema.place("setting").unwrap()];
    let key = |name: &str| key_of("setting", &[Value::from(name)]).unwrap();
    let good = setting.written(&["a".into(), "b".into()]).unwrap();
    let (after, before) = (key("z"), key("a"));
    let json = |value: serde_json::Value| serde_json::to_vec(&value).unwrap();
    let cases: Vec<(Vec<DumpRow>, &str, &str)> = vec![
        (vec![(key_of("recipes", []).unwrap(), b"{}".to_vec())], "recipes", "unknown"),
        (vec![(b"a\n\xff".to_vec(), b"{}".to_vec())], "a\\n\u{fffd}", "unknown"),
        (vec![(key_of(UNFINISHED, []).unwrap(), b"{}".to_vec())], UNFINISHED, "unknown"),
        (
            vec![(key("a"), json(serde_json::json!({"name": "a", "value": "b", "more": 1})))],
            "setting",
            "more is unknown",
        ),
        (vec![(key("a"), json(serde_json::json!({"name": "a"})))], "setting", "value is missing"),
        (
            vec![(key("a"), json(serde_json::json!({"name": "a", "value": 1})))],
            "setting",
            "value has a value of another",
        ),
        (
            vec![(key("a"), json(serde_json::json!({"name": "a", "value": "\0"})))],
            "setting",
            "value has a value of another",
        ),
        (vec![(key("a"), json(serde_json::json!({"name": "a", "value": null})))], "setting", "value is null"),
        (vec![(key("b"), json(serde_json::json!({"name": "a", "value": "b"})))], "setting", "key is not"),
        (vec![(key("a"), b"{\"name\":\"a\",\"value\":\"b\",\"value\":\"c\"}".to_vec())], "setting", "twice"),
        (vec![(key("a"), b"[]".to_vec())], "setting", "object"),
        (
            vec![(after, json(serde_json::json!({"name": "z", "value": "b"}))), (before, good.1.clone())],
            "setting",
            "order",
        ),
        (vec![good.clone(), good.clone()], "setting", "order"),
        (vec![(key_of(END, []).unwrap(), b"{\"rows\":1}".to_vec())], END, "had 1 rows, and 0"),
        (
            vec![(key_of(END, []).unwrap(), b"{\"rows\":0}".to_vec()), (b"~f\0".to_vec(), good.1.clone())],
            "~f",
            "behind",
        ),
    ];
    for (rows, table, says) in cases {
        let places = Places::new();
        let mut fill = Fill::begin(places.sqlite("a")).await.unwrap();
        let head = schema.head(BTreeMap::new()).unwrap();
        fill.row(&head.0, &head.1).await.unwrap();
        let (last, first) = rows.split_last().unwrap();
        for (key, value) in first {
            fill.row(key, value).await.unwrap();
        }
        let error = fill.row(&last.0, &last.1).await.unwrap_err();
        assert!(error.code == Code::Invalid && error.message.contains(&format!("Table {table}: ")), "{table}: {error}");
        assert!(error.message.contains(says), "{says}: {error}");
        assert!(fill.finish().await.is_err());
        assert_eq!(Pool::open(places.sqlite("a")).await.err().unwrap().code, Code::Unavailable);
    }
}

#[tokio::test]
async fn a_row_that_names_another_one_that_is_not_there_is_refused_at_the_end() {
    let places = Places::new();
    let schema = Schema::newest().await.unwrap();
    let gone = key_of("person", []).unwrap();
    let mut rows: Vec<DumpRow> = crafted(&schema).into_iter().filter(|(key, _)| !key.starts_with(&gone)).collect();
    let tables = rows.len() as u64 - 2;
    rows.last_mut().unwrap().1 = serde_json::to_vec(&End { rows: tables }).unwrap();
    let error = filled(places.any("a"), &rows).await.unwrap_err();
    assert!(error.code == Code::Invalid && error.message.contains("names another one"), "{error}");
    assert_eq!(Pool::open(places.any("a")).await.err().unwrap().code, Code::Unavailable);
}

#[tokio::test]
async fn a_page_has_a_bound_of_bytes_and_of_rows() {
    let places = Places::new();
    let schema = Schema::newest().await.unwrap();
    let pool = Pool::open(places.any("a")).await.unwrap();
    let mut txn = pool.begin().await.unwrap();
    let body = "ä".repeat(1024 * 1024);
    for part in 0..5_i64 {
        let add =
            query("INSERT INTO job_file (job, part, body, expires_at) VALUES ('j', $1, $2, 0)").bind(part).bind(&body);
        add.execute(&mut txn).await.unwrap();
    }
    for n in 0..1_300_i64 {
        let add = query("INSERT INTO usage_hour (tenant, meter, hour, amount) VALUES ('t', 'm', $1, 0)").bind(n - 650);
        add.execute(&mut txn).await.unwrap();
    }
    txn.commit().await.unwrap();
    let mut dump = pool.dump().await.unwrap();
    let (mut rows, mut hours) = (Vec::new(), Vec::new());
    loop {
        let page = dump.page().await.unwrap();
        let bytes: usize = page.iter().map(|(_, value)| value.len()).sum();
        assert!(bytes < 5 * 1024 * 1024 && page.len() <= 512, "{bytes} bytes, {} rows", page.len());
        if page.is_empty() {
            break;
        }
        let prefix = key_of("usage_hour", []).unwrap();
        hours.extend(
            page.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, value)| {
                serde_json::from_slice::<serde_json::Value>(value).unwrap()["hour"].as_i64().unwrap()
            }),
        );
        rows.extend(page);
    }
    assert_eq!(hours, (-650..650).collect::<Vec<_>>());
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(rows[0].0, key_of(HEAD, []).unwrap());
    drop(dump);
    filled(places.sqlite("b"), &rows).await.unwrap();
    assert!(schema.place("job_file").is_some());
    assert_eq!(dumped(places.sqlite("b")).await, rows);
}

#[test]
fn keys_sort_as_their_values_do_and_none_begins_another() {
    let number = |n: i64| Value::Number(Some(n));
    let values = [
        vec![number(i64::MIN), "a".into()],
        vec![number(-1), "a".into()],
        vec![number(0), "".into()],
        vec![number(0), "a".into()],
        vec![number(0), "a\u{1}".into()],
        vec![number(0), "ab".into()],
        vec![number(0), "aä".into()],
        vec![number(0), "a😀".into()],
        vec![number(1), "".into()],
        vec![number(i64::MAX), "".into()],
    ];
    let keys: Vec<Vec<u8>> = values.iter().map(|values| key_of("t", values).unwrap()).collect();
    for pair in keys.windows(2) {
        assert!(pair[0] < pair[1] && !pair[1].starts_with(&pair[0]), "{pair:?}");
    }
    assert!(key_of("audit", &[number(i64::MAX)]).unwrap() < key_of("audit_head", []).unwrap());
    assert!(key_of("t", &[Value::Text(None)]).is_err());
    assert!(key_of("t", &["a\0".into()]).is_err());
}

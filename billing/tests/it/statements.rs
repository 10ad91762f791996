//! SUMMARY    No statement of billing reads the whole of a table: how SQLite would run each is asked.
//! LIMITS     Statements that stand in one literal.

use crate::desk::{Hands, Plane, open};
use std::{path::Path, sync::Arc};
use tenants::{
    Database,
    sql::{Connection, Value, query},
};

/// Fewer would mean that the literals are not found any more.
const STATEMENTS_MIN: usize = 50;

/// The literals of a source that begin like a statement.
fn statements(source: &str) -> Vec<String> {
    let joined = source.replace("\\\n", "\u{1}");
    let literals = joined
        .split('"')
        .filter(|part| ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| part.starts_with(verb)));
    let whole = |literal: &str| literal.split('\u{1}').map(str::trim_start).collect::<Vec<_>>().concat();
    literals.map(whole).collect()
}

/// All sources below a folder but the tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if name.ends_with(".rs") && !name.contains("tests") {
            all.push(std::fs::read_to_string(path).unwrap());
        }
    }
    all
}

/// What it would read from one end to the other.
async fn read_whole(connection: &mut Connection, tables: &[String], statement: &str) -> Vec<String> {
    let sql: &'static str = format!("EXPLAIN QUERY PLAN {statement}").leak();
    let values = (1..40).take_while(|n| statement.contains(&format!("${n}"))).count();
    let asked = (0..values).fold(query(sql), |asked, _| asked.bind(Value::Number(None)));
    let rows = asked.fetch_all(connection).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    let words: Vec<&str> = statement.split([' ', ',', '(', ')']).filter(|w| !w.is_empty() && *w != "AS").collect();
    let is_table = |name: &str| tables.iter().any(|t| t == name);
    let grows = |name: &str| is_table(name) || words.windows(2).any(|w| is_table(w[0]) && w[1] == name);
    let details = rows.iter().map(|row| row.text("detail").unwrap().unwrap());
    details.filter(|d| d.strip_prefix("SCAN ").is_some_and(|d| grows(d.split(' ').next().unwrap()))).collect()
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(folder.path().join("c.sqlite"));
    let service = open(database, Arc::new(Plane::default()), Hands::new()).await;
    let mut connection = service.connection().await.unwrap();
    let tables = query("SELECT name FROM sqlite_schema WHERE type = 'table'").fetch_all(&mut connection).await.unwrap();
    let tables: Vec<String> = tables.iter().map(|row| row.text("name").unwrap().unwrap()).collect();
    let (mut asked, mut bad) = (0, Vec::new());
    for statement in sources(Path::new("src")).iter().flat_map(|source| statements(source)) {
        asked += 1;
        let scans = read_whole(&mut connection, &tables, &statement).await;
        if !scans.is_empty() {
            bad.push(format!("{statement}: {}", scans.join(", ")));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(asked >= STATEMENTS_MIN, "{asked} statements");
}

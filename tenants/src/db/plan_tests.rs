//! SUMMARY    No statement reads the whole of a table that grows with the customers: how SQLite would run each is asked.
//! LIMITS     Statements that stand in one literal; those put together by macros are not seen.

use super::{Database, Engine, Pool};
use rusqlite::Connection;
use std::path::Path;

/// Fewer would mean that the literals are not found any more.
const STATEMENTS_MIN: usize = 300;
/// What may read all: once, at the start of a release that knows more than the one before.
const AT_THE_START: [&str; 2] =
    ["SELECT name, tenant FROM claim WHERE token = ''", "SELECT name FROM domain WHERE reversed = ''"];
/// Beginnings of statements that macros go on with.
const BEGINNINGS: [&str; 1] = ["SELECT COUNT(*) AS n FROM mailbox m "];

/// The literals of a source that begin like a statement.
fn statements(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('"') {
        let (mut literal, mut indented) = (String::new(), false);
        let mut chars = rest[at + 1..].char_indices();
        let end = loop {
            match chars.next() {
                None => break rest.len(),
                Some((n, '"')) => break at + 2 + n,
                Some((_, '\\')) => match chars.next() {
                    // The line goes on behind the next one's indentation.
                    Some((_, '\n')) => indented = true,
                    Some((_, other)) => literal.push(other),
                    None => {}
                },
                Some((_, ' ')) if indented => {}
                Some((_, other)) => {
                    indented = false;
                    literal.push(other);
                }
            }
        };
        rest = &rest[end.min(rest.len())..];
        if ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| literal.starts_with(verb)) {
            found.push(literal);
        }
    }
    found
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

/// What it would read from one end to the other; `None`: it is no whole statement.
fn read_whole(connection: &Connection, tables: &[String], statement: &str) -> Option<Vec<String>> {
    let mut asked = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).ok()?;
    let details: Vec<String> = asked.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>().ok()?;
    let words: Vec<&str> = statement.split([' ', ',', '(', ')']).filter(|w| !w.is_empty() && *w != "AS").collect();
    let is_table = |name: &str| tables.iter().any(|t| t == name);
    let grows = |name: &str| is_table(name) || words.windows(2).any(|w| is_table(w[0]) && w[1] == name);
    let scans = |detail: &String| detail.strip_prefix("SCAN ").is_some_and(|d| grows(d.split(' ').next().unwrap()));
    Some(details.into_iter().filter(scans).collect())
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let pool = Pool::open(Database::Sqlite(folder.path().join("c.sqlite"))).await.unwrap();
    let Engine::Sqlite { read, .. } = &pool.engine else { unreachable!("a file was asked for") };
    let mut lease = read.acquire().await.unwrap();
    let asked = lease.with(|connection| {
        all_statements(connection);
        Ok(())
    });
    asked.await.unwrap();
}

fn all_statements(connection: &Connection) {
    // Those that are short: settings, turns, a queue with a bound, the steps of the schema, the counters of numbered tables. What a
    // dump reads, and a restore writes, is put together from the schema: it is whole tables by design, a page at a time.
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN \
                  ('setting', 'webhook', 'job_turn', 'password_request', '_sqlx_migrations', 'sqlite_sequence')";
    let mut tables = connection.prepare(tables).unwrap();
    let tables: Vec<String> = tables.raw_query().mapped(|row| row.get("name")).collect::<Result<_, _>>().unwrap();
    let (mut asked, mut bad) = (0, Vec::new());
    for statement in sources(Path::new("src")).iter().flat_map(|source| statements(source)) {
        let Some(scans) = read_whole(connection, &tables, &statement) else { continue };
        asked += 1;
        if !scans.is_empty() && !AT_THE_START.contains(&&*statement) && !BEGINNINGS.contains(&&*statement) {
            bad.push(format!("{statement}: {}", scans.join(", ")));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(asked >= STATEMENTS_MIN, "{asked} statements");
}

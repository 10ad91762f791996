//! SUMMARY    docs/rfc/index.toml: which standards are implemented, how far and where; the public table made of it.
//! INVARIANTS Every RFC that code names has an entry, every home exists, and the table is never older than the index.

use crate::source::{self, File};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};
use toml::{Table, Value};

const INDEX: &str = "docs/rfc/index.toml";
const PAGE: &str = "docs/rfc/README.md";
const STATUS: [&str; 4] = ["full", "partial", "planned", "no"];

struct Entry {
    number: i64,
    title: String,
    status: String,
    home: String,
    notes: String,
}

/// Fails on findings and on a stale page.
pub fn check() -> Result<(), String> {
    let (entries, page) = checked()?;
    if fs::read_to_string(PAGE).unwrap_or_default() != page {
        return Err(format!("rfc: {PAGE} is older than {INDEX}: run `cargo xtask rfc`"));
    }
    println!("rfc: {} entries", entries.len());
    Ok(())
}

/// Fails on findings, then writes the page.
pub fn render() -> Result<(), String> {
    let (entries, page) = checked()?;
    fs::write(PAGE, page).map_err(|e| format!("{PAGE}: {e}"))?;
    println!("rfc: {} entries rendered", entries.len());
    Ok(())
}

fn checked() -> Result<(Vec<Entry>, String), String> {
    let entries = read()?;
    crate::report("rfc", &findings(&entries, &source::tracked()?))?;
    let page = page(&entries);
    Ok((entries, page))
}

fn read() -> Result<Vec<Entry>, String> {
    let text = fs::read_to_string(INDEX).map_err(|e| format!("{INDEX}: {e}"))?;
    let table: Table = text.parse().map_err(|e| format!("{INDEX}: {e}"))?;
    let listed = table.get("rfc").and_then(Value::as_array).ok_or_else(|| format!("{INDEX}: no [[rfc]]"))?;
    listed.iter().map(entry).collect()
}

fn entry(value: &Value) -> Result<Entry, String> {
    let number = value.get("number").and_then(Value::as_integer);
    let number = number.ok_or_else(|| format!("{INDEX}: an entry has no number"))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Entry { number, title: text("title"), status: text("status"), home: text("home"), notes: text("notes") })
}

fn findings(entries: &[Entry], files: &[File]) -> Vec<String> {
    let mut out = Vec::new();
    for pair in entries.windows(2) {
        if pair[0].number >= pair[1].number {
            out.push(format!("{INDEX}: RFC {} comes after RFC {}", pair[1].number, pair[0].number));
        }
    }
    for e in entries {
        let built = matches!(e.status.as_str(), "full" | "partial");
        if e.title.is_empty() || !STATUS.contains(&e.status.as_str()) {
            out.push(format!("{INDEX}: RFC {}: title and status ({}) are needed", e.number, STATUS.join(", ")));
        }
        if built && e.home.is_empty() {
            out.push(format!("{INDEX}: RFC {} is {} but has no home", e.number, e.status));
        }
        for home in e.home.split_whitespace().filter(|h| !Path::new(h).exists()) {
            out.push(format!("{INDEX}: RFC {}: {home} does not exist", e.number));
        }
        if e.status != "full" && e.notes.is_empty() {
            out.push(format!("{INDEX}: RFC {} is {}: notes say what is missing", e.number, e.status));
        }
    }
    let known: Vec<i64> = entries.iter().map(|e| e.number).collect();
    for (number, place) in referenced(files).into_iter().filter(|(n, _)| !known.contains(n)) {
        out.push(format!("{place}: RFC {number} is not in {INDEX}"));
    }
    out
}

/// Every `RFC nnnn` that source names, with the first place.
fn referenced(files: &[File]) -> BTreeMap<i64, String> {
    let mut out = BTreeMap::new();
    for file in files.iter().filter(|f| f.is_rust() && !f.path.starts_with("ops/xtask/")) {
        for (n, line) in file.text.lines().enumerate() {
            for number in numbers(line) {
                out.entry(number).or_insert_with(|| format!("{}:{}", file.path, n + 1));
            }
        }
    }
    out
}

/// Numbers after `RFC` in a line; `RFC 5321, 1870 and 2920` is three.
fn numbers(line: &str) -> Vec<i64> {
    let mut out = Vec::new();
    for (at, _) in line.match_indices("RFC") {
        let mut rest = &line[at + 3..];
        // RFC822.SIZE is an IMAP item.
        while !rest.starts_with("822") {
            let digits = rest.trim_start_matches([' ', '-']);
            let length = digits.bytes().take_while(u8::is_ascii_digit).count();
            if !(3..=5).contains(&length) {
                break;
            }
            out.extend(digits[..length].parse::<i64>());
            let after = &digits[length..];
            let Some(next) = [", ", " and ", "/"].iter().find_map(|word| after.strip_prefix(word)) else { break };
            rest = next;
        }
    }
    out
}

fn page(entries: &[Entry]) -> String {
    let mut out = String::from(
        "# Standards\n\nMade by `cargo xtask rfc` from index.toml; change that file, then run it.\n\n\
         *full*: everything a server of our kind must do. *partial*: the notes say what is missing. *planned*: named in\n\
         the roadmap. *no*: decided against.\n\n",
    );
    let count = |status: &str| entries.iter().filter(|e| e.status == status).count();
    let counts: Vec<String> = STATUS.iter().map(|s| format!("{} {s}", count(s))).collect();
    let _ = writeln!(out, "{} entries: {}.\n", entries.len(), counts.join(", "));
    out.push_str("| RFC | title | status | where | notes |\n|---|---|---|---|---|\n");
    for e in entries {
        let homes: Vec<String> = e.home.split_whitespace().map(|h| format!("[{h}](../../{h})")).collect();
        let _ = writeln!(
            out,
            "| [{0}](https://www.rfc-editor.org/rfc/rfc{0}) | {1} | {2} | {3} | {4} |",
            e.number,
            e.title,
            e.status,
            homes.join(" "),
            e.notes
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn references_are_found_in_lists_too() {
        let check = |line: &str, expect: &[i64]| assert_eq!(numbers(line), expect, "{line}");
        check("RFC 9051 §6.4.5, RFC 4315", &[9051, 4315]);
        check("RFC 5321, 1870 and 2920", &[5321, 1870, 2920]);
        check("RFC 3030/3461", &[3030, 3461]);
        check("RFC822.SIZE", &[]);
        check("RFC of 2020", &[]);
    }
}

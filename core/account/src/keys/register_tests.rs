//! SUMMARY    Every kind of row of an account is of a type of data that is exported, or left out of exports with the reason.

use control::{RECORDS_LEFT_OUT, REGISTERED};
use std::collections::BTreeSet;

/// Kinds of rows as the registry has them: variants of `AccountRow`, in words.
fn kinds() -> BTreeSet<String> {
    let source = include_str!("../keys.rs");
    let (_, from) = source.split_once("pub(crate) enum AccountRow {").unwrap();
    let (variants, _) = from.split_once('}').unwrap();
    let names = variants.lines().filter_map(|line| {
        let name: String = line.trim().chars().take_while(char::is_ascii_alphanumeric).collect();
        (!name.is_empty()).then_some(name)
    });
    names.map(|name| words(&name)).collect()
}

fn words(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    match out.as_str() {
        "migrated" | "migrated folder" => "migration".to_owned(),
        _ => out,
    }
}

#[test]
fn every_row_of_an_account_is_exported_or_left_out_with_the_reason() {
    let left_out = RECORDS_LEFT_OUT.iter().map(|(record, _)| (*record).to_owned());
    let exported = REGISTERED.iter().flat_map(|line| line.records).map(|record| (*record).to_owned());
    let registered: BTreeSet<String> = left_out.chain(exported).collect();
    let kinds = kinds();
    assert!(kinds.len() > 15 && kinds.contains("mailbox state"), "{kinds:?}");
    for kind in &kinds {
        assert!(registered.contains(kind), "{kind}: which type of data is it? Add it to core/control/src/data.rs");
    }
    assert_eq!(registered, kinds, "the register has a row that is none any more");
}

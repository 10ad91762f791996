//! SUMMARY    Texts: in every language, with the same arguments, and each of them used.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

const FOLDERS: [&str; 11] = [
    "templates",
    "src",
    "src/page",
    "src/page/access",
    "src/page/addresses",
    "src/page/billing",
    "src/page/domain",
    "src/page/export",
    "src/page/moving",
    "src/page/own",
    "src/page/sell",
];

const LANGUAGES: [(&str, &str); 3] = [
    ("en", include_str!("../../locales/en.ftl")),
    ("de", include_str!("../../locales/de.ftl")),
    ("fr", include_str!("../../locales/fr.ftl")),
];

/// Keys of a language, each with the arguments that its text names.
fn keys(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in source.lines() {
        let starts = line.starts_with(|c: char| c.is_ascii_lowercase());
        let text = match line.split_once(" = ").filter(|_| starts) {
            Some((key, text)) => {
                assert!(keys.insert(key.to_owned(), BTreeSet::new()).is_none(), "{key} stands there twice");
                key.clone_into(&mut last);
                text
            }
            None => line,
        };
        for argument in text.split('$').skip(1) {
            let name: String = argument.chars().take_while(char::is_ascii_alphanumeric).collect();
            keys.get_mut(&last).unwrap().insert(name);
        }
    }
    keys
}

/// Every text in quotes of the templates and the code.
fn literals() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(path).unwrap();
                found.extend(text.split('"').map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn every_text_is_in_every_language() {
    let english = keys(LANGUAGES[0].1);
    assert!(english.len() > 200);
    for (tag, source) in &LANGUAGES[1..] {
        assert_eq!(keys(source), english, "{tag}");
    }
}

#[test]
fn every_text_is_used() {
    let (english, literals) = (keys(LANGUAGES[0].1), literals());
    let unused: Vec<&String> = english.keys().filter(|k| !literals.contains(*k)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_text_that_is_asked_for_is_there() {
    let english = keys(LANGUAGES[0].1);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut asked = 0;
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for call in ["f.t(\"", "f.with(\"", "f.with_two(\"", "f.with_all(\"", "f.count(\"", "visit.frame(\""] {
                for rest in text.split(call).skip(1) {
                    let key = rest.split('"').next().unwrap();
                    assert!(english.contains_key(key), "{}: {key}", path.display());
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 150, "{asked}");
}

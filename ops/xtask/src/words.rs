//! SUMMARY    Words that a room does not know, and texts that belong on no machine but their author's.
//! INVARIANTS Absences are the architecture's invariants: the data plane knows no price, the codecs no clock.

use crate::{
    code::{identifiers, mask},
    source::File,
};

/// Rooms, the words their code does not say, and why. A word of up to five letters is a whole identifier, a longer one
/// any part of it: `invoice` is in `InvoiceLine` and in `next_invoice`.
const ABSENT: [(&[&str], &[&str], &str); 3] = [
    (
        &["core/"],
        &["graphql", "sqlite", "sqlx", "invoice", "billing", "price", "prices"],
        "the data plane does not know the control plane",
    ),
    (
        &["core/base/src/", "core/wire/src/", "core/archive/src/"],
        &["async", "await", "tokio"],
        "codecs and ids wait for nothing",
    ),
    (
        &["core/base/src/", "core/wire/src/", "core/archive/src/"],
        &["systemtime", "tcpstream", "tcplistener", "udpsocket", "openoptions", "sleep", "spawn"],
        "codecs and ids have no clock, no socket, no thread and no file",
    ),
];

/// Files that may say a word after all: the clock of the system behind the trait; the threads on which both planes hash passwords;
/// the kinds of holds, which doors only pass on, and of what exports carry for the control plane; the store that is made of SQL (docs/decisions/0055). A path with a slash at its end
/// is a folder.
const MAY: [(&str, &str); 5] = [
    ("core/base/src/clock.rs", "systemtime"),
    ("core/base/src/aside.rs", "spawn"),
    ("core/store/src/postgres/", "sqlx"),
    ("core/control/src/capability.rs", "billing"),
    ("core/control/src/data.rs", "invoice"),
];

pub fn findings(files: &[File]) -> Vec<String> {
    let mut out = Vec::new();
    for file in files {
        if file.is_product() {
            absent(file, &mut out);
        }
        if file.path.rsplit('/').next() != Some("Cargo.lock") {
            elsewhere(file, &mut out);
        }
    }
    out
}

fn absent(file: &File, out: &mut Vec<String>) {
    let rules: Vec<_> = ABSENT.iter().filter(|(rooms, ..)| rooms.iter().any(|r| file.path.starts_with(r))).collect();
    if rules.is_empty() {
        return;
    }
    for (line, identifier) in identifiers(&mask(&file.text)) {
        for (_, words, why) in &rules {
            let found = words.iter().find(|word| says(identifier, word) && !may(&file.path, word));
            if found.is_some() {
                out.push(format!("{}:{line}: `{identifier}`: {why}", file.path));
            }
        }
    }
}

fn may(path: &str, word: &str) -> bool {
    MAY.iter().any(|(of, said)| *said == word && (path == *of || of.ends_with('/') && path.starts_with(of)))
}

fn says(identifier: &str, word: &str) -> bool {
    let identifier = identifier.to_lowercase();
    if word.len() <= 5 {
        identifier == word
    } else {
        identifier.contains(word) || identifier.replace('_', "").contains(word)
    }
}

/// Paths of one machine, and hosts that packages come from: what a text that is read anywhere does not name.
fn elsewhere(file: &File, out: &mut Vec<String>) {
    let texts = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
        concat!("crates", ".io"),
        concat!("py", "pi.org"),
        concat!("npm", "js.org"),
        concat!("deb.", "debian.org"),
        concat!("Co-Auth", "ored-By"),
    ];
    for (n, line) in file.text.lines().enumerate() {
        let inside = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let names = |text: &str| {
            line.match_indices(text).any(|(at, _)| !text.starts_with('/') || !line[..at].ends_with(inside))
        };
        // A resource of SCIM (RFC 7644) is called as one of these folders.
        let scim = |text: &str| text.ends_with("ers/") && file.path.contains("scim");
        for text in texts.iter().filter(|t| names(t) && !scim(t)) {
            out.push(format!("{}:{}: `{text}` is no part of the project", file.path, n + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::says;

    #[test]
    fn long_words_are_found_inside_identifiers_short_ones_are_whole() {
        let check =
            |identifier: &str, word: &str, expect: bool| assert_eq!(says(identifier, word), expect, "{identifier}");
        check("GraphQLRequest", "graphql", true);
        check("graph_ql", "graphql", true);
        check("SystemTime", "systemtime", true);
        check("INVOICE_MAX", "invoice", true);
        check("price", "price", true);
        check("caprice", "price", false);
        check("is_async", "async", false);
    }
}

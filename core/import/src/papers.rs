//! SUMMARY    Papers of an exported mailbox, found beside its mail and given to who can take them.
//! LIMITS     IMPORT_PAPER_BYTES_MAX, IMPORT_PAPERS_BYTES_MAX
//! SECURITY   What they say is a stranger's, as all of a file. Nothing is done with it here.
//! INVARIANTS Records that nobody takes in (audit history, invoices) are passed by: they are no mail, and nothing is wrong with them.

use std::collections::BTreeSet;

use archive::metadata::Trouble;

use crate::{
    archives::Archive,
    report::{Paper, Report, problem},
};

/// Bytes of one paper that are read: those that an export writes are shorter.
const IMPORT_PAPER_BYTES_MAX: u64 = 2 << 20;
/// Bytes of all papers of an account: hundreds of thousands of addresses.
const IMPORT_PAPERS_BYTES_MAX: usize = 32 << 20;
/// Names of files with a line for each record begin so.
const LINES: [&str; 4] = ["addresses-", "audit-", "tenant-", "invoices-"];
const SETTINGS: &str = "settings.json";

/// Whether a file may be a paper, by its name.
pub(crate) fn is_paper(name: &str) -> bool {
    let (folder, last) = split(name);
    let is_lines = last.ends_with(".jsonl") && LINES.iter().any(|stem| last.starts_with(stem));
    last == SETTINGS || is_lines || folder == "tenant/invoices" || folder.ends_with("/tenant/invoices")
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// Reads the papers of the account that is brought in, in order of their names; what are none is passed over, and told.
pub(crate) async fn read(archives: &[Archive], only: Option<&str>, report: &mut Report) {
    let all: Vec<&(String, String)> = archives.iter().flat_map(|archive| &archive.accounts).collect();
    let is_chosen = |address: &str| only.is_none_or(|only| only.eq_ignore_ascii_case(address));
    let chosen: BTreeSet<&str> =
        all.iter().filter(|(_, address)| is_chosen(address)).map(|(folder, _)| folder.as_str()).collect();
    let mut bytes = 0;
    for archive in archives {
        for entry in &archive.papers {
            let (folder, last) = split(&entry.name);
            if all.is_empty() {
                report.pass(&entry.name);
            }
            if !chosen.contains(folder) || !(last == SETTINGS || last.starts_with("addresses-")) {
                continue;
            }
            let wrong = |why: &str| problem(Trouble::MetadataMalformed, &entry.name, None, why);
            let content = match archive.entry(entry, &mut None, true).await {
                Ok(mut content) => content.at_most(IMPORT_PAPER_BYTES_MAX).await,
                Err(why) => Err(why),
            };
            match content {
                Ok(content) if content.len() as u64 >= IMPORT_PAPER_BYTES_MAX => {
                    report.tell(wrong("it is longer than a paper is (IMPORT_PAPER_BYTES_MAX)"));
                }
                Ok(content) if bytes + content.len() > IMPORT_PAPERS_BYTES_MAX => {
                    report.tell(wrong("there are more papers than are read (IMPORT_PAPERS_BYTES_MAX)"));
                }
                Ok(content) => {
                    bytes += content.len();
                    report.papers.push(Paper { name: last.to_owned(), bytes: content });
                }
                Err(why) => report.tell(wrong(&why.to_string())),
            }
        }
    }
    report.papers.sort_by(|a, b| a.name.cmp(&b.name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_are_told_from_mail_by_their_names() {
        for name in [
            "ann@a.example/settings.json",
            "x/ann@a.example/addresses-0001.jsonl",
            "tenant/audit-0020.jsonl",
            "tenant/tenant-0001.jsonl",
            "tenant/invoices/R-2026-1.pdf",
        ] {
            assert!(is_paper(name), "{name}");
        }
        for name in [
            "ann@a.example/mail/INBOX/emails-0001.jsonl",
            "a/messages-0001.mbox",
            "invoices/1.eml",
            "a/settings.json/1.eml",
        ] {
            assert!(!is_paper(name), "{name}");
        }
    }
}

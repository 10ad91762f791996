//! SUMMARY    Papers of an export that is brought in: addresses and settings, given to the mailbox by the control plane.
//! INVARIANTS What is not taken is a row with the reason, and a number in the last line.

use super::desk::{Desk, Events, row, text};
use archive::metadata::Trouble;
use import::Paper;
use serde_json::json;
use tenants::{Actor, AddressLine, Mailbox, PapersGiven};

impl Desk {
    /// Gives a mailbox what papers say; gives a sentence about it, none where there were none.
    pub(super) async fn import_papers(
        &self,
        actor: &Actor,
        mailbox: &Mailbox,
        papers: &[Paper],
        dry_run: bool,
        events: &Events,
    ) -> Result<String, String> {
        if papers.is_empty() {
            return Ok(String::new());
        }
        let mut given = PapersGiven::default();
        let mut wrong = 0;
        for paper in papers {
            for (line, why) in read(paper, &mut given) {
                wrong += 1;
                let at = format!("line {line}");
                row(events, json!({ "what": Trouble::MetadataMalformed, "file": paper.name, "at": at, "why": why }))
                    .await?;
            }
        }
        let taken = self.shared_service()?.take_papers(actor, mailbox.id, &given, dry_run).await.map_err(text)?;
        for what in &taken.made {
            let why = if dry_run { "it would be set" } else { "it is set" };
            row(events, json!({ "what": "taken", "file": what, "at": null, "why": why })).await?;
        }
        for untaken in &taken.untaken {
            row(events, json!({ "what": "not-taken", "file": untaken.what, "at": null, "why": untaken.why })).await?;
        }
        let (made, there, untaken) = (taken.made.len(), taken.there, taken.untaken.len() + wrong);
        Ok(format!("; addresses and settings: {made} taken, {there} there already, {untaken} not taken"))
    }
}

/// Reads a paper; gives the lines that are none, from 1, and why.
fn read(paper: &Paper, given: &mut PapersGiven) -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    if paper.name == "settings.json" {
        match serde_json::from_slice(&paper.bytes) {
            Ok(settings) => given.settings = Some(settings),
            Err(why) => wrong.push((why.line(), why.to_string())),
        }
        return wrong;
    }
    for (at, line) in paper.bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice::<AddressLine>(line) {
            Ok(address) => given.addresses.push(address),
            Err(why) => wrong.push((at + 1, why.to_string())),
        }
    }
    wrong
}

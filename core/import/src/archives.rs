//! SUMMARY    Opens what is brought in: what each file is, and what is to be read of it.
//! LIMITS     EXPORT_ACCOUNTS_MAX, INTAKE_FIRST_BYTES
//! INVARIANTS A file that is no mail, or an archive that has no directory, ends an import before anything is changed.

use std::{collections::HashSet, sync::Arc};

use archive::{
    intake::{Item, Origin, Plan, Planner, Sort, Source as Place},
    zip::read::{Entries, Entry, Listed, Opening},
};
use base::{
    Kind,
    limits::{ARCHIVE_ENTRIES_MAX, EXPORT_ACCOUNTS_MAX, INTAKE_FIRST_BYTES},
};
use mail::{Error, Result};
use serde::Deserialize;

use crate::{
    content::{Content, Read},
    papers::is_paper,
    pieces::Pieces,
    source::{Input, Source},
};

/// An input with its plan.
pub(crate) struct Archive {
    pub(crate) input: Input,
    pub(crate) plan: Plan,
    /// Accounts that say who they are: the folder, the address.
    pub(crate) accounts: Vec<(String, String)>,
    /// What may be papers of our own exports, by their names.
    pub(crate) papers: Vec<Entry>,
}

/// Of `account.json`, what is needed here.
#[derive(Deserialize)]
struct Described {
    address: String,
}

impl Archive {
    /// Errors: `Invalid` (it is no mail, or damaged), `LimitExceeded`.
    pub(crate) async fn open(input: Input) -> Result<Archive> {
        let mut planner = Planner::new();
        let (mut described, mut papers) = (Vec::new(), Vec::new());
        let mut add = |listed: Listed| {
            if let Listed::Entry(entry) = &listed
                && described.len() < EXPORT_ACCOUNTS_MAX
                && (entry.name.ends_with("/account.json") || &*entry.name == "account.json")
            {
                described.push(entry.clone());
            } else if let Listed::Entry(entry) = &listed
                && papers.len() < ARCHIVE_ENTRIES_MAX
                && is_paper(&entry.name)
            {
                papers.push(entry.clone());
            } else {
                planner.add(listed);
            }
        };
        match &input {
            Input::Folder(folder) => folder.list().for_each(add),
            Input::File { name, source } => {
                let wrong = |why: String| Error::new(Kind::Invalid, format!("{name}: {why}"));
                let first = source.read(0..source.bytes().min(INTAKE_FIRST_BYTES as u64)).await;
                let first = first.map_err(|e| wrong(e.to_string()))?;
                let sort = Sort::of(&first).map_err(|e| wrong(e.to_string()))?;
                if let Some(plan) = Plan::whole(sort, name, source.bytes()) {
                    return Ok(Archive { input, plan, accounts: Vec::new(), papers: Vec::new() });
                }
                directory(source, &mut add).await.map_err(|e| wrong(e.to_string()))?;
            }
        }
        let mut archive = Archive { input, plan: planner.finish(), accounts: Vec::new(), papers };
        for entry in described {
            let folder = entry.name.strip_suffix("account.json").unwrap_or_default();
            if let Ok(text) = archive.document(&entry).await
                && let Ok(Described { address }) = serde_json::from_slice(&text)
            {
                archive.accounts.push((folder.trim_end_matches('/').to_owned(), address));
            }
        }
        Ok(archive)
    }

    /// Reads the file of an item; of an archive `pieces` are read on with, and are left there at the end.
    pub(crate) async fn content(&self, place: &Place, pieces: &mut Option<Pieces>) -> Read<Content> {
        match place {
            Place::Entry(entry) => self.entry(entry, pieces, true).await,
            Place::Whole(_) => Ok(Content::whole(self.pieces(None, pieces)?)),
        }
    }

    /// The same of an entry; not `checked`, it can be read from anywhere in it.
    pub(crate) async fn entry(&self, entry: &Entry, pieces: &mut Option<Pieces>, checked: bool) -> Read<Content> {
        let own = self.pieces(Some(entry), pieces)?;
        let opened = match (&self.input, checked) {
            (Input::Folder(_), _) => return Ok(Content::whole(own)),
            (Input::File { .. }, true) => Content::of_entry(own, entry).await,
            (Input::File { .. }, false) => Content::unchecked(own, entry).await,
        };
        opened.map_err(|(own, why)| {
            *pieces = Some(own);
            why
        })
    }

    /// A small file.
    pub(crate) async fn document(&self, entry: &Entry) -> Read<Vec<u8>> {
        self.entry(entry, &mut None, true).await?.document().await
    }

    fn pieces(&self, entry: Option<&Entry>, kept: &mut Option<Pieces>) -> Read<Pieces> {
        match &self.input {
            Input::File { source, .. } => Ok(kept.take().unwrap_or_else(|| Pieces::new(source.clone()))),
            Input::Folder(folder) => {
                let file = entry.and_then(|entry| folder.file(entry));
                let file = file.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
                Ok(Pieces::new(Arc::new(file)))
            }
        }
    }
}

async fn directory(source: &Arc<dyn Source>, add: &mut impl FnMut(Listed)) -> Read<()> {
    let (mut opening, mut pieces) = (Opening::new(source.bytes()), Pieces::new(source.clone()));
    // Two turns at most: the tail, and the record that it names.
    let directory = loop {
        let tail = pieces.all(opening.wants()).await?;
        if let Some(directory) = opening.feed(&tail)? {
            break directory;
        }
    };
    let (mut entries, mut range) = (Entries::new(directory), directory.range());
    while !range.is_empty() {
        let piece = pieces.some(range.clone()).await?;
        range.start += piece.len() as u64;
        let mut input: &[u8] = &piece;
        while let Some(listed) = entries.next(&mut input) {
            add(listed?);
        }
        tokio::task::yield_now().await;
    }
    entries.finish()?;
    Ok(())
}

/// Archives of two exports cannot be told apart: their files have the same names.
pub(crate) fn refuse_two_exports(archives: &[Archive]) -> Result<()> {
    let mut seen: HashSet<&str> = HashSet::new();
    let ours = |item: &&Item| matches!(item.origin, Origin::Ours(_));
    for archive in archives {
        let names: Vec<&str> = archive.plan.items.iter().filter(ours).map(Item::name).collect();
        if let Some(name) = names.iter().find(|name| seen.contains(*name)) {
            let own = archive.input.name();
            let why = format!("{own}: {name} is in another archive too: bring in one export after the other");
            return Err(Error::new(Kind::Invalid, why));
        }
        seen.extend(names);
    }
    Ok(())
}

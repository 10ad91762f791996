//! SUMMARY    The account in a file: read at the start, written after changes, whole or not at all.
//! INVARIANTS What is in the file is one moment of the account, with the events that were not delivered then. A file that is spoiled is an
//!            error, never an empty account.

use crate::{deliver::Webhooks, http::Shared, model::Model};
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// One of the few words of a state, a kind, a reason. (A name of its own: serde borrows a plain `&str` from its input.)
pub type Word = &'static str;

/// Words that were read: each is kept once, until the end of the process.
static WORDS: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

pub fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    String::deserialize(from).map(known)
}

pub fn maybe_word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Word>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(known))
}

fn known(text: String) -> Word {
    let mut words = WORDS.lock();
    if let Some(word) = words.get(text.as_str()).copied() {
        return word;
    }
    let word: Word = Box::leak(text.into_boxed_str());
    words.insert(word);
    word
}

/// The account as it is kept.
#[derive(Deserialize)]
pub struct Saved {
    /// Where it listened.
    pub port: u16,
    model: Model,
    /// Events that were not delivered, with the endpoint of each.
    waiting: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Saving<'a> {
    port: u16,
    model: &'a Model,
    waiting: Vec<(String, String)>,
}

impl Saved {
    /// `None`: there is no file. Errors: it cannot be read, or is spoiled.
    pub fn read(path: &Path) -> io::Result<Option<Saved>> {
        let spoiled = |e| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", path.display()));
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(spoiled),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The account, whose pages are here now; what was not delivered is delivered again.
    pub(crate) fn at(self, base_url: &str) -> Model {
        let mut model = self.model;
        base_url.clone_into(&mut model.base_url);
        model.outbox.splice(0..0, self.waiting);
        model
    }
}

/// The file, and what is in it already.
pub struct Store {
    path: PathBuf,
    /// The last id that was given when it was written.
    next: Option<u64>,
}

impl Store {
    pub fn new(path: PathBuf) -> Store {
        Store { path, next: None }
    }
}

impl Shared {
    /// Writes the account down if something may have changed. What cannot be kept is tried again.
    pub(crate) fn keep(&self) {
        let Some(store) = &self.store else { return };
        let mut store = store.lock();
        let may_differ = self.is_changed.swap(false, Ordering::SeqCst);
        let (bytes, next) = {
            let model = self.model.lock();
            // Whatever happens by time alone makes an event.
            if !may_differ && store.next == Some(model.next) {
                return;
            }
            let waiting = Webhooks::waiting(&self.hooks.lock());
            (serde_json::to_vec(&Saving { port: self.port, model: &model, waiting }), model.next)
        };
        match bytes.map_err(io::Error::other).and_then(|bytes| write_whole(&store.path, &bytes)) {
            Ok(()) => store.next = Some(next),
            Err(error) => {
                self.is_changed.store(true, Ordering::SeqCst);
                tracing::warn!(%error, "the fake Stripe was not kept");
            }
        }
    }
}

/// Beside its place, then into it: who reads it after a crash has the old one or the new one.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The folder has the name.
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

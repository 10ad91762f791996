//! SUMMARY    What a repository has, by name: listed once, so that nothing is asked for by itself.
//! LIMITS     REPOSITORY_NAMES_MAX
//! INVARIANTS What is too small to be a sealed object is not there: whoever needs it puts it again.

use crate::depot::Found;
use crate::{
    Error, Result,
    limits::{DEPOT_PAGE, REPOSITORY_NAMES_MAX},
    object,
    repository::Repository,
    seal::{Name, SEALED_BYTES_MIN},
    tree::Family,
};
use std::collections::HashMap;

/// Sizes of what is stored, bytes.
#[derive(Debug, Default)]
pub(crate) struct Present {
    /// Chunks and pages of lists, by the hash that they are called by.
    contents: HashMap<Name, u64>,
    /// Objects, by the hash of their name: 32 bytes for names of any length.
    objects: HashMap<Name, u64>,
}

fn hashed(name: &str) -> Name {
    *blake3::hash(name.as_bytes()).as_bytes()
}

impl Present {
    pub(crate) async fn list(repo: &Repository) -> Result<Self> {
        let mut present = Present::default();
        for family in [Family::Chunk, Family::List] {
            repo.each(family.folder(), |found| match family.name(&found.name) {
                Some(name) if found.bytes >= SEALED_BYTES_MIN => present.add(name, found.bytes).map(|_| ()),
                Some(_) | None => Ok(()),
            })
            .await?;
        }
        repo.each(object::OBJECTS, |found| match found.name.strip_prefix(object::OBJECTS) {
            Some(name) => present.add_object(name, found.bytes),
            None => Ok(()),
        })
        .await?;
        Ok(present)
    }

    pub(crate) fn content(&self, name: &Name) -> Option<u64> {
        self.contents.get(name).copied()
    }

    pub(crate) fn object(&self, name: &str) -> Option<u64> {
        self.objects.get(&hashed(name)).copied()
    }

    /// Chunks, pages of lists and objects.
    pub(crate) fn count(&self) -> u64 {
        (self.contents.len() + self.objects.len()) as u64
    }

    /// Whether it was not there before.
    pub(crate) fn add(&mut self, name: Name, bytes: u64) -> Result<bool> {
        self.check()?;
        Ok(self.contents.insert(name, bytes).is_none())
    }

    pub(crate) fn add_object(&mut self, name: &str, bytes: u64) -> Result<()> {
        self.check()?;
        self.objects.insert(hashed(name), bytes);
        Ok(())
    }

    fn check(&self) -> Result<()> {
        match self.contents.len() + self.objects.len() < REPOSITORY_NAMES_MAX {
            true => Ok(()),
            false => Err(Error::Limit("REPOSITORY_NAMES_MAX")),
        }
    }
}

impl Repository {
    /// Looks at everything below a folder, page by page.
    pub(crate) async fn each(&self, prefix: &str, mut look: impl FnMut(Found) -> Result<()>) -> Result<()> {
        let mut after = None::<String>;
        loop {
            let page = self.depot().list(prefix, after.as_deref(), DEPOT_PAGE).await?;
            let is_last = page.len() < DEPOT_PAGE;
            for found in page {
                // A depot that repeats itself would be asked for ever.
                if after.as_ref().is_some_and(|after| found.name <= *after) {
                    return Err(Error::damaged(found.name, "the depot does not list its names in their order"));
                }
                after = Some(found.name.clone());
                look(found)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

//! SUMMARY    Everything that snapshots refer to, each once: what a prune leaves and a verification looks at.
//! LIMITS     REPOSITORY_NAMES_MAX, CHUNKS_IN_FLIGHT_MAX, LIST_LEVELS_MAX
//! INVARIANTS It goes on after a problem, and tells it; whoever deletes by it must not when there is any.

use crate::{
    DepotError, Error, Repository, Result, SnapshotId,
    limits::{CHUNKS_IN_FLIGHT_MAX, LIST_LEVELS_MAX, PROBLEMS_MAX, REPOSITORY_NAMES_MAX},
    lock::Held,
    manifest::ObjectEntry,
    object,
    present::Present,
    seal::Name,
    snapshot::stream_entry,
    tree::Node,
    verify::{Depth, Progress},
};
use futures_util::future::join_all;
use std::collections::{HashMap, HashSet};

/// What the rows of a tree are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Streams,
    Objects,
    Caller,
}

/// How closely everything is looked at.
pub(crate) struct Look<'a> {
    pub(crate) present: Present,
    pub(crate) depth: Depth,
    pub(crate) progress: &'a mut (dyn FnMut(Progress) + Send),
}

/// What was found so far.
pub(crate) struct Marks<'a> {
    repo: &'a Repository,
    /// `None`: it is enough to know what is referred to.
    look: Option<Look<'a>>,
    /// Of who must say that it lives meanwhile.
    lock: Option<&'a Held>,
    pub(crate) contents: HashSet<Name>,
    pub(crate) objects: HashMap<String, ObjectEntry>,
    pub(crate) problems: Vec<String>,
    pub(crate) problems_count: u64,
    pub(crate) done: Progress,
}

/// Whether an error says something of the repository's content; others end whatever is done.
fn is_problem(why: &Error) -> bool {
    matches!(
        why,
        Error::Damaged { .. } | Error::NoSnapshot(_) | Error::NewerFormat(_) | Error::Depot(DepotError::Missing(_))
    )
}

impl<'a> Marks<'a> {
    pub(crate) fn new(repo: &'a Repository, look: Option<Look<'a>>, lock: Option<&'a Held>) -> Self {
        Marks {
            repo,
            look,
            lock,
            contents: HashSet::new(),
            objects: HashMap::new(),
            problems: Vec::new(),
            problems_count: 0,
            done: Progress::default(),
        }
    }

    pub(crate) fn problem(&mut self, text: String) {
        self.problems_count += 1;
        if self.problems.len() < PROBLEMS_MAX && !self.problems.contains(&text) {
            self.problems.push(text);
        }
    }

    /// The value, or the problem told.
    fn told<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(why) if is_problem(&why) => {
                self.problem(why.to_string());
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }

    fn step(&mut self, bytes: u64) {
        self.done.done += 1;
        self.done.bytes += bytes;
        let done = self.done;
        if let Some(look) = &mut self.look {
            (look.progress)(done);
        }
    }

    /// Marks all that a snapshot refers to.
    pub(crate) async fn snapshot(&mut self, id: &SnapshotId) -> Result<()> {
        let snapshot = self.repo.snapshot(id).await;
        let Some(snapshot) = self.told(snapshot)? else { return Ok(()) };
        let (streams, objects) = (snapshot.manifest.streams, snapshot.manifest.objects);
        let roots = [streams.map(|root| (root, Rows::Streams)), objects.map(|root| (root, Rows::Objects))];
        self.trees(roots.into_iter().flatten().collect()).await
    }

    async fn trees(&mut self, mut ahead: Vec<(Node, Rows)>) -> Result<()> {
        let mut leaves = Vec::new();
        while let Some((node, rows)) = ahead.pop() {
            let name = node.content();
            let Some(name) = self.told(name)? else { continue };
            if !self.contents.insert(name) {
                continue;
            }
            if self.contents.len() > REPOSITORY_NAMES_MAX {
                return Err(Error::Limit("REPOSITORY_NAMES_MAX"));
            }
            if let Some(lock) = self.lock {
                lock.refresh().await?;
            }
            if !self.is_there(&node, &name).await? {
                continue;
            }
            if node.level > 0 || rows != Rows::Caller {
                let below = self.below(&node, rows).await;
                ahead.extend(self.told(below)?.unwrap_or_default());
                self.step(node.stored);
            } else {
                leaves.push(node);
            }
            if leaves.len() >= CHUNKS_IN_FLIGHT_MAX {
                self.leaves(std::mem::take(&mut leaves)).await?;
            }
        }
        self.leaves(leaves).await
    }

    /// Whether the repository has it; with another size it is read, since two programs may compress differently.
    async fn is_there(&mut self, node: &Node, name: &Name) -> Result<bool> {
        let Some(look) = &self.look else { return Ok(true) };
        let place = node.family().place(name);
        match look.present.content(name) {
            None => {
                self.problem(format!("{place} is missing or cut off"));
                Ok(false)
            }
            Some(bytes) if bytes != node.stored => {
                let read = self.repo.rows(node).await;
                Ok(self.told(read)?.is_some())
            }
            Some(_) => Ok(true),
        }
    }

    async fn below(&mut self, node: &Node, rows: Rows) -> Result<Vec<(Node, Rows)>> {
        if node.level > LIST_LEVELS_MAX {
            return Err(Error::damaged(node.place()?, "it is too many lists deep"));
        }
        if node.level > 0 {
            let children = self.repo.children(node).await?;
            return Ok(children.into_iter().map(|child| (child, rows)).collect());
        }
        let mut below = Vec::new();
        for (key, value) in self.repo.rows(node).await? {
            match rows {
                Rows::Streams => {
                    let (_, entry) = stream_entry(&key, &value)?;
                    below.extend(entry.root.map(|root| (root, Rows::Caller)));
                }
                Rows::Objects => {
                    let (name, entry) = object::entry(&key, &value)?;
                    self.object(name, entry)?;
                }
                Rows::Caller => {}
            }
        }
        Ok(below)
    }

    fn object(&mut self, name: String, entry: ObjectEntry) -> Result<()> {
        if self.objects.len() >= REPOSITORY_NAMES_MAX {
            return Err(Error::Limit("REPOSITORY_NAMES_MAX"));
        }
        match self.objects.get(&name) {
            Some(known) if *known != entry => {
                self.problem(format!("two snapshots have other bytes of object {name:?}"))
            }
            Some(_) => {}
            None => {
                self.objects.insert(name, entry);
            }
        }
        Ok(())
    }

    async fn leaves(&mut self, leaves: Vec<Node>) -> Result<()> {
        if self.look.as_ref().is_some_and(|look| look.depth == Depth::Read) {
            let repo = self.repo;
            for read in join_all(leaves.iter().map(|leaf| async { repo.rows(leaf).await.map(|_| ()) })).await {
                self.told(read)?;
            }
        }
        for leaf in leaves {
            self.step(leaf.stored);
        }
        Ok(())
    }

    /// Looks at the objects that were marked.
    pub(crate) async fn look_at_objects(&mut self) -> Result<()> {
        let mut all: Vec<(String, ObjectEntry)> =
            self.objects.iter().map(|(name, entry)| (name.clone(), entry.clone())).collect();
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for some in all.chunks(CHUNKS_IN_FLIGHT_MAX) {
            let mut to_read = Vec::new();
            for (name, entry) in some {
                let Some(look) = &self.look else { return Ok(()) };
                match look.present.object(name) {
                    Some(bytes) if bytes == entry.bytes && look.depth == Depth::Read => to_read.push((name, entry)),
                    Some(bytes) if bytes == entry.bytes => {}
                    Some(bytes) => {
                        self.problem(format!("object/{name} has {bytes} bytes and should have {}", entry.bytes));
                    }
                    None => self.problem(format!("object/{name} is missing")),
                }
            }
            let repo = self.repo;
            let read = to_read.iter().map(|(name, entry)| async { repo.object_bytes(name, entry).await.map(|_| ()) });
            for read in join_all(read).await {
                self.told(read)?;
            }
            for (_, entry) in some {
                self.step(entry.bytes);
            }
        }
        Ok(())
    }

    /// What the repository has and no snapshot refers to: chunks, pages and objects.
    pub(crate) fn unused(&self) -> u64 {
        let Some(Look { present, .. }) = &self.look else { return 0 };
        let contents = self.contents.iter().filter(|name| present.content(name).is_some()).count();
        let objects = self.objects.keys().filter(|name| present.object(name).is_some()).count();
        present.count().saturating_sub((contents + objects) as u64)
    }
}

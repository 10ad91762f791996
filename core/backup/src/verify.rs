//! SUMMARY    Whether a repository can give back what its snapshots say.
//! LIMITS     PROBLEMS_MAX (told in words)
//! INVARIANTS It changes nothing, and goes on after a problem. What is lost is told by the name under which it was stored: with what
//!            is damaged removed, the next backup puts it anew where it still has the rows.

use crate::{
    Error, Repository, Result, SnapshotId,
    manifest::SNAPSHOTS,
    mark::{Look, Marks},
    present::Present,
};

/// How closely is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything that a snapshot refers to is there with its size; lists are read.
    Listed,
    /// Everything is read, opened and hashed besides.
    Read,
}

/// What was looked at so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Chunks, pages of lists and objects.
    pub done: u64,
    /// As stored.
    pub bytes: u64,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub snapshots: u64,
    /// Chunks and pages of lists, each once.
    pub chunks: u64,
    pub objects: u64,
    /// As stored.
    pub bytes: u64,
    /// Chunks, pages and objects that no snapshot refers to: a prune removes them.
    pub unused: u64,
    /// The first PROBLEMS_MAX, each once.
    pub problems: Vec<String>,
    /// All of them.
    pub problems_count: u64,
}

impl Report {
    pub fn is_whole(&self) -> bool {
        self.problems_count == 0
    }
}

impl Repository {
    /// Looks at every snapshot; a backup may be at work meanwhile, but what is forgotten and pruned meanwhile is told as a
    /// problem. Problems are in the report; errors are of a depot that does not answer.
    pub async fn verify(&self, depth: Depth, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<Report> {
        // The snapshots first: what a backup puts meanwhile is in no manifest that is looked at, and what these name is listed.
        let (mut ids, mut strangers) = (Vec::new(), Vec::new());
        self.each(SNAPSHOTS, |found| {
            match found.name.strip_prefix(SNAPSHOTS).map(str::parse::<SnapshotId>) {
                Some(Ok(id)) => ids.push(id),
                Some(Err(_)) | None => strangers.push(found.name),
            }
            let is_too_many = ids.len() + strangers.len() > crate::limits::SNAPSHOTS_MAX;
            if is_too_many { Err(Error::Limit("SNAPSHOTS_MAX")) } else { Ok(()) }
        })
        .await?;
        let look = Look { present: Present::list(self).await?, depth, progress };
        let mut marks = Marks::new(self, Some(look), None);
        for name in strangers {
            marks.problem(format!("{name} is no snapshot's name"));
        }
        for id in &ids {
            marks.snapshot(id).await?;
        }
        marks.look_at_objects().await?;
        Ok(Report {
            snapshots: ids.len() as u64,
            chunks: marks.contents.len() as u64,
            objects: marks.objects.len() as u64,
            bytes: marks.done.bytes,
            unused: marks.unused(),
            problems: std::mem::take(&mut marks.problems),
            problems_count: marks.problems_count,
        })
    }
}

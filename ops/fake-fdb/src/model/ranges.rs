//! SUMMARY    Sets of keys as disjoint half-open ranges.

use bytes::Bytes;
use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

/// The first key behind `key`.
pub fn after(key: &[u8]) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    Bytes::from(next)
}

/// Beginnings with their ends; no two touch.
#[derive(Debug, Clone, Default)]
pub struct Ranges(BTreeMap<Bytes, Bytes>);

impl Ranges {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.0.iter()
    }

    /// Keys of all ends, bytes.
    pub fn size_bytes(&self, overhead: usize) -> usize {
        self.0.iter().map(|(begin, end)| begin.len() + end.len() + overhead).sum()
    }

    pub fn add_key(&mut self, key: &Bytes) {
        self.add(key.clone(), after(key));
    }

    pub fn add(&mut self, mut begin: Bytes, mut end: Bytes) {
        if begin >= end {
            return;
        }
        // All that begin at or before the new end and end at or after its beginning become one with it.
        while let Some((from, to)) = self.0.range::<Bytes, _>(..=&end).next_back().map(|(f, t)| (f.clone(), t.clone()))
        {
            if to < begin {
                break;
            }
            self.0.remove(&from);
            begin = begin.min(from);
            end = end.max(to);
        }
        self.0.insert(begin, end);
    }

    pub fn overlaps(&self, begin: &Bytes, end: &Bytes) -> bool {
        begin < end && self.0.range::<Bytes, _>(..end).next_back().is_some_and(|(_, to)| to > begin)
    }

    pub fn contains(&self, key: &Bytes) -> bool {
        self.0.range::<Bytes, _>(..=key).next_back().is_some_and(|(_, to)| to > key)
    }

    /// The parts of a range that are not in the set.
    pub fn gaps(&self, begin: &Bytes, end: &Bytes) -> Vec<(Bytes, Bytes)> {
        let mut gaps = Vec::new();
        let mut at = begin.clone();
        if let Some((_, to)) = self.0.range::<Bytes, _>(..=begin).next_back()
            && *to > at
        {
            at = to.clone();
        }
        for (from, to) in self.0.range::<Bytes, _>((Excluded(begin), Unbounded)) {
            if from >= end {
                break;
            }
            if at < *from {
                gaps.push((at, from.clone()));
            }
            at = to.clone();
        }
        if at < *end {
            gaps.push((at, end.clone()));
        }
        gaps
    }
}

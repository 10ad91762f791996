//! SUMMARY    Builds one range page: base rows with the layers of writes merged over them.
//! LIMITS     KV_PAGE_ROWS_MAX, KV_PAGE_BYTES_MAX
//! INVARIANTS Small rows of a page share one buffer (two allocations a page, not two a row), so a kept row keeps its page.

use crate::{
    kv::{KeyRange, Page, PageLimit},
    layer::{Layer, Patch, Slice, decode_i64, encode_i64},
};
use base::limits::{KV_KEYS_END, KV_PAGE_BYTES_MAX, KV_PAGE_ROWS_MAX};
use bytes::Bytes;
use std::{cmp::Ordering, iter::Peekable, ops::Range};

/// Values from here on are handed out as they are instead of being copied into the page's buffer.
const SHARED_VALUE_BYTES_MIN: usize = 2_048;

pub(crate) type Row = Result<(Slice, Slice), String>;
pub(crate) type Scan<'a> = Box<dyn Iterator<Item = Row> + 'a>;

/// What lies under all layers: a snapshot of committed rows.
pub(crate) trait Base: Send + Sync {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, String>;
    /// Rows of `[from, to)`, descending if `reverse`; `from < to`.
    fn scan(&self, from: &[u8], to: &[u8], reverse: bool) -> Scan<'_>;
}

/// A value as the caller gets it.
pub(crate) fn to_bytes(value: Slice) -> Bytes {
    if value.len() >= SHARED_VALUE_BYTES_MIN { Bytes::from_owner(value) } else { Bytes::copy_from_slice(&value) }
}

/// The value of `key` through `layers` (topmost first) and `base`.
pub(crate) fn lookup(key: &[u8], layers: &[&Layer], base: &dyn Base) -> Result<Option<Slice>, String> {
    let mut added: Option<i64> = None;
    let mut found = None;
    let mut decided = false;
    for layer in layers {
        match layer.lookup(key) {
            Some(Patch::Put(value)) => {
                found = Some(value.clone());
                decided = true;
                break;
            }
            Some(Patch::Gone) => {
                decided = true;
                break;
            }
            Some(Patch::Add(delta)) => added = Some(added.unwrap_or(0).wrapping_add(*delta)),
            None => {}
        }
    }
    if !decided {
        found = base.get(key)?;
    }
    Ok(plus(found, added))
}

fn plus(value: Option<Slice>, added: Option<i64>) -> Option<Slice> {
    match added {
        None => value,
        Some(delta) => Some(encode_i64(value.as_deref().map_or(0, decode_i64).wrapping_add(delta))),
    }
}

enum Value {
    Span(Range<usize>),
    Shared(Bytes),
}

/// Collects rows up to the limits.
struct Builder {
    limit: PageLimit,
    buffer: Vec<u8>,
    rows: Vec<(Range<usize>, Value)>,
    bytes: usize,
}

impl Builder {
    fn new(limit: PageLimit) -> Self {
        let limit =
            PageLimit { rows: limit.rows.clamp(1, KV_PAGE_ROWS_MAX), bytes: limit.bytes.clamp(1, KV_PAGE_BYTES_MAX) };
        let expect = limit.rows.min(64);
        Builder { limit, buffer: Vec::with_capacity(expect * 64), rows: Vec::with_capacity(expect), bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.limit.rows || self.bytes >= self.limit.bytes
    }

    fn push(&mut self, key: &[u8], value: Slice) {
        self.bytes += key.len() + value.len();
        let start = self.buffer.len();
        self.buffer.extend_from_slice(key);
        let end = self.buffer.len();
        let value = if value.len() >= SHARED_VALUE_BYTES_MIN {
            Value::Shared(Bytes::from_owner(value))
        } else {
            self.buffer.extend_from_slice(&value);
            Value::Span(end..self.buffer.len())
        };
        self.rows.push((start..end, value));
    }

    fn finish(self, more: bool) -> Page {
        let buffer = Bytes::from(self.buffer);
        let rows = self
            .rows
            .into_iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::Span(span) => buffer.slice(span),
                    Value::Shared(bytes) => bytes,
                };
                (buffer.slice(key), value)
            })
            .collect();
        Page { rows, more }
    }
}

/// One page of `[from, to)`; `layers` topmost first.
pub(crate) fn build(
    from: &[u8],
    to: &[u8],
    limit: PageLimit,
    reverse: bool,
    layers: &[&Layer],
    base: &dyn Base,
) -> Result<Page, String> {
    let mut page = Builder::new(limit);
    if from >= to {
        return Ok(page.finish(false));
    }
    let layers: Vec<&Layer> = layers.iter().copied().filter(|layer| layer.touches(from, to)).collect();
    if !layers.is_empty() {
        return Merge::new(from, to, reverse, layers, base).fill(page);
    }
    for row in base.scan(from, to, reverse) {
        let (key, value) = row?;
        if page.is_full() {
            return Ok(page.finish(true));
        }
        page.push(&key, value);
    }
    Ok(page.finish(false))
}

/// One page of `range` of rows that nothing lies over.
pub(crate) fn of_base(base: &dyn Base, range: &KeyRange, limit: PageLimit) -> Result<Page, String> {
    build(&range.from, range.to.as_slice().min(KV_KEYS_END), limit, false, &[], base)
}

type Patches<'a> = Peekable<Box<dyn Iterator<Item = (&'a Slice, &'a Patch)> + 'a>>;

/// Base rows and the patches of each layer, walked together.
struct Merge<'a> {
    reverse: bool,
    base: Peekable<Scan<'a>>,
    layers: Vec<(&'a Layer, Patches<'a>)>,
}

impl<'a> Merge<'a> {
    fn new(from: &[u8], to: &[u8], reverse: bool, layers: Vec<&'a Layer>, base: &'a dyn Base) -> Self {
        let layers = layers
            .into_iter()
            .map(|layer| {
                let patches = layer.patches_in(from, to);
                let patches: Box<dyn Iterator<Item = (&'a Slice, &'a Patch)> + 'a> =
                    if reverse { Box::new(patches.rev()) } else { Box::new(patches) };
                (layer, patches.peekable())
            })
            .collect();
        Merge { reverse, base: base.scan(from, to, reverse).peekable(), layers }
    }

    fn fill(mut self, mut page: Builder) -> Result<Page, String> {
        while let Some(key) = self.next_key()? {
            let Some(value) = self.take(&key)? else { continue };
            if page.is_full() {
                return Ok(page.finish(true));
            }
            page.push(&key, value);
        }
        Ok(page.finish(false))
    }

    /// The next key of any source.
    fn next_key(&mut self) -> Result<Option<Slice>, String> {
        let mut first: Option<&Slice> = None;
        let before = if self.reverse { Ordering::Greater } else { Ordering::Less };
        for (_, patches) in &mut self.layers {
            if let Some((key, _)) = patches.peek()
                && first.is_none_or(|first| key.cmp(&first) == before)
            {
                first = Some(key);
            }
        }
        match self.base.peek() {
            Some(Ok((key, _))) if first.is_none_or(|first| key.cmp(first) == before) => first = Some(key),
            Some(Err(why)) => return Err(why.clone()),
            Some(Ok(_)) | None => {}
        }
        Ok(first.cloned())
    }

    /// The value of `key`, which is the head of at least one source; moves past it.
    fn take(&mut self, key: &Slice) -> Result<Option<Slice>, String> {
        let mut added = None;
        let mut decided: Option<Option<Slice>> = None;
        for (layer, patches) in &mut self.layers {
            let patch = patches.next_if(|(head, _)| *head == key).map(|(_, patch)| patch);
            if decided.is_some() {
                continue;
            }
            match patch {
                Some(Patch::Put(value)) => decided = Some(Some(value.clone())),
                Some(Patch::Gone) => decided = Some(None),
                Some(Patch::Add(delta)) => added = Some(added.unwrap_or(0_i64).wrapping_add(*delta)),
                None if layer.is_cleared(key) => decided = Some(None),
                None => {}
            }
        }
        let under = match self.base.next_if(|row| row.as_ref().is_ok_and(|(head, _)| head == key)) {
            Some(row) => Some(row?.1),
            None => None,
        };
        Ok(plus(decided.unwrap_or(under), added))
    }
}

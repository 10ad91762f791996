//! SUMMARY    A persistent set of writes over something older: patches by key, and cleared ranges below them.
//! INVARIANTS A patch hides the clears of its own layer; a layer hides every layer under it. Cleared ranges are disjoint.
//!            Cloning costs O(1), so a transaction can keep the layer it started with.

use imbl::OrdMap;
use std::ops::Bound;

/// Bytes as the engine keeps them: up to 20 bytes inline, longer ones shared.
pub(crate) type Slice = fjall::Slice;

/// What a layer says about one key.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    Put(Slice),
    Gone,
    /// Added to whatever is below; a store in this process resolves it when it validates.
    Add(i64),
}

static GONE: Patch = Patch::Gone;

#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    patches: OrdMap<Slice, Patch>,
    /// from -> to, disjoint and not touching.
    clears: OrdMap<Slice, Slice>,
}

pub(crate) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// `[from, to)` as the maps want it.
pub(crate) fn bounds<'a>(from: &'a [u8], to: &'a [u8]) -> Bounds<'a> {
    (Bound::Included(from), Bound::Excluded(to))
}

impl Layer {
    pub(crate) fn is_empty(&self) -> bool {
        self.patches.is_empty() && self.clears.is_empty()
    }

    /// What this layer says about `key`, if anything.
    pub(crate) fn lookup(&self, key: &[u8]) -> Option<&Patch> {
        match self.patches.get(key) {
            Some(patch) => Some(patch),
            None if self.is_cleared(key) => Some(&GONE),
            None => None,
        }
    }

    /// Whether a cleared range covers `key` (a patch may still sit on it).
    pub(crate) fn is_cleared(&self, key: &[u8]) -> bool {
        !self.clears.is_empty() && self.clears.get_prev(key).is_some_and(|(_, to)| key < to.as_ref())
    }

    /// Whether anything here can change what a scan of `[from, to)` finds.
    pub(crate) fn touches(&self, from: &[u8], to: &[u8]) -> bool {
        if self.is_empty() || from >= to {
            return false;
        }
        self.patches.range::<_, [u8]>(bounds(from, to)).next().is_some()
            || self.is_cleared(from)
            || self.clears.range::<_, [u8]>(bounds(from, to)).next().is_some()
    }

    pub(crate) fn patches(&self) -> impl Iterator<Item = (&Slice, &Patch)> {
        self.patches.iter()
    }

    pub(crate) fn patches_in<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = (&'a Slice, &'a Patch)> + use<'a> {
        self.patches.range::<_, [u8]>(bounds(from, to))
    }

    pub(crate) fn clears(&self) -> impl Iterator<Item = (&Slice, &Slice)> {
        self.clears.iter()
    }

    pub(crate) fn put(&mut self, key: Slice, value: Slice) {
        self.patches.insert(key, Patch::Put(value));
    }

    pub(crate) fn clear(&mut self, key: Slice) {
        self.patches.insert(key, Patch::Gone);
    }

    pub(crate) fn clear_range(&mut self, from: &[u8], to: &[u8]) {
        if from >= to {
            return;
        }
        let hidden: Vec<Slice> = self.patches.range::<_, [u8]>(bounds(from, to)).map(|(key, _)| key.clone()).collect();
        for key in &hidden {
            self.patches.remove(key);
        }
        let (mut start, mut end) = (Slice::from(from), Slice::from(to));
        if let Some((before, until)) = self.clears.get_prev(from)
            && from <= until.as_ref()
        {
            start = before.clone();
        }
        let joined: Vec<(Slice, Slice)> = self
            .clears
            .range::<_, [u8]>((Bound::Included(start.as_ref()), Bound::Included(to)))
            .map(|(from, to)| (from.clone(), to.clone()))
            .collect();
        for (from, to) in joined {
            self.clears.remove(&from);
            end = end.max(to);
        }
        self.clears.insert(start, end);
    }

    /// Adds to the value under `key`; what is not known here stays an `Add` until the commit resolves it.
    pub(crate) fn add(&mut self, key: Slice, delta: i64) {
        let patch = match self.lookup(&key) {
            Some(Patch::Put(value)) => Patch::Put(encode_i64(decode_i64(value).wrapping_add(delta))),
            Some(Patch::Gone) => Patch::Put(encode_i64(delta)),
            Some(Patch::Add(before)) => Patch::Add(before.wrapping_add(delta)),
            None => Patch::Add(delta),
        };
        self.patches.insert(key, patch);
    }

    /// Lays `above` over this layer.
    pub(crate) fn absorb(&mut self, above: Layer) {
        if self.is_empty() {
            *self = above;
            return;
        }
        for (from, to) in above.clears.iter() {
            self.clear_range(from, to);
        }
        for (key, patch) in above.patches {
            match patch {
                Patch::Add(delta) => self.add(key, delta),
                Patch::Put(_) | Patch::Gone => {
                    self.patches.insert(key, patch);
                }
            }
        }
    }
}

/// The little-endian number in a value: short ones are zero-extended, longer ones cut (FoundationDB's ADD).
pub(crate) fn decode_i64(value: &[u8]) -> i64 {
    let mut bytes = [0u8; 8];
    for (to, from) in bytes.iter_mut().zip(value) {
        *to = *from;
    }
    i64::from_le_bytes(bytes)
}

pub(crate) fn encode_i64(number: i64) -> Slice {
    Slice::from(number.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleared(layer: &Layer) -> Vec<(&[u8], &[u8])> {
        layer.clears().map(|(from, to)| (from.as_ref(), to.as_ref())).collect()
    }

    #[test]
    fn cleared_ranges_join() {
        let mut layer = Layer::default();
        layer.clear_range(b"b", b"d");
        layer.clear_range(b"f", b"h");
        layer.clear_range(b"x", b"z");
        assert_eq!(cleared(&layer), [(&b"b"[..], &b"d"[..]), (b"f", b"h"), (b"x", b"z")]);
        layer.clear_range(b"d", b"f");
        assert_eq!(cleared(&layer), [(&b"b"[..], &b"h"[..]), (b"x", b"z")]);
        layer.clear_range(b"a", b"y");
        assert_eq!(cleared(&layer), [(&b"a"[..], &b"z"[..])]);
        assert!(layer.is_cleared(b"a") && layer.is_cleared(b"yy") && !layer.is_cleared(b"z"));
    }

    #[test]
    fn what_is_added_lies_on_what_is_below() {
        let number = |n: i64| Slice::from(n.to_le_bytes());
        let (mut below, mut above) = (Layer::default(), Layer::default());
        below.put(Slice::from(b"a"), number(1));
        below.add(Slice::from(b"b"), 1);
        below.put(Slice::from(b"d"), number(1));
        for key in [b"a", b"b", b"c"] {
            above.add(Slice::from(key), 2);
        }
        above.clear_range(b"d", b"e");
        above.add(Slice::from(b"d"), 2);
        below.absorb(above);
        assert!(matches!(below.lookup(b"a"), Some(Patch::Put(v)) if decode_i64(v) == 3));
        assert!(matches!(below.lookup(b"b"), Some(Patch::Add(3))));
        assert!(matches!(below.lookup(b"c"), Some(Patch::Add(2))));
        assert!(matches!(below.lookup(b"d"), Some(Patch::Put(v)) if decode_i64(v) == 2));
    }

    #[test]
    fn a_patch_hides_the_clear_below_it() {
        let mut layer = Layer::default();
        layer.put(Slice::from(b"c"), Slice::from(b"1"));
        layer.clear_range(b"a", b"z");
        assert!(matches!(layer.lookup(b"c"), Some(Patch::Gone)));
        layer.add(Slice::from(b"c"), 7);
        assert!(matches!(layer.lookup(b"c"), Some(Patch::Put(v)) if decode_i64(v) == 7));
        assert!(layer.lookup(b"z").is_none());
    }
}

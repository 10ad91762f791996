//! SUMMARY    Sets of message numbers and UIDs: parse, normalise, resolve, render.
//! STANDARDS  RFC 9051 §9 sequence-set, uid-set; RFC 5182 `$`
//! LIMITS     IMAP_SET_RANGES_MAX
//! INVARIANTS Ranges are sorted, disjoint and not adjacent; 0 is never a member. `1:4294967295` costs one range, not four thousand million numbers.

use base::limits::IMAP_SET_RANGES_MAX;

use super::{parse::cursor::decimal, render::number};

/// Why a set was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetError {
    Syntax,
    TooManyRanges,
}

impl SetError {
    /// For the client.
    pub fn text(self) -> &'static str {
        match self {
            SetError::Syntax => "Invalid message set",
            SetError::TooManyRanges => "Message set has too many ranges (IMAP_SET_RANGES_MAX)",
        }
    }
}

/// Inclusive range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    pub first: u32,
    pub last: u32,
}

/// Set of numbers from 1 to 2^32-1.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NumSet {
    ranges: Vec<Range>,
}

impl std::fmt::Debug for NumSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for NumSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.render(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl NumSet {
    pub const fn new() -> Self {
        NumSet { ranges: Vec::new() }
    }

    /// One range, in either order; 0 is left out.
    pub fn from_range(a: u32, b: u32) -> Self {
        let (first, last) = (a.min(b).max(1), a.max(b));
        NumSet { ranges: if last == 0 { Vec::new() } else { vec![Range { first, last }] } }
    }

    fn from_unsorted(mut ranges: Vec<Range>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for r in ranges {
            match merged.last_mut() {
                Some(l) if r.first <= l.last.saturating_add(1) => l.last = l.last.max(r.last),
                _ => merged.push(r),
            }
        }
        NumSet { ranges: merged }
    }

    /// Adds a number. Constant time when numbers come in rising order.
    pub fn push(&mut self, n: u32) {
        if n == 0 {
            return;
        }
        match self.ranges.last_mut() {
            Some(l) if l.last.checked_add(1) == Some(n) => l.last = n,
            Some(l) if n <= l.last => {
                if !self.contains(n) {
                    self.insert_inside(n);
                }
            }
            _ => self.ranges.push(Range { first: n, last: n }),
        }
    }

    fn insert_inside(&mut self, n: u32) {
        let at = self.ranges.partition_point(|r| r.last < n);
        self.ranges.insert(at, Range { first: n, last: n });
        *self = NumSet::from_unsorted(std::mem::take(&mut self.ranges));
    }

    pub fn contains(&self, n: u32) -> bool {
        let at = self.ranges.partition_point(|r| r.last < n);
        self.ranges.get(at).is_some_and(|r| r.first <= n)
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Numbers in the set.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|r| u64::from(r.last - r.first) + 1).sum()
    }

    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|r| r.first)
    }

    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|r| r.last)
    }

    /// All numbers, rising. Intersect with what exists first: a client's set may span 2^32.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|r| r.first..=r.last)
    }

    /// Numbers in both; linear in the ranges.
    pub fn intersect(&self, other: &NumSet) -> NumSet {
        let mut out = Vec::new();
        let (mut a, mut b) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let (first, last) = (x.first.max(y.first), x.last.min(y.last));
            if first <= last {
                out.push(Range { first, last });
            }
            if x.last < y.last {
                a.next();
            } else {
                b.next();
            }
        }
        NumSet { ranges: out }
    }

    /// Numbers in either.
    pub fn union(&self, other: &NumSet) -> NumSet {
        NumSet::from_unsorted(self.ranges.iter().chain(&other.ranges).copied().collect())
    }

    /// Appends `1:5,7`; nothing for the empty set, for which the grammar has no form.
    pub fn render(&self, out: &mut Vec<u8>) {
        for (i, r) in self.ranges.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            number(out, u64::from(r.first));
            if r.last != r.first {
                out.push(b':');
                number(out, u64::from(r.last));
            }
        }
    }
}

impl FromIterator<u32> for NumSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = NumSet::new();
        let mut late = Vec::new();
        for n in numbers {
            if set.last().is_none_or(|l| n >= l) { set.push(n) } else { late.push(Range { first: n, last: n }) }
        }
        if late.is_empty() {
            set
        } else {
            set.union(&NumSet::from_unsorted(late.into_iter().filter(|r| r.first > 0).collect()))
        }
    }
}

/// A client's set: numbers, `*`, `$`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SequenceSet {
    numbers: NumSet,
    /// Union of all `n:*`; `*` alone is 2^32-1.
    star_from: Option<u32>,
    /// `$`: the saved search result takes part.
    saved: bool,
}

impl SequenceSet {
    /// Parses `1,3:5,9:*,$`.
    pub fn parse(text: &[u8]) -> Result<Self, SetError> {
        let mut ranges = Vec::new();
        let mut set = SequenceSet::default();
        for (i, item) in text.split(|b| *b == b',').enumerate() {
            if i >= IMAP_SET_RANGES_MAX {
                return Err(SetError::TooManyRanges);
            }
            if item == b"$" {
                set.saved = true;
                continue;
            }
            let mut ends = item.splitn(2, |b| *b == b':').map(bound);
            let a = ends.next().ok_or(SetError::Syntax)??;
            let b = ends.next().unwrap_or(Ok(a))?;
            match (a, b) {
                (Some(a), Some(b)) => ranges.push(Range { first: a.min(b), last: a.max(b) }),
                (Some(n), None) | (None, Some(n)) => set.add_star(n),
                (None, None) => set.add_star(u32::MAX),
            }
        }
        set.numbers = NumSet::from_unsorted(ranges);
        Ok(set)
    }

    fn add_star(&mut self, from: u32) {
        self.star_from = Some(self.star_from.map_or(from, |s| s.min(from)));
    }

    /// Whether `$` takes part: pass the saved result to `resolve`.
    pub fn uses_saved(&self) -> bool {
        self.saved
    }

    /// Whether there is neither `*` nor `$`.
    pub fn is_plain(&self) -> bool {
        self.star_from.is_none() && !self.saved
    }

    /// The explicit numbers.
    pub fn numbers(&self) -> &NumSet {
        &self.numbers
    }

    /// Numbers of at most `max`, the largest sequence number or UID that exists (0: none, the answer is empty).
    /// `*` is `max`, and `n:*` with n above `max` is `max` (RFC 9051 §9). `saved` is the result `$` stands for, in the same kind of number.
    pub fn resolve(&self, max: u32, saved: Option<&NumSet>) -> NumSet {
        if max == 0 {
            return NumSet::new();
        }
        let mut ranges: Vec<Range> = self.numbers.ranges.iter().take_while(|r| r.first <= max).copied().collect();
        if let Some(saved) = saved.filter(|_| self.saved) {
            ranges.extend(saved.ranges.iter().take_while(|r| r.first <= max));
        }
        if let Some(from) = self.star_from {
            ranges.push(Range { first: from.min(max), last: max });
        }
        for r in &mut ranges {
            r.last = r.last.min(max);
        }
        NumSet::from_unsorted(ranges)
    }

    /// Whether an explicit number is above `max`: for sequence numbers an error (RFC 9051 §9 seq-number), for UIDs nothing.
    pub fn exceeds(&self, max: u32) -> bool {
        self.numbers.last().is_some_and(|l| l > max) || (max == 0 && self.star_from.is_some())
    }
}

impl From<NumSet> for SequenceSet {
    fn from(numbers: NumSet) -> Self {
        SequenceSet { numbers, star_from: None, saved: false }
    }
}

/// A number, or `None` for `*`.
fn bound(text: &[u8]) -> Result<Option<u32>, SetError> {
    if text == b"*" {
        return Ok(None);
    }
    let n = decimal(text).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    n.map(Some).ok_or(SetError::Syntax)
}

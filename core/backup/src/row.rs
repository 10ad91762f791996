//! SUMMARY    Rows as bytes: both lengths in four bytes each (little endian), key, value, one row behind the other; and where a
//!            run of rows is cut.
//! LIMITS     ROW_BYTES_MAX, ROW_KEY_BYTES_MAX; those of chunks and lists, as a `Shape`
//! INVARIANTS Whether a row ends a chunk depends on this row and on how much is in the chunk, on nothing else: behind a change
//!            the cuts soon fall where they fell before.

use crate::{
    Error, Result,
    limits::{
        CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, LIST_BYTES_AVERAGE, LIST_BYTES_MAX, LIST_BYTES_MIN,
        LIST_ROWS_MIN, ROW_BYTES_MAX, ROW_KEY_BYTES_MAX,
    },
    seal::Keys,
};
use bytes::Bytes;

/// Bytes in front of each row.
const LENGTHS: usize = 8;

/// A key and its value.
pub(crate) type Row = (Bytes, Bytes);

/// How big pieces are, bytes of encoded rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) min: usize,
    pub(crate) average: usize,
    pub(crate) max: usize,
    pub(crate) rows_min: u64,
}

impl Shape {
    pub(crate) const CHUNK: Shape =
        Shape { min: CHUNK_BYTES_MIN, average: CHUNK_BYTES_AVERAGE, max: CHUNK_BYTES_MAX, rows_min: 1 };
    pub(crate) const LIST: Shape =
        Shape { min: LIST_BYTES_MIN, average: LIST_BYTES_AVERAGE, max: LIST_BYTES_MAX, rows_min: LIST_ROWS_MIN };

    /// The most that a piece has: one row may be bigger than `max`.
    pub(crate) fn plain_bytes_max(&self) -> usize {
        self.max.max(ROW_BYTES_MAX + LENGTHS)
    }
}

/// What rows stand for: in a list, each of its rows stands for many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) rows: u64,
    /// Of keys and values.
    pub(crate) bytes: u64,
}

impl Weight {
    pub(crate) fn add(&mut self, other: Weight) {
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Rows that are stored together.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) plain: Vec<u8>,
    pub(crate) first: Vec<u8>,
    pub(crate) last: Vec<u8>,
    pub(crate) weight: Weight,
}

/// Cuts rows that come in order into pieces.
#[derive(Debug)]
pub(crate) struct Cutter {
    shape: Shape,
    piece: Piece,
    /// Rows of the piece.
    rows: u64,
    /// The last row said that the piece ends behind it.
    ends: bool,
}

impl Cutter {
    pub(crate) fn new(shape: Shape) -> Self {
        Cutter { shape, piece: Piece::default(), rows: 0, ends: false }
    }

    /// Adds a row; the piece that ended before it. Rows come in order: that is for the caller to see to.
    pub(crate) fn push(&mut self, keys: &Keys, key: &[u8], value: &[u8], weight: Weight) -> Result<Option<Piece>> {
        if key.len() > ROW_KEY_BYTES_MAX {
            return Err(Error::Limit("ROW_KEY_BYTES_MAX"));
        }
        let bytes = key.len().saturating_add(value.len());
        if bytes > ROW_BYTES_MAX {
            return Err(Error::Limit("ROW_BYTES_MAX"));
        }
        let size = bytes + LENGTHS;
        let is_full = self.rows > 0 && self.piece.plain.len() + size > self.shape.max;
        let ended = if self.ends || is_full { self.take() } else { None };
        let piece = &mut self.piece;
        for part in [key, value] {
            let length = u32::try_from(part.len()).map_err(|_| Error::Limit("ROW_BYTES_MAX"))?;
            piece.plain.extend_from_slice(&length.to_le_bytes());
        }
        piece.plain.extend_from_slice(key);
        piece.plain.extend_from_slice(value);
        if self.rows == 0 {
            piece.first = key.to_vec();
        }
        piece.last.clear();
        piece.last.extend_from_slice(key);
        piece.weight.add(weight);
        self.rows += 1;
        let is_enough = piece.plain.len() >= self.shape.min && self.rows >= self.shape.rows_min;
        // A byte has the same chance of being the last wherever it is, so big rows end pieces as often as many small ones.
        let chance = u64::MAX / (self.shape.average - self.shape.min).max(1) as u64;
        self.ends = is_enough && keys.draw(key) < chance.saturating_mul(size as u64);
        Ok(ended)
    }

    /// What is left.
    pub(crate) fn take(&mut self) -> Option<Piece> {
        self.ends = false;
        let rows = std::mem::take(&mut self.rows);
        let piece = std::mem::take(&mut self.piece);
        (rows > 0).then_some(piece)
    }
}

/// The rows of a piece. Errors say what is wrong with it: the order of keys, or a length.
pub(crate) fn decode(mut plain: Bytes) -> std::result::Result<Vec<Row>, &'static str> {
    let mut rows: Vec<Row> = Vec::new();
    while !plain.is_empty() {
        let length = |at: usize| plain.get(at..)?.first_chunk::<4>().map(|four| u32::from_le_bytes(*four) as usize);
        let (Some(key), Some(value)) = (length(0), length(4)) else { return Err("a row has no lengths") };
        let end = LENGTHS.checked_add(key).and_then(|end| end.checked_add(value));
        if key > ROW_KEY_BYTES_MAX || end.is_none_or(|end| end > plain.len()) {
            return Err("a row is longer than what it is in");
        }
        let _lengths = plain.split_to(LENGTHS);
        let (key, value) = (plain.split_to(key), plain.split_to(value));
        if rows.last().is_some_and(|(last, _)| *last >= key) {
            return Err("its rows are not in order");
        }
        rows.push((key, value));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::RepositoryKey;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SMALL: Shape = Shape { min: 200, average: 800, max: 3_000, rows_min: 1 };

    fn cut(shape: Shape, rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Piece> {
        let keys = Keys::new(&RepositoryKey::new([3; 32]));
        let mut cutter = Cutter::new(shape);
        let mut pieces = Vec::new();
        for (key, value) in rows {
            let weight = Weight { rows: 1, bytes: (key.len() + value.len()) as u64 };
            pieces.extend(cutter.push(&keys, key, value, weight).unwrap());
        }
        pieces.extend(cutter.take());
        pieces
    }

    fn any_rows() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
        let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max);
        proptest::collection::btree_map(bytes(20), prop_oneof![9 => bytes(60), 1 => bytes(4_000)], 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn pieces_have_all_rows_in_order_within_their_bounds(rows in any_rows()) {
            let pieces = cut(SMALL, &rows);
            let mut back = BTreeMap::new();
            let count = pieces.len();
            for (at, piece) in pieces.into_iter().enumerate() {
                let size = piece.plain.len();
                let own = decode(piece.plain.into()).unwrap();
                prop_assert!(size <= SMALL.max || own.len() == 1);
                prop_assert!(size >= SMALL.min || at + 1 == count || own.len() == 1 || size + 4_020 > SMALL.max);
                prop_assert_eq!(&own[0].0, &piece.first);
                prop_assert_eq!(&own[own.len() - 1].0, &piece.last);
                prop_assert_eq!(own.len() as u64, piece.weight.rows);
                back.extend(own.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
            }
            prop_assert_eq!(back, rows);
        }

        #[test]
        fn bytes_that_are_no_rows_are_told_and_never_panic(bytes in proptest::collection::vec(0_u8..4, 0..200)) {
            if let Ok(rows) = decode(bytes.clone().into()) {
                let size: usize = rows.iter().map(|(key, value)| key.len() + value.len() + LENGTHS).sum();
                prop_assert_eq!(size, bytes.len());
            }
        }
    }

    #[test]
    fn a_row_in_the_midst_changes_few_pieces_and_the_average_is_what_was_asked_for() {
        let mut rows: BTreeMap<_, _> =
            (0..10_000_u32).map(|n| ((n * 2).to_be_bytes().to_vec(), vec![n as u8; 40])).collect();
        let before: Vec<Vec<u8>> = cut(SMALL, &rows).into_iter().map(|piece| piece.plain).collect();
        let average = 10_000 * 52 / before.len();
        assert!((600..1_000).contains(&average), "{average}");
        for n in [1_u32, 4_001, 9_999, 19_999] {
            rows.insert(n.to_be_bytes().to_vec(), vec![1; 40]);
            let new = cut(SMALL, &rows).into_iter().filter(|piece| !before.contains(&piece.plain)).count();
            assert!(new <= 5, "{new} after {n}");
            rows.remove(n.to_be_bytes().as_slice());
        }
    }

    #[test]
    fn rows_over_their_limits_are_refused_by_name() {
        let keys = Keys::new(&RepositoryKey::new([3; 32]));
        let refused = |key: usize, value: usize| {
            let mut cutter = Cutter::new(Shape::CHUNK);
            match cutter.push(&keys, &vec![0; key], &vec![0; value], Weight::default()) {
                Err(Error::Limit(name)) => name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(ROW_KEY_BYTES_MAX + 1, 0), "ROW_KEY_BYTES_MAX");
        assert_eq!(refused(1, ROW_BYTES_MAX), "ROW_BYTES_MAX");
    }
}

//! SUMMARY    What a transaction does to a key, and what comes out: sets, clears and every atomic operation.
//! STANDARDS  The rules of API version 510 and later: what is missing is the operand for AND, MIN and the byte-wise ones.

use super::{
    code::{self, Code},
    limit::VALUE_BYTES_MAX,
};
use bytes::Bytes;
use imbl::OrdMap;
use std::{cmp::Ordering, ops::Bound};

/// Keys with their values at one version.
pub type Rows = OrdMap<Bytes, Bytes>;

/// The rows of `[begin, end)`, which is not inverted.
pub fn between<'a>(
    rows: &'a Rows,
    begin: &Bytes,
    end: &Bytes,
) -> impl DoubleEndedIterator<Item = (&'a Bytes, &'a Bytes)> {
    rows.range::<_, Bytes>((Bound::Included(begin), Bound::Excluded(end)))
}

/// Bytes of a stamp: version and order within its batch, big-endian.
pub const STAMP_BYTES: usize = 10;
/// Bytes behind an operand that say where the stamp goes.
const OFFSET_BYTES: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomic {
    Add,
    And,
    Or,
    Xor,
    AppendIfFits,
    Max,
    Min,
    ByteMin,
    ByteMax,
    CompareAndClear,
}

#[derive(Debug, Clone)]
pub enum Mutation {
    Set(Bytes, Bytes),
    Clear(Bytes, Bytes),
    Atomic(Atomic, Bytes, Bytes),
    StampedKey(Bytes, Bytes),
    StampedValue(Bytes, Bytes),
}

/// The kinds of `FDBMutationType`.
pub enum Kind {
    Atomic(Atomic),
    StampedKey,
    StampedValue,
}

impl Kind {
    pub fn of(number: i32) -> Result<Kind, Code> {
        Ok(match number {
            2 => Kind::Atomic(Atomic::Add),
            6 => Kind::Atomic(Atomic::And),
            7 => Kind::Atomic(Atomic::Or),
            8 => Kind::Atomic(Atomic::Xor),
            9 => Kind::Atomic(Atomic::AppendIfFits),
            12 => Kind::Atomic(Atomic::Max),
            13 => Kind::Atomic(Atomic::Min),
            14 => Kind::StampedKey,
            15 => Kind::StampedValue,
            16 => Kind::Atomic(Atomic::ByteMin),
            17 => Kind::Atomic(Atomic::ByteMax),
            20 => Kind::Atomic(Atomic::CompareAndClear),
            _ => return Err(code::INVALID_MUTATION_TYPE),
        })
    }
}

impl Mutation {
    /// Bytes that count for the size of a transaction.
    pub fn size_bytes(&self) -> usize {
        let (Mutation::Set(a, b)
        | Mutation::Clear(a, b)
        | Mutation::Atomic(_, a, b)
        | Mutation::StampedKey(a, b)
        | Mutation::StampedValue(a, b)) = self;
        a.len() + b.len()
    }

    /// Applies it; the key it stamped, if it did.
    pub fn apply(&self, rows: &mut Rows, stamp: [u8; STAMP_BYTES]) -> Option<Bytes> {
        match self {
            Mutation::Set(key, value) => {
                rows.insert(key.clone(), value.clone());
            }
            Mutation::Clear(begin, end) => {
                let gone: Vec<Bytes> = between(rows, begin, end).map(|(key, _)| key.clone()).collect();
                for key in &gone {
                    rows.remove(key);
                }
            }
            Mutation::Atomic(atomic, key, operand) => match result(*atomic, rows.get(key), operand) {
                Some(value) => {
                    rows.insert(key.clone(), value);
                }
                None => {
                    rows.remove(key);
                }
            },
            Mutation::StampedKey(operand, value) => {
                let key = stamped(operand, stamp)?;
                rows.insert(key.clone(), value.clone());
                return Some(key);
            }
            Mutation::StampedValue(key, operand) => {
                rows.insert(key.clone(), stamped(operand, stamp)?);
            }
        }
        None
    }
}

/// Operand without its offset, and the offset.
pub fn stamp_place(operand: &Bytes) -> Option<(Bytes, usize)> {
    let split = operand.len().checked_sub(OFFSET_BYTES)?;
    let offset = u32::from_le_bytes(operand.get(split..)?.try_into().ok()?) as usize;
    (offset.checked_add(STAMP_BYTES)? <= split).then(|| (operand.slice(..split), offset))
}

/// The operand with `stamp` where its last four bytes say.
pub fn stamped(operand: &Bytes, stamp: [u8; STAMP_BYTES]) -> Option<Bytes> {
    let (plain, offset) = stamp_place(operand)?;
    let mut out = plain.to_vec();
    out.get_mut(offset..offset + STAMP_BYTES)?.copy_from_slice(&stamp);
    Some(Bytes::from(out))
}

/// `before`, cut or filled with zeros to the operand's length.
fn sized(before: Option<&Bytes>, length: usize) -> Vec<u8> {
    let mut out = before.map_or_else(Vec::new, |value| value.to_vec());
    out.resize(length, 0);
    out
}

fn paired(before: Option<&Bytes>, operand: &Bytes, each: impl Fn(u8, u8) -> u8) -> Bytes {
    sized(before, operand.len()).iter().zip(operand).map(|(a, b)| each(*a, *b)).collect::<Vec<u8>>().into()
}

/// Compares as little-endian unsigned numbers of one length.
fn little(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().rev().cmp(b.iter().rev())
}

/// The value after an atomic operation; None where the key is gone.
pub fn result(atomic: Atomic, before: Option<&Bytes>, operand: &Bytes) -> Option<Bytes> {
    let chosen =
        |of_missing: Option<&Bytes>, keep: bool| if keep { of_missing.cloned() } else { Some(operand.clone()) };
    match atomic {
        Atomic::Add => {
            let mut carry = 0_u16;
            let sum = sized(before, operand.len())
                .iter()
                .zip(operand)
                .map(|(a, b)| {
                    let sum = u16::from(*a) + u16::from(*b) + carry;
                    carry = sum >> 8;
                    sum.to_le_bytes()[0]
                })
                .collect::<Vec<u8>>();
            Some(sum.into())
        }
        Atomic::And if before.is_none() => Some(operand.clone()),
        Atomic::And => Some(paired(before, operand, |a, b| a & b)),
        Atomic::Or => Some(paired(before, operand, |a, b| a | b)),
        Atomic::Xor => Some(paired(before, operand, |a, b| a ^ b)),
        Atomic::AppendIfFits => {
            let joined = [before.map_or(&[][..], |value| value), operand].concat();
            if joined.len() > VALUE_BYTES_MAX { before.cloned() } else { Some(joined.into()) }
        }
        Atomic::Max => {
            let sized = sized(before, operand.len());
            Some(if little(&sized, operand) == Ordering::Greater { sized.into() } else { operand.clone() })
        }
        Atomic::Min if before.is_none() => Some(operand.clone()),
        Atomic::Min => {
            let sized = sized(before, operand.len());
            Some(if little(&sized, operand) == Ordering::Less { sized.into() } else { operand.clone() })
        }
        Atomic::ByteMin => chosen(before, before.is_some_and(|value| value < operand)),
        Atomic::ByteMax => chosen(before, before.is_some_and(|value| value > operand)),
        Atomic::CompareAndClear => before.filter(|value| *value != operand).cloned(),
    }
}

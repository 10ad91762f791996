//! SUMMARY    What a transaction writes: sets, clears, atomic operations, stamps, and conflict ranges by hand.
//! INVARIANTS These calls have no answer: what is wrong with one is told by the next call that has one.

use super::{
    code::{self, Code},
    limit::{KEY_BYTES_MAX, VALUE_BYTES_MAX},
    mutation::{Kind, Mutation, STAMP_BYTES, stamp_place},
    ranges::after,
    transaction::{END, SYSTEM, Transaction, see},
};
use bytes::Bytes;

impl Transaction {
    fn check_write_key(&self, key: &[u8]) -> Result<(), Code> {
        if key.len() > KEY_BYTES_MAX {
            Err(code::KEY_TOO_LARGE)
        } else if key >= END || (key >= SYSTEM && !self.options.writes_system) {
            Err(code::OUTSIDE_LEGAL_RANGE)
        } else {
            Ok(())
        }
    }

    /// Buffers a write of `[begin, end)`, or remembers why it is wrong.
    fn write(&mut self, mutation: Mutation, begin: Bytes, end: Bytes, checked: Result<(), Code>) {
        let free = std::mem::take(&mut self.options.next_write_is_free);
        if let Err(code) = checked.and(self.check()) {
            self.wrong.get_or_insert(code);
            return;
        }
        if !free {
            self.writes.add(begin.clone(), end.clone());
        }
        let decides = match &mutation {
            Mutation::Set(..) | Mutation::Clear(..) => true,
            Mutation::Atomic(..) | Mutation::StampedKey(..) | Mutation::StampedValue(..) => false,
        };
        if decides {
            self.known.add(begin, end);
        }
        if let Some(view) = &mut self.view {
            see(&mutation, view);
        }
        self.mutations.push(mutation);
    }

    pub fn set(&mut self, key: Bytes, value: Bytes) {
        let checked = self.check_write_key(&key).and(check_value(&value));
        let end = after(&key);
        self.write(Mutation::Set(key.clone(), value), key, end, checked);
    }

    pub fn clear(&mut self, key: &Bytes) {
        let checked = self.check_write_key(key);
        let end = after(key);
        self.write(Mutation::Clear(key.clone(), end.clone()), key.clone(), end, checked);
    }

    pub fn clear_range(&mut self, begin: Bytes, end: Bytes) {
        let limit = if self.options.writes_system { END } else { SYSTEM };
        let checked = if begin > end {
            Err(code::INVERTED_RANGE)
        } else if &end[..] > limit {
            Err(code::OUTSIDE_LEGAL_RANGE)
        } else {
            Ok(())
        };
        self.write(Mutation::Clear(begin.clone(), end.clone()), begin, end, checked);
    }

    pub fn atomic(&mut self, key: Bytes, operand: Bytes, kind: i32) {
        let kind = match Kind::of(kind) {
            Ok(kind) => kind,
            Err(code) => {
                self.wrong.get_or_insert(code);
                return;
            }
        };
        let checked = self.check_write_key(&key).and(check_value(&operand));
        let end = after(&key);
        match kind {
            Kind::Atomic(atomic) => self.write(Mutation::Atomic(atomic, key.clone(), operand), key, end, checked),
            Kind::StampedValue => {
                let checked = checked.and(stamp_place(&operand).map(|_| ()).ok_or(code::INVALID_OPERATION));
                self.unreadable.add_key(&key);
                self.write(Mutation::StampedValue(key.clone(), operand), key, end, checked);
            }
            Kind::StampedKey => match stamp_place(&key) {
                Some((plain, offset)) => self.stamped_key(key, &plain, offset, operand, checked),
                None => {
                    self.wrong.get_or_insert(code::INVALID_OPERATION);
                }
            },
        }
    }

    fn stamped_key(&mut self, key: Bytes, plain: &Bytes, offset: usize, value: Bytes, checked: Result<(), Code>) {
        let mut ends = [plain.to_vec(), plain.to_vec()];
        for (end, fill) in ends.iter_mut().zip([0, 0xff]) {
            if let Some(place) = end.get_mut(offset..offset + STAMP_BYTES) {
                place.fill(fill);
            }
        }
        let [low, high] = ends.map(Bytes::from);
        self.unreadable.add(low, after(&high));
        // The cluster adds the write conflict, for the key that it makes.
        let nowhere = Bytes::new();
        self.write(Mutation::StampedKey(key, value), nowhere.clone(), nowhere, checked);
    }

    /// Conflict ranges by hand: 0 of reads, 1 of writes.
    pub fn add_conflict(&mut self, begin: Bytes, end: Bytes, kind: i32) -> Result<(), Code> {
        if begin > end {
            return Err(code::INVERTED_RANGE);
        }
        match kind {
            0 => {
                self.check_read_end(&end)?;
                self.act(move |txn| txn.note_read(&begin, &end));
            }
            1 => {
                let limit = if self.options.writes_system { END } else { SYSTEM };
                if &end[..] > limit {
                    return Err(code::OUTSIDE_LEGAL_RANGE);
                }
                self.act(move |txn| txn.writes.add(begin, end));
            }
            _ => return Err(code::INVALID_OPERATION),
        }
        Ok(())
    }
}

fn check_value(value: &[u8]) -> Result<(), Code> {
    if value.len() > VALUE_BYTES_MAX { Err(code::VALUE_TOO_LARGE) } else { Ok(()) }
}

//! SUMMARY    The last commit version known to be durable, in a small file beside the engine's: a floor for the next start.
//! INVARIANTS The floor never passes what is durable. Two slots are written in turn, so a torn write leaves the other.
//!            It trails by about a second: a second fsync for every commit would halve the store's speed.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

const SLOT_BYTES: usize = 24;

pub(super) struct Floor {
    file: File,
    version: u64,
    slot: u64,
}

fn encode(version: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let (number, check) = slot.split_at_mut(8);
    number.copy_from_slice(&version.to_be_bytes());
    let hash = blake3::hash(number);
    check.copy_from_slice(hash.as_bytes().split_at(16).0);
    slot
}

fn decode(slot: &[u8]) -> Option<u64> {
    let version = u64::from_be_bytes(slot.get(..8)?.try_into().ok()?);
    (encode(version) == slot).then_some(version)
}

impl Floor {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut slots = [0; 2 * SLOT_BYTES];
        let bytes = file.metadata()?.len().min(slots.len() as u64) as usize;
        if let Some(slots) = slots.get_mut(..bytes) {
            file.read_exact_at(slots, 0)?;
        }
        let (first, second) = slots.split_at(SLOT_BYTES);
        let (first, second) = (decode(first).unwrap_or(0), decode(second).unwrap_or(0));
        Ok(Floor { file, version: first.max(second), slot: u64::from(first > second) })
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Notes that `version` is durable.
    pub(super) fn raise(&mut self, version: u64) -> io::Result<()> {
        if version <= self.version {
            return Ok(());
        }
        self.file.write_all_at(&encode(version), self.slot * SLOT_BYTES as u64)?;
        self.file.sync_data()?;
        self.version = version;
        self.slot ^= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("floor");
        let mut floor = Floor::open(&path).unwrap();
        assert_eq!(floor.version(), 0);
        for version in [3, 7, 12] {
            floor.raise(version).unwrap();
            assert_eq!(Floor::open(&path).unwrap().version(), version);
        }
        floor.raise(5).unwrap();
        assert_eq!(floor.version(), 12);
        // 12 went to the first slot: tear it.
        floor.file.write_all_at(&[0xee], 3).unwrap();
        assert_eq!(Floor::open(&path).unwrap().version(), 7);
    }
}

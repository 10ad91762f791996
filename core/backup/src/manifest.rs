//! SUMMARY    What is written of a snapshot: its id, its manifest, the entries of its two tables.
//! LIMITS     MANIFEST_BYTES_MAX, FACTS_BYTES_MAX
//! INVARIANTS Ids sort by the time at which their backup began. Numbers of fields are never used again.

use crate::{Error, Result, tree::Node};
use base::Timestamp;
use jiff::{civil::DateTime, tz::Offset};
use prost::Message;
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The version of manifests that this code writes and reads.
pub(crate) const MANIFEST_VERSION: u32 = 1;
/// Where manifests are.
pub(crate) const SNAPSHOTS: &str = "snapshot/";

/// `20261128t210936123z-` and 16 hexadecimal digits: when the backup began (UTC, to the millisecond), and something random.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapshotId(String);

impl SnapshotId {
    pub(crate) fn new(at: Timestamp) -> Result<Self> {
        let bad = || Error::Invalid("the clock is at no time that an id can say".to_owned());
        let date = jiff::Timestamp::from_millisecond(at.0).map_err(|_| bad())?;
        let date = Offset::UTC.to_datetime(date);
        let mut random = [0_u8; 8];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Error::Machine("no randomness".to_owned()))?;
        let text = format!(
            "{:04}{:02}{:02}t{:02}{:02}{:02}{:03}z-{:016x}",
            date.year(),
            date.month(),
            date.day(),
            date.hour(),
            date.minute(),
            date.second(),
            date.millisecond(),
            u64::from_be_bytes(random)
        );
        text.parse().map_err(|_: Error| bad())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the backup began.
    pub fn started(&self) -> Timestamp {
        started(&self.0).unwrap_or_default()
    }

    pub(crate) fn place(&self) -> String {
        format!("{SNAPSHOTS}{}", self.0)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SnapshotId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match started(text) {
            Some(_) => Ok(SnapshotId(text.to_owned())),
            None => Err(Error::Invalid(format!("{text:?} is no id of a snapshot"))),
        }
    }
}

fn started(text: &str) -> Option<Timestamp> {
    let (date, random) = text.split_once("z-")?;
    let (day, time) = date.split_once('t')?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if random.len() != 16 || !random.bytes().all(is_hex) || !is_digits(day, 8) || !is_digits(time, 9) {
        return None;
    }
    let part = |text: &str, from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i16>().ok());
    let small = |text: &str, from: usize| part(text, from, from + 2).and_then(|part| i8::try_from(part).ok());
    let nanos = i32::from(part(time, 6, 9)?) * 1_000_000;
    let (hour, minute, second) = (small(time, 0)?, small(time, 2)?, small(time, 4)?);
    let date = DateTime::new(part(day, 0, 4)?, small(day, 4)?, small(day, 6)?, hour, minute, second, nanos).ok()?;
    Some(Timestamp(Offset::UTC.to_timestamp(date).ok()?.as_millisecond()))
}

/// What a backup came to.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Totals {
    #[prost(uint64, tag = "1")]
    pub streams: u64,
    #[prost(uint64, tag = "2")]
    pub rows: u64,
    /// Keys and values of all rows.
    #[prost(uint64, tag = "3")]
    pub row_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub objects: u64,
    #[prost(uint64, tag = "5")]
    pub object_bytes: u64,
    /// Chunks and pages of lists that were not there before.
    #[prost(uint64, tag = "6")]
    pub chunks_new: u64,
    /// Objects that were not there before.
    #[prost(uint64, tag = "7")]
    pub objects_new: u64,
    /// Bytes that were put for this snapshot, as stored, without its manifest.
    #[prost(uint64, tag = "8")]
    pub stored_new: u64,
}

/// A snapshot, sealed under `snapshot/<id>`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Manifest {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) id: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[prost(int64, tag = "3")]
    pub(crate) started: i64,
    #[prost(int64, tag = "4")]
    pub(crate) finished: i64,
    #[prost(btree_map = "string, string", tag = "5")]
    pub(crate) facts: BTreeMap<String, String>,
    /// The table of streams: name to `StreamEntry`.
    #[prost(message, optional, tag = "6")]
    pub(crate) streams: Option<Node>,
    /// The table of objects: name to `ObjectEntry`.
    #[prost(message, optional, tag = "7")]
    pub(crate) objects: Option<Node>,
    #[prost(message, optional, tag = "8")]
    pub(crate) totals: Option<Totals>,
}

/// A stream in its table.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamEntry {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    /// Of no rows there is no root.
    #[prost(message, optional, tag = "2")]
    pub(crate) root: Option<Node>,
}

impl StreamEntry {
    pub(crate) fn weight(&self) -> crate::row::Weight {
        self.root.as_ref().map(Node::weight).unwrap_or_default()
    }
}

/// An object in its table.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ObjectEntry {
    #[prost(uint64, tag = "1")]
    pub(crate) bytes: u64,
    /// BLAKE3, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) digest: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_say_it() {
        let mut before = String::new();
        for at in [0, 1, 999, 1_000, 59_999, 951_782_400_000, 1_795_900_176_123, 4_102_444_800_000] {
            let id = SnapshotId::new(Timestamp(at)).unwrap();
            assert_eq!(id.started(), Timestamp(at), "{id}");
            assert!(id.as_str() > before.as_str(), "{id}");
            assert_eq!(id.as_str().parse::<SnapshotId>().unwrap(), id);
            assert!(crate::validate_name(&id.place()).is_ok());
            before = id.as_str().to_owned();
        }
        assert_ne!(SnapshotId::new(Timestamp(0)).unwrap(), SnapshotId::new(Timestamp(0)).unwrap());
        assert!(
            SnapshotId::new(Timestamp(i64::MAX)).is_err() && SnapshotId::new(Timestamp(-99_999_999_999_999)).is_err()
        );
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "latest",
            "20261128t210936123z",
            "20261328t210936123z-0123456789abcdef",
            "20261128t210936123z-0123456789abcdeF",
            "20261128t210936123z-0123456789abcde",
            "2026112t8210936123z-0123456789abcdef",
            "20261128t21093612+z-0123456789abcdef",
            "20261128t250936123z-0123456789abcdef",
        ] {
            assert!(text.parse::<SnapshotId>().is_err(), "{text}");
        }
    }
}

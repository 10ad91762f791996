//! SUMMARY    Options of the network, of databases and of transactions: what is understood, and what it changes here.

use super::{
    code::{self, Code},
    limit::{BACKOFF_MS_MAX, TRANSACTION_BYTES_MAX},
};

/// What a transaction is told; a database's are the beginnings of its transactions'.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// 0 is none.
    pub timeout_ms: u64,
    /// None is no limit.
    pub retries_max: Option<u64>,
    pub backoff_ms_max: u64,
    pub size_bytes_max: usize,
    pub reads_own_writes: bool,
    pub snapshots_see_own_writes: bool,
    pub reads_system: bool,
    pub writes_system: bool,
    pub reads_unreadable: bool,
    /// The next write adds no write conflict.
    pub next_write_is_free: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timeout_ms: 0,
            retries_max: None,
            backoff_ms_max: BACKOFF_MS_MAX,
            size_bytes_max: TRANSACTION_BYTES_MAX,
            reads_own_writes: true,
            snapshots_see_own_writes: true,
            reads_system: false,
            writes_system: false,
            reads_unreadable: false,
            next_write_is_free: false,
        }
    }
}

/// An option's number: eight bytes, little-endian.
fn number(value: &[u8]) -> Result<i64, Code> {
    value.try_into().map(i64::from_le_bytes).map_err(|_| code::INVALID_OPTION_VALUE)
}

fn positive(value: &[u8]) -> Result<u64, Code> {
    u64::try_from(number(value)?).map_err(|_| code::INVALID_OPTION_VALUE)
}

impl Options {
    /// One option of a transaction (`FDBTransactionOption`).
    pub fn set(&mut self, option: i32, value: &[u8]) -> Result<(), Code> {
        match option {
            30 => self.next_write_is_free = true,
            51 => self.reads_own_writes = false,
            301 => {
                self.reads_system = true;
                self.writes_system = true;
            }
            302 => self.reads_system = true,
            303 => {
                self.reads_system = true;
                self.writes_system = true;
            }
            500 => self.timeout_ms = positive(value)?,
            501 => self.retries_max = u64::try_from(number(value)?).ok(),
            502 => self.backoff_ms_max = positive(value)?,
            503 => self.set_size(value)?,
            600 => self.snapshots_see_own_writes = true,
            601 => self.snapshots_see_own_writes = false,
            1100 => self.reads_unreadable = true,
            10
            | 20
            | 21
            | 23
            | 40
            | 50
            | 52
            | 110
            | 120
            | 130
            | 200
            | 201
            | 300
            | 304
            | 400..=406
            | 504
            | 505
            | 507..=511
            | 700..=702
            | 710..=714
            | 800
            | 801
            | 900
            | 1000
            | 1101
            | 1102
            | 2000 => {}
            _ => return Err(code::INVALID_OPTION),
        }
        Ok(())
    }

    /// One option of a database (`FDBDatabaseOption`), for all its transactions to come.
    pub fn set_of_database(&mut self, option: i32, value: &[u8]) -> Result<(), Code> {
        match option {
            26 => self.snapshots_see_own_writes = true,
            27 => self.snapshots_see_own_writes = false,
            500 => self.timeout_ms = positive(value)?,
            501 => self.retries_max = u64::try_from(number(value)?).ok(),
            502 => self.backoff_ms_max = positive(value)?,
            503 => self.set_size(value)?,
            700 => self.reads_unreadable = true,
            10 | 20 | 21 | 22 | 405 | 504..=506 | 701 | 702 | 800 | 900 => {}
            _ => return Err(code::INVALID_OPTION),
        }
        Ok(())
    }

    fn set_size(&mut self, value: &[u8]) -> Result<(), Code> {
        let size = usize::try_from(positive(value)?).map_err(|_| code::INVALID_OPTION_VALUE)?;
        if !(32..=TRANSACTION_BYTES_MAX).contains(&size) {
            return Err(code::INVALID_OPTION_VALUE);
        }
        self.size_bytes_max = size;
        Ok(())
    }

    /// What `on_error` leaves of them.
    pub fn kept(self, defaults: Options) -> Options {
        Options {
            timeout_ms: self.timeout_ms,
            retries_max: self.retries_max,
            backoff_ms_max: self.backoff_ms_max,
            size_bytes_max: self.size_bytes_max,
            ..defaults
        }
    }
}

/// Whether an option of the network is one (`FDBNetworkOption`); none of them changes anything here.
pub fn check_network(option: i32) -> Result<(), Code> {
    match option {
        10 | 20 | 30..=43 | 45..=54 | 60..=72 | 80..=83 | 90 | 91 | 1000..=1002 => Ok(()),
        _ => Err(code::INVALID_OPTION),
    }
}

//! SUMMARY    FoundationDB's client library, loaded at run time: the linker gets jumps through slots, `load` fills the slots.
//! SECURITY   The library runs with all rights of this process: its path comes from the operator's configuration only.
//! INVARIANTS Nothing here needs libfdb_c.so to build, to link or to start. Before `load`, and for functions that a library
//!            does not have, a call answers error 1500 (or no future). A library stays loaded until the process ends.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod load;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use load::load;

use std::{fmt, path::PathBuf};

/// Names tried in turn where no path is given; the loader's own search path applies.
pub const DEFAULT_NAMES: [&str; 1] = ["libfdb_c.so"];

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    pub path: PathBuf,
    /// `7.3.63,<source>,<protocol>` as the library tells it.
    pub version: String,
    /// Functions of the C API that it does not have: they fail when called.
    pub missing: Vec<&'static str>,
}

/// Why no library could be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// Not to be opened, with what the loader says.
    NotFound { path: PathBuf, why: String },
    /// It has not the functions that the store cannot do without.
    NotFoundationDb { path: PathBuf, missing: Vec<&'static str> },
    /// Another library was loaded before; there is one in a process.
    Other { loaded: PathBuf },
    /// The jumps exist for x86-64 Linux only.
    Platform,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NotFound { path, why } => write!(f, "{} cannot be loaded: {why}", path.display()),
            LoadError::NotFoundationDb { path, missing } => {
                write!(
                    f,
                    "{} is no FoundationDB client of version 7.3, it lacks {}",
                    path.display(),
                    missing.join(", ")
                )
            }
            LoadError::Other { loaded } => write!(f, "{} is loaded already", loaded.display()),
            LoadError::Platform => f.write_str("FoundationDB needs x86-64 Linux"),
        }
    }
}

impl std::error::Error for LoadError {}

/// There are no jumps for this platform.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn load(_path: Option<&std::path::Path>) -> Result<Library, LoadError> {
    Err(LoadError::Platform)
}

//! SUMMARY    A FoundationDB client library with the cluster inside, or in a process of its own: the C API at version 730 over an
//!            ordered map in memory.
//! STANDARDS  fdb_c.h of FoundationDB 7.3: names, codes, limits and rules of its client and its resolver.
//! SECURITY   For tests only. Nothing is kept; nothing leaves the process, unless its cluster file says that the cluster is shared.
//! LIMITS     5 s (1007), 10 MB (2101), key 10,000 B (2102), value 100,000 B (2103), 10,000 watches (1032): model::limit
//! INVARIANTS Strict serialisability by read versions and conflict ranges. Every answer comes from the network thread. What is
//!            not supported answers 2108 and never crashes.
//!
//! A database is named by its cluster file (`description:id@address`); two handles of one name share their data. A line
//! `# fake-fdb: seed=7,conflict=100` in that file, or the variable FAKE_FDB_FAULTS, makes it fail so often per mille: `model::fault`.

//!
//! Several processes share a cluster that the program `fake-fdb` has: it writes a cluster file with the line `# fake-fdb is shared`,
//! and whoever opens that connects to its address. The rows live as long as that program; each process has a copy that follows.

mod abi;
pub mod model;
pub mod shared;

//! SUMMARY    Sans-IO codecs and protocol machines: smtp, imap, mime, sasl, dsn, dkim.
//! INVARIANTS No await, no clock, no socket, no unbounded allocation. The same code runs in the server, the fuzzer and the simulator.

pub mod dkim;
pub mod dsn;
pub mod imap;
pub mod mime;
pub mod sasl;
pub mod smtp;

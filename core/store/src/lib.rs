//! SUMMARY    Transactional key-value stores and blob storage behind traits; engines, conformance suite, fault wrapper.
//! INVARIANTS Nothing here knows a mailbox, a message or a protocol. Only the `account` room calls this crate.

pub mod kv;

//! SUMMARY    Ids, addresses, limits, time, randomness and error kinds that every room shares.
//! INVARIANTS No I/O, no async, no global state; nothing here knows a protocol, a key layout or a plan.

pub mod address;
pub mod aside;
pub mod clock;
pub mod error;
pub mod id;
pub mod limits;
pub mod network;
pub mod rng;
pub mod share;

pub use address::{Address, AddressError, Domain};
pub use clock::{Clock, SystemClock, Timestamp};
pub use error::Kind;
pub use id::{
    AccountId, DomainId, EmailId, JobId, MailboxId, ModSeq, OpId, QueueId, TenantId, ThreadId, Uid, UidValidity,
};
pub use rng::{Rng, SystemRng};

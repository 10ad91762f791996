//! SUMMARY    What public DNS says of a name, asked of several witnesses; behind a trait.
//! STANDARDS  product.md §4 (D4); RFC 1034, RFC 1035, RFC 2308
//! SECURITY   Names and answers are hostile. An answer is believed when the domain's own servers give it, found through the
//!            configured resolvers; servers in private address space are not asked unless that is configured.
//! LIMITS     those of `dns::limits`
//! INVARIANTS "Not there" and "not known" are two things: a failure to hear is never an answer.

mod ask;
mod authority;
mod combine;
mod hickory;
pub mod limits;
mod name;

pub(crate) use ask::exchange;
pub(crate) use authority::is_private;
pub use hickory::{DnsOptions, HickoryDns};
pub(crate) use name::parse as parse_name;

use std::{future::Future, pin::Pin};

/// Types of records that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    Txt,
    Mx,
    Cname,
    Srv,
    Caa,
    Tlsa,
}

impl Kind {
    pub const EVERY: [Kind; 6] = [Kind::Txt, Kind::Mx, Kind::Cname, Kind::Srv, Kind::Caa, Kind::Tlsa];

    /// As zone files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Txt => "TXT",
            Kind::Mx => "MX",
            Kind::Cname => "CNAME",
            Kind::Srv => "SRV",
            Kind::Caa => "CAA",
            Kind::Tlsa => "TLSA",
        }
    }
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The records as texts in the form of zone files, sorted; of TXT the text itself. Empty: there are none.
    Known(Vec<String>),
    /// Nobody who must be heard answered, or they disagree; why.
    Unknown(String),
}

/// A look-up under way.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Look> + Send + 'a>>;

/// Public DNS.
pub trait Dns: Send + Sync + 'static {
    /// The records of a type at a name (A-labels, without the last dot).
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a>;
}

/// For a server without resolvers: nothing is known.
pub struct NoDns;

impl Dns for NoDns {
    fn look_up<'a>(&'a self, _: &'a str, _: Kind) -> Looking<'a> {
        Box::pin(async { Look::Unknown("no resolver is configured".to_owned()) })
    }
}

//! SUMMARY    What the schema shows of a claim on a domain.

use crate::scalar::DateTime;
use async_graphql::{Enum, SimpleObject};
use tenants::Claim;

/// What a claim has come to.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::DomainState")]
pub enum DomainState {
    /// Said, not proven: no mailboxes, no mail.
    Claimed,
    /// Proven; public mail does not come here yet.
    Owned,
    /// Proven, and public mail comes here.
    Live,
    /// Proven once; something it needs has gone from DNS.
    Degraded,
    /// The proof was gone for too long: it takes no mail.
    Lost,
    /// Proven while another tenant holds the name.
    Contested,
    /// Given back.
    Released,
}

/// What ownership rests on.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Proof")]
pub enum DomainProof {
    None,
    /// The token was seen in DNS.
    Dns,
    /// The operator's word.
    Operator,
    /// It was here before claims were.
    Before,
}

/// The TXT record that proves a domain.
#[derive(SimpleObject, Clone)]
pub struct DomainChallenge {
    pub name: String,
    pub value: String,
}

/// A claim as a domain shows it.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) state: DomainState,
    pub(crate) proof: DomainProof,
    pub(crate) challenge: DomainChallenge,
    pub(crate) checked_at: Option<DateTime>,
    pub(crate) next_check_at: Option<DateTime>,
    pub(crate) failed_days: i64,
    pub(crate) contested_at: Option<DateTime>,
}

impl Shown {
    pub(crate) fn new(domain: &str, claim: &Claim) -> Self {
        Shown {
            state: claim.state.into(),
            proof: claim.proof.into(),
            challenge: DomainChallenge { name: tenants::challenge_name(domain), value: claim.challenge() },
            checked_at: claim.checked_at_ms.map(DateTime),
            next_check_at: claim.next_check_at_ms.map(DateTime),
            failed_days: claim.failed_days,
            contested_at: claim.contested_at_ms.map(DateTime),
        }
    }
}

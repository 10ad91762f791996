//! SUMMARY    What a mutation decided is carried out at the provider, and answered as it is then.
//! LIMITS     CARRY_WAITS, CARRY_WAIT
//! INVARIANTS The decision is committed, with its calls, before the first of them is made. A repeated request finds the same calls: they are
//!            made once, and their answers are the same.

use super::{Billing, call::Made};
use crate::{Failure, FailureKind};
use base::TenantId;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenants::{Applied, Code, Error, Result};

/// How often it is looked whether somebody else (the worker) is done with a call or a comparison.
const CARRY_WAITS: usize = 30;
const CARRY_WAIT: Duration = Duration::from_millis(100);

/// What is remembered under the key of a mutation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Decided {
    /// Calls, in their order.
    pub calls: Vec<String>,
    /// The object it is about.
    pub about: String,
}

impl Billing {
    /// Makes the calls and compares the customer; `Pending` when the provider does not answer: the worker goes on. `Invalid` when the
    /// provider refuses.
    pub(crate) async fn carry_out(&self, tenant: TenantId, decided: &Decided) -> Result<Applied> {
        let mut refused = None;
        for id in &decided.calls {
            match self.made_by_anybody(id).await? {
                Made::Done(_) => {}
                Made::Refused(failure) => {
                    refused = Some(failure);
                    break;
                }
                Made::Waiting(_) => return Ok(Applied::Pending),
            }
        }
        let applied = if decided.calls.is_empty() { Applied::Done } else { self.synced(tenant).await };
        match refused {
            Some(failure) => Err(declined(&failure)),
            None => Ok(applied),
        }
    }

    /// The same for calls of which none needs another: all are made, also when one is refused.
    pub(crate) async fn carry_out_each(&self, tenant: TenantId, decided: &Decided) -> Result<Applied> {
        let (mut refused, mut waits) = (None, false);
        for id in &decided.calls {
            match self.made_by_anybody(id).await? {
                Made::Done(_) => {}
                Made::Refused(failure) => refused = refused.or(Some(failure)),
                Made::Waiting(_) => waits = true,
            }
        }
        let applied = self.synced(tenant).await;
        match refused {
            Some(failure) => Err(declined(&failure)),
            None => Ok(if waits { Applied::Pending } else { applied }),
        }
    }

    /// Makes a call, or waits a little for who is making it.
    pub(crate) async fn made_by_anybody(&self, id: &str) -> Result<Made> {
        let mut waits = 0;
        loop {
            let made = self.make_call(id).await?;
            let elsewhere = matches!(&made, Made::Waiting(failure) if failure.message.is_empty());
            if !elsewhere || waits >= CARRY_WAITS {
                return Ok(made);
            }
            waits += 1;
            tokio::time::sleep(CARRY_WAIT).await;
        }
    }

    /// Compares a customer, after who is comparing it.
    pub(crate) async fn synced(&self, tenant: TenantId) -> Applied {
        for _ in 0..CARRY_WAITS {
            match self.sync(tenant).await {
                Ok(true) => return Applied::Done,
                Ok(false) => tokio::time::sleep(CARRY_WAIT).await,
                // It is due again.
                Err(_) => return Applied::Pending,
            }
        }
        Applied::Pending
    }
}

/// A refusal as customers are told of it: what the provider says itself is in the log and among the calls.
pub(crate) fn declined(failure: &Failure) -> Error {
    let message = match failure.kind {
        FailureKind::Gone => "The payment provider does not know this any more",
        FailureKind::Refused
        | FailureKind::Forged
        | FailureKind::Malformed
        | FailureKind::Busy
        | FailureKind::Unknown => {
            "The payment provider refuses this: the card was declined, or it does not fit any more. Change what is paid with, or try again"
        }
    };
    Error::new(Code::Invalid, "", message)
}

/// What cannot be said without the provider.
pub(crate) fn unanswered(failure: &Failure) -> Error {
    match failure.kind {
        FailureKind::Refused | FailureKind::Gone | FailureKind::Forged | FailureKind::Malformed => declined(failure),
        FailureKind::Busy | FailureKind::Unknown => {
            Error::new(Code::Internal, "", "The payment provider does not answer, try again")
        }
    }
}

//! SUMMARY    A data plane that is not there: for `ctl` on the folder of a control plane that is stopped.
//! INVARIANTS What is changed meanwhile waits in the outbox, and goes out when the control plane runs.

use base::{AccountId, TenantId};
use control::{Change, Control, ControlError, ControlFuture, Usage};

/// Never answers.
pub struct AbsentPlane;

fn away<'a, T: 'a>() -> ControlFuture<'a, T> {
    Box::pin(async { Err(ControlError::Unavailable("this command does not reach it".to_owned())) })
}

impl Control for AbsentPlane {
    fn apply(&self, _: Vec<Change>) -> ControlFuture<'_, ()> {
        away()
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        away()
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        away()
    }
}

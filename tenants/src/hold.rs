//! SUMMARY    Holds: every restriction is a row that says on whom, of what kind, why, by whom, and what it takes away.
//! STANDARDS  docs/decisions/0006, docs/decisions/0016-what-a-hold-takes-away.md
//! LIMITS     REASON_CHARS_MAX, HOLD_CODE_CHARS_MAX, HOLDS_PER_SUBJECT_MAX, HOLD_KINDS_MAX
//! INVARIANTS What a subject may do is derived from the holds on it and on all it belongs to: its domain, its tenant, every
//!            tenant above. A hold is released only by the tenant that placed it, or one above that. Paying releases holds
//!            of billing only (H1). No kind takes more than its policy allows: billing never takes export or paying (H2),
//!            legal takes purging only (H6).

mod explain;
mod list;
mod place;
mod policy;
mod read;

pub use explain::{Because, Explained};
pub use list::HoldListed;
pub use place::NewHold;
pub(crate) use policy::standing;
pub(crate) use read::HoldsOf;

use crate::{Code, Error, Result, limits::REASON_CHARS_MAX, visible::seen};
use base::{AccountId, TenantId};
use control::{Capability, HoldKind, Restriction};
use serde::{Deserialize, Serialize};
use std::fmt;

/// On what a hold is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    Tenant(TenantId),
    /// Canonical name.
    Domain(String),
    Mailbox(AccountId),
    /// An app password or password, by its id.
    Credential(String),
}

/// As it is stored and shown: the subject's own id.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Tenant(id) => id.fmt(f),
            Subject::Domain(name) => f.write_str(name),
            Subject::Mailbox(id) => id.fmt(f),
            Subject::Credential(id) => f.write_str(id),
        }
    }
}

impl Subject {
    /// Ids tell what they are of. `NotFound` for a text that is no id.
    pub fn parse(text: &str) -> Result<Subject> {
        if let Ok(tenant) = text.parse() {
            return Ok(Subject::Tenant(tenant));
        }
        if let Ok(account) = text.parse() {
            return Ok(Subject::Mailbox(account));
        }
        if text.starts_with("crd_") {
            return Ok(Subject::Credential(text.to_owned()));
        }
        match base::Domain::parse(text) {
            Ok(domain) if domain.as_str().contains('.') => Ok(Subject::Domain(domain.as_str().to_owned())),
            _ => Err(Error::not_found("subjectId")),
        }
    }
}

/// A restriction that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub id: String,
    pub kind: HoldKind,
    /// Stable, for programs.
    pub code: String,
    /// Shown to users at every door.
    pub reason: String,
    /// What to do about it; may be empty.
    pub next_step: String,
    pub blocks: Vec<Capability>,
    /// The tenant whose token placed it.
    pub placed_by: TenantId,
    pub placed_at_ms: i64,
    /// When it ends by itself.
    pub expires_at_ms: Option<i64>,
    pub on: Subject,
}

impl Hold {
    /// The tenant it was placed on; `None` when it is on something smaller.
    pub fn on_tenant(&self) -> Option<TenantId> {
        match self.on {
            Subject::Tenant(tenant) => Some(tenant),
            Subject::Domain(_) | Subject::Mailbox(_) | Subject::Credential(_) => None,
        }
    }

    /// As the doors tell it.
    pub(crate) fn restriction(&self) -> Restriction {
        Restriction {
            kind: self.kind,
            code: self.code.clone(),
            reason: self.reason.clone(),
            next_step: self.next_step.clone(),
            blocks: self.blocks.clone(),
        }
    }
}

/// The reason of a hold, as one line that every protocol can show.
pub(crate) fn parse_reason(reason: &str) -> Result<String> {
    one_line(reason, "reason").and_then(|line| match line.is_empty() {
        true => Err(bad_line("reason")),
        false => Ok(line),
    })
}

fn one_line(text: &str, field: &'static str) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > REASON_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(bad_line(field));
    }
    seen(text, field)?;
    Ok(text.to_owned())
}

fn bad_line(field: &'static str) -> Error {
    let message = format!("This is one line of 1 to {REASON_CHARS_MAX} characters (REASON_CHARS_MAX)");
    Error::new(Code::Invalid, field, message)
}

//! SUMMARY    The control plane: tenants, domains, addresses, mailboxes, credentials, tokens, holds; and telling the data plane.
//! SECURITY   Every operation takes an `Actor`; what it may not reach does not exist for it.
//! INVARIANTS Never touches the store. A mutation is one SQL transaction that changes rows, raises versions, writes an audit
//!            entry and one outbox row with full snapshots; it returns after the data plane has taken them, or says `pending`.

mod actor;
mod alias;
mod domain;
mod error;
mod mailbox;
mod outbox;
mod password;
mod rows;
mod service;
mod tenant;

pub use actor::{Actor, TokenSpec};
pub use alias::{Alias, NewAlias};
pub use domain::{Domain, DomainPatch};
pub use error::{Code, Error, Result};
pub use mailbox::{Mailbox, MailboxPatch, NewMailbox};
pub use outbox::Applied;
pub use password::PasswordCost;
pub use service::{Bootstrap, Service, ServiceOptions};
pub use tenant::{AuditEntry, Limits, NewTenant, Tenant};

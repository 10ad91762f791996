//! SUMMARY    The control plane: tenants, domains, addresses, mailboxes, credentials, tokens, holds; and telling the data plane.
//! SECURITY   Every operation takes an `Actor`; what it may not reach does not exist for it.
//! INVARIANTS Never touches the store. A mutation is one SQL transaction that changes rows, raises versions, writes an audit
//!            entry and one outbox row with full snapshots; it returns after the data plane has taken them, or says `pending`.

mod actor;
mod alias;
mod app_password;
mod audit;
mod console;
mod domain;
mod error;
mod mailbox;
mod outbox;
mod password;
mod rename;
mod rows;
mod service;
mod tenant;
mod tenant_create;
mod token;

pub use actor::Actor;
pub use alias::{Alias, NewAlias};
pub use audit::AuditEntry;
pub use domain::{Domain, DomainPatch};
pub use error::{Code, Error, Result};
pub use mailbox::{Mailbox, MailboxPatch, NewMailbox};
pub use outbox::Applied;
pub use password::{PasswordCost, generate as generate_password};
pub use rename::OldAddress;
pub use service::{Bootstrap, Service, ServiceOptions};
pub use tenant::{Limits, Tenant};
pub use tenant_create::{NewTenant, TenantCreated};
pub use token::{Access, NewToken, Token};

//! SUMMARY    Aliases, groups, masked addresses, app passwords, delegates.

use crate::scalar::DateTime;
use async_graphql::{Enum, ID, SimpleObject};

/// An address that leads to others.
#[derive(SimpleObject)]
pub struct Alias {
    /// The address itself.
    pub id: ID,
    pub address: String,
    pub targets: Vec<String>,
    /// What it is for.
    pub label: String,
    /// Mail for one that is switched off is refused.
    pub enabled: bool,
    pub version: i64,
}

impl From<tenants::Alias> for Alias {
    fn from(a: tenants::Alias) -> Self {
        Alias {
            id: ID(a.address.clone()),
            address: a.address,
            targets: a.targets,
            label: a.label,
            enabled: a.enabled,
            version: a.version,
        }
    }
}

impl Alias {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Alias>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}

/// Who may write to a group.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "control::Posting")]
pub enum GroupPosting {
    Anyone,
    /// Mailboxes of the same tenant.
    Tenant,
    /// Mailboxes that a member's address leads to.
    Members,
}

/// One address with many members.
#[derive(SimpleObject)]
pub struct Group {
    /// The address itself.
    pub id: ID,
    pub address: String,
    pub tenant_id: ID,
    pub name: String,
    /// Addresses, here or elsewhere; other groups too.
    pub members: Vec<String>,
    pub posting: GroupPosting,
    /// Mail for one that is switched off is refused.
    pub enabled: bool,
    pub version: i64,
}

impl From<tenants::Group> for Group {
    fn from(g: tenants::Group) -> Self {
        Group {
            id: ID(g.address.clone()),
            address: g.address,
            tenant_id: ID(g.tenant.to_string()),
            name: g.name,
            members: g.members,
            posting: g.posting.into(),
            enabled: g.enabled,
            version: g.version,
        }
    }
}

impl Group {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Group>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}

/// A random address that leads to a mailbox, given to one site.
#[derive(SimpleObject)]
#[graphql(name = "MaskedAddress")]
pub struct Masked {
    /// The address itself.
    pub id: ID,
    pub address: String,
    pub mailbox_id: ID,
    pub label: String,
    pub note: String,
    /// Whom it was given to.
    pub site: String,
    /// Mail for one that is switched off is refused.
    pub enabled: bool,
    pub version: i64,
}

impl From<tenants::Masked> for Masked {
    fn from(m: tenants::Masked) -> Self {
        Masked {
            id: ID(m.address.clone()),
            address: m.address,
            mailbox_id: ID(m.mailbox.to_string()),
            label: m.label,
            note: m.note,
            site: m.site,
            enabled: m.enabled,
            version: m.version,
        }
    }
}

impl Masked {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Masked>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}

/// A password of one device or program.
#[derive(SimpleObject)]
pub struct AppPassword {
    /// Id by which it is revoked.
    pub id: ID,
    pub label: String,
    pub created_at: DateTime,
}

impl From<tenants::AppPasswordListed> for AppPassword {
    fn from(p: tenants::AppPasswordListed) -> Self {
        AppPassword { id: ID(p.id), label: p.label, created_at: DateTime(p.created_at_ms) }
    }
}

/// Another mailbox of the tenant, with what its user may do.
#[derive(SimpleObject)]
pub struct Delegate {
    pub mailbox_id: ID,
    pub address: String,
    /// Opening the mailbox with their own login.
    pub open: bool,
    /// Changing what they open.
    pub write: bool,
    /// Sending from the mailbox's addresses with their own login.
    pub send_as: bool,
}

impl From<tenants::Delegate> for Delegate {
    fn from(d: tenants::Delegate) -> Self {
        Delegate {
            mailbox_id: ID(d.account.to_string()),
            address: d.address,
            open: d.rights.open,
            write: d.rights.write,
            send_as: d.rights.send_as,
        }
    }
}

/// A mailbox that a delegate was let into, with what the delegate may do there.
#[derive(SimpleObject)]
pub struct SharedMailbox {
    pub mailbox_id: ID,
    /// The authorization identity to open it by.
    pub address: String,
    pub display_name: String,
    /// Opening it with their own login.
    pub open: bool,
    /// Changing what they open.
    pub write: bool,
    /// Sending from its addresses with their own login.
    pub send_as: bool,
}

impl From<tenants::Shared> for SharedMailbox {
    fn from(s: tenants::Shared) -> Self {
        SharedMailbox {
            mailbox_id: ID(s.account.to_string()),
            address: s.address,
            display_name: s.display_name,
            open: s.rights.open,
            write: s.rights.write,
            send_as: s.rights.send_as,
        }
    }
}

//! SUMMARY    What can be permitted, sets of it, and the standard roles.
//! INVARIANTS A name that was given out never changes its meaning. Who grants gives at most what they have themselves.

use crate::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// One thing that a grant may allow.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[$doc])* $variant),*
        }

        impl Permission {
            /// All of them, in their order.
            pub const EVERY: &'static [Permission] = &[$(Permission::$variant),*];

            /// As tokens, roles and the audit log spell it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Permission::$variant => $name),*
                }
            }
        }
    };
}

permissions! {
    /// Seeing the tenant, its limits, its use and its holds; the tenants below it.
    TenantRead = "tenant:read",
    TenantCreate = "tenant:create",
    /// Name and limits.
    TenantUpdate = "tenant:update",
    TenantHold = "tenant:hold",
    TenantClose = "tenant:close",
    DomainRead = "domain:read",
    DomainWrite = "domain:write",
    DomainDelete = "domain:delete",
    MailboxRead = "mailbox:read",
    MailboxCreate = "mailbox:create",
    MailboxUpdate = "mailbox:update",
    /// Setting passwords of others.
    MailboxPassword = "mailbox:password",
    MailboxHold = "mailbox:hold",
    /// Deleting and restoring.
    MailboxDelete = "mailbox:delete",
    /// Aliases, groups, masked addresses.
    AddressRead = "address:read",
    AddressWrite = "address:write",
    /// App passwords.
    CredentialRead = "credential:read",
    CredentialWrite = "credential:write",
    /// Members and invitations.
    MemberRead = "member:read",
    MemberWrite = "member:write",
    RoleWrite = "role:write",
    /// API tokens and service accounts.
    TokenRead = "token:read",
    TokenWrite = "token:write",
    WebhookRead = "webhook:read",
    WebhookWrite = "webhook:write",
    AuditRead = "audit:read",
    JobRead = "job:read",
    JobWrite = "job:write",
    BillingRead = "billing:read",
    BillingWrite = "billing:write",
    ExportRequest = "export:request",
    /// Letting the provider's support in.
    SupportGrant = "support:grant",
    /// Using what was let in.
    SupportUse = "support:use",
    /// Identity providers that a tenant's people sign in by.
    IdentityWrite = "identity:write",
    /// Ending deleted mailboxes for ever.
    MailboxPurge = "mailbox:purge",
    /// Masked addresses of a mailbox.
    MaskedWrite = "masked:write",
    /// Bringing mail into mailboxes from other providers.
    MigrationWrite = "migration:write",
}

/// What a tenant lets the provider's people do: each contains the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SupportScope {
    /// Seeing names, addresses, settings and the audit log.
    Metadata,
    /// Changing settings.
    Settings,
    /// What opens mail or leads it elsewhere.
    Content,
}

impl SupportScope {
    pub const EVERY: [SupportScope; 3] = [SupportScope::Metadata, SupportScope::Settings, SupportScope::Content];

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            SupportScope::Metadata => "metadata",
            SupportScope::Settings => "settings",
            SupportScope::Content => "content",
        }
    }
}

impl Permission {
    /// Whether it only shows.
    pub fn reads(self) -> bool {
        self.name().ends_with(":read")
    }

    /// What a tenant must have let in before the provider's people may do this there
    /// (docs/decisions/0026-the-provider-asks-before-it-looks.md).
    pub(crate) fn consent(self) -> Consent {
        use Permission as P;
        match self {
            P::TenantRead
            | P::TenantCreate
            | P::TenantUpdate
            | P::TenantHold
            | P::TenantClose
            | P::DomainRead
            | P::MailboxRead
            | P::MailboxHold
            | P::JobRead
            | P::BillingRead
            | P::BillingWrite
            | P::SupportUse => Consent::Unasked,
            P::AddressRead | P::CredentialRead | P::MemberRead | P::TokenRead | P::WebhookRead | P::AuditRead => {
                Consent::To(SupportScope::Metadata)
            }
            P::DomainWrite
            | P::DomainDelete
            | P::MailboxCreate
            | P::MailboxUpdate
            | P::MailboxDelete
            | P::MaskedWrite
            | P::JobWrite => Consent::To(SupportScope::Settings),
            P::MailboxPassword
            | P::MailboxPurge
            | P::AddressWrite
            | P::CredentialWrite
            | P::ExportRequest
            | P::MigrationWrite
            | P::WebhookWrite => Consent::To(SupportScope::Content),
            P::MemberWrite | P::RoleWrite | P::TokenWrite | P::IdentityWrite | P::SupportGrant => Consent::Impossible,
        }
    }
}

/// What the provider's people need of a tenant below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// It holds the tenant's contract: limits, restrictions, bills.
    Unasked,
    To(SupportScope),
    /// It would outlast the consent: who gives rights could give them to himself.
    Impossible,
}

/// A set of permissions, stored as its names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Permissions(u64);

impl Permissions {
    pub const NONE: Permissions = Permissions(0);

    /// All there are.
    pub fn all() -> Permissions {
        Permissions::of(Permission::EVERY)
    }

    /// All that only show.
    pub fn reading() -> Permissions {
        Permission::EVERY.iter().filter(|p| p.reads()).fold(Permissions::NONE, |set, p| set.with(*p))
    }

    pub fn of(some: &[Permission]) -> Permissions {
        some.iter().fold(Permissions::NONE, |set, p| set.with(*p))
    }

    #[must_use]
    pub fn with(self, permission: Permission) -> Permissions {
        Permissions(self.0 | 1 << permission as u32)
    }

    pub fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// What either has.
    #[must_use]
    pub fn or(self, other: Permissions) -> Permissions {
        Permissions(self.0 | other.0)
    }

    /// What the other lacks.
    #[must_use]
    pub fn beyond(self, other: Permissions) -> Permissions {
        Permissions(self.0 & !other.0)
    }

    /// What both have.
    #[must_use]
    pub fn and(self, other: Permissions) -> Permissions {
        Permissions(self.0 & other.0)
    }

    /// Whether the other has nothing more.
    pub fn covers(self, other: Permissions) -> bool {
        other.0 & !self.0 == 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it changes nothing.
    pub fn only_reads(self) -> bool {
        Permissions::reading().covers(self)
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::EVERY.iter().copied().filter(move |p| self.has(*p))
    }

    /// Names with spaces between; `read` and `write` stand for all that show, and all that do not. `Invalid` with a name that
    /// is none.
    pub fn parse(text: &str) -> Result<Permissions> {
        let mut set = Permissions::NONE;
        for name in text.split_whitespace() {
            match (name, Permission::EVERY.iter().find(|p| p.name() == name)) {
                ("read", _) => set.0 |= Permissions::reading().0,
                ("write", _) => set.0 |= Permissions::all().0 & !Permissions::reading().0,
                (_, Some(permission)) => set = set.with(*permission),
                (_, None) => {
                    return Err(Error::new(Code::Invalid, "permissions", format!("`{name}` is not a permission")));
                }
            }
        }
        Ok(set)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Permission::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl From<Permissions> for String {
    fn from(set: Permissions) -> String {
        set.to_string()
    }
}

impl TryFrom<String> for Permissions {
    type Error = Error;
    fn try_from(names: String) -> Result<Permissions> {
        Permissions::parse(&names)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// The roles that every tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StandardRole {
    /// Everything.
    Owner,
    /// Everything but closing the tenant and paying.
    Admin,
    /// Mailboxes and addresses of domains; usually granted on some of them.
    DomainAdmin,
    /// Sees, sets passwords, ends and begins restrictions of mailboxes.
    HelpDesk,
    Billing,
    /// Sees everything, the audit log too; changes nothing.
    Auditor,
    /// A person's own mailbox, granted on it.
    MailboxUser,
}

impl StandardRole {
    pub const EVERY: [StandardRole; 7] = [
        StandardRole::Owner,
        StandardRole::Admin,
        StandardRole::DomainAdmin,
        StandardRole::HelpDesk,
        StandardRole::Billing,
        StandardRole::Auditor,
        StandardRole::MailboxUser,
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            StandardRole::Owner => "owner",
            StandardRole::Admin => "admin",
            StandardRole::DomainAdmin => "domain-admin",
            StandardRole::HelpDesk => "help-desk",
            StandardRole::Billing => "billing",
            StandardRole::Auditor => "auditor",
            StandardRole::MailboxUser => "mailbox-user",
        }
    }

    /// The role of a name.
    pub fn by_name(name: &str) -> Option<StandardRole> {
        StandardRole::EVERY.into_iter().find(|r| r.name() == name)
    }

    pub fn permissions(self) -> Permissions {
        use Permission as P;
        match self {
            StandardRole::Owner => Permissions::all(),
            StandardRole::Admin => Permission::EVERY
                .iter()
                .filter(|p| !matches!(p, P::TenantClose | P::BillingWrite | P::SupportUse))
                .fold(Permissions::NONE, |set, p| set.with(*p)),
            StandardRole::DomainAdmin => Permissions::of(&[
                P::TenantRead,
                P::DomainRead,
                P::MailboxRead,
                P::MailboxCreate,
                P::MailboxUpdate,
                P::MailboxPassword,
                P::MailboxHold,
                P::MailboxDelete,
                P::AddressRead,
                P::AddressWrite,
                P::CredentialRead,
                P::CredentialWrite,
                P::JobRead,
                P::MaskedWrite,
                P::MigrationWrite,
            ]),
            StandardRole::HelpDesk => Permissions::of(&[
                P::TenantRead,
                P::DomainRead,
                P::MailboxRead,
                P::MailboxPassword,
                P::MailboxHold,
                P::AddressRead,
                P::CredentialRead,
                P::CredentialWrite,
            ]),
            StandardRole::Billing => Permissions::of(&[P::TenantRead, P::BillingRead, P::BillingWrite]),
            StandardRole::Auditor => Permissions::reading(),
            StandardRole::MailboxUser => Permissions::of(&[
                P::TenantRead,
                P::MailboxRead,
                P::CredentialRead,
                P::CredentialWrite,
                P::ExportRequest,
                P::MaskedWrite,
                P::MigrationWrite,
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_as_it_was_written() {
        for role in StandardRole::EVERY {
            let set = role.permissions();
            assert_eq!(Permissions::parse(&set.to_string()).unwrap(), set, "{}", role.name());
        }
        assert_eq!(Permissions::parse("read write").unwrap(), Permissions::all());
        assert_eq!(Permissions::parse("mailbox:fly").unwrap_err().code, Code::Invalid);
    }

    #[test]
    fn reading_changes_nothing_and_covers_no_more() {
        assert!(Permissions::reading().only_reads());
        assert!(!Permissions::all().only_reads());
        assert!(Permissions::all().covers(Permissions::reading()));
        assert!(!StandardRole::HelpDesk.permissions().has(Permission::MailboxDelete));
    }
}

//! SUMMARY    The control plane: tenants, domains, addresses, mailboxes, credentials, tokens, holds; and telling the data plane.
//! SECURITY   Every operation takes an `Actor`; what it may not reach does not exist for it.
//! INVARIANTS Never touches the store. A mutation is one SQL transaction that changes rows, raises versions, writes an audit
//!            entry and one outbox row with full snapshots; it returns after the data plane has taken them, or says `pending`.

mod actor;
mod address;
mod address_list;
mod alias;
mod allocation;
mod alternate;
mod announcement;
mod app_password;
mod audit;
mod auth;
mod backup;
mod brand;
mod bulk;
mod catch_all;
mod check;
mod claim;
mod console;
mod db;
mod delegate;
mod directory;
mod dkim;
pub mod dns;
mod domain;
mod domain_options;
mod entitlement;
mod error;
mod event;
mod export;
mod factor;
mod feature;
mod group;
mod hold;
mod import;
mod job;
mod kind;
pub mod limits;
mod local_part;
mod lookup;
mod mailbox;
mod mailbox_bulk;
mod mailbox_create;
mod mailbox_delete;
mod mailbox_list;
mod masked;
mod migration;
mod oidc;
mod outbox;
mod page;
mod papers;
mod password;
mod people;
mod permission;
mod publish;
mod purge;
mod queue;
mod records;
mod recovery;
mod rename;
mod resend;
mod rows;
mod seal;
mod service;
mod shop;
mod signup;
mod snapshot;
mod sold;
mod support;
mod sweep;
mod tenant;
mod tenant_create;
mod terms;
mod token;
mod tree;
mod usage;
mod visible;
mod webhook;

pub use actor::{Actor, Grant, Selector};
pub use alias::{Alias, AliasPatch, NewAlias};
pub use announcement::{Announcement, AnnouncementPatch, AnnouncementText, NewAnnouncement, Severity};
pub use app_password::{AppPassword, AppPasswordListed};
pub use audit::{AuditCheck, AuditEntry, AuditFilter, AuditHead};
pub use auth::{NewSession, Presented, Seen, Session, SignIn, Tokens};
pub use backup::{Dump, DumpRow, DumpedMailbox, DumpedMailboxState, Fill, MailboxSearch};
pub use brand::{Brand, BrandHost, BrandPatch, Branding, Colour, Logo, LogoKind, Palette, Scheme};
pub use bulk::{ErrorPolicy, Item, ItemError};
pub use check::{DomainNotice, DomainSheet, DomainSheets, facet_status};
pub use claim::{Claim, DomainState, Proof, challenge_name};
pub use db::Database;
pub use delegate::{Delegate, DelegateRights, Shared, Sharing};
pub use directory::{
    DirectoryGroup, DirectoryGroupPatch, DirectoryKey, DirectoryMember, DirectoryPatch, DirectoryUser,
    NewDirectoryGroup, NewDirectoryUser,
};
pub use dkim::{DkimKeyShown, DkimState};
pub use domain::{Domain, DomainPatch};
pub use domain_options::DomainOptions;
pub use error::{Code, Error, Result};
pub use event::Event;
pub use export::{Export, ExportAsked, ExportDownload, ExportLink, NewExport, NewExportLink};
pub use factor::is_portal;
pub use factor::{Factor, FactorKind, Given, PasskeyBegun, TotpEnrolled};
pub use feature::{Feature, FeatureFlag};
pub use group::{Group, GroupPatch, NewGroup};
pub use hold::{Because, Explained, Hold, HoldListed, NewHold, Subject};
pub use import::{IMPORT_COLUMNS, NewImport};
pub use job::{Job, JobState, Steer};
pub use mailbox::{Mailbox, MailboxPatch, SendPatch};
pub use mailbox_create::NewMailbox;
pub use mailbox_list::{MailboxFilter, MailboxOrder, MailboxSort, MailboxState};
pub use masked::{Masked, MaskedPatch, NewMasked};
pub use migration::{Migration, MigrationAsked, MigrationInto, NewMigration};
pub use oidc::{Identity, IdentityProvider, IdentityProviderPatch, NewIdentityProvider, OidcBack, OidcBegun};
pub use outbox::Applied;
pub use page::Page;
pub use papers::{AddressLine, DelegateLine, PapersError, PapersGiven, PapersOf, PapersTaken, SettingsPaper, Untaken};
pub use password::{NewPassword, PasswordCost, generate as generate_password};
pub use people::{
    Acceptance, Invitation, Invited, Member, MemberPatch, NewInvitation, NewRole, NewServiceAccount, OutgoingNotice,
    Person, PersonPatch, Role, RolePatch, ServiceAccount,
};
pub use permission::{Permission, Permissions, StandardRole, SupportScope};
pub use publish::{DnsCredential, NewDnsCredential, Publication, Publisher, Publishing, RecordChange, Rfc2136};
pub use purge::{Closing, ERASED_TABLES, Purge, PurgeOutlook, PurgePhase};
pub use records::{Checked, Facet, Purpose, Setup, Status, zone_file};
pub use rename::{OldAddress, Rename};
pub use seal::SealingKey;
pub use service::{Bootstrap, Service, ServiceOptions, SignInOptions};
pub use shop::{Choice, Coming, Grounds, Offer, Order, Payment, Shop};
pub use signup::{
    Begun, Challenge, CheckedOut, NameAnswer, NewChoice, NewSignup, NewSignupInvite, Probation, Review, Signup,
    SignupFilter, SignupInvite, SignupMode, SignupOptions, SignupSettings, SignupSettingsPatch, SignupState,
    SignupWanted,
};
pub use sold::Sold;
pub use support::{NewSupportGrant, SupportGrant};
pub use tenant::{Limits, Tenant, TenantPatch};
pub use tenant_create::{NewTenant, TenantCreated};
pub use terms::{Done, Terms};
pub use token::{Access, ApiToken, NewToken, Token};
pub use usage::{Resolution, UsageMeter, UsagePoint};
pub use visible::only_seen;
pub use webhook::{Delivery, DeliveryState, NewWebhook, Webhook, WebhookMade, WebhookPatch, WebhookRules};

/// Rows and mutations for the rooms above that keep rows of their own in the same transactions.
pub mod sql {
    pub use crate::db::{Connection, Query, Row, Txn, Value, query};
    pub use crate::page::{LAST, Statements};
    pub use crate::people::NewNotice;
    pub use crate::rows::{fresh_id, fresh_number, id, json_list, number, optional, random, text};
    pub use crate::terms::{Request, Start, Work};
}

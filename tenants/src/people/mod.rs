//! SUMMARY    People, what they may do where, and how they come in.

mod delete;
mod forgotten;
mod invitation;
mod leading;
mod mail;
mod member;
mod notice;
mod person;
mod power;
mod role;
mod service_account;
mod signed_up;

pub use invitation::{Acceptance, Invitation, Invited, NewInvitation};
pub use member::{Member, MemberPatch};
pub use notice::{NewNotice, OutgoingNotice};
pub use person::{Person, PersonPatch};
pub use role::{NewRole, Role, RolePatch};
pub use service_account::{NewServiceAccount, ServiceAccount};

pub(crate) use mail::more_rights;
pub(crate) use person::{NewPerson, email_key, mail_key, new_email};
pub(crate) use power::grantable;
pub(crate) use signed_up::SignedUp;

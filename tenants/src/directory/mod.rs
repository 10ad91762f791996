//! SUMMARY    Mailboxes as a customer's own directory (Okta, Entra) keeps them in step: with its identifier, and switched on or off.
//! STANDARDS  RFC 7643 §4.1 (what such a user has)
//! SECURITY   A directory stays in the actor's own tenant, not even below it. What is elsewhere does not exist.
//! LIMITS     EXTERNAL_ID_CHARS_MAX, NAME_CHARS_MAX
//! INVARIANTS Switched off is one hold of kind Admin with the code SCIM_INACTIVE, placed by the directory; switching on ends that one
//!            and no other. A request is one transaction, whatever it changes.

mod group;
mod read;
mod write;

pub use group::{DirectoryGroup, DirectoryGroupPatch, DirectoryMember, NewDirectoryGroup};

use crate::{Code, Error, Mailbox, NewHold, Result, rows::short, visible::seen};
use base::AccountId;
use control::HoldKind;
use serde::{Deserialize, Serialize};

/// Code of the hold on a mailbox that its directory switched off.
const INACTIVE: &str = "SCIM_INACTIVE";
/// Characters of a directory's identifier.
const EXTERNAL_ID_CHARS_MAX: usize = 255;

/// A mailbox as a directory sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DirectoryUser {
    pub mailbox: Mailbox,
    pub external_id: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub created_at_ms: i64,
}

impl DirectoryUser {
    /// Whether the directory lets the user in; other holds are not its matter.
    pub fn is_active(&self) -> bool {
        !self.mailbox.holds.iter().any(|h| h.kind == HoldKind::Admin && h.code == INACTIVE)
    }
}

/// A user to be made.
#[derive(Clone)]
pub struct NewDirectoryUser {
    /// The mailbox's address.
    pub user_name: String,
    pub display_name: String,
    /// Without one nobody logs in until it is set.
    pub password: Option<String>,
    pub external_id: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub active: bool,
}

/// Without the password.
impl std::fmt::Debug for NewDirectoryUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NewDirectoryUser { user_name, display_name, password, external_id, given_name, family_name, active } = self;
        let password = password.is_some();
        write!(f, "{user_name:?} {display_name:?} {password} {external_id:?} {given_name:?} {family_name:?} {active}")
    }
}

/// Changes of a user; `None` leaves as it is, `Some(None)` takes away.
#[derive(Clone, Default)]
pub struct DirectoryPatch {
    /// Another address; the old one leads to it.
    pub user_name: Option<String>,
    pub display_name: Option<String>,
    pub password: Option<String>,
    pub external_id: Option<Option<String>>,
    pub given_name: Option<Option<String>>,
    pub family_name: Option<Option<String>>,
    pub active: Option<bool>,
}

/// Without the password.
impl std::fmt::Debug for DirectoryPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let DirectoryPatch { user_name, display_name, password, external_id, given_name, family_name, active } = self;
        let password = password.is_some();
        write!(f, "{user_name:?} {display_name:?} {password} {external_id:?} {given_name:?} {family_name:?} {active:?}")
    }
}

/// By what a user is found. A text that cannot be one finds nothing.
#[derive(Debug, Clone)]
pub enum DirectoryKey {
    Id(String),
    UserName(String),
    ExternalId(String),
}

/// What a directory keeps of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    external_id: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
}

impl Entry {
    fn checked(self) -> Result<Entry> {
        short(self.given_name.as_deref().unwrap_or_default(), "name.givenName")?;
        short(self.family_name.as_deref().unwrap_or_default(), "name.familyName")?;
        let external = self.external_id.as_deref().unwrap_or_default();
        if external.chars().count() > EXTERNAL_ID_CHARS_MAX || external.chars().any(char::is_control) {
            let message =
                format!("This is one line of at most {EXTERNAL_ID_CHARS_MAX} characters (EXTERNAL_ID_CHARS_MAX)");
            return Err(Error::new(Code::Invalid, "externalId", message));
        }
        seen(external, "externalId")?;
        Ok(self)
    }
}

fn inactive() -> NewHold {
    NewHold {
        code: INACTIVE.into(),
        next_step: "Ask the administrator of your organisation".into(),
        ..NewHold::suspension("Your organisation's directory has switched the mailbox off")
    }
}

fn missing(_: impl Sized) -> Error {
    Error::not_found("mailboxId")
}

fn parsed(id: &str) -> Option<AccountId> {
    id.parse().ok()
}

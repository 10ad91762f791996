//! SUMMARY    Forms of papers that are taken in again: lines of `addresses-0001.jsonl`, and `settings.json`.
//! INVARIANTS They have no ids and no times: the same addresses and settings are the same bytes at every provider. Members that are not known are
//!            passed over.

use control::Posting;
use serde::{Deserialize, Serialize};

/// Where mail for a mailbox comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum AddressLine {
    /// Its own.
    Primary {
        address: String,
    },
    Alias {
        address: String,
        label: String,
        enabled: bool,
        /// It leads to others too.
        shared: bool,
    },
    Masked {
        address: String,
        label: String,
        note: String,
        site: String,
        enabled: bool,
    },
    /// A group that it is a member of.
    Group {
        address: String,
        name: String,
        posting: PostingName,
        enabled: bool,
    },
    /// Mail for unknown addresses of a domain comes to one of its own.
    CatchAll {
        domain: String,
        address: String,
    },
}

/// Who may write to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PostingName {
    Anyone,
    Tenant,
    Members,
}

impl From<Posting> for PostingName {
    fn from(posting: Posting) -> Self {
        match posting {
            Posting::Anyone => PostingName::Anyone,
            Posting::Tenant => PostingName::Tenant,
            Posting::Members => PostingName::Members,
        }
    }
}

impl From<PostingName> for Posting {
    fn from(name: PostingName) -> Self {
        match name {
            PostingName::Anyone => Posting::Anyone,
            PostingName::Tenant => Posting::Tenant,
            PostingName::Members => Posting::Members,
        }
    }
}

impl AddressLine {
    /// What it is about, for people.
    pub fn about(&self) -> &str {
        match self {
            AddressLine::Primary { address }
            | AddressLine::Alias { address, .. }
            | AddressLine::Masked { address, .. }
            | AddressLine::Group { address, .. } => address,
            AddressLine::CatchAll { domain, .. } => domain,
        }
    }
}

/// What a mailbox is, beside its mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SettingsPaper {
    pub display_name: String,
    /// `person`, `shared`, `resource` or `service`.
    pub kind: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    /// A language tag, of the person with this address.
    pub language: Option<String>,
    pub quota_bytes_max: Option<u64>,
    pub send_per_hour_max: Option<u32>,
    pub send_per_day_max: Option<u32>,
    pub new_recipients_per_day_max: Option<u32>,
    /// Addresses of others that it may send from.
    pub send_as: Vec<String>,
    /// Who else may open it or send from it.
    pub delegates: Vec<DelegateLine>,
}

/// A delegate of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DelegateLine {
    pub address: String,
    pub open: bool,
    pub write: bool,
    pub send_as: bool,
}

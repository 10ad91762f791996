//! SUMMARY    What mailboxes are for, what state they are in, what they may send.

use async_graphql::{Enum, SimpleObject};

/// What a mailbox is for.
#[derive(Enum, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[graphql(remote = "control::AccountKind")]
pub enum MailboxKind {
    #[default]
    Person,
    /// Read by several people, each with a login of their own.
    Shared,
    /// A room, a car.
    Resource,
    /// A program.
    Service,
}

/// What a mailbox is in the course of its life.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::MailboxState")]
pub enum MailboxState {
    Active,
    /// Holds take something from it.
    Restricted,
    /// Nobody logs in, no mail is taken; it can be restored until `purgeAt`.
    Deleted,
}

/// What may be sent, in recipients. null = unlimited.
#[derive(SimpleObject, Clone)]
pub struct SendLimits {
    pub per_hour: Option<u32>,
    pub per_day: Option<u32>,
    /// Recipients that were never written to before.
    pub new_recipients_per_day: Option<u32>,
}

impl From<control::SendLimits> for SendLimits {
    fn from(limits: control::SendLimits) -> Self {
        let control::SendLimits { per_hour, per_day, new_recipients_per_day } = limits;
        SendLimits { per_hour, per_day, new_recipients_per_day }
    }
}

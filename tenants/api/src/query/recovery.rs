//! SUMMARY    Expunged mail of a mailbox that can be brought back.
//! SECURITY   Senders and subjects are the words of strangers, cut to one line, and told to the mailbox's own user only.

use crate::{
    connection::PageInfo,
    cost::{PAGE_ITEMS_MAX, page_cost},
    failure::{found, top_level},
    scalar::{ByteSize, DateTime},
    types::{actor, service},
};
use async_graphql::{ComplexObject, Context, ID, Object, Result, SimpleObject};
use base::Timestamp;
use control::{ExpungedEmail, ExpungedPage, ExpungedPlace};

/// An email that left its last mailbox and can be brought back.
#[derive(SimpleObject, Clone)]
pub struct RecoverableEmail {
    /// Of this mailbox; an email that is brought back has another one when it is deleted again.
    pub id: ID,
    pub deleted_at: DateTime,
    pub received_at: DateTime,
    pub size: ByteSize,
    /// Where it was and comes back to; null: that is gone, it comes back to the inbox; or somebody else than the mailbox's own user asks.
    pub mailbox_path: Option<String>,
    /// Null: it has none, or somebody else than the mailbox's own user asks.
    pub from: Option<String>,
    /// Null: it has none, or somebody else than the mailbox's own user asks.
    pub subject: Option<String>,
}

/// An email with its cursor.
#[derive(SimpleObject)]
pub struct RecoverableEmailEdge {
    pub cursor: String,
    pub node: RecoverableEmail,
}

/// One page.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RecoverableEmailConnection {
    pub edges: Vec<RecoverableEmailEdge>,
    pub page_info: PageInfo,
    pub total_count: i64,
    /// All of them together; no quota counts them.
    pub total_size: ByteSize,
    /// For how many days what is deleted now can be brought back, 0: not at all; null: until a hold ends.
    pub days: Option<u32>,
}

#[ComplexObject]
impl RecoverableEmailConnection {
    /// The emails without their cursors.
    async fn nodes(&self) -> Vec<&RecoverableEmail> {
        self.edges.iter().map(|e| &e.node).collect()
    }
}

pub(crate) fn id_of(place: ExpungedPlace) -> String {
    format!("{}/{}", place.at.0, place.email)
}

pub(crate) fn place_of(id: &str) -> Option<ExpungedPlace> {
    let (at, email) = id.split_once('/')?;
    let place = ExpungedPlace { at: Timestamp(at.parse().ok()?), email: email.parse().ok()? };
    // One spelling only.
    (id_of(place) == id).then_some(place)
}

impl From<ExpungedEmail> for RecoverableEmail {
    fn from(email: ExpungedEmail) -> Self {
        let some = |text: String| (!text.is_empty()).then_some(text);
        RecoverableEmail {
            id: ID(id_of(email.place)),
            deleted_at: DateTime(email.place.at.0),
            received_at: DateTime(email.received_at.0),
            size: ByteSize(u64::from(email.size_bytes)),
            mailbox_path: some(email.mailbox),
            from: some(email.from),
            subject: some(email.subject),
        }
    }
}

impl RecoverableEmailConnection {
    fn new(page: ExpungedPage, beyond: bool) -> Self {
        let edge = |email: ExpungedEmail| RecoverableEmailEdge { cursor: id_of(email.place), node: email.into() };
        let edges: Vec<RecoverableEmailEdge> = page.emails.into_iter().map(edge).collect();
        let page_info = PageInfo {
            has_next_page: page.more,
            has_previous_page: beyond,
            start_cursor: edges.first().map(|e| e.cursor.clone()),
            end_cursor: edges.last().map(|e| e.cursor.clone()),
        };
        let total_size = ByteSize(u64::try_from(page.kept_bytes).unwrap_or(0));
        RecoverableEmailConnection { edges, page_info, total_count: page.kept_emails, total_size, days: page.days }
    }
}

#[derive(Default)]
pub struct RecoveryQuery;

#[Object]
impl RecoveryQuery {
    /// What was deleted from a mailbox for good and can still be brought back, the latest first. Fails with UNAVAILABLE while the mail
    /// server does not answer.
    #[graphql(complexity = "page_cost(Some(first), None, child_complexity)")]
    async fn recoverable_emails(
        &self,
        ctx: &Context<'_>,
        mailbox_id: ID,
        first: u32,
        after: Option<ID>,
    ) -> Result<Option<RecoverableEmailConnection>> {
        if !(1..=PAGE_ITEMS_MAX).contains(&first) {
            return Err(top_level("INVALID", format!("A page has 1 to {PAGE_ITEMS_MAX} items (PAGE_ITEMS_MAX)")));
        }
        let Ok(account) = mailbox_id.parse() else { return Ok(None) };
        let bad = || top_level("INVALID", "`after` is no cursor of this list");
        let after = after.map(|cursor| place_of(&cursor).ok_or_else(bad)).transpose()?;
        let page = found(service(ctx).expunged(actor(ctx), account, after, first).await)?;
        Ok(page.map(|page| RecoverableEmailConnection::new(page, after.is_some())))
    }
}

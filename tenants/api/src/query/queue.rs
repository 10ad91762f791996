//! SUMMARY    Outgoing mail: what waits, what ended lately, and what remote hosts answered.
//! SECURITY   Answers are the words of remote hosts, cut to one line: show them as text.

use crate::{
    connection::PageInfo,
    cost::{PAGE_ITEMS_MAX, page_cost},
    failure::{found, top_level},
    scalar::{ByteSize, DateTime},
    types::{actor, service},
};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use base::Timestamp;
use control::{QueueAsked, QueuePage, QueuePlace};

/// Where an item stands. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "control::QueueState")]
pub enum QueueItemState {
    /// Waits for its first or next attempt.
    Waiting,
    /// An attempt is under way.
    UnderWay,
    /// Put aside: by a hold on who sent it, or by a person.
    Parked,
    /// Nothing of it waits any more.
    Ended,
}

/// What became of a recipient. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "control::QueueFate")]
pub enum QueueFate {
    Waiting,
    Delivered,
    Failed,
    Cancelled,
}

/// A recipient with the last answer that was had for it.
#[derive(SimpleObject, Clone)]
pub struct QueueRecipient {
    pub address: String,
    pub fate: QueueFate,
    /// Name and address of the remote host; null: none was asked.
    pub host: Option<String>,
    /// Code and text: `450 4.2.0 later`.
    pub reply: Option<String>,
    /// Enhanced status code (RFC 3463).
    pub status: Option<String>,
    pub at: Option<DateTime>,
}

/// What one attempt was answered for some recipients.
#[derive(SimpleObject, Clone)]
pub struct QueueAnswer {
    pub at: DateTime,
    /// Number of the attempt, from 1.
    pub attempt: i32,
    pub host: Option<String>,
    pub reply: String,
    pub status: String,
    /// Recipients that were answered so.
    pub recipients: i32,
}

/// A message on its way to one domain.
#[derive(SimpleObject, Clone)]
pub struct QueueItem {
    pub id: ID,
    pub tenant_id: ID,
    /// Mailbox that submitted it; null: forwarded, or written by the server.
    pub mailbox_id: Option<ID>,
    /// Null: the null sender, as of bounces.
    pub sender: Option<String>,
    pub domain: String,
    pub recipients: Vec<QueueRecipient>,
    pub message_id: Option<String>,
    pub size: ByteSize,
    pub state: QueueItemState,
    pub attempts: i32,
    /// The latest answers of remote hosts, oldest first.
    pub answers: Vec<QueueAnswer>,
    pub created_at: DateTime,
    /// Null: none is to come, one is under way, or it is parked.
    pub next_attempt_at: Option<DateTime>,
    /// When it is given up; the clock stands still while it is parked.
    pub expires_at: DateTime,
    pub ended_at: Option<DateTime>,
    /// Why it is parked.
    pub parked_reason: Option<String>,
    /// Whether a person put it aside, and not a hold on who sent it.
    pub held_by_hand: bool,
    /// Why it goes back to its sender at the next attempt.
    pub return_reason: Option<String>,
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn time(at: Timestamp) -> DateTime {
    DateTime(at.0)
}

fn count(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

impl From<control::QueueItem> for QueueItem {
    fn from(i: control::QueueItem) -> Self {
        let recipient = |r: control::QueueRecipient| QueueRecipient {
            address: r.address,
            fate: r.fate.into(),
            host: some(r.host),
            reply: some(r.reply),
            status: some(r.status),
            at: r.at.map(time),
        };
        let answer = |a: control::QueueAnswer| QueueAnswer {
            at: time(a.at),
            attempt: count(a.attempt),
            host: some(a.host),
            reply: a.reply,
            status: a.status,
            recipients: count(a.recipients),
        };
        QueueItem {
            id: ID(i.id.to_string()),
            tenant_id: ID(i.tenant.to_string()),
            mailbox_id: i.account.map(|id| ID(id.to_string())),
            sender: some(i.sender),
            domain: i.domain,
            recipients: i.recipients.into_iter().map(recipient).collect(),
            message_id: some(i.message_id),
            size: ByteSize(i.size_bytes),
            state: i.state.into(),
            attempts: count(i.attempts),
            answers: i.answers.into_iter().map(answer).collect(),
            created_at: time(i.created_at),
            next_attempt_at: i.next_attempt_at.map(time),
            expires_at: time(i.expires_at),
            ended_at: i.ended_at.map(time),
            parked_reason: some(i.parked_reason),
            held_by_hand: i.held_by_hand,
            return_reason: some(i.return_reason),
        }
    }
}

/// Items that meet every condition.
#[derive(InputObject, Default)]
pub struct QueueItemFilter {
    /// Domain it goes to.
    pub domain: Option<String>,
    /// Envelope sender, as a whole.
    pub sender: Option<String>,
    /// One of the recipients, as a whole.
    pub recipient: Option<String>,
    /// With or without its angle brackets.
    pub message_id: Option<String>,
    pub state: Option<QueueItemState>,
}

/// An item with its cursor.
#[derive(SimpleObject)]
pub struct QueueItemEdge {
    pub cursor: String,
    pub node: QueueItem,
}

/// One page. How many there are is not counted. A page may have fewer items than asked for, or none, and a next page all the same:
/// only so many items are looked at for each (QUEUE_LOOKED_MAX).
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct QueueItemConnection {
    pub edges: Vec<QueueItemEdge>,
    pub page_info: PageInfo,
}

#[ComplexObject]
impl QueueItemConnection {
    /// The items without their cursors.
    async fn nodes(&self) -> Vec<&QueueItem> {
        self.edges.iter().map(|e| &e.node).collect()
    }
}

fn cursor(place: QueuePlace) -> String {
    format!("{}/{}/{}", place.tenant, place.ended_ms, place.item)
}

fn place(cursor: &str) -> Result<QueuePlace> {
    let read = || {
        let (tenant, rest) = cursor.split_once('/')?;
        let (ended, item) = rest.split_once('/')?;
        Some(QueuePlace { tenant: tenant.parse().ok()?, ended_ms: ended.parse().ok()?, item: item.parse().ok()? })
    };
    read().ok_or_else(|| top_level("INVALID", "`after` is no cursor of this list"))
}

impl QueueItemConnection {
    fn new(page: QueuePage, beyond: bool) -> Self {
        let edge = |item: control::QueueItem| {
            let ended_ms = item.ended_at.map_or(0, |at| at.0);
            let place = QueuePlace { tenant: item.tenant, ended_ms, item: item.id };
            QueueItemEdge { cursor: cursor(place), node: item.into() }
        };
        let edges: Vec<QueueItemEdge> = page.items.into_iter().map(edge).collect();
        let last = edges.last().map(|e| e.cursor.clone());
        let page_info = PageInfo {
            has_next_page: page.next.is_some(),
            has_previous_page: beyond,
            start_cursor: edges.first().map(|e| e.cursor.clone()),
            end_cursor: page.next.map(cursor).or(last),
        };
        QueueItemConnection { edges, page_info }
    }
}

#[derive(Default)]
pub struct QueueQuery;

#[Object]
impl QueueQuery {
    /// Outgoing mail of a tenant that waits, in order of the items' ids; with `below` of the tenants below it too, in order of their
    /// ids; with `ended` what became of it in the last 14 days, newest first. Fails with UNAVAILABLE while the mail server does not
    /// answer.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(complexity = "page_cost(Some(first), None, child_complexity)")]
    async fn queue_items(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        #[graphql(default)] below: bool,
        #[graphql(default)] ended: bool,
        filter: Option<QueueItemFilter>,
        first: u32,
        after: Option<ID>,
    ) -> Result<Option<QueueItemConnection>> {
        if !(1..=PAGE_ITEMS_MAX).contains(&first) {
            return Err(top_level("INVALID", format!("A page has 1 to {PAGE_ITEMS_MAX} items (PAGE_ITEMS_MAX)")));
        }
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let filter = filter.unwrap_or_default();
        let filter = control::QueueFilter {
            item: None,
            domain: filter.domain,
            sender: filter.sender,
            recipient: filter.recipient,
            message_id: filter.message_id,
            state: filter.state.map(Into::into),
        };
        let after = after.map(|cursor| place(&cursor)).transpose()?;
        let asked = QueueAsked { tenant, below, ended, filter, after, limit: first };
        let page = found(service(ctx).queue(actor(ctx), asked).await)?;
        Ok(page.map(|page| QueueItemConnection::new(page, after.is_some())))
    }

    /// One item that waits, or that ended in the last 14 days.
    async fn queue_item(&self, ctx: &Context<'_>, tenant_id: ID, id: ID) -> Result<Option<QueueItem>> {
        let (Ok(tenant), Ok(item)) = (tenant_id.parse(), id.parse()) else { return Ok(None) };
        Ok(found(service(ctx).queue_item(actor(ctx), tenant, item).await)?.map(QueueItem::from))
    }
}

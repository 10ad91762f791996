//! SUMMARY    Pages of outgoing mail for people: what waits, of a tenant or of all below it, and what became of the rest.
//! LIMITS     QUEUE_PAGE_MAX, QUEUE_LOOKED_MAX, QUEUE_TENANTS_LOOKED_MAX
//! INVARIANTS A page looks at a bounded number of items and tenants, whatever is asked for, and says where to go on. Tenants
//!            without mail that waits cost nothing. Who is below whom is asked of the entitlements.

use crate::{
    Accounts, Error, Result, keys,
    record::{self, QueueItem},
    txn::{SystemTxn, TenantTxn},
};
use base::{
    AccountId, Kind, QueueId, TenantId, Timestamp,
    limits::{QUEUE_LOOKED_MAX, QUEUE_PAGE_MAX, QUEUE_TENANTS_LOOKED_MAX},
};
use control::{QueueAnswer, QueueAsked, QueueFate, QueueFilter, QueuePage, QueuePlace, QueueRecipient, QueueState};
use store::kv::{KeyRange, PageLimit, Read};

/// Items read at once.
const READ_AT_ONCE: usize = 100;

/// What is still to be found for a page.
struct Search<'a> {
    asked: &'a QueueAsked,
    now: Timestamp,
    limit: usize,
    looked: usize,
    page: QueuePage,
}

/// How a tenant's items ended a search.
enum Seen {
    /// None is left.
    All,
    /// The page is full, or enough was looked at.
    Enough,
}

impl Accounts {
    /// A page of what waits or ended.
    pub(crate) async fn queue_page(&self, asked: &QueueAsked) -> Result<QueuePage> {
        if asked.below && asked.ended {
            return Err(Error::new(Kind::Invalid, "what ended is shown of one tenant"));
        }
        let limit = asked.limit.clamp(1, QUEUE_PAGE_MAX) as usize;
        let mut search = Search { asked, now: self.clock().now(), limit, looked: 0, page: QueuePage::default() };
        if !asked.below {
            let after = asked.after.filter(|place| place.tenant == asked.tenant);
            self.search(&mut search, asked.tenant, after).await?;
            return Ok(search.page);
        }
        let mut next = match asked.after {
            Some(place) => Some((place.tenant, Some(place))),
            None => self.first_tenant(&keys::system_due_all()).await?.map(|tenant| (tenant, None)),
        };
        let mut tenants = 0;
        while let Some((tenant, after)) = next {
            if self.is_below(tenant, asked.tenant).await?
                && let Seen::Enough = self.search(&mut search, tenant, after).await?
            {
                return Ok(search.page);
            }
            tenants += 1;
            next = self.first_tenant(&keys::system_due_after(tenant)).await?.map(|tenant| (tenant, None));
            if tenants >= QUEUE_TENANTS_LOOKED_MAX && next.is_some() {
                // Behind every item of it.
                search.page.next = Some(QueuePlace { tenant, ended_ms: 0, item: QueueId(u64::MAX) });
                return Ok(search.page);
            }
        }
        search.page.next = None;
        Ok(search.page)
    }

    /// Whether a tenant is the other, or below it.
    async fn is_below(&self, tenant: TenantId, above: TenantId) -> Result<bool> {
        if tenant == above {
            return Ok(true);
        }
        let mut txn = self.0.kv.begin_read();
        let entitlement = self.entitlement_in(&mut *txn, tenant).await?;
        Ok(entitlement.is_some_and(|e| e.ancestors.contains(&above)))
    }

    /// Adds items of a tenant behind `after`.
    async fn search(&self, search: &mut Search<'_>, tenant: TenantId, after: Option<QueuePlace>) -> Result<Seen> {
        let mut range = range_of(search.asked, after);
        loop {
            let mut txn = self.0.kv.begin_read();
            let rows = PageLimit::rows(READ_AT_ONCE);
            let page = TenantTxn::new(&mut *txn, tenant).page(&range, rows, Read::Snapshot).await?;
            drop(txn);
            let Some((last, _)) = page.rows.last() else { return Ok(Seen::All) };
            range.from = [last.as_ref(), &[0]].concat();
            for (n, (_, value)) in page.rows.iter().enumerate() {
                let item: QueueItem = record::decode(value, "queue item")?;
                let more = page.more || n + 1 < page.rows.len();
                if search.take(tenant, &item, more) {
                    return Ok(Seen::Enough);
                }
            }
            if !page.more {
                return Ok(Seen::All);
            }
        }
    }

    /// The first of the tenants in a part of the due index.
    pub(super) async fn first_tenant(&self, range: &KeyRange) -> Result<Option<TenantId>> {
        let mut txn = self.0.kv.begin_read();
        let page = SystemTxn::new(&mut *txn).page(range, PageLimit::rows(1)).await?;
        Ok(page.rows.first().and_then(|(key, _)| keys::decode_due(key)).map(|(tenant, _, _)| tenant))
    }
}

impl Search<'_> {
    /// Looks at an item; whether that was enough. `more`: the tenant has further ones.
    fn take(&mut self, tenant: TenantId, item: &QueueItem, more: bool) -> bool {
        self.looked += 1;
        if meets(&self.asked.filter, item, self.now) {
            self.page.items.push(view(tenant, item, self.now));
        }
        let enough = self.page.items.len() >= self.limit || self.looked >= QUEUE_LOOKED_MAX;
        if enough && (more || self.asked.below) {
            self.page.next = Some(QueuePlace { tenant, ended_ms: item.ended_at_ms, item: QueueId(item.id) });
        }
        enough
    }
}

/// Where items of a tenant are looked for.
fn range_of(asked: &QueueAsked, after: Option<QueuePlace>) -> KeyRange {
    let (mut range, behind) = match (asked.ended, after, asked.filter.item) {
        (true, after, _) => {
            (keys::queue_all_ended(), after.map(|place| keys::queue_ended(Timestamp(place.ended_ms), place.item)))
        }
        // One item is looked for where it is.
        (false, _, Some(id)) => {
            let from = keys::queue_item(id);
            let to = [from.as_slice(), &[0]].concat();
            (KeyRange { from, to }, None)
        }
        (false, after, None) => (keys::queue_items(), after.map(|place| keys::queue_item(place.item))),
    };
    if let Some(behind) = behind {
        range.from = [behind.as_slice(), &[0]].concat();
    }
    range
}

fn meets(filter: &QueueFilter, item: &QueueItem, now: Timestamp) -> bool {
    let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|w| w.trim().eq_ignore_ascii_case(is));
    let bare = |id: &str| id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let to = |wanted: &String| item.recipients.iter().any(|r| r.address.eq_ignore_ascii_case(wanted.trim()));
    filter.item.is_none_or(|id| id.0 == item.id)
        && same(&filter.domain, &item.domain)
        && same(&filter.sender, &item.sender)
        && filter.recipient.as_ref().is_none_or(to)
        && filter.message_id.as_ref().is_none_or(|id| bare(id) == bare(&item.message_id))
        && filter.state.is_none_or(|wanted| wanted == state(item, now))
}

/// Whether an attempt is under way: one whose lease ran out is over.
pub(super) fn is_under_way(item: &QueueItem, now: Timestamp) -> bool {
    item.leased && Timestamp(item.due_at_ms) > now
}

fn state(item: &QueueItem, now: Timestamp) -> QueueState {
    match item {
        _ if item.ended_at_ms != 0 => QueueState::Ended,
        _ if is_under_way(item, now) => QueueState::UnderWay,
        _ if item.parked => QueueState::Parked,
        _ => QueueState::Waiting,
    }
}

fn fate(status: u32) -> QueueFate {
    match status {
        0 => QueueFate::Waiting,
        1 => QueueFate::Delivered,
        3 => QueueFate::Cancelled,
        _ => QueueFate::Failed,
    }
}

fn at(ms: i64) -> Option<Timestamp> {
    (ms != 0).then_some(Timestamp(ms))
}

/// A stored item as it is shown.
pub(super) fn view(tenant: TenantId, item: &QueueItem, now: Timestamp) -> control::QueueItem {
    let state = state(item, now);
    let recipient = |r: &record::QueueRecipient| QueueRecipient {
        address: r.address.clone(),
        fate: fate(r.status),
        host: r.last_host.clone(),
        reply: record::shown(&r.last_reply),
        status: r.last_status.clone(),
        at: at(r.last_at_ms),
    };
    let answer = |a: &record::QueueAnswer| QueueAnswer {
        at: Timestamp(a.at_ms),
        attempt: a.attempt,
        host: a.host.clone(),
        reply: a.reply.clone(),
        status: a.status.clone(),
        recipients: a.recipients,
    };
    control::QueueItem {
        id: QueueId(item.id),
        tenant,
        account: (item.account != 0).then_some(AccountId(item.account)),
        sender: item.sender.clone(),
        domain: item.domain.clone(),
        recipients: item.recipients.iter().map(recipient).collect(),
        message_id: item.message_id.clone(),
        size_bytes: item.size,
        state,
        attempts: item.attempts,
        answers: item.answers.iter().map(answer).collect(),
        created_at: Timestamp(item.created_at_ms),
        next_attempt_at: (state == QueueState::Waiting).then_some(Timestamp(item.due_at_ms)),
        expires_at: Timestamp(item.expires_at_ms),
        ended_at: at(item.ended_at_ms),
        parked_reason: if item.parked { item.parked_reason.clone() } else { String::new() },
        held_by_hand: !item.held.is_empty(),
        return_reason: item.returned.clone(),
    }
}

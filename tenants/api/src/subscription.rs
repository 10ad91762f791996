//! SUMMARY    Subscriptions: the events of a tenant and the progress of a job, as they come.
//! SECURITY   The token is asked when a stream begins, however long its socket has been open, and each STREAM_LOOK while it runs: one that was revoked, or whose tenant may not sign in,
//!            ends it. What is shown is read as the caller, page by page.
//! LIMITS     STREAMS_PER_TOKEN_MAX, STREAM_LOOK, STREAM_PAGE
//! INVARIANTS A stream reads the tables and is only woken early by this process: nothing is lost without a bus, and who reads slowly
//!            holds one page.

use crate::{
    bearer_token,
    failure::{found, read_failed, top_level},
    header_text,
    people::visitor,
    query::{event::Event, job::Job},
    types::{actor, service},
};
use async_graphql::{Context, ID, Result, Subscription};
use axum::http::{HeaderMap, header};
use base::TenantId;
use futures_util::{StreamExt, stream, stream::BoxStream};
use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tenants::{Actor, Presented, Service};

/// Streams of one token at a time.
pub(crate) const STREAMS_PER_TOKEN_MAX: usize = 20;
/// How often a stream looks again, at its token and at the tables.
const STREAM_LOOK: Duration = Duration::from_millis(500);
/// Events that a stream reads at once.
const STREAM_PAGE: i64 = 50;
/// Cost of a stream, at its beginning.
const STREAM_COST: usize = 50;

/// What a connection shows: its token, the tenant it names, where it comes from.
#[derive(Clone)]
pub(crate) struct Ticket {
    token: String,
    tenant: Option<String>,
    peer: Option<IpAddr>,
}

impl Ticket {
    /// From the headers of a request.
    pub(crate) fn new(headers: &HeaderMap, peer: Option<IpAddr>) -> Ticket {
        let token = header_text(headers, header::AUTHORIZATION.as_str()).and_then(bearer_token).unwrap_or_default();
        let tenant = header_text(headers, visitor::TENANT_HEADER).map(str::to_owned);
        Ticket { token: token.to_owned(), tenant, peer }
    }

    /// The same with a token that came otherwise.
    pub(crate) fn with_token(self, token: &str) -> Ticket {
        Ticket { token: token.to_owned(), ..self }
    }

    /// Who it is, as of now.
    pub(crate) async fn actor(&self, service: &Service) -> tenants::Result<Actor> {
        let shown = Presented { token: &self.token, tenant: self.tenant.as_deref(), peer: self.peer };
        service.authenticate_open(shown).await.map(|actor| actor.seen_at(self.peer))
    }
}

/// How many streams each token has.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

/// One stream's place among those of its token.
struct Place {
    streams: Streams,
    token: String,
}

impl Streams {
    fn take(&self, token: &str) -> Result<Place> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(token.to_owned()).or_default();
        if *count >= STREAMS_PER_TOKEN_MAX {
            let message = format!("At most {STREAMS_PER_TOKEN_MAX} streams of one token (limit STREAMS_PER_TOKEN_MAX)");
            return Err(top_level("LIMIT", message));
        }
        *count += 1;
        Ok(Place { streams: self.clone(), token: token.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.token);
            }
        }
    }
}

/// Who watches, while it may.
struct Watch {
    service: Arc<Service>,
    ticket: Ticket,
    actor: Actor,
    looked: Instant,
    _place: Place,
}

impl Watch {
    async fn begin(ctx: &Context<'_>) -> Result<Watch> {
        let ticket = ctx.data::<Ticket>().map_err(|_| top_level("INVALID", "Subscribe over WebSocket or SSE"))?;
        let place = ctx.data_unchecked::<Streams>().take(actor(ctx).name())?;
        let (service, looked) = (service(ctx).clone(), Instant::now());
        let actor = ticket.actor(&service).await.map_err(|e| read_failed(&e))?;
        Ok(Watch { service, ticket: ticket.clone(), actor, looked, _place: place })
    }

    /// Ends the stream of a token that is worth nothing any more.
    async fn check(&mut self) -> Result<()> {
        if self.looked.elapsed() >= STREAM_LOOK {
            self.actor = self.ticket.actor(&self.service).await.map_err(|e| read_failed(&e))?;
            self.looked = Instant::now();
        }
        Ok(())
    }

    /// Waits for something new, not longer than until the next look.
    async fn idle(&self) {
        // Out of time is as good: the tables are read again.
        let _ = tokio::time::timeout(STREAM_LOOK, self.service.events_woken()).await;
    }
}

struct Feed {
    watch: Watch,
    tenant: TenantId,
    below: bool,
    after: i64,
    read: VecDeque<tenants::Event>,
}

impl Feed {
    async fn next(mut self) -> Result<Option<(Event, Feed)>> {
        loop {
            self.watch.check().await?;
            if let Some(event) = self.read.pop_front() {
                return Ok(Some((event.into(), self)));
            }
            let Watch { service, actor, .. } = &self.watch;
            let events = service.events_after(actor, self.tenant, self.below, self.after, STREAM_PAGE).await;
            let events = events.map_err(|e| read_failed(&e))?;
            match events.last() {
                Some(last) => self.after = last.seq,
                None => self.watch.idle().await,
            }
            self.read.extend(events);
        }
    }
}

struct Progress {
    watch: Watch,
    job: String,
    /// The version that was shown last.
    shown: i64,
    ended: bool,
}

impl Progress {
    async fn next(mut self) -> Result<Option<(Job, Progress)>> {
        while !self.ended {
            self.watch.check().await?;
            let job = self.watch.service.job(&self.watch.actor, &self.job).await.map_err(|e| read_failed(&e))?;
            if job.version != self.shown {
                self.shown = job.version;
                self.ended = job.state.has_ended();
                return Ok(Some((job.into(), self)));
            }
            self.watch.idle().await;
        }
        Ok(None)
    }
}

pub struct Subscription;

#[Subscription]
impl Subscription {
    /// Events of a tenant, and of those below it when `below`: those after the event `after`, or from now on.
    #[graphql(complexity = "STREAM_COST + child_complexity")]
    async fn events_stream(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        #[graphql(default)] below: bool,
        after: Option<ID>,
    ) -> Result<BoxStream<'static, Result<Event>>> {
        let missing = || top_level("NOT_FOUND", "There is no such tenant");
        let tenant: TenantId = tenant_id.parse().map_err(|_| missing())?;
        let watch = Watch::begin(ctx).await?;
        let reached = watch.service.events_after(&watch.actor, tenant, below, i64::MAX, 1).await;
        found(reached)?.ok_or_else(missing)?;
        let after = match after {
            Some(after) => after.parse().map_err(|_| top_level("INVALID", "`after` is the id of an event"))?,
            None => service(ctx).events_end().await.map_err(|e| read_failed(&e))?,
        };
        let feed = Feed { watch, tenant, below, after, read: VecDeque::new() };
        Ok(stream::try_unfold(feed, Feed::next).boxed())
    }

    /// A job each time it got further, until it has ended.
    #[graphql(complexity = "STREAM_COST + child_complexity")]
    async fn job_progress(&self, ctx: &Context<'_>, id: ID) -> Result<BoxStream<'static, Result<Job>>> {
        let watch = Watch::begin(ctx).await?;
        found(watch.service.job(&watch.actor, &id).await)?
            .ok_or_else(|| top_level("NOT_FOUND", "There is no such job"))?;
        let progress = Progress { watch, job: id.to_string(), shown: 0, ended: false };
        Ok(stream::try_unfold(progress, Progress::next).boxed())
    }
}

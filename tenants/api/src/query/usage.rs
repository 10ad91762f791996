//! SUMMARY    What a tenant used over time, from the ledger.
//! LIMITS     USAGE_POINTS_MAX, USAGE_COST

use crate::{
    failure::found,
    scalar::{ByteSize, DateTime},
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

/// Cost of an answer, which may have some hundred points.
const USAGE_COST: usize = 20;

/// What is counted of a tenant.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::UsageMeter")]
pub enum UsageMeter {
    /// The most there was.
    StoredBytes,
    /// Stored messages, the most there were.
    Messages,
    /// Live mailboxes, the most there were.
    Mailboxes,
    /// Recipients with other hosts that messages were accepted for, their sum.
    OutgoingRecipients,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Resolution")]
pub enum UsageResolution {
    /// Kept for 45 days.
    Hour,
    Day,
    /// Of the calendar.
    Month,
}

/// What was used from a moment to the next point's.
#[derive(SimpleObject, Clone)]
pub struct UsagePoint {
    /// The start of the hour, day or month, in UTC.
    pub at: DateTime,
    /// Bytes, or a count: more than fits an Int.
    pub value: ByteSize,
}

#[derive(Default)]
pub struct UsageQuery;

#[Object]
impl UsageQuery {
    /// What a tenant used over time, without those below it: a point for each hour, day or month from the one that `from` is in to the
    /// one that has begun before `to`; at most 800. Readings are of each hour: what was not read yet is not in the last point.
    #[graphql(complexity = "USAGE_COST + child_complexity")]
    async fn usage(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        meter: UsageMeter,
        from: DateTime,
        to: DateTime,
        resolution: UsageResolution,
    ) -> Result<Option<Vec<UsagePoint>>> {
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let range = (from.into(), to.into());
        let points = service(ctx).usage_points(actor(ctx), tenant, meter.into(), range, resolution.into()).await;
        let shown = |point: tenants::UsagePoint| UsagePoint { at: point.at.into(), value: ByteSize(point.value) };
        Ok(found(points)?.map(|points| points.into_iter().map(shown).collect()))
    }
}

//! SUMMARY    Concessions: what a seller gives a customer on top, and the limits that it sets whatever was bought.

use super::{
    desk, invalid,
    plan::{PlanGrants, PlanGrantsInput},
};
use crate::{
    connection::{Paging, connection},
    cost::{MUTATION_COST, page_cost},
    failure::found,
    input::{CreateTerms, MoneyTerms},
    mutation::tenant_id,
    payload::{object_payload, payload},
    scalar::{ByteSize, DateTime},
    types::actor,
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use billing::{ConcessionKind, Gift, Limit, NewConcession, Override};
use tenants::Error;

/// One limit of a customer.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::Limit")]
pub enum BillingLimit {
    Domains,
    Mailboxes,
    StorageBytes,
    RecipientsPerHour,
    RecipientsPerDay,
    NewRecipientsPerDay,
}

/// A limit that the seller sets, whatever was bought.
#[derive(SimpleObject, Clone)]
pub struct ConcessionOverride {
    pub limit: BillingLimit,
    /// Whether there is none.
    pub unlimited: bool,
    /// The number; null when unlimited, and for STORAGE_BYTES.
    pub value: Option<u64>,
    /// The bytes of STORAGE_BYTES; null when unlimited.
    pub bytes: Option<ByteSize>,
}

/// Something that a seller gave: grants on top, or a limit instead of what follows from the plan.
#[derive(SimpleObject, Clone)]
pub struct Concession {
    pub id: ID,
    pub tenant_id: ID,
    /// What is added; null when a limit is set.
    pub grants: Option<PlanGrants>,
    /// The limit that is set; null when something is added.
    pub limit_override: Option<ConcessionOverride>,
    /// Until when; null: for good.
    pub until: Option<DateTime>,
    pub reason: String,
    pub created_at: DateTime,
    /// When somebody ended it.
    pub ended_at: Option<DateTime>,
}

impl From<billing::Concession> for Concession {
    fn from(concession: billing::Concession) -> Self {
        let (grants, limit_override, until) = match concession.new.what {
            ConcessionKind::Gift(Gift { grants, until }) => (Some(grants.into()), None, until),
            ConcessionKind::Override(Override { limit, value, until }) => {
                let is_bytes = limit == Limit::StorageBytes;
                let set = ConcessionOverride {
                    limit: limit.into(),
                    unlimited: value.is_none(),
                    value: value.filter(|_| !is_bytes),
                    bytes: value.filter(|_| is_bytes).map(ByteSize),
                };
                (None, Some(set), until)
            }
        };
        Concession {
            id: ID(concession.id),
            tenant_id: ID(concession.tenant.to_string()),
            grants,
            limit_override,
            until: until.map(Into::into),
            reason: concession.new.reason,
            created_at: concession.created_at.into(),
            ended_at: concession.ended_at.map(Into::into),
        }
    }
}

impl Concession {
    /// Of one page.
    pub(crate) fn together(rows: Vec<billing::Concession>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(ConcessionConnection, ConcessionEdge, Concession, billing::Concession);

/// A limit: `bytes` of STORAGE_BYTES, `value` of any other; neither: unlimited.
#[derive(InputObject)]
pub struct ConcessionOverrideInput {
    limit: BillingLimit,
    value: Option<u64>,
    bytes: Option<ByteSize>,
}

/// `grants` are added, or `limitOverride` is set: one of them.
#[derive(InputObject)]
pub struct ConcessionAddInput {
    tenant_id: ID,
    grants: Option<PlanGrantsInput>,
    limit_override: Option<ConcessionOverrideInput>,
    /// Until when; for good when missing.
    until: Option<DateTime>,
    /// For those who look later.
    reason: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

impl ConcessionAddInput {
    fn concession(self) -> Result<NewConcession, Error> {
        let until = self.until.map(Into::into);
        let what = match (self.grants, self.limit_override) {
            (Some(grants), None) => ConcessionKind::Gift(Gift { grants: grants.into(), until }),
            (None, Some(set)) => {
                let limit = Limit::from(set.limit);
                let value = match (limit == Limit::StorageBytes, set.value, set.bytes) {
                    (true, None, bytes) => bytes.map(|bytes| bytes.0),
                    (false, value, None) => value,
                    (true, Some(_), _) | (false, _, Some(_)) => {
                        return Err(invalid("limitOverride", "STORAGE_BYTES has `bytes`, any other limit a `value`"));
                    }
                };
                ConcessionKind::Override(Override { limit, value, until })
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(invalid("grants", "A concession has `grants` or a `limitOverride`"));
            }
        };
        Ok(NewConcession { what, reason: self.reason })
    }
}

#[derive(InputObject)]
pub struct ConcessionEndInput {
    concession_id: ID,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

object_payload!(ConcessionAddPayload, ConcessionAddUserError, ConcessionAddErrorCode, [NotFound, LimitReached], concession: Concession);
object_payload!(ConcessionEndPayload, ConcessionEndUserError, ConcessionEndErrorCode, [NotFound], concession: Concession);

#[derive(Default)]
pub struct ConcessionQuery;

#[Object]
impl ConcessionQuery {
    /// What a tenant was given, newest first, with what has ended.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn concessions(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<ConcessionConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(desk.concessions(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| ConcessionConnection::new(&paging, rows)))
    }
}

#[derive(Default)]
pub struct ConcessionMutation;

#[Object]
impl ConcessionMutation {
    /// Gives a customer something on top, or sets one of its limits, by the seller: it counts at once.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn concession_add(&self, ctx: &Context<'_>, mut input: ConcessionAddInput) -> Result<ConcessionAddPayload> {
        let desk = desk(ctx)?;
        let terms = std::mem::take(&mut input.terms).into();
        let made = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.concession_add(actor(ctx), &terms, tenant, &input.concession()?).await
        };
        ConcessionAddPayload::object(made.await)
    }

    /// Ends it, by the seller.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn concession_end(&self, ctx: &Context<'_>, input: ConcessionEndInput) -> Result<ConcessionEndPayload> {
        let done = desk(ctx)?.concession_end(actor(ctx), &input.terms.into(), &input.concession_id).await;
        ConcessionEndPayload::object(done)
    }
}

//! SUMMARY    Signup: what is offered and where one's own signup stands, without a token; signups and codes of a seller, to whoever may make
//!            tenants below it.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::{found, read_failed},
    scalar::DateTime,
    signup::{Signup as OwnSignup, SignupMode, SignupOptions, SignupPlan, SignupState},
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use tenants::{Choice, Code, SignupWanted};

/// Whether somebody looks at a risk. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Review")]
pub enum SignupReview {
    None,
    Pending,
    Approved,
    Refused,
}

/// Which signups.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::SignupFilter")]
pub enum SignupFilter {
    /// Those that somebody is to look at.
    Review,
    All,
}

/// A signup, to whoever sells.
#[derive(SimpleObject)]
pub struct SignupEntry {
    pub id: ID,
    pub seller_id: ID,
    pub state: SignupState,
    pub address: Option<String>,
    pub domain: Option<String>,
    pub contact: Option<String>,
    pub name: String,
    pub plan: Option<String>,
    pub paid: bool,
    pub network: String,
    /// The risk, and what makes it.
    pub score: i64,
    pub reasons: Vec<String>,
    pub review: SignupReview,
    pub outcome: String,
    /// Of the tenant; once it is done.
    pub tenant_id: Option<ID>,
    pub created_at: DateTime,
    pub expires_at: DateTime,
    pub version: i64,
}

impl From<tenants::Signup> for SignupEntry {
    fn from(s: tenants::Signup) -> Self {
        let is_done = s.state == tenants::SignupState::Done;
        SignupEntry {
            id: ID(s.id),
            seller_id: ID(s.seller.to_string()),
            state: s.state.into(),
            address: s.address,
            domain: s.domain,
            contact: s.contact,
            name: s.name,
            plan: s.choice.map(|choice| choice.plan),
            paid: s.paid,
            network: s.network,
            score: s.score,
            reasons: s.reasons,
            review: s.review.into(),
            outcome: s.outcome,
            tenant_id: is_done.then(|| ID(s.tenant.to_string())),
            created_at: DateTime(s.created_at.0),
            expires_at: DateTime(s.expires_at.0),
            version: s.version,
        }
    }
}

/// The name by which the connection reads its rows.
type Signup = SignupEntry;

impl Signup {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Signup>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(SignupConnection, SignupEdge, Signup);

/// A code that is good for some signups.
#[derive(SimpleObject)]
pub struct SignupInvite {
    pub id: ID,
    pub seller_id: ID,
    pub code: String,
    pub note: String,
    pub uses_left: i64,
    pub expires_at: Option<DateTime>,
    pub created_at: DateTime,
}

impl From<tenants::SignupInvite> for SignupInvite {
    fn from(i: tenants::SignupInvite) -> Self {
        SignupInvite {
            id: ID(i.id),
            seller_id: ID(i.seller.to_string()),
            code: i.code,
            note: i.note,
            uses_left: i.uses_left,
            expires_at: i.expires_at_ms.map(DateTime),
            created_at: DateTime(i.created_at_ms),
        }
    }
}

impl SignupInvite {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::SignupInvite>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(SignupInviteConnection, SignupInviteEdge, SignupInvite);

/// How a seller takes strangers.
#[derive(SimpleObject)]
pub struct SignupSettings {
    pub seller_id: ID,
    pub mode: SignupMode,
    pub plans: Vec<String>,
    pub domains: Vec<String>,
    /// Signups in a day.
    pub per_day_max: i64,
    /// Risk from which on somebody is to look.
    pub review_score: i64,
    pub version: i64,
}

impl From<tenants::SignupSettings> for SignupSettings {
    fn from(s: tenants::SignupSettings) -> Self {
        let tenants::SignupSettings { seller, mode, plans, domains, per_day_max, review_score, version } = s;
        let (seller_id, mode) = (ID(seller.to_string()), mode.into());
        SignupSettings { seller_id, mode, plans, domains, per_day_max, review_score, version }
    }
}

#[derive(Default)]
pub struct SignupQuery;

#[Object]
impl SignupQuery {
    /// What a seller offers to strangers, the provider when none is named; null where nobody can sign up. Needs no token.
    async fn signup_options(&self, ctx: &Context<'_>, seller_id: Option<ID>) -> Result<Option<SignupOptions>> {
        let Ok(seller) = seller_id.map(|id| id.parse()).transpose() else { return Ok(None) };
        let options = match service(ctx).signup_options(seller).await {
            Ok(options) => options,
            Err(e) if matches!(e.code, Code::NotOpen | Code::NotFound) => return Ok(None),
            Err(e) => return Err(read_failed(&e)),
        };
        let mut plans = Vec::with_capacity(options.plans.len());
        for key in options.plans {
            let choice = Choice { plan: key, currency: None, interval: None, items: Vec::new(), coupon: None };
            // A plan that is not sold any more is not offered.
            match service(ctx).signup_offer(Some(options.seller), &choice).await {
                Ok(offer) => plans.push(SignupPlan { key: choice.plan, offer: offer.into() }),
                Err(e) if matches!(e.code, Code::NotFound | Code::Invalid) => {}
                Err(e) => return Err(read_failed(&e)),
            }
        }
        let (seller_id, mode) = (ID(options.seller.to_string()), options.mode.into());
        Ok(Some(SignupOptions { seller_id, mode, plans, domains: options.domains }))
    }

    /// A signup, to whoever has its secret. Needs no token.
    async fn signup(&self, ctx: &Context<'_>, id: ID, secret: String) -> Result<Option<OwnSignup>> {
        Ok(found(service(ctx).signup(&id, &secret).await)?.map(OwnSignup::from))
    }

    /// How a seller takes strangers.
    async fn signup_settings(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<SignupSettings>> {
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        Ok(found(service(ctx).signup_settings(actor(ctx), tenant).await)?.map(SignupSettings::from))
    }

    /// Signups of a seller, in order of their ids. `search` is a part of the address, the domain, the contact or the name, or a whole id.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn signups(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        #[graphql(default_with = "SignupFilter::All")] filter: SignupFilter,
        state: Option<SignupState>,
        #[graphql(default)] search: String,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<SignupConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let wanted = SignupWanted { filter: filter.into(), state: state.map(Into::into), search };
        let rows = found(service(ctx).signups(actor(ctx), tenant, &wanted, &paging.page()).await)?;
        Ok(rows.map(|rows| SignupConnection::new(&paging, rows)))
    }

    /// Invite codes of a seller, in order of their ids.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn signup_invites(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<SignupInviteConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).signup_invites(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| SignupInviteConnection::new(&paging, rows)))
    }
}

//! SUMMARY    The objects of the schema, and connections over them.
//! INVARIANTS Ids are opaque to clients: the prefixed texts of the control plane. Sizes are ByteSize, bytes as a decimal text.

mod address;
mod mailbox;

pub use address::{Alias, AppPassword, Delegate, Group, GroupPosting, Masked, SharedMailbox};
pub use mailbox::{MailboxKind, MailboxState, SendLimits};

use crate::{
    claim::{DkimKey, DomainChallenge, DomainFacets, DomainNotice, DomainProof, DomainRecord, DomainState, Shown},
    cost::RECORDS_COST,
    failure::read_failed,
    mates::Mates,
    query::hold::{Capability, HoldKind},
    query::job::Job,
    scalar::{ByteSize, DateTime},
};
use async_graphql::{ComplexObject, Context, ID, Interface, Result, SimpleObject};
use base::{AccountId, TenantId};
use std::sync::Arc;
use tenants::{Actor, Seen, Service};

/// The control plane: part of every schema that executes.
pub(crate) fn service<'c>(ctx: &Context<'c>) -> &'c Arc<Service> {
    ctx.data_unchecked::<Arc<Service>>()
}

/// Who asks: part of every request that executes.
pub(crate) fn actor<'c>(ctx: &Context<'c>) -> &'c Actor {
    ctx.data_unchecked::<Actor>()
}

/// What was seen of the client.
pub(crate) fn seen(ctx: &Context<'_>) -> Seen {
    ctx.data_opt::<Seen>().cloned().unwrap_or_default()
}

/// A restriction in force.
#[derive(SimpleObject, Clone)]
pub struct Hold {
    pub id: ID,
    pub kind: HoldKind,
    /// Stable, for programs.
    pub code: String,
    /// Shown to users at every door.
    pub reason: String,
    /// What to do about it; may be empty.
    pub next_step: String,
    /// What it takes away.
    pub blocks: Vec<Capability>,
    /// Id of what it is on; a domain's name.
    pub subject_id: ID,
    /// When it ends by itself.
    pub expires_at: Option<DateTime>,
    /// The tenant that placed it. It ends by that one, or one above it.
    pub placed_by_id: ID,
    pub placed_at: DateTime,
    /// The tenant it was placed on; null when it is on the mailbox itself.
    pub on_tenant_id: Option<ID>,
}

impl From<tenants::Hold> for Hold {
    fn from(h: tenants::Hold) -> Self {
        let on_tenant_id = h.on_tenant().map(|t| ID(t.to_string()));
        Hold {
            id: ID(h.id),
            kind: h.kind.into(),
            code: h.code,
            next_step: h.next_step,
            blocks: h.blocks.into_iter().map(Into::into).collect(),
            subject_id: ID(h.on.to_string()),
            expires_at: h.expires_at_ms.map(DateTime),
            reason: h.reason,
            placed_by_id: ID(h.placed_by.to_string()),
            placed_at: DateTime(h.placed_at_ms),
            on_tenant_id,
        }
    }
}

/// What a tenant or mailbox uses now.
#[derive(SimpleObject)]
pub struct Usage {
    pub used_bytes: ByteSize,
    pub emails: u64,
}

impl Usage {
    pub(crate) fn new(usage: &control::Usage) -> Self {
        Usage {
            used_bytes: ByteSize(u64::try_from(usage.used_bytes).unwrap_or(0)),
            emails: u64::try_from(usage.emails).unwrap_or(0),
        }
    }
}

/// A customer organisation.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Tenant {
    pub id: ID,
    pub parent_id: Option<ID>,
    pub name: String,
    /// null = unlimited.
    pub max_domains: Option<u64>,
    pub max_mailboxes: Option<u64>,
    pub storage_bytes_max: Option<ByteSize>,
    /// Recipients in an hour, of the tenant and all below it.
    pub messages_per_hour_max: Option<u64>,
    /// Recipients in a day, of the tenant and all below it.
    pub recipients_per_day_max: Option<u64>,
    /// Recipients in a day that an account never wrote to before.
    pub new_recipients_per_day_max: Option<u64>,
    /// What incoming mail may use beyond the storage limit, and each mailbox's quota, before it is refused.
    pub storage_grace_bytes: ByteSize,
    /// Days its deleted mailboxes can be restored; null: as the tenant above.
    pub mailbox_retention_days: Option<u32>,
    /// Days in which its mail can be brought back after it was deleted for good; null: as the tenant above has it, or 14.
    pub email_recovery_days: Option<u32>,
    /// Whether it, or a tenant above it, is suspended.
    pub suspended: bool,
    /// Why: holds on it and on those above it, of the highest first.
    pub holds: Vec<Hold>,
    pub version: i64,
    #[graphql(skip)]
    pub(crate) key: TenantId,
    #[graphql(skip)]
    parent_key: Option<TenantId>,
    #[graphql(skip)]
    mates: Arc<Mates>,
}

impl From<tenants::Tenant> for Tenant {
    fn from(t: tenants::Tenant) -> Self {
        let mates = Mates::tenants(std::slice::from_ref(&t));
        Tenant::new(t, &mates)
    }
}

impl Tenant {
    /// Of one page: what one of them asks for is asked for all.
    pub(crate) fn together(rows: Vec<tenants::Tenant>) -> Vec<Self> {
        let mates = Mates::tenants(&rows);
        rows.into_iter().map(|row| Tenant::new(row, &mates)).collect()
    }

    fn new(t: tenants::Tenant, mates: &Arc<Mates>) -> Self {
        Tenant {
            id: ID(t.id.to_string()),
            parent_id: t.parent.map(|p| ID(p.to_string())),
            name: t.name,
            max_domains: t.limits.max_domains,
            max_mailboxes: t.limits.max_mailboxes,
            storage_bytes_max: t.limits.storage_bytes_max.map(ByteSize),
            messages_per_hour_max: t.limits.messages_per_hour_max,
            recipients_per_day_max: t.limits.recipients_per_day_max,
            new_recipients_per_day_max: t.limits.new_recipients_per_day_max,
            storage_grace_bytes: ByteSize(t.limits.storage_grace_bytes),
            mailbox_retention_days: t.mailbox_retention_days,
            email_recovery_days: t.email_recovery_days,
            suspended: !t.holds.is_empty(),
            holds: t.holds.into_iter().map(Hold::from).collect(),
            version: t.version,
            key: t.id,
            parent_key: t.parent,
            mates: mates.clone(),
        }
    }
}

#[ComplexObject]
impl Tenant {
    /// What the tenant uses now; null while the data plane does not answer.
    async fn usage(&self, ctx: &Context<'_>) -> Option<Usage> {
        self.mates.tenant_usage(ctx, self.key).await.map(|u| Usage::new(&u))
    }

    /// The tenant above, if the token reaches it.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        match self.parent_key {
            Some(parent) => self.mates.owner(ctx, parent).await.map_err(|e| read_failed(&e)),
            None => Ok(None),
        }
    }
}

/// A domain of a tenant.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Domain {
    /// The name itself.
    pub id: ID,
    pub name: String,
    pub tenant_id: ID,
    pub catch_all: Option<String>,
    pub plus_addressing: bool,
    /// The domain of the same tenant that this is another name of.
    pub alias_of: Option<String>,
    /// Whether tenants below may have addresses on it.
    pub shared: bool,
    pub version: i64,
    pub state: DomainState,
    /// What ownership rests on.
    pub proof: DomainProof,
    /// The TXT record that proves it.
    pub challenge: DomainChallenge,
    pub checked_at: Option<DateTime>,
    /// When it is looked at next by itself.
    pub next_check_at: Option<DateTime>,
    /// Days in a row without the proof.
    pub failed_days: i64,
    /// Since when another claimant has proven the name as well.
    pub contested_at: Option<DateTime>,
    #[graphql(skip)]
    owner: TenantId,
    #[graphql(skip)]
    mates: Arc<Mates>,
}

#[ComplexObject]
impl Domain {
    /// Every record with what was seen at the last look, in the order in which they are safely published.
    #[graphql(complexity = "RECORDS_COST + child_complexity")]
    async fn records(&self, ctx: &Context<'_>) -> Result<Vec<DomainRecord>> {
        Ok(self.sheet(ctx).await?.records.into_iter().map(DomainRecord::from).collect())
    }

    /// How the records stand together, by what they are for.
    #[graphql(complexity = "RECORDS_COST + child_complexity")]
    async fn facets(&self, ctx: &Context<'_>) -> Result<DomainFacets> {
        Ok(DomainFacets::new(&self.sheet(ctx).await?.records))
    }

    /// The records as text of a zone file.
    #[graphql(complexity = "RECORDS_COST")]
    async fn zone_file(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(tenants::zone_file(&self.name, &self.sheet(ctx).await?.records))
    }

    /// The policy to be served at https://mta-sts.DOMAIN/.well-known/mta-sts.txt.
    async fn mta_sts_policy(&self, ctx: &Context<'_>) -> String {
        service(ctx).mta_sts_policy()
    }

    #[graphql(complexity = "RECORDS_COST + child_complexity")]
    async fn dkim_keys(&self, ctx: &Context<'_>) -> Result<Vec<DkimKey>> {
        Ok(self.sheet(ctx).await?.dkim_keys.into_iter().map(DkimKey::from).collect())
    }

    /// What its holder was to hear, newest first, the last of it.
    #[graphql(complexity = "RECORDS_COST + child_complexity")]
    async fn notices(&self, ctx: &Context<'_>) -> Result<Vec<DomainNotice>> {
        Ok(self.sheet(ctx).await?.notices.into_iter().map(DomainNotice::from).collect())
    }

    /// Whose it is.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        self.mates.owner(ctx, self.owner).await.map_err(|e| read_failed(&e))
    }
}

impl Domain {
    async fn sheet(&self, ctx: &Context<'_>) -> Result<tenants::DomainSheet> {
        self.mates.sheet(ctx, (self.name.clone(), self.owner)).await.map_err(|e| read_failed(&e))
    }
}

impl From<tenants::Domain> for Domain {
    fn from(d: tenants::Domain) -> Self {
        let mates = Mates::domains(std::slice::from_ref(&d));
        Domain::new(d, &mates)
    }
}

impl Domain {
    /// Of one page: what one of them asks for is asked for all.
    pub(crate) fn together(rows: Vec<tenants::Domain>) -> Vec<Self> {
        let mates = Mates::domains(&rows);
        rows.into_iter().map(|row| Domain::new(row, &mates)).collect()
    }

    fn new(d: tenants::Domain, mates: &Arc<Mates>) -> Self {
        let claim = Shown::new(&d.name, &d.claim);
        Domain {
            id: ID(d.name.clone()),
            name: d.name,
            tenant_id: ID(d.tenant.to_string()),
            catch_all: d.catch_all,
            plus_addressing: d.plus_addressing,
            alias_of: d.alias_of,
            shared: d.shared,
            version: d.version,
            state: claim.state,
            proof: claim.proof,
            challenge: claim.challenge,
            checked_at: claim.checked_at,
            next_check_at: claim.next_check_at,
            failed_days: claim.failed_days,
            contested_at: claim.contested_at,
            owner: d.tenant,
            mates: mates.clone(),
        }
    }
}

/// An account with its address.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Mailbox {
    pub id: ID,
    pub tenant_id: ID,
    pub address: String,
    pub display_name: String,
    /// null = unlimited.
    pub quota_bytes_max: Option<ByteSize>,
    pub kind: MailboxKind,
    pub state: MailboxState,
    pub send_limits: SendLimits,
    /// Whether it has a password of its own; without one nobody logs in with it.
    pub has_password: bool,
    pub created_at: DateTime,
    pub deleted_at: Option<DateTime>,
    /// When a deleted one is gone for ever; until then it can be restored.
    pub purge_at: Option<DateTime>,
    /// Whether the mailbox itself is suspended; its tenant says whether that is.
    pub suspended: bool,
    /// Why: holds on the mailbox itself.
    pub holds: Vec<Hold>,
    pub version: i64,
    #[graphql(skip)]
    key: (TenantId, AccountId),
    #[graphql(skip)]
    mates: Arc<Mates>,
}

impl From<tenants::Mailbox> for Mailbox {
    fn from(m: tenants::Mailbox) -> Self {
        let mates = Mates::mailboxes(std::slice::from_ref(&m));
        Mailbox::new(m, &mates)
    }
}

impl Mailbox {
    /// Of one page: what one of them asks for is asked for all.
    pub(crate) fn together(rows: Vec<tenants::Mailbox>) -> Vec<Self> {
        let mates = Mates::mailboxes(&rows);
        rows.into_iter().map(|row| Mailbox::new(row, &mates)).collect()
    }

    fn new(m: tenants::Mailbox, mates: &Arc<Mates>) -> Self {
        Mailbox {
            id: ID(m.id.to_string()),
            tenant_id: ID(m.tenant.to_string()),
            address: m.address,
            display_name: m.display_name,
            quota_bytes_max: m.quota_bytes_max.map(ByteSize),
            kind: m.kind.into(),
            state: m.state.into(),
            send_limits: m.send.into(),
            has_password: m.has_password,
            created_at: DateTime(m.created_at_ms),
            deleted_at: m.deleted_at_ms.map(DateTime),
            purge_at: m.purge_at_ms.map(DateTime),
            suspended: !m.holds.is_empty(),
            holds: m.holds.into_iter().map(Hold::from).collect(),
            version: m.version,
            key: (m.tenant, m.id),
            mates: mates.clone(),
        }
    }
}

#[ComplexObject]
impl Mailbox {
    /// What the mailbox uses now; null while the data plane does not answer.
    async fn usage(&self, ctx: &Context<'_>) -> Option<Usage> {
        self.mates.account_usage(ctx, self.key).await.map(|u| Usage::new(&u))
    }

    /// Other mailboxes whose users may open this one, or send from it, with their own login.
    async fn delegates(&self, ctx: &Context<'_>) -> Result<Vec<Delegate>> {
        let sharing = self.mates.sharing(ctx, self.key.1).await.map_err(|e| read_failed(&e))?;
        Ok(sharing.delegates.into_iter().map(Delegate::from).collect())
    }

    /// Mailboxes that its user may open, or send from, with the own login: whose delegate it is.
    async fn delegate_of(&self, ctx: &Context<'_>) -> Result<Vec<SharedMailbox>> {
        let sharing = self.mates.sharing(ctx, self.key.1).await.map_err(|e| read_failed(&e))?;
        Ok(sharing.delegate_of.into_iter().map(SharedMailbox::from).collect())
    }

    /// Addresses it was granted to send from, besides its own and those that lead to it alone.
    async fn send_as(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.mates.sharing(ctx, self.key.1).await.map_err(|e| read_failed(&e))?.send_as)
    }

    /// Whose it is.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        self.mates.owner(ctx, self.key.0).await.map_err(|e| read_failed(&e))
    }
}

/// Anything with a global id.
#[derive(Interface, Clone)]
#[graphql(field(name = "id", ty = "&ID"))]
#[allow(clippy::large_enum_variant, reason = "made one at a time")]
pub enum Node {
    Tenant(Tenant),
    Mailbox(Mailbox),
    Domain(Domain),
    Job(Job),
}

//! SUMMARY    The objects of the schema, and connections over them.
//! INVARIANTS Ids are opaque to clients: the prefixed texts of the control plane. Sizes are ByteSize, bytes as a decimal text.

use async_graphql::{ComplexObject, Context, ID, Interface, Result, Scalar, ScalarType, SimpleObject, Value};
use std::sync::Arc;
use tenants::{Actor, Service};

/// Bytes; a number or its decimal text going in, the text coming out (64 bits do not fit a GraphQL Int).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

#[Scalar]
impl ScalarType for ByteSize {
    fn parse(value: Value) -> async_graphql::InputValueResult<Self> {
        match &value {
            Value::Number(n) if n.as_u64().is_some() => Ok(ByteSize(n.as_u64().unwrap_or_default())),
            Value::String(s) if s.parse::<u64>().is_ok() => Ok(ByteSize(s.parse().unwrap_or_default())),
            _ => Err(async_graphql::InputValueError::expected_type(value)),
        }
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

pub(crate) fn service<'c>(ctx: &Context<'c>) -> Result<&'c Arc<Service>> {
    ctx.data::<Arc<Service>>()
}

pub(crate) fn actor<'c>(ctx: &Context<'c>) -> Result<&'c Actor> {
    ctx.data::<Actor>()
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
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Tenant {
    pub id: ID,
    pub parent_id: Option<ID>,
    pub name: String,
    /// null = unlimited.
    pub max_domains: Option<u64>,
    pub max_mailboxes: Option<u64>,
    pub storage_bytes_max: Option<ByteSize>,
    pub messages_per_hour_max: Option<u64>,
    pub suspended: bool,
    pub version: i64,
    #[graphql(skip)]
    key: base::TenantId,
}

impl From<tenants::Tenant> for Tenant {
    fn from(t: tenants::Tenant) -> Self {
        Tenant {
            id: ID(t.id.to_string()),
            parent_id: t.parent.map(|p| ID(p.to_string())),
            name: t.name,
            max_domains: t.limits.max_domains,
            max_mailboxes: t.limits.max_mailboxes,
            storage_bytes_max: t.limits.storage_bytes_max.map(ByteSize),
            messages_per_hour_max: t.limits.messages_per_hour_max,
            suspended: t.suspended,
            version: t.version,
            key: t.id,
        }
    }
}

#[ComplexObject]
impl Tenant {
    /// What the tenant uses now.
    async fn usage(&self, ctx: &Context<'_>) -> Result<Option<Usage>> {
        Ok(service(ctx)?.usage(actor(ctx)?, self.key).await.ok().map(|u| Usage::new(&u)))
    }
}

/// A domain of a tenant.
#[derive(SimpleObject)]
pub struct Domain {
    /// The name itself.
    pub id: ID,
    pub name: String,
    pub tenant_id: ID,
    pub catch_all: Option<String>,
    pub plus_addressing: bool,
    pub version: i64,
}

impl From<tenants::Domain> for Domain {
    fn from(d: tenants::Domain) -> Self {
        Domain {
            id: ID(d.name.clone()),
            name: d.name,
            tenant_id: ID(d.tenant.to_string()),
            catch_all: d.catch_all,
            plus_addressing: d.plus_addressing,
            version: d.version,
        }
    }
}

/// A person's account with its address.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Mailbox {
    pub id: ID,
    pub tenant_id: ID,
    pub address: String,
    pub display_name: String,
    /// null = unlimited.
    pub quota_bytes_max: Option<ByteSize>,
    pub suspended: bool,
    pub version: i64,
    #[graphql(skip)]
    key: base::AccountId,
}

impl From<tenants::Mailbox> for Mailbox {
    fn from(m: tenants::Mailbox) -> Self {
        Mailbox {
            id: ID(m.id.to_string()),
            tenant_id: ID(m.tenant.to_string()),
            address: m.address,
            display_name: m.display_name,
            quota_bytes_max: m.quota_bytes_max.map(ByteSize),
            suspended: m.suspended,
            version: m.version,
            key: m.id,
        }
    }
}

#[ComplexObject]
impl Mailbox {
    /// What the mailbox uses now.
    async fn usage(&self, ctx: &Context<'_>) -> Result<Option<Usage>> {
        Ok(service(ctx)?.mailbox_usage(actor(ctx)?, self.key).await.ok().map(|u| Usage::new(&u)))
    }
}

/// An address that leads to others.
#[derive(SimpleObject)]
pub struct Alias {
    /// The address itself.
    pub id: ID,
    pub address: String,
    pub targets: Vec<String>,
    pub version: i64,
}

impl From<tenants::Alias> for Alias {
    fn from(a: tenants::Alias) -> Self {
        Alias { id: ID(a.address.clone()), address: a.address, targets: a.targets, version: a.version }
    }
}

/// One mutation, as it was recorded.
#[derive(SimpleObject)]
pub struct AuditEntry {
    pub id: ID,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The token that acted.
    pub actor: String,
    pub action: String,
    pub object: String,
    pub detail: String,
}

impl From<tenants::AuditEntry> for AuditEntry {
    fn from(e: tenants::AuditEntry) -> Self {
        AuditEntry {
            id: ID(e.seq.to_string()),
            at_ms: e.at_ms,
            actor: e.actor,
            action: e.action,
            object: e.object,
            detail: e.detail,
        }
    }
}

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "&ID"))]
#[allow(clippy::large_enum_variant, reason = "made one at a time")]
pub enum Node {
    Tenant(Tenant),
    Mailbox(Mailbox),
    Domain(Domain),
}

/// Where a page ends.
#[derive(SimpleObject)]
pub struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}

macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident) => {
        /// An item with its cursor.
        #[derive(SimpleObject)]
        pub struct $edge {
            pub cursor: String,
            pub node: $node,
        }
        /// One page.
        #[derive(SimpleObject)]
        #[graphql(complex)]
        pub struct $connection {
            pub edges: Vec<$edge>,
            pub page_info: PageInfo,
            pub total_count: i64,
        }
        #[ComplexObject]
        impl $connection {
            /// The items without their cursors.
            async fn nodes(&self) -> Vec<&$node> {
                self.edges.iter().map(|e| &e.node).collect()
            }
        }
        impl $connection {
            /// `more`: the page was asked for with one item over `first`.
            pub(crate) fn new(mut nodes: Vec<$node>, first: usize, total_count: i64) -> Self {
                let has_next_page = nodes.len() > first;
                nodes.truncate(first);
                let edges: Vec<$edge> =
                    nodes.into_iter().map(|node| $edge { cursor: node.id.to_string(), node }).collect();
                let end_cursor = edges.last().map(|e| e.cursor.clone());
                $connection { edges, page_info: PageInfo { has_next_page, end_cursor }, total_count }
            }
        }
    };
}
connection!(TenantConnection, TenantEdge, Tenant);
connection!(DomainConnection, DomainEdge, Domain);
connection!(MailboxConnection, MailboxEdge, Mailbox);
connection!(AliasConnection, AliasEdge, Alias);
connection!(AuditEntryConnection, AuditEntryEdge, AuditEntry);

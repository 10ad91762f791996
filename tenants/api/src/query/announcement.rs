//! SUMMARY    Announcements: those a tenant tells, to whoever may make tenants below it; those that are told to who asks.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::{found, read_failed},
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{ComplexObject, Context, Enum, ID, Object, Result, SimpleObject};

/// Cost of what is shown at once.
const SHOWN_COST: usize = 10;

/// What an announcement is about. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Severity")]
pub enum AnnouncementSeverity {
    Info,
    /// Something will not work for a while.
    Maintenance,
    /// Something does not work.
    Incident,
}

/// What is told, in one language.
#[derive(SimpleObject, Clone)]
pub struct AnnouncementText {
    /// A tag: `de`, `fr-CH`.
    pub language: String,
    /// One plain line; escape it where you show it.
    pub text: String,
}

impl From<tenants::AnnouncementText> for AnnouncementText {
    fn from(t: tenants::AnnouncementText) -> Self {
        AnnouncementText { language: t.language, text: t.text }
    }
}

/// What a tenant tells all below it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Announcement {
    pub id: ID,
    /// Who tells it.
    pub tenant_id: ID,
    pub severity: AnnouncementSeverity,
    /// The first one is for who reads none of the others.
    pub texts: Vec<AnnouncementText>,
    pub starts_at: DateTime,
    /// null: until somebody ends it.
    pub ends_at: Option<DateTime>,
    /// Whether each person may put it away.
    pub dismissible: bool,
    pub version: i64,
    #[graphql(skip)]
    row: tenants::Announcement,
}

#[ComplexObject]
impl Announcement {
    /// For who reads a language: the text of that tag, of that language, else the first one.
    async fn text(&self, #[graphql(default)] language: String) -> Option<AnnouncementText> {
        self.row.text(&language).cloned().map(Into::into)
    }
}

impl From<tenants::Announcement> for Announcement {
    fn from(row: tenants::Announcement) -> Self {
        Announcement {
            id: ID(row.id.clone()),
            tenant_id: ID(row.tenant.to_string()),
            severity: row.severity.into(),
            texts: row.texts.iter().cloned().map(Into::into).collect(),
            starts_at: DateTime(row.starts_at_ms),
            ends_at: row.ends_at_ms.map(DateTime),
            dismissible: row.dismissible,
            version: row.version,
            row,
        }
    }
}

impl Announcement {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Announcement>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(AnnouncementConnection, AnnouncementEdge, Announcement);

#[derive(Default)]
pub struct AnnouncementQuery;

#[Object]
impl AnnouncementQuery {
    /// What a tenant tells those below it, also what is over, in order of their ids.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn announcements(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<AnnouncementConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).announcements(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| AnnouncementConnection::new(&paging, rows)))
    }

    /// What is told now to who asks, the worst first, by tenants above the one it acts in, without what it has put away. Needs no token:
    /// then it is what the provider tells.
    #[graphql(complexity = "SHOWN_COST + child_complexity")]
    async fn announcements_shown(&self, ctx: &Context<'_>) -> Result<Vec<Announcement>> {
        let rows = service(ctx).announcements_shown(actor(ctx)).await.map_err(|e| read_failed(&e))?;
        Ok(Announcement::together(rows))
    }
}

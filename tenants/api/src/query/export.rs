//! SUMMARY    Exports of mailboxes: how far they are, their files, the links to these.
//! SECURITY   Secrets of links are told once, by the mutation that makes one.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::found,
    scalar::{ByteSize, DateTime},
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use base::Timestamp;
use control::ExportPhase;
use tenants::ExportAsked;

/// What files and links of an export cost, as many objects: the mail server is asked.
const FILES_COST: usize = 50;

/// How messages stand in the archives.
#[derive(Enum, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[graphql(remote = "control::ExportShape")]
pub enum ExportShape {
    /// A file for each mailbox (mboxrd).
    #[default]
    Mbox,
    /// A folder for each mailbox, a file for each message (Maildir++).
    Maildir,
}

/// Where an export stands. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportState {
    /// It begins at `startsAt`; until then the tenant's other owners may cancel it.
    Authorizing,
    Queued,
    /// What there is, is written down.
    Listing,
    Writing,
    /// What was written is read back.
    Verifying,
    /// Waits for exportResume.
    Paused,
    /// Its files can be fetched until `expiresAt`.
    Ready,
    /// It did not get further; exportResume goes on.
    Failed,
    /// It cannot be made; see `problem`.
    Refused,
    /// Destroyed before it was ready.
    Cancelled,
    /// Destroyed.
    Expired,
    /// The mail server does not answer now.
    Unknown,
}

/// How far an export is.
#[derive(SimpleObject, Clone)]
pub struct ExportProgress {
    pub mailboxes: u32,
    pub mailboxes_listed: u32,
    /// Of the mailboxes that are listed.
    pub emails: i64,
    pub emails_done: i64,
    /// Bytes of messages, of the mailboxes that are listed.
    pub size: ByteSize,
    pub size_done: ByteSize,
    /// How long writing will take at the speed so far; null while that is not known.
    pub seconds_left: Option<i64>,
}

/// A file that can be fetched by a link: `<address of the link><name>`.
#[derive(SimpleObject, Clone)]
pub struct ExportFile {
    pub name: String,
    pub size: ByteSize,
    /// SHA-256, hex.
    pub sha256: String,
}

/// A link to the files of an export; who has it needs nothing else.
#[derive(SimpleObject, Clone)]
pub struct ExportLink {
    pub id: ID,
    pub made_by: String,
    pub expires_at: DateTime,
    /// What comes before the name of a file; only when the link is made.
    pub address: Option<String>,
}

/// Mail taken out of mailboxes, as it was at one moment of each.
#[derive(SimpleObject, Clone)]
pub struct Export {
    pub id: ID,
    pub tenant_id: ID,
    /// Empty: all mailboxes of the tenant.
    pub mailbox_ids: Vec<ID>,
    /// Of the one mailbox that it is of; null: it is of several, or that is gone.
    pub mailbox_address: Option<String>,
    /// Mailboxes of the tenant that are not in it: their users have more rights than who asked.
    pub left_out: i64,
    pub shape: ExportShape,
    pub keep_days: u32,
    pub reason: String,
    /// Person, mailbox or token.
    pub asked_by: String,
    pub state: ExportState,
    /// Null where it never began, and while the mail server does not answer.
    pub progress: Option<ExportProgress>,
    /// Messages that could not be read: they are told of in the archives.
    pub problems: i64,
    /// What stands in the way, or is not in it; null: nothing.
    pub problem: Option<String>,
    pub created_at: DateTime,
    pub starts_at: DateTime,
    pub ready_at: Option<DateTime>,
    /// When its files are destroyed.
    pub expires_at: Option<DateTime>,
    /// Of all its files; 0 before it is ready.
    pub size: ByteSize,
    pub version: i64,
}

impl ExportLink {
    /// `portal`: where files are fetched from.
    pub(crate) fn new(link: tenants::ExportLink, portal: Option<&str>) -> Self {
        let address = link.secret.map(|secret| format!("{}/download/{secret}/", portal.unwrap_or_default()));
        ExportLink { id: ID(link.id), made_by: link.made_by, expires_at: DateTime(link.expires_at.0), address }
    }
}

fn state(export: &tenants::Export, now: Timestamp) -> ExportState {
    match export.asked {
        ExportAsked::Waiting if export.is_announced(now) => return ExportState::Authorizing,
        ExportAsked::Waiting => return ExportState::Queued,
        ExportAsked::Ended => return ExportState::Expired,
        ExportAsked::Refused => return ExportState::Refused,
        ExportAsked::Cancelled => return ExportState::Cancelled,
        ExportAsked::Ordering if export.standing.is_none() => return ExportState::Queued,
        ExportAsked::Ordering | ExportAsked::Taken | ExportAsked::Ready => {}
    }
    let Some(standing) = &export.standing else { return ExportState::Unknown };
    match standing.phase {
        _ if standing.paused => ExportState::Paused,
        ExportPhase::Queued => ExportState::Queued,
        ExportPhase::Listing => ExportState::Listing,
        ExportPhase::Writing => ExportState::Writing,
        ExportPhase::Verifying => ExportState::Verifying,
        ExportPhase::Ready => ExportState::Ready,
        ExportPhase::Failed => ExportState::Failed,
        ExportPhase::Cancelled => ExportState::Cancelled,
        ExportPhase::Shredded => ExportState::Expired,
    }
}

impl Export {
    /// As it is at a moment.
    pub(crate) fn at(export: tenants::Export, now: Timestamp) -> Self {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let seconds_left = export.seconds_left(now).map(signed);
        let standing = export.standing.as_ref();
        let progress = standing.map(|s| ExportProgress {
            mailboxes: s.accounts,
            mailboxes_listed: s.accounts_listed,
            emails: signed(s.emails),
            emails_done: signed(s.emails_done),
            size: ByteSize(s.bytes),
            size_done: ByteSize(s.bytes_done),
            seconds_left,
        });
        let why = standing.map(|s| s.why.clone()).filter(|why| !why.is_empty()).unwrap_or(export.why.clone());
        let (ready, told) = (standing.and_then(|s| s.ready_at), standing.and_then(|s| s.expires_at));
        Export {
            id: ID(export.id.to_string()),
            tenant_id: ID(export.tenant.to_string()),
            mailbox_ids: export.mailboxes.iter().map(|m| ID(m.to_string())).collect(),
            mailbox_address: export.address.clone(),
            left_out: i64::from(export.left_out),
            shape: export.shape.into(),
            keep_days: export.keep_days,
            reason: export.reason.clone(),
            asked_by: export.asked_by.clone(),
            state: state(&export, now),
            problems: standing.map_or(0, |s| signed(s.problems)),
            problem: (!why.is_empty()).then_some(why),
            created_at: DateTime(export.created_at.0),
            starts_at: DateTime(export.starts_at.0),
            ready_at: ready.or(export.ready_at).map(|t| DateTime(t.0)),
            expires_at: told.or(export.expires_at).map(|t| DateTime(t.0)),
            size: ByteSize(standing.filter(|s| s.ready_at.is_some()).map_or(export.file_bytes, |s| s.file_bytes)),
            version: export.version,
            progress,
        }
    }
}

/// An export and the moment at which it is looked at.
pub struct ExportNow(tenants::Export, Timestamp);

impl Export {
    /// Of one page.
    pub(crate) fn together(rows: Vec<ExportNow>) -> Vec<Self> {
        rows.into_iter().map(|ExportNow(export, now)| Export::at(export, now)).collect()
    }
}
connection!(ExportConnection, ExportEdge, Export, ExportNow);

#[derive(Default)]
pub struct ExportQuery;

#[Object]
impl ExportQuery {
    async fn export(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Export>> {
        let Ok(job) = id.parse() else { return Ok(None) };
        let export = found(service(ctx).export(actor(ctx), job).await)?;
        Ok(export.map(|export| Export::at(export, service(ctx).now())))
    }

    /// Files of an export; none before it is ready, and when it is destroyed.
    #[graphql(complexity = "FILES_COST + child_complexity")]
    async fn export_files(&self, ctx: &Context<'_>, export_id: ID) -> Result<Option<Vec<ExportFile>>> {
        let Ok(job) = export_id.parse() else { return Ok(None) };
        let files = found(service(ctx).export_files(actor(ctx), job).await)?;
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
        let file =
            |f: control::ExportedFile| ExportFile { name: f.name, size: ByteSize(f.bytes), sha256: hex(&f.sha256) };
        Ok(files.map(|files| files.into_iter().map(file).collect()))
    }

    /// Links to the files of an export that are good.
    #[graphql(complexity = "FILES_COST + child_complexity")]
    async fn export_links(&self, ctx: &Context<'_>, export_id: ID) -> Result<Option<Vec<ExportLink>>> {
        let Ok(job) = export_id.parse() else { return Ok(None) };
        let links = found(service(ctx).export_links(actor(ctx), job).await)?;
        Ok(links.map(|links| links.into_iter().map(|link| ExportLink::new(link, None)).collect()))
    }

    /// Exports of a tenant that the caller may see, the latest first: the user of a mailbox sees those of that alone.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn exports(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<ExportConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let now = service(ctx).now();
        let rows = found(service(ctx).exports(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|(rows, count)| {
            let rows = rows.into_iter().map(|export| ExportNow(export, now)).collect();
            ExportConnection::new(&paging, (rows, count))
        }))
    }
}

//! SUMMARY    Migrations of mailboxes from other providers: how far they are, what they could not bring, what a source has.
//! SECURITY   No field has a secret. What a source says is told without the one that it was asked with.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::found,
    scalar::{ByteSize, DateTime},
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use base::AccountId;
use control::{MigrationChecked, MigrationPhase, MigrationSecret};
use tenants::MigrationAsked;

/// What a look at a source costs, as many objects: another server is asked, for up to 20 seconds.
const CHECK_COST: usize = 50;
/// The same of what a migration could not bring: the mail server is asked.
const PROBLEMS_COST: usize = 50;

/// How the connection to a source is protected.
#[derive(Enum, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[graphql(remote = "control::MigrationSecurity")]
pub enum MigrationSecurity {
    /// TLS from the first byte (port 993).
    #[default]
    Tls,
    /// TLS after STARTTLS (port 143), or no connection.
    StartTls,
    /// None: only towards networks that the operator allows.
    Plain,
}

/// What the secret is.
#[derive(Enum, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[graphql(remote = "control::MigrationSignIn")]
pub enum MigrationSignIn {
    #[default]
    Password,
    /// A bearer token: XOAUTH2 or OAUTHBEARER.
    Token,
}

/// An IMAP server that mail is brought from.
#[derive(InputObject, Clone)]
pub struct MigrationSourceInput {
    /// A name, as imap.example.com.
    pub host: String,
    /// 993, or 143 with STARTTLS, when nothing is said; others only where the operator allows them.
    pub port: Option<u16>,
    #[graphql(default)]
    pub security: MigrationSecurity,
    #[graphql(default)]
    pub sign_in: MigrationSignIn,
}

impl MigrationSourceInput {
    /// With the user that signs in there.
    pub(crate) fn of(&self, user: &str) -> control::MigrationSource {
        let port = if self.security == MigrationSecurity::Tls { 993 } else { 143 };
        control::MigrationSource {
            host: self.host.trim().to_owned(),
            port: self.port.unwrap_or(port),
            security: self.security.into(),
            user: user.trim().to_owned(),
            sign_in: self.sign_in.into(),
        }
    }
}

/// Where a migration stands. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// A pass begins as soon as the mail server has room for it.
    Queued,
    /// A pass is under way.
    Running,
    /// For the next pass, at `nextPassAt`; where `problem` is not null the last one did not come to its end.
    Waiting,
    /// Waits for migrationResume.
    Paused,
    /// It did not get further; migrationResume goes on, with another secret where that was wrong.
    Failed,
    /// No further pass: the secret is destroyed.
    Ended,
    /// It was never begun; see `problem`.
    Refused,
    /// The mail server does not answer now.
    Unknown,
}

/// How far the last pass is.
#[derive(SimpleObject, Clone)]
pub struct MigrationProgress {
    pub folders: u32,
    pub folders_total: u32,
    /// Messages that were gone through, and all that the source has.
    pub messages: i64,
    pub messages_total: i64,
}

/// What a problem is. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "control::MigrationProblemKind")]
pub enum MigrationProblemKind {
    /// A message that could not be brought; the next pass tries again.
    Message,
    /// A folder that could not be read to its end.
    Folder,
    /// A folder that is passed over.
    PassedOver,
    /// A name, a keyword or a uid that cannot be kept as it is.
    NotKept,
    /// A folder that the source has no longer: what was brought of it stays.
    Gone,
}

/// What of the last pass did not go as it should.
#[derive(SimpleObject, Clone)]
pub struct MigrationProblem {
    pub kind: MigrationProblemKind,
    /// Its name at the source.
    pub folder: String,
    /// Number of the message there; null: it is about the folder.
    pub uid: Option<u32>,
    pub why: String,
}

/// A folder of a source.
#[derive(SimpleObject, Clone)]
pub struct MigrationFolder {
    pub name: String,
    /// Where it goes.
    pub mailbox: String,
    /// Null: the source does not tell before it is opened.
    pub messages: Option<i64>,
    pub size: Option<ByteSize>,
}

/// What a look at a source found.
#[derive(SimpleObject, Clone)]
pub struct MigrationCheck {
    /// Whether one can sign in.
    pub open: bool,
    /// Why not; null: one can.
    pub problem: Option<String>,
    /// Up to 1,000; the sums are of all.
    pub folders: Vec<MigrationFolder>,
    pub folders_total: u32,
    pub messages: i64,
    /// Null: the source does not tell.
    pub size: Option<ByteSize>,
}

/// A mailbox that is brought here from another provider, pass after pass until it is ended.
#[derive(SimpleObject, Clone)]
pub struct Migration {
    pub id: ID,
    pub tenant_id: ID,
    pub mailbox_id: ID,
    /// Null: the mailbox is deleted.
    pub mailbox_address: Option<String>,
    pub host: String,
    pub port: u16,
    pub security: MigrationSecurity,
    pub user: String,
    pub sign_in: MigrationSignIn,
    /// Person, mailbox or token.
    pub asked_by: String,
    pub state: MigrationState,
    /// What stands in the way, or what ended it; null: nothing.
    pub problem: Option<String>,
    /// Null before the first pass, and while the mail server does not answer.
    pub progress: Option<MigrationProgress>,
    /// Messages that were brought, by all passes, and their bytes.
    pub brought: i64,
    pub size: ByteSize,
    /// Messages that were here already.
    pub already_here: i64,
    /// What the last pass could not bring or keep; see migrationProblems.
    pub problems: i64,
    /// Passes that came to their end.
    pub passes: u32,
    pub last_pass_at: Option<DateTime>,
    pub next_pass_at: Option<DateTime>,
    pub created_at: DateTime,
    /// When it ends by itself, whatever its state.
    pub ends_at: Option<DateTime>,
    pub ended_at: Option<DateTime>,
    pub version: i64,
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn state(migration: &tenants::Migration) -> MigrationState {
    match (migration.asked, &migration.standing) {
        (MigrationAsked::Refused, _) => MigrationState::Refused,
        (MigrationAsked::Ended, _) => MigrationState::Ended,
        (MigrationAsked::Ordering, None) => MigrationState::Queued,
        (MigrationAsked::Taken, None) => MigrationState::Unknown,
        (MigrationAsked::Ordering | MigrationAsked::Taken, Some(standing)) => match standing.phase {
            MigrationPhase::Queued => MigrationState::Queued,
            MigrationPhase::Running => MigrationState::Running,
            MigrationPhase::Waiting => MigrationState::Waiting,
            MigrationPhase::Paused => MigrationState::Paused,
            MigrationPhase::Failed => MigrationState::Failed,
            MigrationPhase::Ended => MigrationState::Ended,
        },
    }
}

impl From<tenants::Migration> for Migration {
    fn from(migration: tenants::Migration) -> Self {
        let state = state(&migration);
        let standing = migration.standing.as_ref();
        let why = standing.map(|s| s.why.clone()).filter(|why| !why.is_empty()).unwrap_or(migration.why.clone());
        let began = standing.filter(|s| s.folders_total > 0);
        let at = |of: fn(&control::MigrationStanding) -> Option<base::Timestamp>| {
            standing.and_then(of).map(|at| DateTime(at.0))
        };
        Migration {
            id: ID(migration.id.to_string()),
            tenant_id: ID(migration.tenant.to_string()),
            mailbox_id: ID(migration.mailbox.to_string()),
            mailbox_address: migration.address.clone(),
            host: migration.source.host.clone(),
            port: migration.source.port,
            security: migration.source.security.into(),
            user: migration.source.user.clone(),
            sign_in: migration.source.sign_in.into(),
            asked_by: migration.asked_by.clone(),
            state,
            problem: (!why.is_empty()).then_some(why),
            progress: began.map(|s| MigrationProgress {
                folders: s.folders,
                folders_total: s.folders_total,
                messages: signed(s.messages),
                messages_total: signed(s.messages_total),
            }),
            brought: signed(standing.map_or(migration.brought, |s| s.brought)),
            size: ByteSize(standing.map_or(migration.bytes, |s| s.bytes)),
            already_here: signed(standing.map_or(0, |s| s.found)),
            problems: signed(standing.map_or(migration.problems, |s| s.problems)),
            passes: standing.map_or(0, |s| s.passes),
            last_pass_at: at(|s| s.last_pass_at),
            next_pass_at: at(|s| s.next_pass_at),
            created_at: DateTime(migration.created_at.0),
            ends_at: at(|s| Some(s.ends_at)),
            ended_at: migration.ended_at.map(|at| DateTime(at.0)),
            version: migration.version,
        }
    }
}

impl Migration {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Migration>) -> Vec<Self> {
        rows.into_iter().map(Migration::from).collect()
    }
}
connection!(MigrationConnection, MigrationEdge, Migration);

impl From<MigrationChecked> for MigrationCheck {
    fn from(checked: MigrationChecked) -> Self {
        let (open, problem) = match &checked {
            MigrationChecked::Open { .. } => (true, None),
            MigrationChecked::Closed(why) => (false, Some(why.clone())),
        };
        let (folders, folders_total, messages, bytes) = match checked {
            MigrationChecked::Open { folders, folders_total, messages, bytes } => {
                (folders, folders_total, messages, bytes)
            }
            MigrationChecked::Closed(_) => (Vec::new(), 0, 0, None),
        };
        let folder = |f: control::MigrationFolder| MigrationFolder {
            name: f.name,
            mailbox: f.mailbox,
            messages: f.messages.map(signed),
            size: f.bytes.map(ByteSize),
        };
        let folders = folders.into_iter().map(folder).collect();
        MigrationCheck { open, problem, folders, folders_total, messages: signed(messages), size: bytes.map(ByteSize) }
    }
}

#[derive(Default)]
pub struct MigrationQuery;

#[Object]
impl MigrationQuery {
    async fn migration(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Migration>> {
        let Ok(job) = id.parse() else { return Ok(None) };
        Ok(found(service(ctx).migration(actor(ctx), job).await)?.map(Migration::from))
    }

    /// What the last pass of a migration could not bring or keep: the first 50.
    #[graphql(complexity = "PROBLEMS_COST + child_complexity")]
    async fn migration_problems(&self, ctx: &Context<'_>, migration_id: ID) -> Result<Option<Vec<MigrationProblem>>> {
        let Ok(job) = migration_id.parse() else { return Ok(None) };
        let problems = found(service(ctx).migration_problems(actor(ctx), job).await)?;
        let problem = |p: control::MigrationProblem| MigrationProblem {
            kind: p.kind.into(),
            folder: p.folder,
            uid: p.uid,
            why: p.why,
        };
        Ok(problems.map(|problems| problems.into_iter().map(problem).collect()))
    }

    /// Signs in at another provider and lists the folders that would come; nothing is written, here or there. It takes what migrationStart takes, but
    /// for the factor. THROTTLED after 20 in a row.
    #[graphql(complexity = "CHECK_COST + child_complexity")]
    async fn migration_check(
        &self,
        ctx: &Context<'_>,
        mailbox_id: ID,
        source: MigrationSourceInput,
        user: String,
        secret: String,
    ) -> Result<Option<MigrationCheck>> {
        let Ok(mailbox) = mailbox_id.parse() else { return Ok(None) };
        let (source, secret) = (source.of(&user), MigrationSecret::new(secret));
        let checked = service(ctx).migration_check(actor(ctx), mailbox, &source, &secret).await;
        Ok(found(checked)?.map(MigrationCheck::from))
    }

    /// Migrations of a tenant, or into one of its mailboxes, that the caller may see, the latest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "those of a connection, and a filter")]
    async fn migrations(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        mailbox_id: Option<ID>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<MigrationConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let mailbox: Option<AccountId> = match mailbox_id.map(|id| id.parse()) {
            Some(Err(_)) => return Ok(None),
            Some(Ok(mailbox)) => Some(mailbox),
            None => None,
        };
        let rows = found(service(ctx).migrations(actor(ctx), (tenant, mailbox), &paging.page()).await)?;
        Ok(rows.map(|rows| MigrationConnection::new(&paging, rows)))
    }
}

//! SUMMARY    Migrations of mailboxes from other providers that people order: whose, who may, how far each is.
//! SECURITY   A mailbox is moved by its own user, or by who may let others read it: mail that is brought passes no check, and stands there as if it had always
//!            been. Beginning takes a factor that was verified a moment ago, for the same reason. Secrets pass through to the data plane: no row, no
//!            audit entry and no answer has one.
//! LIMITS     MIGRATIONS_PER_TENANT_MAX, MIGRATIONS_PER_MAILBOX_MAX, MIGRATION_SECRET_BYTES_MAX, MIGRATION_NAME_BYTES_MAX, MIGRATION_CHECKS
//! INVARIANTS The data plane is not asked inside of a transaction. A row is committed before the data plane is told; of what it did not take nothing but that is
//!            left, since nobody has the secret any more.

mod start;
mod steer;
mod told;

pub use start::{MigrationInto, NewMigration};

use crate::{
    Actor, Code, Error, Page, Permission, Result, Service,
    actor::Object,
    auth::Pace,
    db::{Connection, Row, query},
    page::Statements,
    rows::{id, number, optional, text},
};
use base::{AccountId, JobId, TenantId, Timestamp};
use control::{
    ControlError, MIGRATION_NAME_BYTES_MAX, MIGRATION_SECRET_BYTES_MAX, MigrationCheck, MigrationChecked,
    MigrationProblem, MigrationSecret, MigrationSecurity, MigrationSignIn, MigrationSource, MigrationStanding,
};
use serde::{Deserialize, Serialize};

/// Looks at sources by one caller: strangers' servers are asked, with passwords that may be guesses.
const MIGRATION_CHECKS: Pace = Pace { burst: 20, every_ms: 30_000 };

/// What the control plane knows of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationAsked {
    /// The data plane may have it.
    Ordering,
    /// The data plane has it.
    Taken,
    /// It was never begun.
    Refused,
    Ended,
}

const ASKED: [(MigrationAsked, &str); 4] = [
    (MigrationAsked::Ordering, "ORDERING"),
    (MigrationAsked::Taken, "TAKEN"),
    (MigrationAsked::Refused, "REFUSED"),
    (MigrationAsked::Ended, "ENDED"),
];
const SECURITIES: [(MigrationSecurity, &str); 3] =
    [(MigrationSecurity::Tls, "tls"), (MigrationSecurity::StartTls, "starttls"), (MigrationSecurity::Plain, "none")];
const SIGN_INS: [(MigrationSignIn, &str); 2] =
    [(MigrationSignIn::Password, "password"), (MigrationSignIn::Token, "token")];

fn name<T: PartialEq>(all: &[(T, &'static str)], one: &T) -> &'static str {
    all.iter().find(|(known, _)| known == one).map_or("", |(_, name)| name)
}

fn named<T: Copy>(all: &[(T, &'static str)], row: &Row, column: &str) -> Result<T> {
    let name = text(row, column)?;
    let found = all.iter().find(|(_, known)| *known == name).map(|(one, _)| *one);
    found.ok_or_else(|| Error::new(Code::Internal, "", "a stored migration is damaged"))
}

/// A migration as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    pub id: JobId,
    pub tenant: TenantId,
    pub mailbox: AccountId,
    /// `None`: the mailbox is deleted.
    pub address: Option<String>,
    pub source: MigrationSource,
    pub asked_by: String,
    pub asked: MigrationAsked,
    /// Why it was refused, or what ended it; empty: somebody ended it.
    pub why: String,
    pub created_at: Timestamp,
    /// Told at its end.
    pub brought: u64,
    pub bytes: u64,
    pub problems: u64,
    pub ended_at: Option<Timestamp>,
    /// As the data plane has it; `None`: it was not asked, does not answer, or has forgotten it.
    pub standing: Option<MigrationStanding>,
    pub version: i64,
}

/// What of a row `from_row` reads.
macro_rules! shown {
    () => {
        "migration.*, (SELECT m.address FROM mailbox m WHERE m.id = migration.mailbox AND m.tenant = migration.tenant AND m.live = 1) AS address"
    };
}

macro_rules! migrations {
    ($select:expr, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM migration WHERE tenant = $1 AND ($2 = '' OR mailbox = $2) AND ($3 = '1' \
             OR mailbox IN (SELECT value FROM json_each($4)) OR mailbox IN (SELECT b.id FROM mailbox b WHERE b.tenant = $1 \
             AND b.domain IN (SELECT value FROM json_each($5))))",
            $rest
        )
    };
}
const LIST: Statements = Statements {
    forward: migrations!(shown!(), " AND id < $6 ORDER BY id DESC LIMIT $7"),
    backward: migrations!(shown!(), " AND id > $6 ORDER BY id LIMIT $7"),
    count: migrations!("COUNT(*) AS n", ""),
};

impl Service {
    /// A migration as its row has it.
    async fn migration_row(&self, txn: &mut Connection, job: JobId) -> Result<Migration> {
        let sql = concat!("SELECT ", shown!(), " FROM migration WHERE id = $1");
        let row = query(sql).bind(job.to_string()).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("migrationId"))?)
    }

    /// The same, of who may move the mailbox: what somebody does not see is not there.
    async fn migration_seen(&self, txn: &mut Connection, actor: &Actor, job: JobId) -> Result<Migration> {
        let migration = self.migration_row(txn, job).await?;
        let missing = || Error::not_found("migrationId");
        if self.allows(txn, actor, Permission::MigrationWrite, migration.tenant, Object::Whole).await? {
            return Ok(migration);
        }
        let reached = self.mailbox_or_deleted(txn, actor, Permission::MigrationWrite, migration.mailbox).await;
        reached.map(|_| migration).map_err(|_| missing())
    }

    /// One migration, as it stands. `NotFound`.
    pub async fn migration(&self, actor: &Actor, job: JobId) -> Result<Migration> {
        let mut connection = self.reader(actor).await?;
        let migration = self.migration_seen(&mut connection, actor, job).await?;
        drop(connection);
        let mut all = [migration];
        self.with_migration_standings(&mut all).await;
        let [migration] = all;
        Ok(migration)
    }

    /// What its last pass could not bring or keep. `NotFound`, `Unavailable`.
    pub async fn migration_problems(&self, actor: &Actor, job: JobId) -> Result<Vec<MigrationProblem>> {
        let mut connection = self.reader(actor).await?;
        let migration = self.migration_seen(&mut connection, actor, job).await?;
        drop(connection);
        self.relay.control.migration_problems(migration.tenant, job).await.map_err(away)
    }

    /// Migrations of a tenant, or into one of its mailboxes, that the actor may see, the latest first, a page of them; and how many there are.
    pub async fn migrations(
        &self,
        actor: &Actor,
        (tenant, mailbox): (TenantId, Option<AccountId>),
        page: &Page,
    ) -> Result<(Vec<Migration>, i64)> {
        let mut connection = self.reader(actor).await?;
        let reach = self.reach(&mut connection, actor, Permission::MigrationWrite, tenant).await?;
        let end = if page.backward { "" } else { crate::page::LAST };
        let from = match &page.cursor {
            Some(cursor) => cursor.parse::<JobId>().map_err(|_| page.not_a_cursor())?.to_string(),
            None => end.to_owned(),
        };
        let scope = [
            tenant.to_string(),
            mailbox.map(|mailbox| mailbox.to_string()).unwrap_or_default(),
            if reach.whole { "1" } else { "0" }.to_owned(),
            reach.mailbox_list(),
            reach.domain_list(),
        ];
        let (rows, count) = page.rows(&mut connection, &LIST, &scope, vec![from.into()]).await?;
        drop(connection);
        let mut migrations = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
        self.with_migration_standings(&mut migrations).await;
        Ok((migrations, count))
    }

    /// Signs in to a source and says what is there; nothing is written. `NotFound`, `Forbidden`, `Throttled`, `Invalid` (it may not be asked),
    /// `Unavailable`.
    pub async fn migration_check(
        &self,
        actor: &Actor,
        mailbox: AccountId,
        source: &MigrationSource,
        secret: &MigrationSecret,
    ) -> Result<MigrationChecked> {
        checked(source, secret)?;
        let mut connection = self.reader(actor).await?;
        let mailbox = self.may_migrate(&mut connection, actor, mailbox).await?;
        drop(connection);
        self.attempts.admit_check(actor.caller(), MIGRATION_CHECKS, self.now())?;
        let (source, secret) = (source.clone(), secret.clone());
        let check = MigrationCheck { tenant: mailbox.tenant, account: mailbox.id, source, secret };
        self.relay.control.migration_check(check).await.map_err(away)
    }

    /// The mailbox, if somebody may bring mail into it.
    async fn may_migrate(&self, txn: &mut Connection, actor: &Actor, mailbox: AccountId) -> Result<crate::Mailbox> {
        let mailbox = self.mailbox_in(txn, actor, Permission::MigrationWrite, mailbox).await?;
        self.may_open(txn, actor, &mailbox).await?;
        Ok(mailbox)
    }

    /// Adds what the data plane says, where it answers.
    async fn with_migration_standings(&self, migrations: &mut [Migration]) {
        let is_there = |m: &Migration| m.asked != MigrationAsked::Refused;
        let asked: Vec<(TenantId, JobId)> =
            migrations.iter().filter(|m| is_there(m)).map(|m| (m.tenant, m.id)).collect();
        if asked.is_empty() {
            return;
        }
        match self.relay.control.migrations(asked).await {
            Ok(told) => {
                let there = migrations.iter_mut().filter(|m| is_there(m));
                there.zip(told).for_each(|(m, told)| m.standing = told);
            }
            Err(why) => tracing::warn!(%why, "the data plane does not tell of migrations"),
        }
    }
}

/// What of a source can be told to be wrong here.
fn checked(source: &MigrationSource, secret: &MigrationSecret) -> Result<()> {
    let invalid = |field, message: String| Err(Error::new(Code::Invalid, field, message));
    for (field, value) in [("host", &source.host), ("user", &source.user)] {
        let is_odd = value.trim().is_empty() || value.chars().any(char::is_control);
        if is_odd || value.len() > MIGRATION_NAME_BYTES_MAX {
            return invalid(
                field,
                format!("One line of at most {MIGRATION_NAME_BYTES_MAX} bytes (MIGRATION_NAME_BYTES_MAX)"),
            );
        }
    }
    if source.port == 0 {
        return invalid("port", "A port is a number from 1 to 65535".to_owned());
    }
    let is_line = !secret.reveal().is_empty() && !secret.reveal().chars().any(char::is_control);
    if !is_line || secret.reveal().len() > MIGRATION_SECRET_BYTES_MAX {
        let message = format!("One line of at most {MIGRATION_SECRET_BYTES_MAX} bytes (MIGRATION_SECRET_BYTES_MAX)");
        return invalid("secret", message);
    }
    Ok(())
}

fn from_row(row: &Row) -> Result<Migration> {
    let positive = |column| number(row, column).map(|n| u64::try_from(n).unwrap_or(0));
    Ok(Migration {
        id: id(row, "id")?,
        tenant: id(row, "tenant")?,
        mailbox: id(row, "mailbox")?,
        address: row.text("address")?,
        source: MigrationSource {
            host: text(row, "host")?,
            port: u16::try_from(number(row, "port")?).unwrap_or(0),
            security: named(&SECURITIES, row, "security")?,
            user: text(row, "username")?,
            sign_in: named(&SIGN_INS, row, "sign_in")?,
        },
        asked_by: text(row, "asked_by")?,
        asked: named(&ASKED, row, "state")?,
        why: text(row, "why")?,
        created_at: Timestamp(number(row, "created_at")?),
        brought: positive("brought")?,
        bytes: positive("bytes")?,
        problems: positive("problems")?,
        ended_at: optional(row, "ended_at")?.map(Timestamp),
        standing: None,
        version: number(row, "version")?,
    })
}

fn away(e: ControlError) -> Error {
    match e {
        ControlError::Unavailable(why) => {
            tracing::warn!(%why, "the data plane does not answer about a migration");
            Error::new(Code::Unavailable, "", "The mail server does not answer: ask again in a moment")
        }
        ControlError::Invalid(why) => Error::new(Code::Invalid, "host", why),
    }
}

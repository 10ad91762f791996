//! SUMMARY    A database is made empty for what a dump has, and says so until all of it is there.
//! SECURITY   A database that has a tenant, or tables of somebody else, is left as it is.
//! INVARIANTS From the moment in which something is taken away until the end of the restore there is a table UNFINISHED, and no
//!            service opens the database. What is filled anew is emptied anew: nothing of an earlier try is left.

use super::{
    Connection, Engine, Held, Pool, migrate, query,
    schema::Schema,
    statement::{Query, prepared},
};
use crate::{Code, Error, Result, rows::text};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use std::collections::BTreeSet;

/// There while a restore is not finished.
pub(super) const UNFINISHED: &str = "restore_unfinished";
/// Tables that no step makes.
pub(super) const BESIDES: [&str; 3] = ["_sqlx_migrations", "tenant_line", UNFINISHED];
/// Functions that the steps make on PostgreSQL.
const FUNCTIONS: [&str; 3] = ["append_only()", "json_each(text)", "tenant_line_add()"];

/// A foreign key of PostgreSQL that is away while rows come in, in whatever order.
pub(super) struct Constraint {
    pub(super) table: String,
    /// As SQL quotes it.
    name: String,
    /// As SQL defines it.
    definition: String,
}

/// A statement of names of the schema.
pub(super) fn made(text: String) -> Query {
    prepared(AssertSqlSafe(text).into_sql_str(), Vec::new())
}

/// The tables that there are.
pub(super) async fn tables(connection: &mut Connection) -> Result<BTreeSet<String>> {
    let asked = match connection.held {
        Held::Sqlite(_) | Held::SqliteTxn(_) => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
        }
        Held::Postgres(_) | Held::PostgresTxn(_) => {
            "SELECT relname::text AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
        }
    };
    query(asked).fetch_all(connection).await?.iter().map(|row| text(row, "name")).collect()
}

/// Whether a dump may be filled in. `InUse`: there is a tenant; `Invalid`: there are tables of somebody else.
async fn fit(connection: &mut Connection, known: &Schema) -> Result<BTreeSet<String>> {
    let tables = tables(connection).await?;
    let own = |table: &String| known.place(table).is_some() || BESIDES.contains(&table.as_str());
    if let Some(strange) = tables.iter().find(|table| !own(table)) {
        let message =
            format!("The database has a table that is not Posthouse's ({strange}): restore into an empty one");
        return Err(Error::new(Code::Invalid, "database", message));
    }
    if tables.contains("tenant") && !tables.contains(UNFINISHED) {
        let tenant = query("SELECT id FROM tenant WHERE id > '' LIMIT 1").fetch_optional(connection).await?;
        if tenant.is_some() {
            let message = "The database has tenants: a restore goes into an empty one";
            return Err(Error::new(Code::InUse, "database", message));
        }
    }
    Ok(tables)
}

impl Pool {
    /// `Unavailable` while a restore is not finished.
    pub(super) async fn refuse_unfinished(&self) -> Result<()> {
        match tables(&mut self.acquire().await?).await?.contains(UNFINISHED) {
            false => Ok(()),
            true => {
                let message = "A restore into this database is not finished: run it again, to its end";
                Err(Error::new(Code::Unavailable, "database", message))
            }
        }
    }

    /// Looks whether a dump may be filled in, and changes nothing.
    pub(super) async fn refuse_full(&self) -> Result<()> {
        fit(&mut self.acquire().await?, &Schema::newest().await?).await.map(drop)
    }

    /// Whether SQLite looks at foreign keys with each row.
    pub(super) async fn look_at_foreign_keys(&self, each: bool) -> Result<()> {
        let Engine::Sqlite { write, .. } = &self.engine else { return Ok(()) };
        let mut lease = write.acquire().await?;
        lease.with(move |connection| Ok(connection.pragma_update(None, "foreign_keys", each)?)).await
    }

    /// Takes away what there is, makes the tables of the schema without a row, and without what refuses rows whose others are yet to
    /// come. Errors: as `fit` says.
    pub(super) async fn make_empty(&self, schema: &Schema) -> Result<Vec<Constraint>> {
        let known = Schema::newest().await?;
        self.look_at_foreign_keys(false).await?;
        let mut txn = self.begin().await?;
        let there = fit(&mut txn, &known).await?;
        let postgres = matches!(self.engine, Engine::Postgres { .. });
        for table in there {
            made(format!("DROP TABLE \"{table}\"{}", if postgres { " CASCADE" } else { "" })).execute(&mut txn).await?;
        }
        if postgres {
            for function in FUNCTIONS {
                made(format!("DROP FUNCTION IF EXISTS {function} CASCADE")).execute(&mut txn).await?;
            }
        }
        made(format!("CREATE TABLE {UNFINISHED} (id BIGINT PRIMARY KEY)")).execute(&mut txn).await?;
        txn.commit().await?;
        let versions = schema.steps.iter().map(|(version, _)| *version).collect();
        match &self.engine {
            Engine::Sqlite { write, .. } => migrate::sqlite(&mut write.acquire().await?, Some(&versions)).await?,
            // Without the lock between tenants: it comes back at the end, with who stands below whom.
            Engine::Postgres { all, .. } => migrate::postgres_steps(all, Some(&versions)).await?,
        }
        let mut txn = self.begin().await?;
        for table in &schema.tables {
            // What the steps put there is in the dump too, as it was then.
            made(format!("DELETE FROM \"{}\"", table.name)).execute(&mut txn).await?;
        }
        let away = if postgres { take_constraints(&mut txn).await? } else { Vec::new() };
        txn.commit().await?;
        Ok(away)
    }
}

async fn take_constraints(connection: &mut Connection) -> Result<Vec<Constraint>> {
    let asked = query(
        "SELECT c.relname::text AS held_by, quote_ident(k.conname) AS name, pg_get_constraintdef(k.oid) AS definition \
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
         WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace ORDER BY k.conname",
    );
    let mut away = Vec::new();
    for row in asked.fetch_all(connection).await? {
        let constraint = Constraint {
            table: text(&row, "held_by")?,
            name: text(&row, "name")?,
            definition: text(&row, "definition")?,
        };
        made(format!("ALTER TABLE \"{}\" DROP CONSTRAINT {}", constraint.table, constraint.name))
            .execute(connection)
            .await?;
        away.push(constraint);
    }
    Ok(away)
}

impl Constraint {
    /// Puts it back, and looks at every row by it.
    pub(super) async fn put_back(&self, connection: &mut Connection) -> Result<()> {
        let Constraint { table, name, definition } = self;
        made(format!("ALTER TABLE \"{table}\" ADD CONSTRAINT {name} {definition}")).execute(connection).await.map(drop)
    }
}

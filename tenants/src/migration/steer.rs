//! SUMMARY    Migrations paused, resumed and ended.
//! INVARIANTS What is wanted is in the audit log before the data plane is told; that another secret was given, without it.

use super::{Migration, MigrationAsked, away};
use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    db::query,
    terms::{Request, Start},
};
use base::JobId;
use control::{MIGRATION_SECRET_BYTES_MAX, MigrationSecret, MigrationSteer, MigrationSteered, MigrationWish};

impl Service {
    /// Says what is wanted of a migration; `secret`, with `Run` alone: it signs in with this one from now on. Errors: `NotFound`, `Forbidden`, `Invalid` (it has ended),
    /// `InUse` in the moment in which it begins, `Unavailable`.
    pub async fn migration_steer(
        &self,
        actor: &Actor,
        terms: &Terms,
        job: JobId,
        (wish, secret): (MigrationWish, Option<&MigrationSecret>),
    ) -> Result<Done<Migration>> {
        let action = match wish {
            MigrationWish::Run => "migrationResume",
            MigrationWish::Pause => "migrationPause",
            MigrationWish::End => "migrationEnd",
        };
        checked(secret)?;
        let passwords: Vec<&str> = secret.iter().map(|secret| secret.reveal()).collect();
        // Ending what runs, and looking after it, does not wait for the end of a hold.
        let request = || Request { passwords: &passwords, ..Request::while_held(action, job.to_string()) };
        let mut work = match self.start::<Migration>(actor, terms, request()).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.migration_again(actor, done).await,
        };
        let migration = self.migration_seen(&mut work.txn, actor, job).await?;
        if wish != MigrationWish::End {
            self.may_migrate(&mut work.txn, actor, migration.mailbox).await?;
        }
        work.expect(migration.version)?;
        let ended = |why: String| Err(Error::new(Code::Invalid, "migrationId", why));
        if matches!(migration.asked, MigrationAsked::Refused | MigrationAsked::Ended) {
            return ended("The migration has ended".to_owned());
        }
        let detail = if secret.is_some() { "with another secret" } else { "" };
        self.audit(&mut work.txn, actor, migration.tenant, action, &job.to_string(), detail).await?;
        if terms.dry_run {
            let done = self.finish(work, migration, &[]).await?;
            return self.migration_again(actor, done).await;
        }
        work.txn.commit().await?;
        let steer = MigrationSteer { tenant: migration.tenant, job, wish, secret: secret.cloned() };
        match self.relay.control.migration_steer(steer).await.map_err(away)? {
            MigrationSteered::Done(_) => {}
            MigrationSteered::Refused(why) => return ended(why),
            MigrationSteered::Unknown => {
                let message = format!("{job} is just being begun, or its mailbox is gone: ask again in a moment");
                return Err(Error::new(Code::InUse, "migrationId", message));
            }
        }
        match self.start::<Migration>(actor, terms, request()).await? {
            Start::Fresh(mut work) => {
                // How it ended comes with the event of the data plane.
                let sql = match wish {
                    MigrationWish::End => {
                        "UPDATE migration SET state = 'ENDED', ended_at = $2, version = version + 1 WHERE id = $1 AND state <> 'ENDED'"
                    }
                    MigrationWish::Run | MigrationWish::Pause => {
                        "UPDATE migration SET version = version + 1 WHERE id = $1 AND $2 > 0"
                    }
                };
                query(sql).bind(job.to_string()).bind(self.now().0).execute(&mut work.txn).await?;
                let migration = self.migration_row(&mut work.txn, job).await?;
                let done = self.finish(work, migration, &[]).await?;
                self.migration_again(actor, done).await
            }
            Start::Repeated(done) => self.migration_again(actor, done).await,
        }
    }

    /// The answer with the migration as it is now.
    async fn migration_again(&self, actor: &Actor, done: Done<Migration>) -> Result<Done<Migration>> {
        let object = self.migration(actor, done.object.id).await?;
        Ok(Done { object, applied: done.applied })
    }
}

fn checked(secret: Option<&MigrationSecret>) -> Result<()> {
    let Some(secret) = secret.map(MigrationSecret::reveal) else { return Ok(()) };
    if !secret.is_empty() && secret.len() <= MIGRATION_SECRET_BYTES_MAX && !secret.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("One line of at most {MIGRATION_SECRET_BYTES_MAX} bytes (MIGRATION_SECRET_BYTES_MAX)");
    Err(Error::new(Code::Invalid, "secret", message))
}

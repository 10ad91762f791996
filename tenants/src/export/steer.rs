//! SUMMARY    Exports paused, resumed and destroyed.
//! INVARIANTS What is wanted is in the audit log before the data plane is told. An export that is destroyed here never begins there.

use super::{Export, ExportAsked, away};
use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    db::query,
    terms::{Request, Start},
};
use base::JobId;
use control::{ExportSteer, ExportSteered, ExportWish};

impl Service {
    /// Says what is wanted of an export. `Invalid`: it is past that; `InUse` in the moment in which it begins.
    pub async fn export_steer(
        &self,
        actor: &Actor,
        terms: &Terms,
        job: JobId,
        wish: ExportWish,
    ) -> Result<Done<Export>> {
        let action = match wish {
            ExportWish::Run => "exportResume",
            ExportWish::Pause => "exportPause",
            ExportWish::Cancel => "exportCancel",
        };
        let request = || Request::while_held(action, job.to_string());
        let mut work = match self.start::<Export>(actor, terms, request()).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.export_again(actor, done).await,
        };
        let export = self.export_seen(&mut work.txn, actor, job).await?;
        work.expect(export.version)?;
        let ended = |why: &str| Err(Error::new(Code::Invalid, "exportId", why));
        if let Some(why) = too_late(export.asked, wish) {
            return ended(why);
        }
        self.audit(&mut work.txn, actor, export.tenant, action, &job.to_string(), &export.reason).await?;
        if export.asked == ExportAsked::Waiting {
            query("UPDATE export SET state = 'CANCELLED', version = version + 1 WHERE id = $1")
                .bind(job.to_string())
                .execute(&mut work.txn)
                .await?;
            if export.asked_by != actor.caller() {
                self.mail_of_export(&mut work.txn, &export, "export-cancelled", None).await?;
            }
            let export = self.export_row(&mut work.txn, job).await?;
            return self.finish(work, export, &[]).await;
        }
        if terms.dry_run {
            let done = self.finish(work, export, &[]).await?;
            return self.export_again(actor, done).await;
        }
        work.txn.commit().await?;
        let steer = ExportSteer { tenant: export.tenant, job, wish };
        match self.relay.control.export_steer(steer).await.map_err(away)? {
            ExportSteered::Done(_) => {}
            ExportSteered::Refused(why) => return ended(&why),
            ExportSteered::Unknown => return Err(Service::not_there_yet(job)),
        }
        match self.start::<Export>(actor, terms, request()).await? {
            Start::Fresh(mut work) => {
                let sql = match (wish, export.asked) {
                    (ExportWish::Cancel, ExportAsked::Ready) => {
                        "UPDATE export SET state = 'ENDED', version = version + 1 WHERE id = $1 AND state <> 'ENDED'"
                    }
                    (ExportWish::Cancel, _) => {
                        "UPDATE export SET state = 'CANCELLED', version = version + 1 WHERE id = $1 AND state NOT IN ('ENDED', 'CANCELLED')"
                    }
                    (ExportWish::Run | ExportWish::Pause, _) => "UPDATE export SET version = version + 1 WHERE id = $1",
                };
                query(sql).bind(job.to_string()).execute(&mut work.txn).await?;
                if wish == ExportWish::Cancel && export.asked_by != actor.caller() {
                    self.mail_of_export(&mut work.txn, &export, "export-cancelled", None).await?;
                }
                let export = self.export_row(&mut work.txn, job).await?;
                let done = self.finish(work, export, &[]).await?;
                self.export_again(actor, done).await
            }
            Start::Repeated(done) => self.export_again(actor, done).await,
        }
    }
}

/// Why an export cannot be steered so.
fn too_late(asked: ExportAsked, wish: ExportWish) -> Option<&'static str> {
    match (asked, wish) {
        (ExportAsked::Ended | ExportAsked::Refused | ExportAsked::Cancelled, _) => Some("The export has ended"),
        (_, ExportWish::Cancel) => None,
        (ExportAsked::Ready, ExportWish::Run | ExportWish::Pause) => Some("Nothing of the export is left to be made"),
        (ExportAsked::Waiting, ExportWish::Run | ExportWish::Pause) => Some("The export has not begun"),
        (ExportAsked::Ordering | ExportAsked::Taken, ExportWish::Run | ExportWish::Pause) => None,
    }
}

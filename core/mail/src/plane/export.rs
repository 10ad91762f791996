//! SUMMARY    Exports as the control plane orders, watches and fetches them.
//! SECURITY   Everything is asked of one tenant's keys: an id of another tenant's export is unknown.
//! LIMITS     EXPORT_ARCHIVE_BYTES_MAX, those of account's exports
//! INVARIANTS An order whose id is known changes nothing.

use super::Plane;
use crate::Result;
use account::{Error, ExportPhase as Phase, ExportShape as Shape, ExportView, ExportWish as Wish, NewExport};
use base::{JobId, Kind, TenantId, limits::EXPORT_ARCHIVE_BYTES_MAX};
use control::{
    ExportOrder, ExportPhase, ExportPiece, ExportShape, ExportStanding, ExportSteer, ExportSteered, ExportWish,
    ExportedFile,
};

impl Plane {
    pub(super) async fn ask_export(&self, order: ExportOrder) -> Result<()> {
        let mut accounts = order.accounts;
        if accounts.is_empty() {
            accounts = self.accounts().accounts_of(&self.accounts().ordered_tenant(order.tenant)).await?;
        }
        let new = NewExport {
            job: order.job,
            accounts,
            shape: match order.shape {
                ExportShape::Mbox => Shape::Mbox,
                ExportShape::Maildir => Shape::Maildir,
            },
            archive_bytes_max: EXPORT_ARCHIVE_BYTES_MAX,
            asked_by: order.asked_by,
            reason: order.reason,
            keep_days: order.keep_days,
            papers: order.papers,
        };
        match self.accounts().request_export(order.tenant, new).await {
            // A mailbox that is not there any more will not be there later.
            Err(e) if e.kind == Kind::NotFound => Err(Error::new(Kind::Invalid, "a mailbox is not there any more")),
            asked => asked.map(drop),
        }
    }

    pub(super) async fn export_standings(&self, asked: &[(TenantId, JobId)]) -> Result<Vec<Option<ExportStanding>>> {
        let mut all = Vec::with_capacity(asked.len());
        for (tenant, job) in asked {
            all.push(match self.accounts().export(&self.accounts().ordered_tenant(*tenant), *job).await {
                Ok(view) => Some(standing(view)),
                Err(e) if e.kind == Kind::NotFound => None,
                Err(e) => return Err(e),
            });
        }
        Ok(all)
    }

    pub(super) async fn steer_export(&self, steer: ExportSteer) -> Result<ExportSteered> {
        let wish = match steer.wish {
            ExportWish::Run => Wish::Run,
            ExportWish::Pause => Wish::Pause,
            ExportWish::Cancel => Wish::Cancel,
        };
        match self.accounts().steer_export(steer.tenant, steer.job, wish).await {
            Ok(view) => Ok(ExportSteered::Done(Box::new(standing(view)))),
            Err(e) if e.kind == Kind::NotFound => Ok(ExportSteered::Unknown),
            Err(e) if e.kind == Kind::Invalid => Ok(ExportSteered::Refused(e.context)),
            Err(e) => Err(e),
        }
    }

    pub(super) async fn exported_files(&self, tenant: TenantId, job: JobId) -> Result<Vec<ExportedFile>> {
        let files = match self.accounts().export_files(&self.accounts().ordered_tenant(tenant), job).await {
            Err(e) if e.kind == Kind::NotFound => Vec::new(),
            files => files?,
        };
        Ok(files.into_iter().map(|f| ExportedFile { name: f.name, bytes: f.bytes, sha256: f.sha256 }).collect())
    }

    pub(super) async fn export_piece(&self, piece: ExportPiece) -> Result<Vec<u8>> {
        let scope = self.accounts().ordered_tenant(piece.tenant);
        let bytes = self.accounts().export_bytes(&scope, piece.job, &piece.name, piece.from..piece.to).await?;
        Ok(bytes.to_vec())
    }
}

fn standing(view: ExportView) -> ExportStanding {
    ExportStanding {
        phase: match view.phase {
            Phase::Queued => ExportPhase::Queued,
            Phase::Listing => ExportPhase::Listing,
            Phase::Writing => ExportPhase::Writing,
            Phase::Verifying => ExportPhase::Verifying,
            Phase::Ready => ExportPhase::Ready,
            Phase::Failed => ExportPhase::Failed,
            Phase::Cancelled => ExportPhase::Cancelled,
            Phase::Shredded => ExportPhase::Shredded,
        },
        paused: view.wish == Wish::Pause && view.phase.is_under_way(),
        accounts: view.accounts,
        accounts_listed: view.accounts_listed,
        emails: view.emails,
        bytes: view.bytes,
        emails_done: view.emails_done,
        bytes_done: view.bytes_done,
        problems: view.problems,
        file_bytes: view.file_bytes,
        pinned_at: view.pinned_at,
        ready_at: view.ready_at,
        expires_at: view.expires_at,
        why: view.why,
    }
}

//! SUMMARY    `ctl export`: an operator's exports of mailboxes, for a legal request or for who cannot ask for one.
//! SECURITY   Each is written into the tenant's audit log before it is begun, with the reason; reading goes through break-glass.
//! LIMITS     EXPORT_JOBS_MAX, EXPORT_ACCOUNTS_MAX, EXPORT_DAYS_MAX, EXPORT_ARCHIVE_BYTES_MIN, EXPORT_FETCHED_BYTES

use super::{
    desk::{Desk, Events, Outcome, done, row, text},
    request::{Event, ExportCall, NewExport, Wish},
    size,
};
use crate::Failure;
use account::{ExportShape, ExportView, ExportWish, NewExport as Ordered, ReadOnly, TenantScope};
use archive::manifest::SigningKey;
use base::{
    AccountId, JobId, Kind, TenantId,
    limits::{
        EXPORT_ARCHIVE_BYTES_MAX, EXPORT_ARCHIVE_BYTES_MIN, EXPORT_DAYS_MAX, EXPORT_FETCHED_BYTES, EXPORT_JOBS_MAX,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand, ValueEnum};
use export::Exporter;
use serde_json::{Value, json};
use std::path::PathBuf;
use tenants::PapersOf;

/// Columns of lists.
pub const LISTED: &[&str] = &["id", "tenant", "state", "mailboxes", "emails", "file_bytes", "problems", "reason"];
pub const FILES: &[&str] = &["name", "bytes", "sha256"];

#[derive(Subcommand)]
pub enum Export {
    /// Asks for an export; the server makes it in the background.
    Start(Start),
    /// Exports, those that are destroyed too.
    List {
        /// Of this tenant only.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// How an export stands.
    Show(Which),
    /// Waits until it is resumed; what was made stays.
    Pause(Which),
    /// Goes on: after a pause, or after it failed.
    Resume(Which),
    /// Destroys what was made, also of an export that is ready.
    Cancel(Which),
    /// Fetches the files of an export, and checks them: hashes, the manifest's signature. What was fetched before is not fetched again.
    Fetch {
        #[command(flatten)]
        which: Which,
        /// The folder; made when it is not there.
        #[arg(long)]
        to: PathBuf,
        /// Waits until the export is ready.
        #[arg(long)]
        wait: bool,
    },
    /// Makes the archives of an export that is ready once more, and compares them with what is stored, bit for bit. Nothing is written. What
    /// was deleted since for good and is not kept any more makes a difference.
    Compare(Which),
    /// The public key that manifests of this provider are signed with.
    Key,
}

#[derive(Args)]
pub struct Start {
    /// The address or the id (acc_…) of a mailbox; several times for several.
    #[arg(long, required_unless_present = "all")]
    account: Vec<String>,
    /// The mailboxes are this tenant's.
    #[arg(long, required_if_eq("all", "true"))]
    tenant: Option<TenantId>,
    /// Every mailbox of the tenant.
    #[arg(long, requires = "tenant", conflicts_with = "account")]
    all: bool,
    /// Why, for the audit log of the tenant.
    #[arg(long)]
    reason: String,
    /// How messages stand in the archives.
    #[arg(long, value_enum, default_value = "mbox")]
    shape: Shape,
    /// Size of one archive: 64M or more.
    #[arg(long, value_parser = size::read)]
    archive_size: Option<u64>,
    /// How long the files can be fetched.
    #[arg(long, default_value_t = 7)]
    days: u32,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Shape {
    /// A file for each mailbox (mboxrd).
    Mbox,
    /// A folder for each mailbox, a file for each message (Maildir++).
    Maildir,
}

#[derive(Args)]
pub struct Which {
    /// job_…
    pub export: JobId,
    /// Its tenant; needed once the export is destroyed.
    #[arg(long)]
    pub tenant: Option<TenantId>,
}

/// What is to be asked; `None`: it is fetched.
pub fn call(export: &Export) -> Result<Option<ExportCall>, Failure> {
    let of = |which: &Which| (which.export, which.tenant);
    Ok(Some(match export {
        Export::Start(start) => ExportCall::Start(started(start)?),
        Export::List { tenant } => ExportCall::List { tenant: *tenant },
        Export::Show(which) => ExportCall::Show { of: of(which) },
        Export::Pause(which) => ExportCall::Steer { of: of(which), wish: Wish::Pause },
        Export::Resume(which) => ExportCall::Steer { of: of(which), wish: Wish::Resume },
        Export::Cancel(which) => ExportCall::Steer { of: of(which), wish: Wish::Cancel },
        Export::Compare(which) => ExportCall::Compare { of: of(which) },
        Export::Key => ExportCall::Key,
        Export::Fetch { .. } => return Ok(None),
    }))
}

fn started(start: &Start) -> Result<NewExport, Failure> {
    if start.reason.trim().is_empty() {
        return Err(Failure::Usage("--reason: say why, for the audit log of the tenant".to_owned()));
    }
    if !(1..=EXPORT_DAYS_MAX).contains(&start.days) {
        return Err(Failure::Usage(format!("--days: 1 to {EXPORT_DAYS_MAX} (EXPORT_DAYS_MAX)")));
    }
    let archive_bytes_max = start.archive_size.unwrap_or(EXPORT_ARCHIVE_BYTES_MAX);
    if archive_bytes_max < EXPORT_ARCHIVE_BYTES_MIN {
        return Err(Failure::Usage("--archive-size: 64M or more (EXPORT_ARCHIVE_BYTES_MIN)".to_owned()));
    }
    Ok(NewExport {
        accounts: start.account.clone(),
        tenant: start.tenant,
        reason: start.reason.clone(),
        maildir: matches!(start.shape, Shape::Maildir),
        archive_bytes_max,
        days: start.days,
    })
}

impl Desk {
    pub(super) async fn export(&self, who: &str, call: ExportCall, events: &Events) -> Outcome {
        match call {
            ExportCall::Start(new) => self.export_start(who, new, events).await,
            ExportCall::List { tenant } => {
                let key = self.store()?.break_glass(who, "ctl export list").map_err(text)?;
                let mut listed = 0;
                for tenant in self.tenants_of(tenant).await? {
                    for export in self.store()?.exports(&key.tenant(tenant)).await.map_err(text)? {
                        row(events, shown(&export)).await?;
                        listed += 1;
                    }
                }
                done(&format!("{listed} exports"))
            }
            ExportCall::Show { of } => {
                let scope = self.export_scope(who, of, "ctl export show").await?;
                let export = self.store()?.export(&scope, of.0).await.map_err(text)?;
                row(events, shown(&export)).await?;
                done("")
            }
            ExportCall::Steer { of, wish } => self.export_steer(who, of, wish, events).await,
            ExportCall::Files { of } => self.export_fetch(who, of, events).await,
            ExportCall::Bytes { of, name, from } => {
                let scope = self.export_scope(who, of, "ctl export fetch").await?;
                self.export_bytes(&scope, of.0, &name, from, events).await
            }
            ExportCall::Compare { of } => {
                let scope = self.export_scope(who, of, "ctl export compare").await?;
                let archives = Exporter::new(self.store()?.clone()).compare(&scope, of.0).await.map_err(text)?;
                done(&format!("{archives} archives, made once more, are the same"))
            }
            ExportCall::Key => {
                let key =
                    SigningKey::from_seed(&self.store()?.manifest_seed()).and_then(|key| key.public()).map_err(text)?;
                row(events, json!({ "id": key.id().to_string(), "public_key": STANDARD.encode(key.0) })).await?;
                done("")
            }
        }
    }

    /// The right to see exports of a tenant.
    fn exports_of(&self, who: &str, tenant: TenantId, why: &str) -> Result<TenantScope<ReadOnly>, String> {
        Ok(self.store()?.break_glass(who, why).map_err(text)?.tenant(tenant))
    }

    async fn export_scope(
        &self,
        who: &str,
        (job, tenant): (JobId, Option<TenantId>),
        why: &str,
    ) -> Result<TenantScope<ReadOnly>, String> {
        let found = match tenant {
            Some(tenant) => Some(tenant),
            None => self.store()?.export_tenant(job).await.map_err(text)?,
        };
        let tenant =
            found.ok_or_else(|| format!("{job}: no such export; of one that is destroyed say --tenant too"))?;
        self.exports_of(who, tenant, why)
    }

    async fn export_start(&self, who: &str, new: NewExport, events: &Events) -> Outcome {
        let (tenant, accounts) = self.exported(who, &new).await?;
        for account in &accounts {
            let exportable = self.store()?.check_exportable(tenant, *account).await;
            exportable.map_err(|_| format!("{account}: no mailbox of {tenant}, or deleted for good"))?;
        }
        let (job, new_is_whole) = (self.store()?.new_job(), new.accounts.is_empty());
        let noted: Vec<_> =
            accounts.iter().map(|account| (account.to_string(), format!("{job}: {}", new.reason))).collect();
        self.note_export(who, tenant, "mailExport", &noted).await?;
        // The tenant's words stand in its audit log, which goes with it; here only where there is none.
        let reason = if self.service.is_some() { "" } else { new.reason.as_str() };
        tracing::warn!(target: "audit", who, %tenant, reason, mailboxes = accounts.len(), "an export was asked for");
        let ordered = Ordered {
            job,
            accounts: accounts.clone(),
            shape: if new.maildir { ExportShape::Maildir } else { ExportShape::Mbox },
            archive_bytes_max: new.archive_bytes_max,
            asked_by: format!("ctl {who}"),
            reason: new.reason,
            keep_days: new.days,
            papers: self.service.is_some(),
        };
        let asked = self.store()?.request_export(tenant, ordered).await;
        asked.map_err(|why| match (why.kind, why.context.as_str()) {
            (Kind::LimitExceeded, "EXPORT_JOBS_MAX") => format!(
                "the tenant has {EXPORT_JOBS_MAX} exports already, those that are ready too (EXPORT_JOBS_MAX): `ctl export cancel` \
                 destroys one"
            ),
            _ => text(why),
        })?;
        let mailboxes = (!new_is_whole).then_some(accounts);
        let of = PapersOf { tenant, job, mailboxes, whole: new_is_whole };
        let said = self.export_papers(&of).await?;
        let scope = self.exports_of(who, tenant, "ctl export start")?;
        let export = self.store()?.export(&scope, job).await.map_err(text)?;
        row(events, shown(&export)).await?;
        done(&format!("the server makes it in the background: see `ctl export show`, then `ctl export fetch`{said}"))
    }

    /// What of the control plane goes beside the mail; gives what is to be said of it. An export that cannot have it is destroyed: there is none
    /// that looks complete and is not.
    async fn export_papers(&self, of: &PapersOf) -> Result<&'static str, String> {
        let Some(service) = &self.service else {
            return Ok(
                "; without addresses, settings and audit history: this is a data plane alone, and they are the control plane's",
            );
        };
        let Err(why) = service.tell_papers(of).await else { return Ok("") };
        self.store()?.steer_export(of.tenant, of.job, ExportWish::Cancel).await.map_err(text)?;
        Err(format!("{why}: the export is cancelled, ask again"))
    }

    /// Which mailboxes are asked for, all of one tenant.
    async fn exported(&self, who: &str, new: &NewExport) -> Result<(TenantId, Vec<AccountId>), String> {
        let mut tenant = new.tenant;
        let mut accounts = Vec::with_capacity(new.accounts.len());
        for account in &new.accounts {
            if let (Some(_), Ok(id)) = (tenant, account.parse()) {
                accounts.push(id);
                continue;
            }
            let mailbox = self.mailbox(&self.actor(who).await?, account).await?;
            if tenant.is_some_and(|tenant| tenant != mailbox.tenant) {
                return Err(format!("{account}: not a mailbox of the same tenant"));
            }
            tenant = Some(mailbox.tenant);
            accounts.push(mailbox.id);
        }
        let tenant = tenant.ok_or("which mailboxes? Give --account, or --tenant and --all")?;
        if new.accounts.is_empty() {
            let scope = self.exports_of(who, tenant, "ctl export start --all")?;
            accounts = self.store()?.accounts_of(&scope).await.map_err(text)?;
        }
        accounts.sort_unstable();
        accounts.dedup();
        Ok((tenant, accounts))
    }

    /// Notes in the tenant's audit log what is about to be done. A data plane alone has none; its log says so instead.
    async fn note_export(
        &self,
        who: &str,
        tenant: TenantId,
        action: &str,
        objects: &[(String, String)],
    ) -> Result<(), String> {
        let Some(service) = &self.service else { return Ok(()) };
        service.note(&self.actor(who).await?, tenant, action, objects).await.map_err(text)
    }

    async fn export_steer(&self, who: &str, of: (JobId, Option<TenantId>), wish: Wish, events: &Events) -> Outcome {
        let scope = self.export_scope(who, of, "ctl export").await?;
        let (wish, action) = match wish {
            Wish::Pause => (ExportWish::Pause, "mailExportPause"),
            Wish::Resume => (ExportWish::Run, "mailExportResume"),
            Wish::Cancel => (ExportWish::Cancel, "mailExportCancel"),
        };
        let known = self.store()?.export(&scope, of.0).await.map_err(text)?;
        self.note_export(who, scope.tenant(), action, &[(of.0.to_string(), known.reason)]).await?;
        let export = self.store()?.steer_export(scope.tenant(), of.0, wish).await.map_err(text)?;
        row(events, shown(&export)).await?;
        done("")
    }

    /// The files, noted as taken.
    async fn export_fetch(&self, who: &str, of: (JobId, Option<TenantId>), events: &Events) -> Outcome {
        let scope = self.export_scope(who, of, "ctl export fetch").await?;
        let files = self.store()?.export_files(&scope, of.0).await.map_err(text)?;
        let export = self.store()?.export(&scope, of.0).await.map_err(text)?;
        if files.is_empty() {
            return Err(format!("{}: the export is {}, and has no files to be fetched", of.0, export.phase.name()));
        }
        self.note_export(who, scope.tenant(), "mailExportFetch", &[(of.0.to_string(), export.reason)]).await?;
        for file in &files {
            let sha256 = archive::Sha256(file.sha256).to_string();
            row(events, json!({ "name": file.name, "bytes": file.bytes, "sha256": sha256 })).await?;
        }
        done("")
    }

    /// A file from a byte on, to its end.
    async fn export_bytes(
        &self,
        scope: &TenantScope<ReadOnly>,
        job: JobId,
        name: &str,
        mut from: u64,
        events: &Events,
    ) -> Outcome {
        loop {
            let bytes = self.store()?.export_bytes(scope, job, name, from..u64::MAX).await;
            let bytes = bytes.map_err(|why| match why.kind {
                Kind::Corrupt => format!(
                    "{name}: what is stored of it is damaged ({}): cancel this export and ask for a new one",
                    why.context
                ),
                Kind::Unavailable => format!("{name}: {why}; try again, and if it stays so ask for a new export"),
                _ => format!("{name}: {why}"),
            })?;
            if bytes.is_empty() {
                return done("");
            }
            from += bytes.len() as u64;
            for piece in bytes.chunks(EXPORT_FETCHED_BYTES) {
                events.send(Event::Bytes(STANDARD.encode(piece))).await.map_err(|_| "nobody listens")?;
            }
        }
    }
}

fn shown(export: &ExportView) -> Value {
    let time = |at: Option<base::Timestamp>| at.map(|at| at.0);
    json!({
        "id": export.job.to_string(),
        "tenant": export.tenant.to_string(),
        "state": state(export),
        "mailboxes": export.accounts,
        "emails": format!("{}/{}", export.emails_done, export.emails),
        "bytes_done": export.bytes_done,
        "bytes": export.bytes,
        "problems": export.problems,
        "files": export.files,
        "file_bytes": export.file_bytes,
        "asked_by": export.asked_by,
        "reason": export.reason,
        "created_ms": export.created_at.0,
        "ready_ms": time(export.ready_at),
        "expires_ms": time(export.expires_at),
        "why": export.why,
    })
}

/// The phase, or what it is told to do.
fn state(export: &ExportView) -> &'static str {
    match export.wish {
        ExportWish::Pause if export.phase.is_under_way() => "paused",
        ExportWish::Cancel if export.phase.is_under_way() => "cancelling",
        _ => export.phase.name(),
    }
}

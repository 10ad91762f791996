//! SUMMARY    Links that files of an export are fetched by, and what is fetched.
//! STANDARDS  product.md §8 (E3)
//! SECURITY   A link is a secret of 32 bytes, kept as its SHA-256: whoever has it fetches the files of one export of one tenant until the link ends, is revoked,
//!            or the export is destroyed, and nothing else. Making one takes what asking for that export takes, and a factor that was
//!            verified a moment ago. Each file that an address fetches by it is in the tenant's audit log before its first byte is given.
//! LIMITS     EXPORT_LINK_LIFE_MAX, EXPORT_LINKS_MAX

use super::{Export, away, one};
use crate::{
    Actor, Code, Done, Error, Permissions, Result, Service, Terms,
    db::{Connection, Row, query},
    limits::{EXPORT_LINK_LIFE_MAX, EXPORT_LINKS_MAX},
    password::hex,
    rows::{fresh_id, id, number, random, text},
    terms::{Request, Start},
};
use aws_lc_rs::digest::{SHA256, digest};
use base::{JobId, TenantId, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use control::{ControlError, ExportPhase, ExportPiece, ExportedFile};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, time::Duration};

/// A link to be made.
#[derive(Debug, Clone)]
pub struct NewExportLink {
    pub export: JobId,
    pub life: Duration,
}

/// A link as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportLink {
    /// `exl_…`
    pub id: String,
    pub export: JobId,
    pub made_by: String,
    pub expires_at: Timestamp,
    /// What comes before a file's name in the address: shown once, when it is made.
    #[serde(skip)]
    pub secret: Option<String>,
}

/// A file that may be fetched by a link.
#[derive(Debug, Clone)]
pub struct ExportDownload {
    tenant: TenantId,
    job: JobId,
    digest: String,
    pub file: ExportedFile,
}

impl ExportDownload {
    /// Whose export it is of.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
}

fn digest_of(secret: &str) -> String {
    hex(&digest(&SHA256, secret.as_bytes()))
}

fn missing() -> Error {
    Error::new(
        Code::NotFound,
        "",
        "There is no such file, or no more: links end, and exports are destroyed after their days",
    )
}

impl Service {
    /// Makes a link to the files of an export that is ready. Errors: as of asking for the export; `Invalid` while it is not ready.
    pub async fn export_link_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewExportLink,
    ) -> Result<Done<ExportLink>> {
        if new.life.is_zero() || new.life > EXPORT_LINK_LIFE_MAX {
            let hours = EXPORT_LINK_LIFE_MAX.as_secs() / 3_600;
            return Err(Error::new(Code::Invalid, "hours", format!("1 to {hours} hours (EXPORT_LINK_LIFE_MAX)")));
        }
        let is_ready = self.export(actor, new.export).await?.standing.is_some_and(|s| s.phase == ExportPhase::Ready);
        let request = Request::while_held("exportLinkCreate", format!("{new:?}"));
        let mut work = match self.start::<ExportLink>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            // The secret was shown once.
            Start::Repeated(done) => return Ok(done),
        };
        let export = self.export_seen(&mut work.txn, actor, new.export).await?;
        self.may_fetch(&mut work.txn, actor, &export).await?;
        if !is_ready || !export.asked.is_there() {
            return Err(Error::new(Code::Invalid, "exportId", "The export is not ready, or is destroyed"));
        }
        let now = self.now();
        let count =
            query("SELECT COUNT(*) AS n FROM export_link WHERE export = $1 AND expires_at > $2 AND revoked_at IS NULL")
                .bind(export.id.to_string())
                .bind(now.0)
                .fetch_one(&mut work.txn)
                .await?;
        if number(&count, "n")? >= EXPORT_LINKS_MAX {
            let message = format!("The export has {EXPORT_LINKS_MAX} links (EXPORT_LINKS_MAX): revoke one");
            return Err(Error::new(Code::LimitReached, "exportId", message));
        }
        let secret = URL_SAFE_NO_PAD.encode(random::<32>()?);
        let shown = (!terms.dry_run).then(|| secret.clone());
        let link = ExportLink {
            id: fresh_id("exl_")?,
            export: export.id,
            made_by: actor.caller().to_owned(),
            expires_at: now.plus(new.life),
            secret: shown,
        };
        query(
            "INSERT INTO export_link (id, tenant, export, digest, made_by, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&link.id)
        .bind(export.tenant.to_string())
        .bind(export.id.to_string())
        .bind(digest_of(&secret))
        .bind(&link.made_by)
        .bind(now.0)
        .bind(link.expires_at.0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, export.tenant, "exportLinkCreate", &export.id.to_string(), &link.id).await?;
        self.finish(work, link, &[]).await
    }

    /// Ends a link; who is fetching by it is cut off.
    pub async fn export_link_revoke(&self, actor: &Actor, terms: &Terms, link: &str) -> Result<Done<ExportLink>> {
        let request = Request::while_held("exportLinkRevoke", link.to_owned());
        let mut work = match self.start::<ExportLink>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let row = query("SELECT * FROM export_link WHERE id = $1").bind(link).fetch_optional(&mut work.txn).await?;
        let shown = from_row(&row.ok_or_else(|| Error::not_found("linkId"))?)?;
        let export = self.export_seen(&mut work.txn, actor, shown.export).await.map_err(|e| match e.code {
            Code::NotFound => Error::not_found("linkId"),
            _ => e,
        })?;
        query("UPDATE export_link SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1")
            .bind(link)
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, export.tenant, "exportLinkRevoke", &export.id.to_string(), link).await?;
        self.finish(work, shown, &[]).await
    }

    /// Links of an export that are good.
    pub async fn export_links(&self, actor: &Actor, export: JobId) -> Result<Vec<ExportLink>> {
        let mut connection = self.reader(actor).await?;
        self.export_seen(&mut connection, actor, export).await?;
        let rows = query("SELECT * FROM export_link WHERE export = $1 AND expires_at > $2 AND revoked_at IS NULL ORDER BY created_at, id")
            .bind(export.to_string())
            .bind(self.now().0)
            .fetch_all(&mut connection)
            .await?;
        rows.iter().map(from_row).collect()
    }

    /// Files of an export that is ready.
    pub async fn export_files(&self, actor: &Actor, export: JobId) -> Result<Vec<ExportedFile>> {
        let mut connection = self.reader(actor).await?;
        let export = self.export_seen(&mut connection, actor, export).await?;
        drop(connection);
        match export.asked.is_there() {
            true => self.relay.control.export_files(export.tenant, export.id).await.map_err(away),
            false => Ok(Vec::new()),
        }
    }

    /// Whether somebody may have what is in an export: what asking for it takes.
    async fn may_fetch(&self, txn: &mut Connection, actor: &Actor, export: &Export) -> Result<()> {
        let own = match one(&export.mailboxes) {
            Some(mailbox) => self.is_own(txn, actor, mailbox).await?,
            None => false,
        };
        if export.asked_by != actor.caller() && !own {
            // What others asked for was announced in their name, not in that of who fetches.
            return Err(Error::new(
                Code::Forbidden,
                "exportId",
                "Who asked for an export fetches it: ask for one of your own",
            ));
        }
        let is_part = !export.mailboxes.is_empty() && export.left_out == 0;
        if is_part {
            for mailbox in &export.mailboxes {
                self.may_export(txn, actor, export.tenant, *mailbox).await?;
            }
            return Ok(());
        }
        let (may, left_out) = self.whole_tenant(txn, actor, export.tenant).await?;
        let has_all = left_out == 0 || !export.mailboxes.is_empty() && export.mailboxes.iter().all(|m| may.contains(m));
        if has_all {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, "exportId", "It has mail of people with more rights than whoever asks"))
    }

    /// What a link leads to: a file to be fetched. `NotFound` whatever is wrong with it.
    pub async fn export_download(&self, secret: &str, file: &str, from: Option<IpAddr>) -> Result<ExportDownload> {
        let digest = digest_of(secret);
        let row = self.live_link(&digest).await?;
        let (link, tenant) = (from_row(&row)?, id::<TenantId>(&row, "tenant")?);
        let mut connection = self.connection().await?;
        let export = self.export_row(&mut connection, link.export).await?;
        self.is_still_allowed(&mut connection, &export).await?;
        if !self.is_still_there(&mut connection, tenant, &link.made_by).await? {
            return Err(missing());
        }
        drop(connection);
        let files = self.relay.control.export_files(tenant, link.export).await.map_err(away)?;
        let file = files.into_iter().find(|known| known.name == file).ok_or_else(missing)?;
        let ip = from.map(|ip| ip.to_canonical().to_string()).unwrap_or_default();
        self.note_fetch(tenant, &link, &file.name, &ip).await?;
        Ok(ExportDownload { tenant, job: link.export, digest, file })
    }

    async fn live_link(&self, digest: &str) -> Result<Row> {
        let row = query("SELECT * FROM export_link WHERE digest = $1 AND expires_at > $2 AND revoked_at IS NULL")
            .bind(digest)
            .bind(self.now().0)
            .fetch_optional(&mut self.connection().await?)
            .await?;
        row.ok_or_else(missing)
    }

    /// Writes into the audit log that an address fetches a file, once.
    async fn note_fetch(&self, tenant: TenantId, link: &ExportLink, file: &str, ip: &str) -> Result<()> {
        let known = query("SELECT 1 AS n FROM export_fetch WHERE link = $1 AND file = $2 AND ip = $3")
            .bind(&link.id)
            .bind(file)
            .bind(ip)
            .fetch_optional(&mut self.connection().await?)
            .await?;
        if known.is_some() {
            return Ok(());
        }
        let mut txn = self.begin().await?;
        let added = query(
            "INSERT INTO export_fetch (link, tenant, file, ip) VALUES ($1, $2, $3, $4) ON CONFLICT (link, file, ip) DO NOTHING",
        )
        .bind(&link.id)
        .bind(tenant.to_string())
        .bind(file)
        .bind(ip)
        .execute(&mut txn)
        .await?;
        if added > 0 {
            let mut who = Actor::of(tenant, Permissions::NONE, false, link.made_by.clone());
            ip.clone_into(&mut who.from);
            let detail = format!("{file} by {}", link.id);
            self.audit(&mut txn, &who, tenant, "exportDownload", &link.export.to_string(), &detail).await?;
        }
        txn.commit().await?;
        self.events.committed();
        Ok(())
    }

    /// Some bytes of a file from one on, before another; none at its end. `NotFound`: the link ended, was revoked, or the export is destroyed.
    pub async fn export_piece(&self, download: &ExportDownload, from: u64, to: u64) -> Result<Vec<u8>> {
        self.live_link(&download.digest).await?;
        let name = download.file.name.clone();
        let piece = ExportPiece { tenant: download.tenant, job: download.job, name, from, to };
        self.relay.control.export_bytes(piece).await.map_err(|e| match e {
            ControlError::Invalid(_) => missing(),
            unavailable @ ControlError::Unavailable(_) => away(unavailable),
        })
    }
}

fn from_row(row: &Row) -> Result<ExportLink> {
    Ok(ExportLink {
        id: text(row, "id")?,
        export: id(row, "export")?,
        made_by: text(row, "made_by")?,
        expires_at: Timestamp(number(row, "expires_at")?),
        secret: None,
    })
}

impl Export {
    /// The mailbox that it is of, where it is one.
    pub fn only_mailbox(&self) -> Option<base::AccountId> {
        one(&self.mailboxes)
    }
}

//! SUMMARY    Announcements as whoever tells them works on them: made, changed, ended, listed.

use super::{Announcement, AnnouncementPatch, NewAnnouncement, checked, checked_times, damaged, from_row};
use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Service, Terms,
    db::{Connection, query},
    limits::ANNOUNCEMENTS_OPEN_MAX,
    page::list,
    rows::{fresh_id, number},
    terms::{Request, Start, Work},
};
use base::TenantId;

impl Service {
    /// Tells something to all tenants below one.
    pub async fn announcement_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewAnnouncement,
    ) -> Result<Done<Announcement>> {
        let texts = checked(&new.texts)?;
        let mut work = match self.start(actor, terms, Request::new("announcementCreate", format!("{new:?}"))).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::TenantCreate, new.tenant).await?;
        let now = self.now().0;
        let starts_at_ms = new.starts_at_ms.unwrap_or(now);
        checked_times(starts_at_ms, new.ends_at_ms, now)?;
        let open =
            query("SELECT COUNT(*) AS n FROM announcement WHERE tenant = $1 AND (ends_at IS NULL OR ends_at > $2)")
                .bind(new.tenant.to_string())
                .bind(now)
                .fetch_one(&mut work.txn)
                .await?;
        if number(&open, "n")? >= ANNOUNCEMENTS_OPEN_MAX {
            let message = format!("At most {ANNOUNCEMENTS_OPEN_MAX} at a time (ANNOUNCEMENTS_OPEN_MAX): end some");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        let announcement = fresh_id("ann_")?;
        query(
            "INSERT INTO announcement (id, tenant, severity, texts, starts_at, ends_at, dismissible, version, created_by, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)",
        )
        .bind(&announcement)
        .bind(new.tenant.to_string())
        .bind(new.severity.name())
        .bind(serde_json::to_string(&texts).map_err(|_| damaged())?)
        .bind(starts_at_ms)
        .bind(new.ends_at_ms)
        .bind(i64::from(new.dismissible))
        .bind(actor.name())
        .bind(now)
        .execute(&mut work.txn)
        .await?;
        self.finish_announcement(work, actor, "announcementCreate", &announcement).await
    }

    /// Changes one. Whoever put it away sees it again when it says something else.
    pub async fn announcement_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        announcement: &str,
        patch: &AnnouncementPatch,
    ) -> Result<Done<Announcement>> {
        let texts = patch.texts.as_deref().map(checked).transpose()?;
        let request = Request::new("announcementUpdate", format!("{announcement} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.announcement_in(&mut work.txn, actor, announcement).await?;
        work.expect(now.version)?;
        let is_new =
            patch.severity.is_some_and(|s| s != now.severity) || texts.as_ref().is_some_and(|t| *t != now.texts);
        let starts_at_ms = patch.starts_at_ms.unwrap_or(now.starts_at_ms);
        let ends_at_ms = patch.ends_at_ms.unwrap_or(now.ends_at_ms);
        if patch.ends_at_ms.is_some() || patch.starts_at_ms.is_some() {
            checked_times(starts_at_ms, ends_at_ms, self.now().0)?;
        }
        query(
            "UPDATE announcement SET severity = $2, texts = $3, starts_at = $4, ends_at = $5, dismissible = $6, \
             version = version + 1 WHERE id = $1",
        )
        .bind(announcement)
        .bind(patch.severity.unwrap_or(now.severity).name())
        .bind(serde_json::to_string(&texts.unwrap_or(now.texts)).map_err(|_| damaged())?)
        .bind(starts_at_ms)
        .bind(ends_at_ms)
        .bind(i64::from(patch.dismissible.unwrap_or(now.dismissible)))
        .execute(&mut work.txn)
        .await?;
        if is_new {
            query("DELETE FROM announcement_dismissed WHERE announcement = $1")
                .bind(announcement)
                .execute(&mut work.txn)
                .await?;
        }
        self.finish_announcement(work, actor, "announcementUpdate", announcement).await
    }

    /// Ends one now; one that is over stays as it is.
    pub async fn announcement_end(
        &self,
        actor: &Actor,
        terms: &Terms,
        announcement: &str,
    ) -> Result<Done<Announcement>> {
        let request = Request::new("announcementEnd", announcement.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.announcement_in(&mut work.txn, actor, announcement).await?;
        work.expect(now.version)?;
        query(
            "UPDATE announcement SET ends_at = $2, version = version + 1 WHERE id = $1 AND (ends_at IS NULL OR ends_at > $2)",
        )
        .bind(announcement)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.finish_announcement(work, actor, "announcementEnd", announcement).await
    }

    /// What a tenant tells those below it, also what is over, a page of it by id; and how many there are.
    pub async fn announcements(
        &self,
        actor: &Actor,
        tenant: TenantId,
        page: &Page,
    ) -> Result<(Vec<Announcement>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantCreate, tenant).await?;
        let list = list!("announcement WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    async fn finish_announcement(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &'static str,
        announcement: &str,
    ) -> Result<Done<Announcement>> {
        let now = self.announcement_row(&mut work.txn, announcement).await?;
        let first = now.texts.first().map(|t| t.text.as_str()).unwrap_or_default();
        let detail = format!("{} {first}", now.severity.name());
        self.audit(&mut work.txn, actor, now.tenant, action, announcement, &detail).await?;
        self.finish(work, now, &[]).await
    }

    pub(super) async fn announcement_row(&self, txn: &mut Connection, announcement: &str) -> Result<Announcement> {
        let row = query("SELECT * FROM announcement WHERE id = $1").bind(announcement).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("id"))?)
    }

    async fn announcement_in(&self, txn: &mut Connection, actor: &Actor, announcement: &str) -> Result<Announcement> {
        let found = self.announcement_row(txn, announcement).await?;
        let permitted = self.permit(txn, actor, Permission::TenantCreate, found.tenant).await;
        permitted.map_err(|e| e.missing("id")).map(|()| found)
    }
}

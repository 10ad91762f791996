//! SUMMARY    Announcements as those below are shown them, and put them away.
//! LIMITS     ANNOUNCEMENTS_SHOWN_MAX
//! INVARIANTS Only who signed in puts one away, for itself alone; a token is nobody who reads.

use super::{Announcement, from_row};
use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    db::query,
    limits::ANNOUNCEMENTS_SHOWN_MAX,
    rows::json_list,
    terms::{Request, Start},
};

impl Service {
    /// What is told now to who asks, the worst first: by the tenants above the one it acts in, without what it has put away. To who has
    /// not signed in: what the provider tells.
    pub async fn announcements_shown(&self, actor: &Actor) -> Result<Vec<Announcement>> {
        let mut connection = match actor.is_somebody() {
            true => self.reader(actor).await?,
            false => self.connection().await?,
        };
        let above = match actor.is_somebody() {
            true => json_list(&self.above(&mut connection, actor.tenant).await?),
            false => {
                let root = query("SELECT id FROM tenant WHERE parent IS NULL").fetch_optional(&mut connection).await?;
                json_list(&root.iter().map(|row| crate::rows::text(row, "id")).collect::<Result<Vec<_>>>()?)
            }
        };
        let rows = query(
            "SELECT a.* FROM announcement a WHERE a.tenant IN (SELECT value FROM json_each($1)) AND a.starts_at <= $2 \
             AND (a.ends_at IS NULL OR a.ends_at > $2) AND NOT EXISTS (SELECT 1 FROM announcement_dismissed d \
             WHERE d.announcement = a.id AND d.subject = $3 AND a.dismissible = 1) \
             ORDER BY CASE a.severity WHEN 'INCIDENT' THEN 0 WHEN 'MAINTENANCE' THEN 1 ELSE 2 END, a.starts_at DESC, a.id \
             LIMIT $4",
        )
        .bind(above)
        .bind(self.now().0)
        .bind(reader(actor).unwrap_or_default())
        .bind(ANNOUNCEMENTS_SHOWN_MAX)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(from_row).collect()
    }

    /// Puts one away for who asks. `NotFound` for what is not told to it, `Forbidden` for what stays.
    pub async fn announcement_dismiss(
        &self,
        actor: &Actor,
        terms: &Terms,
        announcement: &str,
    ) -> Result<Done<Announcement>> {
        let request = Request::new("announcementDismiss", announcement.to_owned());
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let found = self.announcement_row(&mut work.txn, announcement).await?;
        if !self.above(&mut work.txn, actor.tenant).await?.contains(&found.tenant) {
            return Err(Error::not_found("id"));
        }
        work.expect(found.version)?;
        let Some(subject) = reader(actor) else {
            return Err(Error::new(Code::Forbidden, "", "Only who signed in puts announcements away"));
        };
        if !found.dismissible {
            return Err(Error::new(Code::Forbidden, "id", "This one stays until it is over"));
        }
        query(
            "INSERT INTO announcement_dismissed (announcement, subject, at) VALUES ($1, $2, $3) \
             ON CONFLICT (announcement, subject) DO NOTHING",
        )
        .bind(announcement)
        .bind(subject)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, actor.tenant, "announcementDismiss", announcement, "").await?;
        self.finish(work, found, &[]).await
    }
}

/// Who reads: a person, or the user of a mailbox, by a session.
fn reader(actor: &Actor) -> Option<&str> {
    actor.session().map(|_| actor.caller())
}

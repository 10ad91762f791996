//! SUMMARY    Gifts and overrides of a customer.
//! LIMITS     CONCESSIONS_MAX, CONCESSION_REASON_CHARS_MAX, GRANT_MAX
//! INVARIANTS Nothing is removed: what ended stays to be looked at, with why it was given.

use super::{
    Billing, Concession, ConcessionKind, NewConcession,
    catalog::{GRANT_MAX, within},
    store::{of_body, to_body},
};
use base::{TenantId, Timestamp};
use tenants::{
    Actor, Code, Done, Error, Page, Result, Terms, only_seen,
    sql::{Connection, LAST, Request, Row, Start, Statements, fresh_id, id, number, optional, query, text},
};

/// Concessions of a customer that are in force at once.
pub const CONCESSIONS_MAX: i64 = 50;
/// Characters of the reason of one.
pub const CONCESSION_REASON_CHARS_MAX: usize = 200;

const CONCESSIONS: Statements = Statements {
    forward: "SELECT * FROM concession WHERE tenant = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
    backward: "SELECT * FROM concession WHERE tenant = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4",
    count: "SELECT COUNT(*) AS n FROM concession WHERE tenant = $1",
};

impl Billing {
    /// All that were, the newest first.
    pub async fn concessions(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Concession>, i64)> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        let from = match &page.cursor {
            Some(id) => {
                let at = query("SELECT created_at FROM concession WHERE id = $1 AND tenant = $2");
                let at = at.bind(id).bind(tenant.to_string()).fetch_optional(&mut connection).await?;
                vec![number(&at.ok_or_else(|| page.not_a_cursor())?, "created_at")?.into(), id.into()]
            }
            None if page.backward => vec![i64::MIN.into(), "".into()],
            None => vec![i64::MAX.into(), LAST.into()],
        };
        let (rows, count) = page.rows(&mut connection, &CONCESSIONS, &[tenant.to_string()], from).await?;
        Ok((rows.iter().map(concession_row).collect::<Result<_>>()?, count))
    }

    /// Gives it, by the seller: counts at once. `Invalid` for a customer that has no plan: its limits are set by hand.
    pub async fn concession_add(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        new: &NewConcession,
    ) -> Result<Done<Concession>> {
        let request = Request::new("concessionAdd", format!("{tenant} {new:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_sell_to(&mut work.txn, actor, tenant).await?;
        let until = self.checked(new)?;
        self.room_for_more(&mut work.txn, tenant).await?;
        let id = fresh_id("ccs_")?;
        query("INSERT INTO concession (id, tenant, body, reason, until, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&id)
            .bind(tenant.to_string())
            .bind(to_body(&new.what)?)
            .bind(new.reason.trim())
            .bind(until.map(|at| at.0))
            .bind(self.service.now().0)
            .execute(&mut work.txn)
            .await?;
        if self.basis(&mut work.txn, tenant).await?.is_none() {
            let message = "It has no plan, so that its limits are set by hand (tenantUpdate)";
            return Err(Error::new(Code::Invalid, "tenantId", message));
        }
        let detail = format!("{:?} {}", new.what, new.reason.trim());
        self.service.audit(&mut work.txn, actor, tenant, "concessionAdd", &id, &detail).await?;
        let changes = self.stand(&mut work.txn, tenant).await?;
        let shown = self.concession_in(&mut work.txn, &id).await?;
        self.service.finish(work, shown, &changes).await
    }

    /// Ends it.
    pub async fn concession_end(&self, actor: &Actor, terms: &Terms, id: &str) -> Result<Done<Concession>> {
        let mut work = match self.service.start(actor, terms, Request::new("concessionEnd", id.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let known = self.concession_in(&mut work.txn, id).await?;
        self.may_sell_to(&mut work.txn, actor, known.tenant).await.map_err(|e| e.missing("concessionId"))?;
        if known.ended_at.is_some() {
            return Err(Error::new(Code::Invalid, "concessionId", "It has ended"));
        }
        query("UPDATE concession SET ended_at = $2 WHERE id = $1")
            .bind(id)
            .bind(self.service.now().0)
            .execute(&mut work.txn)
            .await?;
        self.service.audit(&mut work.txn, actor, known.tenant, "concessionEnd", id, "").await?;
        let changes = self.stand(&mut work.txn, known.tenant).await?;
        let shown = self.concession_in(&mut work.txn, id).await?;
        self.service.finish(work, shown, &changes).await
    }

    /// Those in force, in the order they were given.
    pub(crate) async fn concessions_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<ConcessionKind>> {
        let rows = query(
            "SELECT * FROM concession WHERE tenant = $1 AND ended_at IS NULL AND (until IS NULL OR until > $2) \
             ORDER BY created_at, id",
        )
        .bind(tenant.to_string())
        .bind(self.service.now().0)
        .fetch_all(txn)
        .await?;
        rows.iter().map(|row| of_body(row, "body")).collect()
    }

    async fn concession_in(&self, txn: &mut Connection, id: &str) -> Result<Concession> {
        let row = query("SELECT * FROM concession WHERE id = $1").bind(id).fetch_optional(txn).await?;
        concession_row(&row.ok_or_else(|| Error::not_found("concessionId"))?)
    }

    /// Until when it is, if it can be given.
    fn checked(&self, new: &NewConcession) -> Result<Option<Timestamp>> {
        let invalid = |field, message: String| Err(Error::new(Code::Invalid, field, message));
        let reason = new.reason.trim();
        let too_long = reason.chars().count() > CONCESSION_REASON_CHARS_MAX;
        if reason.is_empty() || too_long || reason.chars().any(char::is_control) || only_seen(reason) != reason {
            let message = format!(
                "A reason of one line, 1 to {CONCESSION_REASON_CHARS_MAX} characters (CONCESSION_REASON_CHARS_MAX)"
            );
            return invalid("reason", message);
        }
        let (until, fits) = match &new.what {
            ConcessionKind::Gift(gift) => (gift.until, within(gift.grants)),
            ConcessionKind::Override(set) => (set.until, set.value.is_none_or(|n| n <= GRANT_MAX)),
        };
        if !fits {
            return invalid("what", format!("At most {GRANT_MAX} (GRANT_MAX)"));
        }
        match until {
            Some(end) if end <= self.service.now() => invalid("until", "This is in the past".to_owned()),
            Some(_) | None => Ok(until),
        }
    }

    async fn room_for_more(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        let on = query(
            "SELECT COUNT(*) AS n FROM concession WHERE tenant = $1 AND ended_at IS NULL AND (until IS NULL OR until > $2)",
        )
        .bind(tenant.to_string())
        .bind(self.service.now().0)
        .fetch_one(txn)
        .await?;
        if number(&on, "n")? >= CONCESSIONS_MAX {
            let message = format!("A customer has at most {CONCESSIONS_MAX} at once (CONCESSIONS_MAX): end one");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        Ok(())
    }
}

fn concession_row(row: &Row) -> Result<Concession> {
    Ok(Concession {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        new: NewConcession { what: of_body(row, "body")?, reason: text(row, "reason")? },
        created_at: Timestamp(number(row, "created_at")?),
        ended_at: optional(row, "ended_at")?.map(Timestamp),
    })
}

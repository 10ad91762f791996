//! SUMMARY    Exports of mailboxes that people ask for: whose, who may, what stands in the way, how far each is.
//! STANDARDS  product.md §8 (E1 to E5)
//! SECURITY   A mailbox is exported by its own user, or by who may let others read it; a whole tenant by who could close it. Whoever owns a tenant
//!            beside who asks has EXPORT_WAIT to stop it. Mailboxes whose users have more rights than who asks are left out of a tenant's.
//!            Asking takes a factor that was verified a moment ago.
//! LIMITS     EXPORT_WAIT, EXPORTS_PER_TENANT_MAX, EXPORTS_PER_MAILBOX_MAX, EXPORT_MAILBOXES_MAX, EXPORT_DAYS_MAX, REASON_CHARS_MAX
//! INVARIANTS The data plane is not asked inside of a transaction. A row is committed before the data plane is told, and it is told until it answers: what
//!            was asked for is made once. An export may be asked for while the tenant is suspended or closing.

mod letter;
mod link;
mod order;
mod steer;

pub use link::{ExportDownload, ExportLink, NewExportLink};

use crate::{
    Actor, Code, Done, Error, Mailbox, Page, Permission, Result, Service, Terms,
    actor::Object,
    db::{Connection, Row, query},
    hold::standing,
    limits::{EXPORT_MAILBOXES_MAX, EXPORT_WAIT, EXPORTS_PER_MAILBOX_MAX, EXPORTS_PER_TENANT_MAX, REASON_CHARS_MAX},
    page::Statements,
    rows::{domain_of, id, json_list, number, optional, random, text},
    terms::{Request, Start},
    visible::seen,
};
use base::{AccountId, JobId, TenantId, Timestamp, limits::EXPORT_DAYS_MAX};
use control::{ControlError, ExportPhase, ExportShape, ExportStanding};
use serde::{Deserialize, Serialize};

/// 2026-01-01 00:00 UTC: numbers of exports count from there.
const SINCE_MS: i64 = 1_767_225_600_000;
/// Bits of an export's number that are drawn: the others say when it was asked for.
const DRAWN_BITS: u32 = 22;
/// Mailboxes whose users' rights are compared at once.
const COMPARED_AT_ONCE: usize = 500;

/// An export to be asked for.
#[derive(Debug, Clone)]
pub struct NewExport {
    pub tenant: TenantId,
    /// Empty: all of the tenant.
    pub mailboxes: Vec<AccountId>,
    pub shape: ExportShape,
    /// How long its files can be fetched once it is ready.
    pub keep_days: u32,
    /// One line, for the audit log; may be empty.
    pub reason: String,
}

/// What the control plane did with an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportAsked {
    /// For those who may stop it, or for the data plane.
    Waiting,
    /// The data plane may have it.
    Ordering,
    /// The data plane has it.
    Taken,
    Ready,
    /// It was ready, and is destroyed.
    Ended,
    /// It cannot be made.
    Refused,
    /// Destroyed before it was ready.
    Cancelled,
}

const ASKED: [(ExportAsked, &str); 7] = [
    (ExportAsked::Waiting, "WAITING"),
    (ExportAsked::Ordering, "ORDERING"),
    (ExportAsked::Taken, "TAKEN"),
    (ExportAsked::Ready, "READY"),
    (ExportAsked::Ended, "ENDED"),
    (ExportAsked::Refused, "REFUSED"),
    (ExportAsked::Cancelled, "CANCELLED"),
];

impl ExportAsked {
    fn name(self) -> &'static str {
        ASKED.iter().find(|(asked, _)| *asked == self).map_or("", |(_, name)| name)
    }

    fn of(name: &str) -> Result<Self> {
        let found = ASKED.iter().find(|(_, known)| *known == name).map(|(asked, _)| *asked);
        found.ok_or_else(|| Error::new(Code::Internal, "", "a stored state of an export is damaged"))
    }

    /// Whether the data plane knows more.
    fn is_there(self) -> bool {
        matches!(self, ExportAsked::Ordering | ExportAsked::Taken | ExportAsked::Ready)
    }
}

/// An export as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    pub id: JobId,
    pub tenant: TenantId,
    /// Empty: all of the tenant.
    pub mailboxes: Vec<AccountId>,
    /// Address of the one mailbox that it is of; `None`: it is of several, or that is gone.
    pub address: Option<String>,
    /// Mailboxes of the tenant that are not in it, whose users have more rights than who asked.
    pub left_out: u32,
    pub shape: ExportShape,
    pub keep_days: u32,
    pub reason: String,
    pub asked_by: String,
    pub asked: ExportAsked,
    /// Why it was refused.
    pub why: String,
    pub starts_at: Timestamp,
    pub created_at: Timestamp,
    /// When it was ready, and is or was destroyed.
    pub ready_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub emails: u64,
    pub file_bytes: u64,
    /// As the data plane has it; `None`: it was not asked, or does not answer.
    pub standing: Option<ExportStanding>,
    pub version: i64,
}

impl Export {
    /// Whether people may still stop it before it begins.
    pub fn is_announced(&self, now: Timestamp) -> bool {
        self.asked == ExportAsked::Waiting && self.starts_at > now
    }

    /// How long writing will take at the speed so far, seconds; `None`: that is not known yet.
    pub fn seconds_left(&self, now: Timestamp) -> Option<u64> {
        let standing = self.standing.as_ref().filter(|s| s.phase == ExportPhase::Writing && !s.paused)?;
        let spent_ms = u64::try_from(now.since(standing.pinned_at?).as_millis()).ok()?;
        let left = standing.bytes.checked_sub(standing.bytes_done)?;
        let seconds = u128::from(left) * u128::from(spent_ms) / u128::from(standing.bytes_done.max(1)) / 1_000;
        (standing.bytes_done > 0).then(|| u64::try_from(seconds).ok()).flatten()
    }
}

/// What of a row `from_row` reads.
macro_rules! shown {
    () => {
        "export.*, (SELECT m.address FROM mailbox m WHERE m.id = export.mailbox AND m.tenant = export.tenant AND m.live = 1) AS address"
    };
}
impl Service {
    /// Asks for an export. Errors: `NotFound`, `Forbidden`, `StepUpRequired`, `LimitReached`, `Invalid`.
    pub async fn export_request(&self, actor: &Actor, terms: &Terms, new: &NewExport) -> Result<Done<Export>> {
        checked(new)?;
        let request = Request::while_held("exportRequest", format!("{new:?}"));
        let mut work = match self.start::<Export>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.export_again(actor, done).await,
        };
        let txn = &mut work.txn;
        let (mailboxes, left_out) = match new.mailboxes.is_empty() {
            true => self.whole_tenant(txn, actor, new.tenant).await?,
            false => {
                for mailbox in &new.mailboxes {
                    self.may_export(txn, actor, new.tenant, *mailbox).await?;
                }
                (new.mailboxes.clone(), 0)
            }
        };
        self.room_for_export(txn, new).await?;
        let (now, others) = (self.now(), self.other_owners(txn, actor, new).await?);
        let waits = !others.is_empty() || self.lost_an_owner(txn, actor, new).await?;
        let starts_at = if waits { now.plus(EXPORT_WAIT) } else { now };
        let job = fresh_job(now)?;
        query(
            "INSERT INTO export (id, tenant, mailboxes, mailbox, left_out, shape, keep_days, reason, asked_by, state, why, starts_at, \
             due_at, version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'WAITING', '', $10, $10, 1, $11)",
        )
        .bind(job.to_string())
        .bind(new.tenant.to_string())
        .bind(json_list(&mailboxes))
        .bind(one(&new.mailboxes).map(|m| m.to_string()))
        .bind(i64::from(left_out))
        .bind(shape_name(new.shape))
        .bind(i64::from(new.keep_days))
        .bind(new.reason.trim())
        .bind(actor.caller())
        .bind(starts_at.0)
        .bind(now.0)
        .execute(&mut *txn)
        .await?;
        let detail = detail(new, left_out);
        self.audit(txn, actor, new.tenant, "exportRequest", &job.to_string(), &detail).await?;
        let export = self.export_row(txn, job).await?;
        self.tell_of_export(txn, actor, &export, &others).await?;
        let dry_run = terms.dry_run;
        let done = self.finish(work, export, &[]).await?;
        if dry_run {
            return Ok(done);
        }
        if starts_at <= now {
            // Later, if it does not work now: it is written down.
            if let Err(why) = self.order_exports().await {
                tracing::warn!(%why, "an export waits to be ordered");
            }
        }
        self.export_again(actor, done).await
    }

    /// The answer with the export as it is now.
    async fn export_again(&self, actor: &Actor, done: Done<Export>) -> Result<Done<Export>> {
        let object = self.export(actor, done.object.id).await?;
        Ok(Done { object, applied: done.applied })
    }

    /// Whether somebody may have one mailbox of a tenant exported, and fetch that.
    async fn may_export(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        mailbox: AccountId,
    ) -> Result<()> {
        let missing = |e: Error| if e.code == Code::NotFound { Error::not_found("mailboxIds") } else { e };
        let mailbox = self.mailbox_or_deleted(txn, actor, Permission::ExportRequest, mailbox).await.map_err(missing)?;
        if mailbox.tenant != tenant || mailbox.purge_at_ms.is_none() && mailbox.deleted_at_ms.is_some() {
            return Err(Error::not_found("mailboxIds"));
        }
        self.exports_allowed(txn, tenant, Some(&mailbox)).await?;
        self.may_open(txn, actor, &mailbox).await
    }

    /// Refuses while a hold on the tenant, one above it, or the mailbox forbids it.
    async fn exports_allowed(&self, txn: &mut Connection, tenant: TenantId, mailbox: Option<&Mailbox>) -> Result<()> {
        let mut all = self.seen_holds(txn, tenant).await?;
        if let Some(mailbox) = mailbox {
            let (domain, key) = (domain_of(&mailbox.address), mailbox.id.to_string());
            let mut own = self.holds_on(txn, &[domain, key.as_str()]).await?;
            all = [all, own.of(domain), own.of(&key)].concat();
        }
        let (capabilities, reason, _) = standing(&all);
        if capabilities.export {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, "", format!("A hold keeps from exporting: {reason}")))
    }

    /// What somebody may have exported of a whole tenant: all of it (an empty list), or a list of mailboxes, and how many are left out.
    async fn whole_tenant(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
    ) -> Result<(Vec<AccountId>, u32)> {
        self.owns_exports(txn, actor, tenant).await?;
        let rows = query(
            "SELECT id, address FROM mailbox WHERE tenant = $1 AND (live = 1 OR purge_at IS NOT NULL) ORDER BY id",
        )
        .bind(tenant.to_string())
        .fetch_all(&mut *txn)
        .await?;
        let (mut all, mut left_out) = (Vec::with_capacity(rows.len()), 0);
        for some in rows.chunks(COMPARED_AT_ONCE) {
            let addresses: Vec<String> = some.iter().map(|row| text(row, "address")).collect::<Result<_>>()?;
            let mut refused = self.of_who_has_more(txn, actor, tenant, &addresses).await?;
            refused.extend(self.held_back(txn, some).await?);
            for (place, row) in some.iter().enumerate() {
                match refused.contains(&place) {
                    true => left_out += 1,
                    false => all.push(id(row, "id")?),
                }
            }
        }
        if all.is_empty() {
            return Err(Error::new(Code::Invalid, "tenantId", "There is no mailbox to be exported"));
        }
        Ok(if left_out == 0 { (Vec::new(), 0) } else { (all, left_out) })
    }

    /// Mailboxes, by their places among rows with id and address, that a hold on them or their domain keeps from being exported.
    async fn held_back(&self, txn: &mut Connection, rows: &[Row]) -> Result<Vec<usize>> {
        let mut subjects = Vec::with_capacity(rows.len());
        for row in rows {
            subjects.push((text(row, "id")?, text(row, "address")?));
        }
        let keys: Vec<&str> = subjects.iter().flat_map(|(id, address)| [id.as_str(), domain_of(address)]).collect();
        let holds = self.holds_on(txn, &keys).await?;
        let forbids = |key: &str| !standing(holds.on(key)).0.export;
        let held = subjects.iter().enumerate();
        Ok(held
            .filter(|(_, (id, address))| forbids(id) || forbids(domain_of(address)))
            .map(|(place, _)| place)
            .collect())
    }

    /// Whether who asked for an export, or made a link to it, is still somebody of its tenant's line.
    async fn is_still_there(&self, txn: &mut Connection, tenant: TenantId, who: &str) -> Result<bool> {
        let sql = match who.split('_').next() {
            Some("per") => {
                "SELECT 1 AS n FROM membership WHERE person = $1 AND tenant IN (SELECT value FROM json_each($2)) LIMIT 1"
            }
            Some("acc") => {
                "SELECT 1 AS n FROM mailbox WHERE id = $1 AND live = 1 AND tenant IN (SELECT value FROM json_each($2))"
            }
            Some("svc") => {
                "SELECT 1 AS n FROM service_account WHERE id = $1 AND tenant IN (SELECT value FROM json_each($2))"
            }
            Some(_) | None => {
                "SELECT 1 AS n FROM api_token WHERE jti = $1 AND revoked_at IS NULL AND tenant IN (SELECT value FROM json_each($2))"
            }
        };
        let line = json_list(&self.line(txn, tenant).await?);
        Ok(query(sql).bind(who).bind(line).fetch_optional(txn).await?.is_some())
    }

    /// Whether a hold on the tenant, or on a mailbox that is named, forbids what is to be exported or fetched by now.
    async fn is_still_allowed(&self, txn: &mut Connection, export: &Export) -> Result<()> {
        self.exports_allowed(txn, export.tenant, None).await?;
        let rows =
            query("SELECT id, address FROM mailbox WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))")
                .bind(export.tenant.to_string())
                .bind(json_list(&export.mailboxes))
                .fetch_all(&mut *txn)
                .await?;
        match self.held_back(txn, &rows).await?.is_empty() {
            true => Ok(()),
            false => Err(Error::new(Code::Forbidden, "", "A hold keeps a mailbox from being exported")),
        }
    }

    /// Whether somebody may have all of a tenant exported: who could close it.
    async fn owns_exports(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        self.permit(txn, actor, Permission::ExportRequest, tenant).await?;
        self.permit(txn, actor, Permission::TenantClose, tenant).await?;
        // Its papers have these.
        self.permit(txn, actor, Permission::AuditRead, tenant).await?;
        self.permit(txn, actor, Permission::BillingRead, tenant).await?;
        self.exports_allowed(txn, tenant, None).await
    }

    async fn room_for_export(&self, txn: &mut Connection, new: &NewExport) -> Result<()> {
        let count = "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN mailbox = $2 THEN 1 ELSE 0 END), 0) AS own FROM export \
                     WHERE tenant = $1 AND state IN ('WAITING', 'ORDERING', 'TAKEN', 'READY')";
        let own = one(&new.mailboxes).map(|m| m.to_string()).unwrap_or_default();
        let row = query(count).bind(new.tenant.to_string()).bind(own).fetch_one(txn).await?;
        let reached = |limit: i64, name: &str| {
            let message = format!("There are {limit} exports that are not destroyed yet ({name}): cancel one");
            Err(Error::new(Code::LimitReached, "", message))
        };
        match (number(&row, "n")?, number(&row, "own")?) {
            (n, _) if n >= EXPORTS_PER_TENANT_MAX => reached(EXPORTS_PER_TENANT_MAX, "EXPORTS_PER_TENANT_MAX"),
            (_, own) if own >= EXPORTS_PER_MAILBOX_MAX => reached(EXPORTS_PER_MAILBOX_MAX, "EXPORTS_PER_MAILBOX_MAX"),
            _ => Ok(()),
        }
    }

    /// An export as its row has it.
    async fn export_row(&self, txn: &mut Connection, job: JobId) -> Result<Export> {
        let sql = concat!("SELECT ", shown!(), " FROM export WHERE id = $1");
        let row = query(sql).bind(job.to_string()).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("exportId"))?)
    }

    /// The same, of who may see it: what somebody does not see is not there.
    async fn export_seen(&self, txn: &mut Connection, actor: &Actor, job: JobId) -> Result<Export> {
        let export = self.export_row(txn, job).await?;
        let missing = || Error::not_found("exportId");
        let whole = self.allows(txn, actor, Permission::ExportRequest, export.tenant, Object::Whole).await?;
        let own = self.line(txn, export.tenant).await?.contains(&actor.tenant) && export.asked_by == actor.caller();
        if whole || own {
            return Ok(export);
        }
        let Some(mailbox) = one(&export.mailboxes) else { return Err(missing()) };
        let reached = self.mailbox_or_deleted(txn, actor, Permission::ExportRequest, mailbox).await;
        reached.map(|_| export).map_err(|_| missing())
    }

    /// One export, as it stands. `NotFound`.
    pub async fn export(&self, actor: &Actor, job: JobId) -> Result<Export> {
        let mut connection = self.reader(actor).await?;
        let export = self.export_seen(&mut connection, actor, job).await?;
        drop(connection);
        let mut all = [export];
        self.with_standings(&mut all).await;
        let [export] = all;
        Ok(export)
    }

    /// Exports of a tenant that the actor may see, the latest first, a page of them; and how many there are.
    pub async fn exports(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Export>, i64)> {
        let mut connection = self.reader(actor).await?;
        let reach = self.reach(&mut connection, actor, Permission::ExportRequest, tenant).await?;
        let end = if page.backward { "" } else { crate::page::LAST };
        let from = match &page.cursor {
            Some(cursor) => cursor.parse::<JobId>().map_err(|_| page.not_a_cursor())?.to_string(),
            None => end.to_owned(),
        };
        let scope = [
            tenant.to_string(),
            if reach.whole { "1" } else { "0" }.to_owned(),
            reach.mailbox_list(),
            actor.caller().to_owned(),
        ];
        let (rows, count) = page.rows(&mut connection, &LIST, &scope, vec![from.into()]).await?;
        drop(connection);
        let mut exports = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
        self.with_standings(&mut exports).await;
        Ok((exports, count))
    }

    /// Adds what the data plane says, where it answers.
    async fn with_standings(&self, exports: &mut [Export]) {
        let asked: Vec<(TenantId, JobId)> =
            exports.iter().filter(|e| e.asked.is_there()).map(|e| (e.tenant, e.id)).collect();
        if asked.is_empty() {
            return;
        }
        match self.relay.control.exports(asked).await {
            Ok(told) => {
                exports.iter_mut().filter(|e| e.asked.is_there()).zip(told).for_each(|(e, told)| e.standing = told);
            }
            Err(why) => tracing::warn!(%why, "the data plane does not tell of exports"),
        }
    }
}

macro_rules! exports {
    ($select:expr, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM export WHERE tenant = $1 AND ($2 = '1' OR mailbox IN (SELECT value FROM json_each($3)) OR asked_by = $4)",
            $rest
        )
    };
}
const LIST: Statements = Statements {
    forward: exports!(shown!(), " AND id < $5 ORDER BY id DESC LIMIT $6"),
    backward: exports!(shown!(), " AND id > $5 ORDER BY id LIMIT $6"),
    count: exports!("COUNT(*) AS n", ""),
};

fn one(mailboxes: &[AccountId]) -> Option<AccountId> {
    match mailboxes {
        [one] => Some(*one),
        _ => None,
    }
}

fn checked(new: &NewExport) -> Result<()> {
    let invalid = |field, message: String| Err(Error::new(Code::Invalid, field, message));
    let mut each = new.mailboxes.clone();
    each.sort_unstable();
    each.dedup();
    if each.len() != new.mailboxes.len() {
        return invalid("mailboxIds", "A mailbox is named twice".to_owned());
    }
    if each.len() > EXPORT_MAILBOXES_MAX {
        let message = format!("At most {EXPORT_MAILBOXES_MAX} mailboxes, or all of the tenant (EXPORT_MAILBOXES_MAX)");
        return invalid("mailboxIds", message);
    }
    if !(1..=EXPORT_DAYS_MAX).contains(&new.keep_days) {
        return invalid("keepDays", format!("1 to {EXPORT_DAYS_MAX} days (EXPORT_DAYS_MAX)"));
    }
    if new.reason.chars().count() > REASON_CHARS_MAX || new.reason.chars().any(char::is_control) {
        let message = format!("A reason is one line of at most {REASON_CHARS_MAX} characters (REASON_CHARS_MAX)");
        return invalid("reason", message);
    }
    seen(&new.reason, "reason")
}

/// What the audit log says of it.
fn detail(new: &NewExport, left_out: u32) -> String {
    let what = match (one(&new.mailboxes), new.mailboxes.len()) {
        (Some(mailbox), _) => mailbox.to_string(),
        (None, 0) if left_out == 0 => "all mailboxes".to_owned(),
        (None, 0) => format!("all mailboxes but {left_out}"),
        (None, count) => format!("{count} mailboxes: {}", json_list(&new.mailboxes)),
    };
    format!("{what} {}", new.reason.trim()).trim_end().to_owned()
}

/// A number that is higher than that of every export that was asked for before this millisecond.
pub(crate) fn fresh_job(now: Timestamp) -> Result<JobId> {
    let when = u64::try_from(now.0.saturating_sub(SINCE_MS)).unwrap_or(0);
    let drawn = u64::from_be_bytes(random::<8>()?) >> (u64::BITS - DRAWN_BITS);
    Ok(JobId(when << DRAWN_BITS | drawn))
}

fn shape_name(shape: ExportShape) -> &'static str {
    match shape {
        ExportShape::Mbox => "mbox",
        ExportShape::Maildir => "maildir",
    }
}

fn from_row(row: &Row) -> Result<Export> {
    let damaged = || Error::new(Code::Internal, "", "a stored export is damaged");
    let list: Vec<String> = serde_json::from_str(&text(row, "mailboxes")?).map_err(|_| damaged())?;
    let positive = |column| number(row, column).map(|n| u64::try_from(n).unwrap_or(0));
    let small = |column| positive(column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    Ok(Export {
        id: id(row, "id")?,
        tenant: id(row, "tenant")?,
        mailboxes: list.iter().map(|id| id.parse().map_err(|_| damaged())).collect::<Result<_>>()?,
        address: row.text("address")?,
        left_out: small("left_out")?,
        shape: if text(row, "shape")? == "maildir" { ExportShape::Maildir } else { ExportShape::Mbox },
        keep_days: small("keep_days")?,
        reason: text(row, "reason")?,
        asked_by: text(row, "asked_by")?,
        asked: ExportAsked::of(&text(row, "state")?)?,
        why: text(row, "why")?,
        starts_at: Timestamp(number(row, "starts_at")?),
        created_at: Timestamp(number(row, "created_at")?),
        ready_at: optional(row, "ready_at")?.map(Timestamp),
        expires_at: optional(row, "expires_at")?.map(Timestamp),
        emails: positive("emails")?,
        file_bytes: positive("file_bytes")?,
        standing: None,
        version: number(row, "version")?,
    })
}

fn away(e: ControlError) -> Error {
    match e {
        ControlError::Unavailable(why) => {
            tracing::warn!(%why, "the data plane does not answer about an export");
            Error::new(Code::Unavailable, "", "The mail server does not answer: ask again in a moment")
        }
        ControlError::Invalid(why) => Error::new(Code::Invalid, "", why),
    }
}

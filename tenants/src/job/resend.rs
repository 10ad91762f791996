//! SUMMARY    Sends the snapshots of a tenant, and of all below it, to the data plane again: after it was restored from a
//!            backup, or to be sure.
//! LIMITS     RESEND_ITEMS_MAX
//! INVARIANTS Versions stay: what the data plane knows already it skips. What changes meanwhile is told by its own mutation.

use super::{Job, JobContext, JobKind, Step};
use crate::{
    Actor, Code, Done, Error, Permission, Result, Service, Terms,
    db::{Connection, query},
    limits::RESEND_ITEMS_MAX,
    rows::{id, number, text},
    snapshot::address_snapshot,
    terms::{Request, Start},
    tree::depth_max,
};
use base::TenantId;
use control::Change;
use serde::{Deserialize, Serialize};

pub(crate) struct TenantResend;

#[derive(Serialize, Deserialize)]
pub(crate) struct ResendInput {
    tenant: TenantId,
}

/// What of a tenant is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Part {
    #[default]
    Tenant,
    Domains,
    Addresses,
    Mailboxes,
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct ResendCursor {
    /// The tenant that is being told; the first one when missing.
    tenant: Option<TenantId>,
    part: Part,
    /// The last one told of the part.
    after: (String, String),
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Resent {
    tenants: i64,
    snapshots: i64,
}

impl JobKind for TenantResend {
    const NAME: &'static str = "tenantResend";
    type Input = ResendInput;
    type Cursor = ResendCursor;
    type Output = Resent;

    async fn step(service: &Service, job: &mut JobContext<Self>) -> Result<Step> {
        let root = job.input.tenant;
        if job.total.is_none() {
            job.total = Some(count(job.txn(service).await?, root).await?);
        }
        let tenant = match job.cursor.tenant {
            Some(tenant) => tenant,
            None => match next_tenant(job.txn(service).await?, root, "").await? {
                Some(tenant) => tenant,
                None => return Ok(Step::Done),
            },
        };
        let (part, after) = (job.cursor.part, std::mem::take(&mut job.cursor.after));
        let (changes, last) = page(service, job.txn(service).await?, tenant, part, &after).await?;
        let told = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        job.tell(changes);
        job.done += told;
        job.output.snapshots += told;
        job.cursor.tenant = Some(tenant);
        if let Some(last) = last {
            job.cursor.after = last;
            return Ok(Step::More);
        }
        job.cursor.part = match part {
            Part::Tenant => Part::Domains,
            Part::Domains => Part::Addresses,
            Part::Addresses => Part::Mailboxes,
            Part::Mailboxes => {
                job.output.tenants += 1;
                let next = next_tenant(job.txn(service).await?, root, &tenant.to_string()).await?;
                if next.is_none() {
                    return Ok(Step::Done);
                }
                job.cursor.tenant = next;
                Part::Tenant
            }
        };
        Ok(Step::More)
    }
}

/// Snapshots of a part of a tenant behind `after`; and where the next page begins, if there is one.
async fn page(
    service: &Service,
    txn: &mut Connection,
    tenant: TenantId,
    part: Part,
    after: &(String, String),
) -> Result<(Vec<Change>, Option<(String, String)>)> {
    let sql = match part {
        Part::Tenant => return Ok((vec![service.entitlement(txn, tenant).await?], None)),
        Part::Domains => "SELECT name AS a, $3 AS b FROM domain WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $4",
        Part::Addresses => {
            "SELECT domain AS a, local AS b, address.* FROM address WHERE tenant = $1 AND (domain, local) > ($2, $3) \
             ORDER BY domain, local LIMIT $4"
        }
        Part::Mailboxes => "SELECT id AS a, $3 AS b FROM mailbox WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $4",
    };
    let rows = query(sql)
        .bind(tenant.to_string())
        .bind(&after.0)
        .bind(&after.1)
        .bind(RESEND_ITEMS_MAX)
        .fetch_all(&mut *txn)
        .await?;
    let mut changes = Vec::with_capacity(rows.len());
    let mut last = None;
    for row in &rows {
        changes.push(match part {
            Part::Tenant => service.entitlement(txn, tenant).await?,
            Part::Domains => service.domain_snapshot(txn, &text(row, "a")?).await?,
            Part::Addresses => address_snapshot(row)?,
            Part::Mailboxes => service.account_snapshot(txn, id(row, "a")?).await?,
        });
        last = Some((text(row, "a")?, text(row, "b")?));
    }
    let full = i64::try_from(rows.len()).is_ok_and(|n| n >= RESEND_ITEMS_MAX);
    Ok((changes, last.filter(|_| full)))
}

/// The next of a tenant and those below it, in order of their ids.
async fn next_tenant(txn: &mut Connection, root: TenantId, after: &str) -> Result<Option<TenantId>> {
    let row = query(
        "WITH RECURSIVE below (id, depth) AS (SELECT id, 0 FROM tenant WHERE id = $1 UNION ALL \
         SELECT t.id, below.depth + 1 FROM tenant t JOIN below ON t.parent = below.id WHERE below.depth < $2) \
         SELECT id FROM below WHERE id > $3 ORDER BY id LIMIT 1",
    )
    .bind(root.to_string())
    .bind(depth_max())
    .bind(after)
    .fetch_optional(txn)
    .await?;
    row.map(|row| id(&row, "id")).transpose()
}

/// How many snapshots there are.
async fn count(txn: &mut Connection, root: TenantId) -> Result<i64> {
    let row = query(
        "WITH RECURSIVE below (id, depth) AS (SELECT id, 0 FROM tenant WHERE id = $1 UNION ALL \
         SELECT t.id, below.depth + 1 FROM tenant t JOIN below ON t.parent = below.id WHERE below.depth < $2) \
         SELECT (SELECT COUNT(*) FROM below) + (SELECT COUNT(*) FROM domain WHERE tenant IN (SELECT id FROM below)) \
         + (SELECT COUNT(*) FROM address WHERE tenant IN (SELECT id FROM below)) \
         + (SELECT COUNT(*) FROM mailbox WHERE tenant IN (SELECT id FROM below)) AS n",
    )
    .bind(root.to_string())
    .bind(depth_max())
    .fetch_one(txn)
    .await?;
    number(&row, "n")
}

impl Service {
    /// Asks for all snapshots of a tenant and of those below it to be sent to the data plane again. Operators only.
    pub async fn tenant_resend(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<Job>> {
        let request = Request::new(TenantResend::NAME, tenant.to_string());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::JobWrite, tenant).await?;
        if !actor.operator {
            return Err(Error::new(Code::Forbidden, "", "This is for operators"));
        }
        let job = self.job_place::<TenantResend>(&mut work.txn, actor, tenant, &ResendInput { tenant }).await?;
        self.audit(&mut work.txn, actor, tenant, TenantResend::NAME, &tenant.to_string(), &job.id).await?;
        self.finish(work, job, &[]).await
    }
}

//! SUMMARY    Closing by the operator, for a tenant that bought nothing: shut, told to a contact elsewhere, and the way back.
//! STANDARDS  product rules T1, T5; what was bought is closed by whoever sells (billing), with the same words
//! LIMITS     CLOSING_UNDO_DAYS, PURGE_NOTICE_DAYS, PURGE_NOTICES_MIN
//! INVARIANTS A notice is recorded in the transaction that puts its letter in line. A day that was told is not brought forward.

use super::{DAY_MS, Purge, damaged, purge_in};
use crate::{
    Actor, Code, Done, Error, NewHold, Permission, Result, Service, Subject, Tenant, Terms,
    db::{Connection, query},
    limits::{CLOSING_UNDO_DAYS, PURGE_NOTICE_DAYS, PURGE_NOTICES_MIN},
    people::NewNotice,
    rows::text,
    terms::{Request, Start},
};
use base::{Address, TenantId, Timestamp};
use control::HoldKind;
use serde_json::json;

/// Code of the hold of a closed tenant.
const CODE: &str = "CLOSED";

/// How a tenant is to be closed.
#[derive(Debug, Clone)]
pub struct Closing {
    /// Who is told: an address that is not hosted here.
    pub contact: String,
    /// A language tag.
    pub locale: String,
}

impl Service {
    /// Closes a tenant: nothing is received or sent, reading and export stay, and in CLOSING_UNDO_DAYS it may be purged. The contact is
    /// told now and once more. `Invalid`: the contact is hosted here, it is closed already, or it is a customer: whoever sells closes it.
    pub async fn tenant_close(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        new: &Closing,
    ) -> Result<Done<Tenant>> {
        let request = Request::new("tenantClose", format!("{tenant} {new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let own = "A tenant does not close itself here";
        let of = self.tenant_below(&mut work.txn, actor, Permission::TenantClose, tenant, own).await?;
        work.expect(of.version)?;
        if of.parent.is_none() {
            return Err(Error::new(Code::Forbidden, "tenantId", "The provider's own tenant cannot be closed"));
        }
        let contact = self.contact_elsewhere(&mut work.txn, &new.contact).await?;
        if purge_in(&mut work.txn, tenant).await?.is_some() {
            return Err(Error::new(Code::Invalid, "tenantId", "It is closed already"));
        }
        let customer = query("SELECT 1 AS n FROM customer WHERE tenant = $1").bind(tenant.to_string());
        if customer.fetch_optional(&mut work.txn).await?.is_some() {
            let why = "It is a customer: close it with tenantClose, which ends what was bought too";
            return Err(Error::new(Code::Invalid, "tenantId", why));
        }
        let now = self.now();
        let purge_at = now.0.saturating_add(CLOSING_UNDO_DAYS * DAY_MS);
        query(
            "INSERT INTO closing (tenant, phase, contact, locale, closed_at, notices, purge_at, ordered_by, name_hash, erased, proof) \
             VALUES ($1, 'CLOSING', $2, $3, $4, '[]', $5, '', '', '{}', '')",
        )
        .bind(tenant.to_string())
        .bind(&contact)
        .bind(&new.locale)
        .bind(now.0)
        .bind(purge_at)
        .execute(&mut work.txn)
        .await?;
        let (subject, hold) = (Subject::Tenant(tenant), closed(Timestamp(purge_at)));
        self.place_hold(&mut work.txn, actor, tenant, &subject, &hold).await?;
        self.tell_closing(&mut work.txn, tenant).await?;
        self.audit(&mut work.txn, actor, tenant, "tenantClose", &tenant.to_string(), "").await?;
        let batch = self.entitlements_below(&mut work.txn, tenant).await?;
        let updated = self.tenant_in(&mut work.txn, tenant).await?;
        work.rights = true;
        self.finish(work, updated, &batch).await
    }

    /// Takes a closing back. `Invalid`: it is not closed here, or it is being purged.
    pub async fn tenant_reopen(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<Tenant>> {
        let mut work = match self.start(actor, terms, Request::new("tenantReopen", tenant.to_string())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let own = "A tenant does not reopen itself here";
        let of = self.tenant_below(&mut work.txn, actor, Permission::TenantClose, tenant, own).await?;
        work.expect(of.version)?;
        let gone = query("DELETE FROM closing WHERE tenant = $1 AND phase = 'CLOSING'").bind(tenant.to_string());
        if gone.execute(&mut work.txn).await? == 0 {
            return Err(Error::new(Code::Invalid, "tenantId", "It is not closed here, or is being purged"));
        }
        self.release_holds(&mut work.txn, actor, &tenant.to_string(), HoldKind::UserClosed).await?;
        self.audit(&mut work.txn, actor, tenant, "tenantReopen", &tenant.to_string(), "").await?;
        let batch = self.entitlements_below(&mut work.txn, tenant).await?;
        let updated = self.tenant_in(&mut work.txn, tenant).await?;
        work.rights = true;
        self.finish(work, updated, &batch).await
    }

    /// An address that no domain of ours has: a letter reaches it though all that is hosted here has stopped (T1).
    async fn contact_elsewhere(&self, txn: &mut Connection, contact: &str) -> Result<String> {
        let address = Address::parse(contact).map_err(|e| Error::new(Code::Invalid, "contact", e.to_string()))?;
        let hosted = query("SELECT 1 AS n FROM domain WHERE name = $1 AND live = 1").bind(address.domain().as_str());
        match hosted.fetch_optional(txn).await? {
            None => Ok(address.to_string()),
            Some(_) => Err(Error::new(Code::Invalid, "contact", "The contact has to be elsewhere, not hosted here")),
        }
    }

    /// Writes to the contact, and records that it was told.
    pub(super) async fn tell_closing(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        let row = query("SELECT contact, locale FROM closing WHERE tenant = $1").bind(tenant.to_string());
        let row = row.fetch_one(&mut *txn).await?;
        let (contact, locale) = (text(&row, "contact")?, text(&row, "locale")?);
        let Some(closing) = purge_in(&mut *txn, tenant).await? else { return Ok(()) };
        let now = self.now();
        let mut notices = closing.notices.clone();
        notices.push(now);
        let tried: Vec<i64> = notices.iter().map(|at| at.0).chain(closing.lost.iter().map(|at| -at.0)).collect();
        let last = (notices.len() >= PURGE_NOTICES_MIN).then(|| now.0.saturating_add(PURGE_NOTICE_DAYS * DAY_MS));
        let told = closing.purge_at.map_or(0, |at| at.0).max(last.unwrap_or(0));
        query("UPDATE closing SET notices = $2, purge_at = $3 WHERE tenant = $1")
            .bind(tenant.to_string())
            .bind(serde_json::to_string(&tried).map_err(damaged)?)
            .bind(told)
            .execute(&mut *txn)
            .await?;
        let name = self.tenant_in(&mut *txn, tenant).await?.name;
        let facts = json!({ "tenant": name, "at_ms": told, "closing": tenant.to_string(), "told_ms": now.0 });
        // By the provider: what the tenant itself has in the queue waits while it is closed.
        let notice = NewNotice { tenant: None, kind: "tenant-closing", recipient: &contact, locale: &locale, facts };
        self.put_notice(txn, notice).await
    }

    /// When a closed tenant is told next; `None`: it was told often enough.
    pub(super) fn next_notice(closing: &Purge) -> Option<Timestamp> {
        if closing.notices.len() >= PURGE_NOTICES_MIN {
            return None;
        }
        let days = (CLOSING_UNDO_DAYS - PURGE_NOTICE_DAYS) * DAY_MS;
        let days = if closing.notices.is_empty() { 0 } else { days };
        let next = closing.closed_at.0.saturating_add(days);
        let again = closing.lost.iter().max().map_or(0, |lost| lost.0.saturating_add(DAY_MS));
        Some(Timestamp(next.max(again)))
    }

    /// A letter about a closing was not sent: it was not told. It is told again after a day.
    pub(crate) async fn untell_closing(&self, txn: &mut Connection, tenant: TenantId, told: Timestamp) -> Result<()> {
        let Some(closing) = purge_in(&mut *txn, tenant).await? else { return Ok(()) };
        let kept = closing.notices.iter().filter(|at| **at != told).map(|at| at.0);
        let lost = closing.lost.iter().chain([&told]).map(|at| -at.0);
        let tried: Vec<i64> = kept.chain(lost).collect();
        query("UPDATE closing SET notices = $2 WHERE tenant = $1 AND phase = 'CLOSING'")
            .bind(tenant.to_string())
            .bind(serde_json::to_string(&tried).map_err(damaged)?)
            .execute(txn)
            .await
            .map(drop)
    }
}

fn closed(purge_at: Timestamp) -> NewHold {
    NewHold {
        kind: HoldKind::UserClosed,
        code: CODE.to_owned(),
        reason: format!("The organisation is closed; its data is destroyed from {} on.", super::shown(purge_at)),
        next_step: "Whoever owns it may export what is needed, or have the provider reopen it.".to_owned(),
        blocks: None,
        expires_at_ms: None,
    }
}

//! SUMMARY    Placing and releasing holds, and those that end by themselves.
//! SECURITY   A tenant cannot restrict or free itself, but for closing; legal and upstream holds are the operator's alone.

use super::{Hold, Subject, one_line, parse_reason, policy, read::from_row};
use crate::{
    Actor, Code, Done, Error, Permission, Result, Service, Terms,
    actor::Object,
    db::{Connection, query},
    limits::{HOLD_CODE_CHARS_MAX, HOLDS_EXPIRED_AT_ONCE, HOLDS_PER_SUBJECT_MAX},
    rows::{domain_of, fresh_id, id, number, text},
    terms::{Request, Start},
};
use base::{AccountId, TenantId};
use control::{Capability, Change, HoldKind};

/// A hold to be placed.
#[derive(Debug, Clone)]
pub struct NewHold {
    pub kind: HoldKind,
    /// Stable word: capital letters, digits, underscores.
    pub code: String,
    pub reason: String,
    pub next_step: String,
    /// What is usual for the kind when missing.
    pub blocks: Option<Vec<Capability>>,
    /// Milliseconds since the epoch; never when missing.
    pub expires_at_ms: Option<i64>,
}

impl NewHold {
    /// A suspension: everything at the doors, until it is ended.
    pub fn suspension(reason: &str) -> NewHold {
        NewHold {
            kind: HoldKind::Admin,
            code: "SUSPENDED".into(),
            reason: reason.to_owned(),
            next_step: String::new(),
            blocks: None,
            expires_at_ms: None,
        }
    }
}

/// What a subject belongs to.
struct Place {
    tenant: TenantId,
    mailbox: Option<(AccountId, String)>,
}

impl Service {
    /// Restricts a tenant (with all below it), a domain (all its mailboxes), a mailbox or a credential.
    pub async fn hold_place(
        &self,
        actor: &Actor,
        terms: &Terms,
        subject: &Subject,
        new: &NewHold,
    ) -> Result<Done<Hold>> {
        let mut work = match self.start(actor, terms, Request::new("holdPlace", format!("{subject} {new:?}"))).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let place = self.may_hold(&mut work.txn, actor, subject, new.kind).await?;
        let hold = self.place_hold(&mut work.txn, actor, place.tenant, subject, new).await?;
        let detail = format!("{} {}", new.code, new.reason);
        self.audit(&mut work.txn, actor, place.tenant, "holdPlace", &subject.to_string(), &detail).await?;
        let batch = self.changes_of(&mut work.txn, subject).await?;
        work.rights = true;
        self.finish(work, hold, &batch).await
    }

    /// Ends one hold; `reason` (perhaps empty) stands in the audit log. `NotFound` when it is over, `Forbidden` when a tenant above
    /// placed it.
    pub async fn hold_release(&self, actor: &Actor, terms: &Terms, hold: &str, reason: &str) -> Result<Done<Hold>> {
        let reason = one_line(reason, "reason")?;
        let request = Request::while_held("holdRelease", format!("{hold} {reason}").trim_end().to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let row = query("SELECT * FROM hold WHERE id = $1 AND released_at IS NULL")
            .bind(hold)
            .fetch_optional(&mut work.txn)
            .await?;
        let hold = from_row(&row.ok_or_else(|| Error::not_found("holdId"))?)?;
        let place = self.may_hold(&mut work.txn, actor, &hold.on, hold.kind).await.map_err(|e| e.missing("holdId"))?;
        let undone = hold.kind == HoldKind::UserClosed && place.tenant == actor.tenant;
        let can = policy::standing(&self.seen_holds(&mut work.txn, actor.tenant).await?).0;
        if !(can.provision || undone || actor.operator) {
            return Err(Error::new(
                Code::Forbidden,
                "",
                "The tenant is suspended: it ends no holds but its own closing",
            ));
        }
        if !self.is_above(&mut work.txn, actor, hold.placed_by).await? {
            return Err(placed_above());
        }
        self.end_hold(&mut work.txn, &hold.id).await?;
        let detail = format!("{} {reason}", hold.code);
        self.audit(&mut work.txn, actor, place.tenant, "holdRelease", &hold.on.to_string(), detail.trim_end()).await?;
        let batch = self.changes_of(&mut work.txn, &hold.on).await?;
        work.rights = true;
        self.finish(work, hold, &batch).await
    }

    /// A tenant has paid: its holds of billing end, and no others (H1).
    pub async fn billing_settled(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<()>> {
        let mut work = match self.start(actor, terms, Request::new("billingSettled", tenant.to_string())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let subject = Subject::Tenant(tenant);
        self.may_hold(&mut work.txn, actor, &subject, HoldKind::Billing).await?;
        self.release_holds(&mut work.txn, actor, &subject.to_string(), HoldKind::Billing).await?;
        self.audit(&mut work.txn, actor, tenant, "billingSettled", &tenant.to_string(), "").await?;
        let batch = self.changes_of(&mut work.txn, &subject).await?;
        work.rights = true;
        self.finish(work, (), &batch).await
    }

    /// Places a hold of the actor's tenant on a subject; an earlier one of the same tenant, kind and code ends.
    pub(crate) async fn place_hold(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        subject: &Subject,
        new: &NewHold,
    ) -> Result<Hold> {
        let hold = self.checked(actor, subject, new)?;
        self.put_hold(txn, actor, tenant, hold).await
    }

    /// Stores a hold that was checked.
    pub(crate) async fn put_hold(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        hold: Hold,
    ) -> Result<Hold> {
        let subject = hold.on.clone();
        query(
            "UPDATE hold SET released_at = $2 WHERE subject = $1 AND kind = $3 AND code = $4 AND released_at IS NULL \
             AND placed_by_tenant = $5",
        )
        .bind(subject.to_string())
        .bind(self.now().0)
        .bind(policy::kind_name(hold.kind))
        .bind(&hold.code)
        .bind(actor.tenant.to_string())
        .execute(&mut *txn)
        .await?;
        let open = query("SELECT COUNT(*) AS n FROM hold WHERE subject = $1 AND released_at IS NULL")
            .bind(subject.to_string())
            .fetch_one(&mut *txn)
            .await?;
        if number(&open, "n")? >= HOLDS_PER_SUBJECT_MAX {
            let message = format!("There are {HOLDS_PER_SUBJECT_MAX} holds on it already (HOLDS_PER_SUBJECT_MAX)");
            return Err(Error::new(Code::LimitReached, "subjectId", message));
        }
        query(
            "INSERT INTO hold (id, tenant, subject, kind, code, reason, next_step, blocks, placed_by, placed_by_tenant, \
             placed_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(&hold.id)
        .bind(tenant.to_string())
        .bind(subject.to_string())
        .bind(policy::kind_name(hold.kind))
        .bind(&hold.code)
        .bind(&hold.reason)
        .bind(&hold.next_step)
        .bind(policy::render_blocks(&hold.blocks))
        .bind(&actor.name)
        .bind(hold.placed_by.to_string())
        .bind(hold.placed_at_ms)
        .bind(hold.expires_at_ms)
        .execute(&mut *txn)
        .await?;
        if hold.kind == HoldKind::Security {
            self.end_sign_ins(txn, &subject).await?;
        }
        Ok(hold)
    }

    /// Ends what users of mailboxes opened by passwords that may be somebody else's now.
    async fn end_sign_ins(&self, txn: &mut Connection, subject: &Subject) -> Result<()> {
        let sql = match subject {
            Subject::Tenant(_) => return Ok(()),
            Subject::Domain(_) => {
                "UPDATE session SET revoked_at = $2 WHERE revoked_at IS NULL AND subject IN (SELECT id FROM mailbox WHERE domain = $1)"
            }
            Subject::Mailbox(_) => "UPDATE session SET revoked_at = $2 WHERE revoked_at IS NULL AND subject = $1",
            Subject::Credential(_) => {
                "UPDATE session SET revoked_at = $2 WHERE revoked_at IS NULL AND subject IN \
                 (SELECT mailbox FROM credential WHERE id = $1 AND kind = 'password')"
            }
        };
        query(sql).bind(subject.to_string()).bind(self.now().0).execute(txn).await.map(drop)
    }

    /// Errors: `Invalid`.
    pub(crate) fn checked(&self, actor: &Actor, subject: &Subject, new: &NewHold) -> Result<Hold> {
        let code = new.code.trim();
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if code.is_empty() || code.len() > HOLD_CODE_CHARS_MAX || !code.bytes().all(fits) {
            let message = "A code is a word in capital letters, like PAYMENT_OVERDUE (HOLD_CODE_CHARS_MAX)";
            return Err(Error::new(Code::Invalid, "code", message));
        }
        if new.expires_at_ms.is_some_and(|at| at <= self.now().0) {
            return Err(Error::new(Code::Invalid, "expiresAt", "This is in the past"));
        }
        Ok(Hold {
            id: fresh_id("hld_")?,
            kind: new.kind,
            code: code.to_owned(),
            reason: parse_reason(&new.reason)?,
            next_step: one_line(&new.next_step, "nextStep")?,
            blocks: policy::blocks(new.kind, subject, new.blocks.as_deref())?,
            placed_by: actor.tenant,
            placed_at_ms: self.now().0,
            expires_at_ms: new.expires_at_ms,
            on: subject.clone(),
        })
    }

    /// Releases the holds of a kind on a subject that the actor's tenant, or one below it, placed. `Forbidden` when there are
    /// only others.
    pub(crate) async fn release_holds(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        subject: &str,
        kind: HoldKind,
    ) -> Result<()> {
        let open =
            query("SELECT id, placed_by_tenant FROM hold WHERE subject = $1 AND kind = $2 AND released_at IS NULL")
                .bind(subject)
                .bind(policy::kind_name(kind))
                .fetch_all(&mut *txn)
                .await?;
        let mut kept = 0;
        for row in &open {
            if !self.is_above(&mut *txn, actor, id(row, "placed_by_tenant")?).await? {
                kept += 1;
                continue;
            }
            self.end_hold(&mut *txn, &text(row, "id")?).await?;
        }
        if kept > 0 && kept == open.len() { Err(placed_above()) } else { Ok(()) }
    }

    pub(crate) async fn end_hold(&self, txn: &mut Connection, hold: &str) -> Result<()> {
        query("UPDATE hold SET released_at = $2 WHERE id = $1").bind(hold).bind(self.now().0).execute(txn).await?;
        Ok(())
    }

    /// Ends the holds whose time is over, a part at a time, and tells the data plane. Gives how many.
    pub async fn expire_holds(&self) -> Result<usize> {
        let due =
            "SELECT 1 AS n FROM hold WHERE released_at IS NULL AND expires_at IS NOT NULL AND expires_at <= $1 LIMIT 1";
        let mut reader = self.pool().acquire().await?;
        if query(due).bind(self.now().0).fetch_optional(&mut reader).await?.is_none() {
            return Ok(0);
        }
        drop(reader);
        let mut txn = self.begin().await?;
        let rows = query(
            "SELECT * FROM hold WHERE released_at IS NULL AND expires_at IS NOT NULL AND expires_at <= $1 \
             ORDER BY expires_at LIMIT $2",
        )
        .bind(self.now().0)
        .bind(HOLDS_EXPIRED_AT_ONCE)
        .fetch_all(&mut txn)
        .await?;
        for row in &rows {
            let hold = from_row(row)?;
            self.end_hold(&mut txn, &hold.id).await?;
            let system = Actor::of(id(row, "tenant")?, crate::Permissions::NONE, false, "system".into());
            self.audit(&mut txn, &system, system.tenant, "holdExpire", &hold.on.to_string(), &hold.code).await?;
            let batch = self.changes_of(&mut txn, &hold.on).await?;
            self.tell(&mut txn, &batch).await?;
        }
        txn.commit().await?;
        Ok(rows.len())
    }

    /// Where the subject belongs, if the actor may place and release this kind on it.
    async fn may_hold(&self, txn: &mut Connection, actor: &Actor, subject: &Subject, kind: HoldKind) -> Result<Place> {
        let place = self.place_of(txn, subject).await?;
        self.not_purged(txn, place.tenant).await?;
        let permission = match (kind, subject) {
            (HoldKind::Billing | HoldKind::UpstreamBilling, _) => Permission::BillingWrite,
            (HoldKind::UserClosed, Subject::Tenant(_)) => Permission::TenantClose,
            (_, Subject::Mailbox(_) | Subject::Credential(_)) => Permission::MailboxHold,
            (_, Subject::Tenant(_) | Subject::Domain(_)) => Permission::TenantHold,
        };
        let object = match (&place.mailbox, subject) {
            (Some((account, domain)), _) => Object::Mailbox { id: *account, domain },
            (None, Subject::Domain(name)) => Object::Domain(name),
            (None, _) => Object::Whole,
        };
        self.permit_on(txn, actor, permission, place.tenant, object).await.map_err(|e| e.missing("subjectId"))?;
        let forbidden = |why: &str| Err(Error::new(Code::Forbidden, "kind", why));
        if matches!(kind, HoldKind::Legal | HoldKind::UpstreamBilling) && !actor.operator {
            return forbidden("Holds of this kind are placed and released by the operator alone");
        }
        let line = self.line(txn, place.tenant).await?;
        if line.len() == 1 && matches!(subject, Subject::Tenant(_)) {
            return forbidden("The provider's own tenant cannot be held");
        }
        let own = place.tenant == actor.tenant && !actor.operator;
        let on_itself = matches!(subject, Subject::Tenant(_)) || matches!(kind, HoldKind::Billing);
        if own && on_itself && kind != HoldKind::UserClosed {
            return forbidden("A tenant cannot restrict or free itself");
        }
        Ok(place)
    }

    async fn place_of(&self, txn: &mut Connection, subject: &Subject) -> Result<Place> {
        let missing = || Error::not_found("subjectId");
        let sql = match subject {
            Subject::Tenant(tenant) => return Ok(Place { tenant: *tenant, mailbox: None }),
            Subject::Domain(_) => "SELECT tenant, NULL AS id, NULL AS address FROM domain WHERE name = $1 AND live = 1",
            Subject::Mailbox(_) => {
                "SELECT tenant, id, address FROM mailbox WHERE id = $1 AND (live = 1 OR purge_at IS NOT NULL)"
            }
            Subject::Credential(_) => {
                "SELECT m.tenant, m.id, m.address FROM credential c JOIN mailbox m ON m.id = c.mailbox \
                 WHERE c.id = $1 AND m.live = 1"
            }
        };
        let row = query(sql).bind(subject.to_string()).fetch_optional(txn).await?.ok_or_else(missing)?;
        let mailbox = match row.text("id")? {
            Some(_) => Some((id(&row, "id")?, domain_of(&text(&row, "address")?).to_owned())),
            None => None,
        };
        Ok(Place { tenant: id(&row, "tenant")?, mailbox })
    }

    /// What the data plane is to know after a hold on a subject came or went.
    pub(crate) async fn changes_of(&self, txn: &mut Connection, subject: &Subject) -> Result<Vec<Change>> {
        let sql = match subject {
            Subject::Tenant(tenant) => return self.entitlements_below(txn, *tenant).await,
            Subject::Domain(_) => "SELECT account AS id FROM address WHERE domain = $1 AND kind = 'account'",
            Subject::Mailbox(_) => "SELECT id FROM mailbox WHERE id = $1",
            Subject::Credential(_) => "SELECT mailbox AS id FROM credential WHERE id = $1",
        };
        let rows = query(sql).bind(subject.to_string()).fetch_all(&mut *txn).await?;
        let mut batch = Vec::with_capacity(rows.len());
        for row in &rows {
            let account: AccountId = id(row, "id")?;
            query("UPDATE mailbox SET version = version + 1 WHERE id = $1")
                .bind(account.to_string())
                .execute(&mut *txn)
                .await?;
            batch.push(self.account_snapshot(txn, account).await?);
        }
        Ok(batch)
    }
}

fn placed_above() -> Error {
    Error::new(Code::Forbidden, "", "The suspension was placed by a tenant above; only it can end it")
}

//! SUMMARY    Looking at a domain: every record asked for, a verdict passed and written down, the data plane told.
//! STANDARDS  product.md §4 (D3 to D7)
//! SECURITY   DNS is asked outside of any transaction: a slow server of a domain holds up nobody else's work.
//! INVARIANTS A look commits its verdict (D5). It is passed on the claim as it was looked at: a claim that was released, or
//!            claimed again, meanwhile is left alone.

mod decide;
mod due;
mod sheet;

pub use sheet::{DomainSheet, DomainSheets};

use crate::{
    Actor, Code, DkimKeyShown, Domain, Done, Error, Permission, Permissions, Result, Service, Terms,
    claim::{DomainState, Proof},
    db::{Connection, query},
    dkim,
    records::{self, Checked, Facet, Purpose, Status},
    rows::{number, optional, text},
    terms::{Request, Start},
};
use base::TenantId;
use control::Change;
use decide::{Decision, Found, Known, Step, decide};
use futures_util::future::join_all;

/// A look at a domain that has not been written down yet.
pub(crate) struct Seen {
    name: String,
    tenant: TenantId,
    token: String,
    pub(crate) records: Vec<Checked>,
}

impl Service {
    /// Looks at a domain now and writes the verdict down. A dry run looks as well and leaves nothing.
    pub async fn domain_check(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        tenant: Option<TenantId>,
    ) -> Result<Done<Domain>> {
        let mut connection = self.pool().acquire().await?;
        let domain = self.claim_in(&mut connection, actor, Permission::DomainWrite, name, tenant).await?;
        drop(connection);
        let request = Request::new("domainCheck", format!("{} {}", domain.name, domain.tenant));
        if !terms.dry_run && terms.expected_version.is_none_or(|v| v == domain.version) {
            self.keys_made(&domain.name, domain.tenant).await?;
        }
        let seen = self.look(&domain).await?;
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = self.claim_of(&mut work.txn, &domain.name, domain.tenant).await?;
        work.expect(domain.version)?;
        let changes = self.pass_verdict(&mut work.txn, actor, &seen).await?;
        self.finish_domain(work, actor, "domainCheck", (&seen.name, seen.tenant), changes).await
    }

    /// The same by itself: when it is due.
    pub(crate) async fn check_claim(&self, name: &str, tenant: TenantId) -> Result<()> {
        let mut connection = self.pool().acquire().await?;
        let domain = self.claim_of(&mut connection, name, tenant).await?;
        drop(connection);
        if domain.claim.state == DomainState::Released {
            return Ok(());
        }
        self.keys_made(name, tenant).await?;
        let seen = self.look(&domain).await?;
        let actor = Actor::of(tenant, Permissions::NONE, false, "schedule".to_owned());
        let mut txn = self.begin().await?;
        let mut changes = self.pass_verdict(&mut txn, &actor, &seen).await?;
        if !changes.is_empty() {
            changes.extend(self.domain_snapshot_of(&mut txn, name, tenant).await?);
            self.tell(&mut txn, &changes).await?;
        }
        txn.commit().await?;
        self.settle().await;
        Ok(())
    }

    /// Asks for every record.
    pub(crate) async fn look(&self, domain: &Domain) -> Result<Seen> {
        let mut connection = self.pool().acquire().await?;
        let keys = self.dkim_records(&mut connection, &domain.name, domain.tenant).await?;
        drop(connection);
        let setup = &self.domains.setup;
        let wanted = records::wanted(&domain.name, &domain.claim.challenge(), &keys, setup);
        let looks = join_all(wanted.iter().map(|w| self.domains.dns.look_up(&w.name, w.kind))).await;
        let records = wanted.iter().zip(looks).map(|(wanted, look)| records::judge(wanted, look, setup)).collect();
        Ok(Seen { name: domain.name.clone(), tenant: domain.tenant, token: domain.claim.token.clone(), records })
    }

    /// Writes a verdict down; gives what the data plane is to know besides the domain: empty when nothing changed for it.
    pub(crate) async fn pass_verdict(&self, txn: &mut Connection, actor: &Actor, seen: &Seen) -> Result<Vec<Change>> {
        let domain = self.claim_of(txn, &seen.name, seen.tenant).await?;
        if domain.claim.token != seen.token || domain.claim.state == DomainState::Released {
            return Err(Error::new(Code::StaleObject, "name", "The claim changed while it was looked at"));
        }
        let known = self.known(txn, &seen.name, seen.tenant).await?;
        let status = |purpose| seen.records.iter().find(|c| c.purpose == purpose);
        let found = Found {
            ownership: status(Purpose::Challenge).map_or(Status::Unknown, |c| c.status),
            mx_here: status(Purpose::Mx).and_then(records::mx_here),
            held_by_other: self.holder(txn, &seen.name).await?.is_some_and(|holder| holder != seen.tenant),
        };
        let mut decision = decide(&domain.claim, known, found, self.domains.failed_days_max, self.now());
        let mut changes = self.take_step(txn, seen, &mut decision).await?;
        let changed = decision.state != domain.claim.state || decision.mx_here != known.mx_here;
        let keys = self.keys_turned(txn, seen.tenant, &seen.name, &seen.records).await?;
        if (changed && (domain.claim.proven || decision.step == Step::Prove)) || keys {
            changes.extend(self.domain_told(txn, &seen.name, seen.tenant, decision.mx_here).await?);
        }
        self.record_verdict(txn, seen, &decision, decision.state != domain.claim.state).await?;
        if let Some((kind, text)) = &decision.notice {
            self.notice(txn, (&seen.name, seen.tenant), kind, text).await?;
            self.audit(txn, actor, seen.tenant, "domainState", &seen.name, &format!("{kind} {text}")).await?;
        }
        Ok(changes)
    }

    async fn known(&self, txn: &mut Connection, name: &str, tenant: TenantId) -> Result<Known> {
        let row = query(
            "SELECT c.failed_at, c.mx_misses, COALESCE(d.mx_here, 0) AS mx_here FROM claim c LEFT JOIN domain d \
             ON d.name = c.name AND d.tenant = c.tenant AND d.live = 1 WHERE c.name = $1 AND c.tenant = $2",
        )
        .bind(name)
        .bind(tenant.to_string())
        .fetch_one(txn)
        .await?;
        Ok(Known {
            failed_at_ms: optional(&row, "failed_at")?,
            mx_misses: number(&row, "mx_misses")?,
            mx_here: number(&row, "mx_here")? != 0,
        })
    }

    /// Does what was decided beside the claim itself. What stands against a proof makes the claim stay as it is.
    async fn take_step(&self, txn: &mut Connection, seen: &Seen, decision: &mut Decision) -> Result<Vec<Change>> {
        match decision.step {
            Step::Stay => Ok(Vec::new()),
            Step::Prove => match self.prove(txn, seen.tenant, &seen.name, Proof::Dns).await {
                Ok(changes) => Ok(changes),
                Err(e) if matches!(e.code, Code::Taken | Code::Invalid) => {
                    decision.state = DomainState::Claimed;
                    decision.step = Step::Stay;
                    decision.proof = Proof::None;
                    decision.mx_here = false;
                    decision.notice = Some(("REFUSED", e.message));
                    Ok(Vec::new())
                }
                Err(e) => Err(e),
            },
            Step::Lose => self.unprove(txn, seen.tenant, &seen.name, DomainState::Lost).await,
            Step::Contest => {
                let row = query(
                    "UPDATE claim SET contested_at = $2, due_at = $2, version = version + 1 \
                     WHERE name = $1 AND proven = 1 AND contested_at IS NULL RETURNING tenant",
                )
                .bind(&seen.name)
                .bind(self.now().0)
                .fetch_optional(&mut *txn)
                .await?;
                if let Some(row) = row {
                    let text = "Another tenant has proven the domain too. Keep the TXT record in DNS";
                    let holder: TenantId = crate::rows::id(&row, "tenant")?;
                    self.notice(txn, (&seen.name, holder), "CONTESTED", text).await?;
                }
                Ok(Vec::new())
            }
        }
    }

    /// Raises the version of a proven domain whose facts changed, and gives what is told of it.
    async fn domain_told(
        &self,
        txn: &mut Connection,
        name: &str,
        tenant: TenantId,
        mx_here: bool,
    ) -> Result<Option<Change>> {
        query("UPDATE domain SET mx_here = $3, version = version + 1 WHERE name = $1 AND tenant = $2")
            .bind(name)
            .bind(tenant.to_string())
            .bind(i64::from(mx_here))
            .execute(&mut *txn)
            .await?;
        self.domain_snapshot_of(txn, name, tenant).await
    }

    async fn record_verdict(
        &self,
        txn: &mut Connection,
        seen: &Seen,
        decision: &Decision,
        changed: bool,
    ) -> Result<()> {
        let verdict =
            serde_json::to_string(&seen.records).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let before = query("SELECT verdict, quiet_checks FROM claim WHERE name = $1 AND tenant = $2")
            .bind(&seen.name)
            .bind(seen.tenant.to_string())
            .fetch_one(&mut *txn)
            .await?;
        let quiet = match changed || text(&before, "verdict")? != verdict {
            true => 0,
            false => number(&before, "quiet_checks")?.saturating_add(1),
        };
        let due = self.next_due(decision.state, quiet)?;
        query(
            "UPDATE claim SET state = $3, proof = $4, verdict = $5, checked_at = $6, due_at = $7, quiet_checks = $8, \
             failed_days = $9, failed_at = $10, mx_misses = $11, version = version + 1 WHERE name = $1 AND tenant = $2",
        )
        .bind(&seen.name)
        .bind(seen.tenant.to_string())
        .bind(decision.state.name())
        .bind(decision.proof.name())
        .bind(verdict)
        .bind(self.now().0)
        .bind(due)
        .bind(quiet)
        .bind(decision.failed_days)
        .bind(decision.failed_at_ms)
        .bind(decision.mx_misses)
        .execute(&mut *txn)
        .await?;
        // Who contested and does so no more contests nobody.
        query(
            "UPDATE claim SET contested_at = NULL WHERE name = $1 AND proven = 1 AND contested_at IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM claim o WHERE o.name = $1 AND o.state = 'CONTESTED')",
        )
        .bind(&seen.name)
        .execute(txn)
        .await?;
        Ok(())
    }

    /// The records of a domain as they should be, with what was seen at the last look.
    pub async fn domain_records(&self, actor: &Actor, name: &str, tenant: TenantId) -> Result<Vec<Checked>> {
        let mut connection = self.reader(actor).await?;
        let domain = self.claim_in(&mut connection, actor, Permission::DomainRead, name, Some(tenant)).await?;
        self.records_of(&mut connection, &domain).await
    }

    pub(crate) async fn records_of(&self, txn: &mut Connection, domain: &Domain) -> Result<Vec<Checked>> {
        let row = query("SELECT verdict FROM claim WHERE name = $1 AND tenant = $2")
            .bind(&domain.name)
            .bind(domain.tenant.to_string())
            .fetch_one(&mut *txn)
            .await?;
        let seen: Vec<Checked> = serde_json::from_str(&text(&row, "verdict")?).unwrap_or_default();
        let keys = self.dkim_keys_of(txn, &domain.name, domain.tenant).await?;
        Ok(self.records_seen(domain, &seen, &keys))
    }

    /// The records of a domain with these keys, with what was seen of them.
    pub(super) fn records_seen(&self, domain: &Domain, seen: &[Checked], keys: &[DkimKeyShown]) -> Vec<Checked> {
        let keys: Vec<_> = keys.iter().map(dkim::record_of).collect();
        let wanted = records::wanted(&domain.name, &domain.claim.challenge(), &keys, &self.domains.setup);
        let not_yet = || crate::dns::Look::Unknown("it was not looked at yet".to_owned());
        let known = |w: &records::Wanted| {
            let at = |c: &&Checked| c.name == w.name && c.kind == w.kind && c.purpose == w.purpose;
            let same = |c: &&Checked| w.purpose != Purpose::Dkim || c.expected == w.values;
            seen.iter().find(|c| at(c) && same(c)).cloned()
        };
        let setup = &self.domains.setup;
        wanted.iter().map(|w| known(w).unwrap_or_else(|| records::judge(w, not_yet(), setup))).collect()
    }

    /// The MTA-STS policy of the domains that are kept here.
    pub fn mta_sts_policy(&self) -> String {
        self.domains.setup.mta_sts_policy()
    }

    /// What the holder of a domain was to hear, newest first, the last of it.
    pub async fn domain_notices(&self, actor: &Actor, name: &str, tenant: TenantId) -> Result<Vec<DomainNotice>> {
        let mut connection = self.reader(actor).await?;
        let domain = self.claim_in(&mut connection, actor, Permission::DomainRead, name, Some(tenant)).await?;
        let rows = query("SELECT * FROM domain_notice WHERE tenant = $1 AND name = $2 ORDER BY seq DESC LIMIT $3")
            .bind(domain.tenant.to_string())
            .bind(&domain.name)
            .bind(crate::limits::DOMAIN_NOTICES_SHOWN)
            .fetch_all(&mut connection)
            .await?;
        let notice = |row| {
            Ok(DomainNotice { at_ms: number(row, "at")?, kind: text(row, "kind")?, detail: text(row, "detail")? })
        };
        rows.iter().map(notice).collect()
    }
}

/// Something the holder of a domain is to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainNotice {
    pub at_ms: i64,
    /// Stable, for programs: PROVEN, PROOF_GONE, LOST, CONTESTED, MX_GONE, REFUSED, VOUCHED.
    pub kind: String,
    pub detail: String,
}

/// How the records of one facet stand together.
pub fn facet_status(records: &[Checked], facet: Facet) -> Status {
    records::facet(records, facet)
}

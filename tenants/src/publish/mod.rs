//! SUMMARY    Publishing a domain's records in its DNS for it: what would change, then the change.
//! STANDARDS  product.md §4 (auto-publish)
//! SECURITY   Keys of DNS servers are sealed at rest and never shown. A server in private address space is not spoken to unless
//!            that is configured.
//! LIMITS     PUBLISH_TIMEOUT
//! INVARIANTS What we did not publish is taken away only where the caller confirms that record. Who publishes verifies by
//!            itself: a look at the domain follows.

mod credential;
mod plan;
mod rfc2136;

pub use credential::{DnsCredential, NewDnsCredential};
pub use plan::RecordChange;
pub use rfc2136::Rfc2136;

use crate::{
    Actor, Code, Domain, Done, Error, Permission, Result, Service, Terms,
    db::{Connection, query},
    dns::Kind,
    limits::PUBLISH_TIMEOUT,
    rows::text,
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, future::Future, pin::Pin};

/// A change under way; an error is one line for the customer.
pub type Publishing<'a> = Pin<Box<dyn Future<Output = std::result::Result<(), String>> + Send + 'a>>;

/// Somebody who changes a zone: RFC 2136 here, vendors' interfaces elsewhere.
pub trait Publisher: Send + Sync {
    /// Makes all changes of a zone, or none.
    fn publish<'a>(&'a self, zone: &'a str, changes: &'a [RecordChange]) -> Publishing<'a>;
}

/// What was published, or would be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Publication {
    pub domain: Domain,
    pub changes: Vec<RecordChange>,
    /// What stands in the way and was not confirmed: `NAME TYPE`.
    pub withheld: Vec<String>,
}

impl Service {
    /// Publishes what a domain lacks. `confirmed` names records (`example.org MX`) whose other content may be taken away. A dry
    /// run says what would change. `Invalid` without a credential, with the reason when the DNS server refuses, and when none of the
    /// look-ups was answered: what is there is not known, nor what is to be changed.
    pub async fn domain_publish(
        &self,
        actor: &Actor,
        terms: &Terms,
        (name, tenant): (&str, Option<TenantId>),
        confirmed: &[String],
    ) -> Result<Done<Publication>> {
        let request = || Request::new("domainPublish", format!("{name} {tenant:?} {confirmed:?}"));
        let mut connection = self.pool().acquire().await?;
        let domain = self.claim_in(&mut connection, actor, Permission::DomainWrite, name, tenant).await?;
        let access = self.publisher_of(&mut connection, &domain).await?;
        let owned = self.published(&mut connection, &domain).await?;
        drop(connection);
        if !terms.dry_run {
            // What was done under this key is not done again.
            match self.start::<Publication>(actor, terms, request()).await? {
                Start::Fresh(work) => {
                    work.expect(domain.version)?;
                    work.txn.rollback().await?;
                }
                Start::Repeated(done) => return Ok(done),
            }
            self.keys_made(&domain.name, domain.tenant).await?;
        }
        let seen = self.look(&domain).await?;
        plan::something_known(&seen.records)?;
        let plan::Plan { changes, withheld } = plan::plan(&seen.records, &owned, confirmed);
        if !terms.dry_run && !changes.is_empty() {
            let publishing = tokio::time::timeout(PUBLISH_TIMEOUT, access.publisher.publish(&access.zone, &changes));
            let published =
                publishing.await.unwrap_or_else(|_| Err("the DNS server did not answer in time".to_owned()));
            published.map_err(|why| Error::new(Code::Invalid, "", format!("The records were not published: {why}")))?;
        }
        // It shows what the publication did.
        let seen = if terms.dry_run { seen } else { self.look(&domain).await? };
        let mut work = match self.start(actor, terms, request()).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.remember_published(&mut work.txn, &domain, &changes).await?;
        let mut told = self.pass_verdict(&mut work.txn, actor, &seen).await?;
        self.audit(&mut work.txn, actor, domain.tenant, "domainPublish", &domain.name, &plan::summary(&changes))
            .await?;
        told.extend(self.domain_snapshot_of(&mut work.txn, &domain.name, domain.tenant).await?);
        let domain = self.claim_of(&mut work.txn, &domain.name, domain.tenant).await?;
        self.finish(work, Publication { domain, changes, withheld }, &told).await
    }

    async fn published(&self, txn: &mut Connection, domain: &Domain) -> Result<HashSet<(String, String, String)>> {
        let rows = query("SELECT record, kind, content FROM dns_published WHERE name = $1 AND tenant = $2")
            .bind(&domain.name)
            .bind(domain.tenant.to_string())
            .fetch_all(txn)
            .await?;
        rows.iter().map(|r| Ok((text(r, "record")?, text(r, "kind")?, text(r, "content")?))).collect()
    }

    async fn remember_published(&self, txn: &mut Connection, domain: &Domain, changes: &[RecordChange]) -> Result<()> {
        for change in changes {
            for (list, sql) in [
                (
                    &change.delete,
                    "DELETE FROM dns_published WHERE name = $1 AND tenant = $2 AND record = $3 AND kind = $4 AND content = $5",
                ),
                (
                    &change.add,
                    "INSERT INTO dns_published (name, tenant, record, kind, content) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (name, tenant, record, kind, content) DO NOTHING",
                ),
            ] {
                for content in list {
                    query(sql)
                        .bind(&domain.name)
                        .bind(domain.tenant.to_string())
                        .bind(&change.name)
                        .bind(change.kind.name())
                        .bind(content)
                        .execute(&mut *txn)
                        .await?;
                }
            }
        }
        Ok(())
    }
}

/// What a record is called where it is confirmed.
pub(crate) fn called(name: &str, kind: Kind) -> String {
    format!("{name} {}", kind.name())
}

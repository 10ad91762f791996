//! SUMMARY    The mirror: what the provider says, as rows; and what was otherwise before.
//! INVARIANTS Nothing leaves the mirror. A subscription that the provider does not tell any more has ended; an invoice that was not paid is void.

use super::{
    Billing,
    news::{News, of_invoice, of_subscription},
    store::{CustomerRow, to_body, to_word},
    sync::Told,
};
use crate::{InvoiceState, Status, TrueInvoice, TrueSubscription};
use aws_lc_rs::digest;
use base::{TenantId, Timestamp};
use tenants::{
    Result,
    sql::{Connection, query},
};

/// What was otherwise than the mirror had it.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// For the operator, where nothing had told it.
    pub drift: Vec<String>,
    /// For the customer.
    pub news: Vec<News>,
}

impl Billing {
    /// Writes the truth down, and what it says of the customer into its row; gives what was otherwise.
    pub(crate) async fn write_mirror(
        &self,
        txn: &mut Connection,
        row: &mut CustomerRow,
        told: &Told,
    ) -> Result<Written> {
        let (tenant, now) = (row.customer.tenant, self.service.now());
        let mut written = Written::default();
        let known = self.subscriptions_in(txn, tenant).await?;
        let now_there = told.truth.subscriptions.iter().cloned();
        let gone = known.iter().filter(|old| !told.truth.subscriptions.iter().any(|s| s.id == old.id));
        let subscriptions: Vec<TrueSubscription> = now_there.chain(gone.map(|old| ended(old, now))).collect();
        for subscription in &subscriptions {
            if known.iter().any(|old| old == subscription) {
                continue;
            }
            written.drift.push(format!("subscription {}", subscription.id));
            written.news.extend(of_subscription(known.iter().find(|old| old.id == subscription.id), subscription, now));
            self.write_subscription(txn, tenant, subscription).await?;
        }
        let known = self.invoices_in(txn, tenant).await?;
        let gone = known.iter().filter(|old| !told.truth.invoices.iter().any(|i| i.id == old.id));
        let invoices = told.truth.invoices.iter().cloned().chain(gone.map(given_up));
        for invoice in invoices {
            if known.contains(&invoice) {
                continue;
            }
            written.drift.push(format!("invoice {}", invoice.id));
            let old = known.iter().find(|old| old.id == invoice.id);
            written.news.extend(of_invoice(old, &invoice, now));
            self.write_invoice(txn, tenant, &invoice).await?;
        }
        if row.customer.card != told.truth.card {
            written.drift.push("card".to_owned());
            row.customer.card = told.truth.card.clone();
        }
        self.note_trial(txn, row, &subscriptions).await?;
        Ok(written)
    }

    async fn write_subscription(&self, txn: &mut Connection, tenant: TenantId, s: &TrueSubscription) -> Result<()> {
        query(
            "INSERT INTO subscription (id, tenant, family, status, live, plan, created_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET family = $3, status = $4, live = $5, plan = $6, \
             created_at = $7, body = $8 WHERE subscription.tenant = $2",
        )
        .bind(&s.id)
        .bind(tenant.to_string())
        .bind(&s.family)
        .bind(to_word(&s.status)?)
        .bind(i64::from(s.status.is_live()))
        .bind(format!("{}/{}", s.plan.0, s.plan.1))
        .bind(s.created_at.0)
        .bind(to_body(s)?)
        .execute(txn)
        .await
        .map(drop)
    }

    async fn write_invoice(&self, txn: &mut Connection, tenant: TenantId, invoice: &TrueInvoice) -> Result<()> {
        query(
            "INSERT INTO invoice (id, tenant, number, state, issued_at, due_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (id) DO UPDATE SET number = $3, state = $4, issued_at = $5, due_at = $6, body = $7 WHERE invoice.tenant = $2",
        )
        .bind(&invoice.id)
        .bind(tenant.to_string())
        .bind(invoice.number.as_ref())
        .bind(to_word(&invoice.state)?)
        .bind(invoice.issued_at.0)
        .bind(invoice.due_at.0)
        .bind(to_body(invoice)?)
        .execute(&mut *txn)
        .await?;
        for payment in &invoice.payments {
            query("INSERT INTO payment (id, tenant, invoice) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
                .bind(&payment.id)
                .bind(tenant.to_string())
                .bind(&invoice.id)
                .execute(&mut *txn)
                .await?;
        }
        Ok(())
    }

    /// A trial is had once, by a customer and by its contact (3.11).
    async fn note_trial(
        &self,
        txn: &mut Connection,
        row: &mut CustomerRow,
        subscriptions: &[TrueSubscription],
    ) -> Result<()> {
        let trials = subscriptions.iter().filter(|s| s.status == Status::Trialing);
        row.trial_ends_at = trials.filter_map(|s| s.trial_ends_at).max();
        if row.customer.trial_spent || !subscriptions.iter().any(|s| s.trial_ends_at.is_some()) {
            return Ok(());
        }
        row.customer.trial_spent = true;
        query("INSERT INTO trial_spent (contact, at) VALUES ($1, $2) ON CONFLICT (contact) DO NOTHING")
            .bind(contact_hash(&row.customer.email))
            .bind(self.service.now().0)
            .execute(txn)
            .await
            .map(drop)
    }

    /// Whether a contact had its trial.
    pub(crate) async fn had_trial_in(&self, txn: &mut Connection, contact: &str) -> Result<bool> {
        let row = query("SELECT 1 AS n FROM trial_spent WHERE contact = $1").bind(contact_hash(contact));
        Ok(row.fetch_optional(txn).await?.is_some())
    }
}

/// One that the provider does not tell any more.
fn ended(old: &TrueSubscription, now: Timestamp) -> TrueSubscription {
    match old.status {
        Status::Cancelled => old.clone(),
        Status::Incomplete | Status::Trialing | Status::Active | Status::PastDue | Status::Unpaid => {
            TrueSubscription { status: Status::Cancelled, ended_at: Some(now), ..old.clone() }
        }
    }
}

/// The same of an invoice: what was paid was paid.
fn given_up(old: &TrueInvoice) -> TrueInvoice {
    match old.state {
        InvoiceState::Paid | InvoiceState::Void | InvoiceState::Uncollectible => old.clone(),
        InvoiceState::Draft | InvoiceState::Open => TrueInvoice { state: InvoiceState::Void, ..old.clone() },
    }
}

/// A contact as it is remembered: an address and those that only add a `+tag` to it are one.
fn contact_hash(contact: &str) -> String {
    let contact = contact.trim().to_lowercase();
    let plain = match contact.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
        None => contact,
    };
    let hash = digest::digest(&digest::SHA256, plain.as_bytes());
    hash.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_with_a_tag_is_the_same_contact() {
        let same = ["ann@example.org", " Ann@Example.org", "ann+2@example.org"];
        assert!(same.iter().all(|c| contact_hash(c) == contact_hash("ann@example.org")));
        assert_ne!(contact_hash("bob@example.org"), contact_hash("ann@example.org"));
    }
}

//! SUMMARY    Letters about money to the contact elsewhere, and the dates they tell.
//! INVARIANTS A letter is put in line in the transaction of what it tells, and written down beside it, with the dates that do not come
//!            earlier from then on (T3). It goes in the provider's name: the stage of the customer does not stop it.

use super::{
    Billing,
    campaign::{Kind, Letter, PURGE_NOTICE, Situation, stage_word},
    facts::owed_of_all,
    news::is_news,
    store::{CustomerRow, of_word, refused, to_word},
};
use crate::{Announced, Facts, TrueInvoice};
use base::Timestamp;
use serde::Serialize;
use tenants::{
    Result,
    sql::{Connection, NewNotice, number, query, text},
};

/// What a letter is filled with.
#[derive(Debug, Serialize)]
struct LetterFacts<'a> {
    /// The tenant's name.
    tenant: &'a str,
    /// The stage that it has reached, as a word.
    stage: &'static str,
    /// Since when it owes, was closed; of a trial, its end. Milliseconds.
    of_ms: i64,
    dates: Vec<DateTold>,
    /// As `12.50 EUR`.
    owed: Vec<String>,
    /// Where to pay or reopen.
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct DateTold {
    stage: &'static str,
    at_ms: i64,
}

impl Billing {
    /// Where a customer is by its rows, and what it was told of the troubles that it has.
    pub(crate) async fn situation(&self, txn: &mut Connection, row: &CustomerRow) -> Result<Situation> {
        let tenant = row.customer.tenant.to_string();
        let before = self.customer_in(txn, row.customer.tenant).await?.and_then(|row| row.unpaid_since);
        let closed_at = row.customer.closed_at;
        let mut facts = Facts {
            trial_ends_at: row.trial_ends_at,
            unpaid_since: row.unpaid_since,
            closed_at,
            announced: Vec::new(),
            notices: Vec::new(),
        };
        // A trouble that there is not has no rows of this moment.
        let of = |at: Option<Timestamp>| at.map_or(i64::MIN, |at| at.0);
        let told = query(
            "SELECT * FROM billing_announced WHERE tenant = $1 AND trouble_at IN ($2, $3) ORDER BY trouble_at, at",
        )
        .bind(&tenant)
        .bind(of(row.unpaid_since))
        .bind(of(closed_at))
        .fetch_all(&mut *txn)
        .await?;
        for row in &told {
            let (trouble, at) = (Timestamp(number(row, "trouble_at")?), Timestamp(number(row, "at")?));
            facts.announced.push(Announced { of: trouble, stage: of_word(row, "stage")?, at });
        }
        let letters = query("SELECT * FROM billing_letter WHERE tenant = $1 AND trouble_at IN ($2, $3, $4, $5)")
            .bind(&tenant)
            .bind(of(row.unpaid_since))
            .bind(of(closed_at))
            .bind(of(row.trial_ends_at))
            .bind(of(before))
            .fetch_all(&mut *txn)
            .await?;
        let elsewhere = !self.is_hosted(txn, &row.customer.email).await?;
        let mut situation = Situation { facts, elsewhere, ..Situation::default() };
        for row in &letters {
            let (trouble, kind) = (Timestamp(number(row, "trouble_at")?), text(row, "kind")?);
            if is_news(&kind) {
                continue;
            }
            let sent = Timestamp(number(row, "sent_at")?);
            if kind.starts_with(PURGE_NOTICE) {
                situation.facts.notices.push(sent);
            }
            situation.sent.insert((trouble, kind), sent);
        }
        situation.facts.notices.sort_unstable();
        Ok(situation)
    }

    /// Puts letters in line, and writes them down with the dates they tell.
    pub(crate) async fn write(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        invoices: &[TrueInvoice],
        letters: &[Letter],
    ) -> Result<()> {
        if letters.is_empty() {
            return Ok(());
        }
        let tenant = self.service.tenant_in(txn, row.customer.tenant).await?;
        let owed: Vec<String> = owed_of_all(invoices).map_err(refused)?.iter().map(ToString::to_string).collect();
        for letter in letters {
            let dates = letter.dates.iter().map(|(stage, at)| DateTold { stage: stage_word(*stage), at_ms: at.0 });
            let facts = LetterFacts {
                tenant: &tenant.name,
                stage: stage_of(letter.kind, row),
                of_ms: letter.of.0,
                dates: dates.collect(),
                owed: owed.clone(),
                link: self.options.portal.as_ref().map(|portal| format!("{portal}/billing")),
            };
            let (recipient, locale) = (row.customer.email.as_str(), row.customer.language.as_str());
            let notice = NewNotice { tenant: None, kind: letter.kind.notice(), recipient, locale, facts };
            self.service.put_notice(txn, notice).await?;
            self.keep_letter(txn, row, letter).await?;
            metrics::counter!("posthouse_billing_letters_total").increment(1);
        }
        Ok(())
    }

    async fn keep_letter(&self, txn: &mut Connection, row: &CustomerRow, letter: &Letter) -> Result<()> {
        let tenant = row.customer.tenant.to_string();
        query(
            "INSERT INTO billing_letter (tenant, trouble_at, kind, sent_at, recipient) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant, trouble_at, kind) DO NOTHING",
        )
        .bind(&tenant)
        .bind(letter.of.0)
        .bind(letter.kind.word())
        .bind(self.service.now().0)
        .bind(&row.customer.email)
        .execute(&mut *txn)
        .await?;
        for (stage, at) in &letter.dates {
            query(
                "INSERT INTO billing_announced (tenant, trouble_at, stage, at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (tenant, trouble_at, stage, at) DO NOTHING",
            )
            .bind(&tenant)
            .bind(letter.of.0)
            .bind(to_word(stage)?)
            .bind(at.0)
            .execute(&mut *txn)
            .await?;
        }
        Ok(())
    }
}

/// The stage that a letter tells.
fn stage_of(kind: Kind, row: &CustomerRow) -> &'static str {
    match kind {
        Kind::Ahead(stage) | Kind::Reached(stage) => stage_word(stage),
        Kind::TrialEnding | Kind::PastDue | Kind::Purge(_) | Kind::Settled | Kind::Reopened => {
            stage_word(row.customer.phase)
        }
    }
}

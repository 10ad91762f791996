//! SUMMARY    Letters about what the mirror learns: a payment came in, a plan will end, a plan has ended.
//! LIMITS     PAID_NEWS
//! INVARIANTS Put in line in the transaction that writes the mirror, and written down beside it: each is told once. What was long ago when a
//!            customer came into the mirror is no news. They promise no stage, so none of them is a letter that T1 or T3 counts.

use super::{Billing, store::CustomerRow};
use crate::{InvoiceState, Money, Phase, Status, TrueInvoice, TrueSubscription, money::sum};
use base::Timestamp;
use serde::Serialize;
use std::time::Duration;
use tenants::{
    Code, Result,
    sql::{Connection, NewNotice, query},
};

/// How old a payment is told at most.
const PAID_NEWS: Duration = Duration::from_secs(3 * 86_400);
/// How the words of these letters begin, among all that are kept.
const WORDS: [&str; 3] = ["PAID_", "ENDING_", "ENDED_"];

/// What is otherwise than the mirror knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Paid { invoice: String, number: Option<String>, amount: Money, at: Timestamp },
    Ending { subscription: TrueSubscription, at: Timestamp },
    Ended { subscription: TrueSubscription, at: Timestamp },
}

/// What a letter is filled with.
#[derive(Debug, Serialize)]
struct NewsFacts<'a> {
    tenant: &'a str,
    /// When it was paid, ends, ended. Milliseconds.
    of_ms: i64,
    /// As `12.50 EUR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    /// As printed on the invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    /// The plan's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// What there is after the plan: `free`, `others`, `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
    /// Where invoices and plans are.
    link: Option<String>,
}

/// Whether a letter that is kept is one of these.
pub(crate) fn is_news(word: &str) -> bool {
    WORDS.iter().any(|of_news| word.starts_with(of_news))
}

/// That an invoice was paid with money, not long ago. Amounts that have no sum are no news, and hold up nothing.
pub(crate) fn of_invoice(known: Option<&TrueInvoice>, is: &TrueInvoice, now: Timestamp) -> Option<News> {
    if is.state != InvoiceState::Paid || known.is_some_and(|known| known.state == InvoiceState::Paid) {
        return None;
    }
    let at = is.payments.iter().map(|payment| payment.at).max().filter(|at| at.plus(PAID_NEWS) > now)?;
    let amount = sum(is.net.currency(), is.payments.iter().map(|payment| payment.amount)).ok()?;
    let is_something = !amount.is_zero() && !amount.is_negative();
    is_something.then(|| News::Paid { invoice: is.id.clone(), number: is.number.clone(), amount, at })
}

/// That a subscription which was live will end, or has ended.
pub(crate) fn of_subscription(known: Option<&TrueSubscription>, is: &TrueSubscription, now: Timestamp) -> Option<News> {
    let known = known.filter(|known| known.status.is_live())?;
    let subscription = is.clone();
    match is.status {
        Status::Cancelled => Some(News::Ended { subscription, at: is.ended_at.unwrap_or(now) }),
        Status::Trialing | Status::Active | Status::PastDue | Status::Unpaid => {
            let at = is.ends_at.filter(|at| *at > now && known.ends_at != Some(*at))?;
            Some(News::Ending { subscription, at })
        }
        Status::Incomplete => None,
    }
}

impl News {
    fn at(&self) -> Timestamp {
        match self {
            News::Paid { at, .. } | News::Ending { at, .. } | News::Ended { at, .. } => *at,
        }
    }

    /// As it is kept: one of each for a moment.
    fn word(&self) -> String {
        let [paid, ending, ended] = WORDS;
        match self {
            News::Paid { invoice, .. } => format!("{paid}{invoice}"),
            News::Ending { subscription, .. } => format!("{ending}{}", subscription.id),
            News::Ended { subscription, .. } => format!("{ended}{}", subscription.id),
        }
    }

    /// The template that it is written by.
    fn notice(&self) -> &'static str {
        match self {
            News::Paid { .. } => "billing-paid",
            News::Ending { .. } => "billing-ending",
            News::Ended { .. } => "billing-ended",
        }
    }

    /// The subscription that ends.
    fn ends(&self) -> Option<&TrueSubscription> {
        match self {
            News::Paid { .. } => None,
            News::Ending { subscription, .. } | News::Ended { subscription, .. } => Some(subscription),
        }
    }
}

impl Billing {
    /// Puts letters about news in line. What ends by closing, or because there is another of its kind, is not told by these.
    pub(crate) async fn tell_news(&self, txn: &mut Connection, row: &CustomerRow, all: &[News]) -> Result<()> {
        if all.is_empty() || row.customer.email.is_empty() {
            return Ok(());
        }
        let tenant = row.customer.tenant;
        let (name, is_there) = match self.service.tenant_in(txn, tenant).await {
            Ok(tenant) => (tenant.name, true),
            // It is signing up, or destroyed.
            Err(e) if e.code == Code::NotFound => (row.customer.name.clone(), false),
            Err(e) => return Err(e),
        };
        let goes_on = is_there && row.customer.closed_at.is_none() && !is_closing(row.customer.phase);
        let mut live = self.subscriptions_in(txn, tenant).await?;
        live.retain(|subscription| subscription.status.is_live());
        for news in all {
            let Some(ends) = news.ends() else {
                self.tell_one(txn, row, news, (&name, None)).await?;
                continue;
            };
            let others: Vec<&TrueSubscription> = live.iter().filter(|other| other.id != ends.id).collect();
            if !goes_on || others.iter().any(|other| other.family == ends.family) {
                continue;
            }
            let next = match (&row.customer.free_plan, others.is_empty()) {
                (_, false) => "others",
                (Some(_), true) => "free",
                (None, true) => "none",
            };
            self.tell_one(txn, row, news, (&name, Some(next))).await?;
        }
        Ok(())
    }

    async fn tell_one(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        news: &News,
        (name, next): (&str, Option<&'static str>),
    ) -> Result<()> {
        let (recipient, locale) = (row.customer.email.as_str(), row.customer.language.as_str());
        let first = query(
            "INSERT INTO billing_letter (tenant, trouble_at, kind, sent_at, recipient) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant, trouble_at, kind) DO NOTHING",
        )
        .bind(row.customer.tenant.to_string())
        .bind(news.at().0)
        .bind(news.word())
        .bind(self.service.now().0)
        .bind(recipient)
        .execute(&mut *txn)
        .await?;
        if first == 0 {
            return Ok(());
        }
        let plan = match news.ends() {
            Some(ends) => Some(self.title_of(txn, row, ends).await?),
            None => None,
        };
        let (amount, number) = match news {
            News::Paid { amount, number, .. } => (Some(amount.to_string()), number.as_deref()),
            News::Ending { .. } | News::Ended { .. } => (None, None),
        };
        let facts = NewsFacts {
            tenant: name,
            of_ms: news.at().0,
            amount,
            number,
            plan,
            next,
            link: self.options.portal.as_ref().map(|portal| format!("{portal}/billing")),
        };
        self.service.put_notice(txn, NewNotice { tenant: None, kind: news.notice(), recipient, locale, facts }).await?;
        metrics::counter!("posthouse_billing_letters_total").increment(1);
        Ok(())
    }

    /// A plan's title; its key, where its seller has it no more.
    async fn title_of(&self, txn: &mut Connection, row: &CustomerRow, of: &TrueSubscription) -> Result<String> {
        let (key, version) = &of.plan;
        let plan = self.plan_of(txn, row.customer.seller, (key, *version)).await?;
        Ok(plan.map_or_else(|| key.clone(), |plan| plan.plan.title))
    }
}

/// Whether nothing comes in any more, of which other letters tell.
fn is_closing(phase: Phase) -> bool {
    match phase {
        Phase::Closing | Phase::Purging => true,
        Phase::Trial | Phase::Active | Phase::PastDue | Phase::Grace | Phase::Suspended | Phase::ReadOnly => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        TruePayment,
        desk::fixture::{day, eur, invoice, subscription},
    };

    fn paid(cents: i64, at: Timestamp) -> TrueInvoice {
        let payment =
            TruePayment { id: "pay".into(), amount: eur(cents), at, refunds: Vec::new(), chargebacks: Vec::new() };
        TrueInvoice { payments: vec![payment], ..invoice("in_1", InvoiceState::Paid, 0) }
    }

    #[test]
    fn a_payment_is_news_once_while_it_is_fresh_and_when_money_came() {
        let told = |known: Option<&TrueInvoice>, is: &TrueInvoice, now| of_invoice(known, is, now);
        let open = invoice("in_1", InvoiceState::Open, 0);
        let News::Paid { amount, at, .. } = told(Some(&open), &paid(1_200, day(1)), day(2)).unwrap() else {
            panic!("it was paid")
        };
        assert_eq!((amount, at), (eur(1_200), day(1)));
        assert!(told(None, &paid(1_200, day(1)), day(1)).is_some(), "what was bought a moment ago");
        assert_eq!(told(None, &paid(1_200, day(1)), day(4)), None, "what was long ago");
        assert_eq!(told(Some(&paid(1_200, day(1))), &paid(1_200, day(1)), day(1)), None, "it was known");
        assert_eq!(told(Some(&open), &paid(0, day(1)), day(1)), None, "nothing was to be paid");
        let of_credit = invoice("in_1", InvoiceState::Paid, 0);
        assert_eq!(told(Some(&open), &of_credit, day(1)), None, "a credit paid it");
        assert_eq!(told(None, &open, day(1)), None);
    }

    #[test]
    fn an_ending_is_news_of_what_was_live() {
        let live = subscription("sub_1", Status::Active);
        let ending = TrueSubscription { ends_at: Some(day(30)), ..live.clone() };
        let ended = TrueSubscription { status: Status::Cancelled, ended_at: Some(day(30)), ..ending.clone() };
        let kind = |known: &TrueSubscription, is: &TrueSubscription, n| {
            of_subscription(Some(known), is, day(n)).map(|news| (news.notice(), news.at()))
        };
        assert_eq!(kind(&live, &ending, 1), Some(("billing-ending", day(30))));
        assert_eq!(kind(&ending, &ending, 2), None);
        assert_eq!(kind(&ending, &live, 2), None, "it was kept after all");
        assert_eq!(kind(&ending, &ended, 30), Some(("billing-ended", day(30))));
        assert_eq!(kind(&ended, &ended, 31), None);
        assert_eq!(of_subscription(None, &ended, day(31)), None, "what ended before it was known");
        let never = subscription("sub_1", Status::Incomplete);
        assert_eq!(kind(&never, &ended, 30), None, "what was never paid for");
        for word in [of_subscription(Some(&live), &ending, day(1)), of_subscription(Some(&live), &ended, day(31))] {
            assert!(is_news(&word.unwrap().word()));
        }
        assert!(!is_news("PAST_DUE") && !is_news("PURGE_NOTICE_1"));
    }
}

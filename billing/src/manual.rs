//! SUMMARY    Customers who pay by invoice: a payment provider of our own, which keeps its accounts in the control plane's database.
//! STANDARDS  docs/decisions/0038-invoices-of-our-own.md
//! INVARIANTS The desk sees it as it sees any provider. Numbers of invoices have no gaps: one is taken in the transaction that writes the
//!            invoice. A call that comes again under its key changes nothing. Renewals happen whenever an account is read: reading it late
//!            gives what reading it in time would have given.

mod account;
mod paper;

pub use account::{Bill, PAY_DAYS};
pub use paper::Issuer;

use crate::{
    Answer, Checkout, CheckoutState, End, Failure, FailureKind, Heard, Money, NewCheckout, NewCustomer, Payments, Plan,
    Preview, Truth, Wanted,
};
use account::Account;
use base::{TenantId, Timestamp};
use jiff::tz::TimeZone;
use std::sync::Arc;
use tenants::{
    Code, Error, Service,
    sql::{Connection, Txn, fresh_id, number, query, text},
};

/// Its name, as customers have it.
pub const MANUAL: &str = "manual";
/// What comes before the year in numbers of invoices, where the issuer says nothing else.
const SERIES: &str = "R";

/// The provider. Share it by `Arc`.
pub struct Manual {
    service: Arc<Service>,
    issuer: Issuer,
}

/// What a call does to an account; `Ok` is what it answers.
type Act<'a> = Box<dyn FnOnce(&mut Account, Timestamp) -> Result<String, Failure> + Send + 'a>;

impl Manual {
    pub fn new(service: Arc<Service>, issuer: Issuer) -> Arc<Manual> {
        Arc::new(Manual { service, issuer })
    }

    /// Does something to an account once, in a transaction.
    async fn act(&self, key: &str, id: &str, act: Act<'_>) -> Result<String, Failure> {
        let mut txn = self.service.begin().await.map_err(busy)?;
        let mut account = read(&mut txn, id).await?.ok_or_else(gone)?;
        if let Some(answer) = account.answered.get(key) {
            return Ok(answer.clone());
        }
        let now = self.service.now();
        account.turn(now)?;
        let answer = act(&mut account, now)?;
        account.answered.insert(key.to_owned(), answer.clone());
        self.write(txn, account).await?;
        Ok(answer)
    }

    /// Numbers what is new, and commits.
    async fn write(&self, mut txn: Txn, mut account: Account) -> Result<(), Failure> {
        let series = self.issuer.series.as_deref().unwrap_or(SERIES);
        for bill in account.bills.iter_mut().filter(|bill| bill.is.number.is_none()) {
            let year = year_of(bill.is.issued_at)?;
            let n = next_number(&mut txn, account.seller, year).await.map_err(busy)?;
            bill.is.number = Some(format!("{series}{year}-{n:05}"));
        }
        let body = serde_json::to_string(&account).map_err(|e| broken(&e))?;
        query("UPDATE manual_account SET body = $2 WHERE id = $1")
            .bind(&account.id)
            .bind(body)
            .execute(&mut txn)
            .await
            .map_err(busy)?;
        txn.commit().await.map_err(unknown)
    }
}

impl Payments for Manual {
    fn name(&self) -> &'static str {
        MANUAL
    }

    /// Nobody else needs to know a plan.
    fn publish<'a>(&'a self, _: &'a Plan) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String> {
        Box::pin(async move {
            let mut txn = self.service.begin().await.map_err(busy)?;
            let known = query("SELECT id FROM manual_account WHERE made_by = $1").bind(key);
            if let Some(row) = known.fetch_optional(&mut txn).await.map_err(busy)? {
                return text(&row, "id").map_err(busy);
            }
            let seller = query("SELECT seller FROM customer WHERE tenant = $1").bind(new.tenant.to_string());
            let row = seller.fetch_optional(&mut txn).await.map_err(busy)?.ok_or_else(gone)?;
            let seller: TenantId = tenants::sql::id(&row, "seller").map_err(busy)?;
            let id = fresh_id("mac_").map_err(busy)?;
            let account = Account::new(id.clone(), seller, new.clone());
            query("INSERT INTO manual_account (id, tenant, made_by, body, created_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(&id)
                .bind(new.tenant.to_string())
                .bind(key)
                .bind(serde_json::to_string(&account).map_err(|e| broken(&e))?)
                .bind(self.service.now().0)
                .execute(&mut txn)
                .await
                .map_err(busy)?;
            txn.commit().await.map_err(unknown)?;
            Ok(id)
        })
    }

    fn update_customer<'a>(&'a self, key: &'a str, customer: &'a str, new: &'a NewCustomer) -> Answer<'a, ()> {
        Box::pin(async move {
            let act: Act<'_> = Box::new(|account, _| {
                account.customer = new.clone();
                Ok(String::new())
            });
            self.act(key, customer, act).await.map(drop)
        })
    }

    /// No page: who pays by invoice was let to, and has bought.
    fn open_checkout<'a>(&'a self, key: &'a str, new: &'a NewCheckout) -> Answer<'a, Checkout> {
        Box::pin(async move {
            let id = self.act(key, &new.customer, Box::new(|account, now| account.subscribe(new, now))).await?;
            Ok(complete(id, new.expires_at))
        })
    }

    fn checkout<'a>(&'a self, id: &'a str) -> Answer<'a, Checkout> {
        Box::pin(async move {
            let mut connection = self.service.connection().await.map_err(busy)?;
            let account = read(&mut connection, &account_of(id)?).await?.ok_or_else(gone)?;
            let sold = account.sold.iter().find(|sold| sold.is.id == id).ok_or_else(gone)?;
            Ok(complete(id.to_owned(), sold.is.created_at))
        })
    }

    fn close_checkout<'a>(&'a self, _: &'a str, id: &'a str) -> Answer<'a, Checkout> {
        self.checkout(id)
    }

    fn card_page<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> Answer<'a, String> {
        Box::pin(async { Err(refused("Who pays by invoice has no card here")) })
    }

    fn customer_page<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> Answer<'a, String> {
        Box::pin(async { Err(refused("Who pays by invoice has no page elsewhere")) })
    }

    fn preview<'a>(&'a self, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, Preview> {
        Box::pin(async move {
            let mut connection = self.service.connection().await.map_err(busy)?;
            let mut account = read(&mut connection, &account_of(subscription)?).await?.ok_or_else(gone)?;
            account.turn(self.service.now())?;
            let now = account.quote(subscription, to, at)?.now;
            Ok(Preview { now, tax: Money::zero(now.currency()) })
        })
    }

    fn change<'a>(&'a self, key: &'a str, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            let account = account_of(subscription)?;
            self.act(key, &account, Box::new(|a, now| a.change(subscription, to, at, now))).await.map(drop)
        })
    }

    fn end<'a>(&'a self, key: &'a str, subscription: &'a str, when: End) -> Answer<'a, ()> {
        Box::pin(async move {
            let account = account_of(subscription)?;
            self.act(key, &account, Box::new(move |a, now| a.end(subscription, when, now))).await.map(drop)
        })
    }

    fn resume<'a>(&'a self, key: &'a str, subscription: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let account = account_of(subscription)?;
            self.act(key, &account, Box::new(|a, _| a.resume(subscription))).await.map(drop)
        })
    }

    /// Money comes when the customer sends it: `received`.
    fn pay<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        Box::pin(async { Err(refused("This invoice is paid by transfer, as it says")) })
    }

    /// No bank takes a transfer back.
    fn collect<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str, _: Money) -> Answer<'a, ()> {
        Box::pin(async { Err(refused("This invoice is paid by transfer, as it says")) })
    }

    /// All that is open of it, whatever amount was known to be.
    fn received<'a>(
        &'a self,
        key: &'a str,
        invoice: &'a str,
        reference: &'a str,
        _: (Money, Timestamp),
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let account = account_of(invoice)?;
            self.act(key, &account, Box::new(move |a, now| a.paid(invoice, reference, now))).await.map(drop)
        })
    }

    fn paper<'a>(&'a self, invoice: &'a str) -> Answer<'a, Vec<u8>> {
        Box::pin(async move {
            let mut connection = self.service.connection().await.map_err(busy)?;
            let account = read(&mut connection, &account_of(invoice)?).await?.ok_or_else(gone)?;
            let bill = account.bills.iter().find(|bill| bill.is.id == invoice).ok_or_else(gone)?;
            Ok(paper::pdf(&self.issuer, &account.customer, bill))
        })
    }

    fn refund<'a>(&'a self, key: &'a str, payment: &'a str, amount: Money) -> Answer<'a, ()> {
        Box::pin(async move {
            let account = account_of(payment)?;
            self.act(key, &account, Box::new(move |a, now| a.refund(key, payment, amount, now))).await.map(drop)
        })
    }

    fn credit<'a>(&'a self, key: &'a str, customer: &'a str, amount: Money) -> Answer<'a, ()> {
        Box::pin(
            async move { self.act(key, customer, Box::new(move |a, now| a.credit(key, amount, now))).await.map(drop) },
        )
    }

    fn charge_use<'a>(
        &'a self,
        key: &'a str,
        subscription: &'a str,
        component: &'a str,
        quantity: u64,
        amount: Money,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let account = account_of(subscription)?;
            let act: Act<'_> = Box::new(move |a, now| a.charge_use(subscription, component, quantity, amount, now));
            self.act(key, &account, act).await.map(drop)
        })
    }

    fn truth<'a>(&'a self, customer: &'a str) -> Answer<'a, Truth> {
        Box::pin(async move {
            let mut connection = self.service.connection().await.map_err(busy)?;
            let mut account = read(&mut connection, customer).await?.ok_or_else(gone)?;
            if !account.turn(self.service.now())? {
                return Ok(account.truth());
            }
            drop(connection);
            // What is due is written before it is told: read again, in turn.
            let mut txn = self.service.begin().await.map_err(busy)?;
            let mut account = read(&mut txn, customer).await?.ok_or_else(gone)?;
            account.turn(self.service.now())?;
            self.write(txn, account).await?;
            let mut connection = self.service.connection().await.map_err(busy)?;
            Ok(read(&mut connection, customer).await?.ok_or_else(gone)?.truth())
        })
    }

    /// Nobody sends webhooks for it.
    fn heard(&self, _: &[u8], _: &str, _: Timestamp) -> Result<Heard, Failure> {
        Err(Failure::new(FailureKind::Forged, "manual invoices have no webhooks"))
    }
}

fn complete(id: String, expires_at: Timestamp) -> Checkout {
    Checkout { id, url: String::new(), state: CheckoutState::Complete, expires_at }
}

async fn read(connection: &mut Connection, id: &str) -> Result<Option<Account>, Failure> {
    let row = query("SELECT body FROM manual_account WHERE id = $1").bind(id);
    let Some(row) = row.fetch_optional(connection).await.map_err(busy)? else { return Ok(None) };
    let body = text(&row, "body").map_err(busy)?;
    serde_json::from_str(&body).map(Some).map_err(|e| broken(&e))
}

/// The next number of a seller's year, from 1.
async fn next_number(txn: &mut Connection, seller: TenantId, year: i16) -> tenants::Result<i64> {
    let row = query(
        "INSERT INTO invoice_series (tenant, year, last) VALUES ($1, $2, 1) \
         ON CONFLICT (tenant, year) DO UPDATE SET last = invoice_series.last + 1 RETURNING last",
    )
    .bind(seller.to_string())
    .bind(i64::from(year))
    .fetch_optional(txn)
    .await?;
    number(&row.ok_or_else(|| Error::new(Code::Internal, "", "no number of an invoice"))?, "last")
}

fn year_of(at: Timestamp) -> Result<i16, Failure> {
    let at = jiff::Timestamp::from_millisecond(at.0).map_err(|_| refused("A date beyond the calendar"))?;
    Ok(at.to_zoned_datetime(TimeZone::UTC).year())
}

/// Ids of what an account has begin with its own.
fn account_of(id: &str) -> Result<String, Failure> {
    id.split_once('.').map(|(account, _)| account.to_owned()).ok_or_else(gone)
}

fn gone() -> Failure {
    Failure::new(FailureKind::Gone, "no such account, subscription, invoice or payment")
}

fn refused(text: &str) -> Failure {
    Failure::new(FailureKind::Refused, text)
}

fn busy(error: Error) -> Failure {
    Failure::new(FailureKind::Busy, error.to_string())
}

/// A commit that failed may have been one.
fn unknown(error: Error) -> Failure {
    Failure::new(FailureKind::Unknown, error.to_string())
}

fn broken(error: &serde_json::Error) -> Failure {
    Failure::new(FailureKind::Busy, format!("an account of invoices: {error}"))
}

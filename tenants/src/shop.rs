//! SUMMARY    What signup asks of whoever sells: implemented by billing, which knows plans and money.
//! STANDARDS  docs/decisions/0035-signup.md
//! INVARIANTS A tenant that signs up has its id before it is there, so that what is paid for it is never anybody else's.

use crate::{
    Result,
    db::{Connection, Txn},
};
use base::{TenantId, Timestamp};
use control::Change;
use serde::{Deserialize, Serialize};
use std::{future::Future, pin::Pin};

/// What is going to be.
pub type Coming<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What somebody who signs up chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// `pln_…`, or the key of a plan that is offered.
    pub plan: String,
    /// ISO 4217; none: the first one that the plan is offered in.
    pub currency: Option<String>,
    /// `MONTH` or `YEAR`; none: by the month.
    pub interval: Option<String>,
    /// Component and how many; those that are left out come with their least.
    pub items: Vec<(String, u64)>,
    pub coupon: Option<String>,
}

/// What a choice comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub title: String,
    /// Nothing is to be paid, now or later.
    pub free: bool,
    /// As `3.00 EUR`, of each period, without tax, for showing.
    pub total: String,
    /// Whether the period is a year; a month otherwise.
    pub yearly: bool,
    /// Days before the first payment, for who had none before; 0: none.
    pub trial_days: u32,
    /// What it comes with; `None`: without a limit.
    pub mailboxes: Option<u64>,
    pub domains: Option<u64>,
    pub storage_bytes: Option<u64>,
    pub recipients_per_day: Option<u64>,
}

/// A customer to be, as it is written down before its tenant is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The id that the tenant will have.
    pub tenant: TenantId,
    /// Who sells: the tenant's parent to be.
    pub seller: TenantId,
    pub name: String,
    /// The contact elsewhere that was proven.
    pub contact: String,
    /// A language tag: what the customer is written to in.
    pub locale: String,
    pub choice: Choice,
    /// Where the customer comes back to from paying.
    pub back_url: String,
}

/// Where paying stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// The page is open until then.
    Waiting { url: String, until: Timestamp },
    /// Paid, or a trial that has what to pay with: the tenant may be made.
    Live,
    /// The page ended unpaid.
    Expired,
}

/// On what ground a tenant may end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grounds {
    pub closed_at: Timestamp,
    /// When its destruction was told to a contact elsewhere.
    pub notices: Vec<Timestamp>,
    /// The day that was told; `None`: none was.
    pub not_before: Option<Timestamp>,
}

/// Who sells. Every call may be repeated.
pub trait Shop: Send + Sync + 'static {
    /// What a choice comes to. `Invalid`, `NotFound` for what is not offered (to those who sign up by themselves).
    fn offer<'a>(&'a self, seller: TenantId, choice: &'a Choice) -> Coming<'a, Offer>;

    /// Opens a page to pay on, or gives the one that is open; says `Live` when it is paid.
    fn checkout<'a>(&'a self, order: &'a Order) -> Coming<'a, Payment>;

    /// Writes down what the new tenant has, in the transaction that made it: its limits come from the plan.
    fn provision<'a>(&'a self, txn: &'a mut Txn, order: &'a Order) -> Coming<'a, Vec<Change>>;

    /// The signup came to nothing: what is open ends, what was paid goes back (U2).
    fn give_back<'a>(&'a self, tenant: TenantId) -> Coming<'a, ()>;

    /// On what ground a customer may end; `None`: it goes on.
    fn grounds<'a>(&'a self, connection: &'a mut Connection, tenant: TenantId) -> Coming<'a, Option<Grounds>> {
        let _ = (connection, tenant);
        Box::pin(async { Ok(None) })
    }

    /// Customers whose end has come.
    fn ended<'a>(&'a self, connection: &'a mut Connection) -> Coming<'a, Vec<TenantId>> {
        let _ = connection;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The document of an invoice that we issue ourselves, a PDF; `None`: the payment provider has it.
    fn invoice_document<'a>(&'a self, tenant: TenantId, invoice: &'a str) -> Coming<'a, Option<Vec<u8>>> {
        let _ = (tenant, invoice);
        Box::pin(async { Ok(None) })
    }

    /// Whether a contact has had its trial already (3.11).
    fn had_trial<'a>(&'a self, connection: &'a mut Connection, contact: &'a str) -> Coming<'a, bool>;
}

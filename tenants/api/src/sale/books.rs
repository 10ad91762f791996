//! SUMMARY    The books of a customer: entries and balances.

use super::desk;
use crate::{
    connection::{Paging, connection},
    cost::{RECORDS_COST, page_cost},
    failure::found,
    scalar::{DateTime, Money},
    types::actor,
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use billing::{Account, BalanceShown, Entry, Fact};

/// What is counted of each customer and currency. What is there, owed to the seller or spent stands above zero, the other side below.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::Account")]
pub enum LedgerAccount {
    /// Invoiced and not paid.
    Receivable,
    /// Received, at the payment provider or in the bank.
    Cash,
    /// Given to the customer to pay with.
    Credit,
    /// Sold, without tax.
    Revenue,
    /// Owed to a tax office.
    Tax,
    /// Taken back of what was sold.
    Returns,
    /// Given away.
    Goodwill,
    /// Not to be had any more.
    WrittenOff,
}

/// What happened.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerFact {
    Invoiced,
    Paid,
    /// A credit was given.
    Credited,
    /// A credit paid an invoice, or a part of it.
    CreditUsed,
    /// An invoice that was not paid was taken back.
    Voided,
    /// Money went back.
    Refunded,
    /// The bank took a payment back: it is owed again.
    ChargedBack,
    WrittenOff,
    /// What was sold was taken back, and given as credit.
    Returned,
    /// Credit that was given was taken back.
    CreditTaken,
    /// What was written off is to be had after all.
    Recovered,
}

impl From<Fact> for LedgerFact {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Invoiced { .. } => LedgerFact::Invoiced,
            Fact::Paid { .. } => LedgerFact::Paid,
            Fact::Credited { .. } => LedgerFact::Credited,
            Fact::CreditUsed { .. } => LedgerFact::CreditUsed,
            Fact::Voided { .. } => LedgerFact::Voided,
            Fact::Refunded { .. } => LedgerFact::Refunded,
            Fact::ChargedBack { .. } => LedgerFact::ChargedBack,
            Fact::WrittenOff { .. } => LedgerFact::WrittenOff,
            Fact::Returned { .. } => LedgerFact::Returned,
            Fact::CreditTaken { .. } => LedgerFact::CreditTaken,
            Fact::Recovered { .. } => LedgerFact::Recovered,
        }
    }
}

/// A part of an entry: the parts of one add up to nothing.
#[derive(SimpleObject, Clone)]
pub struct LedgerPosting {
    pub account: LedgerAccount,
    pub amount: Money,
}

fn posting((account, amount): (Account, billing::Money)) -> LedgerPosting {
    LedgerPosting { account: account.into(), amount: Money(amount) }
}

/// One entry of the books: never changed or removed.
#[derive(SimpleObject, Clone)]
pub struct LedgerEntry {
    /// Of what it is: no two entries have the same.
    pub id: ID,
    pub tenant_id: ID,
    pub at: DateTime,
    pub fact: LedgerFact,
    pub postings: Vec<LedgerPosting>,
}

impl From<Entry> for LedgerEntry {
    fn from(entry: Entry) -> Self {
        LedgerEntry {
            id: ID(entry.event),
            tenant_id: ID(entry.tenant.to_string()),
            at: entry.at.into(),
            fact: entry.fact.into(),
            postings: entry.postings.into_iter().map(posting).collect(),
        }
    }
}

impl LedgerEntry {
    /// Of one page.
    pub(crate) fn together(rows: Vec<Entry>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(LedgerEntryConnection, LedgerEntryEdge, LedgerEntry, billing::Entry);

/// The sum of an account's postings in one currency.
#[derive(SimpleObject, Clone)]
pub struct LedgerBalance {
    pub account: LedgerAccount,
    pub amount: Money,
}

impl From<BalanceShown> for LedgerBalance {
    fn from(balance: BalanceShown) -> Self {
        LedgerBalance { account: balance.account.into(), amount: Money(balance.amount) }
    }
}

#[derive(Default)]
pub struct BooksQuery;

#[Object]
impl BooksQuery {
    /// The books of a tenant, newest entry first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn ledger_entries(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<LedgerEntryConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(desk.entries(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| LedgerEntryConnection::new(&paging, rows)))
    }

    /// The balances of a tenant, of each account and currency that has postings.
    #[graphql(complexity = "RECORDS_COST + child_complexity")]
    async fn ledger_balances(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<Vec<LedgerBalance>>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(desk.balances(actor(ctx), tenant).await)?;
        Ok(rows.map(|rows| rows.into_iter().map(Into::into).collect()))
    }
}

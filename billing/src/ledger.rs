//! SUMMARY    The books: double entries of what is owed, paid, given and paid back.
//! LIMITS     EVENT_CHARS_MAX
//! INVARIANTS Every entry balances, and is of one event: posted twice, it counts once. Of a customer no more is refunded than was paid
//!            (S4). Nothing is changed or removed: what was wrong has an entry of its own against it.

use crate::{Currency, Error, Kind, Money, Result, money::sum};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

pub const EVENT_CHARS_MAX: usize = 200;

/// What is counted of each customer and currency. What is there, owed to us or spent stands above zero, the other side below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Account {
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

/// Something that happened. Amounts are above zero; `tax` is in addition to `net`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "what")]
pub enum Fact {
    Invoiced {
        net: Money,
        tax: Money,
    },
    Paid {
        amount: Money,
    },
    /// A credit is given.
    Credited {
        amount: Money,
    },
    /// A credit pays an invoice, or a part of it.
    CreditUsed {
        amount: Money,
    },
    /// An invoice that was not paid is taken back.
    Voided {
        net: Money,
        tax: Money,
    },
    /// Money goes back.
    Refunded {
        net: Money,
        tax: Money,
    },
    /// The bank took a payment back: it is owed again.
    ChargedBack {
        amount: Money,
    },
    WrittenOff {
        amount: Money,
    },
    /// What was sold is taken back, and given as credit.
    Returned {
        net: Money,
        tax: Money,
    },
    /// Credit that was given is taken back.
    CreditTaken {
        amount: Money,
    },
    /// What was written off is to be had after all.
    Recovered {
        amount: Money,
    },
}

/// One entry: its postings add up to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of what it is: an id of ours or of the payment provider that never comes twice for two facts.
    pub event: String,
    pub tenant: TenantId,
    pub at: Timestamp,
    pub fact: Fact,
    pub postings: Vec<(Account, Money)>,
}

impl Fact {
    fn postings(self) -> Result<Vec<(Account, Money)>> {
        use Account::{Cash, Credit, Goodwill, Receivable, Returns, Revenue, Tax, WrittenOff};
        let of_two = |net: Money, tax: Money| net.plus(tax);
        Ok(match self {
            Fact::Invoiced { net, tax } => {
                vec![(Receivable, of_two(net, tax)?), (Revenue, net.negated()), (Tax, tax.negated())]
            }
            Fact::Paid { amount } => vec![(Cash, amount), (Receivable, amount.negated())],
            Fact::Credited { amount } => vec![(Goodwill, amount), (Credit, amount.negated())],
            Fact::CreditUsed { amount } => vec![(Credit, amount), (Receivable, amount.negated())],
            Fact::Voided { net, tax } => vec![(Returns, net), (Tax, tax), (Receivable, of_two(net, tax)?.negated())],
            Fact::Refunded { net, tax } => vec![(Returns, net), (Tax, tax), (Cash, of_two(net, tax)?.negated())],
            Fact::ChargedBack { amount } => vec![(Receivable, amount), (Cash, amount.negated())],
            Fact::WrittenOff { amount } => vec![(WrittenOff, amount), (Receivable, amount.negated())],
            Fact::Returned { net, tax } => vec![(Returns, net), (Tax, tax), (Credit, of_two(net, tax)?.negated())],
            Fact::CreditTaken { amount } => vec![(Credit, amount), (Goodwill, amount.negated())],
            Fact::Recovered { amount } => vec![(Receivable, amount), (WrittenOff, amount.negated())],
        })
    }
}

impl Entry {
    /// Errors: `Invalid` for an event without a name and for amounts that are not above zero, `Currency`, `Overflow`.
    pub fn new(event: impl Into<String>, tenant: TenantId, at: Timestamp, fact: Fact) -> Result<Entry> {
        let event = event.into();
        if event.is_empty() || event.len() > EVENT_CHARS_MAX || !event.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid("event", format!("1 to {EVENT_CHARS_MAX} printable ASCII characters")));
        }
        let (first, second) = match fact {
            Fact::Invoiced { net, tax }
            | Fact::Voided { net, tax }
            | Fact::Refunded { net, tax }
            | Fact::Returned { net, tax } => (net, Some(tax)),
            Fact::Paid { amount }
            | Fact::Credited { amount }
            | Fact::CreditUsed { amount }
            | Fact::ChargedBack { amount }
            | Fact::WrittenOff { amount }
            | Fact::CreditTaken { amount }
            | Fact::Recovered { amount } => (amount, None),
        };
        if first.is_negative() || second.is_some_and(Money::is_negative) {
            return Err(Error::invalid(
                "fact",
                "Amounts are not below zero: what is the other way round is another fact",
            ));
        }
        let mut postings = fact.postings()?;
        postings.retain(|(_, amount)| !amount.is_zero());
        if postings.is_empty() {
            return Err(Error::invalid("fact", "Nothing is not entered"));
        }
        Ok(Entry { event, tenant, at, fact, postings })
    }

    pub fn currency(&self) -> Option<Currency> {
        self.postings.first().map(|(_, amount)| amount.currency())
    }

    /// What its postings add up to: zero, or it was not made by `new`.
    pub fn balance(&self) -> Result<Option<Money>> {
        let of = |currency| sum(currency, self.postings.iter().map(|(_, amount)| *amount));
        self.currency().map(of).transpose()
    }
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    Now,
    /// It stands in the books already.
    Before,
}

/// Balances as entries are posted, in any order of customers.
#[derive(Debug, Clone, Default)]
pub struct Books {
    balances: BTreeMap<(TenantId, Currency, Account), Money>,
    events: HashMap<String, Entry>,
}

impl Books {
    /// Errors: `Unlawful` for an entry that does not balance, for another one of the same event, and for money that goes out and never
    /// came in (S4) or a credit that was not given: nothing is posted then.
    pub fn post(&mut self, entry: Entry) -> Result<Posted> {
        let unlawful = |text: &str| Err(Error::new(Kind::Unlawful, "", text));
        if let Some(known) = self.events.get(&entry.event) {
            return if known.tenant == entry.tenant && known.fact == entry.fact {
                Ok(Posted::Before)
            } else {
                unlawful("Another entry is of the same event")
            };
        }
        if entry.balance()?.is_none_or(|rest| !rest.is_zero()) {
            return unlawful("The entry does not balance");
        }
        let mut after = Vec::with_capacity(entry.postings.len());
        for (account, amount) in &entry.postings {
            let balance = self.balance(entry.tenant, amount.currency(), *account).plus(*amount)?;
            match account {
                Account::Cash if balance.is_negative() => return unlawful("More would be paid back than was paid"),
                Account::Credit if balance.minor() > 0 => return unlawful("More credit would be used than was given"),
                _ => after.push(((entry.tenant, amount.currency(), *account), balance)),
            }
        }
        self.balances.extend(after);
        self.events.insert(entry.event.clone(), entry);
        Ok(Posted::Now)
    }

    pub fn balance(&self, tenant: TenantId, currency: Currency, account: Account) -> Money {
        self.balances.get(&(tenant, currency, account)).copied().unwrap_or(Money::zero(currency))
    }

    /// The sum over all accounts of a currency: zero, always.
    pub fn total(&self, currency: Currency) -> Result<Money> {
        sum(currency, self.balances.iter().filter(|((_, of, _), _)| *of == currency).map(|(_, amount)| *amount))
    }
}

#[cfg(test)]
mod tests;

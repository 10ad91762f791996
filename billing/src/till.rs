//! SUMMARY    A till: a model of a payment provider in memory, for tests and simulations.
//! STANDARDS  docs/decisions/0034-payments-behind-a-port.md
//! LIMITS     KEY_LIFE, SIGNATURE_AGE_MAX
//! INVARIANTS It keeps the promises of the port, and its faults are those that a network has: a call is refused before it is done, or its
//!            answer is lost before or after. A key is remembered for KEY_LIFE: the same call under it is done once.

mod model;
mod port;

use crate::{CheckoutState, Currency, Failure, FailureKind, Money, Truth};
use aws_lc_rs::hmac;
use base::{Clock, Timestamp};
use model::{Client, Page, State};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a key is remembered.
const KEY_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How old a signature is at most.
const SIGNATURE_AGE_MAX: Duration = Duration::from_secs(300);

/// What becomes of the next call that makes or changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done.
    Busy,
    /// Nothing is done, and nobody knows.
    LostBefore,
    /// It is done, and nobody knows.
    LostAfter,
}

/// A webhook that waits to be delivered, as often as a test likes and in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub body: Vec<u8>,
}

/// The model.
pub struct Till {
    name: &'static str,
    clock: Arc<dyn Clock>,
    secret: hmac::Key,
    /// Hundredths that are added to each invoice.
    tax_percent: u64,
    state: Mutex<State>,
}

impl Till {
    /// By its name as customers have it, on a clock, with so many hundredths of tax.
    pub fn new(name: &'static str, clock: Arc<dyn Clock>, tax_percent: u64) -> Arc<Till> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, name.as_bytes());
        Arc::new(Till { name, clock, secret, tax_percent, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What becomes of the next calls, one each, before calls go well again.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// Whether all calls, also those that only ask, are answered by `Busy`.
    pub fn close(&self, is_closed: bool) {
        self.state().is_closed = is_closed;
    }

    /// What happened since it was asked last, to be delivered.
    pub fn webhooks(&self) -> Vec<Webhook> {
        std::mem::take(&mut self.state().events)
    }

    /// The header that a webhook comes with now.
    pub fn signature(&self, webhook: &Webhook) -> String {
        let at = self.now().0;
        format!("t={at},v1={}", self.mac(at, &webhook.body))
    }

    fn mac(&self, at: i64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.secret, &[format!("{at}.").as_bytes(), body].concat());
        tag.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// Pages that are open, by their ids.
    pub fn open_pages(&self) -> Vec<String> {
        let state = self.state();
        let open = |(_, page): &(&String, &Page)| page.shown.state == CheckoutState::Open;
        state.pages.iter().filter(open).map(|(id, _)| id.clone()).collect()
    }

    /// A customer pays on a page with a card: what is wanted is subscribed to, and paid. `Refused` on one that is not open, and for a
    /// card that is declined.
    pub fn pay_page(&self, page: &str, card: &str) -> Result<String, Failure> {
        self.state().pay_page(page, card, self.now(), self.tax_percent)
    }

    /// What a customer pays with from now on, and whether it is declined.
    pub fn card(&self, customer: &str, card: Option<&str>, is_declined: bool) -> Result<(), Failure> {
        let mut state = self.state();
        let client = state.client(customer)?;
        client.truth.card = card.map(str::to_owned);
        client.is_declined = is_declined;
        state.tell("customer.updated", Some(customer), None);
        Ok(())
    }

    /// All that time brings until now: pages end, trials and periods end, invoices are issued and paid, or not.
    pub fn turn(&self) {
        self.state().turn(self.now(), self.tax_percent);
    }

    /// The bank takes a payment back; the id of that.
    pub fn charge_back(&self, payment: &str, amount: Money) -> Result<String, Failure> {
        let mut state = self.state();
        let id = state.fresh("dp");
        let (now, told) = (self.now(), id.clone());
        let taken = state.payment(payment, |payment| payment.chargebacks.push((told, amount, now)));
        taken?;
        // As banks do, it names no customer.
        state.tell("charge.dispute.created", None, Some(payment));
        Ok(id)
    }

    /// A charge-back was won.
    pub fn win_back(&self, payment: &str, chargeback: &str) -> Result<(), Failure> {
        let mut state = self.state();
        state.payment(payment, |payment| payment.chargebacks.retain(|(id, ..)| id != chargeback))?;
        state.tell("charge.dispute.closed", None, Some(payment));
        Ok(())
    }

    /// An open invoice is taken back, or given up.
    pub fn give_up(&self, invoice: &str, is_void: bool) -> Result<(), Failure> {
        self.state().give_up(invoice, is_void)
    }

    /// Knows a customer and its pages no more, as another account would not.
    pub fn forget(&self, customer: &str) {
        let mut state = self.state();
        state.clients.remove(customer);
        state.pages.retain(|_, page| page.new.customer != customer);
    }

    /// The provider's ids of its customers.
    pub fn customers(&self) -> Vec<String> {
        self.state().clients.keys().cloned().collect()
    }

    /// All that a customer has, without a fault.
    pub fn has(&self, customer: &str) -> Option<Truth> {
        self.state().clients.get(customer).map(Client::seen)
    }

    /// Money that came in, less what went back, over all customers.
    pub fn taken(&self, currency: Currency) -> i64 {
        let state = self.state();
        let invoices = state.clients.values().flat_map(|client| &client.truth.invoices);
        let payments = invoices.flat_map(|i| &i.payments).filter(|p| p.amount.currency() == currency);
        payments.map(|p| p.amount.minor() - p.refunds.iter().map(|(_, amount, _)| amount.minor()).sum::<i64>()).sum()
    }
}

pub(super) fn refused(why: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Refused, why)
}

pub(super) fn gone(what: &str) -> Failure {
    Failure::new(FailureKind::Gone, format!("there is no {what}"))
}

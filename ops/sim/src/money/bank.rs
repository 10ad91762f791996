//! SUMMARY    A payment provider from outside: what visitors, banks, time and a bad network do to it.

use super::death::Hands;
use base::Clock;
use billing::{Fault, Payments, Till, TruePayment, Truth, Webhook};
use std::sync::Arc;

/// Hundredths of tax.
pub(super) const TAX_PERCENT: u64 = 20;

/// What the simulation does at a provider, without faults of the network.
pub(super) trait Bank: Send + Sync {
    fn payments(&self) -> Arc<dyn Payments>;
    /// All that is due until now.
    fn turn(&self);
    /// Bodies of the webhooks since it was asked last.
    fn events(&self) -> Vec<Vec<u8>>;
    /// The header of a webhook that is sent now.
    fn signature(&self, body: &[u8]) -> String;
    /// Pages on which somebody can pay, the oldest first.
    fn open_pages(&self) -> Vec<String>;
    /// Somebody pays on a page, with a card that works; or it is refused.
    fn pay_page(&self, page: &str);
    /// What a customer is charged from now on, and whether that works.
    fn card(&self, customer: &str, works: bool);
    /// The bank takes all of a payment back.
    fn charge_back(&self, payment: &TruePayment);
    fn win_back(&self, payment: &str, chargeback: &str);
    fn give_up(&self, invoice: &str, is_void: bool);
    /// What becomes of the next calls that make or change something.
    fn fail(&self, faults: &[Fault]);
    /// Whether nothing is answered at all.
    fn close(&self, is_closed: bool);
    /// All that a customer has; empty for one that is not known.
    fn truth(&self, customer: &str) -> Truth;
}

/// `billing::Till`, as it stands.
pub(super) struct TillBank(pub(super) Arc<Till>);

impl TillBank {
    pub(super) fn new(hands: Arc<Hands>) -> TillBank {
        TillBank(Till::new("till", hands as Arc<dyn Clock>, TAX_PERCENT))
    }
}

impl Bank for TillBank {
    fn payments(&self) -> Arc<dyn Payments> {
        self.0.clone()
    }
    fn turn(&self) {
        self.0.turn();
    }
    fn events(&self) -> Vec<Vec<u8>> {
        self.0.webhooks().into_iter().map(|webhook| webhook.body).collect()
    }
    fn signature(&self, body: &[u8]) -> String {
        self.0.signature(&Webhook { body: body.to_vec() })
    }
    fn open_pages(&self) -> Vec<String> {
        self.0.open_pages()
    }
    fn pay_page(&self, page: &str) {
        drop(self.0.pay_page(page, "visa 2"));
    }
    fn card(&self, customer: &str, works: bool) {
        drop(self.0.card(customer, Some("visa 1"), !works));
    }
    fn charge_back(&self, payment: &TruePayment) {
        drop(self.0.charge_back(&payment.id, payment.amount));
    }
    fn win_back(&self, payment: &str, chargeback: &str) {
        drop(self.0.win_back(payment, chargeback));
    }
    fn give_up(&self, invoice: &str, is_void: bool) {
        drop(self.0.give_up(invoice, is_void));
    }
    fn fail(&self, faults: &[Fault]) {
        self.0.fail(faults.iter().copied());
    }
    fn close(&self, is_closed: bool) {
        self.0.close(is_closed);
    }
    fn truth(&self, customer: &str) -> Truth {
        self.0.has(customer).unwrap_or_default()
    }
}

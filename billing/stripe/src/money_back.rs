//! SUMMARY    Paying an invoice once more, refunds, credit.

use crate::{
    amount,
    call::{Call, id},
    object::Invoice,
    owed::RECEIVED,
    payments::Stripe,
};
use billing::{Failure, FailureKind, Money};

impl Stripe {
    pub(crate) async fn pay_invoice(&self, key: &str, invoice: &str) -> Result<(), Failure> {
        let path = format!("/invoices/{}", id(invoice)?);
        let known: Invoice = self.ask(Call::get(&path)).await?;
        if known.status.as_deref() == Some("draft") {
            // Only what is finalized takes a payment.
            match self.tell(Call::post(format!("{path}/finalize"), format!("{key}-finalize"))).await {
                Err(failure) if failure.kind != FailureKind::Refused => return Err(failure),
                // Somebody else was first.
                Ok(()) | Err(_) => {}
            }
        }
        match self.tell(Call::post(format!("{path}/pay"), key)).await {
            // Paid already is what was asked for.
            Err(failure) if failure.kind == FailureKind::Refused => {
                let found: Invoice = self.ask(Call::get(path)).await?;
                if found.status.as_deref() == Some("paid") { Ok(()) } else { Err(failure) }
            }
            paid => paid,
        }
    }

    /// Of a payment intent (`pi_…`), or a charge of an invoice that has none.
    pub(crate) async fn pay_back(&self, key: &str, payment: &str, money: Money) -> Result<(), Failure> {
        if payment.starts_with(RECEIVED) {
            let text = "it came in by transfer: send it back by transfer";
            return Err(Failure::new(FailureKind::Refused, text));
        }
        let field = if payment.starts_with("ch_") { "charge" } else { "payment_intent" };
        let call = Call::post("/refunds", key).with(field, id(payment)?).with("amount", amount::written(money)?);
        self.tell(call).await
    }

    /// Below zero at Stripe is what the customer has.
    pub(crate) async fn give_credit(&self, key: &str, customer: &str, money: Money) -> Result<(), Failure> {
        let call = Call::post(format!("/customers/{}/balance_transactions", id(customer)?), key);
        let call = call.with("amount", amount::written(money.negated())?);
        self.tell(call.with("currency", amount::code(money.currency()))).await
    }
}

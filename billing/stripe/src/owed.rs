//! SUMMARY    Money for an invoice beside Stripe's own payments of it: taken again after a dispute, or come in by transfer.
//! INVARIANTS What was taken again is a payment intent that names the invoice and the key of its call; what came in otherwise stands in the
//!            metadata of the invoice with its key. So the truth has both, and each is once under its key, however late it comes again.

use crate::{
    amount,
    call::{Call, id},
    object::{Charge, Invoice},
    payments::Stripe,
    truth::Paid,
};
use base::Timestamp;
use billing::{Failure, FailureKind, InvoiceState, Money, TrueInvoice};

/// The invoice that a payment intent is for.
const INVOICE: &str = "invoice";
/// The key of the call that took it.
const COLLECT_KEY: &str = "collect_key";
/// What came in for an invoice otherwise: hundredths or the like, seconds, as the bank's statement has it, the key of the call.
const AMOUNT: &str = "received_amount";
const AT: &str = "received_at";
const REFERENCE: &str = "received_reference";
const RECEIVE_KEY: &str = "received_key";
/// How the id of such a payment begins.
pub const RECEIVED: &str = "received_";

fn refused(text: &str) -> Failure {
    Failure::new(FailureKind::Refused, text)
}

/// What of charges was taken again for an invoice.
pub fn taken_again(charges: &[Charge], invoice: &str) -> Result<Vec<Paid>, Failure> {
    let is_its = |charge: &&Charge| {
        charge.status == "succeeded" && charge.metadata.get(INVOICE).is_some_and(|named| named == invoice)
    };
    let paid = |charge: &Charge| {
        let payment = charge.payment_intent.as_ref().map_or(charge.id.as_str(), |intent| intent.name()).to_owned();
        let amount = amount::read(charge.amount, &charge.currency)?;
        Ok(Paid { payment, amount, at: Timestamp::from_secs(charge.created) })
    };
    charges.iter().filter(is_its).map(paid).collect()
}

/// What came in for an invoice otherwise, if something did.
pub fn received(invoice: &Invoice) -> Result<Option<Paid>, Failure> {
    let number = |name| invoice.metadata.get(name).and_then(|text: &String| text.parse::<i64>().ok());
    let (Some(amount), Some(at)) = (number(AMOUNT), number(AT)) else { return Ok(None) };
    let amount = amount::read(amount, &invoice.currency)?;
    Ok(Some(Paid { payment: format!("{RECEIVED}{}", invoice.id), amount, at: Timestamp::from_secs(at) }))
}

impl Stripe {
    /// Takes money with what the customer pays with, without the customer (`off_session`).
    pub(crate) async fn take_again(
        &self,
        key: &str,
        customer: &str,
        invoice: &str,
        money: Money,
    ) -> Result<(), Failure> {
        let charges: Vec<Charge> = self.all(Call::get("/charges").with("customer", customer)).await?;
        let is_it = |charge: &&Charge| charge.metadata.get(COLLECT_KEY).is_some_and(|known| known == key);
        if charges.iter().filter(is_it).any(|charge| charge.status == "succeeded") {
            return Ok(());
        }
        let truth = self.all_of(customer).await?;
        let is_owed =
            |i: &TrueInvoice| i.owed().and_then(|owed| owed.minus(money)).is_ok_and(|rest| !rest.is_negative());
        let owes = truth.invoices.iter().any(|i| i.id == invoice && i.state == InvoiceState::Paid && is_owed(i));
        if !owes {
            return Err(refused("so much is not owed of this invoice"));
        }
        let (known, subscriptions) = self.holder(customer).await?;
        let method = known.pays_with(&subscriptions).ok_or_else(|| refused("the customer has nothing to pay with"))?;
        let call = Call::post("/payment_intents", key)
            .with("customer", id(customer)?)
            .with("amount", amount::written(money)?)
            .with("currency", amount::code(money.currency()))
            .with("payment_method", method.name())
            .with("off_session", true)
            .with("confirm", true)
            .with(format!("metadata[{INVOICE}]"), invoice)
            .with(format!("metadata[{COLLECT_KEY}]"), key);
        self.tell(call).await
    }

    /// Errors: `Refused` when less is owed of an invoice, or something that came in for it is being counted.
    async fn still_owed(&self, known: &Invoice, money: Money) -> Result<(), Failure> {
        let is_paid = known.status.as_deref() == Some("paid");
        if !is_paid && known.metadata.contains_key(RECEIVE_KEY) {
            return Err(refused("another transfer for this invoice is being counted"));
        }
        let (true, Some(customer)) = (is_paid, &known.customer) else { return Ok(()) };
        let truth = self.all_of(customer.name()).await?;
        let owed = truth.invoices.iter().find(|i| i.id == known.id).map(TrueInvoice::owed);
        let is_owed = matches!(owed, Some(Ok(owed)) if owed.minus(money).is_ok_and(|rest| !rest.is_negative()));
        if is_owed { Ok(()) } else { Err(refused("so much is not owed of this invoice")) }
    }

    /// Writes down what came in, and has an invoice that is open paid by it (`paid_out_of_band`).
    pub(crate) async fn came_in(
        &self,
        key: &str,
        invoice: &str,
        reference: &str,
        (money, at): (Money, Timestamp),
    ) -> Result<(), Failure> {
        let path = format!("/invoices/{}", id(invoice)?);
        let known: Invoice = self.ask(Call::get(&path)).await?;
        let draft = known.status.as_deref() == Some("draft");
        if known.metadata.get(RECEIVE_KEY).is_none_or(|by| by != key) {
            self.still_owed(&known, money).await?;
            let before = known.metadata.get(AMOUNT).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            let whole = amount::read(before, &known.currency)?.plus(money).map_err(|e| refused(&e.to_string()))?;
            let call = Call::post(&path, key)
                .with(format!("metadata[{AMOUNT}]"), amount::written(whole)?)
                .with(format!("metadata[{AT}]"), at.secs())
                .with(format!("metadata[{REFERENCE}]"), reference)
                .with(format!("metadata[{RECEIVE_KEY}]"), key);
            self.tell(call).await?;
        }
        if draft {
            match self.tell(Call::post(format!("{path}/finalize"), format!("{key}-finalize"))).await {
                Err(failure) if failure.kind != FailureKind::Refused => return Err(failure),
                Ok(()) | Err(_) => {}
            }
        }
        if known.status.as_deref() == Some("paid") {
            return Ok(());
        }
        let call = Call::post(format!("{path}/pay"), format!("{key}-pay")).with("paid_out_of_band", true);
        match self.tell(call).await {
            Err(failure) if failure.kind == FailureKind::Refused => {
                let found: Invoice = self.ask(Call::get(path)).await?;
                if found.status.as_deref() == Some("paid") { Ok(()) } else { Err(failure) }
            }
            paid => paid,
        }
    }
}

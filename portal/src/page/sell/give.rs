//! SUMMARY    What a seller does for a customer: gives, sets, credits, pays back, compares with the payment provider.

use super::{day, gigabytes, money_of, number};
use crate::{
    collection::{beside, of_row},
    form::Refusal,
    operation::{
        BillingCustomerUpdate, BillingSync, BrandingAllow, ConcessionAdd, ConcessionEnd, CreditGrant, InvoiceReceive,
        InvoiceRefund, billing_customer_update, billing_sync, branding_allow, concession_add, concession_end,
        credit_grant, invoice_receive, invoice_refund, refusals,
    },
    trouble::Trouble,
    visit::Visit,
};
use concession_add::{BillingLimit as Limit, ConcessionAddInput, ConcessionOverrideInput, PlanGrantsInput};

/// Why something was refused; nothing when it was done.
type Outcome = Result<Vec<Refusal>, Trouble>;

/// More of something, on top of what was bought.
pub(super) async fn gift(visit: &Visit, id: &str) -> Outcome {
    let input = |visit: &Visit| {
        let fields = &visit.fields;
        let grants = PlanGrantsInput {
            domains: Some(number(fields, "domains")?.unwrap_or(0)),
            mailboxes: Some(number(fields, "mailboxes")?.unwrap_or(0)),
            storage_bytes: Some(gigabytes(fields, "gb")?.unwrap_or_else(|| "0".to_owned())),
            recipients_per_hour: None,
            recipients_per_day: None,
            new_recipients_per_day: None,
        };
        Ok(ConcessionAddInput {
            tenant_id: id.to_owned(),
            grants: Some(grants),
            limit_override: None,
            until: day(fields, "until")?,
            reason: fields.text("reason").to_owned(),
            dry_run: false,
            idempotency_key: Some(visit.once()),
        })
    };
    add(visit, input(visit), &[("reason", "reason"), ("until", "until"), ("grants", "mailboxes")]).await
}

/// A limit, whatever was bought; none where the number is left out.
pub(super) async fn set(visit: &Visit, id: &str) -> Outcome {
    let input = |visit: &Visit| {
        let fields = &visit.fields;
        let limit = match fields.text("limit") {
            "DOMAINS" => Limit::DOMAINS,
            "STORAGE_BYTES" => Limit::STORAGE_BYTES,
            "RECIPIENTS_PER_HOUR" => Limit::RECIPIENTS_PER_HOUR,
            "RECIPIENTS_PER_DAY" => Limit::RECIPIENTS_PER_DAY,
            "NEW_RECIPIENTS_PER_DAY" => Limit::NEW_RECIPIENTS_PER_DAY,
            "MAILBOXES" => Limit::MAILBOXES,
            _ => return Err(Refusal::new("limit", "INVALID")),
        };
        let (value, bytes) = match limit == Limit::STORAGE_BYTES {
            true => (None, gigabytes(fields, "value")?),
            false => (number(fields, "value")?, None),
        };
        Ok(ConcessionAddInput {
            tenant_id: id.to_owned(),
            grants: None,
            limit_override: Some(ConcessionOverrideInput { limit, value, bytes }),
            until: day(fields, "untilSet")?,
            reason: fields.text("reasonSet").to_owned(),
            dry_run: false,
            idempotency_key: Some(visit.once()),
        })
    };
    add(visit, input(visit), &[("reason", "reasonSet"), ("until", "untilSet"), ("limitOverride", "value")]).await
}

async fn add(visit: &Visit, input: Result<ConcessionAddInput, Refusal>, names: &[(&str, &str)]) -> Outcome {
    let input = match input {
        Ok(input) => input,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let data = visit.ask::<ConcessionAdd>(concession_add::Variables { input }).await?;
    Ok(beside(refusals!(data.concession_add), names))
}

pub(super) async fn end(visit: &Visit) -> Outcome {
    let input = concession_end::ConcessionEndInput {
        concession_id: visit.fields.text("id").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<ConcessionEnd>(concession_end::Variables { input }).await?;
    Ok(of_row(refusals!(data.concession_end)))
}

/// Money that its next invoices use up.
pub(super) async fn credit(visit: &Visit, id: &str) -> Outcome {
    let amount = match money_of(&visit.fields, "credit") {
        Ok(Some(amount)) => amount,
        Ok(None) => return Ok(vec![Refusal::new("credit", "MONEY")]),
        Err(refusal) => return Ok(vec![refusal]),
    };
    let input = credit_grant::CreditGrantInput {
        tenant_id: id.to_owned(),
        amount,
        reason: visit.fields.text("reasonCredit").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    // An amount that the schema does not take, as of a currency that is none, is refused as a whole.
    match visit.ask_told::<CreditGrant>(credit_grant::Variables { input }).await? {
        Ok(data) => Ok(beside(refusals!(data.credit_grant), &[("amount", "credit"), ("reason", "reasonCredit")])),
        Err(refusal) => Ok(vec![Refusal { field: "credit".to_owned(), ..refusal }]),
    }
}

/// Money that goes back; all that was paid where no amount is given.
pub(super) async fn refund(visit: &Visit, id: &str) -> Outcome {
    let amount = match money_of(&visit.fields, "back") {
        Ok(amount) => amount,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let input = invoice_refund::InvoiceRefundInput {
        tenant_id: id.to_owned(),
        invoice_id: visit.fields.text("invoice").to_owned(),
        amount,
        reason: visit.fields.text("reasonBack").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let names = [("amount", "back"), ("reason", "reasonBack"), ("invoiceId", "invoice")];
    match visit.ask_told::<InvoiceRefund>(invoice_refund::Variables { input }).await? {
        Ok(data) => Ok(beside(refusals!(data.invoice_refund), &names)),
        Err(refusal) => Ok(vec![Refusal { field: "back".to_owned(), ..refusal }]),
    }
}

/// A transfer that came in for an invoice of the seller's own.
pub(super) async fn receive(visit: &Visit, id: &str) -> Outcome {
    let input = invoice_receive::InvoiceReceiveInput {
        tenant_id: id.to_owned(),
        invoice_id: visit.fields.text("received").to_owned(),
        reference: visit.fields.text("reference").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<InvoiceReceive>(invoice_receive::Variables { input }).await?;
    Ok(beside(refusals!(data.invoice_receive), &[("reference", "reference"), ("invoiceId", "received")]))
}

/// By which price list it buys from now on; none where nothing is given.
pub(super) async fn prices(visit: &Visit, id: &str) -> Outcome {
    let list = visit.fields.given("priceList");
    let nulls: &[(&str, &str)] = if list.is_none() { &[("/input", "priceList")] } else { &[] };
    let input = billing_customer_update::BillingCustomerUpdateInput {
        tenant_id: id.to_owned(),
        email: None,
        name: None,
        country: None,
        tax_ids: None,
        language: None,
        provider: None,
        price_list: list,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let variables = billing_customer_update::Variables { input };
    let data = visit.ask_with_nulls::<BillingCustomerUpdate>(variables, nulls).await?;
    Ok(beside(refusals!(data.billing_customer_update), &[("priceList", "priceList")]))
}

/// What is true at the payment provider becomes true here.
pub(super) async fn compare(visit: &Visit, id: &str) -> Outcome {
    let input = billing_sync::BillingSyncInput { tenant_id: id.to_owned(), dry_run: false };
    let data = visit.ask::<BillingSync>(billing_sync::Variables { input }).await?;
    Ok(of_row(refusals!(data.billing_sync)))
}

/// Lets it have a brand of its own, or not any more.
pub(super) async fn brand(visit: &Visit, id: &str) -> Outcome {
    let input = branding_allow::BrandingAllowInput {
        tenant_id: id.to_owned(),
        allowed: visit.fields.text("brand") == "yes",
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<BrandingAllow>(branding_allow::Variables { input }).await?;
    Ok(refusals!(data.branding_allow))
}

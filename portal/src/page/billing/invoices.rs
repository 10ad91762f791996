//! SUMMARY    All invoices, paying one, and the paper of one that the seller issues itself.

use super::{
    WRITE,
    shape::{Invoice, known},
    words,
};
use crate::{
    collection::Collection,
    form::{Form, Refusal},
    list::Place,
    operation::{
        DebtPay, InvoicePaper, InvoicePay, Invoices, debt_pay, invoice_paper, invoice_pay, invoices, refusals,
    },
    trouble::Trouble,
    visit::{Out, Reply, Visit, see},
};
use base64::{Engine, engine::general_purpose::STANDARD};

const PDF: &str = "application/pdf";

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = invoices::Variables { tenant: visit.tenant()?, first, after, last, before };
    let data = visit.ask::<Invoices>(variables).await?;
    let found = data.invoices.ok_or(Trouble::NotFound)?;
    let may_write = data.viewer.is_some_and(|v| v.permissions.iter().any(|p| p == WRITE));
    let mut page = Collection::new(visit.frame("invoices-title"), form);
    page.back = Some(("/billing".to_owned(), page.f.t("billing-title")));
    let known = found.nodes.iter().map(known).collect::<Result<Vec<Invoice>, _>>()?;
    let rows = known.iter().map(|i| words::own_invoice(&page.f, i, may_write)).collect();
    page.rows("invoices-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

/// An invoice as PDF. `NotFound` where the payment provider has it.
pub(super) async fn paper(visit: &Visit, id: &str) -> Reply {
    let variables = invoice_paper::Variables { tenant: visit.tenant()?, id: id.to_owned() };
    let data = visit.ask::<InvoicePaper>(variables).await?;
    let (invoice, paper) = data.invoice.zip(data.invoice_paper).ok_or(Trouble::NotFound)?;
    let name = format!("{}.pdf", invoice.number.unwrap_or_else(|| id.to_owned()));
    let bytes = STANDARD.decode(paper).map_err(|_| Trouble::Broken)?;
    Ok(Out::File { name, kind: PDF, bytes })
}

pub(super) async fn change(visit: &Visit) -> Reply {
    if visit.fields.text("act") != "pay" {
        return Err(Trouble::NotFound);
    }
    let refusals = pay(visit).await?;
    match refusals.is_empty() {
        true => see("/billing/invoices?ok=paid"),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

/// Tries to have an invoice paid; a card that is declined is refused in the provider's words.
pub(super) async fn pay(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = invoice_pay::InvoicePayInput {
        tenant_id: visit.tenant()?,
        invoice_id: visit.fields.text("id").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let payload = visit.ask::<InvoicePay>(invoice_pay::Variables { input }).await?.invoice_pay;
    Ok(refusals!(payload).into_iter().map(declined).collect())
}

/// The same with all that is owed.
pub(super) async fn pay_all(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = debt_pay::DebtPayInput { tenant_id: visit.tenant()?, dry_run: false, idempotency_key: visit.once() };
    let payload = visit.ask::<DebtPay>(debt_pay::Variables { input }).await?.debt_pay;
    Ok(refusals!(payload).into_iter().map(declined).collect())
}

fn declined(refusal: Refusal) -> Refusal {
    match refusal.code.as_str() {
        "INVALID" => Refusal { field: String::new(), code: "DECLINED".to_owned(), ..refusal },
        _ => Refusal { field: String::new(), ..refusal },
    }
}

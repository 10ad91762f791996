//! SUMMARY    Invoices: shown from the mirror, paid, refunded; credit for the next ones.

use super::{PROVIDER_COST, desk};
use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::found,
    input::MoneyTerms,
    mutation::tenant_id,
    payload::{object_payload, payload},
    scalar::{DateTime, Money},
    types::actor,
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use base::Timestamp;
use base64::{Engine, engine::general_purpose::STANDARD};
use billing::{InvoiceShown, TruePayment};

/// Where an invoice stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::InvoiceState")]
pub enum InvoiceState {
    /// Not asked for yet.
    Draft,
    Open,
    Paid,
    Void,
    /// Given up.
    Uncollectible,
}

/// Money that went back.
#[derive(SimpleObject, Clone)]
pub struct InvoiceReturn {
    /// The provider's.
    pub id: ID,
    pub amount: Money,
    pub at: DateTime,
}

fn returned((id, amount, at): (String, billing::Money, Timestamp)) -> InvoiceReturn {
    InvoiceReturn { id: ID(id), amount: Money(amount), at: at.into() }
}

/// Money that came in for an invoice.
#[derive(SimpleObject, Clone)]
pub struct InvoicePayment {
    /// The provider's.
    pub id: ID,
    pub amount: Money,
    pub at: DateTime,
    /// What was paid back.
    pub refunds: Vec<InvoiceReturn>,
    /// What the bank took back.
    pub chargebacks: Vec<InvoiceReturn>,
}

impl From<TruePayment> for InvoicePayment {
    fn from(payment: TruePayment) -> Self {
        InvoicePayment {
            id: ID(payment.id),
            amount: Money(payment.amount),
            at: payment.at.into(),
            refunds: payment.refunds.into_iter().map(returned).collect(),
            chargebacks: payment.chargebacks.into_iter().map(returned).collect(),
        }
    }
}

/// An invoice as the payment provider has it.
#[derive(SimpleObject, Clone)]
pub struct Invoice {
    /// The provider's.
    pub id: ID,
    pub tenant_id: ID,
    /// As printed on it; null on a draft.
    pub number: Option<String>,
    pub subscription_id: Option<ID>,
    pub state: InvoiceState,
    /// Without tax.
    pub net: Money,
    pub tax: Money,
    /// With tax.
    pub total: Money,
    /// What came in for it, with what a credit paid.
    pub paid: Money,
    /// Of it, what the tenant's credit paid.
    pub credit_used: Money,
    /// What was paid back.
    pub refunded: Money,
    /// Still to be paid: what is open of it, or what the bank took back of what had been paid.
    pub owed: Money,
    /// When it was asked for.
    pub issued_at: DateTime,
    /// When it is, or was, to be paid.
    pub due_at: DateTime,
    /// Whether a payment was tried and failed.
    pub failed: bool,
    pub payments: Vec<InvoicePayment>,
    /// The provider's page of it, with what is on it line by line.
    pub page_url: Option<String>,
    /// The same as PDF.
    pub pdf_url: Option<String>,
}

impl From<InvoiceShown> for Invoice {
    fn from(shown: InvoiceShown) -> Self {
        let invoice = shown.invoice;
        Invoice {
            id: ID(invoice.id),
            tenant_id: ID(shown.tenant.to_string()),
            number: invoice.number,
            subscription_id: invoice.subscription.map(ID),
            state: shown.state.into(),
            net: Money(invoice.net),
            tax: Money(invoice.tax),
            total: Money(shown.total),
            paid: Money(shown.paid),
            credit_used: Money(invoice.credit_used),
            refunded: Money(shown.refunded),
            owed: Money(shown.owed),
            issued_at: invoice.issued_at.into(),
            due_at: invoice.due_at.into(),
            failed: invoice.failed,
            payments: invoice.payments.into_iter().map(Into::into).collect(),
            page_url: invoice.page_url,
            pdf_url: invoice.pdf_url,
        }
    }
}

impl Invoice {
    /// Of one page.
    pub(crate) fn together(rows: Vec<InvoiceShown>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(InvoiceConnection, InvoiceEdge, Invoice, billing::InvoiceShown);

#[derive(InputObject)]
pub struct InvoicePayInput {
    tenant_id: ID,
    invoice_id: ID,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct DebtPayInput {
    tenant_id: ID,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct InvoiceRefundInput {
    tenant_id: ID,
    invoice_id: ID,
    /// With tax; all that was paid and not paid back when missing.
    amount: Option<Money>,
    /// For those who look later.
    reason: String,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct InvoiceReceiveInput {
    tenant_id: ID,
    invoice_id: ID,
    /// As the bank's statement has it.
    reference: String,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct CreditGrantInput {
    tenant_id: ID,
    /// Above zero.
    amount: Money,
    /// For those who look later.
    reason: String,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

object_payload!(InvoicePayPayload, InvoicePayUserError, InvoicePayErrorCode, [NotFound, InUse], invoice: Invoice);
payload!(DebtPayPayload, DebtPayUserError, DebtPayErrorCode, [NotFound, InUse], { done: bool });
object_payload!(InvoiceReceivePayload, InvoiceReceiveUserError, InvoiceReceiveErrorCode, [NotFound, InUse], invoice: Invoice);
object_payload!(InvoiceRefundPayload, InvoiceRefundUserError, InvoiceRefundErrorCode, [NotFound, InUse, LimitReached], invoice: Invoice);
payload!(CreditGrantPayload, CreditGrantUserError, CreditGrantErrorCode, [NotFound, InUse, LimitReached], { done: bool });

#[derive(Default)]
pub struct InvoiceQuery;

#[Object]
impl InvoiceQuery {
    /// Invoices of a tenant, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<InvoiceConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(desk.invoices(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| InvoiceConnection::new(&paging, rows)))
    }

    /// An invoice of a tenant.
    async fn invoice(&self, ctx: &Context<'_>, tenant_id: ID, id: ID) -> Result<Option<Invoice>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        Ok(found(desk.invoice(actor(ctx), tenant, &id).await)?.map(Invoice::from))
    }

    /// An invoice that the seller issues itself (`manual`), as PDF in Base64; null where the payment provider has it (`pdfUrl`).
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn invoice_paper(&self, ctx: &Context<'_>, tenant_id: ID, id: ID) -> Result<Option<String>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let paper = found(desk.invoice_paper(actor(ctx), tenant, &id).await)?.flatten();
        Ok(paper.map(|paper| STANDARD.encode(paper)))
    }
}

#[derive(Default)]
pub struct InvoiceMutation;

#[Object]
impl InvoiceMutation {
    /// Tries once more to have an invoice paid of which something is owed, whatever holds are on the tenant; what the bank took back of a paid
    /// one is taken again. INVALID when the card is declined.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn invoice_pay(&self, ctx: &Context<'_>, input: InvoicePayInput) -> Result<InvoicePayPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.invoice_pay(actor(ctx), &input.terms.into(), tenant, &input.invoice_id).await
        };
        InvoicePayPayload::object(done.await)
    }

    /// Tries to have all paid that is owed, what was due first first; no letter speaks of the rest in between. INVALID when nothing is owed, and
    /// when the card is declined for any of it.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn debt_pay(&self, ctx: &Context<'_>, input: DebtPayInput) -> Result<DebtPayPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.debt_pay(actor(ctx), &input.terms.into(), tenant).await
        };
        DebtPayPayload::of(done.await, |payload, ()| {
            payload.done = true;
            Ok(())
        })
    }

    /// Says that what is owed of an invoice came in by transfer, by the seller, whoever asked for it.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn invoice_receive(&self, ctx: &Context<'_>, input: InvoiceReceiveInput) -> Result<InvoiceReceivePayload> {
        let desk = desk(ctx)?;
        let done = async {
            let (tenant, terms) = (tenant_id(&input.tenant_id)?, input.terms.into());
            desk.invoice_receive(actor(ctx), &terms, tenant, &input.invoice_id, &input.reference).await
        };
        InvoiceReceivePayload::object(done.await)
    }

    /// Pays back, by the seller: no more than was paid.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn invoice_refund(&self, ctx: &Context<'_>, input: InvoiceRefundInput) -> Result<InvoiceRefundPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let (tenant, amount) = (tenant_id(&input.tenant_id)?, input.amount.map(|amount| amount.0));
            let (terms, reason) = (input.terms.into(), &input.reason);
            desk.invoice_refund(actor(ctx), &terms, tenant, &input.invoice_id, amount, reason).await
        };
        InvoiceRefundPayload::object(done.await)
    }

    /// Gives a tenant credit, which its next invoices use up, by the seller.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn credit_grant(&self, ctx: &Context<'_>, input: CreditGrantInput) -> Result<CreditGrantPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.credit(actor(ctx), &input.terms.into(), tenant, input.amount.0, &input.reason).await
        };
        CreditGrantPayload::of(done.await, |payload, ()| {
            payload.done = true;
            Ok(())
        })
    }
}

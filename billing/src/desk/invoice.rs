//! SUMMARY    Invoices: shown, paid, refunded; credit.
//! STANDARDS  product rules S4, H2
//! LIMITS     REASON_CHARS_MAX
//! INVARIANTS No more is paid back than came in: what was called for and is not in the mirror yet counts. Money that goes out takes an
//!            idempotency key.

use super::{
    Billing, InvoiceShown,
    call::Call,
    carry::Decided,
    door::no_customer,
    double::left_of,
    page::Newest,
    store::{CustomerRow, of_body, refused},
};
use crate::{FailureKind, InvoiceState, Money, TrueInvoice, sum};
use base::{TenantId, Timestamp};
use tenants::{
    Actor, Applied, Code, Done, Error, Page, Result, Terms,
    limits::REASON_CHARS_MAX,
    only_seen,
    sql::{Connection, Request, Start, query},
};

const INVOICES: Newest = Newest {
    forward: "SELECT body FROM invoice WHERE tenant = $1 AND (issued_at, id) < ($2, $3) ORDER BY issued_at DESC, id DESC LIMIT $4",
    backward: "SELECT body FROM invoice WHERE tenant = $1 AND (issued_at, id) > ($2, $3) ORDER BY issued_at, id LIMIT $4",
    count: "SELECT COUNT(*) AS n FROM invoice WHERE tenant = $1",
    moment: "SELECT issued_at AS at FROM invoice WHERE tenant = $1 AND id = $2",
};

impl Billing {
    /// Invoices of a tenant, the newest first.
    pub async fn invoices(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<InvoiceShown>, i64)> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        let cursor: Vec<String> = page.cursor.iter().cloned().collect();
        let (rows, count) = INVOICES.rows(&mut connection, page, &[tenant.to_string()], &cursor).await?;
        let shown = rows.iter().map(|row| shown(tenant, of_body(row, "body")?)).collect::<Result<_>>()?;
        Ok((shown, count))
    }

    /// One of them, by the provider's id.
    pub async fn invoice(&self, actor: &Actor, tenant: TenantId, id: &str) -> Result<InvoiceShown> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        shown(tenant, self.invoice_in(&mut connection, tenant, id).await?)
    }

    /// Tries once more to have paid what is owed of it, while any hold is on; what the bank took back is taken again. `Invalid` when the
    /// card is declined.
    pub async fn invoice_pay(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        id: &str,
    ) -> Result<Done<InvoiceShown>> {
        let request = Request::while_held("invoicePay", format!("{tenant} {id}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.invoice_after(tenant, done).await,
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        let invoice = self.invoice_in(&mut work.txn, tenant, id).await?;
        let row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
        let owed = self.owed_now(&mut work.txn, &row, &invoice).await?;
        let call = payment_of(&invoice, owed).ok_or_else(nothing_to_pay)?;
        self.service.audit(&mut work.txn, actor, tenant, "invoicePay", id, "").await?;
        if work.dry_run {
            return self.service.finish(work, shown(tenant, invoice)?, &[]).await;
        }
        let calls = vec![self.put_call(&mut work.txn, tenant, &call).await?];
        let done = self.service.finish(work, Decided { calls, about: id.to_owned() }, &[]).await?;
        self.invoice_after(tenant, done).await
    }

    /// Tries to have all paid that is owed, what was due first first. `Invalid` when nothing is owed, and when the card is declined for any
    /// of it.
    pub async fn debt_pay(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<()>> {
        let request = Request::while_held("debtPay", tenant.to_string());
        let done = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Repeated(done) => done,
            Start::Fresh(mut work) => {
                self.may_buy(&mut work.txn, actor, tenant).await?;
                let row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
                let mut invoices = self.invoices_in(&mut work.txn, tenant).await?;
                invoices.sort_by_key(|invoice| (invoice.due_at, invoice.issued_at));
                let (mut wanted, mut under_way) = (Vec::new(), None);
                for invoice in &invoices {
                    match self.owed_now(&mut work.txn, &row, invoice).await {
                        Ok(owed) => wanted.extend(payment_of(invoice, owed)),
                        Err(error) if error.code == Code::InUse => under_way = Some(Error { field: "", ..error }),
                        Err(error) => return Err(error),
                    }
                }
                if let Some(error) = under_way.filter(|_| wanted.is_empty()) {
                    return Err(error);
                }
                if wanted.is_empty() {
                    return Err(Error::new(Code::Invalid, "tenantId", "Nothing is owed"));
                }
                let detail = format!("{} invoices", wanted.len());
                self.service.audit(&mut work.txn, actor, tenant, "debtPay", &tenant.to_string(), &detail).await?;
                let mut calls = Vec::with_capacity(wanted.len());
                for call in &wanted {
                    calls.push(self.put_call(&mut work.txn, tenant, call).await?);
                }
                let (decided, dry_run) = (Decided { calls, about: tenant.to_string() }, work.dry_run);
                let done = self.service.finish(work, decided, &[]).await?;
                if dry_run {
                    return Ok(done.map(drop));
                }
                done
            }
        };
        let applied = self.carry_out_each(tenant, &done.object).await?;
        Ok(Done { object: (), applied: if done.applied == Applied::Pending { Applied::Pending } else { applied } })
    }

    /// What is owed of an invoice came in by transfer, says the seller.
    pub async fn invoice_receive(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        id: &str,
        reference: &str,
    ) -> Result<Done<InvoiceShown>> {
        keyed(terms)?;
        let reference = reason_of(reference)?;
        let request = Request::new("invoiceReceive", format!("{tenant} {id} {reference}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.invoice_after(tenant, done).await,
        };
        let row = self.may_sell_to(&mut work.txn, actor, tenant).await?;
        let invoice = self.invoice_in(&mut work.txn, tenant, id).await?;
        let amount = self.owed_now(&mut work.txn, &row, &invoice).await?;
        if payment_of(&invoice, amount).is_none() {
            return Err(nothing_to_pay());
        }
        self.service.audit(&mut work.txn, actor, tenant, "invoiceReceive", id, reference).await?;
        if work.dry_run {
            return self.service.finish(work, shown(tenant, invoice)?, &[]).await;
        }
        let (invoice, reference) = (id.to_owned(), reference.to_owned());
        let call = Call::Receive { invoice, reference, came: Some((amount, self.service.now())) };
        let calls = vec![self.put_call(&mut work.txn, tenant, &call).await?];
        let done = self.service.finish(work, Decided { calls, about: id.to_owned() }, &[]).await?;
        self.invoice_after(tenant, done).await
    }

    /// An invoice that we issue ourselves, as PDF; none where the provider has it.
    pub async fn invoice_paper(&self, actor: &Actor, tenant: TenantId, id: &str) -> Result<Option<Vec<u8>>> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        let invoice = self.invoice_in(&mut connection, tenant, id).await?;
        drop(connection);
        let mut connection = self.service.connection().await?;
        let row = self.customer_in(&mut connection, tenant).await?.ok_or_else(|| Error::not_found("invoiceId"))?;
        drop(connection);
        match self.provider(&row.customer.provider)?.paper(&invoice.id).await {
            Ok(paper) => Ok(Some(paper)),
            Err(failure) if failure.kind == FailureKind::Gone => Ok(None),
            Err(failure) => Err(Error::new(Code::Internal, "invoiceId", failure.message)),
        }
    }

    /// The same for an export, by whoever may have that; none either where its provider is not set up any more.
    pub(crate) async fn document_of(&self, tenant: TenantId, id: &str) -> Result<Option<Vec<u8>>> {
        let row = self.customer_in(&mut self.service.connection().await?, tenant).await?;
        let Some(Ok(provider)) = row.map(|row| self.provider(&row.customer.provider)) else { return Ok(None) };
        match provider.paper(id).await {
            Ok(paper) => Ok(Some(paper)),
            Err(failure) if failure.kind == FailureKind::Gone => Ok(None),
            Err(failure) => Err(Error::new(Code::Unavailable, "invoiceId", failure.message)),
        }
    }

    /// Pays back, by the seller: no more than was paid (S4). `None`: all of it.
    pub async fn invoice_refund(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        id: &str,
        amount: Option<Money>,
        reason: &str,
    ) -> Result<Done<InvoiceShown>> {
        keyed(terms)?;
        let reason = reason_of(reason)?;
        let request = Request::new("invoiceRefund", format!("{tenant} {id} {amount:?} {reason}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.invoice_after(tenant, done).await,
        };
        let row = self.may_sell_to(&mut work.txn, actor, tenant).await?;
        let invoice = self.invoice_in(&mut work.txn, tenant, id).await?;
        let parts = self.refund_parts(&mut work.txn, &row, &invoice, amount).await?;
        let whole = sum(invoice.net.currency(), parts.iter().map(|(_, part)| *part)).map_err(refused)?;
        let detail = format!("{whole} {reason}");
        self.service.audit(&mut work.txn, actor, tenant, "invoiceRefund", id, &detail).await?;
        if work.dry_run {
            return self.service.finish(work, shown(tenant, invoice)?, &[]).await;
        }
        let mut calls = Vec::with_capacity(parts.len());
        for (payment, amount) in parts {
            calls.push(self.put_call(&mut work.txn, tenant, &Call::Refund { payment, amount }).await?);
        }
        let done = self.service.finish(work, Decided { calls, about: id.to_owned() }, &[]).await?;
        self.invoice_after(tenant, done).await
    }

    /// Gives credit for the next invoices, by the seller.
    pub async fn credit(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        amount: Money,
        reason: &str,
    ) -> Result<Done<()>> {
        keyed(terms)?;
        let reason = reason_of(reason)?;
        if amount.minor() <= 0 {
            return Err(Error::new(Code::Invalid, "amount", "A credit is above zero"));
        }
        let request = Request::new("creditGrant", format!("{tenant} {amount} {reason}"));
        let done = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Repeated(done) => done,
            Start::Fresh(mut work) => {
                let row = self.may_sell_to(&mut work.txn, actor, tenant).await?;
                let mut calls = self.made_known(&mut work.txn, &row).await?;
                let (object, detail) = (tenant.to_string(), format!("{amount} {reason}"));
                self.service.audit(&mut work.txn, actor, tenant, "creditGrant", &object, &detail).await?;
                calls.push(self.put_call(&mut work.txn, tenant, &Call::Credit { amount }).await?);
                let (decided, dry_run) = (Decided { calls, about: object }, work.dry_run);
                let done = self.service.finish(work, decided, &[]).await?;
                if dry_run {
                    return Ok(done.map(drop));
                }
                done
            }
        };
        let applied = self.carry_out(tenant, &done.object).await?;
        Ok(Done { object: (), applied: if done.applied == Applied::Pending { Applied::Pending } else { applied } })
    }

    /// What of an invoice is to be paid and was not asked for yet: what was called for and is not in the mirror counts. `InUse` when all of
    /// it was.
    async fn owed_now(&self, txn: &mut Connection, row: &CustomerRow, invoice: &TrueInvoice) -> Result<Money> {
        let since = row.customer.synced_at.unwrap_or(Timestamp(i64::MIN));
        let owed = invoice.owed().map_err(refused)?;
        if owed.is_zero() {
            return Ok(owed);
        }
        let calls = self.calls_since(txn, row.customer.tenant, since).await?;
        let under_way = calls.iter().filter(|call| call.state != "REFUSED" && call.call.pays(&invoice.id));
        let taken: Vec<Money> = under_way.map(|call| call.call.collects(&invoice.id).unwrap_or(owed)).collect();
        let left = owed.minus(sum(owed.currency(), taken).map_err(refused)?).map_err(refused)?;
        if left.minor() <= 0 {
            let message = "A payment of it is under way: wait for what comes of it";
            return Err(Error::new(Code::InUse, "invoiceId", message));
        }
        Ok(left)
    }

    /// What is to be paid back of each payment. `Invalid` for more than there is.
    async fn refund_parts(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        invoice: &TrueInvoice,
        amount: Option<Money>,
    ) -> Result<Vec<(String, Money)>> {
        let currency = invoice.net.currency();
        let invalid = |message: String| Err(Error::new(Code::Invalid, "amount", message));
        if amount.is_some_and(|amount| amount.currency() != currency || amount.minor() <= 0) {
            return invalid(format!("An amount above zero, in {currency}"));
        }
        // What had ended when the provider was asked for the mirror is in it.
        let since = row.customer.synced_at.unwrap_or(Timestamp(i64::MIN));
        let calls = self.calls_since(txn, row.customer.tenant, since).await?;
        let mut left = Vec::new();
        // The newest first: what was paid again after the bank had taken it is the one that is too much.
        for payment in invoice.payments.iter().rev() {
            let called =
                calls.iter().filter(|call| call.state != "REFUSED").filter_map(|call| call.call.refunds(&payment.id));
            let called = sum(currency, called).map_err(refused)?;
            let rest = left_of(payment).and_then(|rest| rest.minus(called)).map_err(refused)?;
            if rest.minor() > 0 {
                left.push((payment.id.clone(), rest));
            }
        }
        let all = sum(currency, left.iter().map(|(_, rest)| *rest)).map_err(refused)?;
        let mut wanted = amount.unwrap_or(all);
        if all.is_zero() || wanted.minor() > all.minor() {
            return invalid(format!("At most {all} of this invoice can be paid back"));
        }
        let mut parts = Vec::new();
        for (payment, rest) in left {
            let part = rest.at_most(wanted).map_err(refused)?;
            wanted = wanted.minus(part).map_err(refused)?;
            if !part.is_zero() {
                parts.push((payment, part));
            }
        }
        Ok(parts)
    }

    async fn invoice_in(&self, txn: &mut Connection, tenant: TenantId, id: &str) -> Result<TrueInvoice> {
        let row = query("SELECT body FROM invoice WHERE id = $1 AND tenant = $2").bind(id).bind(tenant.to_string());
        let row = row.fetch_optional(txn).await?.ok_or_else(|| Error::not_found("invoiceId"))?;
        of_body(&row, "body")
    }

    /// The invoice of a mutation, as it is after its calls were made.
    async fn invoice_after(&self, tenant: TenantId, done: Done<Decided>) -> Result<Done<InvoiceShown>> {
        let applied = self.carry_out(tenant, &done.object).await?;
        let mut connection = self.service.connection().await?;
        let invoice = self.invoice_in(&mut connection, tenant, &done.object.about).await?;
        let applied = if done.applied == Applied::Pending { Applied::Pending } else { applied };
        Ok(Done { object: shown(tenant, invoice)?, applied })
    }
}

/// The call that has paid what is owed of an invoice, if something is.
fn payment_of(invoice: &TrueInvoice, owed: Money) -> Option<Call> {
    let id = invoice.id.clone();
    match invoice.state {
        InvoiceState::Open | InvoiceState::Uncollectible => Some(Call::Pay { invoice: id }),
        InvoiceState::Paid if owed.minor() > 0 => Some(Call::Collect { invoice: id, amount: owed }),
        InvoiceState::Paid | InvoiceState::Draft | InvoiceState::Void => None,
    }
}

fn nothing_to_pay() -> Error {
    Error::new(Code::Invalid, "invoiceId", "Nothing is to be paid of this invoice")
}

fn shown(tenant: TenantId, invoice: TrueInvoice) -> Result<InvoiceShown> {
    let currency = invoice.net.currency();
    let total = invoice.net.plus(invoice.tax).map_err(refused)?;
    let paid = sum(currency, invoice.payments.iter().map(|p| p.amount)).map_err(refused)?;
    let refunds = invoice.payments.iter().flat_map(|p| &p.refunds).map(|(_, amount, _)| *amount);
    let refunded = sum(currency, refunds).map_err(refused)?;
    let owed = invoice.owed().map_err(refused)?;
    Ok(InvoiceShown { tenant, total, paid, refunded, owed, state: invoice.state, invoice })
}

/// Money that goes out twice is not undone.
fn keyed(terms: &Terms) -> Result<()> {
    match (&terms.idempotency_key, terms.dry_run) {
        (Some(_), _) | (None, true) => Ok(()),
        (None, false) => Err(Error::new(
            Code::Invalid,
            "idempotencyKey",
            "Money that goes out takes a key, so that it goes out once",
        )),
    }
}

fn reason_of(reason: &str) -> Result<&str> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let message = format!("A reason of one line, 1 to {REASON_CHARS_MAX} characters (REASON_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "reason", message));
    }
    if only_seen(reason) != reason {
        return Err(Error::new(Code::Invalid, "reason", "Characters that are not seen, or turn the line"));
    }
    Ok(reason)
}

//! SUMMARY    Requests about invoices.

use crate::{
    invoice::{DRAFT_SECS, Invoice},
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
};
use serde_json::Value;

impl Model {
    pub(crate) fn invoice(&self, id: &str) -> Result<&Invoice, Problem> {
        self.invoices.get(id).ok_or_else(|| Problem::gone("invoice", id))
    }

    fn invoice_json(&self, id: &str) -> Result<Value, Problem> {
        self.invoice(id).map(|invoice| invoice.json(self))
    }

    pub(crate) fn list_invoices(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["customer", "subscription", "status"]].concat())?;
        let of = |i: &&Invoice| {
            p.text("customer").is_none_or(|id| i.customer == id)
                && p.text("subscription").is_none_or(|id| i.subscription.as_deref() == Some(id))
                && p.text("status").is_none_or(|status| i.status == status)
        };
        page("/v1/invoices", p, self.invoices.values().filter(of).map(|i| i.json(self)).collect())
    }

    /// Of the customer's items that wait.
    pub(crate) fn create_invoice(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["customer", "auto_advance", "metadata", "pending_invoice_items_behavior", "description", "currency"])?;
        let customer = self.named_customer(p)?;
        let mut invoice = self.reckon_up(&customer, None, Vec::new(), "manual");
        if invoice.lines.is_empty() {
            return Err(Problem::coded("invoice_no_customer_line_items", "", "Nothing to invoice for customer"));
        }
        if let Some(item) =
            invoice.lines.first().and_then(|l| l.item.as_ref()).and_then(|id| self.invoice_items.get(id))
        {
            invoice.currency = item.currency.clone();
        }
        invoice.metadata = p.map("metadata");
        invoice.finalizes_at = p.flag("auto_advance")?.filter(|on| *on).map(|_| self.now + DRAFT_SECS);
        let id = self.keep_draft(invoice);
        self.invoice_json(&id)
    }

    pub(crate) fn finalize_invoice(&mut self, id: &str) -> Result<Value, Problem> {
        self.must_be(id, &["draft"], "This invoice is already finalized, you can't re-finalize a non-draft invoice.")?;
        self.finalize(id);
        self.invoice_json(id)
    }

    pub(crate) fn pay_invoice(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&["payment_method", "paid_out_of_band"])?;
        self.must_be(
            id,
            &["open", "uncollectible"],
            "This invoice is a draft, void or paid already: it takes no payment.",
        )?;
        if p.flag("paid_out_of_band")? == Some(true) {
            self.paid_elsewhere(id);
            return self.invoice_json(id);
        }
        let method = match p.text("payment_method") {
            Some(method) => Some(self.usable_method(method)?),
            None => None,
        };
        self.try_to_pay(id, method)?;
        self.invoice_json(id)
    }

    /// Adds to its metadata.
    pub(crate) fn update_invoice(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&["metadata"])?;
        self.invoice(id)?;
        if let Some(invoice) = self.invoices.get_mut(id) {
            invoice.metadata.extend(p.map("metadata"));
        }
        let json = self.invoice_json(id)?;
        self.emit("invoice.updated", json.clone());
        Ok(json)
    }

    pub(crate) fn void_invoice(&mut self, id: &str) -> Result<Value, Problem> {
        self.must_be(id, &["open", "uncollectible"], "You can only pass in open invoices.")?;
        self.void(id);
        self.invoice_json(id)
    }

    pub(crate) fn give_up_invoice(&mut self, id: &str) -> Result<Value, Problem> {
        self.must_be(id, &["open"], "You can only pass in open invoices.")?;
        self.give_up(id);
        self.invoice_json(id)
    }

    fn must_be(&self, id: &str, states: &[&str], otherwise: &str) -> Result<(), Problem> {
        if states.contains(&self.invoice(id)?.status) { Ok(()) } else { Err(Problem::invalid("", otherwise)) }
    }

    pub(crate) fn list_invoice_payments(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["invoice", "status"]].concat())?;
        let invoices = self.invoices.values().filter(|i| p.text("invoice").is_none_or(|id| i.id == id));
        page("/v1/invoice_payments", p, invoices.flat_map(|i| i.payments.iter().map(|p| p.json(i))).collect())
    }

    pub(crate) fn preview_invoice(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&["customer", "subscription", "subscription_details"])?;
        let id = p.need("subscription")?;
        let from = self.subscriptions.get(id).ok_or_else(|| Problem::named("subscription", "subscription", id))?;
        let details = p.below("subscription_details");
        if from.ended_at.is_some() {
            return Err(Problem::coded("invoice_upcoming_none", "", "No upcoming invoices for customer"));
        }
        let lines = if details.groups("items").is_empty() {
            self.period_lines(&from.items, crate::clock::next_period(from.anchor, self.months(from), from.period.1))
        } else {
            let to = self.changed_items(from, &details)?;
            if details.text("proration_behavior") != Some("always_invoice") {
                return Err(Problem::invalid(
                    "subscription_details[proration_behavior]",
                    "Only always_invoice is previewed here",
                ));
            }
            let at = self.proration_date(from, &details)?;
            self.prorated(from, &to, at)
        };
        let invoice = self.reckon_up(&from.customer, Some(from), lines, "upcoming");
        Ok(invoice.json(self))
    }
}

//! SUMMARY    What a customer has or owes beside its invoices, and items that wait for an invoice.

use crate::{
    kept::{Word, word},
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Serialize, Deserialize)]
pub struct Balance {
    pub id: String,
    pub customer: String,
    pub amount: i64,
    pub currency: String,
    #[serde(deserialize_with = "word")]
    pub kind: Word,
    pub invoice: Option<String>,
    pub ending: i64,
    pub description: Option<String>,
    pub created: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct InvoiceItem {
    pub id: String,
    pub customer: String,
    pub subscription: Option<String>,
    pub amount: i64,
    pub currency: String,
    pub description: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Where it ended up.
    pub invoice: Option<String>,
    pub created: i64,
}

impl Balance {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "customer_balance_transaction", "customer": self.customer, "amount": self.amount,
            "currency": self.currency, "type": self.kind, "invoice": self.invoice, "ending_balance": self.ending,
            "created": self.created, "description": self.description, "credit_note": null, "livemode": false, "metadata": {},
        })
    }
}

impl InvoiceItem {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "invoiceitem", "customer": self.customer, "amount": self.amount, "currency": self.currency,
            "description": self.description, "metadata": self.metadata, "invoice": self.invoice, "date": self.created,
            "proration": false, "quantity": 1, "livemode": false,
            "parent": { "type": "subscription_details", "subscription_details": { "subscription": self.subscription } },
        })
    }
}

impl Model {
    /// Moves a customer's balance.
    pub(crate) fn move_balance(
        &mut self,
        customer: &str,
        amount: i64,
        currency: &str,
        kind: &'static str,
        invoice: Option<&str>,
    ) -> String {
        let id = self.id("cbtxn");
        let mut ending = 0;
        self.change_customer(customer, |customer| {
            customer.balance += amount;
            customer.currency.get_or_insert_with(|| currency.to_owned());
            ending = customer.balance;
        });
        let moved = Balance {
            id: id.clone(),
            customer: customer.to_owned(),
            amount,
            currency: currency.to_owned(),
            kind,
            invoice: invoice.map(str::to_owned),
            ending,
            description: None,
            created: self.now,
        };
        self.balances.insert(id.clone(), moved);
        id
    }

    pub(crate) fn create_balance(&mut self, customer: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&["amount", "currency", "description", "metadata"])?;
        let amount = p.number::<i64>("amount")?.ok_or_else(|| Problem::missing("amount"))?;
        let currency = p.need("currency")?.to_owned();
        if self.customer(customer)?.currency.as_ref().is_some_and(|own| *own != currency) {
            return Err(Problem::invalid("currency", "The customer has a balance in another currency"));
        }
        let id = self.move_balance(customer, amount, &currency, "adjustment", None);
        if let Some(moved) = self.balances.get_mut(&id) {
            moved.description = p.text("description").map(str::to_owned);
        }
        self.balances.get(&id).map(Balance::json).ok_or_else(|| Problem::gone("balance transaction", &id))
    }

    pub(crate) fn list_balances(&self, customer: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&PAGING)?;
        self.customer(customer)?;
        let all = self.balances.values().filter(|b| b.customer == customer).map(Balance::json).collect();
        page(&format!("/v1/customers/{customer}/balance_transactions"), p, all)
    }

    pub(crate) fn create_invoice_item(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["customer", "subscription", "amount", "currency", "description", "metadata", "quantity"])?;
        let customer = self.named_customer(p)?;
        let subscription = p.text("subscription").map(str::to_owned);
        if let Some(id) = &subscription {
            let known = self.subscriptions.get(id).filter(|s| s.customer == customer && s.ended_at.is_none());
            known.ok_or_else(|| Problem::named("subscription", "subscription", id))?;
        }
        let amount = p.number("amount")?.ok_or_else(|| Problem::missing("amount"))?;
        let item = InvoiceItem {
            id: self.id("ii"),
            customer,
            subscription,
            amount,
            currency: p.need("currency")?.to_owned(),
            description: p.text("description").map(str::to_owned),
            metadata: p.map("metadata"),
            invoice: None,
            created: self.now,
        };
        let json = item.json();
        self.invoice_items.insert(item.id.clone(), item);
        self.emit("invoiceitem.created", json.clone());
        Ok(json)
    }

    pub(crate) fn list_invoice_items(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["customer", "invoice", "pending"]].concat())?;
        let pending = p.flag("pending")?;
        let of = |item: &&InvoiceItem| {
            p.text("customer").is_none_or(|id| item.customer == id)
                && p.text("invoice").is_none_or(|id| item.invoice.as_deref() == Some(id))
                && pending.is_none_or(|pending| pending == item.invoice.is_none())
        };
        page("/v1/invoiceitems", p, self.invoice_items.values().filter(of).map(InvoiceItem::json).collect())
    }
}

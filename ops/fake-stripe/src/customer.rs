//! SUMMARY    Customers and their tax ids.

use crate::{
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub created: i64,
    pub email: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    /// `country` and the other lines.
    pub address: BTreeMap<String, String>,
    pub metadata: BTreeMap<String, String>,
    pub default_method: Option<String>,
    /// Below zero the customer has something.
    pub balance: i64,
    pub currency: Option<String>,
    pub tax_ids: Vec<TaxId>,
    pub deleted: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct TaxId {
    pub id: String,
    pub kind: String,
    pub value: String,
    pub created: i64,
}

const TAX_KINDS: [&str; 8] = ["eu_vat", "gb_vat", "ch_vat", "us_ein", "no_vat", "au_abn", "ca_gst_hst", "eu_oss_vat"];
const FIELDS: [&str; 9] = [
    "email",
    "name",
    "description",
    "address",
    "metadata",
    "invoice_settings",
    "payment_method",
    "tax_id_data",
    "balance",
];

impl Customer {
    pub fn json(&self, model: &Model) -> Value {
        if self.deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        let address = if self.address.is_empty() { Value::Null } else { json!(self.address) };
        json!({
            "id": self.id, "object": "customer", "created": self.created, "email": self.email, "name": self.name,
            "description": self.description, "address": address, "metadata": self.metadata, "balance": self.balance,
            "currency": self.currency, "livemode": false, "default_source": null, "delinquent": model.is_delinquent(&self.id),
            "invoice_settings": { "default_payment_method": self.default_method, "custom_fields": null, "footer": null },
        })
    }
}

impl TaxId {
    fn json(&self, customer: &str) -> Value {
        json!({
            "id": self.id, "object": "tax_id", "customer": customer, "type": self.kind, "value": self.value,
            "created": self.created, "verification": { "status": "unverified" },
        })
    }
}

impl Model {
    /// One that a path names.
    pub(crate) fn customer(&self, id: &str) -> Result<&Customer, Problem> {
        self.customers.get(id).filter(|c| !c.deleted).ok_or_else(|| Problem::gone("customer", id))
    }

    /// One that a parameter names.
    pub(crate) fn named_customer(&self, p: &Params) -> Result<String, Problem> {
        let id = p.need("customer")?;
        self.customer(id).map(|c| c.id.clone()).map_err(|_| Problem::named("customer", "customer", id))
    }

    fn is_delinquent(&self, customer: &str) -> bool {
        self.subscriptions.values().any(|s| s.customer == customer && ["past_due", "unpaid"].contains(&s.status))
    }

    pub(crate) fn change_customer(&mut self, id: &str, change: impl FnOnce(&mut Customer)) {
        if let Some(customer) = self.customers.get_mut(id) {
            change(customer);
            let json = self.object(id).unwrap_or_default();
            self.emit("customer.updated", json);
        }
    }

    pub(crate) fn create_customer(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&FIELDS)?;
        let mut customer = Customer { created: self.now, ..Customer::default() };
        describe(&mut customer, p)?;
        let method = match p.text("payment_method") {
            Some(method) => Some(self.usable_method(method)?),
            None => None,
        };
        let mut tax_ids = Vec::new();
        for tax in p.groups("tax_id_data") {
            tax_ids.push((tax_kind(&tax)?, tax.need("value")?.to_owned()));
        }
        customer.id = self.id("cus");
        let id = customer.id.clone();
        for (kind, value) in tax_ids {
            customer.tax_ids.push(TaxId { id: self.id("txi"), kind, value, created: self.now });
        }
        self.customers.insert(id.clone(), customer);
        if let Some(method) = method {
            let method = self.attach(&method, &id)?;
            if let Some(customer) =
                self.customers.get_mut(&id).filter(|_| p.text("invoice_settings[default_payment_method]").is_some())
            {
                customer.default_method = Some(method);
            }
        }
        let json = self.object(&id).unwrap_or_default();
        self.emit("customer.created", json.clone());
        Ok(json)
    }

    pub(crate) fn read_customer(&self, id: &str) -> Result<Value, Problem> {
        self.customers.get(id).map(|c| c.json(self)).ok_or_else(|| Problem::gone("customer", id))
    }

    pub(crate) fn list_customers(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["email"]].concat())?;
        let of = |c: &&Customer| !c.deleted && p.text("email").is_none_or(|email| c.email.as_deref() == Some(email));
        page("/v1/customers", p, self.customers.values().filter(of).map(|c| c.json(self)).collect())
    }

    pub(crate) fn update_customer(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&FIELDS)?;
        let mut customer = self.customer(id)?.clone();
        describe(&mut customer, p)?;
        if let Some(method) = p.text("invoice_settings[default_payment_method]") {
            let known = self.methods.get(method).filter(|m| m.customer.as_deref() == Some(id));
            known.ok_or_else(|| Problem::named("invoice_settings[default_payment_method]", "PaymentMethod", method))?;
            customer.default_method = Some(method.to_owned());
        }
        self.change_customer(id, |known| *known = customer);
        self.read_customer(id)
    }

    pub(crate) fn delete_customer(&mut self, id: &str) -> Result<Value, Problem> {
        self.customer(id)?;
        let live = self.subscriptions.values().filter(|s| s.customer == id && s.ended_at.is_none());
        for subscription in live.map(|s| s.id.clone()).collect::<Vec<_>>() {
            self.cancel(&subscription);
        }
        if let Some(customer) = self.customers.get_mut(id) {
            customer.deleted = true;
        }
        let json = self.read_customer(id)?;
        self.emit("customer.deleted", json.clone());
        Ok(json)
    }

    pub(crate) fn create_tax_id(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&["type", "value"])?;
        self.customer(id)?;
        let (kind, value) = (tax_kind(p)?, p.need("value")?.to_owned());
        let tax = TaxId { id: self.id("txi"), kind, value, created: self.now };
        let json = tax.json(id);
        if let Some(customer) = self.customers.get_mut(id) {
            customer.tax_ids.push(tax);
        }
        self.emit("customer.tax_id.created", json.clone());
        Ok(json)
    }

    pub(crate) fn list_tax_ids(&self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&PAGING)?;
        let all = self.customer(id)?.tax_ids.iter().map(|tax| tax.json(id)).collect();
        page(&format!("/v1/customers/{id}/tax_ids"), p, all)
    }

    pub(crate) fn delete_tax_id(&mut self, id: &str, tax: &str) -> Result<Value, Problem> {
        self.customer(id)?;
        let gone = || Problem::gone("tax_id", tax);
        let customer = self.customers.get_mut(id).ok_or_else(gone)?;
        let at = customer.tax_ids.iter().position(|known| known.id == tax).ok_or_else(gone)?;
        let removed = customer.tax_ids.remove(at).json(id);
        self.emit("customer.tax_id.deleted", removed);
        Ok(json!({ "id": tax, "object": "tax_id", "deleted": true }))
    }
}

fn tax_kind(p: &Params) -> Result<String, Problem> {
    p.need("type")?;
    p.choice("type", &TAX_KINDS)?.map(str::to_owned).ok_or_else(|| Problem::missing("type"))
}

fn describe(customer: &mut Customer, p: &Params) -> Result<(), Problem> {
    let set = |field: &mut Option<String>, name: &str| {
        if let Some(value) = p.get(name) {
            *field = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
    };
    set(&mut customer.email, "email");
    set(&mut customer.name, "name");
    set(&mut customer.description, "description");
    if customer.email.as_deref().is_some_and(|email| !email.contains('@')) {
        return Err(Problem::coded("email_invalid", "email", "Invalid email address"));
    }
    if p.get("address").is_some() {
        customer.address.clear();
    }
    customer.address.extend(p.map("address"));
    merge(&mut customer.metadata, p.map("metadata"));
    if let Some(balance) = p.number("balance")? {
        customer.balance = balance;
    }
    Ok(())
}

/// An empty value takes the name away.
pub fn merge(into: &mut BTreeMap<String, String>, from: BTreeMap<String, String>) {
    for (name, value) in from {
        if value.is_empty() {
            into.remove(&name);
        } else {
            into.insert(name, value);
        }
    }
}

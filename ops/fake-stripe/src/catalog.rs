//! SUMMARY    Products, prices, coupons.

use crate::{
    customer::merge,
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Serialize, Deserialize)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub created: i64,
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Price {
    pub id: String,
    pub product: String,
    pub currency: String,
    pub unit_amount: i64,
    /// Months: 1 or 12; `None`: paid once.
    pub months: Option<u32>,
    pub lookup_key: Option<String>,
    pub created: i64,
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Coupon {
    pub id: String,
    pub name: Option<String>,
    pub percent_off: Option<u8>,
    /// With its currency.
    pub amount_off: Option<(i64, String)>,
    pub duration: Duration,
    pub created: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duration {
    Once,
    Months(u32),
    Forever,
}

impl Product {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "product", "name": self.name, "active": true, "created": self.created,
            "metadata": self.metadata, "livemode": false, "type": "service",
        })
    }
}

impl Price {
    pub fn json(&self) -> Value {
        let interval = self.months.map(|months| if months == 12 { "year" } else { "month" });
        let recurring = interval.map(
            |interval| json!({ "interval": interval, "interval_count": 1, "usage_type": "licensed", "meter": null }),
        );
        json!({
            "id": self.id, "object": "price", "product": self.product, "currency": self.currency, "active": true,
            "unit_amount": self.unit_amount, "unit_amount_decimal": self.unit_amount.to_string(), "billing_scheme": "per_unit",
            "type": if recurring.is_some() { "recurring" } else { "one_time" }, "recurring": recurring,
            "lookup_key": self.lookup_key, "created": self.created, "metadata": self.metadata, "livemode": false,
            "tax_behavior": "exclusive",
        })
    }
}

impl Coupon {
    pub fn json(&self) -> Value {
        let (duration, months) = match self.duration {
            Duration::Once => ("once", None),
            Duration::Months(months) => ("repeating", Some(months)),
            Duration::Forever => ("forever", None),
        };
        json!({
            "id": self.id, "object": "coupon", "name": self.name, "percent_off": self.percent_off, "duration": duration,
            "amount_off": self.amount_off.as_ref().map(|(amount, _)| amount), "duration_in_months": months,
            "currency": self.amount_off.as_ref().map(|(_, currency)| currency), "created": self.created, "valid": true,
        })
    }
}

fn taken(what: &str, param: &str) -> Problem {
    Problem::coded("resource_already_exists", param, format!("{what} already exists."))
}

impl Model {
    pub(crate) fn product(&self, id: &str) -> Result<&Product, Problem> {
        self.products.get(id).ok_or_else(|| Problem::gone("product", id))
    }

    pub(crate) fn price(&self, id: &str) -> Result<&Price, Problem> {
        self.prices.get(id).ok_or_else(|| Problem::gone("price", id))
    }

    pub(crate) fn coupon(&self, id: &str) -> Result<&Coupon, Problem> {
        self.coupons.get(id).ok_or_else(|| Problem::gone("coupon", id))
    }

    pub(crate) fn create_product(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["id", "name", "description", "metadata", "active", "tax_code", "type"])?;
        let name = p.need("name")?.to_owned();
        if p.text("id").is_some_and(|id| self.products.contains_key(id)) {
            return Err(taken("Product", "id"));
        }
        let id = p.text("id").map_or_else(|| self.id("prod"), str::to_owned);
        let product = Product { id: id.clone(), name, created: self.now, metadata: p.map("metadata") };
        let json = product.json();
        self.products.insert(id, product);
        self.emit("product.created", json.clone());
        Ok(json)
    }

    pub(crate) fn list_products(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["active"]].concat())?;
        page("/v1/products", p, self.products.values().map(Product::json).collect())
    }

    pub(crate) fn create_price(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&[
            "product",
            "currency",
            "unit_amount",
            "recurring",
            "lookup_key",
            "metadata",
            "tax_behavior",
            "nickname",
        ])?;
        let (product, currency) = (p.need("product")?, p.need("currency")?.to_owned());
        self.product(product).map_err(|_| Problem::named("product", "product", product))?;
        let unit_amount = p.number::<i64>("unit_amount")?.ok_or_else(|| Problem::missing("unit_amount"))?;
        if unit_amount < 0 {
            return Err(Problem::invalid("unit_amount", "This value must be greater than or equal to 0."));
        }
        let months = match p.text("recurring[interval]") {
            None => None,
            Some("month") => Some(1),
            Some("year") => Some(12),
            Some(other) => return Err(Problem::invalid("recurring[interval]", format!("No interval here: {other}"))),
        };
        let lookup_key = p.text("lookup_key").map(str::to_owned);
        if lookup_key.is_some() && self.prices.values().any(|price| price.lookup_key == lookup_key) {
            return Err(taken("A price with this lookup key", "lookup_key"));
        }
        let (product, metadata, created) = (product.to_owned(), p.map("metadata"), self.now);
        let id = self.id("price");
        let price = Price { id: id.clone(), product, currency, unit_amount, months, lookup_key, created, metadata };
        let json = price.json();
        self.prices.insert(id, price);
        self.emit("price.created", json.clone());
        Ok(json)
    }

    pub(crate) fn list_prices(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["active", "lookup_keys", "product", "currency"]].concat())?;
        let keys = p.list("lookup_keys");
        if keys.len() > 10 {
            return Err(Problem::invalid("lookup_keys", "You can only specify up to 10 lookup keys"));
        }
        let of = |price: &&Price| {
            let by_key = keys.is_empty() || price.lookup_key.as_deref().is_some_and(|key| keys.contains(&key));
            by_key && p.text("product").is_none_or(|product| price.product == product)
        };
        page("/v1/prices", p, self.prices.values().filter(of).map(Price::json).collect())
    }

    pub(crate) fn create_coupon(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["id", "name", "percent_off", "amount_off", "currency", "duration", "duration_in_months", "metadata"])?;
        if p.text("id").is_some_and(|id| self.coupons.contains_key(id)) {
            return Err(taken("Coupon", "id"));
        }
        let percent_off = p.number::<u8>("percent_off")?;
        let amount = p.number::<i64>("amount_off")?;
        let amount_off = match amount {
            Some(amount) => Some((amount, p.need("currency")?.to_owned())),
            None => None,
        };
        if percent_off.is_some() == amount_off.is_some() || percent_off.is_some_and(|n| !(1..=100).contains(&n)) {
            return Err(Problem::invalid("percent_off", "Exactly one of percent_off (1 to 100) and amount_off"));
        }
        let duration = match p.text("duration") {
            None | Some("once") => Duration::Once,
            Some("forever") => Duration::Forever,
            Some("repeating") => {
                Duration::Months(p.number("duration_in_months")?.ok_or_else(|| Problem::missing("duration_in_months"))?)
            }
            Some(other) => return Err(Problem::invalid("duration", format!("Invalid duration: {other}"))),
        };
        let mut metadata = BTreeMap::new();
        merge(&mut metadata, p.map("metadata"));
        let id = p.text("id").map_or_else(|| self.id("co"), str::to_owned);
        let name = p.text("name").map(str::to_owned);
        let coupon = Coupon { id: id.clone(), name, percent_off, amount_off, duration, created: self.now };
        let json = coupon.json();
        self.coupons.insert(id, coupon);
        self.emit("coupon.created", json.clone());
        Ok(json)
    }
}

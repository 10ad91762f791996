//! SUMMARY    Cards, payment intents, charges.
//! INVARIANTS What a card does follows from its number alone, so a payment can be judged before anything is changed.

use crate::{
    invoice::CHARGE_MIN,
    kept::{Word, maybe_word, word},
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Card {
    Good,
    /// Can be kept; no charge of it succeeds.
    FailsLater,
    Declined,
    Insufficient,
    /// Is charged, and then disputed.
    Disputed,
}

/// Number, behaviour, brand, the id that stands for it in tests.
const CARDS: [(&str, Card, &str, &str); 6] = [
    ("4242424242424242", Card::Good, "visa", "pm_card_visa"),
    ("5555555555554444", Card::Good, "mastercard", "pm_card_mastercard"),
    ("4000000000000341", Card::FailsLater, "visa", "pm_card_chargeCustomerFail"),
    ("4000000000000002", Card::Declined, "visa", "pm_card_visa_chargeDeclined"),
    ("4000000000009995", Card::Insufficient, "visa", "pm_card_chargeDeclinedInsufficientFunds"),
    ("4000000000000259", Card::Disputed, "visa", "pm_card_createDispute"),
];

#[derive(Clone, Serialize, Deserialize)]
pub struct Method {
    pub id: String,
    pub customer: Option<String>,
    pub card: Card,
    #[serde(deserialize_with = "word")]
    pub brand: Word,
    pub last4: String,
    pub created: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    pub customer: String,
    pub amount: i64,
    pub currency: String,
    #[serde(deserialize_with = "word")]
    pub status: Word,
    pub latest_charge: Option<String>,
    pub method: Option<String>,
    pub created: i64,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub intent: String,
    pub customer: String,
    pub amount: i64,
    pub currency: String,
    /// Why it was declined.
    #[serde(default, deserialize_with = "maybe_word")]
    pub declined: Option<Word>,
    pub method: String,
    pub refunded: i64,
    pub disputed: bool,
    pub created: i64,
    /// Of its intent.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Card {
    pub fn decline(self) -> Option<&'static str> {
        match self {
            Card::Good | Card::Disputed => None,
            Card::FailsLater | Card::Declined => Some("generic_decline"),
            Card::Insufficient => Some("insufficient_funds"),
        }
    }

    /// Whether it can be kept for later.
    pub fn can_be_kept(self) -> bool {
        self.decline().is_none() || self == Card::FailsLater
    }
}

impl Method {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_method", "type": "card", "customer": self.customer, "created": self.created,
            "card": { "brand": self.brand, "last4": self.last4, "exp_month": 12, "exp_year": 2040, "country": "US",
                      "funding": "credit", "fingerprint": format!("fp{}", self.last4) },
            "billing_details": { "address": null, "email": null, "name": null, "phone": null },
            "livemode": false, "metadata": {},
        })
    }
}

impl Intent {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_intent", "amount": self.amount, "currency": self.currency,
            "customer": self.customer, "status": self.status, "latest_charge": self.latest_charge, "created": self.created,
            "amount_received": if self.status == "succeeded" { self.amount } else { 0 }, "payment_method": self.method,
            "livemode": false, "metadata": self.metadata,
        })
    }
}

impl Charge {
    pub fn json(&self) -> Value {
        let paid = self.declined.is_none();
        json!({
            "id": self.id, "object": "charge", "amount": self.amount, "amount_captured": if paid { self.amount } else { 0 },
            "amount_refunded": self.refunded, "currency": self.currency, "customer": self.customer, "paid": paid,
            "status": if paid { "succeeded" } else { "failed" }, "payment_intent": self.intent, "captured": paid,
            "payment_method": self.method, "refunded": paid && self.refunded == self.amount, "disputed": self.disputed,
            "failure_code": self.declined.map(|_| "card_declined"), "created": self.created, "livemode": false,
            "metadata": self.metadata,
            "outcome": { "reason": self.declined, "type": if paid { "authorized" } else { "issuer_declined" } },
        })
    }
}

/// Whether the last digit of a card's number fits the others (ISO/IEC 7812-1).
fn is_number(digits: &str) -> bool {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(n, digit)| {
            let doubled = if n % 2 == 1 { digit * 2 } else { digit };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    (12..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && sum.is_multiple_of(10)
}

impl Model {
    /// A card by its number, spaces between or not. Errors: a number that is none.
    pub(crate) fn card(&mut self, number: &str) -> Result<Method, Problem> {
        let digits: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        if !is_number(&digits) {
            let problem = Problem::of(402, "card_error", "Your card number is incorrect.");
            return Err(Problem { code: "incorrect_number", param: "number".into(), ..problem });
        }
        let known = CARDS.iter().find(|(known, ..)| *known == digits);
        let (card, brand) = known.map_or((Card::Good, "unknown"), |(_, card, brand, _)| (*card, *brand));
        let last4 = digits.get(digits.len().saturating_sub(4)..).unwrap_or_default().to_owned();
        Ok(Method { id: self.id("pm"), customer: None, card, brand, last4, created: self.now })
    }

    pub(crate) fn method(&self, id: &str) -> Result<&Method, Problem> {
        self.methods.get(id).ok_or_else(|| Problem::gone("PaymentMethod", id))
    }

    /// A card that a parameter names: an own one, or one that stands for a number in tests.
    pub(crate) fn usable_method(&mut self, id: &str) -> Result<Method, Problem> {
        if let Some(number) = CARDS.iter().find(|(.., test)| *test == id).map(|(number, ..)| *number) {
            return self.card(number);
        }
        self.method(id).cloned().map_err(|_| Problem::named("payment_method", "PaymentMethod", id))
    }

    pub(crate) fn create_method(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["type", "card", "billing_details", "metadata"])?;
        p.choice("type", &["card"])?.ok_or_else(|| Problem::missing("type"))?;
        for part in ["card[exp_month]", "card[exp_year]"] {
            p.number::<u32>(part)?.ok_or_else(|| Problem::missing(part))?;
        }
        let method = self.card(p.need("card[number]")?)?;
        let json = method.json();
        self.methods.insert(method.id.clone(), method);
        Ok(json)
    }

    pub(crate) fn list_methods(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["customer", "type"]].concat())?;
        let customer = self.named_customer(p)?;
        let of = |m: &&Method| m.customer.as_ref() == Some(&customer);
        page("/v1/payment_methods", p, self.methods.values().filter(of).map(Method::json).collect())
    }

    /// Gives a customer a card. Errors: one that is declined at once.
    pub(crate) fn attach(&mut self, method: &Method, customer: &str) -> Result<String, Problem> {
        if let Some(decline) = method.card.decline().filter(|_| !method.card.can_be_kept()) {
            return Err(Problem::declined(decline));
        }
        let method = Method { customer: Some(customer.to_owned()), ..method.clone() };
        let (id, json) = (method.id.clone(), method.json());
        self.methods.insert(id.clone(), method);
        self.emit("payment_method.attached", json);
        Ok(id)
    }

    pub(crate) fn attach_method(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&["customer"])?;
        let customer = self.named_customer(p)?;
        let method = self.usable_method(id)?;
        if method.customer.as_ref().is_some_and(|owner| *owner != customer) {
            return Err(Problem::invalid(
                "",
                "The payment method you provided has already been attached to a customer.",
            ));
        }
        let id = self.attach(&method, &customer)?;
        self.method(&id).map(Method::json)
    }

    pub(crate) fn detach_method(&mut self, id: &str) -> Result<Value, Problem> {
        self.method(id)?;
        if let Some(method) = self.methods.get_mut(id) {
            method.customer = None;
        }
        for customer in self.customers.values_mut().filter(|c| c.default_method.as_deref() == Some(id)) {
            customer.default_method = None;
        }
        let json = self.method(id)?.json();
        self.emit("payment_method.detached", json.clone());
        Ok(json)
    }

    pub(crate) fn intent(&self, id: &str) -> Result<&Intent, Problem> {
        self.intents.get(id).ok_or_else(|| Problem::gone("payment_intent", id))
    }

    /// One that is confirmed at once, with a card that the customer has. Errors: declined.
    pub(crate) fn create_intent(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&[
            "customer",
            "amount",
            "currency",
            "payment_method",
            "off_session",
            "confirm",
            "metadata",
            "description",
        ])?;
        let customer = self.named_customer(p)?;
        let amount = p.number::<i64>("amount")?.ok_or_else(|| Problem::missing("amount"))?;
        if amount < CHARGE_MIN {
            return Err(Problem::coded(
                "amount_too_small",
                "amount",
                "The amount must be at least the minimum charge.",
            ));
        }
        if p.flag("confirm")? != Some(true) {
            return Err(Problem::invalid("confirm", "Only payment intents that are confirmed at once are made here"));
        }
        let method = self.usable_method(p.need("payment_method")?)?;
        if method.customer.as_ref().is_some_and(|owner| *owner != customer) {
            return Err(Problem::invalid("payment_method", "The payment method belongs to another customer."));
        }
        let intent = Intent {
            id: self.id("pi"),
            customer,
            amount,
            currency: p.need("currency")?.to_owned(),
            status: "requires_payment_method",
            latest_charge: None,
            method: None,
            created: self.now,
            metadata: p.map("metadata"),
        };
        let id = intent.id.clone();
        self.emit("payment_intent.created", intent.json());
        self.intents.insert(id.clone(), intent);
        match self.charge_card(&id, &method) {
            None => self.intent(&id).map(Intent::json),
            Some(decline) => Err(Problem::declined(decline)),
        }
    }

    pub(crate) fn charge(&self, id: &str) -> Result<&Charge, Problem> {
        self.charges.get(id).ok_or_else(|| Problem::gone("charge", id))
    }

    pub(crate) fn list_charges(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["customer", "payment_intent"]].concat())?;
        let of = |c: &&Charge| {
            p.text("customer").is_none_or(|id| c.customer == id)
                && p.text("payment_intent").is_none_or(|id| c.intent == id)
        };
        page("/v1/charges", p, self.charges.values().filter(of).map(Charge::json).collect())
    }

    /// Charges a card for an intent. Gives why it was declined, if it was.
    pub(crate) fn charge_card(&mut self, intent: &str, method: &Method) -> Option<&'static str> {
        let known = self.intents.get(intent)?.clone();
        let declined = method.card.decline();
        let id = self.id("ch");
        let charge = Charge {
            id: id.clone(),
            intent: intent.to_owned(),
            customer: known.customer.clone(),
            amount: known.amount,
            currency: known.currency.clone(),
            declined,
            method: method.id.clone(),
            refunded: 0,
            disputed: false,
            created: self.now,
            metadata: known.metadata.clone(),
        };
        self.emit(if declined.is_some() { "charge.failed" } else { "charge.succeeded" }, charge.json());
        self.charges.insert(id.clone(), charge);
        let status = if declined.is_some() { "requires_payment_method" } else { "succeeded" };
        let after = Intent { status, latest_charge: Some(id.clone()), method: Some(method.id.clone()), ..known };
        let kind = if declined.is_some() { "payment_intent.payment_failed" } else { "payment_intent.succeeded" };
        self.emit(kind, after.json());
        self.intents.insert(intent.to_owned(), after);
        if declined.is_none() && method.card == Card::Disputed {
            self.open_dispute(&id);
        }
        declined
    }
}

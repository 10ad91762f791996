//! SUMMARY    Pages that a visitor is sent to: Checkout Sessions, Billing Portal sessions.
//! LIMITS     EXPIRES_SECS

use crate::{
    invoice::Line,
    kept::{Word, word},
    model::Model,
    params::Params,
    problem::Problem,
    subscription::Subscription,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// A page ends between half an hour and a day after it was made.
const EXPIRES_SECS: RangeInclusive<i64> = 30 * 60..=24 * 3_600;

#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub customer: String,
    #[serde(deserialize_with = "word")]
    pub mode: Word,
    #[serde(deserialize_with = "word")]
    pub status: Word,
    pub params: Params,
    pub success_url: String,
    pub cancel_url: String,
    pub created: i64,
    pub expires_at: i64,
    pub subscription: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Portal {
    pub id: String,
    pub customer: String,
    pub return_url: String,
    /// It is for changing the card, and nothing else.
    pub is_for_card: bool,
    pub created: i64,
}

impl Session {
    pub fn json(&self, model: &Model) -> Value {
        let url = (self.status == "open").then(|| format!("{}/pay/{}", model.base_url, self.id));
        let paid = if self.status == "complete" { "paid" } else { "unpaid" };
        json!({
            "id": self.id, "object": "checkout.session", "customer": self.customer, "mode": self.mode, "status": self.status,
            "payment_status": if self.mode == "setup" { "no_payment_required" } else { paid }, "url": url,
            "success_url": self.success_url, "cancel_url": self.cancel_url, "created": self.created,
            "expires_at": self.expires_at, "subscription": self.subscription, "metadata": self.metadata,
            "client_reference_id": self.params.text("client_reference_id"), "livemode": false,
        })
    }
}

impl Model {
    pub(crate) fn session(&self, id: &str) -> Result<&Session, Problem> {
        self.sessions.get(id).ok_or_else(|| Problem::gone("checkout.session", id))
    }

    pub(crate) fn create_session(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&[
            "mode",
            "customer",
            "line_items",
            "subscription_data",
            "discounts",
            "success_url",
            "cancel_url",
            "expires_at",
            "automatic_tax",
            "customer_update",
            "tax_id_collection",
            "client_reference_id",
            "payment_method_types",
            "currency",
            "setup_intent_data",
            "metadata",
            "payment_method_collection",
        ])?;
        let customer = self.named_customer(p)?;
        let mode = match p.need("mode")? {
            "subscription" => "subscription",
            "setup" => "setup",
            other => return Err(Problem::invalid("mode", format!("No mode here: {other}"))),
        };
        let expires_at = p.number("expires_at")?.unwrap_or(self.now + EXPIRES_SECS.end());
        if !EXPIRES_SECS.contains(&(expires_at - self.now)) {
            let text =
                "The `expires_at` timestamp must be between 30 minutes and 24 hours after Checkout Session creation.";
            return Err(Problem::invalid("expires_at", text));
        }
        let session = Session {
            id: self.id("cs_test"),
            customer,
            mode,
            status: "open",
            params: p.clone(),
            success_url: p.need("success_url")?.to_owned(),
            cancel_url: p.text("cancel_url").unwrap_or_default().to_owned(),
            created: self.now,
            expires_at,
            subscription: None,
            metadata: p.map("metadata"),
        };
        if mode == "subscription" {
            self.what_begins(&session)?;
        }
        let json = session.json(self);
        self.sessions.insert(session.id.clone(), session);
        Ok(json)
    }

    /// What a session would begin.
    pub(crate) fn what_begins(&mut self, session: &Session) -> Result<Subscription, Problem> {
        let p = &session.params;
        let mut new = self.drafted(&session.customer, &p.groups("line_items"), &p.below("subscription_data"))?;
        if let Some(coupon) = p.groups("discounts").first().and_then(|d| d.text("coupon")) {
            new.discount = Some(self.discount(coupon)?);
        }
        new.automatic_tax = p.flag("automatic_tax[enabled]")?.unwrap_or(false);
        Ok(new)
    }

    /// What a page asks for: lines, and what is due now.
    pub(crate) fn asked(&mut self, session: &Session) -> Result<(Vec<Line>, i64, String), Problem> {
        let new = self.what_begins(session)?;
        let lines = self.period_lines(&new.items, new.period);
        let due = if new.trial.is_some() { Vec::new() } else { lines.clone() };
        let invoice = self.reckon_up(&session.customer, Some(&new), due, "subscription_create");
        Ok((lines, invoice.amount_due, new.currency))
    }

    pub(crate) fn expire_session(&mut self, id: &str) -> Result<Value, Problem> {
        if self.session(id)?.status != "open" {
            let text = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            return Err(Problem::invalid("", text));
        }
        self.session_is_over(id);
        self.session(id).map(|session| session.json(self))
    }

    pub(crate) fn session_is_over(&mut self, id: &str) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = "expired";
            let json = self.sessions.get(id).map(|session| session.json(self)).unwrap_or_default();
            self.emit("checkout.session.expired", json);
        }
    }

    pub(crate) fn create_portal(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["customer", "return_url", "flow_data", "configuration", "locale"])?;
        let customer = self.named_customer(p)?;
        let flow = p.choice("flow_data[type]", &["payment_method_update"])?;
        let after = p.text("flow_data[after_completion][redirect][return_url]").or(p.text("return_url"));
        let portal = Portal {
            id: self.id("bps"),
            customer,
            return_url: after.unwrap_or_default().to_owned(),
            is_for_card: flow.is_some(),
            created: self.now,
        };
        let json = json!({
            "id": portal.id, "object": "billing_portal.session", "customer": portal.customer, "created": portal.created,
            "return_url": portal.return_url, "url": format!("{}/portal/{}", self.base_url, portal.id), "livemode": false,
        });
        self.portals.insert(portal.id.clone(), portal);
        Ok(json)
    }
}

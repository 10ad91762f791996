//! SUMMARY    Money that goes back: refunds, and what banks take back.

use crate::{
    kept::{Word, word},
    list::{PAGING, page},
    model::Model,
    params::Params,
    payment::Charge,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    pub created: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    #[serde(deserialize_with = "word")]
    pub status: Word,
    pub created: i64,
}

impl Refund {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "refund", "amount": self.amount, "charge": self.charge, "created": self.created,
            "currency": self.currency, "payment_intent": self.intent, "status": "succeeded", "reason": null, "metadata": {},
        })
    }
}

impl Dispute {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "dispute", "amount": self.amount, "charge": self.charge, "created": self.created,
            "currency": self.currency, "payment_intent": self.intent, "status": self.status, "reason": "fraudulent",
            "is_charge_refundable": false, "livemode": false, "metadata": {},
        })
    }
}

impl Model {
    pub(crate) fn create_refund(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["charge", "payment_intent", "amount", "reason", "metadata"])?;
        let charge = self.charge_of(p)?;
        let left = charge.amount - charge.refunded;
        let amount = p.number::<i64>("amount")?.unwrap_or(left);
        if left == 0 {
            let text = format!("Charge {} has already been refunded.", charge.id);
            return Err(Problem::coded("charge_already_refunded", "", text));
        }
        if charge.disputed {
            return Err(Problem::coded("charge_disputed", "", format!("Charge {} has been charged back.", charge.id)));
        }
        if amount <= 0 || amount > left {
            let text = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(Problem::invalid("amount", text));
        }
        let id = self.id("re");
        let Charge { id: of, intent, currency, .. } = charge;
        let refund = Refund { id: id.clone(), charge: of.clone(), intent, amount, currency, created: self.now };
        let json = refund.json();
        self.refunds.insert(id, refund);
        if let Some(charge) = self.charges.get_mut(&of) {
            charge.refunded += amount;
            let json = charge.json();
            self.emit("charge.refunded", json);
        }
        self.emit("refund.created", json.clone());
        Ok(json)
    }

    fn charge_of(&self, p: &Params) -> Result<Charge, Problem> {
        if let Some(id) = p.text("charge") {
            let charge = self.charge(id).map_err(|_| Problem::named("charge", "charge", id))?;
            return Ok(charge.clone());
        }
        let id = p.need("payment_intent")?;
        let intent = self.intent(id).map_err(|_| Problem::named("payment_intent", "payment_intent", id))?;
        let charge = intent.latest_charge.as_ref().and_then(|id| self.charges.get(id)).filter(|c| c.declined.is_none());
        let text = "This PaymentIntent does not have a successful charge to refund.";
        charge.cloned().ok_or_else(|| Problem::invalid("payment_intent", text))
    }

    pub(crate) fn refund(&self, id: &str) -> Result<Value, Problem> {
        self.refunds.get(id).map(Refund::json).ok_or_else(|| Problem::gone("refund", id))
    }

    pub(crate) fn list_refunds(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["charge", "payment_intent"]].concat())?;
        let of = |r: &&Refund| {
            p.text("charge").is_none_or(|id| r.charge == id) && p.text("payment_intent").is_none_or(|id| r.intent == id)
        };
        page("/v1/refunds", p, self.refunds.values().filter(of).map(Refund::json).collect())
    }

    /// The bank takes back what is left of a charge.
    pub(crate) fn open_dispute(&mut self, charge: &str) -> Option<String> {
        let id = self.id("dp");
        let now = self.now;
        let charge = self.charges.get_mut(charge).filter(|charge| charge.declined.is_none() && !charge.disputed)?;
        charge.disputed = true;
        let dispute = Dispute {
            id: id.clone(),
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            amount: charge.amount - charge.refunded,
            currency: charge.currency.clone(),
            status: "needs_response",
            created: now,
        };
        let json = dispute.json();
        self.disputes.insert(id.clone(), dispute);
        self.emit("charge.dispute.created", json.clone());
        self.emit("charge.dispute.funds_withdrawn", json);
        Some(id)
    }

    pub fn close_dispute(&mut self, id: &str, is_won: bool) -> Result<(), Problem> {
        let dispute = self.disputes.get_mut(id).ok_or_else(|| Problem::gone("dispute", id))?;
        dispute.status = if is_won { "won" } else { "lost" };
        let json = dispute.json();
        self.emit("charge.dispute.closed", json.clone());
        if is_won {
            self.emit("charge.dispute.funds_reinstated", json);
        }
        Ok(())
    }

    pub(crate) fn dispute(&self, id: &str) -> Result<&Dispute, Problem> {
        self.disputes.get(id).ok_or_else(|| Problem::gone("dispute", id))
    }

    pub(crate) fn list_disputes(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["charge", "payment_intent"]].concat())?;
        let of = |d: &&Dispute| {
            p.text("charge").is_none_or(|id| d.charge == id) && p.text("payment_intent").is_none_or(|id| d.intent == id)
        };
        page("/v1/disputes", p, self.disputes.values().filter(of).map(Dispute::json).collect())
    }
}

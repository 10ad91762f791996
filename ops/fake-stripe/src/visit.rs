//! SUMMARY    What visitors do on the pages: pay, give a card, pay an open invoice.

use crate::{model::Model, problem::Problem};

impl Model {
    /// A visitor pays with a card. Gives where it goes on. Errors: why the page is shown again.
    pub fn pay_session(&mut self, id: &str, number: &str) -> Result<String, Problem> {
        let session = self.session(id)?.clone();
        if session.status != "open" {
            return Err(Problem::invalid("", "This page is not open any more."));
        }
        let method = self.card(number)?;
        if session.mode == "subscription" {
            let mut new = self.what_begins(&session)?;
            let lines = if new.trial.is_some() { Vec::new() } else { self.period_lines(&new.items, new.period) };
            let invoice = self.reckon_up(&session.customer, Some(&new), lines, "subscription_create");
            if let (Some(decline), true) = (method.card.decline(), invoice.amount_due > 0) {
                return Err(Problem::declined(decline));
            }
            new.default_method = Some(self.attach(&method, &session.customer)?);
            let subscription = self.begin(new, None)?;
            if let Some(session) = self.sessions.get_mut(id) {
                session.subscription = Some(subscription);
            }
        } else {
            self.attach(&method, &session.customer)?;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = "complete";
        }
        let done = self.session(id)?.json(self);
        self.emit("checkout.session.completed", done);
        Ok(session.success_url.replace("{CHECKOUT_SESSION_ID}", id))
    }

    /// A visitor of the portal gives a card: it is charged from now on. Gives where the visitor goes on, if it was there for that alone.
    pub fn change_card(&mut self, portal: &str, number: &str) -> Result<Option<String>, Problem> {
        let portal = self.portals.get(portal).cloned().ok_or_else(|| Problem::gone("portal session", portal))?;
        self.customer(&portal.customer)?;
        let method = self.card(number)?;
        let method = self.attach(&method, &portal.customer)?;
        self.change_customer(&portal.customer, |customer| customer.default_method = Some(method));
        Ok(portal.is_for_card.then_some(portal.return_url))
    }

    /// A visitor pays an open invoice with a card.
    pub fn pay_hosted(&mut self, invoice: &str, number: &str) -> Result<(), Problem> {
        if !["open", "uncollectible"].contains(&self.invoice(invoice)?.status) {
            return Err(Problem::invalid("", "There is nothing to pay of this invoice."));
        }
        let method = self.card(number)?;
        self.try_to_pay(invoice, Some(method))
    }

    /// The bank takes a payment back. Gives the dispute.
    pub fn dispute_payment(&mut self, intent: &str) -> Result<String, Problem> {
        let charge = self.intent(intent)?.latest_charge.clone().unwrap_or_default();
        self.open_dispute(&charge)
            .ok_or_else(|| Problem::invalid("payment_intent", "Nothing was charged, or it is disputed already."))
    }
}

//! SUMMARY    Customers: name, address, tax ids, and the pages on which they change what they pay with.

use crate::{
    call::{Call, id},
    object::{Customer, Named, PortalSession, Subscription, TaxId},
    payments::Stripe,
};
use billing::{Failure, FailureKind, NewCustomer};

/// As `eu_vat:DE123456789`. Errors: `Refused`.
fn tax_id(text: &str) -> Result<(&str, &str), Failure> {
    let refused = || Failure::new(FailureKind::Refused, format!("{text:.80?} is no tax id as eu_vat:DE123456789"));
    text.split_once(':').filter(|(kind, value)| !kind.is_empty() && !value.is_empty()).ok_or_else(refused)
}

fn described(call: Call, new: &NewCustomer) -> Call {
    let call = call.with("email", &new.email).with("name", &new.name).with("metadata[tenant]", new.tenant);
    match &new.country {
        Some(country) => call.with("address[country]", country),
        None => call.with("address", ""),
    }
}

impl Stripe {
    pub(crate) async fn make_customer(&self, key: &str, new: &NewCustomer) -> Result<String, Failure> {
        let mut call = described(Call::post("/customers", key), new);
        for (n, text) in new.tax_ids.iter().enumerate() {
            let (kind, value) = tax_id(text)?;
            call = call.with(format!("tax_id_data[{n}][type]"), kind).with(format!("tax_id_data[{n}][value]"), value);
        }
        self.ask(call).await.map(|made: Named| made.id)
    }

    pub(crate) async fn describe_customer(&self, key: &str, customer: &str, new: &NewCustomer) -> Result<(), Failure> {
        let path = format!("/customers/{}", id(customer)?);
        let wanted = new.tax_ids.iter().map(|text| tax_id(text)).collect::<Result<Vec<_>, Failure>>()?;
        self.tell(described(Call::post(&path, key), new)).await?;
        let known: Vec<TaxId> = self.all(Call::get(format!("{path}/tax_ids"))).await?;
        for old in known.iter().filter(|old| !wanted.contains(&(old.kind.as_str(), old.value.as_str()))) {
            match self.tell(Call::delete(format!("{path}/tax_ids/{}", id(&old.id)?))).await {
                Err(failure) if failure.kind == FailureKind::Gone => {}
                ended => ended?,
            }
        }
        for (kind, value) in wanted {
            if !known.iter().any(|old| (old.kind.as_str(), old.value.as_str()) == (kind, value)) {
                let call = Call::post(format!("{path}/tax_ids"), format!("{key}-{kind}-{value}"));
                self.tell(call.with("type", kind).with("value", value)).await?;
            }
        }
        Ok(())
    }

    /// Stripe's page makes a new card the customer's; a card that a subscription has of its own (Checkout gives it one) would go on being
    /// charged, so it becomes the customer's first.
    pub(crate) async fn page_for_card(&self, key: &str, customer: &str, back: &str) -> Result<String, Failure> {
        let path = format!("/customers/{}", id(customer)?);
        let known: Customer = self.ask(Call::get(&path)).await?;
        let mut has_one = known.invoice_settings.is_some_and(|settings| settings.default_payment_method.is_some());
        let subscriptions: Vec<Subscription> = self.all(Call::get("/subscriptions").with("customer", customer)).await?;
        for subscription in subscriptions {
            let Some(method) = &subscription.default_payment_method else { continue };
            if !has_one {
                let call = Call { key: None, ..Call::post(&path, "") };
                self.tell(call.with("invoice_settings[default_payment_method]", method.name())).await?;
                has_one = true;
            }
            let call = Call { key: None, ..Call::post(format!("/subscriptions/{}", id(&subscription.id)?), "") };
            self.tell(call.with("default_payment_method", "")).await?;
        }
        let call = self.portal(key, customer, back).with("flow_data[type]", "payment_method_update");
        let call = call.with("flow_data[after_completion][type]", "redirect");
        let call = call.with("flow_data[after_completion][redirect][return_url]", back);
        self.ask(call).await.map(|page: PortalSession| page.url)
    }

    pub(crate) async fn page_for_customer(&self, key: &str, customer: &str, back: &str) -> Result<String, Failure> {
        self.ask(self.portal(key, customer, back)).await.map(|page: PortalSession| page.url)
    }

    fn portal(&self, key: &str, customer: &str, back: &str) -> Call {
        let call = Call::post("/billing_portal/sessions", key).with("customer", customer).with("return_url", back);
        call.maybe("configuration", self.options.portal_configuration.as_ref())
    }
}

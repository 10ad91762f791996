//! SUMMARY    What invoices say and where they go.

use super::{Place, own_place};
use crate::{
    collection::{Collection, beside},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    language::Language,
    operation::{BillingCustomerUpdate, billing_customer_update, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Arguments of the API with their fields.
const FIELDS: [(&str, &str); 5] =
    [("email", "email"), ("name", "name"), ("country", "country"), ("taxIds", "taxIds"), ("language", "language")];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, &own_place(visit).await?, Form::default())
}

fn draw(visit: &Visit, place: &Place, form: Form) -> Reply {
    let mut page = Collection::new(visit.frame("details-title"), form);
    page.back = Some(("/billing".to_owned(), page.f.t("billing-title")));
    page.about = page.f.t("details-about");
    if place.customer.is_none() {
        page.notes.push(page.f.t("details-first"));
    }
    let inputs = inputs(&page.f, &page.form, place).map_err(|_| Trouble::Broken)?;
    page.panel("save", "details-panel", "", inputs, "save");
    page.reply()
}

fn inputs(f: &Frame, form: &Form, place: &Place) -> Result<Vec<String>, askama::Error> {
    let customer = place.customer.as_ref();
    let (email, country) = (customer.map_or("", |c| &c.email), customer.and_then(|c| c.country.as_deref()));
    let name = customer.map_or(place.name.as_str(), |c| &c.name);
    let tax_ids = customer.map_or(String::new(), |c| c.tax_ids.join(" "));
    let language = customer.map_or(f.language.tag(), |c| &c.language);
    let languages = Language::ALL.map(|l| (l.tag().to_owned(), l.name().to_owned())).to_vec();
    Ok(vec![
        form.input(f, ask("email", "email", "label-email", "hint-billing-email", "email").with(email))?,
        form.input(f, ask("name", "text", "label-billing-name", "", "organization").with(name))?,
        form.input(
            f,
            ask("country", "text", "label-country", "hint-country", "country").with(country.unwrap_or_default()),
        )?,
        form.input(f, ask("taxIds", "text", "label-tax-ids", "hint-tax-ids", "off").with(&tax_ids))?,
        form.choice(f, &choose("language", "label-language", "", languages).with(vec![language.to_owned()]))?,
    ])
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let place = own_place(visit).await?;
    let refusals = save(visit).await?;
    if !refusals.is_empty() {
        return draw(visit, &place, visit.refused(refusals));
    }
    match place.customer {
        Some(_) => see("/billing/details?ok=saved"),
        // Who buys for the first time goes on to what there is.
        None => see("/billing/plan?ok=saved"),
    }
}

async fn save(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let fields = &visit.fields;
    let country = fields.given("country").map(|c| c.to_uppercase());
    let nulls: &[(&str, &str)] = if country.is_none() { &[("/input", "country")] } else { &[] };
    let input = billing_customer_update::BillingCustomerUpdateInput {
        tenant_id: visit.tenant()?,
        email: Some(fields.text("email").to_owned()),
        name: Some(fields.text("name").to_owned()),
        country,
        price_list: None,
        tax_ids: Some(fields.words("taxIds")),
        language: fields.given("language"),
        provider: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let variables = billing_customer_update::Variables { input };
    let data = visit.ask_with_nulls::<BillingCustomerUpdate>(variables, nulls).await?;
    Ok(beside(refusals!(data.billing_customer_update), &FIELDS))
}

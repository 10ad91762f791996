//! SUMMARY    Customers of the tenant, with where each stands.

use super::tabs;
use crate::{
    collection::{Collection, Row},
    form::Form,
    list::Place,
    operation::{BillingCustomers, billing_customers},
    page::billing::{shape::word, words},
    trouble::Trouble,
    visit::{Reply, Visit},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = billing_customers::Variables { seller: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<BillingCustomers>(variables).await?.billing_customers.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("customers-title"), Form::default());
    page.tabs = tabs(visit, &page.f);
    let f = &page.f;
    let row = |c: billing_customers::BillingCustomersBillingCustomersNodes| {
        let (text, _, class) = words::phase(&word(&c.phase));
        let paid = c.card.unwrap_or_else(|| f.t(if c.provider == "manual" { "card-by-invoice" } else { "card-none" }));
        Row {
            link: format!("/sell/customers/{}", c.tenant_id),
            title: if c.name.is_empty() { c.tenant_id } else { c.name },
            states: vec![(f.t(text), class)],
            facts: vec![c.email, paid],
            ..Row::default()
        }
    };
    let rows = found.nodes.into_iter().map(row).collect();
    page.rows("customers-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

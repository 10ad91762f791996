//! SUMMARY    Differences to payment providers that sweeps found, for the operator of the installation.

use super::tabs;
use crate::{
    collection::{Collection, Row},
    form::Form,
    list::Place,
    operation::{BillingDrift, billing_drift},
    page::tenant_names::Names,
    trouble::Trouble,
    visit::{Reply, Visit},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = billing_drift::Variables { first, after, last, before };
    let found = visit.ask::<BillingDrift>(variables).await?.billing_drift.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("drift-title"), Form::default());
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("drift-about");
    let names = Names::of(visit, found.nodes.iter().map(|d| &d.tenant_id)).await;
    let f = &page.f;
    let row = |d: billing_drift::BillingDriftBillingDriftNodes| Row {
        title: names.name(&d.tenant_id).to_owned(),
        link: names.link(visit, &d.tenant_id).map(|(link, _)| link).unwrap_or_default(),
        facts: vec![f.with("drift-found", "at", f.at(&d.at))],
        foreign: vec![d.what],
        ..Row::default()
    };
    let rows = found.nodes.into_iter().map(row).collect();
    page.rows("drift-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

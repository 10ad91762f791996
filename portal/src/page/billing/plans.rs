//! SUMMARY    The plans that may be bought, with what they cost.

use super::{
    own_place,
    shape::{Plan, known},
    words,
};
use crate::{
    collection::{Collection, Row},
    form::Form,
    list::Place,
    operation::{Plans, plans},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    let place = own_place(visit).await?;
    if place.customer.is_none() {
        // Who buys says first where invoices go.
        return see("/billing/details");
    }
    let seller = place.seller.clone().ok_or(Trouble::NotFound)?;
    let Place { first, after, last, before } = Place::of(&visit.query);
    let found = visit.ask::<Plans>(plans::Variables { seller, first, after, last, before }).await?;
    let found = found.plans.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("plans-title"), Form::default());
    page.back = Some(("/billing".to_owned(), page.f.t("billing-title")));
    page.about = page.f.t("plans-about");
    let mut rows = Vec::new();
    for node in &found.nodes {
        let plan: Plan = known(node)?;
        let is_own = place.bought.iter().any(|b| b.is_live() && b.plan.id == plan.id);
        let states = if is_own { vec![(page.f.t("plan-own"), "good")] } else { Vec::new() };
        let facts = words::prices(&page.f, &plan);
        rows.push(Row {
            link: format!("/billing/plan/{}", plan.id),
            title: plan.title,
            states,
            facts,
            ..Row::default()
        });
    }
    page.rows("plans-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

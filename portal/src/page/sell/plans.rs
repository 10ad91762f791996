//! SUMMARY    Versions of plans: what each costs, who may buy it; offering and withdrawing.

use super::tabs;
use crate::{
    collection::{Collection, Row, act, of_row},
    form::{Form, Refusal},
    frame::Frame,
    list::Place,
    operation::{PlanUpdate, Plans, plan_update, plans, refusals},
    page::billing::{
        shape::{Plan, known},
        words,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = plans::Variables { seller: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<Plans>(variables).await?.plans.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("plans-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("sell-plans-about");
    let known = found.nodes.iter().map(known).collect::<Result<Vec<Plan>, _>>()?;
    let rows = known.iter().map(|plan| row(&page.f, plan)).collect();
    page.rows("sell-plans-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.links.push(("/sell/plans/new".to_owned(), page.f.t("plan-new-title")));
    page.reply()
}

fn row(f: &Frame, plan: &Plan) -> Row {
    let (text, class) = match plan.state.as_str() {
        "OFFERED" => ("plan-offered", "good"),
        "PRIVATE" => ("plan-private", "plain"),
        "WITHDRAWN" => ("plan-withdrawn", "open"),
        _ => ("plan-other", "plain"),
    };
    let title = f.with_two("plan-version", ("title", &plan.title), ("n", &plan.number.to_string()));
    let acts = [
        ("OFFERED", act(f, "offer", &plan.id, "plan-offer", "plan-offer-named", &title)),
        ("PRIVATE", act(f, "hide", &plan.id, "plan-hide", "plan-hide-named", &title)),
        ("WITHDRAWN", act(f, "withdraw", &plan.id, "plan-withdraw", "plan-withdraw-named", &title).danger()),
    ];
    let mut facts = words::prices(f, plan);
    facts.extend(plan.price_list.as_ref().map(|list| f.with("plan-price-list", "list", list.as_str())));
    Row {
        states: vec![(f.t(text), class)],
        facts,
        codes: vec![plan.key.clone()],
        acts: acts.into_iter().filter(|(state, _)| *state != plan.state).map(|(_, act)| act).collect(),
        title,
        ..Row::default()
    }
}

pub(super) async fn change(visit: &Visit) -> Reply {
    use plan_update::PlanState as State;
    let refusals = match visit.fields.text("act") {
        "offer" => update(visit, State::OFFERED).await?,
        "hide" => update(visit, State::PRIVATE).await?,
        "withdraw" => update(visit, State::WITHDRAWN).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see("/sell/plans?ok=saved"),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn update(visit: &Visit, state: plan_update::PlanState) -> Result<Vec<Refusal>, Trouble> {
    let input = plan_update::PlanUpdateInput {
        plan_id: visit.fields.text("id").to_owned(),
        state,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<PlanUpdate>(plan_update::Variables { input }).await?;
    Ok(of_row(refusals!(data.plan_update)))
}

//! SUMMARY    Ending a subscription without a call: with what was paid for, or at once.

use super::{own_place, shape::Bought, words};
use crate::{
    collection::{Collection, Group, of_row},
    form::{Form, Refusal, choose},
    operation::{SubscriptionCancel, refusals, subscription_cancel},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let place = own_place(visit).await?;
    let open: Vec<&Bought> = place.bought.iter().filter(|b| b.is_live()).collect();
    if open.is_empty() {
        return see("/billing");
    }
    let mut page = Collection::new(visit.frame("cancel-title"), form);
    page.back = Some(("/billing".to_owned(), page.f.t("billing-title")));
    page.about = page.f.t("cancel-about");
    page.notes.push(page.f.t(if place.has_free { "cancel-then-free" } else { "cancel-then-none" }));
    let rows = open.iter().map(|b| words::bought(&page.f, b)).collect();
    page.groups.push(Group { title: page.f.t("billing-plan"), none: String::new(), rows });
    let f = &page.f;
    let plans = open.iter().map(|b| (b.id.clone(), b.plan.title.clone())).collect::<Vec<_>>();
    let end = open.first().map_or(String::new(), |b| f.day(&b.period.end));
    let when = vec![("PERIOD".to_owned(), f.with("cancel-period", "at", end)), ("NOW".to_owned(), f.t("cancel-now"))];
    let inputs = [
        page.form.choice(f, &choose("subscription", "label-subscription", "", plans)),
        page.form.choice(f, &choose("when", "label-when", "hint-when", when)),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("cancel", "cancel-panel", "cancel-keeps", inputs, "cancel-button");
    if let Some(panel) = page.panels.last_mut() {
        panel.danger = true;
    }
    page.links.push(("/billing".to_owned(), page.f.t("cancel-not")));
    page.reply()
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let refusals = cancel(visit).await?;
    match refusals.is_empty() {
        true if visit.fields.text("when") == "NOW" => see("/billing?ok=plan-ended"),
        true => see("/billing?ok=cancelled"),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn cancel(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    use subscription_cancel::BillingSubscriptionEnd as End;
    let input = subscription_cancel::SubscriptionCancelInput {
        tenant_id: visit.tenant()?,
        subscription_id: visit.fields.text("subscription").to_owned(),
        when: if visit.fields.text("when") == "NOW" { End::NOW } else { End::PERIOD },
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<SubscriptionCancel>(subscription_cancel::Variables { input }).await?;
    Ok(of_row(refusals!(data.subscription_cancel)))
}

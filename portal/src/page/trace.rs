//! SUMMARY    Outgoing mail: where it is, what other hosts said, when it is tried next; one item with all that can be done about it.
//!            The tenant's own at `/trace`, that of the tenants below too at `/sell/queue`.
//! SECURITY   What other hosts said is shown as text, in their language. The API says whose mail a visitor reaches.

use crate::{
    collection::{Act, Collection, Filter, Group, Row, Table, of_row},
    field::Fields,
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::{PAGE, Pages},
    operation::{
        QueueItemCancel, QueueItemHold, QueueItemRelease, QueueItemRetry, QueueItemShown, QueueItems,
        queue_item_cancel, queue_item_hold, queue_item_release, queue_item_retry, queue_item_shown, queue_items,
        refusals,
    },
    page::tenant_names::Names,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Recipients of an item that are shown on its page.
const RECIPIENTS_SHOWN: usize = 100;
/// Recipients that the row of an item names.
const RECIPIENTS_NAMED: usize = 3;

/// Where the pages stand, and of whom they tell.
#[derive(Clone)]
pub(crate) struct Area {
    pub(crate) base: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) below: bool,
    pub(crate) tabs: Vec<(&'static str, String)>,
}

/// That of the tenant that the visitor acts in.
fn own() -> Area {
    Area { base: "/trace", title: "trace-title", about: "trace-about", below: false, tabs: Vec::new() }
}

pub(crate) async fn read_own(visit: &Visit, path: &[&str]) -> Reply {
    read(visit, &own(), path).await
}

pub(crate) async fn change_own(visit: &Visit, path: &[&str]) -> Reply {
    change(visit, &own(), path).await
}

pub(crate) async fn read(visit: &Visit, area: &Area, path: &[&str]) -> Reply {
    match path {
        [] => list(visit, area).await,
        [tenant, id] => item(visit, area, (tenant, id), Form::default()).await,
        [tenant, id, "cancel"] => ask_cancel(visit, area, (tenant, id), Form::default()).await,
        _ => Err(Trouble::NotFound),
    }
}

pub(crate) async fn change(visit: &Visit, area: &Area, path: &[&str]) -> Reply {
    let base = area.base;
    match path {
        [tenant, id] => match act(visit, tenant, id).await? {
            refusals if refusals.is_empty() => see(format!("{base}/{tenant}/{id}?ok=saved")),
            refusals => item(visit, area, (tenant, id), visit.refused(refusals)).await,
        },
        [tenant, id, "cancel"] => match cancel(visit, tenant, id).await? {
            refusals if refusals.is_empty() => see(format!("{base}/{tenant}/{id}?ok=saved")),
            refusals => ask_cancel(visit, area, (tenant, id), visit.refused(refusals)).await,
        },
        _ => Err(Trouble::NotFound),
    }
}

/// Text and class of a state.
fn state(state: &str) -> (&'static str, &'static str) {
    match state {
        "WAITING" => ("queue-waiting", "open"),
        "UNDER_WAY" => ("queue-under-way", "open"),
        "PARKED" => ("queue-parked", "bad"),
        "ENDED" => ("queue-ended", "good"),
        _ => ("state-unknown", "open"),
    }
}

fn fate(fate: &str) -> (&'static str, &'static str) {
    match fate {
        "WAITING" => ("fate-waiting", "open"),
        "DELIVERED" => ("fate-delivered", "good"),
        "FAILED" => ("fate-failed", "bad"),
        "CANCELLED" => ("fate-cancelled", "bad"),
        _ => ("state-unknown", "open"),
    }
}

/// Text and class of a message: of one that has ended, the worst that became of it.
fn outcome(is: &str, fates: &[String]) -> (&'static str, &'static str) {
    let worst = ["FAILED", "CANCELLED", "DELIVERED"].into_iter().find(|worst| fates.iter().any(|f| f == worst));
    match (is, worst) {
        ("ENDED", Some(worst)) => fate(worst),
        _ => state(is),
    }
}

fn wanted(query: &Fields) -> queue_items::QueueItemFilter {
    use queue_items::QueueItemState as State;
    queue_items::QueueItemFilter {
        domain: query.given("domain"),
        sender: query.given("sender"),
        recipient: query.given("recipient"),
        message_id: query.given("message"),
        state: match query.text("state") {
            "waiting" => Some(State::WAITING),
            "parked" => Some(State::PARKED),
            _ => None,
        },
    }
}

async fn list(visit: &Visit, area: &Area) -> Reply {
    // What ended is kept by tenant: it is shown of the one that the visitor acts in.
    let ended = visit.query.text("state") == "ended";
    let variables = queue_items::Variables {
        tenant: visit.tenant()?,
        below: area.below && !ended,
        ended,
        filter: Some(wanted(&visit.query)),
        first: PAGE,
        after: visit.query.given("after"),
    };
    let found = visit.ask::<QueueItems>(variables).await?.queue_items.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame(area.title), Form::default());
    page.tabs.clone_from(&area.tabs);
    page.about = page.f.t(area.about);
    page.filter = Some(filter_form(&page.f, &visit.query)?);
    let info = found.page_info;
    let names = match area.below {
        true => Names::of(visit, found.nodes.iter().map(|item| &item.tenant_id)).await,
        false => Names::default(),
    };
    let whose = |id: &str| names.link(visit, id).filter(|_| area.below);
    let rows: Vec<Row> = found.nodes.into_iter().map(|item| row(&page.f, area, whose(&item.tenant_id), item)).collect();
    let none = if info.has_next_page { "queue-none-yet" } else { "queue-none" };
    page.rows(none, rows);
    page.pages = Pages::new(&visit.query, false, None, info.has_next_page, info.end_cursor);
    page.reply()
}

fn filter_form(f: &Frame, query: &Fields) -> Result<Filter, Trouble> {
    let form = Form::default();
    let options = ["", "waiting", "parked", "ended"].map(|value| {
        let text = match value {
            "waiting" => "queue-waiting",
            "parked" => "queue-parked",
            "ended" => "queue-ended",
            _ => "queue-all",
        };
        (value.to_owned(), f.t(text))
    });
    let state = choose("state", "label-queue-state", "", options.to_vec()).with(vec![query.text("state").to_owned()]);
    let inputs = [
        form.input(f, ask("recipient", "text", "label-queue-recipient", "", "off").with(query.text("recipient"))),
        form.input(f, ask("sender", "text", "label-queue-sender", "", "off").with(query.text("sender"))),
        form.input(f, ask("domain", "text", "label-queue-domain", "", "off").with(query.text("domain"))),
        form.input(f, ask("message", "text", "label-queue-message", "", "off").with(query.text("message"))),
        form.choice(f, &state),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    Ok(Filter { inputs, button: f.t("mailboxes-search-button") })
}

/// A message; of whom it is, with a link, where mail of several is listed.
fn row(f: &Frame, area: &Area, whose: Option<(String, String)>, item: queue_items::QueueItemsQueueItemsNodes) -> Row {
    let fates: Vec<String> = item.recipients.iter().map(|r| format!("{:?}", r.fate)).collect();
    let (text, class) = outcome(&format!("{:?}", item.state), &fates);
    let named: Vec<&str> = item.recipients.iter().take(RECIPIENTS_NAMED).map(|r| r.address.as_str()).collect();
    let sender = item.sender.unwrap_or_else(|| f.t("queue-null-sender"));
    let attempts = item.attempts.to_string();
    let mut facts = vec![f.with_two("queue-from", ("sender", &sender), ("at", &f.at(&item.created_at)))];
    facts.extend(item.next_attempt_at.map(|at| f.with_two("queue-next", ("at", &f.at(&at)), ("attempts", &attempts))));
    facts.extend(item.ended_at.map(|at| f.with("queue-ended-at", "at", f.at(&at))));
    if item.return_reason.is_some() {
        facts.push(f.t("queue-returning"));
    }
    let rest = item.recipients.len().saturating_sub(RECIPIENTS_NAMED);
    if rest > 0 {
        facts.push(f.count("queue-further", i64::try_from(rest).unwrap_or(i64::MAX)));
    }
    let said = item.recipients.iter().find_map(|r| r.reply.clone());
    Row {
        title: named.join(", "),
        link: format!("{}/{}/{}", area.base, item.tenant_id, item.id),
        states: vec![(f.t(text), class)],
        facts,
        // Who may not see its page reads whose it is all the same.
        codes: if area.below && whose.is_none() { vec![item.tenant_id] } else { Vec::new() },
        away: whose.into_iter().collect(),
        foreign: item.parked_reason.into_iter().chain(said).collect(),
        ..Row::default()
    }
}

type Item = queue_item_shown::QueueItemShownQueueItem;

async fn found(visit: &Visit, (tenant, id): (&str, &str)) -> Result<Item, Trouble> {
    let variables = queue_item_shown::Variables { tenant: tenant.to_owned(), id: id.to_owned() };
    visit.ask::<QueueItemShown>(variables).await?.queue_item.ok_or(Trouble::NotFound)
}

async fn item(visit: &Visit, area: &Area, of: (&str, &str), form: Form) -> Reply {
    let item = found(visit, of).await?;
    let fates: Vec<String> = item.recipients.iter().map(|r| format!("{:?}", r.fate)).collect();
    let (text, class) = outcome(&format!("{:?}", item.state), &fates);
    let mut page = Collection::new(visit.frame("queue-item-title"), form);
    page.back = Some((area.base.to_owned(), page.f.t(area.title)));
    let f = &page.f;
    let facts = facts(f, &item);
    let about = Row {
        title: item.domain.clone(),
        states: vec![(f.t(text), class)],
        facts,
        codes: item.message_id.iter().cloned().collect(),
        foreign: item.parked_reason.iter().chain(&item.return_reason).cloned().collect(),
        acts: acts(f, &item),
        ..Row::default()
    };
    let people = item.recipients.iter().take(RECIPIENTS_SHOWN).map(|r| recipient(f, r)).collect();
    page.groups.push(Group { title: f.title.clone(), none: String::new(), rows: vec![about] });
    page.groups.push(Group { title: f.t("queue-recipients"), none: f.t("queue-none"), rows: people });
    if !item.answers.is_empty() {
        page.tables.push(answers(f, &item));
    }
    let may = may_change(&item);
    if may && !item.held_by_hand {
        let reason = ask("reason", "text", "label-reason", "hint-queue-reason", "off");
        let inputs = vec![page.form.input(&page.f, reason).map_err(|_| Trouble::Broken)?];
        page.panel("hold", "queue-hold", "queue-hold-about", inputs, "queue-hold-button");
    }
    if may {
        page.links.push((format!("{}/cancel", page.f.path), page.f.t("queue-cancel-title")));
    }
    page.reply()
}

/// Whether something of it waits, and it is not on its way back already.
fn may_change(item: &Item) -> bool {
    item.ended_at.is_none() && item.return_reason.is_none()
}

fn acts(f: &Frame, item: &Item) -> Vec<Act> {
    let button = |what: &str, text: &str| Act {
        to: f.path.clone(),
        hidden: vec![("act", what.to_owned())],
        text: f.t(text),
        label: f.t(text),
        danger: false,
    };
    match (may_change(item), item.held_by_hand) {
        (false, _) => Vec::new(),
        (true, true) => vec![button("release", "queue-release")],
        (true, false) => vec![button("retry", "queue-retry")],
    }
}

fn facts(f: &Frame, item: &Item) -> Vec<String> {
    let sender = item.sender.clone().unwrap_or_else(|| f.t("queue-null-sender"));
    let attempts = item.attempts.to_string();
    let mut facts = vec![
        f.with_two("queue-from", ("sender", &sender), ("at", &f.at(&item.created_at))),
        f.with("queue-size", "size", f.size(&item.size)),
    ];
    if let Some(at) = &item.next_attempt_at {
        facts.push(f.with_two("queue-next", ("at", &f.at(at)), ("attempts", &attempts)));
    }
    match &item.ended_at {
        Some(at) => facts.push(f.with("queue-ended-at", "at", f.at(at))),
        None => facts.push(f.with("queue-expires", "at", f.at(&item.expires_at))),
    }
    if item.return_reason.is_some() {
        facts.push(f.t("queue-returning"));
    }
    facts
}

fn recipient(f: &Frame, r: &queue_item_shown::QueueItemShownQueueItemRecipients) -> Row {
    let (text, class) = fate(&format!("{:?}", r.fate));
    let at = r.at.as_ref().map(|at| f.at(at)).unwrap_or_default();
    let facts = r.host.iter().map(|host| f.with_two("queue-said", ("host", host), ("at", &at))).collect();
    Row {
        title: r.address.clone(),
        states: vec![(f.t(text), class)],
        facts,
        foreign: r.reply.iter().cloned().collect(),
        ..Row::default()
    }
}

/// What each attempt was answered, the latest first.
fn answers(f: &Frame, item: &Item) -> Table {
    let cells = |a: &queue_item_shown::QueueItemShownQueueItemAnswers| {
        let host = a.host.clone().unwrap_or_else(|| f.t("queue-here"));
        vec![a.attempt.to_string(), f.at(&a.at), host, a.reply.clone(), a.recipients.to_string()]
    };
    let heads = ["column-attempt", "column-at", "column-host", "column-reply", "column-recipients"];
    Table {
        title: f.t("queue-answers"),
        heads: heads.iter().map(|key| f.t(key)).collect(),
        rows: item.answers.iter().rev().map(cells).collect(),
    }
}

async fn ask_cancel(visit: &Visit, area: &Area, of: (&str, &str), form: Form) -> Reply {
    let item = found(visit, of).await?;
    if !may_change(&item) {
        return Err(Trouble::NotFound);
    }
    let mut page = Collection::new(visit.frame("queue-cancel-title"), form);
    page.back = Some((format!("{}/{}/{}", area.base, of.0, of.1), page.f.t("queue-item-title")));
    let reason = ask("reason", "text", "label-reason", "hint-queue-return", "off");
    let mut inputs = vec![page.form.input(&page.f, reason)];
    if area.below && visit.signed()?.billing.operates {
        let options = vec![("1".to_owned(), page.f.t("queue-silently"))];
        inputs.push(page.form.ticks(&page.f, &choose("silently", "label-queue-silently", "", options)));
    }
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("cancel", "queue-cancel-title", "queue-cancel-about", inputs, "queue-cancel-button");
    if let Some(panel) = page.panels.last_mut() {
        panel.danger = true;
    }
    page.reply()
}

async fn act(visit: &Visit, tenant: &str, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let (tenant_id, item_id) = (tenant.to_owned(), id.to_owned());
    let (dry_run, idempotency_key) = (false, Some(visit.once()));
    let refused = match visit.fields.text("act") {
        "retry" => {
            let input = queue_item_retry::QueueItemRetryInput { tenant_id, item_id, dry_run, idempotency_key };
            let data = visit.ask::<QueueItemRetry>(queue_item_retry::Variables { input }).await?;
            of_row(refusals!(data.queue_item_retry))
        }
        "release" => {
            let input = queue_item_release::QueueItemReleaseInput { tenant_id, item_id, dry_run, idempotency_key };
            let data = visit.ask::<QueueItemRelease>(queue_item_release::Variables { input }).await?;
            of_row(refusals!(data.queue_item_release))
        }
        "hold" => {
            let reason = visit.fields.text("reason").to_owned();
            let input = queue_item_hold::QueueItemHoldInput { tenant_id, item_id, reason, dry_run, idempotency_key };
            let data = visit.ask::<QueueItemHold>(queue_item_hold::Variables { input }).await?;
            refusals!(data.queue_item_hold)
        }
        _ => return Err(Trouble::NotFound),
    };
    gone(refused)
}

async fn cancel(visit: &Visit, tenant: &str, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = queue_item_cancel::QueueItemCancelInput {
        tenant_id: tenant.to_owned(),
        item_id: id.to_owned(),
        reason: visit.fields.text("reason").to_owned(),
        silently: visit.fields.is_ticked("silently"),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<QueueItemCancel>(queue_item_cancel::Variables { input }).await?;
    gone(refusals!(data.queue_item_cancel))
}

/// What does not exist has no page to be refused on.
fn gone(refusals: Vec<Refusal>) -> Result<Vec<Refusal>, Trouble> {
    if refusals.iter().any(|r| r.code == "NOT_FOUND") { Err(Trouble::NotFound) } else { Ok(refusals) }
}

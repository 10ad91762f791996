//! SUMMARY    Feature flags, for the operator of the installation: what is switched off, for whom, and why.

use super::tabs;
use crate::{
    collection::{Collection, Filter, Row, act, beside, of_row},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    operation::{
        FeatureFlagClear, FeatureFlagSet, FeatureFlags, feature_flag_clear, feature_flag_set, feature_flags, refusals,
    },
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use feature_flags::FeatureFlagsFeatureFlags as Flag;

/// Features with the keys of their names.
const FEATURES: [(&str, &str); 6] = [
    ("SIGNUP", "feature-signup"),
    ("MAILBOX_IMPORT", "feature-import"),
    ("WEBHOOKS", "feature-webhooks"),
    ("API_TOKENS", "feature-tokens"),
    ("MASKED_ADDRESSES", "feature-masked"),
    ("SUPPORT_ACCESS", "feature-support"),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    let of = visit.query.given("tenant");
    draw(visit, Form::default(), of).await
}

async fn draw(visit: &Visit, form: Form, of: Option<String>) -> Reply {
    let own = visit.tenant()?;
    let tenant = of.unwrap_or_else(|| own.clone());
    let data = visit.ask::<FeatureFlags>(feature_flags::Variables { tenant: tenant.clone() }).await?;
    // Who has somebody above switches nothing.
    data.viewer.filter(|viewer| viewer.parent_id.is_none()).ok_or(Trouble::NotFound)?;
    let (named, flags) = data.tenant.zip(data.feature_flags).ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("flags-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("flags-about");
    let typed = if tenant == own { String::new() } else { tenant.clone() };
    let finder = Form::default();
    let input =
        finder.input(&page.f, ask("tenant", "text", "label-flags-tenant", "hint-flags-tenant", "off").with(&typed));
    let inputs = vec![input.map_err(|_| Trouble::Broken)?];
    page.filter = Some(Filter { inputs, button: page.f.t("mailboxes-search-button") });
    page.notes.push(page.f.with("flags-of", "name", &named.name));
    let rows = flags.iter().map(|flag| row(&page.f, flag, &tenant)).collect();
    page.rows("flags-none", rows);
    let (f, form) = (&page.f, &page.form);
    let features = FEATURES.map(|(feature, key)| (feature.to_owned(), f.t(key))).to_vec();
    let states = [("off", "flag-off"), ("on", "flag-on")].map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    let inputs = [
        form.choice(f, &choose("feature", "label-feature", "", features)),
        form.choice(f, &choose("enabled", "label-enabled", "", states)),
        form.input(f, ask("reason", "text", "label-reason", "hint-flag-reason", "off")),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("set", "flag-set", "flag-set-about", inputs, "flag-set-button");
    if let Some(panel) = page.panels.last_mut() {
        panel.hidden.push(("of", tenant));
    }
    page.reply()
}

fn row(f: &Frame, flag: &Flag, tenant: &str) -> Row {
    let feature = word(&flag.feature);
    let key = FEATURES.iter().find(|(name, _)| *name == feature).map(|(_, key)| *key);
    let title = key.map_or_else(|| feature.clone(), |key| f.t(key));
    let is_own = flag.set_on_id.as_deref() == Some(tenant);
    let place = match (&flag.set_on_id, is_own) {
        (None, _) => "flag-unset",
        (Some(_), true) => "flag-own",
        (Some(_), false) => "flag-above",
    };
    let mut facts = vec![f.t(place)];
    facts.extend(flag.set_at.as_ref().map(|at| f.with("made-at", "at", f.at(at))));
    let mut acts = Vec::new();
    if is_own {
        let mut clear = act(f, "clear", &feature, "flag-clear", "flag-clear-named", &title);
        clear.hidden.extend([("of", tenant.to_owned()), ("version", flag.version.to_string())]);
        acts.push(clear);
    }
    let codes = flag.set_on_id.clone().filter(|_| !is_own).into_iter().collect();
    Row {
        states: vec![if flag.enabled { (f.t("flag-on"), "good") } else { (f.t("flag-off"), "bad") }],
        facts,
        codes,
        foreign: Some(flag.reason.clone()).filter(|r| !r.is_empty()).into_iter().collect(),
        acts,
        title,
        ..Row::default()
    }
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let of = visit.fields.text("of").to_owned();
    let refusals = match visit.fields.text("act") {
        "set" => set(visit, &of).await?,
        "clear" => clear(visit, &of).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("/sell/flags?tenant={of}&ok=switched")),
        false => draw(visit, visit.refused(refusals), Some(of)).await,
    }
}

async fn set(visit: &Visit, of: &str) -> Result<Vec<Refusal>, Trouble> {
    use feature_flag_set::Feature as F;
    let feature = match visit.fields.text("feature") {
        "SIGNUP" => F::SIGNUP,
        "MAILBOX_IMPORT" => F::MAILBOX_IMPORT,
        "WEBHOOKS" => F::WEBHOOKS,
        "API_TOKENS" => F::API_TOKENS,
        "MASKED_ADDRESSES" => F::MASKED_ADDRESSES,
        "SUPPORT_ACCESS" => F::SUPPORT_ACCESS,
        _ => return Ok(vec![Refusal::new("feature", "INVALID")]),
    };
    let input = feature_flag_set::FeatureFlagSetInput {
        tenant_id: of.to_owned(),
        feature,
        enabled: visit.fields.text("enabled") == "on",
        reason: visit.fields.text("reason").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<FeatureFlagSet>(feature_flag_set::Variables { input }).await?;
    Ok(beside(refusals!(data.feature_flag_set), &[("reason", "reason"), ("feature", "feature")]))
}

async fn clear(visit: &Visit, of: &str) -> Result<Vec<Refusal>, Trouble> {
    use feature_flag_clear::Feature as F;
    let feature = match visit.fields.text("id") {
        "SIGNUP" => F::SIGNUP,
        "MAILBOX_IMPORT" => F::MAILBOX_IMPORT,
        "WEBHOOKS" => F::WEBHOOKS,
        "API_TOKENS" => F::API_TOKENS,
        "MASKED_ADDRESSES" => F::MASKED_ADDRESSES,
        "SUPPORT_ACCESS" => F::SUPPORT_ACCESS,
        _ => return Err(Trouble::NotFound),
    };
    let input = feature_flag_clear::FeatureFlagClearInput {
        tenant_id: of.to_owned(),
        feature,
        expected_version: visit.fields.text("version").parse().ok(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<FeatureFlagClear>(feature_flag_clear::Variables { input }).await?;
    Ok(of_row(refusals!(data.feature_flag_clear)))
}

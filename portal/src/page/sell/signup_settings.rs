//! SUMMARY    How strangers become customers: to whom it is open, what is offered, how many in a day, from which risk somebody looks.

use super::{number, tabs};
use crate::{
    collection::{Collection, beside},
    form::{Form, Refusal, ask, choose},
    operation::{SignupSettings, SignupSettingsUpdate, refusals, signup_settings, signup_settings_update},
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use signup_settings_update::{SignupMode as Mode, SignupSettingsUpdateInput};

const HERE: &str = "/sell/signups/settings";
/// Arguments with the fields of the form.
const NAMES: [(&str, &str); 5] = [
    ("mode", "mode"),
    ("plans", "plans"),
    ("domains", "domains"),
    ("perDayMax", "perDayMax"),
    ("reviewScore", "reviewScore"),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let data = visit.ask::<SignupSettings>(signup_settings::Variables { seller: visit.tenant()? }).await?;
    let now = data.signup_settings.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("signup-settings-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.back = Some(("/sell/signups".to_owned(), page.f.t("signups-title")));
    let (f, form) = (&page.f, &page.form);
    let modes = [("OPEN", "mode-open"), ("INVITE", "mode-invite"), ("CLOSED", "mode-closed")];
    let modes = modes.map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    let text = |name, label, hint, value: &str| form.input(f, ask(name, "text", label, hint, "off").with(value));
    let inputs = [
        form.choice(f, &choose("mode", "label-mode", "", modes).with(vec![word(&now.mode)])),
        text("plans", "label-offered-plans", "hint-offered-plans", &now.plans.join(" ")),
        text("domains", "label-offered-domains", "hint-offered-domains", &now.domains.join(" ")),
        text("perDayMax", "label-per-day", "hint-per-day", &now.per_day_max.to_string()),
        text("reviewScore", "label-review-score", "hint-review-score", &now.review_score.to_string()),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("save", "signup-settings-title", "signup-settings-about", inputs, "save");
    if let Some(panel) = page.panels.last_mut() {
        panel.hidden.push(("version", now.version.to_string()));
    }
    page.reply()
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let refusals = match settings(visit, visit.tenant()?) {
        Err(refusal) => vec![refusal],
        Ok(input) => {
            let data = visit.ask::<SignupSettingsUpdate>(signup_settings_update::Variables { input }).await?;
            beside(refusals!(data.signup_settings_update), &NAMES)
        }
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}?ok=saved")),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

fn settings(visit: &Visit, tenant_id: String) -> Result<SignupSettingsUpdateInput, Refusal> {
    let fields = &visit.fields;
    let mode = match fields.text("mode") {
        "OPEN" => Mode::OPEN,
        "INVITE" => Mode::INVITE,
        "CLOSED" => Mode::CLOSED,
        _ => return Err(Refusal::new("mode", "INVALID")),
    };
    Ok(SignupSettingsUpdateInput {
        tenant_id,
        mode: Some(mode),
        plans: Some(fields.words("plans")),
        domains: Some(fields.words("domains")),
        per_day_max: number(fields, "perDayMax")?,
        review_score: number(fields, "reviewScore")?,
        expected_version: fields.text("version").parse().ok(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    })
}

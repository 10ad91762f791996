//! SUMMARY    Passkeys: signing in by one, adding one, showing one again.
//! STANDARDS  Web Authentication Level 3
//! SECURITY   A ceremony begins when somebody asks for it, by a form with its session's token; the script that speaks to the browser is
//!            one of our files. Without scripts the password goes on.

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    guard::own_path,
    operation::{
        PasskeyChallenge, PasskeyRegister, PasskeyRegisterFinish, SessionStepUp, passkey_challenge, passkey_register,
        passkey_register_finish, refusals, session_create, session_step_up,
    },
    trouble::Trouble,
    visit::{Out, Reply, Visit, page, see},
};
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "passkey_new.html")]
struct Page {
    f: Frame,
    form: Form,
}

/// What the script is told: a ceremony, or that there is none.
fn begun(ceremony: Option<String>, options: Option<String>) -> Reply {
    let options = options.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    match (ceremony, options) {
        (Some(ceremony), Some(options)) => Ok(Out::Data(json!({ "ceremony": ceremony, "options": options }))),
        _ => Ok(Out::Data(json!({}))),
    }
}

/// A ceremony in which a passkey is shown.
pub(crate) async fn challenge(visit: &Visit) -> Reply {
    match visit.ask_openly::<PasskeyChallenge>(passkey_challenge::Variables {}).await {
        Ok(data) => begun(data.passkey_challenge.ceremony_id, data.passkey_challenge.options),
        Err(Trouble::Throttled) => Ok(Out::Data(json!({}))),
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn sign_in(visit: &mut Visit) -> Reply {
    if visit.fields.text("act") == "begin" {
        return challenge(visit).await;
    }
    let passkey = session_create::PasskeyInput {
        ceremony_id: visit.fields.text("ceremony").to_owned(),
        credential: visit.fields.exact("credential").to_owned(),
    };
    let input = session_create::SessionCreateInput {
        kind: session_create::SignInKind::PERSON,
        email: None,
        password: None,
        totp: None,
        recovery_code: None,
        passkey: Some(passkey),
        identity_code: None,
        tenant_id: None,
    };
    super::sign_in::by_other_means(visit, input, "PASSKEY").await
}

pub(crate) fn show(visit: &Visit) -> Reply {
    visit.signed()?;
    draw(visit, Form::default())
}

fn draw(visit: &Visit, form: Form) -> Reply {
    page(form.is_refused(), &Page { f: visit.frame("passkey-title"), form })
}

pub(crate) async fn register(visit: &Visit) -> Reply {
    if visit.fields.text("act") == "begin" {
        return match visit.ask::<PasskeyRegister>(passkey_register::Variables {}).await {
            Ok(data) => begun(data.passkey_register.ceremony_id, data.passkey_register.options),
            Err(Trouble::StepUp) => Ok(Out::Data(json!({ "to": "/security/confirm?next=/security/passkey" }))),
            Err(trouble) => Err(trouble),
        };
    }
    let label = visit.fields.given("label").unwrap_or_else(|| visit.frame("passkey-title").t("factor-passkey"));
    let input = passkey_register_finish::PasskeyRegisterFinishInput {
        ceremony_id: visit.fields.text("ceremony").to_owned(),
        label,
        credential: visit.fields.exact("credential").to_owned(),
        dry_run: false,
        idempotency_key: None,
    };
    let data = visit.ask::<PasskeyRegisterFinish>(passkey_register_finish::Variables { input }).await?;
    let refusals = refusals!(data.passkey_register_finish);
    if refusals.is_empty() {
        return see("/security?ok=passkey");
    }
    let place = |r: Refusal| if r.field == "label" { r } else { Refusal::new("", "PASSKEY") };
    draw(visit, visit.refused(refusals.into_iter().map(place).collect()))
}

/// A factor is verified again by a passkey; what was refused otherwise.
pub(crate) async fn step_up(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let passkey = session_step_up::PasskeyInput {
        ceremony_id: visit.fields.text("ceremony").to_owned(),
        credential: visit.fields.exact("credential").to_owned(),
    };
    let input =
        session_step_up::SessionStepUpInput { password: None, totp: None, recovery_code: None, passkey: Some(passkey) };
    let data = visit.ask::<SessionStepUp>(session_step_up::Variables { input }).await?;
    let refusals = refusals!(data.session_step_up);
    Ok(refusals.into_iter().map(|_| Refusal::new("", "PASSKEY")).collect())
}

/// Where a sign-in goes on.
pub(crate) fn next(visit: &Visit) -> String {
    let given = visit.fields.text("next");
    own_path(if given.is_empty() { visit.query.text("next") } else { given }).to_owned()
}

impl Page {
    fn label(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("label", "text", "label-device", "hint-device", "off"))
    }
}

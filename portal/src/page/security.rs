//! SUMMARY    My security: sessions, second factors, verifying a factor again.

use super::passkey;
use crate::{
    form::{Form, ask},
    frame::Frame,
    guard::own_path,
    operation::{
        FactorRemove, Factors, Security, SessionRevoke, SessionStepUp, factor_remove, factors, refusals, security,
        session_revoke, session_step_up,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "security.html")]
struct Page {
    f: Frame,
    sessions: Vec<Session>,
    factors: Vec<Factor>,
    has_factor: bool,
    /// Whether it is the user of a mailbox, who has no factors.
    is_mailbox: bool,
}

struct Session {
    id: String,
    device: String,
    ip: String,
    used: String,
    current: bool,
}

struct Factor {
    id: String,
    label: String,
    kind: String,
    confirmed: bool,
    created: String,
    used: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    f: Frame,
    form: Form,
    next: String,
    has_factor: bool,
    passkey_to: &'static str,
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    let data = visit.ask::<Security>(security::Variables {}).await?;
    let f = visit.frame("security-title");
    let sessions = data.sessions.into_iter().map(|s| Session {
        id: s.id,
        device: crate::device::named(&s.device),
        ip: s.ip,
        used: f.at(&s.last_used_at),
        current: s.current,
    });
    let sessions = sessions.collect();
    let factors = data.me.factors.into_iter().map(|factor| Factor {
        kind: f.t(match factor.kind {
            security::FactorKind::TOTP => "factor-totp",
            security::FactorKind::PASSKEY => "factor-passkey",
            security::FactorKind::Other(_) => "factor-other",
        }),
        id: factor.id,
        label: factor.label,
        confirmed: factor.confirmed,
        created: f.at(&factor.created_at),
        used: factor.last_used_at.map(|at| f.at(&at)).unwrap_or_default(),
    });
    let factors: Vec<Factor> = factors.collect();
    let has_factor = factors.iter().any(|factor| factor.confirmed);
    page(false, &Page { is_mailbox: !visit.signed()?.mailbox.is_empty(), f, sessions, factors, has_factor })
}

pub(crate) async fn end_sessions(visit: &Visit) -> Reply {
    let input = session_revoke::SessionRevokeInput {
        // Without an id: all but this one.
        id: visit.fields.given("session"),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let payload = visit.ask::<SessionRevoke>(session_revoke::Variables { input }).await?.session_revoke;
    match refusals!(payload).is_empty() {
        true => see("/security?ok=ended"),
        false => Err(Trouble::NotFound),
    }
}

pub(crate) async fn remove_factor(visit: &Visit) -> Reply {
    let input = factor_remove::FactorRemoveInput {
        id: visit.fields.text("factor").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let answer = visit.ask::<FactorRemove>(factor_remove::Variables { input }).await;
    let payload = match answer {
        Err(Trouble::StepUp) => return see("/security/confirm?next=/security"),
        answer => answer?.factor_remove,
    };
    match refusals!(payload).is_empty() {
        true => see("/security?ok=factor-removed"),
        false => Err(Trouble::NotFound),
    }
}

pub(crate) async fn confirm(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let has_factor = visit.ask::<Factors>(factors::Variables {}).await?.me.factors.iter().any(|f| f.confirmed);
    let next = if visit.fields.text("next").is_empty() { visit.query.text("next") } else { visit.fields.text("next") };
    let next = own_path(next).to_owned();
    page(
        form.is_refused(),
        &Confirm { f: visit.frame("confirm-title"), form, next, has_factor, passkey_to: "/security/confirm" },
    )
}

/// Back to what was refused before, which is done by its form again.
fn confirmed(visit: &Visit) -> Reply {
    let next = own_path(visit.fields.text("next"));
    let next = next.strip_suffix("/confirm").unwrap_or(next);
    see(format!("{next}{}ok=confirmed", if next.contains('?') { '&' } else { '?' }))
}

pub(crate) async fn step_up(visit: &Visit) -> Reply {
    if visit.fields.text("act") == "begin" {
        return passkey::challenge(visit).await;
    }
    // A passkey's form has a place for it.
    if !visit.fields.text("credential").is_empty() {
        let refusals = passkey::step_up(visit).await?;
        return if refusals.is_empty() { confirmed(visit) } else { draw(visit, visit.refused(refusals)).await };
    }
    let typed = visit.fields.text("code").to_owned();
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let is_totp = digits.len() == 6 && digits.chars().all(|c| c.is_ascii_digit());
    let password = visit.fields.exact("password").to_owned();
    let input = session_step_up::SessionStepUpInput {
        password: Some(password).filter(|p| !p.is_empty()),
        totp: Some(digits).filter(|_| is_totp),
        recovery_code: Some(typed).filter(|t| !is_totp && !t.is_empty()),
        passkey: None,
    };
    let payload = visit.ask::<SessionStepUp>(session_step_up::Variables { input }).await?.session_step_up;
    let refusals = refusals!(payload);
    if refusals.is_empty() {
        return confirmed(visit);
    }
    draw(visit, visit.refused(refusals)).await
}

impl Confirm {
    fn input(&self) -> Result<String, askama::Error> {
        self.form.input(
            &self.f,
            match self.has_factor {
                true => ask("code", "text", "label-code", "hint-code", "one-time-code"),
                false => ask("password", "password", "label-password", "", "current-password"),
            },
        )
    }
}

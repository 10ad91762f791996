//! SUMMARY    Signing in (password, then a code where the person has one) and out.
//! SECURITY   What was wrong is not told apart. A sign-in begins with a new cookie and a new form token, so that nobody goes on with one
//!            that somebody else planted. Between the two steps the password is in the sealed cookie, for STEP_LIFE_MS.
//! LIMITS     STEP_LIFE_MS

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    guard::own_path,
    operation::{SessionCreate, SessionRevoke, refusals, session_create, session_revoke},
    session::moment,
    state::{Console, Reach, Signed, State, Step},
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// How long the code may take after the password.
const STEP_LIFE_MS: i64 = 5 * 60 * 1_000;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    f: Frame,
    form: Form,
    next: String,
    /// Where the form goes: that of people, or that of users of mailboxes.
    to: &'static str,
    is_mailbox: bool,
    /// Strangers can sign up.
    is_open: bool,
    passkey_to: &'static str,
    /// At a brand's host, where passkeys of the portal do not work.
    is_elsewhere: bool,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    f: Frame,
    form: Form,
    next: String,
    passkey_to: &'static str,
    is_elsewhere: bool,
}

/// Where passkeys are shown.
const PASSKEY: &str = "/sign-in/passkey";

async fn draw(visit: &Visit, is_mailbox: bool, form: Form) -> Reply {
    let next = super::passkey::next(visit);
    let (title, to) = match is_mailbox {
        true => ("sign-in-mailbox-title", "/sign-in/mailbox"),
        false => ("sign-in-title", "/sign-in"),
    };
    let is_open = !is_mailbox && super::signup::is_open(visit).await;
    let f = visit.frame(title);
    page(
        form.is_refused(),
        &Page { f, form, next, to, is_mailbox, is_open, passkey_to: PASSKEY, is_elsewhere: visit.is_elsewhere() },
    )
}

/// The sign-in with a word on why it did not work.
pub(crate) async fn refused(visit: &Visit, code: &str) -> Reply {
    draw(visit, false, visit.refused(vec![Refusal::new("", code)])).await
}

/// Signs in without a password; `code` says what did not work otherwise.
pub(crate) async fn by_other_means(visit: &mut Visit, input: session_create::SessionCreateInput, code: &str) -> Reply {
    match create(visit, input).await? {
        Ok(signed) => begin(visit, signed).await,
        Err(refusals) if refusals.iter().any(|r| r.code == "THROTTLED") => refused(visit, "THROTTLED").await,
        Err(_) => refused(visit, code).await,
    }
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    if visit.state.signed.is_some() {
        return see("/");
    }
    draw(visit, false, Form::default()).await
}

pub(crate) async fn show_mailbox(visit: &Visit) -> Reply {
    if visit.state.signed.is_some() {
        return see("/");
    }
    draw(visit, true, Form::default()).await
}

pub(crate) fn show_code(visit: &Visit) -> Reply {
    if visit.state.step.is_none() {
        return see("/sign-in");
    }
    let next = own_path(visit.query.text("next")).to_owned();
    page(
        false,
        &CodePage {
            f: visit.frame("code-title"),
            form: Form::default(),
            next,
            passkey_to: PASSKEY,
            is_elsewhere: visit.is_elsewhere(),
        },
    )
}

/// What is asked of the API.
fn input(email: &str, password: &str) -> session_create::SessionCreateInput {
    session_create::SessionCreateInput {
        kind: session_create::SignInKind::PERSON,
        email: Some(email.to_owned()),
        password: Some(password.to_owned()),
        totp: None,
        recovery_code: None,
        passkey: None,
        identity_code: None,
        tenant_id: None,
    }
}

pub(crate) async fn sign_in(visit: &mut Visit) -> Reply {
    let (email, password) = (visit.fields.text("email").to_owned(), visit.fields.exact("password").to_owned());
    let refusals = match create(visit, input(&email, &password)).await? {
        Ok(signed) => return begin(visit, signed).await,
        Err(refusals) => refusals,
    };
    let next = own_path(visit.fields.text("next")).to_owned();
    if refusals.iter().any(|r| r.code == "FACTOR_REQUIRED") {
        let step = Step { email, password, until_ms: visit.portal.now_ms() + STEP_LIFE_MS };
        (visit.state, visit.changed) = (State { step: Some(step), ..State::fresh() }, true);
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        return see(format!("/sign-in/code?next={next}"));
    }
    draw(visit, false, visit.refused(refusals)).await
}

/// The user of a mailbox, by its address and password.
pub(crate) async fn sign_in_mailbox(visit: &mut Visit) -> Reply {
    let (email, password) = (visit.fields.text("email").to_owned(), visit.fields.exact("password").to_owned());
    let input =
        session_create::SessionCreateInput { kind: session_create::SignInKind::MAILBOX, ..input(&email, &password) };
    match create(visit, input).await? {
        Ok(signed) => begin(visit, Signed { email, ..signed }).await,
        Err(refusals) => draw(visit, true, visit.refused(refusals)).await,
    }
}

pub(crate) async fn give_code(visit: &mut Visit) -> Reply {
    let Some(step) = visit.state.step.clone().filter(|step| step.until_ms > visit.portal.now_ms()) else {
        return see("/sign-in");
    };
    let code: String = visit.fields.text("code").chars().filter(|c| !c.is_whitespace()).collect();
    let mut input = input(&step.email, &step.password);
    match code.len() == 6 && code.chars().all(|c| c.is_ascii_digit()) {
        true => input.totp = Some(code),
        false => input.recovery_code = Some(visit.fields.text("code").to_owned()),
    }
    let refusals = match create(visit, input).await? {
        Ok(signed) => return begin(visit, signed).await,
        Err(refusals) => refusals,
    };
    let next = own_path(visit.fields.text("next")).to_owned();
    let form = visit.refused(refusals.into_iter().map(|r| Refusal { field: "code".to_owned(), ..r }).collect());
    page(
        form.is_refused(),
        &CodePage { f: visit.frame("code-title"), next, form, passkey_to: PASSKEY, is_elsewhere: visit.is_elsewhere() },
    )
}

async fn create(
    visit: &Visit,
    input: session_create::SessionCreateInput,
) -> Result<Result<Signed, Vec<Refusal>>, Trouble> {
    let answer = visit.ask_openly::<SessionCreate>(session_create::Variables { input }).await;
    let payload = match answer {
        Ok(data) => data.session_create,
        Err(Trouble::Throttled) => return Ok(Err(vec![Refusal::new("", "THROTTLED")])),
        Err(trouble) => return Err(trouble),
    };
    Ok(match payload.tokens {
        Some(tokens) => Ok(Signed {
            session: tokens.session_id,
            access: tokens.access_token,
            access_until_ms: moment(&tokens.access_expires_at),
            refresh: tokens.refresh_token,
            email: String::new(),
            mailbox: String::new(),
            tenant: String::new(),
            tenant_name: String::new(),
            several: false,
            billing: Reach::default(),
            console: Console::default(),
            off: Vec::new(),
            brands: false,
        }),
        None => Err(refusals!(payload)),
    })
}

/// A new session with a new cookie.
async fn begin(visit: &mut Visit, signed: Signed) -> Reply {
    visit.state = State { signed: Some(signed), ..State::fresh() };
    visit.changed = true;
    super::organisation::arrive(visit).await?;
    see(own_path(visit.fields.text("next")))
}

pub(crate) async fn sign_out(visit: &mut Visit) -> Reply {
    let Some(own) = visit.state.signed.as_ref().map(|s| s.session.clone()) else { return see("/") };
    let input = session_revoke::SessionRevokeInput {
        id: Some(own),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let ended = visit.ask::<SessionRevoke>(session_revoke::Variables { input }).await;
    // Whatever the API says, this browser is signed out.
    (visit.state, visit.changed) = (State::fresh(), true);
    match ended {
        Ok(_) | Err(Trouble::SignedOut) => see("/?ok=signed-out"),
        Err(trouble) => Err(trouble),
    }
}

impl Page {
    fn email(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("email", "email", "label-email", "", "username"))
    }

    fn password(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("password", "password", "label-password", "", "current-password"))
    }
}

impl CodePage {
    fn code(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("code", "text", "label-code", "hint-code", "one-time-code"))
    }
}

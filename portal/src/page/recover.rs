//! SUMMARY    Coming in by a code that was mailed: a forgotten password, an invitation.
//! SECURITY   Whether somebody has an address is not told.

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{
        InvitationAccept, PasswordForgot, PasswordReset, invitation_accept, password_forgot, password_reset, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "recover.html")]
struct Page {
    f: Frame,
    form: Form,
    action: &'static str,
    about: &'static str,
    button: &'static str,
    /// The inputs, rendered.
    inputs: Vec<String>,
    is_asked: bool,
}

fn input(f: &Frame, form: &Form, name: &str) -> Result<String, askama::Error> {
    let asked = match name {
        "email" => ask("email", "email", "label-email", "", "email"),
        "name" => ask("name", "text", "label-name", "", "name"),
        "secret" => ask("secret", "text", "label-secret", "hint-secret", "one-time-code"),
        _ => ask("password", "password", "label-new-password", "hint-password", "new-password"),
    };
    form.input(f, asked)
}

fn show(visit: &Visit, which: &str, form: Form, is_asked: bool) -> Reply {
    let (action, title, about, button, names): (_, _, _, _, &[&str]) = match which {
        "forgot" => ("/forgot", "forgot-title", "forgot-about", "forgot-button", &["email"]),
        "reset" => ("/reset", "reset-title", "reset-about", "reset-button", &["secret", "password"]),
        _ => (
            "/invitation",
            "invitation-title",
            "invitation-about",
            "invitation-button",
            &["secret", "name", "password"],
        ),
    };
    let f = visit.frame(title);
    let inputs = names.iter().map(|name| input(&f, &form, name)).collect::<Result<_, _>>();
    let inputs = inputs.map_err(|_| Trouble::Broken)?;
    page(form.is_refused(), &Page { f, form, action, about, button, inputs, is_asked })
}

pub(crate) fn forgot(visit: &Visit) -> Reply {
    show(visit, "forgot", Form::default(), visit.query.text("ok") == "asked")
}

pub(crate) fn reset(visit: &Visit) -> Reply {
    show(visit, "reset", Form::default(), false)
}

pub(crate) fn invitation(visit: &Visit) -> Reply {
    show(visit, "invitation", Form::default(), false)
}

/// A code that nobody was given and one that was used are the same to who typed it.
fn about_code(refusals: Vec<Refusal>) -> Vec<Refusal> {
    let of_code = |r: Refusal| if r.field == "secret" { Refusal::new("secret", "CODE") } else { r };
    refusals.into_iter().map(of_code).collect()
}

/// The refusals of an answer; being throttled is one as well.
fn throttled<T>(answer: Result<T, Trouble>) -> Result<Result<T, Vec<Refusal>>, Trouble> {
    match answer {
        Ok(data) => Ok(Ok(data)),
        Err(Trouble::Throttled) => Ok(Err(vec![Refusal::new("", "THROTTLED")])),
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn ask_reset(visit: &Visit) -> Reply {
    let input = password_forgot::PasswordForgotInput { email: visit.fields.text("email").to_owned() };
    let answer = visit.ask_openly::<PasswordForgot>(password_forgot::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => refusals!(data.password_forgot),
        Err(refusals) => refusals,
    };
    if refusals.is_empty() {
        return see("/forgot?ok=asked");
    }
    show(visit, "forgot", visit.refused(refusals), false)
}

pub(crate) async fn set_password(visit: &Visit) -> Reply {
    let input = password_reset::PasswordResetInput {
        secret: visit.fields.text("secret").to_owned(),
        password: visit.fields.exact("password").to_owned(),
    };
    let answer = visit.ask_openly::<PasswordReset>(password_reset::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => about_code(refusals!(data.password_reset)),
        Err(refusals) => refusals,
    };
    if refusals.is_empty() {
        return see("/sign-in?ok=password");
    }
    show(visit, "reset", visit.refused(refusals), false)
}

pub(crate) async fn accept(visit: &Visit) -> Reply {
    let input = invitation_accept::InvitationAcceptInput {
        secret: visit.fields.text("secret").to_owned(),
        name: visit.fields.given("name"),
        locale: Some(visit.language.tag().to_owned()),
        password: Some(visit.fields.exact("password").to_owned()),
        identity_code: None,
    };
    let answer = visit.ask_openly::<InvitationAccept>(invitation_accept::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => about_code(refusals!(data.invitation_accept)),
        Err(refusals) => refusals,
    };
    if refusals.is_empty() {
        return see("/sign-in?ok=accepted");
    }
    show(visit, "invitation", visit.refused(refusals), false)
}

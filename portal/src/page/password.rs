//! SUMMARY    Another password for who is signed in: a person, or the user of a mailbox.

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{MailboxSetPassword, PersonSetPassword, mailbox_set_password, person_set_password, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "password.html")]
struct Page {
    f: Frame,
    form: Form,
}

pub(crate) fn show(visit: &Visit) -> Reply {
    visit.signed()?;
    draw(visit, Form::default())
}

fn draw(visit: &Visit, form: Form) -> Reply {
    page(form.is_refused(), &Page { f: visit.frame("password-title"), form })
}

pub(crate) async fn save(visit: &Visit) -> Reply {
    let password = visit.fields.exact("password").to_owned();
    if password != visit.fields.exact("repeated") {
        return draw(visit, visit.refused(vec![Refusal::new("repeated", "UNEQUAL")]));
    }
    let mailbox = visit.signed()?.mailbox.clone();
    let refusals = match mailbox.is_empty() {
        true => of_person(visit, password).await?,
        false => of_mailbox(visit, mailbox, password).await?,
    };
    if refusals.is_empty() {
        return see("/security?ok=password");
    }
    draw(visit, visit.refused(refusals))
}

async fn of_person(visit: &Visit, password: String) -> Result<Vec<Refusal>, Trouble> {
    let input = person_set_password::PersonSetPasswordInput {
        password,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<PersonSetPassword>(person_set_password::Variables { input }).await?;
    Ok(refusals!(data.person_set_password))
}

async fn of_mailbox(visit: &Visit, mailbox_id: String, password: String) -> Result<Vec<Refusal>, Trouble> {
    let input = mailbox_set_password::MailboxSetPasswordInput {
        mailbox_id,
        password: Some(password),
        password_hash: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MailboxSetPassword>(mailbox_set_password::Variables { input }).await?;
    Ok(refusals!(data.mailbox_set_password))
}

impl Page {
    fn password(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("password", "password", "label-new-password", "hint-password", "new-password"))
    }

    fn repeated(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("repeated", "password", "label-repeated", "", "new-password"))
    }
}

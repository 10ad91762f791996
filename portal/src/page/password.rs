//! SUMMARY    Another password for the person itself.

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{PersonSetPassword, person_set_password, refusals},
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
    let input = person_set_password::PersonSetPasswordInput {
        password,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<PersonSetPassword>(person_set_password::Variables { input }).await?;
    let refusals = refusals!(data.person_set_password);
    if refusals.is_empty() {
        return see("/security?ok=password");
    }
    draw(visit, visit.refused(refusals))
}

impl Page {
    fn password(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("password", "password", "label-new-password", "hint-password", "new-password"))
    }

    fn repeated(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("repeated", "password", "label-repeated", "", "new-password"))
    }
}

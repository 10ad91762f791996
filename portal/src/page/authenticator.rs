//! SUMMARY    An authenticator app: its seed as a picture and as text, then a code of it.
//! STANDARDS  RFC 6238 (TOTP), ISO/IEC 18004 (QR codes)
//! SECURITY   The seed is in the sealed cookie until a code was right, and drawn here: no other server sees it.

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{TotpConfirm, TotpEnroll, refusals, totp_confirm, totp_enroll},
    qr::Picture,
    state::Enrolled,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "authenticator.html")]
struct Page {
    f: Frame,
    form: Form,
    enrolled: Option<(String, Picture)>,
}

pub(crate) fn show(visit: &Visit) -> Reply {
    visit.signed()?;
    draw(visit, Form::default())
}

fn draw(visit: &Visit, form: Form) -> Reply {
    let enrolled = match &visit.state.enrolled {
        Some(enrolled) => Some((grouped(&enrolled.secret), Picture::of(&enrolled.url)?)),
        None => None,
    };
    page(form.is_refused(), &Page { f: visit.frame("authenticator-title"), form, enrolled })
}

/// A seed as it is easily typed.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn enrol(visit: &mut Visit) -> Reply {
    let label =
        visit.fields.given("label").unwrap_or_else(|| visit.frame("authenticator-title").t("authenticator-label"));
    let input = totp_enroll::TotpEnrollInput { label, dry_run: false, idempotency_key: None };
    let payload = visit.ask::<TotpEnroll>(totp_enroll::Variables { input }).await?.totp_enroll;
    let (Some(id), Some(secret), Some(url)) = (payload.id, payload.secret, payload.url) else {
        let form = visit.refused(refusals!(payload));
        return draw(visit, form);
    };
    visit.state.enrolled = Some(Enrolled { id, secret, url });
    visit.changed = true;
    see("/security/authenticator")
}

pub(crate) async fn confirm(visit: &mut Visit) -> Reply {
    let Some(enrolled) = &visit.state.enrolled else { return see("/security/authenticator") };
    let code: String = visit.fields.text("code").chars().filter(|c| !c.is_whitespace()).collect();
    let input = totp_confirm::TotpConfirmInput { id: enrolled.id.clone(), code, dry_run: false, idempotency_key: None };
    let payload = visit.ask::<TotpConfirm>(totp_confirm::Variables { input }).await?.totp_confirm;
    let refusals = refusals!(payload);
    if refusals.is_empty() {
        (visit.state.enrolled, visit.changed) = (None, true);
        return see("/security?ok=factor");
    }
    draw(visit, visit.refused(refusals.into_iter().map(|r| Refusal { field: "code".to_owned(), ..r }).collect()))
}

impl Page {
    fn label(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("label", "text", "label-device", "hint-device", "off"))
    }

    fn code(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("code", "text", "label-totp", "hint-totp", "one-time-code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_typed_in_groups() {
        assert_eq!(grouped("ABCDEFGH23"), "ABCD EFGH 23");
    }
}

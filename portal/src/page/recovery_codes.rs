//! SUMMARY    Recovery codes: made anew, shown once.

use crate::{
    form::Form,
    frame::Frame,
    operation::{RecoveryCodesCreate, recovery_codes_create, refusals},
    state::Shown,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct Page {
    f: Frame,
    form: Form,
    codes: Vec<String>,
}

pub(crate) fn show(visit: &mut Visit) -> Reply {
    visit.signed()?;
    let codes = match visit.state.shown.take() {
        Some(Shown::RecoveryCodes(codes)) => {
            visit.changed = true;
            codes
        }
        other => {
            visit.state.shown = other;
            Vec::new()
        }
    };
    page(false, &Page { f: visit.frame("recovery-title"), form: Form::default(), codes })
}

pub(crate) async fn create(visit: &mut Visit) -> Reply {
    let input = recovery_codes_create::RecoveryCodesCreateInput {
        expected_version: None,
        dry_run: false,
        idempotency_key: None,
    };
    let data = visit.ask::<RecoveryCodesCreate>(recovery_codes_create::Variables { input }).await?;
    let payload = data.recovery_codes_create;
    if payload.codes.is_empty() {
        let form = visit.refused(refusals!(payload));
        return page(form.is_refused(), &Page { f: visit.frame("recovery-title"), form, codes: Vec::new() });
    }
    visit.state.shown = Some(Shown::RecoveryCodes(payload.codes));
    visit.changed = true;
    see("/security/recovery-codes")
}

//! SUMMARY    Signing in at an identity provider: the page that leads there, and coming back with a code.
//! STANDARDS  OpenID Connect Core 1.0 §3.1 (the API's part of it: docs/decisions/0021)
//! SECURITY   Only a browser that was on the page before, within GOING_LIFE_MS, is signed in by a code: nobody is signed in as somebody
//!            else by a link. The code is good once, and for the browser that the provider sent back.
//! LIMITS     GOING_LIFE_MS

use crate::{
    frame::Frame,
    operation::session_create,
    trouble::Trouble,
    visit::{Reply, Visit, page},
};
use askama::Template;

/// How long a sign-in at a provider may take.
const GOING_LIFE_MS: i64 = 10 * 60 * 1_000;

#[derive(Template)]
#[template(path = "identity.html")]
struct Page {
    f: Frame,
    provider: String,
}

pub(crate) fn show(visit: &mut Visit, provider: &str) -> Reply {
    // Only ids have a place in the path that leads on.
    if !provider.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Trouble::NotFound);
    }
    (visit.state.going_until_ms, visit.changed) = (Some(visit.portal.now_ms() + GOING_LIFE_MS), true);
    page(false, &Page { f: visit.frame("identity-title"), provider: provider.to_owned() })
}

pub(crate) async fn back(visit: &mut Visit) -> Reply {
    let is_expected = visit.state.going_until_ms.take().is_some_and(|until| visit.portal.now_ms() < until);
    visit.changed = true;
    let code = visit.query.given("code").filter(|_| is_expected);
    let Some(code) = code else { return super::sign_in::refused(visit, "IDENTITY").await };
    let input = session_create::SessionCreateInput {
        kind: session_create::SignInKind::PERSON,
        email: None,
        password: None,
        totp: None,
        recovery_code: None,
        passkey: None,
        identity_code: Some(code),
        tenant_id: None,
    };
    super::sign_in::by_other_means(visit, input, "IDENTITY").await
}

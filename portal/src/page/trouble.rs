//! SUMMARY    The page instead of the one that was asked for.

use crate::{
    frame::Frame,
    trouble::Trouble,
    visit::{Out, Reply, Visit},
};
use askama::Template;
use axum::http::StatusCode;

#[derive(Template)]
#[template(path = "trouble.html")]
struct Page {
    f: Frame,
    text: String,
    /// The API's words.
    detail: String,
}

pub(crate) fn show(visit: &Visit, trouble: &Trouble) -> Reply {
    let (status, title, text) = match trouble {
        Trouble::NotFound | Trouble::SignedOut => (StatusCode::NOT_FOUND, "not-found-title", "not-found-text"),
        Trouble::Foreign => (StatusCode::FORBIDDEN, "foreign-title", "foreign-text"),
        Trouble::Forbidden(_) | Trouble::StepUp => (StatusCode::FORBIDDEN, "forbidden-title", "forbidden-text"),
        Trouble::Throttled => (StatusCode::TOO_MANY_REQUESTS, "throttled-title", "throttled-text"),
        Trouble::Away => (StatusCode::SERVICE_UNAVAILABLE, "away-title", "away-text"),
        Trouble::Broken => (StatusCode::SERVICE_UNAVAILABLE, "broken-title", "broken-text"),
    };
    let detail = if let Trouble::Forbidden(why) = trouble { why.clone() } else { String::new() };
    let f = visit.frame(title);
    let html = Page { text: f.t(text), detail, f }.render().map_err(|_| Trouble::Broken)?;
    Ok(Out::Page(status, html))
}

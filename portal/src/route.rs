//! SUMMARY    From a request to a page: who asks, whether a form may be taken, which page, what the browser is told.
//! SECURITY   Everything that changes something is a form, and every form passes `form` here; no page sees one before.
//! INVARIANTS A path that is not in the table is a 404 page. Pages are never kept by a cache.

use crate::{
    FORM_BYTES_MAX, FORM_WAIT_MAX, Portal, UPLOAD_BYTES_MAX, asset,
    brand::{self, Host},
    field::Fields,
    graph::Client,
    guard,
    language::{self, Language},
    multipart, page,
    state::{self, State},
    trouble::Trouble,
    visit::{Out, Reply, Visit, see},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts},
};
use percent_encoding::percent_decode_str;
use std::{net::SocketAddr, sync::Arc};

/// Headers of a request that the API hears of.
const TOLD: [&str; 2] = ["user-agent", "x-forwarded-for"];

/// The pages, for every path that nobody else has.
pub fn router(portal: Portal) -> Router {
    let portal = Arc::new(portal);
    Router::new().fallback(move |request: Request| answer(portal.clone(), request))
}

async fn answer(portal: Arc<Portal>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let file = parts.uri.path().starts_with(&format!("/{}/", asset::FOLDER));
    if let Some(mut file) = Some(&parts).filter(|_| file).and_then(|p| asset::answer(p.uri.path(), &p.headers)) {
        guard::seal_off(file.headers_mut());
        return file;
    }
    let mut visit = visit(&portal, &parts);
    brand::arrive(&mut visit, &parts.headers).await;
    if let Some(name) = parts.uri.path().strip_prefix(&format!("/{}/", brand::FOLDER)) {
        let file = brand::file(&visit, name).await;
        return file.unwrap_or_else(|| written(StatusCode::NOT_FOUND, Body::empty()));
    }
    if let Some(chosen) = Language::of_tag(visit.query.text("lang")) {
        let query = visit.query.without("lang").encoded();
        let path = if query.is_empty() { visit.path.clone() } else { format!("{}?{query}", visit.path) };
        let kept = format!("{}={}; Path=/; Secure; SameSite=Lax; Max-Age=31536000", language::COOKIE, chosen.tag());
        let mut response = written(StatusCode::SEE_OTHER, Body::empty());
        location(&mut response, &path);
        cookie(&mut response, &kept);
        return response;
    }
    let reply = match parts.method {
        Method::GET | Method::HEAD => read(&mut visit).await,
        Method::POST => match form(&mut visit, &parts.headers, body).await {
            Ok(()) => change(&mut visit).await,
            Err(trouble) => Err(trouble),
        },
        _ => Err(Trouble::NotFound),
    };
    finish(&mut visit, reply, parts.method == Method::GET)
}

/// The visitor of a request.
fn visit(portal: &Arc<Portal>, parts: &Parts) -> Visit {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let mut headers = HeaderMap::new();
    for name in TOLD {
        for value in parts.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let state = given_cookie(&parts.headers, state::COOKIE).and_then(|c| State::read(&portal.seal, c));
    let accepted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let chosen = given_cookie(&parts.headers, language::COOKIE).and_then(Language::of_tag);
    Visit {
        portal: portal.clone(),
        client: Client { peer, headers },
        host: Host::Own,
        brand: None,
        language: chosen.unwrap_or_else(|| Language::accepted(accepted)),
        changed: state.is_none(),
        state: state.unwrap_or_else(State::fresh),
        by_script: parts.headers.contains_key("hx-request"),
        told: Vec::new(),
        path: parts.uri.path().to_owned(),
        query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        fields: Fields::default(),
    }
}

/// Takes a form that is one of ours.
async fn form(visit: &mut Visit, headers: &HeaderMap, body: Body) -> Result<(), Trouble> {
    if !guard::is_own(headers, visit.portal.origin_at(&visit.host)) {
        return Err(Trouble::Foreign);
    }
    let takes_file = matches!(visit.path.as_str(), "/mailboxes/import" | "/branding/logo");
    let is_upload = takes_file && visit.state.signed.is_some();
    let max = if is_upload { UPLOAD_BYTES_MAX } else { FORM_BYTES_MAX };
    let body = tokio::time::timeout(FORM_WAIT_MAX, to_bytes(body, max)).await;
    let Ok(Ok(body)) = body else { return Err(Trouble::Foreign) };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    visit.fields = match multipart::boundary(kind) {
        Some(boundary) => multipart::fields(&body, boundary, page::branding::PICTURE).ok_or(Trouble::Foreign)?,
        None => Fields::parse(&body),
    };
    if visit.changed || !guard::is_token(visit.fields.exact("form"), &visit.state.form) {
        return Err(Trouble::Foreign);
    }
    Ok(())
}

fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|s| !s.is_empty());
    parts.map(|s| percent_decode_str(s).decode_utf8_lossy().into_owned()).collect()
}

/// Sees to a session that is good for this request.
async fn keep(visit: &mut Visit) -> Result<(), Trouble> {
    let portal = visit.portal.clone();
    let Some(signed) = &mut visit.state.signed else { return Ok(()) };
    visit.changed |= portal.keep_fresh(&visit.client, signed).await?;
    page::announcement::look(visit).await;
    brand::of_tenant(visit).await;
    Ok(())
}

async fn read(visit: &mut Visit) -> Reply {
    let path = segments(&visit.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if matches!(path.as_slice(), [] | ["sign-in", ..]) && visit.state.signed.is_none() {
        page::announcement::look(visit).await;
    }
    match path.as_slice() {
        ["sign-in"] => return page::sign_in::show(visit).await,
        ["sign-in", "code"] => return page::sign_in::show_code(visit),
        ["sign-in", "mailbox"] => return page::sign_in::show_mailbox(visit).await,
        ["sign-in", "with", provider] => return page::identity::show(visit, provider),
        ["sign-in", "identity"] => return page::identity::back(visit).await,
        ["forgot"] => return page::recover::forgot(visit),
        ["reset"] => return page::recover::reset(visit),
        ["invitation"] => return page::recover::invitation(visit),
        ["set-up", link] => return page::set_up::by_link(visit, link),
        ["set-up", link, "profile"] => return page::set_up::profile_by_link(visit, link),
        ["signup"] => return page::signup::show(visit).await,
        ["signup", "back"] => return see("/signup"),
        ["signup", "resume", id, secret] => return page::signup::ask_resume(visit, id, secret),
        [] if visit.state.signed.is_none() => return page::landing::show(visit).await,
        _ => {}
    }
    keep(visit).await?;
    match path.as_slice() {
        [] => page::home::show(visit).await,
        ["domains"] => page::domain_list::show(visit).await,
        ["domains", name] => page::domain::show(visit, name).await,
        ["domains", name, "zone"] => page::domain::zone(visit, name).await,
        ["domains", name, "give-up"] => page::domain::ask_give_up(visit, name).await,
        ["domains", name, "settings"] => page::addresses::show_domain(visit, name).await,
        ["mailboxes"] => page::mailbox_list::show(visit).await,
        ["mailboxes", "new"] => page::mailbox_new::show(visit).await,
        ["mailboxes", "import"] => page::import::show(visit),
        ["mailboxes", "import", id] => page::import::result(visit, id).await,
        ["mailboxes", id] => page::mailbox::show(visit, id).await,
        ["mailboxes", id, "delete"] => page::mailbox_end::ask(visit, id).await,
        ["mailboxes", id, "purge"] => page::mailbox_end::ask_purge(visit, id).await,
        ["mailboxes", id, "set-up"] => page::set_up::show(visit, id).await,
        ["mailboxes", id, "set-up", "profile"] => page::set_up::profile(visit, id).await,
        ["mailboxes", id, rest @ ..] => page::own::read(visit, id, rest).await,
        ["addresses", rest @ ..] => page::addresses::read(visit, rest).await,
        ["privacy"] => page::privacy::show(visit).await,
        ["move"] => page::moving::show(visit).await,
        ["move", "many"] => page::moving::show_many(visit).await,
        ["move", id] => page::moving::show_one(visit, id).await,
        ["exports"] => page::export::show(visit).await,
        ["exports", id] => page::export::show_one(visit, id).await,
        ["privacy", "file"] => page::privacy::file(visit).await,
        ["security"] => page::security::show(visit).await,
        ["security", "confirm"] => page::security::confirm(visit).await,
        ["security", "password"] => page::password::show(visit),
        ["security", "authenticator"] => page::authenticator::show(visit),
        ["security", "passkey"] => page::passkey::show(visit),
        ["security", "recovery-codes"] => page::recovery_codes::show(visit),
        ["organisations"] => page::organisation::show(visit).await,
        ["branding"] => page::branding::show(visit).await,
        ["billing", rest @ ..] => page::billing::read(visit, rest).await,
        ["trace", rest @ ..] => page::trace::read_own(visit, rest).await,
        ["sell", rest @ ..] => page::sell::read(visit, rest).await,
        ["access", "jobs", id, "file"] => page::access::file(visit, id).await,
        ["access", rest @ ..] => page::access::read(visit, rest).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

async fn change(visit: &mut Visit) -> Reply {
    let path = segments(&visit.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if matches!(path.as_slice(), ["sign-in", ..]) {
        page::announcement::look(visit).await;
    }
    match path.as_slice() {
        ["sign-in"] => return page::sign_in::sign_in(visit).await,
        ["sign-in", "code"] => return page::sign_in::give_code(visit).await,
        ["sign-in", "mailbox"] => return page::sign_in::sign_in_mailbox(visit).await,
        ["sign-in", "passkey"] => return page::passkey::sign_in(visit).await,
        ["forgot"] => return page::recover::ask_reset(visit).await,
        ["reset"] => return page::recover::set_password(visit).await,
        ["invitation"] => return page::recover::accept(visit).await,
        ["signup"] => return page::signup::begin(visit).await,
        ["signup", "names"] => return page::signup::names(visit).await,
        ["signup", "contact"] => return page::signup::contact(visit).await,
        ["signup", "verify"] => return page::signup::verify(visit).await,
        ["signup", "plan"] => return page::signup::plan(visit).await,
        ["signup", "finish"] => return page::signup::finish(visit).await,
        ["signup", "abandon"] => return page::signup::abandon(visit).await,
        ["signup", "resume"] => return page::signup::resume(visit),
        _ => {}
    }
    keep(visit).await?;
    match path.as_slice() {
        ["sign-out"] => page::sign_in::sign_out(visit).await,
        ["domains"] => page::domain_list::claim(visit).await,
        ["domains", name, "check"] => page::domain::check(visit, name).await,
        ["domains", name, "watch"] => page::domain::watch(visit, name).await,
        ["domains", name, "give-up"] => page::domain::give_up(visit, name).await,
        ["domains", name, "settings"] => page::addresses::change_domain(visit, name).await,
        ["mailboxes", "new"] => page::mailbox_new::create(visit).await,
        ["mailboxes", "bulk"] => page::bulk::change(visit).await,
        ["mailboxes", "import"] => page::import::start(visit).await,
        ["mailboxes", "import", id] => page::import::passwords(visit, id).await,
        ["mailboxes", id] => page::mailbox::save(visit, id).await,
        ["mailboxes", id, "password"] => page::mailbox::new_password(visit, id).await,
        ["mailboxes", id, "suspend"] => page::mailbox::suspend(visit, id).await,
        ["mailboxes", id, "resume"] => page::mailbox::resume(visit, id).await,
        ["mailboxes", id, "aliases"] => page::mailbox::add_alias(visit, id).await,
        ["mailboxes", id, "aliases", "delete"] => page::mailbox::delete_alias(visit, id).await,
        ["mailboxes", id, "delete"] => page::mailbox_end::delete(visit, id).await,
        ["mailboxes", id, "restore"] => page::mailbox_end::restore(visit, id).await,
        ["mailboxes", id, "purge"] => page::mailbox_end::purge(visit, id).await,
        ["mailboxes", id, rest @ ..] => page::own::change(visit, id, rest).await,
        ["addresses", rest @ ..] => page::addresses::change(visit, rest).await,
        ["privacy"] => page::privacy::change(visit).await,
        ["move", path @ ..] => page::moving::change(visit, path).await,
        ["exports"] => page::export::request(visit).await,
        ["exports", id] => page::export::change(visit, id).await,
        ["security", "sessions"] => page::security::end_sessions(visit).await,
        ["security", "factors"] => page::security::remove_factor(visit).await,
        ["security", "confirm"] => page::security::step_up(visit).await,
        ["security", "password"] => page::password::save(visit).await,
        ["security", "authenticator"] => page::authenticator::enrol(visit).await,
        ["security", "passkey"] => page::passkey::register(visit).await,
        ["security", "authenticator", "confirm"] => page::authenticator::confirm(visit).await,
        ["security", "recovery-codes"] => page::recovery_codes::create(visit).await,
        ["organisations"] => page::organisation::go(visit).await,
        ["announcements", "dismiss"] => page::announcement::dismiss(visit).await,
        ["branding"] => page::branding::change(visit).await,
        ["branding", "logo"] => page::branding::change_logo(visit).await,
        ["billing", rest @ ..] => page::billing::change(visit, rest).await,
        ["trace", rest @ ..] => page::trace::change_own(visit, rest).await,
        ["sell", rest @ ..] => page::sell::change(visit, rest).await,
        ["access", rest @ ..] => page::access::change(visit, rest).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

/// The answer, with the cookie where it changed.
fn finish(visit: &mut Visit, reply: Reply, is_read: bool) -> Response<Body> {
    let out = reply.or_else(|trouble| match trouble {
        Trouble::SignedOut => {
            let was_signed = visit.state.signed.is_some();
            (visit.state, visit.changed) = (State::fresh(), true);
            let here = if is_read { visit.path.as_str() } else { "/" };
            let here: String = url::form_urlencoded::byte_serialize(here.as_bytes()).collect();
            let told = if was_signed { "&ok=signed-in-again" } else { "" };
            see(format!("/sign-in?next={here}{told}"))
        }
        Trouble::StepUp => {
            let here: String = url::form_urlencoded::byte_serialize(visit.path.as_bytes()).collect();
            see(format!("/security/confirm?next={here}"))
        }
        trouble => page::trouble::show(visit, &trouble),
    });
    if visit.state.step.as_ref().is_some_and(|step| step.until_ms < visit.portal.now_ms()) {
        (visit.state.step, visit.changed) = (None, true);
    }
    let mut response = match out {
        Ok(Out::Page(status, html)) => {
            let mut response = written(status, Body::from(html));
            put(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
            put(&mut response, header::CONTENT_LANGUAGE, visit.language.tag());
            response
        }
        // The sign-in is no part of the page that a script fills in.
        Ok(Out::See(path)) if visit.by_script && path.starts_with("/sign-in") => {
            let mut response = written(StatusCode::OK, Body::empty());
            put(&mut response, header::HeaderName::from_static("hx-redirect"), &path);
            response
        }
        Ok(Out::See(path)) => {
            let mut response = written(StatusCode::SEE_OTHER, Body::empty());
            location(&mut response, &path);
            response
        }
        Ok(Out::File { name, kind, bytes }) => {
            let mut response = written(StatusCode::OK, Body::from(bytes));
            put(&mut response, header::CONTENT_TYPE, kind);
            put(&mut response, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{}\"", plain(&name)));
            response
        }
        Ok(Out::Data(data)) => {
            let mut response = written(StatusCode::OK, Body::from(data.to_string()));
            put(&mut response, header::CONTENT_TYPE, "application/json");
            response
        }
        Ok(Out::Stream(from)) => {
            let (parts, body) = from.into_parts();
            let mut response = written(StatusCode::OK, body);
            for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION] {
                if let Some(value) = parts.headers.get(&name) {
                    response.headers_mut().insert(name, value.clone());
                }
            }
            response
        }
        Err(_) => written(StatusCode::INTERNAL_SERVER_ERROR, Body::empty()),
    };
    if visit.changed
        && let Some(sealed) = visit.state.written(&visit.portal.seal)
    {
        cookie(&mut response, &sealed);
    }
    response
}

fn written(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    guard::seal_off(response.headers_mut());
    put(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// Characters of a file's name that no header and no shell reads in another way.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_@".contains(*c)).collect()
}

fn put(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Where to go on: what is no path of ours is `/`.
fn location(response: &mut Response<Body>, path: &str) {
    put(response, header::LOCATION, guard::own_path(path));
}

fn cookie(response: &mut Response<Body>, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// A cookie of a request.
fn given_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

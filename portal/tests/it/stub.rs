//! SUMMARY    An API that answers as written down, and a browser without scripts in front of the pages.

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use portal::{Answer, Asked, Client, Graph, Portal, Seal, Servers};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::ServiceExt;

/// What was asked: operation, variables, token, tenant.
pub type Heard = (String, Value, Option<String>, Option<String>);

/// The API: an answer for each operation.
#[derive(Default)]
pub struct Stub {
    pub answers: Mutex<HashMap<String, Value>>,
    pub heard: Mutex<Vec<Heard>>,
    /// How long a refresh takes.
    pub slow: Mutex<Duration>,
}

impl Stub {
    /// Answers an operation with data.
    pub fn say(&self, operation: &str, data: Value) {
        self.answers.lock().unwrap().insert(operation.to_owned(), json!({ "data": data }));
    }

    /// Answers an operation with an error of the whole request.
    pub fn fail(&self, operation: &str, code: &str) {
        let body = json!({ "data": null, "errors": [{ "message": "why", "extensions": { "code": code } }] });
        self.answers.lock().unwrap().insert(operation.to_owned(), body);
    }

    pub fn count(&self, operation: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|h| h.0 == operation).count()
    }
}

impl Graph for Stub {
    fn execute<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            let operation = name(asked.query).to_owned();
            // Asked for besides, where a test says nothing of it: nobody leads anything, nothing is told.
            let silent = match operation.as_str() {
                "AnnouncementsShown" => Some(json!({ "announcementsShown": [] })),
                "ConsoleReach" => Some(json!({ "viewer": null, "tenants": { "totalCount": 0 }, "featureFlags": null })),
                "TenantsNamed" => Some(json!({ "nodes": [] })),
                _ => None,
            };
            if let Some(data) = silent.filter(|_| !self.answers.lock().unwrap().contains_key(&operation)) {
                return Answer { status: 200, body: json!({ "data": data }) };
            }
            self.heard.lock().unwrap().push((
                operation.clone(),
                asked.variables,
                asked.token.map(str::to_owned),
                asked.tenant.map(str::to_owned),
            ));
            let slow = *self.slow.lock().unwrap();
            if operation == "SessionRefresh" && !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            let body = self.answers.lock().unwrap().get(&operation).cloned();
            // Nobody signs up where a test says nothing of it.
            let nothing = || match operation.as_str() {
                "SignupOptions" => Some(json!({ "data": { "signupOptions": null } })),
                // Nor has anybody a brand.
                "Brand" => Some(json!({ "data": { "brand": null } })),
                "BrandingSeen" => Some(json!({ "data": { "branding": null } })),
                _ => None,
            };
            let body = body.or_else(nothing);
            Answer { status: 200, body: body.unwrap_or_else(|| panic!("no answer for {operation}")) }
        })
    }

    fn file<'a>(
        &'a self,
        job: &'a str,
        token: &'a str,
        tenant: Option<&'a str>,
        _: &'a Client,
    ) -> Pin<Box<dyn Future<Output = Option<Response<Body>>> + Send + 'a>> {
        let mine = job == "job_1" && token == "access-1" && tenant == Some("ten_1");
        let file = Response::builder()
            .header(header::CONTENT_TYPE, "application/jsonl")
            .header(header::CONTENT_DISPOSITION, "attachment; filename=\"job_1.jsonl\"")
            .header("x-other", "not handed on")
            .body(Body::from("{}\n"));
        Box::pin(async move { file.ok().filter(|_| mine) })
    }
}

/// The name of the operation of a document.
fn name(document: &str) -> &str {
    let rest = document.trim_start().trim_start_matches("mutation ").trim_start_matches("query ");
    rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap()
}

/// A browser without scripts: keeps cookies, fills in forms.
pub struct Browser {
    pub api: Arc<Stub>,
    router: axum::Router,
    pub cookies: HashMap<String, String>,
    pub language: &'static str,
}

/// A page as it came.
pub struct Page {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

/// With a port that is not the usual one.
fn servers() -> Servers {
    let (imaps, submission) = (Some(2993), Some(587));
    Servers { host: "mail.example".to_owned(), imaps, imap: None, submissions: Some(465), submission }
}

pub const ORIGIN: &str = "https://mail.example";

impl Browser {
    pub fn new() -> Browser {
        let api = Arc::new(Stub::default());
        let router = portal::router(Portal::new(api.clone(), Seal::new(&[7; 32]).unwrap(), ORIGIN, servers()));
        Browser { api, router, cookies: HashMap::new(), language: "en" }
    }

    /// Another one of the same portal.
    pub fn other(&self) -> Browser {
        let (api, router) = (self.api.clone(), self.router.clone());
        Browser { api, router, cookies: HashMap::new(), language: "en" }
    }

    async fn send(&self, request: axum::http::request::Builder, body: String) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; ")).header(header::ACCEPT_LANGUAGE, self.language);
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        Page::of(response).await
    }

    fn keep(&mut self, page: &Page) {
        for cookie in page.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/; Secure;"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let page = self.send(Request::get(path), String::new()).await;
        self.keep(&page);
        page
    }

    /// At a host, as the Host header says.
    pub async fn get_at(&mut self, host: &str, path: &str) -> Page {
        let page = self.send(Request::get(path).header(header::HOST, host), String::new()).await;
        self.keep(&page);
        page
    }

    /// A form as a page of ours has it, without its token.
    pub async fn post_raw(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let page = self.send(request, body.to_owned()).await;
        self.keep(&page);
        page
    }

    /// A form with a file in it.
    pub async fn post_multipart(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let page = self.send(request, body.to_owned()).await;
        self.keep(&page);
        page
    }

    /// Opens a page, fills in its form, sends it.
    pub async fn submit(&mut self, on: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(on).await;
        let token = page.form_token();
        let mut body = format!("form={token}&once=key-1");
        for (name, value) in fields {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            body.push_str(&format!("&{name}={value}"));
        }
        self.post_raw(path, &[("origin", ORIGIN), ("sec-fetch-site", "same-origin")], &body).await
    }

    /// Signs in as the owner of a tenant.
    pub async fn sign_in(&mut self) {
        self.sign_in_as(whoami()).await;
    }

    /// The same as somebody.
    pub async fn sign_in_as(&mut self, who: Value) {
        self.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": tokens(1, 900), "userErrors": [] } }));
        self.api.say("Whoami", who);
        let page =
            self.submit("/sign-in", "/sign-in", &[("email", "ann@a.example"), ("password", "secret words")]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    }
}

impl Page {
    async fn of(response: Response<Body>) -> Page {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        Page { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub fn form_token(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"form\" value=\"").expect("a page with a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Tokens of a round whose access token ends in some seconds.
pub fn tokens(round: u32, seconds: i64) -> Value {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    json!({
        "sessionId": "ses_1", "accessToken": format!("access-{round}"), "accessExpiresAt": until.to_string(),
        "refreshToken": format!("refresh-{round}"),
    })
}

pub fn whoami() -> Value {
    json!({
        "me": { "actor": "per_1", "person": { "email": "ann@a.example" }, "memberships": [{ "tenantId": "ten_1" }, { "tenantId": "ten_2" }] },
        "viewer": { "id": "ten_1", "name": "A & Sons", "permissions": ["tenant:read"] },
    })
}

impl Browser {
    /// As htmx does.
    pub async fn get_by_script(&mut self, path: &str) -> Page {
        let request = Request::get(path).header("hx-request", "true");
        self.send(request, String::new()).await
    }

    /// As browsers do that take gzip; with the length of what came.
    pub async fn get_packed(&mut self, path: &str) -> Page {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, "br, gzip").body(Body::empty()).unwrap();
        let (mut parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let length = to_bytes(body, 1 << 20).await.unwrap().len();
        parts.headers.insert(header::CONTENT_LENGTH, length.to_string().parse().unwrap());
        Page { status: parts.status, headers: parts.headers, text: String::new() }
    }
}

//! SUMMARY    Brands: the one of the host, that of who is signed in; where forms may come from; pictures; setting one.

use crate::{
    answers::{answers, heard},
    stub::{Browser, ORIGIN, whoami},
};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

const HOST: &str = "login.alpine.example";

fn logo(letter: &str, width: u32) -> Value {
    json!({ "hash": letter.repeat(64), "kind": "PNG", "width": width, "height": 64 })
}

fn palette(accent: &str) -> Value {
    json!({ "accent": accent, "onAccent": "#ffffff", "link": "#123456", "soft": "#eeeeee" })
}

pub fn brand(name: &str) -> Value {
    json!({
        "tenantId": "ten_9", "name": name, "light": palette("#1f5f8b"), "dark": null, "logo": logo("a", 128),
        "darkLogo": logo("b", 64), "supportEmail": "help@alpine.example", "supportUrl": null,
        "termsUrl": "https://alpine.example/terms", "privacyUrl": null,
    })
}

/// As the API tells it on the page of the brand.
pub fn branding(own: Value) -> Value {
    let mut own = own;
    own["accentLight"] = json!("#1f5f8b");
    own["accentDark"] = Value::Null;
    let hosts = json!([{ "host": HOST, "proven": true }, { "host": "old.example", "proven": false }]);
    json!({ "allowed": true, "inherited": true, "version": 7, "hosts": hosts, "shown": { "name": "Above" }, "own": own })
}

/// A browser whose tenant sees a brand.
async fn signed_in(name: &str) -> Browser {
    let mut browser = Browser::new();
    browser.api.say("BrandingSeen", json!({ "branding": { "allowed": true, "shown": brand(name) } }));
    let mut who = whoami();
    who["viewer"]["permissions"] = json!(["tenant:read", "tenant:update"]);
    browser.sign_in_as(who).await;
    answers(&browser);
    browser.api.say("BrandingSeen", json!({ "branding": { "allowed": true, "shown": brand(name) } }));
    browser
}

#[tokio::test]
async fn a_host_chooses_the_brand_and_an_unknown_one_shows_the_products() {
    let mut browser = Browser::new();
    browser.api.say("Brand", json!({ "brand": brand("Alpine & Post") }));
    for path in ["/", "/sign-in", "/sign-in/mailbox", "/forgot"] {
        let page = browser.get_at(HOST, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.text.contains("· Alpine &#38; Post</title>"), "{path}");
        let image = format!("<img src=\"/brand/{}.png\" width=\"64\" height=\"32\" alt=\"\">", "a".repeat(64));
        assert!(page.text.contains(&image) && !page.text.contains("Posthouse"), "{path}: {}", page.text);
        assert!(page.text.contains("srcset=\"/brand/bbbb") && page.text.contains("(prefers-color-scheme: dark)"));
        assert!(page.text.contains("href=\"/brand/1f5f8bffffff123456eeeeee-0.css\""));
        for link in ["mailto:help@alpine.example", "https://alpine.example/terms"] {
            assert!(page.text.contains(&format!("href=\"{link}\"")), "{link}");
        }
        assert!(!page.text.contains("data-passkey"), "those of the portal do not work here");
    }
    assert_eq!(browser.api.count("Brand"), 1, "it is not asked for at every page");
    assert_eq!(heard_of(&browser, "Brand")[0]["host"], HOST);
    // A signup here is one with whose brand it is.
    assert!(heard_of(&browser, "SignupOptions").iter().all(|asked| asked["seller"] == "ten_9"));
    browser.api.say("Brand", json!({ "brand": null }));
    for host in ["mail.example", "other.example", "mail.example:8080", "127.0.0.1", "[::1]"] {
        let page = browser.get_at(host, "/sign-in").await;
        assert!(page.text.contains("· Posthouse</title>") && !page.text.contains("/brand/"), "{host}");
        assert!(page.text.contains("data-passkey"), "{host}");
    }
    let asked = heard_of(&browser, "SignupOptions");
    assert_eq!(asked.last().unwrap().get("seller"), None, "the provider's");
}

fn heard_of(browser: &Browser, operation: &str) -> Vec<Value> {
    let heard = browser.api.heard.lock().unwrap();
    heard.iter().filter(|h| h.0 == operation).map(|h| h.1.clone()).collect()
}

#[tokio::test]
async fn forms_come_from_the_portal_or_from_the_brands_host_that_they_go_to() {
    let mut browser = Browser::new();
    browser.api.say("Brand", json!({ "brand": brand("Alpine") }));
    let token = browser.get_at(HOST, "/sign-in").await.form_token();
    browser.api.say("Brand", json!({ "brand": null }));
    browser.api.fail("SessionCreate", "THROTTLED");
    let form = format!("form={token}&email=a%40a.example&password=x");
    let branded = format!("https://{HOST}");
    for (host, origin, taken) in [
        (HOST, branded.as_str(), true),
        (HOST, ORIGIN, false),
        (HOST, "http://login.alpine.example", false),
        (HOST, "https://login.alpine.example:8443", false),
        (HOST, "https://evil.example", false),
        ("mail.example", ORIGIN, true),
        ("mail.example", branded.as_str(), false),
        ("evil.example", "https://evil.example", false),
    ] {
        let page = browser.post_raw("/sign-in", &[("host", host), ("origin", origin)], &form).await;
        let expected = if taken { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::FORBIDDEN };
        assert_eq!(page.status, expected, "{host} {origin}");
    }
}

#[tokio::test]
async fn who_is_signed_in_sees_the_brand_of_the_tenant_wherever_it_came() {
    let mut browser = signed_in("Alpine").await;
    for page in [browser.get("/").await, browser.get_at("other.example", "/domains").await] {
        assert!(page.text.contains("· Alpine</title>") && page.text.contains("href=\"/branding\""));
    }
    assert_eq!(browser.api.count("BrandingSeen"), 2, "on arriving, and once for the pages");
}

#[tokio::test]
async fn pictures_are_given_to_who_sees_the_brand_and_do_nothing_as_documents() {
    let mut browser = Browser::new();
    let path = |letter: &str, ending: &str| format!("/brand/{}.{ending}", letter.repeat(64));
    let body = |letter: &str| json!({ "hash": letter.repeat(64), "kind": "PNG", "body": "iVBORw0K" });
    browser.api.say("Brand", json!({ "brand": brand("Alpine") }));
    browser.api.say("BrandLogos", json!({ "brand": { "logo": body("a"), "darkLogo": body("b") } }));
    browser.get_at(HOST, "/sign-in").await;
    for letter in ["a", "b"] {
        let picture = browser.get_at(HOST, &path(letter, "png")).await;
        assert_eq!(
            (picture.status, &picture.headers[header::CONTENT_TYPE]),
            (StatusCode::OK, &"image/png".parse().unwrap())
        );
        assert_eq!(picture.headers["x-content-type-options"], "nosniff");
        assert!(picture.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let policy = picture.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
        assert!(!picture.headers.contains_key(header::SET_COOKIE));
    }
    for wrong in [
        path("a", "html"),
        path("a", "webp"),
        path("c", "png"),
        "/brand/x.png".into(),
        "/brand/..%2fx".into(),
        "/brand/".into(),
    ] {
        assert_eq!(browser.get_at(HOST, &wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    // At another host it is nobody's, and the API is not asked for it.
    browser.api.say("Brand", json!({ "brand": null }));
    let asked = browser.api.count("BrandLogos");
    let mut stranger = browser.other();
    assert_eq!(stranger.get_at("other.example", &path("a", "png")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.api.count("BrandLogos"), asked);
    let sheet = stranger.get("/brand/1f5f8bffffff123456eeeeee-0.css").await;
    assert!(sheet.text.contains("--accent:#1f5f8b;") && !sheet.headers.contains_key(header::SET_COOKIE));
    assert_eq!(stranger.get("/brand/}-0.css").await.status, StatusCode::NOT_FOUND);
    // Who may set a brand sees its own picture before it is shown to anybody.
    let mut owner = signed_in("Alpine").await;
    let mine = json!({ "branding": { "own": { "logo": body("d"), "darkLogo": null }, "shown": null } });
    owner.api.say("BrandingLogos", mine);
    assert_eq!(owner.get(&path("d", "png")).await.status, StatusCode::OK);
    assert_eq!(owner.get(&path("e", "png")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_brand_is_tried_out_refused_and_saved() {
    let mut browser = signed_in("Alpine").await;
    let page = browser.get("/branding").await;
    for there in [
        "value=\"#1f5f8b\"",
        "login.alpine.example",
        "comes from above: Above",
        "old.example shows your brand no longer",
    ] {
        assert!(page.text.contains(there), "{there}: {}", page.text);
    }
    assert!(page.text.contains("/brand/preview-1f5f8bffffff123456eeeeee-0.css"));
    let fields = [("name", "New"), ("accentLight", "#e06000"), ("hosts", "a.example\nb.example"), ("version", "7")];
    let mut tried = brand("New");
    tried["light"] = palette("#e06000");
    tried["accentLight"] = json!("#e06000");
    tried["accentDark"] = Value::Null;
    browser.api.say("BrandingUpdate", json!({ "brandingUpdate": { "branding": { "own": tried }, "userErrors": [] } }));
    let page = browser.submit("/branding", "/branding", &[&fields[..], &[("act", "preview")]].concat()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("Nothing is saved yet.")
            && page.text.contains("/brand/preview-e06000ffffff123456eeeeee-0.css")
    );
    assert!(page.text.contains("value=\"#e06000\"") && page.text.contains("> New</div>"));
    let asked = heard_of(&browser, "BrandingUpdate");
    let input = &asked[0]["input"];
    assert_eq!((&input["dryRun"], &input["expectedVersion"]), (&json!(true), &json!(7)));
    assert_eq!((&input["hosts"], &input["accentDark"]), (&json!(["a.example", "b.example"]), &Value::Null));
    assert!(input.as_object().unwrap().contains_key("accentDark"), "what is empty goes");
    assert_eq!(browser.submit("/branding", "/branding", &fields).await.location(), "/branding?ok=saved");
    assert_eq!(heard(&browser).1["input"]["dryRun"], false);
    let pale = json!([{ "field": "accentLight", "message": "1.3:1; the nearest is #806a00", "code": "LOW_CONTRAST" }]);
    browser.api.say("BrandingUpdate", json!({ "brandingUpdate": { "branding": null, "userErrors": pale } }));
    let page = browser.submit("/branding", "/branding", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("id=\"accentLight-error\"") && page.text.contains("the nearest is #806a00"));
}

#[tokio::test]
async fn a_logo_is_uploaded_as_a_file_and_taken_away() {
    let mut browser = signed_in("Alpine").await;
    let token = browser.get("/branding").await.form_token();
    let part =
        |name: &str, value: &str| format!("--xX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = [
        part("form", &token),
        part("once", "k"),
        part("act", "set"),
        part("scheme", "DARK"),
        part("picture", "\u{1}PNG"),
    ];
    let headers = [("content-type", "multipart/form-data; boundary=xX"), ("origin", ORIGIN)];
    browser.api.say("BrandingLogoSet", json!({ "brandingLogoSet": { "userErrors": [] } }));
    let body = body.concat() + "--xX--\r\n";
    assert_eq!(browser.post_multipart("/branding/logo", &headers, &body).await.location(), "/branding?ok=saved");
    let asked = heard(&browser).1;
    assert_eq!((&asked["input"]["scheme"], &asked["input"]["data"]), (&json!("DARK"), &json!("AVBORw==")));
    let no = json!([{ "field": "data", "message": "A logo is a PNG", "code": "INVALID" }]);
    browser.api.say("BrandingLogoSet", json!({ "brandingLogoSet": { "userErrors": no } }));
    let page = browser.post_multipart("/branding/logo", &headers, &body).await;
    assert!(
        page.status == StatusCode::UNPROCESSABLE_ENTITY && page.text.contains("id=\"picture-error\""),
        "{}",
        page.text
    );
    browser.api.say("BrandingLogoRemove", json!({ "brandingLogoRemove": { "userErrors": [] } }));
    let gone = browser.submit("/branding", "/branding/logo", &[("act", "remove"), ("scheme", "LIGHT")]).await;
    assert_eq!(gone.location(), "/branding?ok=saved");
    assert_eq!(heard(&browser).1["input"]["scheme"], "LIGHT");
}

#[tokio::test]
async fn who_may_have_no_brand_finds_no_page() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    let mut not = branding(brand("x"));
    not["allowed"] = json!(false);
    browser.api.say("BrandingShown", json!({ "branding": not }));
    assert_eq!(browser.get("/branding").await.status, StatusCode::NOT_FOUND);
    browser.api.say("BrandingShown", json!({ "branding": null }));
    assert_eq!(browser.get("/branding").await.status, StatusCode::NOT_FOUND);
}

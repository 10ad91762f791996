//! SUMMARY    Signing up, step by step, without scripts and with a proof that a script found.

use crate::stub::Browser;
use axum::http::StatusCode;
use serde_json::{Value, json};

fn open(browser: &Browser, mode: &str) {
    let plan = |key: &str, title: &str, total: &str, mailboxes: Value| {
        json!({
            "key": key, "title": title, "free": key == "free", "total": total, "interval": "MONTH", "trialDays": if key == "free" { 0 } else { 14 },
            "mailboxes": mailboxes, "domains": if key == "free" { json!(0) } else { Value::Null }, "storageBytes": "1073741824",
        })
    };
    let plans = json!([plan("free", "Free <&>", "0.00 EUR", json!(1)), plan("plus", "Plus", "3.00 EUR", Value::Null)]);
    let options = json!({ "mode": mode, "domains": ["free.example"], "plans": plans });
    browser.api.say("SignupOptions", json!({ "signupOptions": options }));
    let challenge = json!({ "challenge": "1.17.10.0.n.t", "bits": 17, "waitSeconds": 10 });
    browser.api.say("SignupChallenge", json!({ "signupChallenge": { "challenge": challenge, "userErrors": [] } }));
}

/// What the API says of the signup.
fn stands(browser: &Browser, state: &str, offer: Value, paid: bool) {
    let shown = json!({
        "state": state, "address": "ann@free.example", "domain": null, "contact": "ann@x.example", "plan": null, "paid": paid,
        "hadTrial": false, "outcome": "", "offer": offer
    });
    browser.api.say("SignupShown", json!({ "signup": shown }));
}

fn last(browser: &Browser, operation: &str) -> Value {
    let heard = browser.api.heard.lock().unwrap();
    heard.iter().rfind(|h| h.0 == operation).map(|h| h.1["input"].clone()).unwrap()
}

#[tokio::test]
async fn where_nobody_can_sign_up_there_is_no_page_and_no_link() {
    let mut browser = Browser::new();
    assert_eq!(browser.get("/signup").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get("/").await.text.contains("/signup"));
    open(&browser, "OPEN");
    assert!(browser.get("/").await.text.contains("href=\"/signup\""));
}

#[tokio::test]
async fn a_visitor_without_scripts_goes_from_the_name_to_the_end() {
    let mut browser = Browser::new();
    open(&browser, "INVITE");
    let page = browser.get("/signup").await;
    for there in ["data-proof=\"1.17.10.0.n.t\"", "wait 10 seconds", "name=\"invite\"", "@free.example"] {
        assert!(page.text.contains(there), "{there}");
    }
    let begin = json!({ "signup": { "id": "sgn_1" }, "secret": "h0", "userErrors": [] });
    browser.api.say("SignupBegin", json!({ "signupBegin": begin }));
    stands(&browser, "NAME_HELD", Value::Null, false);
    let fields = [
        ("address", "ann"),
        ("at", "free.example"),
        ("challenge", "1.17.10.0.n.t"),
        ("proof", ""),
        ("invite", "friend"),
    ];
    let gone = browser.submit("/signup", "/signup", &fields).await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    let asked = last(&browser, "SignupBegin");
    assert_eq!((&asked["proof"], &asked["address"]), (&json!("1.17.10.0.n.t:wait"), &json!("ann@free.example")));
    let page = browser.get("/signup").await;
    assert!(page.text.contains("action=\"/signup/contact\"") && page.text.contains("ann@free.example"));
    browser.api.say("SignupContact", json!({ "signupContact": { "userErrors": [] } }));
    browser.submit("/signup", "/signup/contact", &[("contact", "ann@x.example")]).await;
    stands(&browser, "CHALLENGED", Value::Null, false);
    assert!(browser.get("/signup").await.text.contains("ann@x.example"));
    let wrong = json!([{ "field": "code", "message": "wrong", "code": "INVALID_CREDENTIALS" }]);
    browser.api.say("SignupVerify", json!({ "signupVerify": { "secret": null, "userErrors": wrong } }));
    assert_eq!(
        browser.submit("/signup", "/signup/verify", &[("code", "1")]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    browser.api.say("SignupVerify", json!({ "signupVerify": { "secret": "h1", "userErrors": [] } }));
    browser.submit("/signup", "/signup/verify", &[("code", "12345678")]).await;
    stands(&browser, "CONTACT_VERIFIED", Value::Null, false);
    let page = browser.get("/signup").await;
    assert!(page.text.contains("<input type=\"radio\" name=\"plan\" value=\"free\" checked>"));
    assert!(page.text.contains(">Plus</strong> <span class=\"price\">3.00 EUR a month, without tax</span>"));
    assert!(page.text.contains("The first 14 days cost nothing") && page.text.contains("Mailboxes without a limit"));
    browser.api.say("SignupChoose", json!({ "signupChoose": { "userErrors": [] } }));
    browser.submit("/signup", "/signup/plan", &[("plan", "plus"), ("coupon", "TEN")]).await;
    let chosen = last(&browser, "SignupChoose");
    assert_eq!((&chosen["secret"], &chosen["coupon"]), (&json!("h1"), &json!("TEN")), "the secret of the new round");
    let offer = json!({ "title": "Plus", "free": false, "total": "3.00 EUR", "interval": "MONTH", "trialDays": 14 });
    stands(&browser, "CONTACT_VERIFIED", offer.clone(), false);
    let url = json!({ "url": "https://pay.example/1", "userErrors": [] });
    browser.api.say("SignupCheckout", json!({ "signupCheckout": url }));
    let page = browser.get("/signup").await;
    assert!(page.text.contains("href=\"https://pay.example/1\"") && !page.text.contains("type=\"password\""));
    stands(&browser, "CHECKOUT_PENDING", offer, true);
    assert!(browser.get("/signup").await.text.contains("action=\"/signup/finish\""));
    browser.api.say("SignupFinish", json!({ "signupFinish": { "userErrors": [] } }));
    browser.submit("/signup", "/signup/finish", &[("password", " correct horse")]).await;
    assert_eq!(last(&browser, "SignupFinish")["password"], " correct horse");
    stands(&browser, "DONE", Value::Null, true);
    assert!(browser.get("/signup").await.text.contains("href=\"/sign-in\""));
}

#[tokio::test]
async fn a_name_that_is_taken_leads_to_names_like_it_and_one_of_them_is_picked() {
    let mut browser = Browser::new();
    assert!(!browser.get("/sign-in").await.text.contains("href=\"/signup\""), "nobody can sign up");
    open(&browser, "OPEN");
    assert!(browser.get("/sign-in").await.text.contains("href=\"/signup\""));
    assert!(!browser.get("/signup").await.text.contains("/signup/names"));
    let taken = json!([{ "field": "address", "message": "no", "code": "TAKEN" }]);
    browser.api.say("SignupBegin", json!({ "signupBegin": { "signup": null, "secret": null, "userErrors": taken } }));
    let fields = [("address", "ann"), ("at", "free.example"), ("challenge", "1.17.10.0.n.t"), ("proof", "7")];
    let refused = browser.submit("/signup", "/signup", &fields).await;
    assert!(refused.text.contains("formaction=\"/signup/names\"") && refused.text.contains("value=\"ann\""));
    let like = json!({ "available": false, "suggestions": ["ann.mail@free.example"], "userErrors": [] });
    browser.api.say("NameAvailable", json!({ "nameAvailable": like }));
    let names = browser.submit("/signup", "/signup/names", &fields).await;
    assert_eq!(names.status, StatusCode::OK);
    let asked = last(&browser, "NameAvailable");
    assert_eq!((&asked["proof"], &asked["address"]), (&json!("1.17.10.0.n.t:7"), &json!("ann@free.example")));
    assert!(names.text.contains("name=\"pick\" value=\"ann.mail@free.example\""));
    browser.submit("/signup", "/signup", &[&fields[..], &[("pick", "ann.mail@free.example")]].concat()).await;
    assert_eq!(last(&browser, "SignupBegin")["address"], "ann.mail@free.example");
}

#[tokio::test]
async fn who_is_too_early_keeps_the_challenge_and_a_link_from_a_mail_takes_a_form() {
    let mut browser = Browser::new();
    open(&browser, "OPEN");
    browser.get("/signup").await;
    browser.api.fail("SignupBegin", "THROTTLED");
    let fields =
        [("address", "ann"), ("at", "free.example"), ("challenge", "1.17.10.0.old.t"), ("bits", "17"), ("wait", "10")];
    let early = browser.submit("/signup", "/signup", &fields).await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(early.text.contains("1.17.10.0.old.t"));
    let link = browser.get("/signup/resume/sgn_2/m2").await;
    assert!(link.text.contains("action=\"/signup/resume\""));
    assert_eq!(browser.api.count("SignupShown"), 0, "looking does nothing");
    stands(&browser, "CHALLENGED", Value::Null, false);
    browser.submit("/signup/resume/sgn_2/m2", "/signup/resume", &[("id", "sgn_2"), ("secret", "m2")]).await;
    assert_eq!(browser.get("/signup").await.status, StatusCode::OK);
    let heard = browser.api.heard.lock().unwrap().last().cloned().unwrap();
    assert_eq!((&heard.1["id"], &heard.1["secret"]), (&json!("sgn_2"), &json!("m2")));
}

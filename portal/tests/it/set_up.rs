//! SUMMARY    Setting up a device: what a profile says, and what a link opens without signing in.

use crate::stub::Browser;
use axum::http::{StatusCode, header};
use serde_json::json;

fn named(browser: &Browser, name: &str) {
    let mailbox = json!({ "id": "acc_1", "address": "ann@a.example", "displayName": name });
    browser.api.say("MailboxNamed", json!({ "mailbox": mailbox }));
}

#[tokio::test]
async fn a_profile_names_the_servers_and_escapes_what_people_wrote() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    named(&browser, "Ann </string><key>x</key> & \"Sons\"");
    let page = browser.get("/mailboxes/acc_1/set-up").await;
    assert!(
        page.text.contains("<strong>2993</strong>, SSL/TLS") && page.text.contains("<strong>587</strong>, STARTTLS")
    );
    let profile = browser.get("/mailboxes/acc_1/set-up/profile").await;
    assert_eq!(profile.headers[header::CONTENT_TYPE], "application/x-apple-aspen-config");
    let name = "attachment; filename=\"ann@a.example.mobileconfig\"";
    assert_eq!(profile.headers[header::CONTENT_DISPOSITION], name);
    for wanted in [
        "<key>IncomingMailServerPortNumber</key><integer>2993</integer>",
        "<key>OutgoingMailServerPortNumber</key><integer>465</integer>",
        "<key>IncomingMailServerHostName</key><string>mail.example</string>",
        "<key>IncomingMailServerUsername</key><string>ann@a.example</string>",
        "<key>EmailAccountName</key><string>Ann &#60;/string&#62;&#60;key&#62;x&#60;/key&#62; &#38; &#34;Sons&#34;</string>",
    ] {
        assert!(profile.text.contains(wanted), "{wanted}: {}", profile.text);
    }
    assert_eq!(profile.text, browser.get("/mailboxes/acc_1/set-up/profile").await.text, "it replaces the one before");
}

#[tokio::test]
async fn a_link_opens_for_anybody_and_only_as_it_was_made() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    named(&browser, "");
    let page = browser.get("/mailboxes/acc_1/set-up").await;
    let (_, rest) = page.text.split_once("<a href=\"https://mail.example/set-up/").unwrap();
    let sealed = rest.split('"').next().unwrap().to_owned();
    let mut stranger = browser.other();
    let opened = stranger.get(&format!("/set-up/{sealed}")).await;
    assert_eq!(opened.status, StatusCode::OK);
    assert!(opened.text.contains("ann@a.example") && !opened.text.contains("<svg class=\"qr\""));
    let profile = stranger.get(&format!("/set-up/{sealed}/profile")).await;
    assert!(profile.text.contains("<key>EmailAccountName</key><string>ann@a.example</string>"));
    let changed = format!("A{}", &sealed[1..]);
    let changed = if changed == sealed { format!("B{}", &sealed[1..]) } else { changed };
    assert_eq!(stranger.get(&format!("/set-up/{changed}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.get("/set-up/x/profile").await.status, StatusCode::NOT_FOUND);
    // What is sealed for another use is none.
    let cookie = browser.cookies["__Host-posthouse"].clone();
    assert_eq!(stranger.get(&format!("/set-up/{cookie}")).await.status, StatusCode::NOT_FOUND);
}

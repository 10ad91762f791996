//! SUMMARY    Webhooks against a receiver on loopback: signed, tried again, given up, not led astray; the feed of events.

use crate::desk::{Desk, Hands, terms};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tenants::{
    Code, Delivery, DeliveryState, NewWebhook, Page, WebhookRules,
    limits::{WEBHOOK_DISABLE_AFTER, WEBHOOK_GIVE_UP, WEBHOOK_SEND_LEASE},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};

/// Answers each request with the next status (200 when there is none), and keeps what it was sent.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Receiver {
    async fn new() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (got, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::new())));
        let (keep, next) = (got.clone(), answers.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = String::new();
                let mut bytes = [0u8; 4096];
                while !complete(&text) {
                    match stream.read(&mut bytes).await {
                        Ok(n) if n > 0 => text.push_str(&String::from_utf8_lossy(&bytes[..n])),
                        _ => break,
                    }
                }
                keep.lock().unwrap().push(text);
                let status = next.lock().unwrap().pop_front().unwrap_or("200 OK");
                let answer =
                    format!("HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nok");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Receiver { url, got, answers }
    }
}

fn complete(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    header(head, "content-length").is_none_or(|n| body.len() >= n.parse().unwrap())
}

fn header<'t>(request: &'t str, name: &str) -> Option<&'t str> {
    request.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name))).map(|(_, v)| v)
}

async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("{what}"));
}

fn loopback() -> WebhookRules {
    WebhookRules { networks: vec!["127.0.0.0/8".parse().unwrap()] }
}

#[tokio::test]
async fn a_delivery_is_signed_tried_again_given_up_and_sent_by_hand() {
    let hands = Arc::new(Hands::default());
    let desk = Desk::at(hands.clone()).await;
    let (tenant, actor) = desk.customer("alpha").await;
    let receiver = Receiver::new().await;
    let new = NewWebhook {
        tenant,
        label: "x".into(),
        url: receiver.url.clone(),
        kinds: vec!["mailbox.*".into()],
        below: false,
    };
    assert_eq!(desk.service.webhook_create(&actor, &terms(), &new).await.unwrap_err().code, Code::Invalid, "http");
    desk.service.set_webhook_rules(loopback());
    for wrong in ["mailbox.made", "mailbx.*", "mailbox", ""] {
        let wrong = NewWebhook { kinds: vec!["*".into(), wrong.into()], ..new.clone() };
        let refused = desk.service.webhook_create(&actor, &terms(), &wrong).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "kinds"));
        assert!(refused.message.contains("mailbox.*"), "{refused}");
    }
    let made = desk.service.webhook_create(&actor, &terms(), &new).await.unwrap().object;
    let (hook, secret) = (made.webhook.id, made.secret.unwrap());
    let log = async || desk.service.webhook_deliveries(&actor, &hook, &Page::first(10)).await.unwrap().0;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_events(stopped));
    receiver.answers.lock().unwrap().extend(["500 Broken", "302 Found"]);
    desk.mailbox(&actor, "ann@alpha.example").await;
    let met = async |n: i64| {
        let now: Vec<Delivery> = log().await;
        now.first().is_some_and(|d| d.attempts == n && (d.state != DeliveryState::Pending || d.error.is_some()))
    };
    until("first attempt", async || met(1).await).await;
    assert_eq!(log().await[0].status, Some(500));
    hands.turn(Duration::from_secs(11));
    until("a redirect is met", async || log().await[0].status == Some(302)).await;
    assert_eq!(log().await[0].error.as_deref(), Some("redirects are not followed"));
    desk.service.webhook_rotate(&actor, &terms(), &hook, Duration::from_secs(3_600)).await.unwrap();
    hands.turn(Duration::from_secs(21));
    until("it is delivered", async || log().await[0].state == DeliveryState::Delivered).await;
    let got = receiver.got.lock().unwrap().clone();
    assert_eq!(got.len(), 3);
    let ids: Vec<_> = got.iter().map(|r| header(r, "webhook-id").unwrap().to_owned()).collect();
    assert!(ids.iter().all(|id| *id == log_id(&got[0])), "one id for all attempts");
    assert_eq!(header(&got[0], "webhook-signature").unwrap().split(' ').count(), 1);
    assert_eq!(header(&got[2], "webhook-signature").unwrap().split(' ').count(), 2, "the secret before signs as well");
    assert!(got[0].contains("\"type\":\"mailbox.created\""), "{}", got[0]);
    assert!(secret.starts_with("whsec_") && !got[0].contains(&secret));
    assert_eq!(log().await.len(), 1, "only the kinds it names, and nothing of before");

    receiver.answers.lock().unwrap().extend(["500 Broken"; 10_000]);
    desk.mailbox(&actor, "ben@alpha.example").await;
    until("it is given up", async || {
        hands.turn(WEBHOOK_SEND_LEASE * 2);
        log().await[0].state == DeliveryState::Dead
    })
    .await;
    let dead = log().await.remove(0);
    assert_eq!(dead.state, DeliveryState::Dead);
    assert!(dead.attempts > 5, "{WEBHOOK_GIVE_UP:?}");
    receiver.answers.lock().unwrap().clear();
    desk.service.webhook_delivery_retry(&actor, &terms(), &dead.id).await.unwrap();
    until("sent by hand", async || log().await[0].state == DeliveryState::Delivered).await;
    stop.send(true).unwrap();
    worker.await.unwrap();
}

fn log_id(request: &str) -> String {
    header(request, "webhook-id").unwrap().to_owned()
}

#[tokio::test]
async fn a_webhook_that_takes_nothing_is_disabled_which_is_an_event() {
    let hands = Arc::new(Hands::default());
    let desk = Desk::at(hands.clone()).await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.service.set_webhook_rules(loopback());
    let receiver = Receiver::new().await;
    let new = NewWebhook { tenant, label: String::new(), url: receiver.url, kinds: vec!["*".into()], below: true };
    let hook = desk.service.webhook_create(&actor, &terms(), &new).await.unwrap().object.webhook.id;
    receiver.answers.lock().unwrap().extend(["500 Broken"; 50]);
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_events(stopped));
    until("it fails", async || desk.service.webhook(&actor, &hook).await.unwrap().failing_since_ms.is_some()).await;
    hands.turn(WEBHOOK_DISABLE_AFTER);
    until("it is disabled", async || !desk.service.webhook(&actor, &hook).await.unwrap().enabled).await;
    stop.send(true).unwrap();
    worker.await.unwrap();
    let (events, _) = desk.service.events(&actor, tenant, false, &Page::first(50)).await.unwrap();
    assert!(events.iter().any(|e| e.kind == "webhook.disabled" && e.object == hook));
}

#[tokio::test]
async fn events_are_numbered_without_gaps_and_reach_who_stands_above() {
    let desk = Desk::new().await;
    let (alpha, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
    let (events, count) = desk.service.events(&actor, alpha, false, &Page::first(50)).await.unwrap();
    assert!(events.iter().zip(1..).all(|(e, n)| e.number == n), "{events:?}");
    let of: Vec<_> = events.iter().filter(|e| e.object == ann.id.to_string()).collect();
    assert_eq!(of.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["mailbox.created", "mailbox.deleted"]);
    assert_eq!(of.iter().map(|e| e.object_number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(desk.service.events(&other, alpha, false, &Page::first(5)).await.unwrap_err().code, Code::NotFound);
    let provider = desk.operator.tenant();
    let (all, _) = desk.service.events(&desk.operator, provider, true, &Page::first(100)).await.unwrap();
    assert!(all.len() > usize::try_from(count).unwrap());
    assert!(all.is_sorted_by_key(|e| e.seq));
    let page = Page { cursor: Some(all[1].seq.to_string()), backward: false, limit: 2, counted: true };
    let (next, _) = desk.service.events(&desk.operator, provider, true, &page).await.unwrap();
    assert_eq!(next, all[2..4]);
}

#[tokio::test]
async fn a_secret_is_not_to_be_read_in_the_database() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let url = "https://hooks.example/".to_owned();
    let new = NewWebhook { tenant, label: String::new(), url, kinds: vec!["*".into()], below: false };
    let made = desk.service.webhook_create(&actor, &terms(), &new).await.unwrap().object;
    let rotated = desk.service.webhook_rotate(&actor, &terms(), &made.webhook.id, Duration::from_secs(60)).await;
    let secrets = [made.secret.unwrap(), rotated.unwrap().object.secret.unwrap()];
    assert_ne!(secrets[0], secrets[1]);
    let stored = crate::raw::texts(&desk, "SELECT secret || ' ' || old_secret FROM webhook").await;
    assert_eq!(stored.len(), 1);
    for secret in secrets {
        let bare = secret.strip_prefix("whsec_").unwrap();
        assert!(!stored[0].contains(bare), "{stored:?}");
    }
}

#[tokio::test]
async fn the_providers_people_follow_no_events_of_tenants_below() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let provider = desk.operator.tenant();
    let staff = crate::people::person(&desk, &desk.operator, provider, "staff@provider.example", "owner").await;
    let url = "https://hooks.example/".to_owned();
    let new = NewWebhook { tenant: provider, label: String::new(), url, kinds: vec!["*".into()], below: true };
    for refused in [
        desk.service.events(&staff, provider, true, &Page::first(5)).await.map(drop),
        desk.service.events_after(&staff, provider, true, 0, 5).await.map(drop),
        desk.service.events(&staff, tenant, false, &Page::first(5)).await.map(drop),
        desk.service.webhook_create(&staff, &terms(), &new).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    }
    let of_all = desk.service.webhook_create(&desk.operator, &terms(), &new).await.unwrap().object.webhook.id;
    desk.mailbox(&actor, "ann@alpha.example").await;
    while desk.service.fan_out().await.unwrap() > 0 {}
    assert!(desk.service.webhook_deliveries(&desk.operator, &of_all, &Page::first(5)).await.unwrap().1 > 0);
    let log = desk.service.webhook_deliveries(&staff, &of_all, &Page::first(5)).await;
    assert_eq!(log.unwrap_err().code, Code::Forbidden);
    assert!(desk.service.events(&staff, provider, false, &Page::first(5)).await.is_ok(), "its own");
}

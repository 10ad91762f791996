//! SUMMARY    Subscriptions over server-sent events and WebSocket: they tell what happens, and end with their token.

use crate::plane::{Desk, delete, mailbox};
use axum::{body::Body, http::Request};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;

/// Longest wait for something to be told.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to a subscription as server-sent events.
struct Events(axum::body::BodyDataStream, String);

/// Asks for server-sent events.
async fn asked(desk: &Desk, token: &str, query: &str) -> axum::response::Response {
    let mut request = Request::post("/graphql").header("accept", "text/event-stream");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::from(json!({ "query": query }).to_string())).unwrap();
    desk.router.clone().oneshot(request).await.unwrap()
}

/// The first that a subscription tells, or the answer that there is none.
pub async fn first(desk: &Desk, token: &str, query: &str) -> Value {
    let response = asked(desk, token, query).await;
    if response.headers()["content-type"] == "text/event-stream" {
        return Events(response.into_body().into_data_stream(), String::new()).next().await.1;
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

impl Events {
    async fn open(desk: &Desk, token: &str, query: &str) -> Events {
        let response = asked(desk, token, query).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events(response.into_body().into_data_stream(), String::new())
    }

    /// The next event: its name and its data.
    async fn next(&mut self) -> (String, Value) {
        let told = async {
            loop {
                while let Some((event, rest)) = self.1.split_once("\n\n") {
                    let field = |name: &str| {
                        event.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                    };
                    let (name, data) = (field("event:"), field("data:"));
                    self.1 = rest.to_owned();
                    if !name.is_empty() {
                        return (name, serde_json::from_str(&data).unwrap_or(Value::Null));
                    }
                }
                let more = self.0.next().await.expect("the stream goes on").unwrap();
                self.1.push_str(&String::from_utf8_lossy(&more));
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("something is told")
    }
}

/// A token beside the first one: its id and itself.
async fn another_token(desk: &Desk, token: &str, tenant: &str) -> (String, String) {
    let make = format!(
        "mutation {{ r: apiTokenCreate(input: {{ tenantId: \"{tenant}\", label: \"x\" }}) {{ id secret userErrors {{ code }} }} }}"
    );
    let made = desk.done(token, &make).await;
    ["id", "secret"].map(|field| made[field].as_str().unwrap().to_owned()).into()
}

#[tokio::test]
async fn events_are_told_as_they_come_and_end_with_the_token() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let (id, secret) = another_token(&desk, &token, &tenant).await;
    let end = desk.service.events_end().await.unwrap();
    let query =
        format!("subscription {{ e: eventsStream(tenantId: \"{tenant}\", after: \"{end}\") {{ kind object }} }}");
    let mut events = Events::open(&desk, &secret, &query).await;
    let made = desk.done(&token, &mailbox("ben@alpha.example")).await["mailbox"]["id"].as_str().unwrap().to_owned();
    desk.done(&token, &delete(&made, "d")).await;
    let (name, told) = events.next().await;
    assert_eq!((name.as_str(), &told["data"]["e"]["kind"]), ("next", &json!("mailbox.created")));
    assert_eq!(told["data"]["e"]["object"], made.as_str());
    assert_eq!(events.next().await.1["data"]["e"]["kind"], "mailbox.deleted");
    let revoke = format!(
        "mutation {{ r: apiTokenRevoke(input: {{ id: \"{id}\", idempotencyKey: \"r\" }}) {{ userErrors {{ code }} }} }}"
    );
    let at = tokio::time::Instant::now();
    desk.done(&token, &revoke).await;
    let mut last = events.next().await;
    while last.1.get("errors").is_none() {
        // The revocation itself may still be told.
        last = events.next().await;
    }
    assert_eq!(last.1["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{last:?}");
    assert!(at.elapsed() < Duration::from_secs(2), "{:?}", at.elapsed());
    assert_eq!(events.next().await.0, "complete");
    let other = desk.customer("beta").await.1;
    let refused = Events::open(&desk, &other, &query).await.next().await.1;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND", "{refused}");
}

/// A WebSocket client of a few lines: masked text frames out, text frames in.
struct Socket(TcpStream);

impl Socket {
    async fn open(desk: &Desk) -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = desk.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let hello = "GET /graphql/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                     Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Socket(stream)
    }

    async fn say(&mut self, message: Value) {
        let text = message.to_string().into_bytes();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        // A mask of zeroes leaves the text as it is.
        frame.extend([0; 4]);
        frame.extend(text);
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next message, or the code with which the server closes.
    async fn hear(&mut self) -> Result<Value, u16> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let kind = self.0.read_u8().await.unwrap() & 0x0f;
                let size = match self.0.read_u8().await.unwrap() & 0x7f {
                    126 => usize::from(self.0.read_u16().await.unwrap()),
                    size => usize::from(size),
                };
                let mut bytes = vec![0; size];
                self.0.read_exact(&mut bytes).await.unwrap();
                match kind {
                    1 => return Ok(serde_json::from_slice(&bytes).unwrap()),
                    8 => return Err(u16::from_be_bytes([bytes[0], bytes[1]])),
                    _ => {}
                }
            }
        })
        .await
        .expect("the server says something")
    }
}

#[tokio::test]
async fn a_websocket_says_who_it_is_and_takes_subscriptions_only() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let mut nobody = Socket::open(&desk).await;
    nobody.say(json!({ "type": "connection_init", "payload": { "Authorization": "Bearer x" } })).await;
    assert_eq!(nobody.hear().await, Err(4403));
    let mut socket = Socket::open(&desk).await;
    socket.say(json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {token}") } })).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "connection_ack");
    let query = json!({ "query": "{ viewer { id } }" });
    socket.say(json!({ "type": "subscribe", "id": "q", "payload": query })).await;
    let refused = socket.hear().await.unwrap();
    assert!(refused.to_string().contains("INVALID"), "{refused}");
    let deep = format!("subscription {{ eventsStream(after: {}{}) {{ kind }} }}", "[".repeat(5_000), "]".repeat(5_000));
    socket.say(json!({ "type": "subscribe", "id": "d", "payload": { "query": deep } })).await;
    let mut refused = socket.hear().await.unwrap();
    while refused["id"] != "d" {
        refused = socket.hear().await.unwrap();
    }
    assert!(refused.to_string().contains("QUERY_NESTING_MAX"), "{refused}");
    let query = format!("subscription {{ e: eventsStream(tenantId: \"{tenant}\", after: \"0\") {{ kind }} }}");
    socket.say(json!({ "type": "subscribe", "id": "s", "payload": { "query": query } })).await;
    let mut heard = socket.hear().await.unwrap();
    while heard["id"] != "s" {
        heard = socket.hear().await.unwrap();
    }
    assert_eq!(
        (&heard["id"], &heard["payload"]["data"]["e"]["kind"]),
        (&json!("s"), &json!("tenant.created")),
        "{heard}"
    );
    let made = desk.done(&token, &mailbox("ben@alpha.example")).await;
    assert!(made["mailbox"]["id"].is_string());
    while heard["payload"]["data"]["e"]["kind"] != "mailbox.created" {
        heard = socket.hear().await.unwrap();
    }
}

#[tokio::test]
async fn an_open_socket_subscribes_to_nothing_once_its_token_is_revoked() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let (id, secret) = another_token(&desk, &token, &tenant).await;
    let mut socket = Socket::open(&desk).await;
    socket.say(json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {secret}") } })).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "connection_ack");
    let revoke = format!(
        "mutation {{ r: apiTokenRevoke(input: {{ id: \"{id}\", idempotencyKey: \"r\" }}) {{ userErrors {{ code }} }} }}"
    );
    desk.done(&token, &revoke).await;
    for query in [
        format!("subscription {{ e: eventsStream(tenantId: \"{tenant}\", after: \"0\") {{ kind }} }}"),
        "subscription { j: jobProgress(id: \"job_0000000000001\") { id } }".to_owned(),
    ] {
        socket.say(json!({ "type": "subscribe", "id": "s", "payload": { "query": query } })).await;
        let refused = socket.hear().await.unwrap();
        assert!(refused.to_string().contains("UNAUTHENTICATED"), "{refused}");
        assert_eq!(socket.hear().await.unwrap()["type"], "complete");
    }
}

#[tokio::test]
async fn a_token_has_so_many_streams_and_no_more() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let query = format!("subscription {{ e: eventsStream(tenantId: \"{tenant}\", after: \"0\") {{ kind }} }}");
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut events = Events::open(&desk, &token, &query).await;
        assert_eq!(events.next().await.1["data"]["e"]["kind"], "tenant.created");
        open.push(events);
    }
    let refused = first(&desk, &token, &query).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "LIMIT", "{refused}");
    assert!(refused.to_string().contains("STREAMS_PER_TOKEN_MAX"));
    drop(open);
    // What was dropped gives its place back as soon as its task sees it.
    let again = async {
        while first(&desk, &token, &query).await.get("errors").is_some_and(|e| !e.is_null()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a place is free again");
}

//! SUMMARY    Every request of docs/api.md is sent, in the page's order, with the ids that were answered, and none is refused.
//! INVARIANTS A block of code on that page is a request, or one of the few that are named here.

use crate::{plane::Desk, streams};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;

const PAGE: &str = include_str!("../../../../docs/api.md");
/// Beginnings of blocks that are no requests: the shell's part, and what a webhook is sent (tested where it is made).
const OTHERS: [&str; 3] = ["gql() {", "HOST=", "{\"type\""];
/// How long a job may take.
const PATIENCE: Duration = Duration::from_secs(60);

enum Asked {
    /// A query with its variables.
    Body(Value),
    /// A query whose answer is a stream.
    Stream(Value),
    /// A path below `$HOST`.
    File(String),
}

/// The indented blocks of the page, without their indentation.
fn blocks() -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in PAGE.lines() {
        match line.strip_prefix("    ") {
            Some(code) => *blocks.last_mut().unwrap() += &format!("{code}\n"),
            None => blocks.push(String::new()),
        }
    }
    blocks.into_iter().filter(|block| !block.is_empty()).collect()
}

/// What stands between the first `'` behind `mark` and the next one, as JSON.
fn quoted(block: &str, mark: &str) -> Value {
    let text = block.split_once(mark).unwrap().1.split('\'').next().unwrap();
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn asked(block: &str) -> Vec<Asked> {
    if block.starts_with("gql '") {
        return block.split("gql '").skip(1).map(|one| Asked::Body(quoted(&format!("'{one}"), "'"))).collect();
    }
    if block.starts_with("curl -N $URL ") {
        return vec![Asked::Stream(quoted(block, "-d '"))];
    }
    if block.starts_with("curl ") {
        let path = block.split_once(" $HOST").unwrap_or_else(|| panic!("{block}")).1;
        return vec![Asked::File(path.trim().to_owned())];
    }
    if block.starts_with("mutation {") || block.starts_with('{') {
        return vec![Asked::Body(json!({ "query": block, "variables": {} }))];
    }
    panic!("a block that is not known: {block}")
}

/// What the marks of the page stand for.
#[derive(Default)]
struct Marks {
    tenant: String,
    mailbox: String,
    job: String,
    mailed: String,
    /// The tenant that sells: the operator's own.
    seller: String,
}

impl Marks {
    fn fill<T: serde::de::DeserializeOwned>(&self, value: &Value) -> T {
        let marks: [(&str, &str); 7] = [
            ("SELLER", &self.seller),
            ("ten_\u{2026}", &self.tenant),
            ("acc_\u{2026}", &self.mailbox),
            ("job_\u{2026}", &self.job),
            ("inv_\u{2026}.1.\u{2026}", &self.mailed),
            ("per_\u{2026}.\u{2026}", &self.mailed),
            ("\u{2026}base64\u{2026}", "c2l4dGVlbiBieXRlcyBhdCBsZWFzdA=="),
        ];
        let text = marks.iter().fold(value.to_string(), |text, (mark, id)| text.replace(mark, id));
        serde_json::from_str(&text).unwrap()
    }

    fn learn(&mut self, result: &Value) {
        let export = result.pointer("/export/id").and_then(Value::as_str);
        let migration = result.pointer("/migration/id").and_then(Value::as_str);
        migration.or(export).unwrap_or(&self.job.clone()).clone_into(&mut self.job);
        for (mark, pointer) in
            [(&mut self.tenant, "/tenant/id"), (&mut self.mailbox, "/results/0/mailbox/id"), (&mut self.job, "/job/id")]
        {
            if let Some(id) = result.pointer(pointer).and_then(Value::as_str) {
                id.clone_into(mark);
            }
        }
    }
}

async fn until_done(desk: &Desk, job: &str) {
    let state = format!("{{ r: job(id: \"{job}\") {{ state }} }}");
    let done = async {
        while desk.ask(&desk.operator, &state).await["data"]["r"]["state"] != "DONE" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
}

#[tokio::test]
async fn every_request_of_the_page_is_answered() {
    let desk = Desk::with_portal("https://portal.example").await;
    let (_stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
    let (mut marks, mut person, mut sent) = (Marks::default(), String::new(), 0);
    marks.seller = crate::sale::seller(&desk).await;
    for block in blocks().iter().filter(|block| !OTHERS.iter().any(|other| block.starts_with(other))) {
        for one in asked(block) {
            sent += 1;
            match one {
                Asked::Body(body) => {
                    let due = desk.service.notices_due(100).await.unwrap();
                    if let Some(secret) = due.last().and_then(|notice| notice.facts["secret"].as_str()) {
                        secret.clone_into(&mut marks.mailed);
                    }
                    let query: String = marks.fill(&body["query"]);
                    let token = if query.contains("personDelete") { &person } else { &desk.operator };
                    let variables: Value = marks.fill(&body["variables"]);
                    let (status, answer) = desk.send_with(token, &query, &variables).await;
                    assert_eq!((status, &answer["errors"]), (200, &Value::Null), "{query}: {answer}");
                    let result = answer["data"].as_object().unwrap().values().next().unwrap();
                    assert!(!result.is_null(), "{query}: {answer}");
                    assert!(
                        matches!(&result["userErrors"], Value::Null) || result["userErrors"] == json!([]),
                        "{query}: {answer}"
                    );
                    marks.learn(result);
                    if let Some(access) = result.pointer("/tokens/accessToken").and_then(Value::as_str) {
                        access.clone_into(&mut person);
                    }
                }
                Asked::Stream(body) => {
                    let told = streams::first(&desk, &desk.operator, &marks.fill::<String>(&body["query"])).await;
                    assert!(told["data"]["eventsStream"]["kind"].is_string(), "{told}");
                }
                Asked::File(path) => {
                    until_done(&desk, &marks.job).await;
                    let path: String = marks.fill(&json!(path));
                    let ask = Request::get(&path).header("authorization", format!("Bearer {}", desk.operator));
                    let (head, _) = desk.http(ask.body(Body::empty()).unwrap()).await;
                    assert_eq!(head.status, 200, "{path}");
                }
            }
        }
    }
    assert!(sent > 20, "{sent}");
    worker.abort();
}

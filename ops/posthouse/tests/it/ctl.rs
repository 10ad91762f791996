//! SUMMARY    `posthouse ctl` on a running server and on a stopped one's data: the same commands, the same answers.

use crate::node::{Dialogue, Node, ctl, text};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{os::unix::fs::PermissionsExt, path::Path};

/// Passwords in plain text, and a next hop that is not there: what is sent waits.
const VARIABLES: [(&str, &str); 3] =
    [("POSTHOUSE_PLAIN_AUTH", "true"), ("POSTHOUSE_SMART_HOST_HOST", "127.0.0.1"), ("POSTHOUSE_SMART_HOST_PORT", "1")];

fn login(node: &Node, password: &str) -> (Dialogue, bool) {
    let mut imap = node.connect("imap");
    imap.line();
    imap.send(&format!("a LOGIN ann@a.example {password}\r\n")).unwrap();
    let answer = imap.line();
    assert!(answer.starts_with("a "), "{answer}");
    let well = answer.starts_with("a OK");
    (imap, well)
}

fn submit(node: &Node, to: &[&str]) {
    let mut smtp = node.connect("submission");
    assert!(smtp.reply().starts_with("220"));
    smtp.ask("EHLO x.example", "250");
    smtp.ask(&format!("AUTH PLAIN {}", STANDARD.encode("\0ann@a.example\0ann-likes-tests")), "235");
    for to in to {
        smtp.ask("MAIL FROM:<ann@a.example>", "250");
        smtp.ask(&format!("RCPT TO:<{to}>"), "250");
        smtp.ask("DATA", "354");
        smtp.ask("From: ann@a.example\r\nSubject: out\r\n\r\nhello\r\n.", "250");
    }
    smtp.ask("QUIT", "221");
}

fn fails(data: &Path, arguments: &[&str], why: &str) {
    let output = ctl(data, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
}

#[test]
fn tenants_and_accounts_are_seen_suspended_and_resumed_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let mode = std::fs::metadata(folder.path().join("ctl.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let tenant = node.provision();
    assert_eq!(node.ctl_json(&["tenant", "list"])["rows"][0]["id"], tenant.as_str());
    assert!(login(&node, "ann-likes-tests").1);

    let held = node.ctl_json(&["tenant", "suspend", &tenant, "--reason", "unpaid"]);
    assert_eq!(held["rows"][0]["state"], "suspended");
    assert!(!login(&node, "ann-likes-tests").1);
    node.ctl_json(&["tenant", "resume", &tenant]);
    assert!(login(&node, "ann-likes-tests").1);

    let rows = node.ctl_json(&["account", "list", "--tenant", &tenant])["rows"].clone();
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["address"]), (1, &"ann@a.example".into()));
    node.ctl_json(&["account", "suspend", "ann@a.example", "--reason", "asked"]);
    assert!(!login(&node, "ann-likes-tests").1);
    node.ctl_json(&["account", "resume", rows[0]["id"].as_str().unwrap()]);
    let made = node.ctl_json(&["account", "password", "ann@a.example", "--generate"]);
    let password = made["rows"][1]["password"].as_str().unwrap();
    assert!(login(&node, password).1 && !login(&node, "ann-likes-tests").1);

    fails(folder.path(), &["account", "show", "nobody@a.example"], "does not exist");
    fails(folder.path(), &["tenant", "show", "ten_0000000000001"], "does not exist");
    let table = node.ctl(&["tenant", "list"]);
    assert!(text(&table.stdout).starts_with("id ") && text(&table.stdout).contains("1 of 1 tenants"));
    let verify = node.ctl(&["verify", "--tenant", &tenant]);
    assert!(verify.status.success() && text(&verify.stderr).contains("1/1 ten_"), "{}", text(&verify.stderr));
    assert!(text(&verify.stdout).contains("0 violations"));
}

#[test]
fn queue_items_are_listed_page_by_page_tried_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let tenant = node.provision();
    submit(&node, &["a@one.example", "b@one.example", "c@two.example"]);
    let ids = |answer: &serde_json::Value| -> Vec<String> {
        let rows = answer["rows"].as_array().unwrap().iter();
        rows.map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&node.ctl_json(&["queue", "list"]));
    assert_eq!(all.len(), 3);
    let page = node.ctl_json(&["queue", "list", "--limit", "2"]);
    let rest = node.ctl_json(&["queue", "list", "--limit", "2", "--after", page["next"].as_str().unwrap()]);
    assert_eq!([ids(&page), ids(&rest)].concat(), all);
    assert_eq!(ids(&node.ctl_json(&["queue", "list", "--domain", "ONE.example", "--tenant", &tenant])).len(), 2);
    wait_until_idle(&node);
    node.ctl_json(&["queue", "retry", &all[0]]);
    wait_until_idle(&node);
    node.ctl_json(&["queue", "cancel", "--domain", "one.example"]);
    let left = node.ctl_json(&["queue", "list"]);
    assert_eq!((left["rows"].as_array().unwrap().len(), &left["rows"][0]["domain"]), (1, &"two.example".into()));
    fails(folder.path(), &["queue", "retry", &all[0]], "no such item waits");
    node.ctl_json(&["queue", "cancel", "--all"]);
    assert!(ids(&node.ctl_json(&["queue", "list"])).is_empty());
    assert!(node.ctl(&["verify"]).status.success());
}

/// No attempt is under way, and each item had one: it will not be sent again within the minute.
fn wait_until_idle(node: &Node) {
    let began = std::time::Instant::now();
    loop {
        let rows = node.ctl_json(&["queue", "list"])["rows"].clone();
        let tried = |r: &serde_json::Value| r["state"] == "waiting" && r["attempts"].as_u64() > Some(0);
        if rows.as_array().unwrap().iter().all(tried) {
            return;
        }
        assert!(began.elapsed() < crate::node::WAIT, "{rows}");
    }
}

#[test]
fn a_stopped_servers_data_answers_the_same_and_a_locked_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let tenant = node.provision();
    std::fs::remove_file(folder.path().join("ctl.sock")).unwrap();
    fails(folder.path(), &["tenant", "list"], "is in use by another process");
    node.stop();
    fails(folder.path(), &["status"], "no server runs on");
    for command in [vec!["verify"], vec!["queue", "list"], vec!["tenant", "suspend", &tenant, "--reason", "unpaid"]] {
        assert!(ctl(folder.path(), &command).status.success(), "{command:?}");
    }
    let node = Node::start(folder.path(), &VARIABLES);
    assert_eq!(node.ctl_json(&["tenant", "show", &tenant])["rows"][0]["state"], "suspended");
    assert!(!login(&node, "ann-likes-tests").1);
    let token = node.ctl_json(&["operator-token"])["rows"][0]["token"].as_str().unwrap().to_owned();
    assert!(token.len() > 40);
}

//! SUMMARY    `posthouse ctl import`: files into a mailbox, an export into another one, nothing twice, running or stopped.

use crate::node::{Node, ctl, text};
use serde_json::Value;

/// How many messages a mailbox has.
fn emails(node: &Node, account: &str) -> u64 {
    node.ctl_json(&["account", "show", account])["rows"][0]["emails"].as_u64().unwrap()
}

fn summary(answer: &Value) -> &str {
    answer["summary"].as_str().unwrap()
}

#[test]
fn files_and_exports_are_brought_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    let node = Node::start(&data, &[]);
    let tenant = node.provision();
    node.ctl_json(&["mailbox", "create", "ben@a.example", "--generate"]);
    std::fs::create_dir_all(files.join("Work")).unwrap();
    let mbox = (0..30).map(|n| format!("From - Mon Nov 23 19:23:32 2026\nSubject: {n}\nStatus: RO\n\nx\n\n"));
    std::fs::write(files.join("Work/old.mbox"), mbox.collect::<String>()).unwrap();
    std::fs::write(files.join("one.eml"), "Subject: one\r\n\r\nx\r\n").unwrap();
    std::fs::write(files.join("notes.txt"), "no mail").unwrap();
    let path = files.to_str().unwrap();

    let would = node.ctl_json(&["import", "--account", "ann@a.example", "--dry-run", path]);
    assert!(summary(&would).contains("nothing was changed; 31 messages"), "{would}");
    assert_eq!(emails(&node, "ann@a.example"), 0);
    let done = node.ctl_json(&["import", "--account", "ann@a.example", "--reason", "she moves here", path]);
    assert!(summary(&done).starts_with("31 messages"), "{done}");
    assert_eq!((&done["rows"][0]["what"], &done["rows"][0]["file"]), (&"passed-over".into(), &"notes.txt".into()));
    assert_eq!(emails(&node, "ann@a.example"), 31);
    let audit = node.ctl(&["--json", "audit", "list", "--tenant", &tenant]);
    assert!(text(&audit.stdout).contains("mailImport") && text(&audit.stdout).contains("she moves here; from files"));

    let started = node.ctl_json(&["export", "start", "--account", "ann@a.example", "--reason", "moves on"]);
    let job = started["rows"][0]["id"].as_str().unwrap();
    let fetched = folder.path().join("fetched");
    let fetched = fetched.to_str().unwrap();
    node.ctl_json(&["export", "fetch", job, "--to", fetched, "--wait"]);
    for expect in ["31 messages", "0 messages (0) brought in, 31 are there already"] {
        let done = node.ctl_json(&["import", "--account", "ben@a.example", fetched]);
        assert!(summary(&done).starts_with(expect) && summary(&done).contains("0 problems"), "{done}");
        assert_eq!(emails(&node, "ben@a.example"), 31);
    }
    for (arguments, code, why) in [
        (vec!["--account", "dan@a.example", path], 1, "does not exist"),
        (vec!["--account", "ben@a.example", "/nowhere"], 1, "/nowhere"),
        (vec!["--account", "ben@a.example", "--into", "a*", path], 2, "--into"),
    ] {
        let output = node.ctl(&[&["import"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
    }
    node.stop();
    let done = ctl(&data, &["import", "--account", "ben@a.example", "--into", "Old", path]);
    assert!(text(&done.stdout).contains("31 messages"), "{}{}", text(&done.stdout), text(&done.stderr));
    let again = ctl(&data, &["verify"]);
    assert!(again.status.success() && text(&again.stdout).contains("0 violations"), "{}", text(&again.stdout));
}

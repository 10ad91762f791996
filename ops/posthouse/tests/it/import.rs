//! SUMMARY    `posthouse ctl import`: files into a mailbox, an export into another one, nothing twice, running or stopped.

use crate::node::{Node, ctl, text};
use serde_json::Value;
use std::path::{Path, PathBuf};

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

/// What a manifest says of a mailbox's addresses.
fn addresses(folder: &Path, address: &str) -> Value {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let accounts = manifest["accounts"].as_array().unwrap();
    let account = accounts.iter().find(|account| account["address"] == address).unwrap();
    let papers = account["papers"].as_array().unwrap();
    papers.iter().find(|papers| papers["type"] == "addresses").unwrap().clone()
}

/// Exports and fetches; the folder.
fn exported(node: &Node, at: &Path, what: &[&str]) -> PathBuf {
    let started = node.ctl_json(&[&["export", "start", "--reason", "moves"], what].concat());
    let job = started["rows"][0]["id"].as_str().unwrap();
    node.ctl_json(&["export", "fetch", job, "--to", at.to_str().unwrap(), "--wait"]);
    at.to_owned()
}

#[test]
fn addresses_and_settings_move_to_another_server_with_the_mail() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let node = Node::start(&at("data"), &[]);
    let tenant = node.provision();
    node.ctl_json(&["alias", "create", "orders@a.example", "--to", "ann@a.example"]);
    let left = exported(&node, &at("left"), &["--account", "ann@a.example"]);
    let whole = exported(&node, &at("whole"), &["--tenant", &tenant, "--all"]);
    node.stop();
    let manifest: Value = serde_json::from_slice(&std::fs::read(whole.join("manifest.json")).unwrap()).unwrap();
    let types: Vec<_> = manifest["papers"].as_array().unwrap().iter().map(|papers| papers["type"].clone()).collect();
    assert_eq!(types, ["addresses", "tenant", "auditHistory"], "{manifest}");

    let other = Node::start(&at("other"), &[]);
    other.provision();
    let import = ["import", "--account", "ann@a.example", left.to_str().unwrap()];
    for (expect, options) in [
        ("0 files that are no mail", &["--mail-only"][..]),
        ("1 taken, 2 there already, 0 not taken", &["--dry-run"]),
        ("1 taken, 2 there already, 0 not taken", &[]),
        ("0 taken, 3 there already, 0 not taken", &[]),
    ] {
        let done = other.ctl_json(&[&import, options].concat());
        assert!(summary(&done).ends_with(expect), "{done}");
    }
    let right = exported(&other, &at("right"), &["--account", "ann@a.example"]);
    assert_eq!(addresses(&left, "ann@a.example"), addresses(&right, "ann@a.example"));
    assert_eq!(addresses(&left, "ann@a.example")["records"], 2);
    other.stop();
}

//! SUMMARY    `posthouse ctl migrate`: over TLS from one mailbox into others, by command and by CSV, in passes, with clear refusals.

use crate::node::{Node, posthouse, text};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

fn emails(node: &Node, account: &str) -> u64 {
    node.ctl_json(&["account", "show", account])["rows"][0]["emails"].as_u64().unwrap()
}

fn summary(answer: &Value) -> &str {
    answer["summary"].as_str().unwrap()
}

/// So many messages in two folders of ann's.
fn fill(node: &Node, folder: &Path, many: usize) {
    std::fs::create_dir_all(folder.join("Work")).unwrap();
    let mbox = (0..many).map(|n| format!("From - Mon Nov 23 19:23:32 2026\nSubject: {n}\nStatus: RO\n\nx\n\n"));
    std::fs::write(folder.join("Work/old.mbox"), mbox.collect::<String>()).unwrap();
    std::fs::write(folder.join("one.eml"), "Subject: one\r\n\r\nx\r\n").unwrap();
    node.ctl_json(&["import", "--account", "ann@a.example", folder.to_str().unwrap()]);
}

#[test]
fn a_company_moves_in_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    let node = Node::start(&data, &[]);
    let tenant = node.provision();
    for name in ["ben@a.example", "eve@a.example"] {
        node.ctl_json(&["mailbox", "create", name, "--generate"]);
    }
    fill(&node, &files, 30);
    let (secret, wrong, csv) =
        (folder.path().join("secret"), folder.path().join("wrong"), folder.path().join("all.csv"));
    std::fs::write(&secret, "ann-likes-tests\n").unwrap();
    std::fs::write(&wrong, "not it\n").unwrap();
    std::fs::write(&csv, "address,user,password\nben@a.example,ann@a.example,ann-likes-tests\neve@a.example,ann@a.example,ann-likes-tests\n").unwrap();
    let (secret, wrong, csv) = (secret.to_str().unwrap(), wrong.to_str().unwrap(), csv.to_str().unwrap());
    let from = format!("127.0.0.1:{}", node.ports["imaps"]);
    let authority = data.join("tls/cert.pem");
    let authority = authority.to_str().unwrap();
    let source = ["migrate", "--from", &from, "--ca-file", authority];
    let one = [&source[..], &["--account", "ben@a.example", "--user", "ann@a.example", "--password-file"]].concat();

    let would = node.ctl_json(&[&one[..], &[secret, "--dry-run"]].concat());
    assert!(summary(&would).contains("31 messages"), "{would}");
    assert!(
        would["rows"].as_array().unwrap().iter().any(|row| row["folder"] == "Work/old" && row["messages"] == 30),
        "{would}"
    );
    assert_eq!(emails(&node, "ben@a.example"), 0);

    let done = node.ctl_json(&[&one[..], &[secret, "--reason", "he moves here"]].concat());
    assert!(summary(&done).starts_with("1 accounts: 31 messages"), "{done}");
    let audit = node.ctl(&["--json", "audit", "list", "--tenant", &tenant]);
    let audit = text(&audit.stdout);
    assert!(
        audit.contains("mailMigrate") && audit.contains("he moves here; from ann@a.example at 127.0.0.1"),
        "{audit}"
    );
    assert!(!audit.contains("ann-likes-tests"));

    // The CSV has one that is there already and one that is new.
    let problems = folder.path().join("problems.csv");
    let all = [&source[..], &["--accounts", csv, "--problems", problems.to_str().unwrap()]].concat();
    let done = node.ctl_json(&all);
    assert!(summary(&done).starts_with("2 accounts: 31 messages"), "{done}");
    assert_eq!((emails(&node, "ben@a.example"), emails(&node, "eve@a.example")), (31, 31));
    assert_eq!(std::fs::read_to_string(&problems).unwrap(), "account,what,folder,uid,why\n");

    for (arguments, code, why) in [
        ([&one[..], &[wrong]].concat(), 1, "1 of 1 accounts FAILED"),
        ([&one[..], &["/nowhere"]].concat(), 1, "/nowhere"),
        ([&source[..], &["--accounts", secret]].concat(), 1, "address,user,password"),
        ([&one[..], &[secret, "--every", "1s"]].concat(), 2, "--every"),
        (vec!["migrate", "--from", &from, "--account", "ben@a.example"], 2, "--user"),
        (vec!["migrate", "--from", ":1", "--accounts", csv], 2, "--from"),
        // Not verified without being named.
        (vec!["migrate", "--from", &from, "--accounts", csv], 1, "TLS"),
    ] {
        let output = node.ctl(&arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    follows(&node, &[&one[..], &[secret, "--every", "10s"]].concat());
    let verified = node.ctl(&["verify"]);
    assert!(text(&verified.stdout).contains("0 violations"), "{}", text(&verified.stdout));
    node.stop();
}

/// Passes go on while the command runs, and end with it.
fn follows(node: &Node, arguments: &[&str]) {
    let mut command = posthouse();
    command.arg("ctl").arg("--data").arg(&node.data).args(arguments);
    let mut passes = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(passes.stderr.take().unwrap()).lines();
    let said = lines.map(|line| line.unwrap()).find(|line| line.contains("the next pass in 10 s"));
    assert!(said.is_some_and(|said| said.contains("1 accounts: 0 messages")));
    passes.kill().unwrap();
    passes.wait().unwrap();
}

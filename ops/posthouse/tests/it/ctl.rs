//! SUMMARY    `posthouse ctl` on a running server and on a stopped one's data: the same commands, the same answers.

use crate::node::{Dialogue, Node, ctl, posthouse, text};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{io::Write, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

/// Passwords in plain text, and a next hop that is not there: what is sent waits.
const VARIABLES: [(&str, &str); 3] =
    [("POSTHOUSE_PLAIN_AUTH", "true"), ("POSTHOUSE_SMART_HOST_HOST", "127.0.0.1"), ("POSTHOUSE_SMART_HOST_PORT", "1")];

fn login(node: &Node, password: &str) -> (Dialogue, bool) {
    let mut imap = node.connect("imap");
    imap.line();
    imap.send(&format!("a LOGIN ann@a.example {password}\r\n")).unwrap();
    let mut answer = imap.line();
    // Why it is held.
    while answer.starts_with("* NO [ALERT]") {
        answer = imap.line();
    }
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

/// Nothing below a folder is readable by others than the server's user; how many files there are.
fn nobody_elses(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // What a database clears away meanwhile is no file any more.
        let Ok(known) = std::fs::symlink_metadata(&path) else { continue };
        assert_eq!(known.permissions().mode() & 0o077, 0, "{} {:o}", path.display(), known.permissions().mode());
        files += if known.is_dir() { nobody_elses(&path) } else { 1 };
    }
    files
}

#[test]
fn a_data_folder_that_the_server_makes_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mail/data");
    let _node = Node::start(&data, &VARIABLES);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("ctl.sock"))), (0o700, 0o600));
    assert!(nobody_elses(&data) > 5);
}

#[test]
fn tenants_and_accounts_are_seen_suspended_and_resumed_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let mode = std::fs::metadata(folder.path().join("ctl.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let tenant = node.provision();
    assert!(nobody_elses(folder.path()) > 5, "key, token, databases");
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
    for quota in ["verify", "repair"] {
        let counted = node.ctl(&["quota", quota, "--tenant", &tenant]);
        assert!(counted.status.success(), "{}", text(&counted.stderr));
        assert!(text(&counted.stdout).contains("1 tenants, 0 counters"), "{}", text(&counted.stdout));
    }
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
    // Ids are random: which one is first says nothing.
    let one = ids(&node.ctl_json(&["queue", "list", "--domain", "ONE.example", "--tenant", &tenant]));
    assert_eq!(one.len(), 2);
    wait_until_tried(&node, &all, 1);
    node.ctl_json(&["queue", "retry", &one[0]]);
    wait_until_tried(&node, &one[..1], 2);
    node.ctl_json(&["queue", "cancel", "--domain", "one.example"]);
    let left = node.ctl_json(&["queue", "list"]);
    assert_eq!((left["rows"].as_array().unwrap().len(), &left["rows"][0]["domain"]), (1, &"two.example".into()));
    fails(folder.path(), &["queue", "retry", &one[0]], "no such item waits");
    node.ctl_json(&["queue", "cancel", "--all"]);
    assert!(ids(&node.ctl_json(&["queue", "list"])).is_empty());
    assert!(node.ctl(&["verify"]).status.success());
}

/// Each of the items had so many attempts and none is under way: it will not be sent again within the minute.
fn wait_until_tried(node: &Node, items: &[String], attempts: u64) {
    let began = std::time::Instant::now();
    loop {
        let rows = node.ctl_json(&["queue", "list"])["rows"].clone();
        let tried = |r: &&serde_json::Value| r["state"] == "waiting" && r["attempts"].as_u64() >= Some(attempts);
        let listed = |r: &&serde_json::Value| items.iter().any(|i| r["id"] == i.as_str());
        if rows.as_array().unwrap().iter().filter(listed).filter(tried).count() == items.len() {
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

#[test]
fn every_command_works_on_a_stopped_servers_data_and_the_next_start_knows() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let tenant = node.provision();
    submit(&node, &["a@one.example", "b@two.example"]);
    node.stop();
    let offline = |arguments: &[&str]| -> serde_json::Value {
        let output = ctl(folder.path(), &[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (ann, reason) = ("ann@a.example", ["--reason", "asked"]);
    assert_eq!(offline(&["tenant", "list"])["rows"], offline(&["tenants"])["rows"]);
    for (object, which) in [("tenant", tenant.as_str()), ("account", ann)] {
        assert_eq!(offline(&[&[object, "suspend", which], &reason[..]].concat())["rows"][0]["state"], "suspended");
        assert_eq!(offline(&[object, "show", which])["rows"][0]["state"], "suspended");
        assert_eq!(offline(&[object, "resume", which])["rows"][0]["state"], "live");
    }
    assert_eq!(offline(&["account", "list", "--tenant", &tenant])["rows"][0]["address"], ann);
    let made = offline(&["account", "set-password", ann, "--generate"]);
    let items = offline(&["queue", "list", "--tenant", &tenant])["rows"].clone();
    assert_eq!(items.as_array().unwrap().len(), 2);
    offline(&["queue", "retry", "--tenant", &tenant]);
    offline(&["queue", "cancel", "--tenant", &tenant]);
    assert!(offline(&["queue", "list"])["rows"].as_array().unwrap().is_empty());
    for command in [vec!["verify"], vec!["verify", "--tenant", &tenant]] {
        assert_eq!(offline(&command)["ok"], true);
    }
    fails(folder.path(), &["verify", "--tenant", "ten_0000000000001"], "knows no such tenant");
    let node = Node::start(folder.path(), &VARIABLES);
    assert!(login(&node, made["rows"][1]["password"].as_str().unwrap()).1 && !login(&node, "ann-likes-tests").1);
    assert_eq!(node.ctl_json(&["tenants"])["rows"][0]["id"], tenant.as_str());
}

#[test]
fn a_password_is_read_from_standard_input_and_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    node.provision();
    let set = |password: &str| {
        let mut command = posthouse();
        command.args(["ctl", "--data"]).arg(folder.path()).args(["account", "set-password", "ann@a.example"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = set("another-word-for-it");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&[output.stdout, output.stderr].concat()).contains("another-word-for-it"));
    assert!(login(&node, "another-word-for-it").1 && !login(&node, "ann-likes-tests").1);
    assert_eq!(set("short").status.code(), Some(1));
    assert_eq!(set("").status.code(), Some(2));
    assert!(login(&node, "another-word-for-it").1);
}

#[test]
fn a_customer_is_made_and_kept_by_commands_running_or_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let made = node.ctl_json(&["tenant", "create", "A", "--domain", "a.example", "--vouch", "--max-mailboxes", "2"]);
    let tenant = made["rows"][0]["id"].as_str().unwrap().to_owned();
    assert!(made["rows"][0]["token"].as_str().unwrap().len() > 40);
    assert_eq!(node.ctl_json(&["domain", "list", "--tenant", &tenant])["rows"][0]["name"], "a.example");
    let would = ["mailbox", "create", "ann@a.example", "--generate", "--dry-run"];
    let told = node.ctl_json(&would);
    assert_eq!(
        (&told["rows"][0]["address"], &told["rows"][0]["password"]),
        (&"ann@a.example".into(), &serde_json::Value::Null)
    );
    assert!(told["summary"].as_str().unwrap().contains("nothing was changed"), "{told}");
    fails(folder.path(), &["mailbox", "show", "ann@a.example"], "does not exist");
    let ann = node.ctl_json(&["mailbox", "create", "ann@a.example", "--generate", "--idempotency-key", "k"]);
    assert!(login(&node, ann["rows"][0]["password"].as_str().unwrap()).1);
    fails(folder.path(), &["mailbox", "create", "ann@a.example", "--generate"], "TAKEN");
    node.ctl_json(&["alias", "create", "info@a.example", "--to", "ann@a.example"]);
    let held = node.ctl_json(&["mailbox", "suspend", "ann@a.example", "--reason", "asked", "--dry-run"]);
    assert_eq!(held["rows"][0]["suspended"], true);
    assert!(login(&node, ann["rows"][0]["password"].as_str().unwrap()).1, "a dry run changes nothing");
    node.stop();
    let offline = |arguments: &[&str]| -> serde_json::Value {
        let output = ctl(folder.path(), &[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    offline(&["mailbox", "rename", "ann@a.example", "anna@a.example", "--keep-old-address"]);
    assert_eq!(offline(&["mailbox", "list", "--tenant", &tenant])["rows"][0]["address"], "anna@a.example");
    let sized = offline(&["mailbox", "update", "anna@a.example", "--quota", "5G"]);
    assert_eq!(sized["rows"][0]["quotaBytesMax"], (5_u64 << 30).to_string());
    assert!(text(&ctl(folder.path(), &["mailbox", "show", "anna@a.example"]).stdout).contains(" 5G\n"));
    offline(&["mailbox", "delete", "anna@a.example"]);
    let list = ["mailbox", "list", "--tenant", &tenant, "--deleted"];
    assert!(offline(&list[..4])["rows"].as_array().unwrap().is_empty());
    assert_eq!(offline(&list)["rows"][0]["address"], "anna@a.example");
    offline(&["mailbox", "restore", "anna@a.example", "--dry-run"]);
    assert_eq!(offline(&list)["rows"][0]["state"], "DELETED", "a dry run changes nothing");
    offline(&["mailbox", "restore", "anna@a.example"]);
    assert_eq!(offline(&list[..4])["rows"][0]["state"], "ACTIVE");
    fails(folder.path(), &["mailbox", "purge", "anna@a.example"], "not deleted");
    offline(&["mailbox", "delete", "anna@a.example"]);
    let log = offline(&["audit", "list", "--tenant", &tenant, "--limit", "2"]);
    assert_eq!(
        (&log["rows"][0]["action"], &log["rows"][1]["action"]),
        (&"mailboxDelete".into(), &"mailboxRestore".into())
    );
    assert!(log["rows"][0]["actor"].as_str().unwrap().starts_with("ctl uid "));
    assert!(log["next"].is_string());
    offline(&["mailbox", "purge", "anna@a.example"]);
    assert!(offline(&list)["rows"].as_array().unwrap().is_empty());
    fails(folder.path(), &["mailbox", "show", "anna@a.example"], "does not exist");
}

#[test]
fn any_operation_of_the_api_runs_and_its_refusals_are_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let tenant = node.provision();
    let show = "query($t: ID!, $n: Int!) { mailboxes(tenantId: $t, first: $n) { nodes { address } } }";
    let id = format!("t={tenant}");
    let arguments = ["api", show, "--var", &id, "--vars", "{\"n\": 5}"];
    assert_eq!(node.ctl_json(&arguments)["data"]["mailboxes"]["nodes"][0]["address"], "ann@a.example");
    let file = folder.path().join("q.graphql");
    std::fs::write(&file, "{ viewer { name } }").unwrap();
    let shown = node.ctl(&["api", "--file", file.to_str().unwrap()]);
    assert!(shown.status.success() && text(&shown.stdout).contains("\"name\": "), "{}", text(&shown.stdout));
    let taken = "mutation { mailboxCreate(input: { address: \"ann@a.example\", password: \"long enough\" }) { userErrors { code } } }";
    for wrong in ["{ nothing }", "not graphql", taken, "subscription { x }"] {
        let output = node.ctl(&["api", wrong]);
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer.to_string().contains("\"code\""), "{wrong}: {answer}");
    }
    assert_eq!(node.ctl(&["api", "{ viewer { name } }", "--vars", "[1]"]).status.code(), Some(2));
    assert_eq!(node.ctl(&["api", "--file", "/nowhere"]).status.code(), Some(2));
    node.stop();
    let stopped = ctl(folder.path(), &["api", show, "--var", &id, "--var", "n=1"]);
    assert!(stopped.status.success() && text(&stopped.stdout).contains("ann@a.example"));
}

#[test]
fn a_hold_says_why_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &VARIABLES);
    let tenant = node.provision();
    let why = node.ctl_json(&["why", "ann@a.example"]);
    assert!(why["rows"].as_array().unwrap().iter().all(|row| row["allowed"] == true), "{why}");
    let words = ["--kind", "security", "--code", "STOLEN", "--reason", "Password seen elsewhere", "--days", "3"];
    let would = node.ctl_json(&[&["hold", "place", "ann@a.example", "--dry-run"], &words[..]].concat());
    assert_eq!(would["rows"][0]["code"], "STOLEN");
    assert!(login(&node, "ann-likes-tests").1, "a dry run changes nothing");
    let held = node.ctl_json(&[&["hold", "place", "ann@a.example"], &words[..]].concat());
    assert!(!login(&node, "ann-likes-tests").1);
    let id = held["rows"][0]["id"].as_str().unwrap();
    let why = node.ctl_json(&["why", "ann@a.example"]);
    let refused: Vec<_> = why["rows"].as_array().unwrap().iter().filter(|r| r["allowed"] == false).collect();
    assert!(!refused.is_empty() && refused.iter().all(|r| r["hold"] == id && r["code"] == "STOLEN"), "{why}");
    assert_eq!(node.ctl_json(&["hold", "list", "ann@a.example"])["rows"].as_array().unwrap().len(), 1);
    assert!(node.ctl_json(&["hold", "list", &tenant])["rows"].as_array().unwrap().is_empty());
    node.ctl_json(&["hold", "release", id]);
    assert!(login(&node, "ann-likes-tests").1);
    fails(folder.path(), &["hold", "release", id], "does not exist");
    fails(folder.path(), &["why", "nobody@a.example"], "does not exist");
}

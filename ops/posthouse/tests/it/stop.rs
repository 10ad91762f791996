//! SUMMARY    SIGTERM under load: what was acknowledged is there afterwards, everybody is told, and the end comes in time.

use crate::node::{Dialogue, Node, WAIT};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

const DELIVERING: usize = 16;
/// Messages that are acknowledged before the signal.
const BEFORE: usize = 100;

fn greeted(node: &Node) -> Dialogue {
    let mut smtp = node.connect("smtp");
    assert!(smtp.reply().starts_with("220"));
    smtp.ask("EHLO x.example", "250");
    smtp
}

/// Delivers until it is told to stop: the subjects that got a 250, and the last line.
fn deliver(mut smtp: Dialogue, n: usize, taken: &AtomicUsize) -> (Vec<String>, String) {
    let mut acknowledged = Vec::new();
    for m in 0.. {
        let subject = format!("load-{n}-{m}");
        let message = format!("From: x@x.example\r\nSubject: {subject}\r\n\r\n{}\r\n.", "text ".repeat(200));
        for (command, code) in [("MAIL FROM:<x@x.example>", "250"), ("RCPT TO:<ann@a.example>", "250"), ("DATA", "354")]
        {
            // The server may be gone already; its last words are read all the same.
            let _ = smtp.send(&format!("{command}\r\n"));
            let reply = smtp.reply();
            if !reply.starts_with(code) {
                return (acknowledged, reply);
            }
        }
        let _ = smtp.send(&format!("{message}\r\n"));
        let reply = smtp.reply();
        if !reply.starts_with("250") {
            return (acknowledged, reply);
        }
        acknowledged.push(subject);
        taken.fetch_add(1, Ordering::SeqCst);
    }
    unreachable!()
}

fn subjects(node: &Node) -> Vec<String> {
    let mut imap = inbox(node);
    imap.send("b FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])\r\n").unwrap();
    let mut found = Vec::new();
    loop {
        let line = imap.line();
        assert!(!line.is_empty());
        if let Some(subject) = line.strip_prefix("Subject: ") {
            found.push(subject.trim_end().to_owned());
        }
        if line.starts_with("b ") {
            return found;
        }
    }
}

fn inbox(node: &Node) -> Dialogue {
    let mut imap = node.connect("imap");
    imap.line();
    for command in ["x LOGIN ann@a.example ann-likes-tests", "y SELECT INBOX"] {
        imap.send(&format!("{command}\r\n")).unwrap();
        while !imap.line().starts_with(&format!("{} OK", &command[..1])) {}
    }
    imap
}

#[test]
fn sigterm_during_deliveries_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &[("POSTHOUSE_PLAIN_AUTH", "true"), ("POSTHOUSE_STOP_TIMEOUT", "10s")]);
    node.provision();
    let mut idle = inbox(&node);
    // In the middle of their DATA when the signal comes.
    let mut halves: Vec<Dialogue> = (0..4).map(|_| greeted(&node)).collect();
    for half in &mut halves {
        half.ask("MAIL FROM:<x@x.example>", "250");
        half.ask("RCPT TO:<ann@a.example>", "250");
        half.ask("DATA", "354");
        half.send("Subject: half\r\n\r\nnot fini").unwrap();
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let (tell, told) = mpsc::channel();
    for n in 0..DELIVERING {
        let (smtp, taken, tell) = (greeted(&node), taken.clone(), tell.clone());
        std::thread::spawn(move || tell.send(deliver(smtp, n, &taken)));
    }
    drop(tell);
    let began = Instant::now();
    while taken.load(Ordering::SeqCst) < BEFORE {
        assert!(began.elapsed() < WAIT, "only {} deliveries", taken.load(Ordering::SeqCst));
        std::thread::yield_now();
    }
    let took = node.stop();
    assert!(took < Duration::from_secs(15), "{took:?}");

    let ends: Vec<(Vec<String>, String)> = told.iter().collect();
    assert_eq!(ends.len(), DELIVERING);
    assert!(
        ends.iter().all(|(_, last)| last.starts_with("421")),
        "{:?}",
        ends.iter().map(|e| &e.1).collect::<Vec<_>>()
    );
    for half in &mut halves {
        assert!(half.reply().starts_with("421"));
    }
    assert!(idle.line().starts_with("* BYE"));

    let node = Node::start(folder.path(), &[("POSTHOUSE_PLAIN_AUTH", "true")]);
    let mut stored = subjects(&node);
    stored.sort();
    let count = stored.len();
    stored.dedup();
    assert_eq!(stored.len(), count, "nothing is there twice");
    for subject in ends.iter().flat_map(|(acknowledged, _)| acknowledged) {
        assert!(stored.binary_search(subject).is_ok(), "{subject} was acknowledged and is gone");
    }
    assert!(!stored.contains(&"half".to_owned()));
    assert!(node.ctl(&["verify"]).status.success());
}

/// A session that is stuck in a write; both ends are kept open.
fn stuck(node: &Node) -> Dialogue {
    let mut smtp = greeted(node);
    smtp.ask("MAIL FROM:<x@x.example>", "250");
    smtp.ask("RCPT TO:<ann@a.example>", "250");
    smtp.ask("DATA", "354");
    smtp.ask(&format!("Subject: large\r\n\r\n{}.", "0123456789abcdef\r\n".repeat(500_000)), "250");
    let mut imap = inbox(node);
    imap.send(&"z FETCH 1 BODY.PEEK[]\r\n".repeat(8)).unwrap();
    assert!(imap.line().starts_with("* "), "it writes");
    imap
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_the_end_up() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &[("POSTHOUSE_PLAIN_AUTH", "true"), ("POSTHOUSE_STOP_TIMEOUT", "1s")]);
    node.provision();
    let _stuck = stuck(&node);
    let took = node.stop();
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), &[("POSTHOUSE_PLAIN_AUTH", "true"), ("POSTHOUSE_STOP_TIMEOUT", "10m")]);
    node.provision();
    let _stuck = stuck(&node);
    let mut other = greeted(&node);
    node.signal("TERM");
    // It is stopping: others are told.
    assert!(other.reply().starts_with("421"));
    node.signal("TERM");
    assert_eq!(node.child.wait().unwrap().code(), Some(1));
}

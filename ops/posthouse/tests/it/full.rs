//! SUMMARY    A disk that takes nothing for a while, below the real server; and a store that does not come back.

use crate::node::{Node, WAIT};
use std::time::Instant;

fn deliver(node: &Node, subject: &str) -> String {
    let mut smtp = node.connect("smtp");
    assert!(smtp.reply().starts_with("220"));
    smtp.ask("EHLO x.example", "250");
    smtp.ask("MAIL FROM:<x@x.example>", "250");
    smtp.send("RCPT TO:<ann@a.example>\r\n").unwrap();
    let reply = smtp.reply();
    if !reply.starts_with("250") {
        return reply;
    }
    smtp.ask("DATA", "354");
    smtp.send(&format!("Subject: {subject}\r\n\r\nx\r\n.\r\n")).unwrap();
    smtp.reply()
}

#[test]
fn a_full_disk_defers_mail_until_it_has_room_and_a_lost_store_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), &[("POSTHOUSE_PLAIN_AUTH", "true")]);
    node.provision();
    assert!(deliver(&node, "before").starts_with("250"));

    node.limit_files(true);
    let reply = deliver(&node, "during");
    assert!(reply.starts_with("451 4.3.0"), "{reply}");
    assert!(node.get("/readyz").contains(" 503 ") && node.get("/healthz").contains(" 200 "));
    node.limit_files(false);
    let began = Instant::now();
    while !node.get("/readyz").contains(" 200 ") {
        assert!(began.elapsed() < WAIT, "the store does not come back");
        std::thread::yield_now();
    }
    assert!(deliver(&node, "after").starts_with("250"));
    assert!(node.ctl(&["verify"]).status.success());

    node.limit_files(true);
    assert!(deliver(&node, "lost").starts_with("451 4.3.0"));
    // What was acknowledged is not there: served from now on, it would be an empty store.
    let rows = folder.path().join("kv/rows");
    std::fs::rename(&rows, folder.path().join("rows")).unwrap();
    node.limit_files(false);
    assert_eq!(node.child.wait().unwrap().code(), Some(75));

    std::fs::remove_dir_all(&rows).unwrap();
    std::fs::rename(folder.path().join("rows"), &rows).unwrap();
    let node = Node::start(folder.path(), &[("POSTHOUSE_PLAIN_AUTH", "true")]);
    assert!(deliver(&node, "again").starts_with("250"));
    assert!(node.ctl(&["verify"]).status.success());
}

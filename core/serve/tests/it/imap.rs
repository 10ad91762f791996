//! SUMMARY    IMAP sessions: reading, changing, and hearing of what others change.

use crate::world::{Client, PASSWORD, World};
use control::{Change, Control};

const MESSAGE: &str = "From: Bea <bea@elsewhere.example>\r\nTo: ann@a.example\r\nSubject: hello world\r\n\
    Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nfirst line\r\n.dot\r\nlast";

#[tokio::test]
async fn a_delivered_message_is_read_byte_for_byte() {
    let world = World::new().await;
    let stuffed = MESSAGE.replace("\r\n.", "\r\n..");
    assert!(world.deliver("bea@elsewhere.example", "ann@a.example", &stuffed).await.starts_with("250"));
    let mut c = world.imap("ann@a.example").await;
    let selected = c.ask("a SELECT inbox", "a OK").await;
    assert!(selected.contains("* 1 EXISTS") && selected.contains("[UIDNEXT 2]"), "{selected}");
    let body = c.ask("b UID FETCH 1:* BODY.PEEK[]", "b OK").await;
    assert!(body.contains(&format!("{MESSAGE}\r\n)\r\n")), "{body}");
    assert!(body.contains("Return-Path: <bea@elsewhere.example>\r\nReceived: from client.example"), "{body}");
    let facts = c.ask("c FETCH 1 (FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE PREVIEW)", "c OK").await;
    assert!(facts.contains("\"hello world\" ((\"Bea\" NIL \"bea\" \"elsewhere.example\"))"), "{facts}");
    assert!(facts.contains("FLAGS ()") && facts.contains("\"text\" \"plain\""), "{facts}");
    let part = c.ask("d FETCH 1 (BODY[HEADER.FIELDS (SUBJECT)] BODY[TEXT]<6.4>)", "d OK").await;
    assert!(part.contains("Subject: hello world\r\n\r\n") && part.contains("BODY[TEXT]<6> {4}\r\nline"), "{part}");
    assert!(part.contains("\\Seen"), "{part}");
    world.end().await;
}

#[tokio::test]
async fn flags_copies_moves_and_expunges() {
    let world = World::new().await;
    let mut c = world.imap("ann@a.example").await;
    for n in 1..=3 {
        let text = format!("Subject: m{n}\r\n\r\nx");
        c.ask(&format!("a APPEND INBOX (\\Seen custom) {{{}+}}\r\n{text}", text.len()), "a OK [APPENDUID ").await;
    }
    c.ask("a SELECT INBOX", "a OK [READ-WRITE]").await;
    assert!(
        c.ask("b STORE 1 +FLAGS (\\Deleted $Note)", "b OK").await.contains("FLAGS (\\Seen \\Deleted custom $Note)")
    );
    assert!(c.ask("c UID COPY 2 Archive", "c OK").await.contains("[COPYUID "));
    let moved = c.ask("d UID MOVE 3 Trash", "d OK").await;
    assert!(moved.contains("* 3 EXPUNGE") && moved.contains("[COPYUID "), "{moved}");
    assert!(c.ask("e UID SEARCH NOT DELETED", "e OK").await.contains("* SEARCH 2\r\n"));
    assert!(c.ask("f SEARCH RETURN (COUNT) KEYWORD custom SUBJECT M1", "f OK").await.contains("COUNT 1"));
    assert!(c.ask("g EXPUNGE", "g OK").await.contains("* 1 EXPUNGE"));
    let status = c.ask("h STATUS Archive (MESSAGES UNSEEN UIDNEXT SIZE)", "h OK").await;
    assert!(status.contains("MESSAGES 1 UNSEEN 0 UIDNEXT 2"), "{status}");
    c.ask("i CREATE Work/Deep", "i OK").await;
    let list = c.ask("j LIST \"\" *", "j OK").await;
    assert!(list.contains("\"Work/Deep\"") && list.contains("(\\HasNoChildren \\Trash)"), "{list}");
    c.ask("k RENAME Work Play", "k OK").await;
    assert!(c.ask("l LIST \"\" Play/%", "l OK").await.contains("\"Play/Deep\""));
    c.ask("m DELETE Play", "m NO").await;
    c.ask("n DELETE Play/Deep", "n OK").await;
    c.ask("o DELETE Trash", "o OK").await;
    world.end().await;
}

#[tokio::test]
async fn an_idling_session_hears_of_a_delivery_and_another_sessions_expunge() {
    let world = World::new().await;
    let mut idler = world.imap("ann@a.example").await;
    idler.ask("a SELECT INBOX", "a OK").await;
    idler.ask("b IDLE", "+ ").await;
    assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("250"));
    idler.until("* 1 EXISTS").await;
    let mut other = world.imap("ann@a.example").await;
    other.ask("a SELECT INBOX", "a OK").await;
    other.ask("b STORE 1 +FLAGS.SILENT (\\Deleted)", "b OK").await;
    idler.until("* 1 FETCH").await;
    other.ask("c CLOSE", "c OK").await;
    idler.until("* 1 EXPUNGE").await;
    idler.ask("DONE", "b OK").await;
    world.end().await;
}

#[tokio::test]
async fn a_client_resynchronises_after_being_away() {
    let world = World::new().await;
    for _ in 0..4 {
        assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("250"));
    }
    let mut c = world.imap("ann@a.example").await;
    c.ask("e ENABLE QRESYNC", "e OK").await;
    let selected = c.ask("a SELECT INBOX", "a OK").await;
    let number = |name: &str| -> u64 {
        let at = selected.find(name).unwrap() + name.len();
        selected[at..].split(']').next().unwrap().trim().parse().unwrap()
    };
    let (validity, modseq) = (number("[UIDVALIDITY "), number("[HIGHESTMODSEQ "));
    let mut other = world.imap("ann@a.example").await;
    other.ask("a SELECT INBOX", "a OK").await;
    other.ask("b UID STORE 2 +FLAGS.SILENT (\\Deleted)", "b OK").await;
    other.ask("c EXPUNGE", "c OK").await;
    other.ask("d UID STORE 3 +FLAGS.SILENT (\\Flagged)", "d OK").await;
    c.ask("u UNSELECT", "u OK").await;
    let back = c.ask(&format!("s SELECT INBOX (QRESYNC ({validity} {modseq}))"), "s OK").await;
    assert!(back.contains("* VANISHED (EARLIER) 2\r\n"), "{back}");
    assert!(back.contains("UID 3 FLAGS (\\Flagged)") && !back.contains("UID 4 FLAGS"), "{back}");
    world.end().await;
}

#[tokio::test]
async fn a_hold_cuts_the_session_and_other_tenants_stay_unseen() {
    let world = World::new().await;
    let mut c = world.imap("ann@a.example").await;
    c.ask("a SELECT INBOX", "a OK").await;
    c.ask("i IDLE", "+ ").await;
    let held = world.account(1, "ann", "a.example", None, 2, false);
    world.accounts.apply(vec![Change::Account(held)]).await.unwrap();
    assert!(c.until("* BYE").await.contains("unpaid"));
    let mut again = Client::connect(world.imap).await;
    again.until("* OK").await;
    again.ask(&format!("l LOGIN ann@a.example \"{PASSWORD}\""), "l NO [CONTACTADMIN]").await;
    again.ask("l LOGIN bob@b.example wrong", "l NO [AUTHENTICATIONFAILED]").await;
    again.ask("l LOGIN nobody@b.example wrong", "l NO [AUTHENTICATIONFAILED]").await;
    world.end().await;
}

#[tokio::test]
async fn a_large_copy_is_whole_or_undone_and_a_large_move_tells_what_it_moved() {
    const SIZE: usize = 1000;
    let world = World::new().await;
    world.person(3, "cy", "c.example", Some((600 + 550) * SIZE as u64)).await;
    let mut c = world.imap("cy@c.example").await;
    let message = format!("{{{SIZE}+}}\r\nSubject: x\r\n\r\n{}", "x".repeat(SIZE - 14));
    for _ in 0..3 {
        c.ask(&format!("a APPEND INBOX {}", [message.as_str(); 200].join(" ")), "a OK").await;
    }
    c.ask("b SELECT INBOX", "b OK").await;
    // A second copy of a message in the same mailbox takes room of its own; a first one in another mailbox does not.
    c.ask("c COPY 1:* INBOX", "c NO [OVERQUOTA]").await;
    assert!(c.ask("d STATUS INBOX (MESSAGES)", "d OK").await.contains("MESSAGES 600"));
    assert!(c.ask("e COPY 1:* Archive", "e OK").await.contains(" 1:600 1:600]"));
    let moved = c.ask("f MOVE 1:* Archive", "f NO [OVERQUOTA]").await;
    assert!(moved.contains("* OK [COPYUID ") && moved.contains(" 1:500 601:1100]"), "{}", &moved[..200]);
    assert_eq!(moved.matches(" EXPUNGE\r\n").count(), 500);
    assert!(c.ask("g STATUS Archive (MESSAGES)", "g OK").await.contains("MESSAGES 1100"));
    assert!(c.ask("h UID SEARCH ALL", "h OK").await.contains("* SEARCH 501 502"));
    world.end().await;
}

#[tokio::test]
async fn renaming_inbox_moves_its_messages_with_all_they_have() {
    let world = World::new().await;
    let mut watcher = world.imap("ann@a.example").await;
    watcher.ask("e ENABLE QRESYNC", "e OK").await;
    let mut c = world.imap("ann@a.example").await;
    for n in 0..3 {
        let text = format!("Subject: m{n}\r\n\r\nx");
        let append =
            format!("a APPEND INBOX (\\Flagged own) \"02-Jan-2020 09:00:0{n} +0000\" {{{}+}}\r\n{text}", text.len());
        c.ask(&append, "a OK").await;
    }
    watcher.ask("a SELECT INBOX", "a OK").await;
    c.ask("b SELECT INBOX", "b OK").await;
    assert!(c.ask("c RENAME INBOX Old/2026", "c OK").await.contains("* 1 EXPUNGE"));
    assert!(watcher.ask("b NOOP", "b OK").await.contains("* VANISHED 1:3"));
    assert!(c.ask("f STATUS INBOX (MESSAGES)", "f OK").await.contains("MESSAGES 0"));
    c.ask("g SELECT Old/2026", "g OK").await;
    let kept = c.ask("h FETCH 1:* (FLAGS INTERNALDATE)", "h OK").await;
    for n in 1..=3 {
        let line = format!("* {n} FETCH (FLAGS (\\Flagged own) INTERNALDATE \" 2-Jan-2020 09:00:0{} +0000\")", n - 1);
        assert!(kept.contains(&line), "{kept}");
    }
    assert!(c.ask("i FETCH 2 BODY[]", "i OK").await.contains("FLAGS (\\Seen \\Flagged own)"));
    assert!(c.ask("j FETCH 2 FLAGS", "j OK").await.contains("FLAGS (\\Seen \\Flagged own)"));
    world.end().await;
}

#[tokio::test]
async fn reading_tells_seen_while_the_expunges_of_another_session_wait() {
    let world = World::new().await;
    let (mut reader, mut other) = (world.imap("ann@a.example").await, world.imap("ann@a.example").await);
    for n in 0..3 {
        let text = format!("Subject: m{n}\r\n\r\nx");
        other.ask(&format!("a APPEND INBOX {{{}+}}\r\n{text}", text.len()), "a OK").await;
    }
    reader.ask("a SELECT INBOX", "a OK").await;
    other.ask("b SELECT INBOX", "b OK").await;
    other.ask("c STORE 1 +FLAGS.SILENT (\\Deleted)", "c OK").await;
    other.ask("d EXPUNGE", "d OK").await;
    other.ask("e STORE 2 +FLAGS.SILENT (\\Flagged)", "e OK").await;
    let said = reader.ask("b FETCH 2 BODY[]", "b OK").await;
    assert!(
        said.contains("* 2 FETCH (BODY[]") && said.contains("FLAGS (\\Seen)") && !said.contains("EXPUNGE"),
        "{said}"
    );
    let said = reader.ask("c STORE 2 +FLAGS (\\Answered)", "c OK").await;
    assert!(said.contains("* 2 FETCH (") && said.contains("FLAGS (\\Seen \\Answered)"), "{said}");
    assert!(!said.contains("EXPUNGE"), "{said}");
    let said = reader.ask("d STORE 3 +FLAGS.SILENT (\\Draft)", "d OK").await;
    assert!(!said.contains("Draft"), "{said}");
    let said = reader.ask("e NOOP", "e OK").await;
    assert!(said.contains("* 1 EXPUNGE"), "{said}");
    let said = reader.ask("f FETCH 1:2 FLAGS", "f OK").await;
    assert!(said.contains("* 1 FETCH (FLAGS (\\Seen \\Answered))"), "{said}");
    assert!(said.contains("* 2 FETCH (FLAGS (\\Flagged \\Draft))"), "{said}");
    world.end().await;
}

#[tokio::test]
async fn reading_after_inbox_was_renamed_tells_seen() {
    let world = World::new().await;
    world.deliver("x@y.example", "ann@a.example", "Subject: m\r\n\r\nx").await;
    for select in [false, true] {
        let name = if select { "y" } else { "x" };
        world.deliver("x@y.example", "ann@a.example", "Subject: m\r\n\r\nx").await;
        let mut c = world.imap("ann@a.example").await;
        if select {
            c.ask("a SELECT INBOX", "a OK").await;
        }
        c.ask(&format!("b RENAME INBOX {name}"), "b OK").await;
        c.ask(&format!("c SELECT {name}"), "c OK").await;
        assert!(c.ask("d FETCH 1 BODY[]", "d OK").await.contains("FLAGS (\\Seen)"));
    }
    world.end().await;
}

#[tokio::test]
async fn no_modseq_is_told_past_an_expunge_that_was_not() {
    let world = World::new().await;
    let (mut reader, mut other) = (world.imap("ann@a.example").await, world.imap("ann@a.example").await);
    for n in 0..2 {
        let text = format!("Subject: m{n}\r\n\r\nx");
        other.ask(&format!("a APPEND INBOX {{{}+}}\r\n{text}", text.len()), "a OK").await;
    }
    reader.ask("a ENABLE QRESYNC", "a OK").await;
    reader.ask("b SELECT INBOX", "b OK").await;
    other.ask("b SELECT INBOX", "b OK").await;
    other.ask("c STORE 1 +FLAGS.SILENT (\\Deleted)", "c OK").await;
    other.ask("d EXPUNGE", "d OK").await;
    let said = reader.ask("c FETCH 2 BODY[]", "c OK").await;
    assert!(said.contains("FLAGS (\\Seen)") && !said.contains("MODSEQ"), "{said}");
    let said = reader.ask("d NOOP", "d OK").await;
    let (vanished, modseq) = (said.find("* VANISHED 1"), said.find("MODSEQ"));
    assert!(vanished.is_some() && modseq > vanished, "{said}");
    world.end().await;
}

//! SUMMARY    CATENATE: messages put together on the server from stored parts.

use crate::world::{Client, World};

const STORED: &str = "From: ann@a.example\r\nSubject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\nhello\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\nattached\r\n--b--\r\n";

/// Ann with STORED in Drafts as uid 1; gives Drafts' UIDVALIDITY.
async fn ann(world: &World) -> (Client, String) {
    let mut c = world.imap("ann@a.example").await;
    assert!(c.ask("a CAPABILITY", "a OK").await.contains(" CATENATE "));
    let answer = c.ask(&format!("a APPEND Drafts {{{}+}}\r\n{STORED}", STORED.len()), "a OK [APPENDUID ").await;
    let validity = answer.split(' ').nth(3).unwrap().to_owned();
    (c, validity)
}

#[tokio::test]
async fn a_draft_is_sent_with_a_stored_part() {
    let world = World::new().await;
    let (mut c, validity) = ann(&world).await;
    let command = format!(
        "b APPEND Sent (\\Seen) CATENATE (URL \"/Drafts;UIDVALIDITY={validity}/;UID=1/;SECTION=HEADER\" TEXT {{4+}}\r\n--b\r \
         URL \"/Drafts/;UID=1/;SECTION=2.MIME\" url /Drafts/;UID=1/;SECTION=2/;PARTIAL=2.4 TEXT ~{{3+}}\r\nend)"
    );
    c.ask(&command, "b OK [APPENDUID ").await;
    c.ask("c SELECT Sent", "c OK").await;
    let body = c.ask("d FETCH 1 BODY.PEEK[]", "d OK").await;
    let header = STORED.split_inclusive("\r\n\r\n").next().unwrap();
    let expect = format!("{header}--b\rContent-Type: application/octet-stream\r\n\r\ntachend");
    assert!(body.contains(&format!("{{{}}}\r\n{expect})", expect.len())), "{body}");
    c.ask("e SELECT Drafts", "e OK").await;
    assert!(c.ask("f FETCH 1 FLAGS", "f OK").await.contains("FLAGS ()"), "reading a part marks nothing");
    world.end().await;
}

#[tokio::test]
async fn several_messages_are_stored_together_or_not_at_all() {
    let world = World::new().await;
    let (mut c, validity) = ann(&world).await;
    let good = format!("CATENATE (URL /Drafts;UIDVALIDITY={validity}/;UID=1)");
    let stored = c.ask(&format!("b APPEND INBOX {good} (\\Flagged) {{2+}}\r\nhi {good}"), "b OK [APPENDUID ").await;
    assert!(stored.contains(" 1:3]"), "{stored}");
    for bad in [
        format!("/Drafts;UIDVALIDITY=1{validity}/;UID=1").as_str(),
        "/Drafts/;UID=99",
        "/Nowhere/;UID=1",
        "/Drafts/;UID=1/;SECTION=7",
        "/Drafts/;UID=1;URLAUTH=anonymous:internal:91354a473744909de610943775f92038",
        "imap://ann@a.example/Drafts/;UID=1",
        "imap://elsewhere.example/Drafts/;UID=1",
        "http://elsewhere.example/",
    ] {
        let answer = c.ask(&format!("c APPEND INBOX {good} CATENATE (TEXT {{1+}}\r\nx URL \"{bad}\")"), "c NO").await;
        assert!(answer.contains(&format!("c NO [BADURL \"{bad}\"]")), "{answer}");
    }
    assert!(c.ask("d STATUS INBOX (MESSAGES)", "d OK").await.contains("MESSAGES 3"));
    world.end().await;
}

#[tokio::test]
async fn another_users_mailbox_is_a_bad_url() {
    let world = World::new().await;
    let (_ann, validity) = ann(&world).await;
    let mut bob = world.imap("bob@b.example").await;
    bob.ask(&format!("b APPEND INBOX CATENATE (URL /Drafts;UIDVALIDITY={validity}/;UID=1)"), "b NO [BADURL ").await;
    bob.ask("c APPEND INBOX CATENATE (URL /ann@a.example/Drafts/;UID=1)", "c NO [BADURL ").await;
    world.end().await;
}

#[tokio::test]
async fn a_result_over_the_size_limit_is_too_big() {
    let world = World::new().await;
    let mut c = world.imap("ann@a.example").await;
    let big = format!("Subject: big\r\n\r\n{}", "0123456789abcdef\r\n".repeat(60_000));
    c.ask(&format!("a APPEND INBOX {{{}+}}\r\n{big}", big.len()), "a OK [APPENDUID ").await;
    let urls = "URL /INBOX/;UID=1 ".repeat(base::limits::MESSAGE_BYTES_MAX / big.len() + 1);
    c.ask(&format!("b APPEND INBOX CATENATE ({})", urls.trim()), "b NO [TOOBIG]").await;
    assert!(c.ask("d STATUS INBOX (MESSAGES)", "d OK").await.contains("MESSAGES 1"));
    world.end().await;
}

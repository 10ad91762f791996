//! SUMMARY    FETCH that takes long: others have their turn, and no answer is left half written.

use crate::world::{Client, World};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::time::Duration;

async fn append(client: &mut Client, message: &str) {
    client.ask(&format!("a APPEND INBOX {{{}+}}\r\n{message}", message.len()), "a OK").await;
}

fn part(encoding: &str, body: &str) -> String {
    format!("--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n")
}

fn of_parts(parts: &[String]) -> String {
    format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", parts.concat())
}

// One thread: a FETCH that does not let others on is done before anybody else is answered.
#[tokio::test]
async fn a_fetch_of_many_pieces_of_large_parts_holds_nobody_up() {
    let world = World::new().await;
    let mut long = world.imap("ann@a.example").await;
    let body = STANDARD.encode(vec![7; 1 << 20]);
    append(&mut long, &of_parts(&[part("base64", &body), part("base64", &body)])).await;
    long.ask("b SELECT INBOX", "b OK").await;
    let pieces: Vec<String> = (0..40).map(|n| format!("BINARY.PEEK[{}]<{n}.1>", n % 2 + 1)).collect();
    let mut other = world.imap("bob@b.example").await;
    long.send(format!("c FETCH 1 ({})\r\n", pieces.join(" ")).as_bytes()).await;
    for n in 0..3 {
        other.ask(&format!("n{n} NOOP"), &format!("n{n} OK")).await;
    }
    let early = long.said(Duration::from_millis(1)).await;
    assert!(!early.as_deref().unwrap_or_default().contains("c OK"), "the others waited for the whole of it");
    let rest = long.until("c OK").await;
    assert_eq!(format!("{}{rest}", early.unwrap_or_default()).matches("BINARY[").count(), 40);
    world.end().await;
}

#[tokio::test]
async fn a_row_that_fails_in_the_midst_is_not_written_at_all() {
    let world = World::new().await;
    let mut client = world.imap("ann@a.example").await;
    append(&mut client, &of_parts(&[part("x-odd", "body"), part("base64", "AAEC")])).await;
    client.ask("b SELECT INBOX", "b OK").await;
    let said = client.ask("c FETCH 1 (UID BINARY.PEEK[2] BINARY.PEEK[1])", "c NO [UNKNOWN-CTE]").await;
    assert!(!said.contains("FETCH ("), "{said}");
    let said = client.ask("d FETCH 1 (UID BINARY.PEEK[2]<1.2> BINARY.PEEK[2]<0.1> BINARY.SIZE[2])", "d OK").await;
    assert!(said.contains("BINARY[2]<1> {2}\r\n\u{1}\u{2}") || said.contains("BINARY[2]<1> ~{2}"), "{said:?}");
    assert!(said.contains("BINARY.SIZE[2] 3"), "{said:?}");
    world.end().await;
}

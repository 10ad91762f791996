//! SUMMARY    Whose name a submitted message carries, and what it gets.

use crate::world::{Client, PASSWORD, World};
use base::TenantId;
use control::{Change, Control};

/// A submission session of ann.
async fn ann(world: &World) -> Client {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut client = Client::connect(world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    let login = STANDARD.encode(format!("\0ann@a.example\0{PASSWORD}"));
    client.ask(&format!("AUTH PLAIN {login}"), "235 2.7.0").await;
    client
}

async fn submit(client: &mut Client, from: &str, header: &str, by_chunk: bool) -> String {
    client.ask(&format!("MAIL FROM:<{from}>"), "250 ").await;
    client.ask("RCPT TO:<bob@b.example>", "250 ").await;
    let message = format!("{header}\r\nbody\r\n");
    if by_chunk {
        client.send(format!("BDAT {} LAST\r\n{message}", message.len()).as_bytes()).await;
        return client.until("").await;
    }
    client.ask("DATA", "354 ").await;
    client.ask_line(&format!("{message}.")).await
}

#[tokio::test]
async fn a_message_names_only_addresses_of_its_account() {
    let world = World::new().await;
    let mut account = world.account(1, "ann", "a.example", None, 2, true);
    account.send_as = vec!["sales@a.example".into()];
    world.accounts.apply(vec![Change::Account(account)]).await.unwrap();
    let mut client = ann(&world).await;
    let cases = [
        ("From: Ann <ann@a.example>\r\n", "250 2.0.0"),
        ("From: ANN+news@A.example\r\n", "250 2.0.0"),
        ("From: sales@a.example\r\nSender: ann@a.example\r\n", "250 2.0.0"),
        ("From: ann@a.example, sales@a.example\r\nSender: ann@a.example\r\n", "250 2.0.0"),
        ("From: ann@a.example, sales@a.example\r\n", "554 5.6.0"),
        ("From: bob@b.example\r\n", "550 5.7.1"),
        ("From: bob@b.example\r\nResent-From: ann@a.example\r\n", "550 5.7.1"),
        ("From: ann@a.example, bob@b.example\r\nSender: ann@a.example\r\n", "550 5.7.1"),
        ("From: ann@a.example\r\nSender: bob@b.example\r\n", "550 5.7.1"),
        ("From: ann@a.example\r\nFrom: bob@b.example\r\n", "554 5.6.0"),
        ("Subject: nobody\r\n", "554 5.6.0"),
        ("From: nobody:;\r\n", "554 5.6.0"),
    ];
    for (header, expected) in cases {
        for (from, by_chunk) in [("ann@a.example", false), ("", false), ("ann@a.example", true)] {
            let reply = submit(&mut client, from, header, by_chunk).await;
            assert!(reply.starts_with(expected), "{header:?} from <{from}>: {reply}");
        }
    }
    let taken = cases.iter().filter(|(_, reply)| reply.starts_with("250")).count() as i64 * 3;
    assert_eq!(world.accounts.usage(TenantId(2)).await.unwrap().emails, taken);
    world.end().await;
}

#[tokio::test]
async fn a_message_gets_the_fields_it_lacks() {
    let world = World::new().await;
    let mut client = ann(&world).await;
    submit(&mut client, "ann@a.example", "From: ann@a.example\r\n", false).await;
    submit(&mut client, "ann@a.example", "From: ann@a.example\r\nDate: today\r\nMessage-Id: <1@x>\r\n", false).await;
    let mut bob = world.imap("bob@b.example").await;
    bob.ask("a SELECT INBOX", "a OK").await;
    let count = |text: &str, start: &str| text.lines().filter(|l| l.to_lowercase().starts_with(start)).count();
    let first = bob.ask("b FETCH 1 BODY.PEEK[]", "b OK").await;
    assert_eq!((count(&first, "date: "), count(&first, "message-id: <")), (1, 1), "{first}");
    assert!(first.lines().any(|l| l.starts_with("Message-ID: <") && l.ends_with("@a.example>")), "{first}");
    let second = bob.ask("c FETCH 2 BODY.PEEK[]", "c OK").await;
    assert_eq!((count(&second, "date: "), count(&second, "message-id: ")), (1, 1), "{second}");
    world.end().await;
}

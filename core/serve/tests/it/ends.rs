//! SUMMARY    How sessions end that would not: lines without end, bombs, clients that trickle. Each hears why.

use crate::world::{Client, World};
use base::limits::{
    BYTES_PER_SEC_MIN, DEFLATE_BARREN_BYTES_MAX, IMAP_LOGIN_LINE_BYTES_MAX, IMAP_LOGIN_TOTAL_SECS_MAX, LOGIN_SECS_MAX,
    SMTP_FRUITLESS_SECS_MAX, SMTP_REFUSED_MAX, UNFINISHED_SECS_MAX, WRITE_SECS_MAX,
};
use flate2::{Compress, Compression, FlushCompress};
use std::time::Duration;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_line_without_end_is_answered_and_ends_the_session() {
    let world = World::new().await;
    for (door, greeting, answer) in
        [(world.mx, "220 ", "500 5.5.2"), (world.lmtp, "220 ", "500 5.5.2"), (world.imap, "* OK", "* BYE")]
    {
        let mut client = Client::connect(door).await;
        client.until(greeting).await;
        client.send(&vec![b'x'; MIB + MIB / 2]).await;
        client.until(answer).await;
        client.closed().await;
    }
    let mut ann = world.imap("ann@a.example").await;
    ann.send(&vec![b'x'; MIB / 2]).await;
    ann.ask("", "* BAD").await;
    ann.ask("b NOOP", "b OK").await;
    world.end().await;
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + 1024);
    Compress::new(Compression::best(), false).compress_vec(plain, &mut out, FlushCompress::Sync).unwrap();
    out
}

#[tokio::test]
async fn a_bomb_is_a_long_line_and_garbage_is_told() {
    let world = World::new().await;
    let bomb = deflated(&vec![b'x'; 50 * MIB]);
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(DEFLATE_BARREN_BYTES_MAX / 4);
    let damaged = "The compressed data is damaged";
    for (bytes, text) in [(bomb, "Too much refused data"), (vec![0xff; 64], damaged), (nothing, damaged)] {
        let mut ann = world.imap("ann@a.example").await;
        ann.ask("a COMPRESS DEFLATE", "a OK").await;
        ann.send(&bytes).await;
        let said = ann.inflated().await;
        assert!(said.starts_with("* BYE") && said.contains(text), "{said}");
    }
    world.end().await;
}

/// Sends a byte each so often until the other side says goodbye; gives what it said and the seconds that went by.
async fn trickle(client: &mut Client, byte: u8, every: Duration) -> (String, u64) {
    let start = tokio::time::Instant::now();
    loop {
        if let Some(said) = client.said(every).await {
            return (said, start.elapsed().as_secs());
        }
        client.send(&[byte]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_trickles_is_cut_off() {
    let world = World::new().await;
    let slow = Duration::from_secs(50);
    for (door, greeting, answer, most) in [
        (world.mx, "220 ", "421 4.4.2", UNFINISHED_SECS_MAX),
        (world.lmtp, "220 ", "421 4.4.2", UNFINISHED_SECS_MAX),
        (world.imap, "* OK", "* BYE", IMAP_LOGIN_TOTAL_SECS_MAX),
    ] {
        let mut client = Client::connect(door).await;
        client.until(greeting).await;
        client.send(b"N").await;
        let (said, secs) = trickle(&mut client, b'O', slow).await;
        assert!(said.starts_with(answer), "{said}");
        assert!((most..most + 60).contains(&secs), "{answer}: {secs} s");
        client.closed().await;
    }
    let mut ann = world.imap("ann@a.example").await;
    ann.send(b"N").await;
    let (said, secs) = trickle(&mut ann, b'O', slow).await;
    assert!(said.starts_with("* BYE") && (UNFINISHED_SECS_MAX..UNFINISHED_SECS_MAX + 60).contains(&secs), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_is_cut_off_and_a_slow_one_is_not() {
    let world = World::new().await;
    for every in [Duration::from_secs(20), Duration::from_secs(1)] {
        let mut client = Client::connect(world.mx).await;
        client.until("220 ").await;
        client.ask("EHLO client.example", "250 ").await;
        client.ask("MAIL FROM:<x@elsewhere.example>", "250 ").await;
        client.ask("RCPT TO:<ann@a.example>", "250 ").await;
        client.ask("DATA", "354 ").await;
        if every > Duration::from_secs(1) {
            let (said, secs) = trickle(&mut client, b'x', every).await;
            assert!(said.starts_with("421 4.4.2") && secs < UNFINISHED_SECS_MAX + 60, "{said} after {secs} s");
            continue;
        }
        let line = format!("{}\r\n", "x".repeat(BYTES_PER_SEC_MIN as usize)).into_bytes();
        for _ in 0..3 * UNFINISHED_SECS_MAX {
            client.send(&line).await;
            tokio::time::sleep(every).await;
        }
        tokio::time::resume();
        client.ask(".", "250 ").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_takes_a_while_and_not_for_ever() {
    let world = World::new().await;
    for (door, greeting, command, ok, bye, total) in [
        (world.imap, "* OK", "a NOOP", "a OK", "* BYE", IMAP_LOGIN_TOTAL_SECS_MAX),
        (world.submission, "220 ", "NOOP", "250 ", "421 4.4.2", LOGIN_SECS_MAX),
    ] {
        let mut client = Client::connect(door).await;
        client.until(greeting).await;
        let start = tokio::time::Instant::now();
        let said = loop {
            if let Some(said) = client.said(Duration::from_secs(55)).await {
                break said;
            }
            client.ask(command, ok).await;
        };
        let secs = start.elapsed().as_secs();
        assert!(said.starts_with(bye) && (total..total + 60).contains(&secs), "{said} after {secs} s");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut_off_and_gets_nothing_twice() {
    let world = World::new().await;
    let (asked, text) = (400, format!("Subject: big\r\n\r\n{}", format!("{}\r\n", "x".repeat(98)).repeat(1_000)));
    assert!(world.deliver("x@y.example", "ann@a.example", &text).await.starts_with("250"));
    let mut ann = world.imap("ann@a.example").await;
    ann.ask("a SELECT INBOX", "a OK").await;
    for n in 0..asked {
        ann.send(format!("f{n} FETCH 1 BODY.PEEK[]\r\n").as_bytes()).await;
    }
    tokio::time::sleep(Duration::from_secs(WRITE_SECS_MAX + 30)).await;
    let got = ann.rest().await;
    assert!(got.len() < asked * text.len(), "{} bytes", got.len());
    let tags = String::from_utf8_lossy(&got).matches(" OK FETCH done").count();
    assert!(tags < asked, "{tags} answers");
    for n in 0..tags {
        let tag = format!("\r\nf{n} OK FETCH");
        assert_eq!(got.windows(tag.len()).filter(|w| *w == tag.as_bytes()).count(), 1, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunk_and_a_literal_that_trickle_are_cut_off() {
    let world = World::new().await;
    let mut smtp = Client::connect(world.mx).await;
    smtp.until("220 ").await;
    smtp.ask("EHLO client.example", "250 ").await;
    smtp.ask("MAIL FROM:<x@elsewhere.example>", "250 ").await;
    smtp.ask("RCPT TO:<ann@a.example>", "250 ").await;
    smtp.send(b"BDAT 1000000 LAST\r\n").await;
    let mut imap = world.imap("ann@a.example").await;
    imap.ask("a APPEND INBOX {1000000}", "+ ").await;
    for (mut client, answer) in [(smtp, "421 4.4.2"), (imap, "* BYE")] {
        let (said, secs) = trickle(&mut client, b'x', Duration::from_secs(20)).await;
        assert!(said.starts_with(answer) && secs < UNFINISHED_SECS_MAX + 60, "{said} after {secs} s");
        client.closed().await;
    }
    assert!(world.imap("ann@a.example").await.ask("a STATUS INBOX (MESSAGES)", "a OK").await.contains("MESSAGES 0"));
}

#[tokio::test]
async fn an_answer_of_authenticate_that_is_too_long_ends_the_command_or_the_session() {
    let world = World::new().await;
    let long = "A".repeat(IMAP_LOGIN_LINE_BYTES_MAX + 1);
    let mut imap = Client::connect(world.imap).await;
    imap.until("* OK").await;
    imap.ask("a AUTHENTICATE PLAIN", "+ ").await;
    imap.ask(&long, "a BAD").await;
    imap.ask("b AUTHENTICATE PLAIN", "+ ").await;
    imap.send(&vec![b'A'; MIB + MIB / 2]).await;
    imap.until("* BYE").await;
    imap.closed().await;
    let mut smtp = Client::connect(world.submission).await;
    smtp.until("220 ").await;
    smtp.ask("EHLO client.example", "250 ").await;
    smtp.ask("AUTH PLAIN", "334 ").await;
    smtp.ask(&long, "500 5.5.6").await;
    smtp.ask("AUTH PLAIN", "334 ").await;
    smtp.send(&vec![b'A'; MIB + MIB / 2]).await;
    smtp.until("500 5.5.6").await;
    smtp.closed().await;
    world.end().await;
}

#[tokio::test]
async fn a_literal_that_is_too_large_ends_the_session_before_it_is_read() {
    let world = World::new().await;
    for command in ["a LOGIN {99999999999+}", "a NOOP {4294967296+}"] {
        let mut client = Client::connect(world.imap).await;
        client.until("* OK").await;
        client.ask(command, "* BYE").await;
        client.closed().await;
    }
    let mut client = Client::connect(world.imap).await;
    client.until("* OK").await;
    client.ask("a LOGIN {99999}", "a NO [TOOBIG]").await;
    client.ask("b NOOP", "b OK").await;
    drop(client);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn guesses_at_addresses_end_by_number_and_by_time() {
    let world = World::new().await;
    let mut guess = Client::connect(world.mx).await;
    guess.until("220 ").await;
    guess.ask("EHLO client.example", "250 ").await;
    guess.ask("MAIL FROM:<x@elsewhere.example>", "250 ").await;
    for n in 1..SMTP_REFUSED_MAX {
        guess.ask(&format!("RCPT TO:<x{n}@a.example>"), "550 5.1.1").await;
    }
    guess.ask("RCPT TO:<last@a.example>", "421 4.7.0").await;
    guess.closed().await;
    let mut slow = Client::connect(world.mx).await;
    slow.until("220 ").await;
    slow.ask("EHLO client.example", "250 ").await;
    slow.ask("MAIL FROM:<x@elsewhere.example>", "250 ").await;
    let start = tokio::time::Instant::now();
    let said = loop {
        if let Some(said) = slow.said(Duration::from_secs(280)).await {
            break said;
        }
        slow.ask("RCPT TO:<nobody@a.example>", "550 5.1.1").await;
    };
    let secs = start.elapsed().as_secs();
    assert!(said.starts_with("421 4.4.2"), "{said}");
    assert!((SMTP_FRUITLESS_SECS_MAX - 300..SMTP_FRUITLESS_SECS_MAX + 300).contains(&secs), "{secs} s");
}

#[tokio::test(start_paused = true)]
async fn after_unauthenticate_there_is_time_for_a_login() {
    let world = World::new().await;
    let mut ann = world.imap("ann@a.example").await;
    tokio::time::sleep(Duration::from_secs(2 * IMAP_LOGIN_TOTAL_SECS_MAX)).await;
    ann.ask("a UNAUTHENTICATE", "a OK").await;
    assert_eq!(ann.said(Duration::from_secs(100)).await, None);
    ann.ask("b NOOP", "b OK").await;
    let said = ann.said(Duration::from_secs(100)).await;
    assert!(said.is_some_and(|s| s.starts_with("* BYE")));
}

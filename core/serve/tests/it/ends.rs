//! SUMMARY    How sessions end that would not: lines without end, bombs, clients that trickle. Each hears why.

use crate::world::{Client, World};
use base::limits::{BYTES_PER_SEC_MIN, DEFLATE_BARREN_BYTES_MAX, LOGIN_SECS_MAX, UNFINISHED_SECS_MAX, WRITE_SECS_MAX};
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
    for (door, greeting, answer) in
        [(world.mx, "220 ", "421 4.4.2"), (world.lmtp, "220 ", "421 4.4.2"), (world.imap, "* OK", "* BYE")]
    {
        let mut client = Client::connect(door).await;
        client.until(greeting).await;
        client.send(b"N").await;
        let (said, secs) = trickle(&mut client, b'O', slow).await;
        assert!(said.starts_with(answer), "{said}");
        assert!((UNFINISHED_SECS_MAX..UNFINISHED_SECS_MAX + 60).contains(&secs), "{answer}: {secs} s");
        client.closed().await;
    }
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
    for (door, greeting, command, ok, bye) in
        [(world.imap, "* OK", "a NOOP", "a OK", "* BYE"), (world.submission, "220 ", "NOOP", "250 ", "421 4.4.2")]
    {
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
        assert!(
            said.starts_with(bye) && (LOGIN_SECS_MAX..LOGIN_SECS_MAX + 60).contains(&secs),
            "{said} after {secs} s"
        );
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

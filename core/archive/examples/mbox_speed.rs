//! SUMMARY    How fast mbox files are written and read: `cargo run --release -p archive --example mbox_speed [MBOX]`.
//! Without a file, a made-up mailbox: texts of short lines, and attachments in base64.

#![allow(clippy::expect_used, reason = "a measuring tool")]

use std::time::Instant;

use archive::mbox::{EndsScan, Item, LineEnds, MessageWriter, Reader, Restorer};
use base::Timestamp;

const PIECE_BYTES: usize = 256 * 1024;
const ROUNDS: u32 = 10;

fn main() {
    let messages =
        std::env::args().nth(1).map_or_else(made_up, |path| from_file(&std::fs::read(path).expect("a file")));
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!("{} messages, {} MB", messages.len(), bytes / 1_000_000);
    let mut out = Vec::with_capacity(2 * bytes);
    measure("classify", bytes, || messages.iter().filter(|m| EndsScan::of(m) == LineEnds::Crlf).count());
    measure("write", bytes, || write(&messages, &mut out));
    let file = out.len();
    measure("read", file, || read(&out, |_| {}));
    let mut restored = Vec::with_capacity(2 * bytes);
    measure("read and restore", file, || {
        restored.clear();
        let mut restorer = Restorer::new(LineEnds::Crlf);
        read(&out, |piece| restorer.feed(piece, &mut restored))
    });
}

fn measure(what: &str, bytes: usize, mut run: impl FnMut() -> usize) {
    let found = run();
    let begun = Instant::now();
    (0..ROUNDS).for_each(|_| assert_eq!(std::hint::black_box(run()), found));
    let secs = begun.elapsed().as_secs_f64();
    println!("{what:>18}: {:.0} MB/s ({found})", bytes as f64 * f64::from(ROUNDS) / secs / 1e6);
}

fn write(messages: &[Vec<u8>], out: &mut Vec<u8>) -> usize {
    out.clear();
    for message in messages {
        let mut scan = EndsScan::default();
        message.chunks(PIECE_BYTES).for_each(|piece| scan.feed(piece));
        let mut writer = MessageWriter::begin("ann@example.org", Timestamp::from_secs(1_795_461_812), scan.end(), out);
        message.chunks(PIECE_BYTES).for_each(|piece| writer.write(piece, out));
        writer.end(out).expect("as it was scanned");
    }
    out.len()
}

fn read(file: &[u8], mut body: impl FnMut(&[u8])) -> usize {
    let (mut reader, mut count) = (Reader::new(), 0);
    for mut piece in file.chunks(PIECE_BYTES) {
        while let Some(item) = reader.next(&mut piece) {
            match item {
                Item::Start(_) => count += 1,
                Item::Body(text) => body(text),
                Item::End { .. } | Item::Problem(_) => {}
            }
        }
    }
    count
}

fn from_file(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut reader, mut messages, mut restorer) = (Reader::new(), Vec::new(), Restorer::new(LineEnds::Crlf));
    let mut rest = file;
    while let Some(item) = reader.next(&mut rest) {
        match item {
            Item::Start(_) => {
                messages.push(Vec::new());
                restorer = Restorer::new(LineEnds::Crlf);
            }
            Item::Body(text) => restorer.feed(text, messages.last_mut().expect("a message")),
            Item::End { .. } | Item::Problem(_) => {}
        }
    }
    messages
}

fn made_up() -> Vec<Vec<u8>> {
    let text =
        "From here on it is a text of lines as people write them, some\r\nof them\r\nshort.\r\n\r\n>From a quote\r\n"
            .repeat(40);
    let base64 = format!("{}\r\n", "QUJD".repeat(19)).repeat(900);
    let message = |n: usize| {
        let attachment = if n.is_multiple_of(4) { base64.as_str() } else { "" };
        format!("From: a@example.org\r\nTo: b@example.org\r\nSubject: {n}\r\n\r\n{text}{attachment}").into_bytes()
    };
    (0..4_000).map(message).collect()
}

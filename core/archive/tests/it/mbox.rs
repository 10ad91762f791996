//! mbox files: what is written comes back, what others wrote is read, however it is cut.

use archive::mbox::{EndsScan, Item, LineEnds, MessageWriter, Problem, Reader};
use base::Timestamp;
use base::limits::{MBOX_FROM_BYTES_MAX, MESSAGE_BYTES_MAX};
use proptest::prelude::*;

#[path = "harness/mbox_read.rs"]
mod harness;
use harness::{Found, by_lines, read};

const FROM: &str = "From a@b Mon Nov 23 19:23:32 2026\n";

/// Bodies of a file, in one line each; problems as `!`.
fn bodies(file: &[u8]) -> Vec<String> {
    harness::run(file);
    let body = |found: Found| match found {
        Found::Message { body, .. } => body.escape_ascii().to_string(),
        Found::TooBig(at) => format!("!too big at {at}"),
        Found::NoStart(at) => format!("!no start at {at}"),
    };
    read([file].into_iter()).into_iter().map(body).collect()
}

fn check(file: &str, expect: &[&str]) {
    assert_eq!(bodies(file.as_bytes()), expect, "{file:?}");
}

#[test]
fn files_of_many_programs() {
    check(&format!("{FROM}A: b\n\nbody\n\n{FROM}C: d\n\n"), &["A: b\\n\\nbody\\n", "C: d\\n"]);
    check(&format!("{FROM}A: b\n\nbody").replace('\n', "\r\n"), &["A: b\\r\\n\\r\\nbody"]);
    check(&format!("{FROM}x\n\n{FROM}y\n").replace('\n', "\r\n"), &["x\\r\\n", "y\\r\\n"]);
    check(
        &format!("{FROM}>From a\n>>From b\n>> From c\n>Fromage\n\n"),
        &["From a\\n>From b\\n>> From c\\n>Fromage\\n"],
    );
    check(&format!("{FROM}\n\n\n{FROM}\n"), &["\\n\\n", ""]);
    check(&format!("\n\n\u{feff}{FROM}a\n"), &["!no start at 2"]);
    check(&format!("\u{feff}{FROM}a\n"), &["a\\n"]);
    check(&format!("\n\r\n{FROM}a\n"), &["a\\n"]);
    check("From somebody\nSubject: the first line needs no date\n", &["Subject: the first line needs no date\\n"]);
    check("From - Mon Nov 23 19:23:32 2026", &[""]);
}

#[test]
fn a_sentence_divides_no_message() {
    check(&format!("{FROM}a\n\nFrom now on\n\nFrom 10:30\n"), &["a\\n\\nFrom now on\\n\\nFrom 10:30\\n"]);
    check(&format!("{FROM}a\n{FROM}b\n"), &["a\\nFrom a@b Mon Nov 23 19:23:32 2026\\nb\\n"]);
    let long = format!("From {} Mon Nov 23 19:23:32 2026\n", "x".repeat(MBOX_FROM_BYTES_MAX));
    assert_eq!(bodies(format!("{FROM}a\n\n{long}b\n").as_bytes()).len(), 1);
}

#[test]
fn what_is_no_mbox_is_told_of_once() {
    check("", &[]);
    check("\n\r\n\r", &["!no start at 3"]);
    check("Subject: a message\n\nbody\n", &["!no start at 0"]);
    check(&format!("text\n>>>\n\n{FROM}a\n"), &["!no start at 0", "a\\n"]);
}

#[test]
fn lines_without_end_are_not_kept() {
    let quotes = [FROM.as_bytes(), &b">".repeat(1 << 20), b"From x\n\n"].concat();
    let expect = [&b">".repeat((1 << 20) - 1)[..], b"From x\n"].concat();
    for size in [1 << 20, 4096, 7] {
        let [Found::Message { body, .. }] = &read(quotes.chunks(size))[..] else { panic!("one message") };
        assert!(*body == expect, "in pieces of {size}");
    }
    harness::run(&[FROM.as_bytes(), b"x\n\nFrom ", &b"y".repeat(5_000)].concat());
}

#[test]
fn a_message_that_is_too_big_is_skipped_and_told_of() {
    let (mut reader, mut items) = (Reader::new(), Vec::new());
    let mut feed = |mut piece: &[u8]| {
        while let Some(item) = reader.next(&mut piece) {
            match item {
                Item::Start(start) => items.push(format!("start {}", start.at)),
                Item::Body(_) => {}
                Item::End { bytes } => items.push(format!("end {bytes}")),
                Item::Problem(Problem::TooBig { at }) => items.push(format!("too big {at}")),
                Item::Problem(Problem::NoStart { at }) => items.push(format!("no start {at}")),
            }
        }
    };
    feed(b"From a\nsmall\n\n");
    feed(FROM.as_bytes());
    let piece = b"0123456789abcde\n".repeat(1 << 16);
    (0..MESSAGE_BYTES_MAX / piece.len() + 3).for_each(|_| feed(&piece));
    feed(b"\n");
    feed(FROM.as_bytes());
    feed(b"small too\n\n");
    feed(FROM.as_bytes());
    let after = 14 + 34 + 53 * (1 << 20) + 1;
    let last = after + 34 + 11;
    let expect =
        ["start 0", "end 6", "start 14", "too big 14", &format!("start {after}"), "end 10", &format!("start {last}")];
    assert_eq!(items, expect);
}

#[test]
fn the_bytes_of_a_file_are_these() {
    let mut out = Vec::new();
    let mut write = |sender: &str, message: &[u8]| {
        let ends = EndsScan::of(message);
        let mut writer = MessageWriter::begin(sender, Timestamp::from_secs(1_795_461_812), ends, &mut out);
        writer.write(message, &mut out);
        writer.end(&mut out).unwrap();
    };
    write("ann@example.org", b"Subject: x\r\n\r\nFrom me\r\n>From you\r\nFro");
    write("", b"From: a\r\n\r\nFrom me\r\n>>From you\r\n");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "From ann@example.org Mon Nov 23 19:23:32 2026\nSubject: x\r\n\r\n>From me\r\n>>From you\r\nFro\n\n\
         From MAILER-DAEMON Mon Nov 23 19:23:32 2026\nFrom: a\n\n>From me\n>>>From you\n\n"
    );
}

#[test]
fn a_message_that_is_not_as_it_was_scanned_is_an_error() {
    for changed in [&b"a\n"[..], b"a\r\nb", b"a\r\n>", b"\r\r\n", b"\n\r", b"\r", b"a\rb\n\r\n", b""] {
        assert!(!is_pure(changed, 1) && !is_pure(changed, 9), "{}", changed.escape_ascii());
    }
}

/// Whether a writer believes that a message has pure CRLF.
fn is_pure(message: &[u8], size: usize) -> bool {
    let mut out = Vec::new();
    let mut writer = MessageWriter::begin("a", Timestamp::from_secs(0), LineEnds::Crlf, &mut out);
    message.chunks(size).for_each(|piece| writer.write(piece, &mut out));
    writer.end(&mut out).is_ok()
}

/// Bytes that look like mbox files.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "From ",
        "From",
        "Fro",
        "F",
        ">",
        ">>",
        ">From ",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        " ",
        "x",
        "\0",
        "\u{feff}",
        "From a@b Mon Nov 23 19:23:32 2026\n",
        "From a 2026-11-23 1:22\r\n",
        "From now on\n",
        "10:30",
        "Nov",
    ]);
    let bytes =
        prop_oneof![9 => piece.prop_map(|p| p.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..4)];
    prop::collection::vec(bytes, 0..30).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn files_like_mbox_are_read_the_same_however_they_are_cut(file in pieces()) {
        harness::run(&file);
        harness::run(&[FROM.as_bytes(), &file].concat());
    }

    #[test]
    fn any_message_comes_back_bit_for_bit(message in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..40) {
        harness::round_trip(&message, size);
        let lines: Vec<u8> = message.iter().flat_map(|b| [*b, b'\r', b'\n']).collect();
        harness::round_trip(&lines, size);
    }

    #[test]
    fn messages_with_from_lines_come_back_bit_for_bit(message in pieces(), size in 1_usize..40) {
        harness::round_trip(&message, size);
        let crlf = String::from_utf8_lossy(&message).replace('\r', "").replace('\n', "\r\n") + "\r\n";
        prop_assert_eq!(EndsScan::of(crlf.as_bytes()), LineEnds::Crlf);
        harness::round_trip(crlf.as_bytes(), size);
    }

    #[test]
    fn writer_and_scan_agree(message in "(\r\n|\r|\n|>|From |x){0,12}", size in 1_usize..9) {
        prop_assert_eq!(is_pure(message.as_bytes(), size), EndsScan::of(message.as_bytes()) == LineEnds::Crlf);
    }

    #[test]
    fn random_cuts(file in pieces(), cuts in prop::collection::vec(0_usize..400, 0..12)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(file.len())).chain([0, file.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(read(cuts.windows(2).map(|w| &file[w[0]..w[1]])), by_lines(&file));
    }
}

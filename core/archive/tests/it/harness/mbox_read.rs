//! SUMMARY    Fuzz harness: any file is read the same whole, byte by byte and in pieces, as a reader of whole lines reads it.

use archive::mbox::{EndsScan, Item, MessageWriter, Problem, Reader, Restorer};
use base::Timestamp;
use base::limits::MBOX_FROM_BYTES_MAX;

/// Items with their bodies joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Message { at: u64, line: Vec<u8>, body: Vec<u8> },
    TooBig(u64),
    NoStart(u64),
}

#[derive(Default)]
struct Collect {
    found: Vec<Found>,
    open: Option<(u64, Vec<u8>, Vec<u8>)>,
}

impl Collect {
    fn take(&mut self, item: &Item<'_>) {
        match item {
            Item::Start(start) => {
                assert!(self.open.is_none(), "a message begins in another");
                start.sender();
                start.received();
                self.open = Some((start.at, start.line.to_vec(), Vec::new()));
            }
            Item::Body(piece) => {
                assert!(!piece.is_empty());
                self.open.as_mut().expect("a body is of a message").2.extend_from_slice(piece);
            }
            Item::End { bytes } => {
                let (at, line, body) = self.open.take().expect("an end is of a message");
                assert_eq!(*bytes, body.len() as u64);
                self.found.push(Found::Message { at, line, body });
            }
            Item::Problem(Problem::TooBig { at }) => {
                self.open = None;
                self.found.push(Found::TooBig(*at));
            }
            Item::Problem(Problem::NoStart { at }) => self.found.push(Found::NoStart(*at)),
        }
    }
}

/// Reads pieces of a file.
pub fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Found> {
    let (mut reader, mut collect) = (Reader::new(), Collect::default());
    for mut piece in pieces {
        while let Some(item) = reader.next(&mut piece) {
            collect.take(&item);
        }
        assert!(piece.is_empty());
        assert!(reader.kept_bytes() <= MBOX_FROM_BYTES_MAX);
    }
    while let Some(item) = reader.finish() {
        collect.take(&item);
    }
    assert!(collect.open.is_none() && reader.finish().is_none());
    collect.found
}

/// The same by lines of a file that is all there.
pub fn by_lines(file: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let (mut first, mut told, mut blank) = (true, false, None);
    let mut message: Option<(u64, Vec<u8>, Vec<u8>)> = None;
    let skip = if file.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut at = skip as u64;
    for line in file[skip..].split_inclusive(|b| *b == b'\n') {
        let here = at;
        at += line.len() as u64;
        if line == b"\n" || line == b"\r\n" {
            if let (Some(before), Some(message)) = (blank.replace(line), message.as_mut()) {
                message.2.extend_from_slice(before);
            }
            continue;
        }
        let short = line.len() <= MBOX_FROM_BYTES_MAX && (line.len() < MBOX_FROM_BYTES_MAX || line.ends_with(b"\n"));
        let from = line.starts_with(b"From ") && short && (first || (blank.is_some() && looks(line)));
        let before = blank.take();
        first = false;
        if from {
            found.extend(message.take().map(|(at, line, body)| Found::Message { at, line, body }));
            message = Some((here, line.to_vec(), Vec::new()));
        } else if let Some((_, _, body)) = message.as_mut() {
            body.extend_from_slice(before.unwrap_or_default());
            let quotes = line.iter().take_while(|b| **b == b'>').count();
            let quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
            body.extend_from_slice(&line[usize::from(quoted)..]);
        } else if !told {
            told = true;
            found.push(Found::NoStart(here));
        }
    }
    found.extend(message.map(|(at, line, body)| Found::Message { at, line, body }));
    found
}

/// A time, and a month or a date.
fn looks(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).to_lowercase();
    let mut words = text.split_ascii_whitespace();
    let digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let time = text.chars().collect::<Vec<_>>();
    let time = time.windows(4).any(|w| digit(w.first()) && w[1] == ':' && digit(w.get(2)) && digit(w.get(3)));
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let date = |w: &str| {
        let c: Vec<char> = w.chars().take(8).collect();
        c.len() == 8 && c.iter().enumerate().all(|(n, c)| if n == 4 || n == 7 { *c == '-' } else { c.is_ascii_digit() })
    };
    time && words.any(|w| months.contains(&w) || date(w))
}

/// A message that is written, between two others, comes back bit for bit.
pub fn round_trip(message: &[u8], pieces: usize) {
    let ends = EndsScan::of(message);
    let mut file = Vec::new();
    for body in [&b"Subject: before\r\n"[..], message, b"Subject: after\r\n"] {
        let ends = EndsScan::of(body);
        let mut writer = MessageWriter::begin("a@b", Timestamp::from_secs(7), ends, &mut file);
        body.chunks(pieces.max(1)).for_each(|piece| writer.write(piece, &mut file));
        writer.end(&mut file).expect("it is as it was scanned");
    }
    let found = read(file.chunks(pieces.max(1)));
    let [Found::Message { .. }, Found::Message { body, .. }, Found::Message { .. }] = found.as_slice() else {
        panic!("three messages: {found:?}")
    };
    let mut restored = Vec::new();
    let mut restorer = Restorer::new(ends);
    body.chunks(pieces.max(1)).for_each(|piece| restorer.feed(piece, &mut restored));
    assert!(restored == message, "{} became {}", message.escape_ascii(), restored.escape_ascii());
}

pub fn run(data: &[u8]) {
    let whole = read([data].into_iter());
    assert_eq!(whole, by_lines(data), "as by lines");
    assert_eq!(whole, read(data.chunks(1)), "byte by byte");
    let size = usize::from(data.first().copied().unwrap_or(0)) % 13 + 2;
    assert_eq!(whole, read(data.chunks(size)), "in pieces of {size}");
    round_trip(data, size);
    round_trip(data, data.len());
}

//! SUMMARY    Fuzz harness: any file has the same lines however it is cut; a value that was read is written and read again as the same.

use archive::metadata::{Email, Mailbox, Problem};
use archive::{Line, Lines, write_line};
use base::limits::ARCHIVE_LINE_BYTES_MAX;
use serde::{Serialize, de::DeserializeOwned};

fn lines<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(u64, Option<Vec<u8>>)> {
    let (mut reader, mut found) = (Lines::new(), Vec::new());
    let own = |line: Line<'_>| (line.number, line.text.map(<[u8]>::to_vec));
    for mut piece in pieces {
        while let Some(line) = reader.next(&mut piece) {
            found.push(own(line));
        }
        assert!(piece.is_empty() && reader.kept_bytes() <= ARCHIVE_LINE_BYTES_MAX);
    }
    found.extend(reader.finish().map(own));
    assert!(reader.finish().is_none());
    found
}

fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(line: &Line<'_>) {
    let Ok(value) = line.read::<T>() else { return };
    let mut out = Vec::new();
    write_line(&value, &mut out).expect("what was read can be written");
    let text = out.strip_suffix(b"\n").expect("a line");
    assert!(!text.contains(&b'\n'));
    let written = Line { number: 1, text: Some(text) };
    assert_eq!(written.read::<T>().expect("what was written can be read"), value);
}

pub fn run(data: &[u8]) {
    let whole = lines([data].into_iter());
    assert_eq!(whole, lines(data.chunks(1)), "byte by byte");
    let size = usize::from(data.first().copied().unwrap_or(0)) % 13 + 2;
    assert_eq!(whole, lines(data.chunks(size)), "in pieces of {size}");
    let split = data.split(|b| *b == b'\n').zip(1..).map(|(text, n)| (n, text.trim_ascii()));
    let split: Vec<_> = split.filter(|(_, text)| !text.is_empty()).map(|(n, text)| (n, Some(text.to_vec()))).collect();
    if data.len() <= ARCHIVE_LINE_BYTES_MAX {
        assert_eq!(whole, split);
    }
    for (number, text) in &whole {
        let line = Line { number: *number, text: text.as_deref() };
        again::<Email>(&line);
        again::<Mailbox>(&line);
        again::<Problem>(&line);
    }
}

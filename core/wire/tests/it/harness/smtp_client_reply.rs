//! SUMMARY    Fuzz harness: replies of a foreign server are the same whole and in pieces, and are rendered back on lines of their own.

use wire::smtp::{Reply, ReplyError, ReplyParser};

const REPLIES_MAX: usize = 1_000;

fn read(pieces: impl Iterator<Item = Vec<u8>>) -> (Vec<Reply>, Option<ReplyError>) {
    let (mut parser, mut replies) = (ReplyParser::default(), Vec::new());
    for piece in pieces {
        parser.feed(&piece);
        while replies.len() < REPLIES_MAX {
            match parser.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(e) => return (replies, Some(e)),
            }
        }
    }
    (replies, None)
}

pub fn run(data: &[u8]) {
    let whole = read(std::iter::once(data.to_vec()));
    let single = read(data.iter().map(|b| vec![*b]));
    if whole.0.len() < REPLIES_MAX {
        assert_eq!(whole, single);
    }
    for reply in whole.0 {
        let mut out = Vec::new();
        reply.write(&mut out);
        assert!(out.ends_with(b"\r\n"));
        let ends = out.iter().filter(|b| **b == b'\n').count();
        assert_eq!(ends, reply.lines.len().max(1));
    }
}

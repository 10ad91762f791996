//! SUMMARY    Fuzz harness: responses of a foreign server are the same whole, byte by byte and in pieces; what is held is bounded by what came.

use wire::imap::client::{Broken, Event, Reader, Response};

/// What came; bodies by their length and their bytes.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Body(u64, Vec<u8>),
    Response(Response),
}

fn read<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> (Vec<Came>, Option<Broken>) {
    let (mut reader, mut came, mut total) = (Reader::default(), Vec::new(), 0);
    for piece in pieces {
        total += piece.len();
        let mut input = piece;
        loop {
            match reader.read(&mut input) {
                Ok(Some(Event::Body(bytes))) => came.push(Came::Body(bytes, Vec::new())),
                Ok(Some(Event::Piece(piece))) => match came.last_mut() {
                    Some(Came::Body(bytes, body)) => {
                        body.extend_from_slice(piece);
                        assert!(body.len() as u64 <= *bytes);
                    }
                    _ => panic!("a piece without a body"),
                },
                Ok(Some(Event::Response(response))) => came.push(Came::Response(response)),
                Ok(None) => break,
                Err(broken) => return (came, Some(broken)),
            }
        }
        assert!(input.is_empty(), "it stopped before the end");
        assert!(reader.held_bytes() <= total, "{} held of {total}", reader.held_bytes());
    }
    (came, None)
}

pub fn run(data: &[u8]) {
    let whole = read(std::iter::once(data));
    assert_eq!(read(data.chunks(1)), whole);
    assert_eq!(read(data.chunks(7)), whole);
}

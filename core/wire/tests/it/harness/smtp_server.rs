//! SUMMARY    Fuzz harness: a session answered by a fixed policy is the same whole and byte by byte, and its content lines are safe.

use std::sync::Arc;
use wire::smtp::{Event, Reply, Request, Server, ServerConfig};

/// More events than bytes cannot happen.
const EVENTS_PER_BYTE_MAX: usize = 4;

pub fn config(lmtp: bool) -> ServerConfig {
    let mut config = ServerConfig::new(base::Domain::parse("mx.example").unwrap());
    config.lmtp = lmtp;
    config.starttls = true;
    config.mechanisms = vec!["SCRAM-SHA-256-PLUS".into(), "SCRAM-SHA-256".into(), "PLAIN".into(), "LOGIN".into()];
    config.auth_needs_tls = false;
    config.verify = true;
    config.size_bytes_max = 2_000;
    config.recipients_max = 5;
    config
}

/// A session as seen from both sides.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Seen {
    pub output: Vec<u8>,
    pub messages: Vec<(usize, Vec<u8>)>,
    pub tls: bool,
    pub closed: bool,
}

/// The policy: local parts beginning with `no` are refused, `again` is deferred; passwords `secret` are right.
fn decide(server: &mut Server, request: Request, seen: &mut Seen) {
    match request {
        Request::Auth { initial: None, .. } => server.challenge(b"go on"),
        Request::Auth { initial: Some(bytes), .. } | Request::AuthResponse(bytes) => {
            if bytes.ends_with(b"secret") {
                server.reply(&Reply::new(235, (2, 7, 0), "authenticated"));
            } else {
                server.reply(&Reply::new(535, (5, 7, 8), "wrong"));
            }
        }
        Request::StartTls => server.reply(&Reply::new(220, (2, 0, 0), "go")),
        Request::Mail { .. } => server.reply(&Reply::new(250, (2, 1, 0), "sender ok")),
        Request::Rcpt(r) => {
            let local = r.to.local();
            server.reply(&match local {
                l if l.starts_with("no") => Reply::new(550, (5, 1, 1), "no such mailbox"),
                l if l.starts_with("again") => Reply::new(451, (4, 3, 0), "try later"),
                _ => Reply::new(250, (2, 1, 5), "recipient ok"),
            });
        }
        Request::Message(m) => {
            let binary = m.envelope.params.body == Some(wire::smtp::Body::BinaryMime);
            assert!(binary || lines_are_whole(&m.bytes), "a bare CR, LF or NUL got through");
            assert!(m.bytes.len() <= 2_000 && !m.envelope.recipients.is_empty());
            let replies = if server.protocol(false).starts_with("LMTP") { m.envelope.recipients.len() } else { 1 };
            seen.messages.push((m.envelope.recipients.len(), m.bytes.clone()));
            for _ in 0..replies {
                server.reply(&Reply::new(250, (2, 6, 0), "accepted"));
            }
            server.recycle(m.bytes);
        }
        Request::Vrfy(_) | Request::Expn(_) => server.reply(&Reply::new(252, (2, 1, 5), "maybe")),
    }
}

fn lines_are_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter().copied().peekable();
    while let Some(b) = rest.next() {
        match b {
            b'\r' if rest.next_if_eq(&b'\n').is_some() => {}
            b'\r' | b'\n' | 0 => return false,
            _ => {}
        }
    }
    true
}

/// Runs a session over input in pieces. After STARTTLS the rest of the input is not fed: it would be ciphertext.
pub fn session<'a>(config: ServerConfig, pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut server = Server::new(Arc::new(config), false);
    let mut seen = Seen::default();
    server.greet();
    seen.output.extend(server.output());
    for piece in pieces {
        server.feed(piece);
        for turn in 0.. {
            assert!(turn <= EVENTS_PER_BYTE_MAX * (piece.len() + 1), "the machine does not come to rest");
            match server.next() {
                Event::NeedMore => break,
                Event::Request(request) => decide(&mut server, request, &mut seen),
                Event::NeedReply => panic!("every request was answered"),
                Event::StartTls => {
                    seen.tls = true;
                    assert!(!server.has_input(), "plain text survived STARTTLS");
                    seen.output.extend(server.output());
                    return seen;
                }
                Event::Close => {
                    seen.closed = true;
                    seen.output.extend(server.output());
                    return seen;
                }
            }
        }
        seen.output.extend(server.output());
    }
    seen
}

pub fn run(data: &[u8]) {
    for lmtp in [false, true] {
        let whole = session(config(lmtp), std::iter::once(data));
        let single = session(config(lmtp), data.chunks(1));
        assert_eq!(whole, single, "fragmentation changes the session");
    }
}

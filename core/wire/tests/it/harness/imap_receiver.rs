//! SUMMARY    Fuzz harness: bytes of a client become the same items whole and byte by byte, with memory for no more than what came.

use wire::imap::{Command, Item, Limits, Receiver};

/// Small, so that every limit is met.
const SMALL: Limits = Limits { line_bytes: 300, literal_bytes: 100, message_bytes: 400, drain_bytes: 10_000 };
/// Capacity beyond twice the bytes held: the tail of a drained line, the smallest allocations.
const SLACK_BYTES: usize = 256;

/// What a session sees; `None` ends the stream.
pub type Seen = Vec<Option<Item>>;

/// Follows the policy of a session: every fifth offer of a literal is refused, IDLE and AUTHENTICATE read a line, logins raise the limits.
fn react(receiver: &mut Receiver, item: Item, seen: &mut Seen) {
    match &item {
        Item::Continue { bytes } if bytes % 5 == 4 => {
            let tag = receiver.refuse_literal();
            assert!(tag.is_none_or(|t| !t.is_empty()));
        }
        Item::Command(c) => {
            assert!(!c.tag.is_empty() && c.tag.bytes().all(|b| b.is_ascii_graphic() && b != b'+'), "{:?}", c.tag);
            match &c.command {
                Command::Idle | Command::Authenticate { initial: None, .. } => receiver.expect_line(),
                Command::Login { .. } => receiver.set_limits(Limits::AUTHENTICATED),
                Command::Enable(_) => receiver.set_utf8(true),
                Command::Unauthenticate => receiver.set_limits(SMALL),
                _ => {}
            }
        }
        Item::Bad { tag, text } => assert!(tag.as_deref() != Some("") && !text.is_empty()),
        Item::No { tag, .. } => assert!(!tag.is_empty()),
        Item::Line(line) => assert!(!line.contains(&b'\n')),
        Item::Continue { .. } | Item::NeedMore => {}
    }
    seen.push(Some(item));
}

/// Feeds the pieces; checks that the machine rests and what it holds meanwhile. `room`: a command that holds more is dropped.
pub fn session<'a>(pieces: impl Iterator<Item = &'a [u8]>, room: usize) -> Seen {
    let mut receiver = Receiver::new(SMALL);
    let mut seen = Vec::new();
    // What was held at most since the receiver was last empty: a buffer is freed with its last byte, not before.
    let (mut held, mut peak) = (0, 0);
    for piece in pieces {
        receiver.feed(piece);
        held += piece.len();
        for turn in 0.. {
            assert!(turn <= piece.len() + 2, "more items than bytes");
            match receiver.next() {
                Ok(Item::NeedMore) => break,
                Ok(item) => react(&mut receiver, item, &mut seen),
                Err(_) => {
                    seen.push(None);
                    return seen;
                }
            }
        }
        if receiver.buffered_bytes() > room {
            receiver.drop_command();
        }
        let (buffered, capacity) = (receiver.buffered_bytes(), receiver.capacity_bytes());
        peak = if capacity == 0 { 0 } else { peak.max(held) };
        assert!(buffered <= held, "more is buffered than came");
        assert!(capacity <= 3 * peak + SLACK_BYTES, "{capacity} bytes for {peak}");
        assert!(buffered > 0 || capacity == 0, "an idle receiver holds {capacity} bytes");
        held = buffered;
    }
    seen
}

pub fn run(data: &[u8]) {
    let whole = session(std::iter::once(data), usize::MAX);
    assert_eq!(session(data.chunks(1), usize::MAX), whole, "cutting changes what is understood");
    // The first byte chooses a cut, so that the fuzzer can move it.
    let step = usize::from(data.first().copied().unwrap_or(7)).max(2);
    assert_eq!(session(data.chunks(step), usize::MAX), whole, "cutting changes what is understood");
    session(data.chunks(step), step);
}

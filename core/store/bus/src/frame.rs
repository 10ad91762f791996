//! SUMMARY    What goes over a bus: who sent it, on which topic, and the message.
//! SECURITY   Frames come from whoever may write to the bus: lengths are checked, and one that is malformed is nothing.
//! LIMITS     BUS_FRAME_BYTES_MAX, BUS_TOPIC_BYTES_MAX
//! INVARIANTS The topic stands in the frame as it is; the subject it travels on is only an address.

use crate::limits::BUS_FRAME_BYTES_MAX;
#[cfg(any(feature = "nats", feature = "redis"))]
use crate::limits::BUS_TOPIC_BYTES_MAX;
use bytes::{BufMut, Bytes, BytesMut};
#[cfg(any(feature = "nats", feature = "redis"))]
use std::fmt::Write;

/// Format of the frame; a node of another format is not understood, so its messages are lost and read later.
const FORMAT: u8 = 1;
const HEAD_BYTES: usize = 1 + 8 + 4;

/// Topic on which nodes tell each other that messages were lost. Topics of the product are not empty behind the zero byte.
pub(crate) const LOST: &[u8] = b"\0";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub node: u64,
    pub topic: Bytes,
    pub message: Bytes,
}

impl Frame {
    /// None if it is longer than BUS_FRAME_BYTES_MAX.
    pub(crate) fn encode(node: u64, topic: &[u8], message: &[u8]) -> Option<Bytes> {
        if topic.len().saturating_add(message.len()) > BUS_FRAME_BYTES_MAX {
            return None;
        }
        let mut out = BytesMut::with_capacity(HEAD_BYTES + topic.len() + message.len());
        out.put_u8(FORMAT);
        out.put_u64(node);
        out.put_u32(u32::try_from(topic.len()).ok()?);
        out.put_slice(topic);
        out.put_slice(message);
        Some(out.freeze())
    }

    pub(crate) fn decode(bytes: Bytes) -> Option<Frame> {
        let (format, rest) = bytes.split_first()?;
        let (node, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if *format != FORMAT || length > rest.len() || rest.len() > BUS_FRAME_BYTES_MAX {
            return None;
        }
        let topic = bytes.slice(HEAD_BYTES..HEAD_BYTES + length);
        let message = bytes.slice(HEAD_BYTES + length..);
        Some(Frame { node: u64::from_be_bytes(*node), topic, message })
    }
}

/// `prefix.` and the topic as hexadecimal digits, or a hash of a long one: letters, digits and dots only.
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) fn address(prefix: &str, topic: &[u8]) -> String {
    let mut out = format!("{prefix}.");
    if topic.len() > BUS_TOPIC_BYTES_MAX {
        let _ = write!(out, "h{}", blake3::hash(topic).to_hex());
        return out;
    }
    out.push('t');
    for byte in topic {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_damaged_ones_are_nothing() {
        for (topic, message) in [(b"".as_slice(), b"".as_slice()), (b"t", b""), (b"", b"m"), (&[0; 300], &[255; 5_000])]
        {
            let bytes = Frame::encode(7, topic, message).unwrap();
            let frame = Frame::decode(bytes.clone()).unwrap();
            assert_eq!((frame.node, &frame.topic[..], &frame.message[..]), (7, topic, message));
            for end in 0..HEAD_BYTES + topic.len() {
                assert_eq!(Frame::decode(bytes.slice(..end)), None, "{end}");
            }
        }
        assert_eq!(Frame::encode(7, b"t", &vec![0; BUS_FRAME_BYTES_MAX]), None);
        assert_eq!(Frame::decode(Bytes::from(vec![2; 100])), None, "another format");
        assert_eq!(Frame::decode(Bytes::from(vec![1; 100])), None, "a length beyond the end");
    }

    #[cfg(any(feature = "nats", feature = "redis"))]
    #[test]
    fn addresses() {
        assert_eq!(address("ph", b""), "ph.t");
        assert_eq!(address("ph", b"a.*>\xff"), "ph.t612e2a3eff");
        let long = address("ph", &[b'a'; BUS_TOPIC_BYTES_MAX + 1]);
        assert!(long.starts_with("ph.h") && long.len() == 4 + 64, "{long}");
        assert_ne!(long, address("ph", &[b'a'; BUS_TOPIC_BYTES_MAX + 2]));
    }
}

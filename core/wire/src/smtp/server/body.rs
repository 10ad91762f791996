//! SUMMARY    The message: DATA and BDAT content up to the request that hands it to the caller.
//! STANDARDS  RFC 5321 §4.1.1.4; RFC 3030 §2; RFC 2033 §4.2
//! LIMITS     SMTP_DRAIN_BYTES_MAX, the size of the listener
//! INVARIANTS A refused chunk is read to its end before the reply. A refused message never reaches the caller.

use super::{Message, Pending, Phase, Request, Server};
use crate::smtp::{
    Body, Reply,
    data::{ChunkCheck, Fault},
};
use base::limits::SMTP_DRAIN_BYTES_MAX;

/// A message that comes in BDAT chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    check: ChunkCheck,
    /// A chunk was refused: so is the rest, up to LAST or RSET.
    failed: bool,
    /// It was refused for want of room, which is no fault of the client.
    no_room: bool,
}

/// The chunk being read.
#[derive(Debug)]
pub(super) struct Chunk {
    left_bytes: u64,
    size_bytes: u64,
    last: bool,
    /// Refused: its bytes are dropped and this is the reply.
    refusal: Option<Reply>,
}

impl Server {
    /// BDAT. The bytes follow whatever the reply will be (RFC 3030 §2).
    pub(super) fn chunk(&mut self, size_bytes: u64, last: bool) {
        let refusal = self.chunk_refusal(size_bytes);
        if refusal.is_some() && size_bytes > SMTP_DRAIN_BYTES_MAX {
            return self.close(&Reply::new(421, (4, 3, 4), "chunk is too big to be skipped"));
        }
        if let Some(envelope) = self.envelope.as_ref().filter(|e| !e.recipients.is_empty()) {
            let binary = envelope.params.body == Some(Body::BinaryMime);
            let start = || Chunks { check: ChunkCheck::new(binary), failed: false, no_room: false };
            self.chunks.get_or_insert_with(start).failed |= refusal.is_some();
        }
        if refusal.is_some() {
            self.body.clear();
        }
        self.phase = Phase::Chunk(Chunk { left_bytes: size_bytes, size_bytes, last, refusal });
    }

    fn chunk_refusal(&self, size_bytes: u64) -> Option<Reply> {
        let order = |text: &'static str| Some(Reply::new(503, (5, 5, 1), text));
        if !self.config.chunking {
            return Some(Reply::new(502, (5, 5, 1), "BDAT is not offered"));
        }
        let Some(envelope) = &self.envelope else { return order("say MAIL first") };
        if self.chunks.as_ref().is_some_and(|c| c.no_room) {
            return Some(Fault::NoRoom.reply());
        }
        if self.chunks.as_ref().is_some_and(|c| c.failed) {
            return order("an earlier chunk was refused; send RSET");
        }
        if envelope.recipients.is_empty() {
            return order("no valid recipients");
        }
        let room = self.config.size_bytes_max.saturating_sub(self.body.len()) as u64;
        if size_bytes > room { Some(Fault::TooBig.reply()) } else { None }
    }

    /// Bytes of messages and commands that are held.
    pub fn held_bytes(&self) -> usize {
        self.body.len().saturating_add(self.input.len())
    }

    /// There is no room for the message that is being read: what came is dropped, the rest is read to its end, and the reply is 452.
    pub fn drop_message(&mut self) {
        match &mut self.phase {
            Phase::Data(scanner) => scanner.refuse(Fault::NoRoom, &mut self.body),
            Phase::Chunk(chunk) if chunk.refusal.is_none() => chunk.refusal = Some(Fault::NoRoom.reply()),
            Phase::Chunk(_) | Phase::New | Phase::Commands | Phase::Auth | Phase::Tls | Phase::Closed => {}
        }
        if let Some(chunks) = &mut self.chunks {
            (chunks.failed, chunks.no_room) = (true, true);
        }
        self.body = Vec::new();
    }

    /// Content straight from the socket's buffer, when nothing waits before it; returns the bytes taken.
    pub(super) fn feed_body(&mut self, bytes: &[u8]) -> usize {
        match &mut self.phase {
            Phase::Data(scanner) => {
                let progress = scanner.push(bytes, &mut self.body);
                let (fault, dropped) = (scanner.fault(), scanner.dropped_bytes());
                if progress.done {
                    self.finish(fault.map(Fault::reply));
                } else if dropped > SMTP_DRAIN_BYTES_MAX {
                    self.close(&Reply::new(421, (4, 3, 4), "message is too big to be skipped"));
                }
                progress.used
            }
            Phase::Chunk(chunk) => {
                let n = usize::try_from(chunk.left_bytes).unwrap_or(usize::MAX).min(bytes.len());
                let taken = bytes.get(..n).unwrap_or_default();
                chunk.left_bytes -= n as u64;
                if let (None, Some(chunks)) = (&chunk.refusal, &mut self.chunks) {
                    match chunks.check.push(taken) {
                        Ok(()) => self.body.extend_from_slice(taken),
                        Err(fault) => {
                            chunk.refusal = Some(fault.reply());
                            chunks.failed = true;
                            self.body.clear();
                        }
                    }
                }
                if chunk.left_bytes == 0 {
                    self.finish_chunk();
                }
                n
            }
            Phase::New | Phase::Commands | Phase::Auth | Phase::Tls | Phase::Closed => 0,
        }
    }

    /// Content from the input buffer; false when more bytes are needed.
    pub(super) fn take_body(&mut self) -> bool {
        let input = std::mem::take(&mut self.input);
        let waiting = input.get(self.used..).unwrap_or_default();
        let empty_chunk = matches!(&self.phase, Phase::Chunk(c) if c.left_bytes == 0);
        let used = if waiting.is_empty() && !empty_chunk { 0 } else { self.feed_body(waiting) };
        self.used += used;
        self.input = input;
        used > 0 || empty_chunk
    }

    fn finish_chunk(&mut self) {
        let Phase::Chunk(mut chunk) = std::mem::replace(&mut self.phase, Phase::Commands) else { return };
        if chunk.last && chunk.refusal.is_none() {
            let end = self.chunks.as_ref().map_or(Ok(()), |c| c.check.finish());
            chunk.refusal = end.err().map(Fault::reply);
        }
        match (chunk.refusal, chunk.last) {
            (None, true) => self.finish(None),
            (None, false) => {
                self.say(&Reply::new(250, (2, 0, 0), format!("{} bytes received", chunk.size_bytes)));
            }
            (Some(refusal), last) => {
                let in_transaction = self.chunks.is_some() && last;
                if in_transaction {
                    self.finish(Some(refusal));
                } else {
                    self.refuse_message(&refusal);
                    if last {
                        self.reset();
                    }
                }
            }
        }
    }

    /// The whole message has been read: hand it over, or refuse it for each who would get a reply.
    fn finish(&mut self, refusal: Option<Reply>) {
        self.phase = Phase::Commands;
        let Some(envelope) = self.envelope.take() else { return };
        let replies = if self.config.lmtp { envelope.recipients.len().max(1) } else { 1 };
        if let Some(refusal) = refusal {
            for _ in 1..replies {
                self.say(&refusal);
            }
            self.reset();
            return self.refuse_message(&refusal);
        }
        let bytes = std::mem::take(&mut self.body);
        self.request(Pending::Message { replies_left: replies }, Request::Message(Message { envelope, bytes }));
    }

    /// Says why; a refusal that is not the client's fault does not count as its error.
    fn refuse_message(&mut self, refusal: &Reply) {
        if refusal.code < 500 { self.say(refusal) } else { self.refuse(refusal) }
    }
}

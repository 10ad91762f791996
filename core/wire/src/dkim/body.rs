//! SUMMARY    The hash of a body in its relaxed form, piece by piece.
//! STANDARDS  RFC 6376 §3.4.4, §3.7
//! INVARIANTS What is in memory is one buffer, whatever the body. Pieces may be cut anywhere.

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256.
pub(super) const HASH_BYTES: usize = 32;
/// Canonical bytes that are hashed at once.
const BUFFER_BYTES: usize = 8 * 1024;

/// A hash under way.
pub struct BodyHash {
    context: Context,
    /// Canonical bytes that are not hashed yet.
    buffer: Vec<u8>,
    /// Line ends since the last visible byte: they count only if another one follows.
    line_ends: u64,
    /// White space since the last visible byte of the line.
    space: bool,
    after_cr: bool,
    /// Whether there was a visible byte.
    any: bool,
    is_text: bool,
}

impl Default for BodyHash {
    fn default() -> Self {
        BodyHash {
            context: Context::new(&SHA256),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            line_ends: 0,
            space: false,
            after_cr: false,
            any: false,
            is_text: true,
        }
    }
}

impl BodyHash {
    /// Takes the next piece of the body.
    pub fn push(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some((first, after)) = rest.split_first().filter(|_| self.is_text) {
            if self.after_cr != (*first == b'\n') {
                self.is_text = false;
                return;
            }
            self.after_cr = false;
            rest = after;
            match first {
                b' ' | b'\t' => self.space = true,
                b'\r' => self.after_cr = true,
                b'\n' => {
                    self.line_ends += 1;
                    self.space = false;
                }
                0 => self.is_text = false,
                _ => {
                    let more = after.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0));
                    let (run, after) = after.split_at(more.unwrap_or(after.len()));
                    self.visible(*first, run);
                    rest = after;
                }
            }
        }
    }

    fn visible(&mut self, first: u8, run: &[u8]) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            self.write(b"\r\n");
        }
        if std::mem::take(&mut self.space) {
            self.write(b" ");
        }
        self.write(&[first]);
        self.write(run);
        self.any = true;
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.context.update(&self.buffer);
            self.buffer.clear();
        }
        if bytes.len() > BUFFER_BYTES {
            self.context.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The hash (`bh=`); `None`: the body is no text, with a bare CR or LF or a NUL in it.
    pub fn finish(mut self) -> Option<[u8; HASH_BYTES]> {
        if !self.is_text || self.after_cr {
            return None;
        }
        if self.any {
            self.write(b"\r\n");
        }
        self.context.update(&self.buffer);
        self.context.finish().as_ref().try_into().ok()
    }
}

//! SUMMARY    The bytes of an entry: stored, or inflated piece by piece.
//! STANDARDS  RFC 1951; APPNOTE 6.3.10 §4.4.7 (CRC-32)
//! SECURITY   Never more bytes come out than the directory says. They are handed out before their check value is known: only `finish`
//!            says that they were right.
//! LIMITS     ZIP_STEP_BYTES_MAX

use base::limits::ZIP_STEP_BYTES_MAX;
use flate2::{Decompress, FlushDecompress, Status};

use super::entry::{Entry, Method};
use crate::Error;

/// Decodes one entry. Feed it the bytes of its `data_range` by calling `next` until it says None, for each piece, then `finish`.
#[derive(Debug)]
pub struct Decoder {
    /// None: stored.
    inflate: Option<Inflate>,
    /// Bytes in the archive that did not come yet.
    packed_left: u64,
    /// Bytes of the content that did not come yet.
    left: u64,
    crc32: u32,
    hash: crc32fast::Hasher,
    is_broken: bool,
}

#[derive(Debug)]
struct Inflate {
    state: Decompress,
    out: Vec<u8>,
    is_ended: bool,
}

impl Decoder {
    pub fn new(entry: &Entry) -> Self {
        let inflate = match entry.method {
            Method::Stored => None,
            Method::Deflated => {
                Some(Inflate { state: Decompress::new(false), out: vec![0; ZIP_STEP_BYTES_MAX], is_ended: false })
            }
        };
        let (packed_left, left) = (entry.packed_bytes, entry.bytes);
        Decoder { inflate, packed_left, left, crc32: entry.crc32, hash: crc32fast::Hasher::new(), is_broken: false }
    }

    /// The next piece of the content, at most ZIP_STEP_BYTES_MAX, made of the front of `input`. None: all of `input` was taken. After
    /// an error there is nothing more.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<&'a [u8]>, Error> {
        if self.is_broken {
            return Err(damaged());
        }
        // Until it is known that the step was right.
        self.is_broken = true;
        let before = input.len() as u64;
        let piece = match &mut self.inflate {
            None => {
                let (piece, rest) = input.split_at_checked(ZIP_STEP_BYTES_MAX).unwrap_or((*input, &[]));
                *input = rest;
                piece
            }
            Some(inflate) => inflate.step(input)?,
        };
        let used = before - input.len() as u64;
        self.packed_left = self.packed_left.checked_sub(used).ok_or_else(damaged)?;
        let longer = || Error::Changed("an entry of the ZIP archive is longer than the archive says");
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(longer)?;
        self.hash.update(piece);
        self.is_broken = false;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// All bytes were fed: whether they were the ones that the archive says.
    pub fn finish(self) -> Result<(), Error> {
        let open = self.inflate.is_some_and(|inflate| !inflate.is_ended);
        if self.is_broken || open || self.packed_left != 0 || self.left != 0 {
            return Err(damaged());
        }
        if self.hash.finalize() != self.crc32 {
            return Err(Error::Changed("an entry of the ZIP archive has another check value than the archive says"));
        }
        Ok(())
    }
}

fn damaged() -> Error {
    Error::Changed("an entry of the ZIP archive is damaged or cut off")
}

impl Inflate {
    /// Inflates until there is a piece or no input is left.
    fn step(&mut self, input: &mut &[u8]) -> Result<&[u8], Error> {
        let mut len = 0;
        // Ends: each turn takes input or is the last.
        while len == 0 && !self.is_ended {
            let (ins, outs) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, &mut self.out, FlushDecompress::None).map_err(|_| damaged())?;
            let used = usize::try_from(self.state.total_in() - ins).map_err(|_| damaged())?;
            len = usize::try_from(self.state.total_out() - outs).map_err(|_| damaged())?;
            *input = input.get(used..).ok_or_else(damaged)?;
            self.is_ended = status == Status::StreamEnd;
            if used == 0 && len == 0 && !self.is_ended {
                if input.is_empty() {
                    break;
                }
                return Err(damaged());
            }
        }
        if len == 0 && self.is_ended && !input.is_empty() {
            return Err(damaged());
        }
        self.out.get(..len).ok_or_else(damaged)
    }
}

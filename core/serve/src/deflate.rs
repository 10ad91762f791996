//! SUMMARY    A compressed connection: deflate both ways.
//! STANDARDS  RFC 4978 (COMPRESS=DEFLATE), RFC 1951
//! SECURITY   A little may inflate to a lot: it comes out in steps, and each step is met by the limits of plain input.
//! LIMITS     INFLATE_BYTES_MAX
//! INVARIANTS Input that neither is used nor makes output is an error, never a loop.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::io;

/// Inflated bytes handed on at once.
const INFLATE_BYTES_MAX: usize = 256 * 1024;

pub(crate) struct Deflate {
    compress: Compress,
    decompress: Decompress,
    /// Received and not inflated yet.
    raw: Vec<u8>,
    /// The last step ended at its limit: there may be output without input.
    is_stopped: bool,
    /// Nothing more can be understood.
    is_broken: bool,
}

impl Default for Deflate {
    fn default() -> Self {
        let compress = Compress::new(Compression::fast(), false);
        Deflate { compress, decompress: Decompress::new(false), raw: Vec::new(), is_stopped: false, is_broken: false }
    }
}

impl Deflate {
    /// Compressed bytes, to be inflated by the next steps.
    pub(crate) fn take(&mut self, raw: &[u8]) {
        self.raw.extend_from_slice(raw);
    }

    /// Where compressed bytes are appended as they come.
    pub(crate) fn raw(&mut self) -> &mut Vec<u8> {
        &mut self.raw
    }

    /// One answer, compressed and complete in itself.
    pub(crate) fn pack(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(plain.len() / 2 + 64);
        let start = self.compress.total_in();
        loop {
            let done = (self.compress.total_in() - start) as usize;
            let rest = plain.get(done..).unwrap_or_default();
            out.reserve(rest.len() / 2 + 64);
            let status = self.compress.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(io::Error::other)?;
            let consumed = (self.compress.total_in() - start) as usize == plain.len();
            if consumed && out.len() < out.capacity() || status == Status::StreamEnd {
                return Ok(out);
            }
        }
    }

    /// One step: inflates what is there, up to INFLATE_BYTES_MAX. `InvalidData`: this is no deflate stream, or it has ended; what came
    /// before that is handed on first.
    pub(crate) fn unpack(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let before = into.len();
        if !self.is_broken {
            self.is_broken = self.step(into).is_err();
        }
        if self.is_broken && into.len() == before { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    }

    fn step(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let before = into.len();
        let mut used = 0;
        while used < self.raw.len() || self.is_stopped {
            let rest = self.raw.get(used..).unwrap_or_default();
            into.reserve((rest.len() * 2 + 1024).min(INFLATE_BYTES_MAX));
            let (start, had) = (self.decompress.total_in(), into.len());
            self.decompress.decompress_vec(rest, into, FlushDecompress::None).map_err(io::Error::other)?;
            let taken = (self.decompress.total_in() - start) as usize;
            if taken == 0 && into.len() == had && !rest.is_empty() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            used += taken;
            self.is_stopped = into.len() == into.capacity();
            if into.len() - before >= INFLATE_BYTES_MAX {
                break;
            }
        }
        self.raw.drain(..used);
        if self.raw.is_empty() {
            self.raw = Vec::new();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deflated(plain: &[u8]) -> Vec<u8> {
        Deflate::default().pack(plain).unwrap()
    }

    /// All that comes out, and the largest step.
    fn inflated(deflate: &mut Deflate) -> io::Result<(Vec<u8>, usize)> {
        let (mut out, mut largest) = (Vec::new(), 0);
        loop {
            let mut step = Vec::new();
            deflate.unpack(&mut step)?;
            if step.is_empty() {
                return Ok((out, largest));
            }
            largest = largest.max(step.len());
            out.append(&mut step);
        }
    }

    #[test]
    fn what_is_packed_comes_out_however_it_is_cut() {
        let plain: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        for cut in [1, 7, 1000, usize::MAX] {
            let mut deflate = Deflate::default();
            let mut out = Vec::new();
            for piece in deflated(&plain[..50_000]).chunks(cut) {
                deflate.take(piece);
                out.append(&mut inflated(&mut deflate).unwrap().0);
            }
            assert!(out == plain[..50_000], "cut at {cut}");
        }
        let mut deflate = Deflate::default();
        deflate.take(&deflated(&plain));
        assert!(inflated(&mut deflate).unwrap().0 == plain);
    }

    #[test]
    fn a_bomb_comes_out_in_steps() {
        let mut deflate = Deflate::default();
        deflate.take(&deflated(&vec![0; 50 << 20]));
        let (out, largest) = inflated(&mut deflate).unwrap();
        assert_eq!(out.len(), 50 << 20);
        assert!(largest <= 2 * INFLATE_BYTES_MAX, "{largest}");
    }

    #[test]
    fn damage_and_an_ended_stream_are_errors() {
        let mut deflate = Deflate::default();
        deflate.take(&[0xff; 100]);
        assert!(inflated(&mut deflate).is_err());
        let mut ended = Vec::new();
        let mut encoder = Compress::new(Compression::fast(), false);
        ended.reserve(100);
        encoder.compress_vec(b"x NOOP\r\n", &mut ended, flate2::FlushCompress::Finish).unwrap();
        let mut deflate = Deflate::default();
        deflate.take(&ended);
        deflate.take(b"more");
        let mut first = Vec::new();
        deflate.unpack(&mut first).unwrap();
        assert_eq!(first, b"x NOOP\r\n");
        assert!(inflated(&mut deflate).is_err());
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_end(raw: Vec<u8>) {
            let mut deflate = Deflate::default();
            deflate.take(&raw);
            let _ = inflated(&mut deflate);
        }
    }
}

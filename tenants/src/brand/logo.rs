//! SUMMARY    Pictures of brands: what they are, by their first bytes, and how large. Pure.
//! STANDARDS  W3C PNG (third edition) §5.2, §11.2.1; ITU-T T.81 §B.2.2 (JPEG); RFC 9649 §2.5 to §2.7 (WebP)
//! SECURITY   Strangers' bytes: read with bounds, never decoded. SVG is refused: it is a document with scripts and links, and what makes
//!            one harmless is a list that is never complete.
//! LIMITS     LOGO_BYTES_MAX, LOGO_SIDE_PIXELS_MAX, LOGO_SIDE_PIXELS_MIN, LOGO_SEGMENTS_MAX

use crate::{
    Code, Error, Result,
    limits::{LOGO_BYTES_MAX, LOGO_SEGMENTS_MAX, LOGO_SIDE_PIXELS_MAX, LOGO_SIDE_PIXELS_MIN},
};
use serde::{Deserialize, Serialize};

/// Kinds of pictures that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogoKind {
    Png,
    Jpeg,
    Webp,
}

impl LogoKind {
    pub(super) const EVERY: [LogoKind; 3] = [LogoKind::Png, LogoKind::Jpeg, LogoKind::Webp];

    /// As it is stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            LogoKind::Png => "PNG",
            LogoKind::Jpeg => "JPEG",
            LogoKind::Webp => "WEBP",
        }
    }
}

/// A picture that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) kind: LogoKind,
    pub(super) width: u32,
    pub(super) height: u32,
}

fn refused(code: Code, why: String) -> Error {
    Error::new(code, "data", why)
}

/// What a picture is. `Invalid`, `LimitReached`.
pub(super) fn look(bytes: &[u8]) -> Result<Looked> {
    if bytes.len() > LOGO_BYTES_MAX {
        let message = format!("A logo has at most {LOGO_BYTES_MAX} bytes, not {} (LOGO_BYTES_MAX)", bytes.len());
        return Err(refused(Code::LimitReached, message));
    }
    let none = || refused(Code::Invalid, "A logo is a PNG, JPEG or WebP picture; SVG is not taken".to_owned());
    let (kind, (width, height)) = png(bytes)
        .map(|size| (LogoKind::Png, size))
        .or_else(|| jpeg(bytes).map(|size| (LogoKind::Jpeg, size)))
        .or_else(|| webp(bytes).map(|size| (LogoKind::Webp, size)))
        .ok_or_else(none)?;
    let sides = LOGO_SIDE_PIXELS_MIN..=LOGO_SIDE_PIXELS_MAX;
    if !sides.contains(&width) || !sides.contains(&height) {
        let message = format!(
            "A side of a logo has {LOGO_SIDE_PIXELS_MIN} to {LOGO_SIDE_PIXELS_MAX} pixels, this one has {width} x {height} \
             (LOGO_SIDE_PIXELS_MIN, LOGO_SIDE_PIXELS_MAX)"
        );
        return Err(refused(Code::LimitReached, message));
    }
    Ok(Looked { kind, width, height })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    Some((u32::from_be_bytes(array(rest, 0)?), u32::from_be_bytes(array(rest, 4)?)))
}

/// Segment by segment, to the one with the size.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = bytes.starts_with(b"\xff\xd8\xff").then_some(2)?;
    for _ in 0..LOGO_SEGMENTS_MAX {
        let [mark, kind] = array(bytes, at)?;
        if mark != 0xff {
            return None;
        }
        // Start of frame, but for tables and what is reserved.
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            let side = |from: usize| Some(u32::from(u16::from_be_bytes(array(bytes, from)?)));
            return Some((side(at.checked_add(7)?)?, side(at.checked_add(5)?)?));
        }
        let length = usize::from(u16::from_be_bytes(array(bytes, at.checked_add(2)?)?));
        at = at.checked_add(2)?.checked_add(length.max(2))?;
    }
    None
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let is_webp = bytes.starts_with(b"RIFF") && array(bytes, 8) == Some(*b"WEBP");
    let body = bytes.get(20..).filter(|_| is_webp)?;
    let three = |at: usize| array(body, at).map(|[a, b, c]: [u8; 3]| u32::from_le_bytes([a, b, c, 0]));
    let two = |at: usize| array(body, at).map(u16::from_le_bytes).map(|n| u32::from(n & 0x3fff));
    match &array::<4>(bytes, 12)? {
        b"VP8 " => (array(body, 3) == Some([0x9d, 0x01, 0x2a])).then_some(()).and_then(|()| Some((two(6)?, two(8)?))),
        b"VP8L" => {
            let bits = u32::from_le_bytes(array(body, 1)?);
            (body.first() == Some(&0x2f)).then_some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((three(4)? + 1, three(7)? + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    fn riff(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBP".as_slice(), kind, &[0; 4], body].concat()
    }

    #[test]
    fn pictures_are_told_by_their_bytes() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc4\0\x02\xff\xc2\0\x0b\x08\0\x20\0\x40\x03".to_vec();
        for (bytes, kind) in [
            (png_of(64, 32), LogoKind::Png),
            (jpeg, LogoKind::Jpeg),
            (riff(b"VP8 ", &[0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 32, 0]), LogoKind::Webp),
            (riff(b"VP8L", &[0x2f, 63, 0xc0, 0x07, 0]), LogoKind::Webp),
            (riff(b"VP8X", &[0, 0, 0, 0, 63, 0, 0, 31, 0, 0]), LogoKind::Webp),
        ] {
            assert_eq!(look(&bytes).unwrap(), Looked { kind, width: 64, height: 32 });
            for end in 0..bytes.len() {
                // Cut off anywhere it is refused or the same; nothing panics.
                if let Ok(looked) = look(&bytes[..end]) {
                    assert_eq!((looked.width, looked.height), (64, 32), "{kind:?} {end}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused() {
        for wrong in [
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".as_slice(),
            b"GIF89a",
            b"<script>",
            b"",
            b"\xff\xd8\xff\xd9",
            b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0",
        ] {
            assert_eq!(look(wrong).unwrap_err().code, Code::Invalid, "{wrong:?}");
        }
        for (width, height) in [(15, 64), (64, 1_025), (u32::MAX, 64), (0, 0)] {
            assert_eq!(look(&png_of(width, height)).unwrap_err().code, Code::LimitReached);
        }
        let mut long = png_of(64, 32);
        long.resize(LOGO_BYTES_MAX, 0);
        look(&long).unwrap();
        long.push(0);
        assert_eq!(look(&long).unwrap_err().code, Code::LimitReached);
        let endless = [
            b"\xff\xd8".as_slice(),
            &b"\xff\xe0\0\x02".repeat(LOGO_SEGMENTS_MAX + 1),
            b"\xff\xc0\0\x0b\x08\0\x20\0\x40",
        ];
        assert!(look(&endless.concat()).is_err(), "LOGO_SEGMENTS_MAX");
    }
}

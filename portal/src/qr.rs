//! SUMMARY    A QR code as a path of an SVG picture.
//! STANDARDS  ISO/IEC 18004

use crate::trouble::Trouble;
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write;

/// Light squares around a code (ISO/IEC 18004 §5.3.8).
const QUIET: i32 = 4;

/// The side with its quiet zone, and the dark squares as a path.
pub(crate) struct Picture {
    pub(crate) side: i32,
    pub(crate) path: String,
}

impl Picture {
    /// `Broken`: more than a code holds.
    pub(crate) fn of(text: &str) -> Result<Picture, Trouble> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|_| Trouble::Broken)?;
        let mut path = String::new();
        for y in 0..code.size() {
            for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
                let _ = write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
        Ok(Picture { side: code.size() + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_drawn_within_its_quiet_zone() {
        let drawn = Picture::of("otpauth://totp/Posthouse:ann@example.org?secret=ABCDEFGH").unwrap();
        assert!(drawn.side > 21 + 2 * QUIET - 1);
        // The finder's corner.
        assert!(drawn.path.starts_with("M4,4h1v1h-1z"));
        assert!(Picture::of(&"x".repeat(3_000)).is_err());
    }
}

//! SUMMARY    What a segment of a name must not have, and which segments some file system takes for the same.
//! STANDARDS  UAX #15 (NFC); the rules for names of Windows, of which those of other systems are a part

use std::borrow::Cow;

use base::limits::ARCHIVE_LEVEL_BYTES_MAX;
use unicode_normalization::UnicodeNormalization;

/// Ends that files of an archive have: no folder gets one, or it could be in the way of a file.
const FILE_ENDS: [&str; 6] = [".mbox", ".eml", ".json", ".jsonl", ".sig", ".zip"];

/// Room for what tells a segment from others, `~12345678-10000`, bytes.
const MARK_BYTES: usize = 16;

/// Characters that some system refuses, that direct a terminal, or that turn the text around them.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '<' | '>' | ':' | '"' | '\\' | '/' | '|' | '?' | '*')
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff)
}

/// Names that are devices on Windows, with whatever extension.
pub(super) fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default().trim_end_matches(' ');
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].iter().any(|d| stem.eq_ignore_ascii_case(d)) {
        return true;
    }
    let port = stem.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("COM") || p.eq_ignore_ascii_case("LPT"));
    let mut number = stem.get(3..).unwrap_or_default().chars();
    port && matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// The form in which two segments are the same if any file system takes them for the same: case, composition, joiners.
pub(crate) fn fold(segment: &str) -> Cow<'_, str> {
    if segment.is_ascii() {
        return if segment.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(segment.to_ascii_lowercase())
        } else {
            Cow::Borrowed(segment)
        };
    }
    let upper: String =
        segment.nfd().filter(|c| !matches!(c, '\u{200c}' | '\u{200d}')).collect::<String>().to_uppercase();
    Cow::Owned(upper.to_lowercase().nfc().collect())
}

/// A level of a mailbox's path as a segment.
pub(super) struct Cleaned {
    pub segment: String,
    /// It says less than the level did: it needs a mark of its own.
    pub altered: bool,
}

/// Makes a segment of any text.
pub(super) fn clean(level: &str) -> Cleaned {
    let composed: String = level.nfc().collect();
    let mut segment: String = composed.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    if segment.starts_with('.') {
        segment.replace_range(..1, "_");
    }
    segment =
        cut(segment.trim_matches(' ').trim_end_matches(['.', ' ']), ARCHIVE_LEVEL_BYTES_MAX - MARK_BYTES).to_owned();
    if segment.is_empty() || is_device(&segment) {
        segment.insert(0, '_');
    }
    let folded = fold(&segment);
    let altered = segment != composed || FILE_ENDS.iter().any(|end| folded.ends_with(end));
    Cleaned { segment, altered }
}

/// At most so many bytes, whole characters, without a dot or space at the end.
fn cut(text: &str, bytes_max: usize) -> &str {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default().trim_end_matches(['.', ' '])
}

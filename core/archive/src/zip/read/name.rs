//! SUMMARY    Names of entries as text, whoever wrote them; and those that lead elsewhere.
//! STANDARDS  APPNOTE 6.3.10 §4.4.17, Appendix D (CP437, UTF-8), §4.6.9 (0x7075, the name in UTF-8)
//! LIMITS     ARCHIVE_NAME_BYTES_MAX, ZIP_NAME_LEVELS_MAX

use base::limits::{ARCHIVE_NAME_BYTES_MAX, ZIP_NAME_LEVELS_MAX};

use super::field::Fields;

/// The upper half of code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Characters of a name that people are shown.
const SHOWN_CHARS_MAX: usize = 200;

/// The content of the first extra field of that kind.
pub(super) fn extra_field(extra: &[u8], kind: u16) -> Option<&[u8]> {
    let mut fields = Fields(extra);
    // Ends: each turn takes four bytes.
    loop {
        let (id, len) = (fields.u16()?, fields.u16()?);
        let content = fields.bytes(usize::from(len))?;
        if id == kind {
            return Some(content);
        }
    }
}

/// A name as text: UTF-8 where the archive says so, or where it is that anyway (macOS does not say it); else code page 437.
pub(super) fn decode(raw: &[u8], is_utf8: bool, extra: &[u8]) -> String {
    if let Some(name) = unicode_path(raw, extra) {
        return name.to_owned();
    }
    match str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) if is_utf8 => String::from_utf8_lossy(raw).into_owned(),
        Err(_) => raw.iter().map(|b| cp437(*b)).collect(),
    }
}

fn cp437(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(upper) => CP437.chars().nth(usize::from(upper)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// The name of the field 0x7075, if it belongs to this name.
fn unicode_path<'a>(raw: &[u8], extra: &'a [u8]) -> Option<&'a str> {
    let mut fields = Fields(extra_field(extra, 0x7075)?);
    let [1] = fields.bytes(1)? else { return None };
    let crc32 = fields.u32()?;
    (crc32 == crc32fast::hash(raw)).then_some(())?;
    str::from_utf8(fields.0).ok().filter(|name| !name.is_empty())
}

/// A name that stays where it is unpacked, without `./` and with `/` between segments; why it is none otherwise.
pub(super) fn tidy(name: &str) -> Result<Box<str>, &'static str> {
    if name.len() > ARCHIVE_NAME_BYTES_MAX {
        return Err("longer than ARCHIVE_NAME_BYTES_MAX");
    }
    if name.contains(char::is_control) {
        return Err("a control character");
    }
    // Programs of Windows wrote backslashes for a while.
    let name = if name.contains('/') { name.to_owned() } else { name.replace('\\', "/") };
    let mut letters = name.chars();
    let drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':');
    if name.starts_with('/') || (drive && letters.next().is_some_and(|c| matches!(c, '/' | '\\'))) {
        return Err("absolute");
    }
    if name.split(['/', '\\']).any(|segment| segment == "..") {
        return Err("a segment that is `..`");
    }
    let kept: Vec<&str> = name.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
    if kept.is_empty() {
        return Err("empty");
    }
    if kept.len() > ZIP_NAME_LEVELS_MAX {
        return Err("more levels than ZIP_NAME_LEVELS_MAX");
    }
    let folder = if name.ends_with('/') { "/" } else { "" };
    Ok(format!("{}{folder}", kept.join("/")).into())
}

/// A name of anybody, for a message: short and without what directs a terminal.
pub(super) fn for_people(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_programs() {
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(decode(b"Gr\x94\xe1e", false, b""), "Größe");
        assert_eq!(decode("Größe".as_bytes(), false, b""), "Größe");
        assert_eq!(decode(b"a\xff", true, b""), "a\u{fffd}");
        let mut extra = vec![0x75, 0x70, 10, 0, 1];
        extra.extend_from_slice(&crc32fast::hash(b"x").to_le_bytes());
        extra.extend_from_slice("台ab".as_bytes());
        assert_eq!(decode(b"x", false, &extra), "台ab");
        assert_eq!(decode(b"y", false, &extra), "y");
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for (name, tidied) in [("a/b", "a/b"), ("./a//b/", "a/b/"), ("a\\b", "a/b"), ("a:b", "a:b"), ("..a", "..a")] {
            assert_eq!(tidy(name).as_deref(), Ok(tidied));
        }
        let long = "x".repeat(ARCHIVE_NAME_BYTES_MAX + 1);
        let deep = "x/".repeat(ZIP_NAME_LEVELS_MAX + 1);
        for bad in [
            "",
            "/",
            ".",
            "./",
            "/a",
            "..",
            "../a",
            "a/../b",
            "a\\..\\b",
            "a/b\\..\\c",
            "a\0b",
            "a\nb",
            "C:/a",
            "c:\\a",
            &long,
            &deep,
        ] {
            assert!(tidy(bad).is_err(), "{bad:?}");
        }
    }
}

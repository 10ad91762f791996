//! SUMMARY    Answers to bytes: appended to a buffer, without formatting machinery on the hot paths.
//! STANDARDS  RFC 9051 §7, §9
//! INVARIANTS A string with CR, LF, NUL, 8-bit or excessive length goes as a literal; texts of status lines never hold CR or LF.

mod code;
mod fetch;
mod list;

pub use code::Code;
pub use fetch::{
    FetchLine, binary, binary_size, body_section, email_id, flags, internal_date, literal_item, mod_seq, plain_item,
    preview, save_date, size, thread_id, uid,
};
pub use list::{ListAttributes, capability, enabled, id, list, lsub, namespace, quota, quota_root, status};

use super::set::NumSet;

/// Longest quoted string; longer ones go as literals.
const QUOTED_BYTES_MAX: usize = 1_000;

/// Appends a decimal number.
#[inline]
pub fn number(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0u8; 20];
    let (mut rest, mut used) = (n, 0);
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// Appends a number below 100 in two digits.
pub(super) fn two_digits(out: &mut Vec<u8>, n: u8) {
    out.push(b'0' + n / 10 % 10);
    out.push(b'0' + n % 10);
}

/// Appends a literal with its size in front.
pub fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'{');
    number(out, bytes.len() as u64);
    out.extend_from_slice(b"}\r\n");
    out.extend_from_slice(bytes);
}

/// Appends a string: quoted where that is safe, else a literal.
pub fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > QUOTED_BYTES_MAX || bytes.iter().any(|b| matches!(b, 0 | b'\r' | b'\n') || *b >= 0x80) {
        return literal(out, bytes);
    }
    quoted(out, bytes);
}

/// Appends a string that may hold UTF-8 in quotes (UTF8=ACCEPT, IMAP4rev2).
pub fn utf8_string(out: &mut Vec<u8>, text: &str) {
    if text.len() > QUOTED_BYTES_MAX || text.contains(['\0', '\r', '\n']) {
        return literal(out, text.as_bytes());
    }
    quoted(out, text.as_bytes());
}

fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for b in bytes {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out.push(b'"');
}

/// Condition of a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

impl Condition {
    fn word(self) -> &'static [u8] {
        match self {
            Condition::Ok => b"OK ",
            Condition::No => b"NO ",
            Condition::Bad => b"BAD ",
            Condition::Bye => b"BYE ",
            Condition::PreAuth => b"PREAUTH ",
        }
    }
}

/// A status line; `tag: None` is untagged.
pub fn status_line(out: &mut Vec<u8>, tag: Option<&str>, condition: Condition, code: Option<&Code<'_>>, text: &str) {
    out.extend_from_slice(tag.unwrap_or("*").as_bytes());
    out.push(b' ');
    out.extend_from_slice(condition.word());
    if let Some(code) = code {
        out.push(b'[');
        code.write(out);
        out.extend_from_slice(b"] ");
    }
    out.extend(text.bytes().map(|b| if b.is_ascii_control() { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

/// `+ text`.
pub fn continuation(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `* n EXISTS`, `* n RECENT`, `* n EXPUNGE`.
pub fn counted(out: &mut Vec<u8>, n: u64, word: &str) {
    out.extend_from_slice(b"* ");
    number(out, n);
    out.push(b' ');
    out.extend_from_slice(word.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `* VANISHED [(EARLIER)] set` (RFC 7162 §3.2.10).
pub fn vanished(out: &mut Vec<u8>, earlier: bool, uids: &NumSet) {
    out.extend_from_slice(if earlier { b"* VANISHED (EARLIER) ".as_slice() } else { b"* VANISHED ".as_slice() });
    uids.render(out);
    out.extend_from_slice(b"\r\n");
}

/// `* FLAGS (..)`.
pub fn flag_list<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    out.extend_from_slice(b"* FLAGS ");
    list_of(out, names);
    out.extend_from_slice(b"\r\n");
}

/// `(a b c)`.
pub(super) fn list_of<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    out.push(b'(');
    for (i, name) in names.enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b')');
}

/// `* SEARCH ..`, with MODSEQ where the search used it.
pub fn search(out: &mut Vec<u8>, numbers: impl Iterator<Item = u32>, modseq: Option<u64>) {
    out.extend_from_slice(b"* SEARCH");
    for n in numbers {
        out.push(b' ');
        number(out, u64::from(n));
    }
    if let Some(modseq) = modseq {
        out.extend_from_slice(b" (MODSEQ ");
        number(out, modseq);
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// Results of an extended search (RFC 4731).
#[derive(Debug, Default)]
pub struct Esearch<'a> {
    pub tag: &'a str,
    pub uid: bool,
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub all: Option<&'a NumSet>,
    pub count: Option<u32>,
    pub modseq: Option<u64>,
}

/// `* ESEARCH (TAG "a") ..`.
pub fn esearch(out: &mut Vec<u8>, result: &Esearch<'_>) {
    out.extend_from_slice(b"* ESEARCH (TAG ");
    string(out, result.tag.as_bytes());
    out.push(b')');
    if result.uid {
        out.extend_from_slice(b" UID");
    }
    let mut item = |name: &str, n: Option<u64>| {
        if let Some(n) = n {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            number(out, n);
        }
    };
    item("MIN", result.min.map(u64::from));
    item("MAX", result.max.map(u64::from));
    item("COUNT", result.count.map(u64::from));
    item("MODSEQ", result.modseq);
    if let Some(all) = result.all.filter(|s| !s.is_empty()) {
        out.extend_from_slice(b" ALL ");
        all.render(out);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(f: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        f(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_strings() {
        assert_eq!(written(|o| number(o, 0)), "0");
        assert_eq!(written(|o| number(o, u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|o| string(o, b"a\"b\\")), "\"a\\\"b\\\\\"");
        assert_eq!(written(|o| string(o, b"a\r\n")), "{3}\r\na\r\n");
        assert_eq!(written(|o| string(o, "ä".as_bytes())), "{2}\r\nä");
        assert_eq!(written(|o| utf8_string(o, "ä")), "\"ä\"");
    }

    #[test]
    fn lines() {
        let ok = |o: &mut Vec<u8>| status_line(o, Some("a"), Condition::Ok, Some(&Code::UidNext(7)), "done\r\nx");
        assert_eq!(written(ok), "a OK [UIDNEXT 7] done  x\r\n");
        assert_eq!(written(|o| counted(o, 3, "EXISTS")), "* 3 EXISTS\r\n");
        assert_eq!(written(|o| search(o, [1, 2].into_iter(), Some(9))), "* SEARCH 1 2 (MODSEQ 9)\r\n");
        let result = Esearch { tag: "t", uid: true, count: Some(2), ..Esearch::default() };
        assert_eq!(written(|o| esearch(o, &result)), "* ESEARCH (TAG \"t\") UID COUNT 2\r\n");
    }
}

//! SUMMARY    Records as text of a zone file.
//! STANDARDS  RFC 1035 §5.1, §3.3.14 (parts of a TXT record)
//! SECURITY   What stands in a record is quoted: no value begins a line or a comment of its own.

use super::Checked;
use crate::dns::Kind;
use std::fmt::Write;

/// Bytes of one part of a TXT record.
const TXT_PART_BYTES: usize = 255;
/// Seconds that others may remember a record.
const TTL_SECS: u32 = 3600;

/// The expected records of a domain, one a line, with absolute names, in the order in which they are safely added.
pub fn zone_file(domain: &str, records: &[Checked]) -> String {
    let mut out = format!("; Records of {domain}, safest first: MX moves the mail and comes last.\n");
    for record in records {
        for value in &record.expected {
            let _ =
                writeln!(out, "{}. {TTL_SECS} IN {} {}", record.name, record.kind.name(), content(record.kind, value));
        }
    }
    out
}

fn content(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Txt => parts(value).iter().map(|part| quoted(part)).collect::<Vec<_>>().join(" "),
        Kind::Mx | Kind::Cname | Kind::Srv | Kind::Caa | Kind::Tlsa => value.to_owned(),
    }
}

/// A text in parts that fit.
pub(crate) fn parts(text: &str) -> Vec<&[u8]> {
    text.as_bytes().chunks(TXT_PART_BYTES).collect()
}

fn quoted(part: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in part {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            other => {
                let _ = write!(out, "\\{other:03}");
            }
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_quoted() {
        let long = "a".repeat(300);
        assert_eq!(content(Kind::Txt, &long), format!("\"{}\" \"{}\"", "a".repeat(255), "a".repeat(45)));
        assert_eq!(content(Kind::Txt, "a\"b\\;\n"), "\"a\\\"b\\\\;\\010\"");
    }
}

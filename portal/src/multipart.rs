//! SUMMARY    A form with a file in it: its fields, the file as one of them.
//! STANDARDS  RFC 7578, RFC 2046 §5.1
//! SECURITY   The caller bounds the bytes. What is no UTF-8, has no name or does not end is no form.

use crate::field::Fields;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Parts of a form.
const PARTS_MAX: usize = 100;

/// The boundary of a `multipart/form-data`.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let found = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    })?;
    (1..=70).contains(&found.len()).then_some(found)
}

/// The fields; the one that is named `picture` holds any bytes and comes in base64. `None`: it is no such form.
pub(crate) fn fields(body: &[u8], boundary: &str, picture: &str) -> Option<Fields> {
    let (first, between) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut fields = Vec::new();
    loop {
        if rest.strip_prefix(b"--").is_some() {
            return Some(Fields::of(fields));
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let (part, after) = split(part, between.as_bytes())?;
        let (head, value) = split(part, b"\r\n\r\n")?;
        if fields.len() >= PARTS_MAX {
            return None;
        }
        let name = name(std::str::from_utf8(head).ok()?)?;
        let value = match name == picture {
            true => STANDARD.encode(value),
            false => std::str::from_utf8(value).ok()?.to_owned(),
        };
        fields.push((name, value));
        rest = after;
    }
}

/// What stands before and behind the first place of some bytes.
fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..place)?, bytes.get(place + at.len()..)?))
}

/// The name of a part: that of its Content-Disposition.
fn name(head: &str) -> Option<String> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (_, rest) = line.split_once("; name=\"")?;
    rest.split_once('"').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_as_one_of_the_fields() {
        let form = "multipart/form-data; boundary=\"x-1\"";
        assert_eq!(boundary(form), Some("x-1"));
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
        let body = "--x-1\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\ntoken\r\n--x-1\r\ncontent-type: text/csv\r\n\
                    Content-Disposition: form-data; name=\"csv\"; filename=\"a.csv\"\r\n\r\naddress\r\nä@b.example\r\n\r\n--x-1--\r\n";
        let found = fields(body.as_bytes(), "x-1", "picture").unwrap();
        assert_eq!(found.exact("form"), "token");
        assert_eq!(found.exact("csv"), "address\r\nä@b.example\r\n");
        for wrong in ["", "--x-1", "--x-1\r\nno head\r\n--x-1--", &body[..body.len() - 10], "--x-2--", "\r\n--x-1--"] {
            assert!(fields(wrong.as_bytes(), "x-1", "picture").is_none(), "{wrong:?}");
        }
        let many = format!(
            "{}--x-1--",
            "--x-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n".repeat(PARTS_MAX + 1)
        );
        assert!(fields(many.as_bytes(), "x-1", "picture").is_none());
        // Bytes that are no text are taken for the picture only.
        let bytes = |name: &str| {
            let head = format!("--x-1\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\r\n");
            [head.as_bytes(), b"\x89PNG\r\n\xff", b"\r\n--x-1--\r\n"].concat()
        };
        assert_eq!(fields(&bytes("picture"), "x-1", "picture").unwrap().exact("picture"), "iVBORw0K/w==");
        assert!(fields(&bytes("csv"), "x-1", "picture").is_none());
    }
}

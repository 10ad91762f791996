//! SUMMARY    Checks ENVELOPE and BODYSTRUCTURE against the grammar, nothing forgiven.
//! STANDARDS  RFC 9051 §7.5.2 and §9 (envelope, body, body-ext-1part, body-ext-mpart)

use super::value::Value;
use crate::error::{Result, protocol};

/// What a body structure describes, as far as a check needs it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub parts: u64,
    /// Octets of the body when it is a single part.
    pub octets: Option<u64>,
}

/// `(date subject from sender reply-to to cc bcc in-reply-to message-id)`
pub fn envelope(value: &Value) -> Result<()> {
    let items = list(value, "envelope")?;
    if items.len() != 10 {
        return Err(protocol(format!("an envelope of {} items", items.len())));
    }
    for (i, item) in items.iter().enumerate() {
        match i {
            2..=7 => addresses(item)?,
            _ => nstring(item, "envelope string")?,
        }
    }
    Ok(())
}

/// A body structure with its extension data.
pub fn body(value: &Value) -> Result<Shape> {
    let items = list(value, "body")?;
    match items.first() {
        Some(Value::List(_)) => multipart(items),
        Some(_) => single(items),
        None => Err(protocol("an empty body")),
    }
}

fn multipart(items: &[Value]) -> Result<Shape> {
    let bodies = items.iter().take_while(|i| matches!(i, Value::List(_))).count();
    let (parts, rest) = items.split_at(bodies);
    let mut shape = Shape { parts: 1, octets: None };
    for part in parts {
        shape.parts += body(part)?.parts;
    }
    let (subtype, extension) = rest.split_first().ok_or_else(|| protocol("a multipart without subtype"))?;
    string(subtype, "multipart subtype")?;
    if let Some((params, extension)) = extension.split_first() {
        parameters(params)?;
        after_first(extension)?;
    }
    Ok(shape)
}

fn single(items: &[Value]) -> Result<Shape> {
    let [kind, subtype, params, id, description, encoding, octets, rest @ ..] = items else {
        return Err(protocol(format!("a part of {} items", items.len())));
    };
    let (kind, subtype) = (string(kind, "type")?, string(subtype, "subtype")?);
    parameters(params)?;
    nstring(id, "id")?;
    nstring(description, "description")?;
    string(encoding, "encoding")?;
    let octets = number(octets)?;
    let mut shape = Shape { parts: 1, octets: Some(octets) };
    let is = |a: &[u8], b: &str| a.eq_ignore_ascii_case(b.as_bytes());
    let rest = if is(kind, "MESSAGE") && (is(subtype, "RFC822") || is(subtype, "GLOBAL")) {
        let [inner_envelope, inner, lines, rest @ ..] = rest else {
            return Err(protocol("a message part without envelope, body and lines"));
        };
        envelope(inner_envelope)?;
        shape.parts += body(inner)?.parts;
        number(lines)?;
        rest
    } else if is(kind, "TEXT") {
        let (lines, rest) = rest.split_first().ok_or_else(|| protocol("a text part without lines"))?;
        number(lines)?;
        rest
    } else {
        rest
    };
    if let Some((md5, extension)) = rest.split_first() {
        nstring(md5, "md5")?;
        after_first(extension)?;
    }
    Ok(shape)
}

/// disposition, language, location, further extensions.
fn after_first(items: &[Value]) -> Result<()> {
    for (i, item) in items.iter().enumerate() {
        match (i, item) {
            (0, Value::Nil) => {}
            (0, Value::List(pair)) => {
                let [kind, params] = pair.as_slice() else { return Err(protocol("a disposition is a pair")) };
                string(kind, "disposition")?;
                parameters(params)?;
            }
            (0, _) => return Err(protocol("a disposition is a list or NIL")),
            (1, Value::List(languages)) if !languages.is_empty() => {
                for language in languages {
                    string(language, "language")?;
                }
            }
            (1 | 2, other) => nstring(other, "language or location")?,
            _ => {}
        }
    }
    Ok(())
}

fn addresses(value: &Value) -> Result<()> {
    let all = match value {
        Value::Nil => return Ok(()),
        Value::List(all) if !all.is_empty() => all,
        _ => return Err(protocol("addresses are NIL or a list of at least one")),
    };
    for address in all {
        let parts = list(address, "address")?;
        if parts.len() != 4 {
            return Err(protocol(format!("an address of {} items", parts.len())));
        }
        for part in parts {
            nstring(part, "address item")?;
        }
    }
    Ok(())
}

fn parameters(value: &Value) -> Result<()> {
    let all = match value {
        Value::Nil => return Ok(()),
        Value::List(all) if !all.is_empty() && all.len() % 2 == 0 => all,
        _ => return Err(protocol("parameters are NIL or pairs")),
    };
    for item in all {
        string(item, "parameter")?;
    }
    Ok(())
}

fn list<'a>(value: &'a Value, what: &str) -> Result<&'a [Value]> {
    match value {
        Value::List(items) => Ok(items),
        other => Err(protocol(format!("{what}: a list was expected, not {other:?}"))),
    }
}

fn string<'a>(value: &'a Value, what: &str) -> Result<&'a [u8]> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(protocol(format!("{what}: a string was expected, not {other:?}"))),
    }
}

fn nstring(value: &Value, what: &str) -> Result<()> {
    match value {
        Value::Nil => Ok(()),
        other => string(other, what).map(|_| ()),
    }
}

fn number(value: &Value) -> Result<u64> {
    match value {
        Value::Atom(digits) => std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()),
        _ => None,
    }
    .ok_or_else(|| protocol(format!("a number was expected, not {value:?}")))
}

#[cfg(test)]
mod tests {
    use super::{super::value::Reader, *};

    fn check_body(text: &str) -> Result<Shape> {
        body(&Reader::new(text.as_bytes()).value()?)
    }

    const TEXT: &str = r#"("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 12 1 NIL ("inline" NIL) ("en") NIL)"#;
    const ENVELOPE: &str = r#"("d" "s" (("A" NIL "a" "x")("B" NIL "b" "y")) NIL NIL ((NIL NIL "g" NIL)(NIL NIL NIL NIL)) NIL NIL NIL "<i>")"#;

    #[test]
    fn bodies() {
        assert_eq!(check_body(TEXT).unwrap(), Shape { parts: 1, octets: Some(12) });
        let mixed = format!(
            r#"({TEXT}("image" "png" NIL NIL NIL "base64" 4 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)"#
        );
        assert_eq!(check_body(&mixed).unwrap().parts, 3);
        let message = format!(r#"("message" "rfc822" NIL NIL NIL "7bit" 99 {ENVELOPE} {TEXT} 7)"#);
        assert_eq!(check_body(&message).unwrap().parts, 2);
        assert!(check_body(r#"("text" "plain" NIL NIL NIL "7bit" 12 1)"#).is_ok(), "BODY has no extension data");
    }

    #[test]
    fn malformed_bodies_are_refused() {
        for bad in [
            "()",
            "NIL",
            r#"("text" "plain" NIL NIL NIL "7bit" 12)"#,
            r#"("text" "plain" () NIL NIL "7bit" 12 1)"#,
            r#"("text" "plain" ("charset") NIL NIL "7bit" 12 1)"#,
            r#"("text" "plain" NIL NIL NIL NIL 12 1)"#,
            r#"("text" "plain" NIL NIL NIL "7bit" -1 1)"#,
            r#"(text "plain" NIL NIL NIL "7bit" 1 1)"#,
            r#"("message" "rfc822" NIL NIL NIL "7bit" 99)"#,
            r#"(("text" "plain" NIL NIL NIL "7bit" 1 1))"#,
            r#"("text" "plain" NIL NIL NIL "7bit" 1 1 NIL "inline")"#,
        ] {
            assert!(check_body(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn envelopes() {
        let parse = |t: &str| envelope(&Reader::new(t.as_bytes()).value().unwrap());
        assert!(parse(ENVELOPE).is_ok());
        assert!(parse(r#"(NIL NIL NIL NIL NIL NIL NIL NIL NIL)"#).is_err());
        assert!(parse(r#"(NIL NIL () NIL NIL NIL NIL NIL NIL NIL)"#).is_err());
        assert!(parse(r#"(NIL NIL ((NIL NIL "a")) NIL NIL NIL NIL NIL NIL NIL)"#).is_err());
        assert!(parse(r#"(1 NIL NIL NIL NIL NIL NIL NIL NIL NIL)"#).is_err());
    }
}

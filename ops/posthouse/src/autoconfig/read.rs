//! SUMMARY    What Outlook asks: an address, and the schema of the answer.
//! STANDARDS  MS-OXDSCLI §2.2.3 (request); XML 1.0 (fifth edition)
//! SECURITY   No document type, no entity but the five of XML. The caller bounds the bytes.

use quick_xml::{
    Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, Event},
};

const SETTINGS: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// As it was written, without white space around it.
    pub address: String,
    /// Whether the answer's schema is one that is spoken here.
    pub takes_settings: bool,
}

impl Asked {
    /// `Err`: why it is no question, in a few words.
    pub fn read(body: &[u8]) -> Result<Asked, String> {
        let text = std::str::from_utf8(body).map_err(|_| "not UTF-8".to_owned())?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let (mut open, mut address, mut schema) = (Vec::new(), String::new(), String::new());
        let mut is_root_seen = false;
        loop {
            match reader.read_event().map_err(|e| format!("not well-formed XML: {e}"))? {
                Event::Start(element) => {
                    let name = element.local_name().as_ref().to_owned();
                    if open.is_empty() && (is_root_seen || name != "Autodiscover") {
                        return Err("the document is no Autodiscover".to_owned());
                    }
                    is_root_seen = true;
                    open.push(name);
                }
                Event::End(_) => drop(open.pop()),
                Event::Text(piece) => put(&open, &piece.xml10_content(), &mut address, &mut schema),
                Event::GeneralRef(entity) => put(&open, &resolved(&entity)?, &mut address, &mut schema),
                Event::CData(piece) => put(&open, &piece.xml10_content(), &mut address, &mut schema),
                Event::DocType(_) => return Err("a document type is not taken".to_owned()),
                Event::Eof => break,
                _ => {}
            }
        }
        if !is_root_seen || !open.is_empty() {
            return Err("the document ends before its elements".to_owned());
        }
        let (address, schema) = (address.trim().to_owned(), schema.trim());
        if address.is_empty() {
            return Err("there is no EMailAddress in Autodiscover/Request".to_owned());
        }
        Ok(Asked { address, takes_settings: schema.is_empty() || schema == SETTINGS })
    }
}

/// The character of a reference: by number, or one of XML's five names.
fn resolved(entity: &BytesRef<'_>) -> Result<String, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("not well-formed XML: {e}");
    if let Some(char) = entity.resolve_char_ref().map_err(|e| wrong(&e))? {
        return Ok(char.to_string());
    }
    let name: &str = entity;
    resolve_xml_entity(name).map(str::to_owned).ok_or_else(|| wrong(&format!("the entity {name} is not known")))
}

/// Adds a piece of text to what it belongs to.
fn put(open: &[String], piece: &str, address: &mut String, schema: &mut String) {
    match open {
        [_, request, element] if request == "Request" => match element.as_str() {
            "EMailAddress" => address.push_str(piece),
            "AcceptableResponseSchema" => schema.push_str(piece),
            _ => {}
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(inner: &str) -> Result<Asked, String> {
        Asked::read(
            format!("<?xml version=\"1.0\"?><Autodiscover xmlns=\"x\"><Request>{inner}</Request></Autodiscover>")
                .as_bytes(),
        )
    }

    #[test]
    fn an_address_is_read_as_it_was_meant() {
        for (inner, address) in [
            ("<EMailAddress>ann@a.example</EMailAddress>", "ann@a.example"),
            ("<EMailAddress>\n  o&apos;neil&amp;sons@a.example </EMailAddress>", "o'neil&sons@a.example"),
            ("<EMailAddress><![CDATA[ann@a.example]]></EMailAddress><Other>x@y.example</Other>", "ann@a.example"),
            ("<!-- x --><EMailAddress>a<!-- b -->nn@a.example</EMailAddress>", "ann@a.example"),
        ] {
            assert_eq!(asked(inner).unwrap(), Asked { address: address.to_owned(), takes_settings: true }, "{inner}");
        }
        let schema = |name: &str| {
            let inner = format!(
                "<EMailAddress>a@b.example</EMailAddress><AcceptableResponseSchema>{name}</AcceptableResponseSchema>"
            );
            asked(&inner).unwrap().takes_settings
        };
        assert!(schema(SETTINGS));
        assert!(!schema("http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"));
    }

    #[test]
    fn what_is_no_question_says_why() {
        for (body, why) in [
            ("", "ends before"),
            ("hello", "ends before"),
            ("<Autodiscover>", "ends before"),
            ("<Autodiscover><Request></Autodiscover>", "not well-formed"),
            ("<Autodiscover/>", "ends before"),
            ("<Autodiscover></Autodiscover><Autodiscover></Autodiscover>", "no Autodiscover"),
            ("<Envelope><Request><EMailAddress>a@b.example</EMailAddress></Request></Envelope>", "no Autodiscover"),
            ("<Autodiscover><Request><Other>a@b.example</Other></Request></Autodiscover>", "no EMailAddress"),
            ("<Autodiscover><EMailAddress>a@b.example</EMailAddress></Autodiscover>", "no EMailAddress"),
            ("<!DOCTYPE x [<!ENTITY a \"b\">]><Autodiscover></Autodiscover>", "document type"),
            (
                "<Autodiscover><Request><EMailAddress>&a;@b.example</EMailAddress></Request></Autodiscover>",
                "not well-formed",
            ),
        ] {
            let refused = Asked::read(body.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{body}: {refused}");
        }
        assert!(Asked::read(b"\xff\xfe").unwrap_err().contains("UTF-8"));
    }
}

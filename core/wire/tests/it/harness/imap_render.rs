//! SUMMARY    Fuzz harness: whatever is fetched of whatever message, the answer is one line of the grammar.
//! STANDARDS  RFC 9051 §7.5.2, §9 (msg-att)
//! INVARIANTS The first line of the input is the item list of a FETCH; the rest is the message.

use wire::{
    imap::{
        Command, FetchItem, Item, Limits, Names, Partial, Receiver, Section, SectionText, name,
        render::{self, Code, Condition, FetchLine},
    },
    mime::{self, Structure},
};

/// Nesting of a value that is read back: a body nests thirty deep with lists inside.
const DEPTH_MAX: usize = 200;

fn items(line: &[u8]) -> Option<Vec<FetchItem>> {
    let mut receiver = Receiver::new(Limits::AUTHENTICATED);
    receiver.feed(&[b"a FETCH 1 ", line, b"\r\n"].concat());
    match receiver.next() {
        Ok(Item::Command(c)) => match c.command {
            Command::Fetch(fetch) => Some(fetch.items),
            other => panic!("FETCH became {other:?}"),
        },
        _ => None,
    }
}

fn cut(bytes: &[u8], partial: Option<Partial>) -> &[u8] {
    let Some(p) = partial else { return bytes };
    let from = usize::try_from(p.offset).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[from..from.saturating_add(usize::try_from(p.count).unwrap_or(usize::MAX)).min(bytes.len())]
}

fn kind(text: Option<&SectionText>) -> mime::SectionKind {
    let names = |n: &[String]| n.iter().map(|s| s.clone().into_bytes()).collect();
    match text {
        None => mime::SectionKind::All,
        Some(SectionText::Header) => mime::SectionKind::Header,
        Some(SectionText::HeaderFields(n)) => mime::SectionKind::HeaderFields(names(n)),
        Some(SectionText::HeaderFieldsNot(n)) => mime::SectionKind::HeaderFieldsNot(names(n)),
        Some(SectionText::Text) => mime::SectionKind::Text,
        Some(SectionText::Mime) => mime::SectionKind::Mime,
    }
}

fn write(out: &mut Vec<u8>, item: &FetchItem, message: &[u8], s: &Structure) {
    let section = |part: &Section| {
        mime::section(message, s, &mime::Section { path: part.part.clone(), kind: kind(part.text.as_ref()) })
    };
    let at = base::Timestamp::from_secs(message.len() as i64 * 1_000_003);
    match item {
        FetchItem::Flags => render::flags(out, ["\\Seen", "$Junk"].into_iter()),
        FetchItem::Uid => render::uid(out, u32::MAX),
        FetchItem::InternalDate => render::internal_date(out, at),
        FetchItem::SaveDate => render::save_date(out, at),
        FetchItem::Rfc822Size => render::size(out, message.len() as u32),
        FetchItem::ModSeq => render::mod_seq(out, u64::MAX),
        FetchItem::EmailId => render::email_id(out, "eml_1"),
        FetchItem::ThreadId => render::thread_id(out, "thr_1"),
        FetchItem::Envelope => render::plain_item(out, "ENVELOPE", &mime::render_envelope(s, message)),
        FetchItem::Body => render::plain_item(out, "BODY", &mime::render_body(s, message)),
        FetchItem::BodyStructure => render::plain_item(out, "BODYSTRUCTURE", &mime::render_bodystructure(s, message)),
        FetchItem::Preview { .. } => render::preview(out, &mime::preview(message, s)),
        FetchItem::Rfc822 => render::literal_item(out, "RFC822", Some(message)),
        FetchItem::Rfc822Header | FetchItem::Rfc822Text => {
            let header = *item == FetchItem::Rfc822Header;
            let kind = if header { mime::SectionKind::Header } else { mime::SectionKind::Text };
            let found = mime::section(message, s, &mime::Section { path: Vec::new(), kind });
            render::literal_item(out, if header { "RFC822.HEADER" } else { "RFC822.TEXT" }, found.as_deref());
        }
        FetchItem::BodySection(b) => {
            render::body_section(out, b, section(&b.section).as_deref().map(|f| cut(f, b.partial)));
        }
        FetchItem::Binary { part, partial, .. } => {
            let found = mime::binary(message, s, part).ok();
            render::binary(out, part, *partial, found.as_deref().map(|f| cut(f, *partial)));
        }
        FetchItem::BinarySize(part) => {
            render::binary_size(out, part, mime::binary(message, s, part).map_or(0, |b| b.len()) as u64);
        }
    }
}

/// Reads what was written, without knowing how.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> u8 {
        *self.text.get(self.at).expect("more text")
    }

    fn expect(&mut self, what: &[u8]) {
        assert!(self.text[self.at..].starts_with(what), "{} at {}", String::from_utf8_lossy(what), self.at);
        self.at += what.len();
    }

    fn while_in(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|b| is(*b)) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn string(&mut self) {
        if self.peek() == b'"' {
            self.at += 1;
            loop {
                match self.peek() {
                    b'"' => break self.at += 1,
                    b'\\' => {
                        assert!(matches!(self.text[self.at + 1], b'"' | b'\\'));
                        self.at += 2;
                    }
                    b => {
                        assert!((1..0x80).contains(&b) && b != b'\r' && b != b'\n', "byte {b} in quotes");
                        self.at += 1;
                    }
                }
            }
            return;
        }
        let eight = self.peek() == b'~';
        self.at += usize::from(eight);
        self.expect(b"{");
        let digits = std::str::from_utf8(self.while_in(|b| b.is_ascii_digit())).unwrap();
        let count: usize = digits.parse().expect("a size");
        self.expect(b"}\r\n");
        assert!(self.text.len() - self.at >= count, "a literal longer than the answer");
        self.at += count;
    }

    fn value(&mut self, depth: usize) -> &'a [u8] {
        assert!(depth < DEPTH_MAX);
        let start = self.at;
        match self.peek() {
            b'"' | b'{' | b'~' => self.string(),
            b'(' => {
                self.at += 1;
                while self.peek() != b')' {
                    self.value(depth + 1);
                    if self.peek() == b' ' {
                        self.at += 1;
                        assert_ne!(self.peek(), b')', "a space before the end of a list");
                    }
                }
                self.at += 1;
            }
            _ => assert!(!self.while_in(|b| b.is_ascii_alphanumeric() || b"\\$_-".contains(&b)).is_empty(), "a value"),
        }
        &self.text[start..self.at]
    }

    /// Name of an item with section and origin.
    fn name(&mut self) -> String {
        let name = self.while_in(|b| b.is_ascii_alphanumeric() || b == b'.');
        if self.peek() == b'[' {
            self.at += 1;
            while self.peek() != b']' {
                match self.peek() {
                    b'"' | b'{' => self.string(),
                    b => {
                        assert!(b.is_ascii_alphanumeric() || b". ()".contains(&b), "{b} in a section");
                        self.at += 1;
                    }
                }
            }
            self.at += 1;
        }
        if self.peek() == b'<' {
            self.at += 1;
            assert!(!self.while_in(|b| b.is_ascii_digit()).is_empty());
            self.expect(b">");
        }
        String::from_utf8(name.to_vec()).unwrap()
    }

    fn item(&mut self) {
        let name = self.name();
        self.expect(b" ");
        let value = self.value(0);
        match name.as_str() {
            "ENVELOPE" => mime::check::check_envelope(value).expect("an envelope"),
            "BODYSTRUCTURE" => _ = mime::check::check_bodystructure(value).expect("a bodystructure"),
            "BODY" if value.starts_with(b"(") => _ = mime::check::check_body(value).expect("a body"),
            "BODY" | "BINARY" | "RFC822" | "RFC822.HEADER" | "RFC822.TEXT" | "PREVIEW" => {
                assert!(value == b"NIL" || b"\"{~".contains(&value[0]), "{name} is no nstring");
                assert!(value[0] != b'~' || name == "BINARY", "a literal8 of {name}");
            }
            "INTERNALDATE" | "SAVEDATE" => assert!(value.len() == 28 && value[0] == b'"'),
            "UID" | "RFC822.SIZE" | "BINARY.SIZE" => assert!(value.iter().all(u8::is_ascii_digit)),
            "FLAGS" | "MODSEQ" | "EMAILID" | "THREADID" => assert_eq!(value[0], b'('),
            other => panic!("an item named {other:?}"),
        }
    }
}

/// Names and texts that people chose cannot break out of their line.
fn lines(text: &str) {
    for names in [Names::Utf8, Names::ModifiedUtf7] {
        let mut out = Vec::new();
        render::list(&mut out, &["\\HasNoChildren"], Some(text), names, false);
        let mut reader = Reader { text: &out, at: 0 };
        reader.expect(b"* LIST (\\HasNoChildren) \"/\" ");
        if names == Names::ModifiedUtf7 {
            reader.string();
            reader.expect(b"\r\n");
            assert_eq!(reader.at, out.len());
        }
    }
    if let Ok(decoded) = name::MailboxName::decode(text.as_bytes(), Names::Utf8) {
        let wire = name::encode_utf7(decoded.as_str());
        let back = name::MailboxName::decode(wire.as_bytes(), Names::ModifiedUtf7).expect("our own modified UTF-7");
        assert_eq!(back, decoded);
    }
    let mut out = Vec::new();
    render::status_line(&mut out, None, Condition::No, Some(&Code::BadUrl("x")), text);
    assert_eq!(out.iter().filter(|b| matches!(b, b'\r' | b'\n')).count(), 2, "a status line of several lines");
}

pub fn run(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (line, message) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    if let Ok(text) = std::str::from_utf8(line) {
        lines(text);
    }
    let Some(items) = items(line) else { return };
    let structure = mime::scan(message);
    let mut out = Vec::new();
    let mut fetch = FetchLine::begin(&mut out, 1);
    items.iter().for_each(|item| write(fetch.item(), item, message, &structure));
    fetch.end();
    let mut reader = Reader { text: &out, at: 0 };
    reader.expect(b"* 1 FETCH (");
    for n in 0..items.len() {
        if n > 0 {
            reader.expect(b" ");
        }
        reader.item();
    }
    reader.expect(b")\r\n");
    assert_eq!(reader.at, out.len());
}

//! SUMMARY    The shape of a message: parts in document order, each a set of offsets into the message.
//! STANDARDS  RFC 2045, RFC 2046, RFC 2183, RFC 8621 §4.1.4
//! INVARIANTS Part 0 is the message; a part's descendants follow it directly up to `end`. Every span lies in its parent's body.

use super::param::param_text;

/// A range of bytes of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Span { start, end: u32::try_from(end).unwrap_or(u32::MAX).max(start) }
    }
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
    /// The bytes; empty if the span is not of this message.
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.range()).unwrap_or_default()
    }
}

/// What a part is, as far as the structure depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Text,
    Multipart,
    /// message/rfc822 or message/global: its one child is the message inside.
    Message,
    Other,
}

/// Content-Transfer-Encoding (RFC 2045 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEncoding {
    /// 7bit, 8bit, binary, or not given.
    Identity,
    QuotedPrintable,
    Base64,
    Unknown,
}

/// Content-Disposition type (RFC 2183).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    None,
    Inline,
    Attachment,
    Other,
}

/// Values of the content fields of one part, raw (folded), without the final line end; first occurrence wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContentFields {
    pub content_type: Option<Span>,
    pub encoding: Option<Span>,
    pub id: Option<Span>,
    pub description: Option<Span>,
    pub md5: Option<Span>,
    pub disposition: Option<Span>,
    pub language: Option<Span>,
    pub location: Option<Span>,
}

/// Values of the fields of an ENVELOPE and of threading, raw; first occurrence wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnvelopeFields {
    pub date: Option<Span>,
    pub subject: Option<Span>,
    pub from: Option<Span>,
    pub sender: Option<Span>,
    pub reply_to: Option<Span>,
    pub to: Option<Span>,
    pub cc: Option<Span>,
    pub bcc: Option<Span>,
    pub in_reply_to: Option<Span>,
    pub message_id: Option<Span>,
    pub references: Option<Span>,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub parent: Option<u32>,
    /// Index after the last descendant.
    pub end: u32,
    pub media: Media,
    pub encoding: TransferEncoding,
    pub disposition: Disposition,
    /// Whether it has a file name (disposition `filename` or type `name`).
    pub named: bool,
    /// Whether the type says detached signature (application/pgp-signature, application/*pkcs7-signature).
    pub signature: bool,
    /// Header section with its closing empty line, where there is one.
    pub header: Span,
    /// Body as transferred; its length is the size in octets.
    pub body: Span,
    /// Line ends in the body; counted for text and message parts only.
    pub lines: u32,
    /// Type and subtype as spelled; empty where the default stands (see [`Part::media_type`]).
    pub type_name: Span,
    pub subtype: Span,
    pub fields: ContentFields,
    /// Only for part 0 and the child of a message part.
    pub envelope: Option<Box<EnvelopeFields>>,
}

impl Part {
    /// Type and subtype as spelled, or the default (RFC 2045 §5.2, RFC 2046 §5.1.5).
    pub fn media_type<'a>(&self, message: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        match (self.type_name.is_empty(), self.media) {
            (false, _) => (self.type_name.of(message), self.subtype.of(message)),
            (true, Media::Message) => (b"message", b"rfc822"),
            (true, _) => (b"text", b"plain"),
        }
    }

    /// Whether the type is `type_name/subtype` (lower case given).
    pub fn is_type(&self, message: &[u8], type_name: &[u8], subtype: &[u8]) -> bool {
        let (t, s) = self.media_type(message);
        t.eq_ignore_ascii_case(type_name) && s.eq_ignore_ascii_case(subtype)
    }

    /// Charset parameter, if given.
    pub fn charset(&self, message: &[u8]) -> Option<String> {
        param_text(self.fields.content_type?.of(message), b"charset")
    }

    /// Decoded file name: disposition `filename` (RFC 2183 §2.3), else type `name`.
    pub fn filename(&self, message: &[u8]) -> Option<String> {
        let of = |span: Option<Span>, name: &[u8]| param_text(span?.of(message), name);
        of(self.fields.disposition, b"filename").or_else(|| of(self.fields.content_type, b"name"))
    }
}

/// All parts in document order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    pub parts: Vec<Part>,
}

impl Structure {
    /// Part by index.
    pub fn part(&self, index: usize) -> Option<&Part> {
        self.parts.get(index)
    }

    /// The message itself. A scanned structure always has it.
    pub fn root(&self) -> Option<&Part> {
        self.parts.first()
    }

    /// Indices of the direct children of `index`.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.parts.get(index).map_or(0, |p| p.end as usize);
        let mut next = index.saturating_add(1);
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.parts.get(child).map_or(end, |p| (p.end as usize).max(child + 1));
            Some(child)
        })
    }
}

/// Whether a mail reader would show a paper clip (RFC 8621 §4.1.4 hasAttachment): a leaf that is marked as attachment, has a
/// file name without being inline, or is no text and not part of a multipart/related; messages inside count.
pub fn has_attachment(structure: &Structure) -> bool {
    let mut index = 0;
    while let Some(part) = structure.parts.get(index) {
        let leaf = !matches!(part.media, Media::Multipart);
        let root = index == 0;
        let found = match part.disposition {
            Disposition::Attachment => leaf,
            Disposition::Inline => matches!(part.media, Media::Message),
            Disposition::None | Disposition::Other => match part.media {
                Media::Text => part.named && !root,
                Media::Message => true,
                Media::Other => !part.signature && (part.named || part.fields.id.is_none()),
                Media::Multipart => false,
            },
        };
        if found {
            return true;
        }
        index += 1;
    }
    false
}

//! SUMMARY    Address lists of header fields.
//! STANDARDS  RFC 5322 §3.4, §4.4 (obsolete routes)
//! SECURITY   Unclosed quotes, comments and angles arrive here; nothing is searched twice.
//! LIMITS     HEADER_ADDRESSES_MAX
//! INVARIANTS Quotes, escapes and comments are gone from the parts; encoded words are left as they are.

use base::limits::HEADER_ADDRESSES_MAX;

/// One mailbox of a header field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mailbox {
    /// Display name, or the comment after a bare address; RFC 2047 words undecoded.
    pub name: Option<Vec<u8>>,
    /// Obsolete source route without its colon.
    pub route: Option<Vec<u8>>,
    pub local: Vec<u8>,
    /// Empty where the field has none.
    pub domain: Vec<u8>,
}

impl Mailbox {
    /// `local@domain` as text, lossy; the local part alone if there is no domain.
    pub fn address(&self) -> String {
        let local = String::from_utf8_lossy(&self.local);
        if self.domain.is_empty() {
            local.into_owned()
        } else {
            format!("{local}@{}", String::from_utf8_lossy(&self.domain))
        }
    }
}

/// An entry of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressItem {
    Mailbox(Mailbox),
    Group { name: Vec<u8>, members: Vec<Mailbox> },
}

/// Parses a raw address list; at most HEADER_ADDRESSES_MAX mailboxes are kept.
pub fn addresses(value: &[u8]) -> Vec<AddressItem> {
    addresses_up_to(value, HEADER_ADDRESSES_MAX)
}

/// All mailboxes of a raw address list, those of groups included.
pub fn mailboxes(value: &[u8]) -> Vec<Mailbox> {
    let mut out = Vec::new();
    for item in addresses(value) {
        match item {
            AddressItem::Mailbox(m) => out.push(m),
            AddressItem::Group { members, .. } => out.extend(members),
        }
    }
    out
}

pub(super) fn addresses_up_to(value: &[u8], count_max: usize) -> Vec<AddressItem> {
    let mut parser =
        Parser { text: value, at: 0, unclosed: false, entry: Entry::default(), group: None, out: Vec::new(), count: 0 };
    while parser.count < count_max && parser.step() {}
    parser.end_mailbox();
    parser.end_group();
    parser.out
}

/// What was read since the last separator.
#[derive(Default)]
struct Entry {
    /// Words with single spaces: the display name if an angle address follows.
    phrase: Vec<u8>,
    /// The last run of words joined by `.` and `@`.
    spec: Vec<u8>,
    at_sign: Option<usize>,
    comment: Option<Vec<u8>>,
    spaced: bool,
    /// The last token was `.` or `@`, so that the next word belongs to the spec.
    glued: bool,
    angle: Option<Mailbox>,
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// A quote without end was seen: quotes are white space from here on.
    unclosed: bool,
    entry: Entry,
    group: Option<(Vec<u8>, Vec<Mailbox>)>,
    out: Vec<AddressItem>,
    count: usize,
}

impl Parser<'_> {
    /// Takes one token; false at the end.
    fn step(&mut self) -> bool {
        let Some(b) = self.text.get(self.at).copied() else { return false };
        match b {
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.at += 1;
                self.entry.spaced = true;
            }
            b'(' => self.entry.comment = Some(self.comment()),
            b'"' => match self.quoted() {
                Some(word) => self.entry.word(&word),
                None => self.entry.spaced = true,
            },
            b'<' => self.angle(),
            b',' => {
                self.at += 1;
                self.end_mailbox();
            }
            b';' => {
                self.at += 1;
                self.end_mailbox();
                self.end_group();
            }
            b':' if self.group.is_none() && self.entry.angle.is_none() && self.entry.at_sign.is_none() => {
                self.at += 1;
                let entry = std::mem::take(&mut self.entry);
                self.group = Some((entry.phrase, Vec::new()));
            }
            b'@' => {
                self.at += 1;
                self.entry.at_sign();
            }
            b'.' => {
                self.at += 1;
                self.entry.dot();
            }
            b'[' if self.entry.glued && self.entry.at_sign.is_some() => {
                let literal = self.domain_literal();
                self.entry.word(&literal);
            }
            b'>' | b')' | b':' => {
                self.at += 1;
                self.entry.spaced = true;
            }
            _ => {
                let word = self.atom();
                self.entry.word(&word);
            }
        }
        true
    }

    fn end_mailbox(&mut self) {
        if let Some(mailbox) = std::mem::take(&mut self.entry).finish() {
            self.count += 1;
            match &mut self.group {
                Some((_, members)) => members.push(mailbox),
                None => self.out.push(AddressItem::Mailbox(mailbox)),
            }
        }
    }

    fn end_group(&mut self) {
        if let Some((name, members)) = self.group.take() {
            self.count += 1;
            self.out.push(AddressItem::Group { name, members });
        }
    }

    fn atom(&mut self) -> Vec<u8> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = encoded_word_len(rest).unwrap_or_else(|| {
            let len = rest.iter().position(|b| is_special(*b)).unwrap_or(rest.len());
            if len == 0 { 1 } else { len }
        });
        self.at += len;
        let atom = rest.get(..len).unwrap_or_default();
        match atom {
            [b'\\'] => {
                let next = self.text.get(self.at).copied().filter(|b| !b.is_ascii_whitespace());
                self.at += usize::from(next.is_some());
                next.into_iter().collect()
            }
            _ => atom.to_vec(),
        }
    }

    /// Unquoted content; None if there is no closing quote, which then counts as white space.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        if self.unclosed {
            return None;
        }
        let mut out = Vec::new();
        let mut at = self.at;
        while let Some(b) = self.text.get(at) {
            at += 1;
            match b {
                b'"' => {
                    self.at = at;
                    return Some(out);
                }
                b'\\' => {
                    out.extend(self.text.get(at).filter(|b| !matches!(b, b'\r' | b'\n')));
                    at += 1;
                }
                b'\r' | b'\n' => {}
                b => out.push(*b),
            }
        }
        self.unclosed = true;
        None
    }

    /// Content of a comment, nested parentheses kept; unclosed ones run to the end.
    fn comment(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 0_usize;
        while let Some(b) = self.text.get(self.at).copied() {
            self.at += 1;
            match b {
                b'(' => {
                    depth += 1;
                    if depth == 1 {
                        continue;
                    }
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    out.extend(self.text.get(self.at).filter(|b| !matches!(b, b'\r' | b'\n')));
                    self.at += 1;
                    continue;
                }
                b'\r' | b'\n' => continue,
                _ => {}
            }
            out.push(b);
        }
        out.trim_ascii().to_vec()
    }

    fn domain_literal(&mut self) -> Vec<u8> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let stop = |b: &u8| matches!(b, b']' | b',' | b';' | b'>' | b'\r' | b'\n');
        let len = rest.iter().position(stop).map_or(rest.len(), |n| n + usize::from(rest.get(n) == Some(&b']')));
        self.at += len.max(1);
        rest.get(..len.max(1)).unwrap_or_default().to_vec()
    }

    /// `<route:local@domain>`; ends at `>`, or before a separator if that is missing.
    fn angle(&mut self) {
        self.at += 1;
        let outer = std::mem::take(&mut self.entry);
        let mut route = None;
        while let Some(b) = self.text.get(self.at).copied() {
            match b {
                b'>' => {
                    self.at += 1;
                    break;
                }
                b';' => break,
                // A list of routes starts with `@`; otherwise the comma ends an unclosed angle.
                b',' if self.entry.at_sign != Some(0) => break,
                b',' => {
                    self.at += 1;
                    self.entry.spec.push(b',');
                    self.entry.glued = true;
                }
                b':' => {
                    self.at += 1;
                    let inner = std::mem::take(&mut self.entry);
                    route = (inner.at_sign == Some(0)).then_some(inner.spec);
                }
                b'<' => self.at += 1,
                _ => {
                    if !self.step() {
                        break;
                    }
                }
            }
        }
        let inner = std::mem::take(&mut self.entry);
        let (local, domain) = inner.split();
        self.entry = outer;
        self.entry.comment = self.entry.comment.take().or(inner.comment);
        self.entry.angle.get_or_insert(Mailbox { name: None, route, local, domain });
    }
}

impl Entry {
    fn word(&mut self, word: &[u8]) {
        if self.spaced && !self.phrase.is_empty() {
            self.phrase.push(b' ');
        }
        self.phrase.extend_from_slice(word);
        if self.spaced && !self.glued && self.at_sign.is_none() {
            self.spec.clear();
        }
        if self.at_sign.is_none() || !self.spaced || self.glued {
            self.spec.extend_from_slice(word);
        }
        (self.spaced, self.glued) = (false, false);
    }

    fn dot(&mut self) {
        self.phrase.push(b'.');
        self.spec.push(b'.');
        (self.spaced, self.glued) = (false, true);
    }

    fn at_sign(&mut self) {
        self.phrase.push(b'@');
        // The last `@` divides: local parts with a bare `@` occur, domains with one do not.
        self.at_sign = if self.at_sign == Some(0) { Some(0) } else { Some(self.spec.len()) };
        self.spec.push(b'@');
        (self.spaced, self.glued) = (false, true);
    }

    fn split(&self) -> (Vec<u8>, Vec<u8>) {
        match self.at_sign.and_then(|at| Some((self.spec.get(..at)?, self.spec.get(at + 1..)?))) {
            Some((local, domain)) => (local.to_vec(), domain.to_vec()),
            None => (self.phrase.clone(), Vec::new()),
        }
    }

    fn finish(mut self) -> Option<Mailbox> {
        let named = |n: Vec<u8>| Some(n).filter(|n| !n.is_empty());
        if let Some(mut mailbox) = self.angle.take() {
            mailbox.name = named(self.phrase).or(self.comment);
            let empty = mailbox.name.is_none() && mailbox.local.is_empty() && mailbox.domain.is_empty();
            return (!empty).then_some(mailbox);
        }
        let (local, domain) = self.split();
        let empty = local.is_empty() && domain.is_empty();
        (!empty).then_some(Mailbox { name: self.comment, route: None, local, domain })
    }
}

/// Length of an RFC 2047 word that stands in a phrase with specials inside, as some writers send it.
fn encoded_word_len(text: &[u8]) -> Option<usize> {
    let window = text.get(..text.len().min(256)).filter(|t| t.starts_with(b"=?"))?;
    let mut marks = 0;
    for (i, b) in window.iter().enumerate().skip(2) {
        match b {
            b'?' if marks == 2 => return (window.get(i + 1) == Some(&b'=')).then_some(i + 2),
            b'?' => marks += 1,
            b' ' | b'\t' | b'\r' | b'\n' => return None,
            _ => {}
        }
    }
    None
}

fn is_special(b: u8) -> bool {
    matches!(
        b,
        b'(' | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b':'
            | b'\\'
            | b'"'
            | b'.'
            | b'['
            | b' '
            | b'\t'
            | b'\r'
            | b'\n'
    )
}

//! SUMMARY    A strict reader of ENVELOPE, BODY and BODYSTRUCTURE texts, written from the grammar and not from the renderer.
//! STANDARDS  RFC 9051 §9 (envelope, body, body-ext-1part, body-ext-mpart)
//! INVARIANTS Used by tests, fuzzing and verification of stored rows; accepts what the grammar accepts, nothing more.

/// Nesting that is read; the grammar has no bound.
const NESTING_MAX: usize = 200;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub at: usize,
    pub expected: &'static str,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at byte {}: expected {}", self.at, self.expected)
    }
}
impl std::error::Error for Malformed {}

type Checked<T = ()> = Result<T, Malformed>;

/// Checks an ENVELOPE text.
pub fn check_envelope(text: &[u8]) -> Checked {
    let mut reader = Reader { text, at: 0 };
    reader.envelope()?;
    reader.end()
}

/// Checks a BODYSTRUCTURE text, which must carry all extension data this server writes.
pub fn check_bodystructure(text: &[u8]) -> Checked<usize> {
    let mut reader = Reader { text, at: 0 };
    let parts = reader.body(true, 0)?;
    reader.end().map(|()| parts)
}

/// Checks a BODY text, which must not carry extension data. Gives the number of parts.
pub fn check_body(text: &[u8]) -> Checked<usize> {
    let mut reader = Reader { text, at: 0 };
    let parts = reader.body(false, 0)?;
    reader.end().map(|()| parts)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, expected: &'static str) -> Checked<T> {
        Err(Malformed { at: self.at, expected })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn end(&self) -> Checked {
        if self.at == self.text.len() { Ok(()) } else { self.fail("end") }
    }

    fn byte(&mut self, b: u8, expected: &'static str) -> Checked {
        if self.peek() != Some(b) {
            return self.fail(expected);
        }
        self.at += 1;
        Ok(())
    }

    fn space(&mut self) -> Checked {
        self.byte(b' ', "one space")
    }

    fn number(&mut self) -> Checked<u64> {
        let start = self.at;
        let mut n = 0_u64;
        while let Some(d) = self.peek().filter(u8::is_ascii_digit) {
            n = n.saturating_mul(10).saturating_add(u64::from(d - b'0'));
            self.at += 1;
        }
        if self.at == start || n > u64::from(u32::MAX) { self.fail("a number") } else { Ok(n) }
    }

    /// Decoded content of a quoted string or literal.
    fn string(&mut self) -> Checked<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.fail("a string"),
        }
    }

    fn quoted(&mut self) -> Checked<Vec<u8>> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b @ (b'"' | b'\\')) => out.push(b),
                        _ => return self.fail("a quoted special after a backslash"),
                    }
                }
                Some(b) if (0x01..0x80).contains(&b) && b != b'\r' && b != b'\n' => out.push(b),
                _ => return self.fail("a character allowed in quotes"),
            }
            self.at += 1;
        }
    }

    fn literal(&mut self) -> Checked<Vec<u8>> {
        self.at += 1;
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        self.byte(b'}', "a closing brace")?;
        self.byte(b'\r', "CR")?;
        self.byte(b'\n', "LF")?;
        let bytes = self.at.checked_add(count).and_then(|end| self.text.get(self.at..end));
        match bytes {
            Some(bytes) if !bytes.contains(&0) => {
                self.at += count;
                Ok(bytes.to_vec())
            }
            _ => self.fail("a literal of that length without NUL"),
        }
    }

    fn nil(&mut self) -> bool {
        let nil = self.text.get(self.at..self.at + 3) == Some(b"NIL");
        self.at += if nil { 3 } else { 0 };
        nil
    }

    fn nstring(&mut self) -> Checked<Option<Vec<u8>>> {
        if self.nil() { Ok(None) } else { self.string().map(Some) }
    }

    fn envelope(&mut self) -> Checked {
        self.byte(b'(', "an envelope")?;
        self.nstring()?;
        self.space()?;
        self.nstring()?;
        for _ in 0..6 {
            self.space()?;
            self.address_list()?;
        }
        for _ in 0..2 {
            self.space()?;
            self.nstring()?;
        }
        self.byte(b')', "the end of the envelope")
    }

    /// `"(" 1*address ")" / nil`; groups must be opened and closed in turn.
    fn address_list(&mut self) -> Checked {
        if self.nil() {
            return Ok(());
        }
        self.byte(b'(', "an address list")?;
        let mut in_group = false;
        let mut count = 0;
        while self.peek() == Some(b'(') {
            self.at += 1;
            self.nstring()?;
            self.space()?;
            self.nstring()?;
            self.space()?;
            let mailbox = self.nstring()?;
            self.space()?;
            let host = self.nstring()?;
            self.byte(b')', "the end of an address")?;
            count += 1;
            match (mailbox, host, in_group) {
                (Some(_), None, false) => in_group = true,
                (None, None, true) => in_group = false,
                (Some(_), Some(_), _) => {}
                _ => return self.fail("groups in turn"),
            }
        }
        if count == 0 || in_group {
            return self.fail("addresses and closed groups");
        }
        self.byte(b')', "the end of an address list")
    }

    fn body(&mut self, extended: bool, depth: usize) -> Checked<usize> {
        if depth > NESTING_MAX {
            return self.fail("less nesting");
        }
        self.byte(b'(', "a body")?;
        let mut parts = 1;
        if self.peek() == Some(b'(') {
            while self.peek() == Some(b'(') {
                parts += self.body(extended, depth + 1)?;
            }
            self.space()?;
            self.string()?;
            if extended {
                self.space()?;
                self.params()?;
            }
        } else {
            parts += self.single(extended, depth)?;
        }
        if extended {
            self.tail()?;
        }
        self.byte(b')', "the end of a body")?;
        Ok(parts)
    }

    fn single(&mut self, extended: bool, depth: usize) -> Checked<usize> {
        let mut parts = 0;
        let type_name = self.string()?.to_ascii_lowercase();
        self.space()?;
        let subtype = self.string()?.to_ascii_lowercase();
        self.space()?;
        self.params()?;
        self.space()?;
        self.nstring()?;
        self.space()?;
        self.nstring()?;
        self.space()?;
        self.string()?;
        self.space()?;
        self.number()?;
        if type_name == b"message" && (subtype == b"rfc822" || subtype == b"global") {
            self.space()?;
            self.envelope()?;
            self.space()?;
            parts += self.body(extended, depth + 1)?;
            self.space()?;
            self.number()?;
        } else if type_name == b"text" {
            self.space()?;
            self.number()?;
        }
        if extended {
            self.space()?;
            self.nstring()?;
        }
        Ok(parts)
    }

    fn params(&mut self) -> Checked {
        if self.nil() {
            return Ok(());
        }
        self.byte(b'(', "parameters")?;
        loop {
            self.string()?;
            self.space()?;
            self.string()?;
            if self.peek() == Some(b')') {
                self.at += 1;
                return Ok(());
            }
            self.space()?;
        }
    }

    /// Disposition, language, location.
    fn tail(&mut self) -> Checked {
        self.space()?;
        if !self.nil() {
            self.byte(b'(', "a disposition")?;
            self.string()?;
            self.space()?;
            self.params()?;
            self.byte(b')', "the end of a disposition")?;
        }
        self.space()?;
        if self.peek() == Some(b'(') {
            self.at += 1;
            self.string()?;
            while self.peek() == Some(b' ') {
                self.at += 1;
                self.string()?;
            }
            self.byte(b')', "the end of languages")?;
        } else {
            self.nstring()?;
        }
        self.space()?;
        self.nstring().map(|_| ())
    }
}

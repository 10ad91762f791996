//! SUMMARY    Reading position in a command: atoms, strings, numbers, lists.
//! STANDARDS  RFC 9051 §9 formal syntax; RFC 6855 §3 UTF-8 in quoted strings
//! INVARIANTS Moves forward only. A literal is taken once, in order. Absent: knowledge of any command.

use std::mem;

use super::Error;

pub(crate) type Parsed<T> = Result<T, Error>;

/// Where the parser stands. `text` has no line end; a literal's announcement with its line end is inside `text`, its bytes are in `literals`.
pub(crate) struct Cursor<'a, 'l> {
    text: &'a [u8],
    pos: usize,
    literals: &'l mut [Vec<u8>],
    next_literal: usize,
    /// Mailbox names are UTF-8.
    pub utf8: bool,
}

/// Digits to a number; `None` for no digits, other bytes or overflow.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, b| {
        let d = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(d)
    })
}

/// ATOM-CHAR of RFC 9051 §9.
pub(crate) fn is_atom_char(b: u8) -> bool {
    matches!(b, 0x21..=0x7e) && !matches!(b, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// ASTRING-CHAR: also `]`.
pub(crate) fn is_astring_char(b: u8) -> bool {
    is_atom_char(b) || b == b']'
}

impl<'a, 'l> Cursor<'a, 'l> {
    pub fn new(text: &'a [u8], literals: &'l mut [Vec<u8>], utf8: bool) -> Self {
        Cursor { text, pos: 0, literals, next_literal: 0, utf8 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.pos).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.pos..).unwrap_or_default()
    }

    /// Steps over `b` if it is next.
    pub fn eat(&mut self, b: u8) -> bool {
        let hit = self.peek() == Some(b);
        self.pos += usize::from(hit);
        hit
    }

    pub fn expect(&mut self, b: u8, message: &'static str) -> Parsed<()> {
        if self.eat(b) { Ok(()) } else { Err(Error::Bad(message)) }
    }

    /// Steps over `word` without case if a delimiter follows it.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let Some((head, tail)) = rest.split_at_checked(word.len()) else { return false };
        let ends = tail.first().is_none_or(|b| !is_astring_char(*b));
        let hit = ends && head.eq_ignore_ascii_case(word.as_bytes());
        if hit {
            self.pos += word.len();
        }
        hit
    }

    /// Where the cursor stands, to return to with `back_to`; no literal may be read between.
    pub fn mark(&self) -> usize {
        self.pos
    }

    pub fn back_to(&mut self, mark: usize) {
        self.pos = mark;
    }

    /// One space, or several (workaround: hand-typed commands and old clients).
    pub fn space(&mut self) -> Parsed<()> {
        self.expect(b' ', "Missing space")?;
        self.spaces();
        Ok(())
    }

    /// Any number of spaces.
    pub fn spaces(&mut self) {
        while self.eat(b' ') {}
    }

    /// Whether only spaces are left.
    pub fn at_end(&mut self) -> bool {
        let rest = self.rest();
        rest.iter().all(|b| *b == b' ')
    }

    /// The command must end here, with every literal used.
    pub fn end(&mut self) -> Parsed<()> {
        if self.at_end() && self.next_literal == self.literals.len() {
            Ok(())
        } else {
            Err(Error::Bad("Unexpected text after the command"))
        }
    }

    /// Longest run of bytes that satisfy `f`; may be empty.
    pub fn take_while(&mut self, f: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let n = rest.iter().position(|b| !f(*b)).unwrap_or(rest.len());
        self.pos += n;
        rest.get(..n).unwrap_or_default()
    }

    /// Atom; not empty.
    pub fn atom(&mut self) -> Parsed<&'a str> {
        match std::str::from_utf8(self.take_while(is_atom_char)) {
            Ok(a) if !a.is_empty() => Ok(a),
            _ => Err(Error::Bad("Expected an atom")),
        }
    }

    /// Atom in upper case.
    pub fn keyword(&mut self) -> Parsed<String> {
        Ok(self.atom()?.to_ascii_uppercase())
    }

    pub fn number64(&mut self) -> Parsed<u64> {
        let digits = self.take_while(|b| b.is_ascii_digit());
        decimal(digits).filter(|n| *n <= i64::MAX as u64).ok_or(Error::Bad("Expected a number"))
    }

    pub fn number(&mut self) -> Parsed<u32> {
        u32::try_from(self.number64()?).map_err(|_| Error::Bad("Number is too large"))
    }

    pub fn nz_number(&mut self) -> Parsed<u32> {
        match self.number()? {
            0 => Err(Error::Bad("Number must not be zero")),
            n => Ok(n),
        }
    }

    /// Quoted string or literal.
    pub fn string(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => Err(Error::Bad("Expected a string")),
        }
    }

    /// Atom with `]`, quoted string or literal.
    pub fn astring(&mut self) -> Parsed<Vec<u8>> {
        self.string_or(|b| is_astring_char(b) || b >= 0x80, "Expected a string")
    }

    /// Quoted string, literal, or a run of bytes that satisfy `bare`.
    pub fn string_or(&mut self, bare: impl Fn(u8) -> bool, message: &'static str) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => match self.take_while(bare) {
                [] => Err(Error::Bad(message)),
                run => Ok(run.to_vec()),
            },
        }
    }

    /// `astring` that must be UTF-8.
    pub fn astring_utf8(&mut self) -> Parsed<String> {
        utf8(self.astring()?)
    }

    /// `NIL` or string.
    pub fn nstring_utf8(&mut self) -> Parsed<Option<String>> {
        if self.eat_word("NIL") {
            return Ok(None);
        }
        utf8(self.string()?).map(Some)
    }

    fn quoted(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'"', "Expected a quoted string")?;
        let mut out = Vec::new();
        loop {
            out.extend_from_slice(self.take_while(|b| !matches!(b, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.pos += 1;
                    match self.peek() {
                        Some(b @ (b'"' | b'\\')) => out.push(b),
                        _ => return Err(Error::Bad("Invalid escape in a quoted string")),
                    }
                    self.pos += 1;
                }
                _ => return Err(Error::Bad("Unterminated quoted string")),
            }
        }
    }

    /// Literal without NUL.
    pub fn literal(&mut self) -> Parsed<Vec<u8>> {
        let bytes = self.literal_bytes()?;
        if memchr::memchr(0, &bytes).is_some() {
            return Err(Error::Bad("NUL in a literal"));
        }
        Ok(bytes)
    }

    /// literal8: `~` stands before it and was read.
    pub fn literal8(&mut self) -> Parsed<Vec<u8>> {
        self.literal_bytes()
    }

    fn literal_bytes(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'{', "Expected a literal")?;
        let size = self.number64()?;
        self.eat(b'+');
        self.expect(b'}', "Malformed literal")?;
        self.eat(b'\r');
        self.expect(b'\n', "Malformed literal")?;
        let slot = self.literals.get_mut(self.next_literal).ok_or(Error::Bad("Malformed literal"))?;
        if slot.len() as u64 != size {
            return Err(Error::Bad("Malformed literal"));
        }
        self.next_literal += 1;
        Ok(mem::take(slot))
    }
}

/// Bytes to text.
pub(crate) fn utf8(bytes: Vec<u8>) -> Parsed<String> {
    String::from_utf8(bytes).map_err(|_| Error::Bad("Invalid UTF-8"))
}

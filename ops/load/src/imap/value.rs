//! SUMMARY    A strict reader of what a response holds: atoms, strings, literals, lists.
//! STANDARDS  RFC 9051 §9
//! INVARIANTS Nothing is repaired: one space between values, no space at the edges of a list, no trailing bytes.

use crate::error::{Result, protocol};

/// Nesting of lists.
const DEPTH_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Nil,
    /// An atom, a number, a flag, or an item name such as `BODY[]`.
    Atom(Vec<u8>),
    /// Quoted or literal.
    String(Vec<u8>),
    List(Vec<Value>),
}

pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub fn value(&mut self) -> Result<Value> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Value> {
        match self.peek() {
            Some(b'(') if depth >= DEPTH_MAX => self.fail("lists nested deeper than DEPTH_MAX"),
            Some(b'(') => self.list(depth),
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            Some(b'~') if self.bytes.get(self.at + 1) == Some(&b'{') => {
                self.at += 1;
                self.literal()
            }
            Some(_) => self.atom(),
            None => self.fail("a value is missing"),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut items = Vec::new();
        if self.eat(b')') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.nested(depth + 1)?);
            if self.eat(b')') {
                return Ok(Value::List(items));
            }
            // Address and body lists follow each other without a space (RFC 9051 §9: "(" 1*address ")").
            if self.peek() != Some(b'(') && !self.eat(b' ') {
                return self.fail("a space or ) was expected");
            }
        }
    }

    fn quoted(&mut self) -> Result<Value> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.next() {
                Some(b'"') => return Ok(Value::String(text)),
                Some(b'\\') => match self.next() {
                    Some(b @ (b'"' | b'\\')) => text.push(b),
                    _ => return self.fail("only \" and \\ may be escaped"),
                },
                Some(0 | b'\r' | b'\n') | None => return self.fail("NUL, CR, LF or the end in a quoted string"),
                Some(b) => text.push(b),
            }
        }
    }

    fn literal(&mut self) -> Result<Value> {
        self.at += 1;
        let mut length = 0_usize;
        let digits = self.at;
        while let Some(b @ b'0'..=b'9') = self.peek() {
            length = length.saturating_mul(10).saturating_add(usize::from(b - b'0'));
            self.at += 1;
        }
        if self.at == digits || !(self.eat(b'}') && self.eat(b'\r') && self.eat(b'\n')) {
            return self.fail("a literal is {N} CR LF");
        }
        let end = self.at.saturating_add(length);
        let Some(bytes) = self.bytes.get(self.at..end) else { return self.fail("a literal longer than the response") };
        self.at = end;
        Ok(Value::String(bytes.to_vec()))
    }

    fn atom(&mut self) -> Result<Value> {
        let from = self.at;
        let mut bracket = false;
        while let Some(b) = self.peek() {
            match b {
                b'[' => bracket = true,
                b']' => bracket = false,
                b' ' | b'(' | b')' | b'"' if bracket => {}
                b' ' | b'(' | b')' | b'"' | b'{' | 0..=31 | 127 => break,
                _ => {}
            }
            self.at += 1;
        }
        match self.bytes.get(from..self.at).unwrap_or_default() {
            b"" => self.fail("an atom was expected"),
            word if word.eq_ignore_ascii_case(b"NIL") => Ok(Value::Nil),
            word => Ok(Value::Atom(word.to_vec())),
        }
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn fail<T>(&self, why: &str) -> Result<T> {
        let near = self.bytes.get(self.at.saturating_sub(20)..self.bytes.len().min(self.at + 20)).unwrap_or_default();
        Err(protocol(format!("{why} at byte {} near {:?}", self.at, String::from_utf8_lossy(near))))
    }
}

/// Items of a FETCH response: name in upper case, value.
pub type Items = Vec<(String, Value)>;

/// One `* N FETCH (..)` response: message number and items; None for any other response.
pub fn fetch(response: &[u8]) -> Result<Option<(u64, Items)>> {
    let mut reader = Reader::new(response);
    let mut head = Vec::new();
    for _ in 0..3 {
        match reader.atom() {
            Ok(Value::Atom(word)) => head.push(word),
            _ => return Ok(None),
        }
        reader.eat(b' ');
    }
    let [star, number, verb] = head.as_slice() else { return Ok(None) };
    let number = std::str::from_utf8(number).ok().and_then(|n| n.parse::<u64>().ok());
    let (b"*", Some(number), b"FETCH") = (star.as_slice(), number, verb.as_slice()) else { return Ok(None) };
    let Value::List(items) = reader.value()? else { return Err(protocol("FETCH without a list")) };
    if !reader.is_done() {
        return Err(protocol("bytes after a FETCH response"));
    }
    let mut pairs = Vec::new();
    let mut items = items.into_iter();
    while let Some(name) = items.next() {
        let (Value::Atom(name), Some(value)) = (name, items.next()) else {
            return Err(protocol("FETCH items are pairs of name and value"));
        };
        pairs.push((String::from_utf8_lossy(&name).to_ascii_uppercase(), value));
    }
    Ok(Some((number, pairs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(s: &str) -> Value {
        Value::Atom(s.into())
    }

    #[test]
    fn values() {
        let text = b"(\"a\\\"b\" NIL {3}\r\nx)y ((1 2)(3)) () BODY[HEADER.FIELDS (TO)] \\Seen)";
        let mut reader = Reader::new(text);
        let expect = Value::List(vec![
            Value::String(b"a\"b".to_vec()),
            Value::Nil,
            Value::String(b"x)y".to_vec()),
            Value::List(vec![Value::List(vec![atom("1"), atom("2")]), Value::List(vec![atom("3")])]),
            Value::List(vec![]),
            atom("BODY[HEADER.FIELDS (TO)]"),
            atom("\\Seen"),
        ]);
        assert_eq!(reader.value().unwrap(), expect);
        assert!(reader.is_done());
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        for bad in ["(a  b)", "( a)", "(a )", "(a", "\"a", "\"a\\b\"", "\"a\nb\"", "{3}\r\nab", "{}\r\n", "", ")"] {
            assert!(Reader::new(bad.as_bytes()).value().is_err(), "{bad:?}");
        }
        assert!(Reader::new("(".repeat(1000).as_bytes()).value().is_err());
    }

    #[test]
    fn fetch_responses() {
        let (n, items) = fetch(b"* 7 FETCH (UID 9 body[] {2}\r\nhi FLAGS (\\Seen))").unwrap().unwrap();
        assert_eq!(n, 7);
        assert_eq!(items[1], ("BODY[]".to_owned(), Value::String(b"hi".to_vec())));
        assert!(fetch(b"* 7 EXISTS").unwrap().is_none());
        assert!(fetch(b"* 7 FETCH (UID 9) x").is_err());
        assert!(fetch(b"* 7 FETCH (UID)").is_err());
    }
}

//! SUMMARY    The text of a filter.
//! STANDARDS  RFC 7644 Figure 1 (grammar)
//! SECURITY   The text comes from outside; bytes, nesting and comparisons are bounded.
//! LIMITS     FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_TERMS_MAX
//! INVARIANTS `not` binds closest, then `and`, then `or`.

use super::{FILTER_BYTES_MAX, Filter, Operator, name};
use crate::scim::problem::Problem;
use serde_json::Value;

/// Parentheses, brackets and `not` within each other.
const FILTER_DEPTH_MAX: usize = 8;
/// Comparisons of a filter.
const FILTER_TERMS_MAX: usize = 32;

/// Reads a filter. `invalidFilter` with what is wrong.
pub(in crate::scim) fn parse(text: &str) -> Result<Filter, Problem> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(Problem::filter(format!("A filter has at most {FILTER_BYTES_MAX} bytes (FILTER_BYTES_MAX)")));
    }
    let mut reader = Reader { rest: text, terms: 0 };
    let filter = reader.or(0)?;
    match reader.peek() {
        None => Ok(filter),
        Some(token) => Err(Problem::filter(format!("Nothing is expected at `{}`", token.shown()))),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Word(&'a str),
    Text(String),
}

impl Token<'_> {
    fn shown(&self) -> &str {
        match self {
            Token::Open => "(",
            Token::Close => ")",
            Token::OpenBracket => "[",
            Token::CloseBracket => "]",
            Token::Word(word) => word,
            Token::Text(text) => text,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    terms: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        token(self.rest).map(|(token, _)| token)
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let (token, rest) = token(self.rest)?;
        self.rest = rest;
        Some(token)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        if found {
            self.next();
        }
        found
    }

    fn or(&mut self, depth: usize) -> Result<Filter, Problem> {
        if depth > FILTER_DEPTH_MAX {
            return Err(Problem::filter(format!("At most {FILTER_DEPTH_MAX} levels (FILTER_DEPTH_MAX)")));
        }
        let mut left = self.and(depth)?;
        while self.takes_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and(depth)?));
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Result<Filter, Problem> {
        let mut left = self.term(depth)?;
        while self.takes_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.term(depth)?));
        }
        Ok(left)
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Problem> {
        self.terms += 1;
        if self.terms > FILTER_TERMS_MAX {
            return Err(Problem::filter(format!("At most {FILTER_TERMS_MAX} comparisons (FILTER_TERMS_MAX)")));
        }
        match self.next() {
            Some(Token::Open) => self.within(depth, Token::Close),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("not") && self.peek() == Some(Token::Open) => {
                self.next();
                Ok(Filter::Not(Box::new(self.within(depth, Token::Close)?)))
            }
            Some(Token::Word(word)) => self.comparison(word, depth),
            Some(token) => Err(Problem::filter(format!("An attribute is expected at `{}`", token.shown()))),
            None => Err(Problem::filter("The filter ends too early")),
        }
    }

    fn within(&mut self, depth: usize, close: Token<'_>) -> Result<Filter, Problem> {
        let inner = self.or(depth + 1)?;
        match self.next() {
            Some(token) if token == close => Ok(inner),
            _ => Err(Problem::filter(format!("`{}` is missing", close.shown()))),
        }
    }

    fn comparison(&mut self, word: &str, depth: usize) -> Result<Filter, Problem> {
        let attribute = name(word).ok_or_else(|| Problem::filter(format!("`{word}` is no attribute")))?;
        if self.peek() == Some(Token::OpenBracket) {
            self.next();
            return Ok(Filter::Any(attribute, Box::new(self.within(depth, Token::CloseBracket)?)));
        }
        let Some(Token::Word(word)) = self.next() else {
            return Err(Problem::filter(format!("An operator is expected after `{attribute}`")));
        };
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let Some(operator) = Operator::parse(word) else {
            return Err(Problem::filter(format!("`{word}` is no operator")));
        };
        let value = match self.next() {
            Some(Token::Text(text)) => Value::String(text),
            Some(Token::Word(word)) => match serde_json::from_str(word) {
                Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
                // Entra writes True and False.
                _ if word.eq_ignore_ascii_case("true") => Value::Bool(true),
                _ if word.eq_ignore_ascii_case("false") => Value::Bool(false),
                _ => return Err(Problem::filter(format!("`{word}` is no value: texts stand in quotes"))),
            },
            _ => return Err(Problem::filter(format!("A value is expected after `{attribute} {word}`"))),
        };
        Ok(Filter::Compare(attribute, operator, value))
    }
}

/// The next token and what is behind it.
fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    let single = match first {
        '(' => Some(Token::Open),
        ')' => Some(Token::Close),
        '[' => Some(Token::OpenBracket),
        ']' => Some(Token::CloseBracket),
        _ => None,
    };
    if let Some(token) = single {
        return text.get(1..).map(|rest| (token, rest));
    }
    if first == '"' {
        // A text is one of JSON (RFC 7644 Figure 1).
        let mut texts = serde_json::Deserializer::from_str(text).into_iter::<String>();
        return match texts.next() {
            Some(Ok(value)) => text.get(texts.byte_offset()..).map(|rest| (Token::Text(value), rest)),
            _ => Some((Token::Word(text), "")),
        };
    }
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"')).unwrap_or(text.len());
    Some((Token::Word(text.get(..end)?), text.get(end..)?))
}

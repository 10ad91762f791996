//! SUMMARY    Rust source with comments, strings and character literals blanked out: what is left is code.
//! INVARIANTS The result has as many lines as the source.

/// Replaces what is not code with spaces; keeps line ends.
pub fn mask(source: &str) -> String {
    let mut mask = Mask { rest: source, out: String::with_capacity(source.len()), word: false };
    while !mask.rest.is_empty() {
        mask.step();
    }
    mask.out
}

struct Mask<'a> {
    rest: &'a str,
    out: String,
    /// Whether the character before was part of an identifier: `r` in `for"` starts no raw string.
    word: bool,
}

impl Mask<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if let Some(length) = string(rest, self.word) {
            self.blank(length);
        } else if let Some(length) = character(rest) {
            self.blank(length);
        } else if let Some(c) = rest.chars().next() {
            self.out.push(c);
            self.word = c.is_alphanumeric() || c == '_';
            self.rest = &rest[c.len_utf8()..];
        }
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.out.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.word = false;
        self.rest = rest;
    }
}

/// Length of a comment that may contain comments.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Length of a string literal of any kind that starts here; inside a word it has no prefix.
fn string(text: &str, word: bool) -> Option<usize> {
    let prefixes: &[&str] = if word { &[""] } else { &["br", "cr", "b", "c", "r", ""] };
    let after = prefixes.iter().find_map(|prefix| {
        let after = text.strip_prefix(prefix)?;
        let raw = prefix.ends_with('r');
        (after.starts_with('"') || (raw && after.trim_start_matches('#').starts_with('"') && after.starts_with('#')))
            .then_some((after, raw))
    })?;
    let (after, raw) = after;
    let start = text.len() - after.len();
    if raw {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = start + hashes + 1;
        return Some(text[body..].find(&end).map_or(text.len(), |n| body + n + end.len()));
    }
    let mut escaped = false;
    for (n, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(n + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// Length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    match chars.next()? {
        (_, '\\') => inner.char_indices().skip(2).find(|(_, c)| *c == '\'').map(|(n, _)| n + 2),
        (_, '\'') => None,
        _ => chars.next().filter(|(_, c)| *c == '\'').map(|(n, _)| n + 2),
    }
}

/// Identifiers of masked code with their line numbers, from 1.
pub fn identifiers(masked: &str) -> impl Iterator<Item = (usize, &str)> {
    masked.lines().enumerate().flat_map(|(n, line)| {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).map(move |w| (n + 1, w))
    })
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        let check = |source: &str, expect: &str| assert_eq!(mask(source), expect, "{source}");
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check("a \"b\\\"c\" d", "a        d");
        check("r#\"a\"b\"# c", "         c");
        check("for\"a\"", "for   ");
        check("b\"a\" br\"b\" c", "           c");
        check("'{' '\\'' '\\u{7f}' &'a str", "                  &'a str");
    }
}

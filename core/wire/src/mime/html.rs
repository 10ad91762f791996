//! SUMMARY    Readable text of HTML, for previews and searches; never for display as HTML.
//! STANDARDS  HTML living standard §13.2 in broad strokes
//! SECURITY   Hostile markup; the result is plain text. Linear: nothing is searched twice.
//! INVARIANTS Content of script, style, title and head comments is left out; blocks are separated by white space.

/// Elements whose content is no text.
const SILENT: [&str; 5] = ["script", "style", "title", "template", "noscript"];
/// Elements that do not separate words.
const INLINE: [&str; 18] = [
    "a", "abbr", "b", "bdi", "bdo", "big", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub",
    "sup", "u",
];
const ENTITIES: [(&str, char); 28] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("euro", '€'),
    ("pound", '£'),
    ("yen", '¥'),
    ("cent", '¢'),
    ("sect", '§'),
    ("mdash", '—'),
    ("ndash", '–'),
    ("hellip", '…'),
    ("bull", '•'),
    ("middot", '·'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("shy", '\u{ad}'),
];
/// Longest entity name looked at, bytes.
const ENTITY_BYTES_MAX: usize = 10;

/// Text of an HTML document.
pub fn html_text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    // Off once a quote without end was seen, so that the search for one is not repeated.
    let mut quotes = true;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = if from.starts_with('&') { entity(from, &mut out) } else { markup(from, &mut quotes, &mut out) };
    }
    out.push_str(rest);
    out
}

/// `from` starts with `&`; returns what follows the reference.
fn entity<'a>(from: &'a str, out: &mut String) -> &'a str {
    let body = from.strip_prefix('&').unwrap_or(from);
    let window = body.as_bytes().get(..body.len().min(ENTITY_BYTES_MAX)).unwrap_or_default();
    let len = window.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'#').unwrap_or(window.len());
    let name = body.get(..len).unwrap_or_default();
    let found = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32),
            None => number.parse().ok().and_then(char::from_u32),
        },
        None => ENTITIES.iter().find(|(n, _)| *n == name).map(|(_, c)| *c),
    };
    match found {
        Some(c) => {
            out.push(if c.is_control() { ' ' } else { c });
            let after = body.get(len..).unwrap_or_default();
            after.strip_prefix(';').unwrap_or(after)
        }
        None => {
            out.push('&');
            body
        }
    }
}

/// `from` starts with `<`; returns what follows the tag, comment or silent element.
fn markup<'a>(from: &'a str, quotes: &mut bool, out: &mut String) -> &'a str {
    if let Some(comment) = from.strip_prefix("<!--") {
        return after(comment, "-->");
    }
    let inner = from.get(1..).unwrap_or_default();
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        out.push('<');
        return inner;
    }
    let name_at = usize::from(inner.starts_with('/'));
    let named = inner.get(name_at..).unwrap_or_default();
    let len = named.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(named.len());
    let name = named.get(..len).unwrap_or_default();
    let is = |n: &&str| name.eq_ignore_ascii_case(n);
    if !INLINE.iter().any(is) {
        out.push('\n');
    }
    let body = after_tag(inner, quotes);
    match SILENT.iter().find(|n| is(n)).filter(|_| name_at == 0) {
        Some(silent) => after_element(body, silent),
        None => body,
    }
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    memchr::memmem::find(text.as_bytes(), mark.as_bytes()).and_then(|n| text.get(n + mark.len()..)).unwrap_or_default()
}

/// After the `>` that ends the tag; quotes hide one. A quote without end does not.
fn after_tag<'a>(tag: &'a str, quotes: &mut bool) -> &'a str {
    let mut quote = None;
    for (i, b) in tag.bytes().enumerate() {
        match (b, quote) {
            (b'>', None) => return tag.get(i + 1..).unwrap_or_default(),
            (b'"' | b'\'', None) if *quotes => quote = Some(b),
            (b, Some(q)) if b == q => quote = None,
            _ => {}
        }
    }
    if quote.is_none() {
        return "";
    }
    *quotes = false;
    after(tag, ">")
}

/// After `</name>`; the whole rest belongs to an element without end.
fn after_element<'a>(mut text: &'a str, name: &str) -> &'a str {
    while let Some(at) = memchr::memmem::find(text.as_bytes(), b"</") {
        let inner = text.get(at + 2..).unwrap_or_default();
        if inner.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name)) {
            return after(inner, ">");
        }
        text = inner;
    }
    ""
}

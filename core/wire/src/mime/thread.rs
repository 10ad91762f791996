//! SUMMARY    What threading needs of a message: its ids and its base subject.
//! STANDARDS  RFC 5256 §2.1, RFC 5322 §3.6.4, RFC 8621 §3
//! LIMITS     REFERENCES_MAX
//! INVARIANTS Ids are without angle brackets and white space. A base subject is never longer than the subject.

use base::limits::REFERENCES_MAX;

use super::encoded::decode_text;
use super::structure::Structure;

/// Facts of one message by which it joins a thread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThreadFacts {
    pub message_id: Option<Vec<u8>>,
    pub in_reply_to: Vec<Vec<u8>>,
    pub references: Vec<Vec<u8>>,
    /// Decoded, without `Re:` and the like, as spelled.
    pub base_subject: String,
}

/// Reads the threading fields of the message.
pub fn thread_facts(message: &[u8], structure: &Structure) -> ThreadFacts {
    let Some(fields) = structure.root().and_then(|r| r.envelope.as_deref()) else { return ThreadFacts::default() };
    let ids = |span: Option<super::Span>| span.map(|s| message_ids(s.of(message))).unwrap_or_default();
    ThreadFacts {
        message_id: ids(fields.message_id).into_iter().next(),
        in_reply_to: ids(fields.in_reply_to),
        references: ids(fields.references),
        base_subject: fields.subject.map(|s| base_subject(&decode_text(s.of(message)))).unwrap_or_default(),
    }
}

/// Ids of a Message-ID, In-Reply-To or References value. Of more than REFERENCES_MAX the first and the last ones are kept.
pub fn message_ids(value: &[u8]) -> Vec<Vec<u8>> {
    let mut ids: Vec<Vec<u8>> = Vec::new();
    let mut add = |id: &[u8]| {
        let id: Vec<u8> = id.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        if id.is_empty() || ids.contains(&id) {
            return;
        }
        if ids.len() >= REFERENCES_MAX {
            ids.remove(1);
        }
        ids.push(id);
    };
    let mut rest = value;
    let mut angles = false;
    while let Some(start) = memchr::memchr(b'<', rest) {
        let inner = rest.get(start + 1..).unwrap_or_default();
        let Some(end) = memchr::memchr2(b'>', b'<', inner) else { break };
        if inner.get(end) == Some(&b'>') {
            angles = true;
            add(inner.get(..end).unwrap_or_default());
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            rest = inner.get(end..).unwrap_or_default();
        }
    }
    if !angles {
        let bare = |w: &&[u8]| w.contains(&b'@') && !w.contains(&b'"');
        value.split(u8::is_ascii_whitespace).filter(bare).for_each(|w| add(w.trim_ascii()));
    }
    ids
}

/// Words before a colon that mean reply or forward, beyond RFC 5256's re, fw and fwd: the ones common clients write.
const REPLY_WORDS: [&str; 17] =
    ["re", "fw", "fwd", "aw", "wg", "sv", "vs", "vb", "antw", "rif", "tr", "rv", "odp", "ynt", "回复", "答复", "转发"];

/// The base subject (RFC 5256 §2.1) of a decoded subject.
pub fn base_subject(subject: &str) -> String {
    let text = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = text.as_str();
    loop {
        rest = without_trailers(rest);
        rest = without_leaders(rest);
        match forwarded(rest) {
            Some(inner) => rest = inner,
            None => return rest.to_owned(),
        }
    }
}

/// Step 2: `(fwd)` and white space at the end.
fn without_trailers(mut text: &str) -> &str {
    loop {
        text = text.trim();
        let cut = text.len().wrapping_sub(5);
        match text.get(cut..) {
            Some(tail) if tail.eq_ignore_ascii_case("(fwd)") => text = text.get(..cut).unwrap_or_default(),
            _ => return text,
        }
    }
}

/// Steps 3 to 5.
fn without_leaders(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if let Some(after) = leader(text) {
            text = after;
            continue;
        }
        match blob(text) {
            Some(after) if !after.is_empty() => text = after,
            _ => return text,
        }
    }
}

/// `*subj-blob subj-refwd`.
fn leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(after) = blob(rest) {
        rest = after;
    }
    let word = REPLY_WORDS.iter().find_map(|w| {
        let (head, after) = rest.split_at_checked(w.len())?;
        let head_is = head.eq_ignore_ascii_case(w);
        head_is.then_some(after).filter(|a| !a.starts_with(|c: char| c.is_alphanumeric() && w.is_ascii()))
    })?;
    let mut after = word.trim_start();
    after = blob(after).or_else(|| counter(after)).unwrap_or(after);
    after.strip_prefix(':').or_else(|| after.strip_prefix('：')).map(str::trim_start)
}

/// `[text]` and white space; the text has no brackets.
fn blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    inner.get(end..)?.strip_prefix(']').map(str::trim_start)
}

/// `(2)` or `^2`, as some clients count replies.
fn counter(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(').or_else(|| text.strip_prefix('^'))?;
    let digits = inner.len() - inner.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let after = inner.get(digits..).filter(|_| digits > 0)?;
    Some(after.strip_prefix(')').unwrap_or(after).trim_start())
}

/// Step 6: `[fwd: ... ]`.
fn forwarded(text: &str) -> Option<&str> {
    let head = text.get(..5).filter(|h| h.eq_ignore_ascii_case("[fwd:"))?;
    text.get(head.len()..)?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subject: &str, expect: &str) {
        assert_eq!(base_subject(subject), expect, "{subject:?}");
    }

    #[test]
    fn base_subjects() {
        check("Hello", "Hello");
        check("Re: Hello", "Hello");
        check("RE : [list] Fwd:  Hello   there (fwd) (FWD)", "Hello there");
        check("Re[2]: Hello", "Hello");
        check("re(3): Hello", "Hello");
        check("AW: SV: Antw: Hello", "Hello");
        check("[list] Hello", "Hello");
        check("[list]", "[list]");
        check("Re: [list]", "[list]");
        check("[Fwd: Re: Hello]", "Hello");
        check("[fwd: [fwd: Hello (fwd)]]", "Hello");
        check("回复：你好", "你好");
        check("Reply: Hello", "Reply: Hello");
        check("Re:", "");
        check("  ", "");
        check("Résumé", "Résumé");
    }

    #[test]
    fn message_ids_are_tolerant() {
        let ids =
            |v: &str| message_ids(v.as_bytes()).into_iter().map(|i| String::from_utf8(i).unwrap()).collect::<Vec<_>>();
        assert_eq!(ids("<a@b>"), ["a@b"]);
        assert_eq!(ids("<a@b> (was: <x>)\r\n\t<c@d><a@b>"), ["a@b", "x", "c@d"]);
        assert_eq!(ids("a@b c@d"), ["a@b", "c@d"]);
        assert_eq!(ids("<a@b <c\r\n @d>"), ["c@d"]);
        assert_eq!(ids("Your message of Monday"), Vec::<String>::new());
        let many: String = (0..100).map(|n| format!("<{n}@x> ")).collect();
        let kept = ids(&many);
        assert_eq!((kept.len(), kept[0].as_str(), kept[19].as_str()), (REFERENCES_MAX, "0@x", "99@x"));
    }
}

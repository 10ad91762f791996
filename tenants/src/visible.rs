//! SUMMARY    Texts that others read have no characters that are not seen. Pure.
//! STANDARDS  Unicode 17 DerivedCoreProperties (Default_Ignorable_Code_Point), UAX 9 §2 (explicit directional formatting), UAX 31 §2.3
//!            (joiners), UTS 51 §2.3 (emoji sequences)
//! SECURITY   By an invisible character one name passes for another, and a character that turns the line shows what is not written.
//! INVARIANTS Joiners and variation selectors stay where writing needs them: between letters of scripts that join, in emoji. A text of
//!            empty Braille cells alone is none.

use crate::{Code, Error, Result};

/// Ranges of characters that are not seen or turn a line: marks and overrides of direction, zero width, fillers, tags, line ends.
const HIDDEN: [(char, char); 19] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200b}'),
    ('\u{200e}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0d}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e00ff}'),
    ('\u{e01f0}', '\u{e0fff}'),
];

/// An empty cell of Braille: it has its width and shows nothing.
const BRAILLE_BLANK: char = '\u{2800}';

fn hidden(c: char) -> bool {
    HIDDEN.iter().any(|(from, to)| (*from..=*to).contains(&c))
}

/// Whether a character that is not seen itself shows in what it stands between: a joiner, how an emoji or an ideograph looks.
/// Latin, Greek, Cyrillic and Armenian letters do not join, nor do ideographs, kana and Hangul.
fn shows(before: Option<char>, c: char, after: Option<char>) -> bool {
    let joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let latin = |c: char| c < '\u{590}' || ('\u{1e00}'..='\u{1fff}').contains(&c);
    let writing = |c: char| !latin(c) && !hidden(c) && !joiner(c) && !c.is_whitespace();
    let ideograph = |c: char| {
        ('\u{3400}'..='\u{9fff}').contains(&c)
            || ('\u{f900}'..='\u{faff}').contains(&c)
            || ('\u{20000}'..='\u{3ffff}').contains(&c)
    };
    let block = |c: char| {
        ('\u{1100}'..='\u{11ff}').contains(&c)
            || ('\u{3000}'..='\u{33ff}').contains(&c)
            || ('\u{a960}'..='\u{a97f}').contains(&c)
            || ('\u{ac00}'..='\u{d7ff}').contains(&c)
    };
    let joins = |c: char| writing(c) && !ideograph(c) && !block(c) && c != BRAILLE_BLANK;
    match c {
        '\u{200c}' | '\u{200d}' => before.is_some_and(joins) && after.is_some_and(joins),
        '\u{fe0e}' | '\u{fe0f}' => before.is_some_and(|c| writing(c) && !c.is_alphabetic()),
        '\u{e0100}'..='\u{e01ef}' => before.is_some_and(ideograph),
        c => !hidden(c),
    }
}

/// What of a text is seen.
pub fn only_seen(text: &str) -> String {
    if text.contains(BRAILLE_BLANK) && text.chars().all(|c| c == BRAILLE_BLANK || c.is_whitespace()) {
        return String::new();
    }
    let chars: Vec<char> = text.chars().collect();
    let at = |n: Option<usize>| n.and_then(|n| chars.get(n)).copied();
    let seen = |n: usize, c: char| shows(at(n.checked_sub(1)), c, at(n.checked_add(1)));
    chars.iter().enumerate().filter(|(n, c)| seen(*n, **c)).map(|(_, c)| *c).collect()
}

/// Refuses a text with characters that are not seen. `Invalid` on the field.
pub(crate) fn seen(text: &str, field: &'static str) -> Result<()> {
    if text.is_ascii() || only_seen(text).len() == text.len() {
        return Ok(());
    }
    Err(Error::new(Code::Invalid, field, "The text has characters that are not seen, or that turn the line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_with_is_taken() {
        for text in [
            "Ann Miller",
            "Ren\u{e9} M\u{fc}ller & S\u{f6}hne",
            "\u{5c71}\u{7530} \u{592a}\u{90ce}",
            "\u{627}\u{62d}\u{645}\u{62f}",
            // Persian with a non-joiner, Hindi with a joiner.
            "\u{639}\u{644}\u{6cc}\u{200c}\u{631}\u{636}\u{627}",
            "\u{915}\u{94d}\u{200d}\u{937}",
            // A heart, a family, a flag.
            "\u{2764}\u{fe0f}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
            "\u{1f1e8}\u{1f1ed}",
            // An ideograph in one of its forms.
            "\u{845b}\u{e0100}\u{57ce}",
            // Braille with a blank between its words.
            "\u{2813}\u{280a}\u{2800}\u{281e}",
        ] {
            assert!(seen(text, "name").is_ok(), "{text:?}");
            assert_eq!(only_seen(text), text);
        }
    }

    #[test]
    fn what_is_not_seen_is_not() {
        for c in [
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{ad}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{2028}',
            '\u{1bca0}',
            '\u{1bca3}',
        ] {
            for text in [format!("Ann{c}Miller"), format!("{c}Ann"), format!("Ann{c}"), format!("\u{41f}{c}\u{447}")] {
                assert_eq!(seen(&text, "name").unwrap_err().code, Code::Invalid, "{text:?}");
                assert_eq!(only_seen(&text), text.replace(c, ""));
            }
        }
        for text in ["\u{5c71}\u{200d}\u{7530}", "\u{304b}\u{200d}\u{306a}", "\u{ac00}\u{200c}\u{b098}"] {
            assert!(seen(text, "name").is_err(), "these do not join: {text:?}");
        }
        for text in ["\u{2800}", "\u{2800} \u{2800}"] {
            assert!(seen(text, "name").is_err() && only_seen(text).is_empty(), "{text:?} shows nothing");
        }
        assert!(seen("\u{627}\u{200c}\u{200c}\u{62d}", "name").is_err(), "two are one too many");
    }
}

//! SUMMARY    Which local parts are given out: such as names are written with, in one script, that do not pass for others. Pure.
//! STANDARDS  RFC 6530 §10.1; UTS 39 §3.1 (characters of identifiers), §4 (skeletons), §5.1 (mixed scripts)
//! SECURITY   Who makes an address decides its letters: invisible ones, those that turn the direction of a line, those that look
//!            like others are how one person passes for another.
//! INVARIANTS What is there already stays, and mail for foreign addresses goes wherever it is sent to.

use crate::{Code, Error, Result};
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

/// Whether an address may be made with this local part, in its canonical form. `Invalid`.
pub(crate) fn given_out(local: &str) -> Result<()> {
    let refused = |why: &str| Err(Error::new(Code::Invalid, "address", why));
    if local.is_ascii() {
        return match local.chars().any(char::is_control) {
            true => refused("The part before @ has control characters"),
            false => Ok(()),
        };
    }
    if !local.chars().all(|c| (c.is_ascii() && !c.is_control()) || c.identifier_allowed()) {
        return refused("The part before @ has characters that names are not written with");
    }
    // Each part by itself: marks between them belong to no script.
    for part in local.split(|c: char| c.is_ascii() && !c.is_ascii_alphabetic()) {
        if !part.is_single_script() {
            return refused("The part before @ mixes letters of several scripts");
        }
        // Once is not enough: what a letter is replaced by may look like others in its turn.
        let looks = || skeleton(&skeleton(part).collect::<String>()).collect::<String>();
        let is_latin = part.chars().any(|c| c.is_ascii());
        if !part.is_empty() && !is_latin && looks().is_ascii() {
            return refused("The part before @ looks like another one in Latin letters");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(local: &str) -> bool {
        given_out(local).is_err()
    }

    #[test]
    fn names_of_all_scripts_are_given_out() {
        for local in [
            "ann",
            "o'hara+x",
            "ren\u{e9}.m\u{fc}ller",
            "\u{43f}\u{43e}\u{447}\u{442}\u{430}",
            "\u{7528}\u{6237}",
            "\u{5c71}\u{7530}\u{592a}\u{90ce}-2",
            "\u{3053}\u{3093}\u{6f22}",
            "\u{ac00}\u{b098}",
            "\u{3bf}\u{3b4}\u{3cc}\u{3c2}",
            "\u{627}\u{62d}\u{645}\u{62f}",
            "a b",
            "ayd\u{131}n",
            "info.\u{43f}\u{43e}\u{447}\u{442}\u{430}",
        ] {
            assert!(!refused(local), "{local}");
        }
    }

    #[test]
    fn what_is_not_seen_or_turns_the_line_is_not() {
        // Control, zero width, direction marks, private use, not assigned, a surrogate's neighbour, a tag.
        for c in [
            '\u{7f}',
            '\u{85}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{e000}',
            '\u{378}',
            '\u{fffe}',
            '\u{e0041}',
            '\u{3164}',
        ] {
            assert!(refused(&format!("an{c}n")), "{c:?}");
            assert!(refused(&format!("\u{43f}\u{43e}{c}\u{447}")), "{c:?}");
        }
    }

    #[test]
    fn what_passes_for_another_is_not() {
        // A Cyrillic \u{430} among Latin letters; all Cyrillic, all Greek, all of them like Latin ones.
        for local in [
            "\u{430}nn",
            "b\u{430}kery.example",
            "\u{441}\u{43e}\u{440}\u{435}",
            "\u{3bd}\u{3bf}\u{3bd}",
            "\u{131}",
            "info.\u{441}\u{43e}\u{440}",
        ] {
            assert!(refused(local), "{local}");
        }
    }
}

//! SUMMARY    Names of message files: `1795461812.M345000P4711.posthouse,S=1234:2,FSab`.
//! INVARIANTS The name of an email is the same in every export of it, and no other's in its mailbox: the uid is in it.

use std::fmt;

use base::{Timestamp, Uid};

use super::Keywords;

/// What stands where Maildir has the host's name: files of one export come from one place.
const HOST: &str = "posthouse";
/// Digits of a number that is read.
const DIGITS_MAX: usize = 18;
/// What is before the flags: `:2,`, and what programs on Windows write.
const INFO: [&[u8]; 4] = [b":2,", b";2,", b"!2,", b"\xef\x80\xa22,"];

/// What the letters of a file's name say: those of Maildir, and keywords by the letters of `Keywords`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    pub draft: bool,
    pub flagged: bool,
    /// `$Forwarded`.
    pub passed: bool,
    pub replied: bool,
    pub seen: bool,
    /// `\Deleted`.
    pub trashed: bool,
    /// One bit for each letter, `a` the lowest.
    pub letters: u32,
}

/// Keywords as JMAP has them that have a letter of their own.
const OWN: [(&str, u8); 6] = [
    ("$draft", b'D'),
    ("$flagged", b'F'),
    ("$forwarded", b'P'),
    ("$answered", b'R'),
    ("$seen", b'S'),
    ("$deleted", b'T'),
];

impl Flags {
    /// Of keywords as JMAP has them. Those that have no letter, neither their own nor in `keywords`, are not in a Maildir.
    pub fn of<'a>(set: impl IntoIterator<Item = &'a str>, keywords: &Keywords) -> Self {
        let mut out = Flags::default();
        for keyword in set {
            match OWN.iter().find(|(own, _)| *own == keyword) {
                Some((_, letter)) => out.set(*letter),
                None => keywords.letter(keyword).into_iter().for_each(|letter| out.set(letter)),
            }
        }
        out
    }

    /// As keywords of JMAP, in order. Letters that `keywords` does not name are passed over.
    pub fn keywords<'a>(&self, keywords: &'a Keywords) -> Vec<&'a str> {
        let own = OWN.iter().filter(|(_, letter)| self.has(*letter)).map(|(own, _)| *own);
        let others = (b'a'..=b'z').filter(|letter| self.has(*letter)).filter_map(|letter| keywords.name(letter));
        let mut out: Vec<&str> = own.chain(others).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    fn set(&mut self, letter: u8) {
        match letter {
            b'D' => self.draft = true,
            b'F' => self.flagged = true,
            b'P' => self.passed = true,
            b'R' => self.replied = true,
            b'S' => self.seen = true,
            b'T' => self.trashed = true,
            b'a'..=b'z' => self.letters |= 1 << (letter - b'a'),
            _ => {}
        }
    }

    fn has(&self, letter: u8) -> bool {
        match letter {
            b'D' => self.draft,
            b'F' => self.flagged,
            b'P' => self.passed,
            b'R' => self.replied,
            b'S' => self.seen,
            b'T' => self.trashed,
            b'a'..=b'z' => self.letters & 1 << (letter - b'a') != 0,
            _ => false,
        }
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = b"DFPRST".iter().copied().chain(b'a'..=b'z');
        letters.filter(|letter| self.has(*letter)).try_for_each(|letter| write!(f, "{}", char::from(letter)))
    }
}

/// The name of an email's file, in `cur`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName {
    pub uid: Uid,
    pub received: Timestamp,
    /// Bytes of the message.
    pub size: u64,
    pub flags: Flags,
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Before 1970 there is no time to write.
        let received = Timestamp(self.received.0.max(0));
        let micros = received.0.rem_euclid(1_000) * 1_000;
        let (secs, uid, size, flags) = (received.secs(), self.uid, self.size, self.flags);
        write!(f, "{secs}.M{micros}P{uid}.{HOST},S={size}:2,{flags}")
    }
}

/// What the name of a file says, whoever wrote it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// When it was delivered, or came as INTERNALDATE of IMAP.
    pub received: Option<Timestamp>,
    /// Bytes, from `S=`. What the file really has is what counts.
    pub size: Option<u64>,
    pub flags: Flags,
}

/// Reads the name of a file in `cur` or `new`. None: a hidden file, which is no message.
pub fn parse_file_name(name: &[u8]) -> Option<Said> {
    if name.is_empty() || name.starts_with(b".") {
        return None;
    }
    let info = INFO.iter().find_map(|mark| {
        let at = memchr::memmem::rfind(name, mark)?;
        Some((name.get(..at)?, name.get(at + mark.len()..)?))
    });
    let (base, letters) = info.unwrap_or((name, b""));
    let mut flags = Flags::default();
    letters.iter().take_while(|b| **b != b',').for_each(|letter| flags.set(*letter));
    let secs = base.split(|b| *b == b'.').next().and_then(number);
    let micros = memchr::memmem::find(base, b".M").and_then(|at| {
        let digits = base.get(at + 2..)?;
        number(digits.get(..digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len()))?)
    });
    let ms = i64::try_from(micros.unwrap_or(0) / 1_000).ok().filter(|ms| *ms < 1_000).unwrap_or(0);
    let received = secs.and_then(|secs| i64::try_from(secs).ok()?.checked_mul(1_000)?.checked_add(ms)).map(Timestamp);
    let size = base.split(|b| *b == b',').skip(1).find_map(|field| number(field.strip_prefix(b"S=")?));
    Some(Said { received, size, flags })
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |n, b| n * 10 + u64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_says_what_it_was_made_of() {
        let keywords = Keywords::new(["work", "$junk"]);
        let flags = Flags::of(["$seen", "$flagged", "$forwarded", "work", "unknown"], &keywords);
        let name = FileName { uid: Uid(4_711), received: Timestamp(1_795_461_812_345), size: 1_234, flags };
        assert_eq!(name.to_string(), "1795461812.M345000P4711.posthouse,S=1234:2,FPSb");
        assert!(crate::Name::new(&format!("Maildir/cur/{name}")).is_ok());
        let said = parse_file_name(name.to_string().as_bytes()).unwrap();
        assert_eq!(said, Said { received: Some(name.received), size: Some(1_234), flags });
        assert_eq!(said.flags.keywords(&keywords), ["$flagged", "$forwarded", "$seen", "work"]);
        assert_eq!(said.flags.keywords(&Keywords::default()), ["$flagged", "$forwarded", "$seen"]);
    }

    #[test]
    fn names_of_others() {
        let check = |name: &str, secs: Option<i64>, size: Option<u64>, flags: &str| {
            let said = parse_file_name(name.as_bytes()).unwrap();
            assert_eq!(
                (said.received.map(Timestamp::secs), said.size, said.flags.to_string().as_str()),
                (secs, size, flags)
            );
        };
        check("1204680122.27c448.example", Some(1_204_680_122), None, "");
        check("1204680122.27c448.example:2,RS", Some(1_204_680_122), None, "RS");
        check(
            "1204680122.M20046P2137V0000000000000801I1C448_0.host,S=2234,W=2285:2,Sac",
            Some(1_204_680_122),
            Some(2_234),
            "Sac",
        );
        check("1204680122.M1.host;2,ST", Some(1_204_680_122), None, "ST");
        check("1204680122.M1.host!2,ST", Some(1_204_680_122), None, "ST");
        check("1204680122.1_2.host,U=7,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,SX", Some(1_204_680_122), None, "S");
        check("mail.eml", None, None, "");
        check("99999999999999999999.x:2,S", None, None, "S");
        assert_eq!(parse_file_name(b".nfs0001"), None);
        assert_eq!(parse_file_name(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_name_or_none(name in prop::collection::vec(any::<u8>(), 0..40), text in "[0-9.M:2,S=a-zA-Z]{0,40}") {
            parse_file_name(&name);
            parse_file_name(text.as_bytes());
        }

        #[test]
        fn every_email_comes_back(uid: u32, ms in 0_i64..4_000_000_000_000, size in 0_u64..1 << 40, letters in 0_u32..1 << 26) {
            let flags = Flags { letters, seen: uid % 2 == 0, trashed: uid % 3 == 0, ..Flags::default() };
            let name = FileName { uid: Uid(uid), received: Timestamp(ms), size, flags }.to_string();
            let said = parse_file_name(name.as_bytes());
            prop_assert_eq!(said, Some(Said { received: Some(Timestamp(ms)), size: Some(size), flags }));
        }
    }
}

//! SUMMARY    The key of a repository, and the line of text in which people keep it.
//! SECURITY   Whoever has it reads every backup. It is wiped from memory, and `Debug` does not show it.
//! INVARIANTS The text has no letters that look alike, in groups of six, and a checksum: what was copied from paper is right or
//!            is refused.

use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What the text of a key of this form begins with.
const FORM: &str = "posthouse-backup-key-1:";
/// What the text of a key of any form begins with.
const ANY_FORM: &str = "posthouse-backup-key-";
/// Crockford's base 32: digits and letters without i, l, o and u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const KEY_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;
/// Letters of key and checksum: 36 bytes of eight bits in letters of five.
const LETTERS: usize = (KEY_BYTES + CHECK_BYTES) * 8 / 5 + 1;
/// Letters between two hyphens.
const GROUP: usize = 6;
/// Bytes of a text that is looked at: a key with spaces in it, and no file of something else.
const TEXT_BYTES_MAX: usize = 1024;
const CHECK_CONTEXT: &str = "posthouse backup 1: checksum of the text of a key";

/// The key of a repository, 32 bytes.
#[derive(Clone)]
pub struct RepositoryKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// It does not begin with the words of a key.
    NoKey,
    /// A form that a newer version of this program writes.
    NewerForm,
    /// What no key has, and the how manieth letter behind the colon it is, hyphens and spaces not counted.
    Letter { found: char, at: usize },
    /// How many letters there are behind the colon, and how many there should be.
    Length { found: usize, expected: usize },
    /// Letters were mistaken for others.
    Checksum,
    /// The machine has no randomness for a new key.
    NoRandomness,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::NoKey => write!(f, "the key of a repository is a line that begins with {FORM}"),
            KeyError::NewerForm => f.write_str("the key has a form that a newer version of this program reads"),
            KeyError::Letter { found, at } => write!(f, "letter {at} of the key is {found:?}, which no key has"),
            KeyError::Length { found, expected } => write!(f, "the key has {found} letters and should have {expected}"),
            KeyError::Checksum => f.write_str("the key is mistyped: its checksum is wrong"),
            KeyError::NoRandomness => f.write_str("the machine has no randomness for a key"),
        }
    }
}

impl std::error::Error for KeyError {}

impl fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepositoryKey(..)")
    }
}

impl RepositoryKey {
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        RepositoryKey(Zeroizing::new(bytes))
    }

    /// A new key, from the cryptographic provider.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| KeyError::NoRandomness)?;
        Ok(RepositoryKey(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn check(&self) -> [u8; CHECK_BYTES] {
        let hash = blake3::derive_key(CHECK_CONTEXT, self.bytes());
        let mut check = [0; CHECK_BYTES];
        check.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        check
    }

    /// One line without its end: `posthouse-backup-key-1:` and 58 letters in groups of six.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Made at its size, so that no copy of a part stays behind.
        let mut text = Zeroizing::new(String::with_capacity(FORM.len() + LETTERS + LETTERS / GROUP));
        text.push_str(FORM);
        let (mut bits, mut count, mut letters) = (0_u32, 0_u32, 0_usize);
        // Two bits that mean nothing fill the last letter.
        for byte in self.bytes().iter().copied().chain(self.check()).chain([0]) {
            (bits, count) = ((bits << 8) | u32::from(byte), count + 8);
            while count >= 5 && letters < LETTERS {
                count -= 5;
                let letter = ALPHABET.get(((bits >> count) & 31) as usize).copied().unwrap_or(b'0');
                if letters > 0 && letters.is_multiple_of(GROUP) {
                    text.push('-');
                }
                text.push(char::from(letter));
                letters += 1;
            }
            bits &= (1 << count) - 1;
        }
        text
    }

    /// The key of a text, white space around and in it and capitals allowed.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let Some(letters) = text.strip_prefix(FORM) else {
            return Err(if text.starts_with(ANY_FORM) { KeyError::NewerForm } else { KeyError::NoKey });
        };
        if letters.len() > TEXT_BYTES_MAX {
            return Err(KeyError::Length { found: letters.len(), expected: LETTERS });
        }
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES + CHECK_BYTES]);
        let (mut bits, mut count, mut found) = (0_u32, 0_u32, 0_usize);
        let mut places = bytes.iter_mut();
        for letter in letters.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
            found += 1;
            let value = value(letter).ok_or(KeyError::Letter { found: letter, at: found })?;
            (bits, count) = ((bits << 5) | value, count + 5);
            if count >= 8 {
                count -= 8;
                if let Some(place) = places.next() {
                    *place = ((bits >> count) & 0xff) as u8;
                }
                bits &= (1 << count) - 1;
            }
        }
        if found != LETTERS {
            return Err(KeyError::Length { found, expected: LETTERS });
        }
        let (key, check) = bytes.split_at(KEY_BYTES);
        let mut own = RepositoryKey::new([0; KEY_BYTES]);
        own.0.copy_from_slice(key);
        let is_right = check == own.check() && bits == 0;
        bits.zeroize();
        if is_right { Ok(own) } else { Err(KeyError::Checksum) }
    }
}

/// What a letter stands for; those that look like another one are that one.
fn value(letter: char) -> Option<u32> {
    let letter = match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        letter => letter,
    };
    let at = ALPHABET.iter().position(|known| char::from(*known) == letter)?;
    u32::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text_however_it_was_copied() {
        for n in 0..50_u8 {
            let key = RepositoryKey::new(std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ n.wrapping_mul(91)));
            let text = key.to_text();
            assert_eq!(text.len(), FORM.len() + LETTERS + 9, "{}", &**text);
            let (form, letters) = text.split_at(FORM.len());
            let sloppy = letters.to_uppercase().replace('-', " ").replace('0', "o").replace('1', "l");
            for text in [text.to_string(), format!(" {form}{sloppy}\n"), text.replace('1', "i").replacen('i', "1", 1)] {
                assert_eq!(RepositoryKey::parse(&text).unwrap().bytes(), key.bytes(), "{text}");
            }
        }
    }

    #[test]
    fn a_letter_that_was_mistaken_is_told() {
        let text = RepositoryKey::new([7; 32]).to_text();
        for at in FORM.len()..text.len() {
            let mut other = text.to_string().into_bytes();
            if other[at] == b'-' {
                continue;
            }
            other[at] = if other[at] == b'7' { b'8' } else { b'7' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(RepositoryKey::parse(&other).unwrap_err(), KeyError::Checksum, "{other}");
        }
        let check = |text: &str, expected: KeyError| assert_eq!(RepositoryKey::parse(text).unwrap_err(), expected);
        check("", KeyError::NoKey);
        check("-----BEGIN PRIVATE KEY-----", KeyError::NoKey);
        check("posthouse-backup-key-2:00", KeyError::NewerForm);
        check("posthouse-backup-key-1:00-u", KeyError::Letter { found: 'u', at: 3 });
        check("posthouse-backup-key-1:00", KeyError::Length { found: 2, expected: 58 });
        check(&format!("{}0", &**text), KeyError::Length { found: 59, expected: 58 });
        assert_eq!(format!("{:?}", RepositoryKey::new([7; 32])), "RepositoryKey(..)");
    }
}

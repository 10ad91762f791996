//! SUMMARY    Bits of flags as the store has them, as keywords of JMAP.
//! STANDARDS  RFC 8621 §4.1.1, RFC 9051 §2.3.2

/// Keywords of the system's flags in the order of their bits. Those of the account follow.
pub const SYSTEM_KEYWORDS: [&str; 5] = ["$seen", "$answered", "$flagged", "$draft", "$deleted"];

/// The bit of the account's first keyword.
pub const FIRST_KEYWORD_BIT: usize = SYSTEM_KEYWORDS.len();

/// Bits of the system's flags.
pub(super) const SEEN: u64 = 1 << 0;
pub(super) const ANSWERED: u64 = 1 << 1;
pub(super) const FLAGGED: u64 = 1 << 2;
pub(super) const DRAFT: u64 = 1 << 3;
pub(super) const DELETED: u64 = 1 << 4;

/// Bits of all flags: the most keywords that can be set.
pub(super) const BITS: usize = u64::BITS as usize;

/// The keywords whose bits are set. Bits that `keywords`, the account's, has no name for are passed over.
pub(super) fn set(flags: u64, keywords: &[String]) -> impl Iterator<Item = &str> {
    let all = SYSTEM_KEYWORDS.into_iter().chain(keywords.iter().map(String::as_str));
    let is_set = move |(bit, keyword): &(usize, &str)| flags >> bit & 1 == 1 && !keyword.is_empty();
    all.take(BITS).enumerate().filter(is_set).map(|(_, keyword)| keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_keywords() {
        let keywords = ["$forwarded".to_owned(), String::new(), "work".to_owned()];
        let check = |flags: u64, expect: &[&str]| assert_eq!(set(flags, &keywords).collect::<Vec<_>>(), expect);
        check(0, &[]);
        check(SEEN | ANSWERED | FLAGGED | DRAFT | DELETED, &SYSTEM_KEYWORDS);
        check(SEEN | 1 << FIRST_KEYWORD_BIT | 1 << 7, &["$seen", "$forwarded", "work"]);
        check(u64::MAX << 6, &["work"]);
        let many: Vec<String> = (0..70).map(|n| n.to_string()).collect();
        assert_eq!(set(u64::MAX, &many).count(), BITS);
    }
}

//! SUMMARY    A digest of mail that does not depend on where, in what order or with which ids it is stored.
//! STANDARDS  LtHash: Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing" (1997) §5.3, with 1,024 numbers of 16 bits,
//!            as in Lewi and others, "Securing Update Propagation with Homomorphic Hashing" (2019); FIPS 180-4
//! SECURITY   Mail is chosen by strangers: two sets with the same digest are as hard to find as it is for SHA-256, unlike with a plain
//!            sum of hashes.
//! INVARIANTS A set of emails has one digest, however it is divided and ordered: parts are counted apart and put together.
//!
//! Each email counts once for each mailbox it is in. Its item is
//!
//! - full name of the mailbox, keywords that are set (lower case, sorted, each once), receivedAt in whole seconds, SHA-256
//!
//! as bytes: the name's length (4 bytes, big-endian) and the name; the number of keywords (4 bytes) and each as its length (4 bytes)
//! and itself; the seconds (8 bytes, two's complement); the hash (32 bytes). Let h be the SHA-256 of the item, and h(i) the SHA-256 of
//! h and i (2 bytes) for i of 0 to 63: together they are 1,024 numbers of 16 bits (big-endian). The numbers of all items are added up,
//! each modulo 65,536. The digest is the SHA-256 of the sums (2 bytes each) and the number of items (8 bytes).

use base::Timestamp;

use crate::{Error, Sha256};

/// Numbers of a sum, and bytes of all of them.
const NUMBERS: usize = 1_024;
const SUM_BYTES: usize = 2 * NUMBERS;
/// Hashes that they are taken from.
const BLOCKS: u16 = 64;
const SEED_BYTES: usize = 32;

/// An email in a mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// Path of the mailbox, levels with `/` between them.
    pub full_name: &'a str,
    /// Those that are set, as JMAP has them.
    pub keywords: &'a [&'a str],
    pub received_at: Timestamp,
    /// Of the message.
    pub sha256: Sha256,
}

/// A digest being made.
#[derive(Clone, PartialEq, Eq)]
pub struct MailDigest {
    sums: Box<[u16; NUMBERS]>,
    items: u64,
}

impl Default for MailDigest {
    fn default() -> Self {
        MailDigest { sums: Box::new([0; NUMBERS]), items: 0 }
    }
}

impl std::fmt::Debug for MailDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} items)", self.end(), self.items)
    }
}

impl MailDigest {
    /// Adds an email in a mailbox.
    pub fn add(&mut self, placed: &Placed<'_>) {
        let Sha256(seed) = Sha256::of(&item(placed));
        let mut seeded = [0; SEED_BYTES + 2];
        for (to, from) in seeded.iter_mut().zip(seed) {
            *to = from;
        }
        let mut sums = self.sums.iter_mut();
        for block in 0..BLOCKS {
            if let Some(end) = seeded.last_chunk_mut() {
                *end = block.to_be_bytes();
            }
            // All at once: a context of its own for each would take most of the time.
            let Sha256(hash) = Sha256::of(&seeded);
            for (pair, sum) in hash.as_chunks::<2>().0.iter().zip(sums.by_ref()) {
                *sum = sum.wrapping_add(u16::from_be_bytes(*pair));
            }
        }
        self.items += 1;
    }

    /// Adds all that another has: a part that was counted apart.
    pub fn merge(&mut self, other: &MailDigest) {
        for (sum, more) in self.sums.iter_mut().zip(other.sums.iter()) {
            *sum = sum.wrapping_add(*more);
        }
        self.items += other.items;
    }

    /// The digest of what was added so far.
    pub fn end(&self) -> Sha256 {
        Sha256::of(&self.to_bytes())
    }

    /// What a job keeps to go on later: 2,056 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let sums = self.sums.iter().flat_map(|n| n.to_be_bytes());
        sums.chain(self.items.to_be_bytes()).collect()
    }

    /// From what was kept.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::Format("a digest of mail that goes on has 2,056 bytes".to_owned());
        let (sums, items) = bytes.split_at_checked(SUM_BYTES).ok_or_else(wrong)?;
        let mut out =
            MailDigest { items: u64::from_be_bytes(items.try_into().map_err(|_| wrong())?), ..Self::default() };
        for (sum, pair) in out.sums.iter_mut().zip(sums.as_chunks::<2>().0) {
            *sum = u16::from_be_bytes(*pair);
        }
        Ok(out)
    }
}

fn item(placed: &Placed<'_>) -> Vec<u8> {
    let mut keywords: Vec<String> = placed.keywords.iter().map(|k| k.to_ascii_lowercase()).collect();
    keywords.sort_unstable();
    keywords.dedup();
    let mut out = Vec::with_capacity(128);
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend_from_slice(&length(text.len()));
        out.extend_from_slice(text.as_bytes());
    };
    text(&mut out, placed.full_name);
    out.extend_from_slice(&length(keywords.len()));
    keywords.iter().for_each(|k| text(&mut out, k));
    out.extend_from_slice(&placed.received_at.secs().to_be_bytes());
    out.extend_from_slice(&placed.sha256.0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placed(full_name: &'static str, keywords: &'static [&'static str], secs: i64) -> Placed<'static> {
        Placed { full_name, keywords, received_at: Timestamp::from_secs(secs), sha256: Sha256([7; 32]) }
    }

    fn digest(all: &[Placed<'_>]) -> MailDigest {
        let mut out = MailDigest::default();
        all.iter().for_each(|p| out.add(p));
        out
    }

    /// Archives of earlier releases are compared with those of later ones. Both were reckoned by another program as well.
    #[test]
    fn digests_are_those_of_every_release() {
        assert_eq!(
            MailDigest::default().end().to_string(),
            "d5fe696dc1aa5c0a800bf800ce8fc6e26ab622c7dd7de4b9fd0c304fe4036256"
        );
        let some = [placed("INBOX", &["$seen", "work"], 1_795_461_812), placed("Größe/a", &[], -1)];
        assert_eq!(digest(&some).end().to_string(), "3653da69088ca1cca226c81ba70ace9cd613bc33653e5a91683f3631b43f2810");
    }

    #[test]
    fn what_differs_differs() {
        let same = placed("INBOX", &["$seen", "work"], 7);
        assert_eq!(digest(&[same]), digest(&[placed("INBOX", &["Work", "$seen", "work"], 7)]));
        let late = Placed { received_at: Timestamp(7_999), ..same };
        assert_eq!(digest(&[same]), digest(&[late]));
        let others = [
            placed("INBOX", &["$seen"], 7),
            placed("INBOX", &["$seenwork"], 7),
            placed("INBO", &["$seen", "work"], 7),
            placed("INBOX", &["$seen", "work"], 8),
            Placed { sha256: Sha256([8; 32]), ..same },
        ];
        for other in others {
            assert_ne!(digest(&[same]), digest(&[other]), "{other:?}");
        }
        assert_ne!(digest(&[same]), digest(&[same, same]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn order_and_parts_do_not_matter(secs in prop::collection::vec(0_i64..5, 0..12), cut in 0_usize..12) {
            let all: Vec<_> = secs.iter().map(|s| placed("INBOX", &["$seen"], *s)).collect();
            let backwards: Vec<_> = all.iter().rev().copied().collect();
            let (a, b) = all.split_at(cut.min(all.len()));
            let mut parts = MailDigest::from_bytes(&digest(b).to_bytes()).unwrap();
            parts.merge(&digest(a));
            prop_assert_eq!(digest(&all), digest(&backwards));
            prop_assert_eq!(digest(&all).end(), parts.end());
        }
    }
}

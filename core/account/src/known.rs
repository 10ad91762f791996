//! SUMMARY    Whom an account has written to before: a compact set, so that a cap on new recipients can be kept.
//! LIMITS     KNOWN_RECIPIENTS_PER_BUCKET_MAX
//! INVARIANTS Updated in the unit of work that accepts the mail. Bounded: 256 buckets of hashes, 8 bytes each; a full one forgets its
//!            oldest quarter, whose recipients count as new again. Costs one read per recipient of a submission, and one
//!            write (of at most 8 KiB, usually some 10 bytes) per new one. Hashes are of this account alone: equal recipients
//!            of two accounts do not look equal.

use crate::{Accounts, Error, Result, keys, txn::TenantTxn, work::Work};
use base::{AccountId, Address, TenantId, limits::KNOWN_RECIPIENTS_PER_BUCKET_MAX};
use std::collections::BTreeMap;
use store::kv::Read;

/// Format of a bucket: this byte, then hashes, oldest first.
const VERSION: u8 = 1;
const HASH_BYTES: usize = 8;

type Hash = [u8; HASH_BYTES];

/// Hashes of recipients by bucket.
type Buckets = BTreeMap<u8, Vec<Hash>>;

fn buckets<'a>(account: AccountId, recipients: impl Iterator<Item = &'a Address>) -> Buckets {
    let mut out = Buckets::new();
    for recipient in recipients {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&account.0.to_be_bytes()).update(recipient.canonical().as_bytes());
        let digest = hasher.finalize();
        let (&[bucket, ref rest @ ..], mut hash) = (digest.as_bytes(), Hash::default());
        hash.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let hashes = out.entry(bucket).or_default();
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    out
}

fn decode(stored: Option<&[u8]>) -> Result<Vec<Hash>> {
    match stored.and_then(|s| s.split_first()) {
        None => Ok(Vec::new()),
        Some((&VERSION, hashes)) if hashes.len() % HASH_BYTES == 0 => {
            Ok(hashes.chunks_exact(HASH_BYTES).filter_map(|h| h.try_into().ok()).collect())
        }
        Some(_) => Err(Error::corrupt("known recipients")),
    }
}

impl Accounts {
    /// How many of these the account never wrote to before.
    pub(crate) async fn count_new(&self, tenant: TenantId, account: AccountId, recipients: &[&Address]) -> Result<u32> {
        let mut txn = self.0.kv.begin_read();
        let mut new = 0;
        for (bucket, hashes) in buckets(account, recipients.iter().copied()) {
            let key = keys::known(account, bucket);
            let known = decode(TenantTxn::new(&mut *txn, tenant).get_as(&key, Read::Snapshot).await?.as_deref())?;
            new += hashes.iter().filter(|h| !known.contains(h)).count();
        }
        Ok(u32::try_from(new).unwrap_or(u32::MAX))
    }
}

impl Work {
    /// Remembers that the account wrote to these.
    pub async fn know<'a>(
        &mut self,
        (tenant, account): (TenantId, AccountId),
        recipients: impl Iterator<Item = &'a Address>,
    ) -> Result<()> {
        for (bucket, hashes) in buckets(account, recipients) {
            let key = keys::known(account, bucket);
            let mut known = decode(TenantTxn::new(self.txn(), tenant).get(&key).await?.as_deref())?;
            let before = known.len();
            for hash in hashes {
                if !known.contains(&hash) {
                    known.push(hash);
                }
            }
            if known.len() == before {
                continue;
            }
            if known.len() > KNOWN_RECIPIENTS_PER_BUCKET_MAX {
                known.drain(..KNOWN_RECIPIENTS_PER_BUCKET_MAX / 4);
            }
            let stored: Vec<u8> = [VERSION].into_iter().chain(known.into_iter().flatten()).collect();
            TenantTxn::new(self.txn(), tenant).set(&key, &stored);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> Address {
        Address::parse(&format!("p{n}@b.example")).unwrap()
    }

    #[test]
    fn spelling_is_one_recipient_and_accounts_keep_apart() {
        let (one, other) = (Address::parse("Bob@B.example").unwrap(), Address::parse("bob@b.example").unwrap());
        let of = |account| buckets(AccountId(account), [&one, &other].into_iter());
        assert_eq!(of(1).values().map(Vec::len).sum::<usize>(), 1);
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn a_damaged_bucket_is_not_guessed() {
        assert_eq!(decode(None).unwrap(), Vec::<Hash>::new());
        assert!(decode(Some(&[1, 2, 3])).is_err() && decode(Some(&[9])).is_err());
    }

    #[test]
    fn recipients_spread_over_the_buckets() {
        let addresses: Vec<Address> = (0..10_000).map(address).collect();
        let spread = buckets(AccountId(1), addresses.iter());
        assert_eq!(spread.len(), 256);
        assert!(spread.values().all(|b| b.len() < 120));
    }
}

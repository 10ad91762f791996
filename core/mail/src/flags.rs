//! SUMMARY    Flags and keywords: names to bits, and changing them on many messages.
//! STANDARDS  RFC 9051 §2.3.2, §6.4.6; RFC 7162 §3.1.3 (UNCHANGEDSINCE)
//! LIMITS     EMAILS_PER_WORK_MAX
//! INVARIANTS Adding and removing are computed inside the transaction, so concurrent changes of different flags both stay.

use crate::{Mail, Result};
use account::{AccountScope, AccountWork, CanRead, Owner, Reader, unit_of_work};
use base::{MailboxId, ModSeq, Uid, limits::EMAILS_PER_WORK_MAX};

/// System flags in the order of their bits.
const SYSTEM: [&str; 5] = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"];

/// Flags by name, as a client gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    pub(crate) system: u64,
    pub(crate) keywords: Vec<String>,
}

impl Flags {
    /// From names such as `\Seen` or `$Forwarded`; unknown system flags and `\Recent` are left out.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut flags = Flags::default();
        for name in names {
            match SYSTEM.iter().position(|s| s.eq_ignore_ascii_case(name)) {
                Some(bit) => flags.system |= 1 << bit,
                None if name.starts_with('\\') => {}
                None if flags.keywords.iter().any(|k| k.eq_ignore_ascii_case(name)) => {}
                None => flags.keywords.push(name.to_owned()),
            }
        }
        flags
    }

    /// Bits as far as the account knows all of them; `None`: it has a keyword that the account has not.
    pub fn known_bits(&self, names: &KeywordNames) -> Option<u64> {
        let keywords = self.keywords.iter().try_fold(0, |bits, keyword| Some(bits | names.bit(keyword)?));
        keywords.map(|bits: u64| bits | self.system)
    }

    /// Whether \Deleted is among them.
    pub fn is_deleted(&self) -> bool {
        self.system & account::DELETED != 0
    }

    /// Bits, with new keywords added to the account's table.
    pub(crate) async fn bits(&self, account: &mut AccountWork<'_>) -> Result<u64> {
        let mut bits = self.system;
        for keyword in &self.keywords {
            bits |= account.keyword_bit(keyword).await?;
        }
        Ok(bits)
    }
}

/// Names of the flag bits of an account, for rendering.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeywordNames(Vec<String>);

impl KeywordNames {
    /// User-defined keywords in bit order.
    pub fn keywords(&self) -> &[String] {
        &self.0
    }

    /// Names of the set bits.
    pub fn names(&self, mut bits: u64) -> impl Iterator<Item = &str> {
        std::iter::from_fn(move || {
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let own = || self.0.get(bit.checked_sub(Reader::FIRST_KEYWORD_BIT)?).map(String::as_str);
                if let Some(name) = SYSTEM.get(bit).copied().or_else(own) {
                    return Some(name);
                }
            }
            None
        })
    }

    /// Bit of a name, if the account knows it.
    pub fn bit(&self, name: &str) -> Option<u64> {
        if let Some(i) = SYSTEM.iter().position(|s| s.eq_ignore_ascii_case(name)) {
            return Some(1 << i);
        }
        self.0.iter().position(|k| k.eq_ignore_ascii_case(name)).map(|i| 1 << (Reader::FIRST_KEYWORD_BIT + i))
    }
}

/// How the flags of a change are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Set,
    Add,
    Remove,
}

/// A change of flags.
#[derive(Debug, Clone)]
pub struct Change {
    pub operation: Operation,
    pub flags: Flags,
    /// Leave messages alone that changed after this.
    pub unchanged_since: Option<ModSeq>,
}

/// Which messages a change left alone.
#[derive(Debug, Default)]
pub struct StoreOutcome {
    /// Changed after `unchanged_since`.
    pub modified: Vec<Uid>,
    /// Not there any more.
    pub missing: Vec<Uid>,
}

impl Mail {
    /// The account's keywords.
    pub async fn keyword_names<R: CanRead>(&self, scope: &AccountScope<R>) -> Result<KeywordNames> {
        Ok(KeywordNames(self.accounts().read(scope).keywords().await?))
    }

    /// Changes flags of messages of a mailbox, in batches.
    pub async fn store_flags(
        &self,
        scope: &AccountScope<Owner>,
        mailbox: MailboxId,
        uids: &[Uid],
        change: &Change,
    ) -> Result<StoreOutcome> {
        let accounts = self.accounts();
        let mut outcome = StoreOutcome::default();
        for batch in uids.chunks(EMAILS_PER_WORK_MAX) {
            let part = unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
                let mut account = work.account(scope).await?;
                store_batch(&mut account, mailbox, batch, change).await
            })?;
            outcome.modified.extend(part.modified);
            outcome.missing.extend(part.missing);
        }
        Ok(outcome)
    }
}

async fn store_batch(
    account: &mut AccountWork<'_>,
    mailbox: MailboxId,
    uids: &[Uid],
    change: &Change,
) -> Result<StoreOutcome> {
    let mut outcome = StoreOutcome::default();
    let bits = change.flags.bits(account).await?;
    for uid in uids {
        let Some(row) = account.row(mailbox, *uid).await? else {
            outcome.missing.push(*uid);
            continue;
        };
        if change.unchanged_since.is_some_and(|since| row.modseq > since.0) {
            outcome.modified.push(*uid);
            continue;
        }
        let flags = match change.operation {
            Operation::Set => bits,
            Operation::Add => row.flags | bits,
            Operation::Remove => row.flags & !bits,
        };
        account.set_flags(base::EmailId(row.email), mailbox, flags).await?;
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_bits_and_names_again() {
        let flags = Flags::from_names(["\\seen", "\\Recent", "$Forwarded", "$forwarded", "\\Deleted"]);
        assert_eq!(flags.system, 0b10001);
        assert_eq!(flags.keywords, ["$Forwarded"]);
        let names = KeywordNames(vec!["$Forwarded".into()]);
        assert_eq!(names.names(0b110001).collect::<Vec<_>>(), ["\\Seen", "\\Deleted", "$Forwarded"]);
        assert_eq!(names.bit("$FORWARDED"), Some(32));
        assert_eq!(names.bit("other"), None);
    }
}

//! SUMMARY    Identifiers as newtypes; shown with a kind prefix (`acc_…`), stored as integers.
//! INVARIANTS Ids of one kind never compare with ids of another. The text form round-trips and sorts as the number does.

use std::{fmt, str::FromStr};

/// Crockford base 32, lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 64 bits in 5-bit digits.
const DIGITS: usize = 13;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of the expected kind")
    }
}
impl std::error::Error for IdError {}

fn write_base32(f: &mut fmt::Formatter<'_>, prefix: &str, n: u64) -> fmt::Result {
    f.write_str(prefix)?;
    for i in (0..DIGITS).rev() {
        let digit = (n >> (5 * i)) & 31;
        let c = ALPHABET.get(digit as usize).copied().unwrap_or(b'0');
        write!(f, "{}", c as char)?;
    }
    Ok(())
}

fn read_base32(text: &str, prefix: &str) -> Result<u64, IdError> {
    let digits = text.strip_prefix(prefix).ok_or(IdError)?;
    if digits.len() != DIGITS {
        return Err(IdError);
    }
    let mut n: u64 = 0;
    for (i, b) in digits.bytes().enumerate() {
        let d = ALPHABET.iter().position(|a| *a == b).ok_or(IdError)? as u64;
        if i == 0 && d > 15 {
            return Err(IdError);
        }
        n = (n << 5) | d;
    }
    Ok(n)
}

macro_rules! id64 {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);
        impl $name {
            /// Kind prefix of the text form.
            pub const PREFIX: &'static str = $prefix;
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base32(f, $prefix, self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                read_base32(text, $prefix).map($name)
            }
        }
    };
}

id64!(
    /// A customer organisation. Minted by the control plane, never reused.
    TenantId, "ten_"
);
id64!(
    /// A container of mail data inside a tenant. Minted by the control plane, never reused.
    AccountId, "acc_"
);
id64!(
    /// A claimed domain of a tenant (control plane).
    DomainId, "dom_"
);
id64!(
    /// A stored message within an account (RFC 8621 Email id, RFC 8474 EMAILID). Rising per account.
    EmailId, "eml_"
);
id64!(
    /// A conversation within an account (RFC 8621 Thread id, RFC 8474 THREADID).
    ThreadId, "thr_"
);
id64!(
    /// One item of the outgoing queue.
    QueueId, "que_"
);
id64!(
    /// One export of a tenant's data. Random: no two of a provider's share one.
    JobId, "job_"
);
id64!(
    /// One operation: made outside the retry loop, so that a commit with unknown result is recognised.
    OpId, "opr_"
);

/// A mailbox within an account (RFC 8474 MAILBOXID `mbx_…`). Rising per account, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId(pub u32);
impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(f, "mbx_", u64::from(self.0))
    }
}
impl FromStr for MailboxId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        u32::try_from(read_base32(text, "mbx_")?).map(MailboxId).map_err(|_| IdError)
    }
}

/// IMAP unique identifier (RFC 9051 §2.3.1.1), 1..=2^32-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub u32);

/// IMAP UIDVALIDITY of a mailbox (RFC 9051 §2.3.1.1), never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UidValidity(pub u32);

/// Modification sequence of an account (RFC 7162, RFC 8620 state). 63 bits, rises once per unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ModSeq(pub u64);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips_and_sorts_as_the_number(a: u64, b: u64) {
            prop_assert_eq!(AccountId(a).to_string().parse(), Ok(AccountId(a)));
            prop_assert_eq!(a.cmp(&b), AccountId(a).to_string().cmp(&AccountId(b).to_string()));
        }
    }

    #[test]
    fn another_kind_is_refused() {
        assert_eq!(TenantId(7).to_string().parse::<AccountId>(), Err(IdError));
        assert_eq!("acc_".parse::<AccountId>(), Err(IdError));
        assert_eq!("acc_zzzzzzzzzzzzz".parse::<AccountId>(), Err(IdError));
        assert_eq!("acc_000000000000u".parse::<AccountId>(), Err(IdError));
    }
}

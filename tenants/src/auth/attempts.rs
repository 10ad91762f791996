//! SUMMARY    How often sign-ins may be tried, by network of the client, by name from there, by name from everywhere (GCRA).
//! SECURITY   The rule of `session_create`: a name has SIGN_INS_PER_ACCOUNT for each network it is tried from, so whoever tries it
//!            elsewhere uses up nothing of its owner's; and SIGN_INS_PER_NAME over all networks, which holds those that have many.
//!            That second one does not hold a network that the account has a sign-in from: its owner comes in from where it came
//!            in before, whatever others do. So a name is guessed at most SIGN_INS_PER_NAME times, plus SIGN_INS_PER_ACCOUNT for each of
//!            at most SESSIONS_MAX networks of its own: whoever is no neighbour of its owner has 100 tries and 8,640 a day. Codes
//!            of a second factor are six digits: they keep SIGN_INS_PER_ACCOUNT over all networks, and only who has the password gets
//!            there. What is left: a neighbour in the owner's own network (behind one address) uses up the name's allowance there,
//!            and while others use up a name, an owner in a network it never signed in from waits.
//!            The table has a fixed size: nobody can fill the memory. Which slots a name falls into depends on a key of this
//!            process, so nobody can aim at the slots of somebody else; two of them must both be exhausted.
//! LIMITS     SIGN_IN_SLOTS, SIGN_INS_PER_IP, SIGN_INS_PER_ACCOUNT, SIGN_INS_PER_NAME

use crate::{
    Code, Error, Result,
    limits::{SIGN_IN_SLOTS, SIGN_INS_PER_ACCOUNT, SIGN_INS_PER_IP, SIGN_INS_PER_NAME},
    rows::random,
};
use aws_lc_rs::hmac;
use base::Timestamp;
use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// So many at once, then one each time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub burst: u32,
    pub every_ms: i64,
}

pub(crate) struct Attempts {
    key: hmac::Key,
    /// When a slot is empty again, in milliseconds.
    slots: Mutex<Box<[i64]>>,
}

impl Attempts {
    pub(crate) fn new() -> Result<Attempts> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?);
        Ok(Attempts { key, slots: Mutex::new(vec![0; SIGN_IN_SLOTS].into_boxed_slice()) })
    }

    /// Counts a try of a name by whoever knows it, from the client's network: `Throttled` says how long to wait there.
    pub(crate) fn admit_stranger(&self, peer: Option<IpAddr>, name: &str, now: Timestamp) -> Result<()> {
        self.admit_from(peer, now)?;
        let network = peer.map(network).unwrap_or_default();
        self.take(&format!("from {network} {name}"), SIGN_INS_PER_ACCOUNT, now)
    }

    /// Counts it for the name, wherever it comes from.
    pub(crate) fn admit_name(&self, name: &str, now: Timestamp) -> Result<()> {
        self.take(&format!("name {name}"), SIGN_INS_PER_NAME, now)
    }

    /// Counts a second factor of a person whose password was right.
    pub(crate) fn admit_factor(&self, person: &str, now: Timestamp) -> Result<()> {
        self.take(&format!("factor {person}"), SIGN_INS_PER_ACCOUNT, now)
    }

    /// Counts an attempt of who has a session or a secret already, for its account over all networks.
    pub(crate) fn admit(&self, peer: Option<IpAddr>, account: &str, now: Timestamp) -> Result<()> {
        self.admit_from(peer, now)?;
        self.take(&format!("account {account}"), SIGN_INS_PER_ACCOUNT, now)
    }

    /// The same of an attempt that names no account.
    pub(crate) fn admit_from(&self, peer: Option<IpAddr>, now: Timestamp) -> Result<()> {
        if let Some(peer) = peer {
            self.take(&format!("ip {}", network(peer)), SIGN_INS_PER_IP, now)?;
        }
        Ok(())
    }

    /// Counts what a network does that signs up, by a pace of its own.
    pub(crate) fn admit_signup(&self, what: &str, network: &str, pace: Pace, now: Timestamp) -> Result<()> {
        self.take(&format!("signup {what} {network}"), pace, now)
    }

    /// Counts looks at servers of others by whoever asks for them.
    pub(crate) fn admit_check(&self, caller: &str, pace: Pace, now: Timestamp) -> Result<()> {
        self.take(&format!("check {caller}"), pace, now)
    }

    fn take(&self, name: &str, pace: Pace, now: Timestamp) -> Result<()> {
        let tag = hmac::sign(&self.key, name.as_bytes());
        let at = |from: usize| {
            let bytes: [u8; 8] = tag.as_ref().get(from..from + 8).and_then(|b| b.try_into().ok()).unwrap_or_default();
            usize::try_from(u64::from_be_bytes(bytes) % SIGN_IN_SLOTS as u64).unwrap_or(0)
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let places = [at(0), at(8)];
        let least = places.iter().filter_map(|p| slots.get(*p)).min().copied().unwrap_or(0).max(now.0);
        let full = now.0.saturating_add(pace.every_ms.saturating_mul(pace.burst.into()));
        let next = least.saturating_add(pace.every_ms);
        if next > full {
            let seconds = u32::try_from((next - full + 999) / 1000).unwrap_or(u32::MAX);
            return Err(Error::new(
                Code::Throttled { seconds },
                "",
                format!("Too many attempts: try again in {seconds} s"),
            ));
        }
        for place in places {
            if let Some(slot) = slots.get_mut(place) {
                *slot = (*slot).max(next);
            }
        }
        Ok(())
    }
}

/// Where a client stands: an IPv6 client has a whole /64.
pub(super) fn network(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.segments().iter().take(4).map(|s| format!("{s:x}:")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_back_with_time_and_others_are_not_hit() {
        let attempts = Attempts::new().unwrap();
        let now = Timestamp(1_000_000);
        let peer = |n: u8| Some(IpAddr::from([192, 0, 2, n]));
        for _ in 0..SIGN_INS_PER_ACCOUNT.burst {
            attempts.admit(peer(1), "ann", now).unwrap();
        }
        let refused = attempts.admit(peer(2), "ann", now).unwrap_err();
        let Code::Throttled { seconds } = refused.code else { panic!("{refused}") };
        assert_eq!(i64::from(seconds) * 1000, SIGN_INS_PER_ACCOUNT.every_ms);
        attempts.admit(peer(2), "ben", now).unwrap();
        let later = Timestamp(now.0 + SIGN_INS_PER_ACCOUNT.every_ms);
        attempts.admit(peer(2), "ann", later).unwrap();
        assert!(attempts.admit(peer(2), "ann", later).is_err());
    }

    #[test]
    fn a_name_that_is_used_up_elsewhere_is_not_used_up_here_and_is_bounded_over_all() {
        let attempts = Attempts::new().unwrap();
        let now = Timestamp(1_000_000);
        let peer = |n: u8| Some(IpAddr::from([192, 0, 2, n]));
        for _ in 0..SIGN_INS_PER_ACCOUNT.burst {
            attempts.admit_stranger(peer(1), "ann", now).unwrap();
        }
        assert!(attempts.admit_stranger(peer(1), "ann", now).is_err());
        attempts.admit_stranger(peer(1), "ben", now).unwrap();
        attempts.admit_stranger(peer(2), "ann", now).unwrap();
        for _ in 0..SIGN_INS_PER_NAME.burst {
            attempts.admit_name("ann", now).unwrap();
        }
        assert!(attempts.admit_name("ann", now).is_err());
        attempts.admit_name("ann", Timestamp(now.0 + SIGN_INS_PER_NAME.every_ms)).unwrap();
        attempts.admit_factor("ann", now).unwrap();
    }

    #[test]
    fn one_address_is_limited_over_all_accounts_and_a_network_of_ipv6_is_one() {
        let attempts = Attempts::new().unwrap();
        let now = Timestamp(5);
        let peer = |n: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]));
        for n in 0..SIGN_INS_PER_IP.burst {
            attempts.admit(peer(n as u16), &format!("a{n}"), now).unwrap();
        }
        assert!(attempts.admit(peer(999), "fresh", now).is_err());
    }
}

//! SUMMARY    Rates of what clients do: by whom they are counted, and the one way to count.
//! SECURITY   Names and addresses come from strangers; they are part of keys, which the store of cells bounds.
//! INVARIANTS Everything that is counted and may be forgotten goes through here. Keys of cells are spelled here alone. IPv6 counts by /64.

use crate::Accounts;
use base::{AccountId, TenantId};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};
use store::ephemeral::{Ask, Rate};

/// By whom something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// New connections of a client address.
    Connections(IpAddr),
    /// Failed logins of a client address.
    Logins(IpAddr),
    /// Failed logins of a client address with one name.
    LoginsAs(IpAddr, &'a str),
    /// Recipients named by a foreign host.
    Inbound(IpAddr),
    /// Commands of an account.
    Commands(TenantId, AccountId),
}

/// Units asked of a subject, `max` at once and as many again over each `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toll<'a> {
    pub subject: Subject<'a>,
    pub cost: u32,
    pub max: u32,
    pub per: Duration,
}

/// The network an address counts for.
pub fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

impl Subject<'_> {
    fn key(&self) -> Vec<u8> {
        let of = |tag: &[u8], ip: IpAddr| match network(ip) {
            IpAddr::V4(v4) => [tag, &v4.octets()].concat(),
            IpAddr::V6(v6) => [tag, &v6.octets()[..8]].concat(),
        };
        match self {
            Subject::Connections(ip) => of(b"ic", *ip),
            Subject::Logins(ip) => of(b"il", *ip),
            Subject::LoginsAs(ip, name) => {
                let mut key = of(b"in", *ip);
                key.push(0);
                key.extend_from_slice(name.to_lowercase().as_bytes());
                key
            }
            Subject::Inbound(ip) => of(b"ir", *ip),
            Subject::Commands(tenant, account) => {
                [b"ac".as_slice(), &tenant.0.to_be_bytes(), &account.0.to_be_bytes()].concat()
            }
        }
    }
}

impl Accounts {
    /// Takes all tolls, or none; how long until all are to be had.
    pub async fn take(&self, tolls: &[Toll<'_>]) -> Result<(), Duration> {
        let keys: Vec<Vec<u8>> = tolls.iter().map(|t| t.subject.key()).collect();
        self.0.cells.take_all(&asks(tolls, &keys)).await.map_err(|short| short.wait)
    }

    /// Puts back what turned out not to count.
    pub async fn give_back(&self, tolls: &[Toll<'_>]) {
        let keys: Vec<Vec<u8>> = tolls.iter().map(|t| t.subject.key()).collect();
        self.0.cells.give_back(&asks(tolls, &keys)).await;
    }

    /// One more failure of a client address; how many within the time that began with the first.
    pub async fn note_failure(&self, ip: IpAddr, within: Duration) -> u32 {
        let key = [b"f".as_slice(), &Subject::Logins(ip).key()].concat();
        u32::try_from(self.0.cells.add(&key, 1, within).await).unwrap_or(0)
    }
}

fn asks<'a>(tolls: &[Toll<'_>], keys: &'a [Vec<u8>]) -> Vec<Ask<'a>> {
    let ask = |(toll, key): (&Toll<'_>, &'a Vec<u8>)| Ask {
        key,
        cost: toll.cost,
        rate: Rate { burst: toll.max, per: toll.per },
    };
    tolls.iter().zip(keys).map(ask).collect()
}

/// When to come back, for people: `in 40 seconds`, `in 12 minutes`, `in 3 hours`.
pub fn retry_hint(wait: Duration) -> String {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let (count, unit) = match secs {
        0..=90 => (secs.max(1), "second"),
        91..=5_400 => (secs.div_ceil(60), "minute"),
        _ => (secs.div_ceil(3_600), "hour"),
    };
    format!("in {count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_keep_apart_and_neighbours_of_a_network_are_one() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (a, b) = (ip("2001:db8::1"), ip("2001:db8::2"));
        assert_eq!(Subject::Logins(a).key(), Subject::Logins(b).key());
        assert_eq!(Subject::LoginsAs(a, "Ann@a").key(), Subject::LoginsAs(b, "ann@A").key());
        let all = [
            Subject::Connections(a),
            Subject::Logins(a),
            Subject::LoginsAs(a, ""),
            Subject::LoginsAs(a, "x"),
            Subject::Inbound(a),
            Subject::Inbound(ip("192.0.2.1")),
            Subject::Inbound(ip("2001:db8:0:1::1")),
            Subject::Commands(TenantId(1), AccountId(2)),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other.key() != one.key()), "{one:?}");
        }
    }

    #[test]
    fn hints_are_for_people_and_never_too_early() {
        let hint = |ms| retry_hint(Duration::from_millis(ms));
        assert_eq!([hint(0), hint(1_500), hint(91_000)], ["in 1 second", "in 2 seconds", "in 2 minutes"]);
        assert_eq!([hint(3_600_000), hint(86_400_000)], ["in 60 minutes", "in 24 hours"]);
    }
}

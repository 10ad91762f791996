//! SUMMARY    How much is signed up from one network, with one contact, with contacts of one domain, at one seller.
//! SECURITY   Counted from the rows, so that neither a restart nor another process forgets. What is said of a contact is how often it was
//!            given here, never whether it is anybody's.
//! LIMITS     SIGNUPS_PER_NETWORK, SIGNUPS_PER_CONTACT, SIGNUPS_PER_CONTACT_DOMAIN, SIGNUPS_PER_DAY

use crate::{
    Code, Error, Result, Service,
    db::{Connection, query},
    limits::{SIGNUPS_PER_CONTACT, SIGNUPS_PER_CONTACT_DOMAIN, SIGNUPS_PER_NETWORK},
    rows::number,
};
use base::TenantId;
use std::net::IpAddr;

/// 24 hours, milliseconds.
const DAY_MS: i64 = 86_400_000;
/// What is said to wait when a day's signups are used up.
const PAUSE_SECONDS: u32 = 3_600;

/// Domains where everybody has an address: how many sign up with one says nothing.
const EVERYBODYS: &[&str] = &[
    "aol.com",
    "bluewin.ch",
    "fastmail.com",
    "free.fr",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "laposte.net",
    "live.com",
    "mac.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "tutanota.com",
    "web.de",
    "yahoo.com",
    "yahoo.de",
    "yahoo.fr",
    "yandex.ru",
];

/// What counts as one network: an IPv4 /24, an IPv6 /56. All of those that are not known are one.
pub(crate) fn network(peer: Option<IpAddr>) -> String {
    match peer.map(|peer| peer.to_canonical()) {
        None => String::new(),
        Some(IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00)
        }
    }
}

pub(super) fn is_everybodys(domain: &str) -> bool {
    EVERYBODYS.contains(&domain)
}

fn too_many(field: &'static str, what: &str) -> Error {
    Error::new(Code::Throttled { seconds: PAUSE_SECONDS }, field, format!("Too many signups of late {what}"))
}

impl Service {
    /// Signups that a network began in a day, as far as they count.
    pub(super) async fn begun_from(&self, txn: &mut Connection, network: &str) -> Result<i64> {
        let row = query(
            "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM signup WHERE network = $1 AND created_at > $2 LIMIT $3) begun",
        )
        .bind(network)
        .bind(self.now().0 - DAY_MS)
        .bind(SIGNUPS_PER_NETWORK)
        .fetch_one(txn)
        .await?;
        number(&row, "n")
    }

    /// Refuses one more of a network, or of a seller that takes so many a day. `Throttled`.
    pub(super) async fn room_to_begin(
        &self,
        txn: &mut Connection,
        network: &str,
        (seller, per_day): (TenantId, i64),
    ) -> Result<i64> {
        let begun = self.begun_from(txn, network).await?;
        if begun >= SIGNUPS_PER_NETWORK {
            return Err(too_many("", "from your network (SIGNUPS_PER_NETWORK)"));
        }
        let row = query(
            "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM signup WHERE tenant = $1 AND created_at > $2 LIMIT $3) begun",
        )
        .bind(seller.to_string())
        .bind(self.now().0 - DAY_MS)
        .bind(per_day)
        .fetch_one(txn)
        .await?;
        match number(&row, "n")? >= per_day {
            true => Err(too_many("", "here")),
            false => Ok(begun),
        }
    }

    /// Refuses another signup with a contact, or one of its domain. `Throttled`.
    pub(super) async fn room_for_contact(
        &self,
        txn: &mut Connection,
        signup: &str,
        (contact, domain): (&str, &str),
    ) -> Result<()> {
        let since = self.now().0 - DAY_MS;
        let of_contact = query(
            "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM signup WHERE contact_key = $1 AND created_at > $2 AND id <> $3 \
             LIMIT $4) same",
        );
        let row =
            of_contact.bind(contact).bind(since).bind(signup).bind(SIGNUPS_PER_CONTACT).fetch_one(&mut *txn).await?;
        if number(&row, "n")? >= SIGNUPS_PER_CONTACT {
            return Err(too_many("contact", "with this address (SIGNUPS_PER_CONTACT)"));
        }
        let of_domain = query(
            "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM signup WHERE contact_domain = $1 AND created_at > $2 AND id <> $3 \
             LIMIT $4) same",
        );
        let row =
            of_domain.bind(domain).bind(since).bind(signup).bind(SIGNUPS_PER_CONTACT_DOMAIN).fetch_one(txn).await?;
        match number(&row, "n")? >= SIGNUPS_PER_CONTACT_DOMAIN && !is_everybodys(domain) {
            true => Err(too_many("contact", "with addresses of this domain (SIGNUPS_PER_CONTACT_DOMAIN)")),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_network() {
        let of = |ip: &str| network(Some(ip.parse().unwrap()));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.250"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:0:1200::1"), of("2001:db8:0:12ff:1::2"));
        assert_ne!(of("2001:db8:0:1200::1"), of("2001:db8:0:1300::1"));
        assert_eq!(network(None), "");
    }
}

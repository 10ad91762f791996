//! SUMMARY    Names of free addresses: how they are written, which nobody gets, what they look like, which others there are.
//! STANDARDS  RFC 2142 (names of services), UTS 39 §4 (skeletons)
//! SECURITY   Who may not have a name is not told why: one that is in use, one that was somebody's, one that is reserved and one that
//!            looks like another are the same, after the same statements.
//!            Names are suggested in the same shapes for all of them, and as many.
//! LIMITS     SIGNUP_NAME_CHARS_MIN, SIGNUP_NAME_CHARS_MAX, SIGNUP_SUGGESTIONS, CANDIDATES

use crate::{
    Actor, Code, Error, Permissions, Result, Service,
    address::RESERVED as SPOKEN_FOR,
    db::{Connection, query},
    limits::{SIGNUP_NAME_CHARS_MAX, SIGNUP_NAME_CHARS_MIN, SIGNUP_SUGGESTIONS},
    rows::{json_list, random, text},
};
use base::{Address, TenantId};
use std::collections::BTreeSet;
use unicode_security::skeleton;

/// Names that speak for a service, a role or a brand, besides those that are kept on every shared domain. Without marks.
const RESERVED: &[&str] = &[
    "about",
    "abuse",
    "accounts",
    "adm",
    "adobe",
    "airbnb",
    "alibaba",
    "all",
    "amazon",
    "amex",
    "anonymous",
    "api",
    "apple",
    "autoconfig",
    "autodiscover",
    "bank",
    "bankofamerica",
    "barclays",
    "binance",
    "bitcoin",
    "booking",
    "broadcasthost",
    "careers",
    "chase",
    "cisco",
    "citibank",
    "coinbase",
    "compliance",
    "contact",
    "daemon",
    "data",
    "dhl",
    "director",
    "disney",
    "dkim",
    "dmarc",
    "docusign",
    "donotreply",
    "dropbox",
    "ebay",
    "email",
    "enquiries",
    "everyone",
    "facebook",
    "fedex",
    "feedback",
    "finance",
    "firewall",
    "fraud",
    "github",
    "gmail",
    "google",
    "guest",
    "help",
    "helpdesk",
    "hotmail",
    "hr",
    "hsbc",
    "icloud",
    "imap",
    "info",
    "inquiries",
    "instagram",
    "intuit",
    "invoice",
    "irs",
    "isatap",
    "it",
    "jobs",
    "klarna",
    "legal",
    "linkedin",
    "list",
    "listserv",
    "localdomain",
    "localhost",
    "login",
    "mail",
    "mailerdaemon",
    "mailmaster",
    "mailserver",
    "majordomo",
    "manager",
    "marketing",
    "mastercard",
    "me",
    "media",
    "meta",
    "microsoft",
    "mx",
    "myself",
    "netflix",
    "network",
    "nobody",
    "noreply",
    "notification",
    "notifications",
    "null",
    "office",
    "operator",
    "orders",
    "outlook",
    "owner",
    "password",
    "payment",
    "payments",
    "paypal",
    "pop",
    "press",
    "privacy",
    "reddit",
    "register",
    "registrar",
    "reply",
    "revolut",
    "root",
    "sales",
    "samsung",
    "secure",
    "server",
    "service",
    "shop",
    "signup",
    "smtp",
    "spam",
    "spotify",
    "ssl",
    "staff",
    "status",
    "stripe",
    "subscribe",
    "sys",
    "system",
    "team",
    "telegram",
    "test",
    "tiktok",
    "trust",
    "twitter",
    "unsubscribe",
    "ups",
    "user",
    "username",
    "usps",
    "uucp",
    "verification",
    "verify",
    "visa",
    "walmart",
    "wellsfargo",
    "whatsapp",
    "wordpress",
    "wpad",
    "www",
    "yahoo",
    "youtube",
    "zoom",
];

/// Words that say nothing of who somebody is: with one of them a name speaks for nobody.
const NEUTRAL: [&str; 16] = [
    "amber", "birch", "brook", "cedar", "cloud", "coast", "field", "grove", "hazel", "maple", "meadow", "moss",
    "river", "stone", "sunny", "willow",
];
/// Names that are thought of for one that cannot be had: so many that enough of them are free.
const CANDIDATES: usize = 12;
/// What is added to a name at most: a word, a dot, two digits.
const ADDED_CHARS_MAX: usize = 9;

/// A name of a free address, as it is kept. `Invalid`.
pub(crate) fn written(name: &str) -> Result<String> {
    let name = name.trim().to_ascii_lowercase();
    let refused = |why: String| Err(Error::new(Code::Invalid, "address", why));
    if !(SIGNUP_NAME_CHARS_MIN..=SIGNUP_NAME_CHARS_MAX).contains(&name.len()) {
        return refused(format!("A name has {SIGNUP_NAME_CHARS_MIN} to {SIGNUP_NAME_CHARS_MAX} characters"));
    }
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    match name.split(['.', '-', '_']).all(part) && name.bytes().any(|b| b.is_ascii_lowercase()) {
        true => Ok(name),
        false => {
            refused("A name has letters a to z and digits, with single dots, hyphens and underscores between".into())
        }
    }
}

/// What a name looks like, whatever marks stand in it: names that look the same cannot be told apart at a glance.
pub(crate) fn look(name: &str) -> String {
    let bare: String = name.chars().filter(|c| !matches!(c, '.' | '-' | '_')).collect();
    let lower = skeleton(&bare).collect::<String>().to_lowercase();
    skeleton(&lower).collect::<String>().to_lowercase()
}

/// Whether a name speaks for somebody, or looks as if it did: with marks in it or digits behind it too.
pub(crate) fn is_reserved(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    let looks = [look(name), look(plain)];
    RESERVED.iter().chain(&SPOKEN_FOR).any(|reserved| looks.contains(&look(reserved)))
}

/// Names like another one, in shapes that are the same for all: as many of one that is reserved as of one that somebody has, and none of
/// them looks reserved.
fn like(name: &str, seed: [u8; 4]) -> Vec<String> {
    let number = u32::from_be_bytes(seed);
    let plain = name.chars().filter(|c| !matches!(c, '.' | '-' | '_'));
    let plain: String = plain.take(SIGNUP_NAME_CHARS_MAX - ADDED_CHARS_MAX).collect();
    let first = usize::try_from(number % 16).unwrap_or_default();
    let words = NEUTRAL.iter().cycle().skip(first);
    let digits = (0u32..).map(|n| 10 + ((number >> 4) + 7 * n) % 90);
    let shaped = words.zip(digits).enumerate().map(|(n, (word, digits))| match n % 4 {
        0 => format!("{plain}.{word}"),
        1 => format!("{word}.{plain}"),
        2 => format!("{plain}{digits}.{word}"),
        _ => format!("{word}{digits}.{plain}"),
    });
    shaped.take(CANDIDATES).collect()
}

impl Service {
    /// Whether nobody has, had or holds a name on an offered domain, and nobody has mail there; and names like it that are free. The same
    /// statements whatever is found.
    pub(super) async fn free_names(
        &self,
        txn: &mut Connection,
        seller: TenantId,
        (name, domain): (&str, &str),
    ) -> Result<(bool, Vec<String>)> {
        let mut names = vec![name.to_owned()];
        names.extend(like(name, random::<4>()?));
        let used = self.used_names(txn, domain, &names).await?;
        let addresses: Vec<String> = names.iter().map(|name| format!("{name}@{domain}")).collect();
        let actor = Actor::of(seller, Permissions::NONE, false, super::ACTOR.to_owned());
        let others = self.of_who_has_more(txn, &actor, seller, &addresses).await?;
        let free = |at: usize, name: &str| !used.contains(name) && !others.contains(&at) && !is_reserved(name);
        let is_free = free(0, name);
        let rest = names.iter().enumerate().skip(1).filter(|(at, name)| free(*at, name));
        let like = rest.map(|(_, name)| format!("{name}@{domain}")).take(SIGNUP_SUGGESTIONS).collect();
        Ok((is_free, like))
    }

    /// Those of some names that are or were in use on a domain or its other names, are held, or look like one that is.
    async fn used_names(&self, txn: &mut Connection, domain: &str, names: &[String]) -> Result<BTreeSet<String>> {
        let list = json_list(names);
        let rows = query(
            "SELECT a.local FROM address a WHERE a.local IN (SELECT value FROM json_each($2)) AND a.domain IN \
             (SELECT $1 UNION ALL SELECT d.name FROM domain d WHERE d.alias_of = $1) \
             UNION SELECT n.local FROM signup_name n WHERE n.domain = $1 AND n.local IN (SELECT value FROM json_each($2))",
        )
        .bind(domain)
        .bind(list)
        .fetch_all(&mut *txn)
        .await?;
        let mut used: BTreeSet<String> = rows.iter().map(|row| text(row, "local")).collect::<Result<_>>()?;
        let looks: Vec<String> = names.iter().map(|name| look(name)).collect();
        let rows =
            query("SELECT look FROM signup_name WHERE domain = $1 AND look IN (SELECT value FROM json_each($2))")
                .bind(domain)
                .bind(json_list(&looks))
                .fetch_all(txn)
                .await?;
        let seen: BTreeSet<String> = rows.iter().map(|row| text(row, "look")).collect::<Result<_>>()?;
        used.extend(names.iter().zip(&looks).filter(|(_, look)| seen.contains(*look)).map(|(name, _)| name.clone()));
        Ok(used)
    }

    /// Holds a name for a tenant that is coming. `false`: somebody else has it, or one that looks like it.
    pub(super) async fn hold_name(
        &self,
        txn: &mut Connection,
        address: &Address,
        (seller, coming): (TenantId, TenantId),
        signup: &str,
    ) -> Result<bool> {
        let local = address.canonical_local();
        let held = query(
            "INSERT INTO signup_name (domain, local, look, tenant, coming, signup) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT DO NOTHING",
        )
        .bind(address.domain().as_str())
        .bind(&local)
        .bind(look(&local))
        .bind(seller.to_string())
        .bind(coming.to_string())
        .bind(signup)
        .execute(txn)
        .await?;
        Ok(held == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_of_some_length() {
        for good in ["ann", "ann.lee", "a-b_c.d", "4ann", "Ann"] {
            assert!(written(good).is_ok(), "{good}");
        }
        let long = "a".repeat(SIGNUP_NAME_CHARS_MAX + 1);
        for bad in ["", "an", ".ann", "ann.", "a..n", "a.-n", "ann+x", "b\u{e4}r", "a n n", "1234", "a@b", &long] {
            assert_eq!(written(bad).unwrap_err().code, Code::Invalid, "{bad}");
        }
    }

    #[test]
    fn reserved_names_stay_so_in_disguise() {
        for name in ["postmaster", "post.master", "adrnin", "admin", "admin1", "supp0rt", "paypa1", "pay-pal", "g00gle"]
        {
            assert!(is_reserved(name), "{name}");
        }
        assert!(is_reserved("info2024") && is_reserved("no_reply") && is_reserved("rnicrosoft"));
        for name in ["ann", "maxine.post", "pauline", "supporter.ann"] {
            assert!(!is_reserved(name), "{name}");
        }
        assert!(RESERVED.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase())));
    }

    #[test]
    fn what_looks_alike_has_one_look_and_suggestions_are_names() {
        assert_eq!(look("modern"), look("rnodern"));
        assert_eq!(look("b0b"), look("bob"));
        assert_eq!(look("a.nn"), look("ann"));
        assert_ne!(look("ann"), look("anna"));
    }

    #[test]
    fn reserved_or_in_use_the_suggestions_are_alike_and_none_looks_reserved() {
        let long = "a".repeat(SIGNUP_NAME_CHARS_MAX);
        let used = ["ann.lee", "ann", "4ann", "a-b_c.d", "hazel.amber", &long];
        let all = RESERVED.iter().chain(&SPOKEN_FOR).chain(&used);
        for (n, name) in (0u32..).zip(all) {
            for step in [0, 1, 5, 77] {
                let names = like(name, (n + step).wrapping_mul(0x9e37_79b9).to_be_bytes());
                let different: BTreeSet<&String> = names.iter().collect();
                assert_eq!(different.len(), CANDIDATES, "{name}");
                for suggested in &names {
                    assert_eq!(&written(suggested).unwrap(), suggested);
                    assert!(!is_reserved(suggested), "{name}: {suggested}");
                }
                let shape = |name: &String| (name.contains('.'), name.bytes().filter(u8::is_ascii_digit).count() > 1);
                let ann: Vec<_> = like("ann", [0; 4]).iter().map(shape).collect();
                assert!(names.iter().map(shape).eq(ann), "{name}: {names:?}");
            }
        }
        assert!(NEUTRAL.iter().all(|word| word.len() + 3 <= ADDED_CHARS_MAX && !is_reserved(word)));
    }
}

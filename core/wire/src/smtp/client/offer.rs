//! SUMMARY    What a server offers in its reply to EHLO.
//! STANDARDS  RFC 5321 §4.1.1.1; RFC 1870 §3; RFC 4954 §3
//! LIMITS     those of the reply

use crate::smtp::Reply;

/// Extensions of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    pub pipelining: bool,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub chunking: bool,
    pub binary_mime: bool,
    pub dsn: bool,
    pub starttls: bool,
    pub require_tls: bool,
    pub size: bool,
    /// Largest message; `None`: not said (a limit of 0 says nothing, RFC 1870 §3).
    pub size_bytes_max: Option<u64>,
    /// SASL mechanisms, upper case.
    pub auth: Vec<String>,
}

impl Offers {
    /// Reads the lines after the first.
    pub(super) fn parse(reply: &Reply) -> Self {
        let mut o = Offers::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // workaround(old Exchange and others): `AUTH=PLAIN` beside or instead of `AUTH PLAIN`.
            let line = line.replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default() {
                "PIPELINING" => o.pipelining = true,
                "8BITMIME" => o.eight_bit_mime = true,
                "SMTPUTF8" => o.smtputf8 = true,
                "CHUNKING" => o.chunking = true,
                "BINARYMIME" => o.binary_mime = true,
                "DSN" => o.dsn = true,
                "STARTTLS" => o.starttls = true,
                "REQUIRETLS" => o.require_tls = true,
                "SIZE" => {
                    o.size = true;
                    o.size_bytes_max = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                }
                "AUTH" => o.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        o
    }
}

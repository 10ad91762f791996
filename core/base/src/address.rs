//! SUMMARY    Mail addresses and domains, parsed once at the edge, with one canonical form for look-ups.
//! STANDARDS  RFC 5321 §4.1.2 (Mailbox), §4.5.3.1 (lengths); RFC 6531 §3.3 (UTF-8), RFC 6530 §10.1 (normalisation: NFC); RFC 5891 (domains through UTS 46)
//! SECURITY   Hostile text reaches the parsers; they allocate at most their input.
//! INVARIANTS A `Domain` is lower-case ASCII (A-labels). Two addresses are the same iff their canonical keys are equal.

use std::{fmt, str::FromStr};
use unicode_normalization::UnicodeNormalization;

/// RFC 5321 §4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64 * 4;
/// RFC 5321 §4.5.3.1.2.
const DOMAIN_BYTES_MAX: usize = 255;

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// No `@`, or nothing before or after it.
    Incomplete,
    /// The local part has characters that need quoting, or bad quoting.
    LocalPart,
    /// The domain is not a valid name or address literal.
    Domain,
    /// Longer than RFC 5321 §4.5.3.1 allows.
    TooLong,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressError::Incomplete => "an address looks like name@domain",
            AddressError::LocalPart => "the part before @ has characters that are not allowed",
            AddressError::Domain => "the part after @ is not a domain name",
            AddressError::TooLong => "the address is too long",
        })
    }
}
impl std::error::Error for AddressError {}

/// A domain name in canonical form (lower-case A-labels) or an address literal such as `[192.0.2.1]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Canonicalises through UTS 46; accepts address literals verbatim (lower-cased).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > DOMAIN_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            let ok =
                !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'[' | b']' | b'\\'));
            return if ok { Ok(Domain(text.to_ascii_lowercase())) } else { Err(AddressError::Domain) };
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let ascii = idna::domain_to_ascii(text).map_err(|_| AddressError::Domain)?;
        let label_ok = |l: &str| {
            (1..=63).contains(&l.len())
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if ascii.is_empty() || ascii.len() > DOMAIN_BYTES_MAX || !ascii.split('.').all(label_ok) {
            return Err(AddressError::Domain);
        }
        Ok(Domain(ascii))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an address literal and not a name.
    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Domain::parse(text)
    }
}

/// A mail address. The local part keeps its spelling (unquoted); look-ups use [`Address::canonical_local`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: String,
    domain: Domain,
}

impl Address {
    /// Parses `local@domain`; the local part may be a quoted string (RFC 5321 §4.1.2) or UTF-8 (RFC 6531).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = text.rfind('@').ok_or(AddressError::Incomplete)?;
        let (local, domain) = text.split_at(at);
        let domain = domain.strip_prefix('@').unwrap_or_default();
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Incomplete);
        }
        if local.len() > LOCAL_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        Ok(Address { local: parse_local(local)?, domain: Domain::parse(domain)? })
    }

    /// Local part as spelled, without quotes.
    pub fn local(&self) -> &str {
        &self.local
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The same local part at another domain.
    pub fn at(&self, domain: Domain) -> Address {
        Address { local: self.local.clone(), domain }
    }

    /// Local part in lower case and normalisation form C: the one key under which an address is looked up and owned.
    pub fn canonical_local(&self) -> String {
        folded(&self.local)
    }

    /// Splits `base+detail` at the first `+` (RFC 5233 subaddressing): canonical base and the detail as spelled.
    pub fn subaddress(&self) -> (String, Option<&str>) {
        match self.local.split_once('+') {
            Some((base, detail)) if !base.is_empty() => (folded(base), Some(detail)),
            _ => (self.canonical_local(), None),
        }
    }

    /// Whether it needs SMTPUTF8 (RFC 6531) to be sent.
    pub fn needs_utf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// Lower-case `local@domain`, as shown and compared.
    pub fn canonical(&self) -> String {
        format!("{}@{}", self.canonical_local(), self.domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_atom(&self.local) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text)
    }
}

/// Lower case may leave what composes further (İ becomes i and a dot above), so form C comes last; what was not composed may have
/// no lower case, so it comes first too.
fn folded(local: &str) -> String {
    match local.is_ascii() {
        true => local.to_ascii_lowercase(),
        false => local.nfc().collect::<String>().to_lowercase().nfc().collect(),
    }
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn is_dot_atom(s: &str) -> bool {
    s.split('.').all(|a| !a.is_empty() && a.chars().all(is_atext))
}

fn parse_local(local: &str) -> Result<String, AddressError> {
    let Some(inner) = local.strip_prefix('"') else {
        return if is_dot_atom(local) { Ok(local.to_owned()) } else { Err(AddressError::LocalPart) };
    };
    let inner = inner.strip_suffix('"').ok_or(AddressError::LocalPart)?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().filter(|c| (' '..='~').contains(c)).ok_or(AddressError::LocalPart)?),
            '"' => return Err(AddressError::LocalPart),
            c if c.is_control() => return Err(AddressError::LocalPart),
            c => out.push(c),
        }
    }
    if out.is_empty() { Err(AddressError::LocalPart) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expect: Result<&str, AddressError>) {
        assert_eq!(Address::parse(input).map(|a| a.to_string()), expect.map(str::to_owned), "{input}");
    }

    #[test]
    fn addresses() {
        check("Ann@Example.ORG", Ok("Ann@example.org"));
        check("a.b+c@example.org.", Ok("a.b+c@example.org"));
        check("\"a b\"@example.org", Ok("\"a b\"@example.org"));
        check("\"a\\\"b\"@example.org", Ok("\"a\\\"b\"@example.org"));
        check("\"plain\"@example.org", Ok("plain@example.org"));
        check("用户@例え.jp", Ok("用户@xn--r8jz45g.jp"));
        check("a@[192.0.2.1]", Ok("a@[192.0.2.1]"));
        check("a", Err(AddressError::Incomplete));
        check("@b", Err(AddressError::Incomplete));
        check("a..b@c", Err(AddressError::LocalPart));
        check("a b@c", Err(AddressError::LocalPart));
        check("\"a@c", Err(AddressError::LocalPart));
        check("a@-b", Err(AddressError::Domain));
        check("a@b..c", Err(AddressError::Domain));
        check("a\r\n@b", Err(AddressError::LocalPart));
    }

    #[test]
    fn subaddress_splits_at_the_first_plus() {
        let a = Address::parse("Ann+News+x@example.org").unwrap();
        assert_eq!(a.subaddress(), ("ann".to_owned(), Some("News+x")));
        assert_eq!(Address::parse("+x@example.org").unwrap().subaddress(), ("+x".to_owned(), None));
    }

    #[test]
    fn one_name_has_one_key_however_it_is_composed() {
        let key = |text: &str| Address::parse(text).unwrap().canonical();
        for (one, other) in [
            ("ren\u{e9}@example.org", "Rene\u{301}@example.org"),
            ("\u{c5}sa@example.org", "A\u{30a}sa@example.org"),
            ("\u{212b}sa@example.org", "\u{e5}sa@example.org"),
            ("\u{1100}\u{1161}@example.org", "\u{ac00}@example.org"),
        ] {
            assert_eq!(key(one), key(other));
            assert_eq!(key(&key(one)), key(one));
        }
        let plus = Address::parse("Rene\u{301}+x@example.org").unwrap();
        assert_eq!(plus.subaddress(), ("ren\u{e9}".to_owned(), Some("x")));
        assert_ne!(key("rene@example.org"), key("ren\u{e9}@example.org"));
    }

    proptest! {
        #[test]
        fn keys_are_stable(text in "\\PC{1,20}@example.org") {
            if let Ok(a) = Address::parse(&text) {
                let key = a.canonical_local();
                let again = Address { local: key.clone(), domain: a.domain };
                prop_assert_eq!(again.canonical_local(), key);
            }
        }

        #[test]
        fn never_panics_and_round_trips(text in "\\PC{0,80}") {
            if let Ok(a) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&a.to_string()), Ok(a));
            }
        }
    }
}

//! SUMMARY    Reverse-path and forward-path: `<ann@example.org>`, `<>`, `<postmaster>`.
//! STANDARDS  RFC 5321 §4.1.1.3, §4.1.2, §4.1.3 (literals), §4.5.1 (postmaster), Appendix C (source routes are ignored); RFC 6531 §3.3
//! SECURITY   Hostile text; nothing is allocated beyond the line.

use base::Address;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Recipient of RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward {
    Mailbox(Address),
    /// `<postmaster>` without a domain, in any case (RFC 5321 §4.5.1).
    Postmaster,
}

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// No `<`, no `>`, or something between them that is no path.
    Brackets,
    /// What is inside is not an address.
    Address,
}

/// Reads `<...>` at the start of `text`: its inside, and what follows the `>`.
/// workaround(devices, scripts, swaks with a bare address): a path without brackets ends at the first space; brackets inside are refused.
pub(super) fn split(text: &str) -> Result<(&str, &str), PathError> {
    let Some(inner) = text.strip_prefix('<') else {
        let end = unquoted(text, &[' ', '<', '>']).unwrap_or(text.len());
        let (path, after) = text.split_at(end);
        let whole = !path.is_empty() && (after.is_empty() || after.starts_with(' '));
        return if whole { Ok((path, after)) } else { Err(PathError::Brackets) };
    };
    let end = unquoted(inner, &['>']).ok_or(PathError::Brackets)?;
    let (path, after) = inner.split_at(end);
    Ok((path, after.get(1..).unwrap_or_default()))
}

/// Where one of the characters stands outside of quotes.
fn unquoted(text: &str, wanted: &[char]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && wanted.contains(&c) => return Some(i),
            _ => {}
        }
    }
    None
}

/// The address inside a path; a source route before it is dropped (RFC 5321 §4.1.1.3).
pub(super) fn mailbox(path: &str) -> Result<Address, PathError> {
    let path = if path.starts_with('@') {
        let (route, mailbox) = path.split_once(':').ok_or(PathError::Address)?;
        let ok = route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(|d| base::Domain::parse(d).is_ok()));
        if ok { mailbox } else { return Err(PathError::Address) }
    } else {
        path
    };
    let address = Address::parse(path).map_err(|_| PathError::Address)?;
    if address.domain().is_literal() && !is_literal(address.domain().as_str()) {
        return Err(PathError::Address);
    }
    Ok(address)
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3); other tags are not registered.
fn is_literal(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or_default();
    match inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")) {
        Some(_) => inner.get(5..).is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
        None => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(&str, &str), PathError>) {
        let got = split(text).and_then(|(p, after)| Ok((mailbox(p)?.to_string(), after)));
        assert_eq!(got, expect.map(|(a, rest)| (a.to_owned(), rest)), "{text}");
    }

    #[test]
    fn paths() {
        check("<a@example.org>", Ok(("a@example.org", "")));
        check("<a@example.org> SIZE=1", Ok(("a@example.org", " SIZE=1")));
        check("<\"a>b\"@example.org>", Ok(("\"a>b\"@example.org", "")));
        check("<\"a\\\">b\"@example.org>x", Ok(("\"a\\\">b\"@example.org", "x")));
        check("<@one.example,@two.example:a@example.org>", Ok(("a@example.org", "")));
        check("<a@[192.0.2.1]>", Ok(("a@[192.0.2.1]", "")));
        check("<a@[IPv6:2001:db8::1]>", Ok(("a@[ipv6:2001:db8::1]", "")));
        check("<a@[IPv6:2001:db8::g]>", Err(PathError::Address));
        check("<a@[999.0.2.1]>", Err(PathError::Address));
        check("<a@[tag:x]>", Err(PathError::Address));
        check("<用户@例え.jp>", Ok(("用户@xn--r8jz45g.jp", "")));
        check("a@example.org", Ok(("a@example.org", "")));
        check("a@example.org SIZE=1", Ok(("a@example.org", " SIZE=1")));
        check("\"a b\"@example.org SIZE=1", Ok(("\"a b\"@example.org", " SIZE=1")));
        check("a@example.org> SIZE=1", Err(PathError::Brackets));
        check("Ann <a@example.org>", Err(PathError::Address));
        check("a<b@example.org>", Err(PathError::Brackets));
        check("ann", Err(PathError::Address));
        check("", Err(PathError::Brackets));
        check("<a@example.org", Err(PathError::Brackets));
        check("<\"a@example.org>", Err(PathError::Brackets));
        check("<@one.example>", Err(PathError::Address));
        check("<@one..example:a@example.org>", Err(PathError::Address));
        check("< a@example.org>", Err(PathError::Address));
        check("<a>", Err(PathError::Address));
        check("<<a@example.org>>", Err(PathError::Address));
    }
}

//! SUMMARY    Which names nobody may claim: public suffixes, the server's own, those that look like another's. Pure.
//! STANDARDS  product.md §4 (D8); publicsuffix.org; UTS 39 §4 (skeletons), §5.1 (mixed scripts)
//! SECURITY   A look-alike of a customer's domain is how their users are robbed; a public suffix is everybody's.
//! INVARIANTS A refusal says why. The operator's word passes over look-alikes and own names, never over a public suffix.

use crate::{Code, Error, Result};
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

fn refused(why: impl Into<String>) -> Error {
    Error::new(Code::Invalid, "name", why)
}

/// Whether the name is one that people register names below.
pub(crate) fn not_public_suffix(name: &str) -> Result<()> {
    match psl::suffix_str(name) {
        Some(suffix) if suffix == name => {
            Err(refused(format!("{name} is a public suffix: names are registered below it, it is nobody's own")))
        }
        _ => Ok(()),
    }
}

/// Whether the name is the server's own, or above or below it.
pub(crate) fn not_own(name: &str, hostname: &str) -> Result<()> {
    let within = |inner: &str, outer: &str| inner == outer || inner.ends_with(&format!(".{outer}"));
    match !hostname.is_empty() && (within(name, hostname) || within(hostname, name)) {
        true => Err(refused(format!("{name} belongs to this server"))),
        false => Ok(()),
    }
}

/// Whether every label keeps to one script and to letters that names are written with.
pub(crate) fn one_script(name: &str) -> Result<()> {
    let (shown, read) = idna::domain_to_unicode(name);
    read.map_err(|_| refused(format!("{name} is not a valid international name")))?;
    for label in shown.split('.').filter(|l| !l.is_ascii()) {
        if !label.chars().all(|c| c == '-' || c.is_ascii_digit() || c.identifier_allowed()) {
            return Err(refused(format!("{label} has letters that names are not written with")));
        }
        if !label.is_single_script() {
            return Err(refused(format!("{label} mixes letters of several scripts that look alike")));
        }
    }
    Ok(())
}

/// What the name looks like: names with the same skeleton cannot be told apart at a glance.
pub(crate) fn looks(name: &str) -> String {
    let (shown, _) = idna::domain_to_unicode(name);
    // Once is not enough: what a letter is replaced by may look like others in its turn.
    skeleton(&skeleton(&shown).collect::<String>()).collect::<String>().to_lowercase()
}

/// `org.example.mail.` of mail.example.org: names below one have it as their beginning.
pub(crate) fn reversed(name: &str) -> String {
    name.rsplit('.').fold(String::new(), |all, label| all + label + ".")
}

/// The names above, from the whole to the last but one label.
pub(crate) fn above(name: &str) -> Vec<&str> {
    name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d8_public_suffixes_are_nobodys() {
        for name in ["com", "co.uk", "github.io", "example"] {
            assert_eq!(not_public_suffix(name).unwrap_err().code, Code::Invalid, "{name}");
        }
        for name in ["example.com", "shop.co.uk", "me.github.io", "bakery.example"] {
            assert!(not_public_suffix(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn d8_own_names_are_the_servers() {
        for name in ["mail.host.example", "host.example", "x.mail.host.example"] {
            assert!(not_own(name, "mail.host.example").is_err(), "{name}");
        }
        for name in ["other.host.example", "nothost.example", "ail.host.example"] {
            assert!(not_own(name, "mail.host.example").is_ok(), "{name}");
        }
        assert!(not_own("any.example", "").is_ok());
    }

    #[test]
    fn d8_scripts_are_not_mixed_and_look_alikes_look_alike() {
        let ascii = |name: &str| base::Domain::parse(name).unwrap().as_str().to_owned();
        for name in ["bäckerei.example", "почта.example", "例え.example", "xn--nxasmq6b.example", "plain-1.example"]
        {
            assert!(one_script(&ascii(name)).is_ok(), "{name}");
        }
        // A Cyrillic а among Latin letters.
        assert!(one_script(&ascii("b\u{430}kery.example")).is_err());
        assert_eq!(looks(&ascii("\u{455}\u{441}\u{43e}\u{440}\u{435}.example")), looks("scope.example"));
        assert_eq!(looks("rnail.example"), looks("mail.example"));
        assert_eq!(looks("paypa1.example"), looks("paypal.example"));
        assert_ne!(looks("one.example"), looks("two.example"));
    }

    #[test]
    fn names_below_have_the_name_as_their_beginning() {
        assert_eq!(reversed("mail.example.org"), "org.example.mail.");
        assert_eq!(above("a.b.example"), ["b.example", "example"]);
    }
}

//! SUMMARY    Signatures against forms written down by hand and a second reading of RFC 6376; the interop checks have an independent verifier.

use super::{header::relaxed, *};
use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::{ED25519, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use base::{Domain, Timestamp, limits::DKIM_FIELDS_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

/// RFC 8463 §A.2.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const MESSAGE: &[u8] = b"Received: from x\r\n\tby y\r\nFrom: Joe SixPack <joe@football.example.com>\r\nTo : Suzie Q <suzie@shopping.example.net>\r\n\
Subject:  Is  dinner\r\n\tready? \r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <1@football.example.com>\r\nSender: joe@football.example.com\r\n\r\n\
Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n\r\n\r\n";

fn ed25519() -> Key {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend(STANDARD.decode(SEED).unwrap());
    Key::from_pkcs8("brisbane", Algorithm::Ed25519Sha256, &der).unwrap()
}

/// A fresh key: private and public part, DER.
fn rsa(size: KeySize) -> (Vec<u8>, Vec<u8>) {
    let pair = KeyPair::generate(size).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    (private.as_ref().to_vec(), public.as_ref().to_vec())
}

fn domain() -> Domain {
    Domain::parse("football.example.com").unwrap()
}

fn sign(message: &[u8], keys: &[Key]) -> Result<String, SignError> {
    let mut draft = Draft::new(message)?;
    let body = &message[draft.body_at()..];
    body.chunks(7).for_each(|piece| draft.push(piece));
    let fields = draft.finish(&domain(), Timestamp::from_secs(1_528_637_909), keys)?;
    Ok(String::from_utf8(fields).unwrap())
}

fn hash(body: &[u8]) -> Option<String> {
    let mut hash = BodyHash::default();
    hash.push(body);
    hash.finish().map(|h| STANDARD.encode(h))
}

/// The field without its signature, and the signature.
fn taken_apart(field: &str) -> (String, Vec<u8>) {
    let (head, signature) = field.split_once("\tb=").unwrap();
    let signature: String = signature.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    (format!("{head}\tb="), STANDARD.decode(signature).unwrap())
}

#[test]
fn both_signatures_are_of_the_relaxed_forms_of_the_fields_they_name() {
    let (private, public) = rsa(KeySize::Rsa2048);
    let rsa = Key::from_pkcs8("test", Algorithm::RsaSha256, &private).unwrap();
    let fields = sign(MESSAGE, &[rsa, ed25519()]).unwrap();
    let (first, second) = fields.split_at(fields.rfind("DKIM-Signature:").unwrap());
    // Written by hand: the last instance of a field first, nothing for those that are missing.
    let fields = "from:Joe SixPack <joe@football.example.com>\r\nto:Suzie Q <suzie@shopping.example.net>\r\nsubject:Is dinner ready?\r\n\
                  date:Fri, 11 Jul 2003 21:00:37 -0700\r\nmessage-id:<1@football.example.com>\r\nsender:joe@football.example.com\r\n";
    for (field, algorithm, selector) in [(first, "rsa-sha256", "test"), (second, "ed25519-sha256", "brisbane")] {
        let (head, signature) = taken_apart(field);
        assert_eq!(
            head,
            format!(
                "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; t=1528637909;\r\n\td=football.example.com; s={selector};\r\n\
                 \th=From:From:Reply-To:To:To:Cc:Subject:Subject:Date:Date:Message-ID:\r\n\tMessage-ID:In-Reply-To:References:MIME-Version:Content-Type:\r\n\
                 \tContent-Transfer-Encoding:Sender:Sender;\r\n\tbh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n\tb="
            )
        );
        let canonical = head.replace("\r\n\t", " ").replace("DKIM-Signature: ", "dkim-signature:");
        let data = format!("{fields}{canonical}");
        let verified = match algorithm {
            "rsa-sha256" => {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).verify(data.as_bytes(), &signature)
            }
            _ => {
                let public = STANDARD.decode(PUBLIC).unwrap();
                UnparsedPublicKey::new(&ED25519, public).verify(digest(&SHA256, data.as_bytes()).as_ref(), &signature)
            }
        };
        assert!(verified.is_ok(), "{algorithm}");
    }
    let lines = [first, second].concat();
    assert!(lines.split("\r\n").all(|l| l.len() <= 80), "{lines}");
}

#[test]
fn what_cannot_be_signed_is_not() {
    let refused = |message: &str| sign(message.as_bytes(), &[ed25519()]).unwrap_err();
    assert_eq!(refused("Subject: x\r\n\r\nFrom: a@b.example\r\n"), SignError::NoFrom);
    for message in [
        "From: a@b.example\nTo: c\r\n\r\n",
        "From: a@b.example\r\n\r\nbare\nfeed",
        "From: a@b.example\r\n\r\nbare\rreturn",
        "From: a@b.example\r\n\r\nends\r",
        "From: a@b.example\r\n\r\nnul\0\r\n",
        "From: a\0@b.example\r\n\r\n",
    ] {
        assert_eq!(refused(message), SignError::NotText, "{message:?}");
    }
    let many = format!("From: a@b.example\r\n{}\r\n", "To: c@d.example\r\n".repeat(DKIM_FIELDS_MAX));
    assert_eq!(refused(&many), SignError::TooManyFields);
    let literal = Domain::parse("[192.0.2.1]").unwrap();
    let draft = Draft::new(MESSAGE).unwrap();
    assert_eq!(draft.finish(&literal, Timestamp(0), &[ed25519()]).unwrap_err(), SignError::Domain);
    assert_eq!(sign(MESSAGE, &[]).unwrap(), "");
}

#[test]
fn a_key_that_receivers_would_refuse_is_no_key() {
    let (private, _) = rsa(KeySize::Rsa2048);
    let key =
        |selector: &str, algorithm, der: &[u8]| Key::from_pkcs8(selector, algorithm, der).map(|_| ()).unwrap_err();
    assert_eq!(key("s", Algorithm::RsaSha256, b"no key"), KeyError::Malformed);
    assert_eq!(key("s", Algorithm::Ed25519Sha256, &private), KeyError::Malformed);
    for selector in ["", "a..b", "a b", "a;b", "a\r\nBcc: x", &"a".repeat(300)] {
        assert_eq!(key(selector, Algorithm::RsaSha256, &private), KeyError::Selector, "{selector:?}");
    }
    assert!(!format!("{:?}", ed25519()).contains("nWGx"));
}

#[test]
fn header_fields_are_relaxed() {
    let cases = [
        ("Subject", " Is  dinner\r\n\tready? ", "subject:Is dinner ready?"),
        ("A", "X", "a:X"),
        ("B", " Y\t\r\n\tZ  ", "b:Y Z"),
        ("To", "\r\n ", "to:"),
        ("To", "a,\r\n b", "to:a, b"),
        ("Subject", " gr\u{fc}n\u{b} ", "subject:gr\u{fc}n\u{b}"),
    ];
    for (name, value, expected) in cases {
        let mut out = Vec::new();
        relaxed(name, value.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn bodies_are_relaxed() {
    let of = |text: &str| Some(STANDARD.encode(digest(&SHA256, text.as_bytes())));
    let cases = [
        ("", ""),
        ("\r\n\r\n", ""),
        (" \t\r\n \r\n", ""),
        (" C \r\nD \t E\r\n", " C\r\nD E\r\n"),
        ("no end", "no end\r\n"),
        ("a  ", "a\r\n"),
        ("\r\n\r\nafter\r\n\r\n\r\n", "\r\n\r\nafter\r\n"),
    ];
    for (body, canonical) in cases {
        assert_eq!(hash(body.as_bytes()), of(canonical), "{body:?}");
    }
    assert_eq!(hash(b"").unwrap(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "RFC 6376 3.4.4");
    let long = format!("{}\r\n{}", "x".repeat(100_000), "y z\r\n".repeat(20_000));
    assert_eq!(hash(long.as_bytes()), of(&long));
}

/// Line by line, as RFC 6376 §3.4.4 words it.
fn canonical(body: &str) -> String {
    let squeezed = |line: &str| {
        let mut out = String::new();
        for c in line.trim_end_matches([' ', '\t']).chars() {
            match c {
                ' ' | '\t' if out.ends_with(' ') => {}
                ' ' | '\t' => out.push(' '),
                c => out.push(c),
            }
        }
        out
    };
    let mut lines: Vec<String> = body.split("\r\n").map(squeezed).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

proptest! {
    #[test]
    fn any_cut_gives_the_hash_of_the_canonical_body(parts in prop::collection::vec("[ab.]{0,3}|[ \t]{1,3}|\r\n", 0..40), at in 0..200_usize) {
        let body = parts.concat();
        let (left, right) = body.as_bytes().split_at(at.min(body.len()));
        let mut cut = BodyHash::default();
        cut.push(left);
        cut.push(right);
        let expected = STANDARD.encode(digest(&SHA256, canonical(&body).as_bytes()));
        prop_assert_eq!(cut.finish().map(|h| STANDARD.encode(h)), Some(expected));
    }

    #[test]
    fn never_panics(message: Vec<u8>) {
        if let Ok(mut draft) = Draft::new(&message) {
            draft.push(&message[draft.body_at()..]);
            let _ = draft.finish(&domain(), Timestamp(i64::MIN), &[]);
        }
    }
}

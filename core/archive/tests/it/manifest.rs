//! Manifests: the same bytes each time, later versions, signatures, files held against them.

use archive::manifest::{
    Account, Entries, File, FileEntry, Format, MailDigest, MailboxTotals, Papers, Pin, Scope, SigningKey, Since,
    Totals, read, verify, write,
};
use archive::metadata::Role;
use archive::{Error, Manifest, Name, Sha256, Text};
use base::{AccountId, MailboxId, TenantId, Timestamp};
use proptest::prelude::*;

#[path = "harness/manifest_read.rs"]
mod harness;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn sample() -> Manifest {
    let (bytes, sha256) = (4, Sha256::of(b"mail"));
    let totals = Totals { emails: 3, bytes: 4_000, unseen: 1, flagged: 2, answered: 0, drafts: 0, deleted: 0 };
    let mut papers = Vec::new();
    Papers::add(&mut papers, "addresses", 3, archive::Content { bytes, sha256 });
    Manifest {
        format: Format::default(),
        product: "Posthouse 0.1.0".to_owned(),
        job: "job_1".to_owned(),
        scope: Scope::Tenant { tenant_id: Text(TenantId(1)) },
        pins: vec![Pin { account_id: Text(AccountId(2)), at: Timestamp(1_795_461_812_345), modseq: Text(u64::MAX) }],
        since: Some(Since { job: "job_0".to_owned(), sha256 }),
        files: vec![
            File {
                name: name("mail.zip"),
                bytes,
                sha256,
                entries: Some(Entries::Listed(vec![FileEntry { name: name("Größe/\u{1f4e7}.mbox"), bytes, sha256 }])),
            },
            File { name: name("more.zip"), bytes: 1 << 53, sha256, entries: Some(Entries::Count(300_000)) },
            File { name: name("emails.jsonl"), bytes, sha256, entries: None },
        ],
        accounts: vec![Account {
            account_id: Text(AccountId(2)),
            address: "ann@example.org".to_owned(),
            totals,
            mailboxes: vec![MailboxTotals { full_name: "INBOX".to_owned(), role: Some(Role::Inbox), totals }],
            mail_digest: MailDigest::default().end(),
            papers: papers.clone(),
        }],
        mail_digest: MailDigest::default().end(),
        papers,
        problems: 0,
    }
}

#[test]
fn a_manifest_is_the_same_bytes_and_comes_back() {
    let written = write(&sample()).unwrap();
    let text = String::from_utf8(written.clone()).unwrap();
    assert!(
        text.starts_with(r#"{"accounts":[{"accountId":"acc_0000000000002","address":"ann@example.org","answered":0,"#),
        "{text}"
    );
    assert!(text.contains(r#""pins":[{"accountId":"acc_0000000000002","at":"2026-11-23T19:23:32.345Z","modseq":"18446744073709551615"}]"#), "{text}");
    assert!(!text.contains([' ', '\n']) || text.contains("Posthouse 0.1.0"));
    assert_eq!(read(&written).unwrap(), sample());
    harness::run(&written);
    for scope in [
        Scope::Person { tenant_id: Text(TenantId(1)), person_id: "per_1".to_owned() },
        Scope::Mailbox {
            tenant_id: Text(TenantId(1)),
            account_id: Text(AccountId(2)),
            mailbox_id: Text(MailboxId(3)),
            full_name: "a/b".to_owned(),
        },
    ] {
        let other = Manifest { scope, since: None, ..sample() };
        assert_eq!(read(&write(&other).unwrap()).unwrap(), other);
    }
}

#[test]
fn later_versions_add_and_another_major_one_is_refused() {
    let text = String::from_utf8(write(&sample()).unwrap()).unwrap();
    let later = text.replace(
        r#""format":{"major":1,"minor":1}"#,
        r#""format":{"major":1,"minor":7,"x":[1.5]},"added":{"a":[null]}"#,
    );
    let later = later
        .replace(r#""kind":"tenant""#, r#""kind":"galaxy","sector":1"#)
        .replace(r#""role":"inbox""#, r#""role":"porch","shade":2"#);
    let found = read(later.as_bytes()).unwrap();
    assert_eq!((found.format.minor, &found.scope), (7, &Scope::Other));
    assert_eq!(found.accounts[0].mailboxes[0].role, Some(Role::Other));
    let other = text.replace(r#""major":1"#, r#""major":2"#).replace("accounts", "realms");
    let refused = read(other.as_bytes()).unwrap_err();
    assert!(matches!(refused, Error::Version { major: 2, known: 1 }), "{refused}");
    assert!(refused.to_string().contains("use a newer release"));
}

#[test]
fn names_that_lead_elsewhere_or_stand_twice_are_refused() {
    let text = String::from_utf8(write(&sample()).unwrap()).unwrap();
    for bad in ["../x", "/etc/passwd", "more.zip", "MAIL.ZIP/x", "MORE.zip"] {
        let changed = text.replace("emails.jsonl", bad);
        assert!(read(changed.as_bytes()).is_err(), "{bad}");
    }
    let mut twice = sample();
    let Some(Entries::Listed(entries)) = &mut twice.files[0].entries else { panic!("listed") };
    entries.push(entries[0].clone());
    assert!(matches!(write(&twice), Err(Error::Twice(_))));
}

#[test]
fn only_what_a_trusted_key_signed_is_verified() {
    let (key, other) = (SigningKey::from_seed(&[1; 32]).unwrap(), SigningKey::from_seed(&[2; 32]).unwrap());
    let trusted = [other.public().unwrap(), key.public().unwrap()];
    let manifest = write(&sample()).unwrap();
    let signature = key.sign(&manifest).unwrap();
    assert_eq!(signature, key.sign(&manifest).unwrap());
    let verified = verify(&manifest, &signature, &trusted).unwrap();
    assert_eq!(*verified, sample());

    let refused = |manifest: &[u8], signature: &[u8], keys: &[_]| verify(manifest, signature, keys).unwrap_err();
    assert!(matches!(refused(&manifest, &signature, &trusted[..1]), Error::Signature(_)));
    let changed = [&manifest[..], b" "].concat();
    assert!(matches!(refused(&changed, &signature, &trusted), Error::Signature(_)));
    let text = String::from_utf8(signature.clone()).unwrap();
    let renamed = text.replace(&trusted[1].id().to_string(), &trusted[0].id().to_string());
    assert!(matches!(refused(&manifest, renamed.as_bytes(), &trusted), Error::Signature(_)));
    let algorithm = text.replace("Ed25519", "none");
    assert!(matches!(refused(&manifest, algorithm.as_bytes(), &trusted), Error::Signature(_)));
    for wrong in [&b""[..], b"{}", b"null", &signature[..signature.len() - 1], &vec![b' '; 1 << 20]] {
        verify(&manifest, wrong, &trusted).unwrap_err();
    }
}

#[test]
fn files_are_those_of_the_manifest_or_not() {
    let key = SigningKey::from_seed(&[1; 32]).unwrap();
    let manifest = write(&sample()).unwrap();
    let verified = verify(&manifest, &key.sign(&manifest).unwrap(), &[key.public().unwrap()]).unwrap();
    let check = |pieces: &[&[u8]]| {
        let mut file = verified.check_file("emails.jsonl").unwrap();
        pieces.iter().try_for_each(|p| file.feed(p)).and_then(|()| file.end())
    };
    check(&[b"ma", b"", b"il"]).unwrap();
    for wrong in [&[&b"mai"[..]][..], &[b"mails"], &[b"mail", b"x"], &[b"MAIL"], &[]] {
        assert!(matches!(check(wrong), Err(Error::Changed(_))), "{wrong:?}");
    }
    assert!(matches!(verified.check_file("mail"), Err(Error::Unknown(_))));
    let mut entry = verified.check_entry("mail.zip", "Größe/\u{1f4e7}.mbox").unwrap();
    entry.feed(b"mail").unwrap();
    entry.end().unwrap();
    assert!(verified.check_entry("mail.zip", "x").is_err() && verified.check_entry("more.zip", "x").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_a_manifest_or_an_error(
        data in prop::collection::vec(any::<u8>(), 0..60),
        at in 0_usize..3_000,
        with in prop::sample::select(vec!["", "\"", "{", "}", "[", "1e9", "-1", "null", "1.5", ",", "\\u0000", "format"]),
    ) {
        harness::run(&data);
        let mut text = String::from_utf8(write(&sample()).unwrap()).unwrap();
        let at = text.floor_char_boundary(at % text.len());
        text.insert_str(at, with);
        harness::run(text.as_bytes());
        text.truncate(at);
        harness::run(text.as_bytes());
    }
}

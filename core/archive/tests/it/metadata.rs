//! Metadata: the shapes of JMAP, one value a line, and lines of strangers.

use std::collections::BTreeMap;

use archive::mbox::LineEnds;
use archive::metadata::{Email, Mailbox, MessageCopy, Place, Problem, Role, Trouble};
use archive::{Error, Line, Lines, Name, Sha256, Text, write_line};
use base::limits::{ARCHIVE_LINE_BYTES_MAX, MAILBOXES_MAX};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp};
use proptest::prelude::*;

#[path = "harness/label_read.rs"]
mod labels;
#[path = "harness/lines_read.rs"]
mod lines;

fn email(mailboxes: u32) -> Email {
    Email {
        id: Text(EmailId(4)),
        thread_id: Text(ThreadId(5)),
        mailbox_ids: (1..=mailboxes).map(|n| (Text(MailboxId(n)), true)).collect(),
        keywords: BTreeMap::from([("$seen".to_owned(), true), ("work".to_owned(), true)]),
        size: 1_234,
        received_at: Timestamp(1_795_461_812_000),
        account_id: Text(AccountId(2)),
        uids: (1..=mailboxes).map(|n| (Text(MailboxId(n)), u32::MAX)).collect(),
        sha256: Some(Sha256::of(b"")),
        line_ends: Some(LineEnds::AsIs),
        mail_from: None,
        copies: vec![MessageCopy { path: Name::new("INBOX.mbox").unwrap(), offset: Some(77) }],
    }
}

/// Written by this release and by every later one, and read by all of them.
const EMAIL: &str = r#"{"id":"eml_0000000000004","threadId":"thr_0000000000005","mailboxIds":{"mbx_0000000000001":true},"keywords":{"$seen":true,"work":true},"size":1234,"receivedAt":"2026-11-23T19:23:32Z","accountId":"acc_0000000000002","uids":{"mbx_0000000000001":4294967295},"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","lineEnds":"as-is","copies":[{"path":"INBOX.mbox","offset":77}]}"#;
const MAILBOX: &str = r#"{"id":"mbx_0000000000001","name":"Größe","parentId":null,"role":"inbox","sortOrder":1,"totalEmails":2,"unreadEmails":1,"isSubscribed":true,"accountId":"acc_0000000000002","fullName":"Größe","uidValidity":9,"uidNext":10,"path":"Größe.mbox"}"#;
const PROBLEM: &str =
    r#"{"what":"message-unreadable","where":{"accountId":"acc_0000000000002","uid":7},"why":"The block is damaged."}"#;

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    Line { number: 1, text: Some(text.as_bytes()) }.read()
}

#[test]
fn values_are_these_lines() {
    let mailbox = Mailbox {
        id: Text(MailboxId(1)),
        name: "Größe".to_owned(),
        parent_id: None,
        role: Some(Role::Inbox),
        sort_order: 1,
        total_emails: 2,
        unread_emails: 1,
        is_subscribed: true,
        account_id: Text(AccountId(2)),
        full_name: "Größe".to_owned(),
        uid_validity: 9,
        uid_next: 10,
        path: Some(Name::new("Größe.mbox").unwrap()),
    };
    let unread = Email { sha256: None, line_ends: None, copies: Vec::new(), ..email(1) };
    let place = Place { account_id: Some(Text(AccountId(2))), uid: Some(7), ..Place::default() };
    let problem = Problem { what: Trouble::MessageUnreadable, place, why: "The block is damaged.".to_owned() };
    let mut out = Vec::new();
    write_line(&email(1), &mut out).unwrap();
    write_line(&mailbox, &mut out).unwrap();
    write_line(&problem, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), format!("{EMAIL}\n{MAILBOX}\n{PROBLEM}\n"));
    assert_eq!(read::<Email>(EMAIL).unwrap(), email(1));
    let mut out = Vec::new();
    write_line(&unread, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.trim_end().ends_with(r#""uids":{"mbx_0000000000001":4294967295},"copies":[]}"#), "{text}");
    assert_eq!(read::<Email>(&text).unwrap(), unread);
    assert_eq!(read::<Mailbox>(MAILBOX).unwrap(), mailbox);
    assert_eq!(read::<Problem>(PROBLEM).unwrap(), problem);
}

#[test]
fn later_releases_may_say_more() {
    let later = EMAIL.replace(r#""size""#, r#""mood":{"a":[1.5]},"size""#);
    assert_eq!(read::<Email>(&later).unwrap(), email(1));
    assert_eq!(read::<Mailbox>(&MAILBOX.replace("\"inbox\"", "\"porch\"")).unwrap().role, Some(Role::Other));
    assert_eq!(read::<Problem>(&PROBLEM.replace("message-unreadable", "haunted")).unwrap().what, Trouble::Other);
}

#[test]
fn a_wrong_line_is_an_error_of_that_line() {
    for (from, to) in
        [("eml_", "mbx_"), ("INBOX.mbox", "../x"), ("as-is", "lf"), ("2026", "26"), ("1234", "-1"), ("e3b0", "E3B0")]
    {
        let wrong = read::<Email>(&EMAIL.replace(from, to));
        assert!(matches!(&wrong, Err(Error::Format(why)) if why.starts_with("line 1: ")), "{from} {to}: {wrong:?}");
    }
}

#[test]
fn an_email_in_all_mailboxes_fits_and_a_longer_line_is_skipped() {
    let mut out = Vec::new();
    write_line(&email(u32::try_from(MAILBOXES_MAX).unwrap()), &mut out).unwrap();
    let before = out.len();
    let too_long = "x".repeat(ARCHIVE_LINE_BYTES_MAX);
    assert!(matches!(write_line(&too_long, &mut out), Err(Error::Limit("ARCHIVE_LINE_BYTES_MAX"))));
    assert_eq!(out.len(), before);

    let file = format!("{}\n\n{too_long}{too_long}\n{PROBLEM}", String::from_utf8(out).unwrap());
    for size in [file.len(), 1 << 20, 4_097] {
        let (mut reader, mut found) = (Lines::new(), Vec::new());
        for mut piece in file.as_bytes().chunks(size) {
            while let Some(line) = reader.next(&mut piece) {
                found.push((line.number, line.text.map(<[u8]>::len)));
            }
            assert!(reader.kept_bytes() <= ARCHIVE_LINE_BYTES_MAX);
        }
        found.extend(reader.finish().map(|line| (line.number, line.text.map(<[u8]>::len))));
        assert_eq!(found, [(1, Some(before - 1)), (4, None), (5, Some(PROBLEM.len()))], "in pieces of {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_file_has_lines_and_any_line_is_a_value_or_an_error(
        data in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'\r'), any::<u8>()], 0..60),
        at in 0_usize..400,
        with in prop::sample::select(vec!["", "\"", "{", "}", "1e9", "null", "\n", "true", "\\ud800"]),
    ) {
        lines::run(&data);
        for line in [EMAIL, MAILBOX, PROBLEM] {
            let mut text = line.to_owned();
            let at = text.floor_char_boundary(at % text.len());
            text.insert_str(at, with);
            lines::run(text.as_bytes());
        }
    }

    #[test]
    fn any_bytes_are_labels(data in prop::collection::vec(any::<u8>(), 0..100), text in "[a-z\",= ?Q_é\u{a0}]{0,60}") {
        labels::run(&data);
        labels::run(text.as_bytes());
        labels::run(format!("=?utf-8?Q?{text}?=").as_bytes());
    }
}

//! What is read in: our own archives come back as they were, those of others as far as they say, and what is no mail is told of.

use std::collections::BTreeMap;

use archive::intake::{Identity, Item, Kind, Plan, Sort, Target, Thread, Unknown, With};
use archive::maildir::{FileName, Flags, Keywords};
use archive::mbox::{EndsScan, MessageWriter};
use archive::metadata::{Email, Mailbox, MessageCopy, Role, Trouble};
use archive::zip::{Length, ZipWriter};
use archive::{Name, Sha256, Text, write_line};
use base::limits::{INTAKE_HEAD_BYTES_MAX, INTAKE_PASSED_NAMES_MAX, MESSAGE_BYTES_MAX};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp, Uid, UidValidity};
use proptest::prelude::*;
use zip::CompressionMethod::{Deflated, Stored};

use crate::zip_read::harness as zip_harness;
use crate::zip_read::zipped;

#[path = "harness/intake_read.rs"]
pub mod harness;
use harness::{Imported, Message, import, import_all, plan, single};

const AT: Timestamp = Timestamp(1_795_461_812_120);
const ACCOUNT: AccountId = AccountId(2);

/// Reads in an archive whole and in pieces.
fn read_in(file: &[u8]) -> Imported {
    let whole = import(file, usize::MAX).unwrap();
    for cut in [1, 4_097] {
        assert!(import(file, cut).unwrap() == whole, "in pieces of {cut}");
    }
    whole
}

fn target(target: &Target) -> String {
    match target {
        Target::Chosen => "-".to_owned(),
        Target::Role(role) => format!("{role:?}"),
        Target::Path(levels) => levels.join("/"),
        Target::Mailbox { mailbox, .. } => format!("#{}", mailbox.0),
    }
}

/// A message in one line: mailboxes, keywords, second, subject.
fn line(message: &Message) -> String {
    let start = &message.start;
    let targets: Vec<String> = start.placements.iter().map(|p| target(&p.target)).collect();
    let keywords =
        start.keywords.as_ref().map_or("?".to_owned(), |set| set.iter().cloned().collect::<Vec<_>>().join(" "));
    let second = start.received.map_or("?".to_owned(), |at| at.secs().to_string());
    let text = String::from_utf8_lossy(&message.bytes).into_owned();
    let subject = text.lines().find_map(|l| l.strip_prefix("Subject: ")).unwrap_or("?").to_owned();
    format!("{} | {keywords} | {second} | {subject}", targets.join(" "))
}

fn lines(imported: &Imported) -> Vec<String> {
    imported.messages.iter().map(line).collect()
}

/// Problems in one line each: what, file, byte, line.
fn problems(imported: &Imported) -> Vec<String> {
    let tell = |p: &archive::metadata::Problem| {
        let path = p.place.path.as_ref().map_or("?", Name::as_str);
        let at = p.place.offset.map(|at| format!(" at {at}")).unwrap_or_default();
        format!("{:?} {path}{at}{}", p.what, p.place.line.map(|n| format!(" line {n}")).unwrap_or_default())
    };
    imported.problems.iter().map(tell).collect()
}

fn targets(files: &[(&str, &[u8])]) -> Vec<String> {
    let plan = plan(&zipped(files, Stored, false), usize::MAX).unwrap();
    plan.items.iter().map(|item| format!("{:?} {}", item.kind, target(&item.target))).collect()
}

// --- our own ---

/// An export of one account, as it is written.
#[derive(Default)]
struct Export {
    mailboxes: Vec<u8>,
    emails: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
}

/// An email in it.
struct Mail<'a> {
    id: u64,
    body: &'a [u8],
    /// With its uid there.
    mailboxes: &'a [(u32, u32)],
    keywords: &'a [&'a str],
}

impl Export {
    fn mailbox(&mut self, id: u32, path: &str, role: Option<Role>) {
        let mailbox = Mailbox {
            id: Text(MailboxId(id)),
            name: path.to_owned(),
            parent_id: None,
            role,
            sort_order: 0,
            total_emails: 0,
            unread_emails: 0,
            is_subscribed: true,
            account_id: Text(ACCOUNT),
            full_name: path.to_owned(),
            uid_validity: 90 + id,
            uid_next: 100,
            path: Some(Name::new(&format!("ann/mail/{path}")).unwrap()),
        };
        write_line(&mailbox, &mut self.mailboxes).unwrap();
    }

    fn email(mail: &Mail<'_>, copy: MessageCopy) -> Email {
        Email {
            id: Text(EmailId(mail.id)),
            thread_id: Text(ThreadId(mail.id + 10)),
            mailbox_ids: mail.mailboxes.iter().map(|(id, _)| (Text(MailboxId(*id)), true)).collect(),
            keywords: mail.keywords.iter().map(|k| ((*k).to_owned(), true)).collect(),
            size: mail.body.len() as u64,
            received_at: AT,
            account_id: Text(ACCOUNT),
            uids: mail.mailboxes.iter().map(|(id, uid)| (Text(MailboxId(*id)), *uid)).collect(),
            sha256: Some(Sha256::of(mail.body)),
            line_ends: Some(EndsScan::of(mail.body)),
            mail_from: Some("ann@example.org".to_owned()),
            copies: vec![copy],
        }
    }

    /// Writes a copy into an mbox, and its line.
    fn mbox(&mut self, path: &str, mail: &Mail<'_>) {
        let file = self.files.entry(path.to_owned()).or_default();
        let offset = file.len() as u64;
        let mut writer = MessageWriter::begin("ann@example.org", AT, EndsScan::of(mail.body), file);
        writer.write(mail.body, file);
        writer.end(file).unwrap();
        let copy = MessageCopy { path: Name::new(path).unwrap(), offset: Some(offset) };
        write_line(&Self::email(mail, copy), &mut self.emails).unwrap();
    }

    fn maildir(&mut self, folder: &str, mail: &Mail<'_>, keywords: &Keywords) {
        let flags = Flags::of(mail.keywords.iter().copied(), keywords);
        let (uid, size) = (Uid(mail.mailboxes[0].1), mail.body.len() as u64);
        let path = format!("{folder}/cur/{}", FileName { uid, received: AT, size, flags });
        self.files.insert(path.clone(), mail.body.to_vec());
        let copy = MessageCopy { path: Name::new(&path).unwrap(), offset: None };
        write_line(&Self::email(mail, copy), &mut self.emails).unwrap();
    }

    fn all(&self) -> Vec<(&str, &[u8])> {
        let metadata =
            [("ann/mailboxes.jsonl", self.mailboxes.as_slice()), ("ann/mail/emails-0001.jsonl", &self.emails)];
        let files = self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        metadata.into_iter().filter(|(_, bytes)| !bytes.is_empty()).chain(files).collect()
    }

    fn zip(&self) -> Vec<u8> {
        let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
        for (path, bytes) in self.all() {
            zip.begin(&Name::new(path).unwrap(), Length::Any, AT, &mut out).unwrap();
            zip.write(bytes, &mut out).unwrap();
            zip.end(&mut out).unwrap();
        }
        zip.finish(&mut out).unwrap();
        out
    }
}

const ONE: &[u8] = b"Subject: one\r\n\r\nFrom me\r\n>From you\r\n";
const TWO: &[u8] = b"Subject: two\nbare\r\n\r\nno end";
const THREE: &[u8] = b"\xef\xbb\xbfno header at all";

/// Three emails, one of which is in two mailboxes.
fn export() -> Export {
    let mut export = Export::default();
    export.mailbox(1, "INBOX", Some(Role::Inbox));
    export.mailbox(2, "Work/2026", None);
    let one = Mail { id: 4, body: ONE, mailboxes: &[(1, 7), (2, 3)], keywords: &["$seen", "work"] };
    export.mbox("ann/mail/INBOX/messages-0001.mbox", &one);
    export.mbox("ann/mail/INBOX/messages-0001.mbox", &Mail { id: 5, body: TWO, mailboxes: &[(1, 9)], keywords: &[] });
    export.mbox(
        "ann/mail/INBOX/messages-0001.mbox",
        &Mail { id: 6, body: THREE, mailboxes: &[(1, 11)], keywords: &["$flagged"] },
    );
    export.mbox("ann/mail/Work/2026/messages-0001.mbox", &one);
    export
}

const OURS: [&str; 4] = [
    "#1 #2 | $seen work | 1795461812 | one",
    "#1 |  | 1795461812 | two",
    "#1 | $flagged | 1795461812 | ?",
    "#1 #2 | $seen work | 1795461812 | one",
];

#[test]
fn our_own_archive_comes_back_as_it_was() {
    let read = read_in(&export().zip());
    assert_eq!((lines(&read), problems(&read)), (OURS.map(str::to_owned).to_vec(), vec![]));
    let bytes: Vec<&[u8]> = read.messages.iter().map(|m| m.bytes.as_slice()).collect();
    assert_eq!(bytes, [ONE, TWO, THREE, ONE]);
    let (first, copy) = (&read.messages[0].start, &read.messages[3].start);
    assert_eq!(first.identity, Some(Identity::Ours { account: ACCOUNT, email: EmailId(4) }));
    assert_eq!((first.identity, &first.placements), (copy.identity, &copy.placements));
    assert_eq!(first.thread, Some(Thread::Ours { account: ACCOUNT, thread: ThreadId(14) }));
    assert_eq!((first.received, first.mail_from.as_deref()), (Some(AT), Some("ann@example.org")));
    let placed: Vec<_> = first.placements.iter().map(|p| (p.uid, p.uid_validity)).collect();
    assert_eq!(placed, [(Some(Uid(7)), Some(UidValidity(91))), (Some(Uid(3)), Some(UidValidity(92)))]);
    assert_eq!(first.expected.map(|c| c.sha256), Some(Sha256::of(ONE)));
}

#[test]
fn our_own_archive_packed_anew_comes_back_too() {
    let export = export();
    for zip64 in [false, true] {
        let read = read_in(&zipped(&export.all(), Deflated, zip64));
        assert_eq!((lines(&read), problems(&read)), (OURS.map(str::to_owned).to_vec(), vec![]));
    }
    let within = |change: &dyn Fn(&str) -> String| {
        let all: Vec<_> = export.all().into_iter().map(|(path, bytes)| (change(path), bytes)).collect();
        let all: Vec<(&str, &[u8])> = all.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
        read_in(&zipped(&all, Deflated, false))
    };
    let read = within(&|path| format!("Downloads/export/{path}"));
    assert_eq!((lines(&read), problems(&read)), (OURS.map(str::to_owned).to_vec(), vec![]));
    // Lines do not name what was in the account's folder and is at the top now; the mail is read none the less.
    let read = within(&|path| path.replacen("ann/", "", 1));
    assert_eq!((problems(&read).len(), read.messages.len()), (4 + 4, 4));
    assert_eq!(lines(&read)[0], "Inbox | ? | 1795461812 | one");
}

#[test]
fn several_archives_of_one_export_are_read_together() {
    let whole = export();
    let (mut first, mut second) = (Export::default(), Export::default());
    first.mailboxes = whole.mailboxes.clone();
    first.files.insert(
        "ann/mail/INBOX/messages-0001.mbox".to_owned(),
        whole.files["ann/mail/INBOX/messages-0001.mbox"].clone(),
    );
    second.emails = whole.emails.clone();
    second.files.insert(
        "ann/mail/Work/2026/messages-0001.mbox".to_owned(),
        whole.files["ann/mail/Work/2026/messages-0001.mbox"].clone(),
    );
    let (first, mut second) = (first.zip(), second.zip());
    let read = import_all(&[&first, &second], 5).unwrap();
    assert_eq!((lines(&read), problems(&read)), (OURS.map(str::to_owned).to_vec(), vec![]));
    second = zipped(&[("ann/mail/emails-0001.jsonl", &whole.emails)], Deflated, false);
    let read = import_all(&[&first, &second], 1_000).unwrap();
    assert_eq!(lines(&read), OURS[..3]);
    assert_eq!(problems(&read), ["Unmatched ann/mail/emails-0001.jsonl line 4"]);
}

#[test]
fn a_maildir_of_our_own_comes_back_bit_for_bit() {
    let mut export = export();
    (export.emails, export.files) = (Vec::new(), BTreeMap::new());
    let keywords = Keywords::new(["work"]);
    export.files.insert("ann/Maildir/.Work.2026/dovecot-keywords".to_owned(), keywords.write());
    export.maildir("ann/Maildir", &Mail { id: 5, body: TWO, mailboxes: &[(1, 9)], keywords: &[] }, &keywords);
    let three = Mail { id: 6, body: THREE, mailboxes: &[(2, 2)], keywords: &["$seen", "work"] };
    export.maildir("ann/Maildir/.Work.2026", &three, &keywords);
    let read = read_in(&export.zip());
    assert_eq!(problems(&read), [""; 0]);
    let mut found = lines(&read);
    found.sort();
    assert_eq!(found, ["#1 |  | 1795461812 | two", "#2 | $seen work | 1795461812 | ?"]);
    assert!(read.messages.iter().any(|m| m.bytes == THREE));
    // Without its lines, names of files say what they can.
    export.emails = b"\n".to_vec();
    export.files.retain(|path, _| !path.contains("P9."));
    let three = Mail { body: b"Subject: three\r\n\r\n", ..three };
    export.maildir("ann/Maildir/.Work.2026", &three, &keywords);
    export.emails = b"{}\n".to_vec();
    let read = read_in(&export.zip());
    assert_eq!(
        lines(&read),
        ["Work/2026 | $seen work | 1795461812 | three", "Work/2026 | $seen work | 1795461812 | ?"]
    );
    assert_eq!(read.problems.iter().filter(|p| p.what == Trouble::Unmatched).count(), 2);
}

#[test]
fn metadata_that_does_not_fit_is_told_of_and_the_message_is_read() {
    let whole = export();
    let text = String::from_utf8(whole.emails.clone()).unwrap();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut all);
        let read = read_in(&Export { emails: all.join("\n").into(), ..export() }.zip());
        assert_eq!(read.messages.len(), 4);
        (lines(&read), problems(&read))
    };
    let two_at = text.lines().nth(1).unwrap().split("\"offset\":").nth(1).unwrap().trim_end_matches("}]}").to_owned();

    let (found, told) = with(&|all| drop(all.remove(1)));
    assert_eq!(told, [format!("Unmatched ann/mail/INBOX/messages-0001.mbox at {two_at}")]);
    assert_eq!((found[1].as_str(), found[2].as_str()), ("#1 | ? | 1795461812 | two", OURS[2]));

    let (found, told) = with(&|all| all[1] = all[1].replace(&format!("\"offset\":{two_at}"), "\"offset\":1"));
    assert_eq!(
        told,
        [
            "Unmatched ann/mail/emails-0001.jsonl line 2".to_owned(),
            format!("Unmatched ann/mail/INBOX/messages-0001.mbox at {two_at}")
        ]
    );
    assert_eq!(found[2], OURS[2], "the next is not confused");

    let (_, told) = with(&|all| all[2] = all[2].replace("\"offset\":", "\"offset\":9"));
    assert_eq!(told.len(), 2);
    let (found, told) =
        with(&|all| all[0] = all[0].replace("\"sha256\":\"", "\"sha256\":\"0").replacen("0\"", "\"", 1));
    assert!(told.len() <= 3 && found[1] == OURS[1], "{told:?}");

    let (found, told) = with(&|all| all[1] = all[1].replace(&format!("\"size\":{}", TWO.len()), "\"size\":7"));
    assert_eq!(told, [format!("MessageChanged ann/mail/INBOX/messages-0001.mbox at {two_at}")]);
    assert_eq!(found, OURS);

    let (found, told) = with(&|all| all[1] = "{\"id\": 7".to_owned());
    assert_eq!(
        told,
        [
            "MetadataMalformed ann/mail/emails-0001.jsonl line 2".to_owned(),
            format!("Unmatched ann/mail/INBOX/messages-0001.mbox at {two_at}")
        ]
    );
    assert_eq!(found[3], OURS[3]);

    let (found, told) = with(&|all| {
        all[0] = all[0].replace("mbx_0000000000002", "mbx_0000000000009").replace("\"work\"", "\"no atom\"");
    });
    assert_eq!(told, ["NotKept ann/mail/emails-0001.jsonl line 1"]);
    assert_eq!(found[0], "#1 | $seen | 1795461812 | one");
    let (found, _) = with(&|all| all[1] = all[1].replace("mbx_0000000000001", "mbx_0000000000009"));
    assert_eq!(found[1], OURS[1], "it is in the file of a mailbox");
}

#[test]
fn lines_without_a_message_are_told_of() {
    let mut export = export();
    let mut cut = export.files["ann/mail/INBOX/messages-0001.mbox"].clone();
    cut.truncate(cut.windows(5).rposition(|w| w == b"From ").unwrap());
    export.files.insert("ann/mail/INBOX/messages-0001.mbox".to_owned(), cut);
    export.files.remove("ann/mail/Work/2026/messages-0001.mbox");
    let read = read_in(&export.zip());
    assert_eq!(lines(&read), OURS[..2]);
    assert_eq!(
        problems(&read),
        ["Unmatched ann/mail/emails-0001.jsonl line 3", "Unmatched ann/mail/emails-0001.jsonl line 4"]
    );
    let twice = [("ann/emails-1.jsonl", &b"{}"[..]), ("ann/a.mbox", b"From x\nSubject: a\n"), ("ann/a.mbox", b"")];
    let mut export = Export::default();
    export.files.extend(twice[..2].iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
    assert_eq!(lines(&read_in(&export.zip())), ["a | ? | ? | a"]);
}

// --- others ---

#[test]
fn takeout_says_mailboxes_and_flags_by_labels() {
    let mbox = "From 1793457489474839@xxx Mon Nov 23 19:23:32 +0000 2026\r\n\
        X-GM-THRID: 1793457489474800\r\n\
        X-Gmail-Labels: =?UTF-8?Q?Posteingang,Ge=C3=B6ffnet,Wichtig,Arbeit/2026,Kategorie:_=22Neuigkeiten=22?=\r\n\
        Delivered-To: ann@example.org\r\nSubject: one\r\n\r\nbody\r\n\r\n\
        From 17@xxx Mon Nov 23 19:23:33 +0000 2026\r\n\
        X-GM-THRID: 17\r\nX-Gmail-Labels: Sent,Starred,Unread\r\nSubject: two\r\n\r\n\r\n\
        From 18@xxx Mon Nov 23 19:23:34 +0000 2026\r\n\
        X-GM-THRID: 18\r\nX-Gmail-Labels: Opened,Category Updates\r\nSubject: three\r\n\r\n\r\n\
        From 19@xxx Mon Nov 23 19:23:35 +0000 2026\r\n\
        Received: x\r\nX-Gmail-Labels: Spam\r\nSubject: a forger's\r\n\r\n\r\n";
    let labelled = "From 20@xxx Mon Nov 23 19:23:36 +0000 2026\r\nSubject: no labels\r\n\r\n\r\n";
    let file = zipped(
        &[
            ("Takeout/archive_browser.html", b"<html>"),
            ("Takeout/Mail/All mail Including Spam and Trash.mbox", mbox.as_bytes()),
            ("Takeout/Mail/Papierkorb.mbox", labelled.as_bytes()),
            ("Takeout/Mail/User Settings/Filters.json", b"{}"),
            ("Takeout/Drive/Work/letter.eml", b"Subject: x\n\n"),
        ],
        Deflated,
        false,
    );
    let read = read_in(&file);
    assert_eq!(
        lines(&read),
        [
            "Inbox Arbeit/2026 | $important $seen | 1795461812 | one",
            "Sent | $flagged | 1795461813 | two",
            "Archive | $seen | 1795461814 | three",
            "All mail Including Spam and Trash | ? | 1795461815 | a forger's",
            "Trash | ? | 1795461816 | no labels",
        ]
    );
    assert_eq!((problems(&read), read.passed_over), (vec![], 3));
    let first = &read.messages[0].start;
    assert_eq!(first.identity, Some(Identity::Gmail(1_793_457_489_474_839)));
    assert_eq!((first.thread, &first.mail_from), (Some(Thread::Gmail(1_793_457_489_474_800)), &None));
    // The same file, unpacked.
    let bare = Plan::whole(Sort::of(mbox.as_bytes()).unwrap(), "All mail.mbox", mbox.len() as u64).unwrap();
    let read = single(&bare.items[0], mbox.as_bytes(), &With::default(), &[]);
    assert_eq!(read.messages.len(), 4);
    assert_eq!(line(&read.messages[1]), "Sent | $flagged | 1795461813 | two");
}

#[test]
fn a_maildir_of_anybody_has_flags_and_folders() {
    let mail = b"Subject: x\nDate: Mon, 23 Nov 2026 19:23:39 +0000\n\nbody\n";
    let file = zipped(
        &[
            ("home/Maildir/cur/1795461812.M1P1.host,S=9:2,FS", mail),
            ("home/Maildir/new/1795461813.M1P1.host", mail),
            ("home/Maildir/tmp/1795461813.M1P2.host", mail),
            ("home/Maildir/.Sent/cur/1.2.host:2,S", mail),
            ("home/Maildir/.Gr&APYA3w-e.2026/cur/1795461814.M1P1.host;2,RSb", mail),
            ("home/Maildir/.Gr&APYA3w-e.2026/dovecot-keywords", b"0 $junk\n1 Work\n"),
            ("home/Maildir/.Gr&APYA3w-e.2026/dovecot-uidlist", b"3"),
            ("home/Maildir/subscriptions", b"Sent\n"),
            ("home/Maildir/cur/.hidden", mail),
            ("home/Maildir/cur/1795461815.M1P1.host:2,", b""),
        ],
        Deflated,
        false,
    );
    let read = read_in(&file);
    assert_eq!(
        lines(&read),
        [
            "Inbox | $flagged $seen | 1795461812 | x",
            "Inbox |  | 1795461813 | x",
            "Sent | $seen | 1795461819 | x",
            "Größe/2026 | $answered $seen work | 1795461814 | x",
        ]
    );
    assert_eq!(problems(&read), ["MessageMalformed home/Maildir/cur/1795461815.M1P1.host:2,"]);
    assert_eq!(read.passed_over, 4);
    assert!(read.messages[0].bytes.starts_with(b"Subject: x\r\nDate"));
}

#[test]
fn maildirs_of_several_people_and_of_folders() {
    let m: &[u8] = b"Subject: x\n\n";
    let check = |names: &[&str], expect: &[&str]| {
        let files: Vec<_> = names.iter().map(|name| (*name, m)).collect();
        let expect: Vec<_> = expect.iter().map(|e| format!("MaildirFile {e}")).collect();
        assert_eq!(targets(&files), expect);
    };
    check(&["cur/1", ".a.b/new/2", "c/cur/3"], &["Inbox", "a/b", "c"]);
    check(&["m/cur/1", "m/Work/2026/cur/2"], &["Inbox", "Work/2026"]);
    check(&["m/ann/cur/1", "m/ann/.Sent/cur/2", "m/bob/cur/3"], &["ann", "ann/Sent", "bob"]);
    check(&["m/Work/cur/1", "m/Home/cur/2"], &["Work", "Home"]);
    check(&["m/.Sent/cur/1", "m/.INBOX.a/cur/2"], &["Sent", "INBOX/a"]);
}

#[test]
fn folders_of_mail_are_mailboxes() {
    let (e, m): (&[u8], &[u8]) = (b"Subject: x\n\n", b"From - Mon Nov 23 19:23:32 2026\nSubject: x\n\n");
    assert_eq!(targets(&[("a.eml", e), ("b/c.EML", e), ("b/d/e.eml", e)]), ["Eml -", "Eml b", "Eml b/d"]);
    assert_eq!(targets(&[("top/Inbox/a.eml", e), ("top/Inbox/b.eml", e)]), ["Eml Inbox", "Eml Inbox"]);
    assert_eq!(targets(&[("top/a.eml", e), ("top/Work/b.eml", e)]), ["Eml top", "Eml top/Work"]);
    assert_eq!(targets(&[("backup/Inbox.mbox", m), ("backup/Work/2026.mbox", m)]), ["Mbox Inbox", "Mbox Work/2026"]);
    assert_eq!(
        targets(&[("M/x/Inbox", m), ("M/x/Inbox.msf", b"<"), ("M/x/Inbox.sbd/Work", m)]),
        ["Unsure Inbox", "Unsure Inbox/Work"]
    );
    assert_eq!(
        targets(&[("a.mbox/mbox", m), ("a.mbox/table_of_contents", m), ("__MACOSX/._a.mbox", m), ("._b.eml", m)]),
        ["Mbox a", "Unsure a/table_of_contents"]
    );
    assert_eq!(targets(&[("README", e), ("x/Sent Items.mbox", m)]), ["Unsure README", "Mbox Sent"]);

    let doubtful = [
        ("Sent", m),
        ("README", &b"read me"[..]),
        ("short", b"F"),
        ("a.eml", m),
        ("b.eml", b"\x00\x01"),
        ("c.mbox", e),
    ];
    let read = read_in(&zipped(&doubtful, Deflated, false));
    assert_eq!(lines(&read), ["Sent | ? | 1795461812 | x", "- | ? | 1795461812 | x"]);
    assert_eq!(problems(&read), ["MessageMalformed b.eml", "NoMessage c.mbox at 0"]);
    assert_eq!(read.passed_over, 2);
}

#[test]
fn a_plan_is_bounded_and_tells_what_it_leaves_out() {
    let names: Vec<String> = (0..200).map(|n| format!("{n}.jpg")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    files.extend([("../a.eml", &b"Subject: x\n\n"[..]), ("../a.jpg", b"x"), ("b.eml", b"1234"), ("folder/", b"")]);
    let plan = plan(&zipped(&files, Stored, false), usize::MAX).unwrap();
    assert_eq!((plan.passed_over.entries, plan.passed_over.names.len()), (201, INTAKE_PASSED_NAMES_MAX));
    assert_eq!((plan.items.len(), plan.bytes, plan.problems_left_out), (1, 4, 0));
    let [problem] = plan.problems.as_slice() else { panic!("{:?}", plan.problems) };
    assert_eq!(problem.why, "../a.eml: its name is not safe: a segment that is `..`");
    assert_eq!((problem.what, &problem.place.path), (Trouble::MessageUnreadable, &None));
}

#[test]
fn single_files_are_read() {
    let whole = |name: &str, bytes: &[u8]| -> Result<Imported, Unknown> {
        let plan = Plan::whole(Sort::of(bytes)?, name, bytes.len() as u64).expect("no archive");
        assert_eq!(plan.bytes, bytes.len() as u64);
        Ok(single(&plan.items[0], bytes, &With::default(), &[]))
    };
    let mbox = "From - Mon Nov 23 19:23:32 2026\nStatus: RO\nX-Status: F\nSubject: one\n\nbody\n>From x\n\n\
        From ann@example.org Thu Jan 1 00:00:00 1970\nX-Mozilla-Status: 0002\nSubject: two\n\
        Received: by x; Mon, 23 Nov 2026 19:23:33 +0000\n\nbody\n\n\
        From ann@example.org Mon Nov 23 19:23:34 2026\n\nno header\n";
    let lf = whole("Sent.mbox", mbox.as_bytes()).unwrap();
    assert_eq!(lines(&lf), ["Sent | $flagged $seen | 1795461812 | one", "Sent | $answered | 1795461813 | two"]);
    assert_eq!(lf.problems.iter().map(|p| p.what).collect::<Vec<_>>(), [Trouble::MessageMalformed]);
    assert!(lf.messages[0].bytes.ends_with(b"\r\n\r\nbody\r\nFrom x\r\n"));
    assert_eq!(lf.messages[1].start.mail_from.as_deref(), Some("ann@example.org"));
    let crlf = whole("Sent.mbox", mbox.replace('\n', "\r\n").as_bytes()).unwrap();
    assert!(crlf.messages.iter().zip(&lf.messages).all(|(a, b)| a.bytes == b.bytes && line(a) == line(b)));

    let eml = whole("x.eml", b"\xef\xbb\xbfSubject: x\nDate: Mon, 23 Nov 2026 19:23:32 +0000\n\nbody").unwrap();
    assert_eq!(
        (lines(&eml), &*eml.messages[0].start.placements),
        (vec!["- | ? | 1795461812 | x".to_owned()], &[Target::Chosen.into()][..])
    );
    assert_eq!(eml.messages[0].bytes, b"Subject: x\r\nDate: Mon, 23 Nov 2026 19:23:32 +0000\r\n\r\nbody");
    assert_eq!(whole("x.eml", b"just some text\n"), Err(Unknown::NoMail));
    assert_eq!(whole("x.mbox", b""), Err(Unknown::Empty));
    assert!(Plan::whole(Sort::Zip, "x", 1).is_none());
}

fn eml() -> Item {
    harness::item(Kind::Eml, "x.eml")
}

#[test]
fn a_message_that_is_too_big_is_dropped_and_the_next_is_read() {
    let big = b"x".repeat(MESSAGE_BYTES_MAX);
    let mut read = Imported::default();
    let file = [&b"Subject: x\r\n\r\n"[..], &big].concat();
    harness::read(&eml(), &file, 1 << 20, With::default(), vec![], &mut read);
    assert_eq!((read.messages.len(), problems(&read)), (0, vec!["MessageTooBig x.eml".to_owned()]));
    let mut read = Imported::default();
    let mbox =
        [&b"From x\nSubject: big\n\n"[..], &big, b"\n\nFrom - Mon Nov 23 19:23:32 2026\nSubject: next\n\n"].concat();
    harness::read(&harness::item(Kind::Mbox, "x.mbox"), &mbox, 1 << 20, With::default(), vec![], &mut read);
    assert_eq!(lines(&read), ["- | ? | 1795461812 | next"]);
    assert_eq!(problems(&read), ["MessageTooBig x.mbox at 0"]);
}

#[test]
fn a_header_without_end_is_cut_where_it_is_read() {
    let mut file = b"Subject: x\r\n".to_vec();
    while file.len() < 2 * INTAKE_HEAD_BYTES_MAX {
        file.extend_from_slice(b"X-Filler: some words that fill a line of a header\r\n");
    }
    file.extend_from_slice(b"Date: Mon, 23 Nov 2026 19:23:32 +0000\r\n\r\n");
    let mut all = Vec::new();
    for cut in [usize::MAX, 4_097, 100_000] {
        let mut read = Imported::default();
        harness::read(&eml(), &file, cut, With::default(), vec![], &mut read);
        assert_eq!(lines(&read), ["- | ? | ? | x"]);
        assert_eq!(read.messages[0].bytes, file);
        all.push(read);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_file_is_read_the_same_however_it_is_cut(
        text in "(From [a-z@ ]{0,8}|Mon Nov 23 19:23:32 2026|Subject: x|X-Gmail-Labels: [a-zA-Z,/]{0,9}|Status: RO|\r?\n|\r?\n\r?\n|[a-z>]{0,4}|\u{feff}){0,20}",
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        harness::run(text.as_bytes());
        harness::run(&bytes);
    }

    #[test]
    fn a_damaged_archive_of_our_own_is_read_as_far_as_it_goes(
        at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 1..4), cut in 1_usize..300,
    ) {
        let mut file = export().zip();
        let at = at.index(file.len());
        let end = file.len().min(at + with.len());
        file[at..end].copy_from_slice(&with[..end - at]);
        prop_assert_eq!(import(&file, usize::MAX).ok(), import(&file, cut).ok());
    }
}

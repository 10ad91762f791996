//! Exports: all mail comes back from the archives, which are the same however often the writer was cut off.

use archive::Error;
use archive::layout::{AccountHead, Document, Options, SYSTEM_KEYWORDS, Shape, Writer};
use archive::maildir::{folder_path, parse_file_name};
use archive::manifest::{Entries, MailDigest};
use archive::mbox::LineEnds;
use archive::metadata::{Problem, Trouble};
use archive::{Sha256, Text};
use base::limits::{
    ARCHIVE_ENTRIES_MAX, EXPORT_ENTRIES_LISTED_MAX, EXPORT_FILE_EMAILS_MAX, EXPORT_FILE_PLACES_MAX, KEYWORDS_MAX,
};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp, Uid};
use proptest::prelude::*;

#[path = "harness/layout_job.rs"]
pub mod harness;
use harness::{Account, Mail, check, lines, listed, message, run, unpack};

const AT: Timestamp = Timestamp::from_secs(1_795_461_813);
const SHAPES: [Shape; 2] = [Shape::Mbox, Shape::Maildir];
const SEEN: u64 = 1;
const DELETED: u64 = 1 << 4;

const PLAIN: &str = "From: Ann <ann@example.org>\r\nTo: bob@example.com\r\nSubject: lunch\r\n\r\nAt noon?\r\n\r\n\
                     From now on it is at one.\r\n>From the office.\r\n";
const UNIX: &str = "From: cron@example.org\nSubject: output\n\nFrom x Mon Nov 23 19:23:32 2026\n";
const BARE: &[u8] = b"Subject: r\xe9sum\xe9\r\n\r\nno end\0";

fn options(shape: Shape) -> Options {
    Options::new("mail", shape, AT)
}

/// An account with everything that is odd.
fn ann() -> Account {
    let long = "ü".repeat(150);
    let long = long.as_str();
    let paths = [
        "INBOX",
        "Sent",
        "SENT",
        "CON",
        "a/b",
        "a:b",
        "a_b",
        "📧 Größe",
        long,
        "..",
        "x.mbox",
        " ",
        "empty",
        "mail",
        "e\u{301}",
        "é",
    ];
    let mut ann = Account::new(7, "ann@example.org", &paths);
    ann.documents = vec![("account.json", br#"{"quota":1}"#.to_vec()), ("sieve/main.siv", b"keep;".to_vec())];
    for (n, path) in paths.iter().filter(|path| **path != "empty").enumerate() {
        ann.add(&[path], n as u64 * 5 % 32, PLAIN.replace("noon", &n.to_string()));
        ann.add(&["INBOX", path][usize::from(n == 0)..], SEEN | 1 << (5 + n % 3), UNIX);
    }
    ann.add(&["a/b"], DELETED, BARE);
    ann.add(&["a/b", "Sent"], SEEN, PLAIN).broken = true;
    ann.add(&["a/b"], u64::MAX, "");
    ann.add(&["INBOX"], 0, format!("Subject: large\r\n\r\n{}\r\n", "0123456789abcdef\r\n".repeat(9_000)));
    ann
}

/// Accounts that could be taken for one another, with and without mail.
fn accounts() -> Vec<Account> {
    let mut other = Account::new(9, "Ann@Example.ORG", &["INBOX"]);
    other.add(&["INBOX"], 0, BARE);
    vec![
        ann(),
        Account::new(8, "empty@example.org", &["INBOX", "Trash"]),
        other,
        Account::new(3, "none@example.org", &[]),
    ]
}

#[test]
fn everything_comes_back() {
    for shape in SHAPES {
        for options in [
            options(shape),
            Options { file_emails_max: 2, ..options(shape) },
            Options { file_bytes_max: 1_000, archive_bytes_max: 20_000, ..options(shape) },
            Options { file_bytes_max: 0, archive_bytes_max: 0, file_emails_max: 0, ..options(shape) },
        ] {
            for piece in [1 << 20, 7] {
                check(&options, &accounts(), &run(&options, &accounts(), None, piece));
            }
        }
    }
}

#[test]
fn names_are_these() {
    let names = |shape| unpack(&run(&options(shape), &accounts()[1..3], None, 99)).into_keys().collect::<Vec<_>>();
    assert_eq!(
        names(Shape::Mbox),
        [
            "Ann@Example.ORG/mail/INBOX/emails-0001.jsonl",
            "Ann@Example.ORG/mail/INBOX/messages-0001.mbox",
            "Ann@Example.ORG/mailboxes.jsonl",
            "empty@example.org/mailboxes.jsonl",
        ]
    );
    assert_eq!(
        names(Shape::Maildir),
        [
            "Ann@Example.ORG/Maildir/cur/",
            "Ann@Example.ORG/Maildir/cur/1795461813.M345000P1.posthouse,S=26:2,",
            "Ann@Example.ORG/Maildir/dovecot-keywords",
            "Ann@Example.ORG/Maildir/new/",
            "Ann@Example.ORG/Maildir/tmp/",
            "Ann@Example.ORG/mail/INBOX/emails-0001.jsonl",
            "Ann@Example.ORG/mailboxes.jsonl",
            "empty@example.org/Maildir/.Trash/cur/",
            "empty@example.org/Maildir/.Trash/dovecot-keywords",
            "empty@example.org/Maildir/.Trash/new/",
            "empty@example.org/Maildir/.Trash/tmp/",
            "empty@example.org/Maildir/cur/",
            "empty@example.org/Maildir/dovecot-keywords",
            "empty@example.org/Maildir/new/",
            "empty@example.org/Maildir/tmp/",
            "empty@example.org/mailboxes.jsonl",
        ]
    );
}

const MBOX: &str = "77f546adaf6842dda4f56cb16d1953b2cb0101464663a47588bc7af4f3f5e7fc";
const MAILDIR: &str = "b591e69052457e351932d1788ee4dc75f387edb43f9d1055f523fdca583aa79e";

/// A change to the bytes is a change to what exports that are under way go on with: it needs another version of their state.
#[test]
fn the_bytes_are_those_of_every_release() {
    let hash = |shape| {
        let options = Options { file_emails_max: 3, archive_bytes_max: 60_000, ..options(shape) };
        let run = run(&options, &accounts(), None, 1_000);
        let all: Vec<u8> =
            run.archives.iter().flat_map(|(bytes, ended)| [bytes.as_slice(), &ended.state].concat()).collect();
        Sha256::of(&all).to_string()
    };
    assert_eq!((hash(Shape::Mbox), hash(Shape::Maildir)), (MBOX.to_owned(), MAILDIR.to_owned()));
}

/// After each archive: the rest is the same, and so is what the manifest is going to say.
fn check_resumed(options: &Options, accounts: &[Account]) {
    let whole = run(options, accounts, None, 64);
    for (k, (_, ended)) in whole.archives.iter().enumerate() {
        let resumed = run(options, accounts, Some(ended), 1_000);
        assert_eq!(resumed.finished, whole.finished, "after {k}");
        assert!(resumed.archives == whole.archives[k + 1..], "after {k}");
    }
}

#[test]
fn an_export_that_was_cut_off_goes_on_with_the_same_bytes() {
    for shape in SHAPES {
        for archive_bytes_max in [5_000, 30_000, 250_000] {
            check_resumed(&Options { archive_bytes_max, file_emails_max: 4, ..options(shape) }, &accounts());
        }
    }
}

#[test]
fn problems_move_no_cut() {
    let sound = accounts();
    let mut broken = accounts();
    broken[0].mail.iter_mut().skip(3).for_each(|mail| mail.broken = true);
    for shape in SHAPES {
        let options = Options { archive_bytes_max: 9_000, file_bytes_max: 3_000, ..options(shape) };
        let cuts = |accounts: &[Account]| {
            let run = run(&options, accounts, None, 100);
            check(&options, accounts, &run);
            let totals: Vec<_> = run.finished.accounts.into_iter().map(|a| a.counts).collect();
            (run.archives.into_iter().map(|(_, ended)| ended.rows).collect::<Vec<_>>(), totals)
        };
        let (cuts_sound, totals_sound) = cuts(&sound);
        assert!(cuts_sound.len() > 5);
        assert_eq!((cuts_sound, totals_sound), cuts(&broken));
    }
}

/// Names of the files of the only mailbox, by archive.
fn files(options: &Options, sizes: &[usize]) -> Vec<Vec<String>> {
    let mut account = Account::new(1, "a@b", &["INBOX"]);
    for size in sizes {
        account.add(&["INBOX"], 0, vec![b'x'; *size]);
    }
    let accounts = [account];
    let run = run(options, &accounts, None, 1 << 16);
    check(options, &accounts, &run);
    let names = |entries: &Option<Entries>| match entries {
        Some(Entries::Listed(entries)) => {
            let names = entries.iter().filter_map(|e| e.name.as_str().strip_prefix("a@b/mail/INBOX/messages-"));
            names.map(|name| name.trim_end_matches(".mbox").to_owned()).collect()
        }
        _ => panic!("few entries are listed"),
    };
    run.archives.iter().map(|(_, ended)| names(&ended.file.entries)).collect()
}

#[test]
fn files_are_cut_by_emails_and_by_bytes() {
    let check = |options: &Options, sizes: &[usize], expect: &[&[&str]]| assert_eq!(files(options, sizes), expect);
    let base = options(Shape::Mbox);
    check(&base, &[], &[&[]]);
    check(&base, &[10; 9], &[&["0001"]]);
    check(&Options { file_emails_max: 4, ..base.clone() }, &[10; 9], &[&["0001", "0002", "0003"]]);
    let small = Options { file_bytes_max: 1_000, ..base.clone() };
    check(&small, &[460, 460, 460], &[&["0001", "0002"]]);
    check(&small, &[461, 460, 460], &[&["0001", "0002"]]);
    check(&small, &[5_000, 1, 1, 5_000], &[&["0001", "0002", "0003"]]);
    let both = Options { archive_bytes_max: 10_000, ..small };
    check(&both, &[3_000; 5], &[&["0001", "0002"], &["0003", "0004"], &["0005"]]);
    check(&both, &[20_000, 1, 20_000, 20_000], &[&[], &["0001"], &["0002"], &["0003"], &["0004"]]);
}

#[test]
fn archives_are_about_as_large_as_was_asked() {
    let mut account = Account::new(1, "a@b", &["INBOX", "Sent"]);
    for n in 0..900 {
        let body = "VGhpcyBpcyBhIGxvbmcgbGluZSBvZiBhbiBhdHRhY2htZW50IGFzIGl0IGlzIGluIG1haWwuLg==\r\n";
        account.add(&[["INBOX", "Sent"][n % 2]], n as u64 % 128, format!("{PLAIN}{}", body.repeat(n % 70)));
    }
    for shape in SHAPES {
        let options = Options { archive_bytes_max: 500_000, file_bytes_max: 100_000, ..options(shape) };
        let run = run(&options, std::slice::from_ref(&account), None, 1 << 16);
        check(&options, std::slice::from_ref(&account), &run);
        let sizes: Vec<_> = run.archives.iter().map(|(bytes, _)| bytes.len()).collect();
        let (last, full) = sizes.split_last().unwrap();
        assert!(full.iter().all(|size| (460_000..=500_000).contains(size)) && *last <= 500_000, "{sizes:?}");
    }
}

#[test]
fn a_file_that_may_be_large_has_a_header_of_zip64() {
    let mut account = Account::new(1, "a@b", &["INBOX"]);
    account.add(&["INBOX"], 0, PLAIN);
    let version = |file_bytes_max| {
        let options = Options { file_bytes_max, ..options(Shape::Mbox) };
        let bytes = run(&options, std::slice::from_ref(&account), None, 99).archives.remove(0).0;
        let at = bytes.windows(13).position(|w| w == b"messages-0001").unwrap();
        bytes[at - "a@b/mail/INBOX/".len() - 26]
    };
    assert_eq!((version(1 << 30), version(4 << 30)), (20, 45));
}

#[test]
fn a_maildir_says_flags_in_names_and_keywords_without_letter_are_told_of() {
    let mut account = Account::new(1, "a@b", &["Work.x", "INBOX/y"]);
    account.head.keywords = (0..30).map(|n| format!("K{n:02}")).chain(["$Forwarded".to_owned()]).collect();
    account.add(&["Work.x"], SEEN | DELETED | 1 << 5 | 1 << 35, PLAIN);
    account.add(&["INBOX/y"], 1 << (5 + 29), PLAIN);
    let accounts = [account];
    let run = run(&options(Shape::Maildir), &accounts, None, 99);
    let files = unpack(&run);
    let problems: Vec<Problem> = lines(files["a@b/problems.jsonl"].as_ref().unwrap());
    assert_eq!((run.finished.problems, problems.len()), (4, 4));
    assert!(problems.iter().all(|p| p.what == Trouble::NotKept && p.place.account_id == Some(Text(AccountId(1)))));
    assert!(files["a@b/Maildir/.Work&AC4-x/dovecot-keywords"].as_ref().unwrap().starts_with(b"0 k00\n1 k01\n"));
    let mut found = Vec::new();
    for name in files.keys().filter(|name| name.contains("/cur/") && !name.ends_with('/')) {
        let mut parts = name.rsplit('/');
        let said = parse_file_name(parts.next().unwrap().as_bytes()).unwrap();
        let folder = folder_path(parts.nth(1).unwrap().as_bytes());
        found.push((folder.unwrap(), said.flags.to_string(), said.size));
    }
    let size = Some(PLAIN.len() as u64);
    assert_eq!(found, [("INBOX/y".to_owned(), String::new(), size), ("Work.x".to_owned(), "PSTa".to_owned(), size)]);
    // Programs look for folders in a folder that is a Maildir itself.
    assert!(files.contains_key("a@b/Maildir/cur/") && files.contains_key("a@b/Maildir/.INBOX.y/new/"));
}

/// Rows of one mailbox, of which no message can be read.
fn many(writer: &mut Writer, rows: u32, places: &[(MailboxId, Uid)], mut each: impl FnMut(&Writer, Option<u64>)) {
    let mut out = Vec::new();
    for n in 1..=rows {
        let mut memberships = vec![(MailboxId(1), Uid(n))];
        memberships.extend_from_slice(places);
        let row = archive::layout::Listed {
            email: EmailId(u64::from(n)),
            thread: ThreadId(1),
            mailbox: MailboxId(1),
            uid: Uid(n),
            flags: SEEN,
            size: 100,
            received_at: AT,
            memberships: &memberships,
        };
        while let Some(ended) = writer.email(&row, &mut out).unwrap() {
            each(writer, Some(ended.rows));
        }
        out.clear();
        writer.unreadable(Trouble::MessageUnreadable, "").unwrap();
        each(writer, None);
    }
}

#[test]
fn what_is_kept_of_an_open_file_is_bounded() {
    let check = |options: Options, rows: u32, places: u32, bytes_max: usize| {
        let mut writer = Writer::new(options).unwrap();
        writer.account(&Account::new(1, "a@b", &["INBOX"]).head, &[], &mut Vec::new()).unwrap();
        let places: Vec<_> = (2..2 + places).map(|n| (MailboxId(n), Uid(1))).collect();
        let mut most = 0;
        many(&mut writer, rows, &places, |writer, _| most = most.max(writer.kept_bytes()));
        assert!((bytes_max / 4..=bytes_max).contains(&most), "{most}");
    };
    let all = Options { file_emails_max: u32::MAX, file_bytes_max: u64::MAX, ..options(Shape::Mbox) };
    // Vectors grow by doubling: 32,768 records, and as many of problems.
    check(all.clone(), EXPORT_FILE_EMAILS_MAX + 1, 0, 32_768 * (96 + 24));
    check(all, 600, 1_000, 2 * EXPORT_FILE_PLACES_MAX * 8);
}

#[test]
fn entries_of_an_archive_and_names_in_the_manifest_are_bounded() {
    let mut writer = Writer::new(options(Shape::Maildir)).unwrap();
    writer.account(&Account::new(1, "a@b", &["INBOX"]).head, &[], &mut Vec::new()).unwrap();
    let mut cuts = Vec::new();
    many(&mut writer, ARCHIVE_ENTRIES_MAX as u32, &[], |_, ended| cuts.extend(ended));
    // Beside the mailboxes and the Maildir's own, two entries for each 25,000.
    assert_eq!(cuts, [ARCHIVE_ENTRIES_MAX as u64 - 5 - 20]);

    let mut account = Account::new(1, "a@b", &["INBOX"]);
    for _ in 0..EXPORT_ENTRIES_LISTED_MAX {
        account.add(&["INBOX"], 0, "x");
    }
    let accounts = [account];
    let options = Options { archive_bytes_max: 500_000, ..options(Shape::Maildir) };
    let run = run(&options, &accounts, None, 9);
    check(&options, &accounts, &run);
    let listed =
        |(_, ended): &(Vec<u8>, archive::layout::Ended)| matches!(ended.file.entries, Some(Entries::Listed(_)));
    assert!(run.archives.len() > 2 && listed(&run.archives[0]) && !listed(run.archives.last().unwrap()));
    check_resumed(&options, &accounts);
}

#[test]
fn accounts_without_mail_fill_archives_too() {
    let accounts: Vec<_> = (1..200).map(|n| Account::new(n, &format!("{n}@b"), &["INBOX", "Trash"])).collect();
    for shape in SHAPES {
        let options = Options { archive_bytes_max: 50_000, ..options(shape) };
        let run = run(&options, &accounts, None, 9);
        check(&options, &accounts, &run);
        assert!(run.archives.len() > 2 && run.archives.iter().all(|(bytes, _)| bytes.len() <= 50_000));
        assert!(run.archives.iter().all(|(_, ended)| ended.rows == 0));
        check_resumed(&options, &accounts);
    }
}

#[test]
fn an_export_of_nothing_is_no_archive() {
    let run = run(&options(Shape::Mbox), &[], None, 1);
    assert!(run.archives.is_empty() && run.finished.files.is_empty() && run.finished.accounts.is_empty());
    assert_eq!(run.finished.mail_digest, MailDigest::default().end());
}

#[test]
fn one_mailbox_of_an_account_counts_what_is_in_it() {
    let mut whole = ann();
    whole.head.mailboxes.retain(|m| m.full_name == "Sent");
    let sent = whole.mailbox("Sent");
    let (mut writer, mut out) = (Writer::new(options(Shape::Mbox)).unwrap(), Vec::new());
    assert!(writer.account(&whole.head, &[], &mut out).unwrap().is_none());
    let rows: Vec<_> = whole.rows().filter(|(at, ..)| *at == sent).collect();
    for (at, uid, mail) in &rows {
        assert!(writer.email(&listed(*at, *uid, mail), &mut out).unwrap().is_none());
        message(&mut writer, mail, 100, &mut out);
    }
    let totals = writer.counts().unwrap().totals;
    let bytes: usize = rows.iter().map(|(.., mail)| mail.message.len()).sum();
    assert!(rows.iter().any(|(.., mail)| mail.places.len() > 1));
    assert_eq!((totals.emails, totals.bytes), (rows.len() as u64, bytes as u64));
}

/// A writer with an account, and its next row.
fn begun() -> (Writer, Account, Vec<u8>) {
    let (mut writer, mut out) = (Writer::new(options(Shape::Mbox)).unwrap(), Vec::new());
    let mut account = Account::new(1, "a@b", &["INBOX", "Sent"]);
    account.add(&["INBOX"], 0, PLAIN);
    account.add(&["INBOX"], 0, BARE);
    writer.account(&account.head, &[], &mut out).unwrap();
    (writer, account, out)
}

#[test]
fn calls_out_of_order_are_refused() {
    let (mut writer, account, mut out) = begun();
    let [first, second] = account.mail.as_slice() else { panic!("two emails") };
    let row = |mail: &'_ Mail| (mail.places[0].0, mail.places[0].1);
    let ((at, uid), (_, later)) = (row(first), row(second));
    let order = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Order(_))), "{result:?}");
    order(writer.message(LineEnds::Crlf, &mut out));
    order(writer.piece(b"", &mut out));
    order(writer.done(&mut out));
    order(writer.unreadable(Trouble::Other, ""));
    order(writer.email(&listed(MailboxId(9), uid, first), &mut out).map(drop));
    order(writer.email(&listed(at, later, first), &mut out).map(drop));
    writer.email(&listed(at, later, second), &mut out).unwrap();
    order(writer.email(&listed(at, later, second), &mut out).map(drop));
    order(writer.account(&account.head, &[], &mut out).map(drop));
    order(writer.done(&mut out));
    message(&mut writer, second, 9, &mut out);
    order(writer.email(&listed(at, later, second), &mut out).map(drop));
    order(writer.email(&listed(at, uid, first), &mut out).map(drop));
    writer.account(&Account::new(2, "c@d", &[]).head, &[], &mut out).unwrap();
    order(writer.account(&account.head, &[], &mut out).map(drop));
    order(Writer::new(options(Shape::Mbox)).unwrap().email(&listed(at, uid, first), &mut out).map(drop));
}

#[test]
fn bytes_other_than_announced_are_refused() {
    let check = |ends: LineEnds, pieces: &[&[u8]]| {
        for shape in SHAPES {
            let (mut writer, mut out) = (Writer::new(options(shape)).unwrap(), Vec::new());
            let (_, account, _) = begun();
            writer.account(&account.head, &[], &mut out).unwrap();
            let (at, uid, mail) = account.rows().next().unwrap();
            writer.email(&listed(at, uid, mail), &mut out).unwrap();
            writer.message(ends, &mut out).unwrap();
            let result = pieces.iter().try_for_each(|piece| writer.piece(piece, &mut out));
            let result = result.and_then(|()| writer.done(&mut out));
            let ends_matter = shape == Shape::Mbox || pieces.concat().len() != PLAIN.len();
            assert_eq!(matches!(result, Err(Error::Changed(_))), ends_matter, "{result:?}");
        }
    };
    check(LineEnds::Crlf, &[PLAIN.as_bytes(), b"x"]);
    check(LineEnds::Crlf, &[&PLAIN.as_bytes()[..9]]);
    check(LineEnds::Crlf, &[]);
    check(LineEnds::Crlf, &[PLAIN.replace('\r', "x").as_bytes()]);
}

#[test]
fn an_export_goes_on_as_it_was_begun_or_not_at_all() {
    let options = Options { archive_bytes_max: 2_000, ..options(Shape::Mbox) };
    let accounts = accounts();
    let whole = run(&options, &accounts, None, 99);
    let ended = &whole.archives[0].1;
    let changed = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Changed(_))), "{result:?}");
    changed(Writer::resume(Options { archive_bytes_max: 2_001, ..options.clone() }, &ended.state).map(drop));
    let mut writer = Writer::resume(options.clone(), &ended.state).unwrap();
    let mut head: AccountHead = accounts[0].head.clone();
    head.keywords.push("new".to_owned());
    changed(writer.account(&head, &[], &mut Vec::new()).map(drop));
    let text = String::from_utf8(ended.state.clone()).unwrap();
    assert!(Writer::resume(options.clone(), text.replacen("\"version\":1", "\"version\":2", 1).as_bytes()).is_err());
    assert!(Writer::resume(options.clone(), &ended.state[1..]).is_err());
    assert!(Writer::new(Options { stem: "a/b".to_owned(), ..options.clone() }).is_err());
    assert!(Writer::new(Options { stem: "..\\x".to_owned(), ..options.clone() }).is_err());
}

#[test]
fn heads_that_cannot_be_are_refused() {
    let check = |change: fn(&mut AccountHead), documents: &[Document<'_>]| {
        let mut head = Account::new(1, "a@b", &["INBOX", "Sent"]).head;
        change(&mut head);
        let mut writer = Writer::new(options(Shape::Mbox)).unwrap();
        assert!(writer.account(&head, documents, &mut Vec::new()).is_err());
    };
    check(|head| head.mailboxes[1].id = head.mailboxes[0].id, &[]);
    check(|head| head.mailboxes[1].full_name = "INBOX".to_owned(), &[]);
    check(|head| head.keywords = vec!["k".to_owned(); KEYWORDS_MAX + 1], &[]);
    check(|_| {}, &[Document { name: "../x", bytes: b"" }]);
    check(|_| {}, &[Document { name: "mailboxes.jsonl", bytes: b"" }]);
    assert_eq!(SYSTEM_KEYWORDS[4], "$deleted");
}

fn any_account(id: u64) -> impl Strategy<Value = Account> {
    let paths = prop::collection::btree_set(r#"([aAbB./: ~é]|e\x{301}|INBOX|CON){0,5}"#, 0..6);
    let body = prop_oneof![
        Just(PLAIN.as_bytes().to_vec()),
        Just(UNIX.as_bytes().to_vec()),
        prop::collection::vec(prop::sample::select(b"From >\r\n\0x".to_vec()), 0..60),
        prop::collection::vec(any::<u8>(), 0..900),
    ];
    let mail = (body, any::<u64>(), prop::collection::btree_set(0_usize..6, 1..4), 0_u8..8);
    let address = prop::sample::select(vec!["a@b", "A@b", "a@B", "é@b", "..", "a@b~9f6fbaf1"]);
    (address, paths, prop::collection::vec(mail, 0..14)).prop_map(move |(address, paths, mail)| {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut account = Account::new(id, address, &paths);
        for (body, flags, places, broken) in mail {
            let places: Vec<&str> = places.iter().filter_map(|n| paths.get(*n).copied()).collect();
            if !places.is_empty() {
                account.add(&places, flags, body).broken = broken == 0;
            }
        }
        account
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn any_mail_comes_back_and_goes_on_after_any_archive(
        accounts in (any_account(1), any_account(2), any_account(3)),
        shape in prop::sample::select(SHAPES.to_vec()),
        archive_bytes_max in 0_u64..20_000,
        file_bytes_max in 0_u64..3_000,
        file_emails_max in 0_u32..6,
    ) {
        let accounts = [accounts.0, accounts.1, accounts.2];
        let options = Options { archive_bytes_max, file_bytes_max, file_emails_max, ..options(shape) };
        check_resumed(&options, &accounts);
        if accounts.iter().all(|a| !a.head.mailboxes.is_empty()) {
            check(&options, &accounts, &run(&options, &accounts, None, 13));
        }
    }
}

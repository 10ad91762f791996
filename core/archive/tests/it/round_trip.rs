//! What an export writes is read in again as it was.

use std::collections::{BTreeMap, BTreeSet};

use archive::intake::{Identity, Target};
use archive::layout::{Options, SYSTEM_KEYWORDS, Shape};
use archive::metadata::Trouble;
use base::{MailboxId, Timestamp};
use proptest::prelude::*;

use crate::intake::harness::import_all;
use crate::layout::harness::{Account, run};

fn accounts() -> Vec<Account> {
    let mut ann = Account::new(1, "ann@example.org", &["INBOX", "Work/2026", "mail", "../x", "Größe.mbox", "empty"]);
    ann.head.keywords[2] = "later".to_owned();
    ann.documents.push(("account.json", b"{}".to_vec()));
    ann.add(&["INBOX", "Work/2026"], 1, "Subject: one\r\n\r\nFrom me\r\n");
    ann.add(&["INBOX"], 1 << 6, "Subject: two\nbare\n\nno end");
    ann.add(&["mail", "../x"], 0, "no header");
    ann.add(&["INBOX"], 0, "Subject: broken\r\n\r\n").broken = true;
    ann.add(&["Größe.mbox"], 2, "");
    ann.add(&["INBOX"], 4, "\u{feff}From x Mon Nov 23 19:23:32 2026\r\n\r\n");
    let mut bob = Account::new(2, "bob@example.org", &["INBOX", "mail/mail"]);
    bob.head.keywords[2] = "later".to_owned();
    bob.add(&["mail/mail", "INBOX"], 3, "Subject: of bob\r\n\r\n");
    vec![ann, bob]
}

fn check(options: &Options, accounts: &[Account], cut: usize) {
    let run = run(options, accounts, None, 1_000);
    let files: Vec<&[u8]> = run.archives.iter().map(|(bytes, _)| bytes.as_slice()).collect();
    assert!(options.archive_bytes_max != 2_000 || files.len() > 2, "{}", files.len());
    let read = import_all(&files, cut).unwrap();
    let broken: usize = accounts.iter().flat_map(|a| &a.mail).filter(|m| m.broken).map(|m| m.places.len()).sum();
    let told: Vec<_> = read.problems.iter().filter(|p| p.what == Trouble::MessageUnreadable).collect();
    assert_eq!((read.problems.len(), told.len()), (broken, broken), "{:?}", read.problems);
    let mut found = BTreeMap::new();
    let mut copies = 0;
    for message in read.messages {
        let Some(Identity::Ours { account, email }) = message.start.identity else { panic!("{:?}", message.start) };
        let old = found.insert((account, email), message.clone());
        assert!(old.is_none_or(|old| old.bytes == message.bytes && old.start.placements == message.start.placements));
        copies += 1;
    }
    let stored = accounts
        .iter()
        .flat_map(|a| a.mail.iter().map(move |m| (a, m)))
        .filter(|(_, m)| !m.broken && !m.places.is_empty());
    assert_eq!(copies, stored.clone().map(|(_, m)| m.places.len()).sum::<usize>());
    assert_eq!(found.len(), stored.clone().count());
    for (account, mail) in stored {
        let id = account.head.account_id.0;
        let message = &found[&(id, base::EmailId(mail.id))];
        assert_eq!((&message.bytes, message.start.received), (&mail.message, Some(mail.received)));
        let places: BTreeSet<(MailboxId, u32)> = mail.places.iter().map(|(at, uid)| (*at, uid.0)).collect();
        let placed = message.start.placements.iter().map(|p| match &p.target {
            Target::Mailbox { account, mailbox } if *account == id => (*mailbox, p.uid.unwrap().0),
            other => panic!("{other:?}"),
        });
        assert_eq!(placed.collect::<BTreeSet<_>>(), places);
        let names: Vec<String> = SYSTEM_KEYWORDS
            .iter()
            .map(|k| (*k).to_owned())
            .chain(account.head.keywords.iter().map(|k| k.to_lowercase()))
            .collect();
        let set: BTreeSet<String> =
            (0..names.len()).filter(|bit| mail.flags & 1 << bit != 0).map(|bit| names[bit].clone()).collect();
        assert_eq!(message.start.keywords.as_ref(), Some(&set));
    }
}

#[test]
fn an_export_is_read_in_as_it_was() {
    for shape in [Shape::Mbox, Shape::Maildir] {
        let mut options = Options::new("export", shape, Timestamp::from_secs(1_795_461_813));
        check(&options, &accounts(), usize::MAX);
        check(&options, &accounts(), 7);
        options.file_emails_max = 2;
        options.archive_bytes_max = 2_000;
        check(&options, &accounts(), 100);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_mail_is_read_in_as_it_was(
        mail in prop::collection::vec((prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'>'), any::<u8>()], 0..60), 0_u64..256, 1_u8..8, any::<bool>()), 0..9),
        maildir: bool, few: bool, cut in 1_usize..5_000,
    ) {
        let mut ann = Account::new(1, "ann@example.org", &["INBOX", "Work/mail", "a"]);
        ann.head.keywords[2] = "later".to_owned();
        for (message, flags, places, from) in &mail {
            let paths: Vec<&str> = ["INBOX", "Work/mail", "a"].into_iter().enumerate().filter(|(n, _)| places & 1 << n != 0).map(|(_, p)| p).collect();
            let message = if *from { [&b"Subject: x\r\n\r\nFrom a Mon Nov 23 19:23:32 2026\r\n\r\n"[..], message].concat() } else { message.clone() };
            ann.add(&paths, *flags, message);
        }
        let mut options = Options::new("export", if maildir { Shape::Maildir } else { Shape::Mbox }, Timestamp::from_secs(1_795_461_813));
        if few {
            options.file_emails_max = 1;
            options.archive_bytes_max = 1_500;
        }
        check(&options, &[ann], cut);
    }
}

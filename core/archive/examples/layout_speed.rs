//! SUMMARY    How fast an export is laid out: `cargo run --release -p archive --example layout_speed`.

#![allow(clippy::expect_used, reason = "a measuring tool")]

use std::time::Instant;

use archive::layout::{AccountHead, Listed, Options, Shape, Writer};
use archive::{Text, mbox::EndsScan, metadata::Mailbox};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp, Uid};

const EMAILS: u32 = 50_000;

fn main() {
    for size in [2_000, 40_000] {
        let line = "A line of text as it is in mail, with some words in it, and a few more.\r\n";
        let message = format!("Subject: hello\r\n\r\n{}", line.repeat(size / line.len())).into_bytes();
        for shape in [Shape::Mbox, Shape::Maildir] {
            let start = Instant::now();
            let bytes = export(shape, &message);
            let secs = start.elapsed().as_secs_f64();
            let (each, rate) = (secs * 1e6 / f64::from(EMAILS), bytes as f64 / 1e6 / secs);
            println!("{shape:?}, {size} bytes: {each:.1} us an email, {rate:.0} MB/s");
        }
    }
}

fn export(shape: Shape, message: &[u8]) -> u64 {
    let mut writer = Writer::new(Options::new("mail", shape, Timestamp(0))).expect("options");
    let mut out = Vec::new();
    assert!(writer.account(&head(), &[], &mut out).expect("an account").is_none());
    let mut bytes = 0;
    for n in 1..=EMAILS {
        let memberships = [(MailboxId(1), Uid(n))];
        let row = Listed {
            email: EmailId(u64::from(n)),
            thread: ThreadId(1),
            mailbox: MailboxId(1),
            uid: Uid(n),
            flags: 1,
            size: message.len() as u64,
            received_at: Timestamp(0),
            memberships: &memberships,
        };
        while writer.email(&row, &mut out).expect("a row").is_some() {}
        writer.message(EndsScan::of(message), &mut out).expect("a message");
        writer.piece(message, &mut out).expect("its bytes");
        writer.done(&mut out).expect("its end");
        bytes += out.len() as u64;
        out.clear();
    }
    writer.finish(&mut out).expect("an end");
    bytes + out.len() as u64
}

fn head() -> AccountHead {
    let inbox = Mailbox {
        id: Text(MailboxId(1)),
        name: "INBOX".to_owned(),
        parent_id: None,
        role: None,
        sort_order: 0,
        total_emails: u64::from(EMAILS),
        unread_emails: 0,
        is_subscribed: true,
        account_id: Text(AccountId(1)),
        full_name: "INBOX".to_owned(),
        uid_validity: 1,
        uid_next: EMAILS + 1,
        path: None,
    };
    let address = "ann@example.org".to_owned();
    AccountHead { account_id: Text(AccountId(1)), address, keywords: Vec::new(), mailboxes: vec![inbox] }
}

//! SUMMARY    Sources that lie, talk without end or hold back: the migration ends with an error, or takes what is good, within limits.

use base::limits::{IMAP_CLIENT_BODY_BYTES_MAX, IMAP_CLIENT_LINE_BYTES_MAX, MIGRATE_UID_MAX};

use crate::{
    scripted::{GREETING, Message, Scripted, folders, message},
    world::{EVE, World},
};
use migrate::{Error, Order};

/// Runs against a server with three messages and a twist; time does not matter.
async fn against(
    twist: fn(&str, &str) -> Option<Option<Vec<u8>>>,
) -> (World, Result<migrate::Report, Box<migrate::Failed>>) {
    let server = Scripted::new(GREETING, move || {
        let messages = (1..=3).map(|uid| message(uid, &format!("Subject: {uid}\r\n\r\n"))).collect();
        folders(vec![("INBOX", "", messages)], twist)
    })
    .await;
    let world = World::new().await;
    let ended = world.run(&server.source(), &Order::default()).await;
    world.dump(EVE).await;
    (world, ended)
}

fn is_body(rest: &str) -> bool {
    rest.contains("BODY.PEEK")
}

#[tokio::test]
async fn a_line_without_end_is_a_lost_connection() {
    let (world, ended) =
        against(|_, rest| rest.starts_with("LIST").then(|| Some(vec![b'a'; IMAP_CLIENT_LINE_BYTES_MAX + 1]))).await;
    let failed = ended.unwrap_err();
    assert!(matches!(&failed.why, Error::Garbled(why) if why.contains("IMAP_CLIENT_LINE_BYTES_MAX")), "{failed}");
    assert!(world.counts(EVE).await.is_empty());
}

#[tokio::test]
async fn a_huge_message_that_is_announced_costs_nothing() {
    let (_, ended) = against(|_, rest| {
        is_body(rest).then(|| {
            Some(format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\nabc", IMAP_CLIENT_BODY_BYTES_MAX + 1).into_bytes())
        })
    })
    .await;
    let failed = ended.unwrap_err();
    assert!(matches!(&failed.why, Error::Garbled(why) if why.contains("IMAP_CLIENT_BODY_BYTES_MAX")), "{failed}");
}

#[tokio::test]
async fn answers_without_end_end() {
    let (_, ended) =
        against(|_, rest| rest.starts_with("EXAMINE").then(|| Some(b"* 1 EXISTS\r\n".repeat(100_001)))).await;
    let failed = ended.unwrap_err();
    assert!(matches!(&failed.why, Error::Garbled(why) if why.contains("without end")), "{failed}");
}

#[tokio::test]
async fn only_what_was_asked_for_is_taken_and_once() {
    let (world, ended) = against(|tag, rest| {
        is_body(rest).then(|| {
            let item = |uid: u32, text: &str| format!("* 1 FETCH (BODY[] {{{}}}\r\n{text} UID {uid})\r\n", text.len());
            let all = [
                item(3, "Subject: 3\r\n\r\n"),
                item(99, "Subject: no\r\n\r\n"),
                item(1, "Subject: 1\r\n\r\n"),
                item(1, "Subject: no\r\n\r\n"),
            ];
            Some(format!("{}{tag} OK done\r\n", all.concat()).into_bytes())
        })
    })
    .await;
    let report = ended.unwrap();
    assert_eq!((report.stored, report.failed), (2, 0), "{report:?}");
    let dump = world.dump(EVE).await;
    assert!(dump[1].starts_with("  1 ") && dump[2].starts_with("  3 "), "{dump:?}");
}

#[tokio::test]
async fn uids_that_would_use_up_a_mailbox_are_not_kept() {
    let server = Scripted::new(GREETING, || {
        let last = [MIGRATE_UID_MAX + 1, u32::MAX]
            .map(|uid| Message { uid, ..message(uid, &format!("Subject: {uid}\r\n\r\n")) });
        let messages = [vec![message(5, "Subject: 5\r\n\r\n")], last.to_vec()].concat();
        folders(vec![("INBOX", "", messages)], |_, _| None)
    })
    .await;
    let world = World::new().await;
    let report = world.run(&server.source(), &Order::default()).await.unwrap();
    assert_eq!(report.stored, 3);
    let scope = world.owner(EVE).await;
    let (inbox, _) = world.mail.mailbox_at(&scope, "INBOX").await.unwrap();
    assert_eq!(world.mail.mailbox_state(&scope, inbox).await.unwrap().uid_next, 8);
}

#[tokio::test]
async fn odd_flags_dates_and_names_lose_no_message() {
    let server = Scripted::new(GREETING, || {
        let odd = Message { flags: "\\Seen bad]flag \\Recent NonJunk \u{e4}", ..message(1, "Subject: 1\r\n\r\n") };
        let unread = "c\\n";
        folders(vec![("a*b%c//d", "", vec![odd]), (unread, "", Vec::new()), ("INBOX", "", Vec::new())], |_, _| None)
    })
    .await;
    let world = World::new().await;
    let report = world.run(&server.source(), &Order::default()).await.unwrap();
    // The name, the keywords, and a folder whose line is none.
    assert_eq!((report.stored, report.told_total, report.failed), (1, 3, 1), "{report:?}");
    assert_eq!(world.counts(EVE).await, [("a_b_c/d".to_owned(), 1)]);
    assert!(world.dump(EVE).await[1].contains("[\"\\\\seen\", \"nonjunk\"]"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_opened_is_told_and_the_next_is_brought() {
    let server = Scripted::new(GREETING, || {
        let one = |n| vec![message(1, &format!("Subject: {n}\r\n\r\n"))];
        folders(vec![("Bad", "", one(1)), ("Good", "", one(2)), ("INBOX", "", Vec::new())], |tag, rest| {
            rest.starts_with("EXAMINE \"Bad\"")
                .then(|| Some(format!("{tag} NO [SERVERBUG] index is broken\r\n").into_bytes()))
        })
    })
    .await;
    let world = World::new().await;
    let report = world.run(&server.source(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.failed), (1, 1), "{report:?}");
    assert_eq!(world.counts(EVE).await, [("Good".to_owned(), 1)]);
}

//! SUMMARY    The IMAP receiver: what real clients send is understood, however it is cut; hostile bytes never panic.

use proptest::prelude::*;

#[path = "harness/imap_client.rs"]
mod client;
#[path = "harness/imap_receiver.rs"]
mod receiver;
#[path = "harness/imap_render.rs"]
mod rendering;

use wire::imap::{Command, FetchItem, Item, Limits, Receiver, SearchKey};

fn all(input: &[u8], step: usize) -> Vec<Item> {
    let mut receiver = Receiver::new(Limits::AUTHENTICATED);
    let mut out = Vec::new();
    for piece in input.chunks(step.max(1)) {
        receiver.feed(piece);
        while let Ok(item) = receiver.next() {
            match item {
                Item::NeedMore => break,
                Item::Continue { .. } => {}
                item => out.push(item),
            }
        }
    }
    out
}

/// Lines as sent by mbsync, mutt, Thunderbird, Apple Mail, imaplib and curl.
const CLIENTS: &[&str] = &[
    "a CAPABILITY\r\n",
    "a1 ID (\"name\" \"Thunderbird\" \"version\" \"115.0\")\r\n",
    "a ID NIL\r\n",
    "a LOGIN \"ann@example.org\" \"pa\\\"ss\"\r\n",
    "a login ann {4+}\r\npass\r\n",
    "a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=\r\n",
    "a AUTHENTICATE SCRAM-SHA-256\r\n",
    "a ENABLE CONDSTORE QRESYNC UTF8=ACCEPT\r\n",
    "a SELECT INBOX\r\n",
    "a SELECT \"INBOX\" (CONDSTORE)\r\n",
    "a SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211))\r\n",
    "a EXAMINE \"Sent Items\"\r\n",
    "a CREATE \"A/B\"\r\n",
    "a CREATE Junk2 (USE (\\Junk))\r\n",
    "a RENAME A B\r\n",
    "a LIST \"\" \"*\"\r\n",
    "a LIST \"\" \"\"\r\n",
    "a LIST (SUBSCRIBED) \"\" \"*\" RETURN (SPECIAL-USE CHILDREN)\r\n",
    "a LIST \"\" (\"INBOX\" \"%\") RETURN (STATUS (MESSAGES UNSEEN))\r\n",
    "a LSUB \"\" \"*\"\r\n",
    "a STATUS \"INBOX\" (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE)\r\n",
    "a NAMESPACE\r\n",
    "a APPEND \"INBOX\" (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {5+}\r\nhello\r\n",
    "a APPEND INBOX {5+}\r\nhello (\\Seen) {3+}\r\nbye\r\n",
    "a APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL \"/INBOX;UIDVALIDITY=1/;UID=2\")\r\n",
    "a IDLE\r\n",
    "a GETQUOTAROOT INBOX\r\n",
    "a CLOSE\r\n",
    "a UNSELECT\r\n",
    "a UID EXPUNGE 1:5,9\r\n",
    "a UID SEARCH RETURN (ALL COUNT) UNSEEN SINCE 1-Feb-2024\r\n",
    "a SEARCH CHARSET UTF-8 OR SUBJECT \"x\" (FROM a NOT DELETED)\r\n",
    "a UID SEARCH UID 1:* NOT DELETED\r\n",
    "a UID FETCH 1:* (FLAGS)\r\n",
    "a FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID)])\r\n",
    "a UID FETCH 1,2:4 (BODY.PEEK[1.2.MIME] BODY[TEXT]<0.100> BINARY.PEEK[1]<0.10> BINARY.SIZE[2] PREVIEW (LAZY))\r\n",
    "a FETCH 1 ALL\r\n",
    "a FETCH 1 (ENVELOPE BODYSTRUCTURE INTERNALDATE MODSEQ EMAILID THREADID) (CHANGEDSINCE 5)\r\n",
    "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5 VANISHED)\r\n",
    "a UID STORE 1:3 +FLAGS.SILENT (\\Deleted $Junk)\r\n",
    "a STORE 1 (UNCHANGEDSINCE 7) FLAGS ()\r\n",
    "a UID COPY 1:2 Archive\r\n",
    "a UID MOVE 1 \"Trash\"\r\n",
    "a COMPRESS DEFLATE\r\n",
    "a LOGOUT\r\n",
];

#[test]
fn what_clients_send_is_understood_however_it_is_cut() {
    for line in CLIENTS {
        let whole = all(line.as_bytes(), line.len());
        assert!(matches!(whole.as_slice(), [Item::Command(_)]), "{line}: {whole:?}");
        assert_eq!(all(line.as_bytes(), 1), whole, "{line}");
    }
    let together = CLIENTS.concat();
    assert_eq!(all(together.as_bytes(), 7).len(), CLIENTS.len());
}

#[test]
fn trees() {
    let one = |line: &str| match all(line.as_bytes(), 99).pop() {
        Some(Item::Command(c)) => c.command,
        other => panic!("{line}: {other:?}"),
    };
    let Command::Fetch(fetch) = one("a UID FETCH 2:* FAST\r\n") else { panic!() };
    assert!(fetch.uid && fetch.items.contains(&FetchItem::Uid) && fetch.items.contains(&FetchItem::InternalDate));
    let Command::Search(search) = one("a SEARCH NOT SEEN\r\n") else { panic!() };
    assert!(search.returns.is_none() && matches!(search.key, SearchKey::Not(_) | SearchKey::And(_)));
    let Command::Append(append) = one("a APPEND inbox {2+}\r\nhi\r\n") else { panic!() };
    assert_eq!((append.mailbox.as_str(), append.messages.len()), ("INBOX", 1));
}

#[test]
fn hostile_lines_are_refused_and_the_connection_goes_on() {
    let nested = format!("a SEARCH {}SEEN{}\r\n", "(".repeat(10_000), ")".repeat(10_000));
    let sets = format!("a FETCH {} FLAGS\r\n", "1,3,".repeat(30_000) + "9");
    for line in ["a\r\n", "a FETCH\r\n", "a NOSUCH\r\n", "a FETCH 0 FLAGS\r\n", nested.as_str(), sets.as_str()] {
        let items = all(format!("{line}b NOOP\r\n").as_bytes(), 4096);
        assert!(!matches!(items.first(), Some(Item::Command(_))), "{}", &line[..line.len().min(40)]);
        assert!(matches!(items.last(), Some(Item::Command(c)) if c.tag == "b"), "{}", &line[..line.len().min(40)]);
    }
}

#[test]
fn a_command_without_room_is_read_to_its_end_and_refused() {
    for (head, tail) in [
        ("a APPEND x {10}\r\n01234", "56789\r\n"),
        ("a APPEND x {10}\r\n01234", "56789 {3+}\r\nabc {3}\r\n"),
        ("a APPEND x {5}\r\n01234 (\\Seen", ") {4+}\r\nb NO\r\n"),
    ] {
        let mut receiver = Receiver::new(Limits::AUTHENTICATED);
        receiver.feed(head.as_bytes());
        assert!(matches!(receiver.next(), Ok(Item::Continue { .. })));
        assert_eq!(receiver.next(), Ok(Item::NeedMore));
        receiver.drop_command();
        assert!(receiver.capacity_bytes() < 200);
        receiver.feed(tail.as_bytes());
        receiver.feed(b"b NOOP\r\n");
        let refused = receiver.next();
        assert!(matches!(&refused, Ok(Item::No { tag, .. }) if tag == "a"), "{tail}: {refused:?}");
        assert!(matches!(receiver.next(), Ok(Item::Command(c)) if c.tag == "b"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..20) {
        all(&data, step);
    }

    #[test]
    fn cut_commands_never_panic(which in 0..CLIENTS.len(), at in 0usize..120, byte: u8) {
        let mut line = CLIENTS[which].as_bytes().to_vec();
        let at = at % line.len();
        line[at] = byte;
        line.extend_from_slice(b"x NOOP\r\n");
        all(&line, 3);
    }

    #[test]
    fn cutting_changes_nothing(data in prop::collection::vec(any::<u8>(), 0..300), which in 0..CLIENTS.len(), at in 0usize..120) {
        receiver::run(&data);
        let line = CLIENTS[which].as_bytes();
        let (head, tail) = line.split_at(at.min(line.len()));
        receiver::run(&[head, &data, tail, b"{9}\r\n", CLIENTS[0].as_bytes(), b"{999+}\r\n", &data].concat());
    }

    #[test]
    fn answers_are_of_the_grammar(items in prop::sample::select(FETCHES.to_vec()), message in mime_pieces()) {
        rendering::run(&[items.as_bytes(), b"\n", &message].concat());
    }
}

const FETCHES: &[&str] = &[
    "ALL",
    "FULL",
    "(ENVELOPE BODYSTRUCTURE BODY PREVIEW UID MODSEQ EMAILID THREADID SAVEDATE)",
    "(BODY[] BODY[HEADER] BODY[TEXT] BODY[1] BODY[1.MIME] BODY[2.1]<3.9> BODY.PEEK[1.HEADER.FIELDS (a \"b\\\"\")])",
    "(BINARY[1] BINARY.PEEK[]<0.5> BINARY.SIZE[1] RFC822 RFC822.HEADER RFC822.TEXT BODY[HEADER.FIELDS.NOT (subject)])",
];

fn mime_pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\r\n\r\n",
        "--b\r\n",
        "--b--\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        "\"",
        "\\",
        "(",
        "\0",
        "Content-Type: message/rfc822\r\n\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "From: A \"x\\\"\" <a@b>, G: c@d;\r\n",
        "Subject: =?utf-8?q?=00?=",
        "ä",
        "AA==",
        "text",
        " ",
        ")",
        "{3}\r\n",
        "NIL",
        ": ",
        "to:",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|p| p.concat().into_bytes())
}

#[test]
fn commands_that_are_done_with_do_not_make_the_buffer_grow() {
    receiver::run(include_bytes!("../../../../fuzz/seeds/imap_receiver/grown-buffer"));
}

/// What servers send, in pieces that a generator puts together.
const ANSWERS: &[&str] = &[
    "* OK [CAPABILITY IMAP4rev1] ready\r\n",
    "* LIST (\\Sent) \"/\" ",
    "{4}\r\nab\r\n",
    "{0}\r\n",
    "* 1 FETCH (UID 5 FLAGS (\\Seen) ",
    "BODY[] {3}\r\na\0b",
    "BODY[] ~{2}\r\n()",
    "RFC822 {5+}\r\n",
    "X-GM-LABELS (\"\\\\Inbox\" a)",
    " MODSEQ (12))\r\n",
    "* VANISHED (EARLIER) 1:4,9\r\n",
    "* ESEARCH (TAG \"P1\") UID ALL 1:3\r\n",
    "P1 OK [UIDVALIDITY 3] done {3}\r\n",
    "+ \r\n",
    "\r\n",
    "\n",
    "(((",
    ")",
    "\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn responses_do_not_depend_on_fragmentation(parts in proptest::collection::vec(proptest::sample::select(ANSWERS), 0..30)) {
        client::run(parts.concat().as_bytes());
    }

    #[test]
    fn noise_of_servers_never_panics(data in proptest::collection::vec(any::<u8>(), 0..400), text in "[ -~\r\n]{0,200}") {
        client::run(&data);
        client::run(text.as_bytes());
    }
}

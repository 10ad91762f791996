//! SUMMARY    Answers of Dovecot, Cyrus, Gmail and Exchange are read, whole and byte by byte; hostile ones end within limits.

use base::limits::{
    IMAP_CLIENT_BODY_BYTES_MAX, IMAP_CLIENT_LINE_BYTES_MAX, IMAP_CLIENT_LITERALS_BYTES_MAX, IMAP_CLIENT_NESTING_MAX,
};

use super::*;
use crate::imap::{
    name::Names,
    set::{NumSet, Range},
};

/// What came: bodies joined from their pieces.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Body(u64, Vec<u8>),
    Response(Response),
}

fn read_with(reader: &mut Reader, pieces: &[&[u8]]) -> Result<Vec<Came>, Broken> {
    let mut came = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(event) = reader.read(&mut input)? {
            match (event, came.last_mut()) {
                (Event::Body(bytes), _) => came.push(Came::Body(bytes, Vec::new())),
                (Event::Piece(piece), Some(Came::Body(_, body))) => body.extend_from_slice(piece),
                (Event::Piece(_), _) => panic!("a piece without a body"),
                (Event::Response(response), _) => came.push(Came::Response(response)),
            }
        }
        assert!(input.is_empty());
    }
    Ok(came)
}

/// The same whole, byte by byte and in two halves.
fn read(text: &str) -> Vec<Came> {
    let bytes = text.as_bytes();
    let whole = read_with(&mut Reader::default(), &[bytes]).unwrap();
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read_with(&mut Reader::default(), &single).unwrap(), whole);
    let (a, b) = bytes.split_at(bytes.len() / 2);
    assert_eq!(read_with(&mut Reader::default(), &[a, b]).unwrap(), whole);
    whole
}

fn one(text: &str) -> Response {
    let mut came = read(&format!("{text}\r\n"));
    let Some(Came::Response(response)) = came.pop() else { panic!("{text}: {came:?}") };
    assert!(came.is_empty(), "{text}: {came:?}");
    response
}

fn status(text: &str) -> Status {
    let Response::Status(status) = one(text) else { panic!("{text}") };
    status
}

fn fetched(text: &str) -> Fetched {
    let Response::Fetched(fetched) = one(text) else { panic!("{text}") };
    *fetched
}

fn listed(text: &str) -> Listed {
    let Response::Listed(listed) = one(text) else { panic!("{text}") };
    listed
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn greetings() {
    let dovecot = status(
        "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN] Dovecot (Debian) ready.",
    );
    assert_eq!((dovecot.tag, dovecot.state), (None, State::Ok));
    let Some(Code::Capability(offered)) = dovecot.code else { panic!() };
    assert_eq!(offered.last().unwrap(), "AUTH=PLAIN");
    assert_eq!(offered.len(), 8);
    assert_eq!(dovecot.text, "Dovecot (Debian) ready.");
    assert_eq!(status("* PREAUTH IMAP4rev1 server ready").state, State::PreAuth);
    let bye = status("* BYE Autologout {12}");
    assert_eq!((bye.state, bye.text.as_str()), (State::Bye, "Autologout {12}"));
    let exchange = status("* OK The Microsoft Exchange IMAP4 service is ready. [QQBTADIA]");
    assert_eq!(
        (exchange.code, exchange.text.as_str()),
        (None, "The Microsoft Exchange IMAP4 service is ready. [QQBTADIA]")
    );
    assert_eq!(status("* OK").state, State::Ok);
}

#[test]
fn tagged_responses_with_codes() {
    let failed = status("P2 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)");
    assert_eq!(failed.tag.as_deref(), Some("P2"));
    assert_eq!((failed.state, failed.code), (State::No, Some(Code::Other("AUTHENTICATIONFAILED".into()))));
    let cases = [
        ("* OK [UIDVALIDITY 1700000000] UIDs valid", Some(Code::UidValidity(1_700_000_000))),
        ("* OK [UIDNEXT 51] Predicted next UID", Some(Code::UidNext(51))),
        ("* OK [HIGHESTMODSEQ 9007199254740993] Highest", Some(Code::HighestModSeq(9_007_199_254_740_993))),
        ("* OK [NOMODSEQ] Sorry", Some(Code::Other("NOMODSEQ".into()))),
        ("* NO [TRYCREATE] No such mailbox", Some(Code::Other("TRYCREATE".into()))),
        ("* OK [UIDVALIDITY x] what", Some(Code::Other("UIDVALIDITY".into()))),
        ("* OK [PERMANENTFLAGS (\\Seen \\*)] Limited", Some(Code::Other("PERMANENTFLAGS".into()))),
        ("* OK [READ-ONLY", Some(Code::Other("READ-ONLY".into()))),
        ("* OK [] nothing", None),
    ];
    for (text, code) in cases {
        assert_eq!(status(text).code, code, "{text}");
    }
    assert_eq!(one("+ idling"), Response::Continue(b"idling".to_vec()));
    assert_eq!(one("+"), Response::Continue(Vec::new()));
    assert!(matches!(one("P1 WHAT is this"), Response::Unread(_)));
}

#[test]
fn lists_in_all_spellings() {
    let plain = listed("* LIST (\\HasNoChildren \\Sent) \".\" \"INBOX.Sent Items\"");
    assert_eq!(plain.attributes, ["\\HasNoChildren", "\\Sent"]);
    assert_eq!((plain.delimiter, plain.name.as_str()), (Some('.'), "INBOX.Sent Items"));
    let seven = listed("* LIST () \"/\" Entw&APw-rfe");
    assert_eq!((seven.name.as_str(), seven.raw.as_slice()), ("Entwürfe", &b"Entw&APw-rfe"[..]));
    assert_eq!(listed("* LIST () \"/\" \"Entwürfe\"").name, "Entwürfe");
    // Not modified UTF-7: it keeps its spelling.
    assert_eq!(listed("* LIST () \"/\" \"R&D\"").name, "R&D");
    assert_eq!(listed("* LIST (\\Noselect) NIL \"\"").delimiter, None);
    let came = read("* LIST () \"/\" {6}\r\na \"b\" \r\n");
    let [Came::Response(Response::Listed(literal))] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!(literal.name, "a \"b\" ");
    assert!(listed("* LSUB () \"/\" INBOX").is_subscribed);
    let extended = listed("* LIST (\\Subscribed) \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    assert_eq!(extended.name, "a");
    let mut reader = Reader::default();
    reader.set_names(Names::Utf8);
    let came = read_with(&mut reader, &["* LIST () \"/\" \"a&b-\"\r\n".as_bytes()]).unwrap();
    assert!(matches!(&came[..], [Came::Response(Response::Listed(l))] if l.name == "a&b-"));
}

#[test]
fn counts_of_mailboxes() {
    let Response::MailboxStatus(found) = one(
        "* STATUS \"a b\" (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 7 HIGHESTMODSEQ 9 SIZE 123456789012 X-THING (1 (2)))",
    ) else {
        panic!()
    };
    assert_eq!((found.raw.as_slice(), found.messages, found.uid_next), (&b"a b"[..], Some(231), Some(44_292)));
    assert_eq!((found.uid_validity, found.highest_modseq, found.size), (Some(7), Some(9), Some(123_456_789_012)));
    assert_eq!(one("* 172 EXISTS"), Response::Exists(172));
    assert_eq!(one("* 1 RECENT"), Response::Other("RECENT".into()));
    assert_eq!(one("* 3 EXPUNGE"), Response::Expunged(3));
    assert_eq!(
        one("* FLAGS (\\Answered $Label1 NonJunk)"),
        Response::Flags(words(&["\\Answered", "$Label1", "NonJunk"]))
    );
    assert_eq!(one("* CAPABILITY IMAP4rev1 x-gm-ext-1"), Response::Capability(words(&["IMAP4REV1", "X-GM-EXT-1"])));
    assert_eq!(one("* ENABLED QRESYNC"), Response::Enabled(words(&["QRESYNC"])));
    assert_eq!(one("* ID (\"name\" \"Dovecot\")"), Response::Other("ID".into()));
    let namespaces = one(
        "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user/\" \"/\" \"X-PARAM\" (\"a\" \"b\"))) ((\"#s/\" \"/\")(\"#p\" NIL))",
    );
    let Response::Namespaces(found) = namespaces else { panic!("{namespaces:?}") };
    assert_eq!(found.personal, [Prefix { name: "INBOX.".into(), delimiter: Some('.') }]);
    assert_eq!((found.others.len(), found.shared.len()), (1, 2));
    assert_eq!(found.shared[1], Prefix { name: "#p".into(), delimiter: None });
    assert!(matches!(one("* NAMESPACE ((\"\" \"/\")) NIL"), Response::Unread(_)));
}

#[test]
fn messages_are_handed_out_in_pieces() {
    let text = "* 1 FETCH (UID 5 FLAGS (\\Seen $Forwarded) INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\" RFC822.SIZE 8 BODY[] {8}\r\na: b\r\n\r\n MODSEQ (12))\r\nP3 OK Fetch completed.\r\n";
    let came = read(text);
    assert_eq!(came[0], Came::Body(8, b"a: b\r\n\r\n".to_vec()));
    let Came::Response(Response::Fetched(item)) = &came[1] else { panic!("{came:?}") };
    assert_eq!((item.sequence, item.uid, item.size, item.modseq), (1, Some(5), Some(8), Some(12)));
    assert_eq!(item.flags, Some(words(&["\\Seen", "$Forwarded"])));
    assert_eq!(item.internal_date.unwrap().secs(), 760_686_745);
    assert_eq!(item.body, Some(Body::Pieces(8)));
    assert!(matches!(&came[2], Came::Response(Response::Status(s)) if s.tag.as_deref() == Some("P3")));
}

#[test]
fn bodies_in_other_forms() {
    // The uid behind the body; binary literals; nothing at all; quoted.
    let came = read(
        "* 2 FETCH (RFC822 {3}\r\nab\n UID 9)\r\n* 3 FETCH (UID 10 BINARY[] ~{2}\r\n\0\0)\r\n* 4 FETCH (BODY[]<0> {0}\r\n UID 11)\r\n",
    );
    assert_eq!(came[0], Came::Body(3, b"ab\n".to_vec()));
    assert!(matches!(&came[1], Came::Response(Response::Fetched(f)) if f.uid == Some(9)));
    assert_eq!(came[2], Came::Body(2, vec![0, 0]));
    assert_eq!(came[4], Came::Body(0, Vec::new()));
    assert_eq!(fetched("* 1 FETCH (UID 1 BODY[] NIL)").body, Some(Body::Missing));
    assert_eq!(fetched("* 1 FETCH (UID 1 BODY[] \"a\\\"b\")").body, Some(Body::Inline(b"a\"b".to_vec())));
    // Headers are not a message: their literal is small, and stepped over.
    let came = read("* 1 FETCH (BODY[HEADER.FIELDS (\"Subject\" X)] {4}\r\nab\r\n UID 3)\r\n");
    let [Came::Response(Response::Fetched(item))] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!((item.uid, &item.body), (Some(3), &None));
    let odd = fetched(
        "* 1 FETCH (ENVELOPE (NIL \"s)\" ((NIL NIL \"a\" \"b\"))) UID 3 FLAGS () INTERNALDATE \"32-Xxx-1999\")",
    );
    assert_eq!((odd.uid, odd.internal_date, odd.flags), (Some(3), None, Some(Vec::new())));
}

#[test]
fn gmail() {
    let item = fetched(
        "* 1 FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (\"\\\\Inbox\" \\Sent Important \"Muy &AOk-\" \"a/b c\") UID 1)",
    );
    assert_eq!(item.labels, Some(words(&["\\Inbox", "\\Sent", "Important", "Muy é", "a/b c"])));
    assert_eq!(item.message_id, Some(1_278_455_344_230_334_865));
}

#[test]
fn exchange_and_cyrus() {
    let item = fetched("* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"01-Nov-2023 08:00:01 +0100\" UID 4)");
    assert_eq!(item.internal_date.unwrap().secs(), 1_698_822_001);
    let Response::Found(found) = one("* ESEARCH (TAG \"P4\") UID ALL 1:3,9 COUNT 4 MODSEQ 77 MIN 1") else { panic!() };
    assert_eq!(found.ranges, [Range { first: 1, last: 3 }, Range { first: 9, last: 9 }]);
    assert_eq!((found.count, found.modseq), (Some(4), Some(77)));
    let Response::Found(found) = one("* SEARCH 2 3 6 (MODSEQ 917162500)") else { panic!() };
    assert_eq!((found.count, found.modseq), (Some(3), Some(917_162_500)));
    let vanished = one("* VANISHED (EARLIER) 41,43:116,119");
    let Response::Vanished { earlier: true, uids } = vanished else { panic!("{vanished:?}") };
    assert_eq!(uids.len(), 3);
    assert!(matches!(one("* VANISHED 405"), Response::Vanished { earlier: false, .. }));
}

#[test]
fn nonsense_is_told_and_the_next_response_is_read() {
    for text in [
        "* 1 FETCH UID 3",
        "* LIST foo",
        "* 1 FETCH (FLAGS (\\Seen UID 3",
        "* STATUS a (MESSAGES x)",
        "* VANISHED",
        "* FLAGS ((((",
        "hello",
    ] {
        let came = read(&format!("{text}\r\n* 5 EXISTS\r\n"));
        assert!(matches!(came[0], Came::Response(Response::Unread(_))), "{came:?}");
        assert_eq!(came[1], Came::Response(Response::Exists(5)), "{text}");
    }
    let deep = format!("* 1 FETCH (X {})", "(".repeat(IMAP_CLIENT_NESTING_MAX + 2));
    assert!(matches!(one(&deep), Response::Unread(_)));
}

#[test]
fn hostile_servers_end_within_limits() {
    let broken = |text: &[u8]| read_with(&mut Reader::default(), &[text]).unwrap_err().0;
    assert!(broken(&vec![b'a'; IMAP_CLIENT_LINE_BYTES_MAX + 1]).contains("IMAP_CLIENT_LINE_BYTES_MAX"));
    let body = format!("* 1 FETCH (BODY[] {{{}}}\r\n", IMAP_CLIENT_BODY_BYTES_MAX + 1);
    assert!(broken(body.as_bytes()).contains("IMAP_CLIENT_BODY_BYTES_MAX"));
    assert!(broken(b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n").contains("IMAP_CLIENT_LITERALS_BYTES_MAX"));
    let literal = format!("* LIST () \"/\" {{{}}}\r\n", IMAP_CLIENT_LITERALS_BYTES_MAX + 1);
    assert!(broken(literal.as_bytes()).contains("IMAP_CLIENT_LITERALS_BYTES_MAX"));
    let half = IMAP_CLIENT_LITERALS_BYTES_MAX / 2 + 1;
    let two = format!("* X {{{half}}}\r\n{} {{{half}}}\r\n", "a".repeat(half));
    assert!(broken(two.as_bytes()).contains("IMAP_CLIENT_LITERALS_BYTES_MAX"));
    assert!(broken(b"* OK \0\r\n").contains("NUL"));
    // What is announced is not held before it comes.
    let mut reader = Reader::default();
    read_with(&mut reader, &[format!("* LIST () \"/\" {{{IMAP_CLIENT_LITERALS_BYTES_MAX}}}\r\n").as_bytes()]).unwrap();
    assert!(reader.literals_capacity() < 100);
}

fn sent(command: &Command) -> String {
    let parts: Vec<_> = command.parts.iter().map(|part| String::from_utf8(part.to_vec()).unwrap()).collect();
    parts.join("|")
}

#[test]
fn commands() {
    let mut writer = Writer::default();
    assert_eq!(sent(&writer.plain("CAPABILITY")), "P1 CAPABILITY\r\n");
    assert_eq!(sent(&writer.login("a\"b", "c\\d e")), "P2 LOGIN \"a\\\"b\" \"c\\\\d e\"\r\n");
    assert_eq!(sent(&writer.login("ä", "p\r\nX LOGOUT")), "P3 LOGIN {2}\r\n|ä {11}\r\n|p\r\nX LOGOUT\r\n");
    writer.set_literals(Literals::Plus);
    assert_eq!(sent(&writer.login("ä", "b")), "P4 LOGIN {2+}\r\nä \"b\"\r\n");
    writer.set_literals(Literals::Minus);
    let long = "ä".repeat(3_000);
    assert_eq!(sent(&writer.login("ä", &long)), format!("P5 LOGIN {{2+}}\r\nä {{6000}}\r\n|{long}\r\n"));
    assert_eq!(sent(&writer.plain_auth("u", "p", true)), "P6 AUTHENTICATE PLAIN AHUAcA==\r\n");
    assert_eq!(sent(&writer.plain_auth("u", "p", false)), "P7 AUTHENTICATE PLAIN\r\n|AHUAcA==\r\n");
    let decoded = |text: &str| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        String::from_utf8(STANDARD.decode(text.trim_end().rsplit(' ').next().unwrap()).unwrap()).unwrap()
    };
    let xoauth = sent(&writer.xoauth2("u@g.example", "ya29.x", true));
    assert_eq!(decoded(&xoauth), "user=u@g.example\x01auth=Bearer ya29.x\x01\x01");
    let bearer = sent(&writer.oauth_bearer("u,=@g.example", "t", ("imap.g.example", 993), true));
    assert_eq!(decoded(&bearer), "n,a=u=2C=3D@g.example,\x01host=imap.g.example\x01port=993\x01auth=Bearer t\x01\x01");
    assert_eq!(sent(&writer.enable(&["QRESYNC"])), "P10 ENABLE QRESYNC\r\n");
    assert_eq!(sent(&writer.list(&["SPECIAL-USE"])), "P11 LIST \"\" \"*\" RETURN (SPECIAL-USE)\r\n");
    assert_eq!(sent(&writer.examine(b"Entw&APw-rfe", true)), "P12 EXAMINE \"Entw&APw-rfe\" (CONDSTORE)\r\n");
    let uids: NumSet = [1, 2, 3, 9].into_iter().collect();
    let fetch = writer.uid_fetch(&uids, "UID FLAGS", Some(12), true);
    assert_eq!(sent(&fetch), "P13 UID FETCH 1:3,9 (UID FLAGS) (CHANGEDSINCE 12 VANISHED)\r\n");
    assert_eq!(sent(&writer.status(b"a", &["MESSAGES"])), "P14 STATUS \"a\" (MESSAGES)\r\n");
}

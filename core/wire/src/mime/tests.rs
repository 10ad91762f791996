//! Table tests of the scan and of what is read and rendered from it.

use base::limits::{FETCH_ITEM_BYTES_MAX, HEADER_ADDRESSES_MAX, MIME_DEPTH_MAX, MIME_PARTS_MAX, PREVIEW_CHARS_MAX};

use super::check::{check_body, check_bodystructure, check_envelope};
use super::*;

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn structure_of(message: &[u8]) -> String {
    let s = scan(message);
    let text = render_bodystructure(&s, message);
    check_bodystructure(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text)));
    let body = render_body(&s, message);
    check_body(&body).unwrap();
    if text.len() < FETCH_ITEM_BYTES_MAX / 2 {
        assert_eq!(body_from_bodystructure(&text), Some(body));
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn check(message: &str, expect: &str) {
    assert_eq!(structure_of(&crlf(message)), expect, "{message}");
}

#[test]
fn bodystructures() {
    check("", r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)"#);
    check("Subject: x\n\na\nb", r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 1 NIL NIL NIL NIL)"#);
    check(
        "Content-Type: IMAGE/Png; name=\"a \\\"b\"; x=1 (c)\nContent-ID: <i@x>\nContent-Transfer-Encoding: BASE64\n\
         Content-MD5: q==\nContent-Description:\n  a\n b\nContent-Disposition: attachment; filename*=utf-8''%c3%a4\n\
         Content-Language: de, en\nContent-Location: http://x/\n\nAAAA\n",
        r#"("image" "png" ("name" "a \"b" "x" "1") "<i@x>" "a b" "base64" 6 "q==" ("attachment" ("filename*" "utf-8''%c3%a4")) ("de" "en") "http://x/")"#,
    );
    check(
        "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: text/html; charset=utf-8\n\ntwo\n\n--b--\npost\n",
        r#"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL)("text" "html" ("charset" "utf-8") NIL NIL "7bit" 5 1 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)"#,
    );
    let inner = r#"("d" "s" ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 2 0 NIL NIL NIL NIL)"#;
    check(
        "Content-Type: multipart/digest; boundary=\"b\"\n\n--b\n\nDate: d\nSubject: s\nFrom: a@x\n\nhi\n--b--\n",
        &format!(
            r#"(("message" "rfc822" NIL NIL NIL "7bit" 36 {inner} 4 NIL NIL NIL NIL) "digest" ("boundary" "b") NIL NIL NIL)"#
        ),
    );
}

#[test]
fn broken_multiparts_show_their_text() {
    let text = |n: usize, l: usize| {
        format!(r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" {n} {l} NIL NIL NIL NIL)"#)
    };
    check("Content-Type: multipart/mixed\n\nhello\n", &format!(r#"({} "mixed" NIL NIL NIL NIL)"#, text(7, 1)));
    check(
        "Content-Type: multipart/mixed; boundary=x\n\nno delimiter\n",
        &format!(r#"({} "mixed" ("boundary" "x") NIL NIL NIL)"#, text(14, 1)),
    );
    check(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nunterminated",
        &format!(r#"({} "mixed" ("boundary" "x") NIL NIL NIL)"#, text(12, 0)),
    );
    check(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n--x--",
        &format!(r#"({0}{0} "mixed" ("boundary" "x") NIL NIL NIL)"#, text(0, 0)),
    );
    check(
        "Content-Type: multipart/mixed; boundary=x\nContent-Type: text/html\n\n--xy\n--x \n\na\n--x--",
        &format!(r#"({} "mixed" ("boundary" "x") NIL NIL NIL)"#, text(1, 0)),
    );
    check(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQUJD\n",
        &format!(
            r#"("message" "rfc822" NIL NIL NIL "base64" 6 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) {} 1 NIL NIL NIL NIL)"#,
            text(6, 1)
        ),
    );
}

fn check_env(message: &str, expect: &str) {
    let message = crlf(message);
    let text = render_envelope(&scan(&message), &message);
    check_envelope(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text)));
    assert_eq!(String::from_utf8_lossy(&text), expect);
}

#[test]
fn envelopes() {
    check_env("\nbody", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    check_env(
        "Date: Mon\nSubject: a\n \"b\" =?utf-8?q?c?=\nFrom: \"Ann \\\"A\\\" X\" <ann@x.org>\nReply-To: r@x (Rob)\n\
         To: Team: a@b, B <b@c>;, undisclosed\nCc: <@r1,@r2:c@d>\nBcc: ;\nIn-Reply-To: <1@x>\nMessage-ID: <2@x>\n\n",
        concat!(
            r#"("Mon" "a \"b\" =?utf-8?q?c?=" (("Ann \"A\" X" NIL "ann" "x.org")) (("Ann \"A\" X" NIL "ann" "x.org")) (("Rob" NIL "r" "x")) "#,
            r#"((NIL NIL "Team" NIL)(NIL NIL "a" "b")("B" NIL "b" "c")(NIL NIL NIL NIL)(NIL NIL "undisclosed" "")) "#,
            r#"((NIL "@r1,@r2" "c" "d")) NIL "<1@x>" "<2@x>")"#
        ),
    );
    check_env("Subject: \u{e4}\nSubject: second\n\n", "(NIL {2}\r\n\u{e4} NIL NIL NIL NIL NIL NIL NIL NIL)");
    check_env("Subject:\n\n", "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

#[test]
fn huge_items_stay_below_the_limit_and_valid() {
    let to: String =
        (0..HEADER_ADDRESSES_MAX * 2).map(|n| format!(" person number {n} <person{n}@example.org>,\r\n")).collect();
    let mut message = format!("Subject: {}\r\nFrom: a@b\r\nTo:{to}\r\n", "long ".repeat(20_000)).into_bytes();
    let text = render_envelope(&scan(&message), &message);
    check_envelope(&text).unwrap();
    assert!(text.len() <= FETCH_ITEM_BYTES_MAX && text.len() > 1_000);
    message.clear();
    message.extend_from_slice(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for n in 0..MIME_PARTS_MAX * 3 {
        message.extend(format!("--b\r\nContent-Type: application/x; name={}\r\n\r\n{n}\r\n", "n".repeat(100)).bytes());
    }
    let s = scan(&message);
    assert_eq!(s.parts.len(), MIME_PARTS_MAX);
    assert_eq!(s.parts.last().unwrap().body.end as usize, message.len());
    assert!(structure_of(&message).len() <= FETCH_ITEM_BYTES_MAX);
}

#[test]
fn nesting_ends_at_its_limit() {
    let deep: String =
        (0..1_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    let s = scan(deep.as_bytes());
    assert_eq!(s.parts.len(), MIME_DEPTH_MAX + 2);
    structure_of(deep.as_bytes());
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(1_000);
    let s = scan(deep.as_bytes());
    assert_eq!(s.parts.len(), MIME_DEPTH_MAX + 2);
    structure_of(deep.as_bytes());
}

const NESTED: &str = "Subject: outer\nTo: t@x\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n\
    --i\n\nplain\n--i\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<b>h=C3=A4\n--i--\n\n\
    --o\nContent-Type: message/rfc822\nX-Part: p\n\nSubject: inner\nContent-Type: multipart/mixed; boundary=n\n\n--n\n\nfirst\n--n--\n\
    --o\nContent-Type: message/rfc822\n\nSubject: single\n\nalone\n--o--\n";

#[test]
fn sections() {
    use SectionKind::*;
    let message = crlf(NESTED);
    let s = scan(&message);
    let fields = |names: &[&str]| names.iter().map(|n| n.as_bytes().to_vec()).collect::<Vec<_>>();
    let get = |path: &[u32], kind: &SectionKind| {
        let found = section(&message, &s, &Section { path: path.to_vec(), kind: kind.clone() });
        found.map(|b| String::from_utf8_lossy(&b).replace("\r\n", "|"))
    };
    let check = |path: &[u32], kind: SectionKind, expect: Option<&str>| {
        assert_eq!(get(path, &kind).as_deref(), expect, "{path:?} {kind:?}");
    };
    check(&[1, 1], All, Some("plain"));
    check(&[1, 2], All, Some("<b>h=C3=A4"));
    check(&[1, 2], Mime, Some("Content-Type: text/html|Content-Transfer-Encoding: quoted-printable||"));
    check(&[2], Mime, Some("Content-Type: message/rfc822|X-Part: p||"));
    check(&[2], Header, Some("Subject: inner|Content-Type: multipart/mixed; boundary=n||"));
    check(&[2], Text, Some("--n||first|--n--"));
    check(&[2, 1], All, Some("first"));
    check(&[2, 1], Header, None);
    check(&[3], All, Some("Subject: single||alone"));
    check(&[3, 1], All, Some("alone"));
    check(&[3, 1], Mime, Some("Subject: single||"));
    check(&[3, 2], All, None);
    check(&[3, 1, 1], All, None);
    check(&[4], All, None);
    check(&[0], All, None);
    check(&[], Mime, None);
    check(&[], HeaderFields(fields(&["to", "x"])), Some("To: t@x||"));
    check(&[], HeaderFieldsNot(fields(&["content-type"])), Some("Subject: outer|To: t@x||"));
    check(&[2], HeaderFields(fields(&["SUBJECT"])), Some("Subject: inner||"));
    assert_eq!(section(&message, &s, &Section::default()).unwrap(), message);
    assert_eq!(binary(&message, &s, &[1, 2]).unwrap(), "<b>hä".as_bytes());
    assert_eq!(binary(&message, &s, &[9]), Err(BinaryError::NoSuchPart));
    let plain = b"Content-Transfer-Encoding: x-odd\r\n\r\nbody";
    let s = scan(plain);
    assert_eq!(section(plain, &s, &Section { path: vec![1], kind: All }).unwrap(), &b"body"[..]);
    assert_eq!(binary(plain, &s, &[1]), Err(BinaryError::UnknownEncoding));
}

#[test]
fn texts_of_headers() {
    let check = |raw: &str, expect: &str| assert_eq!(decode_text(raw.as_bytes()), expect, "{raw}");
    check(" plain\r\n text ", "plain text");
    check("=?utf-8?q?a=C3=A4_b?=", "aä b");
    check("=?UTF-8*en?B?w6Q=?= =?utf-8?B?w6Q=?=\r\n x", "ää x");
    check("=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "ä");
    check("=?iso-8859-1?Q?=E4?=x =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "äx 日本");
    check("=?utf-7?Q?+AOQ-?=", "ä");
    check("a =?broken =?utf-8?x?y?= ?=", "a =?broken =?utf-8?x?y?= ?=");
    check("raw ä", "raw ä");
    assert_eq!(decode_text(b"raw \xe4"), "raw ä");
    check("=?unknown?q?=C3=A4?=", "ä");
    check("=?utf-8?q?a=0D=0Ab?=", "a  b");
}

#[test]
fn parameters() {
    let get = |value: &str, name: &str| {
        let message = format!("Content-Disposition: attachment; {value}\r\n\r\n").into_bytes();
        assert_eq!(name, "filename");
        scan(&message).parts[0].filename(&message)
    };
    let check = |value: &str, expect: &str| assert_eq!(get(value, "filename").as_deref(), Some(expect), "{value}");
    check("filename=a.txt", "a.txt");
    check("FileName = \"a b.txt\"", "a b.txt");
    check("filename=a b.txt; x=y", "a b.txt");
    check("x=y filename=z", "z");
    check("filename=\"=?utf-8?q?=C3=A4?=\"", "ä");
    check("filename=plain; filename*=iso-8859-1'de'%E4", "ä");
    check("filename*1*=%A4; filename*0*=utf-8''%C3; filename*2=\" %41\"", "ä %41");
    check("filename*0=\"a\"; filename*1=b", "ab");
    check("filename=\"unclosed", "unclosed");
}

#[test]
fn previews() {
    let check = |message: &str, expect: &str| {
        let message = crlf(message);
        assert_eq!(preview(&message, &scan(&message)), expect);
    };
    check(NESTED, "plain");
    check("\n\n  a \n> quoted\n\tb\u{200c}", "a b");
    check("\n> only\n> quotes", "> only > quotes");
    check("Content-Type: application/pdf\n\nx", "");
    check(
        "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n\
         <html><head><title>t</title><style>p {}</style></head><p>Gr=FC=DFe<br>an&nbsp;<b>Sie</b>&amp;&#x41;&lt;<!-- > -->",
        "Grüße an Sie&A<",
    );
    let long = crlf(&format!("\n{}", "word ä ".repeat(3_000)));
    assert!(preview(&long, &scan(&long)).chars().count() <= PREVIEW_CHARS_MAX);
    assert!(preview(&long, &scan(&long)).chars().count() >= PREVIEW_CHARS_MAX - 2);
}

#[test]
fn searches() {
    let message = crlf(NESTED);
    let s = scan(&message);
    let has = |text: &str, scope| text_contains(&message, &s, &Needle::new(text), scope);
    assert!(has("OUTER", SearchScope::Whole));
    assert!(!has("OUTER", SearchScope::BodyOnly));
    assert!(has("Inner", SearchScope::BodyOnly));
    assert!(has("HÄ", SearchScope::BodyOnly));
    assert!(!has("<b>", SearchScope::BodyOnly));
    assert!(has("subject: outer", SearchScope::Whole));
    assert!(header_contains(&message, b"to", &Needle::new("")));
    assert!(!header_contains(&message, b"cc", &Needle::new("")));
    assert!(header_contains(b"Subject: =?utf-8?q?=C3=84rger?=\r\n\r\n", b"SUBJECT", &Needle::new("ärg")));
}

#[test]
fn attachments() {
    let check = |head: &str, expect: bool| {
        let message =
            crlf(&format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n{head}\n\nx\n--b--\n"));
        assert_eq!(has_attachment(&scan(&message)), expect, "{head}");
    };
    check("Content-Type: text/html", false);
    check("Content-Type: application/pdf", true);
    check("Content-Type: application/pgp-signature; name=s.asc", false);
    check("Content-Type: image/png\nContent-ID: <a>", false);
    check("Content-Type: image/png; name=a.png\nContent-Disposition: inline", false);
    check("Content-Type: text/plain\nContent-Disposition: attachment", true);
    check("Content-Type: text/plain; name=notes.txt", true);
    check("Content-Type: message/rfc822", true);
    assert!(!has_attachment(&scan(b"\r\nhi")));
}

#[test]
fn address_lists() {
    let check = |value: &str, expect: &[(&str, &str)]| {
        let got: Vec<_> = mailboxes(value.as_bytes())
            .iter()
            .map(|m| (m.name.as_deref().map(decode_text).unwrap_or_default(), m.address()))
            .collect();
        let expect: Vec<_> = expect.iter().map(|(n, a)| ((*n).to_owned(), (*a).to_owned())).collect();
        assert_eq!(got, expect, "{value}");
    };
    check("a@b", &[("", "a@b")]);
    check("Joe Q. Public <john.q.public@example.com>", &[("Joe Q. Public", "john.q.public@example.com")]);
    check("\"a b\"@c, <\"x\\\"y\"@z>", &[("", "a b@c"), ("", "x\"y@z")]);
    check("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", &[("Pete", "pete@silly.test")]);
    check("a @ b . c (Ann (X))", &[("Ann (X)", "a@b.c")]);
    check("=?utf-8?Q?M=C3=BCller,_Eva?= <e@x>", &[("Müller, Eva", "e@x")]);
    check("Joe joe@x.org", &[("", "joe@x.org")]);
    check("A <a@b, B <c@d>", &[("A", "a@b"), ("B", "c@d")]);
    check("\"open <a@b>, c@d", &[("open", "a@b"), ("", "c@d")]);
    check("a@[192.0.2.1], <b@[IPv6:::1]>", &[("", "a@[192.0.2.1]"), ("", "b@[IPv6:::1]")]);
    check("a@b; c@d", &[("", "a@b"), ("", "c@d")]);
    check("<>", &[]);
    check(",,;:@", &[]);
    check("root", &[("", "root")]);
    let many = "a@b,".repeat(HEADER_ADDRESSES_MAX * 2);
    assert_eq!(mailboxes(many.as_bytes()).len(), HEADER_ADDRESSES_MAX);
}

#[test]
fn headers_are_found_and_unfolded() {
    let message = b"From x@y Mon Nov 23 10:00:00 2026\r\nA : 1\r\nno field\r\nb: 2\r\n\t3\r\n\r\nc: 4\r\n";
    let names: Vec<_> = headers(message).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
    assert_eq!(names, ["", "A", "", "b"]);
    assert_eq!(first(message, b"a"), Some(&b" 1"[..]));
    assert_eq!(unfold(first(message, b"B").unwrap()), &b"2\t3"[..]);
    assert_eq!(first(message, b"c"), None);
}

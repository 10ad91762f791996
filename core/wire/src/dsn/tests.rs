use super::*;
use proptest::prelude::*;

const ORIGINAL: &[u8] = b"From: ann@a.example\r\nSubject: hello\r\n there\r\n\r\nsecret body\r\n.\r\n";

fn recipient(to: &str, action: Action) -> RecipientReport {
    RecipientReport {
        to: Address::parse(to).unwrap(),
        original: None,
        action,
        status: Enhanced(5, 1, 1),
        remote_mta: None,
        diagnostic: None,
        last_attempt: None,
        will_retry_until: None,
    }
}

fn built(recipients: &[RecipientReport], original: &[u8], ret: Option<Ret>) -> Built {
    let (mta, to) = (Domain::parse("mx.example").unwrap(), Address::parse("ann@a.example").unwrap());
    build(&Report {
        reporting_mta: &mta,
        to: &to,
        date: Timestamp::from_secs(1_700_000_000),
        message_id: "<1@mx.example>",
        boundary: "=_b1",
        envid: Some("QQ 1"),
        arrival: Some(Timestamp::from_secs(1_699_999_000)),
        recipients,
        original,
        ret,
    })
}

fn text(b: &Built) -> String {
    String::from_utf8(b.message.clone()).unwrap()
}

#[test]
fn a_failure_reads_well_for_people_and_programs() {
    let mut r = recipient("bob@b.example", Action::Failed);
    r.remote_mta = Some("mx.b.example".into());
    r.diagnostic = Some("550 5.1.1 no such user\r\nX-Evil: yes".into());
    r.original = Some(Orcpt { kind: "rfc822".into(), address: "bob+x@b.example".into() });
    r.last_attempt = Some(Timestamp::from_secs(1_700_000_000));
    let b = built(&[r, recipient("c@b.example", Action::Delivered)], ORIGINAL, Some(Ret::Headers));
    let t = text(&b);
    assert!(!b.smtputf8);
    for want in [
        "From: Mail Delivery System <mailer-daemon@mx.example>\r\n",
        "To: <ann@a.example>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        "multipart/report; report-type=delivery-status;\r\n boundary=\"=_b1\"\r\n",
        "Original-Envelope-Id: QQ+201\r\n",
        "Reporting-MTA: dns; mx.example\r\nArrival-Date: Tue, 14 Nov 2023 21:56:40 +0000\r\n\r\n",
        "Original-Recipient: rfc822;bob+2Bx@b.example\r\nFinal-Recipient: rfc822; bob@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user X-Evil: yes\r\n",
        "Content-Type: text/rfc822-headers\r\n\r\nFrom: ann@a.example\r\nSubject: hello\r\n there\r\n--=_b1--\r\n",
    ] {
        assert!(t.contains(want), "{want} is not in\n{t}");
    }
    assert!(!t.contains("secret body") && !t.contains("\nX-Evil"));
    let status = parse(&b.message).unwrap();
    assert_eq!(status.message.field("Reporting-MTA"), Some("dns; mx.example"));
    let got: Vec<_> = status.recipients.iter().map(|r| (r.final_recipient(), r.action(), r.status())).collect();
    let code = Some(Enhanced(5, 1, 1));
    assert_eq!(
        got,
        [(Some("bob@b.example"), Some(Action::Failed), code), (Some("c@b.example"), Some(Action::Delivered), code)]
    );
}

#[test]
fn the_whole_message_comes_back_only_with_a_failure_that_asks() {
    let failed = [recipient("bob@b.example", Action::Failed)];
    let has = |b: Built| text(&b).contains("secret body");
    assert!(has(built(&failed, ORIGINAL, Some(Ret::Full))));
    assert!(!has(built(&failed, ORIGINAL, None)));
    assert!(!has(built(&[recipient("bob@b.example", Action::Delayed)], ORIGINAL, Some(Ret::Full))));
    let big = [ORIGINAL, &vec![b'x'; base::limits::DSN_ORIGINAL_BYTES_MAX]].concat();
    let b = built(&failed, &big, Some(Ret::Full));
    assert!(!has(b.clone()) && b.message.len() < 10_000);
    let long = b"X: y\r\n".repeat(base::limits::DSN_HEADER_BYTES_MAX);
    assert!(built(&failed, &long, None).message.len() < base::limits::DSN_HEADER_BYTES_MAX + 10_000);
}

#[test]
fn a_delay_says_until_when() {
    let mut r = recipient("bob@b.example", Action::Delayed);
    r.will_retry_until = Some(Timestamp::from_secs(1_700_100_000));
    let t = text(&built(&[r], ORIGINAL, None));
    assert!(
        t.contains("Subject: Delayed mail") && t.contains("Will-Retry-Until: Thu, 16 Nov 2023 02:00:00 +0000\r\n"),
        "{t}"
    );
}

#[test]
fn addresses_beyond_ascii_make_a_global_report() {
    let mut r = recipient("用户@b.example", Action::Failed);
    r.original = Some(Orcpt { kind: "utf-8".into(), address: "用+1@b.example".into() });
    let b = built(&[r], "Subject: ü\r\n\r\nx".as_bytes(), Some(Ret::Full));
    let t = text(&b);
    assert!(b.smtputf8);
    assert!(t.contains("Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n"), "{t}");
    assert!(
        t.contains("Original-Recipient: utf-8;用\\x{2B}1@b.example\r\nFinal-Recipient: utf-8; 用户@b.example\r\n"),
        "{t}"
    );
    assert!(t.contains("Content-Type: message/global\r\n"), "{t}");
    assert_eq!(parse(&b.message).unwrap().recipients[0].final_recipient(), Some("用户@b.example"));
}

#[test]
fn other_messages_are_no_reports() {
    for m in [
        "",
        "Subject: x\r\n\r\ny",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b--\r\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    ] {
        assert_eq!(parse(m.as_bytes()), None, "{m}");
    }
}

proptest! {
    #[test]
    fn foreign_text_never_breaks_a_line(diagnostic in "[\\PC\r\n\t\u{0}]{0,300}", mta in "[\\PC\r\n]{0,40}", boundary in "\\PC{0,90}", id in "[\\PC\r\n]{0,30}") {
        let mut r = recipient("bob@b.example", Action::Failed);
        (r.diagnostic, r.remote_mta) = (Some(diagnostic), Some(mta));
        let (host, to) = (Domain::parse("mx.example").unwrap(), Address::parse("ann@a.example").unwrap());
        let recipients = [r];
        let b = build(&Report { reporting_mta: &host, to: &to, date: Timestamp(0), message_id: &id, boundary: &boundary, envid: None, arrival: None, recipients: &recipients, original: b"A: b\r\n\r\n", ret: None });
        prop_assert!(crate::smtp::data::ChunkCheck::new(false).push(&b.message).is_ok());
        prop_assert!(b.message.split(|c| *c == b'\n').all(|l| l.len() < 1200));
        let status = parse(&b.message);
        prop_assert_eq!(status.as_ref().and_then(|s| s.recipients[0].final_recipient()), Some("bob@b.example"));
    }

    #[test]
    fn parsing_never_panics(data in proptest::collection::vec(any::<u8>(), 0..300), tail in "[-b:;a-z \r\n]{0,100}") {
        let _ = parse(&data);
        let _ = parse(format!("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n{tail}").as_bytes());
    }
}

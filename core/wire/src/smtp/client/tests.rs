use super::*;
use crate::smtp::{Notify, Ret};

fn config() -> ClientConfig {
    ClientConfig {
        hostname: Domain::parse("out.example").unwrap(),
        lmtp: false,
        tls: TlsPolicy::IfOffered,
        tls_active: false,
        auth: None,
        eight_bit_anyway: false,
    }
}

fn delivery(to: &[&str], message: &str) -> Delivery {
    let recipient = |t: &&str| OutRecipient { to: Address::parse(t).unwrap(), params: RcptParams::default() };
    Delivery {
        from: Some(Address::parse("ann@a.example").unwrap()),
        params: MailParams::default(),
        recipients: to.iter().map(recipient).collect(),
        head: Bytes::new(),
        message: Bytes::copy_from_slice(message.as_bytes()),
    }
}

/// Plays a script of `C: expected line` and `S: line to feed`; `TLS` is a handshake, `EOF` the end. Deliveries are sent at each `Ready`.
fn play(config: ClientConfig, deliveries: Vec<Delivery>, script: &str) -> (Vec<DeliveryResult>, Option<Reply>) {
    let whole = run(config.clone(), deliveries.clone(), script, usize::MAX);
    assert_eq!(run(config, deliveries, script, 1), whole, "byte by byte differs");
    whole
}

fn run(
    config: ClientConfig,
    deliveries: Vec<Delivery>,
    script: &str,
    piece: usize,
) -> (Vec<DeliveryResult>, Option<Reply>) {
    let mut client = Client::new(config);
    let mut deliveries = deliveries.into_iter();
    let (mut results, mut failed, mut written) = (Vec::new(), None, String::new());
    let mut lines = script.lines().map(str::trim).filter(|l| !l.is_empty()).peekable();
    let mut input: VecDeque<u8> = VecDeque::new();
    for _ in 0..100_000 {
        let step = client.next();
        match step {
            ClientStep::Write(bytes) => written.push_str(&String::from_utf8(bytes).unwrap()),
            ClientStep::Ready => match deliveries.next() {
                Some(d) => assert!(client.send(d)),
                None => client.quit(),
            },
            ClientStep::Result(r) => results.push(r),
            ClientStep::Failed { reply, .. } => failed = Some(reply),
            ClientStep::Read if !input.is_empty() => {
                let bytes: Vec<u8> = input.drain(..piece.min(input.len())).collect();
                client.feed(&bytes);
            }
            ClientStep::Read | ClientStep::StartTls | ClientStep::Closed => {
                while let Some(want) = lines.peek().and_then(|l| l.strip_prefix("C:")) {
                    let (line, rest) = written.split_once("\r\n").unwrap_or((&written, ""));
                    assert_eq!(line, want.trim_start(), "in {script}");
                    written = rest.to_owned();
                    lines.next();
                }
                assert_eq!(written, "", "sent too much in {script}");
                match step {
                    ClientStep::Closed => {
                        assert_eq!(lines.next(), None);
                        return (results, failed);
                    }
                    ClientStep::StartTls => {
                        assert_eq!(lines.next(), Some("TLS"));
                        client.tls_started();
                    }
                    _ => {
                        while let Some(l) = lines.next_if(|l| l.starts_with("S:")) {
                            input.extend(l[2..].trim_start().bytes().chain(*b"\r\n"));
                        }
                        if input.is_empty() {
                            assert_eq!(lines.next(), Some("EOF"), "the client waits in {script}");
                            client.eof();
                        }
                    }
                }
            }
        }
    }
    panic!("the client does not come to an end");
}

/// Codes of the results, with the stage; `!` when made here.
fn codes(result: &DeliveryResult) -> String {
    let one = |r: &RecipientResult| format!("{:?} {}{}", r.stage, r.reply.code, if r.local { "!" } else { "" });
    result.recipients.iter().map(one).collect::<Vec<_>>().join(", ")
}

const HELLO: &str =
    "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250-PIPELINING\nS: 250-SIZE 1000\nS: 250-8BITMIME\nS: 250 DSN\n";
const BYE: &str = "C: QUIT\nS: 221 bye\n";

fn check(config: ClientConfig, deliveries: Vec<Delivery>, script: &str, expect: &[&str]) {
    let (results, failed) = play(config, deliveries, script);
    let got: Vec<String> = results.iter().map(codes).chain(failed.map(|f| format!("failed {}", f.code))).collect();
    assert_eq!(got, expect, "{script}");
}

#[test]
fn two_pipelined_deliveries_on_one_connection() {
    let d = delivery(&["b@b.example", "c@b.example"], "Subject: x\r\n\r\n.dot\r\n");
    let script = format!(
        "{HELLO}C: MAIL FROM:<ann@a.example> SIZE=20\nC: RCPT TO:<b@b.example>\nC: RCPT TO:<c@b.example>\nC: DATA
        S: 250 ok\nS: 250 ok\nS: 550 5.1.1 who\nS: 354 go
        C: Subject: x\nC:\nC: ..dot\nC: .\nS: 250 2.0.0 queued
        C: MAIL FROM:<ann@a.example> SIZE=20\nC: RCPT TO:<b@b.example>\nC: RCPT TO:<c@b.example>\nC: DATA
        S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go
        C: Subject: x\nC:\nC: ..dot\nC: .\nS: 451 later\n{BYE}"
    );
    check(config(), vec![d.clone(), d], &script, &["End 250, Rcpt 550", "End 451, End 451"]);
}

#[test]
fn one_command_at_a_time_without_pipelining() {
    let script = "S: 220-mx\nS: 220 mx\nC: EHLO out.example\nS: 502 no\nC: HELO out.example\nS: 250 mx
        C: MAIL FROM:<ann@a.example>\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 450 grey\nC: RCPT TO:<c@b.example>\nS: 250 ok
        C: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\nC: QUIT\nEOF";
    check(config(), vec![delivery(&["b@b.example", "c@b.example"], "x")], script, &["Rcpt 450, End 250"]);
}

#[test]
fn refused_envelopes_leave_the_connection_usable() {
    let d = delivery(&["b@b.example"], "x\r\n");
    let mail = "C: MAIL FROM:<ann@a.example> SIZE=3\nC: RCPT TO:<b@b.example>\nC: DATA\n";
    let script = format!(
        "{HELLO}{mail}S: 250 ok\nS: 550 no\nS: 503 no recipients
        C: RSET\nS: 250 ok\n{mail}S: 250 ok\nS: 550 no\nS: 354 go\nC: .\nS: 554 nobody
        {mail}S: 550 5.7.1 not you\nS: 503 no\nS: 503 no
        {mail}S: 250 ok\nS: 250 ok\nS: 451 later\nC: RSET\nS: 250 ok\n{mail}S: 421 shutting down\n"
    );
    let expect = ["Rcpt 550", "Rcpt 550", "Mail 550", "Data 451", "Mail 421"];
    check(config(), vec![d.clone(), d.clone(), d.clone(), d.clone(), d], &script, &expect);
}

#[test]
fn a_broken_connection_decides_everybody() {
    let d = delivery(&["b@b.example", "c@b.example"], "x\r\n");
    let mail = "C: MAIL FROM:<ann@a.example> SIZE=3\nC: RCPT TO:<b@b.example>\nC: RCPT TO:<c@b.example>\nC: DATA\n";
    check(config(), vec![d.clone()], &format!("{HELLO}{mail}S: 250 ok\nS: 550 no\nEOF"), &["Rcpt 550, Rcpt 421!"]);
    let sent = format!("{HELLO}{mail}S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\n");
    check(config(), vec![d.clone()], &format!("{sent}EOF"), &["End 421!, End 421!"]);
    check(config(), vec![d.clone()], &format!("{sent}S: what?\n"), &["End 451!, End 451!"]);
    check(config(), vec![d.clone()], "S: 554 go away\n", &["failed 554"]);
    check(config(), vec![d.clone()], "EOF", &["failed 421"]);
    check(config(), vec![d], "S: 220 mx\nC: EHLO out.example\nS: 421 busy\n", &["failed 421"]);
}

#[test]
fn tls_is_used_required_and_not_to_be_injected_into() {
    let offers = "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n";
    let required = ClientConfig { tls: TlsPolicy::Required, ..config() };
    let script = format!("{offers}S: 220 go\nTLS\nC: EHLO out.example\nS: 250 mx\n{BYE}");
    check(config(), vec![], &script, &[]);
    check(required.clone(), vec![], &script, &[]);
    check(config(), vec![], &format!("{offers}S: 454 no\n{BYE}"), &[]);
    check(required.clone(), vec![], &format!("{offers}S: 454 no\n"), &["failed 454"]);
    check(required, vec![], "S: 220 mx\nC: EHLO out.example\nS: 250 mx\n", &["failed 451"]);
    let mut client = Client::new(config());
    client.feed(b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n");
    let steps: Vec<ClientStep> = (0..4).map(|_| client.next()).collect();
    assert!(matches!(&steps[2], ClientStep::Failed { local: true, .. }), "{steps:?}");
}

#[test]
fn logs_in_at_a_smart_host() {
    let auth = ClientAuth { user: "ann".into(), password: Password::new("pencil".into()), plain_text_allowed: true };
    let with =
        |allowed| ClientConfig { auth: Some(ClientAuth { plain_text_allowed: allowed, ..auth.clone() }), ..config() };
    let hello = |m: &str| format!("S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250 AUTH {m}\n");
    check(
        with(true),
        vec![],
        &format!("{}C: AUTH PLAIN AGFubgBwZW5jaWw=\nS: 235 ok\n{BYE}", hello("LOGIN PLAIN")),
        &[],
    );
    let login = format!(
        "{}C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YW5u\nS: 334 UGFzc3dvcmQ6\nC: cGVuY2ls\nS: 235 ok\n{BYE}",
        hello("LOGIN")
    );
    check(with(true), vec![], &login, &[]);
    check(
        with(true),
        vec![],
        &format!("{}C: AUTH PLAIN AGFubgBwZW5jaWw=\nS: 535 no\n", hello("PLAIN")),
        &["failed 535"],
    );
    check(with(true), vec![], &hello("GSSAPI"), &["failed 451"]);
    check(with(false), vec![], &hello("PLAIN"), &["failed 451"]);
}

#[test]
fn lmtp_gives_each_recipient_its_own_end() {
    let lmtp = ClientConfig { lmtp: true, ..config() };
    let script = format!(
        "S: 220 mx\nC: LHLO out.example\nS: 250-mx\nS: 250 PIPELINING
        C: MAIL FROM:<ann@a.example>\nC: RCPT TO:<b@b.example>\nC: RCPT TO:<c@b.example>\nC: RCPT TO:<d@b.example>\nC: DATA
        S: 250 ok\nS: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\nC: x\nC: .\nS: 250 ok\nS: 452 full\n{BYE}"
    );
    let d = delivery(&["b@b.example", "c@b.example", "d@b.example"], "x\r\n");
    check(lmtp, vec![d], &script, &["End 250, Rcpt 550, End 452"]);
}

#[test]
fn what_the_server_lacks_is_refused_here() {
    let plain = "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250 SIZE 10\n";
    let refused = |d: Delivery, expect: &str| check(config(), vec![d], &format!("{plain}{BYE}"), &[expect]);
    refused(delivery(&["b@b.example"], "twelve bytes"), "Session 552!");
    refused(delivery(&["b@b.example"], "ü"), "Session 554!");
    refused(delivery(&["b@b.example"], "\0"), "Session 554!");
    refused(delivery(&["ü@b.example"], "x"), "Session 550!");
    let utf8 = MailParams { smtputf8: true, ..MailParams::default() };
    refused(Delivery { params: utf8, ..delivery(&["b@b.example"], "x") }, "Session 550!");
    let tls = MailParams { require_tls: true, ..MailParams::default() };
    refused(Delivery { params: tls, ..delivery(&["b@b.example"], "x") }, "Session 550!");
    let some = format!(
        "{plain}C: MAIL FROM:<ann@a.example> SIZE=1\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 250 ok
        C: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\n{BYE}"
    );
    check(config(), vec![delivery(&["ü@b.example", "b@b.example"], "x")], &some, &["Session 550!, End 250"]);
}

#[test]
fn parameters_are_sent_where_offered() {
    let mut d = delivery(&["b@b.example"], "ü\r\n");
    d.params = MailParams { ret: Some(Ret::Headers), envid: Some("id 1".into()), ..MailParams::default() };
    d.recipients[0].params.notify = Some(Notify::Never);
    let script = format!(
        "{HELLO}C: MAIL FROM:<ann@a.example> SIZE=4 BODY=8BITMIME RET=HDRS ENVID=id+201\nC: RCPT TO:<b@b.example> NOTIFY=NEVER
        C: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: ü\nC: .\nS: 250 ok\n{BYE}"
    );
    let (results, _) = play(config(), vec![d.clone()], &script);
    assert!(results[0].dsn_passed && results[0].recipients[0].is_delivered());
    let script = format!(
        "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250 8BITMIME\nC: MAIL FROM:<ann@a.example> BODY=8BITMIME\nS: 250 ok
        C: RCPT TO:<b@b.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: ü\nC: .\nS: 250 ok\n{BYE}"
    );
    assert!(!play(config(), vec![d], &script).0[0].dsn_passed);
    let script = format!(
        "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250-CHUNKING\nS: 250 BINARYMIME
        C: MAIL FROM:<ann@a.example> BODY=BINARYMIME\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 250 ok
        C: BDAT 5 LAST\nC: a\0b\nS: 250 ok\n{BYE}"
    );
    check(config(), vec![delivery(&["b@b.example"], "a\0b\r\n")], &script.replace("\\0", "\0"), &["End 250"]);
}

#[test]
fn fields_for_the_top_go_in_front_and_count() {
    let d = Delivery { head: Bytes::from_static(b"X: 1\r\n"), ..delivery(&["b@b.example"], ".x\r\n") };
    let script = format!(
        "{HELLO}C: MAIL FROM:<ann@a.example> SIZE=10\nC: RCPT TO:<b@b.example>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go
        C: X: 1\nC: ..x\nC: .\nS: 250 ok\n{BYE}"
    );
    check(config(), vec![d.clone()], &script, &["End 250"]);
    let binary = Delivery { message: Bytes::from_static(b"a\0\r\n"), ..d.clone() };
    let script = format!(
        "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250-CHUNKING\nS: 250 BINARYMIME
        C: MAIL FROM:<ann@a.example> BODY=BINARYMIME\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 250 ok
        C: BDAT 10 LAST\nC: X: 1\nC: a\0\nS: 250 ok\n{BYE}"
    );
    check(config(), vec![binary], &script.replace("\\0", "\0"), &["End 250"]);
    let small = "S: 220 mx\nC: EHLO out.example\nS: 250-mx\nS: 250 SIZE 9\n";
    check(config(), vec![d], &format!("{small}{BYE}"), &["Session 552!"]);
}

#[test]
fn a_large_message_is_written_in_blocks() {
    let message = "x".repeat(78) + "\r\n";
    let message = message.repeat(5_000);
    let mut client = Client::new(config());
    client.feed(b"220 mx\r\n");
    assert!(matches!(client.next(), ClientStep::Write(_)));
    client.feed(b"250 mx\r\n");
    assert_eq!(client.next(), ClientStep::Ready);
    assert!(client.send(delivery(&["b@b.example"], &message)));
    let mut body = Vec::new();
    let mut largest = 0;
    for reply in ["", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
        client.feed(reply.as_bytes());
        body.clear();
        while let ClientStep::Write(bytes) = client.next() {
            largest = largest.max(bytes.len());
            body.extend(bytes);
        }
    }
    assert_eq!(String::from_utf8(body).unwrap(), message + ".\r\n");
    assert!(largest <= limits::SMTP_WRITE_BYTES_MAX + 10, "{largest}");
    assert_eq!(client.deadline(), Duration::from_secs(limits::SMTP_CLIENT_END_SECS_MAX));
}

//! SUMMARY    SMTP: dialogues as data, the same whole and byte by byte; the harnesses of the fuzz targets over random input.

use proptest::prelude::*;

#[path = "harness/smtp_client_reply.rs"]
mod smtp_client_reply;
#[path = "harness/smtp_server.rs"]
mod smtp_server;

/// Runs a dialogue file: `C:` lines are sent with CRLF, `C+` without; `S:` is the expected output, `...` at its end matches any rest of the line;
/// `S~ 250` is one whole reply of that code.
/// A first line `# lmtp` chooses LMTP. `\xHH`, `\r`, `\n`, `\0` are escapes.
fn check_dialogue(name: &str, script: &str) {
    let (mut input, mut expect) = (Vec::new(), Vec::new());
    let mut config = smtp_server::config(script.starts_with("# lmtp"));
    config.require_tls = script.contains("# requiretls");
    if script.contains("# submission") {
        config.auth_required = true;
    }
    if script.contains("# tls-required") {
        config.tls_required = true;
        config.auth_needs_tls = true;
    }
    for line in script.lines() {
        match line.get(..2) {
            Some("C:") => {
                input.extend(unescape(line[2..].strip_prefix(' ').unwrap_or("")));
                input.extend(b"\r\n");
            }
            Some("C+") => input.extend(unescape(line[2..].strip_prefix(' ').unwrap_or(""))),
            Some("S~") => expect.push(format!("~{}", &line[2..])),
            Some("S:") => expect.push(line[2..].trim_start().to_owned()),
            _ => assert!(line.is_empty() || line.starts_with('#'), "{name}: {line}"),
        }
    }
    let whole = smtp_server::session(config.clone(), std::iter::once(&input[..]));
    assert_eq!(smtp_server::session(config, input.chunks(1)), whole, "{name}: byte by byte differs");
    let got = String::from_utf8(whole.output).unwrap();
    let mut lines = got.lines();
    for (i, want) in expect.iter().enumerate() {
        if let Some(code) = want.strip_prefix("~ ") {
            let more = format!("{code}-");
            let last = lines.find(|l| !l.starts_with(&more)).unwrap_or("(nothing)");
            assert!(last.starts_with(code), "{name}: reply {i} ends with {last:?}; all:\n{got}");
            continue;
        }
        let line = lines.next().unwrap_or("(nothing)");
        let ok = want.strip_suffix("...").map_or(line == want, |w| line.starts_with(w));
        assert!(ok, "{name}: reply {i} is {line:?}, not {want:?}; all:\n{got}");
    }
    assert_eq!(lines.next(), None, "{name}: more replies than expected; all:\n{got}");
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, used) = match (first, tail) {
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'0', ..]) => (0, 2),
            (b'\\', [b'x', a, b, ..]) => (u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).unwrap(), 4),
            (b, _) => (*b, 1),
        };
        out.push(byte);
        rest = &rest[used..];
    }
    out
}

#[test]
fn dialogues() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogs/smtp");
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        check_dialogue(&path.file_name().unwrap().to_string_lossy(), &std::fs::read_to_string(&path).unwrap());
        count += 1;
    }
    assert!(count >= 10);
}

#[test]
fn commands_that_do_nothing_are_counted_between_messages() {
    let max = base::limits::SMTP_HARMLESS_MAX as usize;
    let message = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nhi\r\n.\r\n";
    let ends = |input: String| {
        let seen = smtp_server::session(smtp_server::config(false), std::iter::once(input.as_bytes()));
        (seen.closed, String::from_utf8(seen.output).unwrap().lines().last().unwrap_or_default().to_owned())
    };
    for idle in ["NOOP\r\n", "RSET\r\n", "HELP\r\n", "VRFY a\r\n", "EHLO c\r\n"] {
        let (closed, _) = ends(format!("EHLO c\r\n{}{message}{}", idle.repeat(max), idle.repeat(max)));
        assert!(!closed, "{idle}");
        let (closed, last) = ends(format!("EHLO c\r\n{}", idle.repeat(max + 1)));
        assert!(closed && last.starts_with("421 4.7.0"), "{idle}: {last}");
    }
}

#[test]
fn a_message_without_room_is_read_to_its_end_and_deferred() {
    use wire::smtp::{Event, Reply, Request, Server};
    let mut server = Server::new(std::sync::Arc::new(smtp_server::config(false)), false);
    server.greet();
    let mut feed = |bytes: &str, drop: bool| {
        server.feed(bytes.as_bytes());
        loop {
            match server.next() {
                Event::Request(Request::Message(_)) => panic!("the message was dropped"),
                Event::Request(_) => server.reply(&Reply::new(250, (2, 0, 0), "ok")),
                _ => break,
            }
        }
        if drop {
            server.drop_message();
            assert_eq!(server.held_bytes(), 0);
        }
        String::from_utf8(server.output()).unwrap()
    };
    let envelope = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n";
    feed(&format!("{envelope}DATA\r\nfirst line\r\n"), true);
    assert!(feed("second line\r\n", false).is_empty());
    assert!(feed(".\r\n", false).starts_with("452 4.3.1"));
    feed(&format!("{envelope}BDAT 10\r\n01234"), true);
    assert!(feed("56789", false).starts_with("452 4.3.1"));
    assert!(feed("BDAT 3\r\nabc", false).starts_with("452 4.3.1"));
    assert!(feed("BDAT 0 LAST\r\n", false).starts_with("452 4.3.1"));
    feed(&format!("{envelope}BDAT 3\r\nabc"), true);
    assert!(feed("BDAT 3 LAST\r\nabc", false).starts_with("452 4.3.1"));
    assert!(feed("MAIL FROM:<a@b.example>\r\n", false).starts_with("250"));
}

#[test]
fn a_smuggled_second_message_is_never_seen() {
    let ends: [&[u8]; 17] = [
        b"\n.\n",
        b"\n.\r\n",
        b"\n.\r",
        b"\r.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n.\r\0\n",
        b"\n\n.\r\n",
        b"\r\n. \r\n",
        b"\r\n.\x85\n",
        b"\0\r\n.\0\r\n",
    ];
    for end in ends {
        let input = [
            &b"EHLO p\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: probe\r\n\r\nbody"[..],
            end,
            b"MAIL FROM:<smuggled@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n",
        ]
        .concat();
        let seen = smtp_server::session(smtp_server::config(false), std::iter::once(&input[..]));
        let accepted = seen.messages.len();
        assert!(accepted == 0 || (accepted == 1 && end == b"\r\n. \r\n"), "{end:?}");
        let text = String::from_utf8(seen.output).unwrap();
        assert_eq!(text.matches("354").count(), 1, "{end:?}");
        assert!(accepted == 1 || text.contains("\r\n550 5.6."), "{end:?}: {text}");
    }
}

fn command() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("EHLO a".to_owned()),
        Just("HELO a".to_owned()),
        Just("LHLO a".to_owned()),
        Just("MAIL FROM:<a@b.example>".to_owned()),
        Just("MAIL FROM:<> BODY=BINARYMIME".to_owned()),
        Just("MAIL FROM:<ü@b.example> SMTPUTF8".to_owned()),
        Just("RCPT TO:<c@d.example>".to_owned()),
        Just("RCPT TO:<no@d.example> NOTIFY=NEVER".to_owned()),
        Just("DATA".to_owned()),
        Just("\r\n.".to_owned()),
        Just("..x\ny".to_owned()),
        Just("RSET".to_owned()),
        Just("AUTH PLAIN c2VjcmV0".to_owned()),
        Just("AUTH LOGIN".to_owned()),
        Just("c2VjcmV0".to_owned()),
        Just("*".to_owned()),
        Just("STARTTLS".to_owned()),
        (0u32..30, any::<bool>()).prop_map(|(n, last)| format!("BDAT {n}{}", if last { " LAST" } else { "" })),
        "[ -~]{0,30}",
    ];
    (line, prop_oneof![9 => Just("\r\n"), 1 => Just("\n"), 1 => Just("")])
        .prop_map(|(l, end)| [l.as_bytes(), end.as_bytes()].concat())
}

proptest! {
    #[test]
    fn replies_never_panic(data in proptest::collection::vec(any::<u8>(), 0..400), text in "[ -~\r\n]{0,200}") {
        smtp_client_reply::run(&data);
        smtp_client_reply::run(text.as_bytes());
    }

    #[test]
    fn sessions_do_not_depend_on_fragmentation(lines in proptest::collection::vec(command(), 0..40)) {
        smtp_server::run(&lines.concat());
    }

    #[test]
    fn noise_never_panics(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        smtp_server::run(&data);
    }
}

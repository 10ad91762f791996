//! SUMMARY    One command line as a typed command, or the reply that refuses it.
//! STANDARDS  RFC 5321 §4.1.1, RFC 2033 §4.1 (LHLO), RFC 3030 §2 (BDAT), RFC 3207 §4 (STARTTLS), RFC 4954 §4 (AUTH), RFC 6531 §3.4
//! SECURITY   Reads hostile lines of at most SMTP_AUTH_LINE_BYTES_MAX bytes.
//! INVARIANTS A parsed command holds no control characters. Sequence is not judged here.

use super::{Enhanced, Forward, MailParams, RcptParams, Reply, path};
use base::Address;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::borrow::Cow;

/// A command of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Helo(String),
    Ehlo(String),
    Lhlo(String),
    /// `from: None` is the null reverse-path `<>`.
    Mail {
        from: Option<Address>,
        params: MailParams,
    },
    Rcpt {
        to: Forward,
        params: RcptParams,
    },
    Data,
    Bdat {
        size_bytes: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy(String),
    Expn(String),
    Help,
    StartTls,
    /// `initial` is decoded; `=` is the empty response (RFC 4954 §4).
    Auth {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
}

/// Why a line is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    Unknown,
    /// The line breaks the grammar.
    Syntax(&'static str),
    /// An argument or a parameter's value is wrong.
    Argument(&'static str),
    /// MAIL: the address in the path is no address.
    BadSender,
    /// RCPT: the address in the path is no address.
    BadRecipient,
    /// A parameter that is not offered.
    UnknownParam,
    DuplicateParam,
    /// SMTP_PARAMS_MAX.
    TooManyParams,
    /// SMTP_COMMAND_BYTES_MAX or SMTP_AUTH_LINE_BYTES_MAX.
    TooLong,
    /// AUTH: not base64 (RFC 4954 §4).
    Base64,
    /// BDAT without a size that can be skipped: where the chunk ends is unknown, so the connection cannot go on.
    ChunkSize,
}

impl CommandError {
    pub fn reply(self) -> Reply {
        let (code, enhanced, text): (u16, (u8, u16, u16), Cow<'static, str>) = match self {
            CommandError::Unknown => (500, (5, 5, 1), "command not recognised; HELP lists them".into()),
            CommandError::Syntax(text) => (501, (5, 5, 2), text.into()),
            CommandError::Argument(text) => (501, (5, 5, 4), text.into()),
            CommandError::BadSender => (501, (5, 1, 7), "the sender is not a valid address".into()),
            CommandError::BadRecipient => (501, (5, 1, 3), "the recipient is not a valid address".into()),
            CommandError::UnknownParam => (555, (5, 5, 4), "parameter not recognised or not offered".into()),
            CommandError::DuplicateParam => (501, (5, 5, 4), "a parameter is given twice".into()),
            CommandError::TooManyParams => (501, (5, 5, 4), "too many parameters".into()),
            CommandError::TooLong => (500, (5, 5, 2), "line too long".into()),
            CommandError::Base64 => (501, (5, 5, 2), "that is not base64".into()),
            CommandError::ChunkSize => (501, (5, 5, 4), "BDAT needs the size of the chunk".into()),
        };
        Reply { code, enhanced: Some(Enhanced(enhanced.0, enhanced.1, enhanced.2)), lines: vec![text] }
    }
}

/// Longest name in HELO, EHLO, LHLO.
const HELO_BYTES_MAX: usize = 255;
/// RFC 4422 §3.1.
const MECHANISM_BYTES_MAX: usize = 20;

impl Command {
    /// Parses one line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
        let text = std::str::from_utf8(line).map_err(|_| CommandError::Syntax("the line is not UTF-8"))?;
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(CommandError::Syntax("control characters are not allowed in commands"));
        }
        let text = text.trim_end_matches([' ', '\t']);
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => helo(rest).map(Command::Helo),
            "EHLO" => helo(rest).map(Command::Ehlo),
            "LHLO" => helo(rest).map(Command::Lhlo),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" => alone(rest, Command::Data),
            "BDAT" => bdat(rest),
            "RSET" => alone(rest, Command::Rset),
            "NOOP" => Ok(Command::Noop),
            "QUIT" => alone(rest, Command::Quit),
            "VRFY" => word(rest).map(Command::Vrfy),
            "EXPN" => word(rest).map(Command::Expn),
            "HELP" => Ok(Command::Help),
            "STARTTLS" => alone(rest, Command::StartTls),
            "AUTH" => auth(rest),
            _ => Err(CommandError::Unknown),
        }
    }
}

fn alone(rest: &str, command: Command) -> Result<Command, CommandError> {
    if rest.trim().is_empty() { Ok(command) } else { Err(CommandError::Argument("this command takes no argument")) }
}

fn word(rest: &str) -> Result<String, CommandError> {
    let rest = rest.trim();
    if rest.is_empty() { Err(CommandError::Argument("an argument is missing")) } else { Ok(rest.to_owned()) }
}

/// A domain or address literal. Real clients send host names that are neither; what cannot hurt a header field or a log is taken.
fn helo(rest: &str) -> Result<String, CommandError> {
    let name = rest.trim();
    if name.is_empty() || name.len() > HELO_BYTES_MAX || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(CommandError::Argument("the name of the client host is missing or not valid"));
    }
    Ok(name.to_owned())
}

/// What follows `FROM:` or `TO:`. workaround(many clients): a space after the colon is tolerated.
fn after_keyword<'a>(rest: &'a str, keyword: &str, problem: &'static str) -> Result<&'a str, CommandError> {
    let rest = rest.trim_start();
    match rest.get(..keyword.len()) {
        Some(k) if k.eq_ignore_ascii_case(keyword) => Ok(rest.get(keyword.len()..).unwrap_or_default().trim_start()),
        _ => Err(CommandError::Syntax(problem)),
    }
}

/// Splits the path and checks that parameters stand apart from it.
fn path_and_params<'a>(text: &'a str, problem: &'static str) -> Result<(&'a str, &'a str), CommandError> {
    let (inner, after) = path::split(text).map_err(|_| CommandError::Syntax(problem))?;
    if after.is_empty() || after.starts_with(' ') { Ok((inner, after)) } else { Err(CommandError::Syntax(problem)) }
}

fn mail(rest: &str) -> Result<Command, CommandError> {
    const PROBLEM: &str = "the command is MAIL FROM:<address>";
    let (inner, after) = path_and_params(after_keyword(rest, "FROM:", PROBLEM)?, PROBLEM)?;
    let from = if inner.is_empty() { None } else { Some(path::mailbox(inner).map_err(|_| CommandError::BadSender)?) };
    Ok(Command::Mail { from, params: MailParams::parse(after)? })
}

fn rcpt(rest: &str) -> Result<Command, CommandError> {
    const PROBLEM: &str = "the command is RCPT TO:<address>";
    let (inner, after) = path_and_params(after_keyword(rest, "TO:", PROBLEM)?, PROBLEM)?;
    let to = if inner.eq_ignore_ascii_case("postmaster") {
        Forward::Postmaster
    } else {
        Forward::Mailbox(path::mailbox(inner).map_err(|_| CommandError::BadRecipient)?)
    };
    Ok(Command::Rcpt { to, params: RcptParams::parse(after)? })
}

fn bdat(rest: &str) -> Result<Command, CommandError> {
    let mut words = rest.split_ascii_whitespace();
    let size = words.next().filter(|w| w.bytes().all(|b| b.is_ascii_digit())).ok_or(CommandError::ChunkSize)?;
    let size_bytes = size.parse().map_err(|_| CommandError::ChunkSize)?;
    let last = match words.next() {
        None => false,
        Some(w) if w.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(CommandError::ChunkSize),
    };
    if words.next().is_some() { Err(CommandError::ChunkSize) } else { Ok(Command::Bdat { size_bytes, last }) }
}

fn auth(rest: &str) -> Result<Command, CommandError> {
    let mut words = rest.split_ascii_whitespace();
    let mechanism = words.next().ok_or(CommandError::Argument("the command is AUTH mechanism"))?;
    let named = mechanism.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !named || mechanism.len() > MECHANISM_BYTES_MAX {
        return Err(CommandError::Argument("that is not the name of a mechanism"));
    }
    let initial = match words.next() {
        None => None,
        Some("=") => Some(Vec::new()),
        Some(text) => Some(STANDARD.decode(text).map_err(|_| CommandError::Base64)?),
    };
    if words.next().is_some() {
        return Err(CommandError::Argument("too many arguments"));
    }
    Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial })
}

#[cfg(test)]
mod tests {
    use super::super::{AuthParam, Body, Notify, Orcpt, Ret};
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, expect: Result<Command, CommandError>) {
        assert_eq!(Command::parse(line.as_bytes()), expect, "{line}");
    }
    fn refuse(line: &str, reply: &str) {
        let got = Command::parse(line.as_bytes()).unwrap_err().reply();
        assert!(got.to_string().starts_with(reply), "{line}: {got}");
    }
    fn a(text: &str) -> Address {
        Address::parse(text).unwrap()
    }
    fn from(text: &str, params: MailParams) -> Result<Command, CommandError> {
        Ok(Command::Mail { from: Some(a(text)), params })
    }
    fn to(text: &str, params: RcptParams) -> Result<Command, CommandError> {
        Ok(Command::Rcpt { to: Forward::Mailbox(a(text)), params })
    }

    #[test]
    fn simple_commands() {
        check("helo a", Ok(Command::Helo("a".into())));
        check("EHLO [IPv6:::1]  ", Ok(Command::Ehlo("[IPv6:::1]".into())));
        check("LHLO some_host", Ok(Command::Lhlo("some_host".into())));
        check("DATA", Ok(Command::Data));
        check("data ", Ok(Command::Data));
        check("NOOP anything at all", Ok(Command::Noop));
        check("HELP me", Ok(Command::Help));
        check("RSET", Ok(Command::Rset));
        check("QUIT", Ok(Command::Quit));
        check("VRFY ann", Ok(Command::Vrfy("ann".into())));
        check("EXPN list", Ok(Command::Expn("list".into())));
        check("StartTLS", Ok(Command::StartTls));
        refuse("", "500 5.5.1");
        refuse("GET / HTTP/1.1", "500 5.5.1");
        refuse("EHLO", "501 5.5.4");
        refuse("EHLO a b", "501 5.5.4");
        refuse("EHLO ünï", "501 5.5.4");
        refuse("DATA now", "501 5.5.4");
        refuse("STARTTLS now", "501 5.5.4");
        refuse("VRFY", "501 5.5.4");
        refuse("NOOP a\rb", "501 5.5.2");
        refuse("NOOP a\0b", "501 5.5.2");
        assert_eq!(Command::parse(b"NOOP \xff").unwrap_err().reply().code, 501);
    }

    #[test]
    fn mail_from() {
        let none = MailParams::default;
        check("MAIL FROM:<a@b.example>", from("a@b.example", none()));
        check("mail from: <a@b.example>", from("a@b.example", none()));
        check("MAIL FROM:a@b.example", from("a@b.example", none()));
        check("MAIL FROM: a@b.example SIZE=7", from("a@b.example", MailParams { size_bytes: Some(7), ..none() }));
        check("MAIL FROM:<>", Ok(Command::Mail { from: None, params: none() }));
        check("MAIL FROM:<@x.example,@y.example:a@b.example>", from("a@b.example", none()));
        check("MAIL FROM:<\"a b\"@b.example>", from("\"a b\"@b.example", none()));
        check(
            "MAIL FROM:<> size=1000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ+2B1 AUTH=a+2Bc@b.example REQUIRETLS",
            Ok(Command::Mail {
                from: None,
                params: MailParams {
                    size_bytes: Some(1000),
                    body: Some(Body::EightBitMime),
                    smtputf8: true,
                    ret: Some(Ret::Headers),
                    envid: Some("QQ+1".into()),
                    auth: Some(AuthParam::Mailbox(a("a+c@b.example"))),
                    require_tls: true,
                },
            }),
        );
        check(
            "MAIL FROM:<> AUTH=<>",
            Ok(Command::Mail { from: None, params: MailParams { auth: Some(AuthParam::Nobody), ..none() } }),
        );
        check(
            "MAIL FROM:<> SIZE=99999999999999999999",
            Ok(Command::Mail { from: None, params: MailParams { size_bytes: Some(u64::MAX), ..none() } }),
        );
        for line in [
            "MAIL",
            "MAIL FROM",
            "MAIL FROM:",
            "MAIL FROM:<a@b.example",
            "MAIL TO:<a@b.example>",
            "MAIL FROM:<>x",
            "MAIL FROM:<> =x",
            "MAIL FROM:<> -A=1",
        ] {
            refuse(line, "501 5.5.2");
        }
        refuse("MAIL FROM:<a>", "501 5.1.7");
        refuse("MAIL FROM:<a@-b>", "501 5.1.7");
        refuse("MAIL FROM:<postmaster>", "501 5.1.7");
        refuse("MAIL FROM:<> FOO=1", "555 5.5.4");
        refuse("MAIL FROM:<> NOTIFY=NEVER", "555 5.5.4");
        for p in [
            "SIZE=",
            "SIZE",
            "SIZE=-1",
            "SIZE=1x",
            "SIZE=1 SIZE=1",
            "BODY=9BIT",
            "SMTPUTF8=1",
            "REQUIRETLS=x",
            "RET=ALL",
            "ENVID=",
            "ENVID=a=b",
            "ENVID=+0D+0A",
            "AUTH=",
            "AUTH=x",
        ] {
            refuse(&format!("MAIL FROM:<> {p}"), "501 5.5.4");
        }
        refuse(&format!("MAIL FROM:<> ENVID={}", "x".repeat(101)), "501 5.5.4");
    }

    #[test]
    fn rcpt_to() {
        let none = RcptParams::default;
        check("RCPT TO:<a@b.example>", to("a@b.example", none()));
        check("RCPT TO: <a@[192.0.2.1]>", to("a@[192.0.2.1]", none()));
        check("RCPT TO:<用户@例え.jp>", to("用户@例え.jp", none()));
        check("RCPT TO:<PostMaster>", Ok(Command::Rcpt { to: Forward::Postmaster, params: none() }));
        check(
            "RCPT TO:<a@b.example> NOTIFY=never",
            to("a@b.example", RcptParams { notify: Some(Notify::Never), ..none() }),
        );
        check(
            "RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=RFC822;c+2Bd@b.example",
            to(
                "a@b.example",
                RcptParams {
                    notify: Some(Notify::On { success: true, failure: false, delay: true }),
                    orcpt: Some(Orcpt { kind: "rfc822".into(), address: "c+d@b.example".into() }),
                },
            ),
        );
        refuse("RCPT TO:<>", "501 5.1.3");
        refuse("RCPT TO:<ann>", "501 5.1.3");
        check("RCPT TO:ann@b.example", to("ann@b.example", none()));
        check("RCPT TO: postmaster", Ok(Command::Rcpt { to: Forward::Postmaster, params: none() }));
        refuse("RCPT TO:", "501 5.5.2");
        refuse("RCPT TO:Ann <ann@b.example>", "501 5.1.3");
        refuse("RCPT TO:<a@b.example> SIZE=1", "555 5.5.4");
        for p in [
            "NOTIFY=",
            "NOTIFY=NEVER,DELAY",
            "NOTIFY=DELAY,DELAY",
            "ORCPT=x",
            "ORCPT=;x",
            "ORCPT=rfc822;",
            "ORCPT=rfc822;a+0D",
            "NOTIFY=NEVER NOTIFY=NEVER",
        ] {
            refuse(&format!("RCPT TO:<a@b.example> {p}"), "501 5.5.4");
        }
    }

    #[test]
    fn bdat_and_auth() {
        check("BDAT 10", Ok(Command::Bdat { size_bytes: 10, last: false }));
        check("bdat 0 last", Ok(Command::Bdat { size_bytes: 0, last: true }));
        for line in ["BDAT", "BDAT x", "BDAT -1", "BDAT 1 FIRST", "BDAT 1 LAST x", "BDAT 99999999999999999999"] {
            check(line, Err(CommandError::ChunkSize));
        }
        let auth =
            |m: &str, i: Option<&[u8]>| Ok(Command::Auth { mechanism: m.into(), initial: i.map(<[u8]>::to_vec) });
        check("AUTH plain", auth("PLAIN", None));
        check("AUTH PLAIN =", auth("PLAIN", Some(b"")));
        check("AUTH PLAIN AGEAYg==", auth("PLAIN", Some(b"\0a\0b")));
        refuse("AUTH", "501 5.5.4");
        refuse("AUTH PLAIN !", "501 5.5.2");
        refuse("AUTH PLAIN AGEAYg== x", "501 5.5.4");
        refuse("AUTH THIS-NAME-IS-MUCH-TOO-LONG", "501 5.5.4");
    }

    proptest! {
        #[test]
        fn never_panics_and_parameters_round_trip(tail in "\\PC{0,80}", size in proptest::option::of(any::<u64>()), envid in "[ -~]{1,20}") {
            for verb in ["MAIL FROM:", "RCPT TO:", "MAIL FROM:<> ", "RCPT TO:<a@b.example> ", "AUTH ", "BDAT ", ""] {
                let _ = Command::parse(format!("{verb}{tail}").as_bytes());
            }
            let params = MailParams { size_bytes: size, envid: Some(envid), ret: Some(Ret::Full), ..MailParams::default() };
            let mut line = "MAIL FROM:<>".to_owned();
            params.write(&mut line);
            if line.len() < 100 {
                prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Mail { from: None, params }));
            }
        }
    }
}

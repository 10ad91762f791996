//! SUMMARY    `load corpus`: every file of a folder goes in through SMTP and must come back through IMAP byte for byte.
//! STANDARDS  RFC 5321 §4.5.2 (dots), RFC 3030 (BDAT, BINARYMIME), RFC 9051 §7.5.2
//! INVARIANTS Only trace fields may stand before the sent bytes; ENVELOPE and BODYSTRUCTURE must satisfy the strict parser;
//!            RFC822.SIZE and a single part's octets must be those of the bytes that came back.

use std::{fs, path::PathBuf};

use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use super::MeasureArgs;
use crate::{
    error::{Result, check, protocol},
    imap::{
        Client, structure,
        value::{Items, Value, fetch},
    },
    net::Target,
    smtp::{Body, Client as Smtp, Dialect, Transaction},
};

/// Messages of one FETCH.
const FETCH_MESSAGES: u64 = 100;
/// Longest line for DATA, without its CRLF (RFC 5321 §4.5.3.1.6).
const DATA_LINE_BYTES_MAX: usize = 998;
/// Fields a server may put before a message.
const TRACE: [&str; 6] =
    ["return-path", "delivered-to", "received", "authentication-results", "received-spf", "x-original-to"];
/// Failures that are spelled out.
const SHOWN_MAX: usize = 20;

#[derive(Debug, Clone, Args)]
pub struct CorpusArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// Folder of messages, one per file.
    #[arg(long, env = "POSTHOUSE_CORPUS")]
    corpus: PathBuf,
    /// HOST:PORT of the SMTP door.
    #[arg(long)]
    target: String,
    #[arg(long)]
    lmtp: bool,
    /// HOST:PORT of the IMAP door.
    #[arg(long)]
    imap: String,
    #[arg(long)]
    imap_tls: bool,
    /// Recipients, who are also the IMAP users; files are dealt to them in turn, each over one connection.
    #[arg(long, value_delimiter = ',', required = true)]
    rcpt: Vec<String>,
    #[arg(long, value_delimiter = ',', required = true)]
    password: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    files: u64,
    sent_data: u64,
    sent_bdat: u64,
    sent_binary: u64,
    refused: u64,
    identical: u64,
    different: u64,
    envelopes_ok: u64,
    structures_ok: u64,
    structures_bad: u64,
    parts: u64,
    bytes: u64,
    failures: Vec<String>,
}

struct Sent {
    name: String,
    bytes: Vec<u8>,
}

pub async fn run(args: CorpusArgs) -> Result<()> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(&args.corpus)?.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
    files.sort();
    let mut lanes = JoinSet::new();
    for (nth, (user, password)) in args.rcpt.iter().zip(&args.password).enumerate() {
        let mine = files.iter().skip(nth).step_by(args.rcpt.len()).cloned().collect();
        lanes.spawn(lane(args.clone(), user.clone(), password.clone(), mine));
    }
    let mut total = Report::default();
    while let Some(done) = lanes.join_next().await {
        total.add(done.map_err(|e| check(e.to_string()))??);
    }
    args.measure.print(&total)?;
    let good =
        total.identical == total.files && total.envelopes_ok == total.files && total.structures_ok == total.files;
    if good { Ok(()) } else { Err(check(format!("of {} files {} came back identical", total.files, total.identical))) }
}

/// One account: sends its files in order, then reads the mailbox in that order.
async fn lane(args: CorpusArgs, user: String, password: String, files: Vec<PathBuf>) -> Result<Report> {
    let mut report = Report::default();
    let target = Target { address: args.imap.clone(), tls: args.imap_tls, source: None };
    let mut imap = Client::login(&target, &user, &password).await?;
    let before = imap.status_messages("INBOX").await?;
    let mut sent = Vec::new();
    let mut smtp: Option<Smtp> = None;
    for path in files {
        let bytes = normalise(&fs::read(&path)?);
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        report.files += 1;
        report.bytes += bytes.len() as u64;
        let mut client = match smtp.take() {
            Some(client) => client,
            None => Smtp::open(&args.smtp_target(), &Dialect { lmtp: args.lmtp, starttls: false, auth: None }).await?,
        };
        let body = body_kind(&bytes, &client);
        match body {
            Body::Data => report.sent_data += 1,
            Body::Chunk => report.sent_bdat += 1,
            Body::Binary => report.sent_binary += 1,
        }
        let from = "bounces@sender.example";
        match client.send(&Transaction { from, to: &[user.as_str()], message: &bytes, body }).await {
            Ok(()) => {
                smtp = Some(client);
                sent.push(Sent { name, bytes });
            }
            Err(e) => {
                report.refused += 1;
                report.fail(format!("{name}: {e}"));
            }
        }
    }
    let exists = imap.select("INBOX", true).await?;
    if exists != before + sent.len() as u64 {
        return Err(check(format!("{user}: {exists} messages, {} expected", before + sent.len() as u64)));
    }
    read_back(&mut imap, before, &sent, &mut report).await?;
    Ok(report)
}

async fn read_back(imap: &mut Client, before: u64, sent: &[Sent], report: &mut Report) -> Result<()> {
    let last = before + sent.len() as u64;
    let mut from = before + 1;
    while from <= last {
        let to = last.min(from + FETCH_MESSAGES - 1);
        let command = format!("FETCH {from}:{to} (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])");
        imap.command(&command, |response| {
            let fetched = match fetch(response) {
                Ok(None) => return Ok(()),
                Ok(Some(fetched)) => fetched,
                Err(e) => {
                    report.fail(format!("a response is not well-formed: {e}"));
                    return Ok(());
                }
            };
            if let Some(sent) = fetched.0.checked_sub(before + 1).and_then(|i| sent.get(i as usize)) {
                report.compare(sent, &fetched.1);
            }
            Ok(())
        })
        .await?;
        from = to + 1;
    }
    Ok(())
}

impl CorpusArgs {
    fn smtp_target(&self) -> Target {
        Target { address: self.target.clone(), tls: false, source: None }
    }
}

impl Report {
    fn compare(&mut self, sent: &Sent, items: &Items) {
        let item = |name: &str| items.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let got = match item("BODY[]") {
            Some(Value::String(bytes)) => bytes.as_slice(),
            _ => &[],
        };
        match same(got, &sent.bytes) {
            Ok(()) => self.identical += 1,
            Err(why) => {
                self.different += 1;
                self.fail(format!("{}: {why}", sent.name));
            }
        }
        match item("ENVELOPE").ok_or_else(|| protocol("no ENVELOPE")).and_then(structure::envelope) {
            Ok(()) => self.envelopes_ok += 1,
            Err(e) => self.fail(format!("{}: {e}", sent.name)),
        }
        let size = item("RFC822.SIZE");
        match item("BODYSTRUCTURE").ok_or_else(|| protocol("no BODYSTRUCTURE")).and_then(|v| described(v, size, got)) {
            Ok(parts) => {
                self.structures_ok += 1;
                self.parts += parts;
            }
            Err(e) => {
                self.structures_bad += 1;
                self.fail(format!("{}: {e}", sent.name));
            }
        }
    }

    fn fail(&mut self, text: String) {
        if self.failures.len() < SHOWN_MAX {
            self.failures.push(text);
        }
    }

    fn add(&mut self, other: Report) {
        self.files += other.files;
        self.sent_data += other.sent_data;
        self.sent_bdat += other.sent_bdat;
        self.sent_binary += other.sent_binary;
        self.refused += other.refused;
        self.identical += other.identical;
        self.different += other.different;
        self.envelopes_ok += other.envelopes_ok;
        self.structures_ok += other.structures_ok;
        self.structures_bad += other.structures_bad;
        self.parts += other.parts;
        self.bytes += other.bytes;
        self.failures.extend(other.failures);
    }
}

/// A body structure is well-formed and agrees with the bytes; answers its parts.
fn described(value: &Value, size: Option<&Value>, got: &[u8]) -> Result<u64> {
    let shape = structure::body(value)?;
    let length = got.len().to_string();
    if !matches!(size, Some(Value::Atom(digits)) if digits == length.as_bytes()) {
        return Err(protocol(format!("RFC822.SIZE {size:?} of {length} bytes")));
    }
    let body = memchr::memmem::find(got, b"\r\n\r\n").map_or(0, |at| got.len() - at - 4) as u64;
    match shape.octets {
        Some(octets) if octets != body => Err(protocol(format!("{octets} octets described, {body} there"))),
        _ => Ok(shape.parts),
    }
}

/// `got` is trace fields and then exactly `sent`.
fn same(got: &[u8], sent: &[u8]) -> std::result::Result<(), String> {
    let Some(added) = got.strip_suffix(sent) else {
        let at = got.iter().rev().zip(sent.iter().rev()).take_while(|(a, b)| a == b).count();
        return Err(format!("{} bytes sent, {} came back, the last {at} agree", sent.len(), got.len()));
    };
    let added = String::from_utf8_lossy(added);
    for line in added.split_inclusive("\r\n") {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let known = line.starts_with([' ', '\t']) || TRACE.contains(&name.as_str());
        if !known || !line.ends_with("\r\n") {
            return Err(format!("added before the message: {line:?}"));
        }
    }
    Ok(())
}

/// Every line ends with CRLF; a CR alone stays.
fn normalise(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// DATA for lines of text, BDAT for what DATA cannot carry, as far as the server offers it.
fn body_kind(bytes: &[u8], client: &Smtp) -> Body {
    let stray = bytes.contains(&0) || memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'));
    let long = bytes.split(|b| *b == b'\n').any(|l| l.len() > DATA_LINE_BYTES_MAX + 1);
    match (stray || long, client.offers.chunking && client.offers.pipelining) {
        (true, true) if client.offers.binarymime => Body::Binary,
        (true, true) => Body::Chunk,
        _ => Body::Data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf() {
        for (raw, expect) in [("a\nb\r\nc", "a\r\nb\r\nc\r\n"), ("", ""), ("\n\n", "\r\n\r\n"), ("a\rb\n", "a\rb\r\n")]
        {
            assert_eq!(String::from_utf8(normalise(raw.as_bytes())).unwrap(), expect);
        }
    }

    #[test]
    fn only_trace_fields_may_come_before() {
        let sent = b"Subject: x\r\n\r\nhi\r\n";
        let with = |head: &str| [head.as_bytes(), sent].concat();
        assert!(same(&with(""), sent).is_ok());
        assert!(same(&with("Return-Path: <a@b>\r\nReceived: by x\r\n\twith y\r\n"), sent).is_ok());
        assert!(same(&with("X-Other: 1\r\n"), sent).is_err());
        assert!(same(&with("Received: x"), sent).is_err());
        assert!(same(b"Subject: x\r\n\r\nho\r\n", sent).is_err());
    }

    #[test]
    fn sizes_must_agree() {
        let body = Value::List(
            ["text", "plain"]
                .map(|s| Value::String(s.into()))
                .into_iter()
                .chain([Value::Nil, Value::Nil, Value::Nil, Value::String("7bit".into())])
                .chain(["4", "1"].map(|n| Value::Atom(n.into())))
                .collect(),
        );
        let got = b"A: b\r\n\r\nhi\r\n";
        assert_eq!(described(&body, Some(&Value::Atom("12".into())), got).unwrap(), 1);
        assert!(described(&body, Some(&Value::Atom("13".into())), got).is_err());
        assert!(described(&body, Some(&Value::Atom("11".into())), &got[1..]).is_ok());
        assert!(described(&body, Some(&Value::Atom("10".into())), &got[..10]).is_err());
    }
}

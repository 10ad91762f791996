//! SUMMARY    Parameters of MAIL and RCPT, typed.
//! STANDARDS  RFC 5321 §4.1.2 (esmtp-param), RFC 1870 (SIZE), RFC 6152 and RFC 3030 (BODY), RFC 6531 (SMTPUTF8), RFC 3461 §4 (RET, ENVID, NOTIFY,
//!            ORCPT), RFC 6533 §3, RFC 4954 §5 (AUTH), RFC 8689 (REQUIRETLS)
//! LIMITS     SMTP_PARAMS_MAX; ENVID 100 and ORCPT 500 characters (RFC 3461 §4.2, §4.4)
//! INVARIANTS A parameter given twice or unknown refuses the command; nothing is silently ignored.

use super::{CommandError, path, xtext};
use base::{Address, limits::SMTP_PARAMS_MAX};

/// BODY= of MAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    SevenBit,
    EightBitMime,
    /// Only by BDAT (RFC 3030 §3).
    BinaryMime,
}

/// RET= of MAIL: what a failure report returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    Full,
    Headers,
}

/// NOTIFY= of RCPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    Never,
    On { success: bool, failure: bool, delay: bool },
}

/// ORCPT= of RCPT: address type and decoded address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orcpt {
    /// Lower case: `rfc822`, `utf-8`, `x400`.
    pub kind: String,
    pub address: String,
}

/// AUTH= of MAIL: who submitted the message first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthParam {
    /// `<>`: unknown, or not trusted.
    Nobody,
    Mailbox(Address),
}

/// Parameters of MAIL FROM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailParams {
    pub size_bytes: Option<u64>,
    pub body: Option<Body>,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    /// Decoded; printable ASCII.
    pub envid: Option<String>,
    pub auth: Option<AuthParam>,
    pub require_tls: bool,
}

/// Parameters of RCPT TO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RcptParams {
    pub notify: Option<Notify>,
    pub orcpt: Option<Orcpt>,
}

const ENVID_CHARS_MAX: usize = 100;
const ORCPT_CHARS_MAX: usize = 500;
const SIZE_DIGITS_MAX: usize = 20;

/// Calls `take(upper-case key, value)` for each parameter; refuses duplicates.
fn each<'a>(
    text: &'a str,
    mut take: impl FnMut(&str, Option<&'a str>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut seen: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let (key, value) = match word.split_once('=') {
            Some((k, v)) => (k, Some(v)),
            None => (word, None),
        };
        let ok = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !ok || key.is_empty() || key.starts_with('-') {
            return Err(CommandError::Syntax("a parameter looks like KEY=value"));
        }
        let key = key.to_ascii_uppercase();
        if seen.contains(&key) {
            return Err(CommandError::DuplicateParam);
        }
        take(&key, value)?;
        seen.push(key);
        if seen.len() > SMTP_PARAMS_MAX {
            return Err(CommandError::TooManyParams);
        }
    }
    Ok(())
}

fn value<'a>(value: Option<&'a str>, problem: &'static str) -> Result<&'a str, CommandError> {
    value.filter(|v| !v.is_empty()).ok_or(CommandError::Argument(problem))
}

fn flag(value: Option<&str>, problem: &'static str) -> Result<bool, CommandError> {
    if value.is_none() { Ok(true) } else { Err(CommandError::Argument(problem)) }
}

impl MailParams {
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        let mut p = MailParams::default();
        each(text, |key, v| {
            match key {
                "SIZE" => p.size_bytes = Some(size(value(v, "SIZE= needs a number of bytes")?)?),
                "BODY" => p.body = Some(body(value(v, "BODY= is 7BIT, 8BITMIME or BINARYMIME")?)?),
                "SMTPUTF8" => p.smtputf8 = flag(v, "SMTPUTF8 takes no value")?,
                "REQUIRETLS" => p.require_tls = flag(v, "REQUIRETLS takes no value")?,
                "RET" => {
                    p.ret = Some(match value(v, "RET= is FULL or HDRS")?.to_ascii_uppercase().as_str() {
                        "FULL" => Ret::Full,
                        "HDRS" => Ret::Headers,
                        _ => return Err(CommandError::Argument("RET= is FULL or HDRS")),
                    });
                }
                "ENVID" => {
                    let text = value(v, "ENVID= needs a value in xtext")?;
                    let ok = Some(text).filter(|t| t.len() <= ENVID_CHARS_MAX).and_then(xtext::decode);
                    p.envid = Some(ok.ok_or(CommandError::Argument("ENVID= needs up to 100 characters of xtext"))?);
                }
                "AUTH" => p.auth = Some(auth(value(v, "AUTH= needs an address in xtext or <>")?)?),
                _ => return Err(CommandError::UnknownParam),
            }
            Ok(())
        })?;
        Ok(p)
    }

    /// Renders for an outgoing MAIL, each parameter with a space before it. The caller leaves out what the server does not offer.
    pub fn write(&self, out: &mut String) {
        if let Some(n) = self.size_bytes {
            out.push_str(&format!(" SIZE={n}"));
        }
        out.push_str(match self.body {
            None => "",
            Some(Body::SevenBit) => " BODY=7BIT",
            Some(Body::EightBitMime) => " BODY=8BITMIME",
            Some(Body::BinaryMime) => " BODY=BINARYMIME",
        });
        if self.smtputf8 {
            out.push_str(" SMTPUTF8");
        }
        out.push_str(match self.ret {
            None => "",
            Some(Ret::Full) => " RET=FULL",
            Some(Ret::Headers) => " RET=HDRS",
        });
        if let Some(id) = &self.envid {
            out.push_str(&format!(" ENVID={}", xtext::encode(id)));
        }
        match &self.auth {
            None => {}
            Some(AuthParam::Nobody) => out.push_str(" AUTH=<>"),
            Some(AuthParam::Mailbox(a)) => out.push_str(&format!(" AUTH={}", xtext::encode(&a.to_string()))),
        }
        if self.require_tls {
            out.push_str(" REQUIRETLS");
        }
    }
}

impl RcptParams {
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        let mut p = RcptParams::default();
        each(text, |key, v| {
            match key {
                "NOTIFY" => p.notify = Some(notify(value(v, NOTIFY_PROBLEM)?)?),
                "ORCPT" => p.orcpt = Some(orcpt(value(v, ORCPT_PROBLEM)?)?),
                _ => return Err(CommandError::UnknownParam),
            }
            Ok(())
        })?;
        Ok(p)
    }

    /// Renders for an outgoing RCPT; `utf8` when the transaction has SMTPUTF8.
    pub fn write(&self, out: &mut String, utf8: bool) {
        match self.notify {
            None => {}
            Some(Notify::Never) => out.push_str(" NOTIFY=NEVER"),
            Some(Notify::On { success, failure, delay }) => {
                let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
                let words: Vec<&str> = words.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
                if !words.is_empty() {
                    out.push_str(&format!(" NOTIFY={}", words.join(",")));
                }
            }
        }
        if let Some(o) = &self.orcpt {
            let address =
                if o.kind == "utf-8" { xtext::encode_utf8(&o.address, !utf8) } else { xtext::encode(&o.address) };
            out.push_str(&format!(" ORCPT={};{address}", o.kind));
        }
    }
}

const NOTIFY_PROBLEM: &str = "NOTIFY= is NEVER, or a list of SUCCESS, FAILURE and DELAY";
const ORCPT_PROBLEM: &str = "ORCPT= looks like rfc822;address in xtext";

fn size(text: &str) -> Result<u64, CommandError> {
    let digits = text.len() <= SIZE_DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(CommandError::Argument("SIZE= needs a number of bytes"));
    }
    Ok(text.parse().unwrap_or(u64::MAX)) // 20 digits may exceed 64 bits: then it is too big whatever the limit
}

fn body(text: &str) -> Result<Body, CommandError> {
    match text.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(Body::SevenBit),
        "8BITMIME" => Ok(Body::EightBitMime),
        "BINARYMIME" => Ok(Body::BinaryMime),
        _ => Err(CommandError::Argument("BODY= is 7BIT, 8BITMIME or BINARYMIME")),
    }
}

fn auth(text: &str) -> Result<AuthParam, CommandError> {
    if text == "<>" {
        return Ok(AuthParam::Nobody);
    }
    let problem = CommandError::Argument("AUTH= needs an address in xtext or <>");
    let decoded = xtext::decode(text).ok_or(problem)?;
    path::mailbox(&decoded).map(AuthParam::Mailbox).map_err(|_| problem)
}

fn notify(text: &str) -> Result<Notify, CommandError> {
    let text = text.to_ascii_uppercase();
    if text == "NEVER" {
        return Ok(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in text.split(',') {
        let seen = match word {
            "SUCCESS" => &mut success,
            "FAILURE" => &mut failure,
            "DELAY" => &mut delay,
            _ => return Err(CommandError::Argument(NOTIFY_PROBLEM)),
        };
        if std::mem::replace(seen, true) {
            return Err(CommandError::Argument(NOTIFY_PROBLEM));
        }
    }
    Ok(Notify::On { success, failure, delay })
}

fn orcpt(text: &str) -> Result<Orcpt, CommandError> {
    let problem = CommandError::Argument(ORCPT_PROBLEM);
    let (kind, address) = text.split_once(';').ok_or(problem)?;
    let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !atom || address.is_empty() || text.chars().count() > ORCPT_CHARS_MAX {
        return Err(problem);
    }
    let kind = kind.to_ascii_lowercase();
    let decoded = if kind == "utf-8" { xtext::decode_utf8(address) } else { xtext::decode(address) };
    Ok(Orcpt { kind, address: decoded.ok_or(problem)? })
}

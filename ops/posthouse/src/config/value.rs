//! SUMMARY    Values of the configuration: read from a file or from text, by the kind of their key; written as a file has them.
//! INVARIANTS A value of the wrong kind is refused with what was expected; nothing is converted silently.

use super::unit;
use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

/// Certificates of one list.
const SNI_MAX: usize = 10_000;
/// Addresses of one list.
const ADDRESSES_MAX: usize = 4;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A plain mail address: letters of ASCII, no quotes, a name as its domain.
    MailAddress,
    Path,
    Address,
    /// A list of addresses.
    Addresses,
    Flag,
    /// 1 to this.
    Count(u64),
    Size,
    Time,
    Choice(&'static [&'static str]),
    Sni,
}

/// What it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Path(PathBuf),
    Address(SocketAddr),
    Addresses(Vec<SocketAddr>),
    Flag(bool),
    Count(u64),
    Size(u64),
    Time(Duration),
    Sni(Vec<Sni>),
}

/// A certificate for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sni {
    pub name: String,
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Kind {
    /// From a variable of the environment or a default.
    pub fn read_text(self, text: &str) -> Result<Value, String> {
        match self {
            Kind::Flag => match text {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                _ => Err(format!("{text:?} is neither true nor false")),
            },
            Kind::Count(max) => count(text.parse().map_err(|_| format!("{text:?} is not a whole number"))?, max),
            Kind::Size => match text.parse() {
                Ok(bytes) => Ok(Value::Size(bytes)),
                Err(_) => unit::size(text).map(Value::Size),
            },
            Kind::Sni => {
                let table: toml::Table = format!("sni = {text}").parse().map_err(|e| format!("not a list: {e}"))?;
                sni(table.get("sni").unwrap_or(&toml::Value::Boolean(false)))
            }
            Kind::Addresses => {
                text.split(',').map(str::trim).map(address).collect::<Result<_, _>>().and_then(addresses)
            }
            Kind::Text | Kind::MailAddress | Kind::Path | Kind::Address | Kind::Time | Kind::Choice(_) => {
                self.read_string(text)
            }
        }
    }

    /// From a file.
    pub fn read_toml(self, value: &toml::Value) -> Result<Value, String> {
        match (self, value) {
            (Kind::Flag, toml::Value::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Count(max), toml::Value::Integer(n)) => {
                count(u64::try_from(*n).map_err(|_| format!("{n} is less than 1"))?, max)
            }
            (Kind::Size, toml::Value::Integer(n)) => {
                u64::try_from(*n).map(Value::Size).map_err(|_| format!("{n} is less than 0"))
            }
            (Kind::Size, toml::Value::String(text)) => unit::size(text).map(Value::Size),
            (Kind::Sni, _) => sni(value),
            (Kind::Addresses, toml::Value::Array(list)) => {
                let one = |v: &toml::Value| address(v.as_str().unwrap_or_default());
                list.iter().map(one).collect::<Result<_, _>>().and_then(addresses)
            }
            (Kind::Time, toml::Value::Integer(n)) => {
                Err(format!("{n} has no unit; write {:?} or {:?}", format!("{n}s"), format!("{n}m")))
            }
            (
                Kind::Text | Kind::MailAddress | Kind::Path | Kind::Address | Kind::Time | Kind::Choice(_),
                toml::Value::String(text),
            ) => self.read_string(text),
            _ => Err(format!("expected {}, found {}", self.expected(), value.type_str())),
        }
    }

    fn read_string(self, text: &str) -> Result<Value, String> {
        match self {
            Kind::Path => Ok(Value::Path(text.into())),
            Kind::Time => unit::duration(text).map(Value::Time),
            Kind::Address => address(text).map(Value::Address),
            Kind::MailAddress => mail_address(text),
            Kind::Choice(known) if !known.contains(&text) => Err(format!("{text:?} is none of {}", known.join(", "))),
            _ if text.chars().any(char::is_control) => Err("control characters in it".to_owned()),
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Kind::Text | Kind::Choice(_) => "a text",
            Kind::MailAddress => "a mail address",
            Kind::Path => "a path",
            Kind::Address => "an address with a port",
            Kind::Addresses => "a list of addresses with ports",
            Kind::Flag => "true or false",
            Kind::Count(_) => "a whole number",
            Kind::Size => "a size as \"50MB\"",
            Kind::Time => "a time as \"5m\"",
            Kind::Sni => "a list of { name, chain, key }",
        }
    }
}

/// What every program writes and reads alike: other hosts may refuse a quoted or foreign-lettered sender, and nobody answers to one
/// without a name behind the `@`.
fn mail_address(text: &str) -> Result<Value, String> {
    let plain = |a: &base::Address| {
        text.is_ascii() && a.to_string().eq_ignore_ascii_case(text) && !text.contains('"') && !a.domain().is_literal()
    };
    match base::Address::parse(text) {
        Ok(address) if plain(&address) => Ok(Value::Text(text.to_owned())),
        Ok(_) | Err(_) => Err(format!("{text:?} is no plain mail address, as \"accounts@example.org\"")),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |_| format!("{text:?} is not an address with a port, as \"[::]:25\" or \"127.0.0.1:8080\"");
    text.parse().map_err(wrong)
}

fn addresses(list: Vec<SocketAddr>) -> Result<Value, String> {
    match list.len() <= ADDRESSES_MAX {
        true => Ok(Value::Addresses(list)),
        false => Err(format!("at most {ADDRESSES_MAX} addresses")),
    }
}

fn count(n: u64, max: u64) -> Result<Value, String> {
    if (1..=max).contains(&n) { Ok(Value::Count(n)) } else { Err(format!("{n} is not between 1 and {max}")) }
}

fn sni(value: &toml::Value) -> Result<Value, String> {
    let wrong = || "expected a list of { name, chain, key }, each a text".to_owned();
    let list = value.as_array().filter(|l| l.len() <= SNI_MAX).ok_or_else(wrong)?;
    let one = |entry: &toml::Value| {
        let table = entry.as_table()?;
        let text = |name| table.get(name)?.as_str().map(str::to_owned);
        let (name, chain, key) = (text("name")?, text("chain")?, text("key")?);
        (table.len() == 3).then(|| Sni { name, chain: chain.into(), key: key.into() })
    };
    let list = list.iter().map(one).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    Ok(Value::Sni(list))
}

/// As a file has it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: String| toml::Value::String(text).to_string();
        let path = |p: &PathBuf| quoted(p.to_string_lossy().into_owned());
        match self {
            Value::Text(text) => f.write_str(&quoted(text.clone())),
            Value::Path(p) => f.write_str(&path(p)),
            Value::Address(address) => write!(f, "\"{address}\""),
            Value::Addresses(list) => {
                write!(f, "[{}]", list.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", "))
            }
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Count(n) => write!(f, "{n}"),
            Value::Size(bytes) => write!(f, "\"{}\"", unit::write_size(*bytes)),
            Value::Time(time) => write!(f, "\"{}\"", unit::write_duration(*time)),
            Value::Sni(list) => {
                let one = |s: &Sni| {
                    format!(
                        "{{ name = {}, chain = {}, key = {} }}",
                        quoted(s.name.clone()),
                        path(&s.chain),
                        path(&s.key)
                    )
                };
                write!(f, "[{}]", list.iter().map(one).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

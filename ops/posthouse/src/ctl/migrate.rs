//! SUMMARY    `ctl migrate`: what is asked, by whom it is answered, and what is printed.
//! SECURITY   No password stands on a command line or goes over the socket: files are named, and the server reads them, at each connection anew.

use super::request::{Event, MigrateCall, Protection, SecretFile};
use crate::{Failure, config::duration};
use base::limits::{MIGRATE_CONNECTIONS, MIGRATE_CONNECTIONS_MAX};
use clap::{ArgGroup, Args};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Columns of what could not be brought as it was.
pub const TOLD: &[&str] = &["account", "what", "folder", "uid", "why"];
/// Columns of a dry run.
pub const COUNTED: &[&str] = &["account", "folder", "mailbox", "messages", "bytes", "brought"];
/// Ports of IMAP with TLS from the first byte, and without.
const PORTS: (u16, u16) = (993, 143);
/// Shortest time between two passes.
const EVERY_SECS_MIN: u64 = 10;

#[derive(Args)]
#[command(group = ArgGroup::new("whom").required(true).args(["account", "accounts"]))]
#[command(group = ArgGroup::new("secret").args(["password_file", "token_file"]))]
pub struct Migrate {
    /// The other provider's IMAP server; the port is 993, or 143 with --starttls and --plain-text.
    #[arg(long, value_name = "HOST[:PORT]")]
    from: String,
    /// The address or the id (acc_…) of the mailbox that mail is brought into.
    #[arg(long, value_name = "MAILBOX", requires = "user", requires = "secret")]
    account: Option<String>,
    /// The name that one signs in with there.
    #[arg(long, conflicts_with = "accounts")]
    user: Option<String>,
    /// A file whose first line is the password there.
    #[arg(long, value_name = "FILE", conflicts_with = "accounts")]
    password_file: Option<PathBuf>,
    /// A file whose first line is a bearer token (XOAUTH2 or OAUTHBEARER); it is read anew for each connection.
    #[arg(long, value_name = "FILE", conflicts_with = "accounts")]
    token_file: Option<PathBuf>,
    /// Many accounts: a CSV file with the columns address (here), user (there) and password or token. It is read anew for each connection.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// TLS after STARTTLS.
    #[arg(long, conflicts_with = "plain_text")]
    starttls: bool,
    /// No TLS: whoever is on the way reads passwords and mail.
    #[arg(long)]
    plain_text: bool,
    /// Authorities, or the very certificate, that the source's certificate must be of, instead of the public ones.
    #[arg(long, value_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// Folders to bring, as a pattern: * is anything, % anything but the next level. Several may be given; none: all.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Folders not to bring, as a pattern.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Says what there is, folder by folder; nothing is changed.
    #[arg(long, conflicts_with_all = ["every", "remove"])]
    dry_run: bool,
    /// What was removed there is removed here, if nobody has touched it here.
    #[arg(long)]
    remove: bool,
    /// One pass: so it is without --every.
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// Passes one after the other with so much time between, until this command is ended: 10m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<std::time::Duration>,
    /// Accounts that are brought at once: one connection to the source for each.
    #[arg(long, default_value_t = MIGRATE_CONNECTIONS)]
    connections: usize,
    /// Bytes a second that each connection reads at most: 500K.
    #[arg(long, value_name = "BYTES", value_parser = super::size::read)]
    rate: Option<u64>,
    /// What could not be brought goes into this file as CSV, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
    /// Why, for the audit log of the tenant.
    #[arg(long, default_value = "")]
    reason: String,
}

impl Migrate {
    pub fn call(self) -> Result<MigrateCall, Failure> {
        if !(1..=MIGRATE_CONNECTIONS_MAX).contains(&self.connections) {
            let most = format!("--connections: 1 to {MIGRATE_CONNECTIONS_MAX} (MIGRATE_CONNECTIONS_MAX)");
            return Err(Failure::Usage(most));
        }
        if self.every.is_some_and(|every| every.as_secs() < EVERY_SECS_MIN) {
            return Err(Failure::Usage(format!("--every: {EVERY_SECS_MIN}s or more")));
        }
        if self.rate == Some(0) {
            return Err(Failure::Usage("--rate: one byte a second or more".to_owned()));
        }
        let protection = match (self.starttls, self.plain_text) {
            (true, _) => Protection::StartTls,
            (false, true) => Protection::None,
            (false, false) => Protection::Tls,
        };
        let (host, port) = place(&self.from, if protection == Protection::Tls { PORTS.0 } else { PORTS.1 })?;
        let account = match (self.account, self.user, self.password_file, self.token_file) {
            (Some(account), Some(user), Some(file), None) => {
                Some((account, user, SecretFile { path: absolute(&file)?, is_token: false }))
            }
            (Some(account), Some(user), None, Some(file)) => {
                Some((account, user, SecretFile { path: absolute(&file)?, is_token: true }))
            }
            _ => None,
        };
        Ok(MigrateCall {
            host,
            port,
            protection,
            ca_file: self.ca_file.as_deref().map(absolute).transpose()?,
            account,
            accounts: self.accounts.as_deref().map(absolute).transpose()?,
            include: self.include,
            exclude: self.exclude,
            dry_run: self.dry_run,
            remove: self.remove,
            every_secs: self.every.map(|every| every.as_secs()),
            connections: self.connections,
            rate: self.rate,
            reason: self.reason,
        })
    }

    /// Where problems go.
    pub fn problems(&self) -> Result<Option<Problems>, Failure> {
        let at = |path: &Path, e: csv::Error| Failure::Usage(format!("{}: {e}", path.display()));
        let Some(path) = &self.problems else { return Ok(None) };
        let mut file = csv::Writer::from_path(path).map_err(|e| at(path, e))?;
        let columns = if self.dry_run { COUNTED } else { TOLD };
        file.write_record(columns).map_err(|e| at(path, e))?;
        Ok(Some(Problems { file, columns, failed: None }))
    }
}

/// A file of rows.
pub struct Problems {
    file: csv::Writer<std::fs::File>,
    columns: &'static [&'static str],
    failed: Option<String>,
}

impl Problems {
    /// Takes rows; everything else is given back.
    pub fn take(&mut self, event: Event) -> Option<Event> {
        let Event::Row(row) = event else { return Some(event) };
        let fields: Vec<String> = self.columns.iter().map(|column| field(row.get(*column))).collect();
        let written = self.file.write_record(&fields).and_then(|()| Ok(self.file.flush()?));
        if let Err(e) = written {
            self.failed.get_or_insert(e.to_string());
        }
        None
    }

    /// Why the file is not whole.
    pub fn end(self) -> Result<(), Failure> {
        self.failed.map_or(Ok(()), |why| Err(Failure::Failed(format!("--problems: {why}"))))
    }
}

fn field(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `imap.example`, `imap.example:1143`, `[2001:db8::1]:993`.
fn place(from: &str, port: u16) -> Result<(String, u16), Failure> {
    let wrong = || Failure::Usage(format!("--from: {from:?} is not HOST or HOST:PORT"));
    let (host, port) = match from.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, port),
        Some((host, rest)) => (host, rest.strip_prefix(':').and_then(|p| p.parse().ok()).ok_or_else(wrong)?),
        None => match from.split_once(':') {
            Some((host, text)) => (host, text.parse().map_err(|_| wrong())?),
            None => (from, port),
        },
    };
    if host.is_empty() || port == 0 { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let found = std::path::absolute(path).map_err(|e| e.to_string());
    let found = found.and_then(|path| path.to_str().map(PathBuf::from).ok_or("its name is not UTF-8".to_owned()));
    found.map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let of = |from: &str| place(from, 993).ok();
        let found = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(of("imap.example"), found("imap.example", 993));
        assert_eq!(of("imap.example:143"), found("imap.example", 143));
        assert_eq!(of("[::1]:144"), found("::1", 144));
        assert_eq!(of("[::1]"), found("::1", 993));
        for wrong in ["", ":1", "a:", "a:b", "a:0", "[::1]x", "a:99999"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}

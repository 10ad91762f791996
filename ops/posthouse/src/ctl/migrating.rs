//! SUMMARY    Migrations that an operator asks for, in the server: accounts side by side, pass after pass.
//! SECURITY   Each account's migration is written into its tenant's audit log before it is begun. Secrets are read from their files at each
//!            connection, and are in no log and no answer.
//! LIMITS     MIGRATE_ACCOUNTS_MAX, MIGRATE_CONNECTIONS_MAX
//! INVARIANTS A migration ends when nobody listens any more; the same command goes on with it. One account's failure is no other's.

use super::{
    desk::{Desk, Events, Outcome, row, text},
    request::{Event, MigrateCall, Protection, SecretFile},
    size,
};
use account::{AccountScope, Owner};
use base::limits::MIGRATE_ACCOUNTS_MAX;
use mail::Mail;
use migrate::{Failed, Migrator, Order, Progress, Reach, Report, Secret, Security, SignIn, Source, What};
use queue::Trust;
use serde_json::{Value, json};
use std::{
    io::{BufRead, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};
use zeroize::Zeroizing;

/// Characters of the entry in the audit log.
const DETAIL_CHARS_MAX: usize = 500;
/// Bytes of a token: some are long.
const SECRET_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of a file of accounts.
const ACCOUNTS_BYTES_MAX: u64 = 64 << 20;

/// One account that is brought.
#[derive(Clone)]
struct One {
    address: String,
    scope: AccountScope<Owner>,
    source: Source,
}

/// What one of them says.
enum Said {
    At(usize, Progress),
    Ended(usize, Result<Report, Box<Failed>>),
}

impl Desk {
    pub(super) async fn migrate(&self, who: &str, call: MigrateCall, events: &Events) -> Outcome {
        let accounts = self.store()?.clone();
        let hostname = self.status.get("hostname").and_then(Value::as_str).unwrap_or("localhost");
        let mail = Mail::new(accounts, hostname);
        let all = self.whom(who, &call).await?;
        loop {
            let ended = tokio::select! {
                ended = pass(&mail, &all, &call, events) => ended?,
                () = events.closed() => return Err("nobody listens".to_owned()),
            };
            let Some(every) = call.every_secs else { return ended };
            let (_, _, summary) = ended?;
            // The next pass tells what it finds anew.
            let what = format!("{summary}; the next pass in {every} s");
            let _ = events.try_send(Event::Progress { done: 99, total: 100, what });
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(every)) => {}
                () = events.closed() => return Err("nobody listens".to_owned()),
            }
        }
    }

    /// The accounts of a call, each in its tenant's audit log.
    async fn whom(&self, who: &str, call: &MigrateCall) -> Result<Vec<One>, String> {
        let actor = self.actor(who).await?;
        let trust = call.ca_file.as_deref().map_or(Ok(Trust::Public), Trust::from_file)?;
        let tls = trust.verifying();
        let asked = match (&call.account, &call.accounts) {
            (Some((account, user, file)), _) => vec![(account.clone(), user.clone(), file.is_token, in_file(file))],
            (None, Some(path)) => listed(path)?,
            (None, None) => return Err("no account is named".to_owned()),
        };
        let mut all = Vec::with_capacity(asked.len());
        for (address, user, is_token, secret) in asked {
            let mailbox = self.mailbox(&actor, &address).await?;
            let scope = self.store()?.ordered(mailbox.tenant, mailbox.id).await;
            let scope = scope.map_err(|e| format!("{address}: {e}"))?;
            // What cannot be read is told before anything is begun.
            secret().map_err(|why| format!("{address}: {why}"))?;
            if !call.dry_run {
                let noted = [(mailbox.id.to_string(), detail(call, &user))];
                self.shared_service()?.note(&actor, mailbox.tenant, "mailMigrate", &noted).await.map_err(text)?;
                tracing::warn!(target: "audit", who, account = %mailbox.id, host = call.host, "mail is migrated");
            }
            let source = Source {
                host: call.host.clone(),
                port: call.port,
                security: match call.protection {
                    Protection::Tls => Security::Tls,
                    Protection::StartTls => Security::StartTls,
                    Protection::None => Security::Plain,
                },
                user,
                sign_in: if is_token { SignIn::Token } else { SignIn::Password },
                secret,
                tls: tls.clone(),
                rate: call.rate,
                reach: Reach::Anywhere,
            };
            all.push(One { address, scope, source });
        }
        Ok(all)
    }
}

/// One pass over all accounts, so many at once.
async fn pass(mail: &Mail, all: &[One], call: &MigrateCall, events: &Events) -> Result<Outcome, String> {
    let order = Order {
        include: call.include.clone(),
        exclude: call.exclude.clone(),
        remove: call.remove,
        dry_run: call.dry_run,
    };
    // Dropped with this pass, they end.
    let (mut running, mut waiting) = (JoinSet::new(), all.iter().cloned().enumerate());
    let (say, mut said) = mpsc::channel(64);
    let mut start = |running: &mut JoinSet<()>| {
        if let Some((number, one)) = waiting.next() {
            running.spawn(bring(Migrator::new(mail.clone()), number, one, order.clone(), say.clone()));
        }
    };
    (0..call.connections).for_each(|_| start(&mut running));
    let (mut bar, mut sum, mut left, mut failed) = (Bar::new(all.len()), Report::default(), all.len(), 0_usize);
    let mut reason = None;
    while left > 0 {
        let heard = tokio::select! {
            heard = said.recv() => heard,
            Some(Err(_)) = running.join_next() => None,
        };
        match heard {
            Some(Said::At(number, progress)) => bar.at(number, progress, events),
            Some(Said::Ended(number, ended)) => {
                left -= 1;
                start(&mut running);
                let Some(one) = all.get(number) else { continue };
                let report = match ended {
                    Ok(report) => report,
                    Err(why) => {
                        failed += 1;
                        reason.get_or_insert_with(|| format!("{}: {why}", one.address));
                        let told = json!({ "account": one.address, "what": "failed", "folder": null, "uid": null, "why": why.to_string() });
                        row(events, told).await?;
                        why.report
                    }
                };
                tell(&one.address, &report, call.dry_run, events).await?;
                add(&mut sum, &report);
            }
            None => return Err("a migration ended without a word".to_owned()),
        }
    }
    let summary = summary(&sum, all.len(), failed, call.dry_run);
    let summary = reason.map_or(summary.clone(), |why: String| format!("{summary}: {why}"));
    Ok(Ok((failed == 0, None, summary)))
}

async fn bring(migrator: Migrator, number: usize, one: One, order: Order, say: mpsc::Sender<Said>) {
    // Who does not keep up with it misses some.
    let mut telling = |progress: &Progress| drop(say.try_send(Said::At(number, progress.clone())));
    let ended = migrator.run(&one.scope, &one.source, &order, &mut telling).await;
    let _ = say.send(Said::Ended(number, ended)).await;
}

/// How far all of them are together.
struct Bar {
    at: Vec<Progress>,
    shown: Option<(u64, usize)>,
}

impl Bar {
    fn new(accounts: usize) -> Bar {
        Bar { at: vec![Progress::default(); accounts], shown: None }
    }

    /// Each percent once.
    fn at(&mut self, number: usize, progress: Progress, events: &Events) {
        if let Some(at) = self.at.get_mut(number) {
            *at = progress;
        }
        let sum = |of: fn(&Progress) -> u64| self.at.iter().map(of).sum::<u64>();
        let (done, total, bytes) = (sum(|p| p.messages), sum(|p| p.messages_total), sum(|p| p.bytes));
        let folders = self.at.iter().map(|p| p.folders).sum();
        let percent = u64::try_from(u128::from(done) * 100 / u128::from(total.max(1))).unwrap_or(100).min(100);
        if done == 0 || self.shown == Some((percent, folders)) {
            return;
        }
        self.shown = Some((percent, folders));
        let what = format!("% of {total} messages looked at, {} brought, {folders} folders done", size::write(bytes));
        let done = usize::try_from(percent).unwrap_or(100).saturating_sub(1);
        let _ = events.try_send(Event::Progress { done, total: 100, what });
    }
}

fn what(what: What) -> &'static str {
    match what {
        What::Message => "message",
        What::Folder => "folder",
        What::PassedOver => "passed-over",
        What::NotKept => "not-kept",
        What::Gone => "gone-there",
    }
}

async fn tell(address: &str, report: &Report, dry_run: bool, events: &Events) -> Result<(), String> {
    if dry_run {
        for counted in &report.folders {
            let migrate::Counted { folder, mailbox, messages, bytes, brought } = counted;
            let told = json!({
                "account": address, "folder": folder, "mailbox": mailbox, "messages": messages, "bytes": bytes, "brought": brought
            });
            row(events, told).await?;
        }
        return Ok(());
    }
    for told in &report.told {
        let row_of = json!({
            "account": address, "what": what(told.what), "folder": told.folder, "uid": told.uid, "why": told.why
        });
        row(events, row_of).await?;
    }
    Ok(())
}

fn add(sum: &mut Report, one: &Report) {
    sum.stored += one.stored;
    sum.bytes += one.bytes;
    sum.found += one.found;
    sum.flagged += one.flagged;
    sum.flags_kept += one.flags_kept;
    sum.removed += one.removed;
    sum.left_behind += one.left_behind;
    sum.failed += one.failed;
    sum.told_total += one.told_total;
    sum.reconnects += one.reconnects;
    sum.folders.extend(one.folders.iter().cloned());
}

fn summary(sum: &Report, accounts: usize, failed: usize, dry_run: bool) -> String {
    let ended = if failed > 0 { format!("; {failed} of {accounts} accounts FAILED") } else { String::new() };
    if dry_run {
        let total = |of: fn(&migrate::Counted) -> u64| sum.folders.iter().map(of).sum::<u64>();
        let (messages, bytes, brought) = (total(|c| c.messages), size::write(total(|c| c.bytes)), total(|c| c.brought));
        let folders = sum.folders.len();
        return format!(
            "dry run: nothing was changed; {accounts} accounts, {folders} folders, {messages} messages ({bytes}) there, {brought} of them were brought before{ended}"
        );
    }
    let Report { stored, found, flagged, flags_kept, removed, left_behind, told_total, reconnects, .. } = sum;
    let bytes = size::write(sum.bytes);
    format!(
        "{accounts} accounts: {stored} messages ({bytes}) brought, {found} were here, {flagged} flagged anew, {flags_kept} keep flags of here, \
         {removed} removed, {left_behind} gone there and left here; {told_total} problems, {reconnects} connections made anew{ended}"
    )
}

/// Reason and source.
fn detail(call: &MigrateCall, user: &str) -> String {
    let reason = if call.reason.is_empty() { String::new() } else { format!("{}; ", call.reason) };
    format!("{reason}from {user} at {}", call.host).chars().take(DETAIL_CHARS_MAX).collect()
}

/// The first line of a file.
fn in_file(file: &SecretFile) -> Secret {
    let path = file.path.clone();
    Arc::new(move || {
        let at = |why: String| format!("{}: {why}", path.display());
        let opened = std::fs::File::open(&path).map_err(|e| at(e.to_string()))?;
        let mut line = Zeroizing::new(String::new());
        let mut reader = std::io::BufReader::new(opened.take(SECRET_BYTES_MAX));
        reader.read_line(&mut line).map_err(|e| at(e.to_string()))?;
        let secret = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
        if secret.is_empty() { Err(at("its first line is empty".to_owned())) } else { Ok(secret) }
    })
}

/// A row of a file of accounts.
struct Listed {
    address: String,
    user: String,
    is_token: bool,
    secret: Zeroizing<String>,
}

/// Address, user, whether it is a token, and the secret of each.
fn listed(path: &Path) -> Result<Vec<(String, String, bool, Secret)>, String> {
    let rows = read(path)?;
    let secret = |address: &str| -> Secret {
        let (path, address): (PathBuf, String) = (path.to_owned(), address.to_owned());
        Arc::new(move || {
            let found = read(&path)?.into_iter().find(|row| row.address == address);
            found.map(|row| row.secret).ok_or_else(|| format!("{}: {address} is no longer in it", path.display()))
        })
    };
    Ok(rows.into_iter().map(|row| (row.address.clone(), row.user, row.is_token, secret(&row.address))).collect())
}

fn read(path: &Path) -> Result<Vec<Listed>, String> {
    let at = |why: String| format!("{}: {why}", path.display());
    let opened = std::fs::File::open(path).map_err(|e| at(e.to_string()))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(opened.take(ACCOUNTS_BYTES_MAX));
    let headers = reader.headers().map_err(|e| at(e.to_string()))?.clone();
    let column =
        |name: &str| headers.iter().position(|header| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
    let (Some(address), Some(user)) = (column("address"), column("user")) else {
        return Err(at("its first line names the columns: address,user,password or address,user,token".to_owned()));
    };
    let (secret, is_token) = match (column("password"), column("token")) {
        (Some(at), None) => (at, false),
        (None, Some(at)) => (at, true),
        _ => return Err(at("it has a column password, or a column token".to_owned())),
    };
    let mut rows: Vec<Listed> = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|e| at(e.to_string()))?;
        let line = number + 2;
        let field = |column| record.get(column).map(str::to_owned).filter(|text| !text.is_empty());
        let (Some(address), Some(user), Some(secret)) = (field(address), field(user), field(secret)) else {
            return Err(at(format!("row {line}: an empty field")));
        };
        if rows.iter().any(|row| row.address == address) {
            return Err(at(format!("row {line}: {address} stands twice")));
        }
        if rows.len() >= MIGRATE_ACCOUNTS_MAX {
            return Err(at("too many accounts (MIGRATE_ACCOUNTS_MAX)".to_owned()));
        }
        rows.push(Listed { address, user, is_token, secret: Zeroizing::new(secret) });
    }
    if rows.is_empty() { Err(at("it has no account".to_owned())) } else { Ok(rows) }
}

//! SUMMARY    `load crash`: delivers without pause while the server is killed with SIGKILL; every 250 must be kept.
//! INVARIANTS A message with an unknown outcome is tried once more and then left. What is counted as kept is read back over
//!            IMAP and compared byte for byte with what the generator makes of its number.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base::{Rng, rng::SeededRng};
use clap::Args;
use serde::Serialize;
use tokio::{sync::watch, task::JoinSet};

use super::MeasureArgs;
use crate::{
    demo::{Demo, Doors, log_path},
    error::{Error, Result, check},
    imap::{
        Client as Imap,
        value::{Value, fetch},
    },
    ledger::{Balance, Ledger},
    message::Generator,
    net::Target,
    smtp::{Body, Client as Smtp, Dialect, Transaction},
    stats::{Latencies, Quantiles},
};

/// Attempts of one message whose outcome stays unknown.
const ATTEMPTS_MAX: u8 = 2;
/// Pause after a failed connection.
const PAUSE: Duration = Duration::from_millis(10);
/// One kill in this many comes while the server is still starting.
const KILL_WHILE_STARTING: u64 = 10;
/// Messages of one FETCH.
const FETCH_MESSAGES: u64 = 500;

#[derive(Debug, Args)]
pub struct CrashArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// The server's binary; it is started as `BIN demo --json --data DIR`.
    #[arg(long)]
    bin: PathBuf,
    /// Data folder; must not exist yet.
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value_t = 100)]
    kills: u64,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    #[arg(long, default_value_t = 4096)]
    size: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Shortest and longest life of the server between two kills, milliseconds.
    #[arg(long, default_value_t = 50)]
    life_ms_min: u64,
    #[arg(long, default_value_t = 2000)]
    life_ms_max: u64,
    /// Deliver over LMTP instead of SMTP.
    #[arg(long)]
    lmtp: bool,
    /// Messages delivered before the first kill (start-up with a full store).
    #[arg(long, default_value_t = 0)]
    preload: u64,
    /// Longest start-up after a crash that passes, milliseconds.
    #[arg(long, default_value_t = 2000)]
    start_ms_max: u64,
    /// Arguments of the consistency check after the run; `{data}` is the folder. Empty: none.
    #[arg(long, default_value = "ctl --data {data} verify")]
    verify: String,
}

#[derive(Debug, Serialize)]
struct Report {
    kills: u64,
    kills_while_starting: u64,
    connections: usize,
    seed: u64,
    elapsed_s: f64,
    refused: u64,
    first_refusal: Option<String>,
    start_up_first_ms: f64,
    start_up_after_crash: Quantiles,
    #[serde(flatten)]
    balance: Balance,
    verify_ok: Option<bool>,
    verify_output: String,
}

/// What the connections share.
struct Shared {
    generator: Generator,
    size: usize,
    lmtp: bool,
    next: AtomicU64,
    /// No new message is begun from this number on.
    limit: AtomicU64,
    stop: AtomicBool,
    ledger: Mutex<Ledger>,
    refusals: Mutex<(u64, Option<String>)>,
}

pub async fn run(args: CrashArgs) -> Result<()> {
    if args.data.exists() {
        return Err(check(format!("{} exists already", args.data.display())));
    }
    let began = Instant::now();
    let mut demo = Demo::start(&args.bin, &args.data)?;
    let (first_start, doors) = demo.doors().await?;
    let mut before = Vec::new();
    for (user, password) in &doors.accounts {
        before.push(login(&doors, user, password).await?.status_messages("INBOX").await?);
    }
    let shared = Arc::new(Shared::new(&args, doors.accounts.len() as u64));
    let (tell, hear) = watch::channel(Some(doors));
    let mut tasks = JoinSet::new();
    for _ in 0..args.connections.max(1) {
        tasks.spawn(connection(shared.clone(), hear.clone()));
    }
    shared.preload(args.preload).await;
    let (starts, while_starting) = kill_loop(&args, &mut demo, &tell).await?;
    // The last life: unfinished messages get their answer, then the connections end.
    shared.stop.store(true, Ordering::Relaxed);
    while let Some(done) = tasks.join_next().await {
        done.map_err(|e| check(e.to_string()))?;
    }
    let doors = hear.borrow().clone().ok_or_else(|| check("no server is left"))?;
    read_all(&shared, &doors, &before).await?;
    demo.stop().await?;
    let (verify_ok, verify_output) = verify(&args)?;
    let (refused, first_refusal) = lock(&shared.refusals).clone();
    let balance = std::mem::take(&mut *lock(&shared.ledger)).balance();
    let report = Report {
        kills: args.kills,
        kills_while_starting: while_starting,
        connections: args.connections,
        seed: args.seed,
        elapsed_s: began.elapsed().as_secs_f64(),
        refused,
        first_refusal,
        start_up_first_ms: first_start.as_secs_f64() * 1000.0,
        start_up_after_crash: starts.quantiles(),
        balance,
        verify_ok,
        verify_output,
    };
    args.measure.print(&report)?;
    verdict(&report, args.start_ms_max)
}

fn verdict(report: &Report, start_ms_max: u64) -> Result<()> {
    if !report.balance.holds() {
        return Err(check("acknowledged messages were lost, doubled or changed"));
    }
    if report.balance.acknowledged == 0 {
        return Err(check("nothing was acknowledged: nothing was tested"));
    }
    if report.verify_ok == Some(false) {
        return Err(check("the store's own verification found violations"));
    }
    if report.start_up_after_crash.max_ms > start_ms_max as f64 {
        return Err(check(format!("a start after a crash took {:.0} ms", report.start_up_after_crash.max_ms)));
    }
    Ok(())
}

/// Kills and restarts; leaves a running server. Start-up times, and how many kills hit a starting server.
async fn kill_loop(args: &CrashArgs, demo: &mut Demo, tell: &watch::Sender<Option<Doors>>) -> Result<(Latencies, u64)> {
    let rng = SeededRng::new(args.seed ^ 0x0063_7261_7368);
    let (mut starts, mut while_starting) = (Latencies::default(), 0);
    let mut last_start_ms = 100;
    for nth in 1..=args.kills {
        let life = args.life_ms_min + rng.below(args.life_ms_max.saturating_sub(args.life_ms_min).max(1));
        tokio::time::sleep(Duration::from_millis(life)).await;
        demo.kill()?;
        tell.send_replace(None);
        if rng.below(KILL_WHILE_STARTING) == 0 {
            let mut unfinished = Demo::start(&args.bin, &args.data)?;
            tokio::time::sleep(Duration::from_millis(rng.below(last_start_ms))).await;
            unfinished.kill()?;
            while_starting += 1;
        }
        *demo = Demo::start(&args.bin, &args.data)?;
        let (took, doors) = demo
            .doors()
            .await
            .map_err(|e| check(format!("after kill {nth}: {e} ({})", log_path(&args.data).display())))?;
        last_start_ms = (took.as_millis() as u64).max(1);
        starts.push(took);
        tell.send_replace(Some(doors));
        eprint!("\rkill {nth} of {}, start-up {last_start_ms} ms ", args.kills);
    }
    eprintln!();
    Ok((starts, while_starting))
}

/// One connection's life across all crashes.
async fn connection(shared: Arc<Shared>, mut doors: watch::Receiver<Option<Doors>>) {
    let mut message = Vec::new();
    let mut pending: Option<u64> = None;
    loop {
        let Ok(now) = doors.wait_for(Option::is_some).await.map(|d| d.clone()) else { return };
        let Some(now) = now else { continue };
        if pending.is_none() && shared.stop.load(Ordering::Relaxed) {
            return;
        }
        match shared.session(&now, &mut pending, &mut message).await {
            Ok(()) => {}
            Err(Error::Io(_)) => tokio::time::sleep(PAUSE).await,
            Err(e) => {
                shared.refused(e.to_string());
                pending = None;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Shared {
    fn new(args: &CrashArgs, accounts: u64) -> Self {
        Shared {
            generator: Generator::new(args.seed, accounts),
            size: args.size,
            lmtp: args.lmtp,
            next: AtomicU64::new(0),
            limit: AtomicU64::new(if args.preload > 0 { args.preload } else { u64::MAX }),
            stop: AtomicBool::new(false),
            ledger: Mutex::new(Ledger::default()),
            refusals: Mutex::new((0, None)),
        }
    }

    fn refused(&self, text: String) {
        let mut refusals = lock(&self.refusals);
        refusals.0 += 1;
        refusals.1.get_or_insert(text);
    }

    /// Waits until `count` messages were acknowledged, then lets the connections go on without end.
    async fn preload(&self, count: u64) {
        while lock(&self.ledger).acknowledged_count() + lock(&self.refusals).0 < count {
            tokio::time::sleep(PAUSE * 50).await;
        }
        self.limit.store(u64::MAX, Ordering::Relaxed);
    }

    /// Sends on one connection until it breaks or the run stops.
    async fn session(&self, doors: &Doors, pending: &mut Option<u64>, message: &mut Vec<u8>) -> Result<()> {
        let address = if self.lmtp { &doors.lmtp } else { &doors.smtp };
        let target = Target { address: address.clone(), tls: false, source: None };
        let mut client = Smtp::open(&target, &Dialect { lmtp: self.lmtp, starttls: false, auth: None }).await?;
        loop {
            let index = match pending.take() {
                Some(index) => index,
                None if self.stop.load(Ordering::Relaxed) => return Ok(()),
                None => self.take_number().await,
            };
            let accounts = recipients(index, doors.accounts.len());
            let to: Vec<&str> =
                accounts.iter().filter_map(|a| doors.accounts.get(*a)).map(|(address, _)| address.as_str()).collect();
            message.clear();
            self.write(index, doors, message);
            lock(&self.ledger).tried(index, &accounts);
            let mail = Transaction { from: "bounces@sender.example", to: &to, message, body: Body::Data };
            match client.send(&mail).await {
                Ok(()) => lock(&self.ledger).acknowledged(index),
                Err(Error::Io(e)) => {
                    // Known only to be unknown: the answer to the last byte never came.
                    let attempts = lock(&self.ledger).unknown(index);
                    *pending = (attempts < ATTEMPTS_MAX).then_some(index);
                    return Err(Error::Io(e));
                }
                Err(e) => return Err(e),
            }
        }
    }

    async fn take_number(&self) -> u64 {
        loop {
            let limit = self.limit.load(Ordering::Relaxed);
            let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1));
            match taken {
                Ok(index) => return index,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn write(&self, index: u64, doors: &Doors, out: &mut Vec<u8>) {
        let first = recipients(index, doors.accounts.len()).first().and_then(|a| doors.accounts.get(*a));
        self.generator.write(index, self.size, first.map_or("", |(address, _)| address.as_str()), out);
    }
}

/// Accounts of message `index`: one in turn; every third message goes to the next account as well, every ninth to two more.
fn recipients(index: u64, accounts: usize) -> Vec<usize> {
    let count = 1 + usize::from(index.is_multiple_of(3)) + usize::from(index.is_multiple_of(9));
    let first = (index % accounts.max(1) as u64) as usize;
    (0..count.min(accounts)).map(|k| (first + k) % accounts.max(1)).collect()
}

async fn login(doors: &Doors, user: &str, password: &str) -> Result<Imap> {
    Imap::login(&Target { address: doors.imap_tls.clone(), tls: true, source: None }, user, password).await
}

/// Reads every INBOX from the message after those that the demo brought.
async fn read_all(shared: &Shared, doors: &Doors, before: &[u64]) -> Result<()> {
    for (account, (user, password)) in doors.accounts.iter().enumerate() {
        let mut imap = login(doors, user, password).await?;
        let exists = imap.select("INBOX", true).await?;
        let mut from = before.get(account).copied().unwrap_or(0) + 1;
        while from <= exists {
            let to = exists.min(from + FETCH_MESSAGES - 1);
            imap.command(&format!("FETCH {from}:{to} (BODY.PEEK[])"), |response| {
                if let Some((_, items)) = fetch(response)? {
                    let body = items.into_iter().find(|(name, _)| name == "BODY[]");
                    if let Some((_, Value::String(bytes))) = body {
                        shared.read(account, doors, &bytes);
                    }
                }
                Ok(())
            })
            .await?;
            from = to + 1;
        }
    }
    Ok(())
}

impl Shared {
    fn read(&self, account: usize, doors: &Doors, bytes: &[u8]) {
        let index = number(bytes);
        let mut expected = Vec::new();
        if let Some(index) = index {
            self.write(index, doors, &mut expected);
        }
        lock(&self.ledger).found(account, index, bytes.ends_with(&expected));
    }
}

/// The number in the Message-ID that the generator wrote.
fn number(bytes: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"\r\nMessage-ID: <";
    let at = memchr::memmem::find(bytes, NAME)? + NAME.len();
    std::str::from_utf8(bytes.get(at..at + 9)?).ok()?.parse().ok()
}

fn verify(args: &CrashArgs) -> Result<(Option<bool>, String)> {
    if args.verify.is_empty() {
        return Ok((None, String::new()));
    }
    let data = args.data.to_string_lossy();
    let words = args.verify.split_ascii_whitespace().map(|w| w.replace("{data}", &data));
    let output = Command::new(&args.bin).args(words).output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((Some(output.status.success()), String::from_utf8_lossy(&text).into_owned()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_distinct_accounts() {
        assert_eq!(recipients(1, 5), [1]);
        assert_eq!(recipients(3, 5), [3, 4]);
        assert_eq!(recipients(9, 5), [4, 0, 1]);
        assert_eq!(recipients(9, 1), [0]);
    }

    #[test]
    fn numbers_come_back_from_messages() {
        let g = Generator::new(5, 2);
        let mut out = b"Return-Path: <x@y>\r\n".to_vec();
        g.write(123_456, 3000, "a@b", &mut out);
        assert_eq!(number(&out), Some(123_456));
        assert_eq!(number(b"Subject: x\r\n\r\n"), None);
    }
}

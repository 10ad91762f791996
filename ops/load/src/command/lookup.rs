//! SUMMARY    `load lookup`: what finding a recipient and checking a login cost among many mailboxes: over the sockets, or on
//!            the data folder of a stopped server, without any socket.
//! INVARIANTS Each login is made twice and the second one counts: the server remembers a password it has verified, so the hash
//!            is in the first.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use account::{AccountOptions, Accounts, MasterKey, Sender};
use base::{Address, Rng, SystemClock, SystemRng, rng::SeededRng};
use clap::Args;
use serde::Serialize;
use store::{blob::FsObjects, embedded};

use super::MeasureArgs;
use crate::{
    error::{Result, check, protocol},
    imap::Client as Imap,
    net::Target,
    process::Usage,
    smtp::{Client as Smtp, Dialect},
    stats::{Latencies, Quantiles},
    world::{PASSWORD, address},
};

/// Recipients of one transaction.
const RCPTS_MAX: u64 = 50;
/// Transactions of one connection: a server ends a session that goes on without a message.
const TRANSACTIONS_MAX: u32 = 20;
/// Bytes one connection reads at once.
const READ_BYTES: usize = 4096;

#[derive(Debug, Args)]
pub struct LookupArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// HOST:PORT of the MX door.
    #[arg(long)]
    smtp: Option<String>,
    /// HOST:PORT of the IMAP door.
    #[arg(long)]
    imap: Option<String>,
    /// Data folder of a stopped server: asked without sockets.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Name of the run that made the mailboxes.
    #[arg(long, default_value = "load")]
    run: String,
    #[arg(long, default_value_t = 10_000)]
    tenants: u64,
    #[arg(long, default_value_t = 100)]
    mailboxes: u64,
    /// Recipients looked up.
    #[arg(long, default_value_t = 50_000)]
    recipients: u64,
    /// Accounts logged in to, twice each.
    #[arg(long, default_value_t = 500)]
    logins: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    rcpt: Option<Quantiles>,
    /// With the hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_login: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_login: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_route: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_second_login: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Usage>,
}

/// Addresses, drawn evenly from all that were made.
struct Draw<'a> {
    args: &'a LookupArgs,
    rng: SeededRng,
}

impl Draw<'_> {
    fn address(&mut self) -> String {
        let tenant = self.rng.below(self.args.tenants.max(1));
        let mailbox = self.rng.below(self.args.mailboxes.max(1));
        address(&self.args.run, tenant, mailbox)
    }
}

pub async fn run(args: LookupArgs) -> Result<()> {
    if args.smtp.is_none() && args.imap.is_none() && args.data.is_none() {
        return Err(check("give --smtp, --imap or --data"));
    }
    let mut draw = Draw { args: &args, rng: SeededRng::new(args.seed) };
    let mut report = Report::default();
    if let Some(target) = &args.smtp {
        report.rcpt = Some(recipients(&mut draw, target).await?);
    }
    if let Some(target) = &args.imap {
        let (first, second) = logins(&mut draw, target).await?;
        (report.first_login, report.second_login) = (Some(first), Some(second));
    }
    if args.data.is_some() {
        let (route, login) = direct(&mut draw).await?;
        (report.direct_route, report.direct_second_login) = (Some(route), Some(login));
    }
    let tree = args.measure.tree();
    report.server = if tree.is_empty() { None } else { Some(tree.usage()?) };
    args.measure.print(&report)
}

fn plain(address: &str) -> Target {
    Target { address: address.to_owned(), tls: false, source: None }
}

/// From RCPT to its answer. Only addresses that exist: a server slows down who guesses.
async fn recipients(draw: &mut Draw<'_>, target: &str) -> Result<Quantiles> {
    let dialect = Dialect { lmtp: false, starttls: false, auth: None };
    let mut latencies = Latencies::default();
    let mut client = Smtp::open(&plain(target), &dialect).await?;
    let (mut left, mut transactions) = (draw.args.recipients, 0);
    while left > 0 {
        if transactions == TRANSACTIONS_MAX {
            client.quit().await;
            (client, transactions) = (Smtp::open(&plain(target), &dialect).await?, 0);
        }
        transactions += 1;
        let (code, text) = client.ask("MAIL FROM:<friend@elsewhere.example>").await?;
        if code != 250 {
            return Err(protocol(format!("MAIL: {code} {text}")));
        }
        for _ in 0..RCPTS_MAX.min(left) {
            let command = format!("RCPT TO:<{}>", draw.address());
            let began = Instant::now();
            let (code, text) = client.ask(&command).await?;
            latencies.push(began.elapsed());
            if code != 250 {
                return Err(protocol(format!("{command}: {code} {text}")));
            }
            left -= 1;
        }
        client.ask("RSET").await?;
    }
    Ok(latencies.quantiles())
}

/// First and second login of each account.
async fn logins(draw: &mut Draw<'_>, target: &str) -> Result<(Quantiles, Quantiles)> {
    let (mut first, mut second) = (Latencies::default(), Latencies::default());
    for _ in 0..draw.args.logins {
        let user = draw.address();
        for latencies in [&mut first, &mut second] {
            let mut client = Imap::connect(&plain(target), READ_BYTES).await?;
            let began = Instant::now();
            client.log_in(&user, PASSWORD).await?;
            latencies.push(began.elapsed());
            client.command("LOGOUT", |_| Ok(())).await?;
        }
    }
    Ok((first.quantiles(), second.quantiles()))
}

/// Where the logins come from.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The same questions, asked of the store.
async fn direct(draw: &mut Draw<'_>) -> Result<(Quantiles, Quantiles)> {
    let accounts = open(draw.args)?;
    let (mut route, mut login) = (Latencies::default(), Latencies::default());
    for _ in 0..draw.args.recipients {
        let text = draw.address();
        let address = Address::parse(&text).map_err(|e| check(e.to_string()))?;
        let (took, found) = timed(accounts.route(&address, Sender::Stranger)).await;
        route.push(took);
        if found.map_or(0, |r| r.local.len()) != 1 {
            return Err(check(format!("{text} does not lead to one mailbox")));
        }
    }
    for _ in 0..draw.args.logins {
        let user = draw.address();
        accounts.login(LOCAL, &user, PASSWORD).await.map_err(|e| check(format!("{user}: {e}")))?;
        let (took, again) = timed(accounts.login(LOCAL, &user, PASSWORD)).await;
        again.map_err(|e| check(format!("{user}: {e}")))?;
        login.push(took);
    }
    Ok((route.quantiles(), login.quantiles()))
}

async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let done = work.await;
    (began.elapsed(), done)
}

fn open(args: &LookupArgs) -> Result<Accounts> {
    let data = args.data.as_deref().ok_or_else(|| check("no --data"))?;
    let key = std::fs::read(data.join("master.key"))?;
    let key: [u8; 32] = key.try_into().map_err(|_| check("a master key has 32 bytes"))?;
    let kv = embedded::open(data.join("kv"), embedded::EmbeddedOptions::default()).map_err(|e| check(e.to_string()))?;
    let objects = FsObjects::open(data.join("packs")).map_err(|e| check(e.to_string()))?;
    Ok(Accounts::new(AccountOptions {
        kv,
        objects: Arc::new(objects),
        master: MasterKey::new(key),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng::default()),
    }))
}

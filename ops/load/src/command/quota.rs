//! SUMMARY    `load quota`: many connections fill the mailboxes of one tenant up to its limit while the server is killed with SIGKILL.
//! INVARIANTS At the end the tenant uses its limit to within one message and no more, and `ctl quota verify` finds no drift.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base::{Rng, rng::SeededRng};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use super::MeasureArgs;
use crate::{
    api::Client,
    demo::{Demo, Doors},
    error::{Error, Result, check},
    message::Generator,
    net::Target,
    smtp::{Body, Client as Smtp, Dialect, Transaction},
    world::BULK_MAX,
};

/// Pause after a failed connection, and between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes that the server puts in front of a message at most.
const TRACE_BYTES_MAX: u64 = 1_024;
/// Refusals in a row after which a connection holds the tenant for full: each is of another mailbox.
const REFUSALS: u32 = 3;

#[derive(Debug, Args)]
pub struct QuotaArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// The server's binary; it is started as `BIN demo --json --data DIR`.
    #[arg(long)]
    bin: PathBuf,
    /// Data folder; must not exist yet.
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 200)]
    mailboxes: usize,
    /// Limit of the tenant, bytes.
    #[arg(long, default_value_t = 16 << 20)]
    limit: u64,
    #[arg(long, default_value_t = 4096)]
    size: usize,
    /// Kills, spread over the way to the limit.
    #[arg(long, default_value_t = 3)]
    kills: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    connections: usize,
    mailboxes: usize,
    kills: u64,
    elapsed_s: f64,
    acknowledged: u64,
    unknown: u64,
    refused: u64,
    limit_bytes: u64,
    used_bytes: u64,
    quota_verify_ok: bool,
    quota_verify: String,
    verify_ok: bool,
}

/// What the connections share.
struct Shared {
    generator: Generator,
    mailboxes: Vec<String>,
    size: usize,
    next: AtomicU64,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    refused: AtomicU64,
}

pub async fn run(args: QuotaArgs) -> Result<()> {
    if args.data.exists() {
        return Err(check(format!("{} exists already", args.data.display())));
    }
    let mut demo = Demo::start(&args.bin, &args.data)?;
    let (_, doors) = demo.doors().await?;
    let (tenant, mailboxes) = provision(&args, &doors).await?;
    let shared = Arc::new(Shared {
        generator: Generator::new(args.seed, mailboxes.len() as u64),
        mailboxes,
        size: args.size,
        next: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
        unknown: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    let began = Instant::now();
    let (tell, hear) = watch::channel(Some(doors));
    let mut tasks = JoinSet::new();
    for nth in 0..args.connections.max(1) {
        tasks.spawn(connection(shared.clone(), hear.clone(), nth));
    }
    let messages = args.limit / (args.size as u64 + TRACE_BYTES_MAX / 2);
    for nth in 1..=args.kills {
        let wanted = messages * nth / (args.kills + 1);
        while shared.acknowledged.load(Ordering::Relaxed) < wanted && !tasks.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        demo.kill()?;
        tell.send_replace(None);
        demo = Demo::start(&args.bin, &args.data)?;
        tell.send_replace(Some(demo.doors().await?.1));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|e| check(e.to_string()))??;
    }
    let elapsed_s = began.elapsed().as_secs_f64();
    demo.stop().await?;
    let report = judge(&args, &shared, &tenant, elapsed_s)?;
    args.measure.print(&report)?;
    verdict(&args, &report)
}

/// Mailboxes and the limit of the demo's first tenant, whose domain is there already. Gives its id and the addresses.
async fn provision(args: &QuotaArgs, doors: &Doors) -> Result<(String, Vec<String>)> {
    let tenant = doors.tenant.clone().ok_or_else(|| check("the demo names no tenant"))?;
    let first = doors.accounts.first().and_then(|(address, _)| address.split_once('@'));
    let (_, domain) = first.ok_or_else(|| check("the demo has no address"))?;
    let most = args.mailboxes + doors.accounts.len();
    let input = json!({ "tenantId": tenant, "maxMailboxes": most, "storageBytesMax": args.limit.to_string() });
    let mut client = Client::new(&doors.api);
    client.mutate(&doors.operator_token, "tenantUpdate", "", &input).await?;
    let mailboxes: Vec<String> = (0..args.mailboxes).map(|nth| format!("quota{nth}@{domain}")).collect();
    for bulk in mailboxes.chunks(BULK_MAX as usize) {
        // Nobody signs in: they have no password, and so no hash is waited for.
        let items: Vec<Value> = bulk.iter().map(|address| json!({ "address": address })).collect();
        let input = json!({ "mailboxes": items, "errorPolicy": "ALL_OR_NOTHING" });
        client.mutate(&doors.operator_token, "mailboxesCreate", "", &input).await?;
    }
    Ok((tenant, mailboxes))
}

/// One connection's life across all crashes, until the tenant is full.
async fn connection(shared: Arc<Shared>, mut doors: watch::Receiver<Option<Doors>>, nth: usize) -> Result<()> {
    let rng = SeededRng::new(nth as u64);
    let (mut message, mut refusals) = (Vec::new(), 0);
    while refusals < REFUSALS {
        let now = doors.wait_for(Option::is_some).await.map_err(|_| check("the run ended"))?.clone();
        let Some(now) = now else { continue };
        match shared.session(&now, &rng, nth.is_multiple_of(2), (&mut message, &mut refusals)).await {
            Ok(()) => {}
            Err(Error::Io(_)) => {
                shared.unknown.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
            // A server that is stopping or starting.
            Err(Error::Refused { code: 421, .. }) => tokio::time::sleep(PAUSE).await,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

impl Shared {
    /// Sends on one connection until it breaks or the tenant is full.
    async fn session(
        &self,
        doors: &Doors,
        rng: &SeededRng,
        lmtp: bool,
        (message, refusals): (&mut Vec<u8>, &mut u32),
    ) -> Result<()> {
        let address = if lmtp { &doors.lmtp } else { &doors.smtp };
        let target = Target { address: address.clone(), tls: false, source: None };
        let mut client = Smtp::open(&target, &Dialect { lmtp, starttls: false, auth: None }).await?;
        while *refusals < REFUSALS {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let to = self.mailboxes.get(rng.below(self.mailboxes.len() as u64) as usize).map_or("", String::as_str);
            message.clear();
            self.generator.write(index, self.size, to, message);
            let mail = Transaction { from: "bounces@sender.example", to: &[to], message, body: Body::Data };
            match client.send(&mail).await {
                Ok(()) => {
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    *refusals = 0;
                }
                Err(Error::Refused { code: 452, .. }) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    *refusals += 1;
                    // A refused message may leave the transaction open: the next one begins on a connection of its own.
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn judge(args: &QuotaArgs, shared: &Shared, tenant: &str, elapsed_s: f64) -> Result<Report> {
    let (quota_verify_ok, quota_verify) = ctl(args, &["quota", "verify", "--tenant", tenant])?;
    let (verify_ok, _) = ctl(args, &["verify", "--tenant", tenant])?;
    let (_, shown) = ctl(args, &["tenant", "show", tenant])?;
    let used = serde_json::from_str::<Value>(&shown).ok();
    let used_bytes = used.and_then(|v| v.pointer("/rows/0/used_bytes")?.as_u64());
    Ok(Report {
        connections: args.connections,
        mailboxes: args.mailboxes,
        kills: args.kills,
        elapsed_s,
        acknowledged: shared.acknowledged.load(Ordering::Relaxed),
        unknown: shared.unknown.load(Ordering::Relaxed),
        refused: shared.refused.load(Ordering::Relaxed),
        limit_bytes: args.limit,
        used_bytes: used_bytes.ok_or_else(|| check(format!("ctl tenant show: {shown}")))?,
        quota_verify_ok,
        quota_verify,
        verify_ok,
    })
}

fn ctl(args: &QuotaArgs, words: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(&args.bin).arg("ctl").arg("--data").arg(&args.data).arg("--json").args(words).output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

fn verdict(args: &QuotaArgs, report: &Report) -> Result<()> {
    if report.used_bytes > report.limit_bytes {
        return Err(check(format!("{} bytes are used of {}", report.used_bytes, report.limit_bytes)));
    }
    if report.limit_bytes - report.used_bytes > args.size as u64 + TRACE_BYTES_MAX {
        return Err(check("mail was refused though a message would have found room"));
    }
    if !report.quota_verify_ok || !report.verify_ok {
        return Err(check("the store's own verification found violations"));
    }
    Ok(())
}

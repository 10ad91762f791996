//! SUMMARY    `load portal`: owners of customers look at their pages at a given rate: how long each page takes, and what the first one weighs.
//! LIMITS     SIGN_IN_TRIES_MAX
//! INVARIANTS A page counts from when it was due, not from when a connection was free for it: a slow server hides nothing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::MeasureArgs;
use crate::{
    api::{Client, text},
    browser::Browser,
    deliver::at_turn,
    error::{Error, Result, check},
    net::Target,
    process::{Cost, Meter},
    stats::{Latencies, Quantiles, per_second},
    world::{ApiArgs, PASSWORD, customer, domain, mailboxes},
};

/// Mailboxes of each customer whose owner looks: a page is full.
const MAILBOXES: u64 = 20;
/// How often signing in waits because others did before.
const SIGN_IN_TRIES_MAX: u32 = 60;
const SIGN_IN_PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub struct PortalArgs {
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Customers whose owners look; they are made when they are missing.
    #[arg(long, default_value_t = 50)]
    customers: u64,
    /// Pages each second.
    #[arg(long, default_value_t = 50)]
    rate: u64,
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Paths that are looked at in turn; DOMAIN and MAILBOX are those of the customer.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "/,/domains,/domains/DOMAIN,/mailboxes,/mailboxes/MAILBOX,/mailboxes/new,/addresses/aliases,/access/members,/billing,/security"
    )]
    pages: Vec<String>,
    /// It fails when 95 of 100 pages take longer.
    #[arg(long, default_value_t = 25.0)]
    p95_ms_max: f64,
    /// It fails when the first page with all that it needs is larger over the wire.
    #[arg(long, default_value_t = 60_000)]
    first_page_bytes_max: usize,
}

#[derive(Debug, Serialize)]
struct FirstPage {
    requests: usize,
    bytes: usize,
}

#[derive(Debug, Serialize)]
struct Looked {
    pages: u64,
    bytes: usize,
    #[serde(flatten)]
    took: Quantiles,
}

#[derive(Debug, Serialize)]
struct Report {
    first_page: FirstPage,
    pages: u64,
    per_s: f64,
    #[serde(flatten)]
    took: Quantiles,
    paths: BTreeMap<String, Looked>,
    #[serde(flatten)]
    cost: Option<Cost>,
}

/// An owner who has signed in.
#[derive(Debug, Clone)]
struct Owner {
    cookies: BTreeMap<String, String>,
    domain: String,
    mailbox: String,
}

struct Run {
    target: Target,
    owners: Vec<Owner>,
    pages: Vec<String>,
    next: AtomicU64,
    count: u64,
    begin: Instant,
    every: Duration,
}

#[derive(Default)]
struct Tally(BTreeMap<String, (Latencies, usize)>);

pub async fn run(args: PortalArgs) -> Result<()> {
    if args.rate == 0 || args.pages.is_empty() {
        return Err(check("the rate is at least 1, and there is at least one page"));
    }
    let target = args.api.endpoint()?.target().clone();
    let first_page = first_page(&target).await?;
    let mut client = Client::new(&args.api.endpoint()?);
    let mut owners = Vec::new();
    for number in 0..args.customers.max(1) {
        owners.push(owner(&mut client, &args.api, &target, number).await?);
    }
    let meter = Meter::start(&args.measure.tree())?;
    let run = Arc::new(Run {
        target,
        owners,
        pages: args.pages.clone(),
        next: AtomicU64::new(0),
        count: args.rate * args.seconds,
        begin: Instant::now(),
        every: Duration::from_secs(1) / u32::try_from(args.rate).unwrap_or(u32::MAX),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..args.connections.max(1) {
        tasks.spawn(connection(run.clone()));
    }
    let (mut all, mut paths) = (Latencies::default(), BTreeMap::<String, (Latencies, usize)>::new());
    while let Some(joined) = tasks.join_next().await {
        for (path, (took, bytes)) in joined.map_err(|e| check(format!("a connection's task ended: {e}")))??.0 {
            all.append(took.clone());
            let known = paths.entry(path).or_default();
            known.0.append(took);
            known.1 = known.1.max(bytes);
        }
    }
    let looked = |(took, bytes): (Latencies, usize)| Looked { pages: took.count(), bytes, took: took.quantiles() };
    let report = Report {
        first_page,
        pages: all.count(),
        per_s: per_second(all.count(), meter.elapsed()),
        took: all.quantiles(),
        paths: paths.into_iter().map(|(path, of)| (path, looked(of))).collect(),
        cost: meter.cost(all.count())?,
    };
    args.measure.print(&report)?;
    judge(&args, &report)
}

fn judge(args: &PortalArgs, report: &Report) -> Result<()> {
    if report.took.p95_ms > args.p95_ms_max {
        return Err(check(format!(
            "95 of 100 pages take up to {} ms, more than {}",
            report.took.p95_ms, args.p95_ms_max
        )));
    }
    if report.first_page.bytes > args.first_page_bytes_max {
        let (bytes, max) = (report.first_page.bytes, args.first_page_bytes_max);
        return Err(check(format!("the first page has {bytes} bytes over the wire, more than {max}")));
    }
    Ok(())
}

/// What a stranger's browser fetches: the page, and the styles, scripts and pictures it names.
async fn first_page(target: &Target) -> Result<FirstPage> {
    let page = Browser::new(target).get("/").await?;
    if page.status != 200 {
        return Err(check(format!("the first page answers {}", page.status)));
    }
    let named = page.attributes("href").into_iter().chain(page.attributes("src"));
    let is_file =
        |path: &String| path.starts_with('/') && path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let mut browser = Browser::new(target);
    browser.compressed = true;
    let mut first = FirstPage { requests: 1, bytes: browser.get("/").await?.wire_bytes };
    for path in named.filter(is_file).collect::<std::collections::BTreeSet<_>>() {
        let file = browser.get(&path).await?;
        if file.status != 200 {
            return Err(check(format!("{path} answers {}", file.status)));
        }
        first.requests += 1;
        first.bytes += file.wire_bytes;
    }
    Ok(first)
}

/// A customer with mailboxes, and its owner, invited and signed in.
async fn owner(client: &mut Client, args: &ApiArgs, target: &Target, number: u64) -> Result<Owner> {
    let customer = customer(client, args, None, number, MAILBOXES).await?;
    let made = mailboxes(client, args, &customer, number, 0..MAILBOXES).await?;
    let email = format!("owner{number}@{}.example", args.run);
    let invite = json!({
        "tenantId": customer.id, "email": email, "role": "owner", "idempotencyKey": format!("{}-o{number}", args.run),
    });
    match client.mutate(&customer.token, "memberInvite", "secret", &invite).await {
        Ok(invited) => {
            let accept = json!({ "secret": text(&invited, "/secret")?, "name": "Owner", "password": PASSWORD });
            match client.mutate(&customer.token, "invitationAccept", "", &accept).await {
                // An earlier run's invitation is told again, and was accepted then.
                Ok(_) | Err(Error::Check(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Err(other) => return Err(other),
    }
    let cookies = sign_in(target, &email).await?;
    let mailbox = made.first().cloned().ok_or_else(|| check("a customer without a mailbox"))?;
    Ok(Owner { cookies, domain: domain(&args.run, number), mailbox })
}

async fn sign_in(target: &Target, email: &str) -> Result<BTreeMap<String, String>> {
    let mut browser = Browser::new(target);
    for _ in 0..SIGN_IN_TRIES_MAX {
        let form = browser.get("/sign-in").await?;
        let token = form.field("form").ok_or_else(|| check("the sign-in page has no form"))?;
        let fields = [("form", token.as_str()), ("next", "/"), ("email", email), ("password", PASSWORD)];
        if browser.post("/sign-in", &fields).await?.status == 303 {
            return Ok(browser.cookies);
        }
        tokio::time::sleep(SIGN_IN_PAUSE).await;
    }
    Err(check(format!("{email} could not sign in, {SIGN_IN_TRIES_MAX} times (SIGN_IN_TRIES_MAX)")))
}

async fn connection(run: Arc<Run>) -> Result<Tally> {
    let mut browser = Browser::new(&run.target);
    let mut tally = Tally::default();
    loop {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        if number >= run.count {
            return Ok(tally);
        }
        let due = run.begin + run.every * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep_until(due.into()).await;
        let pages = run.pages.len() as u64;
        let (Some(path), Some(owner)) = (at_turn(&run.pages, number), at_turn(&run.owners, number / pages)) else {
            return Err(check("nothing to look at"));
        };
        browser.cookies.clone_from(&owner.cookies);
        let page = browser.get(&path.replace("DOMAIN", &owner.domain).replace("MAILBOX", &owner.mailbox)).await?;
        if page.status != 200 {
            return Err(check(format!("{path} answers {}", page.status)));
        }
        let (took, bytes) = tally.0.entry(path.clone()).or_default();
        // A timer wakes up to a millisecond late: that is the driver's, and counted against the server all the same.
        took.push(due.elapsed());
        *bytes = (*bytes).max(page.wire_bytes);
    }
}

//! SUMMARY    The loud tenant of `load noisy`: submits and calls the API on many connections without a pause.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use rustix::process::setpriority_process;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{LOUD, MAILBOXES, MESSAGE_BYTES, NoisyArgs, World, plain};
use crate::{
    api::{Client, Endpoint},
    command::api::query,
    error::{Result, check},
    smtp::{Body, Client as Smtp, Dialect, Transaction},
    stats::{median, per_second},
    world::{ApiArgs, Customer, PASSWORD, address, mailboxes},
};

/// Niceness of its thread: whatever of the quiet tenant is due goes first in this process.
const NICE: i32 = 19;

/// What it did.
#[derive(Default)]
struct Done {
    stop: AtomicBool,
    submitted: AtomicU64,
    submissions_refused: AtomicU64,
    called: AtomicU64,
    calls_refused: AtomicU64,
}

/// A moment's counts.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    at: Instant,
    counts: [u64; 4],
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Rates {
    submitted_per_s: f64,
    submissions_refused_per_s: f64,
    called_per_s: f64,
    calls_refused_per_s: f64,
}

impl Rates {
    pub fn median(all: &[Rates]) -> Rates {
        let of = |field: fn(&Rates) -> f64| median(all.iter().map(field).collect());
        Rates {
            submitted_per_s: of(|r| r.submitted_per_s),
            submissions_refused_per_s: of(|r| r.submissions_refused_per_s),
            called_per_s: of(|r| r.called_per_s),
            calls_refused_per_s: of(|r| r.calls_refused_per_s),
        }
    }
}

/// What its connections go by.
#[derive(Clone)]
struct Way {
    run: ApiArgs,
    customer: Customer,
    submission: String,
    api: Endpoint,
    done: Arc<Done>,
}

pub struct Loud {
    done: Arc<Done>,
    thread: JoinHandle<Result<()>>,
}

impl Loud {
    /// Begins; on a thread of its own.
    pub fn start(args: &NoisyArgs, world: &World) -> Result<Loud> {
        let done = Arc::new(Done::default());
        let way = Way {
            run: world.api.clone(),
            customer: world.loud.clone(),
            submission: world.doors.submission.clone(),
            api: world.doors.api.clone(),
            done: done.clone(),
        };
        let (submitters, callers) = (args.submitters, args.callers);
        let thread = std::thread::Builder::new().name("loud".to_owned()).spawn(move || {
            setpriority_process(None, NICE).map_err(|e| check(format!("nice: {e}")))?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(connections(way, submitters, callers))
        })?;
        Ok(Loud { done, thread })
    }

    pub fn count(&self) -> Count {
        let d = &self.done;
        let counts = [&d.submitted, &d.submissions_refused, &d.called, &d.calls_refused];
        Count { at: Instant::now(), counts: counts.map(|c| c.load(Ordering::Relaxed)) }
    }

    pub fn since(&self, before: Count) -> Rates {
        let now = self.count();
        let rate = |n: usize| {
            let of = |c: &Count| c.counts.get(n).copied().unwrap_or_default();
            per_second(of(&now) - of(&before), now.at - before.at)
        };
        Rates {
            submitted_per_s: rate(0),
            submissions_refused_per_s: rate(1),
            called_per_s: rate(2),
            calls_refused_per_s: rate(3),
        }
    }

    pub fn stop(self) -> Result<()> {
        self.done.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| check("A's thread ended"))?
    }
}

async fn connections(way: Way, submitters: usize, callers: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for n in 0..submitters {
        tasks.spawn(submitter(way.clone(), n as u64));
    }
    for n in 0..callers {
        tasks.spawn(caller(way.clone(), n));
    }
    while let Some(joined) = tasks.join_next().await {
        joined.map_err(|e| check(format!("a connection of A ended: {e}")))??;
    }
    Ok(())
}

/// Submits without a pause; a refusal or a lost connection is tried again at once.
async fn submitter(way: Way, number: u64) -> Result<()> {
    let from = address(&way.run.run, LOUD, number % MAILBOXES);
    let to = address(&way.run.run, LOUD, (number + 1) % MAILBOXES);
    let dialect = Dialect { lmtp: false, starttls: false, auth: Some(format!("{from}:{PASSWORD}")) };
    let mut message = format!("From: {from}\r\nSubject: noise\r\n\r\n").into_bytes();
    message.extend_from_slice("0123456789abcdef".repeat(MESSAGE_BYTES / 16).as_bytes());
    message.extend_from_slice(b"\r\n");
    let mut client = None;
    while !way.done.stop.load(Ordering::Relaxed) {
        let open = match client.take() {
            Some(open) => Ok(open),
            None => Smtp::open(&plain(&way.submission), &dialect).await,
        };
        let sent = match open {
            Ok(mut open) => {
                let sent =
                    open.send(&Transaction { from: &from, to: &[&to], message: &message, body: Body::Data }).await;
                client = sent.is_ok().then_some(open);
                sent
            }
            Err(e) => Err(e),
        };
        let count = if sent.is_ok() { &way.done.submitted } else { &way.done.submissions_refused };
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Calls the API without a pause: most read pages, some change names, some set passwords (each costs a hash).
async fn caller(way: Way, number: usize) -> Result<()> {
    let mut client = Client::new(&way.api);
    let ids = mailboxes(&mut client, &way.run, &way.customer, LOUD, 0..MAILBOXES).await?;
    let id = ids.get(number % ids.len().max(1)).cloned().unwrap_or_default();
    let change = |fields: Value| {
        let text = "mutation($i: MailboxUpdateInput!) { mailboxUpdate(input: $i) { userErrors { code } } }";
        let mut input = fields;
        if let Some(fields) = input.as_object_mut() {
            fields.insert("mailboxId".to_owned(), Value::from(id.clone()));
        }
        Client::body(text, &json!({ "i": input }))
    };
    let body = match number % 8 {
        0 => change(json!({ "password": PASSWORD })),
        1 | 2 => change(json!({ "displayName": "Noise" })),
        _ => query("page", &way.customer.id, &id, &way.customer.token)?.body,
    };
    while !way.done.stop.load(Ordering::Relaxed) {
        let count = match client.post(&way.customer.token, &body).await {
            Ok(answer) if answer.status == 200 => &way.done.called,
            Ok(_) | Err(_) => &way.done.calls_refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

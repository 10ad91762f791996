//! SUMMARY    The quiet tenant of `load noisy`: deliveries, FETCHes and API calls at a pace, and how long each takes.
//! INVARIANTS A request that is sent late because the one before was not answered counts from when it was due; one that the
//!            generator's own timer brings late does not. The three kinds are due at different moments.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{MAILBOXES, MESSAGE_BYTES, NoisyArgs, QUIET, World, plain};
use crate::{
    api::{Client, Endpoint},
    command::api::{Ready, query},
    error::{Result, check},
    imap::Client as Imap,
    smtp::{Body, Client as Smtp, Dialect, Transaction},
    stats::Latencies,
    world::{PASSWORD, address},
};

/// Messages that the FETCHes go round over.
const MESSAGES: u64 = 50;
/// Requests of each kind that are not counted, so that no first one is.
const WARM: u64 = 20;

#[derive(Debug, Default)]
pub struct Felt {
    pub delivery: Latencies,
    pub fetch: Latencies,
    pub api: Latencies,
}

pub struct Quiet {
    rate: f64,
    count: u64,
    run: String,
    smtp: String,
    imap: String,
    api: Endpoint,
    query: Ready,
    message: Vec<u8>,
}

/// When the requests of one kind are due.
struct Due {
    began: Instant,
    every: Duration,
    next: u32,
}

impl Due {
    /// Waits for the next one; from when its time counts.
    async fn wait(&mut self) -> Instant {
        let due = self.began + self.every * self.next;
        self.next += 1;
        if Instant::now() >= due {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }
}

impl Quiet {
    pub fn new(args: &NoisyArgs, world: &World) -> Result<Quiet> {
        let body = "0123456789abcdef".repeat(MESSAGE_BYTES / 16);
        Ok(Quiet {
            rate: args.rate.max(0.1),
            count: (args.rate.max(0.1) * args.seconds as f64) as u64,
            run: world.api.run.clone(),
            smtp: world.doors.smtp.clone(),
            imap: world.doors.imap.clone(),
            api: world.doors.api.clone(),
            query: query("mailbox", &world.quiet.id, &world.mailbox, &world.quiet.token)?,
            message: format!("Subject: noise\r\n\r\n{body}\r\n").into_bytes(),
        })
    }

    fn user(&self, mailbox: u64) -> String {
        address(&self.run, QUIET, mailbox % MAILBOXES)
    }

    /// Messages to fetch.
    pub async fn fill(&self) -> Result<()> {
        let mut client = Imap::login(&plain(&self.imap), &self.user(1), PASSWORD).await?;
        let found = client.status_messages("INBOX").await?;
        for _ in found..MESSAGES {
            client.append("INBOX", std::slice::from_ref(&self.message)).await?;
        }
        Ok(())
    }

    /// One measurement: the three kinds side by side, each at its pace.
    pub async fn feel(self: Arc<Self>) -> Result<Felt> {
        self.run(self.count).await
    }

    /// A few requests that nobody counts.
    pub async fn warm(self: Arc<Self>) -> Result<()> {
        self.run(WARM).await.map(|_| ())
    }

    async fn run(&self, count: u64) -> Result<Felt> {
        let (began, every) = (Instant::now(), Duration::from_secs_f64(1.0 / self.rate));
        let due = |third: u32| Due { began: began + every * third / 3, every, next: 0 };
        let (delivery, fetch, api) =
            tokio::join!(self.deliveries(due(0), count), self.fetches(due(1), count), self.calls(due(2), count));
        Ok(Felt { delivery: delivery?, fetch: fetch?, api: api? })
    }

    async fn deliveries(&self, mut due: Due, count: u64) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        let dialect = Dialect { lmtp: false, starttls: false, auth: None };
        let mut client = Smtp::open(&plain(&self.smtp), &dialect).await?;
        let to = self.user(0);
        let to = [to.as_str()];
        for _ in 0..count {
            let from = due.wait().await;
            let message =
                Transaction { from: "friend@elsewhere.example", to: &to, message: &self.message, body: Body::Data };
            client.send(&message).await?;
            latencies.push(from.elapsed());
        }
        Ok(latencies)
    }

    async fn fetches(&self, mut due: Due, count: u64) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut client = Imap::login(&plain(&self.imap), &self.user(1), PASSWORD).await?;
        client.select("INBOX", true).await?;
        for n in 0..count {
            let from = due.wait().await;
            client.count_fetch(&format!("FETCH {} (FLAGS BODY.PEEK[])", 1 + n % MESSAGES)).await?;
            latencies.push(from.elapsed());
        }
        Ok(latencies)
    }

    async fn calls(&self, mut due: Due, count: u64) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut client = Client::new(&self.api);
        for _ in 0..count {
            let from = due.wait().await;
            let answer = client.post(&self.query.token, &self.query.body).await?;
            if answer.status != 200 {
                return Err(check(format!("the quiet tenant was refused with {}", answer.status)));
            }
            latencies.push(from.elapsed());
        }
        Ok(latencies)
    }
}

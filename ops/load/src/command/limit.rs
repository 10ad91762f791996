//! SUMMARY    `load limit`: how long after the API's answer every door goes by a new limit or hold.
//! INVARIANTS A door is asked again and again until it answers as it should; the time counts from the API's answer to that
//!            answer. The run fails when one takes longer than a second.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::MeasureArgs;
use crate::{
    api::Client,
    error::{Error, Result, check},
    imap::Client as Imap,
    net::Target,
    smtp::{Body, Client as Smtp, Dialect, Transaction},
    stats::{Latencies, Quantiles},
    world::{ApiArgs, Customer, PASSWORD, address, customer, mailboxes},
};

/// Longest time until a door knows (Q4).
const SEEN_WITHIN: Duration = Duration::from_secs(1);
/// Longest wait for a door.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Bytes one connection reads at once.
const READ_BYTES: usize = 4096;
const MESSAGE: &[u8] = b"From: friend@elsewhere.example\r\nSubject: limit\r\n\r\nOne line.\r\n";

#[derive(Debug, Args)]
pub struct LimitArgs {
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// HOST:PORT of the MX door.
    #[arg(long)]
    smtp: String,
    /// HOST:PORT of the IMAP door.
    #[arg(long)]
    imap: String,
    #[arg(long, default_value_t = 20)]
    rounds: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    rounds: u64,
    /// By change and door.
    seen: BTreeMap<String, Quantiles>,
    /// What the doors said when they refused.
    said: BTreeMap<String, String>,
    slowest_ms: f64,
}

/// A change, and what the doors do after it.
struct Change {
    name: &'static str,
    mutation: &'static str,
    fields: Value,
    accepts: bool,
}

struct Doors {
    smtp: Target,
    imap: Target,
    user: String,
}

pub async fn run(args: LimitArgs) -> Result<()> {
    let mut client = Client::new(&args.api.endpoint()?);
    let customer = customer(&mut client, &args.api, None, 0, 1).await?;
    mailboxes(&mut client, &args.api, &customer, 0, 0..1).await?;
    let doors = Doors {
        smtp: Target { address: args.smtp.clone(), tls: false, source: None },
        imap: Target { address: args.imap.clone(), tls: false, source: None },
        user: address(&args.api.run, 0, 0),
    };
    let mut seen: BTreeMap<String, Latencies> = BTreeMap::new();
    let mut said = BTreeMap::new();
    for _ in 0..args.rounds {
        for change in changes() {
            let session = doors.session().await;
            apply(&mut client, &args.api.token, &customer, &change).await?;
            let answered = Instant::now();
            let (smtp, imap) =
                tokio::join!(doors.smtp_does(&change, answered), doors.imap_does(&change, session, answered));
            for (door, (took, text)) in [("SMTP", smtp?), ("IMAP", imap?)] {
                let name = format!("{}, {door}", change.name);
                said.insert(name.clone(), text);
                seen.entry(name).or_default().push(took);
            }
        }
    }
    let seen: BTreeMap<String, Quantiles> = seen.into_iter().map(|(name, took)| (name, took.quantiles())).collect();
    let slowest_ms = seen.values().map(|q| q.max_ms).fold(0.0, f64::max);
    args.measure.print(&Report { rounds: args.rounds, seen, said, slowest_ms })?;
    if slowest_ms > SEEN_WITHIN.as_secs_f64() * 1_000.0 {
        return Err(check(format!("a door knew only after {slowest_ms} ms")));
    }
    Ok(())
}

fn changes() -> [Change; 4] {
    let change = |name, mutation, fields, accepts| Change { name, mutation, fields, accepts };
    [
        change("storage taken away", "tenantUpdate", json!({ "storageBytesMax": "0" }), false),
        change("storage given back", "tenantUpdate", json!({ "storageBytesMax": "1000000000" }), true),
        change("suspended", "tenantSuspend", json!({ "reason": "Measured." }), false),
        change("resumed", "tenantResume", json!({}), true),
    ]
}

async fn apply(client: &mut Client, token: &str, customer: &Customer, change: &Change) -> Result<()> {
    let mut input = change.fields.clone();
    if let Some(fields) = input.as_object_mut() {
        fields.insert("tenantId".to_owned(), Value::from(customer.id.clone()));
    }
    client.mutate(token, change.mutation, "tenant { id }", &input).await.map(drop)
}

impl Doors {
    /// A session from before the change, if one can be had.
    async fn session(&self) -> Option<Imap> {
        Imap::login_sized(&self.imap, &self.user, PASSWORD, READ_BYTES).await.ok()
    }

    async fn smtp_does(&self, change: &Change, answered: Instant) -> Result<(Duration, String)> {
        loop {
            let outcome = self.deliver().await;
            if let Some(text) = fits(outcome, change.accepts)? {
                return Ok((answered.elapsed(), text));
            }
            within(answered, change)?;
        }
    }

    /// The session from before as long as it lives, then new ones.
    async fn imap_does(&self, change: &Change, session: Option<Imap>, answered: Instant) -> Result<(Duration, String)> {
        let mut session = session;
        loop {
            let outcome = match session.as_mut() {
                Some(open) => open.append("INBOX", &[MESSAGE.to_vec()]).await,
                None => match Imap::login_sized(&self.imap, &self.user, PASSWORD, READ_BYTES).await {
                    Ok(open) => {
                        session = Some(open);
                        continue;
                    }
                    Err(e) => Err(e),
                },
            };
            if outcome.is_err() {
                session = None;
            }
            if let Some(text) = fits(outcome, change.accepts)? {
                return Ok((answered.elapsed(), text));
            }
            within(answered, change)?;
        }
    }

    async fn deliver(&self) -> Result<()> {
        let mut client = Smtp::open(&self.smtp, &Dialect { lmtp: false, starttls: false, auth: None }).await?;
        let to = [self.user.as_str()];
        let message = Transaction { from: "friend@elsewhere.example", to: &to, message: MESSAGE, body: Body::Data };
        client.send(&message).await
    }
}

/// What was said when the door did as it should; `None` when it did not. A closed connection is a refusal.
fn fits(outcome: Result<()>, accepts: bool) -> Result<Option<String>> {
    match outcome {
        Ok(()) => Ok(accepts.then(|| "accepted".to_owned())),
        Err(e @ (Error::Refused { .. } | Error::Io(_))) => Ok((!accepts).then(|| e.to_string())),
        Err(e) => Err(e),
    }
}

fn within(answered: Instant, change: &Change) -> Result<()> {
    match answered.elapsed() > WAIT_MAX {
        true => Err(check(format!("{}: a door did not know after {WAIT_MAX:?}", change.name))),
        false => Ok(()),
    }
}

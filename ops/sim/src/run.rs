//! SUMMARY    One seed from beginning to end: rounds of concurrent operations, deaths, and checks while nothing is under way.
//! INVARIANTS One thread, a paused clock, one seed: the same run every time, told by its digest; over a store in memory.

use crate::{
    act::{Ack, Act, Outcome, Step},
    choose::Chooser,
    client::Clients,
    model,
    post::{self, Post},
    scan::{Library, Scan},
    tap::{Link, Warrant},
    world::{Options, World, said},
};
use base::{Kind, Rng, TenantId};
use futures_util::future::join_all;
use std::{fmt, time::Duration};

/// Lines of the trace that a failure keeps.
const TRACE_LINES_MAX: usize = 400;
/// Store calls within which a node dies.
const FUSE_CALLS_MAX: u64 = 150;
/// Percent of rounds in which a node dies.
const DEATHS_PERCENT: u64 = 25;
/// Percent of nodes that cannot reach the store in a round, and of those that reach it slowly, in worlds where that happens.
const CUTS_PERCENT: u64 = 10;
const SLOW_PERCENT: u64 = 15;
/// How slow a call is at most.
const SLOW_MAX: Duration = Duration::from_millis(400);
/// Percent of rounds before which the limit of the pool changes.
const POOL_CHANGES_PERCENT: u64 = 15;
/// Times a delivery is tried when there is no weather.
const TRIES_MAX: usize = 20;
/// Looks at the queue until it is empty.
const ROUNDS_TO_DRAIN_MAX: usize = 200;

/// What a run was, for people and for comparing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    pub operations: usize,
    /// Told to have happened.
    pub told: usize,
    pub refused: usize,
    /// Ended without an answer that can be trusted.
    pub unsure: usize,
    pub deaths: usize,
    pub messages: usize,
    /// Of the trace: two runs of a seed have the same.
    pub digest: u64,
}

impl Report {
    /// Both together.
    pub fn plus(&self, other: &Report) -> Report {
        Report {
            operations: self.operations + other.operations,
            told: self.told + other.told,
            refused: self.refused + other.refused,
            unsure: self.unsure + other.unsure,
            deaths: self.deaths + other.deaths,
            messages: self.messages + other.messages,
            digest: self.digest ^ other.digest,
        }
    }
}

/// A seed that broke a rule.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub round: usize,
    pub what: String,
    /// What was done, the last lines.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {} failed in round {}: {}", self.seed, self.round, self.what)
    }
}

/// Runs one seed.
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    let failure = |what: String| Box::new(Failure { seed: options.seed, round: 0, what, trace: Vec::new() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|e| failure(e.to_string()))?;
    runtime.block_on(async {
        let world = World::new(options).await.map_err(failure)?;
        let mut run = Run {
            world,
            library: Library::default(),
            clients: Clients::default(),
            again: Vec::new(),
            post: Post::default(),
            scan: Scan::default(),
            report: Report::default(),
            trace: Vec::new(),
            round: 0,
        };
        let done = run.whole(options.rounds).await;
        run.report.messages = run.library.letters.len();
        let Run { round, trace, report, .. } = run;
        done.map(|()| report).map_err(|what| Box::new(Failure { seed: options.seed, round, what, trace }))
    })
}

struct Run {
    world: World,
    library: Library,
    clients: Clients,
    again: Vec<Act>,
    post: Post,
    /// What was there before the round.
    scan: Scan,
    report: Report,
    trace: Vec<String>,
    round: usize,
}

impl Run {
    async fn whole(&mut self, rounds: usize) -> Result<(), String> {
        let quiet = self.world.quiet()?;
        self.scan = Scan::take(&quiet, &self.world.people, &mut self.library).await?;
        for _ in 0..rounds {
            self.round += 1;
            self.one_round().await?;
        }
        self.fair_weather().await?;
        self.drain().await?;
        // Everything again, from the bytes.
        let before = std::mem::take(&mut self.scan);
        self.library.reread();
        let quiet = self.world.quiet()?;
        self.scan = Scan::take(&quiet, &self.world.people, &mut self.library).await?;
        model::check(&before, &self.scan, &self.library, &self.world.people, &[])?;
        self.verify().await?;
        self.clients.sync(&self.world, &quiet, &self.scan, true).await
    }

    async fn one_round(&mut self) -> Result<(), String> {
        if self.world.rng.below(100) < POOL_CHANGES_PERCENT {
            self.world.change_pool().await?;
        }
        let steps = Chooser {
            world: &self.world,
            scan: &self.scan,
            clients: &self.clients,
            library: &mut self.library,
            again: &mut self.again,
        }
        .round();
        let doomed = self.world.rng.below(100) < DEATHS_PERCENT;
        let victim = self.world.rng.below(self.world.nodes.len() as u64) as usize;
        let calls = self.world.rng.below(FUSE_CALLS_MAX);
        if let Some(node) = self.world.nodes.get(victim).filter(|_| doomed) {
            node.fuse.set(Some(calls));
        }
        self.weather();
        let done = self.perform(steps).await?;
        self.world.nodes.iter().for_each(|node| node.fuse.link(Link::Good));
        self.bury().await?;
        // What was on its way to the store arrives.
        let hours = if self.world.rng.below(8) == 0 { 2 } else { 0 };
        tokio::time::sleep(Duration::from_secs(1 + 3_600 * hours)).await;
        self.settle(&done).await
    }

    /// Links to the store as they are in this round.
    fn weather(&self) {
        if !self.world.is_far {
            return;
        }
        for node in &self.world.nodes {
            node.fuse.link(match self.world.rng.below(100) {
                dice if dice < CUTS_PERCENT => Link::Cut,
                dice if dice < CUTS_PERCENT + SLOW_PERCENT => Link::Slow(SLOW_MAX),
                _ => Link::Good,
            });
        }
    }

    /// Runs the steps side by side and writes down what was told.
    async fn perform(&mut self, steps: Vec<Step>) -> Result<Vec<(Step, Outcome)>, String> {
        let performed = steps.iter().filter_map(|step| {
            let node = self.world.nodes.get(step.node)?;
            Some(step.perform(node, &self.world))
        });
        let outcomes = join_all(performed).await;
        let done: Vec<(Step, Outcome)> = steps.into_iter().zip(outcomes).collect();
        for (step, outcome) in &done {
            self.note(step, outcome);
        }
        for (step, outcome) in &done {
            if let Outcome::Broken(what) = outcome {
                return Err(format!("{}: {what}", step.act));
            }
            if let Some(wrong) = step.warrant.take_wrong().into_iter().next() {
                return Err(format!("{}: {wrong}", step.act));
            }
        }
        Ok(done)
    }

    fn note(&mut self, step: &Step, outcome: &Outcome) {
        self.report.operations += 1;
        let told = match outcome {
            Outcome::Told(Ack::Refreshed(view)) => format!("modseq {}", view.modseq),
            Outcome::Told(ack) => format!("{ack:?}"),
            Outcome::Refused(kind) => format!("refused: {kind:?}"),
            Outcome::Unsure(why) => format!("unsure: {why}"),
            Outcome::Broken(why) => format!("BROKEN: {why}"),
        };
        match outcome {
            Outcome::Told(_) => self.report.told += 1,
            Outcome::Refused(_) => self.report.refused += 1,
            Outcome::Unsure(_) | Outcome::Broken(_) => self.report.unsure += 1,
        }
        let who = step.who.map_or_else(|| "host".to_owned(), |n| format!("p{n}"));
        let line = format!("round {} node {} {who}: {} -> {told}", self.round, step.node, step.act);
        for byte in line.bytes() {
            self.report.digest = (self.report.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.trace.len() >= TRACE_LINES_MAX {
            self.trace.remove(0);
        }
        self.trace.push(line);
    }

    /// Replaces the nodes that died; the others live on with their caches.
    async fn bury(&mut self) -> Result<(), String> {
        for n in 0..self.world.nodes.len() {
            let fresh = match self.world.nodes.get(n) {
                Some(node) if node.fuse.is_dead() => self.world.node().await?,
                Some(node) => {
                    node.fuse.set(None);
                    continue;
                }
                None => continue,
            };
            self.trace.push(format!("round {} node {n} died and came back", self.round));
            self.report.deaths += 1;
            if let Some(slot) = self.world.nodes.get_mut(n) {
                *slot = fresh;
            }
        }
        Ok(())
    }

    /// Nothing is under way: what is stored must follow from what was stored and what was told.
    async fn settle(&mut self, done: &[(Step, Outcome)]) -> Result<(), String> {
        let quiet = self.world.quiet()?;
        let after = Scan::take(&quiet, &self.world.people, &mut self.library).await?;
        model::check(&self.scan, &after, &self.library, &self.world.people, done)?;
        model::check_pool(&self.scan, &after, &self.world.people, self.world.pool_bytes_max())?;
        for (step, outcome) in done {
            if let (Some(n), Outcome::Told(Ack::Refreshed(view))) = (step.who, outcome) {
                self.clients.refreshed(n, view.clone());
            }
            if let (Act::Deliver { .. }, Outcome::Unsure(_)) = (&step.act, outcome) {
                self.again.push(step.act.clone());
            }
        }
        self.post.check(&self.world, &quiet, &self.library, done).await?;
        self.clients.sync(&self.world, &quiet, &after, false).await?;
        self.scan = after;
        self.verify().await
    }

    async fn verify(&self) -> Result<(), String> {
        let quiet = self.world.quiet()?;
        let key = quiet.accounts().break_glass("sim", "verify").map_err(said)?;
        for tenant in 1..=self.world.tenants {
            let found = quiet.accounts().verify(&key.tenant(TenantId(tenant))).await.map_err(said)?;
            if let Some(violation) = found.first() {
                return Err(format!("verify: {violation:?}"));
            }
        }
        Ok(())
    }

    /// The storm is over and every node new: whoever has room gets mail.
    async fn fair_weather(&mut self) -> Result<(), String> {
        self.round += 1;
        self.world.clear_up();
        self.world.is_far = false;
        let node = self.world.node().await?;
        self.world.nodes = vec![node];
        for n in 0..self.world.people.len() {
            let Some(person) = self.world.people.get(n) else { continue };
            let (address, tenant) = (person.address.clone(), person.tenant.0);
            let mut chooser = Chooser {
                world: &self.world,
                scan: &self.scan,
                clients: &self.clients,
                library: &mut self.library,
                again: &mut self.again,
            };
            let act = Act::Deliver { letter: chooser.letter(), to: vec![(address.clone(), vec![n])] };
            let mut taken = false;
            for _ in 0..TRIES_MAX {
                let step = Step { node: 0, who: None, act: act.clone(), warrant: Warrant::new([tenant]) };
                let done = self.perform(vec![step]).await?;
                let told = done.first().map(|(_, outcome)| outcome);
                taken = matches!(told, Some(Outcome::Told(Ack::Delivered(r))) if r.iter().all(fits));
                self.settle(&done).await?;
                if taken {
                    break;
                }
            }
            if !taken {
                return Err(format!("{address} gets no mail in fair weather"));
            }
        }
        Ok(())
    }
}

impl Run {
    /// The queue runs dry.
    async fn drain(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_TO_DRAIN_MAX {
            tokio::time::sleep(Duration::from_secs(7_200)).await;
            let warrant = Warrant::worker(1..=self.world.tenants);
            let done = self.perform(vec![Step { node: 0, who: None, act: Act::Work, warrant }]).await?;
            self.settle(&done).await?;
            if post::waiting(&self.world, &self.world.quiet()?).await?.is_empty() {
                return self.post.check_end(&self.world, &self.library);
            }
        }
        Err("the queue does not run dry".to_owned())
    }
}

/// Taken, or refused for the one reason that is the account's own.
fn fits(result: &Result<(), Kind>) -> bool {
    matches!(result, Ok(()) | Err(Kind::OverQuota | Kind::OverQuotaLong))
}

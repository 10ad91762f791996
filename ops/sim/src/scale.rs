//! SUMMARY    A deployment of many nodes at its busiest hour, event by event: how busy nodes and store are, what a client waits for, also when a
//!            node dies. What an operation costs is measured first (`cost`), on this machine; the rest is what the caller supposes.
//! LIMITS     SECONDS_MAX
//! INVARIANTS A queueing model, no mail is moved: each operation takes half of its CPU time at a node, its rows at the store with a round trip for
//!            each read and the flush of a commit, and the other half at the node. Arrivals are random; the same seed makes the same ones.

use crate::cost::{self, Line};
use base::{Rng, rng::SeededRng};
use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
    fmt,
};

/// Longest simulated time: every operation is an event in memory.
pub const SECONDS_MAX: u64 = 3_600;
const SECONDS_OF_DAY: f64 = 86_400.0;
const US: f64 = 1e6;

/// What is supposed. Times are microseconds.
#[derive(Debug, Clone, clap::Args)]
pub struct Supposed {
    #[arg(long, default_value_t = 1_000_000)]
    pub users: u64,
    #[arg(long, default_value_t = 10)]
    pub nodes: usize,
    /// Cores of a node.
    #[arg(long, default_value_t = 8)]
    pub cores: usize,
    /// The busiest hour over the mean.
    #[arg(long, default_value_t = 3.0)]
    pub peak: f64,
    /// Time that is simulated.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// When one node dies, in seconds from the start; its share goes to the others.
    #[arg(long, default_value_t = 30)]
    pub dies_at: u64,
    /// What doors and TLS take beside the operation itself: a factor on its measured CPU time.
    #[arg(long, default_value_t = 3.0)]
    pub doors: f64,
    /// A read's round trip to the store.
    #[arg(long, default_value_t = 400.0)]
    pub read_us: f64,
    /// From a commit's submission to its durability.
    #[arg(long, default_value_t = 5_000.0)]
    pub commit_us: f64,
    /// Cores of the store's cluster.
    #[arg(long, default_value_t = 96)]
    pub store_cores: usize,
    /// Rows that one of them reads or writes in a second.
    #[arg(long, default_value_t = 10_000.0)]
    pub rows_per_core: f64,
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Operation of `cost`, and how often a user has it done in a day. docs/scale.md says where these numbers come from.
const DAY: [(&str, f64); 7] = [
    (cost::COMES_40, 45.0),
    (cost::FOR_ANOTHER_HOST, 3.0),
    (cost::OPENED, 40.0),
    (cost::NEWS, 400.0),
    (cost::READ, 30.0),
    (cost::FLAG, 40.0),
    (cost::REMOVED, 20.0),
];

#[derive(Debug, Clone)]
struct Operation {
    name: &'static str,
    per_second: f64,
    node_us: f64,
    store_us: f64,
    /// Waiting for round trips and the flush, at nobody's cost.
    away_us: f64,
}

/// Cores that serve in the order of arrival.
struct Servers {
    /// When each is free, microseconds, as ordered bits.
    free: BinaryHeap<Reverse<Moment>>,
    busy_us: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Moment(f64);

impl Eq for Moment {}
impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Servers {
    fn new(count: usize) -> Self {
        Servers { free: (0..count.max(1)).map(|_| Reverse(Moment(0.0))).collect(), busy_us: 0.0 }
    }

    /// When what arrives `at` and takes `us` is done.
    fn serve(&mut self, at: f64, us: f64) -> f64 {
        let free = self.free.pop().map_or(0.0, |Reverse(Moment(free))| free);
        let done = free.max(at) + us;
        self.free.push(Reverse(Moment(done)));
        self.busy_us += us;
        done
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Arrives,
    AtStore,
    Back,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Moment,
    step: Step,
    operation: usize,
    node: usize,
    began: Moment,
}

/// What clients waited for one kind of operation, milliseconds.
#[derive(Debug, Default, Clone)]
struct Waits(Vec<f64>);

impl Waits {
    fn at(&mut self, share: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() as f64 * share) as usize).or(self.0.get(last)).copied().unwrap_or_default()
    }
}

/// What came out of it, before the death of a node and after.
#[derive(Debug)]
pub struct Outcome {
    rows: Vec<String>,
    text: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.text)?;
        writeln!(
            f,
            "| operation | a second | CPU at a node, µs | p50 ms | p99 ms | p50 with a node less | p99 with a node less |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// Measures what operations cost, then lets the hour happen.
pub fn play(supposed: &Supposed) -> Result<Outcome, String> {
    if supposed.nodes < 2
        || supposed.seconds == 0
        || supposed.seconds > SECONDS_MAX
        || supposed.dies_at >= supposed.seconds
    {
        return Err(format!("two nodes at least, and 0 <= dies_at < seconds <= {SECONDS_MAX} (SECONDS_MAX)"));
    }
    let operations = operations(&cost::measure()?, supposed)?;
    Ok(Hour::new(supposed, operations).play())
}

fn operations(lines: &[Line], supposed: &Supposed) -> Result<Vec<Operation>, String> {
    DAY.iter()
        .map(|(name, per_day)| {
            let line =
                lines.iter().find(|line| line.operation == *name).ok_or_else(|| format!("nobody measured: {name}"))?;
            Ok(Operation {
                name,
                per_second: supposed.users as f64 * per_day / SECONDS_OF_DAY * supposed.peak,
                node_us: line.cost.micros * supposed.doors,
                store_us: (line.cost.rows_read + line.cost.rows_written) / supposed.rows_per_core * US,
                away_us: line.cost.reads * supposed.read_us + line.cost.commits * supposed.commit_us,
            })
        })
        .collect()
}

struct Hour<'a> {
    supposed: &'a Supposed,
    operations: Vec<Operation>,
    rng: SeededRng,
    nodes: Vec<Servers>,
    store: Servers,
    events: BinaryHeap<Reverse<Event>>,
    /// By operation, and whether a node was gone when it began.
    waits: BTreeMap<(usize, bool), Waits>,
}

impl<'a> Hour<'a> {
    fn new(supposed: &'a Supposed, operations: Vec<Operation>) -> Self {
        Hour {
            supposed,
            operations,
            rng: SeededRng::new(supposed.seed),
            nodes: (0..supposed.nodes).map(|_| Servers::new(supposed.cores)).collect(),
            store: Servers::new(supposed.store_cores),
            events: BinaryHeap::new(),
            waits: BTreeMap::new(),
        }
    }

    fn play(mut self) -> Outcome {
        for operation in 0..self.operations.len() {
            self.arrive(operation, 0.0);
        }
        let dies_us = self.supposed.dies_at as f64 * US;
        let mut before = None;
        while let Some(Reverse(event)) = self.events.pop() {
            if event.at.0 >= dies_us && before.is_none() {
                before = Some(self.busy());
            }
            self.step(event);
        }
        self.tell(before.unwrap_or_default())
    }

    /// Busy microseconds of all nodes, of the store.
    fn busy(&self) -> (f64, f64) {
        (self.nodes.iter().map(|node| node.busy_us).sum(), self.store.busy_us)
    }

    /// The next one of its kind after `now`: exponential pauses.
    fn arrive(&mut self, operation: usize, now: f64) {
        let Some(rate) = self.operations.get(operation).map(|o| o.per_second) else { return };
        let uniform = (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let at = now - (1.0 - uniform).ln() / rate * US;
        if at < self.supposed.seconds as f64 * US {
            let node = self.living(at);
            self.events.push(Reverse(Event {
                at: Moment(at),
                step: Step::Arrives,
                operation,
                node,
                began: Moment(at),
            }));
        }
    }

    /// Any node will do; the last one dies.
    fn living(&self, at: f64) -> usize {
        let gone = usize::from(at >= self.supposed.dies_at as f64 * US);
        self.rng.below((self.supposed.nodes - gone) as u64) as usize
    }

    fn step(&mut self, event: Event) {
        let Event { at: Moment(at), step, operation, mut node, began } = event;
        let Some(costs) = self.operations.get(operation).cloned() else { return };
        match step {
            Step::Arrives => {
                self.arrive(operation, at);
                self.at_node(event, costs.node_us / 2.0, Step::AtStore);
            }
            Step::AtStore => {
                let done = self.store.serve(at, costs.store_us) + costs.away_us;
                // Whose node died meanwhile asks another one.
                if node == self.supposed.nodes - 1 && done >= self.supposed.dies_at as f64 * US {
                    node = self.living(done);
                }
                self.events.push(Reverse(Event { at: Moment(done), step: Step::Back, operation, node, began }));
            }
            Step::Back => {
                let Some(servers) = self.nodes.get_mut(node) else { return };
                let done = servers.serve(at, costs.node_us / 2.0);
                let gone = began.0 >= self.supposed.dies_at as f64 * US;
                self.waits.entry((operation, gone)).or_default().0.push((done - began.0) / 1_000.0);
            }
        }
    }

    fn at_node(&mut self, event: Event, us: f64, then: Step) {
        let Some(servers) = self.nodes.get_mut(event.node) else { return };
        let done = servers.serve(event.at.0, us);
        self.events.push(Reverse(Event { at: Moment(done), step: then, ..event }));
    }

    fn tell(mut self, before: (f64, f64)) -> Outcome {
        let Supposed { users, nodes, cores, seconds, dies_at, store_cores, .. } = *self.supposed;
        let all = self.busy();
        let (first, rest) = (dies_at as f64 * US, (seconds - dies_at) as f64 * US);
        let share =
            |busy: f64, servers: usize, time: f64| if time > 0.0 { 100.0 * busy / servers as f64 / time } else { 0.0 };
        let text = format!(
            "{users} users on {nodes} nodes of {cores} cores at the busiest hour: nodes are busy {:.0} %, {:.0} % when one is gone; the store's {store_cores} cores {:.0} %, {:.0} %.",
            share(before.0, nodes * cores, first),
            share(all.0 - before.0, (nodes - 1) * cores, rest),
            share(before.1, store_cores, first),
            share(all.1 - before.1, store_cores, rest),
        );
        let mut rows = Vec::new();
        for (number, operation) in self.operations.iter().enumerate() {
            let mut at =
                |gone: bool, share: f64| self.waits.get_mut(&(number, gone)).map_or(0.0, |waits| waits.at(share));
            rows.push(format!(
                "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} |",
                operation.name,
                operation.per_second,
                operation.node_us,
                at(false, 0.5),
                at(false, 0.99),
                at(true, 0.5),
                at(true, 0.99)
            ));
        }
        Outcome { rows, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supposed() -> Supposed {
        Supposed {
            users: 10_000,
            nodes: 2,
            cores: 1,
            peak: 1.0,
            seconds: 20,
            dies_at: 10,
            doors: 1.0,
            read_us: 0.0,
            commit_us: 0.0,
            store_cores: 1,
            rows_per_core: 1e9,
            seed: 1,
        }
    }

    fn hour(supposed: &Supposed, per_second: f64, node_us: f64) -> (Outcome, Waits, Waits) {
        let one = Operation { name: "one", per_second, node_us, store_us: 0.0, away_us: 0.0 };
        let mut hour = Hour::new(supposed, vec![one]);
        hour.arrive(0, 0.0);
        while let Some(Reverse(event)) = hour.events.pop() {
            hour.step(event);
        }
        let of = |gone| hour.waits.get(&(0, gone)).cloned().unwrap_or_default();
        let (before, after) = (of(false), of(true));
        (hour.tell((0.0, 0.0)), before, after)
    }

    #[test]
    fn an_idle_deployment_answers_in_the_time_of_the_operation_and_a_lost_node_doubles_the_load() {
        let supposed = supposed();
        let (_, mut before, mut after) = hour(&supposed, 10.0, 1_000.0);
        assert!((before.at(0.5) - 1.0).abs() < 0.01, "{}", before.at(0.5));
        assert!((after.at(0.5) - 1.0).abs() < 0.01, "{}", after.at(0.5));
        // 1,600 a second of 1 ms: 0.8 of each of two, 1.6 of the one that is left.
        let (_, mut before, mut after) = hour(&supposed, 1_600.0, 1_000.0);
        assert!((2.0..20.0).contains(&before.at(0.5)), "M/D/1 at 0.8, in two visits: {}", before.at(0.5));
        assert!(after.at(0.5) > 1_000.0, "what is too much for one piles up: {}", after.at(0.5));
    }

    #[test]
    fn as_many_arrive_as_were_asked_for() {
        let (_, before, after) = hour(&supposed(), 1_000.0, 1.0);
        let all = before.0.len() + after.0.len();
        assert!((19_000..21_000).contains(&all), "{all}");
    }

    #[test]
    fn every_operation_of_a_users_day_is_measured() {
        let outcome = play(&supposed()).unwrap();
        assert_eq!(outcome.rows.len(), DAY.len());
        let refused = play(&Supposed { dies_at: 20, ..supposed() }).unwrap_err();
        assert!(refused.contains("SECONDS_MAX"), "{refused}");
    }
}

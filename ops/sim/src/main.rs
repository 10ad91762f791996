//! SUMMARY    `cargo run -p sim -- --seeds 200 [--store foundationdb]` and `… money --schedules 10000`: run seeds, print those that fail
//!            with what was done in them.

use clap::{Parser, Subcommand, ValueEnum};
use sim::{
    Backend, Library, Options, PINNED, Report,
    money::{Played, Provider, Theatre},
};
use std::{
    process::ExitCode,
    time::{Duration, Instant, UNIX_EPOCH},
};

/// How often an endless run says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Runs simulated worlds from seeds; a failing seed is printed with its operations.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// How many seeds to run.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed; 1 when missing.
    #[arg(long)]
    from: Option<u64>,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds of concurrent operations in each world.
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// What the worlds are made on. A seed replays in memory alone.
    #[arg(long, value_enum, default_value_t = On::Memory)]
    store: On,
    /// Go on after a failure.
    #[arg(long)]
    all: bool,
    /// One seed after another, from a fresh one on unless --from says where, until one fails or it is told to end; says every minute how far it is.
    #[arg(long, conflicts_with_all = ["seeds", "seed"])]
    endless: bool,
}

#[derive(Subcommand)]
enum Part {
    /// Schedules of webhooks, two tabs, failing cards, a bad network and deaths: at rest all adds up.
    Money(Money),
    /// What operations cost the store: transactions, rows, bytes.
    Cost,
    /// Many nodes at their busiest hour, by measured costs: how busy they are, what clients wait for.
    Scale(sim::scale::Supposed),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    Memory,
    /// Through its client crate: the live cluster of FDB_CLUSTER_FILE, else our own library.
    Foundationdb,
}

#[derive(clap::Args)]
struct Money {
    /// How many schedules to play.
    #[arg(long, default_value_t = 1_000)]
    schedules: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, value_enum, default_value_t = At::Till)]
    provider: At,
    /// Go on after a failure.
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum At {
    /// The model of a provider that billing's own tests use.
    Till,
    /// The adapter to Stripe over the model of Stripe.
    Stripe,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Money(money)) => schedules(money),
        Some(Part::Cost) => costs(),
        Some(Part::Scale(supposed)) => hour(supposed),
        None => worlds(&arguments),
    }
}

fn hour(supposed: &sim::scale::Supposed) -> ExitCode {
    match sim::scale::play(supposed) {
        Ok(outcome) => {
            print!("{outcome}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn costs() -> ExitCode {
    match sim::cost::measure() {
        Ok(lines) => {
            println!("{}", sim::cost::HEADING);
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn schedules(arguments: &Money) -> ExitCode {
    let (provider, word) = match arguments.provider {
        At::Till => (Provider::Till, "till"),
        At::Stripe => (Provider::Stripe, "stripe"),
    };
    let theatre = match Theatre::new(provider) {
        Ok(theatre) => theatre,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let (from, count) = arguments.seed.map_or((arguments.from, arguments.schedules), |seed| (seed, 1));
    let (mut sum, mut failed) = (Played::default(), 0_u64);
    for seed in (0..count).map(|n| from.wrapping_add(n)) {
        match theatre.play(seed) {
            Ok(played) => sum = sum.plus(played),
            Err(failure) => {
                eprintln!("{failure}again: cargo run -p sim -- money --provider {word} --seed {seed}");
                failed += 1;
                if !arguments.all {
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!(
        "{count} schedules at {word}, {failed} failed: {} steps, {} webhooks ({} lost), {} deaths",
        sum.steps, sum.webhooks, sum.lost, sum.deaths
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Those asked for, the pinned ones first.
fn seeds(arguments: &Arguments) -> Box<dyn Iterator<Item = u64>> {
    if let Some(seed) = arguments.seed {
        return Box::new(std::iter::once(seed));
    }
    let pinned = PINNED.iter().map(|(seed, _)| *seed);
    if arguments.endless {
        // A fresh one: the time, so that each run goes where none was.
        let now = || UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs() << 20);
        let from = arguments.from.unwrap_or_else(now);
        return Box::new(pinned.chain((0..).map(move |n: u64| from.wrapping_add(n))));
    }
    let from = arguments.from.unwrap_or(1);
    Box::new(pinned.chain((0..arguments.seeds).map(move |n| from.wrapping_add(n))))
}

fn worlds(arguments: &Arguments) -> ExitCode {
    let backend = match arguments.store {
        On::Memory => Backend::Memory,
        On::Foundationdb => match Backend::foundationdb() {
            Ok(backend) => backend,
            Err(why) => {
                eprintln!("{why}");
                return ExitCode::FAILURE;
            }
        },
    };
    let (store, flag) = match &backend {
        Backend::Memory => ("memory", ""),
        Backend::FoundationDb(Library::Fake(_)) => ("foundationdb (fake)", " --store foundationdb"),
        Backend::FoundationDb(Library::Live(_)) => ("foundationdb (live)", " --store foundationdb"),
    };
    let (mut sum, mut done, mut failed, mut told) = (Report::default(), 0, 0, Instant::now());
    for seed in seeds(arguments) {
        if arguments.endless && told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            println!("{done} seeds over {store}, {failed} failed: {} operations; now {seed}", sum.operations);
        }
        done += 1;
        match sim::run(&Options { rounds: arguments.rounds, backend: backend.clone(), ..Options::new(seed) }) {
            Ok(report) => sum = sum.plus(&report),
            Err(failure) => {
                eprintln!("{failure}");
                eprintln!("again: cargo run -p sim -- --seed {seed} --rounds {}{flag}", arguments.rounds);
                failed += 1;
                if !arguments.all {
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!(
        "{done} seeds over {store}, {failed} failed: {} operations ({} told, {} refused, {} unsure), {} messages, {} deaths of nodes",
        sum.operations, sum.told, sum.refused, sum.unsure, sum.messages, sum.deaths
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

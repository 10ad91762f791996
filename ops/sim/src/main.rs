//! SUMMARY    `cargo run -p sim -- --seeds 200`: runs seeds, prints the first that fails with what was done in it.

use clap::Parser;
use sim::{Options, PINNED, Report};
use std::process::ExitCode;

/// Runs simulated worlds from seeds; a failing seed is printed with its operations.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds of concurrent operations in each world.
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Go on after a failure.
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds: Vec<u64> = match arguments.seed {
        Some(seed) => vec![seed],
        None => {
            let pinned = PINNED.iter().map(|(seed, _)| *seed);
            pinned.chain((0..arguments.seeds).map(|n| arguments.from.wrapping_add(n))).collect()
        }
    };
    let (mut sum, mut failed) = (Report::default(), 0);
    for seed in &seeds {
        match sim::run(&Options { rounds: arguments.rounds, ..Options::new(*seed) }) {
            Ok(report) => sum = sum.plus(&report),
            Err(failure) => {
                eprintln!("{failure}");
                eprintln!("again: cargo run -p sim -- --seed {seed} --rounds {}", arguments.rounds);
                failed += 1;
                if !arguments.all {
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!(
        "{} seeds, {failed} failed: {} operations ({} told, {} refused, {} unsure), {} messages, {} deaths of nodes",
        seeds.len(),
        sum.operations,
        sum.told,
        sum.refused,
        sum.unsure,
        sum.messages,
        sum.deaths
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

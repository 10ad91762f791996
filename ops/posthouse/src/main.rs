//! SUMMARY    The one binary: `serve`, `demo`, `config`, `ctl`. It composes everything, and alone reads the environment.
//! INVARIANTS Exit codes: 0 fine, 1 failed, 2 wrong usage (arguments, configuration), 75 (EXIT_STORE_LOST)
//!            to be started again.

// The futures of GraphQL's resolvers are nested: their layouts take more than the 128 steps of an optimised build's default.
#![recursion_limit = "256"]

mod autoconfig;
mod backup;
mod cluster;
mod config;
mod counters;
mod ctl;
mod data;
mod demo;
mod domains;
mod doors;
mod folder;
mod http;
mod mta_sts;
mod notices;
mod payment;
mod plane;
mod portal;
mod run;
mod server;
mod signal;
mod stores;
mod tls;
mod upkeep;

use clap::{Parser, Subcommand};
use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Mail for companies that sell mailboxes.
///
/// To try it: `posthouse demo`. To run it: `posthouse config --example > posthouse.toml`, then
/// `posthouse serve --config posthouse.toml`.
#[derive(Parser)]
#[command(name = "posthouse", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until SIGTERM or Ctrl-C.
    #[command(after_long_help = config::environment_help())]
    Serve {
        /// Configuration file (TOML); without one the environment says everything.
        #[arg(long, env = "POSTHOUSE_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Runs a complete server on loopback with sample tenants and mail.
    Demo {
        /// Folder that keeps everything: a new one, an empty one, or an earlier demo's.
        #[arg(long, default_value = "posthouse-data")]
        data: PathBuf,
        /// Prints one line of JSON once it serves, and nothing else.
        #[arg(long)]
        json: bool,
    },
    /// Checks the configuration and prints what is in force, where each value comes from, secrets masked.
    Config {
        /// Configuration file (TOML).
        #[arg(long, env = "POSTHOUSE_CONFIG")]
        config: Option<PathBuf>,
        /// Prints what is in force (as without any option).
        #[arg(long)]
        print: bool,
        /// Prints a file with every key, its default and what it is for.
        #[arg(long, conflicts_with = "print")]
        example: bool,
    },
    /// What the planes need to meet when each is a process of its own.
    Plane(plane::certificates::Arguments),
    /// The operator's commands, on a running server or a stopped one's data.
    Ctl(ctl::Arguments),
}

/// Why a command ends without success.
pub enum Failure {
    /// Exit code 1.
    Failed(String),
    /// Exit code 1; what there is to say was said.
    Told,
    /// Exit code 2.
    Usage(String),
    /// Exit code EXIT_STORE_LOST.
    StoreLost,
}

/// Tasks that a worker runs before it looks again who else has something to do: with many of one customer's at hand, another
/// one's is seen soon.
const POLLS_BETWEEN_LOOKS: u32 = 11;
/// What is logged where POSTHOUSE_LOG says nothing. The client of Stripe warns of every answer that is no success; which of them is one to
/// be warned of, its callers know and say.
const LOG_DEFAULT: &str = "warn,posthouse=info,stripe::hyper=error";
/// Threads of the runtime at least: on a single core the scheduler then divides it between a long step and what comes meanwhile.
const WORKERS_MIN: usize = 2;

/// The store cannot be opened again in this process; a new one may (sysexits.h: EX_TEMPFAIL).
const EXIT_STORE_LOST: u8 = 75;

impl Failure {
    /// What there is to say of it.
    pub fn told(self) -> String {
        match self {
            Failure::Failed(why) | Failure::Usage(why) => why,
            Failure::Told | Failure::StoreLost => String::new(),
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Failure {
        Failure::Failed(why)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What is stored is nobody else's, whatever makes the file. Certificates of planes say their modes themselves.
    if !matches!(arguments.command, Command::Plane(_)) {
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("POSTHOUSE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOG_DEFAULT));
    let is_terminal = std::io::stderr().is_terminal();
    // A log on a full disk loses lines; telling so on the same stream would end the thread that logs.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(cores.max(WORKERS_MIN))
        .event_interval(POLLS_BETWEEN_LOOKS)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => return end(Err(Failure::Failed(format!("runtime: {e}")))),
    };
    end(runtime.block_on(async {
        match arguments.command {
            Command::Serve { config } => run::serve(config.as_deref()).await,
            Command::Demo { data, json } => demo::run(&data, json).await,
            Command::Config { config, print: _, example } => run::show(config.as_deref(), example),
            Command::Plane(arguments) => plane::certificates::run(arguments),
            Command::Ctl(arguments) => ctl::run(arguments).await,
        }
    }))
}

fn end(result: Result<(), Failure>) -> ExitCode {
    let (why, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Told) => return ExitCode::FAILURE,
        Err(Failure::Failed(why)) => (why, ExitCode::FAILURE),
        Err(Failure::Usage(why)) => (why, ExitCode::from(2)),
        Err(Failure::StoreLost) => {
            ("the store is lost to this process: start it again".to_owned(), ExitCode::from(EXIT_STORE_LOST))
        }
    };
    for line in why.lines() {
        eprintln!("posthouse: {line}");
    }
    code
}

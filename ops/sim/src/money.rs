//! SUMMARY    The simulation of money: seeded schedules of customers, cards, banks, a bad network, late webhooks and deaths; then all adds up.
//! STANDARDS  product rules S1 to S5, T1, T2, H2; docs/decisions/0034, 0037
//! INVARIANTS A schedule is drawn from its seed before it begins, and replays. No socket and no wall clock decides anything.

mod bank;
mod choose;
mod death;
mod judge;
mod play;
mod post;
mod stripe;
mod town;

pub use death::Lie;
pub use town::Provider;

use base::rng::SeededRng;
use play::Play;
use std::{
    fmt::{self, Display},
    hash::{DefaultHasher, Hash, Hasher},
};
use tokio::runtime::Runtime;
use town::{Template, Town};

const HOUR: u64 = 3_700;
const DAY: u64 = 25 * 3_600;
/// Seconds of quiet, at each of which the desk ends its work: sweeps are hourly for who lives or owes, daily for others.
const SOON: [u64; 8] = [60, HOUR, HOUR, DAY, HOUR, DAY, HOUR, HOUR];
/// The same after days: stages go on, periods begin.
const LATER: [u64; 4] = [9 * 24 * 3_600, HOUR, HOUR, HOUR];

/// What schedules were.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    pub steps: usize,
    pub webhooks: usize,
    pub lost: usize,
    pub deaths: usize,
    /// Of all that happened: the same for the same seed.
    pub digest: u64,
}

impl Played {
    /// Both together.
    pub fn plus(self, other: Played) -> Played {
        Played {
            steps: self.steps + other.steps,
            webhooks: self.webhooks + other.webhooks,
            lost: self.lost + other.lost,
            deaths: self.deaths + other.deaths,
            digest: self.digest ^ other.digest,
        }
    }
}

/// A schedule that did not end well.
#[derive(Debug)]
pub struct Failed {
    pub seed: u64,
    pub provider: Provider,
    pub wrong: Vec<String>,
    pub trace: Vec<String>,
}

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} at {:?}:", self.seed, self.provider)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        self.wrong.iter().try_for_each(|line| writeln!(f, "  wrong: {line}"))
    }
}

/// Plays schedules, each over a copy of the same database.
pub struct Theatre {
    runtime: Runtime,
    template: Template,
}

impl Theatre {
    pub fn new(provider: Provider) -> Result<Theatre, String> {
        Theatre::with(provider, None)
    }

    /// One whose provider does not tell the desk the truth: the judge must notice.
    pub fn lying(provider: Provider, lie: Lie) -> Result<Theatre, String> {
        Theatre::with(provider, Some(lie))
    }

    fn with(provider: Provider, lie: Option<Lie>) -> Result<Theatre, String> {
        // Paused: whoever waits for somebody else waits no real time.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().map_err(said)?;
        let template = runtime.block_on(Template::new(provider, lie))?;
        Ok(Theatre { runtime, template })
    }

    /// One schedule from its beginning to its end.
    pub fn play(&self, seed: u64) -> Result<Played, Failed> {
        self.runtime.block_on(self.run(seed))
    }

    async fn run(&self, seed: u64) -> Result<Played, Failed> {
        let failed =
            |wrong: Vec<String>, trace: Vec<String>| Failed { seed, provider: self.template.provider(), wrong, trace };
        let town = Town::new(&self.template).await.map_err(|why| failed(vec![why], Vec::new()))?;
        let moves = choose::moves(&SeededRng::new(seed));
        let mut play = Play::new(town, SeededRng::new(!seed));
        let ended = all(&mut play, &moves).await;
        let wrong = ended.unwrap_or_else(|why| vec![why]);
        if !wrong.is_empty() {
            return Err(failed(wrong, play.trace));
        }
        let mut hasher = DefaultHasher::new();
        play.trace.hash(&mut hasher);
        let (steps, webhooks, lost, deaths) = (moves.len(), play.webhooks, play.lost(), play.deaths);
        Ok(Played { steps, webhooks, lost, deaths, digest: hasher.finish() })
    }
}

/// All steps, quiet, and as long again as policies count; what is wrong at each rest.
async fn all(play: &mut Play, moves: &[choose::Move]) -> Result<Vec<String>, String> {
    for (n, one) in moves.iter().enumerate() {
        play.step(n, one).await?;
    }
    for pauses in [&SOON[..], &LATER[..]] {
        play.quiet(pauses).await?;
        play.trace.push(format!("   {} quiet", play.now().0));
        let wrong = judge::judge(play, moves).await?;
        if !wrong.is_empty() {
            let calls = play.calls().await?;
            play.trace.extend(calls);
            return Ok(wrong);
        }
    }
    Ok(Vec::new())
}

fn said(error: impl Display) -> String {
    error.to_string()
}

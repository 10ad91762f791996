//! SUMMARY    How often a database fails, and how: `seed=7,conflict=100,unknown_applied=50`, each per mille; `delay_ms=2` makes commits take their time.
//! INVARIANTS A fault is one that a real cluster has: a conflict wrote nothing, an unknown commit is applied wholly or not at all.

use super::code::{self, Code};
use base::{Rng, rng::SeededRng};

/// Per mille of commits, but for `seed`, `delay_ms` and `batch`; `read_too_old`, `read_behind` and `silent` per mille of reads too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    pub seed: u64,
    /// 1020.
    pub conflict: u64,
    /// 1007 of a commit.
    pub too_old: u64,
    /// 1007 of a read.
    pub read_too_old: u64,
    /// 1037 of a read.
    pub read_behind: u64,
    /// 1021, and it was applied.
    pub unknown_applied: u64,
    /// 1021, and it was not.
    pub unknown_lost: u64,
    /// No answer before the transaction's timeout (1031); a commit is applied or not.
    pub silent: u64,
    /// How long each commit takes until it is decided, milliseconds.
    pub delay_ms: u64,
    /// Not 0: those that wait at the same time are decided together and share a version, as a real cluster's do.
    pub batch: u64,
}

impl Rates {
    /// Reads `name=number` pairs; None if one is not understood.
    pub fn parse(text: &str) -> Option<Rates> {
        let mut rates = Rates::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, number) = pair.split_once('=')?;
            let field = match name.trim() {
                "seed" => &mut rates.seed,
                "conflict" => &mut rates.conflict,
                "too_old" => &mut rates.too_old,
                "read_too_old" => &mut rates.read_too_old,
                "read_behind" => &mut rates.read_behind,
                "unknown_applied" => &mut rates.unknown_applied,
                "unknown_lost" => &mut rates.unknown_lost,
                "silent" => &mut rates.silent,
                "delay_ms" => &mut rates.delay_ms,
                "batch" => &mut rates.batch,
                _ => return None,
            };
            *field = number.trim().parse().ok()?;
        }
        Some(rates)
    }
}

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Fair,
    /// Fails with a code, nothing applied.
    Refused(Code),
    /// Applied, and then fails.
    Applied(Code),
    /// No answer.
    Silent {
        applied: bool,
    },
}

impl Fate {
    /// Whether the commit reaches the cluster.
    pub fn arrives(self) -> bool {
        match self {
            Fate::Fair | Fate::Applied(_) | Fate::Silent { applied: true } => true,
            Fate::Refused(_) | Fate::Silent { applied: false } => false,
        }
    }
}

/// Rates and the dice.
pub struct Faults {
    rates: Rates,
    rng: SeededRng,
}

impl Faults {
    pub fn new(rates: Rates) -> Self {
        Faults { rates, rng: SeededRng::new(rates.seed) }
    }

    fn strikes(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.rng.below(1_000) < per_mille
    }

    pub fn rates(&self) -> Rates {
        self.rates
    }

    pub fn is_silent(&self) -> bool {
        self.strikes(self.rates.silent)
    }

    pub fn read(&self) -> Result<(), Code> {
        if self.strikes(self.rates.read_too_old) {
            Err(code::TOO_OLD)
        } else if self.strikes(self.rates.read_behind) {
            Err(code::PROCESS_BEHIND)
        } else {
            Ok(())
        }
    }

    pub fn commit(&self) -> Fate {
        if self.strikes(self.rates.conflict) {
            Fate::Refused(code::NOT_COMMITTED)
        } else if self.strikes(self.rates.too_old) {
            Fate::Refused(code::TOO_OLD)
        } else if self.strikes(self.rates.unknown_lost) {
            Fate::Refused(code::COMMIT_UNKNOWN)
        } else if self.strikes(self.rates.unknown_applied) {
            Fate::Applied(code::COMMIT_UNKNOWN)
        } else if self.is_silent() {
            Fate::Silent { applied: self.strikes(500) }
        } else {
            Fate::Fair
        }
    }
}

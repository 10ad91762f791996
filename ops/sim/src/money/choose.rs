//! SUMMARY    What happens in a schedule: drawn from its seed before it begins.
//! LIMITS     STEPS_MIN, STEPS_MAX, CUSTOMERS_MAX, DEATH_MOMENTS_MAX

use super::town::CUSTOMERS_MAX;
use base::{Rng, rng::SeededRng};
use billing::Fault;

const STEPS_MIN: u64 = 12;
const STEPS_MAX: u64 = 30;
/// The latest moment of a step at which the desk dies.
const DEATH_MOMENTS_MAX: u64 = 60;
/// Percent of the steps in which it dies.
const DEATHS_PERCENT: u64 = 20;
/// Percent of the customers that begin by buying.
const BUYERS_PERCENT: u64 = 70;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Seconds that pass at once.
const PAUSES: [u64; 9] = [1, 60, 900, HOUR + 100, 7 * HOUR, DAY, 3 * DAY, 10 * DAY, 31 * DAY];

/// Something that a customer, the seller, the bank, the network or time does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Opens a page to pay on; another one while the last is open, if it asks for something else.
    Open {
        plan: &'static str,
        mailboxes: u64,
    },
    /// Opens one that the desk does not know of, as another process would have.
    Tab {
        mailboxes: u64,
    },
    /// Pays on so many of all pages that are open, from the oldest on.
    PayPages(usize),
    Change(u64),
    End,
    EndNow,
    Resume,
    Card(bool),
    Pay,
    /// All that is owed.
    PayAll,
    /// The seller says that what is owed of an invoice came by transfer.
    Receive,
    /// In hundredths: no two steps have the same.
    Refund(i64),
    Credit(i64),
    ChargeBack,
    WinBack,
    GiveUp(bool),
    Faults(Vec<Fault>),
    Close,
    Answer,
    /// A webhook of somebody who has not the secret.
    Forge,
    /// So many seconds, in so many stops at which the desk works.
    Wait {
        seconds: u64,
        stops: u64,
    },
}

/// A step, whose it is, and how the desk fares meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) who: usize,
    pub(super) step: Step,
    /// The moment from its beginning at which the desk dies.
    pub(super) dies: Option<u32>,
    /// Rounds of the desk's own work afterwards.
    pub(super) rounds: u64,
}

/// All of a schedule.
pub(super) fn moves(rng: &SeededRng) -> Vec<Move> {
    let customers = 1 + rng.below(CUSTOMERS_MAX as u64);
    let count = STEPS_MIN + rng.below(STEPS_MAX - STEPS_MIN + 1);
    let one = |n: u64| {
        let who = usize::try_from(rng.below(customers)).unwrap_or(0);
        let dies = rng.below(100) < DEATHS_PERCENT;
        let moment = u32::try_from(1 + rng.below(DEATH_MOMENTS_MAX)).unwrap_or(1);
        Move { who, step: step(rng, n), dies: dies.then_some(moment), rounds: rng.below(4) }
    };
    let mut moves: Vec<Move> = Vec::new();
    for who in 0..usize::try_from(customers).unwrap_or(1) {
        // Most have bought before it begins in earnest.
        if rng.below(100) < BUYERS_PERCENT {
            let open = Step::Open { plan: "business", mailboxes: 1 + rng.below(8) };
            moves.extend([open, Step::PayPages(1)].map(|step| Move { who, step, dies: None, rounds: 1 }));
        }
    }
    let drawn: Vec<Move> = (0..count).map(one).collect();
    moves.extend(drawn);
    moves
}

fn step(rng: &SeededRng, n: u64) -> Step {
    let mailboxes = 1 + rng.below(8);
    let unlike = i64::try_from(n).unwrap_or(0) + 1;
    match rng.below(100) {
        0..14 => Step::Open { plan: if rng.below(4) == 0 { "trial" } else { "business" }, mailboxes },
        14..19 => Step::Tab { mailboxes },
        19..32 => Step::PayPages(1 + usize::try_from(rng.below(3)).unwrap_or(0)),
        32..38 => Step::Change(mailboxes),
        38..41 => Step::End,
        41..43 => Step::EndNow,
        43..46 => Step::Resume,
        46..51 => Step::Card(rng.below(2) == 0),
        51..53 => Step::Pay,
        53..54 => Step::PayAll,
        54..55 => Step::Receive,
        55..58 => Step::Refund(unlike),
        58..61 => Step::Credit(unlike),
        61..64 => Step::ChargeBack,
        64..66 => Step::WinBack,
        66..68 => Step::GiveUp(rng.below(2) == 0),
        68..75 => Step::Faults((0..=rng.below(4)).map(|_| fault(rng)).collect()),
        75..77 => Step::Close,
        77..81 => Step::Answer,
        81..83 => Step::Forge,
        _ => {
            let place = usize::try_from(rng.below(PAUSES.len() as u64)).unwrap_or(0);
            Step::Wait { seconds: PAUSES.get(place).copied().unwrap_or(DAY), stops: 1 + rng.below(3) }
        }
    }
}

fn fault(rng: &SeededRng) -> Fault {
    match rng.below(3) {
        0 => Fault::Busy,
        1 => Fault::LostBefore,
        _ => Fault::LostAfter,
    }
}

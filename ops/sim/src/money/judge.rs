//! SUMMARY    What must be true at rest, of each customer; reckoned again from the provider's truth, apart from the product.
//! STANDARDS  product rules S1 to S5, T1, T2, H2

use super::{
    choose::{Move, Step},
    play::{Play, payments},
    said,
    town::{Buyer, Town},
};
use base::Timestamp;
use billing::{Account, InvoiceState, Phase, Standing, Status, TrueInvoice, Truth};
use control::{Capabilities, Capability};
use tenants::Page;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const ALL: u32 = 1_000;

/// All that is wrong.
pub(super) async fn judge(play: &Play, moves: &[Move]) -> Result<Vec<String>, String> {
    let town = &play.town;
    let mut wrong = town.desk.books_verify().await.map_err(said)?;
    let (drift, _) = town.desk.drift(&town.operator, &Page::first(ALL)).await.map_err(said)?;
    let refused = drift.into_iter().filter(|d| d.what.starts_with("books:"));
    wrong.extend(refused.map(|d| format!("the books refused: {} at {}", d.what, d.at.0)));
    for (who, buyer) in town.buyers.iter().enumerate() {
        let known = town.known_as(buyer.tenant).await?;
        let truth = town.bank.truth(&known);
        let mut of_it = mirror(town, buyer, &truth).await?;
        of_it.extend(sums(town, buyer, &truth).await?);
        of_it.extend(standing(town, buyer, &truth).await?);
        of_it.extend(once(play, who, moves, &truth));
        wrong.extend(of_it.into_iter().map(|what| format!("customer {who}: {what}")));
    }
    Ok(wrong)
}

/// The mirror is what the provider has (S1), and one subscription lives at most (S5).
async fn mirror(town: &Town, buyer: &Buyer, truth: &Truth) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let page = Page::first(ALL);
    let (shown, _) = town.desk.invoices(&town.operator, buyer.tenant, &page).await.map_err(said)?;
    let mut invoices: Vec<TrueInvoice> = shown.into_iter().map(|shown| shown.invoice).collect();
    let mut there = truth.invoices.clone();
    invoices.sort_by(|a, b| a.id.cmp(&b.id));
    there.sort_by(|a, b| a.id.cmp(&b.id));
    if invoices != there {
        let differs =
            there.iter().find(|i| !invoices.contains(i)).or_else(|| invoices.iter().find(|i| !there.contains(i)));
        wrong.push(format!("{} invoices here, {} there; {differs:?}", invoices.len(), there.len()));
    }
    let bought = town.desk.subscriptions(&town.operator, buyer.tenant).await.map_err(said)?;
    let mut here: Vec<_> = bought.iter().map(|b| (b.id.clone(), b.status, b.period, b.ends_at)).collect();
    let mut has: Vec<_> = truth.subscriptions.iter().map(|s| (s.id.clone(), s.status, s.period, s.ends_at)).collect();
    here.sort_by(|a, b| a.0.cmp(&b.0));
    has.sort_by(|a, b| a.0.cmp(&b.0));
    if here != has {
        wrong.push(format!("subscriptions here {here:?}, there {has:?}"));
    }
    let live = truth.subscriptions.iter().filter(|s| s.status.is_live()).count();
    if live > 1 {
        wrong.push(format!("{live} live subscriptions"));
    }
    Ok(wrong)
}

/// The books have the money that the provider has.
async fn sums(town: &Town, buyer: &Buyer, truth: &Truth) -> Result<Vec<String>, String> {
    let balances = town.desk.balances(&town.operator, buyer.tenant).await.map_err(said)?;
    let of = |account| balances.iter().filter(|b| b.account == account).map(|b| b.amount.minor()).sum::<i64>();
    let gone = |(_, amount, _): &(String, billing::Money, Timestamp)| amount.minor();
    let cash: i64 =
        payments(truth).map(|p| p.amount.minor() - p.refunds.iter().chain(&p.chargebacks).map(gone).sum::<i64>()).sum();
    let owed: i64 = truth.invoices.iter().filter(|i| i.state == InvoiceState::Open).map(left).sum();
    let mut wrong = Vec::new();
    if of(Account::Cash) != cash {
        wrong.push(format!("{} of cash in the books, {cash} there", of(Account::Cash)));
    }
    let taken_back: i64 = payments(truth).flat_map(|p| &p.chargebacks).map(gone).sum();
    let again: i64 = truth.invoices.iter().filter(|i| i.state == InvoiceState::Paid).map(beyond).sum();
    let there = owed + taken_back - again;
    if of(Account::Receivable) != there {
        let books = of(Account::Receivable);
        wrong.push(format!("{books} receivable in the books, {owed} and {taken_back} without {again} there"));
    }
    Ok(wrong)
}

/// What of an invoice was neither paid nor taken from a credit.
fn left(invoice: &TrueInvoice) -> i64 {
    let paid: i64 = invoice.payments.iter().map(|p| p.amount.minor()).sum();
    (invoice.net.minor() + invoice.tax.minor() - invoice.credit_used.minor() - paid).max(0)
}

/// What was paid of an invoice beyond what it comes to: again, after the bank had taken it.
fn beyond(invoice: &TrueInvoice) -> i64 {
    let paid: i64 = invoice.payments.iter().map(|p| p.amount.minor()).sum();
    (paid + invoice.credit_used.minor() - invoice.net.minor() - invoice.tax.minor()).max(0)
}

/// When the bank took what was not paid again.
fn taken_from(invoice: &TrueInvoice) -> Option<Timestamp> {
    let mut again = beyond(invoice);
    let mut taken: Vec<_> = invoice.payments.iter().flat_map(|p| &p.chargebacks).collect();
    taken.sort_by_key(|(.., at)| *at);
    taken.into_iter().find_map(|(_, amount, at)| {
        again -= amount.minor();
        (again < 0).then_some(*at)
    })
}

/// Since when a customer owes, by the provider's truth alone.
fn owing(truth: &Truth, now: Timestamp) -> Option<Timestamp> {
    let of = |invoice: &TrueInvoice| {
        let taken = taken_from(invoice);
        let day = taken.unwrap_or(invoice.due_at);
        match invoice.state {
            InvoiceState::Draft | InvoiceState::Void => None,
            InvoiceState::Paid => taken,
            InvoiceState::Open | InvoiceState::Uncollectible if left(invoice) == 0 && taken.is_none() => None,
            InvoiceState::Uncollectible => Some(day),
            InvoiceState::Open => {
                let is_late = invoice.failed || now.0 >= invoice.due_at.0.max(invoice.issued_at.0) + HOUR_MS;
                (is_late || taken.is_some()).then_some(day)
            }
        }
    };
    let told = |s: &billing::TrueSubscription| {
        let of_it = truth.invoices.iter().filter(|i| i.subscription.as_ref() == Some(&s.id));
        of_it.into_iter().any(|i| i.issued_at.0 + HOUR_MS >= s.period.start.0)
    };
    let behind =
        truth.subscriptions.iter().filter(|s| matches!(s.status, Status::PastDue | Status::Unpaid) && !told(s));
    truth.invoices.iter().filter_map(of).min().or_else(|| behind.map(|s| s.period.start).min())
}

/// The stage after so much time, by the days of the policy that everybody has.
fn stage(since: Timestamp, now: Timestamp) -> Phase {
    match (now.0 - since.0) / DAY_MS {
        ..7 => Phase::PastDue,
        7..14 => Phase::Grace,
        14..30 => Phase::Suspended,
        30..60 => Phase::ReadOnly,
        60.. => Phase::Closing,
    }
}

fn taken(phase: Phase) -> &'static [Capability] {
    use Capability::{Provision, Receive, SendExternal, SendInternal};
    match phase {
        Phase::Trial | Phase::Active | Phase::PastDue | Phase::Grace => &[],
        Phase::Suspended => &[SendExternal],
        Phase::ReadOnly => &[SendExternal, SendInternal, Provision],
        Phase::Closing | Phase::Purging => &[SendExternal, SendInternal, Provision, Receive],
    }
}

/// Who owes has no more than the policy allows, who does not has all that it bought.
async fn standing(town: &Town, buyer: &Buyer, truth: &Truth) -> Result<Vec<String>, String> {
    let shown = town.desk.standing(&town.operator, buyer.tenant).await.map_err(said)?;
    let mut wrong = Vec::new();
    let now = town.now();
    let owing = owing(truth, now);
    if shown.facts.unpaid_since != owing {
        wrong.push(format!("owes since {owing:?}, but here since {:?}", shown.facts.unpaid_since));
    }
    let due = owing.map(|since| stage(since, now));
    let is_right = match (due, shown.phase) {
        (None, phase) => matches!(phase, Phase::Trial | Phase::Active),
        // Destruction waits for its notices, which take at least so long.
        (Some(Phase::Closing), Phase::Purging) => owing.is_some_and(|at| now.0 - at.0 >= 90 * DAY_MS),
        (Some(due), phase) => due == phase,
    };
    if !is_right {
        wrong.push(format!("at {:?}, but owing since {owing:?} it is to be at {due:?}", shown.phase));
    }
    let has = town.plane.of(buyer.tenant);
    let lacks: Vec<_> = Capability::EVERY.into_iter().filter(|c| !has.allows(*c)).collect();
    let (allowed, purging) = (taken(shown.phase), Capability::PurgeAllowed);
    let is_right =
        lacks.iter().all(|c| allowed.contains(c) || *c == purging) && allowed.iter().all(|c| lacks.contains(c));
    if !is_right || (due.is_none() && has != Capabilities::ALL) {
        wrong.push(format!("at {:?} the data plane keeps it from {lacks:?}", shown.phase));
    }
    wrong.extend(limits(town, buyer, truth, &shown).await?);
    Ok(wrong)
}

/// What it may have follows from what it bought (S3).
async fn limits(town: &Town, buyer: &Buyer, truth: &Truth, shown: &Standing) -> Result<Vec<String>, String> {
    let limits = town.desk.service().tenant(&town.operator, buyer.tenant).await.map_err(said)?.limits;
    let live = truth.subscriptions.iter().find(|s| s.status.is_live());
    let bought = live.map(|s| s.items.iter().map(|i| i.quantity).sum::<u64>());
    let had = shown.inputs.is_some();
    let (mailboxes, hourly) = match bought {
        Some(bought) => (Some(bought), Some(if shown.phase == Phase::Grace { 20 } else { 100 })),
        None if had => (Some(0), Some(0)),
        // It never had anything that the desk saw: nothing is set.
        None => (None, None),
    };
    let has = (limits.max_mailboxes, limits.messages_per_hour_max);
    if has != (mailboxes, hourly) {
        return Ok(vec![format!("at {:?} it may have {has:?}, bought was {:?}", shown.phase, (mailboxes, hourly))]);
    }
    Ok(Vec::new())
}

/// Money that went to a customer went once: what was told is there, what was asked for is not there twice.
fn once(play: &Play, who: usize, moves: &[Move], truth: &Truth) -> Vec<String> {
    let told = play.told_of(who);
    let asked = moves.iter().filter(|m| m.who == who).filter_map(|m| match m.step {
        Step::Refund(minor) => Some((minor, false)),
        Step::Credit(minor) => Some((minor, true)),
        Step::Open { .. }
        | Step::Tab { .. }
        | Step::PayPages(_)
        | Step::Change(_)
        | Step::End
        | Step::EndNow
        | Step::Resume
        | Step::Card(_)
        | Step::Pay
        | Step::PayAll
        | Step::Receive
        | Step::ChargeBack
        | Step::WinBack
        | Step::GiveUp(_)
        | Step::Faults(_)
        | Step::Close
        | Step::Answer
        | Step::Forge
        | Step::Wait { .. } => None,
    });
    let wrong = asked.filter_map(|(minor, is_credit)| {
        let (times, least) = (Play::had(truth, minor, is_credit), usize::from(told.contains_key(&(minor, is_credit))));
        (times > 1 || times < least)
            .then(|| format!("{minor} hundredths went back {times} times (credit: {is_credit})"))
    });
    let mut wrong: Vec<String> = wrong.collect();
    // What was won back after it was paid again is had twice; otherwise nothing is.
    if !moves.iter().any(|m| m.who == who && m.step == Step::WinBack) {
        for invoice in &truth.invoices {
            let taken: i64 = invoice.payments.iter().flat_map(|p| &p.chargebacks).map(|(_, n, _)| n.minor()).sum();
            if beyond(invoice) > taken {
                wrong.push(format!("{} was paid twice", invoice.id));
            }
        }
    }
    wrong
}

//! SUMMARY    S1: at rest the mirror is what the provider has, for any order, repetition and loss of webhooks and of answers.

use crate::town::{DAY, Town, asked, eur, keyed, terms};
use base::TenantId;
use billing::{End, Fault, InvoiceState, Webhook};
use proptest::prelude::*;
use std::time::Duration;
use tenants::{Actor, Page};

#[derive(Debug, Clone, Copy)]
enum Step {
    Month,
    Decline(bool),
    Pay,
    Change(u64),
    End,
    Now,
    Resume,
    Buy,
    Refund(i64),
    Credit(i64),
    ChargeBack,
    GiveUp(bool),
    Fault(Fault),
    /// So many of the webhooks that wait come, from the place on, twice.
    Deliver(usize, usize),
    /// The webhook at the place is lost.
    Lose(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop::sample::select(vec![Fault::Busy, Fault::LostBefore, Fault::LostAfter]);
    prop_oneof![
        3 => Just(Step::Month),
        1 => any::<bool>().prop_map(Step::Decline),
        1 => Just(Step::Pay),
        2 => (1u64..9).prop_map(Step::Change),
        1 => Just(Step::End),
        1 => Just(Step::Now),
        1 => Just(Step::Resume),
        2 => Just(Step::Buy),
        1 => (1i64..900).prop_map(Step::Refund),
        1 => (1i64..900).prop_map(Step::Credit),
        1 => Just(Step::ChargeBack),
        1 => any::<bool>().prop_map(Step::GiveUp),
        2 => fault.prop_map(Step::Fault),
        3 => (0usize..9, 1usize..5).prop_map(|(at, many)| Step::Deliver(at, many)),
        2 => (0usize..9).prop_map(Step::Lose),
    ]
}

struct Play {
    town: Town,
    tenant: TenantId,
    owner: Actor,
    customer: String,
    waiting: Vec<Webhook>,
    steps: usize,
}

impl Play {
    /// What is refused is refused: only what is true afterwards counts.
    async fn step(&mut self, step: Step) {
        self.steps += 1;
        let key = keyed(&format!("step {}", self.steps));
        let (billing, operator) = (&self.town.billing, &self.town.operator);
        let truth = self.town.till.has(&self.customer).unwrap();
        let live = truth.subscriptions.iter().rfind(|s| s.status.is_live()).map(|s| s.id.clone());
        let invoice = truth.invoices.last().map(|i| i.id.clone()).unwrap_or_default();
        match step {
            Step::Month => self.town.turn(DAY * 31),
            Step::Decline(is) => self.town.till.card(&self.customer, Some("visa 1"), is).unwrap(),
            Step::Pay => drop(billing.invoice_pay(&self.owner, &terms(), self.tenant, &invoice).await),
            Step::Change(n) => drop(billing.change(&self.owner, &terms(), self.tenant, &asked("business", n)).await),
            Step::End | Step::Now => {
                let when = if matches!(step, Step::End) { End::Period } else { End::Now };
                let live = live.unwrap_or_default();
                drop(billing.cancel(&self.owner, &terms(), self.tenant, &live, when).await);
            }
            Step::Resume => {
                drop(billing.resume(&self.owner, &terms(), self.tenant, &live.unwrap_or_default()).await);
            }
            Step::Buy => {
                drop(billing.checkout_open(&self.owner, &terms(), self.tenant, &asked("business", 2)).await);
                if let Some(page) = self.town.till.open_pages().first() {
                    drop(self.town.till.pay_page(page, "visa 2"));
                }
            }
            Step::Refund(n) => {
                drop(billing.invoice_refund(operator, &key, self.tenant, &invoice, Some(eur(n)), "play").await);
            }
            Step::Credit(n) => drop(billing.credit(operator, &key, self.tenant, eur(n), "play").await),
            Step::ChargeBack => {
                let whole = truth.invoices.iter().flat_map(|i| &i.payments);
                if let Some(p) = whole.rev().find(|p| p.refunds.is_empty() && p.chargebacks.is_empty()) {
                    self.town.till.charge_back(&p.id, p.amount).unwrap();
                }
            }
            Step::GiveUp(is_void) => {
                let open = truth.invoices.iter().find(|i| i.state == InvoiceState::Open);
                if let Some(open) = open {
                    self.town.till.give_up(&open.id, is_void).unwrap();
                }
            }
            Step::Fault(fault) => self.town.till.fail([fault]),
            Step::Deliver(at, many) => {
                let count = self.waiting.len().min(many);
                for n in 0..count {
                    let webhook = self.waiting.remove((at + n) % self.waiting.len());
                    self.town.deliver(&webhook).await;
                    self.town.deliver(&webhook).await;
                }
            }
            Step::Lose(at) if !self.waiting.is_empty() => drop(self.waiting.remove(at % self.waiting.len())),
            Step::Lose(_) => {}
        }
        self.waiting.extend(self.town.till.webhooks());
    }
}

async fn play(steps: Vec<Step>) {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let mut play = Play { town, tenant, owner, customer, waiting: Vec::new(), steps: 0 };
    for step in steps {
        play.step(step).await;
        play.town.billing.work().await.ok();
    }
    // No webhook comes any more: sweeps find what is true.
    for _ in 0..30 {
        play.town.turn(Duration::from_secs(3_700));
        play.town.work().await;
    }
    play.town.consistent(play.tenant, &play.customer).await;
    let (drift, _) = play.town.billing.drift(&play.town.operator, &Page::first(1_000)).await.unwrap();
    let refused: Vec<_> = drift.iter().filter(|d| d.what.starts_with("books:")).collect();
    assert!(refused.is_empty(), "the books took all: {refused:?}");
    let limits = play.town.limits(play.tenant).await;
    let bought = play.town.billing.subscriptions(&play.owner, play.tenant).await.unwrap();
    let mailboxes = bought.iter().find(|b| b.status.is_live()).map_or(0, |b| b.items[0].quantity);
    assert_eq!(limits.max_mailboxes, Some(mailboxes), "what it may have follows from what it bought (S3)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn s1_the_mirror_is_the_truth_whatever_webhooks_do(steps in prop::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps));
    }
}

//! SUMMARY    One schedule as it is played: steps, time, webhooks, deaths; then quiet.
//! LIMITS     ROUNDS_MAX, LATE_HOURS_MAX, CALLS_SHOWN
//! INVARIANTS What is refused is refused: only what is true afterwards counts. Somebody whose request died asks again under its key, or does not.

use super::{
    choose::{Move, Step},
    death::unless_it_dies,
    post::Post,
    said,
    town::{Buyer, Town, business},
};
use base::{Rng, Timestamp, rng::SeededRng};
use billing::{Asked, Currency, End, InvoiceState, Item, Money, NewCheckout, TruePayment, Truth, Wanted};
use std::{collections::BTreeMap, time::Duration};
use tenants::{Applied, Code, Done, Page, Terms};

/// Rounds in which the desk's own work ends.
const ROUNDS_MAX: usize = 200;
/// Hours of quiet after which everything asked of a provider that answers is answered.
const LATE_HOURS_MAX: usize = 24;
/// Calls of a customer that are looked at.
const CALLS_SHOWN: u32 = 100;
const HOUR: u64 = 3_600;

pub(super) struct Play {
    pub(super) town: Town,
    post: Post,
    rng: SeededRng,
    /// What was done, with what came of it.
    pub(super) trace: Vec<String>,
    /// Money that went to a customer, as somebody was told: whose, hundredths, whether it is a credit.
    pub(super) told: Vec<(usize, i64, bool)>,
    pub(super) deaths: usize,
    pub(super) webhooks: usize,
}

impl Play {
    pub(super) fn new(town: Town, rng: SeededRng) -> Play {
        let (post, trace, told) = (Post::default(), Vec::new(), Vec::new());
        Play { town, post, rng, trace, told, deaths: 0, webhooks: 0 }
    }

    pub(super) fn lost(&self) -> usize {
        self.post.lost
    }

    pub(super) async fn step(&mut self, n: usize, of: &Move) -> Result<(), String> {
        self.town.death.set(of.dies);
        let mut came = match unless_it_dies(self.act(n, of)).await {
            Some(came) => came?,
            None => {
                self.die().await?;
                if n.is_multiple_of(2) { format!("died, {}", self.act(n, of).await?) } else { "died".to_owned() }
            }
        };
        for _ in 0..of.rounds {
            if unless_it_dies(self.town.desk.work()).await.is_none() {
                self.die().await?;
                came.push_str(", died at work");
            }
        }
        self.town.death.set(None);
        self.collect();
        self.trace.push(format!("{n:2} {} customer {} {:?}: {came}", self.town.now().0, of.who, of.step));
        Ok(())
    }

    async fn die(&mut self) -> Result<(), String> {
        self.deaths += 1;
        self.town.begin_again().await
    }

    fn collect(&mut self) {
        let events = self.town.bank.events();
        self.webhooks += events.len();
        self.post.take(events, self.town.now(), &self.rng);
    }

    async fn act(&mut self, n: usize, of: &Move) -> Result<String, String> {
        let Some(buyer) = self.town.buyers.get(of.who).cloned() else { return Err("no such customer".to_owned()) };
        let known = self.town.known_as(buyer.tenant).await?;
        let truth = self.town.bank.truth(&known);
        match &of.step {
            Step::Card(works) => self.town.bank.card(&known, *works),
            Step::PayPages(many) => {
                for page in self.town.bank.open_pages().iter().take(*many) {
                    self.town.bank.pay_page(page);
                }
            }
            Step::ChargeBack => {
                if let Some(payment) = payments(&truth).rfind(|p| p.refunds.is_empty() && p.chargebacks.is_empty()) {
                    self.town.bank.charge_back(payment);
                }
            }
            Step::WinBack => {
                let taken = payments(&truth).find_map(|p| Some((p.id.clone(), p.chargebacks.first()?.0.clone())));
                if let Some((payment, chargeback)) = taken {
                    self.town.bank.win_back(&payment, &chargeback);
                }
            }
            Step::GiveUp(is_void) => {
                if let Some(open) = truth.invoices.iter().find(|i| i.state == InvoiceState::Open) {
                    self.town.bank.give_up(&open.id, *is_void);
                }
            }
            Step::Faults(faults) => self.town.bank.fail(faults),
            Step::Close => self.town.bank.close(true),
            Step::Answer => self.town.bank.close(false),
            Step::Forge => self.forge().await?,
            Step::Wait { seconds, stops } => {
                for _ in 0..*stops {
                    self.pass(Duration::from_secs(seconds / stops)).await?;
                }
            }
            Step::Tab { mailboxes } => self.tab(n, &buyer, known, *mailboxes).await,
            Step::Open { .. }
            | Step::Change(_)
            | Step::End
            | Step::EndNow
            | Step::Resume
            | Step::Pay
            | Step::PayAll
            | Step::Receive
            | Step::Refund(_)
            | Step::Credit(_) => return self.ask(n, of, &buyer, &truth).await,
        }
        Ok("done".to_owned())
    }

    /// What somebody asks the desk for.
    async fn ask(&mut self, n: usize, of: &Move, buyer: &Buyer, truth: &Truth) -> Result<String, String> {
        let (desk, operator, tenant, owner) =
            (self.town.desk.clone(), self.town.operator.clone(), buyer.tenant, &buyer.owner);
        let terms = Terms { idempotency_key: Some(format!("step {n}")), ..Terms::default() };
        let live = truth.subscriptions.iter().rfind(|s| s.status.is_live()).map(|s| s.id.clone()).unwrap_or_default();
        let invoice = truth.invoices.last().map(|i| i.id.clone()).unwrap_or_default();
        let came = match &of.step {
            Step::Open { plan, mailboxes } => {
                came(desk.checkout_open(owner, &terms, tenant, &asked(plan, *mailboxes)).await)
            }
            Step::Change(mailboxes) => came(desk.change(owner, &terms, tenant, &asked("business", *mailboxes)).await),
            Step::End => came(desk.cancel(owner, &terms, tenant, &live, End::Period).await),
            Step::EndNow => came(desk.cancel(owner, &terms, tenant, &live, End::Now).await),
            Step::Resume => came(desk.resume(owner, &terms, tenant, &live).await),
            Step::Pay => came(desk.invoice_pay(owner, &terms, tenant, &invoice).await),
            Step::PayAll => came(desk.debt_pay(owner, &terms, tenant).await),
            Step::Receive => {
                let is_owed = |i: &&billing::TrueInvoice| i.owed().is_ok_and(|owed| !owed.is_zero());
                let owed = truth.invoices.iter().find(is_owed).map(|i| i.id.clone()).unwrap_or_default();
                came(desk.invoice_receive(&operator, &terms, tenant, &owed, "by transfer").await)
            }
            Step::Refund(minor) => {
                let amount = Some(eur(*minor)?);
                let done = desk.invoice_refund(&operator, &terms, tenant, &invoice, amount, "simulated").await;
                self.note_told(of.who, *minor, false, &done);
                came(done)
            }
            Step::Credit(minor) => {
                let done = desk.credit(&operator, &terms, tenant, eur(*minor)?, "simulated").await;
                self.note_told(of.who, *minor, true, &done);
                came(done)
            }
            Step::Tab { .. }
            | Step::PayPages(_)
            | Step::Card(_)
            | Step::ChargeBack
            | Step::WinBack
            | Step::GiveUp(_)
            | Step::Faults(_)
            | Step::Close
            | Step::Answer
            | Step::Forge
            | Step::Wait { .. } => "nothing".to_owned(),
        };
        Ok(came)
    }

    fn note_told<T>(&mut self, who: usize, minor: i64, is_credit: bool, done: &tenants::Result<Done<T>>) {
        if done.as_ref().is_ok_and(|done| done.applied == Applied::Done) {
            self.told.push((who, minor, is_credit));
        }
    }

    /// Another page to pay on, which the desk did not open.
    async fn tab(&self, n: usize, buyer: &Buyer, customer: String, mailboxes: u64) {
        let items = vec![Item { component: "mailbox".into(), quantity: mailboxes }];
        let interval = billing::Interval::Month;
        let new = NewCheckout {
            tenant: buyer.tenant,
            customer,
            wanted: Wanted { plan: business(), items, currency: Currency::EUR, interval },
            trial_days: 0,
            coupon: None,
            success_url: "https://portal.example/billing/paid".into(),
            cancel_url: "https://portal.example/billing/plans".into(),
            expires_at: self.town.now().plus(Duration::from_secs(2 * HOUR)),
        };
        drop(self.town.bank.payments().open_checkout(&format!("tab {n}"), &new).await);
    }

    /// Somebody without the secret says that there is news; it must leave nothing.
    async fn forge(&self) -> Result<(), String> {
        let provider = self.town.bank.payments().name();
        let body = br#"{"id":"evt_forged","kind":"invoice.paid","type":"invoice.paid","customer":"cus_000001"}"#;
        let other = self.town.bank.signature(b"{}");
        for signature in [other.as_str(), "", "t=0,v1=00"] {
            match self.town.desk.hear(provider, body, signature).await {
                Err(error) if error.code == Code::Forbidden => {}
                other => return Err(format!("a forged webhook came to {other:?}")),
            }
        }
        Ok(())
    }

    /// Time goes on, what was on its way comes, the desk works.
    async fn pass(&mut self, by: Duration) -> Result<(), String> {
        self.town.hands.turn(by);
        self.town.bank.turn();
        self.collect();
        let provider = self.town.bank.payments().name();
        for body in self.post.due(self.town.now(), &self.rng) {
            let signature = self.town.bank.signature(&body);
            match unless_it_dies(self.town.desk.hear(provider, &body, &signature)).await {
                Some(heard) => heard.map_err(said)?,
                None => {
                    self.die().await?;
                    self.post.again(body, self.town.now());
                }
            }
        }
        for _ in 0..1 + self.rng.below(3) {
            if unless_it_dies(self.town.desk.work()).await.is_none() {
                self.die().await?;
            }
        }
        self.collect();
        Ok(())
    }

    /// No webhook comes any more, the provider answers, the desk is left to itself.
    pub(super) async fn quiet(&mut self, pauses: &[u64]) -> Result<(), String> {
        self.town.bank.close(false);
        self.collect();
        self.post.stop();
        for seconds in pauses {
            self.quiet_for(*seconds).await?;
        }
        // Faults are finite: each takes an attempt.
        for _ in 0..LATE_HOURS_MAX {
            if !self.waits().await? {
                break;
            }
            self.quiet_for(HOUR + 100).await?;
        }
        self.post.stop();
        // What a death kept from the data plane is told to it with the next change, or by its own worker.
        self.town.desk.service().committed().await;
        Ok(())
    }

    async fn quiet_for(&mut self, seconds: u64) -> Result<(), String> {
        self.town.hands.turn(Duration::from_secs(seconds));
        self.town.bank.turn();
        self.rest().await
    }

    /// Whether something was asked of the provider that it has not answered.
    async fn waits(&self) -> Result<bool, String> {
        for buyer in &self.town.buyers {
            let page = Page { backward: true, ..Page::first(CALLS_SHOWN) };
            let (calls, _) = self.town.desk.calls(&self.town.operator, buyer.tenant, &page).await.map_err(said)?;
            if calls.iter().any(|call| call.state == "WAITING") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn rest(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            if self.town.desk.work().await.map_err(said)? == 0 {
                return Ok(());
            }
        }
        Err("the work has no end".to_owned())
    }

    /// What was asked of the provider, as the desk has it.
    pub(super) async fn calls(&self) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for (who, buyer) in self.town.buyers.iter().enumerate() {
            let page = Page { backward: true, ..Page::first(CALLS_SHOWN) };
            let (calls, _) = self.town.desk.calls(&self.town.operator, buyer.tenant, &page).await.map_err(said)?;
            lines.extend(calls.iter().map(|call| {
                let ended = call.ended_at.map_or("-".to_owned(), |at| at.0.to_string());
                let (id, what, state) = (&call.id, &call.what, &call.state);
                format!(
                    "customer {who} {what} {state} after {} attempts, {} to {ended}: {id} {}",
                    call.attempts, call.created_at.0, call.trouble
                )
            }));
        }
        Ok(lines)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.town.now()
    }

    /// How often a customer has money of an amount back, by credit or refund.
    pub(super) fn had(truth: &Truth, minor: i64, is_credit: bool) -> usize {
        if is_credit {
            return truth.credits.iter().filter(|c| c.invoice.is_none() && c.net.minor() == minor).count();
        }
        payments(truth).flat_map(|p| &p.refunds).filter(|(_, amount, _)| amount.minor() == minor).count()
    }

    /// Those of each customer.
    pub(super) fn told_of(&self, who: usize) -> BTreeMap<(i64, bool), usize> {
        let mut told = BTreeMap::new();
        for (_, minor, is_credit) in self.told.iter().filter(|(whose, ..)| *whose == who) {
            *told.entry((*minor, *is_credit)).or_insert(0) += 1;
        }
        told
    }
}

pub(super) fn payments(truth: &Truth) -> impl DoubleEndedIterator<Item = &TruePayment> {
    truth.invoices.iter().flat_map(|i| &i.payments)
}

fn came<T>(done: tenants::Result<Done<T>>) -> String {
    match done {
        Ok(done) => format!("{:?}", done.applied),
        Err(error) => format!("{:?} {} {}", error.code, error.field, error.message),
    }
}

fn asked(plan: &str, mailboxes: u64) -> Asked {
    let items = vec![Item { component: "mailbox".into(), quantity: mailboxes }];
    Asked { plan: plan.into(), items, currency: None, interval: None, coupon: None }
}

fn eur(minor: i64) -> Result<Money, String> {
    Money::new(minor, Currency::EUR).map_err(said)
}

//! SUMMARY    What a till keeps, and what time and customers do to it.

use super::{Fault, Webhook, gone, refused};
use crate::{
    Checkout, CheckoutState, Choice, Coupon, Currency, Failure, Interval, InvoiceState, Money, NewCheckout,
    NewCustomer, Period, Plan, Status, TrueCredit, TrueInvoice, TruePayment, TrueSubscription, Truth, Wanted, change,
    sum,
};
use base::Timestamp;
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Duration,
};

/// Days after which an invoice that is not paid by a card is due.
const DUE: Duration = Duration::from_secs(0);

/// Something that was done under a key: the call, when, and what it gave.
pub(super) struct Done {
    pub call: String,
    pub at: Timestamp,
    pub answer: Result<String, Failure>,
}

#[derive(Default)]
pub(super) struct State {
    pub clients: BTreeMap<String, Client>,
    pub pages: BTreeMap<String, Page>,
    pub plans: HashSet<(String, u32)>,
    pub keys: HashMap<String, Done>,
    pub faults: VecDeque<Fault>,
    pub events: Vec<Webhook>,
    pub is_closed: bool,
    last: u64,
}

pub(super) struct Client {
    pub new: NewCustomer,
    pub is_declined: bool,
    pub truth: Truth,
    pub bought: BTreeMap<String, Sold>,
    /// Credit that is left.
    pub credit: BTreeMap<Currency, Money>,
}

/// What is behind a subscription.
pub(super) struct Sold {
    pub choice: Choice,
    coupon: Option<Coupon>,
    /// When its periods began to be counted, and how many there were.
    anchor: Timestamp,
    number: u32,
    /// Periods that were invoiced.
    paid_periods: u32,
    /// What was used, for its next invoice.
    pub uses: Vec<Money>,
}

pub(super) struct Page {
    pub shown: Checkout,
    pub new: NewCheckout,
}

impl Client {
    pub(super) fn new(new: NewCustomer) -> Client {
        Client { new, is_declined: false, truth: Truth::default(), bought: BTreeMap::new(), credit: BTreeMap::new() }
    }

    /// As the port tells it: of nothing there is no item.
    pub(super) fn seen(&self) -> Truth {
        let mut truth = self.truth.clone();
        truth.subscriptions.iter_mut().for_each(|s| s.items.retain(|item| item.quantity > 0));
        truth
    }

    pub(super) fn subscription(&mut self, id: &str) -> Result<&mut TrueSubscription, Failure> {
        self.truth.subscriptions.iter_mut().find(|s| s.id == id).ok_or_else(|| gone("subscription"))
    }
}

impl State {
    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        self.last += 1;
        // In the order in which they are made.
        format!("{prefix}_{:06}", self.last)
    }

    pub(super) fn tell(&mut self, kind: &str, customer: Option<&str>, payment: Option<&str>) {
        let id = self.fresh("evt");
        let body = serde_json::json!({ "id": id, "kind": kind, "customer": customer, "payment": payment });
        self.events.push(Webhook { body: body.to_string().into_bytes() });
    }

    pub(super) fn client(&mut self, id: &str) -> Result<&mut Client, Failure> {
        self.clients.get_mut(id).ok_or_else(|| gone("customer"))
    }

    /// Whose a subscription is.
    pub(super) fn owner(&self, subscription: &str) -> Result<String, Failure> {
        let has = |(_, client): &(&String, &Client)| client.bought.contains_key(subscription);
        self.clients.iter().find(has).map(|(id, _)| id.clone()).ok_or_else(|| gone("subscription"))
    }

    /// Whose an invoice is.
    pub(super) fn debtor(&self, invoice: &str) -> Result<String, Failure> {
        let has = |(_, client): &(&String, &Client)| client.truth.invoices.iter().any(|i| i.id == invoice);
        self.clients.iter().find(has).map(|(id, _)| id.clone()).ok_or_else(|| gone("invoice"))
    }

    /// Does something to a payment; whose it is.
    pub(super) fn payment<T>(
        &mut self,
        payment: &str,
        f: impl FnOnce(&mut TruePayment) -> T,
    ) -> Result<(String, T), Failure> {
        let mut f = Some(f);
        for (id, client) in &mut self.clients {
            let payments = client.truth.invoices.iter_mut().flat_map(|i| &mut i.payments);
            for found in payments.filter(|p| p.id == payment) {
                if let Some(f) = f.take() {
                    return Ok((id.clone(), f(found)));
                }
            }
        }
        Err(gone("payment"))
    }

    pub(super) fn pay_page(&mut self, page: &str, card: &str, now: Timestamp, tax: u64) -> Result<String, Failure> {
        self.end_pages(now);
        let found = self.pages.get(page).ok_or_else(|| gone("page"))?;
        if found.shown.state != CheckoutState::Open {
            return Err(refused("the page is not open"));
        }
        let new = found.new.clone();
        let customer = new.customer.clone();
        let client = self.client(&customer)?;
        if client.is_declined && new.trial_days == 0 {
            return Err(refused("the card was declined"));
        }
        client.truth.card = Some(card.to_owned());
        let subscription = self.subscribe(&new, now, tax)?;
        if let Some(page) = self.pages.get_mut(page) {
            page.shown.state = CheckoutState::Complete;
            page.shown.url = String::new();
        }
        self.tell("checkout.completed", Some(&customer), None);
        Ok(subscription)
    }

    fn subscribe(&mut self, new: &NewCheckout, now: Timestamp, tax: u64) -> Result<String, Failure> {
        let id = self.fresh("sub");
        let choice = chosen(&new.wanted);
        let trial = (new.trial_days > 0).then(|| now.plus(Duration::from_secs(u64::from(new.trial_days) * 86_400)));
        let first = period(now, choice.interval, 0)?;
        let subscription = TrueSubscription {
            id: id.clone(),
            family: choice.plan.family.clone(),
            status: if trial.is_some() { Status::Trialing } else { Status::Active },
            created_at: now,
            plan: (choice.plan.key.clone(), choice.plan.version),
            items: choice.items.clone(),
            currency: choice.currency,
            interval: choice.interval,
            period: trial.map_or(first, |end| Period { start: now, end }),
            trial_ends_at: trial,
            ends_at: None,
            ended_at: None,
        };
        let coupon = new.coupon.as_ref().map(|(_, coupon)| *coupon);
        let sold = Sold { choice, coupon, anchor: trial.unwrap_or(now), number: 0, paid_periods: 0, uses: Vec::new() };
        let client = self.client(&new.customer)?;
        client.truth.subscriptions.push(subscription);
        client.bought.insert(id.clone(), sold);
        self.tell("subscription.created", Some(&new.customer), None);
        if trial.is_none() {
            self.invoice_period(&new.customer, &id, now, tax)?;
        }
        Ok(id)
    }

    /// Issues the invoice of the period that is under way, and has it paid.
    fn invoice_period(&mut self, customer: &str, id: &str, now: Timestamp, tax: u64) -> Result<(), Failure> {
        let client = self.client(customer)?;
        let sold = client.bought.get_mut(id).ok_or_else(|| gone("subscription"))?;
        let total = sold.choice.total().map_err(wrong)?;
        let off = sold.coupon.map_or(Ok(Money::zero(total.currency())), |c| c.off(total, sold.paid_periods));
        let used = sum(total.currency(), std::mem::take(&mut sold.uses)).map_err(wrong)?;
        sold.paid_periods += 1;
        let net = total.minus(off.map_err(wrong)?).and_then(|net| net.plus(used)).map_err(wrong)?;
        self.issue(customer, Some(id), net, now, tax).map(drop)
    }

    /// Issues an invoice and tries to have it paid; whether it was.
    pub(super) fn issue(
        &mut self,
        customer: &str,
        subscription: Option<&str>,
        net: Money,
        now: Timestamp,
        tax: u64,
    ) -> Result<bool, Failure> {
        let id = self.fresh("in");
        let tax = net.share(tax, 100).map_err(wrong)?;
        let total = net.plus(tax).map_err(wrong)?;
        let client = self.client(customer)?;
        let credit = client.credit.entry(net.currency()).or_insert(Money::zero(net.currency()));
        let credit_used = credit.at_most(total).map_err(wrong)?;
        *credit = credit.minus(credit_used).map_err(wrong)?;
        client.truth.invoices.push(TrueInvoice {
            id: id.clone(),
            number: Some(id.to_uppercase()),
            subscription: subscription.map(str::to_owned),
            state: InvoiceState::Open,
            net,
            tax,
            issued_at: now,
            due_at: now.plus(DUE),
            failed: false,
            credit_used,
            payments: Vec::new(),
            page_url: None,
            pdf_url: None,
        });
        self.tell("invoice.issued", Some(customer), None);
        Ok(self.pay(customer, &id, now)?.is_ok())
    }

    /// What is owed came in by transfer, whatever the card.
    pub(super) fn receive(
        &mut self,
        customer: &str,
        invoice: &str,
        amount: Money,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let client = self.client(customer)?;
        let found = client.truth.invoices.iter().find(|i| i.id == invoice).ok_or_else(|| gone("invoice"))?;
        let is_paid = found.state == InvoiceState::Paid;
        let declined = std::mem::take(&mut client.is_declined);
        let card = client.truth.card.replace("transfer".to_owned());
        let done = match is_paid {
            true => self.take_again(customer, invoice, amount, now),
            false => self.pay(customer, invoice, now).and_then(|paid| paid),
        };
        let client = self.client(customer)?;
        (client.is_declined, client.truth.card) = (declined, card);
        done
    }

    /// What the bank took back of an invoice is taken again.
    pub(super) fn take_again(
        &mut self,
        customer: &str,
        invoice: &str,
        amount: Money,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let payment = self.fresh("ch");
        let client = self.client(customer)?;
        let can_pay = client.truth.card.is_some() && !client.is_declined;
        let found = client.truth.invoices.iter_mut().find(|i| i.id == invoice).ok_or_else(|| gone("invoice"))?;
        let is_more = found.owed().and_then(|owed| owed.minus(amount)).map_err(wrong)?.is_negative();
        if found.state != InvoiceState::Paid || is_more || amount.minor() <= 0 {
            return Err(refused("so much is not owed of this invoice"));
        }
        if !can_pay {
            return Err(refused("the card was declined"));
        }
        let (refunds, chargebacks) = (Vec::new(), Vec::new());
        found.payments.push(TruePayment { id: payment, amount, at: now, refunds, chargebacks });
        self.tell("charge.succeeded", Some(customer), None);
        Ok(())
    }

    /// Tries to have an invoice paid: `Err` inside when the card is declined.
    pub(super) fn pay(
        &mut self,
        customer: &str,
        invoice: &str,
        now: Timestamp,
    ) -> Result<Result<(), Failure>, Failure> {
        let payment = self.fresh("ch");
        let client = self.client(customer)?;
        let can_pay = client.truth.card.is_some() && !client.is_declined;
        let found = client.truth.invoices.iter_mut().find(|i| i.id == invoice).ok_or_else(|| gone("invoice"))?;
        if !matches!(found.state, InvoiceState::Open | InvoiceState::Uncollectible) {
            return Err(refused("nothing is to be paid of this invoice"));
        }
        let amount = found.net.plus(found.tax).and_then(|total| total.minus(found.credit_used)).map_err(wrong)?;
        let of = found.subscription.clone();
        let paid = amount.is_zero() || can_pay;
        if paid {
            found.state = InvoiceState::Paid;
            if !amount.is_zero() {
                let (refunds, chargebacks) = (Vec::new(), Vec::new());
                found.payments.push(TruePayment { id: payment, amount, at: now, refunds, chargebacks });
            }
        } else {
            found.failed = true;
        }
        let is_unpaid = |i: &TrueInvoice| i.subscription == of && i.state == InvoiceState::Open;
        let all_paid = !client.truth.invoices.iter().any(is_unpaid);
        for s in client.truth.subscriptions.iter_mut().filter(|s| Some(&s.id) == of.as_ref()) {
            s.status = match s.status {
                Status::Active | Status::PastDue if !paid => Status::PastDue,
                Status::PastDue | Status::Unpaid if all_paid => Status::Active,
                other => other,
            };
        }
        self.tell(if paid { "invoice.paid" } else { "invoice.payment_failed" }, Some(customer), None);
        Ok(if paid { Ok(()) } else { Err(refused("the card was declined")) })
    }

    pub(super) fn give_up(&mut self, invoice: &str, is_void: bool) -> Result<(), Failure> {
        let customer = self.debtor(invoice)?;
        let client = self.client(&customer)?;
        for found in client.truth.invoices.iter_mut().filter(|i| i.id == invoice && i.state == InvoiceState::Open) {
            found.state = if is_void { InvoiceState::Void } else { InvoiceState::Uncollectible };
        }
        self.tell("invoice.updated", Some(&customer), None);
        Ok(())
    }

    /// Changes what is subscribed to. What is owed for the rest of the period is paid at once, or nothing is changed.
    pub(super) fn change(
        &mut self,
        id: &str,
        to: &Wanted,
        at: Timestamp,
        now: Timestamp,
        tax: u64,
    ) -> Result<(), Failure> {
        let customer = self.owner(id)?;
        let (net, next) = self.reckon(id, to, at)?;
        let client = self.client(&customer)?;
        let is_trial = client.subscription(id)?.status == Status::Trialing;
        if net.minor() > 0 && (client.is_declined || client.truth.card.is_none()) {
            return Err(refused("the card was declined"));
        }
        let subscription = client.subscription(id)?;
        subscription.plan = (to.plan.key.clone(), to.plan.version);
        subscription.items = to.items.clone();
        let is_new_period = subscription.interval != to.interval && !is_trial;
        subscription.interval = to.interval;
        if is_new_period {
            subscription.period = next;
        }
        if let Some(sold) = client.bought.get_mut(id) {
            sold.choice = chosen(to);
            if is_new_period {
                (sold.anchor, sold.number) = (next.start, 0);
            }
        }
        self.tell("subscription.updated", Some(&customer), None);
        match net.minor() {
            0 => Ok(()),
            1.. => self.issue(&customer, Some(id), net, now, tax).map(drop),
            _ => self.invoice_below_zero(&customer, id, net.negated(), now, tax),
        }
    }

    /// What a change costs without tax, and the period afterwards.
    pub(super) fn reckon(&mut self, id: &str, to: &Wanted, at: Timestamp) -> Result<(Money, Period), Failure> {
        let customer = self.owner(id)?;
        let client = self.client(&customer)?;
        let subscription = client.subscription(id)?.clone();
        if !subscription.status.is_live() {
            return Err(refused("the subscription has ended"));
        }
        let sold = client.bought.get(id).ok_or_else(|| gone("subscription"))?;
        if subscription.status == Status::Trialing {
            return Ok((Money::zero(to.currency), subscription.period));
        }
        let cost = change(&sold.choice, &chosen(to), subscription.period, at).map_err(wrong)?;
        Ok((cost.now, cost.period))
    }

    /// What was sold is taken back: an invoice of nothing, and a credit.
    fn invoice_below_zero(
        &mut self,
        customer: &str,
        id: &str,
        net: Money,
        now: Timestamp,
        tax: u64,
    ) -> Result<(), Failure> {
        let zero = Money::zero(net.currency());
        self.issue(customer, Some(id), zero, now, tax)?;
        let tax = net.share(tax, 100).map_err(wrong)?;
        let credit = self.fresh("cbt");
        let client = self.client(customer)?;
        let invoice = client.truth.invoices.last().map(|i| i.id.clone());
        client.truth.credits.push(TrueCredit { id: credit, net, tax, at: now, invoice });
        let left = client.credit.entry(net.currency()).or_insert(zero);
        *left = left.plus(net).and_then(|left| left.plus(tax)).map_err(wrong)?;
        Ok(())
    }

    pub(super) fn end_now(&mut self, id: &str, now: Timestamp, tax: u64) -> Result<(), Failure> {
        let customer = self.owner(id)?;
        let subscription = self.client(&customer)?.subscription(id)?;
        if subscription.status == Status::Cancelled {
            return Err(gone("live subscription"));
        }
        subscription.status = Status::Cancelled;
        subscription.ended_at = Some(now);
        self.tell("subscription.deleted", Some(&customer), None);
        self.invoice_use(&customer, id, now, tax)
    }

    /// Issues an invoice of what was used and is on none, where no period follows.
    fn invoice_use(&mut self, customer: &str, id: &str, now: Timestamp, tax: u64) -> Result<(), Failure> {
        let sold = self.client(customer)?.bought.get_mut(id).ok_or_else(|| gone("subscription"))?;
        let uses = std::mem::take(&mut sold.uses);
        let Some(first) = uses.first() else { return Ok(()) };
        let used = sum(first.currency(), uses.iter().copied()).map_err(wrong)?;
        self.issue(customer, Some(id), used, now, tax).map(drop)
    }

    fn end_pages(&mut self, now: Timestamp) {
        let mut ended = Vec::new();
        for page in self.pages.values_mut() {
            if page.shown.state == CheckoutState::Open && page.shown.expires_at <= now {
                page.shown.state = CheckoutState::Expired;
                page.shown.url = String::new();
                ended.push(page.new.customer.clone());
            }
        }
        ended.iter().for_each(|customer| self.tell("checkout.expired", Some(customer), None));
    }

    pub(super) fn turn(&mut self, now: Timestamp, tax: u64) {
        self.end_pages(now);
        let all: Vec<(String, String)> = self
            .clients
            .iter()
            .flat_map(|(client, c)| c.bought.keys().map(|id| (client.clone(), id.clone())))
            .collect();
        for (customer, id) in all {
            // Period after period, until the one that now is in.
            while self.period_over(&customer, &id, now, tax) == Ok(true) {}
        }
    }

    /// One period or trial of a subscription ends, if it is over.
    fn period_over(&mut self, customer: &str, id: &str, now: Timestamp, tax: u64) -> Result<bool, Failure> {
        let client = self.client(customer)?;
        let subscription = client.subscription(id)?;
        if !subscription.status.is_live() || now < subscription.period.end {
            return Ok(false);
        }
        let ends = subscription.period.end;
        if subscription.ends_at.is_some_and(|at| at <= ends) {
            subscription.status = Status::Cancelled;
            subscription.ended_at = Some(ends);
            self.tell("subscription.deleted", Some(customer), None);
            self.invoice_use(customer, id, now, tax)?;
            return Ok(true);
        }
        if subscription.status == Status::Trialing {
            subscription.status = Status::Active;
        }
        let interval = subscription.interval;
        let sold = client.bought.get_mut(id).ok_or_else(|| gone("subscription"))?;
        // After a trial the first period begins at its end.
        sold.number = if ends == sold.anchor { 0 } else { sold.number + 1 };
        let next = period(sold.anchor, interval, sold.number)?;
        client.subscription(id)?.period = next;
        self.tell("subscription.updated", Some(customer), None);
        self.invoice_period(customer, id, ends, tax)?;
        Ok(true)
    }
}

pub(super) fn chosen(wanted: &Wanted) -> Choice {
    let Wanted { plan, items, currency, interval } = wanted.clone();
    Choice { plan, items, currency, interval }
}

pub(super) fn is_known(plans: &HashSet<(String, u32)>, plan: &Plan) -> Result<(), Failure> {
    match plans.contains(&(plan.key.clone(), plan.version)) {
        true => Ok(()),
        false => Err(refused(format!("the plan {} of version {} was not published", plan.key, plan.version))),
    }
}

fn period(anchor: Timestamp, interval: Interval, n: u32) -> Result<Period, Failure> {
    Period::of(anchor, interval, n).map_err(wrong)
}

pub(super) fn wrong(error: crate::Error) -> Failure {
    refused(error.to_string())
}

//! SUMMARY    A stranger becomes a customer: free and paid, with every step repeated, over reopened services, and to an end whatever happens.

use crate::{
    desk::{Desk, Hands, database, terms},
    people::{code, sign_in},
};
use base::{Clock, TenantId, Timestamp};
use control::{Change, EntitlementSnapshot};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tenants::{
    Begun, Choice, Code, Coming, DomainOptions, Error, Limits, NewChoice, NewSignup, Offer, Order, PasswordCost,
    Payment, Seen, Service, ServiceOptions, Shop, SignIn, Signup, SignupMode, SignupSettingsPatch, SignupState,
    limits::{SIGNUP_CHECKOUT_LIFE, SIGNUP_HELD_LIFE, SIGNUP_PAID_LIFE, SIGNUP_PAYMENT_PAUSE},
    sql::{Connection, Txn},
};
use tokio::sync::Notify;

pub const PASSWORD: &str = "correct horse";

/// Who sells: `free` is free, `plus` is paid.
#[derive(Default)]
pub struct TestShop {
    service: Mutex<Weak<Service>>,
    /// What was ordered, and whether it was paid.
    pub orders: Mutex<BTreeMap<TenantId, bool>>,
    pub given_back: Mutex<Vec<TenantId>>,
    pub provisioned: Mutex<Vec<TenantId>>,
    pub ended: AtomicBool,
    /// It breaks down.
    pub down: AtomicBool,
    /// Everything has been sold out of mailboxes.
    pub no_mailboxes: AtomicBool,
    /// A page waits before it is opened: it says that it is asked for, and goes on when it may.
    pub slow: AtomicBool,
    pub asked: Notify,
    pub may_open: Notify,
}

impl TestShop {
    fn up(&self) -> tenants::Result<()> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(Error::new(Code::Internal, "", "down")),
            false => Ok(()),
        }
    }

    pub fn pay(&self, tenant: TenantId) {
        *self.orders.lock().unwrap().get_mut(&tenant).unwrap() = true;
    }
}

impl Shop for TestShop {
    fn offer<'a>(&'a self, _: TenantId, choice: &'a Choice) -> Coming<'a, Offer> {
        Box::pin(async move {
            self.up()?;
            match choice.plan.as_str() {
                "free" => Ok(Offer { title: "Free".into(), free: true, total: "0.00 EUR".into(), ..Offer::default() }),
                "plus" => Ok(Offer { title: "Plus".into(), free: false, total: "3.00 EUR".into(), ..Offer::default() }),
                _ => Err(Error::new(Code::NotFound, "plan", "no such plan")),
            }
        })
    }

    fn checkout<'a>(&'a self, order: &'a Order) -> Coming<'a, Payment> {
        Box::pin(async move {
            self.up()?;
            if self.slow.swap(false, Ordering::SeqCst) {
                self.asked.notify_one();
                self.may_open.notified().await;
            }
            let paid = *self.orders.lock().unwrap().entry(order.tenant).or_default();
            let ended = self.ended.load(Ordering::SeqCst);
            let url = format!("https://pay.example/{}", order.tenant);
            Ok(match (paid, ended) {
                (true, _) => Payment::Live,
                (false, true) => Payment::Expired,
                (false, false) => Payment::Waiting { url, until: Timestamp(i64::MAX) },
            })
        })
    }

    fn provision<'a>(&'a self, txn: &'a mut Txn, order: &'a Order) -> Coming<'a, Vec<Change>> {
        Box::pin(async move {
            self.up()?;
            assert_eq!(order.locale, "de", "as it was signed up in");
            let service = self.service.lock().unwrap().upgrade().unwrap();
            let mailboxes = if self.no_mailboxes.load(Ordering::SeqCst) { 0 } else { 2 };
            let wanted = Limits {
                max_domains: Some(1),
                max_mailboxes: Some(mailboxes),
                storage_bytes_max: Some(1 << 30),
                messages_per_hour_max: Some(1_000),
                ..Limits::default()
            };
            let sold = service.sell(txn, &service.billing_actor(order.seller), order.tenant, &wanted).await?;
            self.provisioned.lock().unwrap().push(order.tenant);
            Ok(sold.changes)
        })
    }

    fn give_back(&self, tenant: TenantId) -> Coming<'_, ()> {
        Box::pin(async move {
            self.up()?;
            self.given_back.lock().unwrap().push(tenant);
            Ok(())
        })
    }

    fn had_trial<'a>(&'a self, _: &'a mut Connection, contact: &'a str) -> Coming<'a, bool> {
        Box::pin(async move { Ok(contact.starts_with("again")) })
    }
}

/// A provider that gives addresses on free.example to strangers.
pub struct Fair {
    pub clock: Arc<Hands>,
    pub desk: Desk,
    pub shop: Arc<TestShop>,
    pub service: Arc<Service>,
}

pub fn seen(last: u8) -> Seen {
    Seen { peer: Some(IpAddr::from([192, 0, last, 7])), device: "test".into() }
}

impl Fair {
    pub async fn new() -> Fair {
        let clock = Arc::new(Hands::default());
        clock.turn(Duration::from_secs(1_700_000_000));
        let desk = Desk::at(clock.clone()).await;
        let service = desk.service.clone();
        let (operator, provider) = (&desk.operator, desk.operator.tenant());
        service.domain_vouch(operator, &terms(), provider, "free.example").await.unwrap();
        service.domain_share(operator, &terms(), "free.example", true).await.unwrap();
        let shop = Arc::new(TestShop::default());
        *shop.service.lock().unwrap() = Arc::downgrade(&service);
        service.open_shop(shop.clone());
        let fair = Fair { clock, desk, shop, service };
        let patch = SignupSettingsPatch {
            mode: Some(SignupMode::Open),
            domains: Some(vec!["free.example".into()]),
            plans: Some(vec!["free".into(), "plus".into()]),
            ..SignupSettingsPatch::default()
        };
        fair.settings(patch).await;
        fair
    }

    pub async fn settings(&self, patch: SignupSettingsPatch) {
        let (operator, provider) = (&self.desk.operator, self.desk.operator.tenant());
        self.service.signup_settings_update(operator, &terms(), provider, &patch).await.unwrap();
    }

    /// The process ends and another one begins on the same file.
    pub async fn restart(&mut self) {
        let options = ServiceOptions {
            control: self.desk.plane.clone(),
            clock: self.clock.clone(),
            password_cost: PasswordCost { memory_kib: 8, passes: 1 },
            domains: DomainOptions::default(),
        };
        self.service = Service::open(database(&self.desk.file), options).await.unwrap();
        *self.shop.service.lock().unwrap() = Arc::downgrade(&self.service);
        self.service.open_shop(self.shop.clone());
    }

    /// A wait ticket that was waited for.
    pub async fn ticket(&self, from: &Seen) -> String {
        let challenge = self.service.signup_challenge(None, from).await.unwrap();
        self.clock.turn(Duration::from_secs(challenge.wait_seconds.into()));
        format!("{}:wait", challenge.challenge)
    }

    pub async fn new_signup(&self, address: &str, from: &Seen) -> NewSignup {
        NewSignup {
            proof: self.ticket(from).await,
            address: Some(address.into()),
            locale: "de".into(),
            seen: from.clone(),
            ..NewSignup::default()
        }
    }

    pub async fn begin(&self, address: &str, from: &Seen) -> tenants::Result<Begun> {
        self.service.signup_begin(&self.new_signup(address, from).await).await
    }

    /// What was mailed last to an address.
    pub async fn mailed(&self, to: &str, fact: &str) -> String {
        let due = self.service.notices_due(1_000).await.unwrap();
        let last = due.iter().rfind(|n| n.recipient == to && n.facts.get(fact).is_some()).unwrap();
        last.facts[fact].as_str().unwrap().to_owned()
    }

    pub async fn count_mailed(&self, kind: &str) -> usize {
        self.service.notices_due(1_000).await.unwrap().iter().filter(|n| n.kind == kind).count()
    }

    /// A signup whose contact is proven.
    pub async fn verified(&self, address: &str, contact: &str, from: &Seen) -> Begun {
        let begun = self.begin(address, from).await.unwrap();
        self.service.signup_contact(&begun.signup.id, &begun.secret, contact, from).await.unwrap();
        let code = self.mailed(contact, "code").await;
        self.service.signup_verify(&begun.signup.id, &begun.secret, &code, from).await.unwrap()
    }

    pub async fn choose(&self, begun: &Begun, plan: &str) -> tenants::Result<Signup> {
        self.service.signup_choose(&begun.signup.id, &begun.secret, &choice(plan), &seen(9)).await
    }

    pub async fn finish(&self, begun: &Begun) -> tenants::Result<Signup> {
        self.service.signup_finish(&begun.signup.id, &begun.secret, PASSWORD, &seen(9)).await
    }

    pub async fn page(&self, begun: &Begun) -> tenants::Result<Option<String>> {
        let out = self.service.signup_checkout(&begun.signup.id, &begun.secret, &seen(9)).await?;
        Ok(out.page.map(|(url, _)| url))
    }

    pub async fn state(&self, begun: &Begun) -> SignupState {
        self.service.signup(&begun.signup.id, &begun.secret).await.unwrap().state
    }

    /// Lets the worker run until nothing is due.
    pub async fn work(&self) {
        while self.service.signups_pass().await.unwrap() > 0 {}
    }

    /// What the data plane knows of a tenant.
    pub fn entitlement(&self, tenant: TenantId) -> EntitlementSnapshot {
        let told = self.desk.plane.told.lock().unwrap();
        let of = told.iter().filter_map(|c| match c {
            Change::Entitlement(e) if e.tenant == tenant => Some(e.clone()),
            _ => None,
        });
        of.max_by_key(|e| e.version).unwrap()
    }
}

pub fn choice(plan: &str) -> NewChoice {
    let choice = Choice { plan: plan.into(), currency: None, interval: None, items: Vec::new(), coupon: None };
    NewChoice { choice, name: None }
}

#[tokio::test]
async fn u3_a_free_signup_with_every_step_done_twice_over_reopened_services_makes_one_customer() {
    let mut fair = Fair::new().await;
    let from = seen(1);
    let new = fair.new_signup("ann.lee@free.example", &from).await;
    let begun = fair.service.signup_begin(&new).await.unwrap();
    fair.restart().await;
    let again = fair.service.signup_begin(&new).await.unwrap();
    assert_eq!((&again.signup, &again.secret), (&begun.signup, &begun.secret), "the same proof, the same signup");
    let (id, contact) = (begun.signup.id.as_str(), "ann@elsewhere.example");
    for _ in 0..2 {
        let told = fair.service.signup_contact(id, &begun.secret, contact, &from).await.unwrap();
        assert_eq!(told.state, SignupState::Challenged);
        fair.clock.turn(Duration::from_secs(1));
        fair.restart().await;
    }
    let code = fair.mailed(contact, "code").await;
    assert_eq!(code.len(), 8);
    let verified = fair.service.signup_verify(id, &begun.secret, &code, &from).await.unwrap();
    fair.restart().await;
    let twice = fair.service.signup_verify(id, &begun.secret, &code, &from).await.unwrap();
    assert_eq!(twice.secret, verified.secret, "who lost the answer asks again");
    assert_ne!(verified.secret, begun.secret);
    for _ in 0..2 {
        let chosen = fair.choose(&verified, "free").await.unwrap();
        assert!(chosen.offer.unwrap().free);
        assert!(fair.page(&verified).await.unwrap().is_none(), "nothing is to be paid");
        fair.restart().await;
    }
    let done = fair.finish(&verified).await.unwrap();
    assert_eq!((done.state, done.tenant), (SignupState::Done, begun.signup.tenant));
    fair.restart().await;
    assert_eq!(fair.finish(&verified).await.unwrap(), done);
    assert_eq!(*fair.shop.provisioned.lock().unwrap(), [done.tenant]);
    assert!(fair.shop.given_back.lock().unwrap().is_empty());
    for (who, email) in [(SignIn::Person, contact), (SignIn::Mailbox, "ann.lee@free.example")] {
        fair.service.session_create(&sign_in(who, email, PASSWORD)).await.unwrap();
    }
    assert_eq!(fair.count_mailed("signup-welcome").await, 2);
    let tenant = fair.service.tenant(&fair.desk.operator, done.tenant).await.unwrap();
    assert_eq!((tenant.parent, tenant.limits.max_mailboxes), (Some(fair.desk.operator.tenant()), Some(2)));
}

#[tokio::test]
async fn u3_what_broke_while_it_was_made_is_made_by_the_worker_of_another_process() {
    let mut fair = Fair::new().await;
    let begun = fair.verified("ann@free.example", "ann@elsewhere.example", &seen(1)).await;
    assert_eq!(code(fair.choose(&begun, "gold").await), Code::NotFound);
    assert_eq!(code(fair.finish(&begun).await), Code::InUse, "nothing is chosen");
    fair.choose(&begun, "free").await.unwrap();
    fair.shop.down.store(true, Ordering::SeqCst);
    assert_eq!(code(fair.finish(&begun).await), Code::Internal);
    assert_eq!(fair.state(&begun).await, SignupState::ContactVerified, "it was asked before anything was written");
    fair.shop.down.store(false, Ordering::SeqCst);
    // Down between the password and the tenant.
    fair.desk.plane.down.store(true, Ordering::SeqCst);
    let breaks = fair.shop.clone();
    let slow = fair.service.clone();
    let (id, secret) = (begun.signup.id.clone(), begun.secret.clone());
    let finish = async move {
        let done = slow.signup_finish(&id, &secret, PASSWORD, &seen(9)).await;
        drop(breaks);
        done
    };
    // Dropped at some await: whatever was committed stays.
    drop(tokio::time::timeout(Duration::from_millis(3), finish).await);
    fair.desk.plane.down.store(false, Ordering::SeqCst);
    fair.restart().await;
    fair.clock.turn(Duration::from_secs(60));
    fair.work().await;
    if fair.state(&begun).await == SignupState::ContactVerified {
        fair.finish(&begun).await.unwrap();
    }
    assert_eq!(fair.state(&begun).await, SignupState::Done);
    assert_eq!(fair.finish(&begun).await.unwrap().tenant, begun.signup.tenant);
    fair.service.session_create(&sign_in(SignIn::Mailbox, "ann@free.example", PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn u2_a_paid_signup_is_made_once_it_is_paid_and_not_before() {
    let mut fair = Fair::new().await;
    let begun = fair.verified("ann@free.example", "ann@elsewhere.example", &seen(1)).await;
    fair.choose(&begun, "plus").await.unwrap();
    assert_eq!(code(fair.finish(&begun).await), Code::InUse);
    let page = fair.page(&begun).await.unwrap().unwrap();
    fair.restart().await;
    assert_eq!(fair.page(&begun).await.unwrap().unwrap(), page, "the same page");
    assert_eq!(code(fair.finish(&begun).await), Code::InUse, "not paid");
    fair.shop.pay(begun.signup.tenant);
    // Whoever paid closed the browser: the worker finds out, and the contact is told.
    fair.clock.turn(SIGNUP_PAYMENT_PAUSE + Duration::from_secs(1));
    fair.work().await;
    assert_eq!(fair.count_mailed("signup-paid").await, 1);
    let link = fair.mailed("ann@elsewhere.example", "secret").await;
    let resumed = fair.service.signup(&begun.signup.id, &link).await.unwrap();
    assert!(resumed.paid && resumed.state == SignupState::CheckoutPending);
    assert_eq!(code(fair.choose(&begun, "free").await), Code::InUse, "it is paid");
    let resumed = Begun { signup: resumed, secret: link };
    assert_eq!(fair.finish(&resumed).await.unwrap().state, SignupState::Done);
    fair.work().await;
    assert!(fair.shop.given_back.lock().unwrap().is_empty());
}

#[tokio::test]
async fn u2_what_does_not_come_about_is_given_back_and_its_name_is_free() {
    let fair = Fair::new().await;
    let begun = fair.verified("ann@free.example", "ann@elsewhere.example", &seen(1)).await;
    fair.choose(&begun, "plus").await.unwrap();
    fair.page(&begun).await.unwrap().unwrap();
    // Another choice is another order.
    let other = fair.choose(&begun, "free").await.unwrap();
    assert_ne!(other.tenant, begun.signup.tenant);
    assert_eq!(*fair.shop.given_back.lock().unwrap(), [begun.signup.tenant]);
    fair.choose(&begun, "plus").await.unwrap();
    fair.page(&begun).await.unwrap().unwrap();
    fair.shop.pay(other.tenant);
    fair.page(&begun).await.unwrap();
    // Paid, and nobody chooses a password.
    fair.clock.turn(SIGNUP_PAID_LIFE + Duration::from_secs(1));
    fair.shop.down.store(true, Ordering::SeqCst);
    fair.work().await;
    assert_eq!(fair.state(&begun).await, SignupState::Expired);
    assert_eq!(code(fair.finish(&begun).await), Code::InUse);
    assert_eq!(fair.shop.given_back.lock().unwrap().len(), 1, "the shop is down: it is owed");
    fair.shop.down.store(false, Ordering::SeqCst);
    fair.clock.turn(Duration::from_secs(60));
    fair.work().await;
    assert_eq!(*fair.shop.given_back.lock().unwrap(), [begun.signup.tenant, other.tenant]);
    fair.begin("ann@free.example", &seen(2)).await.unwrap();
    assert!(fair.shop.provisioned.lock().unwrap().is_empty());
}

#[tokio::test]
async fn u2_unpaid_in_time_ends_and_paid_in_the_last_minute_does_not() {
    let fair = Fair::new().await;
    for (address, paid, state) in [
        ("ann@free.example", false, SignupState::Expired),
        ("ben.paid@free.example", true, SignupState::CheckoutPending),
    ] {
        let begun = fair.verified(address, "ann@elsewhere.example", &seen(1)).await;
        fair.choose(&begun, "plus").await.unwrap();
        fair.page(&begun).await.unwrap().unwrap();
        fair.clock.turn(SIGNUP_CHECKOUT_LIFE + Duration::from_secs(1));
        if paid {
            fair.shop.pay(begun.signup.tenant);
        }
        fair.work().await;
        assert_eq!(fair.state(&begun).await, state, "{address}");
        assert_eq!(fair.shop.given_back.lock().unwrap().contains(&begun.signup.tenant), !paid);
    }
}

#[tokio::test]
async fn u2_a_page_that_opens_after_something_else_was_chosen_is_owed_again() {
    let fair = Fair::new().await;
    let begun = fair.verified("ann.lee@free.example", "ann@elsewhere.example", &seen(1)).await;
    let before = fair.choose(&begun, "plus").await.unwrap().tenant;
    fair.shop.slow.store(true, Ordering::SeqCst);
    let other = async {
        fair.shop.asked.notified().await;
        // It is given back before the shop knows it, in a moment.
        fair.choose(&begun, "free").await.unwrap();
        assert_eq!(*fair.shop.given_back.lock().unwrap(), [before]);
        fair.shop.may_open.notify_one();
    };
    let (page, ()) = tokio::join!(fair.page(&begun), other);
    assert_eq!(page.unwrap_err().code, Code::InUse, "nobody is sent to the page");
    fair.work().await;
    assert_eq!(*fair.shop.given_back.lock().unwrap(), [before, before], "what may be paid on it goes back");
    assert_eq!(fair.finish(&begun).await.unwrap().state, SignupState::Done);
}

#[tokio::test]
async fn u2_what_cannot_be_made_is_given_back() {
    let fair = Fair::new().await;
    fair.shop.no_mailboxes.store(true, Ordering::SeqCst);
    let begun = fair.verified("ann@free.example", "ann@elsewhere.example", &seen(1)).await;
    fair.choose(&begun, "plus").await.unwrap();
    fair.page(&begun).await.unwrap();
    fair.shop.pay(begun.signup.tenant);
    assert_eq!(code(fair.finish(&begun).await), Code::LimitReached);
    assert_eq!(fair.state(&begun).await, SignupState::Abandoned);
    assert_eq!(*fair.shop.given_back.lock().unwrap(), [begun.signup.tenant]);
    assert_eq!(
        code(fair.service.tenant(&fair.desk.operator, begun.signup.tenant).await),
        Code::NotFound,
        "nothing is left"
    );
    // The page ends unpaid: another one is for another tenant.
    let begun = fair.verified("ben.b@free.example", "ben@elsewhere.example", &seen(2)).await;
    fair.choose(&begun, "plus").await.unwrap();
    fair.page(&begun).await.unwrap();
    fair.shop.ended.store(true, Ordering::SeqCst);
    assert_eq!(code(fair.page(&begun).await), Code::InUse);
    fair.shop.ended.store(false, Ordering::SeqCst);
    assert!(fair.page(&begun).await.unwrap().is_some());
    assert!(fair.shop.given_back.lock().unwrap().contains(&begun.signup.tenant));
}

#[tokio::test]
async fn an_own_domain_is_claimed_and_one_that_cannot_be_keeps_nobody_out() {
    let fair = Fair::new().await;
    fair.desk.customer("beta").await;
    for (n, (domain, outcome)) in
        [("bakery.example", ""), ("shop.beta.example", "shop.beta.example: ")].iter().enumerate()
    {
        let from = seen(u8::try_from(n).unwrap() + 1);
        let new = NewSignup {
            proof: fair.ticket(&from).await,
            domain: Some((*domain).into()),
            locale: "de".into(),
            seen: from.clone(),
            ..NewSignup::default()
        };
        let begun = fair.service.signup_begin(&new).await.unwrap();
        let contact = format!("owner{n}@elsewhere.example");
        fair.service.signup_contact(&begun.signup.id, &begun.secret, &contact, &from).await.unwrap();
        let mailed = fair.mailed(&contact, "code").await;
        let begun = fair.service.signup_verify(&begun.signup.id, &begun.secret, &mailed, &from).await.unwrap();
        fair.choose(&begun, "free").await.unwrap();
        let done = fair.finish(&begun).await.unwrap();
        assert!(done.outcome.starts_with(outcome) && done.outcome.is_empty() == outcome.is_empty(), "{}", done.outcome);
        let domains = fair.service.domains(&fair.desk.operator, done.tenant, &tenants::Page::first(5)).await.unwrap().0;
        assert_eq!(domains.len(), usize::from(outcome.is_empty()));
        fair.service.session_create(&sign_in(SignIn::Person, &contact, PASSWORD)).await.unwrap();
    }
    let wrong = NewSignup { proof: fair.ticket(&seen(8)).await, domain: Some("co.uk".into()), ..NewSignup::default() };
    assert_eq!(code(fair.service.signup_begin(&wrong).await), Code::Invalid);
}

#[tokio::test]
async fn a_person_that_is_there_already_becomes_owner_and_keeps_its_password() {
    let fair = Fair::new().await;
    for (n, address) in ["ann@free.example", "second.one@free.example"].into_iter().enumerate() {
        let begun = fair.verified(address, "ann@elsewhere.example", &seen(1)).await;
        fair.choose(&begun, "free").await.unwrap();
        let password = if n == 0 { PASSWORD } else { "another password" };
        fair.service.signup_finish(&begun.signup.id, &begun.secret, password, &seen(1)).await.unwrap();
    }
    fair.service.session_create(&sign_in(SignIn::Person, "ann@elsewhere.example", PASSWORD)).await.unwrap();
    let other = sign_in(SignIn::Person, "ann@elsewhere.example", "another password");
    assert_eq!(code(fair.service.session_create(&other).await), Code::InvalidCredentials);
    fair.service
        .session_create(&sign_in(SignIn::Mailbox, "second.one@free.example", "another password"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_new_tenant_sends_little_and_more_with_the_days() {
    let fair = Fair::new().await;
    let begun = fair.verified("ann@free.example", "ann@elsewhere.example", &seen(1)).await;
    fair.choose(&begun, "free").await.unwrap();
    let tenant = fair.finish(&begun).await.unwrap().tenant;
    let mut before = fair.entitlement(tenant).send;
    assert_eq!((before.per_day, before.per_hour), (Some(50), Some(1_000)));
    for (day, per_day) in [(3, Some(150)), (7, Some(500)), (14, None)] {
        let since = begun.signup.created_at.0;
        let now = fair.clock.now().0;
        fair.clock.turn(Duration::from_millis(u64::try_from(since + day * 86_400_000 + 3_600_000 - now).unwrap()));
        fair.work().await;
        before = fair.entitlement(tenant).send;
        assert_eq!(before.per_day, per_day, "day {day}");
    }
}

#[tokio::test]
async fn an_abandoned_signup_frees_its_name_and_goes_no_further() {
    let fair = Fair::new().await;
    let begun = fair.begin("ann@free.example", &seen(1)).await.unwrap();
    assert_eq!(code(fair.begin("ann@free.example", &seen(2)).await), Code::Taken);
    for _ in 0..2 {
        let ended = fair.service.signup_abandon(&begun.signup.id, &begun.secret).await.unwrap();
        assert_eq!(ended.state, SignupState::Abandoned);
    }
    let contact = fair.service.signup_contact(&begun.signup.id, &begun.secret, "a@b.example", &seen(1)).await;
    assert_eq!(code(contact), Code::InUse);
    let second = fair.begin("ann@free.example", &seen(2)).await.unwrap();
    fair.clock.turn(SIGNUP_HELD_LIFE + Duration::from_secs(1));
    let late = fair.service.signup_contact(&second.signup.id, &second.secret, "a@b.example", &seen(1)).await;
    assert_eq!(code(late), Code::InUse, "over by the clock before the worker comes by");
    fair.work().await;
    assert_eq!(fair.state(&second).await, SignupState::Expired);
    fair.begin("ann@free.example", &seen(3)).await.unwrap();
}

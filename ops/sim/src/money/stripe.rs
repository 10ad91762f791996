//! SUMMARY    The adapter to Stripe over the model of Stripe, with a bad network between them.

use super::{bank::Bank, death::Hands};
use base::Clock;
use billing::{Answer, Failure, FailureKind, Fault, Payments, TruePayment, Truth};
use fake_stripe::{InProcess, Model, Params, Request, signature};
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use stripe_payments::{Call, Method, Stripe, StripeOptions, Wire};

const SECRET: &str = "whsec_of_the_simulation";
const GOOD: &str = "4242424242424242";
/// Can be kept, and is never charged.
const NEVER: &str = "4000000000000341";

/// The network, and the pages that were opened through it.
#[derive(Default)]
struct Weather {
    faults: Mutex<VecDeque<Fault>>,
    is_closed: AtomicBool,
    pages: Mutex<Vec<String>>,
}

struct Line {
    inner: InProcess,
    weather: Arc<Weather>,
}

impl Wire for Line {
    fn send(&self, call: Call) -> Answer<'_, Vec<u8>> {
        let busy = || Failure::new(FailureKind::Busy, "asked too often");
        let lost = || Failure::new(FailureKind::Unknown, "no answer");
        let is_asking = call.method == Method::Get;
        let opens = !is_asking && call.path == "/checkout/sessions";
        let fault = if is_asking { None } else { self.weather.faults.lock().pop_front() };
        Box::pin(async move {
            if self.weather.is_closed.load(Ordering::SeqCst) || fault == Some(Fault::Busy) {
                return Err(busy());
            }
            if fault == Some(Fault::LostBefore) {
                return Err(lost());
            }
            let answer = self.inner.send(call).await;
            if let (true, Ok(body)) = (opens, &answer)
                && let Some(id) = text_of(body, "id")
                && !self.weather.pages.lock().contains(&id)
            {
                self.weather.pages.lock().push(id);
            }
            if fault == Some(Fault::LostAfter) { Err(lost()) } else { answer }
        })
    }
}

fn text_of(body: &[u8], name: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get(name)?.as_str().map(str::to_owned)
}

pub(super) struct StripeBank {
    line: InProcess,
    weather: Arc<Weather>,
    stripe: Arc<Stripe>,
    /// The same without weather.
    direct: Stripe,
    hands: Arc<Hands>,
    keys: AtomicU64,
}

impl StripeBank {
    pub(super) fn new(hands: Arc<Hands>) -> Result<StripeBank, String> {
        let mut model = Model::new("http://127.0.0.1:1", hands.now().secs());
        let endpoint = model.add_endpoint("http://127.0.0.1:1/webhooks", SECRET, vec!["*".into()]);
        endpoint.map_err(|problem| problem.json().to_string())?;
        let line = InProcess { model: Arc::new(Mutex::new(model)), clock: hands.clone() };
        let (weather, options) = (Arc::new(Weather::default()), StripeOptions::new("sk_test_fake", SECRET));
        let stripe = Stripe::over(Line { inner: line.clone(), weather: weather.clone() }, options.clone());
        let direct = Stripe::over(line.clone(), options);
        Ok(StripeBank { line, weather, stripe: Arc::new(stripe), direct, hands, keys: AtomicU64::new(0) })
    }

    /// Asks the account itself.
    fn call(&self, method: Method, path: String) -> serde_json::Value {
        let request = Request { method, path, params: Params::of(Vec::new()), key: None };
        self.line.model.lock().call(&request, self.hands.now().secs()).body
    }
}

impl Bank for StripeBank {
    fn payments(&self) -> Arc<dyn Payments> {
        self.stripe.clone()
    }
    fn turn(&self) {
        self.line.model.lock().advance(self.hands.now().secs());
    }
    fn events(&self) -> Vec<Vec<u8>> {
        let waiting = self.line.model.lock().take_outbox();
        let body = |(id, _)| self.call(Method::Get, format!("/events/{id}")).to_string().into_bytes();
        waiting.into_iter().map(body).collect()
    }
    fn signature(&self, body: &[u8]) -> String {
        signature(SECRET, body, self.hands.now().secs())
    }
    fn open_pages(&self) -> Vec<String> {
        let pages = self.weather.pages.lock().clone();
        let is_open = |id: &String| {
            self.call(Method::Get, format!("/checkout/sessions/{id}")).get("status").is_some_and(|s| s == "open")
        };
        pages.into_iter().filter(is_open).collect()
    }
    fn pay_page(&self, page: &str) {
        drop(self.line.model.lock().pay_session(page, GOOD));
    }
    fn card(&self, customer: &str, works: bool) {
        let key = format!("card page {}", self.keys.fetch_add(1, Ordering::SeqCst));
        let page = self.direct.card_page(&key, customer, "https://portal.example/billing").now_or_never();
        let Some(Ok(url)) = page else { return };
        let portal = url.rsplit('/').next().unwrap_or_default();
        drop(self.line.model.lock().change_card(portal, if works { GOOD } else { NEVER }));
    }
    fn charge_back(&self, payment: &TruePayment) {
        drop(self.line.model.lock().dispute_payment(&payment.id));
    }
    fn win_back(&self, _: &str, chargeback: &str) {
        drop(self.line.model.lock().close_dispute(chargeback, true));
    }
    fn give_up(&self, invoice: &str, is_void: bool) {
        let how = if is_void { "void" } else { "mark_uncollectible" };
        self.call(Method::Post, format!("/invoices/{invoice}/{how}"));
    }
    fn fail(&self, faults: &[Fault]) {
        self.weather.faults.lock().extend(faults);
    }
    fn close(&self, is_closed: bool) {
        self.weather.is_closed.store(is_closed, Ordering::SeqCst);
    }
    fn truth(&self, customer: &str) -> Truth {
        self.direct.truth(customer).now_or_never().and_then(Result::ok).unwrap_or_default()
    }
}

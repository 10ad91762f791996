//! SUMMARY    The state of a Stripe account, and requests to it.
//! LIMITS     KEYS_KEPT_SECS
//! INVARIANTS Time comes with each request and never goes back. A request that is refused has changed nothing.

use crate::{
    balance::{Balance, InvoiceItem},
    catalog::{Coupon, Price, Product},
    checkout::{Portal, Session},
    customer::Customer,
    event::{Endpoint, Event},
    expand::expand,
    invoice::Invoice,
    params::Params,
    payment::{Charge, Intent, Method as PaymentMethod},
    problem::Problem,
    refund::{Dispute, Refund},
    route::route,
    subscription::Subscription,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use stripe_payments::Method;

/// Stripe forgets idempotency keys after a day.
const KEYS_KEPT_SECS: i64 = 24 * 3_600;

/// A request below `/v1`.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub params: Params,
    pub key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    fingerprint: String,
    reply: Reply,
    at: i64,
}

#[derive(Serialize, Deserialize)]
pub struct Model {
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) next: u64,
    pub(crate) base_url: String,
    /// What automatic tax takes, in hundredths.
    pub(crate) tax_percent: u8,
    pub(crate) customers: BTreeMap<String, Customer>,
    pub(crate) products: BTreeMap<String, Product>,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) coupons: BTreeMap<String, Coupon>,
    pub(crate) methods: BTreeMap<String, PaymentMethod>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) portals: BTreeMap<String, Portal>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    pub(crate) invoices: BTreeMap<String, Invoice>,
    pub(crate) invoice_items: BTreeMap<String, InvoiceItem>,
    pub(crate) intents: BTreeMap<String, Intent>,
    pub(crate) charges: BTreeMap<String, Charge>,
    pub(crate) refunds: BTreeMap<String, Refund>,
    pub(crate) disputes: BTreeMap<String, Dispute>,
    pub(crate) balances: BTreeMap<String, Balance>,
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    pub(crate) events: BTreeMap<String, Event>,
    /// Events with the endpoint that each goes to, until somebody takes them.
    pub(crate) outbox: Vec<(String, String)>,
    pub(crate) keys: BTreeMap<String, Kept>,
}

impl Model {
    /// `base_url` is where its pages are.
    pub fn new(base_url: impl Into<String>, now_secs: i64) -> Model {
        Model {
            now: now_secs,
            next: 0,
            base_url: base_url.into(),
            tax_percent: 20,
            customers: BTreeMap::new(),
            products: BTreeMap::new(),
            prices: BTreeMap::new(),
            coupons: BTreeMap::new(),
            methods: BTreeMap::new(),
            sessions: BTreeMap::new(),
            portals: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            invoices: BTreeMap::new(),
            invoice_items: BTreeMap::new(),
            intents: BTreeMap::new(),
            charges: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            balances: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            events: BTreeMap::new(),
            outbox: Vec::new(),
            keys: BTreeMap::new(),
        }
    }

    /// An account without a past, whose ids are above those of every one that began before it, in milliseconds.
    pub(crate) fn first(base_url: &str, now_secs: i64, begun_ms: i64) -> Model {
        Model { next: u64::try_from(begun_ms).unwrap_or_default(), ..Model::new(base_url, now_secs) }
    }

    /// Ids rise with time, so that lists are in order.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}_fake{:012}", self.next)
    }

    pub fn now_secs(&self) -> i64 {
        self.now
    }

    /// Answers a request at a time; what was due before is done before.
    pub fn call(&mut self, request: &Request, now_secs: i64) -> Reply {
        self.advance(now_secs);
        let key = request.key.as_ref().filter(|_| request.method == Method::Post);
        let fingerprint = format!("{} {}", request.path, request.params.fingerprint());
        self.keys.retain(|_, kept| kept.at > now_secs - KEYS_KEPT_SECS);
        if let Some(kept) = key.and_then(|key| self.keys.get(key)) {
            if kept.fingerprint == fingerprint {
                return kept.reply.clone();
            }
            let text =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            return reply(Err(Problem::of(400, "idempotency_error", text)));
        }
        let answer = route(self, request).and_then(|mut body| {
            for path in request.params.list("expand") {
                expand(self, &mut body, path)?;
            }
            Ok(body)
        });
        let reply = reply(answer);
        // As at Stripe, what was refused before anything began is not kept.
        if let (Some(key), true) = (key, reply.status < 300 || reply.status == 402) {
            self.keys.insert(key.clone(), Kept { fingerprint, reply: reply.clone(), at: now_secs });
        }
        reply
    }

    /// Takes the events that wait, each with the id of the endpoint that it goes to.
    pub fn take_outbox(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.outbox)
    }
}

fn reply(answer: Result<Value, Problem>) -> Reply {
    match answer {
        Ok(body) => Reply { status: 200, body },
        Err(problem) => Reply { status: problem.status, body: problem.json() },
    }
}

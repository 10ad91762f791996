//! SUMMARY    Webhooks: signed, sent, sent again; held, dropped, doubled, delayed or turned round where a test wants it.
//! STANDARDS  docs.stripe.com/webhooks/signature
//! LIMITS     ATTEMPTS, POST_SECS_MAX

use crate::{http::Shared, params::Params, problem::Problem};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base::Clock;
use http_body_util::Full;
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long after each failed attempt it is sent again; then no more.
const AGAIN: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
const POST_SECS_MAX: Duration = Duration::from_secs(10);

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub event: String,
    pub endpoint: String,
    pub attempt: usize,
}

/// What waits, and what is done to it.
#[derive(Default)]
pub struct Webhooks {
    due: Vec<(Instant, Delivery)>,
    held: Vec<Delivery>,
    is_holding: bool,
    drop: u32,
    duplicate: u32,
    delay: Duration,
}

impl Webhooks {
    /// Takes events in, in their order.
    pub fn take(&mut self, new: Vec<(String, String)>, now: Instant) {
        for (event, endpoint) in new {
            let delivery = Delivery { event, endpoint, attempt: 0 };
            if self.drop > 0 {
                self.drop -= 1;
                continue;
            }
            let times = if self.duplicate > 0 { 2 } else { 1 };
            self.duplicate = self.duplicate.saturating_sub(1);
            for _ in 0..times {
                if self.is_holding {
                    self.held.push(delivery.clone());
                } else {
                    self.due.push((now + self.delay, delivery.clone()));
                }
            }
        }
    }

    /// Events that were not delivered, with the endpoint of each.
    pub fn waiting(&self) -> Vec<(String, String)> {
        let all = self.due.iter().map(|(_, delivery)| delivery).chain(&self.held);
        all.map(|delivery| (delivery.event.clone(), delivery.endpoint.clone())).collect()
    }

    fn again(&mut self, delivery: Delivery, now: Instant) {
        if let Some(wait) = AGAIN.get(delivery.attempt) {
            self.due.push((now + *wait, Delivery { attempt: delivery.attempt + 1, ..delivery }));
        }
    }

    /// What is due, in order, and when the next one is.
    fn pick(&mut self, now: Instant) -> (Vec<Delivery>, Option<Instant>) {
        let (due, later): (Vec<_>, Vec<_>) = self.due.drain(..).partition(|(at, _)| *at <= now);
        self.due = later;
        (due.into_iter().map(|(_, delivery)| delivery).collect(), self.due.iter().map(|(at, _)| *at).min())
    }

    pub fn set(&mut self, p: &Params) -> Result<(), Problem> {
        p.only(&["hold", "drop", "duplicate", "delay_ms", "order"])?;
        self.drop = p.number("drop")?.unwrap_or(self.drop);
        self.duplicate = p.number("duplicate")?.unwrap_or(self.duplicate);
        self.delay = p.number("delay_ms")?.map_or(self.delay, Duration::from_millis);
        if p.choice("order", &["kept", "reversed"])? == Some("reversed") {
            self.held.reverse();
        }
        match p.flag("hold")? {
            Some(true) => self.is_holding = true,
            Some(false) => {
                self.is_holding = false;
                let now = Instant::now();
                self.due.extend(self.held.drain(..).map(|delivery| (now, delivery)));
            }
            None => {}
        }
        Ok(())
    }

    pub fn json(&self) -> Value {
        json!({
            "waiting": self.due.len(), "held": self.held.len(), "hold": self.is_holding, "drop": self.drop,
            "duplicate": self.duplicate, "delay_ms": u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// `Stripe-Signature` of a body at a time.
pub fn signature(secret: &str, body: &[u8], at_secs: i64) -> String {
    let signed = [at_secs.to_string().as_bytes(), b".", body].concat();
    let digest = sign(&Key::new(HMAC_SHA256, secret.as_bytes()), &signed);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_secs},v1={hex}")
}

/// Sends what is due for as long as the fake runs.
pub async fn run(shared: Arc<Shared>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    loop {
        let (due, next) = shared.hooks.lock().pick(Instant::now());
        for delivery in due {
            if !send(&shared, &client, &delivery).await {
                shared.hooks.lock().again(delivery, Instant::now());
            }
        }
        let next = shared.hooks.lock().due.iter().map(|(at, _)| *at).min().or(next);
        match next {
            Some(at) => {
                let _ = tokio::time::timeout_at(at, shared.wake.notified()).await;
            }
            None => shared.wake.notified().await,
        }
    }
}

async fn send(shared: &Shared, client: &Client<HttpConnector, Full<Bytes>>, delivery: &Delivery) -> bool {
    let (url, header, body) = {
        let model = shared.model.lock();
        let (Some(event), Some(to)) = (model.events.get(&delivery.event), model.endpoints.get(&delivery.endpoint))
        else {
            return true;
        };
        let body = event.json().to_string().into_bytes();
        // Signed by the time of who is told, not of the account, which may be years ahead.
        let now = if shared.is_shared { shared.clock.now() } else { shared.clock.behind().now() };
        (to.url.clone(), signature(&to.secret, &body, now.secs()), body)
    };
    let request = Request::post(url).header("content-type", "application/json").header("stripe-signature", header);
    let Ok(request) = request.body(Full::new(Bytes::from(body))) else { return true };
    match tokio::time::timeout(POST_SECS_MAX, client.request(request)).await {
        Ok(Ok(response)) => response.status().is_success(),
        Ok(Err(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(n: usize) -> Vec<(String, String)> {
        (0..n).map(|n| (format!("evt_{n}"), "we_1".to_owned())).collect()
    }

    fn picked(hooks: &mut Webhooks) -> Vec<String> {
        hooks.pick(Instant::now()).0.into_iter().map(|delivery| delivery.event).collect()
    }

    #[test]
    fn webhooks_are_dropped_doubled_held_and_turned_round() {
        let mut hooks = Webhooks::default();
        hooks.set(&Params::parse("drop=1&duplicate=1").unwrap()).unwrap();
        hooks.take(events(3), Instant::now());
        assert_eq!(picked(&mut hooks), ["evt_1", "evt_1", "evt_2"]);
        hooks.set(&Params::parse("hold=true").unwrap()).unwrap();
        hooks.take(events(3), Instant::now());
        assert_eq!(picked(&mut hooks), [""; 0]);
        hooks.set(&Params::parse("order=reversed&hold=false").unwrap()).unwrap();
        assert_eq!(picked(&mut hooks), ["evt_2", "evt_1", "evt_0"]);
        hooks.set(&Params::parse("delay_ms=60000").unwrap()).unwrap();
        hooks.take(events(1), Instant::now());
        assert_eq!(picked(&mut hooks), [""; 0]);
        assert_eq!(hooks.json()["waiting"], 1);
    }
}

//! SUMMARY    `/fake/…`: time, failures, webhooks, disputes, tax: what a test or an operator of the demo makes happen.

use crate::{http::Shared, params::Params, problem::Problem};
use base::Clock;
use serde_json::{Value, json};
use std::time::Duration;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// With a status, and nothing was done.
    Status(u16),
    /// Nothing was done, and there is no answer.
    HangsBefore,
    /// It was done, and there is no answer.
    HangsAfter,
    /// It was done, and the connection breaks in the midst of the answer.
    Breaks,
}

pub struct Failing {
    fails: Fails,
    left: u32,
    /// Only calls whose path begins so.
    path: String,
}

/// The failure that is set for a call, if one is.
pub fn next_failure(shared: &Shared, path: &str) -> Option<Fails> {
    let mut failing = shared.failing.lock();
    let found = failing.iter_mut().find(|failing| path.starts_with(&failing.path))?;
    found.left = found.left.saturating_sub(1);
    let fails = found.fails;
    failing.retain(|failing| failing.left > 0);
    Some(fails)
}

pub fn control(shared: &Shared, is_post: bool, path: &str, p: &Params) -> Result<Value, Problem> {
    match (is_post, path.split('/').collect::<Vec<_>>().as_slice()) {
        (false, ["clock"]) => Ok(json!({ "now": shared.now() })),
        (true, ["clock"]) => {
            p.only(&["advance_seconds", "to"])?;
            let advance = match (p.number::<i64>("advance_seconds")?, p.number::<i64>("to")?) {
                (Some(seconds), None) => seconds,
                (None, Some(to)) => to - shared.now(),
                (_, _) => return Err(Problem::invalid("", "One of advance_seconds and to")),
            };
            shared.advance(advance)?;
            Ok(json!({ "now": shared.now() }))
        }
        (true, ["fail"]) => fail(shared, p),
        (false, ["webhooks"]) => Ok(shared.hooks.lock().json()),
        (true, ["webhooks"]) => {
            shared.hooks.lock().set(p)?;
            shared.wake.notify_one();
            Ok(shared.hooks.lock().json())
        }
        (true, ["disputes"]) => {
            let id = shared.model.lock().dispute_payment(p.need("payment_intent")?)?;
            shared.collect_events();
            Ok(json!({ "id": id }))
        }
        (true, ["disputes", id, "close"]) => {
            let status = p.choice("status", &["won", "lost"])?.ok_or_else(|| Problem::missing("status"))?;
            shared.model.lock().close_dispute(id, status == "won")?;
            shared.collect_events();
            Ok(json!({ "id": id, "status": status }))
        }
        (true, ["tax"]) => {
            let percent =
                p.number::<u8>("percent")?.filter(|n| *n <= 100).ok_or_else(|| Problem::missing("percent"))?;
            shared.model.lock().tax_percent = percent;
            Ok(json!({ "percent": percent }))
        }
        (_, _) => Err(Problem::of(404, "invalid_request_error", "Nothing of this name can be made to happen here")),
    }
}

fn fail(shared: &Shared, p: &Params) -> Result<Value, Problem> {
    p.only(&["kind", "count", "path"])?;
    let fails = match p.need("kind")? {
        "hang_before" => Fails::HangsBefore,
        "hang_after" => Fails::HangsAfter,
        "break" => Fails::Breaks,
        status => {
            let known = status.parse().ok().filter(|status| (400..600).contains(status));
            Fails::Status(known.ok_or_else(|| Problem::invalid("kind", "hang_before, hang_after, break or a status"))?)
        }
    };
    let (left, path) = (p.number("count")?.unwrap_or(1), p.text("path").unwrap_or_default().to_owned());
    shared.failing.lock().push(Failing { fails, left, path });
    Ok(json!({ "failing": left }))
}

impl Shared {
    /// The time of the account, in seconds.
    pub fn now(&self) -> i64 {
        self.clock.now().secs()
    }

    /// Puts the clock forward, and does what is due until then. Errors: back.
    pub fn advance(&self, seconds: i64) -> Result<(), Problem> {
        let back = |_| Problem::invalid("advance_seconds", "Time does not go back");
        self.clock.advance(Duration::from_secs(u64::try_from(seconds).map_err(back)?));
        self.model.lock().advance(self.now());
        self.collect_events();
        Ok(())
    }
}

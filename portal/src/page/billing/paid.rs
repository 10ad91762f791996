//! SUMMARY    Paying at the provider: the page that leads there, giving it up, and what became of it.
//! LIMITS     LOOKS_MAX
//! INVARIANTS That something was paid is said by the provider alone, never by the address that a browser came to.

use super::{Lead, away, own_place};
use crate::{
    frame::Frame,
    operation::{CheckoutClose, CheckoutShown, checkout_close, checkout_shown},
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;
use checkout_shown::CheckoutState as State;

/// How often a page looks again by itself.
const LOOKS_MAX: u32 = 60;

#[derive(Template)]
#[template(path = "paid.html")]
struct Page {
    f: Frame,
    /// Key of the text, and its class.
    state: (&'static str, &'static str),
    /// Where it looks again by itself; empty: it does not.
    again: String,
    is_open: bool,
    is_done: bool,
}

/// The page that was opened last. `Broken`: the provider does not say.
async fn checkout(visit: &Visit) -> Result<Option<checkout_shown::CheckoutShownCheckout>, Trouble> {
    own_place(visit).await?;
    let told = visit.ask_told::<CheckoutShown>(checkout_shown::Variables { tenant: visit.tenant()? }).await?;
    Ok(told.ok().and_then(|data| data.checkout))
}

/// Leads to the page to pay on.
pub(super) async fn pay(visit: &Visit) -> Reply {
    let Some(found) = checkout(visit).await? else { return see("/billing") };
    let Some(url) = away(&found.url).filter(|_| found.state == State::OPEN) else { return see("/billing/paid") };
    let f = visit.frame("pay-title");
    let facts = vec![f.with("pay-until", "at", f.at(&found.expires_at))];
    let (about, give_up) = (f.t("pay-about"), f.t("pay-give-up"));
    page(false, &Lead { f, about, facts, url, back: "/billing", give_up })
}

/// Ends the page to pay on.
pub(super) async fn give_up(visit: &Visit) -> Reply {
    let input = checkout_close::CheckoutCloseInput {
        tenant_id: visit.tenant()?,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<CheckoutClose>(checkout_close::Variables { input }).await?;
    // One that has ended meanwhile was paid, or not.
    see(if data.checkout_close.user_errors.is_empty() { "/billing/plan?ok=not-paid" } else { "/billing/paid" })
}

/// Says what the provider says.
pub(super) async fn show(visit: &Visit) -> Reply {
    let found = match checkout(visit).await {
        Ok(Some(found)) => found.state,
        Ok(None) => return see("/billing"),
        // Whoever has paid is not told that something is broken, but to look again.
        Err(Trouble::Broken) => State::OPEN,
        Err(trouble) => return Err(trouble),
    };
    let state = match found {
        State::COMPLETE => ("paid-done", "good"),
        State::EXPIRED => ("paid-expired", "bad"),
        State::OPEN | State::Other(_) => ("paid-not-yet", "open"),
    };
    let (is_open, is_done) = (found == State::OPEN, found == State::COMPLETE);
    let looks = visit.query.text("look").parse::<u32>().unwrap_or(0).saturating_add(1);
    let again = if is_open && looks <= LOOKS_MAX { format!("{}?look={looks}", visit.path) } else { String::new() };
    page(false, &Page { f: visit.frame("paid-title"), state, again, is_open, is_done })
}

//! SUMMARY    Billing of the tenant that the visitor acts in: where it stands, what it bought and owes, changing and ending it.
//! SECURITY   What a visitor may not read is a 404, as everywhere; without the right to change, pages show no forms. Pages of payment
//!            providers are reached by a link, never by a redirect (docs/decisions/0033).

mod cancel;
mod close;
mod details;
mod invoices;
mod overview;
mod paid;
mod plan;
mod plans;
pub(crate) mod shape;
mod usage;
pub(crate) mod words;

use crate::{
    frame::Frame,
    operation::{BillingPlace, BillingReach, TenantsBelow, billing_place, billing_reach, tenants_below},
    state::Reach,
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;
use shape::{Bought, known};

/// The permissions that the pages are for.
const READ: &str = "billing:read";
const WRITE: &str = "billing:write";
/// Seeing tenants below.
const TENANTS: &str = "tenant:read";

pub(crate) async fn read(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        [] => overview::show(visit).await,
        ["plan"] => plans::show(visit).await,
        ["plan", id] => plan::show(visit, id).await,
        ["pay"] => paid::pay(visit).await,
        ["paid"] => paid::show(visit).await,
        // Where a provider's page leads back to that was given up.
        ["plans"] => see("/billing/plan?ok=not-paid"),
        ["usage"] => usage::show(visit).await,
        ["invoices"] => invoices::show(visit).await,
        ["invoices", id, "paper"] => invoices::paper(visit, id).await,
        ["details"] => details::show(visit).await,
        ["cancel"] => cancel::show(visit).await,
        ["close"] => close::show(visit).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

pub(crate) async fn change(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        [] => overview::change(visit).await,
        ["plan", id] => plan::buy(visit, id).await,
        ["pay"] => paid::give_up(visit).await,
        ["invoices"] => invoices::change(visit).await,
        ["details"] => details::change(visit).await,
        ["cancel"] => cancel::change(visit).await,
        ["close"] => close::change(visit).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

/// Looks what of billing is in the menu of who has just arrived at a tenant. Nothing is, where the API does not say.
pub(crate) async fn reach(visit: &mut Visit, permissions: &[String]) {
    let reach = reached(visit, permissions).await.unwrap_or_default();
    if let Some(signed) = &mut visit.state.signed {
        (signed.billing, visit.changed) = (reach, true);
    }
}

async fn reached(visit: &Visit, permissions: &[String]) -> Result<Reach, Trouble> {
    let has = |name: &str| permissions.iter().any(|p| p == name);
    if !has(READ) {
        return Ok(Reach::default());
    }
    let data = visit.ask::<BillingReach>(billing_reach::Variables { tenant: visit.tenant()? }).await?;
    let operates = data.payment_events.is_some();
    let customers = data.billing_customers.map_or(0, |c| c.total_count);
    let sells = match data.plans.filter(|_| has(WRITE)) {
        None => false,
        Some(plans) if operates || plans.total_count > 0 || customers > 0 => true,
        // Who has tenants below can begin to sell to them.
        Some(_) if has(TENANTS) => {
            visit.ask::<TenantsBelow>(tenants_below::Variables {}).await?.tenants.total_count > 0
        }
        Some(_) => false,
    };
    // Who has nobody above buys from nobody.
    let buys = data.billing_subscriptions.is_some() && data.viewer.is_some_and(|v| v.parent_id.is_some());
    Ok(Reach { buys, sells, operates })
}

/// The tenant as a customer.
struct Place {
    name: String,
    customer: Option<billing_place::BillingPlaceBillingCustomer>,
    standing: Option<billing_place::BillingPlaceBillingStanding>,
    bought: Vec<Bought>,
    /// What it has where nothing is bought.
    has_free: bool,
    /// Whose plans it may buy; none for who has nobody above.
    seller: Option<String>,
    may_write: bool,
}

/// `NotFound` for who may not read it, and where there is no billing.
async fn place(visit: &Visit) -> Result<Place, Trouble> {
    let data = visit.ask::<BillingPlace>(billing_place::Variables { tenant: visit.tenant()? }).await?;
    let (viewer, bought) = data.viewer.zip(data.billing_subscriptions).ok_or(Trouble::NotFound)?;
    let seller = data.billing_customer.as_ref().map(|c| c.seller_id.clone());
    Ok(Place {
        name: viewer.name,
        seller: seller.or(viewer.parent_id),
        may_write: viewer.permissions.iter().any(|p| p == WRITE),
        has_free: data.billing_customer.as_ref().is_some_and(|c| c.free_plan_id.is_some()),
        customer: data.billing_customer,
        standing: data.billing_standing,
        bought: bought.iter().map(known).collect::<Result<_, _>>()?,
    })
}

/// The same for a page that only changes something.
async fn own_place(visit: &Visit) -> Result<Place, Trouble> {
    let place = place(visit).await?;
    if place.may_write { Ok(place) } else { Err(Trouble::NotFound) }
}

/// A page of ours that leads on to somebody else's by a link.
#[derive(Template)]
#[template(path = "lead.html")]
struct Lead {
    f: Frame,
    about: String,
    facts: Vec<String>,
    url: String,
    back: &'static str,
    /// What is given up by going back; empty: a link is enough.
    give_up: String,
}

/// An address that may stand in a page: nothing else is followed by browsers.
pub(crate) fn away(url: &str) -> Option<String> {
    let parsed = url::Url::parse(url).ok()?;
    matches!(parsed.scheme(), "https" | "http").then(|| parsed.to_string())
}

fn lead(visit: &Visit, title: &str, about: &str, url: &str) -> Reply {
    let Some(url) = away(url) else {
        tracing::error!("portal: the address of a payment page is none");
        return Err(Trouble::Broken);
    };
    let f = visit.frame(title);
    let about = f.t(about);
    page(false, &Lead { f, about, facts: Vec::new(), url, back: "/billing", give_up: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_the_web_and_nowhere_else() {
        assert_eq!(away("https://pay.example/x?a=b").unwrap(), "https://pay.example/x?a=b");
        assert!(away("http://127.0.0.1:9/x").is_some());
        for wrong in ["javascript:alert(1)", "data:text/html,x", "/billing", "", "ftp://a.example/"] {
            assert_eq!(away(wrong), None, "{wrong}");
        }
    }
}

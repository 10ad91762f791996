//! SUMMARY    A fake that is kept in a file: what was bought is there after its end, and no id is given twice.

use crate::world::*;
use base::Clock;
use billing::{Interval, Payments, Status};
use fake_stripe::{AheadClock, Fake, Options};
use std::{collections::BTreeSet, path::Path, sync::Arc};
use stripe_payments::Stripe;

/// A clock that stands at so many seconds after the start.
struct At(i64);

impl Clock for At {
    fn now(&self) -> base::Timestamp {
        base::Timestamp(START.0 + self.0 * 1_000)
    }
}

async fn begins(file: &Path, after: i64) -> World {
    let clock = Arc::new(AheadClock::of(Arc::new(At(after))));
    let endpoints = vec![("http://127.0.0.1:9/hook".to_owned(), SECRET.to_owned())];
    let kept_in = Some(file.to_owned());
    let fake = Fake::start(Options { clock, endpoints, kept_in, ..Options::default() }).await.unwrap();
    World { stripe: Stripe::new(options(&fake)).unwrap(), fake }
}

/// Ends it; its port is free then.
async fn ends(world: World) {
    let port = world.fake.base_url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    drop(world);
    while std::net::TcpListener::bind(("127.0.0.1", port)).is_err() {
        tokio::task::yield_now().await;
    }
}

/// Ids of all that a customer has.
async fn ids(world: &World, customer: &str) -> BTreeSet<String> {
    let truth = world.truth(customer).await;
    let payments = truth.invoices.iter().flat_map(|i| &i.payments).map(|p| p.id.clone());
    let bought = truth.subscriptions.iter().map(|s| s.id.clone()).chain(truth.invoices.iter().map(|i| i.id.clone()));
    bought.chain(payments).chain([customer.to_owned()]).collect()
}

#[tokio::test]
async fn what_was_bought_is_there_after_a_restart_and_goes_on() {
    let folder = std::env::temp_dir().join(format!("fake-stripe-kept-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("account.json");
    let world = begins(&file, 0).await;
    let (customer, subscription) = world.bought(wanted(2, 0, Interval::Month), 0, GOOD).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    world.advance(subscription.period.end.secs() + 4 * DAY - world.now().secs());
    let new = world.checkout(&customer, wanted(1, 0, Interval::Year));
    let page = world.stripe.open_checkout("page-1", &new).await.unwrap();
    let (truth, here, now) = (world.truth(&customer).await, world.fake.base_url.clone(), world.now());
    assert_eq!(truth.subscriptions[0].status, Status::PastDue);
    ends(world).await;

    let world = begins(&file, now.secs() - START.secs()).await;
    assert_eq!(world.fake.base_url, here, "its pages are where they were");
    let again = world.truth(&customer).await;
    assert_eq!(again, truth);
    // What was asked for under a key is known.
    assert_eq!(world.stripe.open_checkout("page-1", &new).await.unwrap(), page);
    world.change_card("card-2", &customer, GOOD).await;
    world.advance(3 * DAY);
    assert_eq!(world.subscription(&customer).await.status, Status::Active, "its next attempt pays");
    let known = ids(&world, &customer).await;
    ends(world).await;

    // The file is lost: other customers, other ids, a second later.
    std::fs::remove_file(&file).unwrap();
    let world = begins(&file, 1).await;
    let (other, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let new = ids(&world, &other).await;
    assert!(known.is_disjoint(&new), "{known:?} {new:?}");
    ends(world).await;

    std::fs::write(&file, "{").unwrap();
    let options = Options { kept_in: Some(file.clone()), ..Options::default() };
    assert!(Fake::start(options).await.is_err(), "what is spoiled is no empty account");
    std::fs::remove_dir_all(&folder).unwrap();
}

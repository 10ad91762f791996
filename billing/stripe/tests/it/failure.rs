//! SUMMARY    Calls that fail: what is said of them, and that they can be repeated.

use crate::world::*;
use billing::{FailureKind, Payments};
use std::time::Duration;
use stripe_payments::{Stripe, StripeOptions};

#[tokio::test]
async fn what_was_not_done_and_what_may_have_been_are_told_apart() {
    let world = World::new().await;
    for (status, kind) in [
        ("429", FailureKind::Busy),
        ("503", FailureKind::Busy),
        ("500", FailureKind::Unknown),
        ("409", FailureKind::Busy),
    ] {
        world.control("fail", &format!("kind={status}&path=/customers")).await;
        assert_eq!(world.stripe.create_customer("c-1", &new_customer()).await.unwrap_err().kind, kind, "{status}");
        assert_eq!(world.count("/customers", ""), 0);
    }
    let wrong_key = StripeOptions { secret_key: "sk_test_wrong".into(), ..options(&world.fake) };
    let failure = Stripe::new(wrong_key).unwrap().create_customer("c-1", &new_customer()).await.unwrap_err();
    assert!(failure.kind == FailureKind::Busy && !failure.message.contains("sk_test_wrong"), "{failure}");
}

#[tokio::test]
async fn an_answer_that_was_lost_comes_again_with_the_same_key() {
    let world = World::with(Vec::new(), |options| options.timeout = Duration::from_millis(400)).await;
    for (n, kind) in ["hang_after", "break"].into_iter().enumerate() {
        let key = format!("c-{n}");
        world.control("fail", &format!("kind={kind}")).await;
        assert_eq!(
            world.stripe.create_customer(&key, &new_customer()).await.unwrap_err().kind,
            FailureKind::Unknown,
            "{kind}"
        );
        assert_eq!(world.count("/customers", ""), n + 1, "it was done");
        world.stripe.create_customer(&key, &new_customer()).await.unwrap();
        assert_eq!(world.count("/customers", ""), n + 1, "and is not done again");
    }
    world.control("fail", "kind=hang_before").await;
    assert_eq!(world.stripe.create_customer("c-9", &new_customer()).await.unwrap_err().kind, FailureKind::Unknown);
    assert_eq!(world.count("/customers", ""), 2);
}

#[tokio::test]
async fn nobody_there_may_have_heard_it() {
    let world = World::new().await;
    let gone = Stripe::new(options(&world.fake)).unwrap();
    drop(world);
    let failure = gone.create_customer("c-1", &new_customer()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unknown, "{failure}");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::new().await;
    for key in [String::new(), "k".repeat(300)] {
        assert_eq!(world.stripe.create_customer(&key, &new_customer()).await.unwrap_err().kind, FailureKind::Refused);
    }
    assert_eq!(world.count("/customers", ""), 0);
}

//! SUMMARY    The life of a subscription: changes to the cent, payments that fail, ends.

use crate::world::*;
use base::Timestamp;
use billing::{Choice, End, FailureKind, Interval, InvoiceState, Payments, Status, Wanted, change};

fn choice(wanted: &Wanted) -> Choice {
    let Wanted { plan, items, currency, interval } = wanted.clone();
    Choice { plan, items, currency, interval }
}

#[tokio::test]
async fn a_change_costs_what_our_own_quote_says() {
    let cases = [
        (wanted(4, 0, Interval::Month), wanted(6, 0, Interval::Month), 20 * DAY),
        (wanted(6, 3, Interval::Month), wanted(5, 0, Interval::Month), 13 * DAY + 4_711),
        (wanted(1, 0, Interval::Month), wanted(1, 7, Interval::Month), 0),
        (wanted(3, 1, Interval::Month), wanted(3, 1, Interval::Year), 11 * DAY + 1),
        (wanted(3, 1, Interval::Year), wanted(2, 2, Interval::Month), 100 * DAY + 17),
    ];
    for (from, to, after) in cases {
        let world = World::new().await;
        let (customer, subscription) = world.bought(from.clone(), 0, GOOD).await;
        world.advance(after);
        let at = world.now();
        let quote = change(&choice(&from), &choice(&to), subscription.period, at).unwrap();
        let preview = world.stripe.preview(&subscription.id, &to, at).await.unwrap();
        assert_eq!((preview.now, preview.tax), (quote.now, eur(0)), "{from:?}");
        for _ in 0..2 {
            world.stripe.change("change-1", &subscription.id, &to, at).await.unwrap();
        }
        let truth = world.truth(&customer).await;
        let changed = &truth.subscriptions[0];
        assert_eq!((changed.period, changed.interval, truth.invoices.len()), (quote.period, to.interval, 2));
        let mut items = changed.items.clone();
        items.sort_by(|a, b| a.component.cmp(&b.component));
        assert_eq!(items, to.items.iter().filter(|i| i.quantity > 0).cloned().collect::<Vec<_>>());
        let net = if quote.now.is_negative() { eur(0) } else { quote.now };
        assert_eq!((truth.invoices[0].net, truth.invoices[0].state), (net, InvoiceState::Paid));
        let credits: Vec<_> = truth.credits.iter().map(|credit| (credit.net, credit.invoice.clone())).collect();
        let expect = (quote.now.negated(), Some(truth.invoices[0].id.clone()));
        assert_eq!(credits, if quote.now.is_negative() { vec![expect] } else { Vec::new() });
    }
}

#[tokio::test]
async fn a_change_to_another_plan_keeps_the_subscription_and_one_in_a_trial_is_free() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(2, 0, Interval::Month), 14, GOOD).await;
    let mut pro = wanted(2, 1, Interval::Month);
    (pro.plan.key, pro.plan.version) = ("pro".into(), 3);
    assert_eq!(world.stripe.preview(&subscription.id, &pro, START).await.unwrap().now, eur(0));
    world.stripe.change("change-1", &subscription.id, &pro, START).await.unwrap();
    let truth = world.truth(&customer).await;
    let changed = &truth.subscriptions[0];
    assert_eq!(
        (changed.id.as_str(), &changed.plan, changed.status),
        (subscription.id.as_str(), &("pro".into(), 3), Status::Trialing)
    );
    assert_eq!(truth.invoices.len(), 1);
}

#[tokio::test]
async fn a_change_that_the_card_does_not_pay_does_not_happen() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    let refused = world.stripe.change("change-1", &subscription.id, &wanted(9, 0, Interval::Month), START).await;
    assert_eq!(refused.unwrap_err().kind, FailureKind::Refused);
    let truth = world.truth(&customer).await;
    assert_eq!((truth.subscriptions[0].clone(), truth.invoices.len()), (subscription, 1));
}

#[tokio::test]
async fn a_card_that_fails_is_tried_again_until_another_one_pays() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    let due = subscription.period.end.secs() + 3_600;
    world.advance(due - world.now().secs());
    let truth = world.truth(&customer).await;
    assert_eq!((truth.card.as_deref(), truth.subscriptions[0].status), (Some("visa 0341"), Status::PastDue));
    let invoice = truth.invoices[0].clone();
    assert_eq!((invoice.state, invoice.failed, invoice.due_at), (InvoiceState::Open, true, Timestamp::from_secs(due)));
    assert_eq!(invoice.payments, []);
    world.advance(6 * DAY);
    assert_eq!(world.subscription(&customer).await.status, Status::PastDue);
    world.advance(DAY);
    assert_eq!(world.subscription(&customer).await.status, Status::Unpaid, "after three more attempts");
    assert_eq!(world.stripe.pay("pay-1", &invoice.id).await.unwrap_err().kind, FailureKind::Refused);

    world.change_card("card-2", &customer, "5555555555554444").await;
    assert_eq!(world.stripe.pay("pay-1", &invoice.id).await.unwrap_err().kind, FailureKind::Refused, "the same answer");
    for key in ["pay-2", "pay-2", "pay-3"] {
        world.stripe.pay(key, &invoice.id).await.unwrap();
    }
    let truth = world.truth(&customer).await;
    assert_eq!((truth.card.as_deref(), truth.subscriptions[0].status), (Some("mastercard 4444"), Status::Active));
    let paid = &truth.invoices[0];
    assert_eq!((paid.state, paid.failed, paid.payments.len()), (InvoiceState::Paid, false, 1));
}

#[tokio::test]
async fn two_months_unpaid_are_paid_invoice_by_invoice_and_it_is_active_again() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    world.advance(subscription.period.end.secs() + 62 * DAY - world.now().secs());
    let truth = world.truth(&customer).await;
    assert_eq!(truth.subscriptions[0].status, Status::Unpaid);
    let owed: Vec<_> = truth.invoices.iter().filter(|i| i.state == InvoiceState::Open).collect();
    assert_eq!(owed.len(), 3, "the one that failed, and those that nothing was tried of: {:?}", truth.invoices);
    let drafts = owed.iter().filter(|i| !i.failed && i.number.is_none() && i.page_url.is_none());
    assert_eq!(drafts.count(), 2);
    assert_eq!(world.count("/invoices", "status=draft"), 2);
    assert_eq!(world.stripe.pay("pay-0", &owed[0].id).await.unwrap_err().kind, FailureKind::Refused, "the same card");
    world.change_card("card-2", &customer, "5555555555554444").await;
    // The newest makes it active; the others are asked for still. Each is paid once, whatever is repeated.
    let mut left = 3;
    for (n, invoice) in [owed[0], owed[1], owed[2]].into_iter().enumerate() {
        for _ in 0..2 {
            world.stripe.pay(&format!("pay-{}", n + 1), &invoice.id).await.unwrap();
        }
        left -= 1;
        let truth = world.truth(&customer).await;
        assert_eq!(truth.invoices.iter().filter(|i| i.state == InvoiceState::Open).count(), left);
    }
    let truth = world.truth(&customer).await;
    assert_eq!(truth.subscriptions[0].status, Status::Active);
    assert!(truth.invoices.iter().all(|i| i.state == InvoiceState::Paid && i.payments.len() == 1));
    // And it goes on by itself.
    world.advance(32 * DAY);
    let truth = world.truth(&customer).await;
    assert_eq!((truth.subscriptions[0].status, truth.invoices.len()), (Status::Active, 5));
    assert!(truth.invoices.iter().all(|i| i.state == InvoiceState::Paid));
}

#[tokio::test]
async fn what_was_left_of_an_unpaid_subscription_is_not_asked_for_after_its_end() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    world.advance(subscription.period.end.secs() + 32 * DAY - world.now().secs());
    world.stripe.end("end-1", &subscription.id, End::Now).await.unwrap();
    let states: Vec<_> = world.truth(&customer).await.invoices.iter().map(|i| i.state).collect();
    assert_eq!(states, [InvoiceState::Void, InvoiceState::Open, InvoiceState::Paid], "the newest first");
}

#[tokio::test]
async fn it_ends_with_its_period_unless_it_is_resumed_or_at_once() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let (id, end) = (subscription.id.as_str(), subscription.period.end);
    world.stripe.end("end-1", id, End::Period).await.unwrap();
    assert_eq!(world.subscription(&customer).await.ends_at, Some(end));
    world.stripe.resume("resume-1", id).await.unwrap();
    assert_eq!(world.subscription(&customer).await.ends_at, None);
    world.advance(32 * DAY);
    assert_eq!(world.subscription(&customer).await.status, Status::Active);
    world.stripe.end("end-2", id, End::Period).await.unwrap();
    world.advance(31 * DAY);
    let ended = world.subscription(&customer).await;
    assert_eq!((ended.status, ended.ended_at), (Status::Cancelled, ended.ends_at));
    assert_eq!(world.truth(&customer).await.invoices.len(), 2, "nothing more is asked for");
    world.stripe.end("end-3", id, End::Now).await.unwrap();
}

#[tokio::test]
async fn it_ends_at_once_and_again() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    for _ in 0..2 {
        world.stripe.end("end-1", &subscription.id, End::Now).await.unwrap();
    }
    let ended = world.subscription(&customer).await;
    assert_eq!((ended.status, ended.ended_at, ended.ends_at), (Status::Cancelled, Some(START), None));
    assert_eq!(world.stripe.end("end-2", "sub_nothing", End::Now).await.unwrap_err().kind, FailureKind::Gone);
}

#[tokio::test]
async fn what_was_used_is_on_the_next_invoice() {
    let world = World::new().await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    for _ in 0..2 {
        world.stripe.charge_use("use-1", &subscription.id, "more", 2_500, eur(300)).await.unwrap();
    }
    // Stripe has forgotten the key; its item has not.
    world.advance(2 * DAY);
    world.stripe.charge_use("use-1", &subscription.id, "more", 2_500, eur(300)).await.unwrap();
    world.advance(30 * DAY);
    let truth = world.truth(&customer).await;
    assert_eq!((truth.invoices[0].net, truth.invoices[0].state), (eur(499 + 300), InvoiceState::Paid));
}

#[tokio::test]
async fn more_than_a_page_of_invoices_is_read() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    world.advance(120 * 31 * DAY);
    let truth = world.truth(&customer).await;
    assert!(truth.invoices.len() > 120 && truth.invoices.iter().all(|invoice| invoice.net == eur(499)));
    let mut ids: Vec<_> = truth.invoices.iter().map(|invoice| &invoice.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), truth.invoices.len());
}

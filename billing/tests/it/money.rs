//! SUMMARY    Refunds and credit: by the seller, with a key, never more than came in (S4); the books agree.

use crate::town::{DAY, Town, business_cents, dry, eur, keyed, terms};
use billing::{Account, Currency};
use tenants::Code;

#[tokio::test]
async fn no_more_is_paid_back_than_was_paid() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let invoice = town.till.has(&customer).unwrap().invoices[0].id.clone();
    let (billing, operator) = (&town.billing, &town.operator);
    let no_key = billing.invoice_refund(operator, &terms(), tenant, &invoice, None, "sorry").await.unwrap_err();
    assert_eq!((no_key.code, no_key.field), (Code::Invalid, "idempotencyKey"));
    let own = billing.invoice_refund(&owner, &keyed("a"), tenant, &invoice, None, "mine").await.unwrap_err();
    assert_eq!(own.code, Code::Forbidden);
    for (amount, reason, field) in [
        (Some(eur(business_cents(2) + 1)), "sorry", "amount"),
        (Some(eur(0)), "sorry", "amount"),
        (Some(eur(-1)), "sorry", "amount"),
        (Some(billing::Money::new(1, Currency::USD).unwrap()), "sorry", "amount"),
        (None, " ", "reason"),
        (None, "a\nb", "reason"),
    ] {
        let refused =
            billing.invoice_refund(operator, &keyed("b"), tenant, &invoice, amount, reason).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, field), "{amount:?} {reason:?}");
    }
    billing.invoice_refund(operator, &dry(), tenant, &invoice, None, "sorry").await.unwrap();
    assert_eq!(town.till.taken(Currency::EUR), business_cents(2), "nothing went out");
    for _ in 0..2 {
        let done = billing.invoice_refund(operator, &keyed("c"), tenant, &invoice, Some(eur(101)), "sorry").await;
        assert_eq!(done.unwrap().object.refunded, eur(101));
    }
    assert_eq!(town.till.taken(Currency::EUR), business_cents(2) - 101, "once");
    let rest = billing.invoice_refund(operator, &keyed("d"), tenant, &invoice, None, "all").await.unwrap();
    assert_eq!(rest.object.refunded, eur(business_cents(2)));
    town.settle().await;
    town.consistent(tenant, &customer).await;
    let balances = billing.balances(operator, tenant).await.unwrap();
    let of = |account| balances.iter().find(|b| b.account == account).map_or(0, |b| b.amount.minor());
    assert_eq!((of(Account::Cash), of(Account::Tax), of(Account::Receivable)), (0, 0, 0));
}

#[tokio::test]
async fn credit_pays_the_next_invoice() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let (billing, operator) = (&town.billing, &town.operator);
    assert_eq!(
        billing.credit(operator, &terms(), tenant, eur(200), "sorry").await.unwrap_err().field,
        "idempotencyKey"
    );
    assert_eq!(billing.credit(&owner, &keyed("a"), tenant, eur(200), "me").await.unwrap_err().code, Code::Forbidden);
    assert_eq!(billing.credit(operator, &keyed("a"), tenant, eur(0), "sorry").await.unwrap_err().field, "amount");
    for _ in 0..2 {
        billing.credit(operator, &keyed("b"), tenant, eur(200), "sorry").await.unwrap();
    }
    town.turn(DAY * 31);
    town.settle().await;
    let next = town.till.has(&customer).unwrap().invoices[1].clone();
    assert_eq!((next.credit_used, next.payments[0].amount), (eur(200), eur(business_cents(2) - 200)));
    town.consistent(tenant, &customer).await;
    let balances = billing.balances(operator, tenant).await.unwrap();
    let of = |account| balances.iter().find(|b| b.account == account).map_or(0, |b| b.amount.minor());
    assert_eq!((of(Account::Credit), of(Account::Goodwill), of(Account::Receivable)), (0, 200, 0));
}

#[tokio::test]
async fn an_invoice_that_is_taken_back_or_given_up_is_owed_no_more_in_the_books() {
    for is_void in [true, false] {
        let town = Town::new().await;
        let (tenant, _, customer) = town.buyer("alpha").await;
        town.till.card(&customer, Some("visa 0002"), true).unwrap();
        town.turn(DAY * 31);
        town.settle().await;
        let invoice = town.till.has(&customer).unwrap().invoices[1].id.clone();
        town.till.give_up(&invoice, is_void).unwrap();
        town.settle().await;
        town.consistent(tenant, &customer).await;
        let balances = town.billing.balances(&town.operator, tenant).await.unwrap();
        let of = |account| balances.iter().find(|b| b.account == account).map_or(0, |b| b.amount.minor());
        let lost = if is_void { 0 } else { business_cents(2) };
        assert_eq!((of(Account::Receivable), of(Account::WrittenOff)), (0, lost));
        if !is_void {
            town.till.card(&customer, Some("visa 4242"), false).unwrap();
            town.billing.invoice_pay(&town.operator, &terms(), tenant, &invoice).await.unwrap();
            town.consistent(tenant, &customer).await;
            let balances = town.billing.balances(&town.operator, tenant).await.unwrap();
            let of = |account| balances.iter().find(|b| b.account == account).map_or(0, |b| b.amount.minor());
            assert_eq!((of(Account::Receivable), of(Account::WrittenOff)), (0, 0), "had after all");
        }
    }
}

//! SUMMARY    From a declined card through the stages and back by paying.

use crate::town::{DAY, Town, asked, business_cents, dry, eur, keyed, terms};
use base::TenantId;
use billing::{Account, End, InvoiceState, Phase};
use tenants::{Actor, Code, Subject};

#[tokio::test]
async fn a_declined_card_takes_sending_last_of_all_nothing_and_paying_gives_all_back() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let before = town.limits(tenant).await;
    town.till.card(&customer, Some("visa 0002"), true).unwrap();
    town.turn(DAY * 31);
    town.settle().await;
    assert_eq!(town.phase(tenant).await, Phase::PastDue);
    assert_eq!(town.limits(tenant).await, before, "not at the first failure");
    for (days, phase) in [(8, Phase::Grace), (7, Phase::Suspended), (16, Phase::ReadOnly)] {
        town.turn(DAY * days);
        town.settle().await;
        assert_eq!(town.phase(tenant).await, phase);
    }
    let explained = town.service.capabilities(&town.operator, &Subject::Tenant(tenant)).await.unwrap();
    assert!(!explained.capabilities.send_external && explained.capabilities.pay);
    let open = |town: &Town| {
        let invoices = town.till.has(&customer).unwrap().invoices;
        let open = invoices.into_iter().filter(|i| i.state == InvoiceState::Open);
        open.map(|i| i.id).collect::<Vec<_>>()
    };
    let declined = town.billing.invoice_pay(&owner, &terms(), tenant, &open(&town)[0]).await.unwrap_err();
    assert_eq!(declined.code, Code::Invalid);
    assert!(declined.message.contains("declined"), "{declined}");
    town.till.card(&customer, Some("visa 4242"), false).unwrap();
    for invoice in open(&town) {
        let paid = town.billing.invoice_pay(&owner, &terms(), tenant, &invoice).await.unwrap();
        assert_eq!((paid.object.state, paid.object.paid), (InvoiceState::Paid, paid.object.total));
    }
    assert_eq!(town.phase(tenant).await, Phase::Active);
    assert_eq!(town.limits(tenant).await, before, "all is back");
    let explained = town.service.capabilities(&town.operator, &Subject::Tenant(tenant)).await.unwrap();
    let held = explained.missing.iter().flat_map(|(_, why)| why).filter(|because| because.hold.is_some());
    assert_eq!(held.count(), 0, "{explained:?}");
    town.settle().await;
    town.consistent(tenant, &customer).await;
}

/// Balances of the books, in cents.
async fn balance(town: &Town, tenant: TenantId, account: Account) -> i64 {
    let balances = town.billing.balances(&town.operator, tenant).await.unwrap();
    balances.iter().find(|b| b.account == account).map_or(0, |b| b.amount.minor())
}

/// The bank takes back what was paid for the first invoice; its id.
async fn taken_back(town: &Town, customer: &str) -> String {
    let invoice = town.till.has(customer).unwrap().invoices[0].clone();
    let payment = &invoice.payments[0];
    town.till.charge_back(&payment.id, payment.amount).unwrap();
    town.settle().await;
    invoice.id
}

#[tokio::test]
async fn what_the_bank_took_back_is_paid_once_more_and_no_more_than_that() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let whole = business_cents(2);
    let invoice = taken_back(&town, &customer).await;
    assert_eq!(town.phase(tenant).await, Phase::PastDue);
    let shown = town.billing.invoice(&owner, tenant, &invoice).await.unwrap();
    assert_eq!((shown.state, shown.owed), (InvoiceState::Paid, eur(whole)));
    assert_eq!(
        (balance(&town, tenant, Account::Cash).await, balance(&town, tenant, Account::Receivable).await),
        (0, whole)
    );
    town.till.card(&customer, Some("visa 0002"), true).unwrap();
    let declined = town.billing.invoice_pay(&owner, &terms(), tenant, &invoice).await.unwrap_err();
    assert!(declined.message.contains("declined"), "{declined}");
    town.till.card(&customer, Some("visa 4242"), false).unwrap();
    town.billing.invoice_pay(&owner, &dry(), tenant, &invoice).await.unwrap();
    for _ in 0..2 {
        let paid = town.billing.invoice_pay(&owner, &keyed("again"), tenant, &invoice).await.unwrap();
        assert_eq!(paid.object.owed, eur(0));
    }
    let more = town.billing.invoice_pay(&owner, &keyed("more"), tenant, &invoice).await.unwrap_err();
    assert_eq!((more.code, more.field), (Code::Invalid, "invoiceId"));
    assert_eq!(town.phase(tenant).await, Phase::Active);
    assert_eq!(town.till.has(&customer).unwrap().invoices[0].payments.len(), 2, "once");
    assert_eq!(
        (balance(&town, tenant, Account::Cash).await, balance(&town, tenant, Account::Receivable).await),
        (whole, 0)
    );
    town.settle().await;
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn what_the_bank_took_back_may_come_by_transfer() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let invoice = taken_back(&town, &customer).await;
    town.till.card(&customer, None, true).unwrap();
    let own = town.billing.invoice_receive(&owner, &keyed("a"), tenant, &invoice, "mine").await.unwrap_err();
    assert_eq!(own.code, Code::Forbidden);
    for _ in 0..2 {
        let came = town.billing.invoice_receive(&town.operator, &keyed("b"), tenant, &invoice, "KTO 17").await.unwrap();
        assert_eq!(came.object.owed, eur(0));
    }
    let again =
        town.billing.invoice_receive(&town.operator, &keyed("c"), tenant, &invoice, "KTO 18").await.unwrap_err();
    assert_eq!((again.code, again.field), (Code::Invalid, "invoiceId"));
    assert_eq!(town.phase(tenant).await, Phase::Active);
    town.settle().await;
    town.consistent(tenant, &customer).await;
}

/// A customer that owes for two months and has a third invoice of which the bank took the money.
async fn owing() -> (Town, TenantId, Actor, String) {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.till.card(&customer, Some("visa 0002"), true).unwrap();
    for _ in 0..2 {
        town.turn(DAY * 31);
        town.settle().await;
    }
    taken_back(&town, &customer).await;
    (town, tenant, owner, customer)
}

#[tokio::test]
async fn all_that_is_owed_is_paid_at_once_and_no_letter_speaks_of_the_rest() {
    let (town, tenant, owner, customer) = owing().await;
    let declined = town.billing.debt_pay(&owner, &keyed("a"), tenant).await.unwrap_err();
    assert!(declined.message.contains("declined"), "{declined}");
    town.till.card(&customer, Some("visa 4242"), false).unwrap();
    town.settle().await;
    town.letters().await;
    town.billing.debt_pay(&owner, &dry(), tenant).await.unwrap();
    for _ in 0..2 {
        town.billing.debt_pay(&owner, &keyed("b"), tenant).await.unwrap();
    }
    town.settle().await;
    let standing = town.billing.standing(&owner, tenant).await.unwrap();
    assert_eq!((standing.phase, standing.owed), (Phase::Active, Vec::new()));
    let kinds: Vec<String> = town.letters().await.into_iter().map(|letter| letter.kind).collect();
    assert!(kinds.iter().any(|kind| kind == "billing-settled"), "{kinds:?}");
    let stages = ["billing-past-due", "billing-ahead", "billing-reached"];
    assert!(!kinds.iter().any(|kind| stages.contains(&kind.as_str())), "{kinds:?}");
    let nothing = town.billing.debt_pay(&owner, &keyed("c"), tenant).await.unwrap_err();
    assert_eq!((nothing.code, nothing.field), (Code::Invalid, "tenantId"));
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn a_transfer_is_counted_once_however_often_it_is_told_at_once() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.till.card(&customer, Some("visa 0002"), true).unwrap();
    town.turn(DAY * 31);
    town.settle().await;
    let invoice = town.till.has(&customer).unwrap().invoices.last().unwrap().id.clone();
    town.till.close(true);
    town.billing.invoice_receive(&town.operator, &keyed("a"), tenant, &invoice, "KTO 17").await.unwrap();
    let again =
        town.billing.invoice_receive(&town.operator, &keyed("b"), tenant, &invoice, "KTO 17").await.unwrap_err();
    let paid = town.billing.invoice_pay(&owner, &keyed("c"), tenant, &invoice).await.unwrap_err();
    let all = town.billing.debt_pay(&owner, &keyed("d"), tenant).await.unwrap_err();
    assert_eq!([again.code, paid.code, all.code], [Code::InUse; 3], "it is under way");
    town.till.close(false);
    town.turn(DAY);
    town.settle().await;
    assert_eq!(town.till.has(&customer).unwrap().invoices.last().unwrap().payments.len(), 1);
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn a_page_that_is_open_ends_when_a_debt_begins() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let subscription = town.till.has(&customer).unwrap().subscriptions[0].id.clone();
    town.billing.cancel(&owner, &keyed("end"), tenant, &subscription, End::Now).await.unwrap();
    town.billing.checkout_open(&owner, &keyed("buy"), tenant, &asked("business", 1)).await.unwrap();
    assert_eq!(town.till.open_pages().len(), 1);
    taken_back(&town, &customer).await;
    assert_eq!(town.till.open_pages(), Vec::<String>::new());
}

#[tokio::test]
async fn who_owes_leaves_no_debt_behind_by_buying_anew() {
    let (town, tenant, owner, customer) = owing().await;
    let subscription = town.till.has(&customer).unwrap().subscriptions[0].id.clone();
    town.billing.cancel(&owner, &keyed("end"), tenant, &subscription, End::Now).await.unwrap();
    town.settle().await;
    let ask = asked("business", 1);
    let held = town.billing.checkout_open(&owner, &keyed("buy"), tenant, &ask).await.unwrap_err();
    assert_eq!((held.code, held.field), (Code::Held, "plan"));
    town.till.card(&customer, Some("visa 4242"), false).unwrap();
    town.billing.debt_pay(&owner, &keyed("pay"), tenant).await.unwrap();
    town.billing.checkout_open(&owner, &keyed("buy"), tenant, &ask).await.unwrap();
}

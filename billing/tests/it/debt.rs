//! SUMMARY    From a declined card through the stages and back by paying.

use crate::town::{DAY, Town, terms};
use billing::{InvoiceState, Phase};
use tenants::{Code, Subject};

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

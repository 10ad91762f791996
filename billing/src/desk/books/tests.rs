use crate::{
    Account, Books, Currency, Entry, Fact, Money, Posted,
    desk::fixture::{Desk, START, eur},
};
use base::TenantId;
use proptest::{prelude::*, test_runner::TestRunner};
use tenants::{Code, Page, sql::query};

async fn post(desk: &Desk, entry: &Entry) -> tenants::Result<Posted> {
    let mut txn = desk.service.begin().await.unwrap();
    let posted = desk.billing.post(&mut txn, entry).await;
    match posted.is_ok() {
        true => txn.commit().await.unwrap(),
        false => txn.rollback().await.unwrap(),
    }
    posted
}

fn entry(event: &str, tenant: TenantId, fact: Fact) -> Entry {
    Entry::new(event, tenant, START, fact).unwrap()
}

fn any_facts() -> impl Strategy<Value = Vec<(u8, bool, Fact)>> {
    let money = (1i64..50, any::<bool>())
        .prop_map(|(minor, usd)| Money::new(minor, if usd { Currency::USD } else { Currency::EUR }).unwrap());
    let fact = (0u8..8, money).prop_map(|(kind, amount)| {
        let (net, tax) = (amount, Money::zero(amount.currency()));
        match kind {
            0 => Fact::Invoiced { net, tax },
            1 | 2 => Fact::Paid { amount },
            3 => Fact::Credited { amount },
            4 => Fact::CreditUsed { amount },
            5 => Fact::Refunded { net, tax },
            6 => Fact::ChargedBack { amount },
            _ => Fact::WrittenOff { amount },
        }
    });
    prop::collection::vec((0u8..30, any::<bool>(), fact), 1..40)
}

/// Whatever is posted, in whatever order and however often: the rows take and refuse what the pure books do, and agree with themselves.
#[test]
fn s4_the_rows_are_the_pure_books() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 12, ..ProptestConfig::default() });
    let desk = runtime.block_on(Desk::new());
    let mut case = 0u64;
    let run = std::cell::RefCell::new(&mut case);
    runner
        .run(&any_facts(), |facts| {
            let mut case = run.borrow_mut();
            **case += 1;
            let tenants = [TenantId(**case * 2), TenantId(**case * 2 + 1)];
            let mut books = Books::default();
            for (event, first, fact) in facts {
                let tenant = tenants[usize::from(first)];
                let entry = entry(&format!("{case}-{event}"), tenant, fact);
                let pure = books.post(entry.clone());
                match (pure, runtime.block_on(post(&desk, &entry))) {
                    (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
                    (Err(_), Err(e)) => prop_assert_eq!(e.code, Code::Forbidden),
                    (pure, rows) => prop_assert!(false, "{:?} and {:?}", pure, rows),
                }
            }
            for tenant in tenants {
                let kept = runtime.block_on(desk.billing.balances(&desk.operator, tenant));
                // The tenants of this test are in the books alone.
                prop_assert_eq!(kept.unwrap_err().code, Code::NotFound);
                for currency in [Currency::EUR, Currency::USD] {
                    for account in [Account::Cash, Account::Credit, Account::Receivable, Account::Revenue] {
                        let row = async {
                            let mut txn = desk.service.begin().await.unwrap();
                            desk.billing.balance_in(&mut txn, tenant, currency, account).await.unwrap()
                        };
                        prop_assert_eq!(runtime.block_on(row), books.balance(tenant, currency, account));
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(runtime.block_on(desk.billing.books_verify()).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_event_counts_once_and_is_of_one_fact() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let paid = entry("pay_1", tenant, Fact::Paid { amount: eur(500) });
    assert_eq!(post(&desk, &paid).await.unwrap(), Posted::Now);
    assert_eq!(post(&desk, &paid).await.unwrap(), Posted::Before);
    let other = entry("pay_1", tenant, Fact::Paid { amount: eur(501) });
    assert_eq!(post(&desk, &other).await.unwrap_err().code, Code::Forbidden);
    let back = entry("ref_1", tenant, Fact::Refunded { net: eur(501), tax: eur(0) });
    assert_eq!(post(&desk, &back).await.unwrap_err().code, Code::Forbidden, "S4");
    let mut crooked = entry("pay_2", tenant, Fact::Paid { amount: eur(500) });
    crooked.postings[0].1 = eur(900);
    assert_eq!(post(&desk, &crooked).await.unwrap_err().code, Code::Forbidden);
    let (entries, count) = desk.billing.entries(&owner, tenant, &Page::first(10)).await.unwrap();
    assert_eq!((entries, count), (vec![paid], 1));
    let balances = desk.billing.balances(&owner, tenant).await.unwrap();
    let cash = balances.iter().find(|b| b.account == Account::Cash).unwrap();
    assert_eq!((balances.len(), cash.amount), (2, eur(500)));
}

#[tokio::test]
async fn entries_come_in_pages_the_newest_first() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    for n in 0..5 {
        post(&desk, &entry(&format!("pay_{n}"), tenant, Fact::Paid { amount: eur(n + 1) })).await.unwrap();
    }
    let page = async |cursor: Option<&str>, backward| {
        let page = Page { cursor: cursor.map(str::to_owned), backward, ..Page::first(2) };
        let (entries, count) = desk.billing.entries(&owner, tenant, &page).await.unwrap();
        assert_eq!(count, 5);
        entries.into_iter().map(|e| e.event).collect::<Vec<_>>()
    };
    assert_eq!(page(None, false).await, ["pay_4", "pay_3"]);
    assert_eq!(page(Some("pay_3"), false).await, ["pay_2", "pay_1"]);
    assert_eq!(page(None, true).await, ["pay_1", "pay_0"]);
}

#[tokio::test]
async fn what_does_not_agree_is_found() {
    let desk = Desk::new().await;
    let (tenant, _) = desk.customer("alpha").await;
    post(&desk, &entry("pay_1", tenant, Fact::Paid { amount: eur(500) })).await.unwrap();
    assert!(desk.billing.books_verify().await.unwrap().is_empty());
    let mut txn = desk.service.begin().await.unwrap();
    query("UPDATE ledger_balance SET minor = 499 WHERE tenant = $1 AND account = 'CASH'")
        .bind(tenant.to_string())
        .execute(&mut txn)
        .await
        .unwrap();
    query("INSERT INTO ledger_entry (event, tenant, currency, at, fact) SELECT 'pay_2', tenant, currency, at, fact FROM ledger_entry WHERE event = 'pay_1'")
        .execute(&mut txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let lines = desk.billing.books_verify().await.unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("pay_2") && lines[1].contains("499 is kept, 500 was posted"), "{lines:?}");
    // What was entered is never changed.
    let mut txn = desk.service.begin().await.unwrap();
    assert!(query("DELETE FROM ledger_entry WHERE event = 'pay_1'").execute(&mut txn).await.is_err());
}

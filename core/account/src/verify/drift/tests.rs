//! SUMMARY    A counter that is wrong is seen and repaired, under mail; a right one is left alone.

use super::*;
use crate::{AccountOptions, AccountScope, MasterKey, NewEmail, Owner, record::EmailCard, work::Charge};
use base::{MailboxId, SystemClock, Timestamp, rng::SeededRng};
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot};
use std::sync::Arc;
use store::{MemKv, blob::FsObjects};

const TENANT: TenantId = TenantId(1);

async fn accounts(people: u64) -> Accounts {
    let accounts = Accounts::new(AccountOptions {
        kv: Arc::new(MemKv::new()),
        objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
        master: MasterKey::new([7; 32]),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SeededRng::new(3)),
    });
    let limited = EntitlementSnapshot { storage_bytes_max: Some(1 << 30), ..EntitlementSnapshot::new(TENANT, 1) };
    let account = |n| Change::Account(AccountSnapshot::new(AccountId(n), TENANT, 1, format!("p{n}@a.example")));
    let batch = std::iter::once(Change::Entitlement(limited)).chain((1..=people).map(account)).collect();
    accounts.apply(batch).await.unwrap();
    accounts
}

async fn put(accounts: &Accounts, account: u64) {
    let staged = accounts.stage(TENANT, &[b'x'; 1_000]).await.unwrap();
    let scope: AccountScope<Owner> = AccountScope::issue(TENANT, AccountId(account));
    let done: Result<()> = unit_of_work!(accounts, &[AccountId(account)], accounts.op(), work => {
        let email = NewEmail {
            staged: &staged,
            mailboxes: &[MailboxId(1)],
            flags: 0,
            received_at: Timestamp(0),
            card: EmailCard::default(),
            thread_keys: &[],
            charge: Charge::Incoming,
        };
        work.account(&scope).await?.add_email(email).await.map(|_| ())
    });
    done.unwrap();
}

async fn drifts(accounts: &Accounts) -> Vec<(Option<AccountId>, i64)> {
    let scope = TenantScope::<Owner>::issue(TENANT);
    accounts.quota_drift(&scope).await.unwrap().iter().map(|d| (d.account, d.bytes())).collect()
}

/// Damages a mailbox's counter by 300 bytes, the tenant's by 70 more, and the pool.
async fn damage(accounts: &Accounts) {
    let done: Result<()> = unit_of_work!(accounts, &[AccountId(1)], accounts.op(), work => {
        let mut txn = TenantTxn::new(work.txn(), TENANT);
        let key = keys::state(AccountId(1));
        let mut state: AccountState = record::decode(&txn.get(&key).await?.unwrap(), "state")?;
        state.used_bytes -= 300;
        txn.set(&key, &record::encode(&state));
        txn.add(&keys::tenant_used_bytes(), -370);
        Ok(())
    });
    done.unwrap();
}

#[tokio::test]
async fn q1_drift_is_told_without_repairing_and_a_repair_adds_what_is_missing() {
    let accounts = accounts(3).await;
    for n in 0..9 {
        put(&accounts, 1 + n % 3).await;
    }
    assert_eq!(drifts(&accounts).await, []);
    damage(&accounts).await;
    let found = drifts(&accounts).await;
    assert_eq!(found[..2], [(Some(AccountId(1)), 300), (None, 70)]);
    assert_eq!(found.len(), 3, "the pool too: {found:?}");
    assert_eq!(drifts(&accounts).await, found, "looking repairs nothing");
    let key = accounts.break_glass("test", "repair").unwrap();
    assert_eq!(accounts.quota_repair(&key, TENANT).await.unwrap().len(), 3);
    assert_eq!(drifts(&accounts).await, []);
    assert_eq!(accounts.quota_repair(&key, TENANT).await.unwrap(), []);
    assert_eq!(accounts.usage(TENANT).await.unwrap().used_bytes, 9_000);
    assert_eq!(accounts.verify(&TenantScope::<Owner>::issue(TENANT)).await.unwrap(), []);
    put(&accounts, 2).await;
    assert_eq!(drifts(&accounts).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q1_a_repair_under_mail_and_beside_another_one_is_right() {
    let accounts = accounts(3).await;
    for n in 1..=3 {
        put(&accounts, n).await;
    }
    damage(&accounts).await;
    let writers: Vec<_> = (1..=3)
        .map(|account| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                for _ in 0..150 {
                    put(&accounts, account).await;
                }
            })
        })
        .collect();
    let repairers: Vec<_> = (0..2)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                let key = accounts.break_glass("test", "repair").unwrap();
                for _ in 0..40 {
                    // Too busy to be counted, or the other was at it: it is tried again.
                    match accounts.quota_repair(&key, TENANT).await {
                        Ok(repaired) if repaired.is_empty() => return,
                        Ok(_) => {}
                        Err(e) => assert_eq!(e.kind, Kind::Unavailable, "{e}"),
                    }
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(repairers) {
        task.await.unwrap();
    }
    let key = accounts.break_glass("test", "repair").unwrap();
    accounts.quota_repair(&key, TENANT).await.unwrap();
    assert_eq!(drifts(&accounts).await, []);
    assert_eq!(accounts.usage(TENANT).await.unwrap().used_bytes, 453_000);
    assert_eq!(accounts.verify(&TenantScope::<Owner>::issue(TENANT)).await.unwrap(), []);
}

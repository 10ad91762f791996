//! SUMMARY    A pool is exact: alone against a model, under 64 writers, in bad weather, while its limit changes.

use super::*;
use crate::{
    AccountOptions, AccountScope, Accounts, MasterKey, NewEmail, Owner, TenantScope, record::EmailCard, unit_of_work,
};
use base::{EmailId, MailboxId, SystemClock, Timestamp, rng::SeededRng};
use control::{AccountSnapshot, Change, Control};
use proptest::prelude::*;
use std::sync::Arc;
use store::{
    EmbeddedOptions, Kv, MemKv,
    blob::FsObjects,
    faults::{FaultRates, Faulty},
};

const TENANT: TenantId = TenantId(1);
const INBOX: MailboxId = MailboxId(1);

fn accounts(kv: Arc<dyn Kv>, seed: u64) -> Accounts {
    Accounts::new(AccountOptions {
        kv,
        objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
        master: MasterKey::new([7; 32]),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SeededRng::new(seed)),
    })
}

async fn limit(accounts: &Accounts, version: u64, limit: Option<u64>, grace: u64) {
    let entitlement = EntitlementSnapshot {
        storage_bytes_max: limit,
        storage_grace_bytes: grace,
        ..EntitlementSnapshot::new(TENANT, version)
    };
    accounts.apply(vec![Change::Entitlement(entitlement)]).await.unwrap();
}

async fn people(accounts: &Accounts, number: u64) {
    let account = |n| Change::Account(AccountSnapshot::new(AccountId(n), TENANT, 1, format!("p{n}@a.example")));
    accounts.apply((0..number).map(account).collect()).await.unwrap();
}

fn scope(account: u64) -> AccountScope<Owner> {
    AccountScope::issue(TENANT, AccountId(account))
}

async fn put(accounts: &Accounts, account: u64, size: usize, charge: Charge) -> Result<EmailId> {
    let plain = vec![b'x'; size];
    let staged = accounts.stage(TENANT, &plain).await?;
    unit_of_work!(accounts, &[AccountId(account)], accounts.op(), work => {
        let mut account = work.account(&scope(account)).await?;
        let email = NewEmail {
            staged: &staged,
            mailboxes: &[INBOX],
            flags: 0,
            received_at: Timestamp(0),
            card: EmailCard::default(),
            thread_keys: &[],
            charge,
        };
        Ok(account.add_email(email).await?.0)
    })
}

async fn remove(accounts: &Accounts, account: u64, id: EmailId) -> Result<()> {
    unit_of_work!(accounts, &[AccountId(account)], accounts.op(), work => {
        work.account(&scope(account)).await?.remove_email(id, INBOX).await
    })
}

async fn used(accounts: &Accounts) -> i64 {
    accounts.usage(TENANT).await.unwrap().used_bytes
}

async fn sound(accounts: &Accounts) {
    assert_eq!(accounts.verify(&TenantScope::<Owner>::issue(TENANT)).await.unwrap(), []);
}

fn is_full(result: &Result<EmailId>) -> bool {
    matches!(result, Err(e) if e.kind == Kind::OverQuota)
}

#[derive(Debug, Clone)]
enum Act {
    Put { account: u64, size: usize, charge: Charge },
    Remove { nth: usize },
    Limit { limit: Option<u64>, grace: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let charge = prop_oneof![Just(Charge::Incoming), Just(Charge::Own)];
    prop_oneof![
        6 => (0..5_u64, 1..40_000_usize, charge).prop_map(|(account, size, charge)| Act::Put { account, size, charge }),
        3 => any::<usize>().prop_map(|nth| Act::Remove { nth }),
        1 => (prop::option::weighted(0.8, prop_oneof![Just(0), 1..400_000_u64, Just(20 << 20)]), 0..60_000_u64)
            .prop_map(|(limit, grace)| Act::Limit { limit, grace }),
    ]
}

/// One after the other: refused exactly when it does not fit, whatever was leased, and always sound.
async fn as_the_model_says(acts: &[Act]) {
    let accounts = accounts(Arc::new(MemKv::new()), 1);
    let (mut bound, mut grace, mut version) = (None, 0, 1);
    limit(&accounts, version, bound, grace).await;
    people(&accounts, 5).await;
    let mut stored: Vec<(u64, EmailId, i64)> = Vec::new();
    for act in acts {
        match act {
            Act::Put { account, size, charge } => {
                let sum: i64 = stored.iter().map(|(_, _, size)| size).sum();
                let most = bound.map_or(i64::MAX, |l| match charge {
                    Charge::Incoming => with_grace(bytes(l), grace),
                    Charge::Own | Charge::Notice => bytes(l),
                });
                let result = put(&accounts, *account, *size, *charge).await;
                assert_eq!(is_full(&result), sum + *size as i64 > most, "{act:?} at {sum} of {bound:?} + {grace}");
                stored.extend(result.ok().map(|id| (*account, id, *size as i64)));
            }
            Act::Remove { nth } if !stored.is_empty() => {
                let (account, id, _) = stored.swap_remove(nth % stored.len());
                remove(&accounts, account, id).await.unwrap();
            }
            Act::Remove { .. } => {}
            Act::Limit { limit: new, grace: more } => {
                (bound, grace, version) = (*new, *more, version + 1);
                limit(&accounts, version, bound, grace).await;
            }
        }
        assert_eq!(used(&accounts).await, stored.iter().map(|(_, _, size)| size).sum::<i64>());
    }
    sound(&accounts).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn q1_q2_a_charge_is_refused_exactly_when_the_pool_has_no_room(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(as_the_model_says(&acts));
    }
}

/// 64 writers at once, until each was refused its smallest message.
async fn fill(nodes: &[Accounts], people: u64, sizes: &'static [usize]) {
    let writers: Vec<_> = (0..64_u64)
        .map(|writer| {
            let accounts = nodes[writer as usize % nodes.len()].clone();
            tokio::spawn(async move {
                let rng = SeededRng::new(writer);
                use base::Rng;
                for size in sizes {
                    loop {
                        match put(&accounts, rng.below(people), *size, Charge::Own).await {
                            Err(e) if e.kind == Kind::OverQuota => break,
                            other => drop(other.unwrap()),
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q2_sixty_four_writers_fill_two_hundred_mailboxes_exactly_to_the_limit() {
    const LIMIT: u64 = 12_000_000;
    let folder = tempfile::tempdir().unwrap();
    let kv = store::embedded::open(folder.path(), EmbeddedOptions::default()).unwrap();
    let accounts = accounts(kv, 1);
    limit(&accounts, 1, Some(LIMIT), 0).await;
    people(&accounts, 200).await;
    fill(std::slice::from_ref(&accounts), 200, &[20_011, 997]).await;
    let used = used(&accounts).await;
    assert!(used <= LIMIT as i64 && LIMIT as i64 - used < 997, "{used} of {LIMIT}");
    sound(&accounts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q2_q3_nodes_in_bad_weather_fill_a_pool_exactly_and_leave_no_orphan() {
    const LIMIT: u64 = 700_000;
    let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
    let calm = accounts(kv.clone(), 1);
    limit(&calm, 1, Some(LIMIT), 0).await;
    people(&calm, 40).await;
    let rates = FaultRates { conflict: 30, unknown_applied: 20, unknown_lost: 20, ..FaultRates::default() };
    let nodes: Vec<Accounts> = (0..2).map(|n| accounts(Arc::new(Faulty::new(kv.clone(), n, rates)), 10 + n)).collect();
    fill(&nodes, 40, &[5_003, 499]).await;
    let used = used(&calm).await;
    assert!(used <= LIMIT as i64 && LIMIT as i64 - used < 499, "{used} of {LIMIT}");
    sound(&calm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q4_a_limit_that_is_changed_under_load_holds_from_the_next_charge_on() {
    let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
    let nodes = [accounts(kv.clone(), 1), accounts(kv, 2)];
    limit(&nodes[0], 1, Some(1 << 30), 0).await;
    people(&nodes[0], 50).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = (0..16_u64)
        .map(|writer| {
            let (accounts, stopped) = (nodes[writer as usize % 2].clone(), stopped.clone());
            tokio::spawn(async move {
                let (mut n, mut mine) = (writer, Vec::new());
                while !*stopped.borrow() {
                    n += 16;
                    match put(&accounts, n % 50, 2_003, Charge::Incoming).await {
                        Ok(id) => mine.push((n % 50, id)),
                        Err(e) if e.kind == Kind::OverQuota => tokio::task::yield_now().await,
                        Err(e) => panic!("{e}"),
                    }
                    if n % 3 == 0
                        && let Some((account, id)) = mine.pop()
                    {
                        remove(&accounts, account, id).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for (version, wanted) in (2..).zip([Some(300_000), None, Some(500_000), Some(0), Some(2_000_000), Some(100_000)]) {
        let before = used(&nodes[0]).await;
        while used(&nodes[0]).await == before && wanted != Some(2_000_000) {
            tokio::task::yield_now().await;
            if version > 5 {
                break;
            }
        }
        limit(&nodes[(version % 2) as usize], version, wanted, 10_000).await;
        let then = used(&nodes[0]).await;
        let most = wanted.map_or(i64::MAX, |l| with_grace(bytes(l), 10_000));
        for _ in 0..200 {
            let now = used(&nodes[1]).await;
            assert!(now <= most.max(then), "{now} under {wanted:?}, {then} when it came");
            tokio::task::yield_now().await;
        }
    }
    stop.send(true).unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    sound(&nodes[0]).await;
}

#[tokio::test]
async fn writers_of_different_shards_do_not_meet_while_their_leases_last() {
    let accounts = accounts(Arc::new(MemKv::new()), 1);
    limit(&accounts, 1, Some(1 << 40), 0).await;
    people(&accounts, 2).await;
    for account in 0..2 {
        put(&accounts, account, 10, Charge::Own).await.unwrap();
    }
    let mut works = Vec::new();
    for account in 0..2 {
        let entitlement = accounts.standing(TENANT, AccountId(account)).await.unwrap().unwrap().entitlement;
        let mut work = Work::begin(accounts.clone());
        let whose = (TENANT, AccountId(account));
        assert_eq!(work.take_from_pool(whose, &entitlement, 1_000, Charge::Own).await.unwrap(), Taken::Charged);
        work.finish(accounts.op(), 0);
        works.push(work);
    }
    for work in works {
        work.into_txn().submit().unwrap().await.unwrap();
    }
}

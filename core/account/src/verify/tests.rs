//! SUMMARY    Whatever row is taken away from a sound tenant, verify says so; and it says nothing of a sound one in bad weather.

use super::*;
use crate::{
    AccountOptions, AccountScope, Charge, Error, MasterKey, NewEmail, Origin, Owner,
    keys::AccountRow,
    record::{EmailCard, Migrated, MigratedFolder, QueueItem, QueueRecipient},
    unit_of_work,
};
use base::{MailboxId, OpId, QueueId, SystemClock, Uid, rng::SeededRng};
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot};
use std::sync::Arc;
use store::{
    Kv, MemKv,
    blob::FsObjects,
    faults::{FaultRates, Faulty},
};

const TENANT: TenantId = TenantId(1);
const ACCOUNT: AccountId = AccountId(1);

fn accounts(kv: Arc<dyn Kv>) -> Accounts {
    Accounts::new(AccountOptions {
        kv,
        objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
        master: MasterKey::new([7; 32]),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SeededRng::new(3)),
    })
}

async fn provision(accounts: &Accounts) {
    let entitlement = EntitlementSnapshot::new(TENANT, 1);
    let account = AccountSnapshot::new(ACCOUNT, TENANT, 1, "ann@a.example");
    accounts.apply(vec![Change::Entitlement(entitlement), Change::Account(account)]).await.unwrap();
}

async fn deliver(accounts: &Accounts, number: u64) -> Result<()> {
    // Every fourth has rows of its own.
    let text = format!("message {number}\r\n").repeat(if number.is_multiple_of(4) { 90_000 } else { 10 });
    let staged = accounts.stage(TENANT, text.as_bytes()).await?;
    let scope: AccountScope<Owner> = AccountScope::issue(TENANT, ACCOUNT);
    unit_of_work!(accounts, &[ACCOUNT], OpId(1_000 + number), work => {
        let mut account = work.account(&scope).await?;
        let email = NewEmail {
            staged: &staged,
            mailboxes: &[MailboxId(1), MailboxId(4)],
            flags: number % 2,
            received_at: Timestamp(0),
            card: EmailCard::default(),
            thread_keys: &[number % 3],
            charge: Charge::Incoming,
        };
        account.add_email(email).await?;
        let recipients = vec![QueueRecipient { address: "x@y.example".into(), ..QueueRecipient::default() }];
        let item = QueueItem { recipients, due_at_ms: 5, ..QueueItem::default() };
        work.enqueue(&staged, QueueId(number + 1), item).await
    })
}

/// A mailbox of another provider with one message.
async fn migrate(accounts: &Accounts) -> Result<()> {
    let (scope, origin): (AccountScope<Owner>, _) =
        (AccountScope::issue(TENANT, ACCOUNT), Origin { source: 7, folder: 8 });
    unit_of_work!(accounts, &[ACCOUNT], OpId(2_000), work => {
        let mut account = work.account(&scope).await?;
        account.set_migrated_folder(origin, &MigratedFolder { uid_validity: 9, ..MigratedFolder::default() });
        account.set_migrated(origin, 9, Uid(3), Some(&Migrated { email: 1, ..Migrated::default() }));
        Ok(())
    })
}

async fn sound() -> (Arc<dyn Kv>, Accounts) {
    let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
    let accounts = accounts(kv.clone());
    provision(&accounts).await;
    for number in 0..6 {
        deliver(&accounts, number).await.unwrap();
    }
    migrate(&accounts).await.unwrap();
    (kv, accounts)
}

async fn verify(accounts: &Accounts) -> Vec<Violation> {
    accounts.verify(&TenantScope::<Owner>::issue(TENANT)).await.unwrap()
}

async fn set(kv: &Arc<dyn Kv>, key: &[u8], value: Option<&[u8]>) {
    let mut txn = kv.begin();
    match value {
        Some(value) => txn.set(key, value),
        None => txn.clear(key),
    }
    txn.submit().unwrap().await.unwrap();
}

/// Rows that may be missing, because nothing else tells that they were there.
fn is_optional(row: Row) -> bool {
    match row {
        Row::DataKey | Row::QueueEnded(_) | Row::ExportAccount(..) | Row::ExportFile(..) | Row::ExportSegment(..) => {
            true
        }
        Row::Account(_, row) => matches!(
            row,
            AccountRow::Profile
                | AccountRow::Keywords
                | AccountRow::LogMarks
                | AccountRow::Known
                | AccountRow::Migrated(..)
                | AccountRow::Name
                | AccountRow::ThreadIndex
        ),
        Row::Counter
        | Row::Pool
        | Row::PoolLease(_)
        | Row::BlobMeta
        | Row::BlobData
        | Row::BlobLink
        | Row::QueueItem(_)
        | Row::Export(_)
        | Row::Migration(_) => false,
    }
}

#[tokio::test]
async fn no_row_is_missed_when_it_is_taken_away() {
    let (kv, accounts) = sound().await;
    assert_eq!(verify(&accounts).await, []);
    let all = KeyRange::prefix(&keys::tenant_prefix(TENANT));
    let rows = kv.begin_read().range(&all, PageLimit::MAX, false, Read::Snapshot).await.unwrap();
    assert!(!rows.more && rows.rows.len() > 100);
    let mut taken = 0;
    for (key, value) in &rows.rows {
        let row = keys::decode(&key[keys::TENANT_PREFIX_BYTES..]).unwrap();
        let is_looked_for = match row {
            // Of changes verify knows only that emails have theirs; of blocks it looks for the last one.
            Row::Account(_, AccountRow::Change(kind, ..)) => kind == keys::EMAIL,
            Row::BlobData => !rows.rows.iter().any(|(next, _)| next.starts_with(&key[..key.len() - 4]) && next > key),
            _ => true,
        };
        if is_optional(row) || !is_looked_for {
            continue;
        }
        set(&kv, key, None).await;
        assert!(!verify(&accounts).await.is_empty(), "{row:?} may be taken away unseen");
        set(&kv, key, Some(value)).await;
        taken += 1;
    }
    assert!(taken > 70, "{taken}");
    assert_eq!(verify(&accounts).await, []);
    set(&kv, &[keys::tenant_prefix(TENANT).as_slice(), b"zz"].concat(), Some(b"")).await;
    assert!(verify(&accounts).await[0].what.contains("outside of the registry"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_mail_comes_into_is_found_sound_however_often_versions_run_out() {
    let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
    let calm = accounts(kv.clone());
    provision(&calm).await;
    let rates = FaultRates { read_too_old: 3, ..FaultRates::default() };
    let stormy = accounts(Arc::new(Faulty::new(kv, 7, rates)));
    let writer = tokio::spawn(async move {
        for number in 0..400 {
            deliver(&calm, number).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let (mut found, mut gave_up) = (0, 0);
    while !writer.is_finished() || found == 0 {
        match stormy.verify(&TenantScope::<Owner>::issue(TENANT)).await {
            Ok(violations) => {
                assert_eq!(violations, []);
                found += 1;
            }
            // A fence of another process's handle holds nothing back here.
            Err(Error { kind: base::Kind::Unavailable, .. }) => gave_up += 1,
            Err(e) => panic!("{e}"),
        }
    }
    writer.await.unwrap();
    assert!(found > 1, "{found} times sound, {gave_up} times given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_always_changes_is_held_back_and_counted() {
    let (_, accounts) = sound().await;
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                for number in 0..150 {
                    deliver(&accounts, 10_000 * (writer + 1) + number * 4 + 1).await.unwrap();
                }
            })
        })
        .collect();
    let mut times = 0;
    while writers.iter().any(|writer| !writer.is_finished()) || times < 3 {
        assert_eq!(verify(&accounts).await, []);
        times += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

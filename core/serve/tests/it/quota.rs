//! SUMMARY    Quotas at the doors: codes, grace, notices, events, and what GETQUOTA shows.

use crate::world::{Ground, World};
use base::{AccountId, Clock, TenantId, Timestamp};
use control::{Change, Control, EntitlementSnapshot, Event, EventKind};
use serve::Budget;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::{MemKv, blob::FsObjects};

const DAY: u64 = 86_400;

/// Hands that are turned by the test.
#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000).plus(Duration::from_secs(self.0.load(Ordering::SeqCst)))
    }
}

async fn world() -> (World, Arc<Hands>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands::default());
    let objects = Arc::new(FsObjects::open(folder.path()).unwrap());
    let ground = Ground { kv: Arc::new(MemKv::new()), objects, clock: clock.clone() };
    (World::on(ground, Budget::default()).await, clock, folder)
}

/// A message of so many bytes; in the mailbox it is a little larger.
fn letter(bytes: usize) -> String {
    format!("Subject: hi\r\n\r\n{}", "x".repeat(bytes.saturating_sub(20)))
}

async fn pool(world: &World, tenant: u64, version: u64, limit: Option<u64>, grace: u64) {
    let entitlement = EntitlementSnapshot {
        storage_bytes_max: limit,
        storage_grace_bytes: grace,
        ..EntitlementSnapshot::new(TenantId(tenant), version)
    };
    world.accounts.apply(vec![Change::Entitlement(entitlement)]).await.unwrap();
}

async fn quota(world: &World, version: u64, quota: Option<u64>) {
    let account = world.account(1, "ann", "a.example", quota, version, true);
    world.accounts.apply(vec![Change::Account(account)]).await.unwrap();
}

async fn used(world: &World) -> u64 {
    world.accounts.account_usage(TenantId(1), AccountId(1)).await.unwrap().used_bytes as u64
}

async fn deliver(world: &World, bytes: usize) -> String {
    world.deliver("x@y.example", "ann@a.example", &letter(bytes)).await
}

/// Percents that were told of, and 0 for relief.
fn told(events: &[Event]) -> Vec<u32> {
    let percent = |event: &Event| match event.kind {
        EventKind::QuotaReached { percent, .. } => percent,
        EventKind::QuotaRelieved { .. } => 0,
        EventKind::SendLimitReached { .. }
        | EventKind::ExportReady { .. }
        | EventKind::ExportFailed { .. }
        | EventKind::ExportDestroyed { .. }
        | EventKind::MigrationFailed { .. }
        | EventKind::MigrationEnded { .. } => u32::MAX,
    };
    events.iter().map(percent).collect()
}

#[tokio::test]
async fn mail_uses_the_grace_and_a_full_mailbox_defers_for_three_days_and_then_refuses() {
    let (world, clock, _folder) = world().await;
    world.person(1, "ann", "a.example", Some(10_000)).await;
    pool(&world, 1, 2, None, 5_000).await;
    assert!(deliver(&world, 9_000).await.starts_with("250"));
    let mut imap = world.imap("ann@a.example").await;
    let large = letter(3_000);
    imap.ask(&format!("a APPEND INBOX {{{}+}}\r\n{large}", large.len()), "a NO [OVERQUOTA]").await;
    imap.ask("b SELECT INBOX", "b OK").await;
    imap.ask("c COPY 1 INBOX", "c NO [OVERQUOTA]").await;
    let before = used(&world).await;
    assert!(before < 10_000, "what a user stores stops at the quota: {before}");

    assert!(deliver(&world, 3_000).await.starts_with("250"), "incoming mail has the grace");
    assert!(used(&world).await > 10_000);
    assert!(deliver(&world, 3_000).await.starts_with("452 4.2.2"));
    clock.0.store(3 * DAY - 60, Ordering::SeqCst);
    assert!(deliver(&world, 3_000).await.starts_with("452 4.2.2"));
    clock.0.store(3 * DAY, Ordering::SeqCst);
    let full = used(&world).await;
    assert!(deliver(&world, 3_000).await.starts_with("552 5.2.2"));
    assert_eq!(used(&world).await, full, "what was refused is not charged");

    // Room again, for a while: the days are counted anew.
    let mut imap = world.imap("ann@a.example").await;
    imap.ask("a SELECT INBOX", "a OK").await;
    imap.ask("b STORE 1 +FLAGS (\\Deleted)", "b OK").await;
    imap.ask("c EXPUNGE", "c OK").await;
    assert!(deliver(&world, 3_000).await.starts_with("250"));
    assert!(deliver(&world, 12_000).await.starts_with("452 4.2.2"));
    world.end().await;
}

#[tokio::test]
async fn lmtp_tells_of_each_mailbox_and_zero_means_zero() {
    let (world, _clock, _folder) = world().await;
    world.person(1, "ann", "a.example", Some(0)).await;
    world.person(2, "bob", "b.example", None).await;
    pool(&world, 1, 2, None, 100_000).await;
    let mut lmtp = crate::world::Client::connect(world.lmtp).await;
    lmtp.until("220 ").await;
    lmtp.ask("LHLO c", "250 ").await;
    lmtp.ask("MAIL FROM:<x@y.example>", "250 ").await;
    lmtp.ask("RCPT TO:<ann@a.example>", "250 ").await;
    lmtp.ask("RCPT TO:<bob@b.example>", "250 ").await;
    lmtp.ask("DATA", "354 ").await;
    lmtp.ask(&format!("{}\r\n.", letter(500)), "452 4.2.2").await;
    lmtp.until("250 ").await;
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 0);
    assert_eq!(world.accounts.usage(TenantId(2)).await.unwrap().emails, 1);
    assert_eq!(world.accounts.events(0, 100).await.unwrap(), []);
    world.end().await;
}

#[tokio::test]
async fn each_threshold_is_told_once_and_again_after_relief_and_no_quota_counts_the_notices() {
    let (world, _clock, _folder) = world().await;
    world.person(1, "ann", "a.example", Some(10_000)).await;
    for _ in 0..20 {
        deliver(&world, 700).await;
    }
    assert!(deliver(&world, 700).await.starts_with("452"));
    let events = world.accounts.events(0, 100).await.unwrap();
    assert_eq!(told(&events), [80, 95, 100], "no storms");
    assert!(events.iter().all(|e| (e.tenant, e.account) == (TenantId(1), Some(AccountId(1)))));
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(world.accounts.events(2, 100).await.unwrap().len(), 1);
    assert!(used(&world).await <= 10_000);

    let mut imap = world.imap("ann@a.example").await;
    imap.ask("a SELECT INBOX", "a OK").await;
    let found = imap
        .ask("b UID SEARCH HEADER Auto-Submitted auto-generated FROM postmaster@mail.example.org", "* SEARCH")
        .await;
    let uids: Vec<&str> = found.lines().last().unwrap().split(' ').skip(2).collect();
    assert_eq!(uids.len(), 3, "{found}");
    imap.until("b OK").await;
    imap.ask(&format!("c UID FETCH {} BODY[]", uids[2]), "Your mailbox is full: ").await;
    imap.until("c OK").await;

    // A notice that its reader copies within the mailbox is a message as others are.
    imap.ask("d STORE 1:4 +FLAGS (\\Deleted)", "d OK").await;
    imap.ask("e EXPUNGE", "e OK").await;
    assert_eq!(told(&world.accounts.events(3, 100).await.unwrap()), [0]);
    let before = used(&world).await;
    imap.ask(&format!("f UID COPY {} INBOX", uids[0]), "f OK").await;
    assert!(used(&world).await > before);
    for _ in 0..3 {
        deliver(&world, 700).await;
    }
    assert_eq!(told(&world.accounts.events(4, 100).await.unwrap()), [80]);
    imap.ask("n NOOP", "n OK").await;
    imap.ask("g STORE 1:* +FLAGS (\\Deleted)", "g OK").await;
    imap.ask("h EXPUNGE", "h OK").await;
    assert_eq!(used(&world).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_pool_tells_of_itself_and_getquota_shows_no_others_use() {
    let (world, clock, _folder) = world().await;
    world.person(1, "ann", "a.example", Some(50_000)).await;
    let mut imap = world.imap("ann@a.example").await;
    let shown = imap.ask("a GETQUOTAROOT INBOX", "a OK").await;
    assert!(shown.contains("* QUOTAROOT \"INBOX\" \"\"\r\n* QUOTA \"\" (STORAGE 0 48)\r\n"), "{shown}");
    assert!(!shown.contains("organisation"), "{shown}");
    imap.ask("b GETQUOTA organisation", "b NO [NONEXISTENT]").await;

    pool(&world, 1, 2, Some(20_480), 2_000).await;
    // Somebody else of the tenant uses half of it.
    let other = world.account(1, "eve", "a.example", None, 1, true);
    let other = control::AccountSnapshot { id: AccountId(3), ..other };
    let address = control::AddressSnapshot {
        local: "eve".into(),
        domain: "a.example".into(),
        version: 1,
        tenant: TenantId(1),
        destination: control::Destination::Account(AccountId(3)),
    };
    world.accounts.apply(vec![Change::Account(other), Change::Address(address)]).await.unwrap();
    assert!(world.deliver("x@y.example", "eve@a.example", &letter(10_000)).await.starts_with("250"));
    let shown = imap.ask("c GETQUOTAROOT INBOX", "c OK").await;
    assert!(shown.contains("* QUOTAROOT \"INBOX\" \"\" \"organisation\"\r\n"), "{shown}");
    assert!(shown.contains("* QUOTA \"organisation\" (STORAGE 0 10)\r\n"), "{shown}");
    imap.ask("d GETQUOTA organisation", "* QUOTA \"organisation\" (STORAGE 0 10)").await;
    imap.until("d OK").await;

    assert!(deliver(&world, 9_000).await.starts_with("250"));
    assert!(deliver(&world, 2_000).await.starts_with("250"), "the grace");
    assert!(deliver(&world, 2_000).await.starts_with("452 4.2.2"));
    let events = world.accounts.events(0, 100).await.unwrap();
    assert_eq!(told(&events), [80, 100]);
    assert!(events.iter().all(|e| e.account.is_none()));
    clock.0.store(3 * DAY, Ordering::SeqCst);
    assert!(deliver(&world, 2_000).await.starts_with("552 5.2.2"));

    // A higher limit holds from the next message on.
    pool(&world, 1, 3, Some(60_000), 0).await;
    assert!(deliver(&world, 2_000).await.starts_with("250"));
    assert_eq!(told(&world.accounts.events(2, 100).await.unwrap()), [0]);
    quota(&world, 2, Some(1)).await;
    assert!(deliver(&world, 2_000).await.starts_with("452 4.2.2"));
    world.end().await;
}

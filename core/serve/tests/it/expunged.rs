//! SUMMARY    Expunged mail is kept for its days, comes back as it was, and never beside the quota, a hold or a purge.

use crate::world::{Ahead, Ground, PASSWORD, World};
use account::{AccountScope, ExpungedId, Job, Owner, Upkeep, UpkeepOptions};
use base::{AccountId, Kind, MailboxId, TenantId};
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot};
use mail::{ExpungedMessage, Flags, Mail, NewMessage, Restored};
use serve::Budget;
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use store::{MemKv, blob::FsObjects};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const DAYS: u32 = 14;

/// ann@a.example, whose expunged mail is kept for DAYS days.
struct Kept {
    world: World,
    mail: Mail,
    clock: Arc<Ahead>,
    ann: AccountScope<Owner>,
    _folder: tempfile::TempDir,
}

impl Kept {
    async fn new() -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Ahead::default());
        let objects = Arc::new(FsObjects::open(folder.path()).unwrap());
        let ground = Ground { kv: Arc::new(MemKv::new()), objects, clock: clock.clone() };
        let world = World::on(ground, Budget::default()).await;
        world.people().await;
        let mail = Mail::new(world.accounts.clone(), "mail.example");
        let login = world.accounts.login(Ipv4Addr::LOCALHOST.into(), "ann@a.example", PASSWORD).await.unwrap();
        let kept = Kept { world, mail, clock, ann: login.owner().unwrap(), _folder: folder };
        kept.days(2, DAYS, false).await;
        kept
    }

    async fn days(&self, version: u64, expunged_days: u32, legal_hold: bool) {
        let snapshot =
            EntitlementSnapshot { expunged_days, legal_hold, ..EntitlementSnapshot::new(TenantId(1), version) };
        self.world.accounts.apply(vec![Change::Entitlement(snapshot)]).await.unwrap();
    }

    async fn account(&self, version: u64, quota: Option<u64>, change: impl FnOnce(&mut AccountSnapshot)) {
        let mut account = self.world.account(1, "ann", "a.example", quota, version, true);
        change(&mut account);
        self.world.accounts.apply(vec![Change::Account(account)]).await.unwrap();
    }

    /// Delivers `count` messages, marks the mailbox's as flagged and as known, and expunges them all.
    async fn expunge(&self, count: usize, body: &str) {
        for n in 0..count {
            let text = format!("From: Bea <bea@elsewhere.example>\r\nSubject: number {n}\r\n\r\n{body}{n}");
            let reply = self.world.deliver("bea@elsewhere.example", "ann@a.example", &text).await;
            assert!(reply.starts_with("250"), "{reply}");
            // Two that are expunged in the same instant have ids of their own, but are told apart more easily so.
            self.clock.pass(Duration::from_secs(1));
        }
        let mut client = self.world.imap("ann@a.example").await;
        client.ask("s SELECT INBOX", "s OK").await;
        client.ask("f STORE 1:* +FLAGS.SILENT (\\Flagged Known \\Deleted)", "f OK").await;
        client.ask("e EXPUNGE", "e OK").await;
    }

    async fn listed(&self) -> Vec<ExpungedMessage> {
        self.mail.expunged(&self.ann, None).await.unwrap().0
    }

    async fn ids(&self) -> Vec<ExpungedId> {
        self.listed().await.iter().map(|m| m.id).collect()
    }

    async fn restore(&self, ids: &[ExpungedId]) -> Restored {
        self.mail.restore_expunged(&self.ann, ids).await.unwrap()
    }

    async fn used(&self) -> i64 {
        self.world.accounts.read(&self.ann).state().await.unwrap().unwrap().used_bytes
    }

    async fn forgotten(&self) -> u64 {
        let upkeep = Upkeep::new(self.world.accounts.clone(), UpkeepOptions::default());
        upkeep.run_job(Job::Expunged, false).await.unwrap().unwrap().expunged
    }
}

#[tokio::test]
async fn expunged_mail_comes_back_as_it_was_once() {
    let kept = Kept::new().await;
    let mut client = kept.world.imap("ann@a.example").await;
    client.ask("s SELECT INBOX", "s OK").await;
    kept.expunge(3, "Body.\r\n").await;
    assert_eq!(kept.used().await, 0, "no quota counts what is kept");
    let listed = kept.listed().await;
    assert_eq!(listed.len(), 3);
    assert!(listed.is_sorted_by(|a, b| a.id > b.id), "the latest first: {listed:?}");
    let ids = kept.ids().await;
    // Two calls at once: each comes back once.
    let (one, two) = tokio::join!(kept.restore(&ids), kept.restore(&ids));
    assert_eq!((one.placed.len() + two.placed.len(), one.gone.len() + two.gone.len()), (3, 3), "{one:?} {two:?}");
    assert_eq!(kept.listed().await, []);
    let came = client.ask("f UID FETCH 4:* (FLAGS BODY.PEEK[])", "f OK").await;
    for n in 0..3 {
        assert!(came.contains(&format!("Subject: number {n}\r\n\r\nBody.\r\n{n}")), "{came}");
    }
    assert_eq!(came.matches("FLAGS (\\Flagged Known)").count(), 3, "{came}");
    assert!(kept.used().await > 0);
    assert_eq!(kept.restore(&ids).await.gone, ids, "what came back does not come back again");
    kept.world.end().await;
}

#[tokio::test]
async fn what_left_a_mailbox_that_is_gone_comes_back_to_the_inbox_and_nothing_is_kept_of_moves() {
    let kept = Kept::new().await;
    let mut client = kept.world.imap("ann@a.example").await;
    client.ask("c CREATE Trips", "c OK").await;
    client.ask("a APPEND Trips {15+}\r\nSubject: x\r\n\r\ny", "a OK").await;
    client.ask("s SELECT Trips", "s OK").await;
    client.ask("m COPY 1 INBOX", "m OK").await;
    client.ask("m MOVE 1 Trash", "m OK").await;
    assert_eq!(kept.listed().await, [], "it is in mailboxes still");
    client.ask("a APPEND Trips {15+}\r\nSubject: z\r\n\r\ny", "a OK").await;
    client.ask("u UNSELECT", "u OK").await;
    client.ask("d DELETE Trips", "d OK").await;
    let ids = kept.ids().await;
    assert_eq!(ids.len(), 1);
    assert_eq!(kept.restore(&ids).await.placed.len(), 1);
    client.ask("s SELECT INBOX", "s OK").await;
    assert!(client.ask("f FETCH * BODY.PEEK[]", "f OK").await.contains("Subject: z"));
    kept.world.end().await;
}

#[tokio::test]
async fn kept_mail_is_forgotten_when_its_days_are_over_and_a_hold_keeps_it() {
    let kept = Kept::new().await;
    kept.expunge(2, "Old.\r\n").await;
    kept.clock.pass(DAY * (DAYS - 1));
    kept.expunge(1, "Young.\r\n").await;
    assert_eq!(kept.forgotten().await, 0);
    kept.clock.pass(DAY + Duration::from_secs(60));
    kept.days(3, DAYS, true).await;
    assert_eq!((kept.forgotten().await, kept.listed().await.len()), (0, 3), "what is held stays (M2)");
    kept.days(4, DAYS, false).await;
    assert_eq!(kept.listed().await.len(), 1, "what is over is not to be had, also before it is forgotten");
    assert_eq!((kept.forgotten().await, kept.listed().await.len()), (2, 1));
    kept.days(5, 0, false).await;
    assert_eq!((kept.forgotten().await, kept.listed().await.len()), (1, 0));
    kept.expunge(1, "Not kept.\r\n").await;
    assert_eq!(kept.listed().await, []);
    kept.days(6, 0, true).await;
    kept.expunge(1, "Held.\r\n").await;
    assert_eq!(kept.listed().await.len(), 1, "a hold keeps without days too");
    kept.world.end().await;
}

#[tokio::test]
async fn kept_mail_lives_in_the_free_room_of_the_mailbox() {
    let kept = Kept::new().await;
    let body = format!("{}\r\n", "0123456789abcdef\r\n".repeat(500));
    kept.account(2, Some(50_000), |_| {}).await;
    for _ in 0..4 {
        kept.expunge(2, &body).await;
    }
    let state = kept.world.accounts.read(&kept.ann).state().await.unwrap().unwrap();
    assert!(state.expunged_bytes <= 50_000 && kept.listed().await.len() >= 4, "{state:?}");
    let latest = kept.ids().await[0];
    // A smaller quota: upkeep makes room, the oldest first.
    kept.account(3, Some(15_000), |_| {}).await;
    assert!(kept.forgotten().await > 0);
    assert_eq!(kept.ids().await, [latest]);
    // It comes back only where it has room.
    kept.account(4, Some(5_000), |_| {}).await;
    let stopped = kept.restore(&[latest]).await;
    assert_eq!(stopped.stopped.map(|e| e.kind), Some(Kind::OverQuota));
    assert_eq!(kept.ids().await, [latest], "what has no room is kept");
    kept.world.end().await;
}

#[tokio::test]
async fn m1_nothing_is_kept_of_a_purged_account() {
    let kept = Kept::new().await;
    kept.expunge(2, "Secret.\r\n").await;
    let mut client = kept.world.imap("ann@a.example").await;
    client.ask("a APPEND INBOX {15+}\r\nSubject: z\r\n\r\ny", "a OK").await;
    kept.account(2, None, |account| (account.live, account.purged) = (false, true)).await;
    let upkeep = Upkeep::new(kept.world.accounts.clone(), UpkeepOptions::default());
    upkeep.run_job(Job::Purge, false).await.unwrap();
    let key = kept.world.accounts.break_glass("test", "look").unwrap();
    let mut reader = kept.world.accounts.read(&key.account(TenantId(1), AccountId(1)));
    assert!(reader.expunged(None).await.unwrap().0.is_empty() && reader.state().await.unwrap().is_none());
    // `end` verifies that no blob is left without an owner.
    kept.world.end().await;
}

#[tokio::test]
async fn nobody_is_to_have_back_what_a_failed_copy_placed() {
    let kept = Kept::new().await;
    let bytes = bytes::Bytes::from_static(b"Subject: small\r\n\r\n0123456789");
    let size = bytes.len() as u64;
    let inbox = kept.world.accounts.read(&kept.ann).state().await.unwrap().map_or(MailboxId(1), |s| MailboxId(s.inbox));
    let new = || NewMessage { bytes: bytes.clone(), flags: Flags::default(), received_at: None };
    let uids = kept.mail.append(&kept.ann, inbox, &(0..600).map(|_| new()).collect::<Vec<_>>()).await.unwrap();
    // The first 500 copies have room, the rest has none.
    kept.account(2, Some(size * 1_150), |_| {}).await;
    assert_eq!(kept.mail.copy(&kept.ann, inbox, inbox, &uids).await.unwrap_err().kind, Kind::OverQuota);
    assert_eq!(kept.used().await as u64, 600 * size, "it is taken back");
    assert_eq!(kept.listed().await, []);
    kept.world.end().await;
}

#[tokio::test]
async fn what_is_kept_never_outgrows_the_limit_by_expunging_however_small_the_oldest_are() {
    let kept = Kept::new().await;
    kept.expunge(40, "").await;
    let small = kept.world.accounts.read(&kept.ann).state().await.unwrap().unwrap().expunged_bytes;
    let limit = u64::try_from(small).unwrap() + 4_000;
    kept.account(2, Some(limit), |_| {}).await;
    for _ in 0..8 {
        kept.expunge(1, &"0123456789abcdef\r\n".repeat(200)).await;
        let state = kept.world.accounts.read(&kept.ann).state().await.unwrap().unwrap();
        assert!(state.used_bytes + state.expunged_bytes <= limit as i64, "{state:?} of {limit}");
    }
    assert!(kept.listed().await.iter().any(|m| m.size_bytes > 3_000), "the latest pushes out the oldest");
    kept.world.end().await;
}

//! SUMMARY    A COPY of several transactions on a store that crashes within each of them: all of it is there afterwards, or nothing.

use crate::world::{Ground, World};
use base::SystemClock;
use serve::Budget;
use std::sync::Arc;
use store::{
    MemKv,
    blob::FsObjects,
    faults::{FaultRates, Faulty},
};

const MESSAGES: usize = 1_100;

#[tokio::test]
async fn a_large_copy_that_a_crash_cuts_off_leaves_nothing() {
    let (mut none, mut whole) = (0, 0);
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let faulty = Faulty::new(Arc::new(MemKv::new()), seed, FaultRates::default());
        let ground = || Ground {
            kv: Arc::new(faulty.clone()),
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            clock: Arc::new(SystemClock),
        };
        let world = World::on(ground(), Budget::default()).await;
        world.people().await;
        let mut ann = world.imap("ann@a.example").await;
        for _ in 0..MESSAGES / 100 {
            ann.ask(&format!("a APPEND INBOX {}", ["{2+}\r\nhi"; 100].join(" ")), "a OK").await;
        }
        ann.ask("b SELECT INBOX", "b OK").await;
        faulty.crash_after(seed % 3);
        assert!(ann.ask("c COPY 1:* Archive", "c ").await.contains("c NO [UNAVAILABLE]"));
        assert!(faulty.is_crashed());
        drop(ann);

        // A new process on what was durable, before it serves.
        faulty.restart();
        let world = World::on(ground(), Budget::default()).await;
        let undone = world.accounts.take_over_all().await.unwrap().parts;
        let mut ann = world.imap("ann@a.example").await;
        let status = ann.ask("d STATUS Archive (MESSAGES)", "d OK").await;
        if status.contains(&format!("MESSAGES {MESSAGES})")) {
            assert!(seed % 3 == 2 && undone == 0, "only the last transaction makes it whole");
            whole += 1;
        } else {
            assert!(status.contains("MESSAGES 0)"), "{seed}: {status}");
            none += 1;
        }
        assert_eq!(world.accounts.take_over_all().await.unwrap().parts, 0, "nothing is left to be taken back");
        ann.ask("e SELECT INBOX", "e OK").await;
        let expected = if status.contains("MESSAGES 0)") { MESSAGES } else { 2 * MESSAGES };
        ann.ask("f COPY 1:* Archive", "f OK").await;
        assert!(ann.ask("g STATUS Archive (MESSAGES)", "g OK").await.contains(&format!("MESSAGES {expected})")));
        world.end().await;
    }
    assert!(none > 0 && whole + none == 8);
}

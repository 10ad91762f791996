//! SUMMARY    What people do about an item while the worker runs: held, released, returned; and what the page tells of it.

use super::*;
use control::{QueueActed, QueueAction, QueueAsked, QueueFate, QueueFilter, QueueItem, QueueOrder, QueueState};

impl Desk {
    async fn page(&self, ended: bool) -> Vec<QueueItem> {
        let filter = QueueFilter::default();
        let asked = QueueAsked { tenant: TenantId(1), below: false, ended, filter, after: None, limit: 100 };
        Control::queue(&self.accounts, asked).await.unwrap().items
    }

    async fn act(&self, item: &QueueItem, action: QueueAction) {
        let order = QueueOrder { tenant: TenantId(1), item: item.id, action, dry_run: false };
        let acted = self.accounts.queue_act(order).await.unwrap();
        assert!(matches!(acted, QueueActed::Done(_)), "{acted:?}");
    }
}

#[tokio::test]
async fn a_page_tells_what_each_attempt_was_answered_and_afterwards_what_became_of_it() {
    let desk = Desk::new().await;
    desk.send(&["later@b.example", "ok@b.example"]).await;
    desk.start();
    desk.until("tried", async |d: &Desk| d.page(false).await.iter().any(|i| i.attempts == 1)).await;
    let item = desk.page(false).await.remove(0);
    let now = desk.clock.now();
    assert_eq!((item.state, item.next_attempt_at > Some(now)), (QueueState::Waiting, true));
    let fates: Vec<_> = item.recipients.iter().map(|r| (r.fate, r.reply.as_str(), r.at)).collect();
    let (waits, done) = ((QueueFate::Waiting, "450 later", Some(now)), (QueueFate::Delivered, "250 taken", Some(now)));
    assert_eq!(fates, [waits, done]);
    assert_eq!(
        item.answers.iter().map(|a| (a.attempt, a.reply.as_str())).collect::<Vec<_>>(),
        [(1, "450 later"), (1, "250 taken")]
    );
    assert!(item.answers.iter().all(|a| a.host.contains("127.0.0.1")), "{:?}", item.answers);
    desk.act(&item, QueueAction::Retry).await;
    desk.until("tried again", async |d: &Desk| d.page(false).await.iter().any(|i| i.attempts == 2)).await;
    desk.clock.0.fetch_add(6 * 24 * 3_600_000, Ordering::SeqCst);
    desk.until("given up", async |d: &Desk| d.page(false).await.is_empty()).await;
    let ended = desk.page(true).await.remove(0);
    assert_eq!((ended.id, ended.state, ended.next_attempt_at), (item.id, QueueState::Ended, None));
    assert_eq!(ended.recipients.iter().map(|r| r.fate).collect::<Vec<_>>(), [QueueFate::Failed, QueueFate::Delivered]);
    desk.end().await;
}

#[tokio::test]
async fn what_a_person_holds_is_not_sent_and_goes_out_when_it_is_released() {
    let desk = Desk::new().await;
    desk.send(&["ok@b.example"]).await;
    let item = desk.page(false).await.remove(0);
    desk.act(&item, QueueAction::Hold { reason: "Looked at.".into() }).await;
    desk.start();
    desk.act(&item, QueueAction::Retry).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!((desk.connections.load(Ordering::SeqCst), desk.waiting().await), (0, 1));
    desk.act(&item, QueueAction::Release).await;
    desk.until("sent", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
    desk.end().await;
}

#[tokio::test]
async fn what_is_returned_goes_to_its_sender_with_the_reason_and_nowhere_else() {
    let desk = Desk::new().await;
    desk.send(&["ok@b.example"]).await;
    let item = desk.page(false).await.remove(0);
    desk.act(&item, QueueAction::Hold { reason: "Looked at.".into() }).await;
    let back = || QueueAction::Return { reason: "Sent by mistake.".into() };
    desk.act(&item, back()).await;
    desk.start();
    desk.until("returned", async |d: &Desk| d.waiting().await == 0 && d.bounces().await == 1).await;
    assert!(desk.reports().await[0].contains("Sent by mistake."));
    assert_eq!(desk.connections.load(Ordering::SeqCst), 0);
    // Asked again after its answer was lost: it is done, and nobody is told twice.
    desk.act(&item, back()).await;
    assert_eq!((desk.bounces().await, desk.page(true).await[0].recipients[0].fate), (1, QueueFate::Failed));
    desk.end().await;
}

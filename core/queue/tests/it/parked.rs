//! SUMMARY    Mail of who may not send: parked with its reason, not expiring, free again when the hold goes (H3, H4).

use super::*;
use account::{Login, record::QueueItem};
use control::{Capabilities, Capability, CredentialKind, CredentialSnapshot, HoldKind, Restriction};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn hold() -> Restriction {
    Restriction {
        kind: HoldKind::Abuse,
        code: "SPAM_REPORTED".into(),
        reason: "Spam was sent.".into(),
        next_step: "Write to abuse@provider.example.".into(),
        blocks: vec![Capability::SendExternal],
    }
}

impl Desk {
    async fn tenant(&self, version: u64, held: bool) {
        let mut e = EntitlementSnapshot::new(TenantId(1), version);
        if held {
            e.capabilities = Capabilities::ALL.without(Capability::SendExternal);
            e.restrictions = vec![hold()];
        }
        self.accounts.apply(vec![Change::Entitlement(e)]).await.unwrap();
    }

    /// Ann with a password that opens her account by SCRAM.
    async fn ann(&self, version: u64, change: impl FnOnce(&mut AccountSnapshot)) {
        let mut ann = AccountSnapshot::new(AccountId(1), TenantId(1), version, "ann@a.example");
        // Nobody proves a password here.
        let scram = "verifier".to_owned();
        ann.credentials = vec![CredentialSnapshot::new("c1", CredentialKind::Password, String::new(), scram)];
        change(&mut ann);
        self.accounts.apply(vec![Change::Account(ann)]).await.unwrap();
    }

    async fn login(&self) -> Login {
        self.accounts.scram("ann@a.example").await.unwrap().unwrap().proven().unwrap()
    }

    async fn submit(&self, login: &Login, to: &str) {
        let recipients =
            [EnvelopeRecipient { address: Address::parse(to).unwrap(), route: None, notify: 0, orcpt: String::new() }];
        let sender = Address::parse("ann@a.example").unwrap();
        let message = b"Received: from x\r\nSubject: out\r\n\r\nbody\r\n";
        let accept = Accept::new(Source::Submission(login), Some(&sender), &recipients, message);
        self.mail.accept(accept).await.unwrap();
    }

    async fn parked(&self) -> Vec<QueueItem> {
        self.items().await.into_iter().filter(|i| i.parked).collect()
    }

    /// One is parked; nothing was sent, nobody was connected to.
    async fn until_parked(&self) -> QueueItem {
        self.until("parked", async |d: &Desk| d.parked().await.len() == 1).await;
        assert!(self.taken.lock().unwrap().is_empty());
        assert_eq!((self.connections.load(Ordering::SeqCst), self.bounces().await), (0, 0));
        self.parked().await.remove(0)
    }

    async fn until_sent(&self) {
        self.until("sent", async |d: &Desk| d.waiting().await == 0).await;
        assert_eq!(self.taken.lock().unwrap().len(), 1);
        assert_eq!(self.bounces().await, 0);
    }
}

#[tokio::test]
async fn h3_h4_mail_of_a_held_tenant_is_parked_with_its_reason_and_flows_after_the_release() {
    let desk = Desk::new().await;
    desk.ann(2, |_| {}).await;
    desk.submit(&desk.login().await, "ok@b.example").await;
    desk.tenant(2, true).await;
    desk.start();
    let item = desk.until_parked().await;
    assert_eq!(item.parked_reason, "Spam was sent. Write to abuse@provider.example. (SPAM_REPORTED)");
    assert_eq!((item.attempts, item.leased), (0, false));
    // A week later, beyond its life of five days: it still waits, and nobody was told of a delay.
    let expires = item.expires_at_ms;
    desk.clock.0.fetch_add(7 * DAY_MS, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!((desk.parked().await.len(), desk.bounces().await), (1, 0));
    assert_eq!(desk.accounts.held_back(TenantId(1), &item).await.unwrap().as_ref(), Some(&item.parked_reason));
    desk.tenant(3, false).await;
    desk.until_sent().await;
    assert!(desk.clock.now().0 > expires);
    desk.end().await;
}

#[tokio::test]
async fn h3_forwarded_mail_and_bounces_of_a_held_tenant_wait_too() {
    let desk = Desk::new().await;
    desk.tenant(2, true).await;
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until_parked().await;
    desk.tenant(3, false).await;
    desk.until_sent().await;
    desk.end().await;
}

#[tokio::test]
async fn h4_mail_sent_with_a_suspect_password_is_parked_and_other_mail_of_the_account_is_not() {
    let desk = Desk::new().await;
    desk.ann(2, |_| {}).await;
    let suspect = desk.login().await;
    desk.submit(&suspect, "spam@b.example").await;
    let held = |ann: &mut AccountSnapshot| {
        let other = CredentialSnapshot::new(
            "c2",
            CredentialKind::AppPassword,
            String::new(),
            ann.credentials[0].scram_sha256.clone(),
        );
        ann.credentials[0].restrictions = vec![hold()];
        ann.credentials.push(other);
    };
    desk.ann(3, held).await;
    let other = desk.login().await;
    assert_eq!((suspect.credential(), other.credential()), ("c1", "c2"));
    desk.submit(&other, "ok@b.example").await;
    desk.start();
    desk.until("the other went out", async |d: &Desk| d.taken.lock().unwrap().len() == 1).await;
    desk.until("one is parked", async |d: &Desk| d.parked().await.len() == 1 && d.waiting().await == 1).await;
    assert_eq!(desk.taken.lock().unwrap()[0].0, ["ok@b.example"]);
    desk.ann(4, |_| {}).await;
    desk.until("both went out", async |d: &Desk| d.waiting().await == 0).await;
    desk.end().await;
}

#[tokio::test]
async fn parked_mail_is_given_up_after_a_month_and_its_sender_is_told_why() {
    let desk = Desk::new().await;
    desk.ann(2, |a| a.capabilities = Capabilities::ALL.without(Capability::SendExternal)).await;
    desk.send(&["ok@b.example"]).await;
    desk.tenant(2, true).await;
    desk.start();
    desk.until_parked().await;
    desk.clock.0.fetch_add(31 * DAY_MS, Ordering::SeqCst);
    desk.until("given up", async |d: &Desk| d.waiting().await == 0 && d.bounces().await == 1).await;
    assert!(desk.reports().await[0].contains("SPAM_REPORTED"));
    assert_eq!(desk.connections.load(Ordering::SeqCst), 0);
    desk.end().await;
}

#[tokio::test]
async fn an_operators_retry_does_not_let_held_mail_through_and_a_cancel_removes_it() {
    let desk = Desk::new().await;
    desk.tenant(2, true).await;
    desk.send(&["ok@b.example"]).await;
    desk.start();
    let item = desk.until_parked().await;
    let (tenant, id, now) = (TenantId(1), base::QueueId(item.id), desk.clock.now().0);
    desk.accounts.amend(tenant, id, |q| (q.parked, q.due_at_ms) = (false, now)).await.unwrap();
    desk.until_parked().await;
    desk.accounts.amend(tenant, id, |q| q.recipients.iter_mut().for_each(|r| r.status = 3)).await.unwrap();
    assert_eq!(desk.waiting().await, 0);
    desk.tenant(3, false).await;
    assert_eq!(desk.connections.load(Ordering::SeqCst), 0);
    desk.end().await;
}

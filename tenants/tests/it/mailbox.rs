//! SUMMARY    Mailboxes without a password, with one from elsewhere; what the key of a request makes of them.

use crate::desk::{Desk, keyed, new_mailbox, terms};
use control::AccountKind;
use tenants::{Code, MailboxPatch, NewMailbox, NewPassword};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";

#[tokio::test]
async fn a_mailbox_without_a_password_has_no_credential_until_one_is_set() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let new =
        NewMailbox { password: NewPassword::Unset, kind: AccountKind::Shared, ..new_mailbox("sales@alpha.example") };
    let made = desk.service.mailbox_create(&actor, &terms(), &new).await.unwrap().object;
    assert!(!made.has_password);
    let told = desk.account(made.id);
    assert_eq!((told.kind, told.credentials.len(), told.live), (AccountKind::Shared, 0, true));
    let patch = MailboxPatch { password: Some("long enough".into()), ..MailboxPatch::default() };
    assert!(desk.service.mailbox_update(&actor, &terms(), made.id, &patch).await.unwrap().object.has_password);
    assert_eq!(desk.account(made.id).credentials.len(), 1);
}

#[tokio::test]
async fn a_hash_takes_part_in_what_a_key_stands_for() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let hashed =
        |hash: &str| NewMailbox { password: NewPassword::Hash(hash.into()), ..new_mailbox("ann@alpha.example") };
    let create = async |new: &NewMailbox| desk.service.mailbox_create(&actor, &keyed("k"), new).await;
    let first = create(&hashed(HASH)).await.unwrap().object;
    assert_eq!(create(&hashed(HASH)).await.unwrap().object.id, first.id);
    let other = HASH.replace("t=2", "t=3");
    assert_eq!(create(&hashed(&other)).await.unwrap_err().code, Code::IdempotencyMismatch);
    assert_eq!(desk.account(first.id).credentials[0].scram_sha256, "");
}

//! SUMMARY    Everything told again: when the data plane's store is another or an older one, and when it is time; in pages.

use crate::desk::{Desk, new_alias, open, terms};
use control::{Change, Hello};
use std::sync::atomic::Ordering;

/// As `limits::RESEND_PAGE` has it.
const PAGE: usize = 500;

fn hello(store: u64, applied: u64) -> Hello {
    Hello { store, applied }
}

impl Desk {
    /// The data plane says this; whether it is told everything again.
    async fn says(&self, hello: Hello) -> bool {
        *self.plane.hello.lock().unwrap() = hello;
        self.plane.told.lock().unwrap().clear();
        let resent = self.service.resend_if(false).await.unwrap();
        assert_eq!(resent, !self.plane.told.lock().unwrap().is_empty());
        resent
    }
}

#[tokio::test]
async fn another_store_and_an_older_one_are_told_everything_and_the_same_one_is_not() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    desk.mailbox(&actor, "ann@alpha.example").await;
    assert!(desk.says(hello(7, 10)).await, "never seen before");
    assert!(!desk.says(hello(7, 10)).await);
    assert!(!desk.says(hello(7, 25)).await);
    assert!(desk.says(hello(7, 24)).await, "restored from a backup");
    assert!(!desk.says(hello(7, 24)).await);
    assert!(desk.says(hello(8, 900)).await, "another store");
    assert!(!desk.says(hello(8, 900)).await);
    assert!(desk.says(hello(7, 900)).await, "and back");
}

#[tokio::test]
async fn a_control_plane_that_starts_again_remembers_what_it_saw() {
    let desk = Desk::new().await;
    desk.customer("alpha").await;
    assert!(desk.says(hello(7, 10)).await);
    let again = open(&desk.file, desk.plane.clone()).await;
    assert!(!again.resend_if(false).await.unwrap());
    *desk.plane.hello.lock().unwrap() = hello(9, 0);
    assert!(again.resend_if(false).await.unwrap());
}

#[tokio::test]
async fn when_it_is_time_the_same_store_is_told_everything_too() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    desk.says(hello(7, 10)).await;
    let before = desk.account(ann.id);
    desk.plane.told.lock().unwrap().clear();
    assert!(desk.service.resend_if(true).await.unwrap());
    assert_eq!(desk.account(ann.id), before);
}

#[tokio::test]
async fn a_pass_that_is_cut_off_counts_for_nothing() {
    let desk = Desk::new().await;
    desk.customer("alpha").await;
    desk.says(hello(7, 10)).await;
    *desk.plane.hello.lock().unwrap() = hello(8, 0);
    desk.plane.down.store(true, Ordering::SeqCst);
    assert!(!desk.service.resend_if(true).await.unwrap(), "nobody to tell");
    desk.plane.down.store(false, Ordering::SeqCst);
    assert!(desk.says(hello(8, 0)).await);
}

#[tokio::test]
async fn everything_is_told_once_in_pages() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    for n in 0..PAGE + 20 {
        let alias = new_alias(&format!("alias{n}@alpha.example"), &["ann@alpha.example"]);
        desk.service.alias_create(&actor, &terms(), &alias).await.unwrap();
    }
    desk.plane.told.lock().unwrap().clear();
    desk.plane.batch_max.store(0, Ordering::SeqCst);
    let sent = desk.service.resend_all().await.unwrap();
    let told = desk.plane.told.lock().unwrap();
    assert_eq!(told.len() as u64, sent);
    assert_eq!(desk.plane.batch_max.load(Ordering::SeqCst), PAGE);
    let count = |of: fn(&Change) -> bool| told.iter().filter(|c| of(c)).count();
    // The provider and the customer.
    assert_eq!(count(|c| matches!(c, Change::Entitlement(_))), 2);
    assert_eq!(count(|c| matches!(c, Change::Domain(_))), 1);
    assert_eq!(count(|c| matches!(c, Change::Account(_))), 1);
    let mut addresses: Vec<&str> = told
        .iter()
        .filter_map(|c| match c {
            Change::Address(a) => Some(a.local.as_str()),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), PAGE + 21);
    assert!(matches!(told.last(), Some(Change::Domain(_))), "mail is taken once everything behind the domain is known");
    drop(told);
    assert_eq!(desk.account(ann.id).send_as.len(), PAGE + 20);
}

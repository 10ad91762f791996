//! SUMMARY    Masked addresses lead to their mailbox, are switched off, and are never given again.

use crate::desk::{Desk, keyed, terms};
use control::Destination;
use tenants::{Code, MaskedPatch, NewMasked, Page, limits::MASKED_PER_MAILBOX_MAX};

fn new_masked(mailbox: base::AccountId, site: &str) -> NewMasked {
    NewMasked { mailbox, domain: None, label: "Shop".into(), note: "since May".into(), site: site.into() }
}

#[tokio::test]
async fn one_leads_to_its_mailbox_until_it_is_switched_off() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let make =
        async |site| desk.service.masked_create(&actor, &terms(), &new_masked(ann.id, site)).await.unwrap().object;
    let (one, two) = (make("one.example").await, make("two.example").await);
    assert_ne!(one.address, two.address);
    assert!(one.address.ends_with("@alpha.example") && one.address.len() == "@alpha.example".len() + 12);
    assert_eq!(desk.destination(&one.address), Destination::Forward(vec!["ann@alpha.example".into()]));
    let mut both = vec![one.address.clone(), two.address.clone()];
    both.sort();
    assert_eq!(desk.account(ann.id).send_as, both);
    let off = MaskedPatch { enabled: Some(false), ..MaskedPatch::default() };
    let changed = desk.service.masked_update(&actor, &terms(), &one.address, &off).await.unwrap().object;
    assert_eq!((changed.enabled, changed.site.as_str(), changed.note.as_str()), (false, "one.example", "since May"));
    assert_eq!(desk.destination(&one.address), Destination::Disabled);
    assert_eq!(desk.account(ann.id).send_as, std::slice::from_ref(&two.address));
    desk.service.masked_delete(&actor, &keyed("k"), &two.address).await.unwrap();
    assert_eq!(desk.destination(&two.address), Destination::Tombstone);
    assert!(desk.account(ann.id).send_as.is_empty());
    let (listed, count) = desk.service.masked_of(&actor, ann.id, &Page::first(5)).await.unwrap();
    assert_eq!((listed[0].address.as_str(), count), (one.address.as_str(), 1));
}

#[tokio::test]
async fn a_note_has_lines_and_no_other_control_characters() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let make = async |note: &str| {
        let new = NewMasked { note: note.into(), ..new_masked(ann.id, "s") };
        desk.service.masked_create(&actor, &terms(), &new).await
    };
    make("since May\nfor the newsletter").await.unwrap();
    for note in ["a\rb", "a\u{0}b", "a\u{1b}[31mb", "a\u{85}b", "a\u{202e}b", "\u{2800}"] {
        let refused = make(note).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "note"), "{note:?}");
    }
}

#[tokio::test]
async fn another_tenants_mailbox_and_domain_are_not_there() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let masked = desk.service.masked_create(&actor, &terms(), &new_masked(ann.id, "s")).await.unwrap().object;
    let told = desk.plane.told.lock().unwrap().len();
    let foreign = NewMasked { domain: Some("beta.example".into()), ..new_masked(ann.id, "s") };
    let off = MaskedPatch { enabled: Some(false), ..MaskedPatch::default() };
    let refused = [
        desk.service.masked_create(&other, &terms(), &new_masked(ann.id, "s")).await.unwrap_err(),
        desk.service.masked_create(&actor, &terms(), &foreign).await.unwrap_err(),
        desk.service.masked_create(&desk.operator, &terms(), &foreign).await.unwrap_err(),
        desk.service.masked_update(&other, &terms(), &masked.address, &off).await.unwrap_err(),
        desk.service.masked_delete(&other, &terms(), &masked.address).await.unwrap_err(),
        desk.service.masked_of(&other, ann.id, &Page::first(5)).await.unwrap_err(),
    ];
    assert!(refused.iter().all(|e| e.code == Code::NotFound), "{refused:?}");
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
}

#[tokio::test]
async fn a_mailbox_has_so_many_and_no_more() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let fill = format!(
        "INSERT INTO address (domain, local, tenant, kind, account, enabled, label, note, site, version) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         SELECT 'alpha.example', 'm' || i, '{tenant}', 'masked', '{}', 1, '', '', '', 1 FROM n",
        MASKED_PER_MAILBOX_MAX - 1,
        ann.id
    );
    crate::raw::run(&desk, &fill).await.unwrap();
    let last = desk.service.masked_create(&actor, &terms(), &new_masked(ann.id, "s")).await.unwrap().object;
    let refused = desk.service.masked_create(&actor, &terms(), &new_masked(ann.id, "s")).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::LimitReached, "mailboxId"));
    assert!(refused.message.contains("MASKED_PER_MAILBOX_MAX"), "{refused}");
    desk.service.masked_delete(&actor, &terms(), &last.address).await.unwrap();
    desk.service.masked_create(&actor, &terms(), &new_masked(ann.id, "s")).await.unwrap();
}

//! SUMMARY    A provider is dumped and filled in elsewhere: the same rows, the same rights, and it goes on from there.

use crate::{
    desk::{Desk, Plane, database, new_alias, open, terms},
    people::{PASSWORD, person, sign_in, signed_in},
};
use base::Address;
use std::{path::Path, sync::Arc};
use tenants::{
    Actor, AuditFilter, Code, Database, Dump, DumpRow, DumpedMailbox, DumpedMailboxState, Fill, Mailbox, MailboxSearch,
    NewRole, Page, Permission, Permissions, SignIn,
};

async fn read(mut dump: Dump) -> Vec<DumpRow> {
    let mut rows = Vec::new();
    loop {
        let page = dump.page().await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

async fn fill(database: Database, rows: &[DumpRow]) {
    let mut fill = Fill::begin(database).await.unwrap();
    for (key, value) in rows {
        fill.row(key, value).await.unwrap();
    }
    fill.finish().await.unwrap();
}

fn texts(rows: &[DumpRow]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    rows.iter().map(|(key, value)| (text(key), text(value))).collect()
}

struct Town {
    desk: Desk,
    tenant: base::TenantId,
    owner: Actor,
    ann: Mailbox,
    ben: Mailbox,
    gone: Mailbox,
}

/// A customer with people, roles, sessions, jobs, mailboxes of every state, another name of its domain.
async fn town() -> Town {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    desk.customer("beta").await;
    let service = &desk.service;
    service.domain_vouch(&desk.operator, &terms(), tenant, "also.example").await.unwrap();
    service.domain_alias_create(&desk.operator, &terms(), "also.example", "alpha.example").await.unwrap();
    let ann = desk.mailbox(&owner, "Ann@alpha.example").await;
    let ben = desk.mailbox(&owner, "ben@alpha.example").await;
    let gone = desk.mailbox(&owner, "gone@alpha.example").await;
    service.mailbox_delete(&owner, &terms(), ben.id).await.unwrap();
    service.mailbox_delete(&owner, &terms(), gone.id).await.unwrap();
    service.mailbox_purge(&owner, &terms(), gone.id).await.unwrap();
    service
        .alias_create(&owner, &terms(), &new_alias("team@alpha.example", &["ann@alpha.example", "x@y.example"]))
        .await
        .unwrap();
    person(&desk, &owner, tenant, "pat@x.example", "help-desk").await;
    let permissions = Permissions::of(&[Permission::MailboxRead]);
    let role = NewRole { tenant, name: "Readers".into(), permissions };
    service.role_create(&owner, &terms(), &role).await.unwrap();
    service.audit_export(&owner, &terms(), tenant, &AuditFilter::default()).await.unwrap();
    Town { desk, tenant, owner, ann, ben, gone }
}

async fn service_of(file: &Path) -> Arc<tenants::Service> {
    open(file, Arc::new(Plane::default())).await
}

#[tokio::test]
async fn a_provider_is_the_same_after_it_went_through_a_dump_and_goes_on() {
    let Town { desk, tenant, owner, ann, .. } = town().await;
    let rows = read(desk.service.dump().await.unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("a.sqlite"), folder.path().join("b.sqlite"));
    // By way of a file to the engine of the tests, and back to a file.
    fill(Database::Sqlite(other.clone()), &rows).await;
    assert_eq!(texts(&read(Dump::open(Database::Sqlite(other)).await.unwrap()).await), texts(&rows));
    fill(database(&file), &rows).await;
    let again = read(Dump::open(database(&file)).await.unwrap()).await;
    assert_eq!(texts(&again), texts(&rows));
    let restored = service_of(&file).await;
    let check = restored.audit_verify(&owner, tenant, 0).await.unwrap();
    assert_eq!((check.broken, check.verified), (None, check.head.number));
    assert!(check.verified > 8, "{}", check.verified);
    let known = restored.mailboxes_by_id(&owner, &[ann.id]).await.unwrap();
    assert_eq!(known[&ann.id].address, "ann@alpha.example");
    // The next event has a number behind the last one.
    let last = restored.events_end().await.unwrap();
    assert_eq!(last, desk.service.events_end().await.unwrap());
    restored.session_create(&sign_in(SignIn::Person, "pat@x.example", PASSWORD)).await.unwrap();
    let new = crate::desk::new_mailbox("new@alpha.example");
    restored.mailbox_create(&owner, &terms(), &new).await.unwrap();
    let (events, _) = restored.events(&owner, tenant, false, &Page::first(200)).await.unwrap();
    assert!(events.last().unwrap().seq > last);
    let check = restored.audit_verify(&owner, tenant, 0).await.unwrap();
    assert_eq!((check.broken, check.verified), (None, check.head.number));
    signed_in(&desk, "pat@x.example", tenant).await;
}

#[tokio::test]
async fn an_operator_restores_into_an_empty_database_only() {
    let Town { desk, .. } = town().await;
    let rows = read(desk.service.dump().await.unwrap()).await;
    let error = Fill::begin(database(&desk.file)).await.err().unwrap();
    assert_eq!(error.code, Code::InUse);
    assert_eq!(texts(&read(desk.service.dump().await.unwrap()).await), texts(&rows));
    let nowhere = desk.file.with_file_name("nowhere.sqlite");
    assert_eq!(Dump::open(Database::Sqlite(nowhere.clone())).await.err().unwrap().code, Code::NotFound);
    assert!(!nowhere.exists());
}

/// What is found when only the ranges are read; and how many rows that were.
fn searched(rows: &[DumpRow], mut search: MailboxSearch) -> (Vec<DumpedMailbox>, usize) {
    let mut count = 0;
    while let Some(range) = search.range().unwrap() {
        for (key, value) in rows.iter().filter(|(key, _)| range.contains(key)) {
            search.row(key, value).unwrap();
            count += 1;
        }
    }
    (search.found(), count)
}

#[tokio::test]
async fn a_dump_tells_which_mailbox_an_address_was() {
    let Town { desk, tenant, ann, ben, gone, .. } = town().await;
    let rows = read(desk.service.dump().await.unwrap()).await;
    let by = |address: &str| searched(&rows, MailboxSearch::by_address(&Address::parse(address).unwrap()));
    for (address, id, state, read) in [
        ("ann@alpha.example", ann.id, DumpedMailboxState::Live, 3),
        ("ANN@Alpha.example", ann.id, DumpedMailboxState::Live, 3),
        // The domain's other name, then the address, then the mailbox.
        ("ann@also.example", ann.id, DumpedMailboxState::Live, 3),
        ("ben@alpha.example", ben.id, DumpedMailboxState::Deleted, 3),
        // Nobody has the address: all three mailboxes are looked at.
        ("gone@alpha.example", gone.id, DumpedMailboxState::Purged, 5),
    ] {
        let (found, count) = by(address);
        assert_eq!(
            found.iter().map(|m| (m.id, m.tenant, m.state)).collect::<Vec<_>>(),
            [(id, tenant, state)],
            "{address}"
        );
        assert_eq!(count, read, "{address}");
    }
    for address in ["nobody@alpha.example", "team@alpha.example", "ann@elsewhere.example"] {
        assert_eq!(by(address).0, [], "{address}");
    }
    let (found, count) = searched(&rows, MailboxSearch::by_id(ben.id));
    assert_eq!(
        (found[0].address.as_str(), found[0].state, count),
        ("ben@alpha.example", DumpedMailboxState::Deleted, 1)
    );
    assert!(found[0].deleted_at_ms.is_some());
    let mut search = MailboxSearch::by_id(ann.id);
    let key = search.range().unwrap().unwrap().start;
    let error = search.row(&key, br#"{"id":7}"#).unwrap_err();
    assert!(error.code == Code::Invalid && error.message.contains("mailbox"), "{error}");
}

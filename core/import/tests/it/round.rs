//! SUMMARY    What is exported and brought into another tenant's mailbox is exported again as it was.

use crate::world::{ANN, BEN, EVA, EVE, World, archives, entries, input, packed};
use account::ExportShape;
use archive::manifest::Manifest;
use base::Kind;
use import::{Order, open};

fn said(manifest: &Manifest) -> Vec<(String, String, String)> {
    let account = manifest.accounts.first().unwrap();
    let mut all: Vec<_> = account
        .mailboxes
        .iter()
        .map(|m| (m.full_name.clone(), format!("{:?}", m.role), format!("{:?}", m.totals)))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_was_exported_is_brought_into_another_tenants_mailbox_as_it_was() {
    let world = World::new().await;
    world.fill().await;
    for (account, shape, bytes) in
        [(EVE, ExportShape::Mbox, 4 << 30), (EVA, ExportShape::Maildir, 20_000), (ANN, ExportShape::Mbox, 20_000)]
    {
        let before = world.export(&[ANN], shape, bytes).await;
        let inputs = archives(&before);
        assert!(bytes == 4 << 30 || inputs.len() > 3, "{}", inputs.len());
        let report = world.import(account, inputs, &Order::default()).await.unwrap();
        assert_eq!((report.problems.as_slice(), report.problems_told), (&[][..], 0));
        assert_eq!(report.passed_over, 0, "{:?}", report.passed_names);
        let there = account == ANN;
        assert_eq!((report.imported == 0, report.already_there == 0), (there, !there), "{report:?}");
        let after = world.export(&[account], shape, bytes).await;
        let (before, after) = (world.manifest(&before), world.manifest(&after));
        assert_eq!(said(&before), said(&after));
        assert_eq!(before.mail_digest, after.mail_digest);
        assert_eq!(before.accounts[0].totals, after.accounts[0].totals);
        let subscribed = world.mail.mailbox_at(&world.owner(account).await, "Work/Alt").await.unwrap().1.subscribed;
        assert!(!subscribed);
    }
}

#[tokio::test]
async fn archives_that_were_unpacked_or_packed_anew_are_the_same() {
    let world = World::new().await;
    world.fill().await;
    for shape in [ExportShape::Mbox, ExportShape::Maildir] {
        let expect = World::new().await;
        let files = world.export(&[ANN], shape, 20_000).await;
        expect.import(EVE, archives(&files), &Order::default()).await.unwrap();
        let expect = expect.dump(EVE).await;
        // All archives into one, below a folder, deflated; and on disk.
        let folder = tempfile::tempdir().unwrap();
        let mut all = Vec::new();
        for (name, bytes) in entries(&files).into_iter().filter(|(name, _)| !name.ends_with('/')) {
            let path = folder.path().join(&name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &bytes).unwrap();
            all.push((format!("my mail/{name}"), bytes));
        }
        let all: Vec<(&str, &[u8])> = all.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        for inputs in [vec![input("mine.zip", packed(&all))], open(folder.path()).await.unwrap()] {
            let other = World::new().await;
            let report = other.import(EVE, inputs, &Order::default()).await.unwrap();
            assert_eq!((report.problems.as_slice(), report.passed_over), (&[][..], 0), "{:?}", report.passed_names);
            let (mut got, mut expect) = (other.dump(EVE).await, expect.clone());
            // Files come in another order, so uids are others.
            for line in got.iter_mut().chain(&mut expect).filter(|line| line.starts_with("  ")) {
                *line = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
            }
            got.sort();
            expect.sort();
            assert_eq!(got, expect);
        }
    }
}

#[tokio::test]
async fn of_several_accounts_one_is_chosen() {
    let world = World::new().await;
    world.fill().await;
    for shape in [ExportShape::Mbox, ExportShape::Maildir] {
        let files = world.export(&[ANN, BEN], shape, 20_000).await;
        let failed = world.import(EVE, archives(&files), &Order::default()).await.unwrap_err();
        assert_eq!(failed.why.kind, Kind::Invalid);
        assert!(failed.to_string().contains("ann@a.example, ben@a.example"), "{failed}");
        let order = Order { only: Some("dan@a.example".into()), ..Order::default() };
        let failed = world.import(EVE, archives(&files), &order).await.unwrap_err();
        assert!(failed.to_string().contains("ann@a.example, ben@a.example"), "{failed}");
    }
    let files = world.export(&[ANN, BEN], ExportShape::Mbox, 20_000).await;
    let order = Order { only: Some("Ben@A.example".into()), ..Order::default() };
    let report = world.import(EVE, archives(&files), &order).await.unwrap();
    assert_eq!((report.imported, report.problems_told), (1, 0), "{report:?}");
    assert!(world.mail.mailbox_at(&world.owner(EVE).await, "Leer").await.is_err(), "it is the other one's");
}

#[tokio::test]
async fn all_goes_below_a_folder_where_roles_are_names() {
    let world = World::new().await;
    world.fill().await;
    let files = world.export(&[ANN], ExportShape::Mbox, 4 << 30).await;
    let into = Some(mail::NewPath::parse("Old/Ann").unwrap());
    let report = world.import(EVE, archives(&files), &Order { into, ..Order::default() }).await.unwrap();
    assert_eq!(report.problems_told, 0);
    let (ann, eve) = (world.owner(ANN).await, world.owner(EVE).await);
    let state = async |of, path: &str| {
        let (id, record) = world.mail.mailbox_at(of, path).await.unwrap();
        (world.mail.mailbox_state(of, id).await.unwrap().emails, record.role)
    };
    for (path, below) in [
        ("INBOX", "Old/Ann/INBOX"),
        ("Sent", "Old/Ann/Sent"),
        ("Work/Ümläute/2026", "Old/Ann/Work/Ümläute/2026"),
        ("Leer", "Old/Ann/Leer"),
    ] {
        assert_eq!(state(&eve, below).await, (state(&ann, path).await.0, String::new()), "{path}");
    }
    assert_eq!(state(&eve, "INBOX").await.0, 0);
    assert!(world.mail.mailbox_at(&eve, "Work").await.is_err());
}

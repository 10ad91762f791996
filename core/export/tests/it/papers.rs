//! SUMMARY    Papers of the control plane in the archives: whose, where, counted, and the same however often the export dies.

use crate::world::{ANN, BEN, World, entries};
use account::{ExportPhase, ExportShape, NewExport};
use base::{AccountId, JobId, Kind, Rng, rng::SeededRng};
use control::{DataType, ExportPaper, ExportPapers, ExportPapersEnd};

use crate::cut::{pin, without_manifest, work_and_die};
use crate::world::TENANT;

fn paper(account: Option<AccountId>, data: DataType, name: &str, bytes: Vec<u8>) -> ExportPaper {
    ExportPaper {
        account,
        data,
        name: name.to_owned(),
        records: bytes.iter().filter(|b| **b == b'\n').count() as u64,
        bytes,
    }
}

/// Papers that are larger than an archive, of the tenant, of mailboxes, and of one that is not exported.
fn papers() -> Vec<Vec<ExportPaper>> {
    let long = |letter: char| format!("{}\n", letter.to_string().repeat(99)).repeat(1_500).into_bytes();
    let tenants = (1..=5).map(|n| paper(None, DataType::AuditHistory, &format!("audit-{n:04}.jsonl"), long('a')));
    let anns = (1..=4).map(|n| paper(Some(ANN), DataType::Addresses, &format!("addresses-{n:04}.jsonl"), long('b')));
    vec![
        tenants.collect(),
        vec![paper(None, DataType::Invoices, "invoices/R-1.pdf", vec![0, 1, 2])],
        anns.chain([paper(Some(ANN), DataType::Settings, "settings.json", b"{}\n".to_vec())]).collect(),
        vec![paper(Some(BEN), DataType::Addresses, "addresses-0001.jsonl", b"ben\n".to_vec())],
    ]
}

/// An export with papers that are complete.
async fn requested(world: &World, accounts: &[AccountId]) -> JobId {
    let new = NewExport { papers: true, ..world.new_export(accounts, ExportShape::Mbox) };
    let job = world.accounts().request_export(TENANT, new).await.unwrap();
    let pieces = papers();
    let end = ExportPapersEnd { tenant: TENANT, job, attempt: 1, pieces: pieces.len() as u32 };
    for (number, papers) in (0..).zip(pieces) {
        assert!(!world.exporter().pass().await.unwrap(), "it waits for them");
        let piece = ExportPapers { tenant: TENANT, job, attempt: 1, number, papers };
        world.accounts().put_papers(piece).await.unwrap();
    }
    world.accounts().end_papers(end).await.unwrap();
    job
}

#[tokio::test]
async fn papers_stand_in_the_folder_of_whose_they_are_and_are_counted_in_the_manifest() {
    let world = World::new().await;
    world.fill().await;
    let job = requested(&world, &[ANN, BEN]).await;
    let files = world.make(job).await;
    let (all, manifest) = (entries(&files), world.manifest(&files));
    let found = |name: &str| all.iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes.clone());
    for some in papers().into_iter().flatten() {
        let folder = match some.account {
            None => "tenant",
            Some(ANN) => "ann@a.example",
            Some(_) => "ben@a.example",
        };
        assert_eq!(found(&format!("{folder}/{}", some.name)), Some(some.bytes), "{folder}/{}", some.name);
    }
    let told: Vec<_> = manifest.papers.iter().map(|p| (p.data.as_str(), p.files, p.records, p.bytes)).collect();
    assert_eq!(told, [("auditHistory", 5, 7_500, 750_000), ("invoices", 1, 0, 3)]);
    let of = |address: &str| manifest.accounts.iter().find(|a| a.address == address).unwrap().papers.clone();
    let anns: Vec<_> = of("ann@a.example").into_iter().map(|p| (p.data, p.files, p.records)).collect();
    assert_eq!(anns, [("addresses".to_owned(), 4, 6_000), ("settings".to_owned(), 1, 1)]);
    assert_eq!(of("ben@a.example").len(), 1);
    let scope = world.scope(TENANT);
    assert!(world.exporter().compare(&scope, job).await.unwrap() > 3, "made once more they are the same");
    // What was destroyed takes none.
    world.accounts().steer_export(TENANT, job, account::ExportWish::Cancel).await.unwrap();
    let late = ExportPapers { tenant: TENANT, job, attempt: 1, number: 0, papers: Vec::new() };
    assert_eq!(world.accounts().put_papers(late).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn an_export_with_papers_that_dies_over_and_over_is_the_same_bit_for_bit() {
    let world = World::new().await;
    world.fill().await;
    let rng = SeededRng::new(23);
    let undisturbed = requested(&world, &[ANN]).await;
    pin(&world, undisturbed).await;
    let dying = requested(&world, &[ANN]).await;
    pin(&world, dying).await;
    world.pass(base::limits::EXPORT_LEASE_MS as i64 + 1);
    let mut ready = false;
    for _ in 0..30 {
        if !ready {
            ready = work_and_die(&world, dying, 1 + rng.below(60)).await;
        }
    }
    while !ready {
        ready = work_and_die(&world, dying, u64::MAX).await;
    }
    while world.view(undisturbed).await.phase != ExportPhase::Ready {
        world.exporter().pass().await.unwrap();
    }
    let (left, right) = (world.fetch(undisturbed).await, world.fetch(dying).await);
    assert!(left.len() > 4, "papers are cut into archives too");
    assert!(without_manifest(&left) == without_manifest(&right));
    assert!(entries(&left).iter().all(|(name, _)| !name.starts_with("ben@")), "nothing of a mailbox that is not in it");
}

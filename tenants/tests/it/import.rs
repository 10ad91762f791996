//! SUMMARY    Mailboxes from a file: row by row, repeated without harm, tried without a trace.

use crate::desk::{Desk, new_mailbox, terms};
use control::Destination;
use tenants::{Code, ImportFile, ImportPart, ImportedRow};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";

fn at(tenant: base::TenantId, part: usize, making: bool) -> ImportPart<'static> {
    ImportPart { tenant, import: "job_1", part, making }
}

fn codes(rows: &[ImportedRow]) -> Vec<Option<Code>> {
    rows.iter().map(|r| r.refused.as_ref().map(|e| e.code)).collect()
}

#[tokio::test]
async fn each_row_stands_by_itself_and_a_repeated_part_makes_nothing_twice() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.customer("beta").await;
    let csv = format!(
        "address,name,password,passwordHash,generate,aliases\n\
         ann@alpha.example,Ann,long enough,,,sales@alpha.example;info@alpha.example\n\
         bob@alpha.example,Bob,,{HASH},,\n\
         cat@alpha.example,Cat,,,yes,\n\
         eve@beta.example,Eve,,,,\n\
         ANN@alpha.example,Twice,,,,\n\
         dan@alpha.example,Dan,short,,,\n\
         fay@alpha.example,Fay,,,,sales@alpha.example\n\
         not an address,,,,,\n"
    );
    let file = ImportFile::read(&csv).unwrap();
    let told = desk.plane.told.lock().unwrap().len();
    let tried = desk.service.mailbox_import_part(&actor, &file, at(tenant, 0, false)).await.unwrap();
    let expected = [
        None,
        None,
        None,
        Some(Code::NotFound),
        Some(Code::Taken),
        Some(Code::Invalid),
        Some(Code::Taken),
        Some(Code::Invalid),
    ];
    assert_eq!(codes(&tried), expected);
    assert!(tried.iter().all(|r| r.mailbox.is_none()));
    assert_eq!(desk.plane.told.lock().unwrap().len(), told, "what was tried left nothing");
    let made = desk.service.mailbox_import_part(&actor, &file, at(tenant, 0, true)).await.unwrap();
    assert_eq!(codes(&made), expected);
    let lines: Vec<u64> = made.iter().map(|r| r.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9]);
    let id = |row: &ImportedRow| row.mailbox.as_ref().unwrap().parse().unwrap();
    assert_eq!(desk.account(id(&made[0])).send_as, ["info@alpha.example", "sales@alpha.example"]);
    let bob = desk.account(id(&made[1])).credentials[0].clone();
    assert_eq!((bob.argon2.as_str(), bob.scram_sha256.as_str()), (HASH, ""));
    let told =
        desk.plane.told.lock().unwrap().iter().any(|c| matches!(c, control::Change::Address(a) if a.local == "fay"));
    assert!(!told, "a refused alias takes its mailbox along");
    let again = desk.service.mailbox_import_part(&actor, &file, at(tenant, 0, true)).await.unwrap();
    assert!(again.iter().all(|r| r.refused.is_some()));
    assert_eq!(desk.destination("ann@alpha.example"), Destination::Account(id(&made[0])));
}

#[tokio::test]
async fn a_generated_password_is_the_same_each_time_and_opens_nothing_else() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let file =
        ImportFile::read("address,generate\na@alpha.example,yes\nb@alpha.example,yes\nc@alpha.example,no\n").unwrap();
    let rows = desk.service.mailbox_import_part(&actor, &file, at(tenant, 0, true)).await.unwrap();
    let show = async |row| desk.service.mailbox_import_password(&actor, at(tenant, 0, true), row).await.unwrap();
    let (one, two) = (show(&rows[0]).await.unwrap(), show(&rows[1]).await.unwrap());
    assert_ne!(one, two);
    assert_eq!((Some(one), None), (show(&rows[0]).await, show(&rows[2]).await));
    let refused = desk.service.mailbox_import_password(&other, at(tenant, 0, true), &rows[0]).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    let refused = desk.service.mailbox_import_part(&other, &file, at(tenant, 0, true)).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_large_file_is_made_part_by_part_around_what_is_there() {
    const ROWS: usize = 1_000;
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.service.mailbox_create(&actor, &terms(), &new_mailbox("m500@alpha.example")).await.unwrap();
    let rows: String = (0..ROWS).map(|n| format!("m{n}@alpha.example,{HASH},1G\n")).collect();
    let file = ImportFile::read(&format!("address,passwordHash,quota\n{rows}")).unwrap();
    assert_eq!((file.rows(), file.parts()), (ROWS, ROWS.div_ceil(tenants::limits::IMPORT_PART_ROWS)));
    let begun = std::time::Instant::now();
    let mut refused = 0;
    for part in 0..file.parts() {
        let rows = desk.service.mailbox_import_part(&actor, &file, at(tenant, part, true)).await.unwrap();
        refused += rows.iter().filter(|r| r.refused.is_some()).count();
    }
    eprintln!("{ROWS} rows in {:?}", begun.elapsed());
    assert_eq!(refused, 1);
    assert_eq!(desk.service.mailboxes(&actor, tenant, &tenants::Page::first(1)).await.unwrap().1, 1_000);
    let beyond = desk.service.mailbox_import_part(&actor, &file, at(tenant, file.parts(), true)).await;
    assert_eq!(beyond.unwrap_err().code, Code::NotFound);
}

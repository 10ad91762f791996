//! SUMMARY    Mailboxes from a file: each row by itself, or all or none; a crash repeats nothing; passwords are shown once.

use crate::desk::{Desk, Hands, dry, keyed, new_mailbox, terms};
use base::TenantId;
use control::Destination;
use std::{sync::Arc, time::Duration};
use tenants::{
    Actor, Code, ErrorPolicy, Job, JobState, NewHold, NewImport, Page, Service, Subject, TenantPatch,
    limits::{IMPORT_PART_ROWS, JOB_LEASE},
};
use tokio::sync::watch;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";
const PATIENCE: Duration = Duration::from_secs(120);

fn each(tenant: TenantId, csv: &str) -> NewImport {
    NewImport { tenant, csv: csv.to_owned(), check_only: false, policy: ErrorPolicy::Continue }
}

pub async fn ended(service: &Arc<Service>, actor: &Actor, job: &str) -> Job {
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(service.clone().run_jobs(stopped));
    let wait = async {
        loop {
            let now = service.job(actor, job).await.unwrap();
            if now.state.has_ended() {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, wait).await.expect("the import goes on");
    stop.send(true).unwrap();
    worker.await.unwrap();
    done
}

/// The import with what became of its rows: line, address, mailbox, code, field.
async fn imported(desk: &Desk, actor: &Actor, new: &NewImport) -> (Job, Vec<[String; 5]>) {
    let job = desk.service.mailbox_import(actor, &terms(), new).await.unwrap().object;
    let job = ended(&desk.service, actor, &job.id).await;
    assert_eq!((job.state, job.error.as_deref()), (JobState::Done, None));
    let rows = rows(&desk.service.mailbox_import_result(actor, &job.id, false).await.unwrap());
    (job, rows)
}

fn rows(csv: &str) -> Vec<[String; 5]> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("line,address,mailbox,code,field,message"));
    let fields = |line: &str| {
        let mut fields = line.split(',').map(str::to_owned);
        std::array::from_fn(|_| fields.next().unwrap())
    };
    lines.map(fields).collect()
}

fn codes(rows: &[[String; 5]]) -> Vec<&str> {
    rows.iter().map(|r| r[3].as_str()).collect()
}

#[tokio::test]
async fn each_row_stands_by_itself_and_what_is_tried_leaves_nothing() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.customer("beta").await;
    let csv = format!(
        "address,name,password,passwordHash,generate,aliases\n\
         ann@alpha.example,Ann,long enough,,,sales@alpha.example;info@alpha.example\n\
         bob@alpha.example,Bob,,\"{HASH}\",,\n\
         cat@alpha.example,Cat,,,yes,\n\
         eve@beta.example,Eve,,,,\n\
         ANN@alpha.example,Twice,,,,\n\
         dan@alpha.example,Dan,short,,,\n\
         fay@alpha.example,Fay,,,,sales@alpha.example\n\
         =not an address,,,,,\n"
    );
    let expected = ["", "", "", "NOT_FOUND", "TAKEN", "INVALID", "TAKEN", "INVALID"];
    let told = desk.plane.told.lock().unwrap().len();
    let (job, tried) = imported(&desk, &actor, &NewImport { check_only: true, ..each(tenant, &csv) }).await;
    assert_eq!((codes(&tried), job.result.as_str()), (expected.to_vec(), "{\"made\":0,\"refused\":5,\"would\":3}"));
    assert!(tried.iter().all(|r| r[2].is_empty()));
    assert_eq!(desk.plane.told.lock().unwrap().len(), told, "what was tried left nothing");
    let all = NewImport { policy: ErrorPolicy::AllOrNothing, ..each(tenant, &csv) };
    let (job, none) = imported(&desk, &actor, &all).await;
    assert_eq!((codes(&none), job.result.as_str()), (expected.to_vec(), "{\"made\":0,\"refused\":5,\"would\":3}"));
    assert_eq!(desk.plane.told.lock().unwrap().len(), told, "one was refused: none was made");
    let (job, made) = imported(&desk, &actor, &each(tenant, &csv)).await;
    assert_eq!((codes(&made), job.result.as_str()), (expected.to_vec(), "{\"made\":3,\"refused\":5,\"would\":0}"));
    assert_eq!(made.iter().map(|r| r[0].as_str()).collect::<Vec<_>>(), ["2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(made[7][1], "'=not an address", "no program takes it for a formula");
    let id = |row: &[String; 5]| row[2].parse().unwrap();
    assert_eq!(desk.account(id(&made[0])).send_as, ["info@alpha.example", "sales@alpha.example"]);
    let bob = desk.account(id(&made[1])).credentials[0].clone();
    assert_eq!((bob.argon2.as_str(), bob.scram_sha256.as_str()), (HASH, ""));
    let told =
        desk.plane.told.lock().unwrap().iter().any(|c| matches!(c, control::Change::Address(a) if a.local == "fay"));
    assert!(!told, "a refused alias takes its mailbox along");
    let refused = desk.service.mailbox_import_result(&actor, &job.id, true).await.unwrap();
    assert_eq!(rows(&refused), made[3..]);
    assert_eq!(desk.destination("ann@alpha.example"), Destination::Account(id(&made[0])));
}

#[tokio::test]
async fn a_refused_row_takes_nothing_from_those_behind_it() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.customer("beta").await;
    let fill: String = (0..2 * IMPORT_PART_ROWS).map(|n| format!("m{n}@alpha.example,,\n")).collect();
    let csv = format!(
        "address,quota,aliases\n\
         ann@alpha.example,many,\n\
         ANN@alpha.example,,\n\
         ann@alpha.example,,\n\
         bob@alpha.example,,info@beta.example\n\
         bob@alpha.example,,info@alpha.example\n\
         cat@alpha.example,,info@alpha.example\n\
         dan@alpha.example,many,\n\
         eve@alpha.example,,\n\
         {fill}\
         dan@alpha.example,,\n\
         dan@alpha.example,,\n\
         fay@alpha.example,,eve@alpha.example\n\
         cat@alpha.example,,\n"
    );
    let few = ["INVALID", "", "TAKEN", "NOT_FOUND", "", "TAKEN", "INVALID", ""];
    let late = ["", "TAKEN", "TAKEN", ""];
    let check = |rows: &[[String; 5]]| {
        let told = codes(rows);
        let (first, rest) = told.split_at(few.len());
        let (fill, last) = rest.split_at(2 * IMPORT_PART_ROWS);
        assert_eq!((first, last), (&few[..], &late[..]));
        assert!(fill.iter().all(|code| code.is_empty()));
        let fields: Vec<&str> = rows.iter().filter(|r| r[3] == "TAKEN").map(|r| r[4].as_str()).collect();
        assert_eq!(fields, ["address", "aliases", "address", "aliases"]);
    };
    let tried = imported(&desk, &actor, &NewImport { check_only: true, ..each(tenant, &csv) }).await;
    check(&tried.1);
    let all = NewImport { policy: ErrorPolicy::AllOrNothing, ..each(tenant, &csv) };
    check(&imported(&desk, &actor, &all).await.1);
    let (job, made) = imported(&desk, &actor, &each(tenant, &csv)).await;
    check(&made);
    assert_eq!(job.result, format!("{{\"made\":{},\"refused\":7,\"would\":0}}", 2 * IMPORT_PART_ROWS + 5));
    let told = desk.service.mailbox_import_result(&actor, &job.id, true).await.unwrap();
    assert!(told.contains("Line 3 has ann@alpha.example already"), "{told}");
    let cut = desk.service.mailbox_import(&actor, &terms(), &each(tenant, "address,name\nz@alpha.example,\"Zo")).await;
    assert_eq!(cut.unwrap_err().field, "csv");
}

#[tokio::test]
async fn generated_passwords_are_shown_once_and_to_those_who_set_passwords() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let csv = "address,generate\na@alpha.example,yes\nb@alpha.example,yes\nc@alpha.example,no\n";
    let job = desk.service.mailbox_import(&actor, &terms(), &each(tenant, csv)).await.unwrap().object;
    let show = async |actor: &Actor, key| desk.service.mailbox_import_passwords(actor, &keyed(key), &job.id).await;
    assert_eq!(show(&actor, "early").await.unwrap_err().code, Code::InUse);
    ended(&desk.service, &actor, &job.id).await;
    assert_eq!(show(&other, "1").await.unwrap_err().code, Code::NotFound);
    assert_eq!(desk.service.mailbox_import_result(&other, &job.id, false).await.unwrap_err().code, Code::NotFound);
    let tried = desk.service.mailbox_import_passwords(&actor, &dry(), &job.id).await.unwrap();
    assert_eq!(tried.object, None);
    let shown = show(&actor, "1").await.unwrap().object.unwrap();
    let lines: Vec<Vec<&str>> = shown.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(lines.iter().map(|l| l[0]).collect::<Vec<_>>(), ["address", "a@alpha.example", "b@alpha.example"]);
    assert!(lines[1][1].len() == 23 && lines[1][1] != lines[2][1]);
    assert_eq!(show(&actor, "1").await.unwrap().object.unwrap(), shown, "an answer that was lost is asked for again");
    assert_eq!(show(&actor, "2").await.unwrap_err().code, Code::NotFound);
    let before = desk.service.mailbox_import(&other, &terms(), &each(tenant, csv)).await;
    assert_eq!(before.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn rows_that_wait_are_sealed_and_a_try_counts_against_the_limit() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let limit = TenantPatch { max_mailboxes: Some(Some(60)), ..TenantPatch::default() };
    desk.service.tenant_update(&desk.operator, &terms(), tenant, &limit).await.unwrap();
    let lines: String = (0..70).map(|n| format!("m{n}@alpha.example,Sesame-{n}-open\n")).collect();
    let csv = format!("address,password\n{lines}");
    let new = NewImport { policy: ErrorPolicy::AllOrNothing, ..each(tenant, &csv) };
    let job = desk.service.mailbox_import(&actor, &terms(), &new).await.unwrap().object;
    for file in std::fs::read_dir(desk.file.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(7).any(|w| w == b"Sesame-"), "a password stands in the database");
    }
    let done = ended(&desk.service, &actor, &job.id).await;
    assert_eq!(done.result, "{\"made\":0,\"refused\":10,\"would\":60}");
    assert_eq!(desk.service.mailboxes(&actor, tenant, &Page::first(1)).await.unwrap().1, 0);
    let refused = rows(&desk.service.mailbox_import_result(&actor, &job.id, true).await.unwrap());
    assert!(refused.iter().all(|r| r[3] == "LIMIT_REACHED") && refused[0][0] == "62");
}

#[tokio::test]
async fn an_import_stops_when_its_tenant_is_suspended_and_goes_on_when_asked_afterwards() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let csv = "address\na@alpha.example\nb@alpha.example\n";
    let job = desk.service.mailbox_import(&actor, &terms(), &each(tenant, csv)).await.unwrap().object;
    let (on, unpaid) = (Subject::Tenant(tenant), NewHold::suspension("unpaid"));
    let hold = desk.service.hold_place(&desk.operator, &terms(), &on, &unpaid).await.unwrap().object;
    let stopped = ended(&desk.service, &actor, &job.id).await;
    assert_eq!((stopped.state, stopped.done), (JobState::Failed, 0));
    assert!(stopped.error.unwrap().contains("suspended"));
    desk.service.hold_release(&desk.operator, &terms(), &hold.id, "").await.unwrap();
    desk.service.job_steer(&actor, &terms(), &job.id, tenants::Steer::Resume).await.unwrap();
    let done = ended(&desk.service, &actor, &job.id).await;
    assert_eq!((done.state, done.done), (JobState::Done, 2));
}

#[tokio::test]
async fn a_large_file_is_made_around_what_is_there_whatever_dies_meanwhile() {
    const ROWS: usize = 1_000;
    let hands = Arc::new(Hands::default());
    let desk = Desk::at(hands.clone()).await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.service.mailbox_create(&actor, &terms(), &new_mailbox("m500@alpha.example")).await.unwrap();
    let lines: String = (0..ROWS).map(|n| format!("m{n}@alpha.example,\"{HASH}\",1G\n")).collect();
    let csv = format!("address,passwordHash,quota\n{lines}");
    let job = desk.service.mailbox_import(&actor, &terms(), &each(tenant, &csv)).await.unwrap().object;
    let mut last = 0;
    for round in 0..12u64 {
        let (_stop, stopped) = watch::channel(false);
        let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
        let part = i64::try_from(IMPORT_PART_ROWS).unwrap();
        let progress = async {
            while desk.service.job(&actor, &job.id).await.unwrap().done < last + part {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, progress).await.expect("the import goes on");
        tokio::time::sleep(Duration::from_micros(round * 311)).await;
        worker.abort();
        assert!(worker.await.is_err_and(|e| e.is_cancelled()));
        last = desk.service.job(&actor, &job.id).await.unwrap().done;
        hands.turn(JOB_LEASE);
    }
    let done = ended(&desk.service, &actor, &job.id).await;
    assert_eq!((done.done, done.total), (1_000, Some(1_000)));
    assert_eq!(done.result, "{\"made\":999,\"refused\":1,\"would\":0}");
    assert_eq!(desk.service.mailboxes(&actor, tenant, &Page::first(1)).await.unwrap().1, 1_000);
    let rows = rows(&desk.service.mailbox_import_result(&actor, &job.id, false).await.unwrap());
    let lines: Vec<usize> = rows.iter().map(|r| r[0].parse().unwrap()).collect();
    assert_eq!(lines, (2..ROWS + 2).collect::<Vec<_>>(), "every row once, in the order of the file");
}

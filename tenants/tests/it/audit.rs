//! SUMMARY    The audit log: a chain that shows what was changed, entries that cannot be, files, retention.

use crate::desk::{Desk, Hands, terms};
use base::TenantId;
use std::{sync::Arc, time::Duration};
use tenants::{Actor, AuditFilter, Code, JobState, Page, limits::AUDIT_KEPT};
use tokio::sync::watch;

/// Statements against the log itself, as somebody with the database's password would run them.
async fn tamper(desk: &Desk, sql: &str) -> Result<(), String> {
    crate::raw::run(desk, sql).await
}

async fn busy(desk: &Desk) -> (TenantId, Actor) {
    let (tenant, actor) = desk.customer("alpha").await;
    for name in ["ann", "ben", "cat"] {
        desk.mailbox(&actor, &format!("{name}@alpha.example")).await;
    }
    (tenant, actor)
}

#[tokio::test]
async fn an_entry_cannot_be_changed_or_deleted() {
    let desk = Desk::new().await;
    let (tenant, actor) = busy(&desk).await;
    for sql in [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "UPDATE audit_head SET hash = ''",
        "DELETE FROM audit_head",
        "UPDATE event SET kind = 'x'",
    ] {
        assert!(tamper(&desk, sql).await.is_err(), "{sql}");
    }
    let check = desk.service.audit_verify(&actor, tenant, 0).await.unwrap();
    assert_eq!((check.broken, check.next), (None, None));
    assert_eq!(check.verified, check.head.number);
    assert!(check.verified >= 5);
    let other = desk.customer("beta").await.1;
    assert_eq!(desk.service.audit_verify(&other, tenant, 0).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_chain_tells_where_it_was_broken() {
    let off = match crate::raw::postgres() {
        Some(_) => "ALTER TABLE audit DISABLE TRIGGER USER",
        None => "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete",
    };
    for (number, sql) in [
        (3, "UPDATE audit SET detail = 'x' WHERE number = 3"),
        (3, "DELETE FROM audit WHERE number = 3"),
        (6, "DELETE FROM audit WHERE number = 6"),
        (2, "UPDATE audit SET at = at + 1 WHERE number = 2"),
    ] {
        let desk = Desk::new().await;
        let (tenant, actor) = busy(&desk).await;
        let whole = desk.service.audit_verify(&actor, tenant, 0).await.unwrap();
        let number = if number == 6 { whole.head.number } else { number };
        let sql = sql.replace("= 6", &format!("= {number}")) + &format!(" AND tenant = '{tenant}'");
        tamper(&desk, &format!("{off}; {sql}")).await.unwrap();
        let broken = desk.service.audit_verify(&actor, tenant, 0).await.unwrap().broken;
        assert_eq!(broken.map(|(place, _)| place), Some(number), "{sql}");
    }
}

#[tokio::test]
async fn the_log_is_filtered_and_goes_into_a_file() {
    let desk = Desk::new().await;
    let (tenant, actor) = busy(&desk).await;
    let filter = AuditFilter { action: "mailboxCreate".into(), ..AuditFilter::default() };
    let (entries, count) = desk.service.audit_entries(&actor, tenant, &filter, &Page::first(10)).await.unwrap();
    assert_eq!((entries.len(), count), (3, 3));
    let none = AuditFilter { until_ms: Some(0), ..AuditFilter::default() };
    assert_eq!(desk.service.audit_entries(&actor, tenant, &none, &Page::first(10)).await.unwrap().1, 0);
    let job = desk.service.audit_export(&actor, &terms(), tenant, &AuditFilter::default()).await.unwrap().object;
    assert_eq!(desk.service.job_file(&actor, &job.id, 0).await.unwrap_err().code, Code::NotFound, "not done");
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
    let ended = async {
        while desk.service.job(&actor, &job.id).await.unwrap().state != JobState::Done {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the job ends");
    stop.send(true).unwrap();
    worker.await.unwrap();
    let file = desk.service.job_file(&actor, &job.id, 0).await.unwrap().unwrap();
    let lines: Vec<serde_json::Value> = file.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let (head, entries) = lines.split_last().unwrap();
    assert_eq!(head["head"]["hash"], entries.last().unwrap()["hash"]);
    assert_eq!(desk.service.job_file(&actor, &job.id, 1).await.unwrap(), None);
    let other = desk.customer("beta").await.1;
    assert_eq!(desk.service.job_file(&other, &job.id, 0).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn retention_cuts_behind_a_checkpoint_and_the_chain_still_verifies() {
    let hands = Arc::new(Hands::default());
    let desk = Desk::at(hands.clone()).await;
    let (tenant, actor) = busy(&desk).await;
    let before = desk.service.audit_verify(&actor, tenant, 0).await.unwrap();
    hands.turn(AUDIT_KEPT / 2);
    desk.mailbox(&actor, "dan@alpha.example").await;
    hands.turn(AUDIT_KEPT / 2 + Duration::from_millis(1));
    desk.service.sweep().await.unwrap();
    let after = desk.service.audit_verify(&actor, tenant, 0).await.unwrap();
    assert_eq!((after.broken, after.verified), (None, 1));
    assert_eq!(after.checkpoint, before.head);
    assert_eq!(after.head.number, before.head.number + 1);
}

//! SUMMARY    Jobs: cut off anywhere they go on where they were; paused, cancelled, shared by processes, fair to tenants.

use crate::desk::{Desk, Hands, new_alias, open, terms};
use base::TenantId;
use control::Change;
use std::{collections::HashMap, sync::Arc, sync::atomic::Ordering, time::Duration};
use tenants::{
    Actor, Code, ErrorPolicy, Job, JobState, Page, Service, Steer,
    limits::{JOB_LEASE, JOBS_OPEN_MAX},
};
use tokio::sync::watch;

/// Longest wait for a job.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tenant with so many hundred aliases.
async fn filled(desk: &Desk, name: &str, hundreds: usize) -> (TenantId, Actor) {
    let (tenant, actor) = desk.customer(name).await;
    for h in 0..hundreds {
        let aliases: Vec<_> =
            (0..100).map(|n| new_alias(&format!("a{h}-{n}@{name}.example"), &["x@y.example"])).collect();
        desk.service.aliases_create(&actor, &terms(), &aliases, ErrorPolicy::AllOrNothing).await.unwrap();
    }
    (tenant, actor)
}

async fn resend(desk: &Desk, tenant: TenantId) -> Job {
    desk.service.tenant_resend(&desk.operator, &terms(), tenant).await.unwrap().object
}

async fn until(service: &Service, actor: &Actor, job: &str, ready: impl Fn(&Job) -> bool) -> Job {
    let wait = async {
        loop {
            let now = service.job(actor, job).await.unwrap();
            if ready(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the job goes on")
}

/// How often each snapshot was told.
fn told(desk: &Desk) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for change in desk.plane.told.lock().unwrap().iter() {
        let key = match change {
            Change::Entitlement(e) => e.tenant.to_string(),
            Change::Domain(d) => d.domain.clone(),
            Change::Address(a) => format!("{}@{}", a.local, a.domain),
            Change::Account(a) => a.id.to_string(),
        };
        *seen.entry(key).or_default() += 1;
    }
    seen
}

#[tokio::test]
async fn a_job_cut_off_anywhere_repeats_nothing_and_skips_nothing() {
    let hands = Arc::new(Hands::default());
    let desk = Desk::at(hands.clone()).await;
    let (tenant, actor) = filled(&desk, "alpha", 5).await;
    desk.mailbox(&actor, "ann@alpha.example").await;
    desk.plane.told.lock().unwrap().clear();
    desk.plane.down.store(true, Ordering::SeqCst);
    let job = resend(&desk, tenant).await;
    let mut last = job.version;
    for round in 0..40 {
        // The worker before died somewhere between two awaits.
        let (_stop, stopped) = watch::channel(false);
        let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
        // A claim raises the version, and so does a step: now and then one is let through (JOB_ATTEMPTS_MAX).
        let least = last + if round % 4 == 3 { 2 } else { 1 };
        let now = until(&desk.service, &desk.operator, &job.id, |j| j.version >= least || j.state.has_ended()).await;
        tokio::time::sleep(Duration::from_micros(round * 137)).await;
        worker.abort();
        assert!(worker.await.is_err_and(|e| e.is_cancelled()));
        last = desk.service.job(&desk.operator, &job.id).await.unwrap().version;
        hands.turn(JOB_LEASE);
        if now.state.has_ended() {
            break;
        }
    }
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
    let done = until(&desk.service, &desk.operator, &job.id, |j| j.state.has_ended()).await;
    stop.send(true).unwrap();
    worker.await.unwrap();
    assert_eq!((done.state, done.total, done.error), (JobState::Done, Some(done.done), None));
    desk.plane.down.store(false, Ordering::SeqCst);
    // Any mutation brings along what waits; this one's job is not worked on.
    resend(&desk, tenant).await;
    let told = told(&desk);
    assert_eq!(told.len(), 504, "the tenant, its domain, 501 addresses, a mailbox");
    assert!(told.values().all(|times| *times == 1), "nothing twice");
    assert_eq!(done.done, 504);
}

#[tokio::test]
async fn two_processes_share_the_work_and_do_it_once() {
    let desk = Desk::new().await;
    let mut jobs = Vec::new();
    for name in ["alpha", "beta", "gamma"] {
        let (tenant, _) = filled(&desk, name, 2).await;
        jobs.push(resend(&desk, tenant).await.id);
    }
    desk.plane.told.lock().unwrap().clear();
    let other = open(&desk.file, desk.plane.clone()).await;
    let (stop, stopped) = watch::channel(false);
    let workers = [desk.service.clone(), other].map(|s| tokio::spawn(s.run_jobs(stopped.clone())));
    for job in &jobs {
        let done = until(&desk.service, &desk.operator, job, |j| j.state.has_ended()).await;
        assert_eq!((done.state, done.done), (JobState::Done, 202));
    }
    stop.send(true).unwrap();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(told(&desk).len(), 3 * 202);
}

#[tokio::test]
async fn a_tenant_with_many_jobs_does_not_keep_another_waiting() {
    let desk = Desk::new().await;
    let (alpha, _) = filled(&desk, "alpha", 3).await;
    let (beta, _) = filled(&desk, "beta", 1).await;
    let mut many = Vec::new();
    for _ in 0..6 {
        many.push(resend(&desk, alpha).await.id);
    }
    let one = resend(&desk, beta).await;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
    let done = until(&desk.service, &desk.operator, &one.id, |j| j.state.has_ended()).await;
    let mut ended = Vec::new();
    for job in &many {
        ended.push(until(&desk.service, &desk.operator, job, |j| j.state.has_ended()).await.ended_at_ms);
    }
    assert!(ended.iter().filter(|at| **at < done.ended_at_ms).count() < 4, "{ended:?} {done:?}");
    stop.send(true).unwrap();
    worker.await.unwrap();
}

/// Steers jobs of a tenant until one is met under way; gives it as it was left.
async fn met(desk: &Desk, tenant: TenantId, steer: Steer) -> Job {
    for _ in 0..20 {
        let job = resend(desk, tenant).await.id;
        until(&desk.service, &desk.operator, &job, |j| j.done > 0).await;
        if let Ok(done) = desk.service.job_steer(&desk.operator, &terms(), &job, steer).await {
            return done.object;
        }
    }
    panic!("every job was faster");
}

#[tokio::test]
async fn who_pauses_or_cancels_a_job_sees_no_further_step() {
    let desk = Desk::new().await;
    let (tenant, _) = filled(&desk, "alpha", 6).await;
    let (beta, _) = desk.customer("beta").await;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(desk.service.clone().run_jobs(stopped));
    for (how, state) in [(Steer::Pause, JobState::Paused), (Steer::Cancel, JobState::Cancelled)] {
        let left = met(&desk, tenant, how).await;
        assert_eq!(left.state, state);
        let steer = async |how| desk.service.job_steer(&desk.operator, &terms(), &left.id, how).await;
        assert_eq!(steer(how).await.unwrap_err().code, Code::Invalid, "twice");
        // Other jobs go through the workers meanwhile; this one stands.
        for _ in 0..3 {
            let other = resend(&desk, beta).await;
            until(&desk.service, &desk.operator, &other.id, |j| j.state.has_ended()).await;
        }
        assert_eq!(desk.service.job(&desk.operator, &left.id).await.unwrap(), left);
        let resumed = steer(Steer::Resume).await;
        if how == Steer::Cancel {
            assert_eq!(resumed.unwrap_err().code, Code::Invalid);
            continue;
        }
        let done = until(&desk.service, &desk.operator, &left.id, |j| j.state.has_ended()).await;
        assert_eq!((done.state, Some(done.done)), (JobState::Done, left.total));
    }
    stop.send(true).unwrap();
    worker.await.unwrap();
}

#[tokio::test]
async fn jobs_are_bounded_and_those_of_others_do_not_exist() {
    let desk = Desk::new().await;
    let (alpha, owner) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let refused = desk.service.tenant_resend(&owner, &terms(), alpha).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    let mut last = resend(&desk, alpha).await;
    for _ in 1..JOBS_OPEN_MAX {
        last = resend(&desk, alpha).await;
    }
    let refused = desk.service.tenant_resend(&desk.operator, &terms(), alpha).await;
    assert_eq!(refused.unwrap_err().code, Code::LimitReached);
    assert_eq!(desk.service.jobs(&owner, alpha, &Page::first(5)).await.unwrap().1, JOBS_OPEN_MAX);
    assert_eq!(desk.service.job(&other, &last.id).await.unwrap_err().code, Code::NotFound);
    for steer in [Steer::Cancel, Steer::Pause, Steer::Resume] {
        let refused = desk.service.job_steer(&other, &terms(), &last.id, steer).await;
        assert_eq!(refused.unwrap_err().code, Code::NotFound);
    }
    assert!(desk.service.jobs_by_id(&other, std::slice::from_ref(&last.id)).await.unwrap().is_empty());
    assert_eq!(desk.service.job(&owner, &last.id).await.unwrap().state, JobState::Queued);
}

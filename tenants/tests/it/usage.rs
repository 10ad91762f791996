//! SUMMARY    The ledger of usage: counted once whatever is repeated or lost, rolled up without a change, refused to be rewritten.

use crate::desk::{Desk, Hands, alpha, terms};
use base::{TenantId, Timestamp};
use control::Usage;
use std::{sync::Arc, time::Duration};
use tenants::{
    Access, Code, NewToken, Permission, Permissions, Resolution, UsageMeter,
    limits::USAGE_HOURS_KEPT_DAYS,
    sql::{number, query},
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const METERS: [UsageMeter; 4] =
    [UsageMeter::StoredBytes, UsageMeter::Messages, UsageMeter::Mailboxes, UsageMeter::OutgoingRecipients];

fn uses(desk: &Desk, used_bytes: i64, recipients_out: i64) {
    *desk.plane.used.lock().unwrap() = Usage { used_bytes, emails: 3, recipients_out };
}

/// The worker's rounds, until there is nothing to do.
async fn pass(desk: &Desk) -> usize {
    let mut read = 0;
    loop {
        match desk.service.usage_due().await.unwrap() {
            0 => return read,
            n => read += n,
        }
    }
}

async fn points(desk: &Desk, tenant: TenantId, meter: UsageMeter, since: Duration, by: Resolution) -> Vec<u64> {
    let now = desk.service.now();
    let from = Timestamp(now.0 - i64::try_from(since.as_millis()).unwrap());
    let points = desk.service.usage_points(&desk.operator, tenant, meter, (from, now.plus(HOUR)), by).await.unwrap();
    points.iter().map(|point| point.value).collect()
}

async fn rows(desk: &Desk, sql: &'static str) -> i64 {
    let mut connection = desk.service.connection().await.unwrap();
    number(&query(sql).fetch_one(&mut connection).await.unwrap(), "n").unwrap()
}

/// Twelve hours of a day, each sending one more than the one before.
async fn busy_day(desk: &Desk, clock: &Arc<Hands>) -> u64 {
    let mut sent = 0;
    for n in 1..=12 {
        sent += n;
        uses(desk, 100 + n, sent);
        assert_eq!(pass(desk).await, 2, "the provider and its customer");
        clock.turn(HOUR);
    }
    u64::try_from(sent).unwrap()
}

#[tokio::test]
async fn an_hour_counts_once_however_often_it_is_read() {
    let (clock, desk, tenant, owner, _) = alpha().await;
    uses(&desk, 70, 5);
    assert_eq!(pass(&desk).await, 2);
    uses(&desk, 90, 8);
    assert_eq!(pass(&desk).await, 0, "this hour is done");
    clock.turn(HOUR);
    assert_eq!(pass(&desk).await, 2);
    clock.turn(HOUR);
    assert_eq!(pass(&desk).await, 2, "nothing is new");
    assert_eq!(points(&desk, tenant, UsageMeter::OutgoingRecipients, HOUR * 2, Resolution::Hour).await, [5, 3, 0]);
    assert_eq!(points(&desk, tenant, UsageMeter::StoredBytes, HOUR * 2, Resolution::Hour).await, [70, 90, 90]);
    assert_eq!(points(&desk, tenant, UsageMeter::Mailboxes, HOUR * 2, Resolution::Hour).await, [1, 1, 1]);
    let range = (desk.service.now(), desk.service.now().plus(HOUR));
    let own = desk.service.usage_points(&owner, tenant, UsageMeter::Messages, range, Resolution::Month).await.unwrap();
    assert_eq!(own.iter().map(|p| p.value).collect::<Vec<_>>(), [3]);
    let foreign =
        desk.service.usage_points(&owner, desk.operator.tenant(), UsageMeter::Messages, range, Resolution::Day);
    assert_eq!(foreign.await.unwrap_err().code, Code::NotFound);
    // Who sees that a tenant is there, as each user of a mailbox, does not see what the others do.
    let permissions = Some(Permissions::NONE.with(Permission::TenantRead));
    let new = NewToken { permissions, ..NewToken::new(tenant, "sees little", Access::Read) };
    let secret = desk.service.token_create(&owner, &terms(), &new).await.unwrap().object.secret.unwrap();
    let little = desk.service.authenticate(&secret).await.unwrap();
    let refused = desk.service.usage_points(&little, tenant, UsageMeter::Messages, range, Resolution::Day).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn a_pass_that_died_goes_on_and_counts_once() {
    let (clock, desk, tenant, ..) = alpha().await;
    uses(&desk, 70, 5);
    desk.plane.down.store(true, std::sync::atomic::Ordering::SeqCst);
    desk.service.usage_due().await.unwrap_err();
    desk.plane.down.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(pass(&desk).await, 0, "who died may still be at it");
    clock.turn(Duration::from_secs(61));
    assert_eq!(pass(&desk).await, 2);
    // The page was written and the word of it was lost: the pass reads the same tenants again.
    let mut txn = desk.service.begin().await.unwrap();
    query("UPDATE usage_pass SET after = '', done = 0, leased_until = 0").execute(&mut txn).await.unwrap();
    txn.commit().await.unwrap();
    uses(&desk, 71, 9);
    assert_eq!(pass(&desk).await, 2);
    assert_eq!(points(&desk, tenant, UsageMeter::OutgoingRecipients, Duration::ZERO, Resolution::Hour).await, [5]);
    clock.turn(HOUR);
    assert_eq!(pass(&desk).await, 2);
    assert_eq!(
        points(&desk, tenant, UsageMeter::OutgoingRecipients, HOUR, Resolution::Hour).await,
        [5, 4],
        "nothing is lost"
    );
}

#[tokio::test]
async fn two_workers_write_an_hour_once() {
    let (_, desk, tenant, ..) = alpha().await;
    uses(&desk, 70, 5);
    let both = tokio::join!(pass(&desk), pass(&desk));
    assert_eq!(both.0 + both.1, 2, "{both:?}");
    assert_eq!(points(&desk, tenant, UsageMeter::OutgoingRecipients, Duration::ZERO, Resolution::Day).await, [5]);
}

#[tokio::test]
async fn days_that_were_hours_are_their_sum_and_their_most() {
    let (clock, desk, tenant, ..) = alpha().await;
    let midnight = u64::try_from(86_400_000 - desk.service.now().0.rem_euclid(86_400_000)).unwrap();
    clock.turn(Duration::from_millis(midnight));
    let sent = busy_day(&desk, &clock).await;
    assert_eq!(points(&desk, tenant, UsageMeter::OutgoingRecipients, HOUR * 12, Resolution::Day).await, [sent]);
    let day = desk.service.now();
    clock.turn(DAY * u32::try_from(USAGE_HOURS_KEPT_DAYS).unwrap());
    assert_eq!(desk.service.usage_roll().await.unwrap(), 0, "the day has still its time");
    clock.turn(DAY);
    let mut before = Vec::new();
    let range = (Timestamp(day.0 - 86_400_000), day.plus(HOUR));
    for meter in METERS {
        before.push(desk.service.usage_points(&desk.operator, tenant, meter, range, Resolution::Month).await.unwrap());
    }
    assert_eq!(desk.service.usage_roll().await.unwrap(), 2);
    assert_eq!(desk.service.usage_roll().await.unwrap(), 0);
    assert_eq!(rows(&desk, "SELECT COUNT(*) AS n FROM usage_hour").await, 0);
    for (meter, before) in METERS.into_iter().zip(before) {
        let after = desk.service.usage_points(&desk.operator, tenant, meter, range, Resolution::Month).await.unwrap();
        assert_eq!(after, before, "{meter:?}");
    }
    let mut connection = desk.service.connection().await.unwrap();
    let start = Timestamp(day.0 - 12 * 3_600_000);
    assert_eq!(desk.service.recipients_below(&mut connection, tenant, start, day.plus(DAY)).await.unwrap(), sent);
    assert_eq!(desk.service.gib_days_below(&mut connection, tenant, start, day.plus(DAY)).await.unwrap(), 1);
    drop(connection);
    clock.turn(DAY * 801);
    desk.service.sweep().await.unwrap();
    assert_eq!(rows(&desk, "SELECT COUNT(*) AS n FROM usage_day").await, 0, "days have their time too");
}

#[tokio::test]
async fn a_clock_that_was_ahead_loses_nothing_and_counts_nothing_twice() {
    let (clock, desk, tenant, ..) = alpha().await;
    let midnight = u64::try_from(86_400_000 - desk.service.now().0.rem_euclid(86_400_000)).unwrap();
    clock.turn(Duration::from_millis(midnight));
    let start = desk.service.now();
    uses(&desk, 70, 5);
    assert_eq!(pass(&desk).await, 2);
    // For a moment it is two months later: what came until then is there, and the day of today is made of its hours.
    let ahead = DAY * 60;
    clock.turn(ahead);
    uses(&desk, 80, 9);
    assert_eq!(pass(&desk).await, 2);
    assert_eq!(desk.service.usage_roll().await.unwrap(), 2);
    clock.turn_back(ahead);
    clock.turn(HOUR);
    uses(&desk, 90, 12);
    assert_eq!(pass(&desk).await, 2, "it does not wait for the day that the clock had said");
    assert_eq!(pass(&desk).await, 0);
    let sent = async |until: Timestamp| {
        let mut connection = desk.service.connection().await.unwrap();
        desk.service.recipients_below(&mut connection, tenant, start, until).await.unwrap()
    };
    assert_eq!(sent(start.plus(DAY)).await, 5 + 3);
    assert_eq!(sent(start.plus(ahead + DAY)).await, 12);
    // In two months the hours of a day that is there already are added to it, and the hour that was written ahead is not written again.
    clock.turn(ahead - HOUR);
    uses(&desk, 95, 20);
    assert_eq!(pass(&desk).await, 2);
    assert_eq!(sent(start.plus(ahead + DAY)).await, 12, "what came counts in the next hour");
    assert_eq!(desk.service.usage_roll().await.unwrap(), 2);
    assert_eq!(sent(start.plus(DAY)).await, 5 + 3);
    clock.turn(HOUR);
    assert_eq!(pass(&desk).await, 2);
    assert_eq!(sent(start.plus(ahead + DAY)).await, 20);
    let range = (start, start.plus(HOUR));
    let most = desk
        .service
        .usage_points(&desk.operator, tenant, UsageMeter::StoredBytes, range, Resolution::Day)
        .await
        .unwrap();
    assert_eq!(most.iter().map(|p| p.value).collect::<Vec<_>>(), [90]);
}

#[tokio::test]
async fn a_gauge_is_what_it_was_read_last_while_nobody_reads() {
    let (clock, desk, tenant, ..) = alpha().await;
    uses(&desk, 70, 5);
    pass(&desk).await;
    clock.turn(DAY * 3);
    let read = async |by, since| points(&desk, tenant, UsageMeter::StoredBytes, since, by).await;
    assert_eq!(read(Resolution::Hour, HOUR).await, [70, 70]);
    assert_eq!(read(Resolution::Day, DAY).await, [70, 70]);
    assert_eq!(points(&desk, tenant, UsageMeter::OutgoingRecipients, DAY, Resolution::Day).await, [0, 0]);
}

#[tokio::test]
async fn what_is_written_is_not_changed() {
    let (_, desk, ..) = alpha().await;
    pass(&desk).await;
    let mut txn = desk.service.begin().await.unwrap();
    query("UPDATE usage_hour SET amount = 0 WHERE tenant <> ''").execute(&mut txn).await.unwrap_err();
}

//! SUMMARY    The suite: what every form of `Control` holds.

use super::world::{TENANT, World, account, address, entitlement, first, keyed, secret};
use account::RouteError;
use base::{AccountId, JobId, TenantId};
use control::{
    Capabilities, Capability, Change, ControlError, DataType, Destination, EntitlementSnapshot, ErasureOrder,
    ErasurePhase, ExportOrder, ExportPaper, ExportPapers, ExportPapersEnd, ExportPhase, ExportPiece, ExportShape,
    ExportSteer, ExportSteered, ExportWish, ExpungedAsked, ExpungedOrder, MigrationCheck, MigrationChecked,
    MigrationOrder, MigrationPhase, MigrationSecret, MigrationSecurity, MigrationSignIn, MigrationSource,
    MigrationSteer, MigrationSteered, MigrationWish, QueueActed, QueueAction, QueueAsked, QueueFate, QueueFilter,
    QueueOrder, QueueState, Usage,
};

/// As `Accounts` has it.
const BATCH_CHANGES_MAX: u64 = 10_000;
/// Longer than any key of the store.
const KEY_BYTES: usize = 20_000;

pub async fn an_older_snapshot_is_skipped(world: World) {
    world.control.apply(first()).await.unwrap();
    world.control.apply(vec![account(1, 3, "three")]).await.unwrap();
    world.control.apply(vec![account(1, 2, "two"), address("box1", 1, Destination::Tombstone)]).await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("three"));
    assert_eq!(world.route("box1@a.example").await.unwrap(), [AccountId(1)]);
}

pub async fn replays_are_harmless(world: World) {
    let batches = [first(), vec![account(1, 2, "two")], vec![address("old", 1, Destination::Tombstone)]];
    for _ in 0..3 {
        for batch in &batches {
            world.control.apply(batch.clone()).await.unwrap();
        }
    }
    assert_eq!(world.name(1).await.as_deref(), Some("two"));
    assert_eq!(world.route("box1@a.example").await.unwrap(), [AccountId(1)]);
    assert!(matches!(world.route("old@a.example").await, Err(RouteError::Unknown)));
}

pub async fn any_order_ends_the_same(world: World) {
    world.control.apply(first()).await.unwrap();
    let versions = |number: u64| (2..=9u64).map(move |v| account(number, v, &format!("{number} at {v}")));
    let mut all: Vec<Change> = versions(1).chain(versions(2)).collect();
    // A shuffle that is the same every time.
    let places = all.len();
    for n in 0..places {
        all.swap(n, (n * 7 + 5) % places);
    }
    let sent: Vec<_> = all.into_iter().map(|change| world.control.apply(vec![change])).collect();
    for one in sent {
        one.await.unwrap();
    }
    for number in [1, 2] {
        assert_eq!(world.name(number).await, Some(format!("{number} at 9")));
    }
}

pub async fn a_batch_is_applied_wholly_or_not_at_all(world: World) {
    world.control.apply(first()).await.unwrap();
    let before = world.control.hello().await.unwrap();
    let wrong = address(&"x".repeat(KEY_BYTES), 1, Destination::Tombstone);
    let mut batch: Vec<Change> = (10..60).map(|n| account(n, 1, "new")).collect();
    batch.extend([account(1, 2, "changed"), wrong]);
    let error = world.control.apply(batch).await.unwrap_err();
    assert!(matches!(error, ControlError::Invalid(_)), "{error}");
    assert_eq!(world.name(1).await.as_deref(), Some("one"));
    for number in 10..60 {
        assert_eq!(world.name(number).await, None);
    }
    assert_eq!(world.control.hello().await.unwrap(), before);
}

pub async fn the_largest_batch_is_taken_and_a_larger_one_is_refused_for_good(world: World) {
    world.control.apply(first()).await.unwrap();
    let batch = |from: u64, count: u64| (from..from + count).map(|n| account(n, 1, "many")).collect::<Vec<_>>();
    world.control.apply(batch(100, BATCH_CHANGES_MAX)).await.unwrap();
    assert_eq!(world.name(99 + BATCH_CHANGES_MAX).await.as_deref(), Some("many"));
    let error = world.control.apply(batch(50_000, BATCH_CHANGES_MAX + 1)).await.unwrap_err();
    assert!(matches!(&error, ControlError::Invalid(why) if why.contains("BATCH_CHANGES_MAX")), "{error}");
    assert_eq!(world.name(50_000).await, None, "nothing of it");
}

pub async fn meters_come_in_the_order_they_were_asked_for(world: World) {
    world.control.apply(first()).await.unwrap();
    world.deliver("box1@a.example").await;
    let used = world.control.usage(TENANT).await.unwrap();
    assert!(used.emails == 1 && used.used_bytes > 0, "{used:?}");
    let (other, empty) = (TenantId(9), Usage::default());
    let all = world.control.usages(vec![other, TENANT, other, TENANT]).await.unwrap();
    assert_eq!(all, [empty.clone(), used.clone(), empty.clone(), used.clone()]);
    let one = world.control.account_usage(TENANT, AccountId(1)).await.unwrap();
    assert_eq!(one, used);
    let asked = vec![(TENANT, AccountId(2)), (TENANT, AccountId(1)), (other, AccountId(1))];
    assert_eq!(world.control.account_usages(asked).await.unwrap(), [empty.clone(), used, empty]);
    assert_eq!(world.control.usages(Vec::new()).await.unwrap(), []);
}

pub async fn meters_of_the_unknown_are_zero(world: World) {
    assert_eq!(world.control.usage(TenantId(77)).await.unwrap(), Usage::default());
    assert_eq!(world.control.account_usage(TenantId(77), AccountId(1)).await.unwrap(), Usage::default());
}

pub async fn events_come_in_pages_by_their_numbers(world: World) {
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = world.control.events(after, 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = last.seq;
        seen.extend(page.iter().map(|e| e.seq));
    }
    assert_eq!(seen, (1..=25).collect::<Vec<u64>>());
    assert_eq!(world.control.events(20, 2).await.unwrap().iter().map(|e| e.seq).collect::<Vec<_>>(), [21, 22]);
    assert_eq!(world.control.events(25, 10).await.unwrap(), []);
}

pub async fn keys_that_sign_arrive_and_leave_with_their_domain(world: World) {
    world.control.apply(vec![entitlement(1), keyed(2, &["one", "two"])]).await.unwrap();
    assert_eq!(world.signing_keys(TENANT).await, [("one".into(), secret("one")), ("two".into(), secret("two"))]);
    assert_eq!(world.signing_keys(TenantId(9)).await, [], "another tenant signs nothing with them");
    world.control.apply(vec![keyed(1, &["older"])]).await.unwrap();
    assert_eq!(world.signing_keys(TENANT).await.len(), 2);
    world.control.apply(vec![keyed(3, &["new"])]).await.unwrap();
    assert_eq!(world.signing_keys(TENANT).await, [("new".into(), secret("new"))]);
    world.control.apply(vec![keyed(4, &[])]).await.unwrap();
    assert_eq!(world.signing_keys(TENANT).await, []);
}

pub async fn a_store_is_known_by_its_number_and_counts_what_it_took(world: World) {
    let before = world.control.hello().await.unwrap();
    assert!(before.store != 0);
    world.control.apply(vec![entitlement(1)]).await.unwrap();
    let after = world.control.hello().await.unwrap();
    assert_eq!((after.store, after.applied), (before.store, before.applied + 1));
}

/// A tenant below ours, and one that is not.
const BELOW: TenantId = TenantId(5);
const ELSEWHERE: TenantId = TenantId(9);

async fn with_mail(world: &World) {
    let below = EntitlementSnapshot { ancestors: vec![TENANT], ..EntitlementSnapshot::new(BELOW, 1) };
    let elsewhere = EntitlementSnapshot::new(ELSEWHERE, 1);
    let batch = vec![entitlement(1), Change::Entitlement(below), Change::Entitlement(elsewhere)];
    world.control.apply(batch).await.unwrap();
    for (tenant, to) in
        [(TENANT, "a@b.example"), (TENANT, "c@d.example"), (BELOW, "e@b.example"), (ELSEWHERE, "f@b.example")]
    {
        world.queue(tenant, to).await;
    }
}

fn asked(tenant: TenantId, below: bool) -> QueueAsked {
    QueueAsked { tenant, below, ended: false, filter: QueueFilter::default(), after: None, limit: 1 }
}

/// First recipients of all pages, sorted.
async fn all(world: &World, asked: QueueAsked) -> Vec<String> {
    let (mut found, mut asked) = (Vec::new(), asked);
    loop {
        let page = world.control.queue(asked.clone()).await.unwrap();
        assert!(page.items.len() <= 1);
        found.extend(page.items.iter().map(|i| i.recipients[0].address.clone()));
        match page.next {
            Some(next) => asked.after = Some(next),
            None => break,
        }
    }
    found.sort();
    found
}

pub async fn outgoing_mail_comes_in_pages_of_a_tenant_or_of_all_below_it(world: World) {
    with_mail(&world).await;
    assert_eq!(all(&world, asked(TENANT, false)).await, ["a@b.example", "c@d.example"]);
    assert_eq!(all(&world, asked(TENANT, true)).await, ["a@b.example", "c@d.example", "e@b.example"]);
    assert_eq!(all(&world, asked(BELOW, true)).await, ["e@b.example"], "not those above or beside");
    let filter = QueueFilter { domain: Some("B.example".into()), ..QueueFilter::default() };
    let of_b = QueueAsked { filter, ..asked(TENANT, true) };
    assert_eq!(all(&world, of_b).await, ["a@b.example", "e@b.example"]);
    let filter = QueueFilter {
        message_id: Some("1@a.example".into()),
        recipient: Some("c@d.example".into()),
        ..QueueFilter::default()
    };
    let found = QueueAsked { filter, ..asked(TENANT, false) };
    let item = world.control.queue(found).await.unwrap().items.remove(0);
    assert_eq!((item.state, item.attempts, item.message_id.as_str()), (QueueState::Waiting, 0, "<1@a.example>"));
    let wrong = QueueAsked { ended: true, ..asked(TENANT, true) };
    assert!(matches!(world.control.queue(wrong).await, Err(ControlError::Invalid(_))));
}

pub async fn what_is_ordered_is_done_once_and_of_another_tenant_there_is_nothing(world: World) {
    with_mail(&world).await;
    let item = world.control.queue(asked(BELOW, false)).await.unwrap().items.remove(0).id;
    let order = |tenant, action, dry_run| world.control.queue_act(QueueOrder { tenant, item, action, dry_run });
    let hold = || QueueAction::Hold { reason: "looked at".into() };
    for tenant in [TENANT, ELSEWHERE] {
        for action in [QueueAction::Retry, hold(), QueueAction::Release, QueueAction::Drop] {
            assert_eq!(order(tenant, action, false).await.unwrap(), QueueActed::Unknown);
        }
    }
    assert!(matches!(
        order(BELOW, QueueAction::Hold { reason: "two\nlines".into() }, false).await,
        Err(ControlError::Invalid(_))
    ));
    let state = async || world.control.queue(asked(BELOW, false)).await.unwrap().items.first().map(|i| i.state);
    assert!(matches!(order(BELOW, QueueAction::Drop, true).await.unwrap(), QueueActed::Done(_)));
    assert_eq!(state().await, Some(QueueState::Waiting), "a dry run leaves it");
    for _ in 0..2 {
        let QueueActed::Done(held) = order(BELOW, hold(), false).await.unwrap() else { panic!("held") };
        assert_eq!(
            (held.state, held.held_by_hand, held.parked_reason.as_str()),
            (QueueState::Parked, true, "looked at")
        );
    }
    order(BELOW, QueueAction::Retry, false).await.unwrap();
    assert_eq!(state().await, Some(QueueState::Parked), "a person holds it: trying again is no release");
    order(BELOW, QueueAction::Release, false).await.unwrap();
    assert_eq!(state().await, Some(QueueState::Waiting));
    for _ in 0..2 {
        let QueueActed::Done(gone) = order(BELOW, QueueAction::Drop, false).await.unwrap() else { panic!("dropped") };
        assert_eq!((gone.state, gone.recipients[0].fate), (QueueState::Ended, QueueFate::Cancelled));
    }
    assert_eq!(state().await, None);
    let ended = world.control.queue(QueueAsked { ended: true, ..asked(BELOW, false) }).await.unwrap();
    assert_eq!(ended.items.iter().map(|i| i.id).collect::<Vec<_>>(), [item]);
    let ended = world.control.queue(QueueAsked { ended: true, ..asked(TENANT, false) }).await.unwrap();
    assert_eq!(ended.items, []);
}

pub async fn expunged_mail_is_listed_and_comes_back_and_of_another_account_there_is_none(world: World) {
    world.control.apply(first()).await.unwrap();
    let keeps = EntitlementSnapshot { expunged_days: 7, ..EntitlementSnapshot::new(TENANT, 99) };
    world.control.apply(vec![Change::Entitlement(keeps)]).await.unwrap();
    for _ in 0..3 {
        world.deliver("box1@a.example").await;
    }
    world.expunge_all(AccountId(1)).await;
    let asked = |tenant, account, before, contents| ExpungedAsked { tenant, account, before, limit: 2, contents };
    let page = world.control.expunged(asked(TENANT, AccountId(1), None, true)).await.unwrap();
    assert_eq!((page.emails.len(), page.more, page.kept_emails), (2, true, 3));
    assert_eq!(page.days, Some(7));
    let one = &page.emails[0];
    assert_eq!((one.mailbox.as_str(), one.subject.as_str(), one.from.as_str()), ("INBOX", "hello", ""));
    let blind = world.control.expunged(asked(TENANT, AccountId(1), Some(page.emails[1].place), false)).await.unwrap();
    assert_eq!((blind.emails.len(), blind.more, blind.emails[0].subject.as_str()), (1, false, ""));
    assert_eq!(blind.emails[0].mailbox, "");
    let places = vec![one.place, blind.emails[0].place];
    for (tenant, account) in [(TenantId(9), AccountId(1)), (TENANT, AccountId(2)), (TENANT, AccountId(77))] {
        assert_eq!(world.control.expunged(asked(tenant, account, None, true)).await.unwrap().emails, []);
        let order = ExpungedOrder { tenant, account, places: places.clone(), dry_run: false };
        let done = world.control.restore_expunged(order).await.unwrap();
        assert_eq!((done.restored.len(), done.gone.len()), (0, 2), "of another there is nothing");
    }
    let order = ExpungedOrder { tenant: TENANT, account: AccountId(1), places: places.clone(), dry_run: false };
    let would = ExpungedOrder { dry_run: true, ..order.clone() };
    assert_eq!(world.control.restore_expunged(would).await.unwrap().restored, places);
    assert_eq!(world.control.restore_expunged(order.clone()).await.unwrap().restored, places);
    assert_eq!(world.control.restore_expunged(order).await.unwrap().gone, places);
    let page = world.control.expunged(asked(TENANT, AccountId(1), None, false)).await.unwrap();
    assert_eq!((page.emails.len(), page.kept_emails), (1, 1));
    assert_eq!(world.control.account_usage(TENANT, AccountId(1)).await.unwrap().emails, 2);
    let many = ExpungedOrder { tenant: TENANT, account: AccountId(1), places: vec![places[0]; 501], dry_run: false };
    assert!(matches!(world.control.restore_expunged(many).await, Err(ControlError::Invalid(_))));
    // Without days nothing is to be had, also before it is forgotten.
    world.control.apply(vec![Change::Entitlement(EntitlementSnapshot::new(TENANT, 100))]).await.unwrap();
    let none = world.control.expunged(asked(TENANT, AccountId(1), None, false)).await.unwrap();
    assert_eq!((none.emails.len(), none.kept_emails, none.days), (0, 0, Some(0)));
    let left =
        ExpungedOrder { tenant: TENANT, account: AccountId(1), places: vec![page.emails[0].place], dry_run: false };
    assert_eq!(world.control.restore_expunged(left).await.unwrap().gone.len(), 1);
}

pub async fn t6_an_erasure_begins_once_is_told_and_is_proven_at_its_end_alone(world: World) {
    world.control.apply(first()).await.unwrap();
    let order = || ErasureOrder { tenant: TENANT, by: "operator".to_owned() };
    let capabilities = Capabilities::ALL.without(Capability::PurgeAllowed);
    let held = EntitlementSnapshot { capabilities, ..EntitlementSnapshot::new(TENANT, 90) };
    world.control.apply(vec![Change::Entitlement(held)]).await.unwrap();
    assert!(
        matches!(world.control.erase(order()).await, Err(ControlError::Invalid(why)) if why.contains("hold")),
        "M2"
    );
    assert_eq!(world.control.erasure(TENANT).await.unwrap(), None);
    world.control.apply(vec![Change::Entitlement(EntitlementSnapshot::new(TENANT, 91))]).await.unwrap();
    let begun = world.control.erase(order()).await.unwrap();
    assert_eq!((begun.tenant, begun.phase, begun.ordered_by.as_str()), (TENANT, ErasurePhase::Rows, "operator"));
    assert_eq!(begun.erased.keys, 1);
    assert_eq!(world.control.erase(order()).await.unwrap(), begun);
    assert_eq!(world.control.erasure(TENANT).await.unwrap(), Some(begun));
    let early = world.control.prove_erasure(TENANT, "{}".to_owned()).await.unwrap_err();
    assert!(matches!(early, ControlError::Invalid(_)), "{early}");
    // What was still to be told is taken and passed over.
    world
        .control
        .apply(vec![Change::Entitlement(EntitlementSnapshot::new(TENANT, 92)), account(1, 50, "back")])
        .await
        .unwrap();
    assert!(world.route("box1@a.example").await.is_err(), "nobody is there");
    let upkeep = account::Upkeep::new(world.accounts.clone(), account::UpkeepOptions::default());
    upkeep.run_job(account::Job::Erase, true).await.unwrap();
    let done = world.control.erasure(TENANT).await.unwrap().unwrap();
    assert_eq!((done.phase, done.ended.len()), (ErasurePhase::Done, 5));
    let proof = world.control.prove_erasure(TENANT, r#"{"said":"so"}"#.to_owned()).await.unwrap();
    let document = account::open_proof(&proof, &world.accounts.proof_key().unwrap()).unwrap();
    assert_eq!(document["statement"]["said"], "so");
    assert_eq!(document["erasure"]["tenant"], serde_json::to_value(TENANT).unwrap());
    assert!(matches!(
        world.control.erase(ErasureOrder { tenant: TenantId(99), by: String::new() }).await,
        Err(ControlError::Invalid(_))
    ));
}

pub async fn e3_an_export_is_ordered_once_steered_fetched_and_of_another_tenant_there_is_none(world: World) {
    world.control.apply(first()).await.unwrap();
    world.deliver("box1@a.example").await;
    let order = |tenant, job: u64, accounts: Vec<AccountId>| ExportOrder {
        tenant,
        job: JobId(job),
        accounts,
        shape: ExportShape::Mbox,
        keep_days: 3,
        asked_by: "per_1".to_owned(),
        reason: "moving".to_owned(),
        papers: false,
    };
    let (own, other) = (JobId(1), TenantId(99));
    for _ in 0..2 {
        world.control.export(order(TENANT, 1, vec![AccountId(1)])).await.unwrap();
    }
    for bad in [order(TENANT, 2, vec![AccountId(77)]), order(other, 3, vec![AccountId(1)]), order(other, 4, Vec::new())]
    {
        assert!(matches!(world.control.export(bad).await, Err(ControlError::Invalid(_))), "no such mailbox");
    }
    let asked = vec![(other, own), (TENANT, own), (TENANT, JobId(2))];
    let all = world.control.exports(asked).await.unwrap();
    assert_eq!((all.len(), &all[0], &all[2]), (3, &None, &None));
    let standing = all[1].clone().unwrap();
    assert_eq!((standing.phase, standing.accounts), (ExportPhase::Queued, 1));
    let steer = |tenant, wish| world.control.export_steer(ExportSteer { tenant, job: own, wish });
    assert_eq!(steer(other, ExportWish::Cancel).await.unwrap(), ExportSteered::Unknown);
    let ExportSteered::Done(paused) = steer(TENANT, ExportWish::Pause).await.unwrap() else { panic!("it is paused") };
    assert!(paused.paused);
    steer(TENANT, ExportWish::Run).await.unwrap();
    assert_eq!(world.control.export_files(TENANT, own).await.unwrap(), [], "not before it is ready");
    while world.exporter().pass().await.unwrap() {}
    let files = world.control.export_files(TENANT, own).await.unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["export-1.zip", "manifest.json", "manifest.json.sig"]);
    let piece = |tenant, name: &str, from, to| ExportPiece { tenant, job: own, name: name.to_owned(), from, to };
    let mut whole = Vec::new();
    while (whole.len() as u64) < files[0].bytes {
        let next = world.control.export_bytes(piece(TENANT, names[0], whole.len() as u64, u64::MAX)).await.unwrap();
        assert!(!next.is_empty());
        whole.extend(next);
    }
    assert_eq!(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &whole).as_ref(), files[0].sha256);
    let part = world.control.export_bytes(piece(TENANT, names[0], 10, 14)).await.unwrap();
    assert_eq!(part, whole[10..14]);
    for gone in [piece(other, names[0], 0, 4), piece(TENANT, "export-2.zip", 0, 4)] {
        assert!(matches!(world.control.export_bytes(gone).await, Err(ControlError::Invalid(_))));
    }
    assert!(matches!(steer(TENANT, ExportWish::Pause).await.unwrap(), ExportSteered::Refused(_)));
    steer(TENANT, ExportWish::Cancel).await.unwrap();
    assert_eq!(world.control.export_files(TENANT, own).await.unwrap(), []);
    let gone = world.control.export_bytes(piece(TENANT, names[0], 0, 4)).await;
    assert!(matches!(gone, Err(ControlError::Invalid(_))), "E5");
}

pub async fn papers_of_an_export_are_told_in_pieces_and_it_begins_when_all_of_one_attempt_are_there(world: World) {
    world.control.apply(first()).await.unwrap();
    let (job, accounts) = (JobId(8), vec![AccountId(1)]);
    let (shape, asked_by, reason) = (ExportShape::Mbox, String::new(), String::new());
    let order = ExportOrder { tenant: TENANT, job, accounts, shape, keep_days: 3, asked_by, reason, papers: true };
    // Bytes that are no text, and names beyond ASCII.
    let paper = |account: Option<u64>, name: &str, bytes: &[u8]| ExportPaper {
        account: account.map(AccountId),
        data: DataType::Invoices,
        name: name.to_owned(),
        records: 1,
        bytes: bytes.to_vec(),
    };
    let tell = |attempt, number, papers| {
        world.control.export_papers(ExportPapers { tenant: TENANT, job, attempt, number, papers })
    };
    let end =
        |attempt, pieces| world.control.export_papers_end(ExportPapersEnd { tenant: TENANT, job, attempt, pieces });
    let own = vec![paper(None, "ünvoice.pdf", &[0, 255, 10])];
    assert!(matches!(tell(1, 0, own.clone()).await, Err(ControlError::Invalid(_))), "nothing was ordered");
    world.control.export(order.clone()).await.unwrap();
    tell(1, 0, own.clone()).await.unwrap();
    tell(1, 1, vec![paper(Some(1), "early.pdf", b"x")]).await.unwrap();
    tell(1, 2, Vec::new()).await.unwrap();
    assert!(matches!(end(1, 4).await, Err(ControlError::Unavailable(_))), "one is missing");
    // Somebody begins anew, with less.
    tell(2, 0, own.clone()).await.unwrap();
    assert!(matches!(end(1, 3).await, Err(ControlError::Unavailable(_))), "another attempt came between");
    assert!(matches!(end(2, 2).await, Err(ControlError::Unavailable(_))), "half of the attempt before");
    let steer = |wish| world.control.export_steer(ExportSteer { tenant: TENANT, job, wish });
    steer(ExportWish::Run).await.unwrap();
    assert!(!world.exporter().pass().await.unwrap(), "it does not begin without them, whoever resumes it");
    for _ in 0..2 {
        tell(2, 1, vec![paper(Some(1), "late.pdf", b"y")]).await.unwrap();
        end(2, 2).await.unwrap();
        world.control.export(order.clone()).await.unwrap();
    }
    // What is told after the end is of no effect.
    tell(3, 0, vec![paper(None, "never.pdf", b"z")]).await.unwrap();
    while world.exporter().pass().await.unwrap() {}
    let whole = ExportPiece { tenant: TENANT, job, name: "manifest.json".to_owned(), from: 0, to: u64::MAX };
    let manifest = world.control.export_bytes(whole).await.unwrap();
    let manifest = String::from_utf8(manifest).unwrap();
    assert!(manifest.contains("\"tenant/ünvoice.pdf\"") && manifest.contains("box1@a.example/late.pdf"), "{manifest}");
    assert!(!manifest.contains("early.pdf") && !manifest.contains("never.pdf"), "{manifest}");
    steer(ExportWish::Cancel).await.unwrap();
    assert!(matches!(tell(2, 0, own).await, Err(ControlError::Invalid(_))), "it has ended");
}

pub async fn a_migration_is_begun_once_steered_and_ended_and_of_another_tenant_there_is_none(world: World) {
    world.control.apply(first()).await.unwrap();
    let source = |host: &str, port| MigrationSource {
        host: host.to_owned(),
        port,
        security: MigrationSecurity::Plain,
        user: "ann".to_owned(),
        sign_in: MigrationSignIn::Password,
    };
    let secret = || MigrationSecret::new("correct horse".to_owned());
    let (here, own, other) = (source("127.0.0.1", 1), JobId(1), TenantId(99));
    let order = |tenant, job, account, source: &MigrationSource| {
        let (account, source, asked_by) = (AccountId(account), source.clone(), "per_1".to_owned());
        world.control.migrate(MigrationOrder { tenant, job: JobId(job), account, source, secret: secret(), asked_by })
    };
    for _ in 0..2 {
        order(TENANT, 1, 1, &here).await.unwrap();
    }
    for (tenant, account, source) in [
        (TENANT, 77, &here),
        (other, 1, &here),
        (TENANT, 1, &source("10.0.0.1", 993)),
        (TENANT, 1, &source("127.0.0.1", 25)),
    ] {
        let refused = order(tenant, 2, account, source).await;
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{refused:?}");
    }
    let all = world.control.migrations(vec![(other, own), (TENANT, own), (TENANT, JobId(2))]).await.unwrap();
    assert_eq!((all.len(), &all[0], &all[2]), (3, &None, &None));
    assert_eq!(all[1].as_ref().unwrap().phase, MigrationPhase::Queued);
    assert_eq!(world.control.migration_problems(other, own).await.unwrap(), []);
    let steer = |tenant, wish, secret| world.control.migration_steer(MigrationSteer { tenant, job: own, wish, secret });
    assert_eq!(steer(other, MigrationWish::End, None).await.unwrap(), MigrationSteered::Unknown);
    for (wish, secret, phase) in [
        (MigrationWish::Pause, None, MigrationPhase::Paused),
        (MigrationWish::Run, Some(secret()), MigrationPhase::Queued),
        (MigrationWish::End, None, MigrationPhase::Ended),
    ] {
        let MigrationSteered::Done(standing) = steer(TENANT, wish, secret).await.unwrap() else { panic!("{wish:?}") };
        assert_eq!(standing.phase, phase);
    }
    assert!(matches!(steer(TENANT, MigrationWish::Run, None).await.unwrap(), MigrationSteered::Refused(_)));
    let check = |tenant, source| {
        world.control.migration_check(MigrationCheck { tenant, account: AccountId(1), source, secret: secret() })
    };
    assert!(matches!(check(TENANT, here.clone()).await.unwrap(), MigrationChecked::Closed(_)), "nobody is there");
    assert!(matches!(check(TENANT, source("10.0.0.1", 993)).await, Err(ControlError::Invalid(_))));
    assert!(matches!(check(other, here).await, Err(ControlError::Invalid(_))));
}

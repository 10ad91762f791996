//! SUMMARY    Properties of the registry: byte order is logical order, keys decode to what they were made of, rows never mix.

use super::*;
use proptest::{prelude::*, test_runner::TestCaseResult};
use std::cmp::Reverse;
use store::blob::{PackId, PackRow, live_key};

/// Ids with the edges that carry and wrap.
fn id64() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..4u64, Just(0xff), Just(0x100), Just(u64::MAX - 1), Just(u64::MAX)]
}
fn id32() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0..4u32, Just(0xff), Just(0x100), Just(u32::MAX - 1), Just(u32::MAX)]
}
/// Due times: from the epoch on (there are no earlier ones).
fn due() -> impl Strategy<Value = i64> {
    prop_oneof![0..i64::MAX, 0..4i64, Just(i64::MAX - 1)]
}
/// Names of mailboxes, domains and local parts: text without NUL.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.é-]{1,12}", "[a-b]{1,3}", "\\PC{1,8}"]
}

fn same_order<T: Ord>(a: (T, Key), b: (T, Key)) -> TestCaseResult {
    prop_assert_eq!(a.0.cmp(&b.0), a.1.cmp(&b.1));
    Ok(())
}

/// Checks one row with two tuples: the keys are ordered as the tuples are, and decoding gives the tuple back.
macro_rules! row {
    ($name:ident, ($($var:ident : $type:ty = $strategy:expr),+), $key:expr, $decoded:expr) => {
        mod $name {
            use super::*;

            fn key(tuple: &($($type,)+)) -> Key {
                let ($($var,)+) = Clone::clone(tuple);
                $key
            }

            #[allow(unused_variables, reason = "not every row decodes to all of its ids")]
            fn check(tuple: &($($type,)+), key: &[u8]) -> TestCaseResult {
                let ($($var,)+) = Clone::clone(tuple);
                let (found, wanted) = ($decoded)(key);
                prop_assert_eq!(found, wanted);
                Ok(())
            }

            proptest! {
                #[test]
                fn order_and_decoding(a in ($($strategy,)+), b in ($($strategy,)+)) {
                    let (left, right) = (key(&a), key(&b));
                    check(&a, &left)?;
                    check(&b, &right)?;
                    same_order((a, left), (b, right))?;
                }
            }
        }
    };
}

/// What `decode` says of a key of an account, beside what is expected.
fn in_account(acct: u64, row: AccountRow) -> impl Fn(&[u8]) -> (Option<Row>, Option<Row>) {
    move |key| (decode(key), Some(Row::Account(AccountId(acct), row)))
}

row!(state_row, (a: u64 = id64()), state(AccountId(a)), in_account(a, AccountRow::State));
row!(profile_row, (a: u64 = id64()), profile(AccountId(a)), in_account(a, AccountRow::Profile));
row!(keywords_row, (a: u64 = id64()), keywords(AccountId(a)), in_account(a, AccountRow::Keywords));
row!(log_marks_row, (a: u64 = id64()), log_marks(AccountId(a)), in_account(a, AccountRow::LogMarks));
row!(known_row, (a: u64 = id64(), b: u8 = any::<u8>()), known(AccountId(a), b), in_account(a, AccountRow::Known));
row!(expunged_row, (a: u64 = id64(), d: i64 = due(), e: u64 = id64()), expunged(AccountId(a), Timestamp(d), EmailId(e)),
    in_account(a, AccountRow::Expunged(Timestamp(d), EmailId(e))));
row!(migrated_folder_row, (a: u64 = id64(), s: u64 = id64(), f: u64 = id64()),
    migrated_folder(AccountId(a), Origin { source: s, folder: f }),
    in_account(a, AccountRow::MigratedFolder(Origin { source: s, folder: f })));
row!(migrated_row, (a: u64 = id64(), s: u64 = id64(), f: u64 = id64(), v: u32 = id32(), u: u32 = id32()),
    migrated(AccountId(a), Origin { source: s, folder: f }, v, Uid(u)),
    in_account(a, AccountRow::Migrated(Origin { source: s, folder: f }, v, Uid(u))));
row!(mailbox_row, (a: u64 = id64(), m: u32 = id32()), mailbox(AccountId(a), MailboxId(m)),
    in_account(a, AccountRow::Mailbox(MailboxId(m))));
row!(email_row, (a: u64 = id64(), e: u64 = id64()), email(AccountId(a), EmailId(e)), in_account(a, AccountRow::Email(EmailId(e))));
row!(card_row, (a: u64 = id64(), e: u64 = id64()), card(AccountId(a), EmailId(e)), in_account(a, AccountRow::Card(EmailId(e))));
row!(thread_row, (a: u64 = id64(), t: u64 = id64()), thread(AccountId(a), ThreadId(t)),
    in_account(a, AccountRow::Thread(ThreadId(t))));
row!(name_row, (a: u64 = id64(), p: u32 = id32(), n: String = name()),
    mailbox_name(AccountId(a), (p != 0).then_some(MailboxId(p)), &n), in_account(a, AccountRow::Name));
row!(thread_index_row, (a: u64 = id64(), h: u64 = id64()), thread_index(AccountId(a), h), in_account(a, AccountRow::ThreadIndex));
row!(email_change_row, (a: u64 = id64(), s: u64 = id64(), e: u64 = id64()), change(AccountId(a), EMAIL, ModSeq(s), e),
    in_account(a, AccountRow::Change(EMAIL, ModSeq(s), e)));
row!(mailbox_change_row, (a: u64 = id64(), s: u64 = id64(), e: u64 = id64()), change(AccountId(a), MAILBOX, ModSeq(s), e),
    in_account(a, AccountRow::Change(MAILBOX, ModSeq(s), e)));
row!(thread_change_row, (a: u64 = id64(), s: u64 = id64(), e: u64 = id64()), change(AccountId(a), THREAD, ModSeq(s), e),
    in_account(a, AccountRow::Change(THREAD, ModSeq(s), e)));
row!(mailbox_state_row, (a: u64 = id64(), m: u32 = id32()), mailbox_state(AccountId(a), MailboxId(m)),
    in_account(a, AccountRow::MailboxState(MailboxId(m))));
row!(message_row, (a: u64 = id64(), m: u32 = id32(), u: u32 = id32()), row(AccountId(a), MailboxId(m), Uid(u)),
    in_account(a, AccountRow::Message(MailboxId(m), Uid(u))));
row!(vanished_row, (a: u64 = id64(), m: u32 = id32(), s: u64 = id64(), u: u32 = id32()),
    vanished(AccountId(a), MailboxId(m), ModSeq(s), Uid(u)),
    in_account(a, AccountRow::Vanished(MailboxId(m), ModSeq(s), Uid(u))));
row!(queue_row, (q: u64 = id64()), queue_item(QueueId(q)), move |key: &[u8]| (decode(key), Some(Row::QueueItem(QueueId(q)))));
row!(queue_ended_row, (d: Reverse<i64> = due().prop_map(Reverse), q: u64 = id64()), queue_ended(Timestamp(d.0), QueueId(q)),
    move |key: &[u8]| (decode(key), Some(Row::QueueEnded(QueueId(q)))));
row!(export_row, (j: u64 = id64()), export(JobId(j)), move |key: &[u8]| (decode(key), Some(Row::Export(JobId(j)))));
row!(export_account_row, (j: u64 = id64(), n: u32 = id32()), export_account(JobId(j), n),
    move |key: &[u8]| (decode(key), Some(Row::ExportAccount(JobId(j), n))));
row!(export_file_row, (j: u64 = id64(), n: u32 = id32()), export_file(JobId(j), n),
    move |key: &[u8]| (decode(key), Some(Row::ExportFile(JobId(j), n))));
row!(export_segment_row, (j: u64 = id64(), s: u32 = id32(), n: u32 = id32()), export_segment(JobId(j), s, n),
    move |key: &[u8]| (decode(key), Some(Row::ExportSegment(JobId(j), s, n))));
row!(migration_row, (j: u64 = id64()), migration(JobId(j)), move |key: &[u8]| (decode(key), Some(Row::Migration(JobId(j)))));
row!(system_migration_row, (t: u64 = id64(), j: u64 = id64()), system_migration(TenantId(t), JobId(j)),
    move |key: &[u8]| (decode_system_migration(key), Some((TenantId(t), JobId(j)))));
row!(system_export_row, (t: u64 = id64(), j: u64 = id64()), system_export(TenantId(t), JobId(j)),
    move |key: &[u8]| (decode_system_export(key), Some((TenantId(t), JobId(j)))));
row!(backup_row, (b: u64 = id64()), system_backup(b), move |key: &[u8]| (decode_backup(key), Some(b)));
row!(erasure_row, (t: u64 = id64()), system_erasure(TenantId(t)), move |key: &[u8]| (decode_erasure(key), Some(TenantId(t))));
row!(erased_pack_row, (t: u64 = id64(), p: u64 = id64()), system_erased_pack(TenantId(t), PackId(u128::from(p).to_be_bytes())),
    move |key: &[u8]| (decode_erased_pack(key), Some(PackId(u128::from(p).to_be_bytes()))));
row!(entitlement_row, (t: u64 = id64()), system_entitlement(TenantId(t)),
    move |key: &[u8]| (decode_entitlement(key), Some(TenantId(t))));
row!(due_row, (t: u64 = id64(), d: i64 = due(), q: u64 = id64()), system_due(TenantId(t), Timestamp(d), QueueId(q)),
    move |key: &[u8]| (decode_due(key), Some((TenantId(t), Timestamp(d), QueueId(q)))));
row!(parked_row, (t: u64 = id64(), a: u64 = id64(), c: u64 = id64(), q: u64 = id64()),
    system_parked(ParkedGroup { tenant: TenantId(t), account: AccountId(a), credential: c }, QueueId(q)),
    move |key: &[u8]| (decode_parked(key),
        Some((ParkedGroup { tenant: TenantId(t), account: AccountId(a), credential: c }, QueueId(q)))));
row!(copy_row, (t: u64 = id64(), a: u64 = id64(), o: u64 = id64(), p: u32 = id32()),
    system_copy(TenantId(t), AccountId(a), OpId(o), p),
    move |key: &[u8]| (decode_copy(key), Some((TenantId(t), AccountId(a)))));
row!(node_row, (n: u64 = id64()), system_node(NodeId(n)), move |key: &[u8]| (decode_node(key), Some(NodeId(n))));
row!(held_row, (n: u64 = id64(), t: u64 = id64(), q: u64 = id64()), system_held(NodeId(n), TenantId(t), QueueId(q)),
    move |key: &[u8]| (decode_held(key), Some((TenantId(t), QueueId(q)))));
row!(op_row, (o: u64 = id64()), system_op(OpId(o)), move |key: &[u8]| (be64(key, 2), Some(o)));
row!(tenant_prefix_row, (t: u64 = id64()), tenant_prefix(TenantId(t)).to_vec(), move |key: &[u8]| (be64(key, 1), Some(t)));
row!(domain_row, (d: String = name()), system_domain(&d), move |key: &[u8]| (key.get(2..).map(<[u8]>::to_vec), Some(d.into_bytes())));
row!(address_row, (d: String = name(), l: String = name()), system_address(&d, &l), move |key: &[u8]| {
    let at = key.iter().position(|b| *b == 0).unwrap_or_default();
    let split = Some((key[2..at].to_vec(), key[at + 1..].to_vec()));
    (split, Some((d.clone().into_bytes(), l.clone().into_bytes())))
});

/// One key of every system row.
fn one_of_each_system_row(t: u64, n: u64, at: i64, domain: &str, local: &str) -> Vec<(SystemRow, Key)> {
    let (tenant, queue, pack) = (TenantId(t), QueueId(n), PackId(u128::from(n).to_be_bytes()));
    let group = ParkedGroup { tenant, account: AccountId(n), credential: t };
    let of_pack = |kind: &[u8]| [system_packs().as_slice(), kind].concat();
    let meta = [tenant_prefix(tenant).as_slice(), &blob_meta(), blake3::hash(local.as_bytes()).as_bytes()].concat();
    vec![
        (SystemRow::Domain, system_domain(domain)),
        (SystemRow::Signing, system_signing(domain)),
        (SystemRow::Entitlement, system_entitlement(tenant)),
        (SystemRow::Address, system_address(domain, local)),
        (SystemRow::Due, system_due(tenant, Timestamp(at), queue)),
        (SystemRow::Parked, system_parked(group, queue)),
        (SystemRow::Pack(PackRow::Info(pack)), of_pack(&[b"i".as_slice(), &pack.0].concat())),
        (SystemRow::Pack(PackRow::Live(pack)), live_key(&system_packs(), &pack)),
        (SystemRow::Pack(PackRow::Dead(pack)), of_pack(&[b"d".as_slice(), &pack.0].concat())),
        (SystemRow::Pack(PackRow::Store), of_pack(b"s")),
        (SystemRow::Staging, [system_staging().as_slice(), &meta].concat()),
        (SystemRow::Job, system_job(domain)),
        (SystemRow::Store, system_store()),
        (SystemRow::Applied, system_applied()),
        (SystemRow::Node, system_node(NodeId(n))),
        (SystemRow::Held, system_held(NodeId(n), tenant, queue)),
        (SystemRow::Op, system_op(OpId(n))),
        (SystemRow::Master, system_master()),
        (SystemRow::Export, system_export(tenant, JobId(n))),
        (SystemRow::Migration, system_migration(tenant, JobId(n))),
        (SystemRow::Erasure, system_erasure(tenant)),
        (SystemRow::ErasedPack, system_erased_pack(tenant, pack)),
        (SystemRow::EventCounter, system_event_counter()),
        (SystemRow::Event, system_event(n)),
        (SystemRow::Copy, system_copy(tenant, AccountId(n), OpId(t), 3)),
        (SystemRow::Backup, system_backup(n)),
        (SystemRow::Restoring, system_restoring()),
    ]
}

/// One key of every tenant row, by name.
fn one_of_each(a: u64, m: u32, n: u64, u: u32, text: &str) -> Vec<(&'static str, Key)> {
    let (acct, mbx, seq) = (AccountId(a), MailboxId(m), ModSeq(n));
    let blob = |tag: Key, tail: &[u8]| [tag.as_slice(), blake3::hash(text.as_bytes()).as_bytes(), tail].concat();
    vec![
        ("data key", data_key()),
        ("used", tenant_used_bytes()),
        ("emails", tenant_emails()),
        ("recipients out", tenant_recipients_out()),
        ("pool", pool()),
        ("pool lease", pool_lease(u as u16)),
        ("blob meta", blob(blob_meta(), &[])),
        ("blob data", blob(blob_data(), &u.to_be_bytes())),
        ("blob link", blob(blob_link(), b"e0123456701234567")),
        ("queue", queue_item(QueueId(n))),
        ("queue ended", queue_ended(Timestamp(i64::from(u)), QueueId(n))),
        ("export", export(JobId(n))),
        ("export account", export_account(JobId(n), u)),
        ("export file", export_file(JobId(n), u)),
        ("export segment", export_segment(JobId(n), m, u)),
        ("migration", migration(JobId(n))),
        ("state", state(acct)),
        ("profile", profile(acct)),
        ("keywords", keywords(acct)),
        ("log marks", log_marks(acct)),
        ("known", known(acct, (n % 256) as u8)),
        ("expunged", expunged(acct, Timestamp(i64::from(u)), EmailId(n))),
        ("mailbox", mailbox(acct, mbx)),
        ("email", email(acct, EmailId(n))),
        ("card", card(acct, EmailId(n))),
        ("thread", thread(acct, ThreadId(n))),
        ("name", mailbox_name(acct, Some(mbx), text)),
        ("thread index", thread_index(acct, n)),
        ("mailbox change", change(acct, MAILBOX, seq, u64::from(u))),
        ("email change", change(acct, EMAIL, seq, u64::from(u))),
        ("thread change", change(acct, THREAD, seq, u64::from(u))),
        ("mailbox state", mailbox_state(acct, mbx)),
        ("row", row(acct, mbx, Uid(u))),
        ("vanished", vanished(acct, mbx, seq, Uid(u))),
    ]
}

/// Ranges over a row, and the only rows that may lie in each.
fn ranges(a: u64, m: u32, n: u64) -> Vec<(KeyRange, &'static [&'static str])> {
    let (acct, mbx) = (AccountId(a), MailboxId(m));
    vec![
        (queue_items(), &["queue"]),
        (queue_all_ended(), &["queue ended"]),
        (queue_ended_until(Timestamp(n as i64 >> 1)), &["queue ended"]),
        (pool_leases(), &["pool lease"]),
        (migrations(), &["migration"]),
        (exports(), &["export", "export account", "export file", "export segment"]),
        (exports_after(JobId(n)), &["export", "export account", "export file", "export segment"]),
        (export_all(JobId(n)), &["export", "export account", "export file", "export segment"]),
        (export_accounts(JobId(n)), &["export account"]),
        (export_files(JobId(n)), &["export file"]),
        (export_stream(JobId(n), m), &["export segment"]),
        (all_expunged(acct), &["expunged"]),
        (expunged_until(acct, Timestamp(n as i64 >> 1)), &["expunged"]),
        (objects(acct, MAILBOX), &["mailbox"]),
        (objects(acct, EMAIL), &["email"]),
        (objects(acct, CARD), &["card"]),
        (objects(acct, THREAD), &["thread"]),
        (cards(acct, EmailId(0), EmailId(n)), &["card"]),
        (mailbox_children(acct, mbx), &["name"]),
        (changes_after(acct, MAILBOX, ModSeq(0)), &["mailbox change"]),
        (changes_after(acct, EMAIL, ModSeq(0)), &["email change"]),
        (changes_after(acct, THREAD, ModSeq(0)), &["thread change"]),
        (changes_until(acct, MAILBOX, ModSeq(n)), &["mailbox change"]),
        (changes_until(acct, EMAIL, ModSeq(n)), &["email change"]),
        (vanished_until(acct, mbx, ModSeq(n)), &["vanished"]),
        (mailbox_all(acct, mbx), &["mailbox state", "row", "vanished"]),
        (rows_from(acct, mbx, Uid(0)), &["row"]),
        (vanished_after(acct, mbx, ModSeq(0)), &["vanished"]),
    ]
}

proptest! {
    #[test]
    fn no_two_rows_share_a_tag(
        a in id64(), b in id64(), m in id32(), k in id32(), n in id64(), o in id64(), u in id32(), v in id32(),
        text in name(), other in name(),
    ) {
        for (left, x) in one_of_each(a, m, n, u, &text) {
            let found = decode(&x);
            prop_assert!(found.is_some(), "{} is not in the registry", left);
            for (right, y) in one_of_each(b, k, o, v, &other) {
                prop_assert!(left == right || x != y, "{} and {} meet at {:?}", left, right, x);
                prop_assert!(left == right || decode(&y) != found || matches!(found, Some(Row::Counter)));
            }
            for (range, names) in ranges(b, k, o) {
                prop_assert!(!range.contains(&x) || names.contains(&left), "{} lies in a range of {:?}", left, names);
            }
        }
    }

    /// A range starts behind what was seen, and holds what came later, of its account and mailbox only.
    #[test]
    fn ranges_hold_what_they_name(
        a in id64(), b in id64(), m in id32(), k in id32(), since in id64(), n in id64(), from in id32(), u in id32(),
    ) {
        let (acct, mbx) = (AccountId(a), MailboxId(m));
        let own = a == b;
        let later = n > since;
        let changes = changes_after(acct, EMAIL, ModSeq(since));
        prop_assert_eq!(changes.contains(&change(AccountId(b), EMAIL, ModSeq(n), 7)), own && later);
        let gone = vanished_after(acct, mbx, ModSeq(since));
        let key = vanished(AccountId(b), MailboxId(k), ModSeq(n), Uid(u));
        prop_assert_eq!(gone.contains(&key), own && m == k && later);
        // What is trimmed and what is still read never overlap, and leave nothing between them.
        let trimmed = changes_until(acct, EMAIL, ModSeq(since));
        prop_assert_eq!(trimmed.contains(&change(AccountId(b), EMAIL, ModSeq(n), 7)), own && !later);
        prop_assert_eq!(vanished_until(acct, mbx, ModSeq(since)).contains(&key), own && m == k && !later);
        prop_assert_eq!(accounts_from(acct).contains(&state(AccountId(b))), b >= a);
        let rows = rows_from(acct, mbx, Uid(from));
        prop_assert_eq!(rows.contains(&row(AccountId(b), MailboxId(k), Uid(u))), own && m == k && u >= from);
        let children = mailbox_children(acct, mbx);
        prop_assert_eq!(children.contains(&mailbox_name(AccountId(b), Some(MailboxId(k)), "x")), own && m == k);
        prop_assert_eq!(cards(acct, EmailId(since), EmailId(n)).contains(&card(AccountId(b), EmailId(n))), own && n >= since);
    }

    #[test]
    fn due_ranges_hold_one_tenant(a in id64(), b in id64(), until in due(), at in due(), q in id64()) {
        let key = system_due(TenantId(b), Timestamp(at), QueueId(q));
        prop_assert_eq!(system_due_until(TenantId(a), Timestamp(until)).contains(&key), a == b && at <= until);
        prop_assert_eq!(system_due_after(TenantId(a)).contains(&key), b > a);
        prop_assert!(system_due_all().contains(&key));
    }

    #[test]
    fn ranges_of_migrations_hold_their_tenant_and_what_comes_behind(a in id64(), b in id64(), j in id64(), k in id64()) {
        let key = system_migration(TenantId(b), JobId(k));
        prop_assert_eq!(system_migrations_of(TenantId(a)).contains(&key), a == b);
        prop_assert_eq!(system_migrations_after(Some((TenantId(a), JobId(j)))).contains(&key), (b, k) > (a, j));
        prop_assert!(system_migrations_after(None).contains(&key));
    }

    #[test]
    fn ranges_of_exports_hold_their_tenant_and_what_comes_behind(a in id64(), b in id64(), j in id64(), k in id64()) {
        let key = system_export(TenantId(b), JobId(k));
        prop_assert_eq!(system_exports_of(TenantId(a)).contains(&key), a == b);
        prop_assert_eq!(system_exports_after(Some((TenantId(a), JobId(j)))).contains(&key), (b, k) > (a, j));
        prop_assert!(system_exports_after(None).contains(&key));
        prop_assert_eq!(exports_after(JobId(j)).contains(&export(JobId(k))), k > j);
        prop_assert_eq!(export_all(JobId(j)).contains(&export_file(JobId(k), 1)), k == j);
    }

    #[test]
    fn what_ended_is_newest_first_and_ranges_hold_what_is_older(a in due(), b in due(), q in id64(), r in id64()) {
        let (left, right) = (queue_ended(Timestamp(a), QueueId(q)), queue_ended(Timestamp(b), QueueId(r)));
        prop_assert!(a <= b || left < right);
        prop_assert_eq!(queue_ended_until(Timestamp(a)).contains(&right), b <= a);
        prop_assert!(queue_all_ended().contains(&left));
    }

    #[test]
    fn events_after_one_are_those_with_higher_numbers(a in id64(), b in id64()) {
        prop_assert_eq!(system_events_after(a).contains(&system_event(b)), b > a);
        prop_assert!(!system_events_after(a).contains(&system_event_counter()));
    }

    #[test]
    fn system_rows_keep_apart(t in id64(), q in id64(), d in name(), l in name(), at in due()) {
        let rows = [
            system_domain(&d), system_entitlement(TenantId(t)), system_address(&d, &l),
            system_due(TenantId(t), Timestamp(at), QueueId(q)), system_packs(), system_staging(), system_op(OpId(q)),
            system_signing(&d), system_job(&d), system_copy(TenantId(t), AccountId(q), OpId(q), 1), system_event(q),
            system_master(), system_node(NodeId(q)), system_held(NodeId(q), TenantId(t), QueueId(q)),
            system_export(TenantId(t), JobId(q)), system_backup(q), system_restoring(), system_migration(TenantId(t), JobId(q)),
        ];
        for (n, x) in rows.iter().enumerate() {
            prop_assert_eq!(x.first(), Some(&SYSTEM));
            prop_assert_eq!(decode(x), None);
            prop_assert!(rows.iter().skip(n + 1).all(|y| x.get(1) != y.get(1)), "two rows share a tag");
        }
        prop_assert!(system_entitlements().contains(&rows[1]) && !system_entitlements().contains(&rows[0]));
    }

    #[test]
    fn every_system_row_is_known_by_its_key(t in id64(), n in id64(), d in name(), l in name(), at in due()) {
        for (row, key) in one_of_each_system_row(t, n, at, &d, &l) {
            prop_assert_eq!(decode_system(&key), Some(row), "{}", key.escape_ascii());
            prop_assert_eq!((decode(&key), split_tenant(&key)), (None, None));
        }
    }

    #[test]
    fn tenants_are_stepped_over_one_by_one(a in id64(), b in id64()) {
        let key = [tenant_prefix(TenantId(b)).as_slice(), b"k"].concat();
        prop_assert_eq!(split_tenant(&key), Some((TenantId(b), &b"k"[..])));
        prop_assert_eq!(tenants_after(TenantId(a)).contains(&key), b > a);
        prop_assert!(tenants_all().contains(&key) && !system_all().contains(&key));
    }

    /// Whatever bytes a key has, it decodes or it does not; nothing panics.
    #[test]
    fn any_bytes_decode_or_do_not(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = (decode(&bytes), decode_system(&bytes), decode_due(&bytes), decode_entitlement(&bytes), decode_object(&bytes));
    }
}

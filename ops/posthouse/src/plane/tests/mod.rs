//! SUMMARY    The contract between the planes, held against both forms of it; and what only the remote form can do wrong.

mod certificates;
mod contract;
mod remote;
mod world;

pub(crate) use world::accounts;

/// The contract in process and over mutual TLS: every test of the suite, for both.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::contract::$test(super::world::World::in_process().await).await;
            })+
        }
        mod over_http {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::contract::$test(super::world::World::over_http().await).await;
            })+
        }
    };
}

on_both!(
    an_older_snapshot_is_skipped,
    replays_are_harmless,
    t6_an_erasure_begins_once_is_told_and_is_proven_at_its_end_alone,
    papers_of_an_export_are_told_in_pieces_and_it_begins_when_all_of_one_attempt_are_there,
    e3_an_export_is_ordered_once_steered_fetched_and_of_another_tenant_there_is_none,
    a_migration_is_begun_once_steered_and_ended_and_of_another_tenant_there_is_none,
    any_order_ends_the_same,
    a_batch_is_applied_wholly_or_not_at_all,
    the_largest_batch_is_taken_and_a_larger_one_is_refused_for_good,
    meters_come_in_the_order_they_were_asked_for,
    meters_of_the_unknown_are_zero,
    events_come_in_pages_by_their_numbers,
    keys_that_sign_arrive_and_leave_with_their_domain,
    a_store_is_known_by_its_number_and_counts_what_it_took,
    outgoing_mail_comes_in_pages_of_a_tenant_or_of_all_below_it,
    what_is_ordered_is_done_once_and_of_another_tenant_there_is_nothing,
    expunged_mail_is_listed_and_comes_back_and_of_another_account_there_is_none,
);

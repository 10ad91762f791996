//! SUMMARY    Counters of the metrics, shown as 0 before their first event: `increase()` of one that comes into being with a 1 sees nothing.
//! INVARIANTS Every counter of the code is here, with the values of its label; a test reads the sources.

/// A counter: its name; its label with every value, if it has one.
type Counter = (&'static str, Option<(&'static str, &'static [&'static str])>);

const DOORS: &[&str] = &["smtp", "submission", "lmtp", "imap"];
const JOBS: &[&str] = &["pack", "compact", "sweep", "trim", "marks", "erase", "purge", "quota"];

const OF_EVERY_PLANE: &[Counter] = &[
    ("posthouse_backup_errors_total", None),
    ("posthouse_backup_stored_bytes_total", None),
    ("posthouse_billing_books_refused_total", None),
    ("posthouse_billing_doubles_total", None),
    ("posthouse_billing_drift_total", None),
    ("posthouse_billing_letters_total", None),
    ("posthouse_billing_short_total", None),
    ("posthouse_billing_stages_total", None),
    ("posthouse_billing_webhooks_refused_total", None),
    ("posthouse_http_refused_total", None),
];

const OF_THE_DATA_PLANE: &[Counter] = &[
    ("posthouse_budget_refusals_total", None),
    ("posthouse_budget_waits_total", None),
    ("posthouse_connections_refused_total", Some(("door", DOORS))),
    ("posthouse_connections_total", Some(("door", DOORS))),
    ("posthouse_dkim_messages_total", Some(("result", &["signed", "unsigned"]))),
    ("posthouse_export_errors_total", None),
    ("posthouse_exports_shredded_total", None),
    ("posthouse_exports_total", None),
    ("posthouse_imap_commands_total", None),
    ("posthouse_messages_total", Some(("door", &["smtp", "submission", "lmtp"]))),
    ("posthouse_migration_bytes_total", None),
    ("posthouse_migration_errors_total", None),
    ("posthouse_migration_messages_total", None),
    ("posthouse_migration_passes_total", Some(("result", &["ended", "failed", "given-back"]))),
    ("posthouse_nodes_taken_over_total", None),
    ("posthouse_queue_delivered_total", None),
    ("posthouse_queue_failed_total", None),
    ("posthouse_queue_parked_total", None),
    ("posthouse_queue_released_total", None),
    ("posthouse_quota_below_zero_total", Some(("counter", &["pool", "tenant", "mailbox"]))),
    ("posthouse_send_limit_refusals_total", None),
    ("posthouse_queue_given_up_total", None),
    ("posthouse_sessions_cut_total", Some(("door", &["submission", "imap"]))),
    ("posthouse_upkeep_cleared_marks_total", None),
    ("posthouse_upkeep_compacted_blobs_total", None),
    ("posthouse_upkeep_compacted_packs_total", None),
    ("posthouse_upkeep_damaged_packs_total", None),
    ("posthouse_upkeep_errors_total", Some(("job", JOBS))),
    ("posthouse_upkeep_packed_blobs_total", None),
    ("posthouse_upkeep_packed_bytes_total", None),
    ("posthouse_upkeep_packs_total", None),
    ("posthouse_upkeep_passes_total", Some(("job", JOBS))),
    ("posthouse_upkeep_forgotten_queue_items_total", None),
    ("posthouse_upkeep_erased_tenants_total", None),
    ("posthouse_upkeep_purged_emails_total", None),
    ("posthouse_upkeep_forgotten_emails_total", None),
    ("posthouse_upkeep_swept_objects_total", None),
    ("posthouse_upkeep_swept_packs_total", None),
    ("posthouse_upkeep_swept_stagings_total", None),
    ("posthouse_upkeep_trimmed_entries_total", None),
    ("store_commit_groups_total", None),
    ("store_commits_total", None),
    ("store_failures_total", None),
    ("store_revivals_total", None),
];

/// Of what a node shares with others: their labels are of what is configured, and they come into being with it.
#[cfg(test)]
const OF_WHAT_IS_SHARED: &[&str] = &[
    "bus_connects_total",
    "bus_dropped_total",
    "bus_lost_total",
    "bus_messages_total",
    "cells_answers_total",
    "cells_errors_total",
    "objects_bytes_total",
    "objects_cache_total",
    "blobs_staged_total",
    "objects_puts_total",
    "objects_requests_total",
    "objects_retries_total",
    "store_commit_errors_total",
];

/// Shows the counters of a process from now on; `data`: those of the data plane too.
pub fn show(data: bool) {
    let of_data = if data { OF_THE_DATA_PLANE } else { &[] };
    for (name, label) in OF_EVERY_PLANE.iter().chain(of_data) {
        match label {
            None => metrics::counter!(*name).increment(0),
            Some((label, values)) => values.iter().for_each(|v| metrics::counter!(*name, *label => *v).increment(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, path::Path};

    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, texts);
            } else if path.extension().is_some_and(|e| e == "rs") {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_counter_of_the_sources_is_shown_from_the_start() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut texts = Vec::new();
        for folder in ["billing", "core", "tenants", "ops/posthouse/src"] {
            sources(&root.join(folder), &mut texts);
        }
        let names = |text: &String| -> Vec<String> {
            let after = text.split("counter!(\"").skip(1);
            after.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        let used: BTreeSet<String> = texts.iter().flat_map(names).filter(|name| name.ends_with("_total")).collect();
        assert!(used.len() > 20, "{used:?}");
        let listed = OF_EVERY_PLANE.iter().chain(OF_THE_DATA_PLANE).map(|(name, _)| name);
        let shown: BTreeSet<String> = listed.chain(OF_WHAT_IS_SHARED).map(|name| (*name).to_owned()).collect();
        assert_eq!(used, shown);
    }

    #[test]
    fn a_counter_is_there_before_its_first_event() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || show(true));
        let text = recorder.handle().render();
        for line in [
            "store_failures_total 0",
            "posthouse_quota_below_zero_total{counter=\"pool\"} 0",
            "posthouse_dkim_messages_total{result=\"unsigned\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
    }
}

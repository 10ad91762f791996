//! SUMMARY    The same suite on a live cluster, where FDB_CLUSTER_FILE names one and a real libfdb_c is installed: in a process of
//!            its own, because a process has one client library.

use crate::cluster::LIVE;
use std::process::Command;

#[test]
fn the_suite_passes_on_a_live_cluster() {
    if std::env::var_os("FDB_CLUSTER_FILE").is_none() {
        println!("store-fdb: no live cluster, FDB_CLUSTER_FILE is not set");
        return;
    }
    let mut suite = Command::new(std::env::current_exe().unwrap());
    let status = suite.args(["suite::", "--nocapture"]).env(LIVE, "1").status().unwrap();
    assert!(status.success(), "{status}");
}

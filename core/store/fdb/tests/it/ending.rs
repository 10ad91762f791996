//! SUMMARY    The process ends as it wants to, whatever the client's thread is at; in a process of its own.

use crate::cluster::Cluster;
use std::process::{Command, Stdio};
use store::{KeyRange, Kv, PageLimit, Read};

const CHILD: &str = "STORE_FDB_ENDING";
const CODE: i32 = 7;

fn ends(how: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "ending::a_process_ends_while_the_client_works", "--nocapture"]).env(CHILD, how);
    let output = child.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(CODE), "{how}: {said}");
}

/// nextest ends a test that hangs, and this one would.
#[test]
fn a_process_ends_while_the_client_works() {
    let Some(how) = std::env::var_os(CHILD) else {
        for how in ["idle", "opening", "busy"] {
            ends(how);
        }
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        match how.to_str().unwrap() {
            "idle" => {
                Cluster::new("").open("a").await.unwrap();
            }
            "opening" => {
                // The commit that makes the directory takes its time too.
                let opening = tokio::spawn(async { Cluster::new("delay_ms=600000").open("a").await.map(|_| ()) });
                tokio::time::timeout(std::time::Duration::from_millis(50), opening).await.unwrap_err();
            }
            _ => {
                let fair = Cluster::new("");
                fair.open("a").await.unwrap();
                let kv = fair.failing("delay_ms=600000").open("a").await.unwrap();
                let mut txn = kv.begin();
                txn.set(b"k", b"v");
                let commit = tokio::spawn(txn.submit().unwrap());
                let all = KeyRange::prefix(b"");
                let seen = kv.begin_read().range(&all, PageLimit::MAX, false, Read::Snapshot).await.unwrap();
                assert!(seen.rows.is_empty() && !commit.is_finished());
            }
        }
        std::process::exit(CODE);
    });
}

//! SUMMARY    The files that `posthouse plane certificates` makes.

use super::world::{Port, accounts, folder};
use crate::plane::certificates::make;
use control::Control;
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::Path};

fn read_all(folder: &Path) -> BTreeMap<String, String> {
    let entry = |e: std::io::Result<std::fs::DirEntry>| {
        let e = e.unwrap();
        (e.file_name().into_string().unwrap(), std::fs::read_to_string(e.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(entry).collect()
}

#[test]
fn keys_are_for_their_owner_only_and_nothing_is_overwritten() {
    let folder = folder();
    let made = read_all(folder.path());
    let names: Vec<&str> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["ca.key", "ca.pem", "control.key", "control.pem", "data.key", "data.pem"]);
    for name in names {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o177, if name.ends_with(".key") { 0 } else { mode & 0o044 }, "{name}: {mode:o}");
    }
    assert!(make(folder.path(), &["localhost".into()], false).is_err());
    assert_eq!(read_all(folder.path()), made, "as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_ones_are_of_the_same_authority() {
    let folder = folder();
    let before = read_all(folder.path());
    let port = Port::open(&folder, "127.0.0.1:0", accounts()).await;
    let old = port.client(&folder);
    make(folder.path(), &["localhost".into(), "127.0.0.1".into()], true).unwrap();
    let after = read_all(folder.path());
    assert_eq!((&before["ca.pem"], &before["ca.key"]), (&after["ca.pem"], &after["ca.key"]));
    assert!(["data.pem", "data.key", "control.pem", "control.key"].iter().all(|n| before[*n] != after[*n]));
    // Old and new in any combination.
    port.client(&folder).hello().await.unwrap();
    port.listening.reload().unwrap();
    old.hello().await.unwrap();
    port.client(&folder).hello().await.unwrap();
}

#[test]
fn an_authority_without_its_key_signs_nothing() {
    let folder = folder();
    std::fs::remove_file(folder.path().join("ca.key")).unwrap();
    let why = make(folder.path(), &["localhost".into()], true).unwrap_err();
    assert!(why.contains("ca.key"), "{why}");
}

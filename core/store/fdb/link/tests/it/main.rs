//! SUMMARY    A binary that links the jumps starts without the library, says so when it is called, and takes no wrong one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(unsafe_code, reason = "calls the C API")]

use fdb_link::{LoadError, load};
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::Path,
    process::Command,
    ptr,
};

unsafe extern "C" {
    fn fdb_get_error(code: c_int) -> *const c_char;
    fn fdb_get_max_api_version() -> c_int;
    fn fdb_select_api_version_impl(runtime: c_int, header: c_int) -> c_int;
    fn fdb_setup_network() -> c_int;
    fn fdb_create_database(path: *const c_char, out: *mut *mut c_void) -> c_int;
    fn fdb_transaction_commit(transaction: *mut c_void) -> *mut c_void;
    fn fdb_transaction_get_total_cost(transaction: *mut c_void) -> *mut c_void;
    fn fdb_database_open_tenant(database: *mut c_void) -> c_int;
}

#[test]
fn without_a_library_calls_answer_an_error() {
    let mut database = ptr::null_mut();
    // SAFETY: nothing is loaded: the jumps lead to functions that look at no argument.
    unsafe {
        assert_eq!(fdb_get_max_api_version(), 0);
        assert_eq!(fdb_select_api_version_impl(730, 730), 1500);
        assert_eq!(fdb_setup_network(), 1500);
        assert_eq!(fdb_create_database(ptr::null(), &raw mut database), 1500);
        assert!(fdb_transaction_commit(ptr::null_mut()).is_null());
        assert!(CStr::from_ptr(fdb_get_error(1500)).to_str().unwrap().contains("not loaded"));
    }
    assert!(database.is_null());
}

#[test]
fn a_library_that_is_not_there_is_named() {
    match load(Some(Path::new("/nowhere/libfdb_c.so"))) {
        Err(LoadError::NotFound { path, why }) => {
            assert_eq!(path, Path::new("/nowhere/libfdb_c.so"));
            assert!(why.contains("No such file"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_library_is_refused() {
    match load(Some(Path::new("libc.so.6"))) {
        Err(LoadError::NotFoundationDb { missing, .. }) => assert!(missing.contains(&"fdb_setup_network")),
        other => panic!("{other:?}"),
    }
}

/// Names the library that a child of this test loads.
const CHILD: &str = "FDB_LINK_CHILD";

/// In a process of its own, because a process has one library.
#[test]
fn what_an_older_library_has_not_fails_when_it_is_called() {
    if let Some(library) = std::env::var_os(CHILD) {
        let loaded = load(Some(Path::new(&library))).unwrap();
        assert_eq!(loaded.version, "7.1.0,old,0");
        assert_eq!(loaded.path, Path::new(&library));
        assert!(loaded.missing.contains(&"fdb_transaction_get_total_cost"), "{:?}", loaded.missing);
        // SAFETY: the functions of `OLD` look at no argument, nor do those behind empty slots.
        unsafe {
            assert_eq!(fdb_get_max_api_version(), 7);
            assert!(fdb_transaction_get_total_cost(ptr::null_mut()).is_null());
            assert_eq!(fdb_database_open_tenant(ptr::null_mut()), 1500);
        }
        assert_eq!(load(None), Ok(loaded));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("old.c"), folder.path().join("libfdb_c.so"));
    let needed = include_str!("../../functions.txt").lines().filter_map(|line| line.strip_suffix(" needed"));
    let mut text = "const char* fdb_get_client_version(void) { return \"7.1.0,old,0\"; }\n".to_owned();
    for name in needed.filter_map(|line| line.split(' ').next()).filter(|name| *name != "fdb_get_client_version") {
        text.push_str(&format!("int {name}(void) {{ return 7; }}\n"));
    }
    std::fs::write(&source, text).unwrap();
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(made.success());
    let me = std::env::current_exe().unwrap();
    let mut child = Command::new(me);
    child.args(["--exact", "what_an_older_library_has_not_fails_when_it_is_called"]).env(CHILD, &library);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_binary_needs_no_library_to_start() {
    let me = std::env::current_exe().unwrap();
    let listed = Command::new("readelf").args(["--dynamic", "--wide"]).arg(me).output().unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("libc.so"), "{listed}");
    assert!(!listed.contains("fdb_c"), "{listed}");
}

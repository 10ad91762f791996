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

#[test]
fn the_binary_needs_no_library_to_start() {
    let me = std::env::current_exe().unwrap();
    let listed = Command::new("readelf").args(["--dynamic", "--wide"]).arg(me).output().unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("libc.so"), "{listed}");
    assert!(!listed.contains("fdb_c"), "{listed}");
}

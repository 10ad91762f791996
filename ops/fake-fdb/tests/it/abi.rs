//! SUMMARY    The C API where it is used wrongly, or asked for what it does not do: errors, never crashes.

#![allow(unsafe_code, reason = "calls the C API")]

// The functions are in the library that this names.
use fake_fdb::model::code;
use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
};

unsafe extern "C" {
    fn fdb_select_api_version_impl(runtime: c_int, header: c_int) -> c_int;
    fn fdb_setup_network() -> c_int;
    fn fdb_run_network() -> c_int;
    fn fdb_stop_network() -> c_int;
    fn fdb_create_database(path: *const c_char, out: *mut *mut c_void) -> c_int;
    fn fdb_create_database_from_connection_string(text: *const c_char, out: *mut *mut c_void) -> c_int;
    fn fdb_database_create_transaction(database: *mut c_void, out: *mut *mut c_void) -> c_int;
    fn fdb_database_destroy(database: *mut c_void);
    fn fdb_database_open_tenant(database: *mut c_void, name: *const u8, length: c_int, out: *mut *mut c_void) -> c_int;
    fn fdb_transaction_commit(transaction: *mut c_void) -> *mut c_void;
    fn fdb_transaction_get(transaction: *mut c_void, key: *const u8, length: c_int, snapshot: c_int) -> *mut c_void;
    fn fdb_transaction_get_total_cost(transaction: *mut c_void) -> *mut c_void;
    fn fdb_transaction_destroy(transaction: *mut c_void);
    fn fdb_future_get_error(future: *mut c_void) -> c_int;
    fn fdb_future_get_int64(future: *mut c_void, out: *mut i64) -> c_int;
    fn fdb_future_is_ready(future: *mut c_void) -> c_int;
    fn fdb_future_block_until_ready(future: *mut c_void) -> c_int;
    fn fdb_future_destroy(future: *mut c_void);
}

/// The error of a future, which is destroyed.
unsafe fn error(future: *mut c_void) -> c_int {
    // SAFETY: a future of the library.
    unsafe {
        fdb_future_block_until_ready(future);
        let error = fdb_future_get_error(future);
        fdb_future_destroy(future);
        error
    }
}

/// All in one test: a process has one network.
#[test]
fn the_api_is_used_in_its_order_and_answers_whatever_comes() {
    let mut database = ptr::null_mut();
    let mut transaction = ptr::null_mut();
    // SAFETY: pointers are null or from the library; strings are C strings.
    unsafe {
        assert_eq!(fdb_setup_network(), code::API_VERSION_UNSET);
        assert_eq!(fdb_select_api_version_impl(740, 740), code::API_VERSION_NOT_SUPPORTED);
        assert_eq!(fdb_select_api_version_impl(730, 720), code::API_VERSION_INVALID);
        assert_eq!(fdb_select_api_version_impl(730, 730), code::SUCCESS);
        assert_eq!(fdb_select_api_version_impl(730, 730), code::API_VERSION_ALREADY_SET);
        assert_eq!(fdb_run_network(), code::NETWORK_NOT_SET_UP);
        assert_eq!(fdb_create_database(ptr::null(), &raw mut database), code::NETWORK_NOT_SET_UP);
        assert_eq!(fdb_setup_network(), code::SUCCESS);
        assert_eq!(fdb_setup_network(), code::NETWORK_ALREADY_SET_UP);
        let network = std::thread::spawn(|| fdb_run_network());
        let nowhere = c"/nowhere/fdb.cluster".as_ptr();
        assert_eq!(fdb_create_database(nowhere, &raw mut database), code::NO_CLUSTER_FILE);
        let text = c"nonsense".as_ptr();
        assert_eq!(
            fdb_create_database_from_connection_string(text, &raw mut database),
            code::CONNECTION_STRING_INVALID
        );
        let text = c"abi:test@127.0.0.1:4500".as_ptr();
        assert_eq!(fdb_create_database_from_connection_string(text, &raw mut database), code::SUCCESS);
        assert_eq!(fdb_database_open_tenant(database, ptr::null(), 0, ptr::null_mut()), code::UNSUPPORTED);
        assert_eq!(fdb_database_create_transaction(ptr::null_mut(), &raw mut transaction), code::INVALID_OPERATION);
        assert_eq!(fdb_database_create_transaction(database, &raw mut transaction), code::SUCCESS);
        // Transactions keep their database.
        fdb_database_destroy(database);
        assert_eq!(error(fdb_transaction_get_total_cost(transaction)), code::UNSUPPORTED);
        assert_eq!(error(fdb_transaction_get(ptr::null_mut(), b"k".as_ptr(), 1, 0)), code::INVALID_OPERATION);
        let read = fdb_transaction_get(transaction, b"k".as_ptr(), 1, 0);
        fdb_future_block_until_ready(read);
        assert_eq!(fdb_future_get_int64(read, ptr::null_mut()), code::INVALID_OPERATION);
        fdb_future_destroy(read);
        assert_eq!(error(fdb_transaction_commit(transaction)), code::SUCCESS);
        assert_eq!(fdb_future_is_ready(ptr::null_mut()), 1);
        fdb_future_destroy(ptr::null_mut());
        assert_eq!(fdb_stop_network(), code::SUCCESS);
        assert_eq!(network.join().unwrap(), code::SUCCESS);
        assert_eq!(error(fdb_transaction_get(transaction, b"k".as_ptr(), 1, 0)), code::NETWORK_STOPPED);
        fdb_transaction_destroy(transaction);
    }
}

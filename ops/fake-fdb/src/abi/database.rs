//! SUMMARY    Databases: opened from a cluster file, a connection string, or the variables that say where one is.

use super::{bytes, code_of, failed, future::Handle, give};
use crate::model::{cluster::Database, code, code::Code, future::Answer, network, transaction::Transaction};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    ffi::{CStr, OsStr, OsString, c_char, c_int},
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::Arc,
};

/// What is connected to where no cluster file is named.
const DEFAULT: &str = "fake:default@127.0.0.1:4500";

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Hands out a database, or says why there is none.
unsafe fn open(text: &str, out: *mut *const Database) -> Code {
    let faults = variable("FAKE_FDB_FAULTS");
    let opened = network::check_set_up()
        .and_then(|()| Database::open(text, faults.as_deref().map(|text| text.to_str().unwrap_or("?"))));
    match opened {
        Ok(database) if !out.is_null() => {
            // SAFETY: the caller gives room for one pointer.
            unsafe { out.write(Arc::into_raw(Arc::new(database))) };
            code::SUCCESS
        }
        Ok(_) => code::INVALID_OPERATION,
        Err(code) => code,
    }
}

unsafe fn text_of<'a>(text: *const c_char) -> &'a [u8] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: the caller shows a C string.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_create_database(cluster_file: *const c_char, out: *mut *const Database) -> Code {
    // SAFETY: as for `text_of`.
    let named = OsStr::from_bytes(unsafe { text_of(cluster_file) }).to_owned();
    let path = if named.is_empty() { variable("FDB_CLUSTER_FILE") } else { Some(named) };
    let text = match path {
        None => DEFAULT.to_owned(),
        Some(path) => match fs::read_to_string(Path::new(&path)) {
            Ok(text) => text,
            Err(_) => return code::NO_CLUSTER_FILE,
        },
    };
    // SAFETY: as for `open`.
    unsafe { open(&text, out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_create_database_from_connection_string(
    connection: *const c_char,
    out: *mut *const Database,
) -> Code {
    // SAFETY: as for `text_of` and `open`.
    unsafe {
        let text = String::from_utf8_lossy(text_of(connection));
        open(&text, out)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_database_destroy(database: *const Database) {
    if !database.is_null() {
        // SAFETY: made by `open`, destroyed once; transactions hold on to it.
        drop(unsafe { Arc::from_raw(database) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_database_set_option(
    database: *const Database,
    option: c_int,
    value: *const u8,
    length: c_int,
) -> Code {
    // SAFETY: null, or a database that the caller has not destroyed; and as for `bytes`.
    unsafe {
        match database.as_ref() {
            Some(database) => code_of(database.options.lock().set_of_database(option, &bytes(value, length))),
            None => code::INVALID_OPERATION,
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_database_create_transaction(
    database: *const Database,
    out: *mut *const Mutex<Transaction>,
) -> Code {
    if database.is_null() || out.is_null() {
        return code::INVALID_OPERATION;
    }
    // SAFETY: a database that the caller has not destroyed: one more holder of it; and room for one pointer.
    unsafe {
        Arc::increment_strong_count(database);
        out.write(Arc::into_raw(Transaction::open(Arc::from_raw(database))));
    }
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_database_get_client_status(database: *const Database) -> *mut Handle {
    // SAFETY: as for `fdb_database_set_option`.
    let Some(database) = (unsafe { database.as_ref() }) else { return failed(code::INVALID_OPERATION) };
    let (healthy, name) = (database.cluster.is_reached(), &database.cluster.name);
    let status = format!(r#"{{"Healthy":{healthy},"ClusterID":"{name}"}}"#);
    give(network::promise(Ok(Answer::Key(Bytes::from(status)))))
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_database_get_main_thread_busyness(_database: *const Database) -> f64 {
    0.0
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_database_get_server_protocol(_database: *const Database, _expected: u64) -> *mut Handle {
    give(network::promise(Ok(Answer::Uint(0x0FDB_00B0_7300_0000))))
}

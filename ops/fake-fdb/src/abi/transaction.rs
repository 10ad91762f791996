//! SUMMARY    Transactions.

use super::{bytes, code_of, failed, future::Handle, give};
use crate::model::{
    code::{self, Code},
    future::{Answer, Future},
    network,
    read::RangeRead,
    selector::Selector,
    transaction::Transaction,
};
use parking_lot::Mutex;
use std::{ffi::c_int, sync::Arc};

type Shared = *const Mutex<Transaction>;

/// Does something to a transaction, if there is one.
unsafe fn with<T>(transaction: Shared, act: impl FnOnce(&mut Transaction) -> T) -> Option<T> {
    // SAFETY: null, or a transaction that the caller has not destroyed.
    unsafe { transaction.as_ref() }.map(|transaction| act(&mut transaction.lock()))
}

/// The same, where a future comes out.
unsafe fn promised(
    transaction: Shared,
    act: impl FnOnce(&mut Transaction) -> Arc<Future> + Send + 'static,
) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { with(transaction, |txn| txn.answer(act)) }.map_or_else(|| failed(code::INVALID_OPERATION), give)
}

/// The same, where the database is read.
unsafe fn read(transaction: Shared, act: impl FnOnce(&mut Transaction) -> Arc<Future> + Send + 'static) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { with(transaction, |txn| txn.read(act)) }.map_or_else(|| failed(code::INVALID_OPERATION), give)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_destroy(transaction: Shared) {
    if !transaction.is_null() {
        // SAFETY: made by fdb_database_create_transaction, destroyed once.
        drop(unsafe { Arc::from_raw(transaction) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_cancel(transaction: Shared) {
    // SAFETY: as for `with`.
    unsafe { with(transaction, Transaction::cancel) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_reset(transaction: Shared) {
    // SAFETY: as for `with`.
    unsafe { with(transaction, Transaction::reset) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_set_option(
    transaction: Shared,
    option: c_int,
    value: *const u8,
    length: c_int,
) -> Code {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let value = bytes(value, length);
        with(transaction, |txn| code_of(txn.set_option(option, &value))).unwrap_or(code::INVALID_OPERATION)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_set_read_version(transaction: Shared, version: i64) {
    // SAFETY: as for `with`.
    unsafe { with(transaction, |txn| txn.set_read_version(version)) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_read_version(transaction: Shared) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { read(transaction, Transaction::read_version) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get(
    transaction: Shared,
    key: *const u8,
    key_length: c_int,
    snapshot: c_int,
) -> *mut Handle {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let key = bytes(key, key_length);
        read(transaction, move |txn| txn.get(&key, snapshot != 0))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_key(
    transaction: Shared,
    key: *const u8,
    key_length: c_int,
    or_equal: c_int,
    offset: c_int,
    snapshot: c_int,
) -> *mut Handle {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let selector = Selector::new(bytes(key, key_length), or_equal != 0, offset);
        read(transaction, move |txn| txn.get_key(&selector, snapshot != 0))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_range(
    transaction: Shared,
    begin: *const u8,
    begin_length: c_int,
    begin_or_equal: c_int,
    begin_offset: c_int,
    end: *const u8,
    end_length: c_int,
    end_or_equal: c_int,
    end_offset: c_int,
    limit: c_int,
    target_bytes: c_int,
    mode: c_int,
    iteration: c_int,
    snapshot: c_int,
    reverse: c_int,
) -> *mut Handle {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let begin = Selector::new(bytes(begin, begin_length), begin_or_equal != 0, begin_offset);
        let end = Selector::new(bytes(end, end_length), end_or_equal != 0, end_offset);
        let (snapshot, reverse) = (snapshot != 0, reverse != 0);
        let wanted = RangeRead { begin, end, limit, target_bytes, mode, iteration, snapshot, reverse };
        read(transaction, move |txn| txn.get_range(&wanted))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_addresses_for_key(
    transaction: Shared,
    _key: *const u8,
    _key_length: c_int,
) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { promised(transaction, |_| network::promise(Ok(Answer::Texts(vec![c"127.0.0.1:4500".to_owned()])))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_estimated_range_size_bytes(
    transaction: Shared,
    begin: *const u8,
    begin_length: c_int,
    end: *const u8,
    end_length: c_int,
) -> *mut Handle {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let (begin, end) = (bytes(begin, begin_length), bytes(end, end_length));
        read(transaction, move |txn| network::promise(txn.size_of(&begin, &end)))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_range_split_points(
    transaction: Shared,
    begin: *const u8,
    begin_length: c_int,
    end: *const u8,
    end_length: c_int,
    chunk_bytes: i64,
) -> *mut Handle {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let (begin, end) = (bytes(begin, begin_length), bytes(end, end_length));
        read(transaction, move |txn| network::promise(txn.split_points(&begin, &end, chunk_bytes)))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_set(
    transaction: Shared,
    key: *const u8,
    key_length: c_int,
    value: *const u8,
    value_length: c_int,
) {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let (key, value) = (bytes(key, key_length), bytes(value, value_length));
        with(transaction, |txn| txn.act(move |txn| txn.set(key, value)));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_atomic_op(
    transaction: Shared,
    key: *const u8,
    key_length: c_int,
    operand: *const u8,
    operand_length: c_int,
    kind: c_int,
) {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let (key, operand) = (bytes(key, key_length), bytes(operand, operand_length));
        with(transaction, |txn| txn.act(move |txn| txn.atomic(key, operand, kind)));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_clear(transaction: Shared, key: *const u8, key_length: c_int) {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let key = bytes(key, key_length);
        with(transaction, |txn| txn.act(move |txn| txn.clear(&key)));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_clear_range(
    transaction: Shared,
    begin: *const u8,
    begin_length: c_int,
    end: *const u8,
    end_length: c_int,
) {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let (begin, end) = (bytes(begin, begin_length), bytes(end, end_length));
        with(transaction, |txn| txn.act(move |txn| txn.clear_range(begin, end)));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_watch(transaction: Shared, key: *const u8, key_length: c_int) -> *mut Handle {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let key = bytes(key, key_length);
        read(transaction, move |txn| txn.watch(&key))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_commit(transaction: Shared) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { promised(transaction, Transaction::commit) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_committed_version(transaction: Shared, out: *mut i64) -> Code {
    // SAFETY: as for `with`; the caller gives room for one number.
    unsafe {
        match with(transaction, |txn| txn.committed_version()) {
            Some(version) if !out.is_null() => {
                out.write(version);
                code::SUCCESS
            }
            Some(_) | None => code::INVALID_OPERATION,
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_approximate_size(transaction: Shared) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe {
        promised(transaction, |txn| {
            let size = i64::try_from(txn.size_bytes()).unwrap_or(i64::MAX);
            network::promise(Ok(Answer::Int(size)))
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_get_versionstamp(transaction: Shared) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { promised(transaction, Transaction::versionstamp) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_on_error(transaction: Shared, error: Code) -> *mut Handle {
    // SAFETY: as for `with`.
    unsafe { with(transaction, |txn| txn.on_error(error)) }.map_or_else(|| failed(code::INVALID_OPERATION), give)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_transaction_add_conflict_range(
    transaction: Shared,
    begin: *const u8,
    begin_length: c_int,
    end: *const u8,
    end_length: c_int,
    kind: c_int,
) -> Code {
    // SAFETY: as for `with` and `bytes`.
    unsafe {
        let (begin, end) = (bytes(begin, begin_length), bytes(end, end_length));
        with(transaction, |txn| code_of(txn.add_conflict(begin, end, kind))).unwrap_or(code::INVALID_OPERATION)
    }
}

//! SUMMARY    Futures: waiting, callbacks, and the views of their answers.
//! INVARIANTS Views point into the answer, which the future keeps until it is destroyed; the network thread holds the answer
//!            itself, so that a future may be destroyed while it is answered.

use super::code_of;
use crate::model::{
    code::{self, Code},
    future::{Answer, Future, Outcome},
};
use bytes::Bytes;
use std::{
    ffi::{CString, c_char, c_int, c_void},
    sync::{Arc, OnceLock},
};

type Callback = unsafe extern "C" fn(*mut Handle, *mut c_void);

/// `FDBKey`.
#[repr(C, packed(4))]
struct Key {
    key: *const u8,
    key_length: c_int,
}

/// `FDBKeyValue`.
#[repr(C, packed(4))]
struct KeyValue {
    key: *const u8,
    key_length: c_int,
    value: *const u8,
    value_length: c_int,
}

/// What the caller gave to a callback.
struct Parameter(*mut c_void);
// SAFETY: the API lets callbacks run in any thread; what the pointer means is the caller's.
unsafe impl Send for Parameter {}

/// Arrays that point into an answer.
enum View {
    Rows(Vec<KeyValue>),
    Keys(Vec<Key>),
    Texts {
        pointers: Vec<*const c_char>,
        /// What they point to.
        _texts: Vec<CString>,
    },
}

/// `FDBFuture`: what the caller holds until it destroys it.
pub(super) struct Handle {
    future: Arc<Future>,
    view: OnceLock<View>,
}

impl Handle {
    pub(super) fn give(future: Arc<Future>) -> *mut Handle {
        Box::into_raw(Box::new(Handle { future, view: OnceLock::new() }))
    }

    /// Where the array of this future begins, made at the first look.
    fn show(&self, make: impl FnOnce() -> View) -> *const c_void {
        match self.view.get_or_init(make) {
            View::Rows(rows) => rows.as_ptr().cast(),
            View::Keys(keys) => keys.as_ptr().cast(),
            View::Texts { pointers, .. } => pointers.as_ptr().cast(),
        }
    }
}

fn length(bytes: &Bytes) -> c_int {
    c_int::try_from(bytes.len()).unwrap_or(c_int::MAX)
}

fn count(items: usize) -> c_int {
    c_int::try_from(items).unwrap_or(c_int::MAX)
}

/// The object behind a pointer.
unsafe fn of<'a>(future: *mut Handle) -> Option<&'a Handle> {
    // SAFETY: null, or a future that the caller has not destroyed.
    unsafe { future.as_ref() }
}

unsafe fn outcome(future: *mut Handle) -> Outcome {
    // SAFETY: as for `of`.
    unsafe { of(future) }.map_or(Err(code::INVALID_OPERATION), |handle| handle.future.outcome())
}

/// Shows the array of an answer.
unsafe fn show(future: *mut Handle, out: *mut *const c_void, make: impl FnOnce() -> View) {
    // SAFETY: as for `of` and `put`; the answer stays where it is while the future lives, and so does its view.
    unsafe {
        if let Some(handle) = of(future) {
            put(out, handle.show(make));
        }
    }
}

/// Writes to an out parameter, if there is one.
unsafe fn put<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: the caller gives room for one value; the API asks for no alignment that a C compiler would not give.
        unsafe { to.write_unaligned(value) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_cancel(future: *mut Handle) {
    // SAFETY: as for `outcome`.
    if let Some(handle) = unsafe { of(future) } {
        handle.future.cancel();
    }
}

/// Kept until the future is destroyed: nobody may look at it afterwards, so nobody can tell.
#[unsafe(no_mangle)]
pub extern "C" fn fdb_future_release_memory(_future: *mut Handle) {}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_destroy(future: *mut Handle) {
    if future.is_null() {
        return;
    }
    // SAFETY: made by `Handle::give`, destroyed once.
    let handle = unsafe { Box::from_raw(future) };
    handle.future.cancel();
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_block_until_ready(future: *mut Handle) -> Code {
    // SAFETY: as for `outcome`.
    match unsafe { of(future) } {
        Some(handle) => {
            handle.future.wait();
            code::SUCCESS
        }
        None => code::INVALID_OPERATION,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_is_ready(future: *mut Handle) -> c_int {
    // SAFETY: as for `outcome`.
    c_int::from(unsafe { of(future) }.is_none_or(|handle| handle.future.is_ready()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_set_callback(
    future: *mut Handle,
    callback: Option<Callback>,
    parameter: *mut c_void,
) -> Code {
    // SAFETY: as for `outcome`.
    let (Some(callback), Some(handle)) = (callback, unsafe { of(future) }) else {
        return code::INVALID_OPERATION;
    };
    let parameters = (Parameter(future.cast()), Parameter(parameter));
    handle.future.on_answer(Box::new(move || {
        let (Parameter(future), Parameter(parameter)) = { parameters };
        // SAFETY: the caller's function and parameter, and the future that it gave them with.
        unsafe { callback(future.cast(), parameter) };
    }));
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_error(future: *mut Handle) -> Code {
    // SAFETY: as for `outcome`.
    code_of(unsafe { outcome(future) }.map(|_| ()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_int64(future: *mut Handle, out: *mut i64) -> Code {
    // SAFETY: as for `outcome` and `put`.
    unsafe {
        match outcome(future) {
            Ok(Answer::Int(number)) => put(out, number),
            Ok(_) => return code::INVALID_OPERATION,
            Err(code) => return code,
        }
    }
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_uint64(future: *mut Handle, out: *mut u64) -> Code {
    // SAFETY: as for `outcome` and `put`.
    unsafe {
        match outcome(future) {
            Ok(Answer::Uint(number)) => put(out, number),
            Ok(_) => return code::INVALID_OPERATION,
            Err(code) => return code,
        }
    }
    code::SUCCESS
}

/// No future of this library holds one.
#[unsafe(no_mangle)]
pub extern "C" fn fdb_future_get_bool(_future: *mut Handle, _out: *mut c_int) -> Code {
    code::INVALID_OPERATION
}

/// No future of this library holds one.
#[unsafe(no_mangle)]
pub extern "C" fn fdb_future_get_double(_future: *mut Handle, _out: *mut f64) -> Code {
    code::INVALID_OPERATION
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_key(future: *mut Handle, out: *mut *const u8, size: *mut c_int) -> Code {
    // SAFETY: as for `outcome` and `put`; the answer's bytes stay where they are while the future lives.
    unsafe {
        match outcome(future) {
            Ok(Answer::Key(key)) => {
                put(out, key.as_ptr());
                put(size, length(&key));
            }
            Ok(_) => return code::INVALID_OPERATION,
            Err(code) => return code,
        }
    }
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_value(
    future: *mut Handle,
    present: *mut c_int,
    out: *mut *const u8,
    size: *mut c_int,
) -> Code {
    // SAFETY: as for `fdb_future_get_key`.
    unsafe {
        match outcome(future) {
            Ok(Answer::Value(value)) => {
                put(present, c_int::from(value.is_some()));
                if let Some(value) = value {
                    put(out, value.as_ptr());
                    put(size, length(&value));
                }
            }
            Ok(_) => return code::INVALID_OPERATION,
            Err(code) => return code,
        }
    }
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_keyvalue_array(
    future: *mut Handle,
    out: *mut *const c_void,
    out_count: *mut c_int,
    out_more: *mut c_int,
) -> Code {
    // SAFETY: as for `outcome`.
    let (rows, more) = match unsafe { outcome(future) } {
        Ok(Answer::Rows { rows, more }) => (rows, more),
        Ok(_) => return code::INVALID_OPERATION,
        Err(code) => return code,
    };
    let make = || {
        let row = |(key, value): &(Bytes, Bytes)| KeyValue {
            key: key.as_ptr(),
            key_length: length(key),
            value: value.as_ptr(),
            value_length: length(value),
        };
        View::Rows(rows.iter().map(row).collect())
    };
    // SAFETY: as for `show` and `put`.
    unsafe {
        show(future, out, make);
        put(out_count, count(rows.len()));
        put(out_more, c_int::from(more));
    }
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_key_array(
    future: *mut Handle,
    out: *mut *const c_void,
    out_count: *mut c_int,
) -> Code {
    // SAFETY: as for `outcome`.
    let keys = match unsafe { outcome(future) } {
        Ok(Answer::Keys(keys)) => keys,
        Ok(_) => return code::INVALID_OPERATION,
        Err(code) => return code,
    };
    let make = || View::Keys(keys.iter().map(|key| Key { key: key.as_ptr(), key_length: length(key) }).collect());
    // SAFETY: as for `show` and `put`.
    unsafe {
        show(future, out, make);
        put(out_count, count(keys.len()));
    }
    code::SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdb_future_get_string_array(
    future: *mut Handle,
    out: *mut *const c_void,
    out_count: *mut c_int,
) -> Code {
    // SAFETY: as for `outcome`.
    let texts = match unsafe { outcome(future) } {
        Ok(Answer::Texts(texts)) => texts,
        Ok(_) => return code::INVALID_OPERATION,
        Err(code) => return code,
    };
    let texts_count = count(texts.len());
    let make = || View::Texts { pointers: texts.iter().map(|text| text.as_ptr()).collect(), _texts: texts };
    // SAFETY: as for `show` and `put`.
    unsafe {
        show(future, out, make);
        put(out_count, texts_count);
    }
    code::SUCCESS
}

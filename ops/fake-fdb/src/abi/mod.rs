//! SUMMARY    The C API: pointers in, pointers out, everything else in `model`.
//! SECURITY   Callers give pointers and lengths that are good, as the API's documentation asks; null where there should be an
//!            object is answered with an error.

#![allow(unsafe_code, reason = "a C API")]
#![allow(clippy::missing_safety_doc, reason = "fdb_c.h says what the pointers must be")]
#![allow(clippy::too_many_arguments, reason = "fdb_c.h says how many there are")]

mod database;
mod future;
mod network;
mod transaction;
mod unsupported;

use crate::model::{code, code::Code, future::Future};
use bytes::Bytes;
use future::Handle;
use std::{ffi::c_int, sync::Arc};

/// A copy of what the caller shows.
unsafe fn bytes(pointer: *const u8, length: c_int) -> Bytes {
    match usize::try_from(length) {
        Ok(length) if length > 0 && !pointer.is_null() => {
            // SAFETY: the caller shows `length` readable bytes.
            Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(pointer, length) })
        }
        Ok(_) | Err(_) => Bytes::new(),
    }
}

fn code_of(result: Result<(), Code>) -> Code {
    result.err().unwrap_or(code::SUCCESS)
}

/// Gives a future to the caller, who destroys it.
fn give(future: Arc<Future>) -> *mut Handle {
    Handle::give(future)
}

fn failed(code: Code) -> *mut Handle {
    give(Arc::new(Future::answered(Err(code))))
}

//! SUMMARY    Fills the slots from a shared object.
//! INVARIANTS Slots are written once, under a lock, before anybody is told that the library is there.

#![allow(unsafe_code, reason = "dlopen, dlsym and the slots that the jumps go through")]

use crate::{DEFAULT_NAMES, Library, LoadError};
use std::{
    ffi::{CStr, CString, c_char, c_void},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr::{self, NonNull},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicPtr, Ordering},
    },
};

/// One function of the C API.
pub(crate) struct Function {
    name: &'static CStr,
    needed: bool,
}

include!(concat!(env!("OUT_DIR"), "/functions.rs"));

unsafe extern "C" {
    /// In fdb_c.s, in the order of `FUNCTIONS`.
    static fdb_link_slots: [AtomicPtr<c_void>; FUNCTIONS.len()];
    /// A jump of fdb_c.s.
    fn fdb_get_client_version() -> *const c_char;
}

static LOADED: Mutex<Option<(PathBuf, Library)>> = Mutex::new(None);

/// Loads the client library, from `path` or by its usual names. The same again is the library that was loaded; another
/// one is refused.
pub fn load(path: Option<&Path>) -> Result<Library, LoadError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((asked, library)) = loaded.as_ref() {
        let same = path.is_none_or(|path| path == asked || path == library.path);
        return if same { Ok(library.clone()) } else { Err(LoadError::Other { loaded: library.path.clone() }) };
    }
    let (asked, handle) = open_first(path)?;
    let (found, missing) = symbols(handle);
    let lacking: Vec<&str> = missing.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name).collect();
    if !lacking.is_empty() {
        return Err(LoadError::NotFoundationDb { path: asked, missing: lacking });
    }
    // SAFETY: the slots are defined in fdb_c.s with exactly this number of pointers, and only ever used as atomics here.
    let slots = unsafe { &*ptr::addr_of!(fdb_link_slots) };
    for (slot, symbol) in slots.iter().zip(found) {
        if let Some(symbol) = symbol {
            slot.store(symbol.as_ptr(), Ordering::Release);
        }
    }
    let missing = missing.into_iter().map(|(name, _)| name).collect();
    let library = Library { path: place(handle).unwrap_or_else(|| asked.clone()), version: version(), missing };
    *loaded = Some((asked, library.clone()));
    Ok(library)
}

fn open_first(path: Option<&Path>) -> Result<(PathBuf, NonNull<c_void>), LoadError> {
    let Some(path) = path else {
        let mut refused = Err(LoadError::Platform);
        for name in DEFAULT_NAMES {
            match open(Path::new(name)) {
                Ok(handle) => return Ok((PathBuf::from(name), handle)),
                Err(why) => refused = Err(LoadError::NotFound { path: PathBuf::from(name), why }),
            }
        }
        return refused;
    };
    match open(path) {
        Ok(handle) => Ok((path.to_owned(), handle)),
        Err(why) => Err(LoadError::NotFound { path: path.to_owned(), why }),
    }
}

fn open(path: &Path) -> Result<NonNull<c_void>, String> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| "its path has a zero byte".to_owned())?;
    // SAFETY: a C string that outlives the call. The library's constructors run now, as they would have at start.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    NonNull::new(handle).ok_or_else(|| {
        // SAFETY: dlerror answers null or a C string that is good until the next call in this thread.
        let why = unsafe { libc::dlerror() };
        if why.is_null() {
            return "no reason given".to_owned();
        }
        // SAFETY: as above.
        unsafe { CStr::from_ptr(why) }.to_string_lossy().into_owned()
    })
}

type Missing = Vec<(&'static str, bool)>;

/// Each function's address, and the names of those that are not there.
fn symbols(handle: NonNull<c_void>) -> (Vec<Option<NonNull<c_void>>>, Missing) {
    let mut missing = Vec::new();
    let found = FUNCTIONS
        .iter()
        .map(|function| {
            // SAFETY: an open handle and a C string.
            let symbol = NonNull::new(unsafe { libc::dlsym(handle.as_ptr(), function.name.as_ptr()) });
            if symbol.is_none() {
                missing.push((function.name.to_str().unwrap_or_default(), function.needed));
            }
            symbol
        })
        .collect();
    (found, missing)
}

/// The file that a function of the library stands in.
fn place(handle: NonNull<c_void>) -> Option<PathBuf> {
    let mut info = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: an open handle; dladdr fills `info` with pointers that live as long as the library, which is for ever.
    let found = unsafe {
        let symbol = libc::dlsym(handle.as_ptr(), c"fdb_get_client_version".as_ptr());
        libc::dladdr(symbol, &raw mut info)
    };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: as above.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
}

fn version() -> String {
    // SAFETY: the slot leads to the library by now, whose answer is a static C string.
    let text = unsafe { fdb_get_client_version() };
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

//! SUMMARY    Versions, errors and the network thread.

use super::code_of;
use crate::model::{code, code::Code, limit::API_VERSION_MAX, network, option};
use std::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
pub extern "C" fn fdb_get_error(code: Code) -> *const c_char {
    code::text(code).as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_error_predicate(test: c_int, code: Code) -> c_int {
    c_int::from(match test {
        50_000 => code::is_retryable(code),
        50_001 => code::is_maybe_committed(code),
        50_002 => code::is_retryable_not_committed(code),
        _ => false,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_select_api_version_impl(runtime: c_int, header: c_int) -> Code {
    code_of(network::choose_version(runtime, header))
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_get_max_api_version() -> c_int {
    API_VERSION_MAX
}

/// As the real library's: version, source, protocol.
#[unsafe(no_mangle)]
pub extern "C" fn fdb_get_client_version() -> *const c_char {
    c"7.3.0,fake-fdb,fdb00b073000000".as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_network_set_option(option: c_int, _value: *const u8, _length: c_int) -> Code {
    code_of(network::check_option().and_then(|()| option::check_network(option)))
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_setup_network() -> Code {
    code_of(network::set_up())
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_run_network() -> Code {
    code_of(network::run())
}

#[unsafe(no_mangle)]
pub extern "C" fn fdb_stop_network() -> Code {
    code_of(network::stop())
}

//! SUMMARY    Error codes with their texts, and which of them a retry can help against.

/// 0 is success.
pub type Code = i32;

pub const SUCCESS: Code = 0;
pub const TOO_OLD: Code = 1007;
pub const FUTURE_VERSION: Code = 1009;
pub const NOT_COMMITTED: Code = 1020;
pub const COMMIT_UNKNOWN: Code = 1021;
pub const CANCELLED: Code = 1025;
pub const NETWORK_STOPPED: Code = 1026;
pub const TIMED_OUT: Code = 1031;
pub const TOO_MANY_WATCHES: Code = 1032;
pub const UNREADABLE: Code = 1036;
pub const PROCESS_BEHIND: Code = 1037;
pub const DATABASE_LOCKED: Code = 1038;
pub const CLUSTER_VERSION_CHANGED: Code = 1039;
pub const OPERATION_CANCELLED: Code = 1101;
pub const NO_CLUSTER_FILE: Code = 1515;
pub const INVALID_OPERATION: Code = 2000;
pub const OUTSIDE_LEGAL_RANGE: Code = 2004;
pub const INVERTED_RANGE: Code = 2005;
pub const INVALID_OPTION_VALUE: Code = 2006;
pub const INVALID_OPTION: Code = 2007;
pub const NETWORK_NOT_SET_UP: Code = 2008;
pub const NETWORK_ALREADY_SET_UP: Code = 2009;
pub const READ_VERSION_ALREADY_SET: Code = 2010;
pub const RANGE_LIMITS_INVALID: Code = 2012;
pub const FUTURE_NOT_SET: Code = 2015;
pub const USED_DURING_COMMIT: Code = 2017;
pub const INVALID_MUTATION_TYPE: Code = 2018;
pub const NO_COMMIT_VERSION: Code = 2021;
pub const TRANSACTION_TOO_LARGE: Code = 2101;
pub const KEY_TOO_LARGE: Code = 2102;
pub const VALUE_TOO_LARGE: Code = 2103;
pub const CONNECTION_STRING_INVALID: Code = 2104;
pub const UNSUPPORTED: Code = 2108;
pub const API_VERSION_UNSET: Code = 2200;
pub const API_VERSION_ALREADY_SET: Code = 2201;
pub const API_VERSION_INVALID: Code = 2202;
pub const API_VERSION_NOT_SUPPORTED: Code = 2203;
pub const EXACT_MODE_WITHOUT_LIMITS: Code = 2210;
pub const UNKNOWN: Code = 4000;

/// What went wrong, in words.
pub fn text(code: Code) -> &'static std::ffi::CStr {
    match code {
        SUCCESS => c"Success",
        TOO_OLD => c"Transaction is too old to perform reads or be committed",
        FUTURE_VERSION => c"Request for future version",
        NOT_COMMITTED => c"Transaction not committed due to conflict with another transaction",
        COMMIT_UNKNOWN => c"Transaction may or may not have committed",
        CANCELLED => c"Operation aborted because the transaction was cancelled",
        NETWORK_STOPPED => c"Network stopped",
        TIMED_OUT => c"Operation aborted because the transaction timed out",
        TOO_MANY_WATCHES => c"Too many watches currently set",
        UNREADABLE => c"Read or wrote an unreadable key",
        PROCESS_BEHIND => c"Storage process does not have recent mutations",
        DATABASE_LOCKED => c"Database is locked",
        CLUSTER_VERSION_CHANGED => c"The protocol version of the cluster has changed",
        OPERATION_CANCELLED => c"Asynchronous operation cancelled",
        NO_CLUSTER_FILE => c"No cluster file found in current directory or default location",
        INVALID_OPERATION => c"Invalid API call",
        OUTSIDE_LEGAL_RANGE => c"Key outside legal range",
        INVERTED_RANGE => c"Range begin key larger than end key",
        INVALID_OPTION_VALUE => c"Option set with an invalid value",
        INVALID_OPTION => c"Option not valid in this context",
        NETWORK_NOT_SET_UP => c"Action not possible before the network is configured",
        NETWORK_ALREADY_SET_UP => c"Network can be configured only once",
        READ_VERSION_ALREADY_SET => c"Transaction already has a read version set",
        RANGE_LIMITS_INVALID => c"Range limits not valid",
        FUTURE_NOT_SET => c"Future not ready",
        USED_DURING_COMMIT => c"Operation issued while a commit was outstanding",
        INVALID_MUTATION_TYPE => c"Unrecognized atomic mutation type",
        NO_COMMIT_VERSION => c"Transaction is read-only and therefore does not have a commit version",
        TRANSACTION_TOO_LARGE => c"Transaction exceeds byte limit",
        KEY_TOO_LARGE => c"Key length exceeds limit",
        VALUE_TOO_LARGE => c"Value length exceeds limit",
        CONNECTION_STRING_INVALID => c"Connection string invalid",
        UNSUPPORTED => c"Operation is not supported",
        API_VERSION_UNSET => c"API version is not set",
        API_VERSION_ALREADY_SET => c"API version may be set only once",
        API_VERSION_INVALID => c"API version not valid",
        API_VERSION_NOT_SUPPORTED => c"API version not supported",
        EXACT_MODE_WITHOUT_LIMITS => c"EXACT streaming mode requires limits, but none were given",
        _ => c"An unknown error occurred",
    }
}

/// The transaction may have been applied.
pub fn is_maybe_committed(code: Code) -> bool {
    matches!(code, COMMIT_UNKNOWN | CLUSTER_VERSION_CHANGED)
}

/// The transaction was not applied, and running it again can help.
pub fn is_retryable_not_committed(code: Code) -> bool {
    matches!(code, TOO_OLD | FUTURE_VERSION | NOT_COMMITTED | PROCESS_BEHIND | DATABASE_LOCKED)
}

pub fn is_retryable(code: Code) -> bool {
    is_maybe_committed(code) || is_retryable_not_committed(code)
}

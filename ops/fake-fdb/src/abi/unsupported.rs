//! SUMMARY    What this library does not do: tenants, blob granules, mapped ranges, operators' commands. All of it says 2108.
//! INVARIANTS None of these looks at its arguments: the C calling convention lets a function ignore them.

use super::{failed, future::Handle};
use crate::model::{code, code::Code};
use std::ptr;

/// Functions that answer with a future that failed.
macro_rules! futures {
    ($($name:ident)+) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> *mut Handle {
            failed(code::UNSUPPORTED)
        }
    )+ };
}

/// Functions that answer with the code itself.
macro_rules! codes {
    ($($name:ident)+) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> Code {
            code::UNSUPPORTED
        }
    )+ };
}

/// Functions that answer with an object, of which there is none.
macro_rules! nothing {
    ($($name:ident)+) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> *const u8 {
            ptr::null()
        }
    )+ };
}

futures! {
    fdb_database_reboot_worker
    fdb_database_force_recovery_with_data_loss
    fdb_database_create_snapshot
    fdb_database_purge_blob_granules
    fdb_database_wait_purge_granules_complete
    fdb_database_blobbify_range
    fdb_database_blobbify_range_blocking
    fdb_database_unblobbify_range
    fdb_database_list_blobbified_ranges
    fdb_database_verify_blob_range
    fdb_database_flush_blob_range
    fdb_tenant_purge_blob_granules
    fdb_tenant_wait_purge_granules_complete
    fdb_tenant_blobbify_range
    fdb_tenant_blobbify_range_blocking
    fdb_tenant_unblobbify_range
    fdb_tenant_list_blobbified_ranges
    fdb_tenant_verify_blob_range
    fdb_tenant_flush_blob_range
    fdb_tenant_get_id
    fdb_transaction_get_mapped_range
    fdb_transaction_get_tag_throttled_duration
    fdb_transaction_get_total_cost
    fdb_transaction_get_blob_granule_ranges
    fdb_transaction_summarize_blob_granules
    fdb_transaction_read_blob_granules_description
}

codes! {
    fdb_add_network_thread_completion_hook
    fdb_future_get_mappedkeyvalue_array
    fdb_future_get_keyrange_array
    fdb_future_get_granule_summary_array
    fdb_future_readbg_get_descriptions
    fdb_result_get_keyvalue_array
    fdb_result_get_bg_mutations_array
    fdb_database_open_tenant
    fdb_tenant_create_transaction
}

nothing! {
    fdb_readbg_parse_snapshot_file
    fdb_readbg_parse_delta_file
    fdb_result_destroy
    fdb_tenant_destroy
    fdb_transaction_read_blob_granules
}

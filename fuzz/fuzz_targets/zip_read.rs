#![no_main]
#[path = "../../core/archive/tests/it/harness/zip_read.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::run(data));

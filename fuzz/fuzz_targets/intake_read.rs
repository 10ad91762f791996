#![no_main]
#[path = "../../core/archive/tests/it/harness/intake_read.rs"]
mod harness;
#[path = "../../core/archive/tests/it/harness/zip_read.rs"]
#[allow(dead_code)]
mod zip_harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::run(data));

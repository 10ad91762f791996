#![no_main]
#[path = "../../core/wire/tests/it/harness/imap_client.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::run(data));

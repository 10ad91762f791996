//! SUMMARY    SASL: the harness of the fuzz target over random input.

use proptest::prelude::*;

#[path = "harness/sasl.rs"]
mod harness;

proptest! {
    #[test]
    fn exchanges_never_panic(head in any::<u8>(), data in proptest::collection::vec(any::<u8>(), 0..200), text in "[nyp]=?[a-z]{0,12},(a=[a-z=,]{1,5})?,n=[a-z=2C]{1,8},r=[ -~]{1,20}", tail in "c=[A-Za-z=]{1,12},r=[ -~]{1,20},p=[A-Za-z=]{1,44}") {
        harness::run(&[&[head][..], &data].concat());
        harness::run(&[&[head][..], text.as_bytes(), b"\xff", tail.as_bytes(), b"\xff", &data].concat());
    }
}

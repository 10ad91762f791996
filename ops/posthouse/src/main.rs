//! SUMMARY    The binary is opened by its first part.

fn main() {}

//! SUMMARY    The steps of the gate, in order, each timed. The quick ones come first.

use crate::{deny, rfc, tidy};
use std::{process::Command, time::Instant};

/// Everything that a node of a cluster can use is built and tested.
const FULL: &str = "--features=posthouse/full";

/// Runs every step; stops at the first that fails.
pub fn check() -> Result<(), String> {
    let start = Instant::now();
    timed("fmt", || cargo(&["fmt", "--all", "--check"]))?;
    timed("tidy", tidy)?;
    timed("rfc", rfc::check)?;
    timed("deny", deny::check)?;
    timed("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", FULL, "--locked", "--quiet", "--", "-D", "warnings"])
    })?;
    timed("build", || cargo(&["build", "--workspace", "--all-targets", FULL, "--locked", "--quiet"]))?;
    timed("tests", tests)?;
    println!("== check: ok in {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// nextest where it is installed, else cargo's own runner; both run every test.
fn tests() -> Result<(), String> {
    if Command::new("cargo-nextest").arg("--version").output().is_ok_and(|o| o.status.success()) {
        cargo(&["nextest", "run", "--workspace", FULL, "--locked", "--no-fail-fast", "--status-level", "slow"])
    } else {
        cargo(&["test", "--workspace", "--all-targets", FULL, "--locked", "--no-fail-fast"])
    }
}

fn timed(name: &str, step: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("== {name}");
    let start = Instant::now();
    let result = step();
    println!("== {name}: {} in {:.1} s", if result.is_ok() { "ok" } else { "FAILED" }, start.elapsed().as_secs_f32());
    result
}

fn cargo(words: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(words).status().map_err(|e| format!("cargo {}: {e}", words.join(" ")))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", words.join(" "))) }
}

//! SUMMARY    The steps of the gate, in order, each timed.

use std::{process::Command, time::Instant};

type Step = (&'static str, &'static [&'static str]);

const STEPS: [Step; 2] = [
    ("fmt", &["fmt", "--all", "--check"]),
    ("clippy", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
];

/// Runs fmt, clippy, tidy and the tests of the workspace; stops at the first that fails.
pub fn check() -> Result<(), String> {
    for (name, words) in STEPS {
        timed(name, || cargo(words))?;
    }
    timed("tidy", crate::tidy)?;
    if has_nextest() {
        timed("tests", || cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))
    } else {
        timed("tests", || cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]))
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

fn has_nextest() -> bool {
    Command::new("cargo-nextest").arg("--version").output().is_ok_and(|o| o.status.success())
}

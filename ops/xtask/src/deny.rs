//! SUMMARY    Licences, bans and sources of every dependency, by cargo-deny and deny.toml.
//! INVARIANTS A missing cargo-deny fails the gate. Advisories need a database from the network: they are not asked here.

use std::process::Command;

pub fn check() -> Result<(), String> {
    if !Command::new("cargo-deny").arg("--version").output().is_ok_and(|o| o.status.success()) {
        return Err("cargo-deny is missing: ./ops/test installs it, or `cargo install --locked cargo-deny`".to_owned());
    }
    let status = Command::new("cargo-deny")
        .args(["--workspace", "--all-features", "--locked", "--log-level", "error"])
        .args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
        .status()
        .map_err(|e| format!("cargo-deny: {e}"))?;
    if status.success() { Ok(()) } else { Err("deny: a dependency is not allowed (deny.toml)".to_owned()) }
}

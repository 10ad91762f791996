//! SUMMARY    `cargo xtask`: the one local gate (`check`) and its parts. CI runs the same.

mod code;
mod deny;
mod depend;
mod exception;
mod function;
mod rfc;
mod rooms;
mod run;
mod source;
mod words;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND
  check   fmt, tidy, rfc, deny, clippy and every test: what CI runs
  tidy    room directions, sizes, headers, words, unused dependencies
  deny    licences, bans and sources of every dependency (deny.toml)
  rfc     check docs/rfc/index.toml and render docs/rfc/README.md";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = std::env::set_current_dir(root()).map_err(|e| format!("{}: {e}", root())).and_then(|()| {
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["check"] => run::check(),
            ["tidy"] => tidy(),
            ["deny"] => deny::check(),
            ["rfc"] => rfc::render(),
            _ => Err(USAGE.to_owned()),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder, wherever the command was given.
fn root() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../..")
}

/// Everything about the sources that no compiler checks.
fn tidy() -> Result<(), String> {
    let files = source::tracked()?;
    let mut exceptions = exception::Exceptions::read()?;
    let mut findings = rooms::findings()?;
    findings.extend(source::findings(&files, &mut exceptions));
    findings.extend(function::findings(&files, &mut exceptions));
    findings.extend(words::findings(&files));
    findings.extend(exceptions.findings());
    findings.extend(depend::findings(&files)?);
    report("tidy", &findings)?;
    println!("tidy: {} files; {}", files.len(), source::sizes(&files));
    Ok(())
}

fn report(name: &str, findings: &[String]) -> Result<(), String> {
    if findings.is_empty() {
        return Ok(());
    }
    Err(format!("{name}: {} findings\n  {}", findings.len(), findings.join("\n  ")))
}

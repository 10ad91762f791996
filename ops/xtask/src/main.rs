//! SUMMARY    `cargo xtask check`: the one local gate; it equals CI.

mod rooms;
mod run;
mod source;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask check | tidy";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["check"] => run::check(),
        ["tidy"] => tidy(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Room directions, and what every source file keeps to.
fn tidy() -> Result<(), String> {
    let mut findings = rooms::findings()?;
    findings.extend(source::findings()?);
    if findings.is_empty() {
        println!("tidy: rooms, sizes, headers and words are in order");
        return Ok(());
    }
    Err(format!("tidy: {} findings\n{}", findings.len(), findings.join("\n")))
}

//! SUMMARY    What every source file keeps to: a header, a size, no words that belong elsewhere.

use std::{fs, process::Command};

/// Lines of a file.
const FILE_LINES_MAX: usize = 600;
/// Module names that say nothing.
const EMPTY_NAMES: [&str; 4] = ["utils", "common", "helpers", "manager"];
/// Words that the data plane never says: they belong to the control plane.
const NOT_IN_CORE: [&str; 3] = ["graphql", "sqlx", "invoice"];

pub fn findings() -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    for path in tracked()? {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            out.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        let inside = path.contains("/src/") && !path.contains("/tests/") && !path.ends_with("/tests.rs");
        if inside && !text.starts_with("//! SUMMARY ") {
            out.push(format!("{path}: the first line is `//! SUMMARY    ..`"));
        }
        let stem = path.rsplit('/').next().and_then(|f| f.strip_suffix(".rs")).unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            out.push(format!("{path}: `{stem}` names no part of the domain"));
        }
        if path.starts_with("core/") && inside {
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default().to_lowercase();
                for word in NOT_IN_CORE.iter().filter(|w| code.contains(*w)) {
                    out.push(format!("{path}:{}: the data plane does not know `{word}`", number + 1));
                }
            }
        }
    }
    Ok(out)
}

fn tracked() -> Result<Vec<String>, String> {
    let listed = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]).output();
    let listed = listed.map_err(|e| format!("git ls-files: {e}"))?;
    Ok(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect())
}

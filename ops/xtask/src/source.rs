//! SUMMARY    What every tracked file keeps to: a header, a size, a name that says something.

use crate::exception::{Exceptions, Kind};
use std::{fs, process::Command};

/// Lines of a source file.
const FILE_LINES_MAX: usize = 600;
/// Lines that a source file aims to stay below; only reported.
const FILE_LINES_AIM: usize = 300;
/// Module names that say nothing.
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];

/// A tracked file that is text.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Part of a crate, not a test, an example, a benchmark or a fuzz target.
    pub fn is_product(&self) -> bool {
        let test = ["/tests/", "/examples/", "/benches/"].iter().any(|part| self.path.contains(part));
        self.is_rust() && self.path.contains("/src/") && !test && !self.path.ends_with("/tests.rs")
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

pub fn findings(files: &[File], exceptions: &mut Exceptions) -> Vec<String> {
    let mut out = Vec::new();
    for file in files.iter().filter(|f| is_source(&f.path)) {
        let (path, lines) = (&file.path, file.lines());
        if lines > FILE_LINES_MAX && !exceptions.allow(Kind::File, path, lines) {
            out.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        if file.is_product() && !file.text.starts_with("//! SUMMARY ") {
            out.push(format!("{path}: the first line is `//! SUMMARY    ..`"));
        }
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap_or_default();
            if EMPTY_NAMES.contains(&stem) {
                out.push(format!("{path}: `{stem}` names no part of the domain"));
            }
        }
    }
    out
}

fn is_source(path: &str) -> bool {
    [".rs", ".py", ".sh", ".sql"].iter().any(|end| path.ends_with(end)) || matches!(path, "ops/test" | ".ci/run")
}

/// One line about how far the files are from what they aim at.
pub fn sizes(files: &[File]) -> String {
    let sizes: Vec<usize> = files.iter().filter(|f| f.is_rust()).map(File::lines).collect();
    let over = sizes.iter().filter(|n| **n > FILE_LINES_AIM).count();
    format!("{over} of {} Rust files have more than {FILE_LINES_AIM} lines", sizes.len())
}

/// Every file that git tracks or would track.
pub fn tracked() -> Result<Vec<File>, String> {
    let listed = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
    let listed = listed.map_err(|e| format!("git ls-files: {e}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let paths = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut files = Vec::new();
    for path in paths.split('\0').filter(|p| !p.is_empty()) {
        // A file that is deleted but still in the index, or that is no text, has no lines to look at.
        if let Ok(text) = fs::read_to_string(path) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

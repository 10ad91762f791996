//! SUMMARY    Showing the configuration: what is in force and where it comes from, and the names of the environment.
//! SECURITY   A secret is shown as stars, whatever its length.

use super::{
    key::{KEYS, Key},
    load::Loaded,
};
use std::fmt::Write;

/// Column of the comments.
const COMMENT_COLUMN: usize = 48;

/// The configuration in force, as a file, with the source of every value; what is not set stands as a comment.
pub fn print(loaded: &Loaded) -> String {
    let mut out = String::new();
    let mut section = "";
    for key in KEYS {
        let (above, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if above != section {
            section = above;
            let _ = writeln!(out, "\n[{section}]");
        }
        let line = match loaded.value(key.path) {
            None => format!("#{name} ="),
            Some(_) if key.secret => format!("{name} = \"********\""),
            Some((value, _)) => format!("{name} = {value}"),
        };
        let source = loaded.value(key.path).map_or("not set".to_owned(), |(_, source)| source.to_string());
        let _ = writeln!(out, "{line:<COMMENT_COLUMN$} # {source}");
    }
    out
}

/// For `serve --help`: every key as a variable.
pub fn environment_help() -> String {
    let mut out = String::from(
        "Every key of the file can be given by the environment, which wins; an empty variable takes a value of the file away.\n\
         Sizes have a unit (50MB, 512MiB), times too (500ms, 20s, 5m). Signals: SIGTERM ends gracefully, SIGHUP reads the\n\
         certificates again.\n\n",
    );
    let width = KEYS.iter().map(|k| k.env().len()).max().unwrap_or(0);
    for key in KEYS {
        let _ = writeln!(out, "  {:<width$}  {}{}", key.env(), key.about, default(key));
    }
    let _ = writeln!(out, "  {:<width$}  The configuration file.", "POSTHOUSE_CONFIG");
    let _ = write!(out, "  {:<width$}  What is logged, as \"info\" or \"warn,posthouse=debug\".", "POSTHOUSE_LOG");
    out
}

fn default(key: &Key) -> String {
    key.default.map(|d| format!(" [{d}]")).unwrap_or_default()
}

//! SUMMARY    What `ctl` prints: tables and lines for people, one JSON object for programs.
//! INVARIANTS Rows go to standard output, progress and errors to standard error. A broken pipe ends quietly.

use super::{
    answer, export, import, migrate,
    purge::EndCall,
    request::{Event, ExportCall, Request},
    restore, size,
};
use crate::Failure;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Write};

/// Columns of what `verify` finds.
const VIOLATIONS: &[&str] = &["tenant", "account", "violation"];
/// Widest column, characters.
const COLUMN_CHARS_MAX: usize = 48;
/// The same of the last column.
const LAST_CHARS_MAX: usize = 300;

/// How a dry run ends, whatever it tried.
const DRY_RUN: &str = "dry run: nothing was changed; this is what would be";

/// How rows are shown.
pub enum Shape {
    /// Columns of a list; none: a row is shown field by field.
    Rows(&'static [&'static str]),
    /// The API's answer as it is.
    Answer,
    /// The API's answer as rows; with a field of the first row that was made here.
    Operation(&'static [&'static str], Option<(&'static str, String)>),
}

/// Rows, whether all is well, and the last line; or why it failed.
pub type Whole = Result<(Vec<Value>, bool, String), String>;

/// Collects events until the end.
pub struct Printer {
    json: bool,
    dry_run: bool,
    shape: Shape,
    rows: Vec<Value>,
    end: Option<Event>,
}

impl Printer {
    pub fn new(shape: Shape, json: bool, dry_run: bool) -> Printer {
        Printer { json, dry_run, shape, rows: Vec::new(), end: None }
    }

    /// How the rows of a request are shown.
    pub fn shape(request: &Request) -> Shape {
        Shape::Rows(match request {
            Request::TenantList { .. } => &["id", "name", "state", "emails", "used_bytes"],
            Request::AccountList { .. } => &["id", "address", "state", "emails", "used_bytes"],
            Request::QueueList { .. } => {
                &["id", "tenant", "from", "to", "attempts", "state", "held_because", "last_reply"]
            }
            Request::HoldList { .. } => &["id", "on", "kind", "code", "reason"],
            Request::Why { .. } => &["capability", "allowed", "code", "reason", "on", "hold"],
            Request::Export(ExportCall::List { .. }) => export::LISTED,
            Request::Import(_) => import::TOLD,
            Request::Migrate(call) => {
                if call.dry_run {
                    migrate::COUNTED
                } else {
                    migrate::TOLD
                }
            }
            Request::Restore(_) => restore::TOLD,
            Request::End(EndCall::List) => &["tenant", "phase", "closed_at", "purge_at", "ended_at", "data_plane"],
            Request::Nodes => &["node", "name", "roles", "draining", "this"],
            Request::Verify { .. } => VIOLATIONS,
            Request::Quota { .. } => &["tenant", "account", "counted_bytes", "stored_bytes", "drift_bytes"],
            _ => &[],
        })
    }

    pub fn take(&mut self, event: Event) {
        match event {
            Event::Row(row) => self.rows.push(row),
            Event::Progress { done, total, what } => {
                if !self.json && std::io::stderr().is_terminal() {
                    eprint!("\r{}/{total} {what}\x1b[K", done + 1);
                } else {
                    eprintln!("{}/{total} {what}", done + 1);
                }
            }
            // Only who fetches a file asks for its bytes.
            Event::Bytes(_) => {}
            end => self.end = Some(end),
        }
    }

    /// Rows and summary, or why it failed.
    pub fn take_all(&mut self, outcome: Result<(Vec<Value>, String), String>) {
        match outcome {
            Ok((rows, summary)) => {
                self.rows = rows;
                self.end = Some(Event::Done { ok: true, next: None, summary });
            }
            Err(why) => self.end = Some(Event::Failed(why)),
        }
    }

    /// The same, and whether all is well.
    pub fn take_whole(&mut self, outcome: Whole) {
        match outcome {
            Ok((rows, ok, summary)) => {
                self.rows = rows;
                self.end = Some(Event::Done { ok, next: None, summary });
            }
            Err(why) => self.end = Some(Event::Failed(why)),
        }
    }

    /// Prints, and says how it ended.
    pub fn end(mut self) -> Result<(), Failure> {
        let columns = match &self.shape {
            Shape::Rows(columns) | Shape::Operation(columns, _) => *columns,
            Shape::Answer => &[],
        };
        if !self.json
            && [VIOLATIONS, import::TOLD, migrate::TOLD, migrate::COUNTED].contains(&columns)
            && std::io::stderr().is_terminal()
        {
            eprint!("\r\x1b[K");
        }
        let end = self.end.take().unwrap_or_else(|| Event::Failed("no answer".to_owned()));
        let (text, result) = match self.told(end) {
            Event::Done { ok, next, summary } => {
                let summary = if self.dry_run && ok { DRY_RUN.to_owned() } else { summary };
                let text = match (&self.shape, self.json) {
                    (Shape::Answer, json) => raw(&self.rows, json),
                    (_, true) => {
                        format!("{}\n", json!({ "rows": self.rows, "next": next, "summary": summary, "ok": ok }))
                    }
                    (_, false) => people(columns, &self.rows, next.as_deref(), &summary),
                };
                (text, if ok { Ok(()) } else { Err(Failure::Told) })
            }
            Event::Failed(why) if self.json => (format!("{}\n", json!({ "error": why })), Err(Failure::Told)),
            Event::Failed(why) => (String::new(), Err(Failure::Failed(why))),
            Event::Row(_) | Event::Bytes(_) | Event::Progress { .. } => (String::new(), Err(Failure::Told)),
        };
        // Who closed the pipe has seen enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
        result
    }

    /// The end as it is to be told: an operation's answer becomes rows, or says why not.
    fn told(&mut self, end: Event) -> Event {
        let (Shape::Operation(_, made), Event::Done { .. }) = (&self.shape, &end) else { return end };
        match answer::shown(self.rows.first().unwrap_or(&Value::Null)) {
            Err(why) => Event::Failed(why),
            Ok(mut shown) => {
                if let (Some((name, value)), Some(Value::Object(row))) = (made, shown.rows.first_mut()) {
                    row.insert((*name).to_owned(), json!(value));
                }
                self.rows = shown.rows;
                Event::Done { ok: true, next: shown.next, summary: shown.summary }
            }
        }
    }
}

/// For programs on one line, for people on several.
fn raw(rows: &[Value], json: bool) -> String {
    let answer = rows.first().unwrap_or(&Value::Null);
    let text = if json { serde_json::to_string(answer) } else { serde_json::to_string_pretty(answer) };
    format!("{}\n", text.unwrap_or_default())
}

fn people(columns: &[&str], rows: &[Value], next: Option<&str>, summary: &str) -> String {
    let mut out = String::new();
    if columns.is_empty() {
        for row in rows.iter().filter_map(Value::as_object) {
            fields(row, &mut out);
        }
    } else if !rows.is_empty() {
        table(columns, rows, &mut out);
    }
    if !summary.is_empty() {
        out.push_str(&format!("{summary}\n"));
    }
    if let Some(next) = next {
        out.push_str(&format!("more: --after {next}\n"));
    }
    out
}

fn fields(row: &Map<String, Value>, out: &mut String) {
    let width = row.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in row.iter().filter(|(_, v)| !v.is_null()) {
        out.push_str(&format!("{name:<width$}  {}\n", cell(name, value, usize::MAX)));
    }
}

fn table(columns: &[&str], rows: &[Value], out: &mut String) {
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|c| (*c).to_owned()).collect()];
    let cells = |row: &Value| -> Vec<String> {
        // The last one has the rest of the line.
        let most = |place: usize| if place + 1 == columns.len() { LAST_CHARS_MAX } else { COLUMN_CHARS_MAX };
        let cell = |(place, c): (usize, &&str)| cell(c, row.get(*c).unwrap_or(&Value::Null), most(place));
        columns.iter().enumerate().map(cell).collect()
    };
    lines.extend(rows.iter().map(cells));
    let width = |n: usize| lines.iter().filter_map(|l| l.get(n)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let padded: Vec<String> = line.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
}

/// On one line, without control characters: remote hosts write some of it. Sizes have units.
fn cell(name: &str, value: &Value, chars_max: usize) -> String {
    if let Some(size) = size::shown(name, value) {
        return size;
    }
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "<>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= chars_max {
        return clean;
    }
    clean.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_a_hostile_reply_cannot_move_the_cursor() {
        let rows = [json!({ "id": "a", "to": ["x@b", "y@b"] }), json!({ "id": "long", "to": "\x1b[2J\nboo" })];
        let text = people(&["id", "to"], &rows, Some("c"), "2 items");
        assert_eq!(text, "id    to\na     x@b,y@b\nlong   [2J boo\n2 items\nmore: --after c\n");
    }
}

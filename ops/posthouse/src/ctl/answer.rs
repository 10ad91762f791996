//! SUMMARY    An answer of the API as rows: what `ctl` prints of an operation.
//! INVARIANTS Whatever the API refuses is a failure of the command, with its code.

use serde_json::{Map, Value, json};

/// What there is to show.
#[derive(Debug, Default, PartialEq)]
pub struct Shown {
    pub rows: Vec<Value>,
    /// Where the next page begins.
    pub next: Option<String>,
    pub summary: String,
}

/// Whether the API refused something: an error of the request, or a refusal of a mutation, an item of a bulk.
pub fn is_refused(answer: &Value) -> bool {
    match answer {
        Value::Object(map) => map.iter().any(|(key, value)| match key.as_str() {
            "errors" | "userErrors" if value.as_array().is_some_and(|all| !all.is_empty()) => true,
            _ => is_refused(value),
        }),
        Value::Array(all) => all.iter().any(is_refused),
        _ => false,
    }
}

/// The rows of an operation whose field is called `r`.
pub fn shown(answer: &Value) -> Result<Shown, String> {
    if let Some(errors) = answer.get("errors").and_then(Value::as_array).filter(|all| !all.is_empty()) {
        return Err(lines(errors, |e| e.pointer("/extensions/code")));
    }
    let result = answer.pointer("/data/r").unwrap_or(&Value::Null);
    if let Some(errors) = result.get("userErrors").and_then(Value::as_array).filter(|all| !all.is_empty()) {
        return Err(lines(errors, |e| e.get("code")));
    }
    match result {
        Value::Null => Err("It does not exist".to_owned()),
        Value::Object(map) if map.contains_key("nodes") => Ok(page(map)),
        Value::Object(map) if map.contains_key("userErrors") => Ok(payload(map)),
        other => Ok(Shown { rows: vec![flat(other)], ..Shown::default() }),
    }
}

fn lines<'e>(errors: &'e [Value], code: impl Fn(&'e Value) -> Option<&'e Value>) -> String {
    let text = |e: &'e Value, key: &str| e.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let line = |e: &'e Value| {
        let code = code(e).and_then(Value::as_str).unwrap_or("INVALID");
        match text(e, "field") {
            field if field.is_empty() => format!("{} ({code})", text(e, "message")),
            field => format!("{field}: {} ({code})", text(e, "message")),
        }
    };
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn page(map: &Map<String, Value>) -> Shown {
    let rows: Vec<Value> = map.get("nodes").and_then(Value::as_array).into_iter().flatten().map(flat).collect();
    let info = map.get("pageInfo");
    let more = info.and_then(|i| i.get("hasNextPage")).and_then(Value::as_bool) == Some(true);
    let cursor = info.and_then(|i| i.get("endCursor")).and_then(Value::as_str).map(str::to_owned);
    let total = map.get("totalCount").cloned().unwrap_or_default();
    Shown { summary: format!("{} of {total}", rows.len()), next: cursor.filter(|_| more), rows }
}

/// The object of a payload with what else it tells, in one row.
fn payload(map: &Map<String, Value>) -> Shown {
    let mut row = Map::new();
    for (key, value) in map.iter().filter(|(key, _)| !matches!(key.as_str(), "pending" | "userErrors")) {
        match flat(value) {
            Value::Object(fields) => row.extend(fields),
            Value::Null => {}
            other => {
                row.insert(key.clone(), other);
            }
        }
    }
    let pending = map.get("pending").and_then(Value::as_bool) == Some(true);
    let summary = if pending { "pending: the doors will know when the data plane answers" } else { "done" };
    Shown { rows: vec![Value::Object(row)], next: None, summary: summary.to_owned() }
}

/// Objects within an object become its fields, with dotted names; objects within lists become texts.
fn flat(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let mut row = Map::new();
    for (key, value) in map {
        match value {
            Value::Object(_) => {
                for (inner, value) in flat(value).as_object().into_iter().flatten() {
                    row.insert(format!("{key}.{inner}"), value.clone());
                }
            }
            Value::Array(all) => {
                let text = |v: &Value| if v.is_object() { json!(words(v)) } else { v.clone() };
                row.insert(key.clone(), all.iter().map(text).collect());
            }
            other => {
                row.insert(key.clone(), other.clone());
            }
        }
    }
    Value::Object(row)
}

fn words(object: &Value) -> String {
    let fields = flat(object);
    let word = |(key, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(text) => Some(format!("{key}={text}")),
        other => Some(format!("{key}={other}")),
    };
    fields.as_object().into_iter().flatten().filter_map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_rows() {
        let page = json!({ "data": { "r": { "totalCount": 3, "pageInfo": { "hasNextPage": true, "endCursor": "c" },
            "nodes": [{ "id": "a", "usage": { "usedBytes": "7" }, "holds": [{ "reason": "x", "until": null }] }] } } });
        let row = json!({ "id": "a", "usage.usedBytes": "7", "holds": ["reason=x"] });
        assert_eq!(shown(&page), Ok(Shown { rows: vec![row], next: Some("c".into()), summary: "1 of 3".into() }));
        let made =
            json!({ "data": { "r": { "tenant": { "id": "t" }, "token": "s", "pending": true, "userErrors": [] } } });
        let made = shown(&made).unwrap();
        assert_eq!(made.rows, [json!({ "id": "t", "token": "s" })]);
        assert!(made.summary.starts_with("pending"));
        assert!(shown(&json!({ "data": { "r": null } })).is_err());
    }

    #[test]
    fn refusals_are_found_wherever_they_stand() {
        let refused =
            json!({ "data": { "r": { "results": [{ "userErrors": [{ "code": "TAKEN" }] }], "userErrors": [] } } });
        assert!(is_refused(&refused));
        assert!(is_refused(&json!({ "data": null, "errors": [{ "message": "m" }] })));
        assert!(!is_refused(&json!({ "data": { "r": { "userErrors": [] } } })));
        let told =
            json!({ "data": { "r": { "userErrors": [{ "field": "name", "message": "No", "code": "TAKEN" }] } } });
        assert_eq!(shown(&told), Err("name: No (TAKEN)".to_owned()));
    }
}

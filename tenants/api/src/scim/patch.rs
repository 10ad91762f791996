//! SUMMARY    PATCH: operations and their paths.
//! STANDARDS  RFC 7644 §3.5.2 (PATCH), Figure 7 (paths)
//! SECURITY   Operations and paths come from outside and are bounded.
//! LIMITS     OPERATIONS_MAX, FILTER_BYTES_MAX
//! INVARIANTS Operations are applied to a draft, in their order; one that is refused leaves nothing done.

use super::{
    filter::{self, FILTER_BYTES_MAX, Filter, Name},
    problem::Problem,
};
use serde_json::{Map, Value};

/// Operations of one request.
const OPERATIONS_MAX: usize = 100;
const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Replace,
    Remove,
}

/// What an operation is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    /// As a filter names it, parts with a dot: `name.givenname`.
    pub(super) name: Name,
    /// Which values of a multi-valued attribute.
    pub(super) only: Option<Filter>,
}

/// One thing to do to one attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) verb: Verb,
    pub(super) path: Path,
    /// Null for what is removed.
    pub(super) value: Value,
}

/// The steps of a PATCH.
pub(super) fn steps(body: &Value) -> Result<Vec<Step>, Problem> {
    super::expect_schema(body, MESSAGE)?;
    let operations = member(body, "operations").and_then(Value::as_array);
    let Some(operations) = operations.filter(|o| !o.is_empty()) else {
        return Err(Problem::bad("invalidSyntax", "`Operations` is a list of what is to be done"));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(Problem::bad("tooMany", format!("At most {OPERATIONS_MAX} operations (OPERATIONS_MAX)")));
    }
    let mut steps = Vec::with_capacity(operations.len());
    for operation in operations {
        steps_of(operation, &mut steps)?;
    }
    // An operation without a path has one step for each attribute.
    match steps.len() > OPERATIONS_MAX {
        true => Err(Problem::bad("tooMany", format!("At most {OPERATIONS_MAX} attributes (OPERATIONS_MAX)"))),
        false => Ok(steps),
    }
}

fn steps_of(operation: &Value, steps: &mut Vec<Step>) -> Result<(), Problem> {
    // Entra capitalises them.
    let verb = match member(operation, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Verb::Add,
        Some("replace") => Verb::Replace,
        Some("remove") => Verb::Remove,
        _ => return Err(Problem::bad("invalidSyntax", "`op` is add, replace or remove")),
    };
    let value = member(operation, "value");
    if value.is_none() && verb != Verb::Remove {
        return Err(Problem::value("`value` is missing"));
    }
    match (member(operation, "path"), value) {
        (Some(path), value) => {
            let path = path.as_str().ok_or_else(|| Problem::bad("invalidPath", "`path` is a text"))?;
            let value = value.cloned().unwrap_or_default();
            steps.push(Step { verb, path: parse(path)?, value });
        }
        (None, Some(Value::Object(attributes))) if verb != Verb::Remove => {
            for (name, value) in attributes {
                steps.push(Step { verb, path: parse(name)?, value: value.clone() });
            }
        }
        (None, _) if verb == Verb::Remove => return Err(Problem::bad("noTarget", "What is removed has a `path`")),
        (None, _) => return Err(Problem::value("Without a `path` the value is an object of attributes")),
    }
    Ok(())
}

/// Reads `attribute`, `attribute.part`, `attribute[filter]` or `attribute[filter].part`.
fn parse(text: &str) -> Result<Path, Problem> {
    let wrong = || Problem::bad("invalidPath", "This is no path of an attribute");
    if text.len() > FILTER_BYTES_MAX {
        return Err(Problem::bad(
            "invalidPath",
            format!("A path has at most {FILTER_BYTES_MAX} bytes (FILTER_BYTES_MAX)"),
        ));
    }
    let Some((name, rest)) = text.split_once('[') else {
        return Ok(Path { name: filter::name(text).ok_or_else(wrong)?, only: None });
    };
    let (inner, part) = rest.rsplit_once(']').ok_or_else(wrong)?;
    let only = filter::parse(inner)?;
    let name = match part {
        "" => filter::name(name),
        part => part.strip_prefix('.').and_then(|part| filter::name(&format!("{name}.{part}"))),
    };
    Ok(Path { name: name.ok_or_else(wrong)?, only: Some(only) })
}

/// A member of an object, whatever the case of its name.
pub(super) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    find(object.as_object()?, name)
}

pub(super) fn find<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(operations: Value) -> Result<Vec<Step>, Problem> {
        steps(&json!({ "schemas": [MESSAGE], "Operations": operations }))
    }

    #[test]
    fn okta_and_entra_spell_the_same_thing_differently() {
        let okta = read(json!([{ "op": "replace", "value": { "active": false } }])).unwrap();
        let entra = read(json!([{ "op": "Replace", "path": "active", "value": "False" }])).unwrap();
        assert_eq!((okta[0].verb, &okta[0].path), (entra[0].verb, &entra[0].path));
        let dotted = read(json!([{ "op": "Add", "value": { "name.givenName": "A", "displayName": "B" } }])).unwrap();
        let names: Vec<&str> = dotted.iter().map(|s| s.path.name.as_str()).collect();
        assert_eq!(names, ["displayname", "name.givenname"]);
        let work = read(json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "x" }])).unwrap();
        assert_eq!(work[0].path.name, "emails.value");
        assert!(work[0].path.only.is_some());
    }

    #[test]
    fn what_is_no_operation_says_why() {
        for (operations, word) in [
            (json!([]), "invalidSyntax"),
            (json!([{ "op": "move", "path": "active", "value": 1 }]), "invalidSyntax"),
            (json!([{ "op": "replace", "path": "active" }]), "invalidValue"),
            (json!([{ "op": "replace", "value": "x" }]), "invalidValue"),
            (json!([{ "op": "remove" }]), "noTarget"),
            (json!([{ "op": "remove", "path": "" }]), "invalidPath"),
            (json!([{ "op": "remove", "path": 5 }]), "invalidPath"),
            (json!([{ "op": "remove", "path": "emails[type eq \"work\"" }]), "invalidPath"),
            (json!([{ "op": "remove", "path": "emails[type is 3].value" }]), "invalidFilter"),
            (json!([{ "op": "remove", "path": "emails[type pr]value" }]), "invalidPath"),
            (json!(vec![json!({ "op": "remove", "path": "title" }); 101]), "tooMany"),
        ] {
            assert_eq!(read(operations.clone()).unwrap_err().scim_type, Some(word), "{operations}");
        }
    }
}

//! SUMMARY    SCIM filters: read once into a tree, then asked of each resource.
//! STANDARDS  RFC 7644 §3.4.2.2 (filtering), Figure 1 (grammar); RFC 7643 §2.1 (attribute names do not know cases); UAX 15 §1.2
//!            (form C: a letter and its accent are one text, however they are composed)
//! SECURITY   The text comes from outside. Bytes, nesting and terms are bounded; nothing of it reaches SQL but bound values.
//! LIMITS     FILTER_BYTES_MAX, those of read.rs

mod read;

pub(in crate::scim) use read::parse;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// Bytes of a filter, or of a path.
pub(super) const FILTER_BYTES_MAX: usize = 2_000;

/// What a resource must be like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    /// The attribute has a value.
    Present(Name),
    Compare(Name, Operator, Value),
    /// One value of a multi-valued attribute meets the inner filter.
    Any(Name, Box<Filter>),
}

/// The name of an attribute: in lower case, without the schema of users and groups; `parent.child` for a part.
pub(super) type Name = String;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    fn parse(word: &str) -> Option<Operator> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return None,
        })
    }
}

/// Schemas that may stand before a name.
const PREFIXES: [&str; 2] =
    ["urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:"];

/// A name as it is compared. `None` when it is none.
pub(super) fn name(text: &str) -> Option<Name> {
    let lower = text.to_ascii_lowercase();
    let bare = PREFIXES.iter().find_map(|prefix| lower.strip_prefix(prefix)).unwrap_or(&lower);
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'$' | b':');
    (!bare.is_empty() && bare.bytes().all(fits)).then(|| bare.to_owned())
}

impl Filter {
    /// Whether a resource, or one value of an attribute, is so.
    pub(super) fn meets(&self, resource: &Value) -> bool {
        match self {
            Filter::And(a, b) => a.meets(resource) && b.meets(resource),
            Filter::Or(a, b) => a.meets(resource) || b.meets(resource),
            Filter::Not(inner) => !inner.meets(resource),
            Filter::Present(name) => values(resource, name).iter().any(|v| present(v)),
            Filter::Compare(name, operator, value) => compares(&values(resource, name), name, *operator, value),
            Filter::Any(name, inner) => values(resource, name).iter().any(|value| inner.meets(value)),
        }
    }

    /// The value that an attribute must be equal to, when the filter says so beside whatever else.
    pub(super) fn pinned(&self, attribute: &str) -> Option<&str> {
        match self {
            Filter::And(a, b) => a.pinned(attribute).or_else(|| b.pinned(attribute)),
            Filter::Compare(name, Operator::Equal, Value::String(value)) if name == attribute => Some(value),
            _ => None,
        }
    }
}

fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The values of an attribute; those of a multi-valued one each for itself.
fn values<'v>(resource: &'v Value, name: &str) -> Vec<&'v Value> {
    let mut found = vec![resource];
    for part in name.split('.') {
        let child = |value: &'v Value| match value {
            Value::Object(map) => map.iter().find(|(key, _)| key.eq_ignore_ascii_case(part)).map(|(_, v)| v),
            // A multi-valued attribute compares by its values' `value`; a plain one by itself.
            _ => None,
        };
        found = found.into_iter().filter_map(child).collect();
        found = found.into_iter().flat_map(|v| v.as_array().map_or_else(|| vec![v], |a| a.iter().collect())).collect();
    }
    found
}

fn compares(found: &[&Value], name: &str, operator: Operator, wanted: &Value) -> bool {
    // RFC 7643 §7: identifiers compare exactly, everything else here without cases.
    let exact = matches!(name, "id" | "externalid" | "meta.version");
    let one = |value: &&Value| match value {
        Value::Object(map) => map.get("value").is_some_and(|v| compare(v, operator, wanted, exact)),
        value => compare(value, operator, wanted, exact),
    };
    let there = found.iter().any(|v| present(v));
    match operator {
        Operator::Equal if wanted.is_null() => !there,
        Operator::NotEqual if wanted.is_null() => there,
        Operator::NotEqual => !found.iter().any(|v| equals(v, wanted, exact)),
        _ => found.iter().any(one),
    }
}

fn equals(value: &Value, wanted: &Value, exact: bool) -> bool {
    match value {
        Value::Object(map) => map.get("value").is_some_and(|v| equals(v, wanted, exact)),
        value => compare(value, Operator::Equal, wanted, exact),
    }
}

/// As texts compare: composed, without cases, and composed again, as lower case may leave what composes further.
fn folded(text: &str) -> String {
    match text.is_ascii() {
        true => text.to_ascii_lowercase(),
        false => text.nfc().collect::<String>().to_lowercase().nfc().collect(),
    }
}

fn compare(value: &Value, operator: Operator, wanted: &Value, exact: bool) -> bool {
    let (value, wanted) = match (value, wanted) {
        // `active eq "true"`
        (Value::Bool(have), Value::String(text)) => (have.to_string(), text.to_ascii_lowercase()),
        (Value::String(have), Value::String(text)) if exact => (have.clone(), text.clone()),
        (Value::String(have), Value::String(text)) => (folded(have), folded(text)),
        (Value::Bool(have), Value::Bool(want)) => (have.to_string(), want.to_string()),
        _ => return false,
    };
    match operator {
        Operator::Equal => value == wanted,
        Operator::NotEqual => value != wanted,
        Operator::Contains => value.contains(&wanted),
        Operator::StartsWith => value.starts_with(&wanted),
        Operator::EndsWith => value.ends_with(&wanted),
        Operator::Greater => value > wanted,
        Operator::GreaterOrEqual => value >= wanted,
        Operator::Less => value < wanted,
        Operator::LessOrEqual => value <= wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(filter: &str, meets: bool) {
        let user = json!({
            "id": "acc_1", "externalId": "Ab", "userName": "ann@a.example", "displayName": "Ann \"A\" Bo",
            "active": true, "name": { "familyName": "Bo" }, "meta": { "resourceType": "User" },
            "emails": [{ "value": "ann@a.example", "type": "work", "primary": true }],
        });
        assert_eq!(parse(filter).map(|f| f.meets(&user)), Ok(meets), "{filter}");
    }

    #[test]
    fn what_the_operators_mean() {
        for yes in [
            "userName eq \"ANN@a.example\"",
            "USERNAME Eq \"ann@a.example\"",
            "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"ann\"",
            "displayName co \"\\\"a\\\"\" and active eq true",
            "active eq \"True\"",
            "active eq True",
            "name.familyName ew \"o\"",
            "externalId eq \"Ab\"",
            "title pr or displayName pr",
            "not (title pr)",
            "title eq null",
            "emails[type eq \"work\" and value co \"@a.example\"]",
            "emails.type eq \"work\"",
            "emails co \"ann\"",
            "(title pr and title pr) or (active eq true)",
            "title pr and title pr or active eq true",
            "userName ne \"x\"",
            "userName gt \"a\" and userName le \"ann@a.example\"",
        ] {
            check(yes, true);
        }
        for no in
            ["externalId eq \"ab\"", "id eq \"ACC_1\"", "emails[type eq \"home\"]", "active ne true", "title ne null"]
        {
            check(no, false);
        }
    }

    #[test]
    fn texts_compare_however_they_are_composed() {
        let user =
            json!({ "userName": "ren\u{e9}@a.example", "displayName": "Rene\u{301}e", "externalId": "e\u{301}" });
        for yes in [
            "userName eq \"Rene\u{301}@a.example\"",
            "userName eq \"REN\u{c9}@a.example\"",
            "userName sw \"rene\u{301}\"",
            "displayName co \"n\u{e9}e\"",
            "displayName ne \"Renee\"",
        ] {
            assert_eq!(parse(yes).map(|f| f.meets(&user)), Ok(true), "{yes}");
        }
        assert_eq!(parse("externalId eq \"\u{e9}\"").map(|f| f.meets(&user)), Ok(false), "identifiers compare exactly");
    }

    #[test]
    fn what_is_no_filter_says_why() {
        let deep = format!("{}active pr{}", "(".repeat(40), ")".repeat(40));
        let long = format!("userName eq \"{}\"", "x".repeat(3_000));
        let many = vec!["active pr"; 40].join(" or ");
        for text in [
            "",
            "userName",
            "userName eq",
            "userName eq x",
            "userName is \"x\"",
            "(userName pr",
            "userName pr)",
            "and",
            "userName eq \"x",
            "userName eq \"x\" userName pr",
            "emails[type pr",
            "a\u{0}b pr",
            "not active pr",
            "\"x\" pr",
            "userName eq [1]",
            "userName eq \"\\ud800\"",
            "'; DROP TABLE mailbox; --",
            &deep,
            &long,
            &many,
        ] {
            assert_eq!(parse(text).unwrap_err().scim_type, Some("invalidFilter"), "{text}");
        }
    }

    #[test]
    fn a_pinned_value_is_one_that_every_match_has() {
        let pinned = |text: &str| parse(text).unwrap().pinned("username").map(str::to_owned);
        assert_eq!(pinned("userName eq \"a\" and active eq true").as_deref(), Some("a"));
        assert_eq!(pinned("userName eq \"a\" or active eq true"), None);
        assert_eq!(pinned("not (userName eq \"a\")"), None);
        assert_eq!(pinned("userName sw \"a\""), None);
    }
}

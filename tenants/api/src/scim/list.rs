//! SUMMARY    Lists: which page, which attributes; and resources as they are asked for.
//! STANDARDS  RFC 7644 §3.4.2 (queries), §3.4.2.4 (pages), §3.4.2.5 and §3.9 (attributes)
//! SECURITY   Parameters come from outside and are bounded.
//! LIMITS     PAGE_MAX, PAGE_DEFAULT, ATTRIBUTES_MAX

use super::{
    filter::{self, Filter, Name},
    problem::Problem,
};
use axum::extract::{Query, rejection::QueryRejection};
use serde_json::{Map, Value, json};

/// Resources of one page.
pub(super) const PAGE_MAX: usize = 200;
/// When nothing is said.
const PAGE_DEFAULT: usize = 100;
/// Attributes that a request names.
const ATTRIBUTES_MAX: usize = 50;

/// The parameters of a query.
pub(super) type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// What a query asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) filter: Option<Filter>,
    /// From 0.
    pub(super) start: usize,
    pub(super) count: usize,
    only: Vec<Name>,
    without: Vec<Name>,
}

impl Asked {
    pub(super) fn read(parameters: Parameters) -> Result<Asked, Problem> {
        let Query(parameters) = parameters.map_err(|_| Problem::value("The parameters are not readable"))?;
        let mut asked = Asked { count: PAGE_DEFAULT, ..Asked::default() };
        for (key, value) in &parameters {
            match key.to_ascii_lowercase().as_str() {
                "filter" => asked.filter = Some(filter::parse(value)?),
                // From 1; less is 1.
                "startindex" => asked.start = usize::try_from(number(key, value)?.max(1) - 1).unwrap_or(usize::MAX),
                // Less than 0 is 0.
                "count" => asked.count = usize::try_from(number(key, value)?.max(0)).unwrap_or(PAGE_MAX).min(PAGE_MAX),
                "attributes" => asked.only = names(value)?,
                "excludedattributes" => asked.without = names(value)?,
                // Sorting is not offered (ServiceProviderConfig); others are clients' own.
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The resource with the attributes that are asked for; `id` and `schemas` always.
    pub(super) fn shown(&self, mut resource: Value) -> Value {
        if let Some(map) = resource.as_object_mut() {
            map.retain(|key, value| matches!(key.as_str(), "id" | "schemas") || self.keeps(key, value));
        }
        resource
    }

    fn keeps(&self, key: &str, value: &mut Value) -> bool {
        let key = key.to_ascii_lowercase();
        let part = |name: &Name| name.strip_prefix(&key).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
        if self.without.contains(&key) {
            return false;
        }
        let without: Vec<Name> = self.without.iter().filter_map(part).collect();
        if !without.is_empty() {
            each_part(value, |name| !without.contains(&name.to_ascii_lowercase()));
        }
        if self.only.is_empty() || self.only.contains(&key) {
            return true;
        }
        let only: Vec<Name> = self.only.iter().filter_map(part).collect();
        each_part(value, |name| only.contains(&name.to_ascii_lowercase()));
        !only.is_empty()
    }

    /// A page of resources of which the whole list has `total`.
    pub(super) fn page(&self, resources: Vec<Value>, total: usize) -> Value {
        let resources: Vec<Value> = resources.into_iter().map(|r| self.shown(r)).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": self.start.saturating_add(1),
            "itemsPerPage": resources.len(),
            "Resources": resources,
        })
    }
}

fn each_part(value: &mut Value, keep: impl Fn(&str) -> bool) {
    let cut = |map: &mut Map<String, Value>| map.retain(|name, _| keep(name));
    match value {
        Value::Object(map) => cut(map),
        Value::Array(all) => all.iter_mut().filter_map(Value::as_object_mut).for_each(cut),
        _ => {}
    }
}

fn number(key: &str, value: &str) -> Result<i64, Problem> {
    value.trim().parse().map_err(|_| Problem::value(format!("{key} is a whole number")))
}

fn names(value: &str) -> Result<Vec<Name>, Problem> {
    let all: Vec<&str> = value.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if all.len() > ATTRIBUTES_MAX {
        return Err(Problem::value(format!("At most {ATTRIBUTES_MAX} attributes (ATTRIBUTES_MAX)")));
    }
    let name = |text: &str| filter::name(text).ok_or_else(|| Problem::value("This is no list of attributes"));
    all.into_iter().map(name).collect()
}

//! SUMMARY    Lists: newest first, by pages.
//! LIMITS     LIST_MAX

use crate::{params::Params, problem::Problem};
use serde_json::{Value, json};

pub const LIST_MAX: usize = 100;
const LIST: usize = 10;
/// What every list takes.
pub const PAGING: [&str; 3] = ["limit", "starting_after", "ending_before"];

/// A page of objects that are given oldest first.
pub fn page(url: &str, params: &Params, oldest_first: Vec<Value>) -> Result<Value, Problem> {
    let limit = params.number::<usize>("limit")?.unwrap_or(LIST);
    if !(1..=LIST_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", format!("limit is 1 to {LIST_MAX}")));
    }
    let all: Vec<Value> = oldest_first.into_iter().rev().collect();
    let of = |name: &str| match params.text(name) {
        None => Ok(None),
        Some(id) => {
            let at = all.iter().position(|object| object.get("id").and_then(Value::as_str) == Some(id));
            at.map(Some).ok_or_else(|| Problem::named(name, "object", id))
        }
    };
    let (from, to) = (of("starting_after")?.map_or(0, |at| at + 1), of("ending_before")?.unwrap_or(all.len()));
    let within: Vec<&Value> = all.iter().take(to).skip(from).collect();
    // The page before an object is the one that ends at it.
    let skip = if params.text("ending_before").is_some() { within.len().saturating_sub(limit) } else { 0 };
    let data: Vec<&&Value> = within.iter().skip(skip).take(limit).collect();
    Ok(json!({ "object": "list", "url": url, "data": data, "has_more": within.len() > limit }))
}

/// A list within an object.
pub fn whole(url: String, data: Vec<Value>) -> Value {
    json!({ "object": "list", "url": url, "total_count": data.len(), "data": data, "has_more": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(query: &str) -> (Vec<String>, bool) {
        let all = (0..7).map(|n| json!({ "id": format!("x_{n}") })).collect();
        let page = page("/v1/x", &Params::parse(query).unwrap(), all).unwrap();
        let ids = page["data"].as_array().unwrap().iter().map(|x| x["id"].as_str().unwrap().to_owned());
        (ids.collect(), page["has_more"].as_bool().unwrap())
    }

    #[test]
    fn pages_follow_on_one_another() {
        assert_eq!(ids("limit=3"), (vec!["x_6".into(), "x_5".into(), "x_4".into()], true));
        assert_eq!(ids("limit=3&starting_after=x_4"), (vec!["x_3".into(), "x_2".into(), "x_1".into()], true));
        assert_eq!(ids("limit=3&starting_after=x_1"), (vec!["x_0".into()], false));
        assert_eq!(ids("limit=2&ending_before=x_3"), (vec!["x_5".into(), "x_4".into()], true));
        assert!(page("/", &Params::parse("limit=101").unwrap(), Vec::new()).is_err());
        assert!(page("/", &Params::parse("starting_after=x_9").unwrap(), Vec::new()).is_err());
    }
}

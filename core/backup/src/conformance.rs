//! SUMMARY    What every depot has to do, as a suite that each implementation runs.
//! INVARIANTS It leaves nothing behind in a depot that passes, and works beside what is there already.

use crate::{Depot, DepotError, Found};
use bytes::Bytes;

/// Below this everything of the suite is put.
const ROOM: &str = "conformance/";
/// Names as they sort: a slash comes behind `-` and `.`, and before letters and digits.
const NAMES: [&str; 8] = ["a-b/c", "a.b", "a/x", "a0", "b/c-d", "b/c.d", "b/c/d", "c"];

/// Puts, gets, lists and deletes. Errors say what the depot did otherwise.
pub async fn check(depot: &dyn Depot) -> Result<(), String> {
    bytes_come_back(depot).await?;
    names_are_listed(depot).await?;
    what_is_wrong_is_told(depot).await
}

fn that(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what.to_owned()) }
}

fn told(why: DepotError) -> String {
    format!("an operation failed: {why}")
}

async fn bytes_come_back(depot: &dyn Depot) -> Result<(), String> {
    let name = format!("{ROOM}bytes");
    for bytes in [Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![7; 1 << 20])] {
        depot.put(&name, bytes.clone()).await.map_err(told)?;
        that(depot.get(&name).await.map_err(told)? == bytes, "what was put last did not come back")?;
        let listed = depot.list(ROOM, None, 10).await.map_err(told)?;
        let is_listed = |found: &Found| found.name == name && found.bytes == bytes.len() as u64;
        that(listed.iter().any(is_listed), "what was put is not listed with its size")?;
    }
    depot.delete(&name).await.map_err(told)?;
    depot.delete(&name).await.map_err(|why| format!("deleting what is not there failed: {why}"))?;
    that(matches!(depot.get(&name).await, Err(DepotError::Missing(_))), "what was deleted is not missing")
}

async fn names_are_listed(depot: &dyn Depot) -> Result<(), String> {
    for name in NAMES.iter().rev() {
        depot.put(&format!("{ROOM}{name}"), Bytes::from_static(b"x")).await.map_err(told)?;
    }
    for limit in 1..=NAMES.len() + 1 {
        let (mut listed, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = depot.list(ROOM, after.as_deref(), limit).await.map_err(told)?;
            that(page.len() <= limit, "a page has more names than were asked for")?;
            let is_last = page.len() < limit;
            listed.extend(page.into_iter().map(|found| found.name));
            after = listed.last().cloned();
            if is_last {
                break;
            }
            that(listed.len() <= NAMES.len(), "listing does not end")?;
        }
        let expected = NAMES.map(|name| format!("{ROOM}{name}"));
        that(listed == expected, &format!("{limit} at once, names are listed as {listed:?}"))?;
    }
    let below = depot.list(&format!("{ROOM}b/"), Some(&format!("{ROOM}b/c-d")), 10).await.map_err(told)?;
    let below: Vec<&str> = below.iter().filter_map(|found| found.name.strip_prefix(ROOM)).collect();
    that(below == ["b/c.d", "b/c/d"], &format!("below a folder, names are listed as {below:?}"))?;
    for name in NAMES {
        depot.delete(&format!("{ROOM}{name}")).await.map_err(told)?;
    }
    that(depot.list(ROOM, None, 10).await.map_err(told)?.is_empty(), "what was deleted is listed")
}

async fn what_is_wrong_is_told(depot: &dyn Depot) -> Result<(), String> {
    for name in ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "A", "a b"] {
        let results =
            [depot.put(name, Bytes::new()).await, depot.get(name).await.map(|_| ()), depot.delete(name).await];
        let is_told = results.iter().all(|result| matches!(result, Err(DepotError::BadName(_))));
        that(is_told, &format!("{name:?} is taken for a name"))?;
    }
    let no_folder = depot.list("conformance", None, 1).await;
    that(matches!(no_folder, Err(DepotError::BadName(_))), "a prefix without its slash is taken for one")?;
    that(!depot.describe().is_empty(), "it does not say where it is")
}

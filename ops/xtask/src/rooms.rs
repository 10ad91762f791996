//! SUMMARY    Directions between the rooms: a dependency that is not in the table is a finding.
//! INVARIANTS A new edge is a decision note first, then a line here, then code. Rooms under ops/ compose: they may use
//!            every room, and no room uses them.

use std::{collections::BTreeMap, fs};
use toml::{Table, Value};

/// What a room may depend on.
struct Room {
    folder: &'static str,
    uses: &'static [&'static str],
    /// What only its tests may depend on as well.
    tests: &'static [&'static str],
}

const fn room(folder: &'static str, uses: &'static [&'static str], tests: &'static [&'static str]) -> Room {
    Room { folder, uses, tests }
}

const ROOMS: [(&str, Room); 22] = [
    ("base", room("core/base", &[], &[])),
    ("wire", room("core/wire", &["base"], &[])),
    ("store", room("core/store", &["base"], &[])),
    // Leaves: what they need is large, and only whoever composes names them.
    ("store-s3", room("core/store/s3", &["base", "store"], &[])),
    ("store-bus", room("core/store/bus", &["base", "store"], &[])),
    // Its tests load our own library as they would FoundationDB's, and link none of it.
    ("store-fdb", room("core/store/fdb", &["base", "store", "fdb-link"], &["fake-fdb"])),
    ("fdb-link", room("core/store/fdb/link", &[], &[])),
    ("control", room("core/control", &["base"], &[])),
    // Formats of exported mail: encoded words, dates and modified UTF-7 are those of wire.
    ("archive", room("core/archive", &["base", "wire"], &[])),
    // Sealed rows and named bytes: whose they are is their caller's.
    ("backup", room("core/backup", &["base"], &[])),
    ("account", room("core/account", &["base", "store", "control"], &[])),
    ("export", room("core/export", &["base", "control", "account", "archive"], &["store", "mail"])),
    ("mail", room("core/mail", &["base", "control", "account", "wire"], &["store"])),
    // Mail comes in through `mail` as from any door; formats are those of archive.
    ("import", room("core/import", &["base", "account", "archive", "mail"], &["store", "control", "export"])),
    // Usual names of folders are those of archive. Its tests take our own server for the other provider.
    ("migrate", room("core/migrate", &["base", "control", "wire", "archive", "account", "mail"], &["store", "serve"])),
    ("queue", room("core/queue", &["base", "control", "account", "mail", "wire"], &["store"])),
    ("serve", room("core/serve", &["base", "control", "account", "mail", "queue", "wire"], &["store"])),
    ("tenants", room("tenants", &["base", "control"], &[])),
    ("billing", room("billing", &["base", "control", "tenants"], &[])),
    // Its tests run against our own Stripe, which is a room of ops.
    ("stripe-payments", room("billing/stripe", &["base", "billing"], &["fake-stripe"])),
    ("api", room("tenants/api", &["base", "control", "tenants", "billing"], &[])),
    // It sees the product through the API's schema alone.
    ("portal", room("portal", &[], &[])),
];

/// Rooms without I/O, clock or async, and the crates they would need for it.
const PURE: [&str; 4] = ["base", "wire", "control", "archive"];
const IMPURE: [&str; 9] =
    ["tokio", "futures-util", "async-trait", "socket2", "rustls", "tokio-rustls", "rusqlite", "sqlx", "axum"];
/// The data plane serves no GraphQL, and calls no SQL but what the store itself is made of (docs/decisions/0055).
const NOT_IN_CORE: [&str; 6] = ["rusqlite", "sqlx", "async-graphql", "async-graphql-axum", "axum", "lettre"];

pub fn findings() -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let members = members()?;
    let names: Vec<&str> = members.values().map(String::as_str).collect();
    for (folder, name) in &members {
        if folder.starts_with("ops/") {
            continue;
        }
        let Some((_, room)) = ROOMS.iter().find(|(room, _)| room == name) else {
            out.push(format!("{folder}: the crate {name} is no room of ops/xtask/src/rooms.rs"));
            continue;
        };
        if room.folder != folder {
            out.push(format!("{folder}: the room {name} lives in {}", room.folder));
        }
        let manifest = manifest(folder)?;
        let uses = dependencies(&manifest, &["dependencies", "build-dependencies"]);
        let tests = dependencies(&manifest, &["dev-dependencies"]);
        for used in uses.iter().filter(|used| names.contains(&used.as_str()) && !room.uses.contains(&used.as_str())) {
            out.push(format!("{folder}/Cargo.toml: {name} must not depend on {used}"));
        }
        let allowed = |used: &str| room.uses.contains(&used) || room.tests.contains(&used);
        for used in tests.iter().filter(|used| names.contains(&used.as_str()) && !allowed(used)) {
            out.push(format!("{folder}/Cargo.toml: tests of {name} must not depend on {used}"));
        }
        let banned = |used: &str| {
            (PURE.contains(&name.as_str()) && IMPURE.contains(&used))
                || (folder.starts_with("core/") && NOT_IN_CORE.contains(&used) && (name != "store" || used != "sqlx"))
        };
        for used in uses.iter().filter(|used| banned(used)) {
            out.push(format!("{folder}/Cargo.toml: {name} must not depend on {used}"));
        }
    }
    Ok(out)
}

/// Folder and crate name of every workspace member.
pub fn members() -> Result<BTreeMap<String, String>, String> {
    let workspace = manifest(".")?;
    let listed = workspace.get("workspace").and_then(|w| w.get("members")).and_then(Value::as_array);
    let mut out = BTreeMap::new();
    for folder in listed.into_iter().flatten().filter_map(Value::as_str) {
        let manifest = manifest(folder)?;
        let name = manifest.get("package").and_then(|p| p.get("name")).and_then(Value::as_str);
        out.insert(folder.to_owned(), name.ok_or_else(|| format!("{folder}/Cargo.toml has no name"))?.to_owned());
    }
    Ok(out)
}

pub fn manifest(folder: &str) -> Result<Table, String> {
    let path = format!("{folder}/Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    text.parse().map_err(|e| format!("{path}: {e}"))
}

/// Names in the given sections of a manifest, also those for one target only.
pub fn dependencies(manifest: &Table, sections: &[&str]) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables =
        std::iter::once(manifest).chain(targets.into_iter().flat_map(|t| t.values()).filter_map(Value::as_table));
    let mut out = Vec::new();
    for table in tables {
        for section in sections {
            let names = table.get(*section).and_then(Value::as_table).into_iter().flat_map(|s| s.keys());
            out.extend(names.cloned());
        }
    }
    out
}

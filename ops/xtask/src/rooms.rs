//! SUMMARY    Directions between the rooms: a dependency that is not in the table is a finding.
//! INVARIANTS A new edge is a decision note first, then a line here, then code.

use std::{collections::BTreeSet, fs, path::Path};

/// Crate, its manifest, and the rooms it may depend on.
const EDGES: [(&str, &str, &[&str]); 10] = [
    ("base", "core/base", &[]),
    ("wire", "core/wire", &["base"]),
    ("store", "core/store", &["base"]),
    ("control", "core/control", &["base"]),
    ("account", "core/account", &["base", "store", "control"]),
    ("mail", "core/mail", &["base", "control", "account", "wire"]),
    ("queue", "core/queue", &["base", "control", "account", "mail", "wire"]),
    ("serve", "core/serve", &["base", "control", "account", "mail", "queue", "wire"]),
    ("tenants", "tenants", &["base", "control"]),
    ("api", "tenants/api", &["base", "control", "tenants"]),
];

/// Rooms without I/O, clock or async.
const PURE: [&str; 2] = ["core/base", "core/wire"];

pub fn findings() -> Result<Vec<String>, String> {
    let rooms: BTreeSet<&str> = EDGES.iter().map(|(name, _, _)| *name).collect();
    let mut out = Vec::new();
    for (name, folder, allowed) in EDGES {
        let path = Path::new(folder).join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let manifest: toml::Table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
        let depends = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in depends.into_iter().flat_map(|d| d.keys()) {
            if rooms.contains(dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                out.push(format!("{}: {name} must not depend on {dependency}", path.display()));
            }
            if PURE.contains(&folder) && matches!(dependency.as_str(), "tokio" | "futures-util" | "async-trait") {
                out.push(format!("{}: {name} is pure and must not depend on {dependency}", path.display()));
            }
        }
    }
    Ok(out)
}

//! SUMMARY    Every dependency of a crate is named in its code: what nobody uses is not compiled by everybody.

use crate::{
    code::{identifiers, mask},
    rooms,
    source::File,
};
use std::collections::BTreeSet;

/// Dependencies that are there for what they switch on, or as files (fake-fdb is a shared object), never named in code.
const SILENT: [&str; 1] = ["fake-fdb"];

pub fn findings(files: &[File]) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    for folder in rooms::members()?.keys() {
        let manifest = rooms::manifest(folder)?;
        let named = |product: bool| -> BTreeSet<String> {
            let inside = files.iter().filter(|f| f.is_rust() && of(folder, &f.path) && (f.is_product() || !product));
            inside.flat_map(|f| identifiers(&mask(&f.text)).map(|(_, w)| w.to_owned()).collect::<Vec<_>>()).collect()
        };
        for (section, product) in [("dependencies", true), ("dev-dependencies", false)] {
            let names = named(product);
            for dependency in rooms::dependencies(&manifest, &[section]) {
                if !names.contains(&dependency.replace('-', "_")) && !SILENT.contains(&dependency.as_str()) {
                    out.push(format!("{folder}/Cargo.toml: {dependency} is in [{section}] but no code names it"));
                }
            }
        }
    }
    Ok(out)
}

/// Whether a file belongs to the crate in a folder, not to a crate below it.
fn of(folder: &str, path: &str) -> bool {
    let inside = path.strip_prefix(folder).and_then(|p| p.strip_prefix('/'));
    inside
        .is_some_and(|p| ["src/", "tests/", "examples/", "benches/", "build.rs"].iter().any(|part| p.starts_with(part)))
}

//! SUMMARY    A manifest as bytes: JSON whose members are in order, without spaces; and back.
//! STANDARDS  RFC 8785 §3.2 (members sorted, shortest escapes); whole numbers only
//! SECURITY   What is read is a stranger's until its signature was verified: bounded bytes, bounded nesting (serde_json's 128).

use std::collections::HashSet;

use base::limits::{MANIFEST_BYTES_MAX, MANIFEST_FILES_MAX};
use serde::Deserialize;
use serde_json::Value;

use super::shape::{Entries, FORMAT_MAJOR, Format, Manifest};
use crate::{Error, name::Names};

/// Writes a manifest. What could not be read again is not written.
pub fn write(manifest: &Manifest) -> Result<Vec<u8>, Error> {
    sound(manifest)?;
    let mut out = Vec::new();
    push(&serde_json::to_value(manifest)?, &mut out)?;
    if out.len() > MANIFEST_BYTES_MAX {
        return Err(Error::Limit("MANIFEST_BYTES_MAX"));
    }
    Ok(out)
}

/// Reads a manifest; `verify` says whose it is. Members of later minor versions are passed over.
pub fn read(bytes: &[u8]) -> Result<Manifest, Error> {
    #[derive(Deserialize)]
    struct Probe {
        format: Format,
    }
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(Error::Limit("MANIFEST_BYTES_MAX"));
    }
    let Probe { format } = serde_json::from_slice(bytes)?;
    if format.major != FORMAT_MAJOR {
        return Err(Error::Version { major: format.major, known: FORMAT_MAJOR });
    }
    let manifest: Manifest = serde_json::from_slice(bytes)?;
    sound(&manifest)?;
    Ok(manifest)
}

/// No file twice, no entry twice in a file, not too many.
fn sound(manifest: &Manifest) -> Result<(), Error> {
    if manifest.files.len() > MANIFEST_FILES_MAX {
        return Err(Error::Limit("MANIFEST_FILES_MAX"));
    }
    let mut names = Names::default();
    for file in &manifest.files {
        names.add(&file.name, false)?;
        let Some(Entries::Listed(entries)) = &file.entries else { continue };
        let mut inside = HashSet::with_capacity(entries.len());
        if let Some(entry) = entries.iter().find(|entry| !inside.insert(entry.name.as_str())) {
            return Err(Error::Twice(entry.name.to_string()));
        }
    }
    Ok(())
}

/// Nesting is that of `Manifest`.
fn push(value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(out, value)?,
        Value::Number(n) if n.is_f64() => return Err(Error::Format("a manifest has whole numbers only".to_owned())),
        Value::Number(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Array(values) => {
            out.push(b'[');
            for (n, value) in values.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                push(value, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // Whether serde_json keeps members in order depends on its features.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (n, (name, value)) in members.into_iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                push(value, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

//! SUMMARY    `role` and `[plane]`: which planes a process is, and how it meets the other one.
//! INVARIANTS A plane apart has all three TLS files. What the role has no use for is an error, not ignored.

use super::{key::KEYS, load::Loaded};
use crate::plane::Files;
use std::net::SocketAddr;

/// Which planes a process is.
#[derive(Clone, PartialEq, Eq)]
pub enum Role {
    /// Both, in one process.
    All,
    /// Store, doors and queue; hears the control plane at this address. A node of a shared store need not: it finds there what
    /// another node was told.
    Data { plane: Option<(SocketAddr, Files)> },
    /// Tenants and their API; tells the data plane at `url`.
    Control { url: String, files: Files },
}

impl Role {
    pub fn name(&self) -> &'static str {
        match self {
            Role::All => "all",
            Role::Data { .. } => "data",
            Role::Control { .. } => "control",
        }
    }
}

/// Keys and sections that only the data plane has a use for.
const DATA_ONLY: [&str; 19] = [
    "listen.",
    "smart_host.",
    "tls.",
    "sni",
    "plain_auth",
    "proxy",
    "connections_per_address",
    "connections_per_minute",
    "recipients_per_minute",
    "failures_free",
    "message_bytes_in_flight",
    "queue.",
    "upkeep.",
    "exports.",
    "migrations.",
    "store.",
    "objects.",
    "bus.",
    "cells.",
];

pub(super) fn role(from: &Loaded) -> Result<Role, String> {
    match from.text("role").as_deref() {
        Some("data") => {
            let useless = |path: &str| {
                let of_control = [
                    "plane.url",
                    "plane.resend_interval",
                    "graphiql",
                    "webhook_networks",
                    "identity_hosts",
                    "notices_from",
                ];
                of_control.contains(&path) || path.starts_with("sql.") || path.starts_with("billing.")
            };
            refuse(from, useless, "role = \"data\" has no control plane in it")?;
            match from.address("plane.listen") {
                Some(listen) => Ok(Role::Data { plane: Some((listen, files(from)?)) }),
                None if super::storage::store(from)?.is_shared() => {
                    let useless = |path: &str| path.starts_with("plane.");
                    refuse(from, useless, "without plane.listen nobody is heard")?;
                    Ok(Role::Data { plane: None })
                }
                None => Err("plane.listen: it is needed with role = \"data\", as \"10.0.0.1:9443\"".to_owned()),
            }
        }
        Some("control") => {
            let useless = |path: &str| {
                ["plane.listen", "notices_from"].contains(&path)
                    || (path != "listen.http" && DATA_ONLY.iter().any(|of| path.starts_with(of)))
            };
            refuse(from, useless, "role = \"control\" opens no mail door and sends no mail")?;
            let url = from.text("plane.url");
            let url = url.ok_or("plane.url: it is needed with role = \"control\", as \"https://data-plane:9443\"")?;
            Ok(Role::Control { url, files: files(from)? })
        }
        _ => {
            let useless = |path: &str| path.starts_with("plane.") && path != "plane.resend_interval";
            refuse(from, useless, "with role = \"all\" the planes are one process")?;
            Ok(Role::All)
        }
    }
}

fn files(from: &Loaded) -> Result<Files, String> {
    let file = |path: &str| {
        let missing =
            || format!("{path}: it is needed: the planes speak mutual TLS (posthouse plane certificates makes it)");
        from.path(path).ok_or_else(missing)
    };
    Ok(Files { certificate: file("plane.certificate")?, key: file("plane.key")?, ca: file("plane.ca")? })
}

/// Keys that were set and that the role has no use for.
fn refuse(from: &Loaded, useless: impl Fn(&str) -> bool, why: &str) -> Result<(), String> {
    let wrong: Vec<String> = KEYS
        .iter()
        .filter(|key| useless(key.path) && from.is_set(key.path))
        .map(|key| format!("{}: {why}", key.path))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

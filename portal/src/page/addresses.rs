//! SUMMARY    Addresses beside those of mailboxes: aliases and groups of a tenant, what a domain does with the rest.

mod aliases;
mod domain;
mod group;
mod groups;

pub(crate) use domain::{change as change_domain, show as show_domain};

use crate::{
    frame::Frame,
    trouble::Trouble,
    visit::{Reply, Visit},
};

pub(crate) async fn read(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        ["aliases"] => aliases::show(visit).await,
        ["groups"] => groups::show(visit).await,
        ["groups", address] => group::show(visit, address).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

pub(crate) async fn change(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        ["aliases"] => aliases::change(visit).await,
        ["groups"] => groups::change(visit).await,
        ["groups", address] => group::change(visit, address).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

/// The pages of the area.
fn tabs(f: &Frame) -> Vec<(&'static str, String)> {
    vec![("/addresses/aliases", f.t("aliases-title")), ("/addresses/groups", f.t("groups-title"))]
}

/// Inputs of a form, rendered.
fn all(inputs: Vec<Result<String, askama::Error>>) -> Result<Vec<String>, Trouble> {
    inputs.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| Trouble::Broken)
}

//! SUMMARY    What belongs to one mailbox: app passwords, delegates, further senders, masked addresses, mail that can be brought back.

mod app_passwords;
mod masked;
mod recovery;
mod sharing;

use crate::{
    frame::Frame,
    trouble::Trouble,
    visit::{Reply, Visit},
};

pub(crate) async fn read(visit: &mut Visit, id: &str, path: &[&str]) -> Reply {
    match path {
        ["app-passwords"] => app_passwords::show(visit, id).await,
        ["sharing"] => sharing::show(visit, id).await,
        ["masked"] => masked::show(visit, id).await,
        ["recover"] => recovery::show(visit, id).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

pub(crate) async fn change(visit: &mut Visit, id: &str, path: &[&str]) -> Reply {
    match path {
        ["app-passwords"] => app_passwords::change(visit, id).await,
        ["sharing"] => sharing::change(visit, id).await,
        ["masked"] => masked::change(visit, id).await,
        ["recover"] => recovery::change(visit, id).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

/// The pages of one mailbox, each with its text.
pub(crate) fn links(f: &Frame, id: &str, address: &str) -> Vec<(String, String)> {
    let mut links = vec![
        (format!("/mailboxes/{id}/app-passwords"), f.t("app-passwords-title")),
        (format!("/mailboxes/{id}/sharing"), f.t("sharing-title")),
    ];
    if !f.is_off("MASKED_ADDRESSES") {
        links.push((format!("/mailboxes/{id}/masked"), f.t("masked-title")));
    }
    links.push((format!("/mailboxes/{id}/recover"), f.t("recoverable-title")));
    links.push((format!("/move?mailbox={}", address.replace('+', "%2B")), f.t("move-title")));
    links.push((format!("/exports?mailbox={}", address.replace('+', "%2B")), f.t("exports-title")));
    links.push((format!("/mailboxes/{id}/set-up"), f.t("set-up-title")));
    links
}

/// The way back to a mailbox; for its user that is home.
pub(crate) fn back(visit: &Visit, id: &str, address: &str) -> Option<(String, String)> {
    let is_user = visit.state.signed.as_ref().is_some_and(|who| who.mailbox == id);
    Some((if is_user { "/".to_owned() } else { format!("/mailboxes/{id}") }, address.to_owned()))
}

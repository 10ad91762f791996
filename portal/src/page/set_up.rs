//! SUMMARY    Setting up a device for a mailbox: servers and ports, a profile for Apple's devices, a link for the phone.
//! STANDARDS  Apple Configuration Profile (com.apple.mail.managed), RFC 8314
//! SECURITY   The link opens without signing in. It is sealed, tells an address with its name and nothing secret, and ends after LINK_LIFE_MS.
//! LIMITS     LINK_LIFE_MS

use crate::{
    frame::Frame,
    operation::{MailboxNamed, mailbox_named},
    qr::Picture,
    server::{Door, Tls},
    trouble::Trouble,
    visit::{Out, Reply, Visit, page},
};
use askama::Template;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// How long a link for a phone is good.
const LINK_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;
/// What a link is sealed for.
const USAGE: &str = "set-up";
const PROFILE: &str = "application/x-apple-aspen-config";

/// What a link says.
#[derive(Debug, Serialize, Deserialize)]
struct Link {
    id: String,
    address: String,
    name: String,
    until_ms: i64,
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct Page {
    f: Frame,
    address: String,
    host: String,
    incoming: Vec<Way>,
    outgoing: Vec<Way>,
    /// Of the page before; empty for who came by a link.
    back: String,
    /// Where the profile is.
    profile: String,
    link: Option<(String, Picture)>,
}

/// A door in words.
struct Way {
    port: u16,
    security: String,
}

#[derive(Template)]
#[template(path = "profile.xml")]
struct Profile<'a> {
    id: String,
    uuid: String,
    mail_uuid: String,
    address: &'a str,
    name: &'a str,
    host: &'a str,
    incoming: u16,
    outgoing: u16,
}

fn way(f: &Frame, door: Door) -> Way {
    let key = match door.tls {
        Tls::Implicit => "tls-implicit",
        Tls::StartTls => "tls-starttls",
    };
    Way { port: door.port, security: f.t(key) }
}

async fn named(visit: &Visit, id: &str) -> Result<mailbox_named::MailboxNamedMailbox, Trouble> {
    let variables = mailbox_named::Variables { id: id.to_owned() };
    visit.ask::<MailboxNamed>(variables).await?.mailbox.ok_or(Trouble::NotFound)
}

fn draw(visit: &Visit, address: String, back: String, profile: String, link: Option<(String, Picture)>) -> Reply {
    let (f, servers) = (visit.frame("set-up-title"), &visit.portal.servers);
    let ways = |doors: Vec<Door>| doors.into_iter().map(|door| way(&f, door)).collect();
    let (incoming, outgoing) = (ways(servers.incoming()), ways(servers.outgoing()));
    page(false, &Page { incoming, outgoing, host: servers.host.clone(), address, back, profile, link, f })
}

pub(crate) async fn show(visit: &Visit, id: &str) -> Reply {
    let mailbox = named(visit, id).await?;
    let until_ms = visit.portal.now_ms() + LINK_LIFE_MS;
    let link = Link { id: mailbox.id.clone(), address: mailbox.address.clone(), name: mailbox.display_name, until_ms };
    let text = serde_json::to_vec(&link).map_err(|_| Trouble::Broken)?;
    let sealed = visit.portal.seal.seal(USAGE, &text).ok_or(Trouble::Broken)?;
    let url = format!("{}/set-up/{sealed}", visit.portal.origin);
    let picture = Picture::of(&url)?;
    let here = format!("/mailboxes/{}", mailbox.id);
    let profile = format!("{here}/set-up/profile");
    let back = super::own::back(visit, &mailbox.id, "").map(|(link, _)| link).unwrap_or_default();
    draw(visit, mailbox.address, back, profile, Some((url, picture)))
}

pub(crate) async fn profile(visit: &Visit, id: &str) -> Reply {
    let mailbox = named(visit, id).await?;
    written(visit, &mailbox.id, &mailbox.address, &mailbox.display_name)
}

/// What a link says while it is good.
fn opened(visit: &Visit, sealed: &str) -> Result<Link, Trouble> {
    let text = visit.portal.seal.open(USAGE, sealed).ok_or(Trouble::NotFound)?;
    let link: Link = serde_json::from_slice(&text).map_err(|_| Trouble::NotFound)?;
    if link.until_ms < visit.portal.now_ms() { Err(Trouble::NotFound) } else { Ok(link) }
}

pub(crate) fn by_link(visit: &Visit, sealed: &str) -> Reply {
    let link = opened(visit, sealed)?;
    draw(visit, link.address, String::new(), format!("/set-up/{sealed}/profile"), None)
}

pub(crate) fn profile_by_link(visit: &Visit, sealed: &str) -> Reply {
    let link = opened(visit, sealed)?;
    written(visit, &link.id, &link.address, &link.name)
}

/// The profile. `NotFound`: the server has no doors for mail programs.
fn written(visit: &Visit, id: &str, address: &str, name: &str) -> Reply {
    let servers = &visit.portal.servers;
    let (Some(incoming), Some(outgoing)) = (servers.incoming().first().copied(), servers.outgoing().first().copied())
    else {
        return Err(Trouble::NotFound);
    };
    let profile = Profile {
        id: format!("{}.{}", servers.host, id),
        uuid: uuid(&[&servers.host, id, "profile"]),
        mail_uuid: uuid(&[&servers.host, id, "mail"]),
        address,
        name: if name.is_empty() { address } else { name },
        host: &servers.host,
        incoming: incoming.port,
        outgoing: outgoing.port,
    };
    let text = profile.render().map_err(|_| Trouble::Broken)?;
    Ok(Out::File { name: format!("{address}.mobileconfig"), kind: PROFILE, bytes: text.into_bytes() })
}

/// The same for the same mailbox, so that a profile replaces the one before (RFC 9562 §5.8).
fn uuid(parts: &[&str]) -> String {
    let hash = digest::digest(&digest::SHA256, parts.join("\n").as_bytes());
    let mut bytes = [0u8; 16];
    for (byte, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *byte = *from;
    }
    let mut number = u128::from_be_bytes(bytes);
    number = number & !(0xf << 76) | (0x8 << 76);
    number = number & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{number:032X}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mailbox_has_the_same_uuid_of_version_8() {
        let one = uuid(&["mail.example", "acc_1", "mail"]);
        assert_eq!(one, uuid(&["mail.example", "acc_1", "mail"]));
        assert_ne!(one, uuid(&["mail.example", "acc_2", "mail"]));
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "8");
        assert!("89AB".contains(&one[19..20]), "{one}");
    }
}

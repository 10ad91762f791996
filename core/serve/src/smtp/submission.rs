//! SUMMARY    What a submission may say of its sender, and what it lacks.
//! STANDARDS  RFC 6409 §6.1 (submission rights), §8.1 (Date), §8.2 (Message-ID); RFC 5322 §3.6.2; RFC 3463 X.7.1, X.6.0
//! SECURITY   Envelope sender, From and Sender are addresses of the account: nobody writes in another's name, whatever the tenant.
//! INVARIANTS What the account may do and use is asked again for each transaction and each message.

use super::error;
use crate::auth::{Denied, throttled};
use base::{Rng, Timestamp};
use control::Capability;
use mail::{Login, Mail};
use wire::{mime, smtp::Reply};

/// Why a login was refused (RFC 4954 §6; X.7.13 is a disabled account).
pub(super) fn denied(denied: &Denied) -> Reply {
    match denied {
        Denied::Held(reason) => Reply::new(535, (5, 7, 13), format!("The account is suspended: {reason}")),
        Denied::Throttled(wait) => Reply::new(454, (4, 7, 0), throttled(*wait)),
        Denied::Crowded(full) => Reply::new(454, (4, 7, 0), full.clone()),
        Denied::Unavailable => Reply::new(454, (4, 7, 0), "Temporary failure, try again"),
        Denied::NotTheirs => Reply::new(535, (5, 7, 8), "You may not open that mailbox"),
        Denied::Wrong => Reply::new(535, (5, 7, 8), "Wrong name or password"),
    }
}

/// What the login may do now; the reply when it is not to send at all.
pub(super) async fn standing(mail: &Mail, login: &Login) -> Result<account::Standing, Reply> {
    let standing = mail.accounts().standing_of(login).await.map_err(|e| error::reply(&e))?;
    match standing.may_send() {
        true => Ok(standing),
        false => Err(held_reply("Sending", &standing.why(Capability::SendExternal))),
    }
}

/// The refusal of one recipient, if it may not be written to now.
pub(super) fn held(standing: &account::Standing, is_local: bool) -> Option<Reply> {
    let (what, capability) = match is_local {
        true => ("Sending to addresses here", Capability::SendInternal),
        false => ("Sending to other hosts", Capability::SendExternal),
    };
    (!standing.allows(capability)).then(|| held_reply(what, &standing.why(capability)))
}

fn held_reply(what: &str, why: &str) -> Reply {
    Reply::new(550, (5, 7, 1), format!("{what} is suspended: {why}"))
}

/// Reads the header; the reply when it is malformed or names somebody else.
pub(super) async fn check(mail: &Mail, login: &Login, message: &[u8]) -> Result<mime::Originator, Reply> {
    let named = mime::originator(message).map_err(|e| Reply::new(554, (5, 6, 0), e.to_string()))?;
    let fields = named.from.iter().map(|a| ("From", a)).chain(named.sender.iter().map(|a| ("Sender", a)));
    for (field, address) in fields {
        if !mail.accounts().may_send_as(login, address).await.map_err(|e| error::reply(&e))? {
            let text = format!("The {field} field names an address that is not yours: {}", address.canonical());
            return Err(Reply::new(550, (5, 7, 1), text));
        }
    }
    Ok(named)
}

/// The fields that every message has and this one lacks.
pub(super) fn missing_fields(named: &mime::Originator, now: Timestamp, rng: &dyn Rng) -> String {
    let mut fields = String::new();
    if !named.is_dated {
        fields.push_str(&format!("Date: {}\r\n", mime::render_date(now)));
    }
    if let (false, Some(author)) = (named.is_identified, named.from.first()) {
        let id = [rng.next_u64(), rng.next_u64()].map(|n| format!("{n:016x}")).concat();
        fields.push_str(&format!("Message-ID: <{id}@{}>\r\n", author.domain()));
    }
    fields
}

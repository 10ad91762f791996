//! SUMMARY    Text and literals of one command to its syntax tree.
//! STANDARDS  RFC 9051 §9, RFC 3501 §9
//! INVARIANTS One file per group of commands. An unknown command, argument or trailing text is an error, never skipped.

mod append;
mod auth;
pub(crate) mod cursor;
pub(crate) mod fetch;
mod list;
mod mailbox;
mod search;
mod store;

use super::{
    command::{Command, TaggedCommand},
    render::Code,
};
use cursor::{Cursor, Parsed, is_astring_char};

/// Why a command was not understood; the text goes to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    Bad(&'static str),
    No(Code<'static>, &'static str),
}

fn is_tag_char(b: u8) -> bool {
    is_astring_char(b) && b != b'+'
}

/// Tag at the start of a command, if a space follows it.
pub(crate) fn tag_of(text: &[u8]) -> Option<String> {
    let end = text.iter().position(|b| !is_tag_char(*b))?;
    if end == 0 || text.get(end) != Some(&b' ') {
        return None;
    }
    String::from_utf8(text.get(..end)?.to_vec()).ok()
}

/// Whether the command's first line is an APPEND, whose literals are messages.
pub(crate) fn is_append(text: &[u8]) -> bool {
    let mut words = text.split(|b| *b == b' ').filter(|w| !w.is_empty());
    words.nth(1).is_some_and(|verb| verb.eq_ignore_ascii_case(b"APPEND"))
}

/// Parses one command without its line end.
pub(crate) fn command(
    text: &[u8],
    literals: &mut [Vec<u8>],
    utf8: bool,
) -> Result<TaggedCommand, (Option<String>, Error)> {
    let Some(tag) = tag_of(text) else {
        // A tag alone (`A001`) still gets a tagged answer.
        let alone = !text.is_empty() && text.iter().all(|b| is_tag_char(*b));
        let tag = if alone { String::from_utf8(text.to_vec()).ok() } else { None };
        return Err((tag, Error::Bad("Missing tag or command")));
    };
    let mut c = Cursor::new(text, literals, utf8);
    c.take_while(is_tag_char);
    match body(&mut c) {
        Ok(command) => Ok(TaggedCommand { tag, command }),
        Err(e) => Err((Some(tag), e)),
    }
}

fn body(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    let mut verb = c.keyword()?;
    let uid = verb == "UID";
    if uid {
        c.space()?;
        verb = c.keyword()?;
    }
    let command = if uid { uid_command(&verb, c)? } else { plain_command(&verb, c)? };
    c.end()?;
    Ok(command)
}

fn uid_command(verb: &str, c: &mut Cursor) -> Parsed<Command> {
    Ok(match verb {
        "FETCH" => fetch::fetch(c, true)?,
        "STORE" => store::store(c, true)?,
        "SEARCH" => search::search(c, true)?,
        "COPY" => Command::Copy(store::transfer(c, true)?),
        "MOVE" => Command::Move(store::transfer(c, true)?),
        "EXPUNGE" => store::uid_expunge(c)?,
        _ => return Err(Error::Bad("Unknown UID command")),
    })
}

fn plain_command(verb: &str, c: &mut Cursor) -> Parsed<Command> {
    Ok(match verb {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "IDLE" => Command::Idle,
        "UNAUTHENTICATE" => Command::Unauthenticate,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge,
        "ID" => auth::id(c)?,
        "AUTHENTICATE" => auth::authenticate(c)?,
        "LOGIN" => auth::login(c)?,
        "ENABLE" => auth::enable(c)?,
        "COMPRESS" => auth::compress(c)?,
        "SELECT" => Command::Select(mailbox::select(c)?),
        "EXAMINE" => Command::Examine(mailbox::select(c)?),
        "CREATE" => mailbox::create(c)?,
        "DELETE" => Command::Delete(mailbox::argument(c)?),
        "RENAME" => mailbox::rename(c)?,
        "SUBSCRIBE" => Command::Subscribe(mailbox::argument(c)?),
        "UNSUBSCRIBE" => Command::Unsubscribe(mailbox::argument(c)?),
        "STATUS" => mailbox::status(c)?,
        "GETQUOTA" => mailbox::get_quota(c)?,
        "GETQUOTAROOT" => Command::GetQuotaRoot(mailbox::argument(c)?),
        "SETQUOTA" => mailbox::set_quota(c)?,
        "LIST" => list::list(c)?,
        "LSUB" => list::lsub(c)?,
        "APPEND" => append::append(c)?,
        "SEARCH" => search::search(c, false)?,
        "FETCH" => fetch::fetch(c, false)?,
        "STORE" => store::store(c, false)?,
        "COPY" => Command::Copy(store::transfer(c, false)?),
        "MOVE" => Command::Move(store::transfer(c, false)?),
        _ => return Err(Error::Bad("Unknown command")),
    })
}

//! SUMMARY    From a connection to a session: greeting, TLS, signing in, what the server can do.
//! STANDARDS  RFC 9051 §6.2, §7.1.4 (PREAUTH), RFC 5161, RFC 7888, RFC 4959
//! SECURITY   A secret goes over TLS or where plain text was allowed, and never where the server says LOGINDISABLED.

use wire::imap::client::{Code, Literals, Response, State, Status};

use crate::{
    Error, Result, Security, SignIn, Source,
    link::{Link, done},
};

/// What a server can do that makes a difference here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Able {
    pub(crate) condstore: bool,
    /// And it is enabled.
    pub(crate) qresync: bool,
    pub(crate) list_extended: bool,
    pub(crate) special_use: bool,
    pub(crate) status_size: bool,
    pub(crate) namespace: bool,
    /// Labels and one mailbox with everything.
    pub(crate) gmail: bool,
}

/// A connection that is signed in.
pub(crate) struct Session {
    pub(crate) link: Link,
    pub(crate) able: Able,
}

impl Session {
    pub(crate) async fn open(source: &Source) -> Result<Session> {
        let mut link = Link::connect(source).await?;
        let Response::Status(greeting) = link.next().await?.response else {
            return Err(Error::Lost("it does not greet as IMAP".to_owned()));
        };
        let is_signed_in = match greeting.state {
            State::Ok => false,
            State::PreAuth => true,
            State::Bye | State::No | State::Bad => {
                return Err(Error::Lost(format!("the source does not serve: {}", greeting.text)));
            }
        };
        let mut offered = offered(&mut link, &greeting).await?;
        if source.security == Security::StartTls {
            if is_signed_in || !offered.iter().any(|o| o == "STARTTLS") {
                return Err(Error::Refused("it offers no STARTTLS".to_owned()));
            }
            let starttls = link.writer.plain("STARTTLS");
            done(link.ask(&starttls, &mut |_| Ok(())).await?)?;
            link.protect(source).await?;
            offered = ask_offered(&mut link).await?;
        }
        let has = |offered: &[String], name: &str| offered.iter().any(|o| o == name);
        link.writer.set_literals(match () {
            () if has(&offered, "LITERAL+") => Literals::Plus,
            () if has(&offered, "LITERAL-") => Literals::Minus,
            () => Literals::Waiting,
        });
        if !is_signed_in {
            let status = sign_in(&mut link, source, &offered).await?;
            offered = self::offered(&mut link, &status).await?;
        }
        let mut able = Able {
            condstore: has(&offered, "CONDSTORE") || has(&offered, "QRESYNC"),
            qresync: false,
            list_extended: has(&offered, "LIST-EXTENDED"),
            special_use: has(&offered, "SPECIAL-USE"),
            status_size: has(&offered, "STATUS=SIZE"),
            namespace: has(&offered, "NAMESPACE"),
            gmail: has(&offered, "X-GM-EXT-1"),
        };
        if has(&offered, "QRESYNC") && has(&offered, "ENABLE") {
            let enable = link.writer.enable(&["QRESYNC"]);
            let mut enabled = Vec::new();
            let mut take = |response| {
                if let Response::Enabled(names) = response {
                    enabled = names;
                }
                Ok(())
            };
            let status = link.ask(&enable, &mut take).await?;
            able.qresync = status.state == State::Ok && enabled.iter().any(|name| name == "QRESYNC");
        }
        Ok(Session { link, able })
    }
}

/// What a status response says that the server can do; or else it is asked.
async fn offered(link: &mut Link, status: &Status) -> Result<Vec<String>> {
    match &status.code {
        Some(Code::Capability(offered)) => Ok(offered.clone()),
        _ => ask_offered(link).await,
    }
}

async fn ask_offered(link: &mut Link) -> Result<Vec<String>> {
    let (mut offered, command) = (Vec::new(), link.writer.plain("CAPABILITY"));
    let mut take = |response| {
        if let Response::Capability(names) = response {
            offered = names;
        }
        Ok(())
    };
    done(link.ask(&command, &mut take).await?)?;
    Ok(offered)
}

async fn sign_in(link: &mut Link, source: &Source, offered: &[String]) -> Result<Status> {
    let has = |name: &str| offered.iter().any(|o| o == name);
    let secret = (source.secret)().map_err(Error::Refused)?;
    let (user, initial) = (source.user.as_str(), has("SASL-IR"));
    let command = match source.sign_in {
        SignIn::Token if has("AUTH=XOAUTH2") => link.writer.xoauth2(user, &secret, initial),
        SignIn::Token if has("AUTH=OAUTHBEARER") => {
            link.writer.oauth_bearer(user, &secret, (&source.host, source.port), initial)
        }
        SignIn::Token => return Err(Error::Refused("it takes no bearer tokens (XOAUTH2, OAUTHBEARER)".to_owned())),
        SignIn::Password if has("AUTH=PLAIN") => link.writer.plain_auth(user, &secret, initial),
        SignIn::Password if !has("LOGINDISABLED") => link.writer.login(user, &secret),
        SignIn::Password => {
            return Err(Error::Refused("it takes no password (neither AUTH=PLAIN nor LOGIN)".to_owned()));
        }
    };
    let mut offered = None;
    let mut take = |response| {
        if let Response::Capability(names) = response {
            offered = Some(names);
        }
        Ok(())
    };
    let mut status = link.ask(&command, &mut take).await?;
    if status.state == State::Ok {
        // workaround (Gmail): it says what it can do in an untagged response, and not in the tagged one.
        if let (Some(names), false) = (offered, matches!(status.code, Some(Code::Capability(_)))) {
            status.code = Some(Code::Capability(names));
        }
        return Ok(status);
    }
    let is_for_now = match &status.code {
        Some(Code::Other(name)) => matches!(name.as_str(), "UNAVAILABLE" | "INUSE" | "LIMIT" | "SERVERBUG"),
        Some(Code::UidValidity(_) | Code::UidNext(_) | Code::HighestModSeq(_) | Code::Capability(_)) | None => false,
    };
    match is_for_now {
        true => Err(Error::Lost(format!("signing in: {}", status.text))),
        false => Err(Error::Refused(format!("signing in as {user}: {}", status.text))),
    }
}

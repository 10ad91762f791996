//! SUMMARY    One SMTP or LMTP connection: events of the machine to calls on mail, results to replies.
//! STANDARDS  RFC 5321 §4.1.4, RFC 6409 §6.1 (sender checks), RFC 4954
//! SECURITY   A login that may send nothing any more is cut, also between commands and within a message.
//! LIMITS     LOGIN_SECS_MAX, SMTP_FRUITLESS_SECS_MAX; the budget of message bytes: without room nothing is read for a while, then the message is answered with 452
//! INVARIANTS An envelope recipient is taken only with its route; the routes are kept until the message is accepted.

use super::{Role, SmtpDoor, bounce, error, submission};
use crate::{
    Claim, Input, Link,
    auth::{Client, Denied, Exchange, Progress},
    limit::{self, Seat},
};
use account::{Listener, Reserved, RouteError, Sender, Turn};
use base::{Address, Kind, TenantId, limits::LOGIN_SECS_MAX, limits::SMTP_FRUITLESS_SECS_MAX};
use control::Capability;
use mail::{Accept, EnvelopeRecipient, Error, Login, Source, answering};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use wire::{
    mime,
    smtp::{
        Body, Notify, Reply, Ret,
        data::Fault,
        server::{Event, Message, Recipient, Request, Server},
    },
};

struct Session {
    door: Arc<SmtpDoor>,
    server: Server,
    login: Option<Box<Login>>,
    /// Hears of what the login may do.
    ear: Option<Box<Listener>>,
    /// Of the standing that was asked for last.
    heard: u64,
    /// Counted among the sessions of the account.
    seat: Option<Box<Seat>>,
    exchange: Option<Exchange>,
    recipients: Vec<EnvelopeRecipient>,
    /// Message bytes in memory.
    claim: Claim,
}

pub(super) async fn run(door: Arc<SmtpDoor>, mut link: Link) {
    let server = Server::new(door.config.clone(), link.is_tls());
    let claim = door.options.budget.claim();
    let mut session = Session {
        door,
        server,
        login: None,
        ear: None,
        heard: 0,
        seat: None,
        exchange: None,
        recipients: Vec::new(),
        claim,
    };
    session.server.greet();
    session.drive(&mut link).await;
    link.close().await;
}

impl Session {
    async fn drive(&mut self, link: &mut Link) {
        let mut input = Vec::new();
        loop {
            match self.server.next() {
                Event::NeedMore => {
                    link.out.append(&mut self.server.output());
                    if link.flush().await.is_err() {
                        return;
                    }
                    if !self.claim.hold(self.server.held_bytes()).await {
                        self.server.drop_message();
                        self.claim.hold(self.server.held_bytes()).await;
                    }
                    link.midway(self.server.is_midway());
                    let within = self.within(link);
                    match link.read_or_hint(&mut input, within, self.ear.as_deref_mut()).await {
                        Input::Bytes => {
                            self.server.feed(&input);
                            input.clear();
                        }
                        Input::Hint => Box::pin(self.hinted()).await,
                        Input::Eof | Input::Corrupt => return,
                        Input::Deadline => {
                            self.server.close(&Reply::new(421, (4, 4, 2), "Idle or slow for too long, closing"));
                        }
                        Input::Shutdown => self.server.close(&Reply::new(421, (4, 3, 2), "Server is going down")),
                    }
                    input.shrink_to(4096);
                }
                Event::Request(request) => {
                    if matches!(request, Request::Message(_)) {
                        link.begin_again();
                    }
                    Box::pin(self.answer(link, request)).await;
                }
                // Answered by `answer` above; the machine says so only when a caller forgets.
                Event::NeedReply => self.server.reply(&Reply::new(451, (4, 3, 0), "Internal error")),
                Event::StartTls => {
                    link.out.append(&mut self.server.output());
                    if Box::pin(link.start_tls()).await.is_err() {
                        return;
                    }
                    self.server.tls_started();
                }
                Event::Close => {
                    link.out.append(&mut self.server.output());
                    return;
                }
            }
        }
    }

    /// What the login may do may have changed: a session that can send nothing any more ends, wherever it stands.
    async fn hinted(&mut self) {
        let (Some(login), Some(ear)) = (&mut self.login, &self.ear) else { return };
        let heard = ear.standing();
        if heard == self.heard {
            return;
        }
        // A store that does not answer says nothing about the account.
        let Ok(standing) = self.door.options.mail.accounts().standing_of(login).await else { return };
        self.heard = heard;
        login.standing = standing;
        if login.standing.may_send() {
            return;
        }
        metrics::counter!("posthouse_sessions_cut_total", "door" => "submission").increment(1);
        let reason = login.standing.why(Capability::SendExternal);
        self.server.close(&Reply::new(421, (4, 7, 0), format!("{reason} Closing")));
    }

    /// How long the client may be silent now.
    fn within(&self, link: &Link) -> Duration {
        let needs_login = self.door.role == Role::Submission && self.login.is_none();
        // A message has a time of its own: it may come as slowly as the pace allows.
        let left = match self.server.is_midway() {
            _ if needs_login => link.left(LOGIN_SECS_MAX),
            true => Duration::MAX,
            false => link.left(SMTP_FRUITLESS_SECS_MAX),
        };
        self.server.deadline().min(left)
    }

    async fn answer(&mut self, link: &Link, request: Request) {
        let reply = match request {
            Request::Auth { mechanism, initial } => {
                let auth = self.door.options.auth.clone();
                let (exchange, progress) = {
                    let client = Client { ip: link.peer().ip(), exporter: link.tls_exporter() };
                    auth.start(&mechanism, initial.as_deref(), client).await
                };
                self.exchange = exchange;
                return self.authenticated(link, progress).await;
            }
            Request::AuthResponse(bytes) => {
                let auth = self.door.options.auth.clone();
                let progress = match &mut self.exchange {
                    Some(exchange) => auth.respond(exchange, &bytes).await,
                    None => Progress::Failed(Denied::Wrong),
                };
                return self.authenticated(link, progress).await;
            }
            Request::StartTls if link.can_start_tls() => Reply::new(220, (2, 0, 0), "Go ahead"),
            Request::StartTls => Reply::new(454, (4, 7, 0), "TLS is not available"),
            Request::Mail { from, .. } => {
                self.recipients.clear();
                self.mail_from(from.as_ref()).await
            }
            Request::Rcpt(recipient) => self.rcpt_to(link, recipient).await,
            Request::Message(message) => return self.message(link, message).await,
            Request::Vrfy(_) | Request::Expn(_) => Reply::new(252, (2, 5, 2), "Send some mail, it will be tried"),
        };
        self.server.reply(&reply);
    }

    async fn authenticated(&mut self, link: &Link, progress: Progress) {
        match progress {
            Progress::Challenge(bytes) => self.server.challenge(&bytes),
            Progress::Done(login) => {
                self.exchange = None;
                let reply = self.logged_in(link, *login).await.unwrap_or_else(|denied| submission::denied(&denied));
                self.server.reply(&reply);
            }
            Progress::Failed(denied) => {
                self.exchange = None;
                if matches!(denied, Denied::Wrong | Denied::NotTheirs) {
                    tokio::time::sleep(self.door.options.limits.failure(link.peer().ip()).await).await;
                }
                self.server.reply(&submission::denied(&denied));
            }
        }
    }

    async fn logged_in(&mut self, link: &Link, mut login: Login) -> Result<Reply, Denied> {
        let accounts = self.door.options.mail.accounts();
        let (user, opened) = (login.user(), (login.scope.tenant(), login.scope.account()));
        let ear = accounts.hub().listen(opened, (user != opened).then_some(user));
        // Asked again with open ears: a hold that came meanwhile would not be heard of.
        self.heard = ear.standing();
        login.standing = accounts.standing_of(&login).await?;
        if !login.standing.may_send() {
            return Err(Denied::Held(login.standing.why(Capability::SendExternal)));
        }
        let rates = &login.standing.entitlement.rates;
        let seat = self.door.options.auth.sessions.enter(opened, rates).map_err(Denied::Crowded)?;
        self.seat = Some(Box::new(seat));
        tracing::info!(account = %opened.1, user = %user.1, peer = %link.peer(), "submission login");
        (self.ear, self.login) = (Some(Box::new(ear)), Some(Box::new(login)));
        Ok(Reply::new(235, (2, 7, 0), "Authenticated"))
    }

    /// A submission uses an address of its own account (RFC 6409 §6.1); what it may do is asked again each time.
    async fn mail_from(&mut self, from: Option<&Address>) -> Reply {
        let ok = || Reply::new(250, (2, 1, 0), "Ok");
        if let Err(e) = self.door.options.mail.accounts().check_room() {
            return error::reply(&e);
        }
        if self.door.role != Role::Submission {
            return ok();
        }
        let Some(login) = &mut self.login else { return Reply::new(530, (5, 7, 0), "Authenticate first") };
        let accounts = self.door.options.mail.accounts();
        if let Err(wait) = limit::command(accounts, login.user(), &login.standing.entitlement.rates).await {
            return error::too_fast("Too many messages of this account", wait);
        }
        login.standing = match submission::standing(&self.door.options.mail, login).await {
            Ok(standing) => standing,
            Err(refused) => return refused,
        };
        let Some(from) = from else { return ok() };
        match accounts.may_send_as(login, from).await {
            Ok(true) => ok(),
            Ok(false) => Reply::new(553, (5, 7, 1), "Not an address of yours"),
            Err(e) => error::reply(&e),
        }
    }

    async fn rcpt_to(&mut self, link: &Link, recipient: Recipient) -> Reply {
        if self.door.role == Role::Mx
            && let Err(wait) = self.door.options.limits.recipient(link.peer().ip()).await
        {
            return error::too_fast("Too many recipients from your address", wait);
        }
        let mail = self.door.options.mail.clone();
        let sender = self.login.as_ref().map_or(Sender::Stranger, |login| Sender::User {
            tenant: login.scope.tenant(),
            account: login.scope.account(),
        });
        let route = match mail.accounts().route(&recipient.to, sender).await {
            Ok(route) => Some(route),
            Err(RouteError::NotLocal) if self.login.is_some() => None,
            Err(e) => {
                if matches!(e, RouteError::Unknown) {
                    tokio::time::sleep(self.door.options.limits.failure(link.peer().ip()).await).await;
                }
                return error::unrouted(&e);
            }
        };
        if let Some(login) = &self.login
            && let Some(refused) = submission::held(&login.standing, route.is_some())
        {
            return refused;
        }
        self.recipients.push(EnvelopeRecipient {
            address: recipient.to,
            route,
            notify: notify_bits(recipient.params.notify),
            orcpt: recipient.params.orcpt.map(|o| format!("{};{}", o.kind, o.address)).unwrap_or_default(),
        });
        Reply::new(250, (2, 1, 5), "Ok")
    }

    async fn message(&mut self, link: &Link, message: Message) {
        let recipients = std::mem::take(&mut self.recipients);
        let lmtp = self.door.role == Role::Lmtp;
        if !self.claim.hold(message.bytes.len().saturating_add(self.server.held_bytes())).await {
            (0..if lmtp { recipients.len() } else { 1 }).for_each(|_| self.server.reply(&Fault::NoRoom.reply()));
            drop(message);
            self.claim.hold(self.server.held_bytes()).await;
            return;
        }
        let replies = match self.checked(link, &message, &recipients).await {
            Ok(replies) if lmtp => replies,
            Ok(replies) => replies.into_iter().take(1).collect(),
            Err(e) => {
                if e.kind == Kind::Corrupt || e.kind == Kind::Unavailable {
                    tracing::error!(error = %e, "message not accepted");
                }
                vec![error::reply(&e); if lmtp { recipients.len() } else { 1 }]
            }
        };
        metrics::counter!("posthouse_messages_total", "door" => crate::Door::name(&*self.door)).increment(1);
        for reply in &replies {
            self.server.reply(reply);
        }
        self.server.recycle(message.bytes);
    }

    /// A submission is looked at first: who it says it is from.
    async fn checked(
        &mut self,
        link: &Link,
        message: &Message,
        recipients: &[EnvelopeRecipient],
    ) -> Result<Vec<Reply>, Error> {
        let mut added = String::new();
        if let Some(login) = &mut self.login {
            let accounts = self.door.options.mail.accounts();
            let mail = &self.door.options.mail;
            login.standing = match submission::standing(mail, login).await {
                Ok(standing) => standing,
                Err(refused) => return Ok(vec![refused]),
            };
            accounts.give_way(Some(login.scope.tenant())).await;
            let named = match submission::check(mail, login, &message.bytes).await {
                Ok(named) => named,
                Err(refused) => return Ok(vec![refused]),
            };
            // What was allowed at RCPT may be held by now.
            let standing = &login.standing;
            if let Some(refused) = recipients.iter().find_map(|r| submission::held(standing, r.route.is_some())) {
                return Ok(vec![refused]);
            }
            added = submission::missing_fields(&named, accounts.clock().now(), accounts.rng());
        }
        let accounts = self.door.options.mail.accounts();
        let to: Vec<&Address> = recipients.iter().map(|r| &r.address).collect();
        let forwarded = accounts.reserve_forwards(&forwards(recipients)).await?;
        accounts.give_way(self.login.as_ref().map(|login| login.scope.tenant())).await;
        let reserved = match &self.login {
            Some(login) => accounts.reserve(login, message.envelope.from.as_ref(), &to).await,
            None => Ok(Reserved::default()),
        };
        let accepted = match &reserved {
            Ok(_) => self.accept(link, message, recipients, &added).await,
            Err(_) => Ok((Vec::new(), 0)),
        };
        if reserved.is_err() || accepted.is_err() {
            accounts.unreserve(forwarded, None).await;
        }
        let reserved = reserved?;
        // Nothing counts but what was taken.
        let unsent = accepted.as_ref().map_or(None, |(_, failed)| u32::try_from(*failed).ok());
        match unsent {
            Some(0) => {}
            Some(failed) if (failed as usize) < recipients.len() => accounts.unreserve(reserved, Some(failed)).await,
            Some(_) | None => accounts.unreserve(reserved, None).await,
        }
        Ok(accepted?.0)
    }

    /// The turn of who answers for the message: its sender, or else whose mailbox it is for.
    async fn turn(&self, recipients: &[EnvelopeRecipient]) -> Result<Option<Turn>, Error> {
        let of = self.login.as_ref().map(|login| login.scope.tenant()).or_else(|| answering(recipients));
        match of {
            Some(tenant) => self.door.options.mail.accounts().turn(tenant).await.map(Some),
            None => Ok(None),
        }
    }

    /// Replies per recipient (LMTP), or one; and how many recipients got nothing. `added`: fields for the top of the message.
    async fn accept(
        &self,
        link: &Link,
        message: &Message,
        recipients: &[EnvelopeRecipient],
        added: &str,
    ) -> Result<(Vec<Reply>, usize), Error> {
        let options = &self.door.options;
        let mail = &options.mail;
        let _turn = self.turn(recipients).await?;
        let now = mail.accounts().clock().now();
        let source = self.login.as_ref().map_or(Source::Relay, |login| Source::Submission(login));
        let params = &message.envelope.params;
        let id = format!("{:016x}", mail.accounts().rng().next_u64());
        let received = self.received(link, message, recipients, &id, now);
        let traced = [received.as_slice(), added.as_bytes(), &message.bytes].concat();
        let accepted = mail
            .accept(Accept {
                source,
                sender: message.envelope.from.as_ref(),
                recipients,
                message: &traced,
                envid: params.envid.as_deref().unwrap_or_default(),
                ret: match params.ret {
                    None => 0,
                    Some(Ret::Full) => 1,
                    Some(Ret::Headers) => 2,
                },
                smtp_utf8: params.smtputf8,
                body_8bit: params.body == Some(Body::EightBitMime),
                body_binary: params.body == Some(Body::BinaryMime),
                require_tls: params.require_tls,
            })
            .await?;
        let ok = || Reply::new(250, (2, 0, 0), format!("Ok: {id}"));
        let lmtp = self.door.role == Role::Lmtp;
        let given = |n: usize| message.envelope.recipients.get(n);
        let failed = || accepted.results.iter().enumerate().filter_map(|(n, r)| Some((given(n)?, r.as_ref().err()?)));
        let unsent = failed().count();
        if !lmtp
            && let Some((_, e)) = failed().next()
            && unsent == recipients.len()
        {
            return Ok((vec![error::reply(e)], unsent));
        }
        // By LMTP each recipient that failed has its own reply.
        let mut told: Vec<(&Recipient, &Error)> = if lmtp { Vec::new() } else { failed().collect() };
        told.extend(accepted.partial.iter().filter_map(|(n, e)| Some((given(*n)?, e))));
        if !told.is_empty() {
            let tenant = answering(recipients).ok_or_else(|| Error::not_found("tenant"))?;
            bounce::send(mail, tenant, &message.envelope, &told, &traced, now).await?;
        }
        if lmtp {
            let replies = accepted.results.iter().map(|r| r.as_ref().map_or_else(error::reply, |()| ok()));
            return Ok((replies.collect(), unsent));
        }
        Ok((vec![ok()], unsent))
    }

    fn received(
        &self,
        link: &Link,
        message: &Message,
        recipients: &[EnvelopeRecipient],
        id: &str,
        now: base::Timestamp,
    ) -> Vec<u8> {
        let only = match recipients {
            [one] => Some(one.address.to_string()),
            _ => None,
        };
        let tls = link.tls_summary();
        mime::prepend_received(&mime::Received {
            helo: self.server.helo_name().unwrap_or("unknown"),
            client: Some(link.peer().ip()),
            client_name: None,
            by: self.door.options.hostname.as_str(),
            protocol: self.server.protocol(message.envelope.params.smtputf8),
            tls: tls.as_deref(),
            id,
            recipient: only.as_deref(),
            at: now,
        })
    }
}

/// How many recipients elsewhere aliases and groups lead to, by whose they are.
fn forwards(recipients: &[EnvelopeRecipient]) -> BTreeMap<TenantId, u32> {
    let mut forwards = BTreeMap::new();
    for (tenant, _) in recipients.iter().filter_map(|r| r.route.as_ref()).flat_map(|r| &r.remote) {
        *forwards.entry(*tenant).or_default() += 1;
    }
    forwards
}

/// RFC 3461 NOTIFY as stored: 1 never, 2 success, 4 failure, 8 delay; 0 = not given.
fn notify_bits(notify: Option<Notify>) -> u32 {
    match notify {
        None => 0,
        Some(Notify::Never) => 1,
        Some(Notify::On { success, failure, delay }) => {
            u32::from(success) * 2 + u32::from(failure) * 4 + u32::from(delay) * 8
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_waiting_session_is_small() {
        assert!(bytes_of(run) <= 2_600, "{}", bytes_of(run));
    }
}

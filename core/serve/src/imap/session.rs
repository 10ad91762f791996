//! SUMMARY    One IMAP connection: commands to handlers, states, IDLE, shutdown.
//! STANDARDS  RFC 9051 §3 (states), §5.3-5.5; RFC 2177 (IDLE); RFC 8437 (UNAUTHENTICATE)
//! SECURITY   What was read before STARTTLS is dropped. Each command, each hint and each long answer asks whether the account may still
//!            be read; a session that may not ends with the reason.
//! LIMITS     IMAP_ERRORS_MAX, IMAP_IDLE_SECS_MAX, IMAP_COMMAND_SECS_MAX, IMAP_LOGIN_SECS_MAX, IMAP_LOGIN_TOTAL_SECS_MAX; STANDING_MS_MAX, COMMAND_SLOWED_MS_MAX; the budget of message bytes
//! INVARIANTS Handlers live in boxes of their own: a waiting session is small.

use super::{ImapDoor, capability, error::Failure, selected::Selected};
use crate::{
    Claim, Input, Link,
    auth::Exchange,
    limit::{self, Seat},
};
use account::Listener;
use base::limits::{
    COMMAND_SLOWED_MS_MAX, IMAP_COMMAND_SECS_MAX, IMAP_ERRORS_MAX, IMAP_IDLE_SECS_MAX, IMAP_LOGIN_SECS_MAX,
    IMAP_LOGIN_TOTAL_SECS_MAX, STANDING_MS_MAX,
};
use control::Capability;
use mail::Login;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wire::imap::{
    Command, Item, Limits, Names, Receiver, TaggedCommand,
    render::{self, Code, Condition},
};

/// Room that is looked for before a literal is asked for; the rest is counted as it comes.
const OFFER_BYTES: usize = 1 << 20;

/// Extensions the client has turned on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enabled {
    pub(super) condstore: bool,
    pub(super) qresync: bool,
    pub(super) utf8: bool,
    pub(super) rev2: bool,
}

/// What the next line belongs to.
pub(super) enum Waiting {
    Command,
    Idle { tag: String },
    Sasl { tag: String, exchange: Box<Exchange> },
}

pub(super) struct Session {
    pub(super) door: Arc<ImapDoor>,
    pub(super) receiver: Receiver,
    pub(super) login: Option<Box<Login>>,
    pub(super) selected: Option<Box<Selected>>,
    pub(super) enabled: Enabled,
    pub(super) waiting: Waiting,
    /// Hears of changes of the account, and of what it may do.
    pub(super) ear: Option<Box<Ear>>,
    /// Counted among the sessions of the account.
    pub(super) seat: Option<Box<Seat>>,
    pub(super) failed_logins: u32,
    /// Bytes of the command in memory.
    pub(super) claim: Claim,
    errors: u32,
}

/// The ear of a session, and what was heard last.
pub(super) struct Ear {
    pub(super) listener: Listener,
    /// Of the standing that was asked for last.
    heard: u64,
    asked: Instant,
}

impl Ear {
    pub(super) fn new(listener: Listener) -> Self {
        let heard = listener.standing();
        Ear { listener, heard, asked: Instant::now() }
    }
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    End,
}

pub(super) async fn run(door: Arc<ImapDoor>, mut link: Link) {
    let claim = door.options.budget.claim();
    let mut session = Session {
        door,
        claim,
        receiver: Receiver::new(Limits::BEFORE_LOGIN),
        login: None,
        selected: None,
        enabled: Enabled::default(),
        waiting: Waiting::Command,
        ear: None,
        seat: None,
        failed_logins: 0,
        errors: 0,
    };
    session.greet(&mut link);
    session.drive(&mut link).await;
    link.close().await;
}

impl Session {
    fn greet(&self, link: &mut Link) {
        let offered = self.capabilities(link);
        render::status_line(&mut link.out, None, Condition::Ok, Some(&Code::Capability(&offered)), "Posthouse ready");
    }

    async fn drive(&mut self, link: &mut Link) {
        loop {
            let item = match self.receiver.next() {
                Ok(item) => item,
                Err(fatal) => return bye(link, &fatal.to_string()),
            };
            let flow = match item {
                Item::NeedMore => {
                    if link.flush().await.is_err() {
                        return;
                    }
                    if !self.claim.hold(self.receiver.buffered_bytes()).await {
                        self.receiver.drop_command();
                        self.claim.hold(self.receiver.buffered_bytes()).await;
                    }
                    let mut input = Vec::new();
                    match self.wait(link, &mut input).await {
                        Flow::On => self.receiver.feed(&input),
                        Flow::End => return,
                    }
                    Flow::On
                }
                Item::Continue { bytes } => {
                    self.offered(link, bytes).await;
                    Flow::On
                }
                item => Box::pin(self.take(link, item)).await,
            };
            if flow == Flow::End {
                return;
            }
        }
    }

    /// A literal is taken, or refused before a byte of it is sent.
    async fn offered(&mut self, link: &mut Link, bytes: u64) {
        let held = self.receiver.buffered_bytes();
        let first = usize::try_from(bytes).unwrap_or(usize::MAX).min(OFFER_BYTES);
        if self.claim.hold(held.saturating_add(first)).await {
            return render::continuation(&mut link.out, "OK");
        }
        let tag = self.receiver.refuse_literal();
        let condition = if tag.is_some() { Condition::No } else { Condition::Bad };
        let code = Code::Word("UNAVAILABLE");
        render::status_line(&mut link.out, tag.as_deref(), condition, Some(&code), "No room now, try again later");
    }

    /// Waits for bytes; while idling also for changes.
    async fn wait(&mut self, link: &mut Link, input: &mut Vec<u8>) -> Flow {
        let is_midway = self.receiver.is_midway();
        link.midway(is_midway);
        let within = match self.login {
            None => Duration::from_secs(IMAP_LOGIN_SECS_MAX).min(link.left(IMAP_LOGIN_TOTAL_SECS_MAX)),
            Some(_) if is_midway => Duration::from_secs(IMAP_COMMAND_SECS_MAX),
            Some(_) => Duration::from_secs(IMAP_IDLE_SECS_MAX),
        };
        if matches!(self.waiting, Waiting::Idle { .. }) {
            link.out = Vec::new();
        }
        loop {
            let ear = self.ear.as_mut().map(|e| &mut e.listener);
            match link.read_or_hint(input, within, ear).await {
                Input::Bytes => return Flow::On,
                Input::Eof => return Flow::End,
                Input::Deadline => bye(link, "Idle or slow for too long"),
                Input::Corrupt => bye(link, "The compressed data is damaged"),
                Input::Shutdown => bye(link, "Server is going down"),
                Input::Hint => {
                    if Box::pin(self.hinted(link)).await == Flow::On {
                        continue;
                    }
                }
            }
            return Flow::End;
        }
    }

    /// Something changed in the account: cut the session if it may not read any more, tell an idling client.
    async fn hinted(&mut self, link: &mut Link) -> Flow {
        if let Some(reason) = self.held().await {
            return cut(link, &reason);
        }
        let idling = matches!(self.waiting, Waiting::Idle { .. }) && self.selected.is_some();
        if idling && (self.sync(link, true).await.is_err() || link.flush().await.is_err()) {
            return Flow::End;
        }
        Flow::On
    }

    /// Why the account may not be read now, if so. Reads the store when something was heard, or after a while.
    pub(super) async fn held(&mut self) -> Option<String> {
        let (Some(login), Some(ear)) = (&mut self.login, &mut self.ear) else { return None };
        self.door.options.mail.accounts().mark_active(login.scope.tenant());
        let heard = ear.listener.standing();
        if heard == ear.heard && ear.asked.elapsed() < Duration::from_millis(STANDING_MS_MAX) {
            return None;
        }
        // A store that does not answer says nothing about the account.
        let standing = self.door.options.mail.accounts().standing_of(login).await.ok()?;
        (ear.heard, ear.asked) = (heard, Instant::now());
        let held = !standing.allows(Capability::MailRead);
        let reason = held.then(|| standing.why(Capability::MailRead));
        login.standing = standing;
        reason
    }

    /// In the midst of a long answer: ends it if the account may not be read any more.
    pub(super) async fn still_allowed(&self) -> Result<(), Failure> {
        let (Some(login), Some(ear)) = (&self.login, &self.ear) else { return Ok(()) };
        if ear.listener.standing() == ear.heard {
            return Ok(());
        }
        match self.door.options.mail.accounts().standing_of(login).await {
            Ok(standing) if !standing.allows(Capability::MailRead) => {
                Err(Failure::Held(standing.why(Capability::MailRead)))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn take(&mut self, link: &mut Link, item: Item) -> Flow {
        match item {
            Item::Command(command) => self.command(link, command).await,
            Item::Line(line) => match std::mem::replace(&mut self.waiting, Waiting::Command) {
                Waiting::Idle { tag } => {
                    if line.eq_ignore_ascii_case(b"DONE") {
                        render::status_line(&mut link.out, Some(&tag), Condition::Ok, None, "IDLE done");
                        Flow::On
                    } else {
                        self.bad(link, Some(&tag), "Expected DONE")
                    }
                }
                Waiting::Sasl { tag, exchange } => self.sasl_line(link, tag, *exchange, &line).await,
                Waiting::Command => Flow::On,
            },
            Item::Bad { tag, text } => {
                // A line of AUTHENTICATE or IDLE that is too long ends its command.
                let under_way = match std::mem::replace(&mut self.waiting, Waiting::Command) {
                    Waiting::Idle { tag } | Waiting::Sasl { tag, .. } => Some(tag),
                    Waiting::Command => None,
                };
                self.bad(link, tag.or(under_way).as_deref(), text)
            }
            Item::No { tag, code, text } => {
                render::status_line(&mut link.out, Some(&tag), Condition::No, Some(&code), text);
                Flow::On
            }
            Item::NeedMore | Item::Continue { .. } => Flow::On,
        }
    }

    pub(super) fn bad(&mut self, link: &mut Link, tag: Option<&str>, text: &str) -> Flow {
        render::status_line(&mut link.out, tag, Condition::Bad, None, text);
        self.errors += 1;
        if self.errors >= IMAP_ERRORS_MAX {
            bye(link, "Too many errors");
            return Flow::End;
        }
        Flow::On
    }

    async fn command(&mut self, link: &mut Link, TaggedCommand { tag, command }: TaggedCommand) -> Flow {
        metrics::counter!("posthouse_imap_commands_total").increment(1);
        if let Some(reason) = self.held().await {
            return cut(link, &reason);
        }
        if let Err(wait) = self.paced().await {
            let text = format!("Too many commands of this account, try again {}", account::retry_hint(wait));
            render::status_line(&mut link.out, Some(&tag), Condition::No, Some(&Code::Word("LIMIT")), &text);
            return Flow::On;
        }
        match self.dispatch(link, &tag, command).await {
            Ok(flow) => flow,
            Err(Failure::Gone) => Flow::End,
            Err(Failure::Held(reason)) => cut(link, &reason),
            Err(Failure::Bad(text)) => self.bad(link, Some(&tag), text),
            Err(Failure::No(code, text)) => {
                render::status_line(&mut link.out, Some(&tag), Condition::No, code.as_ref(), &text);
                Flow::On
            }
        }
    }

    /// Counts a command of the account: a client that goes too fast is slowed down, one that goes much too fast is refused.
    async fn paced(&self) -> Result<(), Duration> {
        let Some(login) = &self.login else { return Ok(()) };
        let accounts = self.door.options.mail.accounts();
        let rates = &login.standing.entitlement.rates;
        match limit::command(accounts, login.user(), rates).await {
            Err(wait) if wait <= Duration::from_millis(COMMAND_SLOWED_MS_MAX) => {
                tokio::time::sleep(wait).await;
                limit::command(accounts, login.user(), rates).await
            }
            paced => paced,
        }
    }

    async fn dispatch(&mut self, link: &mut Link, tag: &str, command: Command) -> Result<Flow, Failure> {
        match command {
            Command::Capability => {
                let offered = self.capabilities(link);
                render::capability(&mut link.out, &offered);
                self.ok(link, tag, "CAPABILITY done")
            }
            Command::Noop | Command::Check => {
                self.sync(link, true).await?;
                self.ok(link, tag, "done")
            }
            Command::Logout => {
                bye(link, "See you");
                self.ok(link, tag, "LOGOUT done")?;
                Ok(Flow::End)
            }
            Command::Id(_) => {
                render::id(&mut link.out, &[("name", "Posthouse"), ("version", env!("CARGO_PKG_VERSION"))]);
                self.ok(link, tag, "ID done")
            }
            Command::StartTls => self.start_tls(link, tag).await,
            Command::Authenticate { .. } | Command::Login { .. } if self.login.is_some() => {
                Err(Failure::Bad("Logged in already"))
            }
            Command::Authenticate { mechanism, initial } => self.authenticate(link, tag, mechanism, initial).await,
            Command::Login { username, password } => self.log_in(link, tag, username, password).await,
            command => {
                if self.login.is_none() {
                    return Err(Failure::Bad("Log in first"));
                }
                self.authenticated(link, tag, command).await
            }
        }
    }

    async fn authenticated(&mut self, link: &mut Link, tag: &str, command: Command) -> Result<Flow, Failure> {
        match command {
            Command::Enable(names) => self.enable(link, tag, &names),
            Command::Select(select) => self.select(link, tag, select, false).await,
            Command::Examine(select) => self.select(link, tag, select, true).await,
            Command::Create { mailbox, special_use } => self.create(link, tag, &mailbox, &special_use).await,
            Command::Delete(name) => self.delete(link, tag, &name).await,
            Command::Rename { from, to } => self.rename(link, tag, &from, &to).await,
            Command::Subscribe(name) => self.subscribe(link, tag, &name, true).await,
            Command::Unsubscribe(name) => self.subscribe(link, tag, &name, false).await,
            Command::List(list) => self.list(link, tag, list).await,
            Command::Lsub { reference, pattern } => self.lsub(link, tag, &reference, &pattern).await,
            Command::Namespace => {
                render::namespace(&mut link.out);
                self.ok(link, tag, "NAMESPACE done")
            }
            Command::Status { mailbox, items } => self.status(link, tag, &mailbox, &items).await,
            Command::Append(append) => self.append(link, tag, append).await,
            Command::Idle => {
                render::continuation(&mut link.out, "idling");
                self.sync(link, true).await?;
                self.receiver.expect_line();
                self.waiting = Waiting::Idle { tag: tag.to_owned() };
                Ok(Flow::On)
            }
            Command::GetQuota(root) => self.get_quota(link, tag, &root).await,
            Command::GetQuotaRoot(name) => self.get_quota_root(link, tag, &name).await,
            Command::SetQuota { .. } => {
                Err(Failure::No(Some(Code::Word("NOPERM")), "Quotas are set by your provider".into()))
            }
            Command::Compress => self.compress(link, tag).await,
            Command::Unauthenticate => {
                (self.login, self.selected, self.ear, self.seat) = (None, None, None, None);
                link.begin_again();
                self.enabled = Enabled::default();
                self.receiver.set_limits(Limits::BEFORE_LOGIN);
                self.receiver.set_utf8(false);
                self.ok(link, tag, "Not logged in any more")
            }
            command => {
                if self.selected.is_none() {
                    return Err(Failure::Bad("Select a mailbox first"));
                }
                self.in_mailbox(link, tag, command).await
            }
        }
    }

    async fn in_mailbox(&mut self, link: &mut Link, tag: &str, command: Command) -> Result<Flow, Failure> {
        match command {
            Command::Close => self.close(link, tag, true).await,
            Command::Unselect => self.close(link, tag, false).await,
            Command::Expunge => self.expunge(link, tag, None).await,
            Command::UidExpunge(set) => self.expunge(link, tag, Some(set)).await,
            Command::Search(search) => self.search(link, tag, search).await,
            Command::Fetch(fetch) => self.fetch(link, tag, fetch).await,
            Command::Store(store) => self.store(link, tag, store).await,
            Command::Copy(transfer) => self.transfer(link, tag, transfer, false).await,
            Command::Move(transfer) => self.transfer(link, tag, transfer, true).await,
            _ => Err(Failure::Bad("Unknown command")),
        }
    }

    pub(super) fn ok(&self, link: &mut Link, tag: &str, text: &str) -> Result<Flow, Failure> {
        render::status_line(&mut link.out, Some(tag), Condition::Ok, None, text);
        Ok(Flow::On)
    }

    pub(super) fn capabilities(&self, link: &Link) -> Vec<&'static str> {
        match self.login {
            Some(_) => capability::authenticated(link.is_compressed()),
            None => capability::before_login(link.is_tls(), link.can_start_tls(), self.door.options.plain_auth),
        }
    }

    pub(super) fn names(&self) -> Names {
        if self.enabled.utf8 || self.enabled.rev2 { Names::Utf8 } else { Names::ModifiedUtf7 }
    }

    fn enable(&mut self, link: &mut Link, tag: &str, names: &[String]) -> Result<Flow, Failure> {
        let mut done = Vec::new();
        for name in names {
            match name.as_str() {
                "CONDSTORE" => (self.enabled.condstore, _) = (true, done.push("CONDSTORE")),
                "QRESYNC" => {
                    (self.enabled.qresync, self.enabled.condstore) = (true, true);
                    done.push("QRESYNC");
                }
                "UTF8=ACCEPT" => (self.enabled.utf8, _) = (true, done.push("UTF8=ACCEPT")),
                "IMAP4REV2" => (self.enabled.rev2, _) = (true, done.push("IMAP4rev2")),
                _ => {}
            }
        }
        self.receiver.set_utf8(self.names() == Names::Utf8);
        render::enabled(&mut link.out, &done);
        self.ok(link, tag, "ENABLE done")
    }

    async fn start_tls(&mut self, link: &mut Link, tag: &str) -> Result<Flow, Failure> {
        if !link.can_start_tls() {
            return Err(Failure::Bad("TLS is not available"));
        }
        self.receiver.discard();
        self.ok(link, tag, "Begin TLS")?;
        link.start_tls().await?;
        Ok(Flow::On)
    }

    async fn compress(&mut self, link: &mut Link, tag: &str) -> Result<Flow, Failure> {
        if link.is_compressed() {
            return Err(Failure::No(Some(Code::Word("COMPRESSIONACTIVE")), "Compressed already".into()));
        }
        self.ok(link, tag, "DEFLATE active")?;
        link.flush().await?;
        link.start_compress();
        let raw = self.receiver.take_buffered();
        link.inflate_rest(&raw);
        Ok(Flow::On)
    }
}

/// Ends a session whose account may not be read any more; the client shows the reason (RFC 9051 §7.1, ALERT).
fn cut(link: &mut Link, reason: &str) -> Flow {
    metrics::counter!("posthouse_sessions_cut_total", "door" => "imap").increment(1);
    render::status_line(&mut link.out, None, Condition::Bye, Some(&Code::Word("ALERT")), reason);
    Flow::End
}

pub(super) fn bye(link: &mut Link, text: &str) {
    render::status_line(&mut link.out, None, Condition::Bye, None, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_waiting_session_is_small() {
        assert!(bytes_of(run) <= 1_700, "{}", bytes_of(run));
    }
}

//! SUMMARY    The server machine of one SMTP or LMTP connection: bytes in, requests to the caller, replies out in order.
//! STANDARDS  RFC 5321 §4.1.4 (order), §4.3; RFC 2033; RFC 2920; RFC 3030; RFC 3207; RFC 4954; RFC 6531; RFC 2034
//! SECURITY   Everything before authentication arrives here. Input that came with STARTTLS is dropped (RFC 3207 §6); HTTP is cut off.
//! LIMITS     SMTP_COMMAND_BYTES_MAX, SMTP_LINE_DRAIN_BYTES_MAX, SMTP_AUTH_LINE_BYTES_MAX, SMTP_ERRORS_MAX, SMTP_HARMLESS_MAX, SMTP_REFUSED_MAX, SMTP_RECIPIENTS_MAX, SMTP_TRANSACTIONS_MAX, SMTP_DRAIN_BYTES_MAX,
//!            SMTP_BUFFER_KEPT_BYTES_MAX, SMTP_IDLE_SECS_MAX, LOGIN_FAILURES_MAX, SASL_BYTES_MAX
//! INVARIANTS One request is open at a time; no later command is looked at before it is answered. What needs no world is answered here.
//!
//! The loop of a caller: `next`; on `NeedMore` write `output`, read, `feed`; on `Request` decide and `reply`; on `StartTls` write `output`,
//! shake hands, `tls_started`; on `Close` write `output` and close. `MAIL`, `RCPT` and the message are accepted by a 2xx reply.

mod body;
mod config;
mod dispatch;
mod line;

pub use config::ServerConfig;

use super::{MailParams, RcptParams, Reply, data};
use base::{
    Address,
    limits::{LOGIN_FAILURES_MAX, SMTP_BUFFER_KEPT_BYTES_MAX, SMTP_ERRORS_MAX, SMTP_IDLE_SECS_MAX, SMTP_REFUSED_MAX},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// What the caller has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Write [`Server::output`], then read and [`Server::feed`].
    NeedMore,
    /// Decide, then [`Server::reply`] (or [`Server::challenge`] for the AUTH requests).
    Request(Request),
    /// The last request is not answered yet.
    NeedReply,
    /// Write [`Server::output`], do the handshake, then [`Server::tls_started`].
    StartTls,
    /// Write [`Server::output`] and close the connection.
    Close,
}

/// What the machine cannot answer by itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// A mechanism that was offered. Answer with `challenge`, 235, or 4xx/5xx.
    Auth {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    /// The client's answer to a challenge, decoded.
    AuthResponse(Vec<u8>),
    /// Answer 220 to go on with TLS, 454 to stay as it is.
    StartTls,
    /// The envelope begins; `from: None` is the null reverse-path.
    Mail {
        from: Option<Address>,
        params: MailParams,
    },
    /// One recipient; 2xx takes it into the envelope.
    Rcpt(Recipient),
    /// A whole message. SMTP: one reply. LMTP: one reply per recipient, in order (RFC 2033 §4.2).
    Message(Message),
    Vrfy(String),
    Expn(String),
}

/// A recipient as the client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// `<postmaster>` has become postmaster at the server's own host name.
    pub to: Address,
    pub params: RcptParams,
}

/// Envelope of an accepted transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    pub from: Option<Address>,
    pub params: MailParams,
    /// Those answered with 2xx, in order.
    pub recipients: Vec<Recipient>,
}

/// A message with its envelope.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub envelope: Envelope,
    /// Content without dot-stuffing. Give the buffer back with [`Server::recycle`].
    pub bytes: Vec<u8>,
}

/// What the client called itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Helo {
    name: String,
    extended: bool,
}

/// The request whose reply is awaited.
#[derive(Debug)]
enum Pending {
    Auth,
    StartTls,
    Mail(Option<Address>, MailParams),
    Rcpt(Recipient),
    Message { replies_left: usize },
    Other,
}

#[derive(Debug)]
enum Phase {
    /// Before the greeting.
    New,
    Commands,
    /// Waiting for the client's line of an AUTH exchange.
    Auth,
    Data(data::Scanner),
    Chunk(body::Chunk),
    /// 220 is in the output; the handshake comes next.
    Tls,
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    phase: Phase,
    input: Vec<u8>,
    /// Bytes of `input` that are used up.
    used: usize,
    /// Bytes dropped of the line being read, which is over its limit.
    skipped_bytes: u64,
    output: Vec<u8>,
    pending: Option<Pending>,
    events: VecDeque<Request>,
    helo: Option<Helo>,
    tls: bool,
    authenticated: bool,
    refused: bool,
    envelope: Option<Envelope>,
    chunks: Option<body::Chunks>,
    body: Vec<u8>,
    errors: u32,
    /// Commands without effect since the last message.
    harmless: u32,
    /// Senders and recipients refused since the last message.
    refusals: u32,
    login_failures: u32,
    transactions: u32,
}

impl Server {
    /// `tls`: the connection is encrypted from its first byte.
    pub fn new(config: Arc<ServerConfig>, tls: bool) -> Self {
        Server {
            config,
            phase: Phase::New,
            input: Vec::new(),
            used: 0,
            skipped_bytes: 0,
            output: Vec::new(),
            pending: None,
            events: VecDeque::new(),
            helo: None,
            tls,
            authenticated: false,
            refused: false,
            envelope: None,
            chunks: None,
            body: Vec::new(),
            errors: 0,
            harmless: 0,
            refusals: 0,
            login_failures: 0,
            transactions: 0,
        }
    }

    /// Greets the client. Bytes fed before are from an early talker ([`Server::has_input`]).
    pub fn greet(&mut self) {
        let kind = if self.config.lmtp { "LMTP" } else { "ESMTP" };
        self.say(&Reply::bare(220, format!("{} {kind} ready", self.config.hostname)));
        self.phase = Phase::Commands;
    }

    /// Greets with a refusal: 554 lets the client only say QUIT (RFC 5321 §3.1), 421 closes.
    pub fn greet_with(&mut self, reply: &Reply) {
        self.say(reply);
        self.refused = !reply.is_positive();
        self.phase = if reply.code == 421 { Phase::Closed } else { Phase::Commands };
    }

    /// Takes bytes from the client. Call it after `NeedMore` only: that keeps the buffer within one line and one read.
    pub fn feed(&mut self, bytes: &[u8]) {
        if matches!(self.phase, Phase::Closed | Phase::Tls) {
            return;
        }
        let unread = self.input.len() > self.used;
        let used = if unread || self.pending.is_some() { 0 } else { self.feed_body(bytes) };
        if let Some(rest) = bytes.get(used..).filter(|r| !r.is_empty()) {
            self.compact();
            self.input.extend_from_slice(rest);
        }
    }

    /// Whether bytes wait that have not been looked at.
    pub fn has_input(&self) -> bool {
        self.input.len() > self.used
    }

    /// Takes what is to be written to the client.
    pub fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether [`Server::output`] has bytes.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Goes on as far as possible without the caller.
    #[allow(clippy::should_implement_trait, reason = "a machine's step, not an iterator: it never ends with None")]
    pub fn next(&mut self) -> Event {
        // Each turn uses up input or returns: the loop is bounded by the bytes fed.
        loop {
            if let Some(request) = self.events.pop_front() {
                return Event::Request(request);
            }
            if self.pending.is_some() {
                return Event::NeedReply;
            }
            let moved = match &self.phase {
                Phase::Closed => return Event::Close,
                Phase::Tls => return Event::StartTls,
                Phase::New => false,
                Phase::Commands | Phase::Auth => self.take_line(),
                Phase::Data(_) | Phase::Chunk(_) => self.take_body(),
            };
            if !moved {
                self.compact();
                return Event::NeedMore;
            }
        }
    }

    /// Answers the open request.
    pub fn reply(&mut self, reply: &Reply) {
        let Some(pending) = self.pending.take() else { return };
        self.say(reply);
        match pending {
            Pending::Other => {}
            Pending::Auth => self.auth_ended(reply),
            Pending::StartTls if reply.code == 220 => {
                // RFC 3207 §6: what came in plain text behind STARTTLS must not be taken for what comes after it.
                self.input = Vec::new();
                self.used = 0;
                self.phase = Phase::Tls;
            }
            Pending::StartTls => {}
            Pending::Mail(from, params) if reply.is_positive() => {
                self.envelope = Some(Envelope { from, params, recipients: Vec::new() });
                self.transactions = self.transactions.saturating_add(1);
            }
            Pending::Rcpt(recipient) if reply.is_positive() => {
                if let Some(e) = &mut self.envelope {
                    e.recipients.push(recipient);
                }
            }
            Pending::Mail(..) | Pending::Rcpt(_) => self.envelope_refused(),
            Pending::Message { replies_left } if replies_left > 1 => {
                self.pending = Some(Pending::Message { replies_left: replies_left - 1 });
            }
            Pending::Message { .. } => {
                self.reset();
                if reply.is_positive() {
                    (self.harmless, self.refusals) = (0, 0);
                }
            }
        }
        if reply.code == 421 {
            self.phase = Phase::Closed;
            self.pending = None;
        }
    }

    /// Answers an AUTH request with a challenge; the client's answer comes as [`Request::AuthResponse`].
    pub fn challenge(&mut self, bytes: &[u8]) {
        if let Some(Pending::Auth) = self.pending.take_if(|p| matches!(p, Pending::Auth)) {
            self.say(&Reply::bare(334, STANDARD.encode(bytes)));
            self.phase = Phase::Auth;
        }
    }

    /// The handshake is done: the session starts afresh (RFC 3207 §4.2).
    pub fn tls_started(&mut self) {
        if matches!(self.phase, Phase::Tls) {
            self.tls = true;
            self.helo = None;
            self.authenticated = false;
            self.reset();
            self.phase = Phase::Commands;
        }
    }

    /// Ends the session from this side: 421 on shutdown, timeout or abuse.
    pub fn close(&mut self, reply: &Reply) {
        if !matches!(self.phase, Phase::Closed) {
            self.say(reply);
            self.phase = Phase::Closed;
            self.pending = None;
            self.events.clear();
        }
    }

    /// Gives back the buffer of a message, to be used for the next one.
    pub fn recycle(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= SMTP_BUFFER_KEPT_BYTES_MAX
            && bytes.capacity() > self.body.capacity()
            && self.body.is_empty()
        {
            bytes.clear();
            self.body = bytes;
        }
    }

    /// How long the client may be silent from now on.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(SMTP_IDLE_SECS_MAX)
    }

    /// Whether a command or message has begun and is not complete.
    pub fn is_midway(&self) -> bool {
        matches!(self.phase, Phase::Data(_) | Phase::Chunk(_)) || self.has_input()
    }

    /// What the client called itself, as it spelled it; printable ASCII.
    pub fn helo_name(&self) -> Option<&str> {
        self.helo.as_ref().map(|h| h.name.as_str())
    }

    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Protocol for the `with` clause of Received (RFC 3848, RFC 6531 §4.3).
    pub fn protocol(&self, smtputf8: bool) -> &'static str {
        let extended = self.helo.as_ref().is_some_and(|h| h.extended);
        match (self.config.lmtp, smtputf8, self.tls, self.authenticated) {
            (true, false, false, false) => "LMTP",
            (true, false, true, false) => "LMTPS",
            (true, false, false, true) => "LMTPA",
            (true, false, true, true) => "LMTPSA",
            (true, true, false, false) => "UTF8LMTP",
            (true, true, true, false) => "UTF8LMTPS",
            (true, true, false, true) => "UTF8LMTPA",
            (true, true, true, true) => "UTF8LMTPSA",
            (false, true, false, false) => "UTF8SMTP",
            (false, true, true, false) => "UTF8SMTPS",
            (false, true, false, true) => "UTF8SMTPA",
            (false, true, true, true) => "UTF8SMTPSA",
            (false, false, true, true) => "ESMTPSA",
            (false, false, true, false) => "ESMTPS",
            (false, false, false, true) => "ESMTPA",
            (false, false, false, false) if extended => "ESMTP",
            (false, false, false, false) => "SMTP",
        }
    }

    fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
    }

    /// Answers a protocol error; too many of them end the session.
    fn refuse(&mut self, reply: &Reply) {
        self.say(reply);
        self.errors = self.errors.saturating_add(1);
        if self.errors >= SMTP_ERRORS_MAX {
            self.close(&Reply::new(421, (4, 7, 0), "too many errors"));
        }
    }

    /// No end of guesses at addresses on one connection.
    fn envelope_refused(&mut self) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= SMTP_REFUSED_MAX {
            self.close(&Reply::new(421, (4, 7, 0), "too many refused addresses; connect again"));
        }
    }

    fn request(&mut self, pending: Pending, request: Request) {
        self.pending = Some(pending);
        self.events.push_back(request);
    }

    /// Forgets the transaction.
    fn reset(&mut self) {
        self.envelope = None;
        self.chunks = None;
        self.body.clear();
        if self.body.capacity() > SMTP_BUFFER_KEPT_BYTES_MAX {
            self.body = Vec::new();
        }
    }

    fn auth_ended(&mut self, reply: &Reply) {
        self.phase = Phase::Commands;
        if reply.is_positive() {
            self.authenticated = true;
        } else if reply.code != 421 {
            self.login_failures = self.login_failures.saturating_add(1);
            if self.login_failures >= LOGIN_FAILURES_MAX {
                self.close(&Reply::new(421, (4, 7, 0), "too many failed logins"));
            }
        }
    }

    /// Drops used input; an idle connection keeps no buffer.
    fn compact(&mut self) {
        if self.used >= self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..self.used);
        }
        self.used = 0;
    }
}

//! SUMMARY    The client machine of one outgoing SMTP or LMTP connection: sessions, deliveries, one result per recipient.
//! STANDARDS  RFC 5321 §3, §4.5.3.2 (times); RFC 2033; RFC 2920 §3.1; RFC 3030; RFC 3207 §4; RFC 3461 §5; RFC 4954; RFC 6531 §3; RFC 8689 §4
//! SECURITY   The server is foreign: replies are bounded, and what it said in plain text behind the 220 of STARTTLS ends the connection.
//! LIMITS     SMTP_REPLY_*_MAX, SMTP_WRITE_BYTES_MAX, SMTP_CLIENT_*_SECS_MAX
//! INVARIANTS Every recipient of a delivery gets exactly one result. Nothing is sent that the server did not offer: what cannot be
//!            expressed is refused here, and the result says so (`local`).
//!
//! The loop of a caller: `next`; `Write` the bytes, `Read` and `feed` (or `eof`, `timed_out`), `StartTls` and `tls_started`,
//! `Ready` and `send` or `quit`; `Result` is one delivery; `Failed` and `Closed` end the connection.

mod deliver;
mod hello;
mod offer;

pub use offer::Offers;

use super::{MailParams, RcptParams, Reply, ReplyParser, data::Stuffer};
use crate::sasl::{self, Password};
use base::{Address, Domain, limits};
use bytes::Bytes;
use std::{collections::VecDeque, time::Duration};

/// When TLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsPolicy {
    Never,
    /// STARTTLS where offered.
    IfOffered,
    /// No message without TLS.
    Required,
}

/// Login at a smart host.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    pub user: String,
    pub password: Password,
    /// Send the password without TLS too.
    pub plain_text_allowed: bool,
}

/// Settings of a connection.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// What this host calls itself.
    pub hostname: Domain,
    pub lmtp: bool,
    pub tls: TlsPolicy,
    /// The connection is encrypted from its first byte.
    pub tls_active: bool,
    pub auth: Option<ClientAuth>,
    /// Send 8-bit content to servers without 8BITMIME instead of refusing it.
    pub eight_bit_anyway: bool,
}

/// One message to send.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `None` is the null reverse-path.
    pub from: Option<Address>,
    /// RET, ENVID, REQUIRETLS and SMTPUTF8 (header fields beyond ASCII) are used; SIZE and BODY are found here.
    pub params: MailParams,
    pub recipients: Vec<OutRecipient>,
    /// Fields for the top of the message, ASCII, each with its line end: signatures that are made for this delivery.
    pub head: Bytes,
    /// The whole message with CRLF line ends.
    pub message: Bytes,
}

impl Delivery {
    /// Bytes of what is sent.
    fn bytes(&self) -> usize {
        self.head.len() + self.message.len()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutRecipient {
    pub to: Address,
    pub params: RcptParams,
}

/// Where a recipient's fate was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before MAIL: connection, greeting, EHLO, TLS, AUTH, or what the server lacks.
    Session,
    Mail,
    Rcpt,
    Data,
    /// After the message.
    End,
}

/// Fate of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientResult {
    pub stage: Stage,
    /// Of the server, or made here when `local`. Delivered iff it is 2xx.
    pub reply: Reply,
    pub local: bool,
}

impl RecipientResult {
    pub fn is_delivered(&self) -> bool {
        self.stage == Stage::End && self.reply.is_positive()
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryResult {
    /// In the order of the delivery's recipients.
    pub recipients: Vec<RecipientResult>,
    /// The server took over the DSN parameters; if not, a `relayed` report is owed to who asked for SUCCESS (RFC 3461 §5.2.2).
    pub dsn_passed: bool,
    pub tls: bool,
}

/// What the caller does next.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientStep {
    Write(Vec<u8>),
    /// Read and `feed`, at most for [`Client::deadline`].
    Read,
    /// Do the handshake, then [`Client::tls_started`] (or drop the connection).
    StartTls,
    /// [`Client::send`] or [`Client::quit`].
    Ready,
    Result(DeliveryResult),
    /// The session cannot be used; the reply is the server's or made here (`local`).
    Failed {
        reply: Reply,
        local: bool,
    },
    /// Close the connection.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Handshake,
    Auth,
    Ready,
    Rset,
    Delivering,
    Quit,
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    phase: Phase,
    replies: ReplyParser,
    output: Vec<u8>,
    offers: Offers,
    tls: bool,
    sasl: Option<sasl::Client>,
    authenticated: bool,
    greeting: Option<Reply>,
    job: Option<deliver::Job>,
    steps: VecDeque<ClientStep>,
    needs_rset: bool,
}

impl Client {
    pub fn new(config: ClientConfig) -> Self {
        let tls = config.tls_active;
        Client {
            config,
            phase: Phase::Greeting,
            replies: ReplyParser::default(),
            output: Vec::new(),
            offers: Offers::default(),
            tls,
            sasl: None,
            authenticated: false,
            greeting: None,
            job: None,
            steps: VecDeque::new(),
            needs_rset: false,
        }
    }

    /// Takes bytes of the server.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Closed | Phase::Handshake) {
            self.replies.feed(bytes);
        }
    }

    /// The server closed the connection.
    pub fn eof(&mut self) {
        self.broken(Reply::new(421, (4, 4, 2), "the connection was lost"));
    }

    /// [`Client::deadline`] has passed.
    pub fn timed_out(&mut self) {
        self.broken(Reply::new(421, (4, 4, 2), "the server did not answer in time"));
    }

    /// How long to wait for the server, or for it to take what is written (RFC 5321 §4.5.3.2).
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(match self.phase {
            Phase::Greeting => limits::SMTP_CLIENT_GREETING_SECS_MAX,
            Phase::Delivering => {
                self.job.as_ref().map_or(limits::SMTP_CLIENT_MAIL_SECS_MAX, deliver::Job::deadline_secs)
            }
            Phase::Ehlo | Phase::Helo | Phase::StartTls | Phase::Handshake | Phase::Auth => {
                limits::SMTP_CLIENT_MAIL_SECS_MAX
            }
            Phase::Ready | Phase::Rset | Phase::Quit | Phase::Closed => limits::SMTP_CLIENT_MAIL_SECS_MAX,
        })
    }

    /// What the server offers; known from `Ready` on.
    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// First line of the server, for a log.
    pub fn greeting(&self) -> Option<&Reply> {
        self.greeting.as_ref()
    }

    /// Begins a delivery; only after `Ready`. False when the machine is not ready or the delivery has no recipients.
    pub fn send(&mut self, delivery: Delivery) -> bool {
        if self.phase != Phase::Ready || delivery.recipients.is_empty() {
            return false;
        }
        self.job = Some(deliver::Job::new(delivery));
        if std::mem::take(&mut self.needs_rset) {
            self.command("RSET");
            self.phase = Phase::Rset;
        } else {
            self.begin();
        }
        true
    }

    /// Says QUIT; only after `Ready`.
    pub fn quit(&mut self) {
        if self.phase == Phase::Ready {
            self.command("QUIT");
            self.phase = Phase::Quit;
        }
    }

    /// The handshake is done and the certificate accepted: the session starts afresh (RFC 3207 §4.2).
    pub fn tls_started(&mut self) {
        if self.phase == Phase::Handshake {
            self.tls = true;
            self.offers = Offers::default();
            self.replies.clear();
            self.say_hello();
        }
    }

    /// Goes on as far as possible.
    #[allow(clippy::should_implement_trait, reason = "a machine's step, not an iterator: it never ends with None")]
    pub fn next(&mut self) -> ClientStep {
        // Each turn takes a reply, renders a block or returns.
        loop {
            if !self.output.is_empty() {
                return ClientStep::Write(std::mem::take(&mut self.output));
            }
            if let Some(step) = self.steps.pop_front() {
                return step;
            }
            match self.phase {
                Phase::Closed => return ClientStep::Closed,
                Phase::Handshake => return ClientStep::StartTls,
                Phase::Ready => return ClientStep::Ready,
                Phase::Delivering => {
                    if self.render() {
                        continue;
                    }
                }
                Phase::Greeting | Phase::Ehlo | Phase::Helo | Phase::StartTls => {}
                Phase::Auth | Phase::Rset | Phase::Quit => {}
            }
            match self.replies.next_reply() {
                Ok(None) => return ClientStep::Read,
                Ok(Some(reply)) => self.take(reply),
                Err(e) => self.broken(Reply::new(451, (4, 5, 0), e.to_string())),
            }
        }
    }

    fn command(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Renders the next block of the message; false when there is none.
    fn render(&mut self) -> bool {
        let Some(job) = &mut self.job else { return false };
        job.render(&mut self.output);
        !self.output.is_empty()
    }

    fn take(&mut self, reply: Reply) {
        match self.phase {
            Phase::Greeting => self.greeted(reply),
            Phase::Ehlo => self.ehlo_answered(&reply),
            Phase::Helo if reply.is_positive() => self.session_open(),
            Phase::Helo => self.fail(reply, false),
            Phase::StartTls => self.starttls_answered(reply),
            Phase::Auth => self.auth_answered(reply),
            Phase::Rset if reply.is_positive() => self.begin(),
            Phase::Rset => self.fail(reply, false),
            Phase::Delivering => self.delivery_answered(reply),
            Phase::Quit | Phase::Ready | Phase::Handshake | Phase::Closed => self.phase = Phase::Closed,
        }
    }

    /// The session is of no use: tells the job's recipients, or the caller.
    fn fail(&mut self, reply: Reply, local: bool) {
        self.phase = Phase::Closed;
        self.output.clear();
        match self.job.take() {
            Some(job) => self.steps.push_back(ClientStep::Result(job.end(&reply, local, self.tls))),
            None => self.steps.push_back(ClientStep::Failed { reply, local }),
        }
    }

    fn broken(&mut self, reply: Reply) {
        match self.phase {
            Phase::Closed => {}
            Phase::Quit => self.phase = Phase::Closed,
            _ => self.fail(reply, true),
        }
    }
}

/// Renders the message by DATA, or raw by BDAT.
#[derive(Debug)]
enum Writer {
    Data(Option<Stuffer>),
    Chunk,
}

#[cfg(test)]
mod tests;

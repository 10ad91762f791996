//! SUMMARY    What each command does: sequence, offers and limits are judged here, the rest is asked of the caller.
//! STANDARDS  RFC 5321 §4.1.4 (order of commands), §4.3.2; RFC 4954 §4; RFC 3207 §4; RFC 6409 §4.3; RFC 6531 §3.4, §3.5; RFC 3030 §2, §3
//! LIMITS     SMTP_HARMLESS_MAX, SMTP_TRANSACTIONS_MAX, the recipients and size of the listener

use super::{Helo, Pending, Phase, Recipient, Request, Server};
use crate::smtp::{Body, Command, CommandError, Forward, MailParams, RcptParams, Reply, data};
use base::{Address, limits::SASL_BYTES_MAX, limits::SMTP_HARMLESS_MAX, limits::SMTP_TRANSACTIONS_MAX};

/// First words of other protocols that browsers can be made to send to a mail port.
const FOREIGN: [&[u8]; 8] = [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"Host:", b"User-Agent:"];

impl Server {
    pub(super) fn command_line(&mut self, line: &[u8]) {
        if FOREIGN.iter().any(|f| line.get(..f.len()).is_some_and(|v| v.eq_ignore_ascii_case(f))) {
            return self.close(&Reply::new(421, (4, 7, 0), "this is not a web server"));
        }
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(e) => {
                self.refuse(&e.reply());
                if e == CommandError::ChunkSize {
                    self.close(&Reply::new(421, (4, 5, 0), "cannot tell where the chunk ends"));
                }
                return;
            }
        };
        if self.refused && command != Command::Quit {
            if let Command::Bdat { size_bytes, last } = command {
                return self.chunk(size_bytes, last);
            }
            return self.out_of_order("no service here; say QUIT");
        }
        self.dispatch(command, !line.is_ascii());
    }

    /// Whether a command that moves nothing forward may still be given.
    fn is_bored_by(&mut self, command: &Command) -> bool {
        let harmless = match command {
            Command::Noop | Command::Rset | Command::Help | Command::Vrfy(_) | Command::Expn(_) => true,
            Command::Helo(_) | Command::Ehlo(_) | Command::Lhlo(_) => self.helo.is_some(),
            Command::Mail { .. }
            | Command::Rcpt { .. }
            | Command::Data
            | Command::Bdat { .. }
            | Command::Quit
            | Command::StartTls
            | Command::Auth { .. } => false,
        };
        self.harmless = self.harmless.saturating_add(u32::from(harmless));
        harmless && self.harmless > SMTP_HARMLESS_MAX
    }

    fn dispatch(&mut self, command: Command, utf8: bool) {
        if self.is_bored_by(&command) {
            return self.close(&Reply::new(421, (4, 7, 0), "too many commands without a message; connect again"));
        }
        match command {
            Command::Helo(name) => self.hello(name, false, false),
            Command::Ehlo(name) => self.hello(name, true, false),
            Command::Lhlo(name) => self.hello(name, true, true),
            Command::Mail { from, params } => self.mail(from, params, utf8),
            Command::Rcpt { to, params } => self.rcpt(to, params, utf8),
            Command::Data => self.data(),
            Command::Bdat { size_bytes, last } => self.chunk(size_bytes, last),
            Command::Rset => {
                self.reset();
                self.say(&Reply::new(250, (2, 0, 0), "ok"));
            }
            Command::Noop => self.say(&Reply::new(250, (2, 0, 0), "ok")),
            Command::Help => self.help(),
            Command::Quit => self.close(&Reply::new(221, (2, 0, 0), "bye")),
            Command::Vrfy(who) => self.verify(Request::Vrfy(who)),
            Command::Expn(who) => self.verify(Request::Expn(who)),
            Command::StartTls => self.starttls(),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
        }
    }

    fn out_of_order(&mut self, text: &'static str) {
        self.refuse(&Reply::new(503, (5, 5, 1), text));
    }

    fn hello(&mut self, name: String, extended: bool, lhlo: bool) {
        if lhlo != self.config.lmtp {
            let text = if self.config.lmtp { "this is LMTP: say LHLO" } else { "this is SMTP: say EHLO" };
            return self.refuse(&Reply::new(500, (5, 5, 1), text));
        }
        self.reset(); // RFC 5321 §4.1.4
        let mut reply = Reply::bare(250, self.config.hostname.to_string());
        if extended {
            reply.lines.extend(self.config.extensions(self.tls, self.authenticated).into_iter().map(Into::into));
        }
        self.helo = Some(Helo { name, extended });
        self.say(&reply);
    }

    fn mail(&mut self, from: Option<Address>, params: MailParams, utf8: bool) {
        if self.helo.is_none() {
            return self.out_of_order(if self.config.lmtp { "say LHLO first" } else { "say EHLO first" });
        }
        if self.envelope.is_some() || self.chunks.is_some() {
            return self.out_of_order("a transaction is open; finish it or send RSET");
        }
        if self.config.tls_required && !self.tls {
            return self.refuse(&Reply::new(530, (5, 7, 0), "must issue a STARTTLS command first"));
        }
        if self.config.auth_required && !self.authenticated {
            return self.refuse(&Reply::new(530, (5, 7, 0), "authentication required"));
        }
        if self.transactions >= SMTP_TRANSACTIONS_MAX {
            return self.close(&Reply::new(421, (4, 5, 3), "too many messages on one connection; connect again"));
        }
        let offered = (self.config.smtputf8 || !params.smtputf8)
            && (self.config.chunking || params.body != Some(Body::BinaryMime))
            && (self.config.dsn || (params.ret.is_none() && params.envid.is_none()))
            && (!self.config.mechanisms.is_empty() || params.auth.is_none())
            && ((self.config.require_tls && self.tls) || !params.require_tls);
        if !offered {
            return self.refuse(&CommandError::UnknownParam.reply());
        }
        if utf8 && !params.smtputf8 {
            return self.refuse(&Reply::new(550, (5, 6, 7), "an address beyond ASCII needs SMTPUTF8"));
        }
        if params.size_bytes.is_some_and(|n| n > self.config.size_bytes_max as u64) {
            return self.refuse(&data::Fault::TooBig.reply());
        }
        self.request(Pending::Mail(from.clone(), params.clone()), Request::Mail { from, params });
    }

    fn rcpt(&mut self, to: Forward, params: RcptParams, utf8: bool) {
        let Some(envelope) = &self.envelope else { return self.out_of_order("say MAIL first") };
        if self.chunks.is_some() {
            return self.out_of_order("the message has begun; recipients come before it");
        }
        if !self.config.dsn && params != RcptParams::default() {
            return self.refuse(&CommandError::UnknownParam.reply());
        }
        if utf8 && !envelope.params.smtputf8 {
            return self.refuse(&Reply::new(553, (5, 6, 7), "an address beyond ASCII needs SMTPUTF8"));
        }
        if envelope.recipients.len() >= self.config.recipients_max {
            // Not an error of the client: it sends the rest in a next transaction (RFC 5321 §4.5.3.1.10).
            return self.say(&Reply::new(452, (4, 5, 3), "too many recipients; send the rest separately"));
        }
        let to = match to {
            Forward::Mailbox(address) => Ok(address),
            Forward::Postmaster => Address::parse(&format!("postmaster@{}", self.config.hostname)),
        };
        let Ok(to) = to else { return self.refuse(&CommandError::BadRecipient.reply()) };
        let recipient = Recipient { to, params };
        self.request(Pending::Rcpt(recipient.clone()), Request::Rcpt(recipient));
    }

    fn data(&mut self) {
        let Some(envelope) = &self.envelope else { return self.out_of_order("say MAIL first") };
        if self.chunks.is_some() {
            return self.out_of_order("the message has begun with BDAT");
        }
        if envelope.params.body == Some(Body::BinaryMime) {
            return self.out_of_order("BODY=BINARYMIME is sent with BDAT"); // RFC 3030 §3
        }
        if envelope.recipients.is_empty() {
            // RFC 2033 §4.2 asks for 503 in LMTP; RFC 5321 §3.3 lets SMTP choose.
            return self.out_of_order("no valid recipients");
        }
        self.say(&Reply::bare(354, "send the message; end with <CRLF>.<CRLF>"));
        self.body.clear();
        self.phase = Phase::Data(data::Scanner::new(self.config.size_bytes_max));
    }

    fn help(&mut self) {
        let mut reply = Reply::new(214, (2, 0, 0), "commands:");
        let hello = if self.config.lmtp { "LHLO" } else { "HELO EHLO" };
        reply.lines.push(format!("{hello} MAIL RCPT DATA BDAT RSET NOOP VRFY EXPN STARTTLS AUTH HELP QUIT").into());
        self.say(&reply);
    }

    fn verify(&mut self, request: Request) {
        if self.config.verify {
            return self.request(Pending::Other, request);
        }
        if matches!(request, Request::Expn(_)) {
            return self.refuse(&Reply::new(502, (5, 5, 1), "EXPN is not offered"));
        }
        // RFC 5321 §7.3: no oracle for addresses.
        self.say(&Reply::new(252, (2, 0, 0), "cannot verify, but will try to deliver"));
    }

    fn starttls(&mut self) {
        if self.tls {
            return self.out_of_order("TLS is active");
        }
        if !self.config.starttls {
            return self.refuse(&Reply::new(502, (5, 5, 1), "STARTTLS is not offered"));
        }
        if !self.helo.as_ref().is_some_and(|h| h.extended) {
            return self.out_of_order("say EHLO first");
        }
        self.reset();
        self.request(Pending::StartTls, Request::StartTls);
    }

    fn auth(&mut self, mechanism: String, initial: Option<Vec<u8>>) {
        if self.config.mechanisms.is_empty() {
            return self.refuse(&Reply::new(502, (5, 5, 1), "AUTH is not offered"));
        }
        if !self.helo.as_ref().is_some_and(|h| h.extended) {
            return self.out_of_order("say EHLO first");
        }
        if self.authenticated {
            return self.out_of_order("already authenticated");
        }
        if self.envelope.is_some() || self.chunks.is_some() {
            return self.out_of_order("not within a transaction");
        }
        if self.config.auth_needs_tls && !self.tls {
            return self.refuse(&Reply::new(538, (5, 7, 11), "encryption required; issue STARTTLS first"));
        }
        if !self.config.offered(self.tls).any(|m| m == mechanism) {
            return self.refuse(&Reply::new(504, (5, 5, 4), "mechanism not offered"));
        }
        if initial.as_ref().is_some_and(|i| i.len() > SASL_BYTES_MAX) {
            return self.refuse(&CommandError::TooLong.reply());
        }
        self.request(Pending::Auth, Request::Auth { mechanism, initial });
    }
}

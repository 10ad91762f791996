//! SUMMARY    Greeting, EHLO or HELO, STARTTLS and AUTH, up to a session that can send.
//! STANDARDS  RFC 5321 §3.1, §3.2; RFC 3207 §4, §6; RFC 4954 §4, §6

use super::{Client, ClientStep, Offers, Phase, TlsPolicy};
use crate::{sasl, smtp::Reply};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Mechanisms used towards smart hosts, best first.
const MECHANISMS: [sasl::Mechanism; 2] = [sasl::Mechanism::Plain, sasl::Mechanism::Login];

impl Client {
    pub(super) fn greeted(&mut self, reply: Reply) {
        if !reply.is_positive() {
            return self.fail(reply, false);
        }
        self.greeting = Some(reply);
        self.say_hello();
    }

    pub(super) fn say_hello(&mut self) {
        let verb = if self.config.lmtp { "LHLO" } else { "EHLO" };
        self.command(&format!("{verb} {}", self.config.hostname));
        self.phase = Phase::Ehlo;
    }

    pub(super) fn ehlo_answered(&mut self, reply: &Reply) {
        if reply.is_positive() {
            self.offers = Offers::parse(reply);
            return self.secure();
        }
        let tls_must_come = self.config.tls == TlsPolicy::Required && !self.tls;
        if reply.is_permanent() && !self.config.lmtp && !tls_must_come {
            self.command(&format!("HELO {}", self.config.hostname));
            self.phase = Phase::Helo;
        } else {
            self.fail(reply.clone(), false);
        }
    }

    /// STARTTLS if it is offered and wanted.
    fn secure(&mut self) {
        match self.config.tls {
            _ if self.tls => self.session_open(),
            TlsPolicy::IfOffered | TlsPolicy::Required if self.offers.starttls => {
                self.command("STARTTLS");
                self.phase = Phase::StartTls;
            }
            TlsPolicy::Required => self.fail(Reply::new(451, (4, 7, 10), "TLS is required and not offered"), true),
            TlsPolicy::Never | TlsPolicy::IfOffered => self.session_open(),
        }
    }

    pub(super) fn starttls_answered(&mut self, reply: Reply) {
        if reply.code == 220 {
            if self.replies.has_input() {
                // RFC 3207 §6: somebody put plain text behind the 220 to have it read under TLS.
                return self.fail(Reply::new(451, (4, 7, 0), "the server spoke before the TLS handshake"), true);
            }
            self.phase = Phase::Handshake;
        } else if self.config.tls == TlsPolicy::Required || reply.code == 421 {
            self.fail(reply, false);
        } else {
            self.session_open();
        }
    }

    /// Authenticates if there is a login, else the session is ready.
    pub(super) fn session_open(&mut self) {
        let Some(auth) = self.config.auth.clone().filter(|_| !self.authenticated) else {
            self.phase = Phase::Ready;
            return;
        };
        if !self.tls && !auth.plain_text_allowed {
            return self.fail(Reply::new(451, (4, 7, 11), "the login is not sent without TLS"), true);
        }
        let offered = |m: &sasl::Mechanism| self.offers.auth.iter().any(|o| o == m.name());
        let Some(mechanism) = MECHANISMS.into_iter().find(offered) else {
            return self
                .fail(Reply::new(451, (4, 7, 0), "the server offers no AUTH mechanism that is known here"), true);
        };
        match sasl::Client::new(mechanism, &auth.user, auth.password, &[], &sasl::Bindings::default()) {
            Ok(mut client) => {
                let initial = client.initial().map(|bytes| format!(" {}", STANDARD.encode(bytes)));
                self.command(&format!("AUTH {}{}", mechanism.name(), initial.unwrap_or_default()));
                self.sasl = Some(client);
                self.phase = Phase::Auth;
            }
            Err(_) => self.fail(Reply::new(451, (4, 7, 0), "the login's user name is not valid"), true),
        }
    }

    pub(super) fn auth_answered(&mut self, reply: Reply) {
        match reply.code {
            235 => {
                self.sasl = None;
                self.authenticated = true;
                self.phase = Phase::Ready;
            }
            334 => {
                let challenge = STANDARD.decode(reply.text().trim()).unwrap_or_default();
                match self.sasl.as_mut().map(|s| s.respond(&challenge)) {
                    Some(Ok(answer)) => self.command(&STANDARD.encode(answer)),
                    Some(Err(_)) | None => self.command("*"),
                }
            }
            _ => {
                self.sasl = None;
                self.phase = Phase::Closed;
                self.steps.push_back(ClientStep::Failed { reply, local: false });
            }
        }
    }
}

//! SUMMARY    AUTHENTICATE and LOGIN.
//! STANDARDS  RFC 9051 §6.2.2-6.2.3, RFC 4959 (SASL-IR)
//! LIMITS     LOGIN_FAILURES_MAX

use super::{
    error::Failure,
    session::{Ear, Flow, Session, Waiting, bye},
};
use crate::{
    Link,
    auth::{Client, Denied, Exchange, Progress, throttled},
};
use base::{Kind, limits::LOGIN_FAILURES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::Capability;
use mail::{Error, Login};
use wire::imap::{
    Limits, Secret,
    render::{self, Code, Condition},
};

impl Session {
    pub(super) async fn authenticate(
        &mut self,
        link: &mut Link,
        tag: &str,
        mechanism: String,
        initial: Option<Secret>,
    ) -> Result<Flow, Failure> {
        let plain = matches!(mechanism.as_str(), "PLAIN" | "LOGIN");
        if plain && !self.password_allowed(link) {
            return Err(Failure::No(Some(Code::Word("PRIVACYREQUIRED")), "Start TLS first".into()));
        }
        let auth = self.door.options.auth.clone();
        let initial = initial.map(|s| s.0);
        let (exchange, progress) = auth.start(&mechanism, initial.as_deref(), client(link)).await;
        match exchange {
            Some(exchange) => Ok(self.progress(link, tag.to_owned(), exchange, progress).await),
            None => Err(Failure::No(None, "That mechanism is not offered".into())),
        }
    }

    pub(super) async fn sasl_line(
        &mut self,
        link: &mut Link,
        tag: String,
        mut exchange: Exchange,
        line: &[u8],
    ) -> Flow {
        if line == b"*" {
            return self.bad(link, Some(&tag), "Cancelled");
        }
        let Ok(answer) = STANDARD.decode(line) else { return self.bad(link, Some(&tag), "Expected base64") };
        let auth = self.door.options.auth.clone();
        let progress = auth.respond(&mut exchange, &answer).await;
        self.progress(link, tag, exchange, progress).await
    }

    async fn progress(&mut self, link: &mut Link, tag: String, exchange: Exchange, progress: Progress) -> Flow {
        match progress {
            Progress::Challenge(bytes) => {
                render::continuation(&mut link.out, &STANDARD.encode(bytes));
                self.receiver.expect_line();
                self.waiting = Waiting::Sasl { tag, exchange: Box::new(exchange) };
                Flow::On
            }
            Progress::Done(login) => self.logged_in(link, &tag, *login).await,
            Progress::Failed(e) => self.login_failed(link, &tag, e).await,
        }
    }

    pub(super) async fn log_in(
        &mut self,
        link: &mut Link,
        tag: &str,
        name: String,
        password: Secret,
    ) -> Result<Flow, Failure> {
        if !self.password_allowed(link) {
            return Err(Failure::No(Some(Code::Word("PRIVACYREQUIRED")), "Start TLS first".into()));
        }
        let auth = self.door.options.auth.clone();
        let result = match String::from_utf8(password.0) {
            Ok(password) => auth.password(link.peer().ip(), &name, &password).await,
            Err(_) => Err(Denied::Wrong),
        };
        Ok(match result {
            Ok(login) => self.logged_in(link, tag, login).await,
            Err(e) => self.login_failed(link, tag, e).await,
        })
    }

    fn password_allowed(&self, link: &Link) -> bool {
        link.is_tls() || self.door.options.plain_auth
    }

    async fn logged_in(&mut self, link: &mut Link, tag: &str, mut login: Login) -> Flow {
        let mail = &self.door.options.mail;
        let accounts = mail.accounts();
        let (user, opened) = (login.user(), (login.scope.tenant(), login.scope.account()));
        let ear = Ear::new(accounts.hub().listen(opened, (user != opened).then_some(user)));
        // Asked again with open ears: a hold that came meanwhile would not be heard of.
        let prepared = async {
            login.standing = accounts.standing_of(&login).await?;
            if !login.standing.allows(Capability::MailRead) {
                return Err(Error::new(Kind::Suspended, login.standing.why(Capability::MailRead)));
            }
            accounts.prepare(&login).await
        };
        if let Err(e) = prepared.await {
            return self.login_failed(link, tag, e.into()).await;
        }
        match self.door.options.auth.sessions.enter(opened, &login.standing.entitlement.rates) {
            Ok(seat) => self.seat = Some(Box::new(seat)),
            Err(full) => return self.login_failed(link, tag, Denied::Crowded(full)).await,
        }
        tracing::info!(account = %opened.1, user = %user.1, peer = %link.peer(), "imap login");
        self.ear = Some(Box::new(ear));
        self.login = Some(Box::new(login));
        self.failed_logins = 0;
        self.receiver.set_limits(Limits::AUTHENTICATED);
        let offered = self.capabilities(link);
        render::status_line(&mut link.out, Some(tag), Condition::Ok, Some(&Code::Capability(&offered)), "Logged in");
        Flow::On
    }

    async fn login_failed(&mut self, link: &mut Link, tag: &str, denied: Denied) -> Flow {
        if matches!(denied, Denied::Wrong | Denied::NotTheirs) {
            tokio::time::sleep(self.door.options.limits.failure(link.peer().ip()).await).await;
        }
        let (word, text) = match denied {
            Denied::Held(reason) => {
                // The one text that clients must show (RFC 9051 §7.1); what is to be done is with the provider (RFC 5530).
                render::status_line(&mut link.out, None, Condition::No, Some(&Code::Word("ALERT")), &reason);
                ("CONTACTADMIN", format!("The account is suspended: {reason}"))
            }
            Denied::Throttled(wait) => ("UNAVAILABLE", throttled(wait)),
            Denied::Crowded(full) => ("LIMIT", full),
            Denied::Unavailable => ("UNAVAILABLE", "Temporary failure, try again".to_owned()),
            Denied::NotTheirs => ("AUTHORIZATIONFAILED", "You may not open that mailbox".to_owned()),
            Denied::Wrong => ("AUTHENTICATIONFAILED", "Wrong name or password".to_owned()),
        };
        render::status_line(&mut link.out, Some(tag), Condition::No, Some(&Code::Word(word)), &text);
        self.failed_logins += 1;
        if self.failed_logins >= LOGIN_FAILURES_MAX {
            bye(link, "Too many failed logins");
            return Flow::End;
        }
        Flow::On
    }
}

fn client(link: &Link) -> Client {
    Client { ip: link.peer().ip(), exporter: link.tls_exporter() }
}

//! SUMMARY    AUTHENTICATE and LOGIN.
//! STANDARDS  RFC 9051 §6.2.2-6.2.3, RFC 4959 (SASL-IR)
//! LIMITS     LOGIN_FAILURES_MAX

use super::{
    error::Failure,
    session::{Flow, Session, Waiting, bye},
};
use crate::{
    Link,
    auth::{Exchange, Progress},
};
use base::{Kind, limits::LOGIN_FAILURES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};
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
        let (exchange, progress) = auth.start(&mechanism, initial.as_deref(), link.tls_exporter()).await;
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
            Ok(password) => auth.password(&name, &password).await,
            Err(_) => Err(Error::new(Kind::Forbidden, "not UTF-8")),
        };
        Ok(match result {
            Ok(login) => self.logged_in(link, tag, login).await,
            Err(e) => self.login_failed(link, tag, e).await,
        })
    }

    fn password_allowed(&self, link: &Link) -> bool {
        link.is_tls() || self.door.options.plain_auth
    }

    async fn logged_in(&mut self, link: &mut Link, tag: &str, login: Login) -> Flow {
        if !login.standing.capabilities.mail_read {
            let reason = login.standing.reason.clone();
            return self.login_failed(link, tag, Error::new(Kind::Suspended, reason)).await;
        }
        let mail = &self.door.options.mail;
        if let Err(e) = mail.ensure_account(&login.scope).await {
            return self.login_failed(link, tag, e).await;
        }
        tracing::info!(account = %login.scope.account(), peer = %link.peer(), "imap login");
        self.hint = Some(mail.accounts().hub().subscribe(login.scope.account()));
        self.login = Some(Box::new(login));
        self.failed_logins = 0;
        self.receiver.set_limits(Limits::AUTHENTICATED);
        let offered = self.capabilities(link);
        render::status_line(&mut link.out, Some(tag), Condition::Ok, Some(&Code::Capability(&offered)), "Logged in");
        Flow::On
    }

    async fn login_failed(&mut self, link: &mut Link, tag: &str, e: Error) -> Flow {
        tokio::time::sleep(self.door.options.limits.failure(link.peer().ip())).await;
        let (word, text) = match e.kind {
            Kind::Suspended => ("AUTHORIZATIONFAILED", format!("The account is suspended: {}", e.context)),
            Kind::Unavailable => ("UNAVAILABLE", "Temporary failure, try again".to_owned()),
            _ => ("AUTHENTICATIONFAILED", "Wrong name or password".to_owned()),
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

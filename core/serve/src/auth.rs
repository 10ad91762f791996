//! SUMMARY    SASL exchanges against the accounts: the one way a session becomes a login, for every protocol.
//! STANDARDS  RFC 4422, RFC 4616 (PLAIN), LOGIN, RFC 5802 and RFC 7677 (SCRAM-SHA-256, -PLUS), RFC 9266 (tls-exporter)
//! SECURITY   Unknown names look like wrong passwords: same texts, a stable fake salt, one hash of work. Guesses are counted by network,
//!            and by network and name: who guesses shuts out nobody elsewhere.
//! LIMITS     LOGIN_FAILURES_PER_NETWORK_MAX, LOGIN_FAILURES_PER_NAME_MAX
//! INVARIANTS An authorization identity other than the user's own opens that mailbox for its delegates, and nothing for others.

use crate::limit::Sessions;
use account::{ScramIdentity, Subject, Toll};
use base::{
    Kind,
    limits::{LOGIN_FAILURES_PER_NAME_MAX, LOGIN_FAILURES_PER_NETWORK_MAX},
};
use mail::{Error, Login, Mail};
use std::{net::IpAddr, time::Duration};
use wire::sasl::{Bindings, Context, Mechanism, ScramVerifier, Server, Step};

/// Mechanisms offered, best first.
pub(crate) const MECHANISMS: [&str; 4] = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"];
/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;
/// Iterations claimed for names that do not exist.
const FAKE_ITERATIONS: u32 = 4096;

/// What exchanges of a server share.
#[derive(Clone)]
pub struct Authenticator {
    mail: Mail,
    /// From it fake salts are made; the same on every node, so that they are stable.
    secret: [u8; 32],
    pub(crate) sessions: Sessions,
}

/// Where an exchange stands.
pub(crate) enum Progress {
    Challenge(Vec<u8>),
    Done(Box<Login>),
    Failed(Denied),
}

/// Why nobody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The name or the password is wrong, or the mechanism broken.
    Wrong,
    /// The password is right, the mailbox somebody else's.
    NotTheirs,
    /// The password is right; the readable reason.
    Held(String),
    /// Too many failures from the client's network, whatever the password now: when to come back.
    Throttled(Duration),
    /// Too many sessions; which, and what to do.
    Crowded(String),
    Unavailable,
}

impl From<Error> for Denied {
    fn from(e: Error) -> Self {
        match e.kind {
            Kind::Suspended => Denied::Held(e.context),
            Kind::Unavailable
            | Kind::Corrupt
            | Kind::TooOld
            | Kind::StorageFull
            | Kind::OverQuota
            | Kind::OverQuotaLong => {
                tracing::error!(error = %e, "login");
                Denied::Unavailable
            }
            Kind::NotFound
            | Kind::AlreadyExists
            | Kind::Invalid
            | Kind::Forbidden
            | Kind::LimitExceeded
            | Kind::Throttled => Denied::Wrong,
        }
    }
}

/// One exchange under way.
pub(crate) struct Exchange {
    server: Server,
    scram: Option<ScramIdentity>,
    peer: IpAddr,
    /// The name that a guess was counted for.
    counted: Option<String>,
}

/// What a connection contributes to an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    /// TLS channel binding.
    pub(crate) exporter: Option<[u8; 32]>,
}

/// What a guess at a password costs.
fn tolls(ip: IpAddr, name: &str) -> [Toll<'_>; 2] {
    let toll = |subject, max, per| Toll { subject, cost: 1, max, per };
    [
        toll(Subject::Logins(ip), LOGIN_FAILURES_PER_NETWORK_MAX, Duration::from_secs(3_600)),
        toll(Subject::LoginsAs(ip, name), LOGIN_FAILURES_PER_NAME_MAX, Duration::from_secs(900)),
    ]
}

impl Authenticator {
    pub fn new(mail: Mail, secret: [u8; 32]) -> Self {
        Authenticator { mail, secret, sessions: Sessions::default() }
    }

    /// Begins an exchange.
    pub(crate) async fn start(
        &self,
        mechanism: &str,
        initial: Option<&[u8]>,
        client: Client,
    ) -> (Option<Exchange>, Progress) {
        let Some(mechanism) = Mechanism::parse(mechanism) else {
            return (None, Progress::Failed(Denied::Wrong));
        };
        let mut nonce = vec![0u8; NONCE_BYTES];
        if aws_lc_rs::rand::fill(&mut nonce).is_err() {
            return (None, Progress::Failed(Denied::Unavailable));
        }
        let plus_offered = client.exporter.is_some();
        let bindings = Bindings { tls_exporter: client.exporter.map(|e| e.to_vec()), ..Bindings::default() };
        let (server, step) = Server::start(mechanism, initial, Context { nonce, bindings, plus_offered });
        let mut exchange = Exchange { server, scram: None, peer: client.ip, counted: None };
        let progress = self.advance(&mut exchange, step).await;
        (Some(exchange), progress)
    }

    /// Goes on with the client's answer.
    pub(crate) async fn respond(&self, exchange: &mut Exchange, answer: &[u8]) -> Progress {
        let step = exchange.server.respond(answer);
        self.advance(exchange, step).await
    }

    /// IMAP LOGIN, and PLAIN without SASL. A guess is counted before it is checked, and given back when it was right.
    pub(crate) async fn password(&self, ip: IpAddr, name: &str, password: &str) -> Result<Login, Denied> {
        let accounts = self.mail.accounts();
        accounts.take(&tolls(ip, name)).await.map_err(Denied::Throttled)?;
        let password = wire::sasl::prepare_password(password);
        let login = accounts.login(ip, name, &password).await.map_err(Denied::from);
        if !matches!(login, Err(Denied::Wrong)) {
            accounts.give_back(&tolls(ip, name)).await;
        }
        login
    }

    /// The mailbox that was asked for, if not the user's own.
    async fn opened(&self, login: Login, authzid: Option<String>) -> Progress {
        let Some(name) = authzid else { return Progress::Done(Box::new(login)) };
        match self.mail.accounts().open_for(login, &name).await {
            Ok(login) => Progress::Done(Box::new(login)),
            Err(e) if e.kind == Kind::Forbidden => Progress::Failed(Denied::NotTheirs),
            Err(e) => Progress::Failed(e.into()),
        }
    }

    async fn advance(&self, exchange: &mut Exchange, mut step: Step) -> Progress {
        loop {
            match step {
                Step::Challenge(bytes) => return Progress::Challenge(bytes),
                Step::Verify(credentials) => {
                    return match self.password(exchange.peer, &credentials.authcid, credentials.password.as_str()).await
                    {
                        Ok(login) => self.opened(login, credentials.authzid).await,
                        Err(denied) => Progress::Failed(denied),
                    };
                }
                Step::ScramLookup { user, .. } => {
                    if let Err(wait) = self.mail.accounts().take(&tolls(exchange.peer, &user)).await {
                        return Progress::Failed(Denied::Throttled(wait));
                    }
                    exchange.counted = Some(user.clone());
                    match self.verifier(exchange, &user).await {
                        Ok(verifier) => step = exchange.server.verifier(&verifier),
                        Err(e) => return Progress::Failed(e.into()),
                    }
                }
                Step::Done { authzid, .. } => {
                    if let Some(name) = exchange.counted.take() {
                        self.mail.accounts().give_back(&tolls(exchange.peer, &name)).await;
                    }
                    return match exchange.scram.take().map(ScramIdentity::proven) {
                        Some(Ok(login)) => self.opened(login, authzid).await,
                        Some(Err(e)) => Progress::Failed(e.into()),
                        None => Progress::Failed(Denied::Wrong),
                    };
                }
                Step::Fail(_) => return Progress::Failed(Denied::Wrong),
            }
        }
    }

    async fn verifier(&self, exchange: &mut Exchange, user: &str) -> Result<ScramVerifier, Error> {
        let bad = |_| Error::new(Kind::Corrupt, "SCRAM verifier");
        if let Some(identity) = self.mail.accounts().scram(user).await? {
            let verifier = ScramVerifier::parse(&identity.verifier).map_err(bad)?;
            exchange.scram = Some(identity);
            return Ok(verifier);
        }
        ScramVerifier::fake(&self.secret, user, FAKE_ITERATIONS).map_err(bad)
    }
}

/// Told to a network that guessed too often.
pub(crate) fn throttled(wait: Duration) -> String {
    format!("Too many failed logins from your network, try again {}", account::retry_hint(wait))
}

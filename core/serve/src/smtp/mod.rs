//! SUMMARY    SMTP and LMTP doors: mail from other hosts, submissions of our users, local injection.
//! STANDARDS  RFC 5321, RFC 6409 (submission), RFC 8314 (implicit TLS), RFC 2033 (LMTP)
//! SECURITY   The MX door never relays; submission needs a login and an own sender address.
//! INVARIANTS 250 after DATA is written after `Mail::accept` returned, never before.

mod bounce;
mod error;
mod session;
mod submission;

use crate::{Budget, Door, IpLimits, Link, auth, auth::Authenticator};
use base::{Domain, limits::MESSAGE_BYTES_MAX};
use mail::Mail;
use std::{future::Future, pin::Pin, sync::Arc};
use wire::smtp::server::ServerConfig;

/// What a port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Mail from other hosts for our domains (port 25).
    Mx,
    /// Mail of our users for anybody (ports 587, 465).
    Submission,
    /// Injection by a trusted relay for our domains (RFC 2033).
    Lmtp,
}

/// What the SMTP doors of a server share.
#[derive(Clone)]
pub struct SmtpOptions {
    pub mail: Mail,
    pub auth: Authenticator,
    pub hostname: Domain,
    pub limits: IpLimits,
    pub budget: Budget,
    pub starttls: bool,
    /// Passwords over plain connections (loopback and tests only).
    pub plain_auth: bool,
}

/// One SMTP or LMTP port.
pub struct SmtpDoor {
    role: Role,
    options: SmtpOptions,
    config: Arc<ServerConfig>,
}

impl SmtpDoor {
    pub fn new(role: Role, options: SmtpOptions) -> Self {
        let mut config = ServerConfig::new(options.hostname.clone());
        config.lmtp = role == Role::Lmtp;
        config.starttls = options.starttls;
        config.size_bytes_max = MESSAGE_BYTES_MAX;
        if role == Role::Submission {
            config.mechanisms = auth::MECHANISMS.iter().map(|m| (*m).to_owned()).collect();
            config.auth_needs_tls = !options.plain_auth;
            config.auth_required = true;
        }
        SmtpDoor { role, options, config: Arc::new(config) }
    }
}

impl Door for SmtpDoor {
    fn name(&self) -> &'static str {
        match self.role {
            Role::Mx => "smtp",
            Role::Submission => "submission",
            Role::Lmtp => "lmtp",
        }
    }

    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(session::run(self, link))
    }

    fn busy(&self) -> &'static [u8] {
        b"421 4.7.0 Too many connections from your address, try again later\r\n"
    }
}

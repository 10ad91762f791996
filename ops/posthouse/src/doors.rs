//! SUMMARY    The doors of a data plane: which listens where, and what all of them share.

use crate::{
    config::{Config, Listen},
    server::Ports,
    stores::Stores,
};
use base::{
    Domain,
    limits::{ANSWER_BYTES_IN_FLIGHT_MAX, MESSAGE_ROOM_WAIT_MS_MAX},
};
use mail::Mail;
use serve::{
    Authenticator, Budget, Door, IpLimits, Listener, ListenerOptions, Shutdown, TlsStore,
    imap::{ImapDoor, ImapOptions},
    smtp::{Role, SmtpDoor, SmtpOptions},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// What the doors are made of.
pub struct Doors {
    smtp: SmtpOptions,
    imap: ImapOptions,
    tls: TlsStore,
    proxy: bool,
    free_ports: bool,
    limits: IpLimits,
}

impl Doors {
    pub fn new(config: &Config, stores: &Stores, hostname: Domain, tls: TlsStore) -> Self {
        let mail = Mail::new(stores.accounts.clone(), hostname.as_str());
        let auth = Authenticator::new(mail.clone(), stores.secret);
        let limits = IpLimits::new(config.rates, stores.accounts.clone());
        let wait = Duration::from_millis(MESSAGE_ROOM_WAIT_MS_MAX);
        let budget = Budget::new(config.message_bytes_in_flight, wait);
        let answers = Budget::answers(ANSWER_BYTES_IN_FLIGHT_MAX, wait);
        let plain_auth = config.plain_auth;
        let smtp = SmtpOptions {
            mail: mail.clone(),
            auth: auth.clone(),
            hostname,
            limits: limits.clone(),
            budget: budget.clone(),
            starttls: true,
            plain_auth,
        };
        let imap = ImapOptions { mail, auth, limits: limits.clone(), budget, answers, plain_auth };
        Doors { smtp, imap, tls, proxy: config.proxy, free_ports: config.free_ports, limits }
    }

    /// Binds those that have an address.
    pub async fn open(&self, listen: &Listen, shutdown: &Shutdown) -> Result<Ports, String> {
        let smtp = |role| Arc::new(SmtpDoor::new(role, self.smtp.clone()));
        let imap = || Arc::new(ImapDoor::new(self.imap.clone()));
        Ok(Ports {
            smtp: self.bind(listen.smtp, smtp(Role::Mx), false, shutdown).await?,
            submission: self.bind(listen.submission, smtp(Role::Submission), false, shutdown).await?,
            submissions: self.bind(listen.submissions, smtp(Role::Submission), true, shutdown).await?,
            lmtp: self.bind(listen.lmtp, smtp(Role::Lmtp), false, shutdown).await?,
            imap: self.bind(listen.imap, imap(), false, shutdown).await?,
            imaps: self.bind(listen.imaps, imap(), true, shutdown).await?,
            ..Ports::default()
        })
    }

    async fn bind(
        &self,
        address: Option<SocketAddr>,
        door: Arc<dyn Door>,
        implicit_tls: bool,
        shutdown: &Shutdown,
    ) -> Result<Option<u16>, String> {
        let Some(address) = address else { return Ok(None) };
        let options = ListenerOptions {
            tls: Some(self.tls.clone()),
            implicit_tls,
            proxy: self.proxy,
            limits: self.limits.clone(),
        };
        let name = door.name();
        let listener = match Listener::bind(address, door.clone(), options.clone()).await {
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && self.free_ports => {
                Listener::bind(SocketAddr::new(address.ip(), 0), door, options).await
            }
            bound => bound,
        };
        let listener = listener.map_err(|e| format!("{name} on {address}: {e}"))?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        listener.spawn(shutdown);
        Ok(Some(port))
    }
}

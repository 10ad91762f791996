//! SUMMARY    Mail for other hosts: leased, sent over SMTP, tried again, bounced; fair between tenants.
//! STANDARDS  RFC 5321 §4.5.4 (retries), §5 (MX), §6.1 (bounces); RFC 7505 (null MX); RFC 3207 (STARTTLS); RFC 3461-3464 (DSN); RFC 6376 (DKIM)
//! SECURITY   Remote hosts are hostile: replies and times are bounded. A bounce never answers a null sender.
//! INVARIANTS Everything that waits is in the store; a worker may die at any point. An outcome is settled under its lease; at the
//!            SMTP boundary a message may be sent twice, never lost.

mod attempt;
mod connect;
mod local;
mod report;
mod resolve;
mod schedule;
mod sign;
mod trust;
mod worker;

pub use resolve::{DnsResolver, Host, NoResolver, Resolve, ResolveError};
pub use trust::Trust;

use base::{Domain, QueueId, TenantId};
use mail::Mail;
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

/// How the smart host is spoken to. With a login the certificate is verified whatever stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmartHostTls {
    /// STARTTLS where offered, any certificate.
    Opportunistic,
    /// STARTTLS, verified.
    StartTls,
    /// TLS from the first byte, verified (RFC 8314 §3.3).
    Implicit,
}

/// Where everything goes instead of to the MX hosts.
#[derive(Debug, Clone)]
pub struct SmartHost {
    pub host: String,
    pub port: u16,
    /// Name and password.
    pub auth: Option<(String, String)>,
    pub tls: SmartHostTls,
}

/// How mail is sent.
#[derive(Clone)]
pub struct QueueOptions {
    pub hostname: Domain,
    pub resolver: Arc<dyn Resolve>,
    pub smart_host: Option<SmartHost>,
    /// Whose certificates pass where they must be verified: at the smart host, and for REQUIRETLS.
    pub trust: Trust,
    /// Port of MX hosts.
    pub port: u16,
    /// Where this server listens: mail whose MX hosts lead back here is looping.
    pub own_addresses: Vec<SocketAddr>,
    /// Attempts under way at once.
    pub workers: usize,
    /// Attempts under way at once to one domain.
    pub per_domain_max: usize,
    /// How long an attempt may take before its item comes up again.
    pub lease: Duration,
    /// How often it is looked for items that this node holds and nobody here works at.
    pub look_after: Duration,
}

impl QueueOptions {
    /// The usual limits.
    pub fn new(hostname: Domain, resolver: Arc<dyn Resolve>) -> Self {
        QueueOptions {
            hostname,
            resolver,
            smart_host: None,
            trust: Trust::Public,
            port: 25,
            own_addresses: Vec::new(),
            workers: 32,
            per_domain_max: 4,
            lease: Duration::from_secs(900),
            look_after: Duration::from_secs(30),
        }
    }
}

/// The outgoing worker of this node.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    mail: Mail,
    options: QueueOptions,
    tls: tokio_rustls::TlsConnector,
    verified_tls: tokio_rustls::TlsConnector,
    signers: sign::Signers,
    busy: parking_lot::Mutex<std::collections::HashMap<String, usize>>,
    /// Items that are worked at here.
    in_hand: parking_lot::Mutex<BTreeSet<(TenantId, QueueId)>>,
}

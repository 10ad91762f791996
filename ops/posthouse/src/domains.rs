//! SUMMARY    What the control plane is told of this server for the domains it keeps: by whom DNS is asked, what is offered.
//! SECURITY   The key that seals secrets of domains stands in the data folder, not in the database.

use crate::{config::Config, server::Ports, stores::Keys};
use std::{net::SocketAddr, path::Path, sync::Arc};
use tenants::{
    DomainOptions, SealingKey, Setup,
    dns::{Dns, DnsOptions, HickoryDns, NoDns},
};

/// Resolvers that are asked.
const RESOLVERS_MAX: usize = 2;

/// What is offered, from the configuration.
pub fn setup(config: &Config) -> Result<Setup, String> {
    let hostname = base::Domain::parse(&config.hostname).map_err(|e| format!("hostname: {e}"))?;
    let domains = &config.domains;
    Ok(Setup {
        hostname: hostname.as_str().to_owned(),
        mx: (1..).zip(&domains.mx).map(|(n, host)| (n * 10, host.clone())).collect(),
        spf: domains.spf.clone().unwrap_or_default(),
        certificate_authority: domains.certificate_authority.clone().unwrap_or_default(),
        tls_key_sha256: String::new(),
        services: services(config),
    })
}

/// From the configuration.
pub fn options(config: &Config) -> Result<DomainOptions, String> {
    let domains = &config.domains;
    let mut resolvers = domains.resolvers.clone();
    if resolvers.is_empty() {
        resolvers = system_resolvers();
    }
    let dns: Arc<dyn Dns> = if resolvers.is_empty() {
        tracing::warn!("no resolver: domains are not verified");
        Arc::new(NoDns)
    } else {
        Arc::new(HickoryDns::new(DnsOptions {
            resolvers,
            authoritative_port: domains.authoritative_port,
            private_addresses: domains.private_addresses,
            ..DnsOptions::default()
        }))
    };
    Ok(DomainOptions {
        setup: setup(config)?,
        dns,
        failed_days_max: i64::from(domains.failed_days),
        sealing_key: Some(SealingKey::new(Keys::of(config)?.domains()?)),
        private_addresses: domains.private_addresses,
    })
}

/// For work on a stopped server's data: nobody is asked, nothing is offered, what is sealed can be told.
pub fn stopped(data: &Path) -> Result<DomainOptions, String> {
    Ok(DomainOptions {
        sealing_key: Some(SealingKey::new(Keys::in_folder(data).domains()?)),
        ..DomainOptions::default()
    })
}

/// Services that clients look for, where this server has them (RFC 6186, RFC 8314).
fn services(config: &Config) -> Vec<(&'static str, u16)> {
    let listen = &config.listen;
    let doors = [
        ("_imaps._tcp", listen.imaps),
        ("_submissions._tcp", listen.submissions),
        ("_imap._tcp", listen.imap),
        ("_submission._tcp", listen.submission),
    ];
    doors
        .into_iter()
        .filter_map(|(name, address)| Some((name, address?.port())))
        .filter(|(_, port)| *port != 0)
        .collect()
}

/// The doors that mail programs are told of: as they were bound; where they are another process's, as they are configured.
pub fn servers(config: &Config, ports: &Ports) -> portal::Servers {
    let door = |bound: Option<u16>, configured: Option<SocketAddr>| {
        bound.or_else(|| configured.map(|address| address.port()).filter(|port| *port != 0))
    };
    let listen = &config.listen;
    portal::Servers {
        host: config.hostname.clone(),
        imaps: door(ports.imaps, listen.imaps),
        imap: door(ports.imap, listen.imap),
        submissions: door(ports.submissions, listen.submissions),
        submission: door(ports.submission, listen.submission),
    }
}

/// The first two of the system's.
fn system_resolvers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = named.filter_map(|rest| rest.split_whitespace().next()?.parse().ok());
    addresses.map(|ip| SocketAddr::new(ip, 53)).take(RESOLVERS_MAX).collect()
}

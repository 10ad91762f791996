//! SUMMARY    The configuration: defaults, then a file, then the environment; checked as a whole before anything starts.
//! SECURITY   Secrets are never shown; `Debug` of a `Config` is not there on purpose.
//! INVARIANTS An unknown key or name is an error that names the nearest known one. An address left out closes that door. All that
//!            is wrong is told at once.

pub mod backup;
mod billing;
pub mod key;
pub mod load;
mod rates;
mod role;
mod show;
pub mod storage;
mod unit;

pub use unit::duration;
mod value;

pub use self::billing::{Billing, Stripe};
pub use load::Loaded;
pub use role::Role;
pub use show::{environment_help, print};
pub use value::Sni;

use crate::upkeep::UpkeepConfig;
use base::Address;
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// The example file, with every key.
pub const EXAMPLE: &str = include_str!("../../../../config/posthouse.example.toml");

/// What a server is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of this server in greetings, trace fields and bounces.
    pub hostname: String,
    /// Folder of everything it keeps.
    pub data: PathBuf,
    /// Which planes this process is.
    pub role: Role,
    pub listen: Listen,
    pub tls: Option<Tls>,
    /// Certificates for further names.
    pub sni: Vec<Sni>,
    /// Passwords over connections without TLS: for loopback only.
    pub plain_auth: bool,
    /// Doors behind a load balancer expect PROXY v2.
    pub proxy: bool,
    /// What one client address may do at the mail doors.
    pub rates: serve::IpRates,
    /// Message bytes of all connections in memory before their commit; beyond it connections wait, then are refused for now.
    pub message_bytes_in_flight: usize,
    /// GraphiQL at GET /graphql.
    pub graphiql: bool,
    /// Proxies in front of the HTTP port whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where browsers find the portal, which the HTTP port serves then: the origin of passkeys and of sign-ins at identity providers.
    pub portal: Option<String>,
    /// Where webhooks may lead besides the public Internet.
    pub webhooks: tenants::WebhookRules,
    /// Who notices to people are from.
    pub notices_from: Address,
    /// Hosts of identity providers that may stand anywhere, in the operator's own network too, and without TLS.
    pub identity_hosts: Vec<String>,
    /// Where all outgoing mail goes instead of to the MX hosts.
    pub smart_host: Option<SmartHost>,
    /// PostgreSQL of the control plane; without it SQLite in the data folder.
    pub sql: Option<Sql>,
    /// Time between two passes that tell the data plane everything again.
    pub resend_interval: Duration,
    pub store: storage::Store,
    pub queue: Queue,
    /// How domains are verified, and what is offered to them.
    pub domains: Domains,
    /// How customers pay; without it nothing is sold here.
    pub billing: Option<Billing>,
    /// Packing, compaction, sweeps, trimmed logs.
    pub upkeep: UpkeepConfig,
    /// Whether this node makes exports.
    pub exports: bool,
    /// Where backups go, and when they are made.
    pub backup: backup::Backup,
    pub migrations: Migrations,
    /// Time for sessions and attempts to end when the server stops.
    pub stop_timeout: Duration,
    /// A busy port is replaced by a free one (the demo).
    pub free_ports: bool,
}

/// A relay that takes our outgoing mail.
#[derive(Clone, PartialEq, Eq)]
pub struct SmartHost {
    pub host: String,
    pub port: u16,
    /// Name and password.
    pub login: Option<(String, String)>,
    pub tls: queue::SmartHostTls,
    pub ca_file: Option<PathBuf>,
}

/// A PostgreSQL server.
#[derive(Clone, PartialEq, Eq)]
pub struct Sql {
    /// May hold a password.
    pub url: String,
    pub schema: String,
}

impl Sql {
    /// `Err` does not show the URL.
    pub fn database(&self) -> Result<tenants::Database, String> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            return Err("sql.url: it begins with postgres://".to_owned());
        }
        tenants::Database::postgres(&self.url, &self.schema).map_err(|e| format!("sql.{}: {}", e.field, e.message))
    }
}

/// How domains are verified, and what is offered to them.
#[derive(Clone, PartialEq, Eq)]
pub struct Domains {
    pub resolvers: Vec<SocketAddr>,
    pub authoritative_port: u16,
    pub private_addresses: bool,
    /// Canonical names, best first; empty: the hostname.
    pub mx: Vec<String>,
    pub spf: Option<String>,
    pub certificate_authority: Option<String>,
    pub failed_days: u32,
}

/// How outgoing mail is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Queue {
    pub enabled: bool,
    pub workers: usize,
    pub per_domain_max: usize,
    pub lease: Duration,
}

/// How mail of people who move here is brought.
#[derive(Clone, PartialEq, Eq)]
pub struct Migrations {
    pub enabled: bool,
    pub at_once: usize,
    pub rules: migrate::SourceRules,
}

/// Where each door listens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Listen {
    pub smtp: Option<SocketAddr>,
    pub submission: Option<SocketAddr>,
    pub submissions: Option<SocketAddr>,
    pub lmtp: Option<SocketAddr>,
    pub imap: Option<SocketAddr>,
    pub imaps: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
}

/// PEM files; without them a self-signed certificate is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Config {
    /// Everything but name and folder as by default: no door is open.
    pub fn minimal(hostname: &str, data: &Path) -> Result<Config, String> {
        let mut loaded = Loaded::defaults();
        loaded.set("hostname", value::Value::Text(hostname.to_owned()));
        loaded.set("data", value::Value::Path(data.to_owned()));
        Config::from_loaded(&loaded)
    }

    /// Reads values into their places; checks what concerns several at once.
    pub fn from_loaded(from: &Loaded) -> Result<Config, String> {
        let hostname = from.text("hostname").ok_or("hostname: it is needed, as \"mail.example.org\"")?;
        let data = from.path("data").ok_or("data: it is needed, as \"/var/lib/posthouse\"")?;
        Ok(Config {
            hostname,
            data,
            role: role::role(from)?,
            listen: Listen {
                smtp: from.address("listen.smtp"),
                submission: from.address("listen.submission"),
                submissions: from.address("listen.submissions"),
                lmtp: from.address("listen.lmtp"),
                imap: from.address("listen.imap"),
                imaps: from.address("listen.imaps"),
                http: from.address("listen.http"),
            },
            tls: both("tls.chain", from.path("tls.chain"), "tls.key", from.path("tls.key"))?
                .map(|(chain, key)| Tls { chain, key }),
            sni: from.sni("sni"),
            plain_auth: from.flag("plain_auth"),
            proxy: from.flag("proxy"),
            rates: rates::rates(from),
            message_bytes_in_flight: usize::try_from(from.number("message_bytes_in_flight").unwrap_or(0))
                .map_err(|_| "message_bytes_in_flight: too large for this machine")?,
            graphiql: from.flag("graphiql"),
            trusted_proxies: networks("trusted_proxies", from.text("trusted_proxies"))?,
            portal: portal(from.text("portal"))?,
            webhooks: tenants::WebhookRules { networks: networks("webhook_networks", from.text("webhook_networks"))? },
            notices_from: notices_from(from)?,
            identity_hosts: hosts(from.text("identity_hosts")),
            smart_host: smart_host(from)?,
            domains: domains(from)?,
            sql: sql(from)?,
            billing: billing::billing(from)?,
            resend_interval: within(from, "plane.resend_interval", 1, 30 * 86_400)?,
            store: storage::store(from)?,
            queue: Queue {
                enabled: from.flag("queue.enabled"),
                workers: from.count("queue.workers")?,
                per_domain_max: from.count("queue.per_domain_max")?,
                lease: within(from, "queue.lease", 60, 86_400)?,
            },
            upkeep: UpkeepConfig {
                enabled: from.flag("upkeep.enabled"),
                interval: within(from, "upkeep.interval", 1, 30 * 86_400)?,
                cold_after: within(from, "upkeep.cold_after", 1, 3_650 * 86_400)?,
            },
            exports: from.flag("exports.enabled"),
            backup: backup::backup(from)?,
            migrations: migrations(from)?,
            stop_timeout: within(from, "stop_timeout", 1, base::limits::STOP_SECS_MAX)?,
            free_ports: false,
        })
    }
}

fn smart_host(from: &Loaded) -> Result<Option<SmartHost>, String> {
    use queue::SmartHostTls::{Implicit, Opportunistic, StartTls};
    let login =
        both("smart_host.user", from.text("smart_host.user"), "smart_host.password", from.text("smart_host.password"))?;
    let ca_file = from.path("smart_host.ca_file");
    let Some(host) = from.text("smart_host.host") else {
        return match login.is_some() || ca_file.is_some() {
            true => Err("smart_host.host: it is needed when other keys of [smart_host] are set".to_owned()),
            false => Ok(None),
        };
    };
    let port = u16::try_from(from.count("smart_host.port")?).map_err(|_| "smart_host.port: not a port")?;
    let tls = match from.text("smart_host.tls").as_deref() {
        Some("opportunistic") => Opportunistic,
        Some("starttls") => StartTls,
        Some("implicit") => Implicit,
        _ if port == 465 => Implicit,
        // Who names an authority wants it asked.
        _ if ca_file.is_some() => StartTls,
        _ => Opportunistic,
    };
    Ok(Some(SmartHost { host, port, login, tls, ca_file }))
}

fn sql(from: &Loaded) -> Result<Option<Sql>, String> {
    let Some(url) = from.text("sql.url") else {
        return match from.is_set("sql.schema") {
            true => Err("sql.url: it is needed when sql.schema is set".to_owned()),
            false => Ok(None),
        };
    };
    let sql = Sql { url, schema: from.text("sql.schema").unwrap_or_default() };
    sql.database()?;
    Ok(Some(sql))
}

fn domains(from: &Loaded) -> Result<Domains, String> {
    let host = |name: &str| base::Domain::parse(name.trim()).map(|d| d.as_str().to_owned());
    let mx = from.text("domains.mx").unwrap_or_default();
    let mx = mx.split(',').filter(|h| !h.trim().is_empty()).map(host).collect::<Result<_, _>>();
    let port =
        u16::try_from(from.count("dns.authoritative_port")?).map_err(|_| "dns.authoritative_port: not a port")?;
    Ok(Domains {
        resolvers: from.addresses("dns.resolvers"),
        authoritative_port: port,
        private_addresses: from.flag("dns.private_addresses"),
        mx: mx.map_err(|e| format!("domains.mx: {e}"))?,
        spf: from.text("domains.spf"),
        certificate_authority: from.text("domains.certificate_authority"),
        failed_days: u32::try_from(from.count("domains.failed_days")?).unwrap_or(u32::MAX),
    })
}

fn migrations(from: &Loaded) -> Result<Migrations, String> {
    let ports = from.text("migrations.ports").unwrap_or_default();
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) if first != 0 && first <= last => Ok(first..=last),
            _ => Err(format!("migrations.ports: {text:?} is no port and no range of them, as \"1993, 2000-2010\"")),
        }
    };
    Ok(Migrations {
        enabled: from.flag("migrations.enabled"),
        at_once: from.count("migrations.at_once")?,
        rules: migrate::SourceRules {
            networks: networks("migrations.networks", from.text("migrations.networks"))?,
            ports: ports.split(',').map(str::trim).filter(|t| !t.is_empty()).map(range).collect::<Result<_, _>>()?,
        },
    })
}

/// Networks with commas between.
fn networks(path: &str, text: Option<String>) -> Result<Vec<IpNet>, String> {
    let parse = |net: &str| {
        let parsed = net.parse().or_else(|_| net.parse::<IpAddr>().map(IpNet::from));
        parsed.map_err(|_| format!("{path}: {net:?} is no network, as \"10.0.0.0/8\""))
    };
    text.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()).map(parse).collect()
}

/// An address; the postmaster's when it is missing.
fn notices_from(from: &Loaded) -> Result<Address, String> {
    let text = from.text("notices_from");
    let text = text.unwrap_or_else(|| format!("postmaster@{}", from.text("hostname").unwrap_or_default()));
    Address::parse(&text).map_err(|e| format!("notices_from: {text:?}: {e}"))
}

/// Host names and addresses with commas between.
fn hosts(text: Option<String>) -> Vec<String> {
    text.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// An origin: a scheme and a name, no path.
fn portal(text: Option<String>) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://localhost").map(|_| "localhost"));
    match host.is_some_and(|h| !h.is_empty() && !h.contains('/')) && tenants::is_portal(&text) {
        true => Ok(Some(text)),
        false => Err(format!("portal: {text:?} is no origin, as \"https://mail.example.org\"")),
    }
}

/// Two values that only make sense together.
fn both<T>(a: &str, x: Option<T>, b: &str, y: Option<T>) -> Result<Option<(T, T)>, String> {
    match (x, y) {
        (Some(x), Some(y)) => Ok(Some((x, y))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("{b}: it is needed when {a} is set")),
        (None, Some(_)) => Err(format!("{a}: it is needed when {b} is set")),
    }
}

fn within(from: &Loaded, path: &str, min_secs: u64, max_secs: u64) -> Result<Duration, String> {
    let time = from.time(path).unwrap_or_default();
    let (min, max) = (Duration::from_secs(min_secs), Duration::from_secs(max_secs));
    if (min..=max).contains(&time) {
        return Ok(time);
    }
    Err(format!("{path}: between {} and {}", unit::write_duration(min), unit::write_duration(max)))
}

#[cfg(test)]
mod tests;

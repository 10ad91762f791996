//! SUMMARY    Which hosts take a domain's mail.
//! STANDARDS  RFC 5321 §5.1, RFC 7505 (null MX)

use hickory_resolver::{TokioResolver, proto::rr::RData};
use std::{future::Future, net::IpAddr, pin::Pin};

/// MX hosts that are tried.
const HOSTS_MAX: usize = 10;
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;

/// A host with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub addresses: Vec<IpAddr>,
}

/// Why there is no host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveError {
    /// The domain does not exist.
    NoSuchDomain,
    /// The domain says it takes no mail.
    NullMx,
    /// The look-up failed; try again.
    Temporary(String),
}

/// A look-up under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Vec<Host>, ResolveError>> + Send + 'a>>;

/// Finds the hosts of a domain.
pub trait Resolve: Send + Sync + 'static {
    /// Hosts in order of preference, with addresses.
    fn mail_hosts<'a>(&'a self, domain: &'a str) -> Resolving<'a>;

    /// The host of this name itself, whatever its MX records say: a smart host is named, not looked for.
    fn addresses<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            match named_by_address(host) {
                Some(host) => Ok(vec![host]),
                None => self.mail_hosts(host).await,
            }
        })
    }
}

/// The system's resolver.
pub struct DnsResolver(TokioResolver);

impl DnsResolver {
    /// Reads the system's configuration.
    pub fn system() -> Result<Self, String> {
        let builder = TokioResolver::builder_tokio().map_err(|e| e.to_string())?;
        Ok(DnsResolver(builder.build().map_err(|e| e.to_string())?))
    }

    async fn exchanges(&self, domain: &str) -> Result<Vec<String>, ResolveError> {
        let answer = match self.0.mx_lookup(format!("{domain}.")).await {
            Ok(answer) => answer,
            Err(e) if e.is_nx_domain() => return Err(ResolveError::NoSuchDomain),
            // No MX: the domain itself is the host (RFC 5321 §5.1).
            Err(e) if e.is_no_records_found() => return Ok(vec![domain.to_owned()]),
            Err(e) => return Err(ResolveError::Temporary(e.to_string())),
        };
        let mut hosts: Vec<(u16, String)> = Vec::new();
        for record in answer.answers() {
            if let RData::MX(mx) = &record.data {
                hosts.push((mx.preference, mx.exchange.to_ascii()));
            }
        }
        hosts.sort();
        if matches!(hosts.as_slice(), [(_, only)] if only == ".") {
            return Err(ResolveError::NullMx);
        }
        Ok(hosts.into_iter().map(|(_, name)| name.trim_end_matches('.').to_owned()).take(HOSTS_MAX).collect())
    }
}

impl Resolve for DnsResolver {
    fn mail_hosts<'a>(&'a self, domain: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            if let Some(host) = literal(domain) {
                return Ok(vec![host]);
            }
            let mut found = Vec::new();
            let mut why = String::from("no address");
            for name in self.exchanges(domain).await? {
                match self.0.lookup_ip(format!("{name}.")).await {
                    Ok(ips) => found.push(Host { name, addresses: ips.iter().take(ADDRESSES_MAX).collect() }),
                    Err(e) => why = e.to_string(),
                }
            }
            if found.is_empty() { Err(ResolveError::Temporary(why)) } else { Ok(found) }
        })
    }

    fn addresses<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            if let Some(host) = named_by_address(host) {
                return Ok(vec![host]);
            }
            match self.0.lookup_ip(host).await {
                Ok(ips) => {
                    Ok(vec![Host { name: host.to_owned(), addresses: ips.iter().take(ADDRESSES_MAX).collect() }])
                }
                Err(e) => Err(ResolveError::Temporary(e.to_string())),
            }
        })
    }
}

/// `192.0.2.1`, `2001:db8::1` or a literal.
fn named_by_address(host: &str) -> Option<Host> {
    let plain = host.parse().ok().map(|ip| Host { name: format!("[{host}]"), addresses: vec![ip] });
    plain.or_else(|| literal(host))
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
fn literal(domain: &str) -> Option<Host> {
    let inner = domain.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix("ipv6:").or_else(|| inner.strip_prefix("IPv6:")).unwrap_or(inner);
    Some(Host { name: domain.to_owned(), addresses: vec![inner.parse().ok()?] })
}

/// For a machine without a resolver: everything waits, and the log says why.
pub struct NoResolver(pub String);

impl Resolve for NoResolver {
    fn mail_hosts<'a>(&'a self, domain: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            match literal(domain) {
                Some(host) => Ok(vec![host]),
                None => Err(ResolveError::Temporary(self.0.clone())),
            }
        })
    }
}

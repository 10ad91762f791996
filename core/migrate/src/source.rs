//! SUMMARY    Where mail comes from, and how one signs in there.
//! SECURITY   A host that a stranger names leads to addresses of the public Internet alone, or to networks that the operator allows.
//!            A secret is asked for at each connection, so that a token may be renewed meanwhile; it is kept no longer than it is sent.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
};

use account::Origin;
use base::network::is_public;
use control::{MigrationSecurity, MigrationSource};
use ipnet::IpNet;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 993).
    Tls,
    /// TLS after STARTTLS, or nothing.
    StartTls,
    /// None: whoever is on the way reads the password.
    Plain,
}

/// What the secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    Password,
    /// A bearer token: XOAUTH2 or OAUTHBEARER.
    Token,
}

/// Gives the password or the token as it is now; an error says why there is none.
pub type Secret = Arc<dyn Fn() -> Result<Zeroizing<String>, String> + Send + Sync>;

/// Ports of IMAP: RFC 9051 §2.1, RFC 8314 §3.2.
const PORTS: [u16; 2] = [143, 993];

/// What the operator lets people connect to besides IMAP on the public Internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// Networks that are not public and may be connected to, without TLS too.
    pub networks: Vec<IpNet>,
    /// Ports besides 143 and 993.
    pub ports: Vec<RangeInclusive<u16>>,
}

impl SourceRules {
    fn allows(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether a source may be asked as far as can be told before its name is looked up; why not, for people.
    pub fn check(&self, source: &MigrationSource) -> Result<(), String> {
        let host = source.host.as_str();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match host.parse::<IpAddr>() {
            Ok(address) if !self.may_reach(address, source.security == MigrationSecurity::Plain) => {
                return Err("the address is not of the public Internet".to_owned());
            }
            Ok(_) => {}
            Err(_) if host.is_empty() || !host.chars().all(is_name) => {
                return Err("the host is a name like imap.example.com, without port".to_owned());
            }
            Err(_) => {}
        }
        if !PORTS.contains(&source.port) && !self.ports.iter().any(|ports| ports.contains(&source.port)) {
            return Err(format!("port {} is not taken: IMAP has 993 and 143", source.port));
        }
        if source.security == MigrationSecurity::Plain && self.networks.is_empty() {
            return Err("a password is not sent without TLS".to_owned());
        }
        Ok(())
    }

    fn may_reach(&self, address: IpAddr, is_plain: bool) -> bool {
        self.allows(address) || (!is_plain && is_public(address))
    }
}

/// Where a connection may lead.
#[derive(Debug, Clone, Default)]
pub enum Reach {
    /// An operator named the host.
    #[default]
    Anywhere,
    /// Somebody else did: addresses are judged, and what was judged is connected to.
    Within(Arc<SourceRules>),
}

impl Reach {
    /// Those of a host's addresses that may be connected to.
    pub(crate) fn of(&self, found: impl Iterator<Item = SocketAddr>, is_plain: bool) -> Vec<SocketAddr> {
        match self {
            Reach::Anywhere => found.collect(),
            Reach::Within(rules) => found.filter(|address| rules.may_reach(address.ip(), is_plain)).collect(),
        }
    }
}

/// An account at another provider.
#[derive(Clone)]
pub struct Source {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub user: String,
    pub sign_in: SignIn,
    pub secret: Secret,
    /// It verifies certificates.
    pub tls: TlsConnector,
    /// Bytes a second that are read at most.
    pub rate: Option<u64>,
    pub reach: Reach,
}

impl Source {
    /// Which source it is for what is remembered: host and user, whatever the port.
    pub(crate) fn id(&self) -> u64 {
        hash(&[self.host.to_ascii_lowercase().as_bytes(), &[0], self.user.as_bytes()])
    }

    /// A mailbox of it by its name as the source writes it.
    pub(crate) fn origin(&self, raw: &[u8]) -> Origin {
        Origin { source: self.id(), folder: hash(&[raw]) }
    }
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::MigrationSignIn;

    fn source(host: &str, port: u16, security: MigrationSecurity) -> MigrationSource {
        MigrationSource {
            host: host.to_owned(),
            port,
            security,
            user: "ann".to_owned(),
            sign_in: MigrationSignIn::Password,
        }
    }

    #[test]
    fn a_stranger_leads_us_to_imap_on_the_public_internet_alone() {
        let (rules, tls) = (SourceRules::default(), MigrationSecurity::Tls);
        rules.check(&source("imap.example.com", 993, tls)).unwrap();
        rules.check(&source("9.9.9.9", 143, MigrationSecurity::StartTls)).unwrap();
        for (host, port, security) in [
            ("127.0.0.1", 993, tls),
            ("::1", 993, tls),
            ("169.254.169.254", 993, tls),
            ("imap.example.com:993", 993, tls),
            ("a b", 993, tls),
            ("", 993, tls),
            ("imap.example.com", 25, tls),
            ("imap.example.com", 143, MigrationSecurity::Plain),
        ] {
            rules.check(&source(host, port, security)).unwrap_err();
        }
        let reach = Reach::Within(Arc::new(rules));
        let found = ["10.0.0.1:993", "9.9.9.9:993", "[::ffff:127.0.0.1]:993"].map(|a| a.parse().unwrap());
        assert_eq!(reach.of(found.into_iter(), false), ["9.9.9.9:993".parse().unwrap()], "whatever a name says");
        assert_eq!(reach.of(found.into_iter(), true), [], "and nothing without TLS");
    }

    #[test]
    fn networks_and_ports_that_the_operator_allows_are_asked() {
        let rules = SourceRules { networks: vec!["127.0.0.0/8".parse().unwrap()], ports: vec![1100..=1143] };
        rules.check(&source("127.0.0.1", 1143, MigrationSecurity::Plain)).unwrap();
        rules.check(&source("127.0.0.1", 1144, MigrationSecurity::Plain)).unwrap_err();
        rules.check(&source("10.0.0.1", 993, MigrationSecurity::Tls)).unwrap_err();
        let reach = Reach::Within(Arc::new(rules));
        let found = ["127.0.0.1:1143", "9.9.9.9:1143"].map(|a| a.parse().unwrap());
        assert_eq!(
            reach.of(found.into_iter(), true),
            ["127.0.0.1:1143".parse().unwrap()],
            "no password in plain text to the world"
        );
    }
}

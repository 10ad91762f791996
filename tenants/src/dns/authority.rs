//! SUMMARY    The servers of a domain: names walked up until one has NS records, their addresses.
//! SECURITY   Whoever runs a domain chooses what its NS records lead to: addresses in private space would make this server
//!            ask what stands beside it, so they are left out unless configured.
//! LIMITS     WALK_LABELS_MAX, AUTHORITIES_MAX

use super::{
    ask::{Question, ask},
    hickory::HickoryDns,
    limits::{AUTHORITIES_MAX, WALK_LABELS_MAX, ZONE_LIFE, ZONES_MAX},
};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

impl HickoryDns {
    /// Servers of the zone that a name is in; empty when none can be found.
    pub(super) async fn authorities(&self, name: &Name) -> Vec<SocketAddr> {
        let mut zone = name.clone();
        for _ in 0..WALK_LABELS_MAX {
            // Nobody delegates at an underscore.
            let service = zone.iter().next().is_some_and(|label| label.starts_with(b"_"));
            if zone.num_labels() < 2 {
                return Vec::new();
            }
            if !service {
                if let Some(servers) = self.remembered(&zone) {
                    return servers;
                }
                let hosts = self.servers_named(&zone).await;
                if !hosts.is_empty() {
                    let servers = self.addresses(&hosts).await;
                    self.remember(zone, &servers);
                    return servers;
                }
            }
            zone = zone.base_name();
        }
        Vec::new()
    }

    fn remembered(&self, zone: &Name) -> Option<Vec<SocketAddr>> {
        let zones = self.zones.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        zones.get(zone).filter(|(at, _)| at.elapsed() < ZONE_LIFE).map(|(_, servers)| servers.clone())
    }

    fn remember(&self, zone: Name, servers: &[SocketAddr]) {
        let mut zones = self.zones.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if zones.len() >= ZONES_MAX {
            zones.clear();
        }
        zones.insert(zone, (Instant::now(), servers.to_vec()));
    }

    /// Hosts of the NS records that stand at exactly this name.
    async fn servers_named(&self, zone: &Name) -> Vec<Name> {
        let records = self.resolved(zone, RecordType::NS).await.unwrap_or_default();
        let host = |r: &Record| match &r.data {
            RData::NS(host) if r.name.eq_ignore_root(zone) => Some(host.0.clone()),
            _ => None,
        };
        records.iter().filter_map(host).take(AUTHORITIES_MAX).collect()
    }

    async fn addresses(&self, hosts: &[Name]) -> Vec<SocketAddr> {
        let mut servers = Vec::new();
        for host in hosts {
            for kind in [RecordType::A, RecordType::AAAA] {
                let records = self.resolved(host, kind).await.unwrap_or_default();
                let address = records.iter().find_map(|r| match &r.data {
                    RData::A(a) => Some(IpAddr::V4(a.0)),
                    RData::AAAA(a) => Some(IpAddr::V6(a.0)),
                    _ => None,
                });
                let allowed = |ip: &IpAddr| self.options.private_addresses || !is_private(*ip);
                if let Some(ip) = address.filter(allowed) {
                    servers.push(SocketAddr::new(ip, self.options.authoritative_port));
                    break;
                }
            }
        }
        servers
    }

    /// Records of a name from the first resolver that answers.
    async fn resolved(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, String> {
        let mut why = "no resolver is configured".to_owned();
        for resolver in &self.options.resolvers {
            let question = Question { name, kind, recurse: true };
            match ask(*resolver, &question, self.options.ask_timeout).await {
                Ok(records) => return Ok(records),
                Err(e) => why = e,
            }
        }
        Err(why)
    }
}

/// Whether an address leads somewhere that only this machine or its neighbours reach.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                // RFC 6598
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(IpAddr::V4(v4)),
            None => {
                let [first, ..] = v6.segments();
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    // RFC 4193, RFC 4291 §2.5.6
                    || first & 0xfe00 == 0xfc00
                    || first & 0xffc0 == 0xfe80
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_space_is_known() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.1.2.3",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["192.0.2.1", "8.8.8.8", "100.128.0.1", "2001:db8::1"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}

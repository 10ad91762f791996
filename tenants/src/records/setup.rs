//! SUMMARY    What the server offers to the domains it keeps: where their mail comes, who sends it, what clients connect to.

/// From the configuration, the same for every domain.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Name of the server (canonical): MX, client configuration.
    pub hostname: String,
    /// Hosts that take mail, with their preferences; empty: the server itself.
    pub mx: Vec<(u16, String)>,
    /// SPF mechanism that covers our senders; empty: `a:HOSTNAME`.
    pub spf: String,
    /// Authority that issues our certificates, for CAA; empty: not offered.
    pub certificate_authority: String,
    /// SHA-256 (hex) of the public key of the server's certificate, for TLSA; empty: not offered.
    pub tls_key_sha256: String,
    /// Ports of services for clients, as SRV names them (`_imaps._tcp`).
    pub services: Vec<(&'static str, u16)>,
}

impl Setup {
    /// The hosts that take mail, best first.
    pub(crate) fn exchanges(&self) -> Vec<(u16, String)> {
        let mut hosts = self.mx.clone();
        if hosts.is_empty() {
            hosts.push((10, self.hostname.clone()));
        }
        hosts.sort();
        hosts
    }

    pub(crate) fn spf_mechanism(&self) -> String {
        if self.spf.is_empty() { format!("a:{}", self.hostname) } else { self.spf.clone() }
    }

    /// The MTA-STS policy to be served at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` (RFC 8461 §3.2). It begins in
    /// testing: enforcing is for who has seen the reports.
    pub fn mta_sts_policy(&self) -> String {
        let mut policy = String::from("version: STSv1\r\nmode: testing\r\n");
        for (_, host) in self.exchanges() {
            policy.push_str(&format!("mx: {host}\r\n"));
        }
        policy + "max_age: 604800\r\n"
    }

    /// Id of the policy: changes when the policy does.
    pub(crate) fn mta_sts_id(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.mta_sts_policy().as_bytes());
        digest.as_ref().iter().take(10).fold(String::new(), |id, b| format!("{id}{b:02x}"))
    }
}

//! SUMMARY    What one listener offers.
//! STANDARDS  RFC 5321 §4.1.1.1 (EHLO)

use base::{
    Domain,
    limits::{MESSAGE_BYTES_MAX, SMTP_RECIPIENTS_MAX},
};

/// Settings of a listener; connections share it.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub hostname: Domain,
    /// LMTP (RFC 2033): LHLO, and a reply per recipient after the message.
    pub lmtp: bool,
    /// STARTTLS is offered while the connection is plain.
    pub starttls: bool,
    /// MAIL needs TLS.
    pub tls_required: bool,
    /// SASL mechanisms, upper case, best first. Empty: AUTH is not offered. Names ending in -PLUS are offered under TLS only.
    pub mechanisms: Vec<String>,
    /// AUTH is offered under TLS only.
    pub auth_needs_tls: bool,
    /// MAIL needs authentication (submission, RFC 6409 §4.3).
    pub auth_required: bool,
    pub size_bytes_max: usize,
    pub recipients_max: usize,
    /// The caller answers VRFY and EXPN; otherwise the machine gives 252 and 502.
    pub verify: bool,
    pub smtputf8: bool,
    /// CHUNKING and BINARYMIME.
    pub chunking: bool,
    pub dsn: bool,
    /// REQUIRETLS is offered under TLS (RFC 8689 §2).
    pub require_tls: bool,
}

impl ServerConfig {
    /// Everything offered that needs no certificate and no passwords.
    pub fn new(hostname: Domain) -> Self {
        ServerConfig {
            hostname,
            lmtp: false,
            starttls: false,
            tls_required: false,
            mechanisms: Vec::new(),
            auth_needs_tls: true,
            auth_required: false,
            size_bytes_max: MESSAGE_BYTES_MAX,
            recipients_max: SMTP_RECIPIENTS_MAX,
            verify: false,
            smtputf8: true,
            chunking: true,
            dsn: true,
            require_tls: true,
        }
    }

    /// Mechanisms offered on a connection in this state.
    pub(super) fn offered(&self, tls: bool) -> impl Iterator<Item = &str> {
        let open = tls || !self.auth_needs_tls;
        self.mechanisms.iter().map(String::as_str).filter(move |m| open && (tls || !m.ends_with("-PLUS")))
    }

    /// Lines of the reply to EHLO after the first.
    pub(super) fn extensions(&self, tls: bool, authenticated: bool) -> Vec<String> {
        let mut lines = vec![
            "PIPELINING".to_owned(),
            format!("SIZE {}", self.size_bytes_max),
            "ENHANCEDSTATUSCODES".to_owned(),
            "8BITMIME".to_owned(),
        ];
        let mut offer = |on: bool, word: &str| {
            if on {
                lines.push(word.to_owned());
            }
        };
        offer(self.smtputf8, "SMTPUTF8");
        offer(self.chunking, "CHUNKING");
        offer(self.chunking, "BINARYMIME");
        offer(self.dsn, "DSN");
        offer(self.starttls && !tls, "STARTTLS");
        offer(self.require_tls && tls, "REQUIRETLS");
        let mechanisms: Vec<&str> = self.offered(tls).collect();
        if !authenticated && !mechanisms.is_empty() {
            lines.push(format!("AUTH {}", mechanisms.join(" ")));
        }
        lines.push("HELP".to_owned());
        lines
    }
}

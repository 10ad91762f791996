//! SUMMARY    Every key of the configuration: its kind, its default, what it is for. File, environment, help and print follow from it.
//! INVARIANTS A key that is not here does not exist. Names of the environment follow from the path and are unique.

use super::value::{Kind, Value};

/// Before every name of the environment.
pub const PREFIX: &str = "POSTHOUSE_";
/// Names with the prefix that are not keys: where the file is, and what is logged.
pub const OTHER_NAMES: [&str; 2] = ["POSTHOUSE_CONFIG", "POSTHOUSE_LOG"];

/// One key.
#[derive(Debug)]
pub struct Key {
    /// `listen.smtp`
    pub path: &'static str,
    pub kind: Kind,
    /// As written in a file, without quotes.
    pub default: Option<&'static str>,
    /// Not shown.
    pub secret: bool,
    pub about: &'static str,
}

impl Key {
    /// `POSTHOUSE_LISTEN_SMTP`
    pub fn env(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "_").to_ascii_uppercase())
    }

    /// The default, read.
    pub fn default_value(&self) -> Option<Value> {
        self.kind.read_text(self.default?).ok()
    }
}

const fn key(path: &'static str, kind: Kind, default: Option<&'static str>, about: &'static str) -> Key {
    Key { path, kind, default, secret: false, about }
}

const fn secret(path: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { path, kind, default: None, secret: true, about }
}

/// All of them, as the example file orders them: keys without a section come first, as a file needs it.
pub const KEYS: &[Key] = &[
    key("hostname", Kind::Text, None, "Name of this server in greetings, trace fields and bounces. Required."),
    key("data", Kind::Path, None, "Folder of everything it keeps. Required."),
    key(
        "role",
        Kind::Choice(&["all", "data", "control"]),
        Some("all"),
        "all: one process; data: doors, store and queue; control: tenants and their API.",
    ),
    key("plain_auth", Kind::Flag, Some("false"), "Passwords over connections without TLS: for loopback only."),
    key("proxy", Kind::Flag, Some("false"), "Mail doors expect a PROXY v2 header from a load balancer."),
    key("graphiql", Kind::Flag, Some("false"), "GraphiQL at GET /graphql."),
    key(
        "trusted_proxies",
        Kind::Text,
        None,
        "Proxies in front of the HTTP port, as \"10.0.0.0/8, ::1\": their X-Forwarded-For is believed.",
    ),
    key(
        "portal",
        Kind::Text,
        None,
        "Where browsers find the portal, as \"https://mail.example.org\": with it the HTTP port serves its pages at /. Passkeys and sign-ins at identity providers are bound to it.",
    ),
    key(
        "identity_hosts",
        Kind::Text,
        None,
        "Identity providers that may stand in your own network, without TLS too, as \"login.corp, 10.0.0.5\".",
    ),
    key(
        "webhook_networks",
        Kind::Text,
        None,
        "Networks, as \"10.1.0.0/16, ::1\", that webhooks may lead to though they are not public, without TLS too.",
    ),
    key(
        "notices_from",
        Kind::MailAddress,
        None,
        "Who invitations and other notices to people are from; postmaster at the hostname when missing.",
    ),
    key("connections_per_address", Kind::Count(1_000_000), Some("200"), "Open connections of one client address."),
    key(
        "connections_per_minute",
        Kind::Count(60_000_000),
        None,
        "New connections of one client address in a minute; without it 60 times connections_per_address, 1,000 at least.",
    ),
    key(
        "recipients_per_minute",
        Kind::Count(60_000_000),
        Some("600000"),
        "Recipients that one address of a foreign host may name in a minute.",
    ),
    key(
        "failures_free",
        Kind::Count(1_000_000),
        Some("10"),
        "Failed logins and unknown recipients of one address in an hour, after which its answers slow down.",
    ),
    key(
        "message_bytes_in_flight",
        Kind::Size,
        Some("512MiB"),
        "Message bytes of all connections in memory before their commit.",
    ),
    key(
        "stop_timeout",
        Kind::Time,
        Some("20s"),
        "How long sessions and attempts may take to end when it stops (1s to 10m).",
    ),
    key("sni", Kind::Sni, None, "Certificates for further names: a list of { name, chain, key }."),
    key("listen.smtp", Kind::Address, None, "Mail from other servers (port 25)."),
    key("listen.submission", Kind::Address, None, "Mail of our users, STARTTLS (port 587)."),
    key("listen.submissions", Kind::Address, None, "Mail of our users, TLS (port 465)."),
    key("listen.lmtp", Kind::Address, None, "Mail from a relay in front, LMTP (port 24): for loopback only."),
    key("listen.imap", Kind::Address, None, "IMAP, STARTTLS (port 143)."),
    key("listen.imaps", Kind::Address, None, "IMAP, TLS (port 993)."),
    key("listen.http", Kind::Address, None, "API, metrics and health, without TLS: for loopback or behind a proxy."),
    key("tls.chain", Kind::Path, None, "Certificate chain (PEM), leaf first. Without it a self-signed one is made."),
    key("tls.key", Kind::Path, None, "Its key (PEM)."),
    key("smart_host.host", Kind::Text, None, "Where all outgoing mail goes instead of to the MX hosts."),
    key("smart_host.port", Kind::Count(65_535), Some("587"), "Its port; 465 means TLS from the first byte."),
    key("smart_host.user", Kind::Text, None, "Login at the smart host; goes only over verified TLS."),
    secret("smart_host.password", Kind::Text, "Its password."),
    key(
        "smart_host.tls",
        Kind::Choice(&["auto", "opportunistic", "starttls", "implicit"]),
        Some("auto"),
        "auto: implicit on port 465, else opportunistic; a login always verifies.",
    ),
    key(
        "smart_host.ca_file",
        Kind::Path,
        None,
        "PEM file of the authorities to believe instead of the public ones, or of the smart host's own certificate.",
    ),
    secret(
        "sql.url",
        Kind::Text,
        "PostgreSQL of the control plane: postgres://… Without it SQLite in the data folder.",
    ),
    key("sql.schema", Kind::Text, Some("posthouse"), "Its schema, made when it is missing."),
    key(
        "plane.resend_interval",
        Kind::Time,
        Some("6h"),
        "How often the data plane is told everything again, to be sure (1s to 30d).",
    ),
    key("plane.listen", Kind::Address, None, "Where the data plane hears the control plane (role data), mutual TLS."),
    key("plane.url", Kind::Text, None, "Where the control plane finds the data plane (role control): https://…"),
    key("plane.certificate", Kind::Path, None, "This plane's certificate chain (PEM), leaf first."),
    key("plane.key", Kind::Path, None, "Its key (PEM)."),
    key("plane.ca", Kind::Path, None, "The authority that signs the other plane's certificate (PEM)."),
    key(
        "store.kind",
        Kind::Choice(&["embedded", "postgres", "foundationdb"]),
        Some("embedded"),
        "Where mail and metadata are kept: embedded: in the data folder, for one process; postgres and foundationdb: shared by any number of nodes.",
    ),
    key(
        "store.master_key",
        Kind::Path,
        None,
        "File of 32 bytes that wraps every tenant's key; master.key in the data folder when missing. Nodes that share a store have the same.",
    ),
    secret("store.postgres_url", Kind::Text, "PostgreSQL of the store: postgres://…"),
    key("store.postgres_schema", Kind::Text, Some("posthouse_kv"), "Its schema, made when it is missing."),
    key("store.postgres_connections", Kind::Count(1_000), Some("32"), "Connections of this node to it."),
    secret(
        "store.postgres_replicas",
        Kind::Text,
        "Streaming replicas that reads may go to, as postgres://… with commas between.",
    ),
    key(
        "store.foundationdb_cluster",
        Kind::Path,
        None,
        "Cluster file of FoundationDB; where its tools look when missing.",
    ),
    key(
        "store.foundationdb_library",
        Kind::Path,
        None,
        "Its client library, libfdb_c.so; where the system has it when missing.",
    ),
    key("store.foundationdb_name", Kind::Text, Some("default"), "Name of this deployment in the cluster."),
    key(
        "objects.kind",
        Kind::Choice(&["files", "s3"]),
        Some("files"),
        "Where packs of older messages are kept: files, or a bucket that speaks S3.",
    ),
    key("objects.folder", Kind::Path, None, "Folder of the packs; packs in the data folder when missing."),
    key("objects.endpoint", Kind::Text, None, "Where the bucket is, as https://s3.example.org; Amazon's when missing."),
    key("objects.region", Kind::Text, Some("us-east-1"), "Region of the bucket."),
    key("objects.bucket", Kind::Text, None, "The bucket; it exists."),
    key("objects.prefix", Kind::Text, Some("posthouse"), "What all names in the bucket begin with."),
    secret(
        "objects.access_key",
        Kind::Text,
        "Access key of the bucket; with none, keys are found where Amazon's tools find them.",
    ),
    secret("objects.secret_key", Kind::Text, "Its secret key."),
    key("objects.path_style", Kind::Flag, Some("false"), "The bucket is part of the path, not of the host's name."),
    key(
        "objects.encryption",
        Kind::Choice(&["bucket", "aes256", "kms"]),
        Some("bucket"),
        "Encryption by the server, besides ours: as the bucket says, or asked for.",
    ),
    key("objects.kms_key", Kind::Text, None, "Key of objects.encryption = \"kms\"."),
    key("objects.ca_file", Kind::Path, None, "Certificates (PEM) to trust besides those of the system."),
    key("objects.cache_folder", Kind::Path, None, "Folder of the read cache; cache in the data folder when missing."),
    key("objects.cache", Kind::Size, Some("1GiB"), "What the read cache may take of the disk."),
    key(
        "bus.kind",
        Kind::Choice(&["none", "nats", "redis", "kafka", "zenoh"]),
        Some("none"),
        "How nodes that share a store tell each other of changes at once: without it, clients of other nodes hear at their next command.",
    ),
    secret(
        "bus.url",
        Kind::Text,
        "nats://…, redis://…, kafka://HOST:PORT, or other peers as tcp/HOST:PORT (zenoh); several with commas.",
    ),
    key("bus.listen", Kind::Text, None, "Where this node listens for its peers (zenoh), as tcp/10.0.0.1:7447."),
    key(
        "bus.prefix",
        Kind::Text,
        Some("posthouse"),
        "What all subjects, channels or keys begin with; the topic of Kafka.",
    ),
    secret(
        "cells.redis_url",
        Kind::Text,
        "Redis for rates that hold over all nodes: redis://…; without it each node counts for itself.",
    ),
    key(
        "queue.enabled",
        Kind::Flag,
        Some("true"),
        "This node sends outgoing mail; others of the store may do it instead.",
    ),
    key("queue.workers", Kind::Count(10_000), Some("32"), "Attempts to send under way at once."),
    key("queue.per_domain_max", Kind::Count(10_000), Some("4"), "Connections to one domain at once."),
    key(
        "queue.lease",
        Kind::Time,
        Some("15m"),
        "How long an attempt may take before its item comes up again (1m to 1d).",
    ),
    key(
        "upkeep.enabled",
        Kind::Flag,
        Some("true"),
        "This node packs, compacts and sweeps; others of the store may do it instead.",
    ),
    key("upkeep.interval", Kind::Time, Some("6h"), "Time between two passes of the store's upkeep (1s to 30d)."),
    key("upkeep.cold_after", Kind::Time, Some("7d"), "Messages older than this move to packs (1s to 3650d)."),
    key(
        "exports.enabled",
        Kind::Flag,
        Some("true"),
        "This node makes the exports that are asked for; others of the store may do it instead.",
    ),
    key("backup.to", Kind::Text, None, "Where backups go: a folder, or a bucket as s3://BUCKET/PREFIX."),
    key(
        "backup.key_file",
        Kind::Path,
        None,
        "File of the key that opens them; backup.key in the data folder when missing. Keep a copy elsewhere.",
    ),
    key(
        "backup.every",
        Kind::Time,
        None,
        "Time between two backups that this server makes by itself (1m to 30d); it makes none when missing.",
    ),
    key(
        "backup.keep_last",
        Kind::Count(10_000),
        Some("3"),
        "The newest that are kept; others go after each backup of the server.",
    ),
    key("backup.keep_daily", Kind::Count(10_000), Some("7"), "Days of which the newest is kept."),
    key("backup.keep_weekly", Kind::Count(10_000), Some("5"), "Weeks of which the newest is kept."),
    key("backup.keep_monthly", Kind::Count(10_000), Some("12"), "Months of which the newest is kept."),
    key("backup.endpoint", Kind::Text, None, "Where the bucket is, as https://s3.example.org; Amazon's when missing."),
    key("backup.region", Kind::Text, Some("us-east-1"), "Region of the bucket."),
    secret(
        "backup.access_key",
        Kind::Text,
        "Access key of the bucket; with none, keys are found where Amazon's tools find them.",
    ),
    secret("backup.secret_key", Kind::Text, "Its secret key."),
    key("backup.path_style", Kind::Flag, Some("false"), "The bucket is part of the path, not of the host's name."),
    key("backup.ca_file", Kind::Path, None, "Certificates (PEM) to trust besides those of the system."),
    key(
        "migrations.enabled",
        Kind::Flag,
        Some("true"),
        "This node brings the mail of people who move here; others of the store may do it instead.",
    ),
    key("migrations.at_once", Kind::Count(64), Some("8"), "Mailboxes that this node brings mail into at once."),
    key(
        "migrations.networks",
        Kind::Text,
        None,
        "Networks, as \"10.1.0.0/16, ::1\", that mail may be brought from though they are not public, without TLS too.",
    ),
    key(
        "migrations.ports",
        Kind::Text,
        None,
        "Ports that mail may be brought from besides 143 and 993, as \"1993, 2000-2010\".",
    ),
    key(
        "dns.resolvers",
        Kind::Addresses,
        None,
        "Two recursive resolvers that domains are verified by; without them those of /etc/resolv.conf.",
    ),
    key(
        "dns.authoritative_port",
        Kind::Count(65_535),
        Some("53"),
        "Port of the servers of domains: another one in tests only.",
    ),
    key(
        "dns.private_addresses",
        Kind::Flag,
        Some("false"),
        "DNS servers of domains in private address space are spoken to.",
    ),
    key(
        "domains.mx",
        Kind::Text,
        None,
        "Hosts that take the mail of domains, best first, with commas; the hostname without it.",
    ),
    key(
        "domains.spf",
        Kind::Text,
        None,
        "SPF mechanism that covers our senders, as include:_spf.example.org; a:HOSTNAME without it.",
    ),
    key(
        "domains.certificate_authority",
        Kind::Text,
        None,
        "Issuer of our certificates, for CAA records, as letsencrypt.org.",
    ),
    key(
        "domains.failed_days",
        Kind::Count(365),
        Some("7"),
        "Days without its TXT record after which a domain is lost.",
    ),
    key(
        "billing.provider",
        Kind::Choice(&["none", "manual", "stripe"]),
        Some("none"),
        "Where new customers pay: none: nothing is sold; manual: invoices of ours, paid by transfer; stripe.",
    ),
    secret("billing.stripe_secret_key", Kind::Text, "Stripe's secret key, sk_live_… or sk_test_…"),
    secret(
        "billing.stripe_webhook_secret",
        Kind::Text,
        "Secret of Stripe's webhook to /billing/webhooks/stripe, whsec_…",
    ),
    key(
        "billing.stripe_url",
        Kind::Text,
        None,
        "Where Stripe is reached, where it is not Stripe itself: a fake of it.",
    ),
    key("billing.issuer_name", Kind::Text, None, "Who issues invoices of ours; the hostname when missing."),
    key(
        "billing.issuer_address",
        Kind::Text,
        None,
        "Street, town, country, as on invoices: lines, with ; between them.",
    ),
    key("billing.issuer_tax_id", Kind::Text, None, "The issuer's tax id, as on invoices."),
    key("billing.issuer_bank", Kind::Text, None, "Where invoices of ours are paid to: lines, with ; between them."),
    key(
        "billing.invoice_series",
        Kind::Text,
        None,
        "What comes before the year in numbers of our invoices; R when missing.",
    ),
];

/// The key of a path.
pub fn of_path(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.path == path)
}

/// The known name that is most like a wrong one, if one is near.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|name| (distance(wrong, name), name)).min_by_key(|(d, _)| *d);
    near.filter(|(d, name)| *d <= 1 + name.chars().count() / 3).map(|(_, name)| name)
}

/// Edits (a character in, out or replaced, two neighbours swapped) between two names.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |r: &[usize], n: usize| r.get(n).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_unique_and_every_default_is_of_its_kind() {
        let names: HashSet<String> = KEYS.iter().map(Key::env).collect();
        assert_eq!(names.len(), KEYS.len());
        assert!(OTHER_NAMES.iter().all(|n| !names.contains(*n)));
        for key in KEYS {
            assert_eq!(key.default.is_some(), key.default_value().is_some(), "{}", key.path);
        }
    }

    #[test]
    fn a_typo_finds_its_name() {
        let check = |wrong: &str, right: Option<&str>| {
            assert_eq!(nearest(wrong, KEYS.iter().map(|k| k.path)), right, "{wrong}");
        };
        check("listen.smpt", Some("listen.smtp"));
        check("plain_aut", Some("plain_auth"));
        check("hostnmae", Some("hostname"));
        check("colour_of_the_sky", None);
    }
}

//! SUMMARY    Tests of the configuration: sources, errors, the example file, what is printed.

use super::{key::KEYS, *};
use std::path::Path;

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posthouse.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Loaded::read(Some(&path), variables)
}

const SMALL: &str = "hostname = \"m.example\"\ndata = \"/d\"\n";

#[test]
fn a_small_file_is_enough() {
    let config = Config::from_loaded(&load(&format!("{SMALL}[listen]\nimap = \"[::]:143\""), &[]).unwrap()).unwrap();
    assert!(config.listen.imap.is_some() && config.listen.smtp.is_none() && !config.plain_auth);
    assert_eq!(config.message_bytes_in_flight, base::limits::MESSAGE_BYTES_IN_FLIGHT_MAX);
    assert_eq!(config.stop_timeout, Duration::from_secs(20));
    assert_eq!(config.upkeep.cold_after, store::blob::Packing::default().older_than);
}

#[test]
fn rates_of_an_address_are_given_one_by_one() {
    let rates = |file: &str| Config::from_loaded(&load(&format!("{SMALL}{file}"), &[]).unwrap()).unwrap().rates;
    let usual = rates("");
    assert_eq!((usual.connections_max, usual.connections_per_minute_max, usual.failures_free), (200, 12_000, 10));
    assert_eq!(rates("connections_per_address = 2").connections_per_minute_max, 1_000);
    let own = rates("connections_per_minute = 7\nrecipients_per_minute = 8\nfailures_free = 9");
    let (minute, recipients) = (own.connections_per_minute_max, own.recipients_per_minute_max);
    assert_eq!((own.connections_max, minute, recipients, own.failures_free), (200, 7, 8, 9));
}

#[test]
fn unknown_names_are_errors_that_name_the_nearest() {
    let why = load(&format!("{SMALL}plain_aut = true\n[listen]\nsmpt = \"[::]:25\"\n[quue]\nx = 1"), &[]).unwrap_err();
    for line in
        ["plain_aut: unknown key; did you mean plain_auth?", "listen.smpt: unknown key; did you mean listen.smtp?"]
    {
        assert!(why.contains(line), "{why}");
    }
    assert!(why.contains("quue: unknown key; did you mean queue?"), "{why}");
    let why =
        load(SMALL, &[("POSTHOUSE_LISTEN_SMPT", "x"), ("POSTHOUSE_SERVICE_PORT_9", "y"), ("OTHER", "z")]).unwrap_err();
    assert!(why.contains("POSTHOUSE_LISTEN_SMPT (environment): unknown; did you mean POSTHOUSE_LISTEN_SMTP?"), "{why}");
    assert_eq!(why.lines().count(), 2, "{why}");
    assert!(load(SMALL, &[("POSTHOUSE_LOG", "debug"), ("POSTHOUSE_CONFIG", "x")]).is_ok());
}

#[test]
fn the_environment_wins_and_an_empty_variable_takes_away() {
    let file = format!("{SMALL}stop_timeout = \"5s\"\n[listen]\nsmtp = \"[::]:25\"\nimap = \"[::]:143\"");
    let variables = [
        ("POSTHOUSE_LISTEN_SMTP", "127.0.0.1:2525"),
        ("POSTHOUSE_LISTEN_IMAP", ""),
        ("POSTHOUSE_STOP_TIMEOUT", ""),
        ("POSTHOUSE_MESSAGE_BYTES_IN_FLIGHT", "50MB"),
        ("POSTHOUSE_SNI", "[{ name = \"a.example\", chain = \"/c\", key = \"/k\" }]"),
    ];
    let loaded = load(&file, &variables).unwrap();
    let config = Config::from_loaded(&loaded).unwrap();
    assert_eq!(config.listen.smtp, "127.0.0.1:2525".parse().ok());
    assert_eq!((config.listen.imap, config.message_bytes_in_flight), (None, 50_000_000));
    assert_eq!((config.stop_timeout, config.sni.len()), (Duration::from_secs(20), 1));
}

#[test]
fn whom_notices_are_from_is_a_plain_address_and_an_odd_one_is_named_with_its_file() {
    let from = |text: &str| load(&format!("{SMALL}notices_from = '{text}'"), &[]);
    let config = Config::from_loaded(&from("Accounts@example.org").unwrap()).unwrap();
    assert_eq!(config.notices_from.to_string(), "Accounts@example.org");
    let usual = Config::from_loaded(&load(SMALL, &[]).unwrap()).unwrap();
    assert_eq!(usual.notices_from.to_string(), "postmaster@m.example");
    for odd in [
        "accounts",
        "Accounts <a@example.org>",
        "a@[192.0.2.1]",
        "\"a b\"@example.org",
        "\"a\"@example.org",
        "ren\u{e9}@example.org",
        "a\u{200b}@example.org",
        "a@exam\u{200b}ple.org",
        " a@example.org",
        "",
    ] {
        let why = from(odd).unwrap_err();
        assert!(
            why.contains("posthouse.toml: notices_from: ") && why.contains("no plain mail address"),
            "{odd}: {why}"
        );
    }
    let why = load(SMALL, &[("POSTHOUSE_NOTICES_FROM", "no")]).unwrap_err();
    assert!(why.starts_with("POSTHOUSE_NOTICES_FROM (environment): "), "{why}");
    let why = load(&format!("{SMALL}notices_from = 5"), &[]).unwrap_err();
    assert!(why.contains("notices_from: expected a mail address, found integer"), "{why}");
}

#[test]
fn values_of_another_kind_are_refused_all_at_once() {
    let file = format!(
        "{SMALL}plain_auth = \"yes\"\nmessage_bytes_in_flight = \"50\"\nstop_timeout = 20\n[listen]\nsmtp = \"25\""
    );
    let why = load(&file, &[("POSTHOUSE_PROXY", "1"), ("POSTHOUSE_QUEUE_WORKERS", "0")]).unwrap_err();
    assert_eq!(why.lines().count(), 6, "{why}");
    assert!(
        why.contains("stop_timeout: 20 has no unit") && why.contains("expected true or false, found string"),
        "{why}"
    );
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    let check = |file: &str, expect: &str| {
        let why = Config::from_loaded(&load(&format!("{SMALL}{file}"), &[]).unwrap()).err().unwrap();
        assert!(why.starts_with(expect), "{why}");
    };
    check("[tls]\nchain = \"/c\"", "tls.key: ");
    check("[smart_host]\nhost = \"h\"\nuser = \"u\"", "smart_host.password: ");
    check("[smart_host]\nca_file = \"/c\"", "smart_host.host: ");
    check("stop_timeout = \"1d\"", "stop_timeout: between 1s and 10m");
    check("[sql]\nschema = \"s\"", "sql.url: ");
    check("[sql]\nurl = \"mysql://h\"", "sql.url: ");
    check("[sql]\nurl = \"postgres://h/d\"\nschema = \"S;\"", "sql.schema: ");
    check("[billing]\nprovider = \"stripe\"", "billing.stripe_secret_key: ");
    check("[billing]\nprovider = \"stripe\"\nstripe_secret_key = \"sk\"", "billing.stripe_webhook_secret: ");
    check("[billing]\nstripe_secret_key = \"sk\"\nstripe_webhook_secret = \"wh\"", "billing.provider: ");
    check("[migrations]\nports = \"993, 20-10\"", "migrations.ports: ");
    check("[migrations]\nnetworks = \"here\"", "migrations.networks: ");
    check("[queue]\nlease = \"1s\"", "queue.lease: between 1m and 1d");
}

#[test]
fn the_print_masks_secrets_names_sources_and_can_be_read_again() {
    let file = format!("{SMALL}[smart_host]\nhost = \"relay.example\"\nuser = \"u\"\npassword = \"hunter2\"");
    let loaded = load(&file, &[("POSTHOUSE_LISTEN_SMTP", "127.0.0.1:25")]).unwrap();
    let text = print(&loaded);
    assert!(!text.contains("hunter2") && text.contains("password = \"********\""), "{text}");
    let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("smtp =").ends_with("# POSTHOUSE_LISTEN_SMTP"), "{text}");
    assert!(line("hostname =").ends_with("posthouse.toml") && line("stop_timeout =").ends_with("# default"), "{text}");
    let mut again = Config::from_loaded(&load(&text, &[]).unwrap()).unwrap();
    if let Some(smart) = &mut again.smart_host {
        smart.login = Some(("u".into(), "hunter2".into()));
    }
    assert!(again == Config::from_loaded(&loaded).unwrap());
}

#[test]
fn the_example_parses_has_every_key_and_shows_the_defaults() {
    let mut config = Config::from_loaded(&load(EXAMPLE, &[]).unwrap()).unwrap();
    config.listen = Listen::default();
    assert!(config == Config::minimal("mail.example.org", Path::new("/var/lib/posthouse")).unwrap());
    // With every comment taken as a value it still parses, and what has a default shows it.
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
        _ => line.to_owned(),
    };
    let whole = load(&EXAMPLE.lines().map(uncomment).collect::<Vec<_>>().join("\n"), &[]).unwrap();
    for key in KEYS {
        let (value, source) = whole.value(key.path).unwrap();
        assert!(matches!(source, load::Source::File(_)), "{} is missing", key.path);
        assert!(key.default_value().is_none_or(|d| d == *value), "{}: {value}", key.path);
    }
    // All at once is no server: each role has its own.
    let why = Config::from_loaded(&whole).err().unwrap();
    assert!(why.lines().all(|l| l.starts_with("plane.")) && why.lines().count() == 5, "{why}");
}

#[test]
fn a_role_asks_for_what_it_needs_and_refuses_what_it_has_no_use_for() {
    let files = "certificate = \"/c\"\nkey = \"/k\"\nca = \"/a\"\n";
    let check =
        |file: &str| Config::from_loaded(&load(&format!("hostname = \"m\"\ndata = \"/d\"\n{file}"), &[]).unwrap());
    let refused = |file: &str, expect: &[&str]| {
        let why = check(file).err().unwrap();
        let told: Vec<&str> = why.lines().map(|l| l.split(':').next().unwrap_or_default()).collect();
        assert_eq!(told, expect, "{why}");
    };
    let data = format!("role = \"data\"\n[plane]\n{files}listen = \"127.0.0.1:9443\"\n");
    assert!(matches!(check(&data).unwrap().role, Role::Data { .. }));
    let control = format!("role = \"control\"\n[plane]\n{files}url = \"https://d:1\"\n");
    assert!(matches!(check(&control).unwrap().role, Role::Control { .. }));
    assert!(check(&format!("{control}[listen]\nhttp = \"127.0.0.1:8080\"")).is_ok());
    refused(&format!("{control}[listen]\nsmtp = \"127.0.0.1:25\""), &["listen.smtp"]);
    refused(&format!("{control}[smart_host]\nhost = \"h\""), &["smart_host.host"]);
    refused(&format!("{control}listen = \"127.0.0.1:9443\""), &["plane.listen"]);
    refused(&format!("{data}url = \"https://d:1\""), &["plane.url"]);
    refused("role = \"data\"", &["plane.listen"]);
    refused("role = \"control\"", &["plane.url"]);
    refused("role = \"data\"\n[plane]\nlisten = \"127.0.0.1:9443\"", &["plane.certificate"]);
    refused(&format!("{data}[sql]\nurl = \"postgres://h/d\""), &["sql.url"]);
    refused(&format!("[plane]\n{files}"), &["plane.certificate", "plane.key", "plane.ca"]);
}

#[test]
fn the_print_of_every_role_can_be_read_again() {
    let files = "certificate = \"/c\"\nkey = \"/k\"\nca = \"/a\"\n";
    let data = format!("role = \"data\"\n[plane]\n{files}listen = \"127.0.0.1:9443\"\n");
    let control = format!("role = \"control\"\n[plane]\n{files}url = \"https://d:1\"\n");
    for file in [data, control, "[listen]\nimap = \"127.0.0.1:143\"\n".to_owned()] {
        let loaded = load(&format!("{SMALL}{file}"), &[]).unwrap();
        let again = Config::from_loaded(&load(&print(&loaded), &[]).unwrap()).unwrap();
        assert!(again == Config::from_loaded(&loaded).unwrap(), "{file}");
    }
}

#[test]
fn the_environment_gives_the_plane_as_any_other_key() {
    let variables = [
        ("POSTHOUSE_ROLE", "control"),
        ("POSTHOUSE_PLANE_URL", "https://data:9443"),
        ("POSTHOUSE_PLANE_CERTIFICATE", "/c"),
        ("POSTHOUSE_PLANE_KEY", "/k"),
        ("POSTHOUSE_PLANE_CA", "/a"),
    ];
    let config = Config::from_loaded(&load(SMALL, &variables).unwrap()).unwrap();
    assert!(matches!(config.role, Role::Control { url, .. } if url == "https://data:9443"));
}

#[test]
fn billing_is_off_until_a_provider_is_named_and_its_keys_are_never_shown() {
    let billing = |loaded: &Loaded| Config::from_loaded(loaded).unwrap().billing;
    assert!(billing(&load(SMALL, &[]).unwrap()).is_none());
    assert!(billing(&load(SMALL, &[("POSTHOUSE_BILLING_PROVIDER", "none")]).unwrap()).is_none());
    let manual = billing(&load(&format!("{SMALL}[billing]\nprovider = \"manual\""), &[]).unwrap()).unwrap();
    assert!(manual.provider == "manual" && manual.stripe.is_none());
    let variables = [
        ("POSTHOUSE_BILLING_PROVIDER", "stripe"),
        ("POSTHOUSE_BILLING_STRIPE_SECRET_KEY", "sk_test_hunter2"),
        ("POSTHOUSE_BILLING_STRIPE_WEBHOOK_SECRET", "whsec_hunter2"),
    ];
    let loaded = load(SMALL, &variables).unwrap();
    let stripe = billing(&loaded).unwrap();
    assert!(stripe.provider == "stripe" && stripe.stripe.unwrap().webhook_secret == "whsec_hunter2");
    assert!(!print(&loaded).contains("hunter2"));
    let why = load(&format!("{SMALL}[billing]\nprovider = \"paypal\""), &[]).unwrap_err();
    assert!(why.contains("billing.provider: ") && why.contains("none, manual, stripe"), "{why}");
}

#[test]
fn the_help_names_every_variable() {
    let help = environment_help();
    assert!(KEYS.iter().all(|k| help.contains(&k.env())));
}

#[test]
fn nodes_that_share_a_store_share_what_belongs_to_it() {
    use storage::{Bus, KvStore, ObjectStore};
    let check = |file: &str| Config::from_loaded(&load(&format!("{SMALL}{file}"), &[]).unwrap());
    let refused = |file: &str, expect: &str| {
        let why = check(file).err().unwrap();
        assert!(why.starts_with(expect) && !why.contains("hidden"), "{why}");
    };
    let postgres = "[store]\nkind = \"postgres\"\npostgres_url = \"postgres://u:hidden@h/d\"\n";
    let shared = format!("{postgres}master_key = \"/k\"\n");
    refused("[store]\nkind = \"postgres\"", "store.postgres_url: ");
    refused("[store]\npostgres_url = \"postgres://u:hidden@h/d\"", "store.postgres_url: it is of no use");
    refused("[store]\nkind = \"postgres\"\npostgres_url = \"mysql://u:hidden@h/d\"", "store.postgres_url: it begins");
    refused(postgres, "store.master_key: ");
    refused(&shared, "objects.kind: ");
    refused(&format!("{shared}[objects]\nkind = \"s3\"\nbucket = \"b\"\naccess_key = \"a\""), "objects.secret_key: ");
    refused(&format!("{shared}[objects]\nkind = \"s3\"\nbucket = \"b\"\nsecret_key = \"a\""), "objects.access_key: ");
    let found = check(&format!(
        "{shared}[objects]\nkind = \"s3\"\nbucket = \"b\"\n[bus]\nkind = \"redis\"\nurl = \"redis://h\"\n"
    ))
    .unwrap();
    assert!(matches!(&found.store.objects, ObjectStore::S3(s3) if s3.keys.is_none()));
    refused("[objects]\nbucket = \"b\"", "objects.bucket: it is of no use");
    refused("[bus]\nkind = \"nats\"\nurl = \"nats://h\"", "bus.kind: ");
    refused("[bus]\nurl = \"nats://h\"", "bus.url: it is of no use");
    refused("[cells]\nredis_url = \"http://u:hidden@h\"", "cells.redis_url: it begins");
    let whole = format!(
        "{shared}postgres_replicas = \"postgres://a, postgres://b\"\n[objects]\nkind = \"s3\"\nbucket = \"b\"\naccess_key = \"a\"\n\
         secret_key = \"s\"\nencryption = \"kms\"\nkms_key = \"k\"\n[bus]\nkind = \"redis\"\nurl = \"rediss://h\"\n"
    );
    let config = check(&whole).unwrap();
    assert!(config.store.is_shared() && !check("").unwrap().store.is_shared());
    assert!(matches!(&config.store.kv, KvStore::Postgres(p) if p.replicas.len() == 2 && p.connections == 32));
    assert!(matches!(&config.store.objects, ObjectStore::S3(s3) if s3.cache_bytes == 1 << 30));
    assert!(matches!(&config.store.bus, Bus::Redis { .. }));
    // A node without the control plane needs no port for it: it finds in the store what another one was told.
    let data = check(&format!("{shared}[objects]\nfolder = \"/p\"\n").replace("[store]", "role = \"data\"\n[store]"));
    assert!(matches!(data.unwrap().role, Role::Data { plane: None }));
}

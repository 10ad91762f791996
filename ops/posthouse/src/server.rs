//! SUMMARY    Assembling a server from its rooms, and taking it down again.
//! INVARIANTS The store is opened first and closed last. Doors open when everything behind them stands.

use crate::{
    config::{Config, Listen},
    http, upkeep,
};
use account::{AccountOptions, Accounts, MasterKey};
use base::{
    Domain, Rng, SystemClock, SystemRng,
    limits::{MESSAGE_BYTES_IN_FLIGHT_MAX, MESSAGE_ROOM_WAIT_MS_MAX},
};
use mail::Mail;
use queue::{DnsResolver, NoResolver, Queue, QueueOptions, Resolve, SmartHost, SmartHostTls};
use serve::{
    Authenticator, Budget, Certificate, Door, IpLimits, IpRates, Listener, ListenerOptions, Shutdown, TlsStore,
    imap::{ImapDoor, ImapOptions},
    smtp::{Role, SmtpDoor, SmtpOptions, Throttle},
};
use std::{
    fmt::Display,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use store::{Kv, blob::FsObjects, embedded};
use tenants::{PasswordCost, Service, ServiceOptions};

/// Time for sessions to end when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What is kept in the data folder, opened.
pub struct Stores {
    pub kv: Arc<dyn Kv>,
    pub accounts: Accounts,
    secret: [u8; 32],
}

impl Stores {
    /// Opens (or makes) the data folder.
    pub async fn open(data: &Path) -> Result<Stores, String> {
        std::fs::create_dir_all(data).map_err(|e| at(data, e))?;
        let master = master_key(&data.join("master.key"))?;
        let kv = embedded::open(data.join("kv"), embedded::EmbeddedOptions::default()).map_err(|e| at(data, e))?;
        let objects = FsObjects::open(data.join("packs")).map_err(|e| at(data, e))?;
        let accounts = Accounts::new(AccountOptions {
            kv: kv.clone(),
            objects: Arc::new(objects),
            master: MasterKey::new(master),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng::default()),
        });
        // Derived, so that every node of a deployment shows the same fake salts.
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[b"scram".as_slice(), &master].concat());
        let secret = digest.as_ref().try_into().map_err(|_| "digest".to_owned())?;
        Ok(Stores { kv, accounts, secret })
    }
}

fn at(path: &Path, e: impl Display) -> String {
    format!("{}: {e}", path.display())
}

/// 32 bytes, made at the first start; without it nothing stored can be read.
fn master_key(path: &Path) -> Result<[u8; 32], String> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    if !path.exists() {
        let mut key = [0u8; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| "no randomness".to_owned())?;
        let mut file =
            std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(|e| at(path, e))?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(|e| at(path, e))?;
    }
    let bytes = std::fs::read(path).map_err(|e| at(path, e))?;
    bytes.try_into().map_err(|_| at(path, "a master key has 32 bytes"))
}

/// Ports that were bound.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    pub smtp: Option<u16>,
    pub submission: Option<u16>,
    pub submissions: Option<u16>,
    pub lmtp: Option<u16>,
    pub imap: Option<u16>,
    pub imaps: Option<u16>,
    pub http: Option<u16>,
}

/// A server that serves.
pub struct Server {
    pub ports: Ports,
    pub service: Arc<Service>,
    kv: Arc<dyn Kv>,
    shutdown: Shutdown,
    upkeep: tokio::task::AbortHandle,
}

impl Server {
    /// Opens everything and begins to listen.
    pub async fn start(config: &Config) -> Result<Server, String> {
        let hostname = Domain::parse(&config.hostname).map_err(|e| format!("hostname: {e}"))?;
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
            .install_recorder()
            .map_err(|e| format!("metrics: {e}"))?;
        let stores = Stores::open(&config.data).await?;
        let tls = certificates(config)?;
        let options = ServiceOptions {
            control: Arc::new(stores.accounts.clone()),
            clock: Arc::new(SystemClock),
            password_cost: PasswordCost::default(),
        };
        let service =
            Service::open(&config.data.join("control.sqlite"), options).await.map_err(|e| at(&config.data, e))?;
        let shutdown = Shutdown::default();
        tokio::spawn(service.clone().run_relay(shutdown.watch()));
        tokio::spawn(outgoing(config, &stores, &hostname).run(shutdown.watch()));
        let node = SystemRng::default().next_u64();
        let upkeep = tokio::spawn(upkeep::run(stores.accounts.clone(), config.upkeep, node)).abort_handle();
        let doors = Doors::new(config, &stores, hostname, tls);
        let mut ports = doors.open(&config.listen, &shutdown).await?;
        if let Some(address) = config.listen.http {
            let api = api::router(service.clone(), api::ApiOptions { graphiql: config.graphiql });
            let router = api.merge(http::router(stores.accounts.clone(), metrics));
            ports.http = Some(http::listen(address, config.free_ports, router, shutdown.watch()).await?);
        }
        Ok(Server { ports, service, kv: stores.kv, shutdown, upkeep })
    }

    /// Ends sessions, waits for their commits, closes the store.
    pub async fn stop(self) {
        self.upkeep.abort();
        if !self.shutdown.stop(STOP_TIMEOUT).await {
            tracing::warn!("some sessions did not end in time");
        }
        self.kv.close().await;
    }
}

fn outgoing(config: &Config, stores: &Stores, hostname: &Domain) -> Queue {
    let resolver: Arc<dyn Resolve> = match DnsResolver::system() {
        Ok(resolver) => Arc::new(resolver),
        Err(error) => {
            tracing::warn!(%error, "no resolver: mail for other hosts waits");
            Arc::new(NoResolver(error))
        }
    };
    let mut options = QueueOptions::new(hostname.clone(), resolver);
    options.smart_host = config.smart_host.as_ref().map(|s| SmartHost {
        host: s.host.clone(),
        port: s.port,
        auth: s.user.clone().zip(s.password.clone()),
        tls: if s.port == 465 { SmartHostTls::Implicit } else { SmartHostTls::Opportunistic },
    });
    let listen = &config.listen;
    options.own_addresses = [listen.smtp, listen.submission, listen.submissions].into_iter().flatten().collect();
    Queue::new(Mail::new(stores.accounts.clone(), hostname.as_str()), options)
}

fn certificates(config: &Config) -> Result<TlsStore, String> {
    let default = match &config.tls {
        Some(tls) => Certificate::from_files(&tls.chain, &tls.key).map_err(|e| at(&tls.chain, e))?,
        None => {
            let names = vec![config.hostname.clone(), "localhost".into()];
            let folder: PathBuf = config.data.join("tls");
            Certificate::self_signed(&folder, &names).map_err(|e| at(&folder, e))?
        }
    };
    let mut by_name = Vec::new();
    for sni in &config.sni {
        let certificate = Certificate::from_files(&sni.chain, &sni.key).map_err(|e| at(&sni.chain, e))?;
        by_name.push((sni.name.to_ascii_lowercase(), certificate));
    }
    Ok(TlsStore::new(default, by_name))
}

struct Doors {
    smtp: SmtpOptions,
    imap: ImapOptions,
    tls: TlsStore,
    proxy: bool,
    free_ports: bool,
    limits: IpLimits,
}

impl Doors {
    fn new(config: &Config, stores: &Stores, hostname: Domain, tls: TlsStore) -> Self {
        let mail = Mail::new(stores.accounts.clone(), hostname.as_str());
        let auth = Authenticator::new(mail.clone(), stores.secret);
        let mut rates = IpRates::default();
        if let Some(max) = config.connections_per_address {
            rates.connections_max = max;
            rates.connections_per_minute_max = max.saturating_mul(60);
        }
        let limits = IpLimits::new(rates);
        let wait = Duration::from_millis(MESSAGE_ROOM_WAIT_MS_MAX);
        let budget = Budget::new(config.message_bytes_in_flight.unwrap_or(MESSAGE_BYTES_IN_FLIGHT_MAX), wait);
        let plain_auth = config.plain_auth;
        let smtp = SmtpOptions {
            mail: mail.clone(),
            auth: auth.clone(),
            hostname,
            limits: limits.clone(),
            throttle: Throttle::default(),
            budget: budget.clone(),
            starttls: true,
            plain_auth,
        };
        let imap = ImapOptions { mail, auth, limits: limits.clone(), budget, plain_auth };
        Doors { smtp, imap, tls, proxy: config.proxy, free_ports: config.free_ports, limits }
    }

    async fn open(&self, listen: &Listen, shutdown: &Shutdown) -> Result<Ports, String> {
        let smtp = |role| Arc::new(SmtpDoor::new(role, self.smtp.clone()));
        let imap = || Arc::new(ImapDoor::new(self.imap.clone()));
        Ok(Ports {
            smtp: self.bind(listen.smtp, smtp(Role::Mx), false, shutdown).await?,
            submission: self.bind(listen.submission, smtp(Role::Submission), false, shutdown).await?,
            submissions: self.bind(listen.submissions, smtp(Role::Submission), true, shutdown).await?,
            lmtp: self.bind(listen.lmtp, smtp(Role::Lmtp), false, shutdown).await?,
            imap: self.bind(listen.imap, imap(), false, shutdown).await?,
            imaps: self.bind(listen.imaps, imap(), true, shutdown).await?,
            http: None,
        })
    }

    async fn bind(
        &self,
        address: Option<SocketAddr>,
        door: Arc<dyn Door>,
        implicit_tls: bool,
        shutdown: &Shutdown,
    ) -> Result<Option<u16>, String> {
        let Some(address) = address else { return Ok(None) };
        let options = ListenerOptions {
            tls: Some(self.tls.clone()),
            implicit_tls,
            proxy: self.proxy,
            limits: self.limits.clone(),
        };
        let name = door.name();
        let listener = match Listener::bind(address, door.clone(), options.clone()).await {
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && self.free_ports => {
                Listener::bind(SocketAddr::new(address.ip(), 0), door, options).await
            }
            bound => bound,
        };
        let listener = listener.map_err(|e| format!("{name} on {address}: {e}"))?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        listener.spawn(shutdown);
        Ok(Some(port))
    }
}

/// `posthouse serve`.
pub async fn serve(config: &Path) -> Result<(), String> {
    let config = Config::read(config)?;
    let server = Server::start(&config).await?;
    if let Some(token) = first_token(&config.data, &server.service).await? {
        println!("operator token (shown once, also in operator.token): {token}");
    }
    tracing::info!(ports = ?server.ports, "serving");
    stopped().await;
    server.stop().await;
    Ok(())
}

/// Makes the provider and its operator token at the first start.
async fn first_token(data: &Path, service: &Service) -> Result<Option<String>, String> {
    let path = data.join("operator.token");
    if path.exists() {
        return Ok(None);
    }
    let token = service.bootstrap("Provider").await.map_err(|e| e.to_string())?.operator_token;
    std::fs::write(&path, &token).map_err(|e| at(&path, e))?;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(|e| at(&path, e))?;
    Ok(Some(token))
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn stopped() {
    let term = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = term => {}
    }
}

//! SUMMARY    Assembling a server from its rooms, and taking it down again.
//! INVARIANTS The store is opened first and closed last. Doors open when everything behind them stands.

use crate::{
    config::{Config, Listen, SmartHost},
    ctl::{self, Desk},
    http,
    stores::Stores,
    upkeep,
};
use account::Accounts;
use base::{
    Clock, Domain, SystemClock,
    limits::{ANSWER_BYTES_IN_FLIGHT_MAX, MESSAGE_ROOM_WAIT_MS_MAX},
};
use mail::Mail;
use queue::{DnsResolver, NoResolver, Queue, QueueOptions, Resolve, Trust};
use serde::Serialize;
use serde_json::json;
use serve::{
    Authenticator, Budget, Door, IpLimits, IpRates, Listener, ListenerOptions, Shutdown, TlsStore,
    imap::{ImapDoor, ImapOptions},
    smtp::{Role, SmtpDoor, SmtpOptions, Throttle},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use store::Kv;
use tenants::Service;
use tokio::task::JoinHandle;

/// Ports that were bound.
#[derive(Debug, Clone, Copy, Default, Serialize)]
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
    pub accounts: Accounts,
    kv: Arc<dyn Kv>,
    shutdown: Shutdown,
    tls: TlsStore,
    config: Config,
    /// What ends by itself after the sessions were told.
    tasks: Vec<JoinHandle<()>>,
    _ctl: Option<ctl::socket::Bound>,
}

impl Server {
    /// Opens everything and begins to listen.
    pub async fn start(config: &Config) -> Result<Server, String> {
        let hostname = Domain::parse(&config.hostname).map_err(|e| format!("hostname: {e}"))?;
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
            .install_recorder()
            .map_err(|e| format!("metrics: {e}"))?;
        let tls = crate::tls::open(config)?;
        let stores = Stores::open(&config.data).await?;
        match stores.accounts.undo_copies().await {
            Ok(0) => {}
            Ok(parts) => tracing::info!(parts, "copies that were cut off were taken back"),
            Err(error) => tracing::error!(%error, "copies that were cut off were not taken back"),
        }
        let service = stores.service(&config.data).await?;
        let queue = outgoing(config, &stores, &hostname)?;
        let shutdown = Shutdown::default();
        tokio::spawn(service.clone().run_relay(shutdown.watch()));
        let mut tasks = vec![tokio::spawn(queue.run(shutdown.watch()))];
        tasks.push(tokio::spawn(upkeep::run(stores.accounts.clone(), config.upkeep, shutdown.watch())));
        let doors = Doors::new(config, &stores, hostname, tls.clone());
        let mut ports = doors.open(&config.listen, &shutdown).await?;
        if let Some(address) = config.listen.http {
            let api = api::router(service.clone(), api::ApiOptions { graphiql: config.graphiql });
            let router = api.merge(http::router(stores.accounts.clone(), metrics));
            let (port, task) = http::listen(address, config.free_ports, router, shutdown.watch()).await?;
            ports.http = Some(port);
            tasks.push(task);
        }
        let accounts = stores.accounts.clone();
        let desk = Desk { accounts: stores.accounts, service: service.clone(), status: status(config, &ports) };
        let ctl = ctl::socket::listen(&config.data, desk, shutdown.watch());
        let ctl =
            ctl.inspect_err(|error| tracing::warn!(%error, "no control socket: ctl works when the server is stopped"));
        let config = config.clone();
        Ok(Server { ports, service, accounts, kv: stores.kv, shutdown, tls, config, tasks, _ctl: ctl.ok() })
    }

    /// Reads the certificates again; what cannot be read changes nothing.
    pub fn reload(&self) {
        match crate::tls::reload(&self.config, &self.tls) {
            Ok(()) => tracing::info!("certificates reloaded"),
            Err(why) => tracing::error!(%why, "certificates not reloaded: those in force stay"),
        }
    }

    /// Ends sessions, waits for their commits and for attempts to send, at most `stop_timeout`; closes the store.
    pub async fn stop(self) {
        let within = self.config.stop_timeout;
        let tasks = tokio::time::timeout(within, async {
            for task in self.tasks {
                // A task that panicked has ended too.
                let _ = task.await;
            }
        });
        let (sessions, tasks) = tokio::join!(self.shutdown.stop(within), tasks);
        if !sessions || tasks.is_err() {
            tracing::warn!("stop_timeout: some sessions or attempts to send did not end in time");
        }
        self.kv.close().await;
    }
}

fn status(config: &Config, ports: &Ports) -> serde_json::Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "hostname": config.hostname,
        "started_at_ms": SystemClock.now().0,
        "ports": ports,
    })
}

fn outgoing(config: &Config, stores: &Stores, hostname: &Domain) -> Result<Queue, String> {
    let resolver: Arc<dyn Resolve> = match DnsResolver::system() {
        Ok(resolver) => Arc::new(resolver),
        Err(error) => {
            tracing::warn!(%error, "no resolver: mail for other hosts waits");
            Arc::new(NoResolver(error))
        }
    };
    let mut options = QueueOptions::new(hostname.clone(), resolver);
    if let Some(smart) = &config.smart_host {
        let SmartHost { host, port, login, tls, ca_file } = smart.clone();
        options.smart_host = Some(queue::SmartHost { host, port, auth: login, tls });
        options.trust = ca_file.map_or(Ok(Trust::Public), |path| Trust::from_file(&path))?;
    }
    options.workers = config.queue.workers;
    options.per_domain_max = config.queue.per_domain_max;
    options.lease = config.queue.lease;
    let listen = &config.listen;
    options.own_addresses = [listen.smtp, listen.submission, listen.submissions].into_iter().flatten().collect();
    Ok(Queue::new(Mail::new(stores.accounts.clone(), hostname.as_str()), options))
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
        let budget = Budget::new(config.message_bytes_in_flight, wait);
        let answers = Budget::answers(ANSWER_BYTES_IN_FLIGHT_MAX, wait);
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
        let imap = ImapOptions { mail, auth, limits: limits.clone(), budget, answers, plain_auth };
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

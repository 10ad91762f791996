//! SUMMARY    Assembling a server from its planes, and taking it down again.
//! INVARIANTS The data plane starts first and ends last. A process without one never loses a store.

use crate::{
    autoconfig, backup,
    config::{Config, Role},
    ctl::{self, Desk},
    data::DataPlane,
    folder, http, mta_sts, notices, payment,
    plane::RemotePlane,
    portal, stores,
};
use account::Accounts;
use axum::Router;
use base::Clock;
use billing::Billing;
use control::Control;
use mail::Mail;
use serde::Serialize;
use serde_json::json;
use serve::Shutdown;
use std::{sync::Arc, time::Duration};
use tenants::{Service, SignInOptions};
use tokio::{sync::watch, task::JoinHandle};

/// How often to look whether the store is lost.
const STORE_LOST_LOOK: Duration = Duration::from_secs(1);

/// What ends by itself after the sessions were told.
pub type Tasks = Vec<JoinHandle<()>>;

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
    pub plane: Option<u16>,
}

/// A server that serves: one plane or both.
pub struct Server {
    pub ports: Ports,
    pub service: Option<Arc<Service>>,
    data: Option<DataPlane>,
    remote: Option<Arc<RemotePlane>>,
    shutdown: Shutdown,
    config: Config,
    tasks: Tasks,
    _ctl: Option<ctl::socket::Bound>,
    _folder: Option<folder::Held>,
}

/// The control plane, where the role has one.
pub async fn control_plane(
    config: &Config,
    control: &Arc<dyn Control>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Service>>, String> {
    if matches!(config.role, Role::Data { .. }) {
        return Ok(None);
    }
    let domains = crate::domains::options(config)?;
    let (portal, identity_hosts) = (config.portal.clone(), config.identity_hosts.clone());
    let sign_in = SignInOptions { portal, identity_hosts, ..SignInOptions::default() };
    let (control, clock) = (control.clone(), clock.clone());
    let keys = stores::Keys::of(config)?;
    stores::service(&config.data, &keys, config.sql.as_ref(), control, domains, sign_in, clock).await.map(Some)
}

impl Server {
    /// Opens everything that the role has and begins to listen; all of it has one clock.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Server, String> {
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
            .install_recorder()
            .map_err(|e| format!("metrics: {e}"))?;
        let folder = folder::hold(config)?;
        crate::counters::show(!matches!(config.role, Role::Control { .. }));
        let (shutdown, mut tasks) = (Shutdown::default(), Tasks::new());
        let (mut data, mut remote) = (None, None);
        let control: Arc<dyn Control> = match &config.role {
            Role::All | Role::Data { .. } => {
                let plane = data.insert(DataPlane::start(config, clock.clone(), &shutdown, &mut tasks).await?);
                plane.control.clone() as Arc<dyn Control>
            }
            Role::Control { url, files } => {
                remote.insert(Arc::new(RemotePlane::new(url, files.clone())?)).clone() as Arc<dyn Control>
            }
        };
        let service = control_plane(config, &control, &clock).await?;
        let billing = match &service {
            Some(service) => control_work(config, service, &shutdown, &mut tasks)?,
            None => None,
        };
        if let (Some(service), Some(data)) = (&service, &data) {
            let from = config.notices_from.clone();
            let sender = notices::Sender { from, portal: config.portal.clone() };
            let mail = Mail::new(data.accounts.clone(), config.hostname.as_str());
            tasks.push(tokio::spawn(notices::run(service.clone(), mail, sender, shutdown.watch())));
        } else if service.is_some() {
            tracing::warn!("invitations and notices of forgotten passwords are not mailed: this process has no queue");
        }
        let mut ports = data.as_ref().map(|d| d.ports).unwrap_or_default();
        let accounts = data.as_ref().map(|d| d.accounts.clone());
        if let Some(address) = config.listen.http {
            let router = http::router(accounts.clone(), service.clone(), metrics).merge(pages(
                config,
                accounts.as_ref(),
                service.as_ref(),
                billing.as_ref(),
                &ports,
                &clock,
                &shutdown,
            )?);
            let (port, task) =
                http::listen(address, config.free_ports, router, config.trusted_proxies.clone(), shutdown.watch())
                    .await?;
            ports.http = Some(port);
            tasks.push(task);
        }
        let desk = Desk {
            accounts,
            service: service.clone(),
            billing,
            control,
            status: status(config, &ports, clock.as_ref()),
            home: Some(backup::Home::of(config)),
        };
        let timer = backup::Timer::of(config, &desk, &clock);
        tasks.push(tokio::spawn(backup::run(timer, shutdown.watch())));
        let ctl = listen_for_ctl(config, desk, shutdown.watch());
        Ok(Server { ports, service, data, remote, shutdown, config: config.clone(), tasks, _ctl: ctl, _folder: folder })
    }

    /// Ends when the store is lost to this process.
    pub async fn lost(&self) {
        let Some(data) = &self.data else { return std::future::pending().await };
        let mut look = tokio::time::interval(STORE_LOST_LOOK);
        while !data.accounts.is_lost() {
            look.tick().await;
        }
    }

    /// Reads the certificates again; what cannot be read changes nothing.
    pub fn reload(&self) {
        let data = self.data.as_ref().map_or(Ok(()), |data| data.reload(&self.config));
        match data.and_then(|()| self.remote.as_ref().map_or(Ok(()), |remote| remote.reload())) {
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
        if let Some(data) = &self.data {
            data.close().await;
        }
    }
}

/// The socket of `ctl`; a server without one serves all the same.
fn listen_for_ctl(config: &Config, desk: Desk, stop: watch::Receiver<bool>) -> Option<ctl::socket::Bound> {
    let ctl = ctl::socket::listen(&config.data, desk, stop);
    ctl.inspect_err(|error| tracing::warn!(%error, "no control socket: ctl works when the server is stopped")).ok()
}

/// Begins the control plane's own work; gives the billing desk, where something is sold.
fn control_work(
    config: &Config,
    service: &Arc<Service>,
    shutdown: &Shutdown,
    tasks: &mut Tasks,
) -> Result<Option<Arc<Billing>>, String> {
    let billing = payment::desk(config.billing.as_ref(), config.portal.as_deref(), service)?;
    tokio::spawn(service.clone().run_relay(shutdown.watch()));
    service.set_webhook_rules(config.webhooks.clone());
    tasks.push(tokio::spawn(service.clone().run_jobs(shutdown.watch())));
    tokio::spawn(service.clone().run_checks(shutdown.watch()));
    tasks.push(tokio::spawn(service.clone().run_events(shutdown.watch())));
    tasks.push(tokio::spawn(service.clone().run_exports(shutdown.watch())));
    tasks.push(tokio::spawn(service.clone().run_migrations(shutdown.watch())));
    tasks.push(tokio::spawn(service.clone().run_sweep(shutdown.watch())));
    tasks.push(tokio::spawn(service.clone().run_signups(shutdown.watch())));
    tasks.push(tokio::spawn(service.clone().run_usage(shutdown.watch())));
    tasks.push(tokio::spawn(service.clone().run_purges(shutdown.watch())));
    tokio::spawn(service.clone().run_resend(config.resend_interval, shutdown.watch()));
    if let Some(billing) = &billing {
        service.open_shop(billing.clone());
        tasks.push(tokio::spawn(billing.clone().run(shutdown.watch())));
    }
    Ok(billing)
}

/// What the HTTP port serves besides its own state: of each plane what is its.
fn pages(
    config: &Config,
    accounts: Option<&Accounts>,
    service: Option<&Arc<Service>>,
    billing: Option<&Arc<Billing>>,
    ports: &Ports,
    clock: &Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> Result<Router, String> {
    let mut router = Router::new();
    let servers = crate::domains::servers(config, ports);
    if let Some(accounts) = accounts {
        let policy = crate::domains::setup(config)?.mta_sts_policy();
        router = router.merge(mta_sts::router(accounts.clone(), policy));
        if servers.is_complete() {
            router = router.merge(autoconfig::router(accounts.clone(), servers.clone()));
        }
    }
    if let Some(service) = service {
        let (trusted_proxies, stop) = (config.trusted_proxies.clone(), Some(shutdown.watch()));
        let (graphiql, billing) = (config.graphiql, billing.cloned());
        let options = api::ApiOptions { graphiql, trusted_proxies, stop, billing };
        let mut api = api::router(service.clone(), options);
        if let Some(origin) = &config.portal {
            router =
                router.merge(portal::router(api.clone(), &stores::Keys::of(config)?, origin, servers, clock.clone())?);
            api = portal::for_browsers(api);
        }
        router = router.merge(api);
    }
    Ok(router)
}

fn status(config: &Config, ports: &Ports, clock: &dyn Clock) -> serde_json::Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "hostname": config.hostname,
        "role": config.role.name(),
        "started_at_ms": clock.now().0,
        "ports": ports,
    })
}

//! SUMMARY    The data plane of a server: store, doors, queue, upkeep, exports, migrations; no SQL.
//! INVARIANTS The store is opened first and closed last. Doors open when everything behind them stands.

use crate::{
    cluster,
    config::{Config, Role, SmartHost},
    doors::Doors,
    plane,
    server::{Ports, Tasks},
    stores::Stores,
    upkeep,
};
use account::Accounts;
use base::{Clock, Domain};
use export::Exporter;
use mail::{Mail, Plane};
use migrate::Mover;
use queue::{DnsResolver, NoResolver, Queue, QueueOptions, Resolve, Trust};
use serve::{Shutdown, TlsStore};
use std::sync::Arc;
use store::Kv;
use tokio::task::JoinHandle;

/// A data plane that serves.
pub struct DataPlane {
    pub accounts: Accounts,
    /// As a control plane sees it.
    pub control: Arc<Plane>,
    pub ports: Ports,
    kv: Arc<dyn Kv>,
    tls: TlsStore,
    /// The port for a control plane elsewhere.
    plane: Option<plane::Listening>,
    /// Says that this node lives, until all has ended.
    beats: Option<JoinHandle<()>>,
}

impl DataPlane {
    /// Opens the store, the doors, and the port for the control plane if it is elsewhere.
    pub async fn start(
        config: &Config,
        clock: Arc<dyn Clock>,
        shutdown: &Shutdown,
        tasks: &mut Tasks,
    ) -> Result<DataPlane, String> {
        let hostname = Domain::parse(&config.hostname).map_err(|e| format!("hostname: {e}"))?;
        let tls = crate::tls::open(config)?;
        let stores = Stores::of(config, clock).await?;
        cluster::join(&stores.accounts, config).await?;
        let beats = config.store.is_shared().then(|| cluster::run(stores.accounts.clone(), config.clone()));
        let beats = beats.map(tokio::spawn);
        let queue = outgoing(config, &stores, &hostname)?;
        if config.queue.enabled {
            tasks.push(tokio::spawn(queue.run(shutdown.watch())));
        }
        if config.upkeep.enabled {
            tasks.push(tokio::spawn(upkeep::run(stores.accounts.clone(), config.upkeep, shutdown.watch())));
        }
        if config.exports {
            tasks.push(tokio::spawn(Exporter::new(stores.accounts.clone()).run(shutdown.watch())));
        }
        let mover = mover(config, &stores.accounts);
        if config.migrations.enabled {
            let (at_once, stop) = (config.migrations.at_once, shutdown.watch());
            tasks.push(tokio::spawn(mover.clone().run(at_once, stop)));
        }
        let of_mail = Mail::new(stores.accounts.clone(), config.hostname.as_str());
        let control = Arc::new(Plane::new(of_mail).with_sources(Arc::new(mover)));
        let doors = Doors::new(config, &stores, hostname, tls.clone());
        let mut ports = doors.open(&config.listen, shutdown).await?;
        let mut listening = None;
        if let Role::Data { plane: Some((listen, files)) } = &config.role {
            let (plane, task) = plane::listen(*listen, files, control.clone(), shutdown.watch()).await?;
            ports.plane = Some(plane.port);
            listening = Some(plane);
            tasks.push(task);
        }
        Ok(DataPlane { accounts: stores.accounts, control, ports, kv: stores.kv, tls, plane: listening, beats })
    }

    /// Reads the certificates again; what cannot be read changes nothing.
    pub fn reload(&self, config: &Config) -> Result<(), String> {
        crate::tls::reload(config, &self.tls)?;
        self.plane.as_ref().map_or(Ok(()), plane::Listening::reload)
    }

    /// When all sessions and tasks have ended.
    pub async fn close(&self) {
        if let Some(beats) = &self.beats {
            beats.abort();
        }
        cluster::leave(&self.accounts).await;
        self.kv.close().await;
    }
}

fn mover(config: &Config, accounts: &Accounts) -> Mover {
    let mail = Mail::new(accounts.clone(), config.hostname.as_str());
    Mover::new(mail, config.migrations.rules.clone(), Trust::Public.verifying())
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

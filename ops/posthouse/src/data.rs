//! SUMMARY    The data plane of a server: store, doors, queue, upkeep; no SQL.
//! INVARIANTS The store is opened first and closed last. Doors open when everything behind them stands.

use crate::{
    config::{Config, Role, SmartHost},
    doors::Doors,
    plane,
    server::{Ports, Tasks},
    stores::Stores,
    upkeep,
};
use account::Accounts;
use base::{Clock, Domain};
use mail::Mail;
use queue::{DnsResolver, NoResolver, Queue, QueueOptions, Resolve, Trust};
use serve::{Shutdown, TlsStore};
use std::sync::Arc;
use store::Kv;

/// A data plane that serves.
pub struct DataPlane {
    pub accounts: Accounts,
    pub ports: Ports,
    kv: Arc<dyn Kv>,
    tls: TlsStore,
    /// The port for a control plane elsewhere.
    plane: Option<plane::Listening>,
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
        let stores = Stores::open(&config.data, clock).await?;
        match stores.accounts.undo_copies().await {
            Ok(0) => {}
            Ok(parts) => tracing::info!(parts, "copies that were cut off were taken back"),
            Err(error) => tracing::error!(%error, "copies that were cut off were not taken back"),
        }
        // The store is this process's alone: who held a lease is dead.
        match stores.accounts.reclaim_leases().await {
            Ok(0) => {}
            Ok(items) => tracing::info!(items, "queue items that were being sent when the process died are due again"),
            Err(error) => tracing::error!(%error, "queue items that were being sent wait for the end of their leases"),
        }
        let queue = outgoing(config, &stores, &hostname)?;
        tasks.push(tokio::spawn(queue.run(shutdown.watch())));
        tasks.push(tokio::spawn(upkeep::run(stores.accounts.clone(), config.upkeep, shutdown.watch())));
        let doors = Doors::new(config, &stores, hostname, tls.clone());
        let mut ports = doors.open(&config.listen, shutdown).await?;
        let mut listening = None;
        if let Role::Data { listen, files } = &config.role {
            let control = Arc::new(stores.accounts.clone());
            let (plane, task) = plane::listen(*listen, files, control, shutdown.watch()).await?;
            ports.plane = Some(plane.port);
            listening = Some(plane);
            tasks.push(task);
        }
        Ok(DataPlane { accounts: stores.accounts, ports, kv: stores.kv, tls, plane: listening })
    }

    /// Reads the certificates again; what cannot be read changes nothing.
    pub fn reload(&self, config: &Config) -> Result<(), String> {
        crate::tls::reload(config, &self.tls)?;
        self.plane.as_ref().map_or(Ok(()), plane::Listening::reload)
    }

    /// When all sessions and tasks have ended.
    pub async fn close(&self) {
        self.kv.close().await;
    }
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

//! SUMMARY    What a stopped server has, opened by the command itself.

use super::{
    desk::Desk,
    request::{Event, Request},
    socket,
};
use crate::{
    backup::Home,
    config::{Config, Role},
    folder,
    plane::AbsentPlane,
    stores::{self, Stores},
};
use base::{Clock, SystemClock};
use control::Control;
use mail::{Mail, Plane};
use std::{path::Path, sync::Arc};
use tenants::{Service, SignInOptions};
use tokio::sync::mpsc;

/// What a stopped server has, opened.
struct Stopped {
    stores: Option<Stores>,
    control: Arc<dyn Control>,
    service: Option<Arc<Service>>,
}

/// The data plane as the control plane sees it.
fn control_of(stores: Option<&Stores>) -> Arc<dyn Control> {
    match stores {
        Some(stores) => Arc::new(Plane::new(Mail::new(stores.accounts.clone(), "localhost"))),
        None => Arc::new(AbsentPlane),
    }
}

impl Stopped {
    /// What a folder holds.
    async fn in_folder(data: &Path) -> Result<Stopped, String> {
        let planes = folder::planes(data)?;
        let stores = match planes.data {
            true => Some(Stores::open(data, Arc::new(SystemClock)).await.map_err(|e| locked(data, e))?),
            false => None,
        };
        let control = control_of(stores.as_ref());
        let keys = stores::Keys::in_folder(data);
        let clock = Arc::new(SystemClock);
        let service = match planes.control {
            true => {
                let (domains, sign_in) = (crate::domains::stopped(data)?, SignInOptions::default());
                Some(stores::service(data, &keys, None, control.clone(), domains, sign_in, clock).await?)
            }
            false => None,
        };
        Ok(Stopped { stores, control, service })
    }

    /// What a configuration names; a shared store may have nodes that run.
    async fn configured(config: &Config) -> Result<Stopped, String> {
        let clock = Arc::new(SystemClock);
        let stores = match &config.role {
            Role::All | Role::Data { .. } => {
                if !config.store.is_shared() {
                    folder::planes(&config.data)?;
                }
                Some(Stores::of(config, clock.clone()).await.map_err(|e| locked(&config.data, e))?)
            }
            Role::Control { .. } => None,
        };
        let control = control_of(stores.as_ref());
        let service = crate::server::control_plane(config, &control, &(clock as Arc<dyn Clock>)).await?;
        Ok(Stopped { stores, control, service })
    }
}

/// Answers a request from what is stored.
pub async fn ask(
    data: &Path,
    config: Option<Config>,
    request: Request,
    take: &mut dyn FnMut(Event),
) -> Result<(), String> {
    if let Request::Status | Request::Drain(_) = request {
        return Err(format!("no server runs on {}", data.display()));
    }
    let Stopped { stores, control, service } = match &config {
        Some(config) => Stopped::configured(config).await?,
        None => Stopped::in_folder(data).await?,
    };
    let accounts = stores.as_ref().map(|stores| stores.accounts.clone());
    let home = match &config {
        Some(config) => Home::of(config),
        None => Home::in_folder(data)?,
    };
    let desk = Desk { accounts, service, billing: None, control, status: serde_json::Value::Null, home: Some(home) };
    let who = socket::own_user().map(|user| format!("uid {user}")).map_err(|e| e.to_string())?;
    let (events, mut pending) = mpsc::channel(64);
    let work = async {
        desk.run(&who, request, &events).await;
        drop(events);
    };
    let show = async {
        while let Some(event) = pending.recv().await {
            take(event);
        }
    };
    tokio::join!(work, show);
    if let Some(stores) = stores {
        stores.kv.close().await;
    }
    Ok(())
}

/// The store is open elsewhere, and nobody answers at the socket.
fn locked(data: &Path, why: String) -> String {
    if !why.contains("another process has this store open") {
        return why;
    }
    let data = data.display();
    format!(
        "{data} is in use by another process, and no server answers at {data}/ctl.sock: \
         it is starting, stopping, or another ctl works there. Try again in a moment."
    )
}

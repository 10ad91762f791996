//! SUMMARY    A service over a temporary file, and a data plane that keeps what it is told.

use base::{AccountId, SystemClock, TenantId};
use control::{AccountSnapshot, Change, Control, ControlError, ControlFuture, Usage};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tenants::{Actor, Mailbox, NewAlias, NewMailbox, NewTenant, PasswordCost, Service, ServiceOptions};

#[derive(Default)]
pub struct Plane {
    pub told: Mutex<Vec<Change>>,
    pub down: AtomicBool,
}

impl Control for Plane {
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            self.told.lock().unwrap().extend(batch);
            Ok(())
        })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
}

pub struct Desk {
    pub plane: Arc<Plane>,
    pub service: Arc<Service>,
    pub operator: Actor,
    pub file: PathBuf,
    _folder: tempfile::TempDir,
}

pub async fn open(file: &std::path::Path, plane: Arc<Plane>) -> Arc<Service> {
    let password_cost = PasswordCost { memory_kib: 8, passes: 1 };
    Service::open(file, ServiceOptions { control: plane, clock: Arc::new(SystemClock), password_cost }).await.unwrap()
}

impl Desk {
    pub async fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (plane, file) = (Arc::new(Plane::default()), folder.path().join("c.sqlite"));
        let service = open(&file, plane.clone()).await;
        let token = service.bootstrap("Provider").await.unwrap().operator_token;
        let operator = service.authenticate(&token).await.unwrap();
        Desk { plane, service, operator, file, _folder: folder }
    }

    /// A tenant with the domain `<name>.example`, and its owner.
    pub async fn customer(&self, name: &str) -> (TenantId, Actor) {
        let new = NewTenant { name: name.into(), ..NewTenant::default() };
        let made = self.service.tenant_create(&self.operator, &new).await.unwrap();
        let actor = self.service.authenticate(&made.token.unwrap()).await.unwrap();
        self.service.domain_create(&actor, made.tenant.id, &format!("{name}.example")).await.unwrap();
        (made.tenant.id, actor)
    }

    pub async fn mailbox(&self, actor: &Actor, address: &str) -> Mailbox {
        self.service.mailbox_create(actor, &new_mailbox(address)).await.unwrap().0
    }

    /// What the data plane knows of an account: the snapshot with the highest version.
    pub fn account(&self, id: AccountId) -> AccountSnapshot {
        let told = self.plane.told.lock().unwrap();
        let accounts = told.iter().filter_map(|c| match c {
            Change::Account(a) if a.id == id => Some(a.clone()),
            _ => None,
        });
        accounts.max_by_key(|a| a.version).unwrap()
    }
}

pub fn new_mailbox(address: &str) -> NewMailbox {
    NewMailbox {
        address: address.into(),
        display_name: String::new(),
        password: "long enough".into(),
        quota_bytes_max: None,
    }
}

pub fn new_alias(address: &str, targets: &[&str]) -> NewAlias {
    NewAlias { address: address.into(), targets: targets.iter().map(|t| (*t).to_owned()).collect() }
}

//! SUMMARY    What the service knows of the server whose domains it keeps, and by whom it asks DNS.

use crate::{
    dns::{Dns, NoDns},
    limits::FAILED_DAYS_MAX,
    records::Setup,
    seal::SealingKey,
};
use std::sync::Arc;

/// How domains are claimed, checked and published. The default knows no name and asks nobody.
#[derive(Clone)]
pub struct DomainOptions {
    /// What the server offers to domains; its name is nobody's to claim.
    pub setup: Setup,
    pub dns: Arc<dyn Dns>,
    /// Days in a row without its proof after which a domain is lost.
    pub failed_days_max: i64,
    /// Seals keys at rest. Without it no key is made and no credential kept.
    pub sealing_key: Option<SealingKey>,
    /// Whether DNS servers in private address space are updated.
    pub private_addresses: bool,
}

impl Default for DomainOptions {
    fn default() -> Self {
        DomainOptions {
            setup: Setup::default(),
            dns: Arc::new(NoDns),
            failed_days_max: FAILED_DAYS_MAX,
            sealing_key: None,
            private_addresses: false,
        }
    }
}

//! SUMMARY    What the objects of one page ask for is asked for once, for all of them.
//! SECURITY   Asks as the caller of the request; what that one does not reach is left out.
//! INVARIANTS The first object that wants something asks for its mates too; the others wait for that answer. A failure is
//!            an answer as well: it is not tried again for every one of them.

use crate::types::{Tenant, actor, service};
use async_graphql::Context;
use base::{AccountId, TenantId};
use control::Usage;
use std::{collections::HashMap, sync::Arc};
use tenants::{Domain, DomainSheet, DomainSheets, Error, Sharing};
use tokio::sync::OnceCell;

/// Objects that were read together, and what has been asked for them.
#[derive(Default)]
pub(crate) struct Mates {
    tenants: Vec<TenantId>,
    accounts: Vec<(TenantId, AccountId)>,
    domains: Vec<Domain>,
    /// Tenants that own them, or stand above them.
    owners: Vec<TenantId>,
    tenant_usages: OnceCell<HashMap<TenantId, Usage>>,
    account_usages: OnceCell<HashMap<(TenantId, AccountId), Usage>>,
    sharings: OnceCell<Result<HashMap<AccountId, Sharing>, Error>>,
    sheets: OnceCell<Result<DomainSheets, Error>>,
    owner_objects: OnceCell<Result<HashMap<TenantId, Tenant>, Error>>,
}

impl Mates {
    /// Tenants, with those above them.
    pub(crate) fn tenants(of: &[tenants::Tenant]) -> Arc<Mates> {
        let tenants = of.iter().map(|t| t.id).collect();
        let owners = of.iter().filter_map(|t| t.parent).collect();
        Arc::new(Mates { tenants, owners, ..Mates::default() })
    }

    pub(crate) fn mailboxes(of: &[tenants::Mailbox]) -> Arc<Mates> {
        let accounts = of.iter().map(|m| (m.tenant, m.id)).collect();
        let owners = of.iter().map(|m| m.tenant).collect();
        Arc::new(Mates { accounts, owners, ..Mates::default() })
    }

    pub(crate) fn domains(of: &[tenants::Domain]) -> Arc<Mates> {
        Arc::new(Mates { domains: of.to_vec(), owners: of.iter().map(|d| d.tenant).collect(), ..Mates::default() })
    }

    /// What a tenant uses; `None` while the data plane does not answer.
    pub(crate) async fn tenant_usage(&self, ctx: &Context<'_>, tenant: TenantId) -> Option<Usage> {
        let ask = || async { service(ctx).usages(actor(ctx), &self.tenants).await.unwrap_or_default() };
        self.tenant_usages.get_or_init(ask).await.get(&tenant).cloned()
    }

    /// What a mailbox uses; `None` while the data plane does not answer.
    pub(crate) async fn account_usage(&self, ctx: &Context<'_>, of: (TenantId, AccountId)) -> Option<Usage> {
        let ask = || async { service(ctx).account_usages(actor(ctx), &self.accounts).await.unwrap_or_default() };
        self.account_usages.get_or_init(ask).await.get(&of).cloned()
    }

    /// Delegates and granted addresses of a mailbox.
    pub(crate) async fn sharing(&self, ctx: &Context<'_>, of: AccountId) -> Result<Sharing, Error> {
        let ask = || async {
            let accounts: Vec<AccountId> = self.accounts.iter().map(|(_, account)| *account).collect();
            service(ctx).sharing_of(actor(ctx), &accounts).await
        };
        let sharings = self.sharings.get_or_init(ask).await;
        sharings.as_ref().map(|s| s.get(&of).cloned().unwrap_or_default()).map_err(Error::clone)
    }

    /// Records, keys and notices of a domain.
    pub(crate) async fn sheet(&self, ctx: &Context<'_>, of: (String, TenantId)) -> Result<DomainSheet, Error> {
        let ask = || async { service(ctx).domain_sheets(actor(ctx), &self.domains).await };
        let sheets = self.sheets.get_or_init(ask).await;
        sheets.as_ref().map(|s| s.get(&of).cloned().unwrap_or_default()).map_err(Error::clone)
    }

    /// The owner of an object; `None` when the caller does not reach it.
    pub(crate) async fn owner(&self, ctx: &Context<'_>, tenant: TenantId) -> Result<Option<Tenant>, Error> {
        let ask = || async {
            let owners = service(ctx).tenants_by_id(actor(ctx), &self.owners).await?;
            let owners = Tenant::together(owners.into_values().collect());
            Ok(owners.into_iter().map(|t| (t.key, t)).collect::<HashMap<_, _>>())
        };
        let owners = self.owner_objects.get_or_init(ask).await;
        owners.as_ref().map(|owners| owners.get(&tenant).cloned()).map_err(Error::clone)
    }
}

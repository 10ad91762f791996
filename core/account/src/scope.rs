//! SUMMARY    What an operation may touch, as a value that cannot be forged.
//! INVARIANTS Fields are private. Only login, route, job lease, an order of the control plane and break-glass (all in this crate)
//!            make a scope.
//!            Rights are type parameters: what a scope does not allow does not compile.

use base::{AccountId, TenantId};
use std::marker::PhantomData;

/// May add mail, may not read any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliver;
/// May read, may not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOnly;
/// May read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner;

mod sealed {
    pub trait Right {}
    impl Right for super::Deliver {}
    impl Right for super::ReadOnly {}
    impl Right for super::Owner {}
}

/// Rights that allow reading.
pub trait CanRead: sealed::Right + Send + Sync + 'static {}
impl CanRead for ReadOnly {}
impl CanRead for Owner {}

/// Rights that allow a unit of work.
pub trait CanWrite: sealed::Right + Send + Sync + 'static {}
impl CanWrite for Deliver {}
impl CanWrite for Owner {}

/// One tenant's keys.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TenantScope<R> {
    tenant: TenantId,
    right: PhantomData<R>,
}

/// One account's keys.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AccountScope<R> {
    tenant: TenantId,
    account: AccountId,
    right: PhantomData<R>,
}

impl<R> Clone for TenantScope<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for TenantScope<R> {}
impl<R> Clone for AccountScope<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for AccountScope<R> {}

impl<R> TenantScope<R> {
    pub(crate) const fn issue(tenant: TenantId) -> Self {
        TenantScope { tenant, right: PhantomData }
    }
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
}

impl<R> AccountScope<R> {
    pub(crate) const fn issue(tenant: TenantId, account: AccountId) -> Self {
        AccountScope { tenant, account, right: PhantomData }
    }
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    pub fn account(&self) -> AccountId {
        self.account
    }
}

impl AccountScope<Owner> {
    /// Gives up the right to write.
    pub fn read_only(&self) -> AccountScope<ReadOnly> {
        AccountScope::issue(self.tenant, self.account)
    }
    /// Gives up the right to read: what the owner's own submissions and appends use.
    pub fn deliver(&self) -> AccountScope<Deliver> {
        AccountScope::issue(self.tenant, self.account)
    }
}

/// An operator's access without the owner's credential. Made by [`crate::Accounts::break_glass`], which logs the reason.
#[derive(Debug)]
pub struct BreakGlass {
    pub(crate) reason: String,
}

impl BreakGlass {
    /// Why it was opened.
    pub fn reason(&self) -> &str {
        &self.reason
    }
    /// Read-only view of one account.
    pub fn account(&self, tenant: TenantId, account: AccountId) -> AccountScope<ReadOnly> {
        AccountScope::issue(tenant, account)
    }
    /// Read-only view of one tenant.
    pub fn tenant(&self, tenant: TenantId) -> TenantScope<ReadOnly> {
        TenantScope::issue(tenant)
    }
}

//! SUMMARY    How many connections and sessions there may be, per client address, account and tenant; how fast clients may go.
//! SECURITY   IPv6 counts by /64. Memory is bounded: only what is open has an entry, rates are cells of `account`.
//! LIMITS     SESSIONS_PER_ACCOUNT_MAX, COMMANDS_PER_MINUTE_MAX
//! INVARIANTS A connection or session is counted until its guard is dropped. Open ones are counted by this process.

use account::{Accounts, Subject, Toll, network};
use base::{
    AccountId, TenantId,
    limits::{COMMANDS_PER_MINUTE_MAX, SESSIONS_PER_ACCOUNT_MAX},
};
use control::Rates;
use parking_lot::Mutex;
use std::{collections::HashMap, hash::Hash, net::IpAddr, sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);
/// How long failures of an address slow it down.
const FAILURES_KEPT: Duration = Duration::from_secs(3_600);

/// What one address may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRates {
    /// Open connections.
    pub connections_max: u32,
    /// New connections per minute.
    pub connections_per_minute_max: u32,
    /// Failed logins and unknown recipients per hour, after which answers slow down.
    pub failures_free: u32,
    /// Recipients that a foreign host may name per minute.
    pub recipients_per_minute_max: u32,
}

impl Default for IpRates {
    fn default() -> Self {
        IpRates {
            connections_max: 200,
            connections_per_minute_max: 1_000,
            failures_free: 10,
            recipients_per_minute_max: 600_000,
        }
    }
}

/// Counts of what is open now.
struct Open<K>(Arc<Mutex<HashMap<K, u32>>>);

impl<K> Clone for Open<K> {
    fn clone(&self) -> Self {
        Open(self.0.clone())
    }
}

impl<K> Default for Open<K> {
    fn default() -> Self {
        Open(Arc::default())
    }
}

/// One that is open; not any more when dropped.
struct Guard<K: Eq + Hash> {
    open: Open<K>,
    key: K,
}

impl<K: Eq + Hash> Drop for Guard<K> {
    fn drop(&mut self) {
        let mut open = self.open.0.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

impl<K: Eq + Hash + Copy> Open<K> {
    fn enter(&self, key: K, max: u32) -> Option<Guard<K>> {
        let mut open = self.0.lock();
        let count = open.get(&key).copied().unwrap_or(0);
        if count >= max {
            return None;
        }
        open.insert(key, count + 1);
        Some(Guard { open: self.clone(), key })
    }
}

/// Limits of client addresses.
#[derive(Clone)]
pub struct IpLimits {
    rates: IpRates,
    accounts: Accounts,
    open: Open<IpAddr>,
}

/// A counted connection.
pub(crate) struct Admission(#[allow(dead_code, reason = "counts until it is dropped")] Guard<IpAddr>);

impl IpLimits {
    pub fn new(rates: IpRates, accounts: Accounts) -> Self {
        IpLimits { rates, accounts, open: Open::default() }
    }

    /// Counts a new connection; `None` when the address has too many.
    pub(crate) async fn admit(&self, ip: IpAddr) -> Option<Admission> {
        let guard = self.open.enter(network(ip), self.rates.connections_max)?;
        let subject = Subject::Connections(ip);
        let toll = Toll { subject, cost: 1, max: self.rates.connections_per_minute_max, per: MINUTE };
        self.accounts.take(&[toll]).await.ok()?;
        Some(Admission(guard))
    }

    /// Counts a recipient that a foreign host names; how long it has to wait.
    pub(crate) async fn recipient(&self, ip: IpAddr) -> Result<(), Duration> {
        let subject = Subject::Inbound(ip);
        self.accounts.take(&[Toll { subject, cost: 1, max: self.rates.recipients_per_minute_max, per: MINUTE }]).await
    }

    /// Notes a failed login or an unknown recipient; gives how long to wait before the answer (tarpit).
    pub async fn failure(&self, ip: IpAddr) -> Duration {
        let failures = self.accounts.note_failure(ip, FAILURES_KEPT).await;
        match failures.saturating_sub(self.rates.failures_free) {
            0 => Duration::ZERO,
            over => Duration::from_millis(u64::from(over.min(20)) * 500),
        }
    }
}

/// Sessions of accounts and tenants.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    accounts: Open<(TenantId, AccountId)>,
    tenants: Open<TenantId>,
}

/// A counted session.
pub(crate) struct Seat {
    _account: Guard<(TenantId, AccountId)>,
    _tenant: Guard<TenantId>,
}

impl Sessions {
    /// Counts a session; the limit it would exceed, for people.
    pub(crate) fn enter(&self, who: (TenantId, AccountId), rates: &Rates) -> Result<Seat, String> {
        let full =
            |whose: &str, max: u32| format!("{whose} has {max} connections open, which is its limit. Close some.");
        let max = rates.connections_per_account_max.unwrap_or(SESSIONS_PER_ACCOUNT_MAX);
        let account = self.accounts.enter(who, max).ok_or_else(|| full("The account", max))?;
        let max = rates.connections_max.unwrap_or(u32::MAX);
        let tenant = self.tenants.enter(who.0, max).ok_or_else(|| full("Your organisation", max))?;
        Ok(Seat { _account: account, _tenant: tenant })
    }
}

/// Counts a command of an account; how long it has to wait.
pub(crate) async fn command(accounts: &Accounts, who: (TenantId, AccountId), rates: &Rates) -> Result<(), Duration> {
    let max = rates.commands_per_minute_max.unwrap_or(COMMANDS_PER_MINUTE_MAX);
    accounts.take(&[Toll { subject: Subject::Commands(who.0, who.1), cost: 1, max, per: MINUTE }]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_session_ends() {
        let sessions = Sessions::default();
        let rates =
            Rates { connections_per_account_max: Some(2), connections_max: Some(3), commands_per_minute_max: None };
        let enter = |account| sessions.enter((TenantId(1), AccountId(account)), &rates);
        let (one, _two) = (enter(1).ok().unwrap(), enter(1).ok().unwrap());
        assert!(enter(1).err().unwrap().starts_with("The account has 2 "));
        let _three = enter(2).ok().unwrap();
        assert!(enter(3).err().unwrap().starts_with("Your organisation has 3 "));
        drop(one);
        assert!(enter(3).is_ok());
        assert!(enter(1).is_ok(), "what was refused is not counted");
        assert!(sessions.enter((TenantId(2), AccountId(9)), &rates).is_ok());
        drop((_two, _three));
        assert!(sessions.accounts.0.lock().is_empty() && sessions.tenants.0.lock().is_empty());
    }
}

//! SUMMARY    What an account may do now, and why not: the one answer for every door.
//! INVARIANTS Allowed is what tenant, account, credential and (for a delegate) the delegate's own account all allow. A session that
//!            is over (deleted account, changed or revoked credential, ended delegation) may do nothing.
//!            A reason is one short line without control characters: what is the matter, what to do, the stable code.

use crate::{
    Accounts, Result, keys,
    login::{Login, Whose, fingerprint},
    txn::TenantTxn,
};
use base::{AccountId, TenantId};
use control::{
    AccountSnapshot, Capabilities, Capability, CredentialSnapshot, EntitlementSnapshot, HoldKind, Restriction,
};
use std::sync::Arc;
use store::kv::{KvTxn, Read};

/// Characters of a reason that a door shows.
const REASON_CHARS_MAX: usize = 300;

const GONE: &str = "The account is gone.";
const DELETED: &str = "The mailbox was deleted.";
const CHANGED: &str = "The password was changed or revoked. Log in again.";
const EXPIRED: &str = "The password has expired. Log in with another one.";
const NOT_DELEGATED: &str = "The access to this mailbox was changed or ended. Log in again.";

/// What an account may do now, and why not.
#[derive(Debug, Clone)]
pub struct Standing {
    pub entitlement: Arc<EntitlementSnapshot>,
    pub profile: Arc<AccountSnapshot>,
    capabilities: Capabilities,
    /// Holds on the credential that was used.
    credential: Vec<Restriction>,
    /// Of the delegate who opened the account.
    delegate: Option<Box<Standing>>,
    over: Option<&'static str>,
}

impl Standing {
    pub(crate) fn new(entitlement: Arc<EntitlementSnapshot>, profile: Arc<AccountSnapshot>) -> Self {
        let capabilities = entitlement.capabilities.and(profile.capabilities);
        let live = profile.live;
        let standing =
            Standing { entitlement, profile, capabilities, credential: Vec::new(), delegate: None, over: None };
        if live { standing } else { standing.end(DELETED) }
    }

    pub fn allows(&self, capability: Capability) -> bool {
        self.capabilities.allows(capability)
    }

    /// Whether there is anything to log in for.
    pub fn may_log_in(&self) -> bool {
        [Capability::MailRead, Capability::SendInternal, Capability::SendExternal].iter().any(|c| self.allows(*c))
    }

    /// Whether the account may send anything.
    pub fn may_send(&self) -> bool {
        self.allows(Capability::SendInternal) || self.allows(Capability::SendExternal)
    }

    /// Why it is not allowed; empty when it is.
    pub fn why(&self, capability: Capability) -> String {
        if self.allows(capability) {
            return String::new();
        }
        if let Some(over) = self.over {
            return over.to_owned();
        }
        if !self.credential.is_empty() {
            return shown(self.credential.iter().map(told));
        }
        let missing = |c: Capabilities| !c.allows(capability);
        let (tenant, account) = (&self.entitlement, &self.profile);
        let mut reasons = blocking(&tenant.restrictions, capability);
        reasons.extend(blocking(&account.restrictions, capability));
        if reasons.is_empty() {
            // Snapshots that tell no restrictions have one reason for all.
            let tenant = missing(tenant.capabilities).then_some(&tenant.reason);
            let account = missing(account.capabilities).then_some(&account.reason);
            reasons.extend(tenant.into_iter().chain(account).filter(|r| !r.is_empty()).cloned());
        }
        match &self.delegate {
            Some(delegate) if reasons.is_empty() => delegate.why(capability),
            _ => shown(reasons.into_iter()),
        }
    }

    /// Whether mail to it is refused for good: its owner closed it, or it was deleted.
    pub fn is_closed(&self) -> bool {
        let by_owner = |r: &Restriction| r.kind == HoldKind::UserClosed && r.blocks.contains(&Capability::Receive);
        !self.profile.live || self.entitlement.restrictions.iter().chain(&self.profile.restrictions).any(by_owner)
    }

    /// Nothing is allowed any more.
    pub(crate) fn end(mut self, why: &'static str) -> Standing {
        (self.capabilities, self.over) = (Capabilities::NONE, self.over.or(Some(why)));
        self
    }

    /// What is left with this credential: nothing while a hold on it blocks anything.
    pub(crate) fn with_credential(mut self, credential: &CredentialSnapshot) -> Standing {
        self.credential = credential.restrictions.iter().filter(|r| !r.blocks.is_empty()).cloned().collect();
        if !self.credential.is_empty() {
            self.capabilities = Capabilities::NONE;
        }
        self
    }

    /// What is left when a delegate, who stands so, opens the account.
    pub(crate) fn opened_by(mut self, delegate: Standing) -> Standing {
        self.capabilities = self.capabilities.and(delegate.capabilities);
        self.delegate = Some(Box::new(delegate));
        self
    }

    /// The same, when the credential is still the one that was used.
    fn while_credential(self, whose: &Whose, now_ms: i64) -> Standing {
        let profile = self.profile.clone();
        match profile.credentials.iter().find(|c| c.id == whose.credential) {
            Some(c) if c.expires_at.is_some_and(|end| now_ms >= end) => self.end(EXPIRED),
            Some(c) if fingerprint(c) == whose.verifier => self.with_credential(c),
            Some(_) | None => self.end(CHANGED),
        }
    }
}

/// Why a tenant may not do something as a whole; `None` when it may.
pub(crate) fn tenant_held(entitlement: &EntitlementSnapshot, capability: Capability) -> Option<String> {
    if entitlement.capabilities.allows(capability) {
        return None;
    }
    let mut reasons = blocking(&entitlement.restrictions, capability);
    if reasons.is_empty() && !entitlement.reason.is_empty() {
        reasons.push(entitlement.reason.clone());
    }
    Some(shown(reasons.into_iter()))
}

/// Whether the owner of the tenant closed it.
pub(crate) fn is_tenant_closed(entitlement: &EntitlementSnapshot) -> bool {
    let by_owner = |r: &Restriction| r.kind == HoldKind::UserClosed && r.blocks.contains(&Capability::Receive);
    entitlement.restrictions.iter().any(by_owner)
}

fn blocking(restrictions: &[Restriction], capability: Capability) -> Vec<String> {
    restrictions.iter().filter(|r| r.blocks.contains(&capability)).map(told).collect()
}

fn told(restriction: &Restriction) -> String {
    match restriction.code.as_str() {
        "" => restriction.line(),
        code => format!("{} ({code})", restriction.line()),
    }
}

fn shown(reasons: impl Iterator<Item = String>) -> String {
    let all = reasons.collect::<Vec<_>>().join("; ");
    let line: String = all.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS_MAX).collect();
    if line.trim().is_empty() { "Not allowed now. Ask your provider.".to_owned() } else { line }
}

impl Accounts {
    /// The one question of every door: what may this account do now. `None`: there is no such account.
    pub async fn standing(&self, tenant: TenantId, account: AccountId) -> Result<Option<Standing>> {
        let mut txn = self.0.kv.begin_read();
        self.standing_in(&mut *txn, tenant, account).await
    }

    /// What a login may do now. Who logged in with a credential that has changed since, or was a delegate, may do nothing.
    pub async fn standing_of(&self, login: &Login) -> Result<Standing> {
        let mut txn = self.0.kv.begin_read();
        let (tenant, account) = (login.scope.tenant(), login.scope.account());
        let Some(opened) = self.standing_in(&mut *txn, tenant, account).await? else {
            return Ok(login.standing.clone().end(GONE));
        };
        let now_ms = self.clock().now().0;
        let whose = &login.whose;
        if whose.account == account {
            return Ok(opened.while_credential(whose, now_ms));
        }
        let Some(own) = self.standing_in(&mut *txn, whose.tenant, whose.account).await? else {
            return Ok(opened.end(GONE));
        };
        let given =
            opened.profile.delegates.iter().any(|d| d.account == whose.account && d.open && d.write == login.writes);
        if !given {
            return Ok(opened.end(NOT_DELEGATED));
        }
        Ok(opened.opened_by(own.while_credential(whose, now_ms)))
    }

    pub(crate) async fn standing_in(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        account: AccountId,
    ) -> Result<Option<Standing>> {
        self.standing_as(txn, (tenant, account), Read::Snapshot).await
    }

    /// `Read::Serializable`: a change of the standing stops the transaction, so that no write goes by an old limit.
    pub(crate) async fn standing_as(
        &self,
        txn: &mut dyn KvTxn,
        (tenant, account): (TenantId, AccountId),
        read: Read,
    ) -> Result<Option<Standing>> {
        let Some(profile) = TenantTxn::new(txn, tenant).get_as(&keys::profile(account), read).await? else {
            return Ok(None);
        };
        let profile = self.0.snapshots.profile(account, &profile)?;
        let Some(entitlement) = self.entitlement_as(txn, tenant, read).await? else { return Ok(None) };
        Ok(Some(Standing::new(entitlement, profile)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restriction(code: &str, blocks: &[Capability]) -> Restriction {
        Restriction {
            kind: HoldKind::Verification,
            code: code.into(),
            reason: "The invoice is unpaid.".into(),
            next_step: "Pay it.\r\n".into(),
            blocks: blocks.to_vec(),
        }
    }

    fn standing(change: impl FnOnce(&mut EntitlementSnapshot, &mut AccountSnapshot)) -> Standing {
        let mut tenant = EntitlementSnapshot::new(TenantId(1), 1);
        let mut account = AccountSnapshot::new(AccountId(1), TenantId(1), 1, "ann@a.example");
        change(&mut tenant, &mut account);
        Standing::new(Arc::new(tenant), Arc::new(account))
    }

    #[test]
    fn h5_a_reason_names_what_is_the_matter_what_to_do_and_the_code_for_that_capability_alone() {
        let standing = standing(|tenant, account| {
            tenant.capabilities = Capabilities::ALL.without(Capability::SendExternal);
            tenant.restrictions = vec![restriction("PAYMENT_OVERDUE", &[Capability::SendExternal])];
            account.capabilities = Capabilities::ALL.without(Capability::Receive);
            account.restrictions = vec![restriction("LEGAL", &[Capability::Receive])];
        });
        assert!(standing.allows(Capability::MailRead) && standing.may_log_in() && standing.may_send());
        assert_eq!(standing.why(Capability::MailRead), "");
        let why = standing.why(Capability::SendExternal);
        assert_eq!(why, "The invoice is unpaid. Pay it.   (PAYMENT_OVERDUE)");
        assert!(standing.why(Capability::Receive).ends_with("(LEGAL)"));
    }

    #[test]
    fn older_snapshots_without_restrictions_tell_their_reason() {
        let standing = standing(|tenant, account| {
            (tenant.capabilities, tenant.reason) = (Capabilities::NONE, "unpaid".into());
            (account.capabilities, account.reason) = (Capabilities::NONE, "abuse".into());
        });
        assert_eq!(standing.why(Capability::MailRead), "unpaid; abuse");
        assert!(!standing.may_log_in() && !standing.is_closed());
    }

    #[test]
    fn what_is_not_explained_still_says_whom_to_ask() {
        let standing = standing(|tenant, _| tenant.capabilities = Capabilities::NONE);
        assert!(standing.why(Capability::Receive).contains("Ask your provider"));
    }

    #[test]
    fn only_who_closed_or_deleted_a_mailbox_closes_it_for_good() {
        for (kind, closed) in [(HoldKind::Verification, false), (HoldKind::Abuse, false), (HoldKind::UserClosed, true)]
        {
            let standing = standing(|tenant, _| {
                tenant.capabilities = Capabilities::NONE;
                tenant.restrictions = vec![Restriction { kind, ..restriction("X", &[Capability::Receive]) }];
            });
            assert_eq!(standing.is_closed(), closed, "{kind:?}");
        }
        assert!(standing(|_, account| account.live = false).is_closed());
    }

    #[test]
    fn a_hold_on_a_credential_takes_everything_from_it_and_nothing_from_the_account() {
        let account = standing(|_, _| {});
        let mut credential =
            CredentialSnapshot::new("c", control::CredentialKind::AppPassword, String::new(), String::new());
        assert!(account.clone().with_credential(&credential).may_log_in());
        credential.restrictions = vec![restriction("SUSPECT", &[Capability::SendExternal])];
        let held = account.clone().with_credential(&credential);
        assert!(!held.may_log_in() && held.why(Capability::MailRead).ends_with("(SUSPECT)"));
        assert!(account.may_log_in());
    }
}

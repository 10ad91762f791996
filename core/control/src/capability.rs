//! SUMMARY    What a subject may do, and what takes it away.
//! INVARIANTS What several subjects in a line allow is what all of them allow. A missing field of an older snapshot allows.

use serde::{Deserialize, Serialize};

/// One thing a subject may do or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Capability {
    PortalLogin,
    MailRead,
    Receive,
    SendInternal,
    SendExternal,
    Provision,
    Export,
    Pay,
    PurgeAllowed,
}

impl Capability {
    pub const EVERY: [Capability; 9] = [
        Capability::PortalLogin,
        Capability::MailRead,
        Capability::Receive,
        Capability::SendInternal,
        Capability::SendExternal,
        Capability::Provision,
        Capability::Export,
        Capability::Pay,
        Capability::PurgeAllowed,
    ];
}

/// What a subject may do now. The control plane computes it from holds; the doors only read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    pub portal_login: bool,
    pub mail_read: bool,
    pub receive: bool,
    pub send_internal: bool,
    pub send_external: bool,
    pub provision: bool,
    pub export: bool,
    pub pay: bool,
    pub purge_allowed: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Capabilities::ALL
    }
}

impl Capabilities {
    pub const ALL: Capabilities = Capabilities::every(true);
    pub const NONE: Capabilities = Capabilities::every(false);

    const fn every(allowed: bool) -> Capabilities {
        Capabilities {
            portal_login: allowed,
            mail_read: allowed,
            receive: allowed,
            send_internal: allowed,
            send_external: allowed,
            provision: allowed,
            export: allowed,
            pay: allowed,
            purge_allowed: allowed,
        }
    }

    /// What both allow.
    pub fn and(self, other: Capabilities) -> Capabilities {
        let mut both = self;
        for capability in Capability::EVERY {
            if !other.allows(capability) {
                both = both.without(capability);
            }
        }
        both
    }

    pub fn allows(self, capability: Capability) -> bool {
        match capability {
            Capability::PortalLogin => self.portal_login,
            Capability::MailRead => self.mail_read,
            Capability::Receive => self.receive,
            Capability::SendInternal => self.send_internal,
            Capability::SendExternal => self.send_external,
            Capability::Provision => self.provision,
            Capability::Export => self.export,
            Capability::Pay => self.pay,
            Capability::PurgeAllowed => self.purge_allowed,
        }
    }

    /// The same without one.
    pub fn without(mut self, capability: Capability) -> Capabilities {
        *match capability {
            Capability::PortalLogin => &mut self.portal_login,
            Capability::MailRead => &mut self.mail_read,
            Capability::Receive => &mut self.receive,
            Capability::SendInternal => &mut self.send_internal,
            Capability::SendExternal => &mut self.send_external,
            Capability::Provision => &mut self.provision,
            Capability::Export => &mut self.export,
            Capability::Pay => &mut self.pay,
            Capability::PurgeAllowed => &mut self.purge_allowed,
        } = false;
        self
    }
}

/// Why a hold was placed, by the trade that places it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HoldKind {
    Billing,
    Abuse,
    Admin,
    Security,
    UserClosed,
    Legal,
    Verification,
    UpstreamBilling,
}

/// A hold as the doors tell it: what it takes away, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    pub kind: HoldKind,
    /// Stable, for programs: `PAYMENT_OVERDUE`.
    pub code: String,
    /// One line for the user.
    pub reason: String,
    /// One line: what to do about it; may be empty.
    pub next_step: String,
    /// What it takes away.
    pub blocks: Vec<Capability>,
}

impl Restriction {
    /// The reason and what to do, in one line.
    pub fn line(&self) -> String {
        if self.next_step.is_empty() { self.reason.clone() } else { format!("{} {}", self.reason, self.next_step) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_allow_is_without_what_either_lacks() {
        for capability in Capability::EVERY {
            let one = Capabilities::ALL.without(capability);
            assert!(!one.allows(capability));
            assert_eq!(one.and(Capabilities::ALL), one);
            assert_eq!(Capabilities::ALL.and(one), one);
        }
        assert_eq!(Capabilities::ALL.and(Capabilities::NONE), Capabilities::NONE);
    }
}

//! SUMMARY    Step-up: what a stolen session must not be enough for takes a factor that was verified a moment ago.
//! SECURITY   API tokens are exempt: nobody sits there to be asked, and what they may do was decided when they were made, by a
//!            caller who was asked (docs/decisions/0025-people-and-their-rights.md).
//! LIMITS     STEP_UP_LIFE

use crate::{Actor, Code, Error, Result, Service, actor::Proof, limits::STEP_UP_LIFE};

/// Mutations that give rights, take them, or take everything.
const SENSITIVE: &[&str] = &[
    "apiTokenCreate",
    "serviceAccountCreate",
    "serviceAccountUpdate",
    "memberInvite",
    "memberUpdate",
    "memberRemove",
    "ownershipTransfer",
    "roleCreate",
    "roleUpdate",
    "roleDelete",
    "personDelete",
    "personSetPassword",
    "totpEnroll",
    "passkeyRegister",
    "factorRemove",
    "recoveryCodesCreate",
    "identityProviderCreate",
    "identityProviderUpdate",
    "identityProviderDelete",
    "identityLink",
    "identityUnlink",
    "supportGrantCreate",
    "tenantClose",
    "exportRequest",
    "exportLinkCreate",
    // What is brought passes no check of what comes in.
    "migrationStart",
    "migrationStartMany",
];

impl Service {
    /// Whether an operation may go on: `StepUpRequired` when it is sensitive and the last factor was verified too long ago.
    pub(crate) fn sensitive(&self, actor: &Actor, action: &str) -> Result<()> {
        let Proof::Session { stepped_up_at, .. } = &actor.proof else { return Ok(()) };
        if !SENSITIVE.contains(&action) || self.now() < stepped_up_at.plus(STEP_UP_LIFE) {
            return Ok(());
        }
        let message = "Verify a factor again: sessionStepUp with a passkey, a TOTP code, a recovery code or, without any of \
                       them, the password";
        Err(Error::new(Code::StepUpRequired, "", message))
    }
}

//! SUMMARY    The kind of the event of an action.
//! INVARIANTS A kind that was given out never changes its meaning.

/// The last word of an action, as what happened.
const VERBS: &[(&str, &str)] = &[
    ("Create", "created"),
    ("Update", "updated"),
    ("Delete", "deleted"),
    ("Restore", "restored"),
    ("Purge", "purged"),
    ("Suspend", "suspended"),
    ("Resume", "resumed"),
    ("Rename", "renamed"),
    ("Revoke", "revoked"),
    ("Cancel", "cancelled"),
    ("Pause", "paused"),
    ("Place", "placed"),
    ("Hold", "held"),
    ("Release", "released"),
    ("Expire", "expired"),
    ("Settled", "settled"),
    ("Resend", "resend_requested"),
    ("Export", "export_requested"),
    ("Fetch", "fetched"),
    ("Import", "import_requested"),
    ("Migrate", "migrate_requested"),
    ("Verify", "verified"),
    ("Check", "checked"),
    ("Claim", "claimed"),
    ("Rotate", "rotated"),
    ("Retry", "retried"),
    ("Disable", "disabled"),
    ("Accept", "accepted"),
    ("Invite", "invited"),
    ("Remove", "removed"),
    ("Grant", "granted"),
    ("Use", "used"),
    ("Vouch", "vouched"),
    ("Publish", "published"),
    ("Transfer", "transferred"),
    ("Add", "added"),
    ("Enroll", "enrolled"),
    ("Confirm", "confirmed"),
    ("Register", "registered"),
    ("End", "ended"),
    ("Close", "closed"),
    ("Reopen", "reopened"),
    ("Open", "opened"),
    ("Change", "changed"),
    ("Pay", "paid"),
    ("Receive", "received"),
    ("Recover", "recovered"),
    ("Refund", "refunded"),
    ("Complete", "completed"),
    ("Allow", "allowed"),
    ("Approve", "approved"),
    ("Refuse", "refused"),
    ("Dismiss", "dismissed"),
    ("Request", "requested"),
    ("Download", "downloaded"),
    ("Start", "started"),
];

/// Characters of a wrong kind that are said again.
const KIND_CHARS_SHOWN: usize = 64;

/// Every action that is written into the audit log.
pub(super) const ACTIONS: &[&str] = &[
    "aliasCreate",
    "aliasDelete",
    "aliasUpdate",
    "announcementCreate",
    "announcementDismiss",
    "announcementEnd",
    "announcementUpdate",
    "apiTokenCreate",
    "apiTokenRevoke",
    "appPasswordCreate",
    "appPasswordRevoke",
    "auditExport",
    "billingPolicyUpdate",
    "billingSettled",
    "brandingAllow",
    "brandingLogoRemove",
    "brandingLogoSet",
    "brandingUpdate",
    "cardPageOpen",
    "checkoutClose",
    "checkoutOpen",
    "concessionAdd",
    "concessionEnd",
    "couponCreate",
    "couponUpdate",
    "creditGrant",
    "customerPageOpen",
    "customerUpdate",
    "debtPay",
    "delegateAdd",
    "delegateRemove",
    "directoryCreate",
    "directoryGroupCreate",
    "directoryGroupUpdate",
    "directoryUpdate",
    "dkimRotate",
    "dnsCredentialDelete",
    "dnsCredentialSet",
    "domainAliasCreate",
    "domainAliasRemove",
    "domainCheck",
    "domainCreate",
    "domainDelete",
    "domainPublish",
    "domainShare",
    "domainState",
    "domainUpdate",
    "domainVouch",
    "emailRecoverySet",
    "emailsRecover",
    "exportCancel",
    "exportDestroyed",
    "exportDownload",
    "exportFailed",
    "exportLinkCreate",
    "exportLinkRevoke",
    "exportPause",
    "exportReady",
    "exportRefuse",
    "exportRequest",
    "exportResume",
    "factorRemove",
    "featureFlagClear",
    "featureFlagSet",
    "groupCreate",
    "groupDelete",
    "groupMembersAdd",
    "groupMembersRemove",
    "groupUpdate",
    "holdExpire",
    "holdPlace",
    "holdRelease",
    "identityJoin",
    "identityLink",
    "identityProviderCreate",
    "identityProviderDelete",
    "identityProviderUpdate",
    "identityUnlink",
    "invitationAccept",
    "invitationResend",
    "invitationRevoke",
    "invoicePay",
    "invoiceReceive",
    "invoiceRefund",
    "jobCancel",
    "jobDone",
    "jobPause",
    "jobResume",
    "mailExport",
    "mailExportCancel",
    "mailExportFetch",
    "mailExportPause",
    "mailExportResume",
    "mailImport",
    "mailMigrate",
    "mailRestore",
    "mailboxCreate",
    "mailboxDelete",
    "mailboxImport",
    "mailboxImportPasswords",
    "mailboxPurge",
    "mailboxRename",
    "mailboxRestore",
    "mailboxResume",
    "mailboxRetentionSet",
    "mailboxSetPassword",
    "mailboxSuspend",
    "mailboxUpdate",
    "maskedAddressCreate",
    "maskedAddressDelete",
    "maskedAddressUpdate",
    "memberInvite",
    "memberRemove",
    "memberUpdate",
    "migrationDone",
    "migrationEnd",
    "migrationFailed",
    "migrationPause",
    "migrationRefuse",
    "migrationResume",
    "migrationStart",
    "ownershipTransfer",
    "passkeyRegister",
    "passwordReset",
    "paymentEventRetry",
    "personDelete",
    "personSetPassword",
    "planCreate",
    "planUpdate",
    "queueItemCancel",
    "queueItemHold",
    "queueItemRelease",
    "queueItemRetry",
    "recoveryCodesCreate",
    "roleCreate",
    "roleDelete",
    "roleUpdate",
    "sendAsAdd",
    "sendAsRemove",
    "serviceAccountCreate",
    "serviceAccountDelete",
    "serviceAccountUpdate",
    "sessionCreate",
    "sessionRevoke",
    "signupApprove",
    "signupComplete",
    "signupInviteCreate",
    "signupInviteRevoke",
    "signupRefuse",
    "signupSettingsUpdate",
    "subscriptionCancel",
    "subscriptionChange",
    "subscriptionResume",
    "supportGrantCreate",
    "supportGrantRevoke",
    "supportGrantUse",
    "tenantClose",
    "tenantCreate",
    "tenantPurge",
    "tenantReopen",
    "tenantResend",
    "tenantResume",
    "tenantSuspend",
    "tenantUpdate",
    "totpConfirm",
    "totpEnroll",
    "webhookCreate",
    "webhookDelete",
    "webhookDeliveryRetry",
    "webhookDisable",
    "webhookRotateSecret",
    "webhookUpdate",
];

/// Kinds that the data plane tells.
pub(super) const OF_THE_DATA_PLANE: &[&str] = &["quota.reached", "quota.relieved", "send_limit.reached"];

/// Every kind that an event can have, in order of their names.
pub(crate) fn kinds() -> Vec<String> {
    let told = OF_THE_DATA_PLANE.iter().map(|kind| (*kind).to_owned());
    let mut all: Vec<String> = ACTIONS.iter().map(|action| kind_of(action)).chain(told).collect();
    all.sort();
    all
}

/// Why nothing fits a kind as webhooks name them (`mailbox.created`, `mailbox.*`, `*`); None: something does.
pub(crate) fn never(wanted: &str) -> Option<String> {
    let all = kinds();
    let noun = |kind: &str| kind.split('.').next().unwrap_or_default().to_owned();
    let of = noun(wanted);
    let verbs: Vec<&String> = all.iter().filter(|kind| noun(kind) == of).collect();
    let fits = match wanted.split_once('.') {
        Some((_, "*")) => !verbs.is_empty(),
        Some(_) => verbs.iter().any(|kind| *kind == wanted),
        None => wanted == "*",
    };
    if fits {
        return None;
    }
    let wanted: String = wanted.chars().take(KIND_CHARS_SHOWN).collect();
    Some(match verbs.is_empty() {
        false => format!(
            "`{wanted}` is no kind of event; of `{of}` there are {of}.*, {}",
            verbs.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
        ),
        true => {
            let mut nouns: Vec<String> = all.iter().map(|kind| format!("{}.*", noun(kind))).collect();
            nouns.dedup();
            format!("`{wanted}` is no kind of event; there are *, {}", nouns.join(", "))
        }
    })
}

/// The kind of the event of an action: `mailboxCreate` is `mailbox.created`, `apiTokenRevoke` is `api_token.revoked`. What has no
/// known verb keeps its words: `mailboxSetPassword` is `mailbox.set_password`.
pub(super) fn kind_of(action: &str) -> String {
    let words = words(action);
    let known = words.split_last().and_then(|(last, noun)| {
        let (_, happened) = VERBS.iter().find(|(verb, _)| verb.eq_ignore_ascii_case(last))?;
        (!noun.is_empty()).then(|| format!("{}.{happened}", noun.join("_")))
    });
    known.unwrap_or_else(|| match words.split_first() {
        Some((noun, rest)) if !rest.is_empty() => format!("{noun}.{}", rest.join("_")),
        Some(_) | None => format!("{}.done", words.join("_")),
    })
}

/// The words of a camelCase name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_kind_of_event() {
        for (action, kind) in [
            ("mailboxCreate", "mailbox.created"),
            ("tenantSuspend", "tenant.suspended"),
            ("apiTokenRevoke", "api_token.revoked"),
            ("mailboxSetPassword", "mailbox.set_password"),
            ("jobDone", "job.done"),
            ("holdExpire", "hold.expired"),
            ("billingSettled", "billing.settled"),
            ("login", "login.done"),
        ] {
            assert_eq!(kind_of(action), kind);
        }
    }

    #[test]
    fn kinds_are_known_and_a_wrong_one_is_told_which_there_are() {
        let all = kinds();
        assert!(all.windows(2).all(|two| two[0] < two[1]), "{all:?}");
        for good in ["*", "mailbox.*", "mailbox.created", "quota.reached", "send_limit.*", "domain.state"] {
            assert_eq!(never(good), None);
        }
        for (wrong, told) in [
            ("mailbox.made", "mailbox.*, mailbox.created"),
            ("mailbx.*", "mailbox.*, "),
            ("mailbox", "mailbox.*, mailbox.created"),
            ("", "there are *, "),
            ("*.created", "there are *, "),
        ] {
            assert!(never(wrong).is_some_and(|why| why.contains(told)), "{wrong}: {:?}", never(wrong));
        }
    }

    #[test]
    fn the_page_for_hosting_companies_lists_every_kind() {
        let page = include_str!("../../../docs/api.md");
        let list = page.split("\n\n").find(|part| part.starts_with("`alias.created`")).unwrap();
        let listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        assert_eq!(listed, kinds());
    }
}

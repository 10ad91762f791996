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
    ("Release", "released"),
    ("Expire", "expired"),
    ("Settled", "settled"),
    ("Resend", "resend_requested"),
    ("Export", "export_requested"),
    ("Import", "import_requested"),
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
];

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
    use super::kind_of;

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
}

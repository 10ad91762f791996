//! SUMMARY    What each kind of hold takes away, and at most; what several leave.
//! INVARIANTS Every kind but `UserClosed` keeps what is held from being purged (M2).

use crate::{Code, Error, Hold, Result, Subject};
use control::{Capabilities, Capability, HoldKind, Restriction};

pub(super) const KINDS: [(HoldKind, &str); 8] = [
    (HoldKind::Billing, "billing"),
    (HoldKind::Abuse, "abuse"),
    (HoldKind::Admin, "admin"),
    (HoldKind::Security, "security"),
    (HoldKind::UserClosed, "user_closed"),
    (HoldKind::Legal, "legal"),
    (HoldKind::Verification, "verification"),
    (HoldKind::UpstreamBilling, "upstream_billing"),
];

/// As it is stored.
pub(super) fn kind_name(kind: HoldKind) -> &'static str {
    KINDS.iter().find(|(k, _)| *k == kind).map_or("admin", |(_, name)| name)
}

pub(super) fn parse_kind(name: &str) -> Result<HoldKind> {
    let known = KINDS.iter().find(|(_, n)| *n == name);
    known.map(|(kind, _)| *kind).ok_or_else(|| Error::new(Code::Internal, "", "a stored kind of hold is damaged"))
}

/// As it is stored and shown.
pub(super) fn capability_name(capability: Capability) -> &'static str {
    match capability {
        Capability::PortalLogin => "PORTAL_LOGIN",
        Capability::MailRead => "MAIL_READ",
        Capability::Receive => "RECEIVE",
        Capability::SendInternal => "SEND_INTERNAL",
        Capability::SendExternal => "SEND_EXTERNAL",
        Capability::Provision => "PROVISION",
        Capability::Export => "EXPORT",
        Capability::Pay => "PAY",
        Capability::PurgeAllowed => "PURGE_ALLOWED",
    }
}

/// Names with spaces between; what is unknown is a damaged database.
pub(super) fn parse_blocks(text: &str) -> Result<Vec<Capability>> {
    let parse = |name| {
        let known = Capability::EVERY.iter().find(|c| capability_name(**c) == name);
        known.copied().ok_or_else(|| Error::new(Code::Internal, "", "a stored capability is damaged"))
    };
    text.split_whitespace().map(parse).collect()
}

pub(super) fn render_blocks(blocks: &[Capability]) -> String {
    blocks.iter().map(|c| capability_name(*c)).collect::<Vec<_>>().join(" ")
}

use Capability::{Export, MailRead, PortalLogin, Provision, PurgeAllowed, Receive, SendExternal, SendInternal};

/// What a kind takes away when nothing else is said.
pub(super) fn usual(kind: HoldKind) -> &'static [Capability] {
    match kind {
        HoldKind::Admin => &[PortalLogin, MailRead, Receive, SendInternal, SendExternal, Provision, PurgeAllowed],
        HoldKind::Billing | HoldKind::UpstreamBilling => &[SendInternal, SendExternal, Provision, PurgeAllowed],
        HoldKind::Abuse => &[SendInternal, SendExternal, Provision, PurgeAllowed],
        HoldKind::Security => &[MailRead, SendInternal, SendExternal, PurgeAllowed],
        HoldKind::UserClosed => &[Receive, SendInternal, SendExternal, Provision],
        HoldKind::Legal => &[PurgeAllowed],
        HoldKind::Verification => &[SendExternal, PurgeAllowed],
    }
}

/// What a kind may take away at most.
pub(super) fn at_most(kind: HoldKind) -> &'static [Capability] {
    match kind {
        HoldKind::Admin | HoldKind::Abuse | HoldKind::Security => {
            &[PortalLogin, MailRead, Receive, SendInternal, SendExternal, Provision, Export, PurgeAllowed]
        }
        HoldKind::Billing | HoldKind::UpstreamBilling => {
            &[PortalLogin, MailRead, Receive, SendInternal, SendExternal, Provision, PurgeAllowed]
        }
        HoldKind::UserClosed => &[PortalLogin, MailRead, Receive, SendInternal, SendExternal, Provision],
        HoldKind::Legal => &[PurgeAllowed],
        HoldKind::Verification => &[SendInternal, SendExternal, Provision, PurgeAllowed],
    }
}

/// What is to be taken away, as was asked or as is usual. `Invalid` for what the kind may not take.
pub(super) fn blocks(kind: HoldKind, on: &Subject, wanted: Option<&[Capability]>) -> Result<Vec<Capability>> {
    let Some(wanted) = wanted else {
        // Below a tenant nobody signs in but by the password that leaked. A tenant's people are to clear it up.
        let shut = kind == HoldKind::Security && !matches!(on, Subject::Tenant(_));
        let portal = shut.then_some(PortalLogin);
        return Ok(portal.into_iter().chain(usual(kind).iter().copied()).collect());
    };
    if let Some(over) = wanted.iter().find(|c| !at_most(kind).contains(c)) {
        let message = format!("A hold of this kind never takes {} away", capability_name(*over));
        return Err(Error::new(Code::Invalid, "blocks", message));
    }
    let mut all: Vec<Capability> = Capability::EVERY.iter().copied().filter(|c| wanted.contains(c)).collect();
    if kind != HoldKind::UserClosed && !all.contains(&PurgeAllowed) {
        all.push(PurgeAllowed);
    }
    match all.iter().all(|c| *c == PurgeAllowed) && kind != HoldKind::Legal {
        true => Err(Error::new(Code::Invalid, "blocks", "A hold takes something away")),
        false => Ok(all),
    }
}

/// What holds leave, the readable reasons in one line, and each of them as the doors tell it.
pub(crate) fn standing(holds: &[Hold]) -> (Capabilities, String, Vec<Restriction>) {
    let taken = holds.iter().flat_map(|h| &h.blocks);
    let left = taken.fold(Capabilities::ALL, |left, c| left.without(*c));
    // A hold that only keeps from purging is nobody's business at a door.
    let shown: Vec<&Hold> = holds.iter().filter(|h| h.blocks.iter().any(|c| *c != PurgeAllowed)).collect();
    let reason = shown.iter().map(|h| h.reason.as_str()).collect::<Vec<_>>().join("; ");
    (left, reason, shown.iter().map(|h| h.restriction()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::TenantId;
    use control::Capability::Pay;

    fn tenant() -> Subject {
        Subject::Tenant(TenantId(1))
    }

    #[test]
    fn h2_billing_never_takes_export_or_paying() {
        for kind in [HoldKind::Billing, HoldKind::UpstreamBilling] {
            for over in [Export, Pay] {
                assert!(!at_most(kind).contains(&over));
                assert_eq!(blocks(kind, &tenant(), Some(&[SendExternal, over])).unwrap_err().code, Code::Invalid);
            }
        }
    }

    #[test]
    fn h6_legal_takes_purging_only() {
        assert_eq!(blocks(HoldKind::Legal, &tenant(), None).unwrap(), [PurgeAllowed]);
        assert!(blocks(HoldKind::Legal, &tenant(), Some(&[MailRead])).is_err());
    }

    #[test]
    fn m2_every_kind_but_closing_by_the_user_keeps_from_purging() {
        for (kind, name) in KINDS {
            assert_eq!(usual(kind).contains(&PurgeAllowed), kind != HoldKind::UserClosed, "{name}");
            assert!(usual(kind).iter().all(|c| at_most(kind).contains(c)), "{name}");
            assert_eq!(parse_kind(kind_name(kind)).unwrap(), kind);
        }
        assert_eq!(blocks(HoldKind::Abuse, &tenant(), Some(&[SendExternal])).unwrap(), [SendExternal, PurgeAllowed]);
        assert!(blocks(HoldKind::Abuse, &tenant(), Some(&[])).is_err());
    }
}

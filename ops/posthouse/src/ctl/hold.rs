//! SUMMARY    `ctl hold` and `ctl why`: what restricts a subject, placing and ending it.
//! INVARIANTS What is shown is what the doors are told; nothing is computed another way here.

use super::{
    command,
    desk::{Desk, Events, Outcome, row, text},
    request::{Request, Terms},
};
use clap::{Args, Subcommand, ValueEnum};
use control::{Capability, HoldKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenants::{Because, Explained, NewHold, Subject};

const DAY_MS: i64 = 24 * 3_600_000;

/// Why something is restricted.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Billing,
    Abuse,
    Admin,
    Security,
    UserClosed,
    Legal,
    Verification,
    UpstreamBilling,
}

impl From<Kind> for HoldKind {
    fn from(kind: Kind) -> HoldKind {
        match kind {
            Kind::Billing => HoldKind::Billing,
            Kind::Abuse => HoldKind::Abuse,
            Kind::Admin => HoldKind::Admin,
            Kind::Security => HoldKind::Security,
            Kind::UserClosed => HoldKind::UserClosed,
            Kind::Legal => HoldKind::Legal,
            Kind::Verification => HoldKind::Verification,
            Kind::UpstreamBilling => HoldKind::UpstreamBilling,
        }
    }
}

/// A hold to be placed.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct Placing {
    /// A tenant (ten_…), a domain, a mailbox (acc_… or its address), a credential (crd_…).
    subject: String,
    #[arg(long, value_enum)]
    kind: Kind,
    /// Stable word for programs, like PAYMENT_OVERDUE.
    #[arg(long)]
    code: String,
    /// One line, shown to users.
    #[arg(long)]
    reason: String,
    /// One line: what to do about it.
    #[arg(long, default_value = "")]
    next_step: String,
    /// It ends by itself at the end of the day (UTC) so many days from now.
    #[arg(long)]
    days: Option<u32>,
}

#[derive(Subcommand)]
pub enum Hold {
    /// Restricts a subject; what it takes away is what is usual for the kind.
    Place {
        #[command(flatten)]
        placing: Placing,
        #[command(flatten)]
        terms: command::Terms,
    },
    /// Ends a hold.
    Release {
        /// hld_…
        hold: String,
        #[command(flatten)]
        terms: command::Terms,
    },
    /// The holds that restrict a subject: on itself and on all that it belongs to.
    List { subject: String },
}

impl Hold {
    pub fn request(self) -> Request {
        match self {
            Hold::Place { placing, terms } => Request::HoldPlace { placing, terms: terms.into() },
            Hold::Release { hold, terms } => Request::HoldRelease { hold, terms: terms.into() },
            Hold::List { subject } => Request::HoldList { subject },
        }
    }
}

impl Desk {
    pub(super) async fn hold_place(&self, who: &str, placing: Placing, terms: Terms, events: &Events) -> Outcome {
        let (actor, subject) = self.subject(who, &placing.subject).await?;
        let service = self.shared_service()?;
        // The end of a day: the same command with the same key asks for the same thing.
        let today = service.now().0.div_euclid(DAY_MS);
        let ends = |days: u32| today.saturating_add(i64::from(days)).saturating_add(1).saturating_mul(DAY_MS);
        let new = NewHold {
            kind: placing.kind.into(),
            code: placing.code,
            reason: placing.reason,
            next_step: placing.next_step,
            blocks: None,
            expires_at_ms: placing.days.map(ends),
        };
        let done = service.hold_place(&actor, &terms.into(), &subject, &new).await.map_err(text)?;
        row(events, hold_row(&done.object)).await?;
        super::desk::applied(done.applied, "held")
    }

    pub(super) async fn hold_release(&self, who: &str, hold: &str, terms: Terms, events: &Events) -> Outcome {
        let service = self.shared_service()?;
        let actor = service.console(who).await.map_err(text)?;
        let done = service.hold_release(&actor, &terms.into(), hold, "").await.map_err(text)?;
        row(events, hold_row(&done.object)).await?;
        super::desk::applied(done.applied, "released")
    }

    pub(super) async fn hold_list(&self, who: &str, subject: &str, events: &Events) -> Outcome {
        let mut shown = Vec::new();
        for because in self.explained(who, subject).await?.missing.into_iter().flat_map(|(_, all)| all) {
            if let Some(hold) = because.hold.filter(|hold| !shown.contains(&hold.id)) {
                row(events, hold_row(&hold)).await?;
                shown.push(hold.id);
            }
        }
        Ok((true, None, format!("{} holds", shown.len())))
    }

    /// What a subject may do, line by line, and why it may not do the rest.
    pub(super) async fn why(&self, who: &str, subject: &str, events: &Events) -> Outcome {
        let explained = self.explained(who, subject).await?;
        for capability in Capability::EVERY {
            let missing = explained.missing.iter().find(|(c, _)| *c == capability);
            match missing {
                None => row(events, json!({ "capability": capability, "allowed": true })).await?,
                Some((_, all)) => {
                    for because in all {
                        row(events, because_row(capability, because)).await?;
                    }
                }
            }
        }
        let summary = match explained.missing.len() {
            0 => "nothing is in the way".to_owned(),
            n => format!("{n} of {} are not allowed", Capability::EVERY.len()),
        };
        Ok((true, None, summary))
    }

    async fn explained(&self, who: &str, subject: &str) -> Result<Explained, String> {
        let (actor, subject) = self.subject(who, subject).await?;
        self.shared_service()?.capabilities(&actor, &subject).await.map_err(text)
    }

    /// A subject by its id, or the mailbox of an address.
    async fn subject(&self, who: &str, subject: &str) -> Result<(tenants::Actor, Subject), String> {
        let service = self.shared_service()?;
        let actor = service.console(who).await.map_err(text)?;
        let found = match subject.contains('@') {
            true => service.mailbox_by_address(&actor, subject).await.map(|mailbox| Subject::Mailbox(mailbox.id)),
            false => Subject::parse(subject),
        };
        found.map(|found| (actor, found)).map_err(|e| format!("{subject}: {e}"))
    }
}

fn because_row(capability: Capability, because: &Because) -> Value {
    json!({
        "capability": capability,
        "allowed": false,
        "code": because.code,
        "reason": because.reason,
        "next_step": because.next_step,
        "on": because.hold.as_ref().map(|h| h.on.to_string()),
        "hold": because.hold.as_ref().map(|h| h.id.clone()),
    })
}

fn hold_row(hold: &tenants::Hold) -> Value {
    json!({
        "id": hold.id,
        "on": hold.on.to_string(),
        "kind": hold.kind,
        "code": hold.code,
        "reason": hold.reason,
        "next_step": hold.next_step,
        "placed_by": hold.placed_by.to_string(),
        "placed_at_ms": hold.placed_at_ms,
        "expires_at_ms": hold.expires_at_ms,
    })
}

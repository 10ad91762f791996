//! SUMMARY    Holds: placed on tenants, domains, mailboxes and app passwords; released.

use crate::{
    cost::MUTATION_COST,
    input::CreateTerms,
    payload::{object_payload, payload},
    query::hold::{Capability, HoldKind},
    scalar::DateTime,
    types::{Hold, actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::{NewHold, Subject};

#[derive(InputObject)]
pub struct HoldPlaceInput {
    /// A tenant (with all below it), a domain's name (all its mailboxes), a mailbox or an app password.
    subject_id: ID,
    kind: HoldKind,
    /// A stable word for programs: PAYMENT_OVERDUE.
    code: String,
    /// One line, shown to users at every door.
    reason: String,
    /// One line: what to do about it.
    #[graphql(default)]
    next_step: String,
    /// What it takes away; what is usual for the kind when missing.
    blocks: Option<Vec<Capability>>,
    /// When it ends by itself; never when missing.
    expires_at: Option<DateTime>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct HoldReleaseInput {
    hold_id: ID,
    /// One line for the audit log; may be empty.
    #[graphql(default)]
    reason: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

object_payload!(HoldPlacePayload, HoldPlaceUserError, HoldPlaceErrorCode, [NotFound, LimitReached], hold: Hold);
object_payload!(HoldReleasePayload, HoldReleaseUserError, HoldReleaseErrorCode, [NotFound], hold: Hold);

#[derive(Default)]
pub struct HoldMutation;

#[Object]
impl HoldMutation {
    /// Restricts a subject: every door says why and what to do, open sessions end. An earlier hold of the same tenant, kind
    /// and code on it ends.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn hold_place(&self, ctx: &Context<'_>, input: HoldPlaceInput) -> Result<HoldPlacePayload> {
        let new = NewHold {
            kind: input.kind.into(),
            code: input.code,
            reason: input.reason,
            next_step: input.next_step,
            blocks: input.blocks.map(|blocks| blocks.into_iter().map(Into::into).collect()),
            expires_at_ms: input.expires_at.map(|at| at.0),
        };
        let placed = async {
            let subject = Subject::parse(&input.subject_id)?;
            service(ctx).hold_place(actor(ctx), &input.terms.into(), &subject, &new).await
        };
        HoldPlacePayload::object(placed.await)
    }

    /// Ends a hold. FORBIDDEN when a tenant above placed it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn hold_release(&self, ctx: &Context<'_>, input: HoldReleaseInput) -> Result<HoldReleasePayload> {
        let HoldReleaseInput { hold_id, reason, terms } = input;
        HoldReleasePayload::object(service(ctx).hold_release(actor(ctx), &terms.into(), &hold_id, &reason).await)
    }
}

//! SUMMARY    Members, invitations, roles: who may do what in a tenant.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    people::object::{GrantScopeInput, Invitation, Member, Role, selector},
    types::{actor, seen, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::{Acceptance, MemberPatch, NewInvitation, NewRole, Permissions, RolePatch};

#[derive(InputObject)]
pub struct MemberInviteInput {
    tenant_id: ID,
    email: String,
    /// A standard role's name, or the id of one of the tenant's own.
    role: String,
    on: Option<GrantScopeInput>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct InvitationResendInput {
    id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct InvitationRevokeInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

/// Needs no token: the secret says what it is about.
#[derive(InputObject)]
pub struct InvitationAcceptInput {
    secret: String,
    /// Of a new person.
    name: Option<String>,
    locale: Option<String>,
    /// A new person's, or the one the person has. Not needed from the person itself, signed in.
    password: Option<String>,
    /// What `/auth/oidc/callback` gave, of an identity provider of the inviting tenant: that account is linked to the person. A
    /// new person needs no password then.
    identity_code: Option<String>,
}

#[derive(InputObject)]
pub struct MemberUpdateInput {
    member_id: ID,
    role: Option<String>,
    on: Option<GrantScopeInput>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct MemberRemoveInput {
    member_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct OwnershipTransferInput {
    /// Who becomes owner.
    member_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct RoleCreateInput {
    tenant_id: ID,
    name: String,
    /// Names as `mailbox:create`; see `standardRoles`.
    permissions: Vec<String>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct RoleUpdateInput {
    id: ID,
    name: Option<String>,
    permissions: Option<Vec<String>>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct RoleDeleteInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

payload!(MemberInvitePayload, MemberInviteUserError, MemberInviteErrorCode, [NotFound, LimitReached], {
    /// None in a dry run: there is none.
    invitation: Option<Invitation>,
    /// For the invited, if the mail does not arrive. It does not prove the address. None in a dry run.
    secret: Option<String>
});
payload!(InvitationResendPayload, InvitationResendUserError, InvitationResendErrorCode, [NotFound, StaleObject], {
    invitation: Option<Invitation>,
    /// A fresh one; the former ends. None in a dry run.
    secret: Option<String>
});
payload!(InvitationRevokePayload, InvitationRevokeUserError, InvitationRevokeErrorCode, [NotFound, StaleObject], { done: bool });
object_payload!(
    InvitationAcceptPayload, InvitationAcceptUserError, InvitationAcceptErrorCode, [NotFound, InvalidCredentials, Taken],
    member: Member
);
object_payload!(
    MemberUpdatePayload, MemberUpdateUserError, MemberUpdateErrorCode, [NotFound, StaleObject, LastOwner], member: Member
);
payload!(MemberRemovePayload, MemberRemoveUserError, MemberRemoveErrorCode, [NotFound, StaleObject, LastOwner], { done: bool });
object_payload!(
    OwnershipTransferPayload, OwnershipTransferUserError, OwnershipTransferErrorCode, [NotFound, StaleObject], member: Member
);
object_payload!(RoleCreatePayload, RoleCreateUserError, RoleCreateErrorCode, [NotFound, Taken, LimitReached], role: Role);
object_payload!(RoleUpdatePayload, RoleUpdateUserError, RoleUpdateErrorCode, [NotFound, StaleObject, Taken], role: Role);
object_payload!(RoleDeletePayload, RoleDeleteUserError, RoleDeleteErrorCode, [NotFound, StaleObject, InUse], role: Role);

#[derive(Default)]
pub struct MemberMutation;

pub(super) fn permissions(names: &[String]) -> tenants::Result<Permissions> {
    Permissions::parse(&names.join(" "))
}

#[Object]
impl MemberMutation {
    /// Invites an address to a role. Nobody gives what they lack.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn member_invite(&self, ctx: &Context<'_>, input: MemberInviteInput) -> Result<MemberInvitePayload> {
        let done = async {
            let (tenant, on) = (tenant_id(&input.tenant_id)?, selector(input.on)?);
            let new = NewInvitation { tenant, email: input.email, role: input.role, on };
            service(ctx).member_invite(actor(ctx), &input.terms.into(), &new).await
        };
        MemberInvitePayload::of(done.await, |payload, made| {
            // The id that a dry run would have given leads nowhere.
            payload.invitation = made.secret.is_some().then(|| made.invitation.into());
            payload.secret = made.secret;
            Ok(())
        })
    }

    /// Sends an invitation again; the former secrets end.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn invitation_resend(
        &self,
        ctx: &Context<'_>,
        input: InvitationResendInput,
    ) -> Result<InvitationResendPayload> {
        let done = service(ctx).invitation_resend(actor(ctx), &input.terms.into(), &input.id).await;
        InvitationResendPayload::of(done, |payload, made| {
            payload.invitation = Some(made.invitation.into());
            payload.secret = made.secret;
            Ok(())
        })
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn invitation_revoke(
        &self,
        ctx: &Context<'_>,
        input: InvitationRevokeInput,
    ) -> Result<InvitationRevokePayload> {
        let done = service(ctx).invitation_revoke(actor(ctx), &input.terms.into(), &input.id).await;
        InvitationRevokePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Accepts an invitation. Needs no token.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn invitation_accept(
        &self,
        ctx: &Context<'_>,
        input: InvitationAcceptInput,
    ) -> Result<InvitationAcceptPayload> {
        let InvitationAcceptInput { secret, name, locale, password, identity_code } = input;
        let given = Acceptance { secret, name, locale, password, identity_code, seen: seen(ctx) };
        InvitationAcceptPayload::object(service(ctx).invitation_accept(actor(ctx), &given).await)
    }

    /// Gives a member another role or other objects. Without `on` they stay; an empty one means all of the tenant.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn member_update(&self, ctx: &Context<'_>, input: MemberUpdateInput) -> Result<MemberUpdatePayload> {
        let done = async {
            let on = input.on.map(|on| selector(Some(on))).transpose()?;
            let patch = MemberPatch { role: input.role, on };
            service(ctx).member_update(actor(ctx), &input.terms.into(), &input.member_id, &patch).await
        };
        MemberUpdatePayload::object(done.await)
    }

    /// Takes a membership away, others' or one's own; what the member made by it ends. LAST_OWNER for the only owner.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn member_remove(&self, ctx: &Context<'_>, input: MemberRemoveInput) -> Result<MemberRemovePayload> {
        let done = service(ctx).member_remove(actor(ctx), &input.terms.into(), &input.member_id).await;
        MemberRemovePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// An owner makes another member the owner, and becomes an admin.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn ownership_transfer(
        &self,
        ctx: &Context<'_>,
        input: OwnershipTransferInput,
    ) -> Result<OwnershipTransferPayload> {
        let done = service(ctx).ownership_transfer(actor(ctx), &input.terms.into(), &input.member_id).await;
        OwnershipTransferPayload::object(done)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn role_create(&self, ctx: &Context<'_>, input: RoleCreateInput) -> Result<RoleCreatePayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            let new = NewRole { tenant, name: input.name, permissions: permissions(&input.permissions)? };
            service(ctx).role_create(actor(ctx), &input.terms.into(), &new).await
        };
        RoleCreatePayload::object(done.await)
    }

    /// Changes a role for all who have it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn role_update(&self, ctx: &Context<'_>, input: RoleUpdateInput) -> Result<RoleUpdatePayload> {
        let done = async {
            let permissions = input.permissions.map(|names| permissions(&names)).transpose()?;
            let patch = RolePatch { name: input.name, permissions };
            service(ctx).role_update(actor(ctx), &input.terms.into(), &input.id, &patch).await
        };
        RoleUpdatePayload::object(done.await)
    }

    /// IN_USE while somebody has the role or is invited to it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn role_delete(&self, ctx: &Context<'_>, input: RoleDeleteInput) -> Result<RoleDeletePayload> {
        RoleDeletePayload::object(service(ctx).role_delete(actor(ctx), &input.terms.into(), &input.id).await)
    }
}

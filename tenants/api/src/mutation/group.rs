//! SUMMARY    Distribution groups: made, changed, joined, left, deleted.

use crate::{
    cost::MUTATION_COST,
    input::{GroupCreateInput, GroupDeleteInput, GroupMembersInput, GroupUpdateInput},
    payload::{
        GroupCreatePayload, GroupDeletePayload, GroupMembersAddPayload, GroupMembersRemovePayload, GroupUpdatePayload,
    },
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::GroupPatch;

#[derive(Default)]
pub struct GroupMutation;

#[Object]
impl GroupMutation {
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn group_create(&self, ctx: &Context<'_>, input: GroupCreateInput) -> Result<GroupCreatePayload> {
        let done = async {
            let new = input.group()?;
            service(ctx).group_create(actor(ctx), &input.terms.into(), &new).await
        };
        GroupCreatePayload::object(done.await)
    }

    /// Names a group, says who may write to it, switches it on or off.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn group_update(&self, ctx: &Context<'_>, input: GroupUpdateInput) -> Result<GroupUpdatePayload> {
        let patch = GroupPatch {
            name: input.name,
            posting: input.posting.map(Into::into),
            enabled: input.enabled,
            ..GroupPatch::default()
        };
        let terms = input.terms.into();
        GroupUpdatePayload::object(service(ctx).group_update(actor(ctx), &terms, &input.address, &patch).await)
    }

    /// Takes members in; who is one already stays where they are.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn group_members_add(&self, ctx: &Context<'_>, input: GroupMembersInput) -> Result<GroupMembersAddPayload> {
        let patch = GroupPatch { add: input.members, ..GroupPatch::default() };
        let terms = input.terms.into();
        GroupMembersAddPayload::object(service(ctx).group_update(actor(ctx), &terms, &input.address, &patch).await)
    }

    /// Takes members out; who is none is no error.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn group_members_remove(
        &self,
        ctx: &Context<'_>,
        input: GroupMembersInput,
    ) -> Result<GroupMembersRemovePayload> {
        let patch = GroupPatch { remove: input.members, ..GroupPatch::default() };
        let terms = input.terms.into();
        GroupMembersRemovePayload::object(service(ctx).group_update(actor(ctx), &terms, &input.address, &patch).await)
    }

    /// The address becomes a tombstone. IN_USE while it is its domain's catch-all.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn group_delete(&self, ctx: &Context<'_>, input: GroupDeleteInput) -> Result<GroupDeletePayload> {
        GroupDeletePayload::object(service(ctx).group_delete(actor(ctx), &input.terms.into(), &input.address).await)
    }
}

//! SUMMARY    Mailboxes: made, changed, renamed, suspended, resumed, deleted.

use super::{account_id, tenant_id, wanted};
use crate::{
    cost::{MUTATION_COST, bulk_cost},
    input::{
        MailboxCreateInput, MailboxDeleteInput, MailboxPurgeInput, MailboxRenameInput, MailboxRestoreInput,
        MailboxResumeInput, MailboxRetentionSetInput, MailboxSetPasswordInput, MailboxSuspendInput, MailboxUpdateInput,
        MailboxesCreateInput, new_password,
    },
    payload::{
        MailboxCreatePayload, MailboxDeletePayload, MailboxPurgePayload, MailboxRenamePayload, MailboxRestorePayload,
        MailboxResumePayload, MailboxRetentionSetPayload, MailboxSetPasswordPayload, MailboxSuspendPayload,
        MailboxUpdatePayload, MailboxesCreatePayload,
    },
    types::{actor, service},
};
use async_graphql::{Context, ID, Object, Result};
use tenants::{Code, Done, Error, Mailbox, MailboxPatch, NewMailbox, NewPassword, OldAddress, Rename, Terms};

#[derive(Default)]
pub struct MailboxMutation;

#[Object]
impl MailboxMutation {
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_create(&self, ctx: &Context<'_>, input: MailboxCreateInput) -> Result<MailboxCreatePayload> {
        let done = async {
            let new = input.mailbox.try_into()?;
            service(ctx).mailbox_create(actor(ctx), &input.terms.into(), &new).await
        };
        MailboxCreatePayload::object(done.await)
    }

    /// Makes mailboxes in one transaction.
    #[graphql(complexity = "bulk_cost(input.mailboxes.len(), child_complexity)")]
    async fn mailboxes_create(&self, ctx: &Context<'_>, input: MailboxesCreateInput) -> Result<MailboxesCreatePayload> {
        let (terms, policy) = (input.terms.into(), input.error_policy.into());
        let done = async {
            let new: Vec<NewMailbox> = input.mailboxes.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
            service(ctx).mailboxes_create(actor(ctx), &terms, &new, policy).await
        };
        MailboxesCreatePayload::items(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_update(&self, ctx: &Context<'_>, input: MailboxUpdateInput) -> Result<MailboxUpdatePayload> {
        let done = async {
            let password = new_password(input.password, input.password_hash)?;
            let patch = MailboxPatch {
                display_name: input.display_name,
                quota_bytes_max: wanted(input.quota_bytes_max).map(|bytes| bytes.map(|b| b.0)),
                password: (password != NewPassword::Unset).then_some(password),
                kind: input.kind.map(Into::into),
                send: input.send_limits.unwrap_or_default().into(),
                hold: None,
            };
            patched(ctx, &input.mailbox_id, input.terms.into(), patch).await
        };
        MailboxUpdatePayload::of(done.await, |payload, mailbox| {
            payload.ended_app_passwords = ended(&mailbox);
            payload.mailbox = Some(mailbox.into());
            Ok(())
        })
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_set_password(
        &self,
        ctx: &Context<'_>,
        input: MailboxSetPasswordInput,
    ) -> Result<MailboxSetPasswordPayload> {
        let done = async {
            let password = new_password(input.password, input.password_hash)?;
            if password == NewPassword::Unset {
                return Err(Error::new(Code::Invalid, "password", "Give the password or its hash"));
            }
            let patch = MailboxPatch { password: Some(password), ..MailboxPatch::default() };
            patched(ctx, &input.mailbox_id, input.terms.into(), patch).await
        };
        MailboxSetPasswordPayload::of(done.await, |payload, mailbox| {
            payload.ended_app_passwords = ended(&mailbox);
            payload.mailbox = Some(mailbox.into());
            Ok(())
        })
    }

    /// Gives a mailbox another address. Its id and mail stay; the tenant's aliases follow.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_rename(&self, ctx: &Context<'_>, input: MailboxRenameInput) -> Result<MailboxRenamePayload> {
        let old = if input.keep_old_address { OldAddress::Alias } else { OldAddress::Tombstone };
        let to = Rename { address: input.address, old };
        let done = async {
            let account = account_id(&input.mailbox_id)?;
            service(ctx).mailbox_rename(actor(ctx), &input.terms.into(), account, &to).await
        };
        MailboxRenamePayload::object(done.await)
    }

    /// Closes every door to the mailbox's user until it is resumed.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_suspend(&self, ctx: &Context<'_>, input: MailboxSuspendInput) -> Result<MailboxSuspendPayload> {
        let patch = MailboxPatch { hold: Some(Some(input.reason)), ..MailboxPatch::default() };
        MailboxSuspendPayload::object(patched(ctx, &input.mailbox_id, input.terms.into(), patch).await)
    }

    /// Ends the suspension that the token's tenant, or one below it, placed. FORBIDDEN when only a tenant above placed one.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_resume(&self, ctx: &Context<'_>, input: MailboxResumeInput) -> Result<MailboxResumePayload> {
        let patch = MailboxPatch { hold: Some(None), ..MailboxPatch::default() };
        MailboxResumePayload::object(patched(ctx, &input.mailbox_id, input.terms.into(), patch).await)
    }

    /// Nobody logs in and no mail is taken until it is restored; at `purgeAt` it is gone for ever. Its address stays its own
    /// meanwhile. IN_USE while it is its domain's catch-all, FORBIDDEN while a tenant above suspends it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_delete(&self, ctx: &Context<'_>, input: MailboxDeleteInput) -> Result<MailboxDeletePayload> {
        let done = async {
            let account = account_id(&input.mailbox_id)?;
            service(ctx).mailbox_delete(actor(ctx), &input.terms.into(), account).await
        };
        MailboxDeletePayload::object(done.await)
    }

    /// Takes a deletion back: id, mail, address and credentials are as they were. LIMIT_REACHED when there is no room.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_restore(&self, ctx: &Context<'_>, input: MailboxRestoreInput) -> Result<MailboxRestorePayload> {
        let done = async {
            let account = account_id(&input.mailbox_id)?;
            service(ctx).mailbox_restore(actor(ctx), &input.terms.into(), account).await
        };
        MailboxRestorePayload::object(done.await)
    }

    /// Ends a deleted mailbox before its time: its addresses become tombstones, and nobody can reach its mail any more. HELD
    /// while a hold keeps it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_purge(&self, ctx: &Context<'_>, input: MailboxPurgeInput) -> Result<MailboxPurgePayload> {
        let done = async {
            let account = account_id(&input.mailbox_id)?;
            service(ctx).mailbox_purge(actor(ctx), &input.terms.into(), account).await
        };
        MailboxPurgePayload::object(done.await)
    }

    /// Says how long deleted mailboxes of a tenant can be restored. What is deleted already keeps its day.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn mailbox_retention_set(
        &self,
        ctx: &Context<'_>,
        input: MailboxRetentionSetInput,
    ) -> Result<MailboxRetentionSetPayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).mailbox_retention_set(actor(ctx), &input.terms.into(), tenant, input.days).await
        };
        MailboxRetentionSetPayload::object(done.await)
    }
}

/// How many app passwords a new password ended.
fn ended(mailbox: &Mailbox) -> i32 {
    i32::try_from(mailbox.ended_app_passwords).unwrap_or(i32::MAX)
}

async fn patched(ctx: &Context<'_>, id: &ID, terms: Terms, patch: MailboxPatch) -> tenants::Result<Done<Mailbox>> {
    service(ctx).mailbox_update(actor(ctx), &terms, account_id(id)?, &patch).await
}

//! SUMMARY    Mutations: `nounVerb(input)` to a payload with the object and `userErrors`.

use crate::{
    input::{
        AliasInput, DomainCreateInput, DomainUpdateInput, MailboxCreateInput, MailboxRenameInput,
        MailboxSetPasswordInput, MailboxSuspendInput, MailboxUpdateInput, TenantCreateInput, TenantSuspendInput,
        TenantUpdateInput, TokenAccess,
    },
    payload::{
        AliasPayload, DomainPayload, DonePayload, MailboxPayload, SecretPayload, TenantCreatePayload, TenantPayload,
    },
    query::tenant_id,
    types::{ByteSize, actor, service},
};
use async_graphql::{Context, ID, MaybeUndefined, Object, Result};
use base::{AccountId, TenantId};
use std::time::Duration;
use tenants::{
    Access, Applied, DomainPatch, Error, Limits, MailboxPatch, NewAlias, NewMailbox, NewTenant, NewToken, OldAddress,
};

pub struct Mutation;

fn tenant(id: &ID) -> tenants::Result<TenantId> {
    tenant_id(id).ok_or_else(|| Error::not_found("tenantId"))
}

fn account(id: &ID) -> tenants::Result<AccountId> {
    id.parse().map_err(|_| Error::not_found("mailboxId"))
}

fn limits(domains: Option<u64>, mailboxes: Option<u64>, bytes: Option<ByteSize>, messages: Option<u64>) -> Limits {
    Limits {
        max_domains: domains,
        max_mailboxes: mailboxes,
        storage_bytes_max: bytes.map(|b| b.0),
        messages_per_hour_max: messages,
    }
}

#[Object]
impl Mutation {
    /// Makes a customer: a tenant below the token's own, and a token for its owner.
    async fn tenant_create(&self, ctx: &Context<'_>, input: TenantCreateInput) -> Result<TenantCreatePayload> {
        let parent = match input.parent_id.as_ref().map(tenant).transpose() {
            Ok(parent) => parent,
            Err(e) => return Ok(TenantCreatePayload { user_errors: vec![e.into()], ..TenantCreatePayload::default() }),
        };
        let limits =
            limits(input.max_domains, input.max_mailboxes, input.storage_bytes_max, input.messages_per_hour_max);
        let new = NewTenant {
            parent,
            name: input.name,
            limits,
            domain: input.domain,
            owner: input.owner_mailbox.map(new_mailbox),
            idempotency_key: input.idempotency_key,
            dry_run: input.dry_run,
        };
        Ok(match service(ctx)?.tenant_create(actor(ctx)?, &new).await {
            Ok(made) => TenantCreatePayload {
                tenant: Some(made.tenant.into()),
                token: made.token,
                pending: made.applied == Applied::Pending,
                user_errors: Vec::new(),
            },
            Err(e) => TenantCreatePayload { user_errors: vec![e.into()], ..TenantCreatePayload::default() },
        })
    }

    async fn tenant_update(&self, ctx: &Context<'_>, input: TenantUpdateInput) -> Result<TenantPayload> {
        let limits =
            limits(input.max_domains, input.max_mailboxes, input.storage_bytes_max, input.messages_per_hour_max);
        Ok(match tenant(&input.tenant_id) {
            Ok(id) => service(ctx)?.tenant_update(actor(ctx)?, id, &limits, input.expected_version).await.into(),
            Err(e) => Err::<(tenants::Tenant, _), _>(e).into(),
        })
    }

    /// Closes every door to a tenant's users until it is resumed.
    async fn tenant_suspend(&self, ctx: &Context<'_>, input: TenantSuspendInput) -> Result<TenantPayload> {
        Ok(match tenant(&input.tenant_id) {
            Ok(id) => service(ctx)?.tenant_hold(actor(ctx)?, id, Some(&input.reason)).await.into(),
            Err(e) => Err::<(tenants::Tenant, _), _>(e).into(),
        })
    }

    async fn tenant_resume(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<TenantPayload> {
        Ok(match tenant(&tenant_id) {
            Ok(id) => service(ctx)?.tenant_hold(actor(ctx)?, id, None).await.into(),
            Err(e) => Err::<(tenants::Tenant, _), _>(e).into(),
        })
    }

    async fn domain_create(&self, ctx: &Context<'_>, input: DomainCreateInput) -> Result<DomainPayload> {
        Ok(match tenant(&input.tenant_id) {
            Ok(id) => service(ctx)?.domain_create(actor(ctx)?, id, &input.name).await.into(),
            Err(e) => Err::<(tenants::Domain, _), _>(e).into(),
        })
    }

    async fn domain_update(&self, ctx: &Context<'_>, input: DomainUpdateInput) -> Result<DomainPayload> {
        let catch_all = match input.catch_all {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(address) => Some(Some(address)),
        };
        let patch = DomainPatch { catch_all, plus_addressing: input.plus_addressing };
        Ok(service(ctx)?.domain_update(actor(ctx)?, &input.name, &patch).await.into())
    }

    async fn domain_delete(&self, ctx: &Context<'_>, name: String) -> Result<DomainPayload> {
        Ok(service(ctx)?.domain_delete(actor(ctx)?, &name).await.into())
    }

    async fn mailbox_create(&self, ctx: &Context<'_>, input: MailboxCreateInput) -> Result<MailboxPayload> {
        Ok(service(ctx)?.mailbox_create(actor(ctx)?, &new_mailbox(input)).await.into())
    }

    async fn mailbox_update(&self, ctx: &Context<'_>, input: MailboxUpdateInput) -> Result<MailboxPayload> {
        let quota_bytes_max = match input.quota_bytes_max {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(bytes) => Some(Some(bytes.0)),
        };
        let patch =
            MailboxPatch { display_name: input.display_name, quota_bytes_max, password: input.password, hold: None };
        patched(ctx, &input.mailbox_id, patch).await
    }

    async fn mailbox_set_password(&self, ctx: &Context<'_>, input: MailboxSetPasswordInput) -> Result<MailboxPayload> {
        let patch = MailboxPatch { password: Some(input.password), ..MailboxPatch::default() };
        patched(ctx, &input.mailbox_id, patch).await
    }

    /// Gives a mailbox another address. Its id and mail stay; the tenant's aliases follow.
    async fn mailbox_rename(&self, ctx: &Context<'_>, input: MailboxRenameInput) -> Result<MailboxPayload> {
        let old = if input.keep_old_address { OldAddress::Alias } else { OldAddress::Tombstone };
        Ok(match account(&input.mailbox_id) {
            Ok(id) => service(ctx)?.mailbox_rename(actor(ctx)?, id, &input.address, old).await.into(),
            Err(e) => Err::<(tenants::Mailbox, _), _>(e).into(),
        })
    }

    async fn mailbox_suspend(&self, ctx: &Context<'_>, input: MailboxSuspendInput) -> Result<MailboxPayload> {
        patched(ctx, &input.mailbox_id, MailboxPatch { hold: Some(Some(input.reason)), ..MailboxPatch::default() })
            .await
    }

    async fn mailbox_resume(&self, ctx: &Context<'_>, mailbox_id: ID) -> Result<MailboxPayload> {
        patched(ctx, &mailbox_id, MailboxPatch { hold: Some(None), ..MailboxPatch::default() }).await
    }

    /// The address becomes a tombstone; nobody can reach the mail any more.
    async fn mailbox_delete(&self, ctx: &Context<'_>, mailbox_id: ID) -> Result<MailboxPayload> {
        Ok(match account(&mailbox_id) {
            Ok(id) => service(ctx)?.mailbox_delete(actor(ctx)?, id).await.into(),
            Err(e) => Err::<(tenants::Mailbox, _), _>(e).into(),
        })
    }

    async fn alias_create(&self, ctx: &Context<'_>, input: AliasInput) -> Result<AliasPayload> {
        let new = NewAlias { address: input.address, targets: input.targets };
        Ok(service(ctx)?.alias_put(actor(ctx)?, &new, false).await.into())
    }

    async fn alias_update(&self, ctx: &Context<'_>, input: AliasInput) -> Result<AliasPayload> {
        let new = NewAlias { address: input.address, targets: input.targets };
        Ok(service(ctx)?.alias_put(actor(ctx)?, &new, true).await.into())
    }

    async fn alias_delete(&self, ctx: &Context<'_>, address: String) -> Result<AliasPayload> {
        Ok(service(ctx)?.alias_delete(actor(ctx)?, &address).await.into())
    }

    /// A generated password for one device, shown once.
    async fn app_password_create(&self, ctx: &Context<'_>, mailbox_id: ID, label: String) -> Result<SecretPayload> {
        let made = match account(&mailbox_id) {
            Ok(id) => service(ctx)?.app_password_create(actor(ctx)?, id, &label).await,
            Err(e) => Err(e),
        };
        Ok(match made {
            Ok((id, secret, _)) => SecretPayload { id: Some(id), secret: Some(secret), user_errors: Vec::new() },
            Err(e) => SecretPayload { user_errors: vec![e.into()], ..SecretPayload::default() },
        })
    }

    async fn app_password_revoke(&self, ctx: &Context<'_>, mailbox_id: ID, id: String) -> Result<DonePayload> {
        let done = match account(&mailbox_id) {
            Ok(account) => service(ctx)?.app_password_revoke(actor(ctx)?, account, &id).await,
            Err(e) => Err(e),
        };
        Ok(match done {
            Ok(_) => DonePayload { done: true, user_errors: Vec::new() },
            Err(e) => DonePayload { done: false, user_errors: vec![e.into()] },
        })
    }

    /// Another token for a tenant, shown once. It may read and write for ten years unless told otherwise.
    async fn api_token_create(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        label: String,
        access: Option<TokenAccess>,
        life_seconds: Option<u32>,
    ) -> Result<SecretPayload> {
        let access = match access.unwrap_or(TokenAccess::ReadWrite) {
            TokenAccess::Read => Access::Read,
            TokenAccess::ReadWrite => Access::ReadWrite,
        };
        let life = life_seconds.map(|s| Duration::from_secs(s.into()));
        let made = match tenant(&tenant_id) {
            Ok(tenant) => service(ctx)?.token_create(actor(ctx)?, &NewToken { tenant, label, access, life }).await,
            Err(e) => Err(e),
        };
        Ok(match made {
            Ok(token) => SecretPayload { id: Some(token.id), secret: Some(token.secret), user_errors: Vec::new() },
            Err(e) => SecretPayload { user_errors: vec![e.into()], ..SecretPayload::default() },
        })
    }

    /// Ends a token at once.
    async fn api_token_revoke(&self, ctx: &Context<'_>, id: String) -> Result<DonePayload> {
        Ok(match service(ctx)?.token_revoke(actor(ctx)?, &id).await {
            Ok(()) => DonePayload { done: true, user_errors: Vec::new() },
            Err(e) => DonePayload { done: false, user_errors: vec![e.into()] },
        })
    }
}

fn new_mailbox(input: MailboxCreateInput) -> NewMailbox {
    NewMailbox {
        address: input.address,
        display_name: input.display_name.unwrap_or_default(),
        password: input.password,
        quota_bytes_max: input.quota_bytes_max.map(|b| b.0),
    }
}

async fn patched(ctx: &Context<'_>, id: &ID, patch: MailboxPatch) -> Result<MailboxPayload> {
    Ok(match account(id) {
        Ok(id) => service(ctx)?.mailbox_update(actor(ctx)?, id, &patch).await.into(),
        Err(e) => Err::<(tenants::Mailbox, _), _>(e).into(),
    })
}

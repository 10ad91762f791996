//! SUMMARY    App passwords and API tokens: made, shown once, revoked.

use super::{account_id, member::permissions, tenant_id};
use crate::{
    cost::MUTATION_COST,
    input::{ApiTokenCreateInput, ApiTokenRevokeInput, AppPasswordCreateInput, AppPasswordRevokeInput, TokenAccess},
    payload::{ApiTokenCreatePayload, ApiTokenRevokePayload, AppPasswordCreatePayload, AppPasswordRevokePayload},
    people::object::selector,
    types::{actor, service},
};
use async_graphql::{Context, ID, Object, Result};
use ipnet::IpNet;
use std::time::Duration;
use tenants::{Access, Code, Error, NewToken};

#[derive(Default)]
pub struct SecretMutation;

/// Networks, or single addresses.
fn networks(texts: &[String]) -> tenants::Result<Vec<IpNet>> {
    let parse = |text: &String| {
        let net = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        net.map_err(|_| Error::new(Code::Invalid, "ips", format!("`{text}` is no network as 192.0.2.0/24")))
    };
    texts.iter().map(parse).collect()
}

#[Object]
impl SecretMutation {
    /// A generated password for one device, shown once. `expectedVersion` is the mailbox's.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn app_password_create(
        &self,
        ctx: &Context<'_>,
        input: AppPasswordCreateInput,
    ) -> Result<AppPasswordCreatePayload> {
        let made = async {
            let account = account_id(&input.mailbox_id)?;
            service(ctx).app_password_create(actor(ctx), &input.terms.into(), account, &input.label).await
        };
        AppPasswordCreatePayload::of(made.await, |payload, made| {
            payload.id = Some(ID(made.id));
            payload.secret = made.secret;
            Ok(())
        })
    }

    /// Ends an app password. `expectedVersion` is the mailbox's.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn app_password_revoke(
        &self,
        ctx: &Context<'_>,
        input: AppPasswordRevokeInput,
    ) -> Result<AppPasswordRevokePayload> {
        let done = async {
            let account = account_id(&input.mailbox_id)?;
            service(ctx).app_password_revoke(actor(ctx), &input.terms.into(), account, &input.id).await
        };
        AppPasswordRevokePayload::of(done.await, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Another token for a tenant.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn api_token_create(&self, ctx: &Context<'_>, input: ApiTokenCreateInput) -> Result<ApiTokenCreatePayload> {
        let access = match input.access.unwrap_or(TokenAccess::ReadWrite) {
            TokenAccess::Read => Access::Read,
            TokenAccess::ReadWrite => Access::ReadWrite,
        };
        let life = input.life_seconds.map(|s| Duration::from_secs(s.into()));
        let made = async {
            let mut new = NewToken::new(tenant_id(&input.tenant_id)?, &input.label, access);
            new.permissions = input.permissions.map(|names| permissions(&names)).transpose()?;
            new.on = selector(input.on)?;
            new.ips = networks(&input.ips.unwrap_or_default())?;
            new.service_account = input.service_account_id.map(|id| id.to_string());
            new.life = life;
            service(ctx).token_create(actor(ctx), &input.terms.into(), &new).await
        };
        ApiTokenCreatePayload::of(made.await, |payload, made| {
            payload.id = Some(ID(made.id));
            payload.secret = made.secret;
            Ok(())
        })
    }

    /// Ends a token at once. A token has no version.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn api_token_revoke(&self, ctx: &Context<'_>, input: ApiTokenRevokeInput) -> Result<ApiTokenRevokePayload> {
        let done = service(ctx).token_revoke(actor(ctx), &input.terms.into(), &input.id).await;
        ApiTokenRevokePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }
}

//! SUMMARY    The DNS of domains: looked at, published, their keys turned, the credentials for it.

use super::tenant_id;
use crate::{
    claim::{DnsCredentialDeleteInput, DnsCredentialSetInput, DomainCheckInput, DomainPublishInput},
    cost::MUTATION_COST,
    payload::{
        DkimRotatePayload, DnsCredentialDeletePayload, DnsCredentialSetPayload, DomainCheckPayload,
        DomainPublishPayload,
    },
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::NewDnsCredential;

#[derive(Default)]
pub struct DnsMutation;

#[Object]
impl DnsMutation {
    /// Looks at every record of a domain now, and keeps the verdict.
    #[graphql(complexity = "10 * MUTATION_COST + child_complexity")]
    async fn domain_check(&self, ctx: &Context<'_>, input: DomainCheckInput) -> Result<DomainCheckPayload> {
        let done = async {
            let tenant = input.tenant_id.as_ref().map(tenant_id).transpose()?;
            service(ctx).domain_check(actor(ctx), &input.terms.into(), &input.name, tenant).await
        };
        DomainCheckPayload::object(done.await)
    }

    /// Publishes what a domain lacks by the credential that was set for it, and looks at the domain again. What stands in the
    /// way and is not ours is kept unless it is confirmed. A dry run says what would change.
    #[graphql(complexity = "10 * MUTATION_COST + child_complexity")]
    async fn domain_publish(&self, ctx: &Context<'_>, input: DomainPublishInput) -> Result<DomainPublishPayload> {
        let done = async {
            let tenant = input.tenant_id.as_ref().map(tenant_id).transpose()?;
            let of = (input.name.as_str(), tenant);
            service(ctx).domain_publish(actor(ctx), &input.terms.into(), of, &input.confirm).await
        };
        DomainPublishPayload::of(done.await, |payload, published| {
            payload.domain = Some(published.domain.into());
            payload.changes = published.changes.into_iter().map(Into::into).collect();
            payload.withheld = published.withheld;
            Ok(())
        })
    }

    /// Begins to turn the DKIM keys of a domain: new ones are made, and sign once their records are seen. IN_USE while new
    /// ones wait to be published.
    #[graphql(complexity = "10 * MUTATION_COST + child_complexity")]
    async fn dkim_rotate(&self, ctx: &Context<'_>, input: DomainCheckInput) -> Result<DkimRotatePayload> {
        let done = async {
            let tenant = input.tenant_id.as_ref().map(tenant_id).transpose()?;
            service(ctx).dkim_rotate(actor(ctx), &input.terms.into(), &input.name, tenant).await
        };
        DkimRotatePayload::object(done.await)
    }

    /// Keeps a key by which the records of a tenant's domains are published (RFC 2136, TSIG).
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn dns_credential_set(
        &self,
        ctx: &Context<'_>,
        input: DnsCredentialSetInput,
    ) -> Result<DnsCredentialSetPayload> {
        let done = async {
            let new = NewDnsCredential {
                tenant: tenant_id(&input.tenant_id)?,
                domain: input.domain,
                server: input.server,
                zone: input.zone,
                key_name: input.key_name,
                secret: input.secret,
            };
            service(ctx).dns_credential_set(actor(ctx), &input.terms.into(), &new).await
        };
        DnsCredentialSetPayload::object(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn dns_credential_delete(
        &self,
        ctx: &Context<'_>,
        input: DnsCredentialDeleteInput,
    ) -> Result<DnsCredentialDeletePayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            let domain = input.domain.as_deref();
            service(ctx).dns_credential_delete(actor(ctx), &input.terms.into(), tenant, domain).await
        };
        DnsCredentialDeletePayload::of(done.await, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }
}

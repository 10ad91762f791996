//! SUMMARY    Who asks: the tenant it acts in, the person, its memberships, what it may do.

use super::object::{Factor, Identity, Member, Person};
use crate::{
    failure::{found, read_failed},
    types::{Tenant, actor, service},
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// Who asks. The fields of the tenant it acts in stand here too.
#[derive(SimpleObject)]
pub struct Viewer {
    #[graphql(flatten)]
    pub(crate) tenant: Tenant,
    #[graphql(flatten)]
    pub(crate) me: Me,
}

/// Who asks, whatever tenant it acts in.
pub struct Me;

#[Object]
impl Me {
    /// Token, person or mailbox, as the audit log shows it.
    async fn actor(&self, ctx: &Context<'_>) -> ID {
        ID(actor(ctx).name().to_owned())
    }

    /// The person of the session; null for tokens and mailboxes' users.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(found(service(ctx).person(actor(ctx)).await)?.map(Person::from))
    }

    /// Every membership of the person, in whatever tenant.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let members = service(ctx).memberships(actor(ctx)).await.map_err(|e| read_failed(&e))?;
        Ok(Member::together(members))
    }

    /// Second factors of the person.
    async fn factors(&self, ctx: &Context<'_>) -> Result<Vec<Factor>> {
        let factors = service(ctx).factors(actor(ctx)).await.map_err(|e| read_failed(&e))?;
        Ok(factors.into_iter().map(Factor::from).collect())
    }

    /// Accounts at identity providers that the person signs in by.
    async fn identities(&self, ctx: &Context<'_>) -> Result<Vec<Identity>> {
        let identities = service(ctx).identities(actor(ctx)).await.map_err(|e| read_failed(&e))?;
        Ok(identities.into_iter().map(Identity::from).collect())
    }

    /// What may be done on something of the tenant.
    async fn permissions(&self, ctx: &Context<'_>) -> Vec<String> {
        actor(ctx).permissions().iter().map(|p| p.name().to_owned()).collect()
    }
}

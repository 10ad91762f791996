//! SUMMARY    Changing an identity provider: all but its issuer, whose accounts the links name.

use super::provider::{IdentityProvider, NewIdentityProvider};
use crate::{
    Actor, Done, Permission, Result, Service, Terms,
    db::query,
    rows::json_list,
    terms::{Request, Start},
};

/// Changes of a provider; `None` leaves as it is.
#[derive(Clone, Default)]
pub struct IdentityProviderPatch {
    pub name: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub domains: Option<Vec<String>>,
    pub role: Option<String>,
}

/// Without the secret.
impl std::fmt::Debug for IdentityProviderPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let IdentityProviderPatch { name, client_id, client_secret, domains, role } = self;
        write!(f, "{name:?} {client_id:?} {} {domains:?} {role:?}", client_secret.is_some())
    }
}

impl Service {
    /// `Forbidden` for a role that has more than the actor, before and after.
    pub async fn identity_provider_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        provider: &str,
        patch: &IdentityProviderPatch,
    ) -> Result<Done<IdentityProvider>> {
        let secrets: Vec<&str> = patch.client_secret.as_deref().into_iter().collect();
        let input = format!("{provider} {patch:?}");
        let request = Request::with_passwords("identityProviderUpdate", input, &secrets);
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.provider_again(done).await,
        };
        let now = self.provider_row(&mut work.txn, provider).await?;
        let permitted = self.permit(&mut work.txn, actor, Permission::IdentityWrite, now.tenant).await;
        permitted.map_err(|e| e.missing("id"))?;
        work.expect(now.version)?;
        let secret = patch.client_secret.as_deref().filter(|s| !s.is_empty());
        let new = NewIdentityProvider {
            tenant: now.tenant,
            name: patch.name.clone().unwrap_or(now.name),
            issuer: now.issuer,
            client_id: patch.client_id.clone().unwrap_or(now.client_id),
            client_secret: secret.unwrap_or_default().to_owned(),
            domains: patch.domains.clone().unwrap_or(now.domains),
            role: patch.role.clone().unwrap_or_else(|| now.role.clone()),
        };
        self.well_formed(&new)?;
        self.may_touch(&mut work.txn, actor, now.tenant, &now.role).await?;
        self.may_set_up(&mut work.txn, actor, &new).await?;
        query(
            "UPDATE identity_provider SET name = $2, client_id = $3, domains = $4, role = $5, version = version + 1, \
             sealed_secret = COALESCE($6, sealed_secret) WHERE id = $1",
        )
        .bind(provider)
        .bind(new.name.trim())
        .bind(&new.client_id)
        .bind(json_list(&new.domains))
        .bind(&new.role)
        .bind(secret.map(|s| self.keys.seal(provider, s.as_bytes())).transpose()?)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, now.tenant, "identityProviderUpdate", provider, &format!("{patch:?}")).await?;
        self.finish_provider(work, provider).await
    }
}

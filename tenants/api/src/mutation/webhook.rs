//! SUMMARY    Webhooks: made, changed, their secrets rotated, deleted; a delivery sent again.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    query::webhook::{Webhook, WebhookDelivery},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use std::time::Duration;
use tenants::{NewWebhook, WebhookPatch};

#[derive(InputObject)]
pub struct WebhookCreateInput {
    tenant_id: ID,
    #[graphql(default)]
    label: String,
    /// https://…
    url: String,
    /// Kinds of events: `mailbox.created`, `mailbox.*`, `*`.
    kinds: Vec<String>,
    /// Whether events of the tenants below are posted too.
    #[graphql(default)]
    below: bool,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct WebhookUpdateInput {
    webhook_id: ID,
    label: Option<String>,
    url: Option<String>,
    kinds: Option<Vec<String>>,
    /// Enabling one that was disabled forgets its failures.
    enabled: Option<bool>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct WebhookRotateSecretInput {
    webhook_id: ID,
    /// How long the secret before signs as well; 7 days at most.
    #[graphql(default = 86400)]
    overlap_seconds: u32,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct WebhookDeleteInput {
    webhook_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct WebhookDeliveryRetryInput {
    delivery_id: ID,
    #[graphql(flatten)]
    terms: CreateTerms,
}

payload!(WebhookCreatePayload, WebhookCreateUserError, WebhookCreateErrorCode, [NotFound, LimitReached, FeatureOff], {
    webhook: Option<Webhook>,
    /// Signs what is posted. Keep it: it is shown again only to the same request with the same key. None in a dry run.
    secret: Option<String>
});
payload!(
    WebhookRotateSecretPayload, WebhookRotateSecretUserError, WebhookRotateSecretErrorCode, [NotFound, StaleObject],
    {
        webhook: Option<Webhook>,
        /// Keep it: it is shown again only to the same request with the same key. None in a dry run.
        secret: Option<String>
    }
);
object_payload!(
    WebhookUpdatePayload, WebhookUpdateUserError, WebhookUpdateErrorCode, [NotFound, StaleObject, FeatureOff], webhook: Webhook
);
object_payload!(WebhookDeletePayload, WebhookDeleteUserError, WebhookDeleteErrorCode, [NotFound, StaleObject], webhook: Webhook);
object_payload!(
    WebhookDeliveryRetryPayload, WebhookDeliveryRetryUserError, WebhookDeliveryRetryErrorCode, [NotFound],
    delivery: WebhookDelivery
);

#[derive(Default)]
pub struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Posts events from now on to a URL, signed as the Standard Webhooks say: webhook-id, webhook-timestamp, and in
    /// webhook-signature HMAC-SHA256 over `id.timestamp.body`. An answer of 2xx within 10 seconds is taken for delivered; anything
    /// else is tried again for 3 days.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn webhook_create(&self, ctx: &Context<'_>, input: WebhookCreateInput) -> Result<WebhookCreatePayload> {
        let made = async {
            let new = NewWebhook {
                tenant: tenant_id(&input.tenant_id)?,
                label: input.label,
                url: input.url,
                kinds: input.kinds,
                below: input.below,
            };
            service(ctx).webhook_create(actor(ctx), &input.terms.into(), &new).await
        };
        WebhookCreatePayload::of(made.await, |payload, made| {
            payload.webhook = Some(made.webhook.into());
            payload.secret = made.secret;
            Ok(())
        })
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn webhook_update(&self, ctx: &Context<'_>, input: WebhookUpdateInput) -> Result<WebhookUpdatePayload> {
        let WebhookUpdateInput { webhook_id, label, url, kinds, enabled, terms } = input;
        let patch = WebhookPatch { label, url, kinds, enabled };
        let done = service(ctx).webhook_update(actor(ctx), &terms.into(), &webhook_id, &patch).await;
        WebhookUpdatePayload::object(done)
    }

    /// Gives a webhook another secret; both sign until the overlap is over.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn webhook_rotate_secret(
        &self,
        ctx: &Context<'_>,
        input: WebhookRotateSecretInput,
    ) -> Result<WebhookRotateSecretPayload> {
        let overlap = Duration::from_secs(input.overlap_seconds.into());
        let done = service(ctx).webhook_rotate(actor(ctx), &input.terms.into(), &input.webhook_id, overlap).await;
        WebhookRotateSecretPayload::of(done, |payload, made| {
            payload.webhook = Some(made.webhook.into());
            payload.secret = made.secret;
            Ok(())
        })
    }

    /// Ends a webhook with its log; what waits is not delivered any more.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn webhook_delete(&self, ctx: &Context<'_>, input: WebhookDeleteInput) -> Result<WebhookDeletePayload> {
        let done = service(ctx).webhook_delete(actor(ctx), &input.terms.into(), &input.webhook_id).await;
        WebhookDeletePayload::object(done)
    }

    /// Posts a delivery now, with the same id, also one that was given up or delivered. INVALID while it is being posted.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn webhook_delivery_retry(
        &self,
        ctx: &Context<'_>,
        input: WebhookDeliveryRetryInput,
    ) -> Result<WebhookDeliveryRetryPayload> {
        let done = service(ctx).webhook_delivery_retry(actor(ctx), &input.terms.into(), &input.delivery_id).await;
        WebhookDeliveryRetryPayload::object(done)
    }
}

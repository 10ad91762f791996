//! SUMMARY    Outgoing webhooks: where a tenant's events are posted to.
//! STANDARDS  Standard Webhooks 1.0 (signature, headers, secrets)
//! SECURITY   A secret is sealed at rest, bound to its webhook; it is shown when it is made and never again; a rotated one goes on signing for a time, so that receivers can
//!            change. Where a webhook may lead is checked when it is written and again at each connection (send.rs).
//! LIMITS     WEBHOOKS_MAX, WEBHOOK_URL_BYTES_MAX, WEBHOOK_KINDS_MAX, WEBHOOK_OVERLAP_MAX

mod delivery;
mod run;
mod send;

pub use delivery::{Delivery, DeliveryState};
pub use send::WebhookRules;

use crate::{
    Actor, Code, Done, Error, Feature, Page, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    event,
    limits::{WEBHOOK_KINDS_MAX, WEBHOOK_OVERLAP_MAX, WEBHOOK_URL_BYTES_MAX, WEBHOOKS_MAX},
    page::list,
    rows::{fresh_id, id, number, optional, random, short, text},
    terms::{Request, Start},
};
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::{str::FromStr, time::Duration};

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Where events are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// `whk_…`
    pub id: String,
    pub tenant: TenantId,
    pub label: String,
    pub url: String,
    /// Kinds of events: `mailbox.created`, `mailbox.*`, `*`.
    pub kinds: Vec<String>,
    /// Whether events of the tenants below are posted too; never changed, so that the log is of one or the other.
    pub below: bool,
    pub enabled: bool,
    /// Since when nothing was delivered, though it was tried.
    pub failing_since_ms: Option<i64>,
    pub disabled_reason: Option<String>,
    /// Until when the secret before signs as well.
    pub old_secret_until_ms: Option<i64>,
    /// Which secret it is, from 1.
    pub generation: i64,
    pub version: i64,
    pub created_at_ms: i64,
}

/// A webhook with its secret, where that is to be shown.
#[derive(Debug, Clone)]
pub struct WebhookMade {
    pub webhook: Webhook,
    pub secret: Option<String>,
}

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    pub tenant: TenantId,
    pub label: String,
    pub url: String,
    pub kinds: Vec<String>,
    pub below: bool,
}

/// What is to change; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookPatch {
    pub label: Option<String>,
    pub url: Option<String>,
    pub kinds: Option<Vec<String>>,
    /// Enabling one that was disabled forgets its failures.
    pub enabled: Option<bool>,
}

/// Id of a webhook, as a cursor.
struct WebhookId(String);

impl FromStr for WebhookId {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let digits = text.strip_prefix("whk_").ok_or(())?;
        let hex = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if hex { Ok(WebhookId(text.to_owned())) } else { Err(()) }
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn checked_kinds(kinds: &[String]) -> Result<String> {
    let invalid = |why: String| Error::new(Code::Invalid, "kinds", why);
    if kinds.is_empty() || kinds.len() > WEBHOOK_KINDS_MAX {
        return Err(invalid(format!("1 to {WEBHOOK_KINDS_MAX} kinds (WEBHOOK_KINDS_MAX)")));
    }
    match kinds.iter().find_map(|kind| event::never(kind)) {
        Some(why) => Err(invalid(why)),
        None => Ok(serde_json::Value::from(kinds).to_string()),
    }
}

fn fresh_secret() -> Result<String> {
    Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(random::<32>()?)))
}

impl Service {
    fn checked_url(&self, url: &str) -> Result<String> {
        if url.len() > WEBHOOK_URL_BYTES_MAX {
            let message = format!("At most {WEBHOOK_URL_BYTES_MAX} bytes (WEBHOOK_URL_BYTES_MAX)");
            return Err(Error::new(Code::Invalid, "url", message));
        }
        let rules = self.webhook_rules();
        send::Target::parse(url, &rules).map_err(|why| Error::new(Code::Invalid, "url", why))?;
        Ok(url.to_owned())
    }

    /// Makes a webhook: events from now on are posted. Repeating the request by its key shows the secret again while it is the
    /// same one.
    pub async fn webhook_create(&self, actor: &Actor, terms: &Terms, new: &NewWebhook) -> Result<Done<WebhookMade>> {
        short(&new.label, "label")?;
        let (url, kinds) = (self.checked_url(&new.url)?, checked_kinds(&new.kinds)?);
        let mut work = match self.start(actor, terms, Request::new("webhookCreate", format!("{new:?}"))).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.with_webhook_secret(done, terms.dry_run).await,
        };
        self.permit(&mut work.txn, actor, Permission::WebhookWrite, new.tenant).await?;
        event::sees_below(actor, new.below)?;
        self.featured(&mut work.txn, Feature::Webhooks, new.tenant).await?;
        let there = query("SELECT COUNT(*) AS n FROM webhook WHERE tenant = $1")
            .bind(new.tenant.to_string())
            .fetch_one(&mut work.txn)
            .await?;
        if number(&there, "n")? >= WEBHOOKS_MAX {
            return Err(Error::new(Code::LimitReached, "", format!("At most {WEBHOOKS_MAX} webhooks (WEBHOOKS_MAX)")));
        }
        let (webhook, now) = (fresh_id("whk_")?, self.now().0);
        let from = event::newest(&mut work.txn).await?;
        query(
            "INSERT INTO webhook (id, tenant, label, url, kinds, below, enabled, secret, generation, from_seq, version, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, 1, $8, 1, $9)",
        )
        .bind(&webhook)
        .bind(new.tenant.to_string())
        .bind(&new.label)
        .bind(url)
        .bind(kinds)
        .bind(i64::from(new.below))
        .bind(self.keys.seal(&webhook, fresh_secret()?.as_bytes())?)
        .bind(from)
        .bind(now)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, new.tenant, "webhookCreate", &webhook, &new.url).await?;
        let made = webhook_row(&mut work.txn, &webhook).await?;
        let done = self.finish(work, made, &[]).await?;
        self.with_webhook_secret(done, terms.dry_run).await
    }

    pub async fn webhook_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        webhook: &str,
        patch: &WebhookPatch,
    ) -> Result<Done<Webhook>> {
        let url = patch.url.as_deref().map(|url| self.checked_url(url)).transpose()?;
        let kinds = patch.kinds.as_deref().map(checked_kinds).transpose()?;
        if let Some(label) = &patch.label {
            short(label, "label")?;
        }
        let request = Request::new("webhookUpdate", format!("{webhook} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.webhook_in(&mut work.txn, actor, Permission::WebhookWrite, webhook).await?;
        work.expect(now.version)?;
        event::sees_below(actor, now.below)?;
        if patch.url.is_some() || patch.kinds.is_some() || patch.enabled == Some(true) {
            // Otherwise what is there would become what may not be made.
            self.featured(&mut work.txn, Feature::Webhooks, now.tenant).await?;
        }
        query(
            "UPDATE webhook SET label = COALESCE($2, label), url = COALESCE($3, url), kinds = COALESCE($4, kinds), \
             enabled = COALESCE($5, enabled), failing_since = CASE WHEN $5 = 1 THEN NULL ELSE failing_since END, \
             disabled_reason = CASE WHEN $5 = 1 THEN NULL ELSE disabled_reason END, version = version + 1 WHERE id = $1",
        )
        .bind(webhook)
        .bind(patch.label.as_deref())
        .bind(url)
        .bind(kinds)
        .bind(patch.enabled.map(i64::from))
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, now.tenant, "webhookUpdate", webhook, &now.url).await?;
        let updated = webhook_row(&mut work.txn, webhook).await?;
        self.finish(work, updated, &[]).await
    }

    /// Ends a webhook with its log; what waits is not delivered any more.
    pub async fn webhook_delete(&self, actor: &Actor, terms: &Terms, webhook: &str) -> Result<Done<Webhook>> {
        let request = Request::new("webhookDelete", webhook.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.webhook_in(&mut work.txn, actor, Permission::WebhookWrite, webhook).await?;
        work.expect(now.version)?;
        for sql in ["DELETE FROM webhook_delivery WHERE webhook = $1", "DELETE FROM webhook WHERE id = $1"] {
            query(sql).bind(webhook).execute(&mut work.txn).await?;
        }
        self.audit(&mut work.txn, actor, now.tenant, "webhookDelete", webhook, &now.url).await?;
        self.finish(work, now, &[]).await
    }

    /// Another secret; the one before signs as well for `overlap`.
    pub async fn webhook_rotate(
        &self,
        actor: &Actor,
        terms: &Terms,
        webhook: &str,
        overlap: Duration,
    ) -> Result<Done<WebhookMade>> {
        let overlap = overlap.min(WEBHOOK_OVERLAP_MAX);
        let request = Request::new("webhookRotateSecret", format!("{webhook} {overlap:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.with_webhook_secret(done, terms.dry_run).await,
        };
        let now = self.webhook_in(&mut work.txn, actor, Permission::WebhookWrite, webhook).await?;
        work.expect(now.version)?;
        query(
            "UPDATE webhook SET old_secret = secret, old_secret_until = $3, secret = $2, generation = generation + 1, \
             version = version + 1 WHERE id = $1",
        )
        .bind(webhook)
        .bind(self.keys.seal(webhook, fresh_secret()?.as_bytes())?)
        .bind(self.now().plus(overlap).0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, now.tenant, "webhookRotateSecret", webhook, "").await?;
        let rotated = webhook_row(&mut work.txn, webhook).await?;
        let done = self.finish(work, rotated, &[]).await?;
        self.with_webhook_secret(done, terms.dry_run).await
    }

    pub async fn webhook(&self, actor: &Actor, webhook: &str) -> Result<Webhook> {
        let mut connection = self.reader(actor).await?;
        self.webhook_in(&mut connection, actor, Permission::WebhookRead, webhook).await
    }

    /// Webhooks of a tenant, by id, a page of them; and how many there are.
    pub async fn webhooks(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Webhook>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::WebhookRead, tenant).await?;
        let list = list!("webhook WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<WebhookId>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// With its secret, unless that is another one by now.
    async fn with_webhook_secret(&self, done: Done<Webhook>, dry_run: bool) -> Result<Done<WebhookMade>> {
        let mut secret = None;
        if !dry_run {
            let mut connection = self.pool().acquire().await?;
            let row = query("SELECT secret FROM webhook WHERE id = $1 AND generation = $2")
                .bind(&done.object.id)
                .bind(done.object.generation)
                .fetch_optional(&mut connection)
                .await?;
            let open = |row: Row| self.open_secret(&done.object.id, &text(&row, "secret")?);
            secret = row.map(open).transpose()?;
        }
        Ok(done.map(|webhook| WebhookMade { webhook, secret }))
    }

    /// A secret as receivers know it.
    fn open_secret(&self, webhook: &str, sealed: &str) -> Result<String> {
        let damaged = |_| Error::new(Code::Internal, "", "a stored secret is damaged");
        String::from_utf8(self.keys.open(webhook, sealed)?).map_err(damaged)
    }

    async fn webhook_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        webhook: &str,
    ) -> Result<Webhook> {
        let webhook = webhook_row(txn, webhook).await?;
        self.permit(txn, actor, permission, webhook.tenant).await.map_err(|e| e.missing("webhookId"))?;
        Ok(webhook)
    }
}

async fn webhook_row(txn: &mut Connection, webhook: &str) -> Result<Webhook> {
    let row = query("SELECT * FROM webhook WHERE id = $1").bind(webhook).fetch_optional(txn).await?;
    from_row(&row.ok_or_else(|| Error::not_found("webhookId"))?)
}

fn from_row(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        label: text(row, "label")?,
        url: text(row, "url")?,
        kinds: serde_json::from_str(&text(row, "kinds")?)
            .map_err(|_| Error::new(Code::Internal, "", "a stored webhook is damaged"))?,
        below: number(row, "below")? != 0,
        enabled: number(row, "enabled")? != 0,
        failing_since_ms: optional(row, "failing_since")?,
        disabled_reason: row.text("disabled_reason")?,
        old_secret_until_ms: optional(row, "old_secret_until")?,
        generation: number(row, "generation")?,
        version: number(row, "version")?,
        created_at_ms: number(row, "created_at")?,
    })
}

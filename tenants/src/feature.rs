//! SUMMARY    Feature flags: what the operator switches off, or on again, for a tenant and all below it.
//! STANDARDS  docs/decisions/0052-the-operators-console.md
//! LIMITS     REASON_CHARS_MAX
//! INVARIANTS What there is stands in code, and each feature is asked for at one place. Everything is on unless something says otherwise;
//!            the nearest setting on the way up counts. What was made before stays and goes on.

use crate::{
    Actor, Code, Done, Error, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    hold::parse_reason,
    rows::{id, json_list, number, text},
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// What can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// Strangers become customers of the tenant (`open_seller`).
    Signup,
    /// Mailboxes from a file (`mailbox_import`).
    MailboxImport,
    /// New webhooks (`webhook_create`).
    Webhooks,
    /// New API tokens (`token_create`).
    ApiTokens,
    /// New masked addresses (`masked_create`).
    MaskedAddresses,
    /// Letting the provider's people in (`support_grant_create`).
    SupportAccess,
}

impl Feature {
    pub const EVERY: [Feature; 6] = [
        Feature::Signup,
        Feature::MailboxImport,
        Feature::Webhooks,
        Feature::ApiTokens,
        Feature::MaskedAddresses,
        Feature::SupportAccess,
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Feature::Signup => "SIGNUP",
            Feature::MailboxImport => "MAILBOX_IMPORT",
            Feature::Webhooks => "WEBHOOKS",
            Feature::ApiTokens => "API_TOKENS",
            Feature::MaskedAddresses => "MASKED_ADDRESSES",
            Feature::SupportAccess => "SUPPORT_ACCESS",
        }
    }
}

/// How a feature stands for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureFlag {
    pub feature: Feature,
    pub enabled: bool,
    /// The tenant whose setting counts: itself, or one above; `None` where nothing is set.
    pub set_on: Option<TenantId>,
    /// Shown to whoever is refused; empty where nothing is set.
    pub reason: String,
    pub set_at_ms: Option<i64>,
    /// Of the tenant's own setting; 0 where it has none.
    pub version: i64,
}

impl FeatureFlag {
    fn unset(feature: Feature) -> FeatureFlag {
        FeatureFlag { feature, enabled: true, set_on: None, reason: String::new(), set_at_ms: None, version: 0 }
    }
}

impl Service {
    /// Every feature as it stands for a tenant, to whoever sees the tenant.
    pub async fn feature_flags(&self, actor: &Actor, tenant: TenantId) -> Result<Vec<FeatureFlag>> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantRead, tenant).await?;
        let rows = self.settings_above(&mut connection, tenant).await?;
        let line = self.line(&mut connection, tenant).await?;
        Feature::EVERY.into_iter().map(|feature| nearest(&rows, &line, feature)).collect()
    }

    /// Switches a feature for a tenant and all below it that say nothing else: the operator alone.
    pub async fn feature_flag_set(
        &self,
        actor: &Actor,
        terms: &Terms,
        (tenant, feature): (TenantId, Feature),
        enabled: bool,
        reason: &str,
    ) -> Result<Done<FeatureFlag>> {
        let reason = parse_reason(reason)?;
        let input = format!("{tenant} {feature:?} {enabled} {reason}");
        let mut work = match self.start(actor, terms, Request::new("featureFlagSet", input)).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_switch(&mut work.txn, actor, tenant).await?;
        let now = self.feature_of(&mut work.txn, feature, tenant).await?;
        work.expect(now.version)?;
        query(
            "INSERT INTO feature_flag (tenant, feature, enabled, reason, version, set_by, set_at) \
             VALUES ($1, $2, $3, $4, 1, $5, $6) ON CONFLICT (tenant, feature) DO UPDATE SET enabled = $3, reason = $4, \
             version = feature_flag.version + 1, set_by = $5, set_at = $6",
        )
        .bind(tenant.to_string())
        .bind(feature.name())
        .bind(i64::from(enabled))
        .bind(&reason)
        .bind(actor.name())
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        let detail = format!("{} {reason}", if enabled { "on" } else { "off" });
        self.audit(&mut work.txn, actor, tenant, "featureFlagSet", feature.name(), &detail).await?;
        let flag = self.feature_of(&mut work.txn, feature, tenant).await?;
        self.finish(work, flag, &[]).await
    }

    /// Takes a tenant's own setting away: what stands above counts again. `NotFound` where there is none.
    pub async fn feature_flag_clear(
        &self,
        actor: &Actor,
        terms: &Terms,
        (tenant, feature): (TenantId, Feature),
    ) -> Result<Done<FeatureFlag>> {
        let request = Request::new("featureFlagClear", format!("{tenant} {feature:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_switch(&mut work.txn, actor, tenant).await?;
        let now = self.feature_of(&mut work.txn, feature, tenant).await?;
        work.expect(now.version)?;
        let gone = query("DELETE FROM feature_flag WHERE tenant = $1 AND feature = $2")
            .bind(tenant.to_string())
            .bind(feature.name())
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("feature"));
        }
        self.audit(&mut work.txn, actor, tenant, "featureFlagClear", feature.name(), "").await?;
        let flag = self.feature_of(&mut work.txn, feature, tenant).await?;
        self.finish(work, flag, &[]).await
    }

    /// Refuses what is switched off for a tenant, whoever asks. `FeatureOff`.
    pub(crate) async fn featured(&self, txn: &mut Connection, feature: Feature, tenant: TenantId) -> Result<()> {
        let flag = self.feature_of(txn, feature, tenant).await?;
        match flag.enabled {
            true => Ok(()),
            false => Err(Error::new(Code::FeatureOff, "", format!("This is switched off: {}", flag.reason))),
        }
    }

    /// How a feature stands for a tenant.
    pub(crate) async fn feature_of(
        &self,
        txn: &mut Connection,
        feature: Feature,
        tenant: TenantId,
    ) -> Result<FeatureFlag> {
        let rows = self.settings_above(txn, tenant).await?;
        nearest(&rows, &self.line(txn, tenant).await?, feature)
    }

    async fn settings_above(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<Row>> {
        let line = self.line(txn, tenant).await?;
        query("SELECT * FROM feature_flag WHERE tenant IN (SELECT value FROM json_each($1))")
            .bind(json_list(&line))
            .fetch_all(txn)
            .await
    }

    async fn may_switch(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        self.permit(txn, actor, Permission::TenantUpdate, tenant).await?;
        match actor.operator || self.line(txn, actor.tenant).await?.len() == 1 {
            true => Ok(()),
            false => Err(Error::new(Code::Forbidden, "tenantId", "The operator alone switches features")),
        }
    }
}

/// The setting that is nearest on a line: the tenant itself, then those above it.
fn nearest(rows: &[Row], line: &[TenantId], feature: Feature) -> Result<FeatureFlag> {
    for tenant in line {
        for row in rows {
            if id::<TenantId>(row, "tenant")? != *tenant || text(row, "feature")? != feature.name() {
                continue;
            }
            let is_own = line.first() == Some(tenant);
            return Ok(FeatureFlag {
                feature,
                enabled: number(row, "enabled")? != 0,
                set_on: Some(*tenant),
                reason: text(row, "reason")?,
                set_at_ms: Some(number(row, "set_at")?),
                version: if is_own { number(row, "version")? } else { 0 },
            });
        }
    }
    Ok(FeatureFlag::unset(feature))
}

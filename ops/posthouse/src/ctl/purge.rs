//! SUMMARY    `ctl tenant close`, `reopen`, `purge`, `proof`: the end of a tenant, by the operator.
//! SECURITY   A purge is asked for with the tenant's name, and has no way back: what keeps it is told instead. Proofs are verified before they
//!            are shown.

use super::{
    command,
    desk::{Desk, Events, Outcome, done, row, text},
    request::Terms,
};
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenants::{Closing, Purge, PurgePhase};

/// What is asked about the end of a tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCall {
    Close {
        tenant: TenantId,
        contact: String,
        locale: String,
        terms: Terms,
    },
    Reopen {
        tenant: TenantId,
        terms: Terms,
    },
    /// Without a name: only what would be.
    Purge {
        tenant: TenantId,
        name: Option<String>,
    },
    Proof {
        tenant: TenantId,
    },
    ProofKey,
    List,
}

#[derive(Args)]
pub struct Close {
    tenant: TenantId,
    /// Who is told of it: an address that is not hosted here.
    #[arg(long)]
    contact: String,
    /// The language of the letters.
    #[arg(long, default_value = "en")]
    locale: String,
    #[command(flatten)]
    terms: command::Terms,
}

impl Close {
    pub fn call(self) -> EndCall {
        EndCall::Close { tenant: self.tenant, contact: self.contact, locale: self.locale, terms: self.terms.into() }
    }
}

impl Desk {
    pub(super) async fn end(&self, who: &str, call: EndCall, events: &Events) -> Outcome {
        let (actor, service) = (self.actor(who).await?, self.shared_service()?);
        match call {
            EndCall::Close { tenant, contact, locale, terms } => {
                let closing = Closing { contact, locale };
                let closed = service.tenant_close(&actor, &terms.into(), tenant, &closing).await.map_err(text)?;
                row(events, json!({ "id": closed.object.id.to_string(), "name": closed.object.name })).await?;
                super::desk::applied(closed.applied, "closed, and told")
            }
            EndCall::Reopen { tenant, terms } => {
                let opened = service.tenant_reopen(&actor, &terms.into(), tenant).await.map_err(text)?;
                row(events, json!({ "id": opened.object.id.to_string(), "name": opened.object.name })).await?;
                super::desk::applied(opened.applied, "open again")
            }
            EndCall::Purge { tenant, name: None } => self.purge_outlook(&actor, tenant, events).await,
            EndCall::Purge { tenant, name: Some(name) } => {
                let purge = service.tenant_purge(&actor, tenant, &name).await.map_err(text)?;
                row(events, self.purge_row(&purge).await?).await?;
                done(match purge.phase {
                    PurgePhase::Purged => "purged: ctl tenant proof shows the proof",
                    PurgePhase::Closing | PurgePhase::Purging => "its keys are destroyed; the rest goes on by itself",
                })
            }
            EndCall::Proof { tenant } => {
                let proof = service.purge_proof(&actor, tenant).await.map_err(text)?;
                if let Some(accounts) = &self.accounts {
                    account::open_proof(&proof, &accounts.proof_key().map_err(text)?).map_err(text)?;
                }
                row(events, serde_json::from_str(&proof).map_err(text)?).await?;
                done("")
            }
            EndCall::ProofKey => {
                let key = self.store()?.proof_key().map_err(text)?;
                row(events, json!({ "id": key.id(), "public_key": STANDARD.encode(&key.0) })).await?;
                done("")
            }
            EndCall::List => {
                let purges = service.purges(&actor).await.map_err(text)?;
                for purge in &purges {
                    row(events, self.purge_row(purge).await?).await?;
                }
                done(&format!("{} tenants are closed by the operator, being purged, or were", purges.len()))
            }
        }
    }

    /// What would go; exit code 1 when something keeps it.
    async fn purge_outlook(&self, actor: &tenants::Actor, tenant: TenantId, events: &Events) -> Outcome {
        let outlook = self.shared_service()?.purge_outlook(actor, tenant).await.map_err(text)?;
        let usage = self.control.usage(tenant).await.map_err(text)?;
        let may = outlook.refusals.is_empty();
        row(
            events,
            json!({
                "id": tenant.to_string(),
                "name": outlook.name,
                "emails": usage.emails,
                "used_bytes": usage.used_bytes,
                "rows": outlook.rows,
                "kept": outlook.kept,
                "keeps_it": outlook.refusals,
            }),
        )
        .await?;
        let told = if may { "dry run: it may be purged" } else { "dry run: it may not be purged now" };
        Ok((may, None, told.to_owned()))
    }

    async fn purge_row(&self, purge: &Purge) -> Result<Value, String> {
        let mut shown = serde_json::to_value(purge).map_err(text)?;
        shown["tenant"] = json!(purge.tenant.to_string());
        // A data plane that does not answer leaves its part out.
        if let Ok(Some(erasure)) = self.control.erasure(purge.tenant).await {
            shown["data_plane"] = json!(erasure.phase.name());
            shown["data_plane_erased"] = serde_json::to_value(&erasure.erased).map_err(text)?;
        }
        Ok(shown)
    }
}

//! SUMMARY    Does what `ctl` asks: in the running server behind its socket, or in the command itself when the server is stopped.
//! INVARIANTS Tenants and accounts change through the control plane only, as its API changes them, with an audit entry.

use super::request::{Event, Request};
use crate::backup::Home;
use account::Accounts;
use base::{TenantId, limits::CTL_ROWS_MAX};
use billing::Billing;
use control::{Control, ControlError, Usage};
use serde_json::{Value, json};
use std::sync::Arc;
use tenants::{Actor, Applied, Mailbox, MailboxPatch, Page, Service, Tenant, Terms};
use tokio::sync::mpsc;

/// Where events go; an error means that nobody listens any more.
pub type Events = mpsc::Sender<Event>;

/// How a command ended: `(ok, next page, summary)`, or why it failed.
pub type Outcome = Result<(bool, Option<String>, String), String>;

/// Everything a command may need.
#[derive(Clone)]
pub struct Desk {
    /// The store, if the data plane is here.
    pub accounts: Option<Accounts>,
    /// Tenants and their people, if the control plane is here.
    pub service: Option<Arc<Service>>,
    /// What is sold, if anything is; not while the server is stopped.
    pub billing: Option<Arc<Billing>>,
    /// The data plane, here or elsewhere: its meters.
    pub control: Arc<dyn Control>,
    /// What `status` shows.
    pub status: Value,
    /// What backups are made of, and where they are.
    pub home: Option<Home>,
}

impl Desk {
    /// Runs one command for `who`; the last event is its end.
    pub async fn run(&self, who: &str, request: Request, events: &Events) {
        let last = match self.answer(who, request, events).await {
            Ok((ok, next, summary)) => Event::Done { ok, next, summary },
            Err(why) => Event::Failed(why),
        };
        // Who asked may be gone.
        let _ = events.send(last).await;
    }

    async fn answer(&self, who: &str, request: Request, events: &Events) -> Outcome {
        match request {
            Request::Status => self.status(events).await,
            Request::Verify { tenant } => self.verify(who, tenant, events).await,
            Request::Backup(named) => self.backup(who, &named, events).await,
            Request::Restore(call) => self.restore(who, call, events).await,
            Request::Quota { tenant, repair } => self.quota(who, tenant, repair, events).await,
            Request::QueueList { select, after, limit } => self.queue_list(who, &select, after, limit, events).await,
            Request::QueueRetry { select } => self.queue_retry(who, &select).await,
            Request::QueueCancel { select } => self.queue_cancel(who, &select).await,
            Request::Export(call) => self.export(who, call, events).await,
            Request::Import(call) => self.import(who, call, events).await,
            Request::Migrate(call) => self.migrate(who, call, events).await,
            Request::End(call) => self.end(who, call, events).await,
            Request::Nodes => self.nodes(events).await,
            Request::Drain(draining) => {
                let accounts = self.store()?;
                accounts.drain(draining);
                tracing::info!(who, draining, "draining asked for");
                done(if draining { "draining: takes no new work, and is not ready" } else { "takes work" })
            }
            Request::OperatorToken => self.operator_token(events).await,
            Request::TenantList { after, limit } => self.tenant_list(who, after, limit, events).await,
            Request::TenantShow { tenant } => {
                let actor = self.actor(who).await?;
                let tenant = self.service()?.tenant(&actor, tenant).await.map_err(text)?;
                row(events, self.tenant_row(&tenant).await?).await?;
                done("")
            }
            Request::TenantHold { tenant, reason, terms } => {
                let actor = self.actor(who).await?;
                let held = self.service()?.tenant_hold(&actor, &terms.into(), tenant, reason.as_deref()).await;
                let held = held.map_err(text)?;
                row(events, self.tenant_row(&held.object).await?).await?;
                applied(held.applied, if reason.is_some() { "suspended" } else { "resumed" })
            }
            Request::AccountList { tenant, after, limit } => {
                self.account_list(who, tenant, after.as_deref(), limit, events).await
            }
            Request::AccountShow { account } => {
                let actor = self.actor(who).await?;
                let mailbox = self.mailbox(&actor, &account).await?;
                row(events, self.account_row(&mailbox).await?).await?;
                done("")
            }
            Request::AccountHold { account, reason, terms } => {
                let said = if reason.is_some() { "suspended" } else { "resumed" };
                let patch = MailboxPatch { hold: Some(reason), ..MailboxPatch::default() };
                self.account_update(who, &account, &terms.into(), &patch, said, events).await
            }
            Request::AccountPassword { account, password, terms } => {
                self.password(who, &account, &terms.into(), password, events).await
            }
            Request::HoldPlace { placing, terms } => self.hold_place(who, placing, terms, events).await,
            Request::HoldRelease { hold, terms } => self.hold_release(who, &hold, terms, events).await,
            Request::HoldList { subject } => self.hold_list(who, &subject, events).await,
            Request::Why { subject } => self.why(who, &subject, events).await,
            Request::Api { query, variables, accounts } => self.api(who, query, variables, &accounts, events).await,
        }
    }

    pub(super) async fn actor(&self, who: &str) -> Result<Actor, String> {
        self.service()?.console(who).await.map_err(text)
    }

    /// Who is asked for tenants and accounts.
    pub(super) fn service(&self) -> Result<&Service, String> {
        self.shared_service().map(|service| service.as_ref())
    }

    /// The same, to be kept.
    pub(super) fn shared_service(&self) -> Result<&Arc<Service>, String> {
        self.service.as_ref().ok_or_else(|| {
            "this is a data plane (role = \"data\"): tenants, accounts and tokens are the control plane's; ask there".to_owned()
        })
    }

    /// Who is asked for the queue and what is stored.
    pub(super) fn store(&self) -> Result<&Accounts, String> {
        self.accounts.as_ref().ok_or_else(|| {
            "this is a control plane (role = \"control\"): the queue and the store are the data plane's; ask there"
                .to_owned()
        })
    }

    async fn status(&self, events: &Events) -> Outcome {
        let mut status = self.status.clone();
        let mut more = Vec::new();
        let mut ok = true;
        if let Some(accounts) = &self.accounts {
            let health = accounts.health().await;
            ok &= health.is_ok();
            more.push(("store", json!(health.as_ref().map_or_else(String::as_str, |()| "ready"))));
            if let Some((name, heard)) = accounts.hub().health().await {
                more.push(("bus", json!(heard.map_or_else(|why| format!("{name}: {why}"), |()| name.to_owned()))));
            }
            let due = accounts.next_due().await.map_err(text)?;
            more.push(("queue_next_due_ms", json!(due.map(|d| d.0))));
            // How many batches of the control plane it has taken.
            more.push(("applied", json!(accounts.hello().await.map_err(text)?.applied)));
        } else if let Some(service) = &self.service {
            let health = service.health().await;
            ok &= health.is_ok();
            more.push(("database", json!(health.as_ref().map_or_else(String::as_str, |()| "ready"))));
            let plane = self.control.hello().await.map(|_| "answers".to_owned()).unwrap_or_else(text);
            ok &= plane == "answers";
            more.push(("data_plane", json!(plane)));
        }
        if let Some(status) = status.as_object_mut() {
            status.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        row(events, status).await?;
        Ok((ok, None, String::new()))
    }

    pub(super) fn home(&self) -> Result<&Home, String> {
        self.home.as_ref().ok_or_else(|| "this desk has no data folder".to_owned())
    }

    async fn nodes(&self, events: &Events) -> Outcome {
        let nodes = self.store()?.nodes().await.map_err(text)?;
        let own = self.store()?.node();
        for node in &nodes {
            let shown = json!({
                "node": node.id.to_string(),
                "name": node.name,
                "roles": node.roles.join(" "),
                "started_ms": node.started.0,
                "beat_ms": node.beat_at.0,
                "draining": node.draining,
                "this": node.id == own,
            });
            row(events, shown).await?;
        }
        Ok((true, None, format!("{} nodes", nodes.len())))
    }

    async fn tenant_list(&self, who: &str, after: Option<TenantId>, limit: usize, events: &Events) -> Outcome {
        let actor = self.actor(who).await?;
        let limit = limit.clamp(1, CTL_ROWS_MAX);
        let (tenants, total) =
            self.service()?.tenants(&actor, &page(after.map(|t| t.to_string()), limit)).await.map_err(text)?;
        for tenant in &tenants {
            row(events, self.tenant_row(tenant).await?).await?;
        }
        let next = tenants.last().filter(|_| tenants.len() == limit).map(|t| t.id.to_string());
        Ok((true, next, format!("{} of {total} tenants", tenants.len())))
    }

    async fn account_list(
        &self,
        who: &str,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
        events: &Events,
    ) -> Outcome {
        let actor = self.actor(who).await?;
        let limit = limit.clamp(1, CTL_ROWS_MAX);
        let found = self.service()?.mailboxes(&actor, tenant, &page(after.map(str::to_owned), limit)).await;
        let (mailboxes, total) = found.map_err(text)?;
        for mailbox in &mailboxes {
            row(events, self.account_row(mailbox).await?).await?;
        }
        let next = mailboxes.last().filter(|_| mailboxes.len() == limit).map(|m| m.id.to_string());
        Ok((true, next, format!("{} of {total} accounts", mailboxes.len())))
    }

    async fn password(
        &self,
        who: &str,
        account: &str,
        terms: &Terms,
        password: Option<String>,
        events: &Events,
    ) -> Outcome {
        let made = password.is_none();
        let password = match password {
            Some(password) => password,
            None => tenants::generate_password().map_err(text)?,
        };
        let patch = MailboxPatch { password: Some(password.clone().into()), ..MailboxPatch::default() };
        let outcome = self.account_update(who, account, terms, &patch, "password set", events).await?;
        if made && !terms.dry_run {
            row(events, json!({ "password": password })).await?;
        }
        Ok(outcome)
    }

    async fn account_update(
        &self,
        who: &str,
        account: &str,
        terms: &Terms,
        patch: &MailboxPatch,
        said: &str,
        events: &Events,
    ) -> Outcome {
        let actor = self.actor(who).await?;
        let mailbox = self.mailbox(&actor, account).await?;
        let done = self.service()?.mailbox_update(&actor, terms, mailbox.id, patch).await.map_err(text)?;
        row(events, self.account_row(&done.object).await?).await?;
        applied(done.applied, said)
    }

    /// By id or address.
    pub(super) async fn mailbox(&self, actor: &Actor, account: &str) -> Result<Mailbox, String> {
        let found = match account.parse() {
            Ok(id) => self.service()?.mailbox(actor, id).await,
            Err(_) => self.service()?.mailbox_by_address(actor, account).await,
        };
        found.map_err(|e| format!("{account}: {e}"))
    }

    async fn operator_token(&self, events: &Events) -> Outcome {
        let made = self.service()?.bootstrap("Provider").await.map_err(text)?;
        row(events, json!({ "token": made.operator_token })).await?;
        done("older operator tokens still hold; apiTokenRevoke ends them")
    }

    async fn tenant_row(&self, tenant: &Tenant) -> Result<Value, String> {
        let usage = meters(self.control.usage(tenant.id).await)?;
        Ok(json!({
            "id": tenant.id.to_string(),
            "name": tenant.name,
            "state": state(!tenant.holds.is_empty()),
            "emails": usage.as_ref().map(|u| u.emails),
            "used_bytes": usage.as_ref().map(|u| u.used_bytes),
            "max_domains": tenant.limits.max_domains,
            "max_mailboxes": tenant.limits.max_mailboxes,
            "storage_bytes_max": tenant.limits.storage_bytes_max,
            "messages_per_hour_max": tenant.limits.messages_per_hour_max,
        }))
    }

    async fn account_row(&self, mailbox: &Mailbox) -> Result<Value, String> {
        let usage = meters(self.control.account_usage(mailbox.tenant, mailbox.id).await)?;
        Ok(json!({
            "id": mailbox.id.to_string(),
            "tenant": mailbox.tenant.to_string(),
            "address": mailbox.address,
            "name": mailbox.display_name,
            "state": state(!mailbox.holds.is_empty()),
            "emails": usage.as_ref().map(|u| u.emails),
            "used_bytes": usage.as_ref().map(|u| u.used_bytes),
            "quota_bytes_max": mailbox.quota_bytes_max,
        }))
    }
}

/// None: the data plane does not answer, and the rest is shown all the same.
fn meters(asked: Result<Usage, ControlError>) -> Result<Option<Usage>, String> {
    match asked {
        Ok(usage) => Ok(Some(usage)),
        Err(ControlError::Unavailable(_)) => Ok(None),
        Err(error @ ControlError::Invalid(_)) => Err(text(error)),
    }
}

fn state(suspended: bool) -> &'static str {
    if suspended { "suspended" } else { "live" }
}

fn page(after: Option<String>, limit: usize) -> Page {
    Page { cursor: after, ..Page::first(u32::try_from(limit).unwrap_or(u32::MAX)) }
}

pub(super) fn applied(told: Applied, said: &str) -> Outcome {
    match told {
        Applied::Done => done(said),
        Applied::Pending => done(&format!("{said}; pending: the doors will know when the data plane answers")),
    }
}

pub fn done(summary: &str) -> Outcome {
    Ok((true, None, summary.to_owned()))
}

pub fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

pub async fn row(events: &Events, value: Value) -> Result<(), String> {
    events.send(Event::Row(value)).await.map_err(|_| "nobody listens".to_owned())
}

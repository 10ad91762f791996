//! SUMMARY    One mailbox: name and quota, its password, its aliases, suspending it.
//! LIMITS     ALIAS_PAGES_MAX

use crate::{
    form::{Form, Refusal, ask},
    frame::Frame,
    held::{Said, said},
    operation::{
        AliasCreate, AliasDelete, MailboxAliases, MailboxResume, MailboxSetPassword, MailboxShown, MailboxSuspend,
        MailboxUpdate, alias_create, alias_delete, mailbox_aliases, mailbox_resume, mailbox_set_password,
        mailbox_shown, mailbox_suspend, mailbox_update, refusals,
    },
    page::billing::shape::word,
    state::Shown,
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// Pages of 100 aliases of the tenant that are looked through for those that lead to a mailbox.
const ALIAS_PAGES_MAX: usize = 3;

#[derive(Template)]
#[template(path = "mailbox.html")]
struct Page {
    f: Frame,
    form: Form,
    id: String,
    address: String,
    name: String,
    quota: String,
    state: String,
    class: &'static str,
    deleted: bool,
    suspended: bool,
    has_password: bool,
    purge: String,
    created: String,
    used: String,
    reasons: Vec<Said>,
    aliases: Vec<Alias>,
    /// Whether there may be more aliases than were looked at.
    has_more: bool,
    /// Password, and how many app passwords ended with the one before.
    shown: Option<(String, i64)>,
    links: Vec<(String, String)>,
}

struct Alias {
    address: String,
    label: String,
    enabled: bool,
    /// Whether it leads here alone.
    is_own: bool,
}

/// What its holds say.
pub(crate) fn reasons(f: &Frame, holds: &[mailbox_shown::MailboxShownMailboxHolds]) -> Vec<Said> {
    holds.iter().map(|h| said(f, &word(&h.kind), &h.code, &h.reason, &h.next_step)).collect()
}

/// The mailbox of the tenant where the visitor acts.
pub(crate) async fn found(visit: &Visit, id: &str) -> Result<mailbox_shown::MailboxShownMailbox, Trouble> {
    let variables = mailbox_shown::Variables { id: id.to_owned() };
    visit.ask::<MailboxShown>(variables).await?.mailbox.ok_or(Trouble::NotFound)
}

async fn aliases(visit: &Visit, address: &str) -> Result<(Vec<Alias>, bool), Trouble> {
    let (mut own, mut after) = (Vec::new(), None);
    for _ in 0..ALIAS_PAGES_MAX {
        let variables = mailbox_aliases::Variables { tenant: visit.tenant()?, after: after.take() };
        let Some(found) = visit.ask::<MailboxAliases>(variables).await?.aliases else { return Ok((own, false)) };
        let leads_here = |a: &mailbox_aliases::MailboxAliasesAliasesNodes| a.targets.iter().any(|t| t == address);
        own.extend(found.nodes.into_iter().filter(leads_here).map(|a| Alias {
            address: a.address,
            label: a.label,
            enabled: a.enabled,
            is_own: a.targets.len() == 1,
        }));
        if !found.page_info.has_next_page {
            return Ok((own, false));
        }
        after = found.page_info.end_cursor;
    }
    Ok((own, true))
}

pub(crate) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let mailbox = found(visit, id).await?;
    let (aliases, has_more) = aliases(visit, &mailbox.address).await?;
    let shown = match visit.state.shown.take() {
        Some(Shown::Password { address, password, ended }) if address == mailbox.address => Some((password, ended)),
        other => {
            visit.state.shown = other;
            None
        }
    };
    visit.changed |= shown.is_some();
    let f = visit.frame("mailboxes-title").titled(&mailbox.address);
    let (state, class) = super::mailbox_list::state(&format!("{:?}", mailbox.state));
    let gigabytes =
        |bytes: &String| bytes.parse::<f64>().map_or(String::new(), |b| (b / super::mailbox_new::GB).to_string());
    let html = Page {
        form: form.clone(),
        quota: mailbox.quota_bytes_max.as_ref().map(gigabytes).unwrap_or_default(),
        state: f.t(state),
        class,
        deleted: class == "open",
        suspended: mailbox.suspended,
        has_password: mailbox.has_password,
        purge: mailbox.purge_at.map(|at| f.at(&at)).unwrap_or_default(),
        created: f.at(&mailbox.created_at),
        used: match mailbox.usage {
            Some(usage) => f.with_two(
                "mailbox-usage",
                ("used", &f.size(&usage.used_bytes)),
                ("messages", &f.count("home-messages", usage.emails)),
            ),
            None => f.t("usage-unknown"),
        },
        reasons: reasons(&f, &mailbox.holds),
        links: super::own::links(&f, &mailbox.id, &mailbox.address),
        id: mailbox.id,
        address: mailbox.address,
        name: mailbox.display_name,
        aliases,
        has_more,
        shown,
        f,
    };
    page(form.is_refused(), &html)
}

/// Where a change leads: to the mailbox, or to its page with what was refused.
async fn after(visit: &mut Visit, id: &str, refusals: Vec<Refusal>, ok: &str) -> Reply {
    match refusals.first().map(|r| r.code.as_str()) {
        None => see(format!("/mailboxes/{id}?ok={ok}")),
        Some("NOT_FOUND") => Err(Trouble::NotFound),
        Some(_) => {
            let form = visit.refused(refusals);
            draw(visit, id, form).await
        }
    }
}

pub(crate) async fn save(visit: &mut Visit, id: &str) -> Reply {
    let quota = match super::mailbox_new::quota(visit.fields.text("quotaBytesMax")) {
        Ok(quota) => quota,
        Err(refusal) => {
            let form = visit.refused(vec![refusal]);
            return draw(visit, id, form).await;
        }
    };
    let unlimited = quota.is_none();
    let input = mailbox_update::MailboxUpdateInput {
        mailbox_id: id.to_owned(),
        display_name: Some(visit.fields.text("displayName").to_owned()),
        quota_bytes_max: quota,
        kind: None,
        send_limits: None,
        password: None,
        password_hash: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: None,
    };
    let variables = mailbox_update::Variables { input };
    let data = match unlimited {
        true => visit.ask_with_null::<MailboxUpdate>(variables, "quotaBytesMax").await?,
        false => visit.ask::<MailboxUpdate>(variables).await?,
    };
    after(visit, id, refusals!(data.mailbox_update), "saved").await
}

pub(crate) async fn new_password(visit: &mut Visit, id: &str) -> Reply {
    let password = super::mailbox_new::password()?;
    let input = mailbox_set_password::MailboxSetPasswordInput {
        mailbox_id: id.to_owned(),
        password: Some(password.clone()),
        password_hash: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: None,
    };
    let data = visit.ask::<MailboxSetPassword>(mailbox_set_password::Variables { input }).await?;
    let payload = data.mailbox_set_password;
    if let Some(mailbox) = &payload.mailbox {
        let ended = payload.ended_app_passwords;
        visit.state.shown = Some(Shown::Password { address: mailbox.address.clone(), password, ended });
        visit.changed = true;
    }
    after(visit, id, refusals!(payload), "password").await
}

pub(crate) async fn suspend(visit: &mut Visit, id: &str) -> Reply {
    let input = mailbox_suspend::MailboxSuspendInput {
        mailbox_id: id.to_owned(),
        reason: visit.fields.text("reason").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MailboxSuspend>(mailbox_suspend::Variables { input }).await?;
    after(visit, id, refusals!(data.mailbox_suspend), "suspended").await
}

pub(crate) async fn resume(visit: &mut Visit, id: &str) -> Reply {
    let input = mailbox_resume::MailboxResumeInput {
        mailbox_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MailboxResume>(mailbox_resume::Variables { input }).await?;
    after(visit, id, refusals!(data.mailbox_resume), "resumed").await
}

pub(crate) async fn add_alias(visit: &mut Visit, id: &str) -> Reply {
    let mailbox = found(visit, id).await?;
    let domain = mailbox.address.rsplit('@').next().unwrap_or_default();
    let typed = visit.fields.text("alias");
    let address = if typed.contains('@') { typed.to_owned() } else { format!("{typed}@{domain}") };
    let input = alias_create::AliasCreateInput {
        address,
        targets: vec![mailbox.address],
        label: visit.fields.text("label").to_owned(),
        enabled: true,
        tenant_id: Some(visit.tenant()?),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<AliasCreate>(alias_create::Variables { input }).await?;
    let beside = |r: Refusal| match r.field.as_str() {
        "address" => Refusal { field: "alias".to_owned(), ..r },
        _ => r,
    };
    let refusals = refusals!(data.alias_create).into_iter().map(beside).collect();
    after(visit, id, refusals, "alias").await
}

pub(crate) async fn delete_alias(visit: &mut Visit, id: &str) -> Reply {
    let input = alias_delete::AliasDeleteInput {
        address: visit.fields.text("alias").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<AliasDelete>(alias_delete::Variables { input }).await?;
    after(visit, id, refusals!(data.alias_delete), "alias-deleted").await
}

impl Page {
    fn name_input(&self) -> Result<String, askama::Error> {
        let asked = ask("displayName", "text", "label-display-name", "hint-display-name", "off");
        self.form.input(&self.f, asked.with(&self.name))
    }

    fn quota_input(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("quotaBytesMax", "text", "label-quota", "hint-quota", "off").with(&self.quota))
    }

    fn alias_input(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("alias", "text", "label-alias", "hint-alias", "off"))
    }

    fn label_input(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("label", "text", "label-alias-label", "", "off"))
    }

    fn reason_input(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("reason", "text", "label-reason", "hint-reason", "off"))
    }
}

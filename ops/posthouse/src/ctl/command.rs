//! SUMMARY    The words of the commands that are operations of the API: what a person types, and what is asked.
//! INVARIANTS What takes something away has a key: one is made where none is given.

use super::{Page, operation as op, operation::Operation, password, size};
use crate::Failure;
use base::TenantId;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Items of one page of the API.
const PAGE_ITEMS_MAX: usize = 100;

/// An operation with its variables.
#[derive(Debug)]
pub struct Call {
    pub operation: &'static Operation,
    pub variables: Value,
    /// Variables that may be an address and must become a mailbox's id (JSON pointers).
    pub accounts: &'static [&'static str],
}

// How a change is asked for: no docstring, which would be shown as what each command does.
#[derive(Args, Debug, Clone, Default)]
pub struct Terms {
    /// Only says what would be.
    #[arg(long)]
    pub dry_run: bool,
    /// Repeating the command with the same key within 24 hours gives the same answer.
    #[arg(long)]
    pub idempotency_key: Option<String>,
}

impl From<Terms> for super::request::Terms {
    fn from(terms: Terms) -> Self {
        super::request::Terms { dry_run: terms.dry_run, idempotency_key: terms.idempotency_key }
    }
}

#[derive(Args)]
pub struct Limits {
    #[arg(long)]
    max_domains: Option<u64>,
    #[arg(long)]
    max_mailboxes: Option<u64>,
    /// Bytes, or with K, M, G, T behind (powers of 1024), as 50G.
    #[arg(long, value_name = "SIZE", value_parser = size::read)]
    storage: Option<u64>,
    /// Recipients in an hour.
    #[arg(long)]
    messages_per_hour: Option<u64>,
    /// Recipients in a day.
    #[arg(long)]
    recipients_per_day: Option<u64>,
}

#[derive(Args)]
pub struct TenantCreate {
    name: String,
    /// The tenant above; the provider when missing.
    #[arg(long)]
    parent: Option<TenantId>,
    /// First domain.
    #[arg(long)]
    domain: Option<String>,
    /// Proves the first domain by the operator's word instead of DNS.
    #[arg(long, requires = "domain")]
    vouch: bool,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Args)]
pub struct TenantUpdate {
    tenant: TenantId,
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Subcommand)]
pub enum Domain {
    /// Claims a domain for a tenant; the TXT record that proves it is shown.
    Create {
        tenant: TenantId,
        name: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Its state, the proof, when it was looked at.
    Show {
        name: String,
        /// Whose claim, where several have one.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    List {
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        page: Page,
    },
    /// Proves it by the operator's word instead of DNS.
    Vouch {
        tenant: TenantId,
        name: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Gives the domain, or the claim, up.
    Release {
        name: String,
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        terms: Terms,
    },
}

#[derive(Subcommand)]
pub enum Mailbox {
    /// Makes a mailbox; its password is the first line of standard input.
    Create {
        address: String,
        #[arg(long)]
        name: Option<String>,
        /// Bytes, or with K, M, G, T behind (powers of 1024), as 5G; unlimited when missing.
        #[arg(long, value_name = "SIZE", value_parser = size::read)]
        quota: Option<u64>,
        /// Makes the password and prints it.
        #[arg(long)]
        generate: bool,
        #[command(flatten)]
        terms: Terms,
    },
    /// By id (acc_…) or address.
    Show { mailbox: String },
    List {
        #[arg(long)]
        tenant: TenantId,
        /// Those that are deleted and can be restored.
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Name and quota.
    Update {
        mailbox: String,
        #[arg(long)]
        name: Option<String>,
        /// Bytes, or with K, M, G, T behind (powers of 1024), as 5G.
        #[arg(long, value_name = "SIZE", value_parser = size::read)]
        quota: Option<u64>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Gives it another address; its mail stays.
    Rename {
        mailbox: String,
        address: String,
        /// The old address leads to the new one.
        #[arg(long)]
        keep_old_address: bool,
        #[command(flatten)]
        terms: Terms,
    },
    /// Sets the password: the first line of standard input, or a made one, which is printed.
    Password {
        mailbox: String,
        #[arg(long)]
        generate: bool,
        #[command(flatten)]
        terms: Terms,
    },
    Suspend {
        mailbox: String,
        /// One line, shown to the user.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        terms: Terms,
    },
    Resume {
        mailbox: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Shuts it; until its time of purging it can be restored.
    Delete {
        mailbox: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Takes a deletion back: mail, address and passwords are as they were.
    Restore {
        mailbox: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Ends a deleted one before its time: its mail is gone for ever.
    Purge {
        mailbox: String,
        #[command(flatten)]
        terms: Terms,
    },
}

#[derive(Subcommand)]
pub enum Alias {
    Create {
        address: String,
        /// Where it leads; may be given several times.
        #[arg(long, required = true)]
        to: Vec<String>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Gives it other targets.
    Update {
        address: String,
        #[arg(long, required = true)]
        to: Vec<String>,
        #[command(flatten)]
        terms: Terms,
    },
    Delete {
        address: String,
        #[command(flatten)]
        terms: Terms,
    },
    List {
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        page: Page,
    },
}

#[derive(Subcommand)]
pub enum Token {
    /// Makes an API token and prints it.
    Create {
        tenant: TenantId,
        #[arg(long)]
        label: String,
        /// It may only read.
        #[arg(long)]
        read_only: bool,
        /// Days until it ends; ten years when missing.
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Ends a token at once.
    Revoke {
        /// tok_…
        id: String,
        #[command(flatten)]
        terms: Terms,
    },
}

#[derive(Subcommand)]
pub enum Audit {
    /// What was done in a tenant, newest first.
    List {
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        page: Page,
    },
}

const MAILBOX: &[&str] = &["/i/mailboxId"];

/// An input with its terms: what is missing is left out.
fn change(operation: &'static Operation, input: Value, terms: Terms) -> Call {
    let mut fields: Map<String, Value> = match input {
        Value::Object(map) => map.into_iter().filter(|(_, v)| !v.is_null()).collect(),
        _ => Map::new(),
    };
    if terms.dry_run {
        fields.insert("dryRun".to_owned(), json!(true));
    }
    if let Some(key) = terms.idempotency_key {
        fields.insert("idempotencyKey".to_owned(), json!(key));
    }
    Call { operation, variables: json!({ "i": fields }), accounts: &[] }
}

/// The same of a mailbox, by id or address.
fn mailbox_change(operation: &'static Operation, input: Value, terms: Terms) -> Call {
    Call { accounts: MAILBOX, ..change(operation, input, terms) }
}

/// With a key: the API wants one for what takes something away.
fn keyed(terms: Terms) -> Result<Terms, Failure> {
    let key = match terms.idempotency_key {
        Some(key) => key,
        None => tenants::generate_password().map_err(|e| Failure::Failed(e.to_string()))?,
    };
    Ok(Terms { idempotency_key: Some(key), ..terms })
}

fn list(operation: &'static Operation, tenant: TenantId, page: Page) -> Call {
    let limit = page.limit.clamp(1, PAGE_ITEMS_MAX);
    Call {
        operation,
        variables: json!({ "tenant": tenant.to_string(), "limit": limit, "after": page.after }),
        accounts: &[],
    }
}

fn limited(mut input: Value, limits: Limits) -> Value {
    input["maxDomains"] = json!(limits.max_domains);
    input["maxMailboxes"] = json!(limits.max_mailboxes);
    input["storageBytesMax"] = json!(limits.storage);
    input["messagesPerHourMax"] = json!(limits.messages_per_hour);
    input["recipientsPerDayMax"] = json!(limits.recipients_per_day);
    input
}

/// A password that is made here, or read; and whether it was made.
fn chosen(generate: bool) -> Result<String, Failure> {
    match generate {
        true => tenants::generate_password().map_err(|e| Failure::Failed(e.to_string())),
        false => password(),
    }
}

impl TenantCreate {
    pub fn call(self) -> Call {
        let parent = self.parent.map(|p| p.to_string());
        let vouch = self.vouch.then_some(true);
        let input = json!({ "name": self.name, "parentId": parent, "domain": self.domain, "vouch": vouch });
        change(&op::TENANT_CREATE, limited(input, self.limits), self.terms)
    }
}

impl TenantUpdate {
    pub fn call(self) -> Call {
        let input = json!({ "tenantId": self.tenant.to_string(), "name": self.name });
        change(&op::TENANT_UPDATE, limited(input, self.limits), self.terms)
    }
}

impl Domain {
    pub fn call(self) -> Result<Call, Failure> {
        let claim = |tenant: TenantId, name: String| json!({ "tenantId": tenant.to_string(), "name": name });
        Ok(match self {
            Domain::Create { tenant, name, terms } => change(&op::DOMAIN_CREATE, claim(tenant, name), terms),
            Domain::Vouch { tenant, name, terms } => change(&op::DOMAIN_VOUCH, claim(tenant, name), terms),
            Domain::Show { name, tenant } => Call {
                operation: &op::DOMAIN_SHOW,
                variables: json!({ "name": name, "tenant": tenant.map(|t| t.to_string()) }),
                accounts: &[],
            },
            Domain::List { tenant, page } => list(&op::DOMAIN_LIST, tenant, page),
            Domain::Release { name, tenant, terms } => {
                let input = json!({ "name": name, "tenantId": tenant.map(|t| t.to_string()) });
                change(&op::DOMAIN_RELEASE, input, keyed(terms)?)
            }
        })
    }
}

impl Mailbox {
    /// The call, and the password that was made for it; none of a dry run, which sets none.
    pub fn call(self) -> Result<(Call, Option<String>), Failure> {
        let id = |mailbox: String| json!({ "mailboxId": mailbox });
        let call = match self {
            Mailbox::Create { address, name, quota, generate, terms } => {
                let password = chosen(generate)?;
                let input =
                    json!({ "address": address, "displayName": name, "quotaBytesMax": quota, "password": password });
                let made = (generate && !terms.dry_run).then_some(password);
                return Ok((change(&op::MAILBOX_CREATE, input, terms), made));
            }
            Mailbox::Password { mailbox, generate, terms } => {
                let password = chosen(generate)?;
                let input = json!({ "mailboxId": mailbox, "password": password });
                let made = (generate && !terms.dry_run).then_some(password);
                return Ok((mailbox_change(&op::MAILBOX_PASSWORD, input, terms), made));
            }
            Mailbox::Show { mailbox } => {
                Call { operation: &op::MAILBOX_SHOW, variables: json!({ "id": mailbox }), accounts: &["/id"] }
            }
            Mailbox::List { tenant, deleted, page } => {
                let mut call = list(&op::MAILBOX_LIST, tenant, page);
                if deleted {
                    call.variables["filter"] = json!({ "state": "DELETED" });
                }
                call
            }
            Mailbox::Update { mailbox, name, quota, terms } => {
                let input = json!({ "mailboxId": mailbox, "displayName": name, "quotaBytesMax": quota });
                mailbox_change(&op::MAILBOX_UPDATE, input, terms)
            }
            Mailbox::Rename { mailbox, address, keep_old_address, terms } => {
                let input = json!({ "mailboxId": mailbox, "address": address, "keepOldAddress": keep_old_address });
                mailbox_change(&op::MAILBOX_RENAME, input, terms)
            }
            Mailbox::Suspend { mailbox, reason, terms } => {
                mailbox_change(&op::MAILBOX_SUSPEND, json!({ "mailboxId": mailbox, "reason": reason }), terms)
            }
            Mailbox::Resume { mailbox, terms } => mailbox_change(&op::MAILBOX_RESUME, id(mailbox), terms),
            Mailbox::Delete { mailbox, terms } => mailbox_change(&op::MAILBOX_DELETE, id(mailbox), keyed(terms)?),
            Mailbox::Restore { mailbox, terms } => mailbox_change(&op::MAILBOX_RESTORE, id(mailbox), terms),
            Mailbox::Purge { mailbox, terms } => mailbox_change(&op::MAILBOX_PURGE, id(mailbox), keyed(terms)?),
        };
        Ok((call, None))
    }
}

impl Alias {
    pub fn call(self) -> Result<Call, Failure> {
        let to = |address: String, to: Vec<String>| json!({ "address": address, "targets": to });
        Ok(match self {
            Alias::Create { address, to: targets, terms } => change(&op::ALIAS_CREATE, to(address, targets), terms),
            Alias::Update { address, to: targets, terms } => change(&op::ALIAS_UPDATE, to(address, targets), terms),
            Alias::Delete { address, terms } => change(&op::ALIAS_DELETE, json!({ "address": address }), keyed(terms)?),
            Alias::List { tenant, page } => list(&op::ALIAS_LIST, tenant, page),
        })
    }
}

impl Token {
    pub fn call(self) -> Result<Call, Failure> {
        Ok(match self {
            Token::Create { tenant, label, read_only, days, terms } => {
                let access = if read_only { "READ" } else { "READ_WRITE" };
                let life = days.map(|d| d.saturating_mul(24 * 3_600));
                let input =
                    json!({ "tenantId": tenant.to_string(), "label": label, "access": access, "lifeSeconds": life });
                change(&op::TOKEN_CREATE, input, terms)
            }
            Token::Revoke { id, terms } => change(&op::TOKEN_REVOKE, json!({ "id": id }), keyed(terms)?),
        })
    }
}

impl Audit {
    pub fn call(self) -> Call {
        match self {
            Audit::List { tenant, page } => list(&op::AUDIT_LIST, tenant, page),
        }
    }
}

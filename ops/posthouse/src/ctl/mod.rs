//! SUMMARY    `posthouse ctl`: the operator's commands, in the running server through its socket or on the data of a stopped one.
//! SECURITY   See `socket`: who may read the data folder is the operator.
//! INVARIANTS Exit codes: 0 fine, 1 failed or something is wrong (violations, a store that does not serve), 2 wrong usage.

mod answer;
mod api;
mod backup;
mod bar;
mod command;
mod desk;
mod export;
mod fetch;
mod hold;
mod import;
mod inspect;
mod migrate;
mod migrating;
mod operation;
mod papers;
mod print;
mod purge;
mod request;
mod restore;
mod size;
pub mod socket;
mod stopped;
#[cfg(test)]
mod tests;

pub use desk::Desk;

use crate::{Failure, backup::Home, config::Config};
use base::{AccountId, QueueId, TenantId};
use clap::{Args, Subcommand};
use fetch::Ask;
use print::{Printer, Shape};
use purge::EndCall;
use request::{Request, Select};
use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

/// Bytes of a password line.
const PASSWORD_LINE_BYTES_MAX: u64 = 1_024;

#[derive(Args)]
pub struct Arguments {
    /// The server's data folder; the configuration's, or posthouse-data, when missing.
    #[arg(long, global = true, env = "POSTHOUSE_DATA")]
    data: Option<PathBuf>,
    /// The server's configuration (the environment adds to it): with it a stopped server's store and database are found where they are not in its folder.
    #[arg(long, global = true, env = "POSTHOUSE_CONFIG")]
    config: Option<PathBuf>,
    /// One JSON object on standard output: {"rows": [...], "next": ..., "summary": ...} or {"error": ...}.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Version, ports and health of the running server.
    Status,
    /// Customers: what they are and use; suspending and resuming them.
    #[command(subcommand)]
    Tenant(Tenant),
    /// The older spelling of `tenant list`.
    #[command(hide = true)]
    Tenants(Page),
    /// Domains: claimed, proven, given up.
    #[command(subcommand)]
    Domain(command::Domain),
    /// Mailboxes: made, changed, deleted.
    #[command(subcommand)]
    Mailbox(command::Mailbox),
    /// Addresses that lead to others.
    #[command(subcommand)]
    Alias(command::Alias),
    /// Restrictions: placed, ended, listed.
    #[command(subcommand)]
    Hold(hold::Hold),
    /// What a tenant, domain, mailbox or credential may do now, and why not the rest.
    Why {
        /// ten_…, a domain, acc_… or an address, crd_…
        subject: String,
    },
    /// API tokens.
    #[command(subcommand)]
    Token(command::Token),
    /// What was done, by whom.
    #[command(subcommand)]
    Audit(command::Audit),
    /// Runs any operation of the API (tenants/api/schema.graphql) as the operator and prints its answer; exit code 1 when anything
    /// is refused.
    Api(api::Api),
    /// Mailboxes with what is stored in them.
    #[command(subcommand)]
    Account(Account),
    /// The outgoing queue.
    #[command(subcommand)]
    Queue(Queue),
    /// Mail taken out: archives of mailboxes with all that belongs to them.
    #[command(subcommand)]
    Export(export::Export),
    /// Mail brought in: archives of ours, ZIP with mbox, Maildir or EML, Takeout, mbox files, messages, folders of all that. Nothing twice: the
    /// same again goes on where it was cut off.
    Import(import::Import),
    /// Mail of another provider, over IMAP: again and again until it has all moved.
    Migrate(Box<migrate::Migrate>),
    /// Copies of all of it, encrypted, of which each takes only what is new.
    #[command(subcommand)]
    Backup(backup::Backup),
    /// What a backup has, put back: all of it, a tenant's mail, one mailbox.
    #[command(subcommand)]
    Restore(Box<restore::Restore>),
    /// Checks every stored invariant; exit code 1 when one does not hold.
    Verify {
        /// This tenant only.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// What quotas count against what is stored.
    #[command(subcommand)]
    Quota(Quota),
    /// Makes a new operator token for the API and prints it.
    OperatorToken,
    /// Nodes that share the store.
    Nodes,
    /// Takes no new work: before a node is stopped. What is under way ends; `/readyz` sends clients elsewhere.
    Drain {
        /// Takes work again.
        #[arg(long)]
        undo: bool,
    },
}

#[derive(Args)]
struct Page {
    /// Rows at most.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Goes on behind this one: what `next` showed.
    #[arg(long)]
    after: Option<String>,
}

#[derive(Subcommand)]
enum Tenant {
    /// Makes a customer; the owner's token is shown.
    Create(command::TenantCreate),
    /// Name and limits.
    Update(command::TenantUpdate),
    /// All tenants, by id.
    List(Page),
    Show {
        tenant: TenantId,
    },
    /// Its people can no longer log in or send; mail for them is deferred.
    Suspend {
        tenant: TenantId,
        /// One line, shown to its users.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        terms: command::Terms,
    },
    Resume {
        tenant: TenantId,
        #[command(flatten)]
        terms: command::Terms,
    },
    /// Closes a tenant that bought nothing: nothing is sent or received, reading and export stay. Its contact is told twice, and after
    /// 30 days it is purged.
    Close(purge::Close),
    /// Takes a closing back, until the tenant is purged.
    Reopen {
        tenant: TenantId,
        #[command(flatten)]
        terms: command::Terms,
    },
    /// Destroys a closed tenant for good: its keys at once, then all that is its own. There is no way back.
    Purge {
        tenant: TenantId,
        /// The tenant's name, once more.
        #[arg(long, required_unless_present = "dry_run")]
        confirm: Option<String>,
        /// Only says what would go, and what keeps it; exit code 1 when something does.
        #[arg(long, conflicts_with = "confirm")]
        dry_run: bool,
    },
    /// Tenants that are closed by the operator, being purged, or were.
    Purges,
    /// The signed proof of a purge that has ended.
    Proof {
        #[arg(required_unless_present = "key")]
        tenant: Option<TenantId>,
        /// The public key that proofs of this provider are signed with.
        #[arg(long, conflicts_with = "tenant")]
        key: bool,
    },
}

#[derive(Subcommand)]
enum Account {
    /// The accounts of a tenant, by id.
    List {
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        page: Page,
    },
    /// By id (acc_…) or address.
    Show { account: String },
    Suspend {
        account: String,
        /// One line, shown to the user.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        terms: command::Terms,
    },
    Resume {
        account: String,
        #[command(flatten)]
        terms: command::Terms,
    },
    /// Sets the password: the first line of standard input, or a made one, which is printed.
    #[command(visible_alias = "set-password")]
    Password {
        account: String,
        /// Makes one instead of reading it.
        #[arg(long)]
        generate: bool,
        #[command(flatten)]
        terms: command::Terms,
    },
}

#[derive(Subcommand)]
enum Quota {
    /// Recounts every mailbox and tenant, and repairs nothing; exit code 1 when a counter differs.
    Verify {
        /// This tenant only.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// Adds to each counter what it lacks, while mail comes and goes.
    Repair {
        /// This tenant only.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
}

#[derive(Args)]
struct Which {
    /// This item.
    item: Option<QueueId>,
    /// Items of this tenant.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Items for this domain.
    #[arg(long)]
    domain: Option<String>,
    /// Every item of every tenant.
    #[arg(long, conflicts_with_all = ["item", "tenant", "domain"])]
    all: bool,
}

#[derive(Subcommand)]
enum Queue {
    /// What waits, by tenant and id (ids are random: their order is no order of time).
    List {
        /// Items of this tenant.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Items for this domain.
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Tries items now.
    Retry(Which),
    /// Drops items without a bounce.
    Cancel(Which),
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::new(arguments.data, arguments.config)?;
    if let Command::Export(export::Export::Fetch { which, to, wait }) = &arguments.command {
        let mut printer = Printer::new(Shape::Rows(export::FILES), arguments.json, false);
        let fetched = fetch::fetch(&mut server, (which.export, which.tenant), to, *wait).await;
        printer.take_all(fetched);
        return printer.end();
    }
    if let Some((columns, outcome)) = here(&server, &arguments.command).await {
        let mut printer = Printer::new(Shape::Rows(columns), arguments.json, false);
        printer.take_whole(outcome);
        return printer.end();
    }
    let mut problems = match &arguments.command {
        Command::Migrate(migrate) => migrate.problems()?,
        _ => None,
    };
    let (request, shape) = asked(arguments.command)?;
    let mut printer = Printer::new(shape, arguments.json, request.is_dry_run());
    let mut take = |event| {
        let left = match &mut problems {
            Some(problems) => problems.take(event),
            None => Some(event),
        };
        left.into_iter().for_each(|event| printer.take(event));
    };
    if let Err(why) = server.ask(request, &mut take).await {
        printer.take(request::Event::Failed(why));
    }
    printer.end()?;
    problems.map_or(Ok(()), migrate::Problems::end)
}

/// What is done by the command itself, whether a server runs or not: its columns, and what came of it.
async fn here(server: &Server, command: &Command) -> Option<(&'static [&'static str], print::Whole)> {
    match command {
        Command::Backup(backup::Backup::Run(_)) => None,
        Command::Backup(backup) => Some((backup.columns(), backup::here(server, backup).await)),
        Command::Restore(restore) => match restore.as_ref() {
            restore::Restore::All(of) => Some((&[], restore::here(server, of).await)),
            restore::Restore::Tenant { .. } | restore::Restore::Mailbox { .. } => None,
        },
        _ => None,
    }
}

/// Who answers: a server that runs, or else what it has stored.
struct Server {
    data: PathBuf,
    config: Option<PathBuf>,
}

impl Server {
    fn new(data: Option<PathBuf>, config: Option<PathBuf>) -> Result<Server, Failure> {
        let mut server = Server { data: PathBuf::new(), config };
        server.data = match data {
            Some(data) => data,
            None => server.configured()?.map_or_else(|| "posthouse-data".into(), |config| config.data),
        };
        Ok(server)
    }

    fn data(&self) -> &Path {
        &self.data
    }

    /// The configuration, where it is of this data folder.
    fn own_config(&self) -> Result<Option<Config>, String> {
        let config = self.configured().map_err(Failure::told)?;
        Ok(config.filter(|config| config.data == self.data))
    }

    /// What backups of this server are made of, and where they are.
    fn home(&self) -> Result<Home, String> {
        match self.own_config()? {
            Some(config) => Ok(Home::of(&config)),
            None => Home::in_folder(&self.data),
        }
    }

    /// What the environment alone says may be half of a configuration: a running server is asked without.
    fn configured(&self) -> Result<Option<Config>, Failure> {
        match self.config.as_deref() {
            Some(file) => crate::run::found(Some(file)),
            None => Ok(crate::run::found(None).unwrap_or_default()),
        }
    }
}

impl fetch::Ask for Server {
    async fn ask(&mut self, request: Request, take: &mut dyn FnMut(request::Event)) -> Result<(), String> {
        match socket::connect(&self.data).await? {
            Some(stream) => socket::ask(stream, &request, take).await,
            None => {
                // A configuration that names another folder is not this server's.
                stopped::ask(&self.data, self.own_config()?, request, take).await
            }
        }
    }
}

/// What to ask, and how to show the answer.
fn asked(command: Command) -> Result<(Request, Shape), Failure> {
    Ok(match command {
        Command::Status => plain(Request::Status),
        Command::Verify { tenant } => plain(Request::Verify { tenant }),
        Command::Quota(Quota::Verify { tenant }) => plain(Request::Quota { tenant, repair: false }),
        Command::Quota(Quota::Repair { tenant }) => plain(Request::Quota { tenant, repair: true }),
        Command::OperatorToken => plain(Request::OperatorToken),
        Command::Nodes => plain(Request::Nodes),
        Command::Drain { undo } => plain(Request::Drain(!undo)),
        Command::Tenants(page) => plain(tenants(page)?),
        Command::Tenant(tenant) => of_tenant(tenant)?,
        Command::Account(account) => plain(of_account(account)?),
        Command::Queue(queue) => plain(of_queue(queue)?),
        Command::Export(export) => match export::call(&export)? {
            Some(call) => plain(Request::Export(call)),
            None => return Err(Failure::Usage("what is fetched goes into a folder".to_owned())),
        },
        Command::Backup(backup) => match backup::call(&backup)? {
            Some(request) => plain(request),
            None => return Err(Failure::Usage("this is done without the server".to_owned())),
        },
        Command::Restore(restore) => match restore::call(&restore)? {
            Some(request) => plain(request),
            None => return Err(Failure::Usage("this is done without the server".to_owned())),
        },
        Command::Import(import) => plain(Request::Import(import.call()?)),
        Command::Migrate(migrate) => plain(Request::Migrate(migrate.call()?)),
        Command::Hold(hold) => plain(hold.request()),
        Command::Why { subject } => plain(Request::Why { subject }),
        Command::Api(api) => {
            let (query, variables) = api.read()?;
            (Request::Api { query, variables, accounts: Vec::new() }, Shape::Answer)
        }
        Command::Domain(domain) => operation(domain.call()?, None),
        Command::Mailbox(mailbox) => {
            let (call, made) = mailbox.call()?;
            operation(call, made)
        }
        Command::Alias(alias) => operation(alias.call()?, None),
        Command::Token(token) => operation(token.call()?, None),
        Command::Audit(audit) => operation(audit.call(), None),
    })
}

fn plain(request: Request) -> (Request, Shape) {
    let shape = Printer::shape(&request);
    (request, shape)
}

/// An operation of the API; a password that was made for it is shown.
fn operation(call: command::Call, made: Option<String>) -> (Request, Shape) {
    let accounts = call.accounts.iter().map(|pointer| (*pointer).to_owned()).collect();
    let request = Request::Api { query: call.operation.text.to_owned(), variables: call.variables, accounts };
    (request, Shape::Operation(call.operation.columns, made.map(|password| ("password", password))))
}

fn tenants(page: Page) -> Result<Request, Failure> {
    let after = page.after.map(|a| a.parse::<TenantId>()).transpose();
    let after = after.map_err(|_| Failure::Usage("--after: not an id of a tenant (ten_…)".to_owned()))?;
    Ok(Request::TenantList { after, limit: page.limit })
}

fn of_tenant(tenant: Tenant) -> Result<(Request, Shape), Failure> {
    Ok(match tenant {
        Tenant::Create(new) => operation(new.call(), None),
        Tenant::Update(patch) => operation(patch.call(), None),
        Tenant::List(page) => plain(tenants(page)?),
        Tenant::Show { tenant } => plain(Request::TenantShow { tenant }),
        Tenant::Suspend { tenant, reason, terms } => {
            plain(Request::TenantHold { tenant, reason: Some(reason), terms: terms.into() })
        }
        Tenant::Close(close) => plain(Request::End(close.call())),
        Tenant::Reopen { tenant, terms } => plain(Request::End(EndCall::Reopen { tenant, terms: terms.into() })),
        Tenant::Purge { tenant, confirm, dry_run } => {
            plain(Request::End(EndCall::Purge { tenant, name: confirm.filter(|_| !dry_run) }))
        }
        Tenant::Purges => plain(Request::End(EndCall::List)),
        Tenant::Proof { tenant: Some(tenant), .. } => plain(Request::End(EndCall::Proof { tenant })),
        Tenant::Proof { tenant: None, .. } => plain(Request::End(EndCall::ProofKey)),
        Tenant::Resume { tenant, terms } => plain(Request::TenantHold { tenant, reason: None, terms: terms.into() }),
    })
}

fn of_account(account: Account) -> Result<Request, Failure> {
    Ok(match account {
        Account::List { tenant, page } => Request::AccountList { tenant, after: page.after, limit: page.limit },
        Account::Show { account } => Request::AccountShow { account: known(account)? },
        Account::Suspend { account, reason, terms } => {
            Request::AccountHold { account: known(account)?, reason: Some(reason), terms: terms.into() }
        }
        Account::Resume { account, terms } => {
            Request::AccountHold { account: known(account)?, reason: None, terms: terms.into() }
        }
        Account::Password { account, generate, terms } => {
            let password = if generate { None } else { Some(password()?) };
            Request::AccountPassword { account: known(account)?, password, terms: terms.into() }
        }
    })
}

fn of_queue(queue: Queue) -> Result<Request, Failure> {
    Ok(match queue {
        Queue::List { tenant, domain, page } => {
            let select = Select { item: None, tenant, domain };
            Request::QueueList { select, after: page.after, limit: page.limit }
        }
        Queue::Retry(which) => Request::QueueRetry { select: select(which)? },
        Queue::Cancel(which) => Request::QueueCancel { select: select(which)? },
    })
}

/// An id or something that may be an address.
fn known(account: String) -> Result<String, Failure> {
    if account.contains('@') || account.parse::<AccountId>().is_ok() {
        return Ok(account);
    }
    Err(Failure::Usage(format!("{account:?} is neither an address nor an id of an account (acc_…)")))
}

/// What changes items says which: nothing is changed by leaving something out.
fn select(which: Which) -> Result<Select, Failure> {
    let Which { item, tenant, domain, all } = which;
    if !all && item.is_none() && tenant.is_none() && domain.is_none() {
        return Err(Failure::Usage("which items? Give an id, --tenant, --domain or --all".to_owned()));
    }
    Ok(Select { item, tenant, domain })
}

fn password() -> Result<String, Failure> {
    use std::io::{IsTerminal, Read};
    if std::io::stdin().is_terminal() {
        eprintln!("New password (shown as you type; pipe it in, or use --generate):");
    }
    let mut line = String::new();
    let mut input = std::io::BufReader::new(std::io::stdin().take(PASSWORD_LINE_BYTES_MAX));
    input.read_line(&mut line).map_err(|e| Failure::Usage(format!("the password: {e}")))?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() { Err(Failure::Usage("no password on standard input".to_owned())) } else { Ok(password) }
}

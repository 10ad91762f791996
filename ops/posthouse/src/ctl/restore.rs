//! SUMMARY    `ctl restore`: a backup put back whole, or a tenant's or one mailbox's mail brought back into the running server.
//! SECURITY   Mail comes back only into the tenant that it was of. Each mailbox is written into the tenant's audit log before it is begun.
//! INVARIANTS Nothing is written over and nothing comes twice: what a mailbox has already is passed by. The whole goes into an empty folder.

use super::{
    Server,
    backup::Place,
    desk::{Desk, Events, Outcome, row},
    request::{Event, Request, RestoreCall},
};
use crate::{
    Failure,
    backup::{Into, Scratch, restore},
};
use ::backup::{KeyRange, Repository, Snapshot};
use base::{AccountId, Address, SystemClock, TenantId};
use clap::{Args, Subcommand};
use import::{Importer, Order};
use mail::{Mail, NewPath};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};
use tenants::{Actor, DumpedMailbox, DumpedMailboxState, Mailbox, MailboxSearch, MailboxState};

/// Columns of what came back.
pub const TOLD: &[&str] = &["mailbox", "address", "brought_in", "already_there", "bytes", "problems", "why"];
/// Where a part of a backup is put up, in the data folder.
const SCRATCH: &str = "restore-scratch";

#[derive(Subcommand)]
pub enum Restore {
    /// Everything, into an empty data folder, or into what --config names. Cut off, the same command goes on.
    All(Of),
    /// Every mailbox of a tenant: what is missing in them comes back.
    Tenant {
        /// ten_…
        tenant: TenantId,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        into: IntoMail,
    },
    /// One mailbox: what is missing in it comes back.
    Mailbox {
        /// Its id (acc_…), or the address that it had then.
        mailbox: String,
        /// Where it goes, when not into itself: another mailbox of the same tenant, by id or address.
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        into: IntoMail,
    },
}

#[derive(Args)]
pub struct Of {
    #[command(flatten)]
    place: Place,
    /// Which backup; the newest when missing. See `ctl backup list`.
    #[arg(long)]
    snapshot: Option<String>,
}

#[derive(Args)]
pub struct IntoMail {
    /// A folder of the mailbox; all goes below it. Without it everything goes where it was.
    #[arg(long, value_name = "FOLDER")]
    into: Option<String>,
    /// Why, for the audit log of the tenant.
    #[arg(long, default_value = "")]
    reason: String,
    /// Folder for the part of the backup that is needed meanwhile; one in the data folder when missing.
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
}

/// What the server is to be asked; `None`: it is done here.
pub fn call(restore: &Restore) -> Result<Option<Request>, Failure> {
    let (of, into, what) = match restore {
        Restore::All(_) => return Ok(None),
        Restore::Tenant { tenant, of, into } => (of, into, (Some(*tenant), None, None)),
        Restore::Mailbox { mailbox, account, of, into } => (of, into, (None, Some(mailbox.clone()), account.clone())),
    };
    if let Some(wrong) = into.into.as_deref().and_then(|into| NewPath::parse(into).err()) {
        return Err(Failure::Usage(format!("--into: {}", wrong.context)));
    }
    let scratch = into.scratch.as_ref().map(std::path::absolute).transpose();
    let (tenant, mailbox, account) = what;
    Ok(Some(Request::Restore(RestoreCall {
        named: of.place.named()?,
        snapshot: of.snapshot.clone(),
        tenant,
        mailbox,
        account,
        into: into.into.clone(),
        reason: into.reason.clone(),
        scratch: scratch.map_err(|e| Failure::Usage(format!("--scratch: {e}")))?,
    })))
}

/// The whole: rows, whether all is well, and the last line.
pub async fn here(server: &Server, of: &Of) -> Result<(Vec<Value>, bool, String), String> {
    if super::socket::connect(server.data()).await?.is_some() {
        return Err(format!(
            "a server runs on {}: name another folder with --data, everything is restored into an empty one",
            server.data().display()
        ));
    }
    let (home, config) = (server.home()?, server.own_config()?);
    let named = of.place.named().map_err(Failure::told)?;
    let repository = home.repository(&named).await?;
    let snapshot = chosen(&repository, of.snapshot.as_deref()).await?;
    let into = Into { home: &home, config: config.as_ref(), clock: Arc::new(SystemClock), named: &named };
    let mut bar = super::bar::Bar::new("restore");
    let mut telling = |step: crate::backup::Step| {
        bar.name(&step.what);
        bar.at(step.done as u64, step.total as u64);
    };
    let restored = restore(&snapshot, &into, &mut telling).await?;
    bar.end(0);
    let row = json!({
        "snapshot": snapshot.id().to_string(),
        "rows": restored.rows,
        "packs": restored.packs,
        "damaged_packs": restored.damaged.len(),
        "missing_packs": restored.missing.len(),
        "database_rows": restored.database_rows,
        "files": restored.files,
    });
    let whole = restored.damaged.is_empty() && restored.missing.is_empty();
    let summary = match whole {
        true => format!("restored into {}; `ctl verify` checks it", home.data().display()),
        false => format!(
            "restored into {}, but packs of the backup are damaged or missing, and some messages with them: {}; `ctl verify` tells which",
            home.data().display(),
            [restored.damaged, restored.missing].concat().join(", ")
        ),
    };
    Ok((vec![row], whole, summary))
}

/// The backup that was named, or the newest.
async fn chosen(repository: &Repository, id: Option<&str>) -> Result<Snapshot, String> {
    let found = match id {
        Some(id) => Some(repository.snapshot(&id.parse().map_err(text)?).await.map_err(text)?),
        None => repository.latest().await.map_err(text)?,
    };
    found.ok_or_else(|| format!("{} has no backup yet", repository.describe()))
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// A mailbox of the backup, and the mailbox of today that it goes into.
struct Pair {
    from: AccountId,
    to: Mailbox,
}

impl Desk {
    /// Brings mail of a backup back into mailboxes of today.
    pub(super) async fn restore(&self, who: &str, call: RestoreCall, events: &Events) -> Outcome {
        let work = self.restored(who, &call, events);
        tokio::select! {
            outcome = work => outcome,
            () = events.closed() => Err("nobody listens".to_owned()),
        }
    }

    async fn restored(&self, who: &str, call: &RestoreCall, events: &Events) -> Outcome {
        let (home, actor) = (self.home()?, self.actor(who).await?);
        let repository = home.repository(&call.named).await?;
        let snapshot = chosen(&repository, call.snapshot.as_deref()).await?;
        let mailbox = match &call.mailbox {
            Some(named) => Some(self.pair(&actor, &snapshot, named, call.account.as_deref()).await?),
            None => None,
        };
        let tenant = call.tenant.or(mailbox.as_ref().map(|pair| pair.to.tenant)).ok_or("what is to be restored?")?;
        let folder = call.scratch.clone().unwrap_or_else(|| home.data().join(SCRATCH));
        let only = mailbox.as_ref().map(|pair| pair.from);
        let scratch = Scratch::open(snapshot, tenant, only, &folder, Arc::new(SystemClock)).await?;
        let brought = match mailbox {
            Some(pair) => self.bring(&actor, &scratch, &pair, call, events).await.map(|whole| (1, whole)),
            None => self.bring_all(&actor, &scratch, tenant, call, events).await,
        };
        scratch.close().await;
        let (count, whole) = brought?;
        Ok((whole, None, format!("{count} mailboxes restored")))
    }

    /// The mailbox that was named, as it was and as it is.
    async fn pair(
        &self,
        actor: &Actor,
        snapshot: &Snapshot,
        named: &str,
        account: Option<&str>,
    ) -> Result<Pair, String> {
        let was = self.searched(snapshot, named).await?;
        let to = match account {
            Some(account) => self.mailbox(actor, account).await?,
            None => self.mailbox(actor, &was.id.to_string()).await.map_err(|_| {
                format!(
                    "{}, which was {} then, is not there any more: make a mailbox and name it with --account",
                    was.address, was.id
                )
            })?,
        };
        if to.state == MailboxState::Deleted {
            return Err(format!(
                "{} is deleted: `ctl mailbox restore {}` first, or name another with --account",
                to.address, to.id
            ));
        }
        if to.tenant != was.tenant {
            return Err(format!(
                "{} is a mailbox of tenant {}, and the backup's was of {}",
                to.address, to.tenant, was.tenant
            ));
        }
        Ok(Pair { from: was.id, to })
    }

    /// Who an address or an id was at the time of the backup.
    async fn searched(&self, snapshot: &Snapshot, named: &str) -> Result<DumpedMailbox, String> {
        let mut search = match named.parse::<AccountId>() {
            Ok(id) => MailboxSearch::by_id(id),
            Err(_) => {
                let address =
                    Address::parse(named).map_err(|_| format!("{named:?} is neither an address nor an id (acc_…)"))?;
                MailboxSearch::by_address(&address)
            }
        };
        while let Some(range) = search.range().map_err(text)? {
            let range = KeyRange::new(range.start, range.end);
            let mut rows = snapshot.rows(crate::backup::SQL, &[range]).await.map_err(|why| match why {
                ::backup::Error::NoStream(_) => {
                    "the backup has no mailboxes' names: it is of a data plane alone".to_owned()
                }
                why => why.to_string(),
            })?;
            while let Some(page) = rows.next_page().await.map_err(text)? {
                for (key, value) in page {
                    search.row(&key, &value).map_err(text)?;
                }
            }
        }
        let mut found = search.found();
        let mut ids = found.iter().map(|mailbox| mailbox.id.to_string()).collect::<Vec<_>>();
        ids.sort_unstable();
        match (found.pop(), found.is_empty()) {
            (Some(mailbox), true) if mailbox.state == DumpedMailboxState::Purged => {
                Err(format!("{named}: its mail had been destroyed before the backup"))
            }
            (Some(mailbox), true) => Ok(mailbox),
            (Some(_), false) => Err(format!(
                "{named} was the address of several mailboxes, one after the other; name one: {}",
                ids.join(", ")
            )),
            (None, _) => Err(format!("{named}: no mailbox of the backup")),
        }
    }

    /// Every mailbox of a tenant that there still is.
    async fn bring_all(
        &self,
        actor: &Actor,
        scratch: &Scratch,
        tenant: TenantId,
        call: &RestoreCall,
        events: &Events,
    ) -> Result<(usize, bool), String> {
        let (mut count, mut whole) = (0, true);
        for from in scratch.mailboxes(actor.name()).await? {
            let to = match self.service()?.mailbox(actor, from).await {
                Ok(to) if to.tenant == tenant && to.state != MailboxState::Deleted => to,
                found => {
                    let why = match found {
                        Ok(to) if to.tenant == tenant => "it is deleted: `ctl mailbox restore` first",
                        _ => "it is not there any more: name a mailbox for it with `ctl restore mailbox … --account`",
                    };
                    row(events, json!({ "mailbox": from.to_string(), "why": why })).await?;
                    whole = false;
                    continue;
                }
            };
            let address = to.address.clone();
            match self.bring(actor, scratch, &Pair { from, to }, call, events).await {
                Ok(all) => {
                    whole &= all;
                    count += 1;
                }
                // The others come all the same; the same command brings the rest later.
                Err(why) => {
                    row(events, json!({ "mailbox": from.to_string(), "address": address, "why": why })).await?;
                    whole = false;
                }
            }
        }
        Ok((count, whole))
    }

    /// Brings one mailbox back. Gives whether all of it could be.
    async fn bring(
        &self,
        actor: &Actor,
        scratch: &Scratch,
        pair: &Pair,
        call: &RestoreCall,
        events: &Events,
    ) -> Result<bool, String> {
        let accounts = self.store()?.clone();
        let Pair { from, to } = pair;
        let _alone = self.home()?.alone(to.id)?;
        let scope = accounts.ordered(to.tenant, to.id).await.map_err(|e| format!("{}: {e}", to.address))?;
        let reason = if call.reason.is_empty() { String::new() } else { format!("; {}", call.reason) };
        let noted = [(to.id.to_string(), format!("from a backup of {from}{reason}"))];
        self.shared_service()?.note(actor, to.tenant, "mailRestore", &noted).await.map_err(text)?;
        // Who does not listen any more is noticed by being told.
        let telling =
            |what: &str| events.try_send(Event::Progress { done: 0, total: 1, what: format!("{what} {}", to.address) });
        let _ = telling("reads from the backup what there is of");
        let (job, folder) = scratch.archives(actor.name(), *from).await?;
        let _ = telling("brings mail into");
        let inputs = import::open(&folder).await.map_err(|e| e.context)?;
        let into = call.into.as_deref().map(NewPath::parse).transpose().map_err(text)?;
        let order = Order { into, only: None, dry_run: false };
        let hostname = self.status.get("hostname").and_then(Value::as_str).unwrap_or("localhost");
        let ended = Importer::new(Mail::new(accounts, hostname)).run(&scope, inputs, &order, &mut |_| {}).await;
        scratch.forget(job, &folder).await?;
        let report = ended.map_err(|failed| format!("{}: {failed}", to.address))?;
        let told = json!({
            "mailbox": to.id.to_string(),
            "address": to.address,
            "brought_in": report.imported,
            "already_there": report.already_there,
            "bytes": report.bytes,
            "problems": report.problems_told,
        });
        row(events, told).await?;
        Ok(report.problems_told == 0)
    }
}

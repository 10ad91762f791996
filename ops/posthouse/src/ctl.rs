//! SUMMARY    `posthouse ctl`: the operator's look at the data of a stopped server.
//! INVARIANTS Works on the data folder itself, so the server must not run: the store's lock sees to it.

use crate::server::Stores;
use base::{QueueId, TenantId};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Items shown per tenant.
const QUEUE_SHOWN_MAX: usize = 1_000;

#[derive(Args)]
pub struct Arguments {
    /// The server's data folder.
    #[arg(long, default_value = "posthouse-data")]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks every stored invariant of every tenant; fails when one does not hold.
    Verify,
    /// Lists the tenants with what they use.
    Tenants,
    /// The outgoing queue.
    #[command(subcommand)]
    Queue(Queue),
}

#[derive(Subcommand)]
enum Queue {
    /// Shows what waits.
    List,
    /// Tries an item at once.
    Retry { tenant: TenantId, item: QueueId },
    /// Drops an item without a bounce.
    Cancel { tenant: TenantId, item: QueueId },
}

pub async fn run(arguments: Arguments) -> Result<(), String> {
    let stores = Stores::open(&arguments.data).await?;
    let result = match arguments.command {
        Command::Verify => verify(&stores).await,
        Command::Tenants => list_tenants(&stores).await,
        Command::Queue(Queue::List) => queue_list(&stores).await,
        Command::Queue(Queue::Retry { tenant, item }) => {
            let now = stores.accounts.clock().now().0;
            amend(&stores, tenant, item, move |q| (q.parked, q.due_at_ms) = (false, now)).await
        }
        Command::Queue(Queue::Cancel { tenant, item }) => {
            amend(&stores, tenant, item, |q| q.recipients.iter_mut().for_each(|r| r.status = 3)).await
        }
    };
    stores.kv.close().await;
    result
}

async fn tenants(stores: &Stores) -> Result<Vec<TenantId>, String> {
    stores.accounts.tenants().await.map_err(|e| e.to_string())
}

async fn verify(stores: &Stores) -> Result<(), String> {
    let key = stores.accounts.break_glass("ctl", "verify").map_err(|e| e.to_string())?;
    let mut violations = 0;
    let all = tenants(stores).await?;
    for tenant in &all {
        for found in stores.accounts.verify(&key.tenant(*tenant)).await.map_err(|e| e.to_string())? {
            violations += 1;
            let account = found.account.map(|a| format!(" {a}")).unwrap_or_default();
            println!("{}{account}: {}", found.tenant, found.what);
        }
    }
    println!("verify: {} tenants, {violations} violations", all.len());
    if violations == 0 { Ok(()) } else { Err("the store has violations".to_owned()) }
}

async fn list_tenants(stores: &Stores) -> Result<(), String> {
    use control::Control;
    for tenant in tenants(stores).await? {
        let usage = stores.accounts.usage(tenant).await.map_err(|e| e.to_string())?;
        println!("{tenant} {} emails, {} bytes", usage.emails, usage.used_bytes);
    }
    Ok(())
}

async fn queue_list(stores: &Stores) -> Result<(), String> {
    let key = stores.accounts.break_glass("ctl", "queue list").map_err(|e| e.to_string())?;
    for tenant in tenants(stores).await? {
        let items = stores.accounts.queue(&key.tenant(tenant), QUEUE_SHOWN_MAX).await.map_err(|e| e.to_string())?;
        for summary in items {
            let item = summary.item;
            let to: Vec<&str> = item.recipients.iter().map(|r| r.address.as_str()).collect();
            println!("{tenant} {} <{}> -> {} attempts {}", QueueId(item.id), item.sender, to.join(","), item.attempts);
        }
    }
    Ok(())
}

async fn amend(
    stores: &Stores,
    tenant: TenantId,
    item: QueueId,
    change: impl Fn(&mut account::record::QueueItem),
) -> Result<(), String> {
    stores.accounts.amend(tenant, item, change).await.map_err(|e| e.to_string())
}

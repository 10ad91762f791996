//! SUMMARY    The customers that `load provision` makes and the other commands use: their names, and how each is made.
//! INVARIANTS Everything follows from a run's name and a number, and every creation has a key: making it again within a day is
//!            harmless, and shows the same tokens again.

use clap::Args;
use serde_json::{Value, json};

use crate::{
    api::{Client, Endpoint, text},
    error::Result,
};

/// Password of every mailbox that is made.
pub const PASSWORD: &str = "load-secret-password";
/// The same as the control plane would store it (19 MiB, 2 passes).
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWxvYWQtc2FsdA$iuRu6UPUI6OFsIx7tPDA7Xyn4kMnS8yJvedg6RdiKNI";
/// Mailboxes of one bulk mutation.
pub const BULK_MAX: u64 = 100;

/// Options of every command that uses the API.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// http://HOST:PORT/graphql
    #[arg(long)]
    pub api: String,
    /// The operator's token.
    #[arg(long)]
    pub token: String,
    /// Name of the run: another one makes other customers.
    #[arg(long, default_value = "load")]
    pub run: String,
    /// Give passwords as hashes, for a server that takes `passwordHash`: it hashes none itself.
    #[arg(long)]
    pub hashed: bool,
}

impl ApiArgs {
    pub fn endpoint(&self) -> Result<Endpoint> {
        Endpoint::parse(&self.api)
    }
}

/// A customer and the token of its owner.
#[derive(Debug, Clone)]
pub struct Customer {
    pub id: String,
    pub token: String,
}

/// A domain of a customer.
pub fn domain(run: &str, tenant: u64) -> String {
    format!("t{tenant}.{run}.example")
}

/// An address of a mailbox.
pub fn address(run: &str, tenant: u64, mailbox: u64) -> String {
    format!("u{mailbox}@{}", domain(run, tenant))
}

/// A reseller below the provider, with room for so many customers.
pub async fn reseller(client: &mut Client, args: &ApiArgs, number: u64, room: &Room) -> Result<Customer> {
    let input = json!({
        "name": format!("Reseller {number} of {}", args.run),
        "maxDomains": room.tenants, "maxMailboxes": room.tenants * room.mailboxes,
        "idempotencyKey": format!("{}-r{number}", args.run),
    });
    made(client.mutate(&args.token, "tenantCreate", "tenant { id } token", &input).await?)
}

/// How much a reseller's customers may have together.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub tenants: u64,
    /// Of each tenant.
    pub mailboxes: u64,
}

/// A customer of a reseller (or of the provider), with its domain: by the operator's word, since no DNS knows it.
pub async fn customer(
    client: &mut Client,
    args: &ApiArgs,
    reseller: Option<&Customer>,
    number: u64,
    mailboxes: u64,
) -> Result<Customer> {
    let input = json!({
        "parentId": reseller.map(|r| r.id.as_str()),
        "name": format!("Customer {number} of {}", args.run),
        "maxDomains": 1, "maxMailboxes": mailboxes,
        "domain": domain(&args.run, number), "vouch": true,
        "idempotencyKey": format!("{}-t{number}", args.run),
    });
    made(client.mutate(&args.token, "tenantCreate", "tenant { id } token", &input).await?)
}

/// Mailboxes `from..to` of a customer in one mutation; gives their ids.
pub async fn mailboxes(
    client: &mut Client,
    args: &ApiArgs,
    customer: &Customer,
    number: u64,
    range: std::ops::Range<u64>,
) -> Result<Vec<String>> {
    let items: Vec<Value> = range.clone().map(|m| mailbox(args, number, m)).collect();
    let input = json!({
        "mailboxes": items, "errorPolicy": "ALL_OR_NOTHING",
        "idempotencyKey": format!("{}-t{number}-m{}-{}", args.run, range.start, range.end),
    });
    let payload = client.mutate(&customer.token, "mailboxesCreate", "results { mailbox { id } }", &input).await?;
    let results = payload.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
    results.iter().map(|r| text(r, "/mailbox/id")).collect()
}

fn mailbox(args: &ApiArgs, tenant: u64, mailbox: u64) -> Value {
    let (field, password) = if args.hashed { ("passwordHash", PASSWORD_HASH) } else { ("password", PASSWORD) };
    json!({ "address": address(&args.run, tenant, mailbox), "displayName": format!("User {mailbox}"), field: password })
}

fn made(payload: Value) -> Result<Customer> {
    Ok(Customer { id: text(&payload, "/tenant/id")?, token: text(&payload, "/token")? })
}

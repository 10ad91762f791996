//! SUMMARY    `posthouse demo`: everything embedded, two tenants, seven mailboxes, sample mail, on loopback.
//! INVARIANTS Provisions through the GraphQL API and delivers through SMTP, as anybody would. What it made is kept in the data
//!            folder, so that the next start finds everything again.

mod client;
mod outside;
mod shop;
mod summary;

pub use outside::LETTERS;
pub use shop::{ACCOUNT, CLOCK};

use crate::{
    Failure,
    config::{Config, Listen, Migrations, SmartHost},
    folder,
    server::{Ports, Server},
    signal::Signals,
};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serve::IpRates;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

/// The sample mail: recipient, text.
const SAMPLES: [(&str, &str); 5] = [
    ("anna@bakery.example", include_str!("../sample/welcome.eml")),
    ("ben@bakery.example", include_str!("../sample/order.eml")),
    ("orders@bakery.example", include_str!("../sample/order.eml")),
    ("clara@studio.example", include_str!("../sample/picture.eml")),
    ("dario@studio.example", include_str!("../sample/umlauts.eml")),
];

const HTTP_PORT: u16 = 2080;
/// Of the page with the mail that leaves.
const OUTSIDE_PORT: u16 = 2081;

/// What the demo made, as kept and as printed by `--json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Made {
    pub operator_token: String,
    /// The provider's own people, who sign in to the portal.
    #[serde(default)]
    pub operators: Vec<MadeAccount>,
    pub tenants: Vec<MadeTenant>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MadeTenant {
    pub id: String,
    pub name: String,
    pub token: String,
    pub domains: Vec<String>,
    pub accounts: Vec<MadeAccount>,
    /// Who signs in to the portal.
    #[serde(default)]
    pub people: Vec<MadeAccount>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MadeAccount {
    pub address: String,
    pub password: String,
}

/// Mail may be brought from this machine, whatever the port.
fn from_here() -> migrate::SourceRules {
    migrate::SourceRules {
        networks: vec![Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).into()],
        ports: vec![1..=u16::MAX],
    }
}

/// Runs the demo until it is told to stop.
pub async fn run(data: &Path, json: bool) -> Result<(), Failure> {
    folder::may_hold_demo(data).map_err(Failure::Usage)?;
    let mut signals = Signals::new()?;
    let http = free(HTTP_PORT);
    let clock = shop::clock(data)?;
    let (stripe, billing) = shop::open(data, http.port(), clock.clone()).await?;
    let outside = outside::open(data, OUTSIDE_PORT).await?;
    let config = Config {
        billing: Some(billing),
        listen: Listen { http: Some(http), ..listen() },
        plain_auth: true,
        rates: IpRates { connections_max: 100_000, connections_per_minute_max: 6_000_000, ..IpRates::default() },
        graphiql: true,
        // Nothing leaves this machine.
        smart_host: Some(SmartHost {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: outside.smtp_port,
            login: None,
            tls: queue::SmartHostTls::Opportunistic,
            ca_file: None,
        }),
        // A demo's receivers stand on the same machine.
        webhooks: tenants::WebhookRules { networks: vec![Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).into()] },
        // And so do providers that people move here from.
        migrations: Migrations { enabled: true, at_once: 8, rules: from_here() },
        portal: Some(format!("http://localhost:{}", http.port())),
        free_ports: true,
        ..Config::minimal("mail.posthouse.example", data)?
    };
    let server = Server::start(&config, clock).await?;
    let path = data.join("demo.json");
    let made = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", path.display()))?,
        Err(_) => {
            let again = |e| {
                format!(
                    "{e}; an earlier first start may have been cut short: remove {} and start again",
                    data.display()
                )
            };
            let made = provision(&server).await.map_err(again)?;
            let text = serde_json::to_vec_pretty(&made).map_err(|e| e.to_string())?;
            std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
            made
        }
    };
    let places = summary::Places { outside: outside.page_port, test_desk: stripe.test_desk_url() };
    if json {
        println!("{}", summary::line(&server.ports, &places, &made));
    } else {
        summary::print(&server.ports, &places, &made, data);
    }
    // A terminal that goes away ends the demo.
    tokio::select! {
        _ = signals.next() => {}
        () = server.lost() => return Err(Failure::StoreLost),
    }
    if !json {
        println!("stopping: sessions end, commits are finished");
    }
    signals.unless_again(server.stop()).await
}

/// The usual ports above 2000; a busy one is replaced by a free one when it is bound.
fn listen() -> Listen {
    let door = |port: u16| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    Listen {
        smtp: door(2525),
        submission: door(2587),
        submissions: door(2465),
        lmtp: door(2424),
        imap: door(2143),
        imaps: door(2993),
        http: door(HTTP_PORT),
    }
}

/// The port on loopback, or another one when it is busy: browsers are told before it is bound.
fn free(port: u16) -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bind = |address: SocketAddr| std::net::TcpListener::bind(address).and_then(|l| l.local_addr());
    bind(usual).or_else(|_| bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).unwrap_or(usual)
}

async fn provision(server: &Server) -> Result<Made, String> {
    let service = server.service.as_ref().ok_or("the demo needs its control plane")?;
    let provider = service.bootstrap("Demo Provider").await.map_err(|e| e.to_string())?;
    let operator_token = provider.operator_token;
    let http = server.ports.http.ok_or("the demo needs its HTTP port")?;
    let seller = provider.provider.to_string();
    shop::stock(http, &operator_token, &seller).await?;
    shop::open_signup(http, &operator_token, &seller).await?;
    let mut tenants = Vec::new();
    for (name, domain, people) in [
        ("Bakery", "bakery.example", ["anna", "ben", "orders"].as_slice()),
        ("Studio", "studio.example", ["clara", "dario"].as_slice()),
    ] {
        tenants.push(tenant(http, &operator_token, name, domain, people).await?);
    }
    let operator =
        MadeAccount { address: "operator@provider.example".to_owned(), password: "operator-of-the-demo".to_owned() };
    member(http, &operator_token, &seller, "Operator", &operator).await?;
    deliver(&server.ports).await?;
    Ok(Made { operator_token, operators: vec![operator], tenants })
}

async fn tenant(http: u16, operator: &str, name: &str, domain: &str, people: &[&str]) -> Result<MadeTenant, String> {
    let create = "mutation($input: TenantCreateInput!) { r: tenantCreate(input: $input) \
                  { tenant { id } token userErrors { message } } }";
    let input = json!({ "name": name, "maxDomains": 5, "maxMailboxes": 50, "storageBytesMax": "53687091200" });
    let made = client::graphql(http, operator, create, json!({ "input": input })).await?;
    let text = |path: &str| made.pointer(path).and_then(|v| v.as_str()).map(str::to_owned).ok_or("unexpected answer");
    let (id, token) = (text("/tenant/id")?, text("/token")?);
    let create = "mutation($input: DomainCreateInput!) { r: domainVouch(input: $input) { userErrors { message } } }";
    client::graphql(http, operator, create, json!({ "input": { "tenantId": id, "name": domain } })).await?;
    let mut accounts = Vec::new();
    for person in people {
        let account = MadeAccount {
            address: format!("{person}@{domain}"),
            password: format!("{person}-likes-{}", name.to_lowercase()),
        };
        mailbox(http, &token, &account, person).await?;
        accounts.push(account);
    }
    let create = "mutation($input: AliasCreateInput!) { r: aliasCreate(input: $input) { userErrors { message } } }";
    let target = accounts.first().map(|a| a.address.clone()).unwrap_or_default();
    let input = json!({ "address": format!("hello@{domain}"), "targets": [target] });
    client::graphql(http, &token, create, json!({ "input": input })).await?;
    let people = vec![person(http, &token, &id, name, domain).await?];
    Ok(MadeTenant { id, name: name.to_owned(), token, domains: vec![domain.to_owned()], accounts, people })
}

async fn mailbox(http: u16, token: &str, account: &MadeAccount, name: &str) -> Result<(), String> {
    let create = "mutation($input: MailboxCreateInput!) { r: mailboxCreate(input: $input) { userErrors { message } } }";
    let input = json!({ "address": account.address, "password": account.password, "displayName": name });
    client::graphql(http, token, create, json!({ "input": input })).await.map(drop)
}

/// The owner of a tenant, by an invitation: signs in to the portal, and reads its mail with the same password.
async fn person(http: u16, token: &str, tenant: &str, name: &str, domain: &str) -> Result<MadeAccount, String> {
    let owner =
        MadeAccount { address: format!("owner@{domain}"), password: format!("owner-of-the-{}", name.to_lowercase()) };
    mailbox(http, token, &owner, &format!("Owner of the {name}")).await?;
    member(http, token, tenant, &format!("Owner of the {name}"), &owner).await?;
    Ok(owner)
}

/// Makes somebody an owner of a tenant.
async fn member(http: u16, token: &str, tenant: &str, name: &str, account: &MadeAccount) -> Result<(), String> {
    let invite =
        "mutation($input: MemberInviteInput!) { r: memberInvite(input: $input) { secret userErrors { message } } }";
    let input =
        json!({ "tenantId": tenant, "email": account.address, "role": "owner", "idempotencyKey": "demo-owner" });
    let invited = client::graphql(http, token, invite, json!({ "input": input })).await?;
    let secret = invited.get("secret").and_then(|s| s.as_str()).ok_or("no invitation")?;
    let accept =
        "mutation($input: InvitationAcceptInput!) { r: invitationAccept(input: $input) { userErrors { message } } }";
    let input = json!({ "secret": secret, "name": name, "password": account.password });
    client::graphql(http, token, accept, json!({ "input": input })).await.map(drop)
}

async fn deliver(ports: &Ports) -> Result<(), String> {
    let port = ports.smtp.ok_or("the demo needs its SMTP port")?;
    client::smtp(port, "friend@elsewhere.example", &SAMPLES).await
}

//! SUMMARY    What the demo prints: a summary for people, or one line of JSON for scripts.

use super::Made;
use crate::server::Ports;
use serde_json::json;
use std::path::Path;

/// Pages beside the server's.
pub struct Places {
    /// The port where mail to the world outside is read.
    pub outside: u16,
    /// Where cards are made to fail and time to pass.
    pub test_desk: String,
}

/// The stable interface of `demo --json`. A url whose door does not exist yet is null.
pub fn line(ports: &Ports, places: &Places, made: &Made) -> String {
    let http = ports.http.unwrap_or(0);
    json!({
        "imap": { "port": ports.imap, "tls_port": ports.imaps },
        "smtp": { "mx_port": ports.smtp, "submission_port": ports.submission, "submissions_port": ports.submissions },
        "lmtp_port": ports.lmtp,
        "http_port": ports.http,
        "graphql_url": format!("http://127.0.0.1:{http}/graphql"),
        "portal_url": format!("http://localhost:{http}/"),
        "signup_url": format!("http://localhost:{http}/signup"),
        "outside_url": format!("http://localhost:{}/", places.outside),
        "test_desk_url": places.test_desk,
        "jmap_url": null,
        "metrics_url": format!("http://127.0.0.1:{http}/metrics"),
        "operator_token": made.operator_token,
        "operators": made.operators,
        "tenants": made.tenants,
    })
    .to_string()
}

/// The summary for people.
pub fn print(ports: &Ports, places: &Places, made: &Made, data: &Path) {
    let port = |p: Option<u16>| p.map_or("-".to_owned(), |p| p.to_string());
    let http = port(ports.http);
    println!("Posthouse demo, everything in {}\n", data.display());
    for tenant in &made.tenants {
        println!("{} ({}), {}", tenant.name, tenant.id, tenant.domains.join(", "));
        for account in &tenant.accounts {
            println!("    {:<26} password {}", account.address, account.password);
        }
        for person in &tenant.people {
            println!("    {:<26} password {} (portal, and mail)", person.address, person.password);
        }
    }
    if !made.operators.is_empty() {
        println!("The provider's own people: selling, signups, the queue, the abuse desk");
    }
    for person in &made.operators {
        println!("    {:<26} password {} (portal)", person.address, person.password);
    }
    println!("\nIMAP {} (STARTTLS), {} (TLS)", port(ports.imap), port(ports.imaps));
    println!(
        "SMTP {} (MX), {} (submission, STARTTLS), {} (submission, TLS), LMTP {}",
        port(ports.smtp),
        port(ports.submission),
        port(ports.submissions),
        port(ports.lmtp)
    );
    println!("Portal http://localhost:{http}/");
    println!(
        "Mail to the world outside does not leave this machine: read it at http://localhost:{}/ (later@ is put off, nobody@ comes back)",
        places.outside
    );
    println!(
        "Test desk {} (make cards fail and weeks pass: what is bought, late, stopped and paid again)",
        places.test_desk
    );
    println!(
        "GraphQL http://127.0.0.1:{http}/graphql (GraphiQL in a browser), metrics http://127.0.0.1:{http}/metrics"
    );
    println!("operator token {}\n", made.operator_token);
    signing_up(&http, places.outside);
    own_domains(&http, &made.operator_token);
    let (Some(tenant), Some(account)) = (made.tenants.first(), made.tenants.first().and_then(|t| t.accounts.first()))
    else {
        return;
    };
    println!("Try:");
    println!(
        "  curl -k --user '{}:{}' 'imaps://127.0.0.1:{}/INBOX;MAILINDEX=1'",
        account.address,
        account.password,
        port(ports.imaps)
    );
    println!(
        "  printf 'Subject: hi\\r\\n\\r\\nhello\\r\\n' | curl --mail-from you@elsewhere.example --mail-rcpt {} -T - smtp://127.0.0.1:{}/elsewhere.example",
        account.address,
        port(ports.smtp)
    );
    println!(
        "  curl -s http://127.0.0.1:{http}/graphql -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d '{{\"query\":\"{{ viewer {{ name usage {{ emails usedBytes }} }} }}\"}}'",
        tenant.token
    );
    println!("\nCtrl-C stops it.");
}

/// How a newcomer becomes a customer by clicking.
fn signing_up(http: &str, outside: u16) {
    println!("Become a customer, free or paying:");
    println!(
        "  1. Sign up at http://localhost:{http}/signup; as the address elsewhere give any that is not here: you@elsewhere.example"
    );
    println!("  2. The code that is mailed to it stands at http://localhost:{outside}/");
    println!("  3. Choose Free or Business. Card numbers: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined");
    println!(
        "  4. Sign in at http://localhost:{http}/ as you@elsewhere.example, and to the new mailbox over IMAP, with your password\n"
    );
}

/// How a domain is proven where no DNS server belongs to the demo.
fn own_domains(http: &str, operator: &str) {
    println!("A domain of your own: the demo has no DNS server, it asks the resolvers of this machine.");
    println!(
        "  Put the records of its page into the DNS where the domain really is, or let the operator vouch for it:"
    );
    println!(
        "  curl -s http://127.0.0.1:{http}/graphql -H 'Authorization: Bearer {operator}' -H 'Content-Type: application/json' -d '{{\"query\":\"mutation {{ domainVouch(input: {{ tenantId: \\\"TENANT\\\", name: \\\"DOMAIN\\\" }}) {{ userErrors {{ message }} }} }}\"}}'\n"
    );
}

//! SUMMARY    What the demo prints: a summary for people, or one line of JSON for scripts.

use super::Made;
use crate::server::Ports;
use serde_json::json;
use std::path::Path;

/// The stable interface of `demo --json`. A url whose door does not exist yet is null.
pub fn line(ports: &Ports, made: &Made, test_desk: &str) -> String {
    let http = ports.http.unwrap_or(0);
    json!({
        "imap": { "port": ports.imap, "tls_port": ports.imaps },
        "smtp": { "mx_port": ports.smtp, "submission_port": ports.submission, "submissions_port": ports.submissions },
        "lmtp_port": ports.lmtp,
        "http_port": ports.http,
        "graphql_url": format!("http://127.0.0.1:{http}/graphql"),
        "portal_url": format!("http://localhost:{http}/"),
        "test_desk_url": test_desk,
        "jmap_url": null,
        "metrics_url": format!("http://127.0.0.1:{http}/metrics"),
        "operator_token": made.operator_token,
        "tenants": made.tenants,
    })
    .to_string()
}

/// The summary for people.
pub fn print(ports: &Ports, made: &Made, test_desk: &str, data: &Path) {
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
    println!("\nIMAP {} (STARTTLS), {} (TLS)", port(ports.imap), port(ports.imaps));
    println!(
        "SMTP {} (MX), {} (submission, STARTTLS), {} (submission, TLS), LMTP {}",
        port(ports.smtp),
        port(ports.submission),
        port(ports.submissions),
        port(ports.lmtp)
    );
    println!("Portal http://localhost:{http}/");
    println!("Test desk {test_desk} (make cards fail and weeks pass: what is bought, late, stopped and paid again)");
    println!(
        "GraphQL http://127.0.0.1:{http}/graphql (GraphiQL in a browser), metrics http://127.0.0.1:{http}/metrics"
    );
    println!("operator token {}\n", made.operator_token);
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

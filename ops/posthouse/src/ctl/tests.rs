//! SUMMARY    Every readable command against the schema: what is asked fits it, with the variables that are sent.

use super::{Command, asked, request::Request};
use clap::Parser;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use tenants::DomainOptions;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

const TENANT: &str = "ten_0000000000001";

/// One of each that is an operation, with everything that it takes.
const LINES: &[&str] = &[
    "tenant create Bakery --parent T --domain bakery.example --vouch --max-domains 3 --max-mailboxes 5 --storage 1000 \
     --messages-per-hour 10 --recipients-per-day 20 --dry-run --idempotency-key k1",
    "tenant update T --name Bakery --max-mailboxes 5 --dry-run --idempotency-key k2",
    "domain create T bakery.example --dry-run --idempotency-key k3",
    "domain show bakery.example --tenant T",
    "domain show bakery.example",
    "domain list --tenant T --limit 5 --after a.example",
    "domain vouch T bakery.example --dry-run",
    "domain release bakery.example --tenant T --dry-run",
    "mailbox create ann@bakery.example --name Ann --quota 1000000 --generate --dry-run --idempotency-key k4",
    "mailbox show acc_0000000000001",
    "mailbox list --tenant T --limit 500",
    "mailbox update acc_0000000000001 --name Ann --quota 5G --dry-run",
    "mailbox rename acc_0000000000001 anna@bakery.example --keep-old-address --dry-run",
    "mailbox password acc_0000000000001 --generate --dry-run",
    "mailbox suspend acc_0000000000001 --reason unpaid --dry-run",
    "mailbox resume acc_0000000000001 --dry-run",
    "mailbox delete acc_0000000000001 --dry-run",
    "mailbox list --tenant T --deleted",
    "mailbox restore acc_0000000000001 --dry-run",
    "mailbox purge acc_0000000000001 --dry-run",
    "alias create info@bakery.example --to a@b.example --to c@d.example --dry-run",
    "alias update info@bakery.example --to a@b.example --dry-run",
    "alias delete info@bakery.example --dry-run",
    "alias list --tenant T",
    "token create T --label robot --read-only --days 30 --dry-run",
    "token revoke tok_1 --dry-run",
    "audit list --tenant T --limit 3",
];

fn asked_by(line: &str) -> Request {
    let line = line.replace(" T", &format!(" {TENANT}"));
    let words = ["ctl"].into_iter().chain(line.split_whitespace());
    let line = Line::try_parse_from(words).unwrap_or_else(|e| panic!("{e}"));
    asked(line.command).unwrap_or_else(|_| panic!("wrong usage")).0
}

#[tokio::test]
async fn every_operation_fits_the_schema_with_the_variables_that_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (plane, domains) = (Arc::new(crate::plane::AbsentPlane), DomainOptions::default());
    let (sign_in, clock) = (tenants::SignInOptions::default(), Arc::new(base::SystemClock));
    let keys = crate::stores::Keys::in_folder(folder.path());
    let service = crate::stores::service(folder.path(), &keys, None, plane, domains, sign_in, clock).await.unwrap();
    service.bootstrap("Provider").await.unwrap();
    let mut texts = BTreeSet::new();
    for line in LINES {
        let Request::Api { query, variables, .. } = asked_by(line) else { panic!("{line}: no operation") };
        let actor = service.console("test").await.unwrap();
        let answer = api::answer(service.clone(), None, actor, query.clone(), variables).await;
        // Refusals are fine here (nothing is there); a query that does not fit is not.
        assert_eq!(answer.get("errors").filter(|e| **e != Value::Array(Vec::new())), None, "{line}: {answer}");
        texts.insert(query);
    }
    let all = include_str!("operation.rs").lines().filter(|l| l.starts_with("pub static ")).count();
    assert_eq!(texts.len(), all, "an operation has no line here");
}

#[test]
fn what_takes_something_away_gets_a_key_and_flags_reach_the_input() {
    for (line, dry) in [
        ("mailbox delete acc_0000000000001 --dry-run", true),
        ("mailbox purge acc_0000000000001", false),
        ("token revoke tok_1", false),
    ] {
        let Request::Api { variables, .. } = asked_by(line) else { panic!("{line}") };
        assert!(variables["i"]["idempotencyKey"].as_str().is_some_and(|key| key.len() >= 16), "{variables}");
        assert_eq!(variables["i"]["dryRun"] == Value::Bool(true), dry);
    }
}

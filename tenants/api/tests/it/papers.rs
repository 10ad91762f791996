//! SUMMARY    What goes into exports beside the mail: whose addresses, settings and audit history; and how addresses are taken in again.

use crate::{people::signed_in, plane::Desk};
use base::{AccountId, JobId, TenantId};
use control::{DataType, ExportPaper};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use tenants::{AddressLine, PapersGiven, PapersOf, PapersTaken};

/// A tenant with an alias, a masked address, a group and a catch-all for its one mailbox: its id, its token, the mailbox, the masked address.
async fn town(desk: &Desk, name: &str) -> (TenantId, String, AccountId, String) {
    let (tenant, token, mailbox) = desk.customer(name).await;
    let run = async |what: &str, input: &str, more: &str| {
        let mutation =
            format!("mutation {{ r: {what}(input: {{ {input} }}) {{ {more} userErrors {{ code message }} }} }}");
        desk.done(&token, &mutation).await
    };
    let (own, alias) = (format!("ann@{name}.example"), format!("orders@{name}.example"));
    run("aliasCreate", &format!("address: \"{alias}\", targets: [\"{own}\"], label: \"Orders\""), "").await;
    run("aliasCreate", &format!("address: \"all@{name}.example\", targets: [\"{own}\", \"x@y.example\"]"), "").await;
    let group = format!("address: \"team@{name}.example\", posting: MEMBERS, members: [\"{own}\", \"{alias}\"]");
    run("groupCreate", &group, "").await;
    run("domainUpdate", &format!("name: \"{name}.example\", catchAll: \"{alias}\""), "").await;
    let masked = format!("mailboxId: \"{mailbox}\", site: \"shop.example\"");
    let masked = run("maskedAddressCreate", &masked, "maskedAddress { address }").await;
    let masked = masked["maskedAddress"]["address"].as_str().unwrap().to_owned();
    (tenant.parse().unwrap(), token, mailbox.parse().unwrap(), masked)
}

async fn told(desk: &Desk, tenant: TenantId, mailboxes: Option<Vec<AccountId>>, whole: bool) -> Vec<ExportPaper> {
    static JOBS: AtomicU64 = AtomicU64::new(1);
    let job = JobId(JOBS.fetch_add(1, Ordering::SeqCst));
    desk.service.tell_papers(&PapersOf { tenant, job, mailboxes, whole }).await.unwrap();
    desk.plane.exports.papers(job)
}

fn lines(papers: &[ExportPaper], account: Option<AccountId>, name: &str) -> Vec<Value> {
    let mut found = papers.iter().filter(|paper| paper.account == account && paper.name == name);
    let paper = found.next().unwrap_or_else(|| panic!("{name} of {account:?}"));
    let text = std::str::from_utf8(&paper.bytes).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, paper.records, "{name}");
    lines
}

/// Verifies a chain as docs/decisions/0072 says it is verified.
fn verify_chain(tenant: TenantId, lines: &[Value]) -> usize {
    let (first, rest) = lines.split_first().unwrap();
    let (head, entries) = rest.split_last().unwrap();
    let mut hash = first["checkpoint"]["hash"].as_str().unwrap().to_owned();
    let mut number = first["checkpoint"]["number"].as_i64().unwrap();
    for e in entries {
        number += 1;
        let fields = json!([
            tenant.to_string(),
            number,
            e["at"],
            e["actor"],
            e["onBehalfOf"],
            e["ip"],
            e["action"],
            e["object"],
            e["detail"]
        ]);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{hash}\n{fields}").as_bytes());
        hash = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((e["hash"].as_str(), e["number"].as_i64()), (Some(hash.as_str()), Some(number)), "{e}");
    }
    assert_eq!(head["head"], json!({ "number": number, "hash": hash }));
    entries.len()
}

#[tokio::test]
async fn the_papers_of_a_mailbox_have_its_own_addresses_settings_and_history_and_nothing_of_others() {
    let desk = Desk::new().await;
    let (tenant, token, ann, masked) = town(&desk, "alpha").await;
    desk.done(&token, &crate::plane::mailbox("ben@alpha.example")).await;
    let operator = desk.service.console("root").await.unwrap();
    let court = [(ann.to_string(), "job_1: the court".to_owned())];
    desk.service.note(&operator, tenant, "mailExport", &court).await.unwrap();
    let papers = told(&desk, tenant, Some(vec![ann]), false).await;
    assert!(papers.iter().all(|paper| paper.account == Some(ann)), "nothing of the tenant, and of nobody else");
    let addresses = lines(&papers, Some(ann), "addresses-0001.jsonl");
    let kinds: Vec<_> =
        addresses.iter().map(|a| (a["kind"].as_str().unwrap(), a["address"].as_str().unwrap())).collect();
    let expected = [
        ("primary", "ann@alpha.example"),
        ("alias", "all@alpha.example"),
        ("alias", "orders@alpha.example"),
        ("masked", masked.as_str()),
        ("group", "team@alpha.example"),
        ("catchAll", "orders@alpha.example"),
    ];
    assert_eq!(kinds, expected);
    assert_eq!((&addresses[1]["shared"], &addresses[2]["label"]), (&json!(true), &json!("Orders")));
    let settings = papers.iter().find(|paper| paper.data == DataType::Settings).unwrap();
    let settings: Value = serde_json::from_slice(&settings.bytes).unwrap();
    assert_eq!((&settings["kind"], &settings["delegates"]), (&json!("person"), &json!([])), "{settings}");
    let history = lines(&papers, Some(ann), "audit-0001.jsonl");
    let objects: Vec<_> = history.iter().map(|e| e["object"].as_str().unwrap()).collect();
    assert!(objects.contains(&ann.to_string().as_str()) && objects.contains(&"orders@alpha.example"), "{objects:?}");
    assert!(!objects.iter().any(|o| o.contains("ben@") || *o == "all@alpha.example"), "{objects:?}");
    assert!(
        !history.iter().any(|e| e["action"] == "mailExport"),
        "what was ordered about it is not its user's to know"
    );
    assert!(history.iter().all(|e| e["hash"].is_null()), "alone an entry proves nothing");
    assert_eq!(papers, told(&desk, tenant, Some(vec![ann]), false).await, "told again they are the same");
}

#[tokio::test]
async fn a_tenants_papers_have_what_it_is_its_members_and_its_chain_and_no_secret() {
    let desk = Desk::new().await;
    let (alpha, token, ann, _) = town(&desk, "alpha").await;
    let (beta, ..) = town(&desk, "beta").await;
    signed_in(&desk, &token, &alpha.to_string(), "one@x.example", "owner").await;
    let papers = told(&desk, alpha, None, true).await;
    let what = lines(&papers, None, "tenant-0001.jsonl");
    let named = |kind: &str| what.iter().filter(|line| line["what"] == kind).collect::<Vec<_>>();
    assert_eq!(
        (&named("tenant")[0]["name"], &named("tenant")[0]["limits"]["maxMailboxes"]),
        (&json!("alpha"), &json!(2))
    );
    let domain = named("domain")[0];
    let catch_all = (&domain["name"], &domain["catchAll"], &domain["proven"]);
    assert_eq!(catch_all, (&json!("alpha.example"), &json!("orders@alpha.example"), &json!(true)));
    assert_eq!(
        (&named("member")[0]["address"], &named("member")[0]["role"]),
        (&json!("one@x.example"), &json!("owner"))
    );
    assert_eq!(lines(&papers, None, "addresses-0001.jsonl").len(), 3, "aliases and groups with all that they lead to");
    let history = lines(&papers, None, "audit-0001.jsonl");
    assert!(verify_chain(alpha, &history) > 6);
    assert!(!papers.iter().any(|p| p.account == Some(ann) && p.data == DataType::AuditHistory), "the tenant's has it");
    let all = papers.iter().map(|p| String::from_utf8_lossy(&p.bytes)).collect::<String>();
    for secret in ["argon2", "SCRAM", "long enough", "beta", &beta.to_string(), "posthouse-verify", "\"token\""] {
        assert!(!all.contains(secret), "{secret}");
    }
}

async fn taken(desk: &Desk, mailbox: AccountId, papers: &PapersGiven, dry_run: bool) -> PapersTaken {
    let operator = desk.service.console("root").await.unwrap();
    desk.service.take_papers(&operator, mailbox, papers, dry_run).await.unwrap()
}

#[tokio::test]
async fn addresses_come_back_once_where_the_domain_is_the_tenants_and_others_are_told() {
    let desk = Desk::new().await;
    let (alpha, token, ann, masked) = town(&desk, "alpha").await;
    let (_, _, eve, _) = town(&desk, "beta").await;
    let papers = told(&desk, alpha, Some(vec![ann]), false).await;
    let given = |name: &str| lines(&papers, Some(ann), name);
    let addresses: Vec<AddressLine> =
        given("addresses-0001.jsonl").into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
    let settings = papers.iter().find(|paper| paper.data == DataType::Settings).unwrap();
    let mut settings: tenants::SettingsPaper = serde_json::from_slice(&settings.bytes).unwrap();
    settings.display_name = "Ann of the export".to_owned();
    settings.send_as = vec!["all@alpha.example".to_owned()];
    settings.quota_bytes_max = Some(7);
    let given = PapersGiven { addresses, settings: Some(settings) };
    for (what, input) in [
        ("domainUpdate", "name: \"alpha.example\", catchAll: null"),
        ("aliasDelete", "address: \"orders@alpha.example\""),
        ("maskedAddressDelete", &format!("address: \"{masked}\"")),
        ("groupDelete", "address: \"team@alpha.example\""),
    ] {
        desk.done(
            &token,
            &format!("mutation {{ r: {what}(input: {{ {input}, idempotencyKey: \"{what}\" }}) {{ userErrors {{ code message }} }} }}"),
        )
        .await;
    }
    let would = taken(&desk, ann, &given, true).await;
    assert!(would.made.len() >= 4, "{would:?}");
    let came = taken(&desk, ann, &given, false).await;
    let expected = ["orders@alpha.example", &masked, "team@alpha.example", "alpha.example", "displayName"];
    assert_eq!(came.made, expected, "a dry run changed nothing: {came:?}");
    let untaken: Vec<_> = came.untaken.iter().map(|untaken| untaken.what.as_str()).collect();
    assert_eq!(untaken, ["quotaBytesMax", "sendAs all@alpha.example"], "rights and limits are not taken from files");
    let again = taken(&desk, ann, &given, false).await;
    assert_eq!((again.made.len(), again.untaken.len()), (0, 2), "nothing twice: {again:?}");
    assert_eq!(lines(&told(&desk, alpha, Some(vec![ann]), false).await, Some(ann), "addresses-0001.jsonl").len(), 6);
    // Another tenant's mailbox gets none of them.
    let foreign = taken(&desk, eve, &PapersGiven { settings: None, ..given }, false).await;
    assert_eq!((foreign.made.len(), foreign.there, foreign.untaken.len()), (0, 0, 6), "{foreign:?}");
}

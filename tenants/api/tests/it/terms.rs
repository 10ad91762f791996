//! SUMMARY    Every mutation keeps its terms: dry run, idempotency key, expected version.
//! INVARIANTS A mutation without a row here fails the test.

use crate::plane::Desk;
use serde_json::Value;
use std::collections::BTreeSet;

/// Mutation, input, another input; `$T`, `$U` tenants, `$M`, `$N` mailboxes, `$P` app password, `$K` token, `$J` a job,
/// `$L` a paused one, `$W` a webhook, `$Y` a delivery, `$Z` an identity
/// provider, `$O` an announcement, `$E` an export under way, `$F` one that is ready, `$G` a link to it, `$D` a migration.
const ROWS: &[(&str, &str, &str)] = &[
    ("tenantCreate", "name: \"x\"", "name: \"y\""),
    ("tenantUpdate", "tenantId: \"$T\", maxDomains: 5", "tenantId: \"$T\", maxDomains: 6"),
    ("tenantSuspend", "tenantId: \"$T\", reason: \"x\"", "tenantId: \"$T\", reason: \"y\""),
    ("tenantResume", "tenantId: \"$T\"", "tenantId: \"$U\""),
    ("domainCreate", "tenantId: \"$T\", name: \"n.example\"", "tenantId: \"$U\", name: \"n.example\""),
    ("domainVouch", "tenantId: \"$T\", name: \"n.example\"", "tenantId: \"$U\", name: \"n.example\""),
    ("domainCheck", "name: \"alpha.example\"", "name: \"beta.example\""),
    ("domainPublish", "name: \"alpha.example\"", "name: \"beta.example\""),
    ("dkimRotate", "name: \"alpha.example\"", "name: \"beta.example\""),
    (
        "dnsCredentialSet",
        "tenantId: \"$T\", server: \"192.0.2.1:53\", keyName: \"k\", secret: \"MDEyMzQ1Njc4OWFiY2RlZg==\"",
        "tenantId: \"$T\", server: \"192.0.2.1:53\", keyName: \"l\", secret: \"MDEyMzQ1Njc4OWFiY2RlZg==\"",
    ),
    ("dnsCredentialDelete", "tenantId: \"$U\"", "tenantId: \"$T\", domain: \"alpha.example\""),
    ("domainUpdate", "name: \"alpha.example\", plusAddressing: false", "name: \"alpha.example\", plusAddressing: true"),
    ("domainDelete", "name: \"spare.example\"", "name: \"beta.example\""),
    (
        "mailboxCreate",
        "address: \"c@alpha.example\", password: \"long enough\"",
        "address: \"c@alpha.example\", password: \"another one\"",
    ),
    (
        "mailboxesCreate",
        "errorPolicy: CONTINUE, mailboxes: [{ address: \"c@alpha.example\", password: \"long enough\" }]",
        "errorPolicy: ALL_OR_NOTHING, mailboxes: [{ address: \"c@alpha.example\", password: \"long enough\" }]",
    ),
    (
        "mailboxImport",
        "tenantId: \"$T\", csv: \"address\\na@alpha.example\", errorPolicy: CONTINUE",
        "tenantId: \"$T\", csv: \"address\\nb@alpha.example\", errorPolicy: CONTINUE",
    ),
    ("mailboxImportPasswords", "jobId: \"$I\"", "jobId: \"$J\""),
    ("mailboxUpdate", "mailboxId: \"$M\", displayName: \"x\"", "mailboxId: \"$M\", displayName: \"y\""),
    (
        "mailboxSetPassword",
        "mailboxId: \"$M\", password: \"long enough\"",
        "mailboxId: \"$M\", password: \"another one\"",
    ),
    (
        "mailboxRename",
        "mailboxId: \"$M\", address: \"x@alpha.example\"",
        "mailboxId: \"$M\", address: \"x@alpha.example\", keepOldAddress: true",
    ),
    ("mailboxSuspend", "mailboxId: \"$M\", reason: \"x\"", "mailboxId: \"$N\", reason: \"x\""),
    ("mailboxResume", "mailboxId: \"$M\"", "mailboxId: \"$N\""),
    ("mailboxDelete", "mailboxId: \"$M\"", "mailboxId: \"$N\""),
    ("mailboxRestore", "mailboxId: \"$R\"", "mailboxId: \"$M\""),
    ("mailboxPurge", "mailboxId: \"$R\"", "mailboxId: \"$M\""),
    ("mailboxRetentionSet", "tenantId: \"$T\", days: 7", "tenantId: \"$T\", days: 8"),
    ("emailRecoverySet", "tenantId: \"$T\", days: 7", "tenantId: \"$T\", days: 8"),
    ("emailsRecover", "mailboxId: \"$M\", emailIds: [\"5/1\"]", "mailboxId: \"$M\", emailIds: [\"5/2\"]"),
    (
        "exportRequest",
        "tenantId: \"$T\", mailboxIds: [\"$M\"], reason: \"x\"",
        "tenantId: \"$T\", mailboxIds: [\"$M\"], reason: \"y\"",
    ),
    (
        "migrationStart",
        "mailboxId: \"$M\", source: { host: \"imap.old.example\" }, user: \"a\", secret: \"s\"",
        "mailboxId: \"$M\", source: { host: \"imap.old.example\" }, user: \"b\", secret: \"s\"",
    ),
    (
        "migrationStartMany",
        "tenantId: \"$T\", source: { host: \"imap.old.example\" }, accounts: [{ mailbox: \"ann@alpha.example\", user: \"a\", secret: \"s\" }], errorPolicy: CONTINUE",
        "tenantId: \"$T\", source: { host: \"imap.old.example\" }, accounts: [{ mailbox: \"ann@alpha.example\", user: \"a\", secret: \"t\" }], errorPolicy: CONTINUE",
    ),
    ("migrationPause", "migrationId: \"$D\"", "migrationId: \"$E\""),
    ("migrationResume", "migrationId: \"$D\"", "migrationId: \"$D\", secret: \"t\""),
    ("migrationEnd", "migrationId: \"$D\"", "migrationId: \"$E\""),
    ("exportPause", "exportId: \"$E\"", "exportId: \"$F\""),
    ("exportResume", "exportId: \"$E\"", "exportId: \"$F\""),
    ("exportCancel", "exportId: \"$E\"", "exportId: \"$F\""),
    ("exportLinkCreate", "exportId: \"$F\"", "exportId: \"$F\", hours: 2"),
    ("exportLinkRevoke", "linkId: \"$G\"", "linkId: \"exl_1\""),
    (
        "delegateAdd",
        "mailboxId: \"$M\", delegateId: \"$V\", open: true",
        "mailboxId: \"$M\", delegateId: \"$V\", sendAs: true",
    ),
    ("delegateRemove", "mailboxId: \"$M\", delegateId: \"$V\"", "mailboxId: \"$M\", delegateId: \"$N\""),
    (
        "sendAsAdd",
        "mailboxId: \"$M\", address: \"a@alpha.example\"",
        "mailboxId: \"$M\", address: \"team@alpha.example\"",
    ),
    (
        "sendAsRemove",
        "mailboxId: \"$V\", address: \"a@alpha.example\"",
        "mailboxId: \"$V\", address: \"team@alpha.example\"",
    ),
    ("groupCreate", "address: \"g@alpha.example\", posting: ANYONE", "address: \"g@alpha.example\", posting: TENANT"),
    ("groupUpdate", "address: \"team@alpha.example\", name: \"x\"", "address: \"team@alpha.example\", enabled: false"),
    (
        "groupMembersAdd",
        "address: \"team@alpha.example\", members: [\"x@y.example\"]",
        "address: \"team@alpha.example\", members: [\"z@y.example\"]",
    ),
    (
        "groupMembersRemove",
        "address: \"team@alpha.example\", members: [\"b@y.example\"]",
        "address: \"team@alpha.example\", members: [\"z@y.example\"]",
    ),
    ("groupDelete", "address: \"team@alpha.example\"", "address: \"g@alpha.example\""),
    ("maskedAddressCreate", "mailboxId: \"$M\", site: \"x\"", "mailboxId: \"$M\", site: \"y\""),
    ("maskedAddressUpdate", "address: \"$X\", enabled: false", "address: \"$X\", note: \"y\""),
    ("maskedAddressDelete", "address: \"$X\"", "address: \"x@alpha.example\""),
    (
        "domainAliasCreate",
        "name: \"spare.example\", aliasOf: \"alpha.example\"",
        "name: \"spare.example\", aliasOf: \"beta.example\"",
    ),
    ("domainAliasRemove", "name: \"alt.example\"", "name: \"spare.example\""),
    ("domainShare", "name: \"alpha.example\", shared: true", "name: \"alpha.example\", shared: false"),
    (
        "aliasCreate",
        "address: \"n@alpha.example\", targets: [\"x@y.example\"]",
        "address: \"n@alpha.example\", targets: [\"z@y.example\"]",
    ),
    (
        "aliasesCreate",
        "errorPolicy: CONTINUE, aliases: [{ address: \"n@alpha.example\", targets: [\"x@y.example\"] }]",
        "errorPolicy: CONTINUE, aliases: [{ address: \"o@alpha.example\", targets: [\"x@y.example\"] }]",
    ),
    (
        "aliasUpdate",
        "address: \"a@alpha.example\", targets: [\"x@y.example\"]",
        "address: \"a@alpha.example\", targets: [\"z@y.example\"]",
    ),
    ("aliasDelete", "address: \"a@alpha.example\"", "address: \"b@alpha.example\""),
    ("appPasswordCreate", "mailboxId: \"$M\", label: \"x\"", "mailboxId: \"$M\", label: \"y\""),
    ("appPasswordRevoke", "mailboxId: \"$M\", id: \"$P\"", "mailboxId: \"$M\", id: \"crd_1\""),
    ("apiTokenCreate", "tenantId: \"$T\", label: \"x\"", "tenantId: \"$T\", label: \"y\""),
    ("apiTokenRevoke", "id: \"$K\"", "id: \"tok_1\""),
    ("jobCancel", "jobId: \"$J\"", "jobId: \"$L\""),
    ("jobPause", "jobId: \"$J\"", "jobId: \"$L\""),
    ("jobResume", "jobId: \"$L\"", "jobId: \"$J\""),
    ("tenantResend", "tenantId: \"$T\"", "tenantId: \"$U\""),
    ("auditExport", "tenantId: \"$T\"", "tenantId: \"$U\""),
    (
        "webhookCreate",
        "tenantId: \"$T\", url: \"https://hooks.example/\", kinds: [\"*\"]",
        "tenantId: \"$T\", url: \"https://hooks.example/\", kinds: [\"mailbox.*\"]",
    ),
    (
        "queueItemRetry",
        "tenantId: \"$T\", itemId: \"que_0000000000007\"",
        "tenantId: \"$T\", itemId: \"que_0000000000008\"",
    ),
    (
        "queueItemHold",
        "tenantId: \"$T\", itemId: \"que_0000000000007\", reason: \"x\"",
        "tenantId: \"$T\", itemId: \"que_0000000000007\", reason: \"y\"",
    ),
    (
        "queueItemRelease",
        "tenantId: \"$T\", itemId: \"que_0000000000007\"",
        "tenantId: \"$T\", itemId: \"que_0000000000008\"",
    ),
    (
        "queueItemCancel",
        "tenantId: \"$T\", itemId: \"que_0000000000007\"",
        "tenantId: \"$T\", itemId: \"que_0000000000007\", reason: \"y\"",
    ),
    ("webhookUpdate", "webhookId: \"$W\", label: \"x\"", "webhookId: \"$W\", label: \"y\""),
    ("webhookRotateSecret", "webhookId: \"$W\"", "webhookId: \"$W\", overlapSeconds: 5"),
    ("webhookDelete", "webhookId: \"$W\"", "webhookId: \"whk_1\""),
    ("webhookDeliveryRetry", "deliveryId: \"$Y\"", "deliveryId: \"dlv_1\""),
    (
        "holdPlace",
        "subjectId: \"$M\", kind: ABUSE, code: \"SPAM\", reason: \"x\"",
        "subjectId: \"$M\", kind: ABUSE, code: \"SPAM\", reason: \"y\"",
    ),
    ("holdRelease", "holdId: \"$H\"", "holdId: \"hld_1\""),
    (
        "identityProviderCreate",
        "tenantId: \"$T\", name: \"x\", issuer: \"https://login.example.org\", clientId: \"c\", clientSecret: \"s\", \
         domains: [], role: \"auditor\"",
        "tenantId: \"$T\", name: \"x\", issuer: \"https://login.example.org\", clientId: \"c\", clientSecret: \"t\", \
         domains: [], role: \"auditor\"",
    ),
    ("identityProviderUpdate", "id: \"$Z\", clientSecret: \"s\"", "id: \"$Z\", clientSecret: \"t\""),
    ("identityProviderDelete", "id: \"$Z\"", "id: \"idp_1\""),
    (
        "memberInvite",
        "tenantId: \"$T\", email: \"a@y.example\", role: \"auditor\"",
        "tenantId: \"$T\", email: \"b@y.example\", role: \"auditor\"",
    ),
    (
        "roleCreate",
        "tenantId: \"$T\", name: \"reader\", permissions: [\"mailbox:read\"]",
        "tenantId: \"$T\", name: \"writer\", permissions: [\"mailbox:read\"]",
    ),
    (
        "serviceAccountCreate",
        "tenantId: \"$T\", name: \"shop\", role: \"help-desk\"",
        "tenantId: \"$T\", name: \"till\", role: \"help-desk\"",
    ),
    ("brandingUpdate", "tenantId: \"$T\", name: \"x\"", "tenantId: \"$T\", name: \"y\""),
    (
        "brandingLogoSet",
        "tenantId: \"$T\", data: \"iVBORw0KGgoAAAANSUhEUgAAAEAAAAAg\"",
        "tenantId: \"$T\", data: \"iVBORw0KGgoAAAANSUhEUgAAAEAAAABA\"",
    ),
    ("brandingLogoRemove", "tenantId: \"$T\"", "tenantId: \"$T\", scheme: DARK"),
    ("brandingAllow", "tenantId: \"$T\", allowed: false", "tenantId: \"$T\", allowed: true"),
    ("signupSettingsUpdate", "tenantId: \"$T\", mode: INVITE", "tenantId: \"$T\", mode: CLOSED"),
    ("signupInviteCreate", "tenantId: \"$T\", uses: 1", "tenantId: \"$T\", uses: 2"),
    ("signupInviteRevoke", "id: \"$C\"", "id: \"sgi_1\""),
    ("signupApprove", "id: \"$A\"", "id: \"sgn_1\""),
    ("signupRefuse", "id: \"$A\", reason: \"x\"", "id: \"$A\", reason: \"y\""),
    (
        "announcementCreate",
        "tenantId: \"$T\", severity: INFO, texts: [{ language: \"en\", text: \"x\" }]",
        "tenantId: \"$T\", severity: INCIDENT, texts: [{ language: \"en\", text: \"x\" }]",
    ),
    ("announcementUpdate", "id: \"$O\", severity: INCIDENT", "id: \"$O\", dismissible: false"),
    ("announcementEnd", "id: \"$O\"", "id: \"ann_1\""),
    (
        "featureFlagSet",
        "tenantId: \"$T\", feature: WEBHOOKS, enabled: false, reason: \"x\"",
        "tenantId: \"$T\", feature: WEBHOOKS, enabled: true, reason: \"x\"",
    ),
    ("featureFlagClear", "tenantId: \"$T\", feature: SUPPORT_ACCESS", "tenantId: \"$T\", feature: WEBHOOKS"),
];

/// What has no terms: it proves who somebody is, or begins to.
const WITHOUT: &[&str] = &[
    "invitationAccept",
    "passkeyChallenge",
    "passkeyRegister",
    "passwordForgot",
    "passwordReset",
    "sessionCreate",
    "sessionRefresh",
    "sessionStepUp",
    "signupAbandon",
    "signupBegin",
    "signupChallenge",
    "signupCheckout",
    "signupChoose",
    "signupContact",
    "signupFinish",
    "signupVerify",
    "nameAvailable",
];

/// Takes a passkey's own answer to a challenge: tested in tenants/tests/it/factor.rs.
const BY_A_PASSKEY: &[&str] = &["passkeyRegisterFinish"];

/// What has no version: there is nothing yet, or a token.
const UNVERSIONED: &[&str] = &[
    "aliasCreate",
    "aliasesCreate",
    "announcementCreate",
    "apiTokenCreate",
    "apiTokenRevoke",
    "dnsCredentialDelete",
    "dnsCredentialSet",
    "domainCreate",
    "domainVouch",
    "emailsRecover",
    "exportLinkCreate",
    "exportLinkRevoke",
    "exportRequest",
    "groupCreate",
    "holdPlace",
    "holdRelease",
    "identityProviderCreate",
    "mailboxCreate",
    "mailboxImport",
    "mailboxImportPasswords",
    "mailboxesCreate",
    "maskedAddressCreate",
    "memberInvite",
    "migrationStart",
    "migrationStartMany",
    "queueItemCancel",
    "queueItemHold",
    "queueItemRelease",
    "queueItemRetry",
    "roleCreate",
    "serviceAccountCreate",
    "signupInviteCreate",
    "signupInviteRevoke",
    "tenantCreate",
    "tenantResend",
    "auditExport",
    "webhookCreate",
    "webhookDeliveryRetry",
];

/// Two tenants with everything that a mutation can be about.
struct Town {
    desk: Desk,
    ids: Vec<(&'static str, String)>,
}

impl Town {
    async fn new() -> Town {
        let desk = Desk::new().await;
        let (tenant, _, mailbox) = desk.customer("alpha").await;
        let (other, _, other_mailbox) = desk.customer("beta").await;
        desk.done(&desk.operator, &crate::plane::domain(&tenant, "spare.example")).await;
        let run = async |name: &str, input: String, fields: &str| {
            let text =
                format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {fields} userErrors {{ message }} }} }}");
            desk.done(&desk.operator, &text).await
        };
        run("tenantUpdate", format!("tenantId: \"{tenant}\", maxDomains: null, maxMailboxes: null"), "").await;
        for tenant in [&tenant, &other] {
            run("brandingAllow", format!("tenantId: \"{tenant}\", allowed: true"), "").await;
            let key = "server: \"192.0.2.1:53\", keyName: \"k\", secret: \"MDEyMzQ1Njc4OWFiY2RlZg==\"";
            run("dnsCredentialSet", format!("tenantId: \"{tenant}\", {key}"), "").await;
        }
        run("aliasCreate", "address: \"a@alpha.example\", targets: [\"b@y.example\"]".into(), "").await;
        let members = "members: [\"b@y.example\"]";
        run("groupCreate", format!("address: \"team@alpha.example\", posting: ANYONE, {members}"), "").await;
        let (helper, gone) = rest(&run, &mailbox).await;
        let masked = run("maskedAddressCreate", format!("mailboxId: \"{mailbox}\""), "maskedAddress { address }").await;
        let masked = masked["maskedAddress"]["address"].as_str().unwrap().to_owned();
        desk.done(&desk.operator, &crate::plane::domain(&tenant, "alt.example")).await;
        run("domainAliasCreate", "name: \"alt.example\", aliasOf: \"alpha.example\"".into(), "").await;
        let password = run("appPasswordCreate", format!("mailboxId: \"{mailbox}\", label: \"p\""), "id").await;
        let token = run("apiTokenCreate", format!("tenantId: \"{tenant}\", label: \"t\""), "id").await;
        let (job, paused) = {
            let resend = async || run("tenantResend", format!("tenantId: \"{tenant}\""), "job { id }").await;
            let id = |made: &Value| made["job"]["id"].as_str().unwrap().to_owned();
            (id(&resend().await), id(&resend().await))
        };
        let hold = held(&run, &mailbox).await;
        run("jobPause", format!("jobId: \"{paused}\""), "").await;
        let csv = "csv: \"address,generate\\nz@alpha.example,yes\", errorPolicy: CONTINUE";
        let import = run("mailboxImport", format!("tenantId: \"{tenant}\", {csv}"), "job { id }").await;
        let import = import["job"]["id"].as_str().unwrap().to_owned();
        run("jobCancel", format!("jobId: \"{import}\", idempotencyKey: \"import\""), "").await;
        let hook = format!("tenantId: \"{tenant}\", url: \"https://hooks.example/\", kinds: [\"*\"]");
        let hook = run("webhookCreate", hook, "webhook { id }").await["webhook"]["id"].as_str().unwrap().to_owned();
        let delivered = crate::plane::delivery(&desk, &hook).await;
        let provider = provider(&run, &tenant).await;
        let [signup, _, code] = crate::signup::begun(&desk, &tenant, 1).await;
        let told = crate::isolation::announced(&desk, &tenant, &desk.operator).await;
        switched_off(&run, &tenant).await;
        let [going, ready, link, moving] = crate::migration::out_and_in(&desk, &tenant, &mailbox, &desk.operator).await;
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        let mut ids = vec![
            ("$A", signup),
            ("$C", code),
            ("$T", tenant),
            ("$U", other),
            ("$M", mailbox),
            ("$N", other_mailbox),
            ("$R", gone),
            ("$V", helper),
            ("$X", masked),
            ("$P", id(&password)),
            ("$K", id(&token)),
            ("$I", import),
            ("$J", job),
            ("$H", hold),
            ("$W", hook),
            ("$Y", delivered),
            ("$Z", provider),
            ("$L", paused),
            ("$O", told),
        ];
        ids.extend([("$E", going), ("$F", ready), ("$G", link), ("$D", moving)]);
        Town { desk, ids }
    }

    async fn run(&self, name: &str, input: &str, terms: &str) -> Value {
        let input = self.ids.iter().fold(input.to_owned(), |text, (mark, id)| text.replace(mark, id));
        let text = format!(
            "mutation {{ r: {name}(input: {{ {input}, {terms} }}) {{ pending userErrors {{ field code message }} }} }}"
        );
        let answer = self.desk.ask(&self.desk.operator, &text).await;
        assert!(answer.get("errors").is_none(), "{text}: {answer}");
        answer["data"]["r"].clone()
    }

    /// Entries of every audit log, and changes told.
    async fn traces(&self) -> (Vec<Value>, usize) {
        let mut counts = Vec::new();
        for tenant in [&self.ids[2].1, &self.ids[3].1] {
            let query = format!("{{ r: auditEntries(tenantId: \"{tenant}\", first: 1) {{ totalCount }} }}");
            counts.push(self.desk.ask(&self.desk.operator, &query).await["data"]["r"]["totalCount"].clone());
        }
        counts.push(self.desk.ask(&self.desk.operator, "{ tenants(first: 1) { totalCount } }").await["data"].clone());
        (counts, self.desk.plane.told.lock().unwrap().len())
    }
}

/// A hold on a mailbox.
async fn held(run: &impl AsyncFn(&str, String, &str) -> Value, mailbox: &str) -> String {
    let held = format!("subjectId: \"{mailbox}\", kind: SECURITY, code: \"LEAKED\", reason: \"x\"");
    run("holdPlace", held, "hold { id }").await["hold"]["id"].as_str().unwrap().to_owned()
}

async fn switched_off(run: &impl AsyncFn(&str, String, &str) -> Value, tenant: &str) {
    let off = "feature: SUPPORT_ACCESS, enabled: false, reason: \"x\"";
    run("featureFlagSet", format!("tenantId: \"{tenant}\", {off}"), "").await;
}

/// An identity provider of a tenant.
async fn provider(run: &impl AsyncFn(&str, String, &str) -> Value, tenant: &str) -> String {
    let provider = format!(
        "tenantId: \"{tenant}\", name: \"x\", issuer: \"https://login.example.org\", clientId: \"c\", \
         clientSecret: \"s\", domains: [], role: \"auditor\""
    );
    let made = run("identityProviderCreate", provider, "identityProvider { id }").await;
    made["identityProvider"]["id"].as_str().unwrap().to_owned()
}

/// Another mailbox, which is a delegate of the first and may send from an alias; and a deleted one.
async fn rest(run: &impl AsyncFn(&str, String, &str) -> Value, mailbox: &str) -> (String, String) {
    let made = async |local: &str| {
        let made = run("mailboxCreate", format!("address: \"{local}@alpha.example\""), "mailbox { id }").await;
        made["mailbox"]["id"].as_str().unwrap().to_owned()
    };
    let (helper, gone) = (made("helper").await, made("gone").await);
    run("delegateAdd", format!("mailboxId: \"{mailbox}\", delegateId: \"{helper}\", open: true"), "").await;
    run("sendAsAdd", format!("mailboxId: \"{helper}\", address: \"a@alpha.example\""), "").await;
    run("mailboxDelete", format!("mailboxId: \"{gone}\", idempotencyKey: \"gone\""), "").await;
    (helper, gone)
}

fn code(answer: &Value) -> &Value {
    &answer["userErrors"][0]["code"]
}

#[tokio::test]
async fn every_mutation_has_a_row() {
    let desk = Desk::new().await;
    let schema = desk.ask(&desk.operator, "{ m: __type(name: \"Mutation\") { fields { name } } }").await;
    let fields = schema["data"]["m"]["fields"].as_array().unwrap().clone();
    let named: BTreeSet<&str> = fields.iter().map(|f| f["name"].as_str().unwrap()).collect();
    let others = WITHOUT.iter().chain(BY_A_PASSKEY).copied().chain(crate::terms_of_people::names());
    let others = others.chain(crate::terms_of_sale::names());
    assert_eq!(named, ROWS.iter().map(|row| row.0).chain(others).collect());
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_leaves_nothing() {
    let town = Town::new().await;
    let before = town.traces().await;
    for (name, input, _) in ROWS {
        let would = town.run(name, input, "dryRun: true, idempotencyKey: \"dry\"").await;
        assert_eq!(*code(&would), Value::Null, "{name}: {would}");
        assert_eq!(town.traces().await, before, "{name}");
    }
}

#[tokio::test]
async fn a_repeated_key_does_nothing_more_and_another_input_is_refused() {
    for (name, input, other) in ROWS {
        let town = Town::new().await;
        let done = town.run(name, input, "idempotencyKey: \"k\"").await;
        assert_eq!(*code(&done), Value::Null, "{name}: {done}");
        let after = town.traces().await;
        assert_eq!(town.run(name, input, "idempotencyKey: \"k\"").await, done, "{name}");
        // The repeated app password is a fresh one, which its log says.
        if *name != "appPasswordCreate" {
            assert_eq!(town.traces().await, after, "{name}");
        }
        let after = town.traces().await;
        let refused = town.run(name, other, "idempotencyKey: \"k\"").await;
        assert_eq!(code(&refused), "IDEMPOTENCY_MISMATCH", "{name}: {refused}");
        assert_eq!(town.traces().await, after, "{name}");
    }
}

#[tokio::test]
async fn a_stale_version_is_refused_wherever_there_is_one() {
    let town = Town::new().await;
    let before = town.traces().await;
    for (name, input, _) in ROWS.iter().filter(|row| !UNVERSIONED.contains(&row.0)) {
        let refused = town.run(name, input, "expectedVersion: 99, idempotencyKey: \"s\"").await;
        assert_eq!(code(&refused), "STALE_OBJECT", "{name}: {refused}");
    }
    assert_eq!(town.traces().await, before);
}

#[tokio::test]
async fn a_destroying_mutation_wants_a_key() {
    let town = Town::new().await;
    for (name, input, _) in
        ROWS.iter().filter(|row| ["Delete", "Revoke", "Purge"].iter().any(|end| row.0.ends_with(end)))
    {
        let input = town.ids.iter().fold((*input).to_owned(), |text, (mark, id)| text.replace(mark, id));
        let text = format!("mutation {{ r: {name}(input: {{ {input} }}) {{ userErrors {{ code }} }} }}");
        let answer = town.desk.ask(&town.desk.operator, &text).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID", "{name}: {answer}");
    }
}

//! SUMMARY    Every field of the schema against another tenant's ids: nothing is there.
//! INVARIANTS A field without a row here fails the test.

use crate::{plane::Desk, sale::Sold};
use serde_json::Value;
use std::collections::BTreeSet;

/// Field, and the operation (of a mutation: its input) with `$T` (foreign tenant), `$M` (foreign mailbox), `$D` (foreign domain),
/// `$K` (foreign token), `$J` (foreign job), `$H` (foreign hold), `$P` (foreign member), `$I` (foreign invitation), `$R` (foreign role), `$S` (foreign service account),
/// those of sale.rs, `$ann` (what a foreign tenant tells those below), `$G` (foreign support grant), `$X` (foreign masked address), `$mig` (foreign migration), `$exp` and `$link` (foreign export, and a link to it), `$O` (own mailbox), `$W` (foreign webhook), `$V` (foreign delivery).
pub const QUERIES: &[(&str, &str)] = &[
    ("viewer", ""),
    ("tenants", ""),
    ("node", "{ r: node(id: \"$T\") { id } }"),
    ("node", "{ r: node(id: \"$M\") { id } }"),
    ("node", "{ r: node(id: \"$D\") { id } }"),
    ("nodes", ""),
    ("domain", "{ r: domain(name: \"$D\") { id } }"),
    ("tenant", "{ r: tenant(id: \"$T\") { id } }"),
    ("domains", "{ r: domains(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("mailbox", "{ r: mailbox(id: \"$M\") { id } }"),
    ("mailbox", "{ r: mailbox(id: \"$M\") { delegates { address } delegateOf { address } } }"),
    ("mailboxByAddress", "{ r: mailboxByAddress(address: \"ann@$D\") { id } }"),
    ("mailboxes", "{ r: mailboxes(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("aliases", "{ r: aliases(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("me", ""),
    ("standardRoles", ""),
    ("sessions", ""),
    ("members", "{ r: members(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("invitations", "{ r: invitations(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("roles", "{ r: roles(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("serviceAccounts", "{ r: serviceAccounts(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("apiTokens", "{ r: apiTokens(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("identityProviders", "{ r: identityProviders(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("supportGrants", "{ r: supportGrants(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("supportGrants", "{ r: supportGrants(first: 5) { totalCount } }"),
    ("group", "{ r: group(address: \"team@$D\") { id } }"),
    ("groups", "{ r: groups(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("maskedAddresses", "{ r: maskedAddresses(mailboxId: \"$M\", first: 5) { totalCount } }"),
    ("appPasswords", "{ r: appPasswords(mailboxId: \"$M\") { id } }"),
    ("auditEntries", "{ r: auditEntries(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("node", "{ r: node(id: \"$J\") { id } }"),
    ("capabilities", "{ r: capabilities(subjectId: \"$M\") { explanation } }"),
    ("capabilities", "{ r: capabilities(subjectId: \"$D\") { explanation } }"),
    ("job", "{ r: job(id: \"$J\") { id } }"),
    ("mailboxImportResult", "{ r: mailboxImportResult(jobId: \"$J\") }"),
    ("auditVerify", "{ r: auditVerify(tenantId: \"$T\") { verified } }"),
    ("events", "{ r: events(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("events", "{ r: events(tenantId: \"$T\", below: true, first: 5) { totalCount } }"),
    ("webhook", "{ r: webhook(id: \"$W\") { id } }"),
    ("webhooks", "{ r: webhooks(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("webhookDeliveries", "{ r: webhookDeliveries(webhookId: \"$W\", first: 5) { totalCount } }"),
    (
        "usage",
        "{ r: usage(tenantId: \"$T\", meter: STORED_BYTES, from: \"2026-01-01T00:00:00Z\", to: \"2026-01-02T00:00:00Z\", \
         resolution: HOUR) { at value } }",
    ),
    ("recoverableEmails", "{ r: recoverableEmails(mailboxId: \"$M\", first: 5) { nodes { id } } }"),
    ("export", "{ r: export(id: \"$exp\") { id } }"),
    ("exportFiles", "{ r: exportFiles(exportId: \"$exp\") { name } }"),
    ("exportLinks", "{ r: exportLinks(exportId: \"$exp\") { id } }"),
    ("migration", "{ r: migration(id: \"$mig\") { id } }"),
    ("migrationProblems", "{ r: migrationProblems(migrationId: \"$mig\") { why } }"),
    (
        "migrationCheck",
        "{ r: migrationCheck(mailboxId: \"$M\", source: { host: \"imap.old.example\" }, user: \"a\", secret: \"s\") { open } }",
    ),
    ("migrations", "{ r: migrations(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("exports", "{ r: exports(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("queueItems", "{ r: queueItems(tenantId: \"$T\", first: 5) { nodes { id } } }"),
    ("queueItems", "{ r: queueItems(tenantId: \"$T\", below: true, first: 5) { nodes { id } } }"),
    ("queueItem", "{ r: queueItem(tenantId: \"$T\", id: \"que_0000000000007\") { id } }"),
    ("jobs", "{ r: jobs(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("brand", "{ r: brand(host: \"login.beta.example\") { name } }"),
    ("branding", "{ r: branding(tenantId: \"$T\") { version } }"),
    ("signupOptions", ""),
    ("signup", "{ r: signup(id: \"sgn_1\", secret: \"x\") { id } }"),
    ("signupSettings", "{ r: signupSettings(tenantId: \"$T\") { version } }"),
    ("signups", "{ r: signups(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("signupInvites", "{ r: signupInvites(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("announcementsShown", ""),
    ("announcements", "{ r: announcements(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("featureFlags", "{ r: featureFlags(tenantId: \"$T\") { enabled } }"),
    ("holds", "{ r: holds(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("plans", "{ r: plans(sellerId: \"$T\", first: 5) { totalCount } }"),
    ("plan", "{ r: plan(id: \"$plan\") { id } }"),
    ("coupons", "{ r: coupons(sellerId: \"$T\", first: 5) { totalCount } }"),
    ("billingCustomer", "{ r: billingCustomer(tenantId: \"$T\") { id } }"),
    ("billingCustomers", "{ r: billingCustomers(sellerId: \"$T\", first: 5) { totalCount } }"),
    ("billingCustomers", "{ r: billingCustomers(sellerId: \"$seller\", first: 5) { totalCount } }"),
    ("billingSubscriptions", "{ r: billingSubscriptions(tenantId: \"$T\") { id } }"),
    ("billingQuote", "{ r: billingQuote(tenantId: \"$T\", choice:{ plan: \"extra\" }) { interval } }"),
    ("checkout", "{ r: checkout(tenantId: \"$T\") { id } }"),
    ("invoices", "{ r: invoices(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("invoice", "{ r: invoice(tenantId: \"$T\", id: \"$inv\") { id } }"),
    ("invoicePaper", "{ r: invoicePaper(tenantId: \"$T\", id: \"$inv\") }"),
    ("concessions", "{ r: concessions(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("billingPolicy", "{ r: billingPolicy(sellerId: \"$T\") { version } }"),
    ("billingStanding", "{ r: billingStanding(tenantId: \"$T\") { phase } }"),
    ("billingRehearsal", "{ r: billingRehearsal(tenantId: \"$T\", supposed:{ days: 60, failsFromDay: 1 }) { what } }"),
    ("ledgerEntries", "{ r: ledgerEntries(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("ledgerBalances", "{ r: ledgerBalances(tenantId: \"$T\") { account } }"),
    ("paymentEvents", "{ r: paymentEvents(first: 5) { totalCount } }"),
    ("paymentCalls", "{ r: paymentCalls(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("billingDrift", "{ r: billingDrift(first: 5) { totalCount } }"),
];

pub const MUTATIONS: &[(&str, &str)] = &[
    ("tenantCreate", "parentId: \"$T\", name: \"x\""),
    ("tenantUpdate", "tenantId: \"$T\""),
    ("tenantSuspend", "tenantId: \"$T\", reason: \"x\""),
    ("tenantResume", "tenantId: \"$T\""),
    ("domainCreate", "tenantId: \"$T\", name: \"free.example\""),
    ("domainVouch", "tenantId: \"$T\", name: \"free.example\""),
    ("domainCheck", "name: \"$D\""),
    ("domainPublish", "name: \"$D\""),
    ("dkimRotate", "name: \"$D\""),
    (
        "dnsCredentialSet",
        "tenantId: \"$T\", server: \"192.0.2.1:53\", keyName: \"k\", secret: \"MDEyMzQ1Njc4OWFiY2RlZg==\"",
    ),
    ("dnsCredentialDelete", "tenantId: \"$T\", idempotencyKey: \"6\""),
    ("domainUpdate", "name: \"$D\", plusAddressing: false"),
    ("domainDelete", "name: \"$D\", idempotencyKey: \"1\""),
    ("mailboxCreate", "address: \"new@$D\", password: \"long enough\""),
    ("mailboxImport", "tenantId: \"$T\", csv: \"address\\na@free.example\", errorPolicy: CONTINUE"),
    ("mailboxImportPasswords", "jobId: \"$J\", idempotencyKey: \"8\""),
    ("mailboxUpdate", "mailboxId: \"$M\", password: \"long enough\""),
    ("mailboxSetPassword", "mailboxId: \"$M\", password: \"long enough\""),
    ("mailboxRename", "mailboxId: \"$M\", address: \"ben@alpha.example\""),
    ("mailboxSuspend", "mailboxId: \"$M\", reason: \"x\""),
    ("mailboxResume", "mailboxId: \"$M\""),
    ("mailboxDelete", "mailboxId: \"$M\", idempotencyKey: \"2\""),
    ("mailboxRestore", "mailboxId: \"$M\""),
    ("mailboxPurge", "mailboxId: \"$M\", idempotencyKey: \"6\""),
    ("mailboxRetentionSet", "tenantId: \"$T\", days: 1"),
    ("emailRecoverySet", "tenantId: \"$T\", days: 1"),
    ("emailsRecover", "mailboxId: \"$M\", emailIds: [\"5/1\"]"),
    ("exportRequest", "tenantId: \"$T\""),
    ("exportRequest", "tenantId: \"$T\", mailboxIds: [\"$M\"]"),
    ("migrationStart", "mailboxId: \"$M\", source: { host: \"imap.old.example\" }, user: \"a\", secret: \"s\""),
    ("migrationPause", "migrationId: \"$mig\""),
    ("migrationResume", "migrationId: \"$mig\""),
    ("migrationEnd", "migrationId: \"$mig\", idempotencyKey: \"29\""),
    ("exportPause", "exportId: \"$exp\""),
    ("exportResume", "exportId: \"$exp\""),
    ("exportCancel", "exportId: \"$exp\", idempotencyKey: \"27\""),
    ("exportLinkCreate", "exportId: \"$exp\""),
    ("exportLinkRevoke", "linkId: \"$link\", idempotencyKey: \"28\""),
    ("delegateAdd", "mailboxId: \"$M\", delegateId: \"$O\", open: true"),
    ("delegateAdd", "mailboxId: \"$O\", delegateId: \"$M\", open: true"),
    ("delegateRemove", "mailboxId: \"$M\", delegateId: \"$O\""),
    ("sendAsAdd", "mailboxId: \"$M\", address: \"ann@alpha.example\""),
    ("sendAsAdd", "mailboxId: \"$O\", address: \"ann@$D\""),
    ("sendAsRemove", "mailboxId: \"$M\", address: \"ann@$D\""),
    ("groupCreate", "address: \"g@$D\", posting: ANYONE"),
    ("groupUpdate", "address: \"team@$D\", name: \"x\""),
    ("groupMembersAdd", "address: \"team@$D\", members: [\"x@y.example\"]"),
    ("groupMembersRemove", "address: \"team@$D\", members: [\"x@y.example\"]"),
    ("groupDelete", "address: \"team@$D\", idempotencyKey: \"7\""),
    ("maskedAddressCreate", "mailboxId: \"$M\""),
    ("maskedAddressCreate", "mailboxId: \"$O\", domain: \"$D\""),
    ("maskedAddressUpdate", "address: \"$X\", enabled: false"),
    ("maskedAddressDelete", "address: \"$X\", idempotencyKey: \"8\""),
    ("domainAliasCreate", "name: \"$D\", aliasOf: \"alpha.example\""),
    ("domainAliasCreate", "name: \"alpha.example\", aliasOf: \"$D\""),
    ("domainAliasRemove", "name: \"$D\", idempotencyKey: \"9\""),
    ("domainShare", "name: \"$D\", shared: true"),
    ("aliasCreate", "address: \"a@$D\", targets: [\"x@y.example\"]"),
    ("aliasUpdate", "address: \"a@$D\", targets: [\"x@y.example\"]"),
    ("aliasDelete", "address: \"a@$D\", idempotencyKey: \"3\""),
    ("appPasswordCreate", "mailboxId: \"$M\", label: \"x\""),
    ("appPasswordRevoke", "mailboxId: \"$M\", id: \"crd_1\", idempotencyKey: \"4\""),
    ("apiTokenCreate", "tenantId: \"$T\", label: \"x\""),
    ("apiTokenRevoke", "id: \"$K\", idempotencyKey: \"5\""),
    ("holdPlace", "subjectId: \"$M\", kind: ADMIN, code: \"X\", reason: \"x\""),
    ("holdPlace", "subjectId: \"$T\", kind: ABUSE, code: \"X\", reason: \"x\""),
    ("holdRelease", "holdId: \"$H\""),
    ("jobCancel", "jobId: \"$J\", idempotencyKey: \"6\""),
    ("jobPause", "jobId: \"$J\""),
    ("jobResume", "jobId: \"$J\""),
    ("tenantResend", "tenantId: \"$T\""),
    ("auditExport", "tenantId: \"$T\""),
    ("webhookCreate", "tenantId: \"$T\", url: \"https://hooks.example/\", kinds: [\"*\"]"),
    ("webhookUpdate", "webhookId: \"$W\", label: \"x\""),
    ("webhookRotateSecret", "webhookId: \"$W\""),
    ("webhookDelete", "webhookId: \"$W\", idempotencyKey: \"7\""),
    ("webhookDeliveryRetry", "deliveryId: \"$V\""),
    ("queueItemRetry", "tenantId: \"$T\", itemId: \"que_0000000000007\""),
    ("queueItemHold", "tenantId: \"$T\", itemId: \"que_0000000000007\", reason: \"x\""),
    ("queueItemRelease", "tenantId: \"$T\", itemId: \"que_0000000000007\""),
    ("queueItemCancel", "tenantId: \"$T\", itemId: \"que_0000000000007\", idempotencyKey: \"26\""),
    ("memberInvite", "tenantId: \"$T\", email: \"x@y.example\", role: \"owner\""),
    ("invitationResend", "id: \"$I\""),
    ("invitationRevoke", "id: \"$I\", idempotencyKey: \"6\""),
    ("memberUpdate", "memberId: \"$P\", role: \"auditor\""),
    ("memberRemove", "memberId: \"$P\", idempotencyKey: \"7\""),
    ("ownershipTransfer", "memberId: \"$P\""),
    ("roleCreate", "tenantId: \"$T\", name: \"x\", permissions: [\"read\"]"),
    ("roleUpdate", "id: \"$R\", name: \"y\""),
    ("roleDelete", "id: \"$R\", idempotencyKey: \"8\""),
    ("serviceAccountCreate", "tenantId: \"$T\", name: \"x\", role: \"auditor\""),
    ("serviceAccountUpdate", "id: \"$S\", role: \"auditor\""),
    ("serviceAccountDelete", "id: \"$S\", idempotencyKey: \"9\""),
    (
        "identityProviderCreate",
        "tenantId: \"$T\", name: \"x\", issuer: \"https://login.example.org\", clientId: \"x\", \
      clientSecret: \"x\", domains: [], role: \"auditor\"",
    ),
    ("identityProviderUpdate", "id: \"idp_1\", name: \"x\""),
    ("identityProviderDelete", "id: \"idp_1\", idempotencyKey: \"13\""),
    ("supportGrantCreate", "tenantId: \"$T\", scope: CONTENT, reason: \"x\", lifeSeconds: 3600"),
    ("supportGrantRevoke", "id: \"$G\", idempotencyKey: \"12\""),
    ("supportGrantUse", "id: \"$G\""),
    ("sessionRevoke", "id: \"ses_1\", idempotencyKey: \"10\""),
    ("brandingUpdate", "tenantId: \"$T\", name: \"x\""),
    ("brandingLogoSet", "tenantId: \"$T\", data: \"iVBORw0KGgoAAAANSUhEUgAAAEAAAAAg\""),
    ("brandingLogoRemove", "tenantId: \"$T\", idempotencyKey: \"26\""),
    ("brandingAllow", "tenantId: \"$T\", allowed: true"),
    ("signupSettingsUpdate", "tenantId: \"$T\", mode: OPEN"),
    ("signupInviteCreate", "tenantId: \"$T\""),
    ("signupInviteRevoke", "id: \"sgi_1\", idempotencyKey: \"23\""),
    ("signupApprove", "id: \"sgn_1\""),
    ("signupRefuse", "id: \"sgn_1\", reason: \"x\", idempotencyKey: \"24\""),
    ("announcementCreate", "tenantId: \"$T\", severity: INFO, texts: [{ language: \"en\", text: \"x\" }]"),
    ("announcementUpdate", "id: \"$ann\", severity: INCIDENT"),
    ("announcementEnd", "id: \"$ann\""),
    ("announcementDismiss", "id: \"$ann\""),
    ("featureFlagSet", "tenantId: \"$T\", feature: WEBHOOKS, enabled: false, reason: \"x\""),
    ("featureFlagClear", "tenantId: \"$T\", feature: WEBHOOKS"),
    ("planCreate", "sellerId: \"$T\", key: \"x\", family: \"x\", title: \"X\", state: OFFERED"),
    ("planUpdate", "planId: \"$plan\", state: WITHDRAWN"),
    ("couponCreate", "sellerId: \"$T\", code: \"X\", percent: 10"),
    ("couponUpdate", "couponId: \"$coupon\", disabled: true"),
    ("billingCustomerUpdate", "tenantId: \"$T\", name: \"x\""),
    ("checkoutOpen", "tenantId: \"$T\", choice: { plan: \"extra\" }, idempotencyKey: \"14\""),
    ("checkoutClose", "tenantId: \"$T\""),
    ("cardPageOpen", "tenantId: \"$T\""),
    ("customerPageOpen", "tenantId: \"$T\""),
    ("subscriptionChange", "tenantId: \"$T\", choice: { plan: \"business\" }, idempotencyKey: \"15\""),
    ("subscriptionCancel", "tenantId: \"$T\", subscriptionId: \"$sub\", when: NOW, idempotencyKey: \"16\""),
    ("subscriptionResume", "tenantId: \"$T\", subscriptionId: \"$ending\", idempotencyKey: \"17\""),
    ("invoicePay", "tenantId: \"$T\", invoiceId: \"$open\", idempotencyKey: \"18\""),
    ("debtPay", "tenantId: \"$T\", idempotencyKey: \"26\""),
    ("invoiceReceive", "tenantId: \"$T\", invoiceId: \"$open\", reference: \"x\", idempotencyKey: \"25\""),
    ("invoiceRefund", "tenantId: \"$T\", invoiceId: \"$inv\", reason: \"x\", idempotencyKey: \"19\""),
    ("creditGrant", "tenantId: \"$T\", amount: \"1.00 EUR\", reason: \"x\", idempotencyKey: \"20\""),
    ("concessionAdd", "tenantId: \"$T\", grants: { domains: 1 }, reason: \"x\""),
    ("concessionEnd", "concessionId: \"$ccs\", idempotencyKey: \"21\""),
    (
        "billingPolicyUpdate",
        "sellerId: \"$T\", policy: { graceDays: 9, suspendedDays: 20, readOnlyDays: 40, closingDays: 90, undoDays: 30, \
         lastNoticeDays: 7, graceSendingPercent: 20 }",
    ),
    ("tenantClose", "tenantId: \"$T\", idempotencyKey: \"22\""),
    ("tenantReopen", "tenantId: \"$closed\""),
    ("paymentEventRetry", "eventId: \"$evt\""),
];

/// Mutations with a dry run and no more terms.
pub const SYNCS: &[(&str, &str)] = &[("billingSync", "tenantId: \"$T\"")];

/// Mutations that name nothing of a tenant: what they do is the caller's own, or a secret's (people.rs).
const OWN: &[&str] = &[
    "factorRemove",
    "nameAvailable",
    "signupAbandon",
    "signupBegin",
    "signupChallenge",
    "signupCheckout",
    "signupChoose",
    "signupContact",
    "signupFinish",
    "signupVerify",
    "identityLink",
    "identityUnlink",
    "invitationAccept",
    "passkeyChallenge",
    "passkeyRegister",
    "passkeyRegisterFinish",
    "passwordForgot",
    "passwordReset",
    "personDelete",
    "personSetPassword",
    "personUpdate",
    "recoveryCodesCreate",
    "sessionCreate",
    "sessionRefresh",
    "sessionStepUp",
    "totpConfirm",
    "totpEnroll",
];

/// Bulks, whose refusals stand at their items.
pub const BULKS: &[(&str, &str)] = &[
    ("mailboxesCreate", "mailboxes: [{ address: \"new@$D\", password: \"long enough\" }], errorPolicy: CONTINUE"),
    ("aliasesCreate", "aliases: [{ address: \"a@$D\", targets: [\"x@y.example\"] }], errorPolicy: ALL_OR_NOTHING"),
    (
        "migrationStartMany",
        "tenantId: \"$T\", source: { host: \"imap.old.example\" }, accounts: [{ mailbox: \"ann@$D\", user: \"a\", secret: \"s\" }], \
         errorPolicy: CONTINUE",
    ),
];

/// Makes a group of that tenant.
const GROUP: &str = "mutation { r: groupCreate(input: { address: \"team@beta.example\", posting: ANYONE }) { userErrors { message } } }";

/// People and roles of another tenant.
pub struct Foreign {
    member: String,
    invitation: String,
    role: String,
    account: String,
    grant: String,
}

impl Foreign {
    pub async fn of(desk: &Desk, tenant: &str, token: &str) -> Foreign {
        let done = |text: String| async move { desk.done(token, &format!("mutation {{ r: {text} }}")).await };
        let invite = |email: &str| {
            format!(
                "memberInvite(input: {{ tenantId: \"{tenant}\", email: \"{email}\", role: \"owner\" }}) \
                 {{ invitation {{ id }} secret userErrors {{ message }} }}"
            )
        };
        let secret = done(invite("a@y.example")).await["secret"].as_str().unwrap().to_owned();
        let accept = format!(
            "invitationAccept(input: {{ secret: \"{secret}\", name: \"A\", password: \"long enough\" }}) \
             {{ member {{ id }} userErrors {{ message }} }}"
        );
        let role = format!(
            "roleCreate(input: {{ tenantId: \"{tenant}\", name: \"r\", permissions: [\"read\"] }}) \
             {{ role {{ id }} userErrors {{ message }} }}"
        );
        let account = format!(
            "serviceAccountCreate(input: {{ tenantId: \"{tenant}\", name: \"s\", role: \"auditor\" }}) \
             {{ serviceAccount {{ id }} userErrors {{ message }} }}"
        );
        let grant = format!(
            "supportGrantCreate(input: {{ tenantId: \"{tenant}\", scope: CONTENT, reason: \"r\", lifeSeconds: 3600 }}) \
             {{ supportGrant {{ id }} userErrors {{ message }} }}"
        );
        let id = |made: Value, object: &str| made[object]["id"].as_str().unwrap().to_owned();
        Foreign {
            member: id(done(accept).await, "member"),
            invitation: id(done(invite("b@y.example")).await, "invitation"),
            role: id(done(role).await, "role"),
            account: id(done(account).await, "serviceAccount"),
            grant: id(done(grant).await, "supportGrant"),
        }
    }

    pub fn fill(&self, text: &str) -> String {
        let text = text.replace("$P", &self.member).replace("$I", &self.invitation);
        text.replace("$R", &self.role).replace("$S", &self.account).replace("$G", &self.grant)
    }
}

/// A webhook of a tenant, and a delivery.
async fn hooked(desk: &Desk, tenant: &str, token: &str) -> (String, String) {
    let made = format!(
        "mutation {{ r: webhookCreate(input: {{ tenantId: \"{tenant}\", url: \"https://hooks.example/\", kinds: [\"*\"] }}) \
         {{ webhook {{ id }} userErrors {{ code }} }} }}"
    );
    let webhook = desk.done(token, &made).await["webhook"]["id"].as_str().unwrap().to_owned();
    let delivery = crate::plane::delivery(desk, &webhook).await;
    (webhook, delivery)
}

/// What a tenant tells those below it.
pub async fn announced(desk: &Desk, tenant: &str, token: &str) -> String {
    let made = format!(
        "mutation {{ r: announcementCreate(input: {{ tenantId: \"{tenant}\", severity: INFO, \
         texts: [{{ language: \"en\", text: \"x\" }}] }}) {{ announcement {{ id }} userErrors {{ message }} }} }}"
    );
    desk.done(token, &made).await["announcement"]["id"].as_str().unwrap().to_owned()
}

fn fields(schema: &Value, of: &str) -> BTreeSet<String> {
    let fields = schema["data"][of]["fields"].as_array().unwrap();
    fields.iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect()
}

const SCHEMA: &str = "{ q: __type(name: \"Query\") { fields { name } } \
    m: __type(name: \"Mutation\") { fields { name args { type { ofType { inputFields { name } } } } } } }";

/// What is refused does not exist, and what is told of is the whole or a field of the mutation's input.
fn missing(schema: &Value, mutation: &str, error: &Value) {
    assert_eq!(error["code"], "NOT_FOUND", "{mutation}: {error}");
    let all = schema["data"]["m"]["fields"].as_array().unwrap();
    let one = all.iter().find(|f| f["name"] == mutation).unwrap();
    let fields = one["args"][0]["type"]["ofType"]["inputFields"].as_array().unwrap();
    let whole = error["field"] == "";
    assert!(whole || fields.iter().any(|f| f["name"] == error["field"]), "{mutation}: {error}");
}

/// A hold on a mailbox.
async fn held(desk: &Desk, mailbox: &str, token: &str) -> String {
    let text = format!(
        "mutation {{ r: holdPlace(input: {{ subjectId: \"{mailbox}\", kind: ABUSE, code: \"SPAM\", reason: \"x\" }}) \
         {{ hold {{ id }} userErrors {{ code }} }} }}"
    );
    desk.done(token, &text).await["hold"]["id"].as_str().unwrap().to_owned()
}

/// A masked address of a mailbox.
async fn masked(desk: &Desk, mailbox: &str, token: &str) -> String {
    let text = format!(
        "mutation {{ r: maskedAddressCreate(input: {{ mailboxId: \"{mailbox}\" }}) \
         {{ maskedAddress {{ address }} userErrors {{ message }} }} }}"
    );
    desk.done(token, &text).await["maskedAddress"]["address"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_field_has_a_row_and_no_row_reaches_another_tenant() {
    let desk = Desk::new().await;
    let (_, token, own) = desk.customer("alpha").await;
    let (tenant, beta_token, mailbox) = desk.customer("beta").await;
    let made = format!(
        "mutation {{ r: apiTokenCreate(input: {{ tenantId: \"{tenant}\", label: \"x\" }}) \
         {{ id userErrors {{ message code }} }} }}"
    );
    let made = desk.done(&beta_token, &made).await;
    let resend = format!(
        "mutation {{ r: tenantResend(input: {{ tenantId: \"{tenant}\" }}) {{ job {{ id }} userErrors {{ code }} }} }}"
    );
    let job = desk.done(&desk.operator, &resend).await["job"]["id"].as_str().unwrap().to_owned();
    let hold = held(&desk, &mailbox, &beta_token).await;
    // The clock goes on by a month: what ends comes afterwards.
    let sold = Sold::of(&desk, &tenant, &beta_token).await;
    // Before there is an owner for whom it would wait.
    let [_, export, link, moving] = crate::migration::out_and_in(&desk, &tenant, &mailbox, &beta_token).await;
    let people = Foreign::of(&desk, &tenant, &beta_token).await;
    desk.done(&beta_token, GROUP).await;
    let masked = masked(&desk, &mailbox, &beta_token).await;
    let (webhook, delivery) = hooked(&desk, &tenant, &beta_token).await;
    let news = announced(&desk, &tenant, &beta_token).await;
    let told = desk.plane.told.lock().unwrap().len();
    let fill = |text: &str| {
        let text = sold.fill(&people.fill(text));
        let ids: [(&str, &str); 14] = [
            ("$mig", moving.as_str()),
            ("$exp", export.as_str()),
            ("$link", link.as_str()),
            ("$ann", news.as_str()),
            ("$T", tenant.as_str()),
            ("$M", mailbox.as_str()),
            ("$O", own.as_str()),
            ("$X", masked.as_str()),
            ("$D", "beta.example"),
            ("$K", made["id"].as_str().unwrap()),
            ("$J", job.as_str()),
            ("$H", hold.as_str()),
            ("$W", webhook.as_str()),
            ("$V", delivery.as_str()),
        ];
        ids.iter().fold(text, |text, (mark, id)| text.replace(mark, id))
    };
    let schema = desk.ask(&token, SCHEMA).await;
    let rows = |table: &[(&str, &str)]| table.iter().map(|(f, _)| (*f).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(fields(&schema, "q"), rows(QUERIES));
    let own = OWN.iter().map(|f| (*f).to_owned()).collect();
    assert_eq!(fields(&schema, "m"), &(&(&rows(MUTATIONS) | &rows(BULKS)) | &rows(SYNCS)) | &own);
    for (_, query) in QUERIES.iter().filter(|(_, q)| !q.is_empty()) {
        let answer = desk.ask(&token, &fill(query)).await;
        assert_eq!(answer["data"]["r"], Value::Null, "{query}");
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
    }
    for dry in [true, false] {
        for (name, input) in MUTATIONS.iter().chain(SYNCS) {
            let input = fill(input);
            let text = format!(
                "mutation {{ r: {name}(input: {{ {input}, dryRun: {dry} }}) {{ userErrors {{ code field message }} }} }}"
            );
            missing(&schema, name, &desk.ask(&token, &text).await["data"]["r"]["userErrors"][0]);
        }
        for (name, input) in BULKS {
            let input = fill(input);
            let text = format!(
                "mutation {{ r: {name}(input: {{ {input}, dryRun: {dry} }}) \
                 {{ results {{ userErrors {{ code }} }} userErrors {{ code message }} }} }}"
            );
            let answer = desk.done(&token, &text).await;
            assert_eq!(answer["results"][0]["userErrors"][0]["code"], "NOT_FOUND", "{name}: {answer}");
        }
    }
    let nodes = format!("{{ r: nodes(ids: [\"{tenant}\", \"{mailbox}\", \"beta.example\"]) {{ id }} }}");
    assert_eq!(desk.ask(&token, &nodes).await["data"]["r"], serde_json::json!([null, null, null]));
    assert_eq!(desk.plane.told.lock().unwrap().len(), told, "nothing changed");
    let seen = desk.ask(&token, "{ tenants(first: 10) { totalCount } }").await;
    assert_eq!(seen["data"]["tenants"]["totalCount"], 0);
}

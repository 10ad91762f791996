//! SUMMARY    What is asked: one sample for each query and mutation that isolation.rs has none of, or one that somebody may do.

/// Queries as they are called; `$T` the tenant, `$M` its mailbox, `$D` its domain and so on (world.rs), `$N` who asks.
pub const QUERIES: &[(&str, &str)] = &[
    ("viewer", "viewer"),
    ("me", "me"),
    ("tenants", "tenants(first: 1)"),
    ("nodes", "nodes(ids: [\"$T\"])"),
    ("standardRoles", "standardRoles"),
    ("announcementsShown", "announcementsShown"),
    ("mailboxImportResult", "mailboxImportResult(jobId: \"$B\")"),
    ("sessions", "sessions"),
    (
        "usage",
        "usage(tenantId: \"$T\", meter: MAILBOXES, from: \"2026-01-01T00:00:00Z\", to: \"2026-01-02T00:00:00Z\", resolution: DAY)",
    ),
    (
        "migrationCheck",
        "migrationCheck(mailboxId: \"$M\", source: { host: \"imap.old.example\" }, user: \"a\", secret: \"hunter2-of-elsewhere\")",
    ),
    ("brand", "brand(host: \"login.$D\")"),
    ("signupOptions", "signupOptions(sellerId: \"$T\")"),
    ("signup", "signup(id: \"$A\", secret: \"$U\")"),
    ("supportGrants", "supportGrants(tenantId: \"$T\", first: 1)"),
    ("billingCustomers", "billingCustomers(sellerId: \"$T\", first: 1)"),
    ("invoicePaper", "invoicePaper(tenantId: \"$T\", id: \"$inv\")"),
];

/// Subscriptions as they are called; each tells something at once.
pub const SUBSCRIPTIONS: &[(&str, &str)] =
    &[("eventsStream", "eventsStream(tenantId: \"$T\", after: \"0\")"), ("jobProgress", "jobProgress(id: \"$J\")")];

/// Where an object of a type is found, when the shortest way in the schema leads to none: type, query, fields.
pub const WAYS: &[(&str, &str, &[&str])] = &[("Hold", "mailbox(id: \"$M\")", &["holds"])];

/// Mutations with their inputs.
pub const MUTATIONS: &[(&str, &str)] = &[
    ("tenantCreate", "parentId: \"$T\", name: \"x\", maxDomains: 1, maxMailboxes: 1"),
    ("tenantUpdate", "tenantId: \"$T\", name: \"x\""),
    ("announcementDismiss", "id: \"$shown\""),
    ("dnsCredentialDelete", "tenantId: \"$T\""),
    ("featureFlagClear", "tenantId: \"$T\", feature: SIGNUP"),
    ("mailboxImport", "tenantId: \"$T\", csv: \"address\\nnew@$D\", errorPolicy: CONTINUE"),
    (
        "migrationStartMany",
        "tenantId: \"$T\", source: { host: \"imap.old.example\" }, accounts: [{ mailbox: \"ann@$D\", user: \"a\", secret: \"s\" }], errorPolicy: CONTINUE",
    ),
    ("mailboxImportPasswords", "jobId: \"$B\""),
    ("mailboxUpdate", "mailboxId: \"$M\", displayName: \"x\""),
    ("mailboxRename", "mailboxId: \"$M\", address: \"ben@$D\""),
    ("aliasCreate", "address: \"new@$D\", targets: [\"x@y.example\"]"),
    ("aliasesCreate", "aliases: [{ address: \"new@$D\", targets: [\"x@y.example\"] }], errorPolicy: CONTINUE"),
    ("appPasswordRevoke", "mailboxId: \"$M\", id: \"$C\""),
    ("mailboxRestore", "mailboxId: \"$Q\""),
    ("mailboxPurge", "mailboxId: \"$Q\""),
    ("sendAsAdd", "mailboxId: \"$M\", address: \"a@$D\""),
    ("sendAsRemove", "mailboxId: \"$O\", address: \"a@$D\""),
    ("groupMembersRemove", "address: \"team@$D\", members: [\"b@y.example\"]"),
    ("domainAliasCreate", "name: \"$E\", aliasOf: \"$D\""),
    ("domainAliasRemove", "name: \"alt.example\""),
    ("domainDelete", "name: \"$E\""),
    ("dkimRotate", "name: \"$E\""),
    ("jobResume", "jobId: \"$L\""),
    ("memberInvite", "tenantId: \"$T\", email: \"new@y.example\", role: \"auditor\""),
    ("memberUpdate", "memberId: \"$P\", role: \"auditor\""),
    ("invitationAccept", "secret: \"none\", name: \"A\", password: \"long enough\""),
    ("identityProviderUpdate", "id: \"$Y\", name: \"x\""),
    ("identityProviderDelete", "id: \"$Y\""),
    ("identityLink", "code: \"none\""),
    ("identityUnlink", "providerId: \"$Y\""),
    ("factorRemove", "id: \"$F\""),
    ("passkeyChallenge", ""),
    ("passkeyRegister", ""),
    ("passkeyRegisterFinish", "ceremonyId: \"cer_1\", label: \"x\", credential: \"{}\""),
    ("passwordForgot", "email: \"$N@people.example\""),
    ("passwordReset", "secret: \"none\", password: \"long enough\""),
    ("personDelete", ""),
    ("personSetPassword", "password: \"long enough\""),
    ("personUpdate", "name: \"x\""),
    ("recoveryCodesCreate", ""),
    ("sessionCreate", "email: \"$N@people.example\", password: \"long enough\""),
    ("sessionRefresh", "refreshToken: \"none\""),
    ("sessionRevoke", ""),
    ("sessionStepUp", "password: \"long enough\""),
    ("nameAvailable", "sellerId: \"$T\", address: \"ann@free.example\", proof: \"none\""),
    ("signupAbandon", "id: \"$A\", secret: \"none\""),
    ("signupApprove", "id: \"$A\""),
    ("signupBegin", "sellerId: \"$T\", domain: \"bakery.example\", proof: \"none\""),
    ("signupChallenge", "sellerId: \"$T\""),
    ("signupCheckout", "id: \"$A\", secret: \"none\""),
    ("signupChoose", "id: \"$A\", secret: \"none\", plan: \"free\""),
    ("signupContact", "id: \"$A\", secret: \"none\", contact: \"x@y.example\""),
    ("signupFinish", "id: \"$A\", secret: \"none\", password: \"long enough\""),
    ("brandingLogoRemove", "tenantId: \"$T\""),
    ("signupInviteRevoke", "id: \"$Z\""),
    ("signupRefuse", "id: \"$A\", reason: \"x\""),
    ("signupVerify", "id: \"$A\", secret: \"none\", code: \"00000000\""),
    ("totpConfirm", "id: \"$F\", code: \"000000\""),
    ("totpEnroll", "label: \"x\""),
];

/// What anybody may ask who signs up.
pub const SIGNUP: &[&str] = &[
    "Mutation.nameAvailable",
    "Mutation.signupAbandon",
    "Mutation.signupBegin",
    "Mutation.signupChallenge",
    "Mutation.signupCheckout",
    "Mutation.signupChoose",
    "Mutation.signupContact",
    "Mutation.signupFinish",
    "Mutation.signupVerify",
    "Query.signup",
];

/// What nobody is allowed here: it takes a secret that the world has used up or a proof of work that it has not, a portal, a sign-in at an identity provider, or a
/// factor that is confirmed; or the tenant of the sample owes, which keeps a plan from being bought or changed.
pub const UNREACHED: &[&str] = &[
    "Identity.createdAt",
    "Identity.email",
    "Identity.providerId",
    "Mutation.checkoutClose",
    "Mutation.checkoutOpen",
    "Mutation.identityLink",
    "Mutation.identityUnlink",
    "Mutation.invitationAccept",
    "Mutation.nameAvailable",
    "Mutation.passkeyChallenge",
    "Mutation.passkeyRegister",
    "Mutation.passkeyRegisterFinish",
    "Mutation.passwordReset",
    "Mutation.recoveryCodesCreate",
    "Mutation.sessionRefresh",
    "Mutation.signupAbandon",
    "Mutation.signupBegin",
    "Mutation.signupCheckout",
    "Mutation.signupChoose",
    "Mutation.signupContact",
    "Mutation.signupFinish",
    "Mutation.signupVerify",
    "Mutation.subscriptionChange",
    "Mutation.totpConfirm",
    "Query.invoicePaper",
];

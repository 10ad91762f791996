//! SUMMARY    The operations of the API behind the readable commands.
//! INVARIANTS Each is one operation of schema.graphql whose field is called `r`; a test runs them all against the schema.

/// An operation and how its answer is shown.
#[derive(Debug)]
pub struct Operation {
    pub text: &'static str,
    /// Columns of a list; none: a row is shown field by field.
    pub columns: &'static [&'static str],
}

macro_rules! change {
    ($name:literal, $input:literal, $($fields:tt)+) => {
        Operation {
            text: concat!(
                "mutation($i: ",
                $input,
                "!) { r: ",
                $name,
                "(input: $i) { ",
                $($fields)+,
                " pending userErrors { field code message } } }"
            ),
            columns: &[],
        }
    };
}

macro_rules! list {
    ($name:literal, $fields:literal, $columns:expr) => {
        Operation {
            text: concat!(
                "query($tenant: ID!, $limit: Int!, $after: ID) { r: ", $name,
                "(tenantId: $tenant, first: $limit, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { ",
                $fields, " } } }"
            ),
            columns: $columns,
        }
    };
}

macro_rules! tenant {
    () => {
        "tenant { id parentId name maxDomains maxMailboxes storageBytesMax messagesPerHourMax recipientsPerDayMax version }"
    };
}

macro_rules! domain {
    () => {
        "domain { name tenantId state catchAll plusAddressing challenge { name value } checkedAt version }"
    };
}

macro_rules! mailbox {
    () => {
        "mailbox { id tenantId address displayName state suspended quotaBytesMax purgeAt version }"
    };
}

pub static TENANT_CREATE: Operation = change!("tenantCreate", "TenantCreateInput", concat!(tenant!(), " token"));
pub static TENANT_UPDATE: Operation = change!("tenantUpdate", "TenantUpdateInput", tenant!());

pub static DOMAIN_CREATE: Operation = change!("domainCreate", "DomainCreateInput", domain!());
pub static DOMAIN_VOUCH: Operation = change!("domainVouch", "DomainCreateInput", domain!());
pub static DOMAIN_RELEASE: Operation = change!("domainDelete", "DomainDeleteInput", "domain { name tenantId }");
pub static DOMAIN_SHOW: Operation = Operation {
    text: "query($name: String!, $tenant: ID) { r: domain(name: $name, tenantId: $tenant) { name tenantId state proof \
           challenge { name value } checkedAt nextCheckAt failedDays contestedAt catchAll plusAddressing version } }",
    columns: &[],
};
pub static DOMAIN_LIST: Operation = list!(
    "domains",
    "name state catchAll plusAddressing checkedAt version",
    &["name", "state", "catchAll", "checkedAt"]
);

pub static MAILBOX_CREATE: Operation = change!("mailboxCreate", "MailboxCreateInput", mailbox!());
pub static MAILBOX_UPDATE: Operation = change!("mailboxUpdate", "MailboxUpdateInput", mailbox!());
pub static MAILBOX_RENAME: Operation = change!("mailboxRename", "MailboxRenameInput", mailbox!());
pub static MAILBOX_PASSWORD: Operation = change!("mailboxSetPassword", "MailboxSetPasswordInput", mailbox!());
pub static MAILBOX_DELETE: Operation = change!("mailboxDelete", "MailboxDeleteInput", mailbox!());
pub static MAILBOX_RESTORE: Operation = change!("mailboxRestore", "MailboxRestoreInput", mailbox!());
pub static MAILBOX_PURGE: Operation = change!("mailboxPurge", "MailboxPurgeInput", mailbox!());
pub static MAILBOX_SUSPEND: Operation = change!("mailboxSuspend", "MailboxSuspendInput", mailbox!());
pub static MAILBOX_RESUME: Operation = change!("mailboxResume", "MailboxResumeInput", mailbox!());
pub static MAILBOX_SHOW: Operation = Operation {
    text: "query($id: ID!) { r: mailbox(id: $id) { id tenantId address displayName state suspended purgeAt holds { reason placedById \
           placedAt } quotaBytesMax usage { usedBytes } version } }",
    columns: &[],
};
pub static MAILBOX_LIST: Operation = Operation {
    text: "query($tenant: ID!, $filter: MailboxFilter, $limit: Int!, $after: ID) { r: mailboxes(tenantId: $tenant, filter: \
           $filter, first: $limit, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { id address \
           displayName state suspended quotaBytesMax purgeAt version } } }",
    columns: &["id", "address", "displayName", "state", "quotaBytesMax", "purgeAt"],
};

pub static ALIAS_CREATE: Operation = change!("aliasCreate", "AliasCreateInput", "alias { address targets version }");
pub static ALIAS_UPDATE: Operation = change!("aliasUpdate", "AliasUpdateInput", "alias { address targets version }");
pub static ALIAS_DELETE: Operation = change!("aliasDelete", "AliasDeleteInput", "alias { address targets }");
pub static ALIAS_LIST: Operation = list!("aliases", "address targets version", &["address", "targets"]);

pub static TOKEN_CREATE: Operation = change!("apiTokenCreate", "ApiTokenCreateInput", "id secret");
pub static TOKEN_REVOKE: Operation = change!("apiTokenRevoke", "ApiTokenRevokeInput", "done");

pub static AUDIT_LIST: Operation =
    list!("auditEntries", "id at actor action object detail", &["at", "actor", "action", "object", "detail"]);

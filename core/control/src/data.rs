//! SUMMARY    The register of what an export has: each type of data, the files it becomes, who writes them and who takes them in.
//! INVARIANTS Whatever is stored of a mailbox or a tenant is named here, in a type or as left out with the reason: tests hold the register
//!            against the keyspace (`account`) and the schema of the control plane (`tenants`). Whoever writes or takes in papers asks
//!            `match` on `DataType`: a type that comes later does not compile without both.

use serde::{Deserialize, Serialize};

/// A type of what is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataType {
    /// Mail: messages with flags, dates, uids.
    Emails,
    Mailboxes,
    /// Where mail for a mailbox comes from.
    Addresses,
    /// What a mailbox is, beside its mail.
    Settings,
    /// What a tenant is: domains, members, limits.
    Tenant,
    AuditHistory,
    Invoices,
}

/// Who writes a type's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataExporter {
    /// From what it stores, as of the pin.
    DataPlane,
    /// As papers, as of the order.
    ControlPlane,
}

/// Who takes a type's files in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataImporter {
    /// Into the store.
    DataPlane,
    /// By the control plane's own operations.
    ControlPlane,
    /// Nobody: it is a record. Why.
    Record(&'static str),
}

/// A line of the register.
#[derive(Debug, Clone, Copy)]
pub struct Registered {
    pub data: DataType,
    /// As manifests name it.
    pub name: &'static str,
    /// Which files it becomes; `*` stands for a number, `<account>` for the folder of a mailbox.
    pub files: &'static [&'static str],
    pub exporter: DataExporter,
    pub importer: DataImporter,
    /// Rows of an account in the keyspace registry that are its.
    pub records: &'static [&'static str],
    /// Tables of the control plane that are its.
    pub tables: &'static [&'static str],
}

/// Every type, in the order of `DataType`.
pub const REGISTERED: [Registered; 7] = [
    Registered {
        data: DataType::Emails,
        name: "emails",
        files: &["<account>/mail/**", "<account>/Maildir/**"],
        exporter: DataExporter::DataPlane,
        importer: DataImporter::DataPlane,
        records: &["email", "message", "keywords"],
        tables: &[],
    },
    Registered {
        data: DataType::Mailboxes,
        name: "mailboxes",
        files: &["<account>/mailboxes.jsonl"],
        exporter: DataExporter::DataPlane,
        importer: DataImporter::DataPlane,
        records: &["mailbox", "mailbox state", "name"],
        tables: &[],
    },
    Registered {
        data: DataType::Addresses,
        name: "addresses",
        files: &["<account>/addresses-*.jsonl"],
        exporter: DataExporter::ControlPlane,
        importer: DataImporter::ControlPlane,
        records: &[],
        tables: &["address", "address_target"],
    },
    Registered {
        data: DataType::Settings,
        name: "settings",
        files: &["<account>/settings.json", "<account>/account.json"],
        exporter: DataExporter::ControlPlane,
        importer: DataImporter::ControlPlane,
        records: &["profile"],
        tables: &["mailbox", "directory_entry", "send_as", "delegate"],
    },
    Registered {
        data: DataType::Tenant,
        name: "tenant",
        files: &["tenant/tenant-*.jsonl"],
        exporter: DataExporter::ControlPlane,
        importer: DataImporter::Record(
            "domains are proven anew where they come to, people are asked to join, and limits are sold",
        ),
        records: &[],
        tables: &["tenant", "domain", "claim", "membership", "role", "person"],
    },
    Registered {
        data: DataType::AuditHistory,
        name: "auditHistory",
        files: &["tenant/audit-*.jsonl", "<account>/audit-*.jsonl"],
        exporter: DataExporter::ControlPlane,
        importer: DataImporter::Record("it is what happened here: another log would tell of what never happened there"),
        records: &[],
        tables: &["audit", "audit_head", "audit_checkpoint"],
    },
    Registered {
        data: DataType::Invoices,
        name: "invoices",
        files: &["tenant/invoices-*.jsonl", "tenant/invoices/*.pdf"],
        exporter: DataExporter::ControlPlane,
        importer: DataImporter::Record("they are claims of who sold, with numbers of theirs"),
        records: &[],
        tables: &["invoice"],
    },
];

/// Rows of an account that no type has, and why.
pub const RECORDS_LEFT_OUT: [(&str, &str); 10] = [
    ("state", "counters and marks, reckoned anew from what comes in"),
    ("log marks", "how old the change log is"),
    ("change", "the change log: of clients of this server alone"),
    ("vanished", "the change log of uids: of clients of this server alone"),
    ("known", "hashes of recipients, to notice a stolen mailbox"),
    ("expunged", "what its owner deleted: brought back, it is an email again"),
    ("card", "made of an email's message"),
    ("thread", "made of emails"),
    ("thread index", "made of emails"),
    ("migration", "which message of another provider an email is: of a migration that goes on here"),
];

/// Tables of the control plane that no type has, and why.
pub const TABLES_LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "secrets, and ways to sign in",
        &[
            "api_token",
            "auth_state",
            "ceremony",
            "credential",
            "dkim_key",
            "dns_credential",
            "factor",
            "identity",
            "identity_provider",
            "password_request",
            "recovery_code",
            "service_account",
            "session",
            "export_link",
        ],
    ),
    ("of people who are no members yet: an invitation is a secret", &["invitation"]),
    ("which exports there were, in the audit history too", &["export", "export_fetch"]),
    (
        "what the provider decided about a tenant, in the audit history too",
        &["hold", "closing", "support_grant", "support_use"],
    ),
    (
        "how the portal looks and what it tells",
        &["announcement", "announcement_dismissed", "brand", "brand_host", "brand_logo"],
    ),
    (
        "of work under way, and of what was told to others",
        &[
            "dns_published",
            "domain_notice",
            "event",
            "idempotency",
            "job",
            "job_file",
            "job_turn",
            "mailbox_import",
            "mailbox_import_part",
            "migration",
            "outbox",
            "outgoing_notice",
            "webhook",
            "webhook_delivery",
        ],
    ),
    (
        "what was used, by the hour: invoices have what it cost",
        &["usage_day", "usage_frozen", "usage_hour", "usage_pass", "usage_reading"],
    ),
    (
        "the seller's books and its customers there: invoices are the customer's own",
        &[
            "billing_announced",
            "billing_drift",
            "billing_letter",
            "billing_policy",
            "checkout",
            "concession",
            "coupon",
            "customer",
            "entitlement_input",
            "feature_flag",
            "invoice_series",
            "ledger_balance",
            "ledger_entry",
            "ledger_posting",
            "manual_account",
            "payment",
            "payment_call",
            "payment_event",
            "plan",
            "subscription",
        ],
    ),
    (
        "of signing up",
        &[
            "signup",
            "signup_invite",
            "signup_name",
            "signup_offer",
            "signup_owed",
            "signup_seller",
            "signup_spent",
            "trial_spent",
        ],
    ),
    ("of the program", &["_sqlx_migrations", "setting", "tenant_line"]),
];

impl DataType {
    /// Its line of the register.
    pub fn registered(self) -> &'static Registered {
        let [emails, mailboxes, addresses, settings, tenant, audit, invoices] = &REGISTERED;
        match self {
            DataType::Emails => emails,
            DataType::Mailboxes => mailboxes,
            DataType::Addresses => addresses,
            DataType::Settings => settings,
            DataType::Tenant => tenant,
            DataType::AuditHistory => audit,
            DataType::Invoices => invoices,
        }
    }

    /// The type that a manifest names so.
    pub fn named(name: &str) -> Option<DataType> {
        REGISTERED.iter().find(|line| line.name == name).map(|line| line.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_type_has_its_own_line_its_files_an_exporter_and_an_importer_or_the_reason_why_none() {
        for line in &REGISTERED {
            assert_eq!(line.data.registered().data, line.data, "{}", line.name);
            assert_eq!(DataType::named(line.name), Some(line.data));
            assert!(!line.files.is_empty(), "{}", line.name);
            assert!(!line.records.is_empty() || !line.tables.is_empty(), "{}", line.name);
            if let DataImporter::Record(why) = line.importer {
                assert!(why.len() > 20, "{}: why does nobody take it in?", line.name);
            }
        }
        assert_eq!(DataType::named("sieve"), None);
    }

    #[test]
    fn nothing_is_of_two_types_or_of_one_and_left_out() {
        let mut seen = BTreeSet::new();
        let records = REGISTERED.iter().flat_map(|line| line.records).copied();
        for record in records.chain(RECORDS_LEFT_OUT.iter().map(|(record, _)| *record)) {
            assert!(seen.insert(record), "{record} is there twice");
        }
        seen.clear();
        let tables = REGISTERED.iter().flat_map(|line| line.tables).copied();
        for table in tables.chain(TABLES_LEFT_OUT.iter().flat_map(|(_, tables)| *tables).copied()) {
            assert!(seen.insert(table), "{table} is there twice");
        }
    }
}

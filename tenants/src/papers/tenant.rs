//! SUMMARY    A tenant as papers: its name and limits, domains and claims, roles, members.
//! LIMITS     PAPERS_ROWS
//! SECURITY   Of people, the name and address that their co-members see; no verifier, no factor, no token of a claim.

use super::{LinePaper, Owner, Teller, Telling};
use crate::{
    Result,
    db::{Row, query},
    rows::{number, optional, text},
};
use control::DataType;
use serde_json::{Value, json};

/// Rows that are read at once.
const PAPERS_ROWS: i64 = 500;

/// A part by its name, and what is said of one row of it.
type Part = (&'static str, fn(&Row) -> Result<Value>);

/// What is told of a tenant: rows by a key, and a line of each.
const PARTS: [Part; 4] = [
    ("SELECT id AS k, tenant.* FROM tenant WHERE id = $1 AND id > $2 ORDER BY id LIMIT $3", tenant),
    (
        "SELECT c.name AS k, c.name, c.state, c.proof, c.proven, c.created_at, c.proven_at, d.catch_all, d.plus_addressing, d.alias_of, d.shared \
         FROM claim c LEFT JOIN domain d ON d.name = c.name AND d.tenant = c.tenant AND d.live = 1 \
         WHERE c.tenant = $1 AND c.live = 1 AND c.name > $2 ORDER BY c.name LIMIT $3",
        domain,
    ),
    ("SELECT id AS k, role.* FROM role WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3", role),
    (
        "SELECT m.id AS k, m.role, m.on_kind, m.on_list, m.created_at, p.email, p.name, p.locale FROM membership m \
         JOIN person p ON p.id = m.person WHERE m.tenant = $1 AND m.id > $2 ORDER BY m.id LIMIT $3",
        member,
    ),
];

pub(super) async fn tell(teller: &mut Teller<'_>, owner: Owner) -> Telling<()> {
    let Owner::Tenant = owner else { return Ok(()) };
    let mut out = LinePaper::new(owner, DataType::Tenant, "tenant");
    for (sql, line) in PARTS {
        let mut last = String::new();
        loop {
            let rows = query(sql)
                .bind(teller.of.tenant.to_string())
                .bind(last.as_str())
                .bind(PAPERS_ROWS)
                .fetch_all(&mut teller.service.connection().await?)
                .await?;
            let Some(end) = rows.last() else { break };
            last = text(end, "k")?;
            for row in &rows {
                out.add(teller, &line(row)?).await?;
            }
        }
    }
    out.end(teller).await
}

fn tenant(row: &Row) -> Result<Value> {
    let limit = |column| optional(row, column);
    Ok(json!({
        "what": "tenant",
        "id": text(row, "id")?,
        "name": text(row, "name")?,
        "createdAt": number(row, "created_at")?,
        "limits": {
            "maxDomains": limit("max_domains")?,
            "maxMailboxes": limit("max_mailboxes")?,
            "storageBytesMax": limit("storage_bytes_max")?,
            "messagesPerHourMax": limit("messages_per_hour_max")?,
            "recipientsPerDayMax": limit("recipients_per_day_max")?,
            "newRecipientsPerDayMax": limit("new_recipients_per_day_max")?,
            "storageGraceBytes": limit("storage_grace_bytes")?,
        },
        "emailRecoveryDays": crate::recovery::days(row)?,
        "mailboxRetentionDays": limit("mailbox_retention_days")?,
    }))
}

fn domain(row: &Row) -> Result<Value> {
    let is = |column| Ok::<_, crate::Error>(optional(row, column)?.map(|n| n != 0));
    Ok(json!({
        "what": "domain",
        "name": text(row, "name")?,
        "state": text(row, "state")?,
        "proof": text(row, "proof")?,
        "proven": number(row, "proven")? != 0,
        "claimedAt": number(row, "created_at")?,
        "provenAt": optional(row, "proven_at")?,
        "catchAll": row.text("catch_all")?,
        "plusAddressing": is("plus_addressing")?,
        "aliasOf": row.text("alias_of")?,
        "shared": is("shared")?,
    }))
}

fn role(row: &Row) -> Result<Value> {
    let permissions = text(row, "permissions")?;
    Ok(json!({ "what": "role", "id": text(row, "id")?, "name": text(row, "name")?, "permissions": permissions }))
}

fn member(row: &Row) -> Result<Value> {
    Ok(json!({
        "what": "member",
        "address": text(row, "email")?,
        "name": text(row, "name")?,
        "language": text(row, "locale")?,
        "role": text(row, "role")?,
        "onKind": text(row, "on_kind")?,
        "on": text(row, "on_list")?,
        "since": number(row, "created_at")?,
    }))
}

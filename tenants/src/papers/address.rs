//! SUMMARY    Addresses as papers: of a mailbox all that lead to it, of a tenant all that lead to others.
//! LIMITS     PAPERS_ROWS

use super::{LinePaper, Owner, Teller, Telling, form::AddressLine};
use crate::{
    Result, Service,
    address::{address_of, posting_name, posting_of, targets_of},
    db::{Connection, Row, query},
    rows::{number, text},
};
use base::{AccountId, TenantId};
use control::DataType;
use serde_json::json;

/// Rows that are read at once.
const PAPERS_ROWS: i64 = 500;

pub(super) async fn tell(teller: &mut Teller<'_>, owner: Owner) -> Telling<()> {
    let mut out = LinePaper::new(owner, DataType::Addresses, "addresses");
    match owner {
        Owner::Mailbox(mailbox) => {
            let lines = teller.service.address_lines(teller.of.tenant, mailbox).await?;
            for line in &lines {
                out.add(teller, line).await?;
            }
        }
        Owner::Tenant => {
            let mut last = (String::new(), String::new());
            loop {
                let rows = leading(&mut teller.service.connection().await?, teller.of.tenant, &last).await?;
                let Some(end) = rows.last() else { break };
                last = (text(end, "domain")?, text(end, "local")?);
                for row in &rows {
                    out.add(teller, &lead(row)?).await?;
                }
            }
        }
    }
    out.end(teller).await
}

/// Aliases and groups of a tenant behind an address.
async fn leading(connection: &mut Connection, tenant: TenantId, last: &(String, String)) -> Result<Vec<Row>> {
    query(
        "SELECT * FROM address WHERE tenant = $1 AND kind IN ('forward', 'group') AND (domain, local) > ($2, $3) \
         ORDER BY domain, local LIMIT $4",
    )
    .bind(tenant.to_string())
    .bind(last.0.as_str())
    .bind(last.1.as_str())
    .bind(PAPERS_ROWS)
    .fetch_all(connection)
    .await
}

fn lead(row: &Row) -> Result<serde_json::Value> {
    let is_group = text(row, "kind")? == "group";
    let posting = if is_group { Some(posting_name(posting_of(row)?)) } else { None };
    Ok(json!({
        "kind": if is_group { "group" } else { "alias" },
        "address": address_of(row)?,
        "label": text(row, "label")?,
        "enabled": number(row, "enabled")? != 0,
        "posting": posting,
        "targets": targets_of(row)?,
    }))
}

impl Service {
    /// Where mail for a mailbox comes from, in an order that is the same for the same addresses.
    pub(crate) async fn address_lines(&self, tenant: TenantId, mailbox: AccountId) -> Result<Vec<AddressLine>> {
        let mut connection = self.connection().await?;
        let own = query("SELECT address FROM mailbox WHERE id = $1 AND tenant = $2")
            .bind(mailbox.to_string())
            .bind(tenant.to_string())
            .fetch_optional(&mut connection)
            .await?;
        let Some(own) = own else { return Ok(Vec::new()) };
        let primary = text(&own, "address")?;
        let rows = query(
            "SELECT a.* FROM address_target t JOIN address a ON a.domain = t.domain AND a.local = t.local \
             WHERE t.target = $1 AND a.tenant = $2 AND (a.kind IN ('forward', 'group') OR a.account = $3)",
        )
        .bind(&primary)
        .bind(tenant.to_string())
        .bind(mailbox.to_string())
        .fetch_all(&mut connection)
        .await?;
        let mut lines = rows.iter().map(line).collect::<Result<Vec<AddressLine>>>()?;
        lines.push(AddressLine::Primary { address: primary });
        let mut caught = Vec::new();
        for line in &lines {
            if let AddressLine::Primary { address }
            | AddressLine::Alias { address, .. }
            | AddressLine::Masked { address, .. } = line
            {
                let found =
                    query("SELECT name FROM domain WHERE tenant = $1 AND live = 1 AND catch_all = $2 ORDER BY name")
                        .bind(tenant.to_string())
                        .bind(address.as_str())
                        .fetch_all(&mut connection)
                        .await?;
                for row in &found {
                    caught.push(AddressLine::CatchAll { domain: text(row, "name")?, address: address.clone() });
                }
            }
        }
        lines.extend(caught);
        lines.sort_unstable();
        Ok(lines)
    }
}

fn line(row: &Row) -> Result<AddressLine> {
    let (address, label, enabled) = (address_of(row)?, text(row, "label")?, number(row, "enabled")? != 0);
    Ok(match text(row, "kind")?.as_str() {
        "group" => AddressLine::Group { address, name: label, posting: posting_of(row)?.into(), enabled },
        "masked" => AddressLine::Masked { address, label, note: text(row, "note")?, site: text(row, "site")?, enabled },
        _ => AddressLine::Alias { address, label, enabled, shared: targets_of(row)?.len() > 1 },
    })
}

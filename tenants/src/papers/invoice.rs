//! SUMMARY    Invoices of a tenant as papers: what is known of each, and the documents of those that we issue ourselves.
//! LIMITS     PAPERS_INVOICES
//! SECURITY   Addresses of pages at a payment provider are left out: who has one sees the invoice there without signing in.
//! INVARIANTS Where whoever sells is not at hand (the server is stopped), documents are left out, and records are not.

use super::{LinePaper, Owner, Teller, Telling, paper};
use crate::{Code, Error, Result, db::query, rows::text};
use control::DataType;
use serde_json::Value;

/// Invoices that are read at once.
const PAPERS_INVOICES: i64 = 100;
/// Members that are addresses of pages elsewhere.
const PAGES: [&str; 2] = ["page_url", "pdf_url"];

pub(super) async fn tell(teller: &mut Teller<'_>, owner: Owner) -> Telling<()> {
    let Owner::Tenant = owner else { return Ok(()) };
    let (tenant, shop) = (teller.of.tenant, teller.service.shop.get().cloned());
    let (mut out, mut last) = (LinePaper::new(owner, DataType::Invoices, "invoices"), String::new());
    loop {
        let rows = query("SELECT id, body FROM invoice WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(tenant.to_string())
            .bind(last.as_str())
            .bind(PAPERS_INVOICES)
            .fetch_all(&mut teller.service.connection().await?)
            .await?;
        let Some(end) = rows.last() else { return out.end(teller).await };
        last = text(end, "id")?;
        for row in &rows {
            let (id, record) = (text(row, "id")?, record(&text(row, "body")?)?);
            let document = match &shop {
                Some(shop) => shop.invoice_document(tenant, &id).await?,
                None => None,
            };
            if let Some(bytes) = document {
                let name = record.get("number").and_then(Value::as_str).unwrap_or(&id);
                teller.add(paper(owner, DataType::Invoices, format!("invoices/{}.pdf", plain(name)), 0, bytes)).await?;
            }
            out.add(teller, &record).await?;
        }
    }
}

fn record(body: &str) -> Result<Value> {
    let damaged = |_| Error::new(Code::Internal, "", "a stored invoice is damaged");
    let mut record: Value = serde_json::from_str(body).map_err(damaged)?;
    if let Some(members) = record.as_object_mut() {
        members.retain(|name, _| !PAGES.contains(&name.as_str()));
    }
    Ok(record)
}

/// A name of a file.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(100).collect()
}

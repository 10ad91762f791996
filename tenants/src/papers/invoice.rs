//! SUMMARY    Invoices of a tenant as papers: what billing has of them, and the documents of those that we issue ourselves.
//! INVARIANTS Where nothing is sold there is none.

use super::{LinePaper, Owner, Teller, Telling, paper};
use control::DataType;
use serde_json::Value;

/// An invoice, as whoever sells gives it.
#[derive(Debug, Clone)]
pub struct InvoicePaper {
    /// Where the next page of them begins.
    pub id: String,
    /// What it says: number, amounts, lines, state.
    pub record: Value,
    /// A name for its document, without a slash; and its bytes, a PDF. `None`: the payment provider has it.
    pub document: Option<(String, Vec<u8>)>,
}

pub(super) async fn tell(teller: &mut Teller<'_>, owner: Owner) -> Telling<()> {
    let (Owner::Tenant, Some(shop)) = (owner, teller.service.shop.get().cloned()) else { return Ok(()) };
    let mut out = LinePaper::new(owner, DataType::Invoices, "invoices");
    let mut last = None;
    loop {
        let some = shop.invoices(teller.of.tenant, last.as_deref()).await?;
        let Some(end) = some.last() else { return out.end(teller).await };
        last = Some(end.id.clone());
        for InvoicePaper { record, document, .. } in some {
            out.add(teller, &record).await?;
            if let Some((name, bytes)) = document {
                teller.add(paper(owner, DataType::Invoices, format!("invoices/{name}"), 0, bytes)).await?;
            }
        }
    }
}

//! SUMMARY    The contract between the planes over HTTP: what the data plane offers, and the control plane's client of it.
//! STANDARDS  RFC 9110, RFC 9112 (HTTP/1.1), RFC 8446 (TLS 1.3)
//! SECURITY   Mutual TLS: a caller without a certificate of the one authority gets no byte of an answer, and the control plane
//!            sends nothing to a server without one. Who holds such a certificate may do everything the contract says: the port
//!            belongs into a private network all the same.
//! LIMITS     PLANE_*
//! INVARIANTS One route per method of `Control`, below VERSION. A body that cannot be right is `Invalid`; whatever else goes wrong
//!            is `Unavailable`, and the caller's relay tries again.

mod absent;
pub mod certificates;
mod client;
mod server;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

pub use absent::AbsentPlane;
pub use client::RemotePlane;
pub use server::{Listening, listen};
pub use tls::Files;

use base::{AccountId, JobId, TenantId};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{ControlError, DataType, ExportPaper, ExportPapers};
use serde::{Deserialize, Serialize};

/// Before every route. Another form of the bodies is another version.
const VERSION: &str = "/plane/v1";

/// Events that are asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct EventsAsked {
    after: u64,
    limit: u32,
}

/// The body of an answer that is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Refusal {
    error: String,
}

/// Papers with their bytes in base64: a body is JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PapersTold {
    tenant: TenantId,
    job: JobId,
    attempt: u64,
    number: u32,
    papers: Vec<PaperTold>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PaperTold {
    account: Option<AccountId>,
    data: DataType,
    name: String,
    records: u64,
    bytes: String,
}

impl From<ExportPapers> for PapersTold {
    fn from(told: ExportPapers) -> Self {
        let ExportPapers { tenant, job, attempt, number, papers } = told;
        let paper = |ExportPaper { account, data, name, records, bytes }| PaperTold {
            account,
            data,
            name,
            records,
            bytes: STANDARD.encode(bytes),
        };
        PapersTold { tenant, job, attempt, number, papers: papers.into_iter().map(paper).collect() }
    }
}

impl TryFrom<PapersTold> for ExportPapers {
    type Error = ControlError;
    fn try_from(told: PapersTold) -> Result<Self, ControlError> {
        let PapersTold { tenant, job, attempt, number, papers } = told;
        let paper = |PaperTold { account, data, name, records, bytes }| {
            let bytes = STANDARD.decode(bytes).map_err(|e| ControlError::Invalid(format!("a paper's bytes: {e}")))?;
            Ok(ExportPaper { account, data, name, records, bytes })
        };
        let papers = papers.into_iter().map(paper).collect::<Result<_, ControlError>>()?;
        Ok(ExportPapers { tenant, job, attempt, number, papers })
    }
}

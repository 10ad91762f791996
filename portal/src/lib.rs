//! SUMMARY    The customer portal: pages rendered on the server over operations of the API.
//! STANDARDS  HTML, WCAG 2.2 AA, RFC 6265bis (cookies), Content Security Policy Level 3, Fetch Metadata
//! SECURITY   Pages run with the visitor's own rights: whatever the API does not tell a visitor is not here either. Tokens stay in a
//!            sealed cookie that scripts cannot read. Every form carries a token of its session and comes from our own origin.
//! LIMITS     FORM_BYTES_MAX, UPLOAD_BYTES_MAX, FORM_WAIT_MAX, those of session.rs, list.rs, brand.rs and asset.rs
//! INVARIANTS No room is used: what the portal knows of the product is the schema that its operations are checked against when it is
//!            compiled. Every form works without scripts: POST, redirect, GET.

mod asset;
mod bar;
mod brand;
mod chart;
mod collection;
mod device;
mod field;
mod form;
mod frame;
mod graph;
mod guard;
mod held;
mod language;
mod list;
mod multipart;
mod operation;
mod page;
mod qr;
mod refusal;
mod route;
mod seal;
mod server;
mod session;
mod state;
mod trouble;
mod visit;

pub use graph::{Answer, Asked, Client, Graph};
pub use route::router;
pub use seal::Seal;
pub use server::{Door, Servers, Tls};

use std::{sync::Arc, time::Duration};

/// Bytes of a form.
const FORM_BYTES_MAX: usize = 64 << 10;
/// Bytes of one with a file (tenants' IMPORT_BYTES_MAX has most), of who is signed in.
const UPLOAD_BYTES_MAX: usize = 5 << 20;
/// How long a form may take to arrive.
const FORM_WAIT_MAX: Duration = Duration::from_secs(30);

/// Milliseconds since 1970, by whatever clock the API has.
pub type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What all visits share.
pub struct Portal {
    graph: Arc<dyn Graph>,
    seal: Seal,
    /// Where browsers find it, as `https://mail.example.org`.
    origin: String,
    servers: Servers,
    refreshes: session::Refreshes,
    brands: brand::Brands,
    now_ms: NowMs,
}

impl Portal {
    /// `origin`: where browsers find it; `servers`: what mail programs are told.
    pub fn new(graph: Arc<dyn Graph>, seal: Seal, origin: &str, servers: Servers) -> Portal {
        let (refreshes, now_ms) = (session::Refreshes::default(), Arc::new(session::system_ms));
        let brands = brand::Brands::default();
        Portal { graph, seal, origin: origin.to_owned(), servers, refreshes, brands, now_ms }
    }

    /// With the clock of the API, where that is not the system's.
    pub fn with_clock(self, now_ms: NowMs) -> Portal {
        Portal { now_ms, ..self }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.now_ms)()
    }
}

//! SUMMARY    Signing in at identity providers of tenants.
//! STANDARDS  OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE), docs/decisions/0021-signing-in-at-identity-providers.md

mod flow;
mod http;
mod identity;
mod metadata;
mod provider;
mod provider_update;
mod token;
#[cfg(test)]
mod token_tests;

pub use flow::{OidcBack, OidcBegun};
pub use identity::Identity;
pub use provider::{IdentityProvider, NewIdentityProvider};
pub use provider_update::IdentityProviderPatch;

pub(crate) use flow::Came;
pub(crate) use http::Fetch;
pub(crate) use metadata::Providers;

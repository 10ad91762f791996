//! SUMMARY    Signing in at an identity provider: there with a challenge, back with a code, and a code of ours for what came back.
//! STANDARDS  OpenID Connect Core 1.0 §3.1 (code flow), RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 9700
//! SECURITY   State, nonce and PKCE verifier are kept here, sealed, bound to the browser by a cookie, and taken once, before the
//!            provider is asked. What comes back opens nothing by itself: a code of ours, good once, is shown by whoever signs in,
//!            links or accepts an invitation.
//! LIMITS     CEREMONY_LIFE, those of http.rs, metadata.rs and token.rs

use super::{http::ClientAuth, provider::IdentityProvider, token::Expected};
use crate::{
    Code, Error, Result, Service,
    auth::Seen,
    db::Connection,
    rows::{random, text},
};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

const GOING: &str = "oidc-going";
const CAME: &str = "oidc-came";

/// Where a browser is sent, and what it keeps.
#[derive(Debug, Clone)]
pub struct OidcBegun {
    pub url: String,
    /// Value of a cookie that the browser shows when it comes back.
    pub cookie: String,
}

/// What a browser brings back, all of it as it says.
#[derive(Debug, Clone, Default)]
pub struct OidcBack {
    pub state: String,
    pub code: String,
    /// RFC 9207.
    pub issuer: Option<String>,
    /// RFC 6749 §4.1.2.1, as `access_denied`.
    pub error: Option<String>,
    pub cookie: String,
}

#[derive(Serialize, Deserialize)]
struct Going {
    provider: String,
    nonce: String,
    verifier: String,
}

/// Whom a provider vouched for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Came {
    pub(crate) provider: String,
    pub(super) subject: String,
    /// Verified, as the provider says.
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    /// When the provider last asked for a factor, in milliseconds.
    pub(super) asked_at_ms: Option<i64>,
}

/// Answer of a token endpoint (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

fn refused(why: impl std::fmt::Display) -> Error {
    tracing::info!(%why, "a sign-in at an identity provider failed");
    Error::new(Code::InvalidCredentials, "", "The sign-in at the identity provider failed")
}

impl Service {
    fn redirect_url(&self) -> Result<String> {
        let missing =
            || Error::new(Code::Invalid, "", "Identity providers need the portal's address in the configuration");
        Ok(format!("{}/auth/oidc/callback", self.portal.as_deref().ok_or_else(missing)?))
    }

    /// Sends a browser to a provider. `NotFound` for one that is not there.
    pub async fn oidc_start(&self, provider: &str, seen: &Seen) -> Result<OidcBegun> {
        self.attempts.admit_from(seen.peer, self.now())?;
        let redirect = self.redirect_url()?;
        let mut connection = self.pool().acquire().await?;
        let provider = self.provider_row(&mut connection, provider).await?;
        drop(connection);
        let metadata = self.providers.metadata(&self.fetch, &provider.issuer, self.now()).await.map_err(refused)?;
        let (nonce, verifier, cookie) = (secret()?, secret()?, secret()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let going = Going { provider: provider.id, nonce: nonce.clone(), verifier };
        let state = self.keep_ceremony(GOING, &self.keys.ticket(&["oidc", &cookie]), &going).await?;
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &provider.client_id),
            ("redirect_uri", &redirect),
            ("scope", "openid email profile"),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(OidcBegun { url: url.into(), cookie })
    }

    /// Takes what a browser brings back; gives a code by which it signs in or links. `InvalidCredentials` whatever is wrong.
    pub async fn oidc_callback(&self, back: &OidcBack, seen: &Seen) -> Result<String> {
        self.attempts.admit_from(seen.peer, self.now())?;
        let ticket = self.keys.ticket(&["oidc", &back.cookie]);
        let going: Option<Going> = self.take_ceremony(GOING, &ticket, &back.state).await?;
        let going = going.ok_or_else(|| refused("no such sign-in in this browser"))?;
        if let Some(error) = &back.error {
            return Err(refused(format!("the provider refused: {error:?}")));
        }
        let mut connection = self.pool().acquire().await?;
        let provider = self.provider_row(&mut connection, &going.provider).await.map_err(refused)?;
        let client_secret = self.client_secret(&mut connection, &provider.id).await?;
        drop(connection);
        let came = self.exchange(&provider, &client_secret, &going, back).await.map_err(refused)?;
        self.keep_ceremony(CAME, "", &came).await
    }

    /// From the provider's code to whom it vouches for. The error is for the log.
    async fn exchange(
        &self,
        provider: &IdentityProvider,
        client_secret: &str,
        going: &Going,
        back: &OidcBack,
    ) -> std::result::Result<Came, String> {
        let metadata = self.providers.metadata(&self.fetch, &provider.issuer, self.now()).await?;
        match &back.issuer {
            Some(issuer) if *issuer != provider.issuer => return Err("the answer is of another issuer".into()),
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err("the answer names no issuer".into());
            }
            Some(_) | None => {}
        }
        let redirect = self.redirect_url().map_err(|e| e.message)?;
        let auth = ClientAuth { id: &provider.client_id, secret: client_secret, in_form: metadata.secret_in_form() };
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &back.code),
            ("redirect_uri", &redirect),
            ("code_verifier", &going.verifier),
        ];
        let tokens: Tokens = self.fetch.form(&metadata.token_endpoint, &auth, &fields).await?;
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &provider.client_id,
            nonce: &going.nonce,
            access_token: &tokens.access_token,
            now: self.now(),
        };
        let claims = self.providers.verify(&self.fetch, &metadata, &tokens.id_token, &expected).await?;
        Ok(Came {
            provider: provider.id.clone(),
            email: claims.verified_email(),
            asked_at_ms: claims.asked_at().map(|at| at.0),
            subject: claims.sub,
            name: claims.name,
        })
    }

    /// Whom a code of ours is about; taken once the transaction commits. `InvalidCredentials` when there is none.
    pub(crate) async fn take_came(&self, txn: &mut Connection, code: &str) -> Result<Came> {
        self.take_ceremony_in(txn, CAME, "", code).await?.ok_or_else(|| refused("no such code"))
    }

    /// The secret of a client at its provider.
    async fn client_secret(&self, txn: &mut Connection, provider: &str) -> Result<String> {
        let sql = "SELECT sealed_secret FROM identity_provider WHERE id = $1";
        let row = crate::db::query(sql).bind(provider).fetch_one(txn).await?;
        let secret = self.keys.open(provider, &text(&row, "sealed_secret")?)?;
        String::from_utf8(secret).map_err(|_| Error::new(Code::Internal, "", "a sealed secret is damaged"))
    }
}

fn secret() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

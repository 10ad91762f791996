//! SUMMARY    Whether an ID token is what it says: pure, given the provider's keys and the time.
//! STANDARDS  OpenID Connect Core 1.0 §3.1.3.6 and §3.1.3.7, RFC 7515, RFC 7518, RFC 8725
//! SECURITY   Signed by a public key that the provider publishes for signatures, by an algorithm of the list: never `none`, never
//!            one of a shared secret. Issuer, audience, authorised party, times, nonce and access token all have to fit.
//! LIMITS     IDENTITY_SKEW, IDENTITY_TOKEN_LIFE_MAX, IDENTITY_KEYS_MAX

use crate::limits::{IDENTITY_KEYS_MAX, IDENTITY_SKEW, IDENTITY_TOKEN_LIFE_MAX};
use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base::Timestamp;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;

/// Bytes of a subject (OpenID Connect Core 1.0 §2).
const SUBJECT_BYTES_MAX: usize = 255;

/// Keys that a provider publishes for signatures.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Vec<Jwk>);

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// What came with it.
    pub(super) access_token: &'a str,
    pub(super) now: Timestamp,
}

/// Why a token is refused; for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No key of that name: the provider may have made one since.
    UnknownKey,
    Wrong(String),
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Wrong(why.into()))
}

/// One or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Some providers write it as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Yes {
    Bool(bool),
    Text(String),
}

/// What a token says.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    pub(super) sub: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    azp: Option<String>,
    nonce: Option<String>,
    at_hash: Option<String>,
    auth_time: Option<i64>,
    email: Option<String>,
    email_verified: Option<Yes>,
    pub(super) name: Option<String>,
}

impl Claims {
    /// The address, if the provider says that it was verified.
    pub(super) fn verified_email(&self) -> Option<String> {
        let verified = match self.email_verified.as_ref()? {
            Yes::Bool(yes) => *yes,
            Yes::Text(text) => text == "true",
        };
        self.email.clone().filter(|_| verified)
    }

    /// When the provider last asked for a factor.
    pub(super) fn asked_at(&self) -> Option<Timestamp> {
        self.auth_time.map(|s| Timestamp(s.saturating_mul(1000)))
    }
}

impl Keys {
    /// From a JWK set (RFC 7517 §5): what cannot be read, is secret, or is for something else, is left out.
    pub(super) fn read(set: &serde_json::Value) -> Keys {
        let keys = set.get("keys").and_then(|k| k.as_array()).map(Vec::as_slice).unwrap_or_default();
        let keys = keys.iter().take(IDENTITY_KEYS_MAX).filter_map(|k| serde_json::from_value::<Jwk>(k.clone()).ok());
        let signs = |k: &Jwk| k.common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
        let public = |k: &Jwk| !matches!(k.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_));
        Keys(keys.filter(|k| signs(k) && public(k)).collect())
    }

    /// Those that may have made a signature: by their name where it has one, by what they are otherwise.
    fn of<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a Jwk> {
        let named = move |k: &&Jwk| kid.is_none_or(|kid| k.common.key_id.as_deref() == Some(kid));
        self.0.iter().filter(named).filter(move |k| suits(k, algorithm))
    }
}

/// Whether a key makes signatures of an algorithm.
fn suits(key: &Jwk, algorithm: Algorithm) -> bool {
    let said = key.common.key_algorithm.as_ref().is_none_or(|a| a.to_string() == format!("{algorithm:?}"));
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), a) => matches!(
            a,
            Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512
        ),
        (AlgorithmParameters::EllipticCurve(e), Algorithm::ES256) => e.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(e), Algorithm::ES384) => e.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(o), Algorithm::EdDSA) => o.curve == EllipticCurve::Ed25519,
        (_, _) => false,
    };
    said && kind
}

/// What a token says, if all of it fits.
pub(super) fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, Refusal> {
    let head = decode_header(token).map_err(|e| Refusal::Wrong(format!("head: {e}")))?;
    if matches!(head.alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
        return wrong("it is signed by a shared secret");
    }
    if head.crit.is_some() {
        return wrong("it asks for extensions");
    }
    let mut known = keys.of(head.kid.as_deref(), head.alg).peekable();
    if known.peek().is_none() {
        return Err(Refusal::UnknownKey);
    }
    // What is claimed is judged here, by our clock; there, the signature.
    let mut signature_only = Validation::new(head.alg);
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    signature_only.required_spec_claims.clear();
    let read = |key: &Jwk| decode::<Claims>(token, &DecodingKey::from_jwk(key)?, &signature_only);
    let mut refused = None;
    for key in known {
        match read(key) {
            Ok(data) => {
                fits(&data.claims, head.alg, expected)?;
                return Ok(data.claims);
            }
            Err(e) => refused = Some(e),
        }
    }
    match head.kid {
        Some(_) => wrong(refused.map_or(String::new(), |e| e.to_string())),
        // It names no key: none of these made it, but a newer one may have.
        None => Err(Refusal::UnknownKey),
    }
}

fn fits(claims: &Claims, algorithm: Algorithm, expected: &Expected<'_>) -> Result<(), Refusal> {
    if claims.iss != expected.issuer {
        return wrong("another issuer");
    }
    let ours = |a: &String| a == expected.client_id;
    let (audience, several) = match &claims.aud {
        Audience::One(one) => (ours(one), false),
        Audience::Many(many) => (many.iter().any(ours), many.len() > 1),
    };
    if !audience {
        return wrong("another audience");
    }
    match &claims.azp {
        Some(party) if !ours(party) => return wrong("another authorised party"),
        None if several => return wrong("several audiences and no authorised party"),
        Some(_) | None => {}
    }
    let second = |t: i64| Timestamp(t.saturating_mul(1000));
    let (late, early) = (expected.now.plus(IDENTITY_SKEW), Timestamp(expected.now.0 - skew_ms()));
    if second(claims.exp) <= early {
        return wrong("expired");
    }
    if second(claims.iat) > late || claims.nbf.is_some_and(|t| second(t) > late) {
        return wrong("of the future");
    }
    if second(claims.iat).plus(IDENTITY_TOKEN_LIFE_MAX) <= early {
        return wrong("made long ago (IDENTITY_TOKEN_LIFE_MAX)");
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return wrong("another nonce");
    }
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX || !claims.sub.is_ascii() {
        return wrong("no subject");
    }
    match &claims.at_hash {
        Some(hash) if *hash != left_half(algorithm, expected.access_token) => wrong("another access token"),
        Some(_) | None => Ok(()),
    }
}

fn skew_ms() -> i64 {
    i64::try_from(IDENTITY_SKEW.as_millis()).unwrap_or(0)
}

/// OpenID Connect Core 1.0 §3.1.3.6.
pub(super) fn left_half(algorithm: Algorithm, access_token: &str) -> String {
    let hash = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        // Ed25519 hashes by SHA-512 inside.
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &SHA512,
        _ => &SHA256,
    };
    let sum = digest::digest(hash, access_token.as_bytes());
    let (left, _) = sum.as_ref().split_at(sum.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

//! SUMMARY    ID tokens that fit, and every way in which one does not.

use super::token::{Expected, Keys, Refusal, left_half, verify};
use aws_lc_rs::{
    digest::{SHA256, SHA384, SHA512, digest},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use base::Timestamp;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The keys of a provider, one of each kind; the kid of each is its algorithm.
struct Provider {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Provider {
    fn new() -> Provider {
        Provider {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            ed: Ed25519KeyPair::generate().unwrap(),
        }
    }

    fn modulus(&self) -> String {
        b64(self.rsa.public_key().modulus().big_endian_without_leading_zero())
    }

    fn set(&self) -> Value {
        let rsa =
            |alg: &str| json!({ "kty": "RSA", "use": "sig", "alg": alg, "kid": alg, "n": self.modulus(), "e": "AQAB" });
        let (a, b) = (self.p256.public_key().as_ref(), self.p384.public_key().as_ref());
        json!({ "keys": [
            rsa("RS256"), rsa("PS256"),
            { "kty": "EC", "use": "sig", "crv": "P-256", "kid": "ES256", "x": b64(&a[1..33]), "y": b64(&a[33..]) },
            { "kty": "EC", "crv": "P-384", "kid": "ES384", "x": b64(&b[1..49]), "y": b64(&b[49..]) },
            { "kty": "OKP", "crv": "Ed25519", "kid": "EdDSA", "x": b64(self.ed.public_key().as_ref()) },
            { "kty": "RSA", "use": "enc", "kid": "enc", "n": self.modulus(), "e": "AQAB" },
            { "kty": "oct", "kid": "HS256", "k": b64("a shared secret of thirty-two by") },
            { "kty": "new", "kid": "new" },
        ] })
    }

    fn keys(&self) -> Keys {
        Keys::read(&self.set())
    }

    fn sign(&self, alg: &str, text: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        let rsa = |how: &'static dyn aws_lc_rs::signature::RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(how, &rng, text, &mut signature).unwrap();
            signature
        };
        let shared = |secret: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text).as_ref().to_vec();
        match alg {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => self.p256.sign(&rng, text).unwrap().as_ref().to_vec(),
            "ES384" => self.p384.sign(&rng, text).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(text).as_ref().to_vec(),
            "HS256" => shared(b"a shared secret of thirty-two by"),
            // The public key, as everybody knows it, for a shared secret.
            "public" => shared(self.rsa.public_key().as_ref()),
            _ => Vec::new(),
        }
    }

    /// A token by a key, with a head and claims changed as told.
    fn token(&self, by: &str, head: Value, claims: Value) -> String {
        let alg = if by == "public" { "HS256" } else { by };
        let text = format!(
            "{}.{}",
            b64(with(json!({ "alg": alg, "kid": by, "typ": "JWT" }), head).to_string()),
            b64(with(good(), claims).to_string())
        );
        format!("{text}.{}", b64(self.sign(by, text.as_bytes())))
    }
}

fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        }
    }
    base
}

fn good() -> Value {
    json!({ "iss": "https://login.example", "aud": "posthouse", "sub": "7", "nonce": "n", "iat": NOW - 1, "exp": NOW + 300,
            "email": "ann@a.example", "email_verified": true })
}

fn expected() -> Expected<'static> {
    let (issuer, client_id, nonce, access_token) = ("https://login.example", "posthouse", "n", "access");
    Expected { issuer, client_id, nonce, access_token, now: Timestamp(NOW * 1000) }
}

#[test]
fn tokens_of_every_algorithm_fit() {
    let provider = Provider::new();
    for alg in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        for head in [json!({}), json!({ "kid": null })] {
            let (hash, bytes) = match alg {
                "ES384" => (digest(&SHA384, b"access"), 24),
                "EdDSA" => (digest(&SHA512, b"access"), 32),
                _ => (digest(&SHA256, b"access"), 16),
            };
            let hash = &hash.as_ref()[..bytes];
            let token = provider.token(alg, head, json!({ "at_hash": b64(hash), "aud": ["posthouse"] }));
            let claims = verify(&token, &provider.keys(), &expected()).unwrap_or_else(|e| panic!("{alg}: {e:?}"));
            assert_eq!((claims.sub.as_str(), claims.verified_email().as_deref()), ("7", Some("ann@a.example")));
        }
    }
}

#[test]
fn what_a_token_claims_has_to_fit() {
    let provider = Provider::new();
    let keys = provider.keys();
    let refused = |claims: Value| match verify(&provider.token("ES256", json!({}), claims.clone()), &keys, &expected())
    {
        Err(Refusal::Wrong(why)) => why,
        Err(Refusal::UnknownKey) => panic!("{claims}: unknown key"),
        Ok(_) => panic!("{claims} was accepted"),
    };
    for (claims, why) in [
        (json!({ "iss": "https://evil.example" }), "issuer"),
        (json!({ "iss": "https://login.example/" }), "issuer"),
        (json!({ "aud": "another" }), "audience"),
        (json!({ "aud": [] }), "audience"),
        (json!({ "aud": ["posthouse", "another"] }), "authorised party"),
        (json!({ "aud": ["posthouse", "another"], "azp": "another" }), "authorised party"),
        (json!({ "azp": "another" }), "authorised party"),
        (json!({ "exp": NOW - 61 }), "expired"),
        (json!({ "iat": NOW + 61 }), "future"),
        (json!({ "nbf": NOW + 61 }), "future"),
        (json!({ "iat": NOW - 3600 }), "long ago"),
        (json!({ "nonce": "another" }), "nonce"),
        (json!({ "nonce": null }), "nonce"),
        (json!({ "sub": "" }), "subject"),
        (json!({ "sub": "x".repeat(256) }), "subject"),
        (json!({ "at_hash": left_half(Algorithm::ES256, "another") }), "access token"),
        (json!({ "exp": null }), "exp"),
        (json!({ "iat": null }), "iat"),
        (json!({ "sub": null }), "sub"),
    ] {
        let told = refused(claims.clone());
        assert!(told.contains(why) || told.contains("JSON"), "{claims}: {told}");
    }
    // Just within: clocks are off by a minute at most.
    for claims in [
        json!({ "exp": NOW - 59 }),
        json!({ "iat": NOW + 59 }),
        json!({ "aud": ["posthouse", "b"], "azp": "posthouse" }),
    ] {
        assert!(verify(&provider.token("ES256", json!({}), claims), &keys, &expected()).is_ok());
    }
}

#[test]
fn only_public_keys_for_signatures_sign() {
    let (provider, stranger) = (Provider::new(), Provider::new());
    let keys = provider.keys();
    let tried = |token: &str| verify(token, &keys, &expected()).map(|c| c.sub);
    let unsigned = |alg: &str| provider.token("none", json!({ "alg": alg, "kid": "RS256" }), json!({}));
    for alg in ["none", "None", "NONE", ""] {
        assert!(tried(&unsigned(alg)).is_err(), "{alg:?}");
    }
    assert_eq!(tried(&provider.token("public", json!({ "kid": "RS256" }), json!({}))), shared());
    assert_eq!(tried(&provider.token("HS256", json!({}), json!({}))), shared());
    for by in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        assert!(matches!(tried(&stranger.token(by, json!({}), json!({}))), Err(Refusal::Wrong(_))), "{by}");
        assert_eq!(tried(&stranger.token(by, json!({ "kid": null }), json!({}))), Err(Refusal::UnknownKey), "{by}");
        assert_eq!(tried(&provider.token(by, json!({ "kid": "next" }), json!({}))), Err(Refusal::UnknownKey), "{by}");
    }
    // A key that the head itself brings is not asked; nor one of another use, algorithm or curve.
    let own = json!({ "jwk": { "kty": "RSA", "n": stranger.modulus(), "e": "AQAB" } });
    assert!(tried(&stranger.token("RS256", own, json!({}))).is_err());
    for (by, kid) in [("RS256", "enc"), ("RS256", "PS256"), ("PS256", "RS256"), ("ES256", "ES384"), ("RS256", "ES256")]
    {
        assert_eq!(
            tried(&provider.token(by, json!({ "kid": kid }), json!({}))),
            Err(Refusal::UnknownKey),
            "{by} {kid}"
        );
    }
    assert!(tried(&provider.token("ES256", json!({ "crit": ["exp"] }), json!({}))).is_err());
    let good = provider.token("ES256", json!({}), json!({}));
    let (text, signature) = good.rsplit_once('.').unwrap();
    let other = provider.token("ES256", json!({}), json!({ "sub": "8" }));
    let (other_text, _) = other.rsplit_once('.').unwrap();
    for broken in
        [text.to_owned(), format!("{text}."), format!("{other_text}.{signature}"), format!("{good}.x"), String::new()]
    {
        assert!(tried(&broken).is_err(), "{broken}");
    }
    assert_eq!(tried(&good).unwrap(), "7");
}

fn shared() -> Result<String, Refusal> {
    Err(Refusal::Wrong("it is signed by a shared secret".into()))
}

#[test]
fn an_address_counts_only_when_the_provider_verified_it() {
    let provider = Provider::new();
    for (said, counts) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (Value::Null, false),
    ] {
        let token = provider.token("ES256", json!({}), json!({ "email_verified": said }));
        let claims = verify(&token, &provider.keys(), &expected()).unwrap();
        assert_eq!(claims.verified_email().is_some(), counts, "{said}");
    }
}

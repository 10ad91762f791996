//! SUMMARY    An identity provider on loopback: signs with keys of its own, checks what a careful one checks, and misbehaves when told.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

/// How an ID token is signed.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Signed {
    #[default]
    ByTheKey,
    /// By a key that is not published, under the name of one that is.
    ByAStranger,
    /// `alg` is `none`, and there is no signature.
    Not,
    /// `alg` is `HS256`, and the secret is the published key.
    ByThePublicKey,
}

/// A sign-in under way.
struct Granted {
    challenge: String,
    redirect: String,
    claims: Value,
    signed: Signed,
}

pub struct Provider {
    pub issuer: String,
    keys: Mutex<Vec<(String, EcdsaKeyPair)>>,
    codes: Mutex<HashMap<String, Granted>>,
    pub asked_for_keys: AtomicUsize,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

impl Provider {
    pub async fn start() -> Arc<Provider> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (keys, codes) = (Mutex::new(vec![("1".to_owned(), key())]), Mutex::default());
        let provider = Arc::new(Provider { issuer, keys, codes, asked_for_keys: AtomicUsize::new(0) });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// Signs by a new key from now on; the former one is published no more.
    pub fn rotate(&self) {
        let mut keys = self.keys.lock().unwrap();
        let kid = (keys[0].0.parse::<u32>().unwrap() + 1).to_string();
        *keys = vec![(kid, key())];
    }

    /// What the provider's page does: takes the request, gives the state back and a code about somebody.
    pub fn signs_in(&self, url: &str, claims: Value, signed: Signed) -> (String, String) {
        let url = Url::parse(url).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((query["code_challenge_method"].as_str(), query["response_type"].as_str()), ("S256", "code"));
        assert_eq!((query["client_id"].as_str(), query["scope"].as_str()), ("posthouse", "openid email profile"));
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut all = json!({ "iss": self.issuer, "aud": "posthouse", "nonce": query["nonce"], "iat": now, "exp": now + 300,
                              "at_hash": b64(&digest(&SHA256, b"access").as_ref()[..16]) });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code+/{}", codes.len());
        let (challenge, redirect) = (query["code_challenge"].clone(), query["redirect_uri"].clone());
        codes.insert(code.clone(), Granted { challenge, redirect, claims: all, signed });
        (query["state"].clone(), code)
    }

    fn jwt(&self, granted: &Granted) -> String {
        let keys = self.keys.lock().unwrap();
        let (kid, key) = &keys[0];
        let alg = match granted.signed {
            Signed::ByTheKey | Signed::ByAStranger => "ES256",
            Signed::Not => "none",
            Signed::ByThePublicKey => "HS256",
        };
        let head = json!({ "alg": alg, "typ": "JWT", "kid": kid });
        let text = format!("{}.{}", b64(head.to_string()), b64(granted.claims.to_string()));
        let sign = |key: &EcdsaKeyPair| b64(key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref());
        let signature = match granted.signed {
            Signed::ByTheKey => sign(key),
            Signed::ByAStranger => sign(&self::key()),
            Signed::Not => String::new(),
            Signed::ByThePublicKey => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_key().as_ref());
                b64(hmac::sign(&secret, text.as_bytes()).as_ref())
            }
        };
        format!("{text}.{signature}")
    }
}

async fn configuration(State(p): State<Arc<Provider>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", p.issuer);
    Json(json!({
        "issuer": p.issuer, "authorization_endpoint": at("/authorize?style=1"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(p): State<Arc<Provider>>) -> Json<Value> {
    p.asked_for_keys.fetch_add(1, Ordering::SeqCst);
    let keys = p.keys.lock().unwrap();
    let key = |(kid, key): &(String, EcdsaKeyPair)| {
        let point = key.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": b64(&point[1..33]),
                "y": b64(&point[33..65]) })
    };
    Json(json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() }))
}

async fn token(State(p): State<Arc<Provider>>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let refused = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why })));
    if headers["authorization"] != format!("Basic {}", STANDARD.encode("posthouse:s3cret%3A%2F")).as_str() {
        return refused("invalid_client");
    }
    let Some(granted) = p.codes.lock().unwrap().remove(&form["code"]) else { return refused("invalid_grant") };
    let challenge = b64(digest(&SHA256, form["code_verifier"].as_bytes()));
    let fits = granted.challenge == challenge && granted.redirect == form["redirect_uri"];
    if !fits || form["grant_type"] != "authorization_code" {
        return refused("invalid_grant");
    }
    let answer = json!({ "access_token": "access", "token_type": "Bearer", "id_token": p.jwt(&granted) });
    (StatusCode::OK, Json(answer))
}

//! SUMMARY    An authenticator in software: one ES256 key that answers a browser's challenges.
//! STANDARDS  Web Authentication Level 3 §6.1 (authenticator data), RFC 9053 (COSE keys), attestation `none`

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    handle: String,
    counter: u32,
    /// Whether it asks its user for a PIN or a finger.
    pub verifies: bool,
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A CBOR item's head: major type and length or value below 65536.
fn head(major: u8, n: usize) -> Vec<u8> {
    match n {
        0..=23 => vec![major << 5 | n as u8],
        24..=255 => vec![major << 5 | 24, n as u8],
        _ => vec![major << 5 | 25, (n >> 8) as u8, n as u8],
    }
}

fn bytes(b: &[u8]) -> Vec<u8> {
    [head(2, b.len()), b.to_vec()].concat()
}

fn text(t: &str) -> Vec<u8> {
    [head(3, t.len()), t.as_bytes().to_vec()].concat()
}

fn client_data(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
    let challenge = options["publicKey"]["challenge"].as_str().unwrap();
    json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string().into_bytes()
}

impl Authenticator {
    /// A fresh key for a registration's options; and the browser's answer.
    pub fn register(options: &str, origin: &str) -> (Authenticator, String) {
        let options: Value = serde_json::from_str(options).unwrap();
        assert_eq!(options["publicKey"]["authenticatorSelection"]["residentKey"], "required");
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let id = digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec();
        let handle = options["publicKey"]["user"]["id"].as_str().unwrap().to_owned();
        let own = Authenticator { key, id, handle, counter: 0, verifies: true };
        let rp = options["publicKey"]["rp"]["id"].as_str().unwrap();
        let point = own.key.public_key().as_ref();
        let cose = [
            head(5, 5),
            vec![0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21],
            bytes(&point[1..33]),
            vec![0x22],
            bytes(&point[33..65]),
        ];
        let credential = [&[0u8; 16][..], &(own.id.len() as u16).to_be_bytes(), &own.id, &cose.concat()].concat();
        let data = [own.data(rp, 0x40), credential].concat();
        let object =
            [head(5, 3), text("fmt"), text("none"), text("attStmt"), head(5, 0), text("authData"), bytes(&data)];
        let client = client_data("webauthn.create", &options, origin);
        let answer = json!({
            "id": b64(&own.id), "rawId": b64(&own.id), "type": "public-key", "extensions": {},
            "response": { "attestationObject": b64(&object.concat()), "clientDataJSON": b64(&client) },
        });
        (own, answer.to_string())
    }

    /// The browser's answer to a challenge.
    pub fn answer(&mut self, options: &str, origin: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.counter += 1;
        let data = self.data(options["publicKey"]["rpId"].as_str().unwrap(), 0);
        let client = client_data("webauthn.get", &options, origin);
        let signed = [&data[..], digest(&SHA256, &client).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let answer = json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": b64(&data), "clientDataJSON": b64(&client),
                "signature": b64(signature.as_ref()), "userHandle": self.handle,
            },
        });
        answer.to_string()
    }

    fn data(&self, rp: &str, more: u8) -> Vec<u8> {
        let flags = 0x01 | more | if self.verifies { 0x04 } else { 0 };
        [digest(&SHA256, rp.as_bytes()).as_ref(), &[flags], &self.counter.to_be_bytes()].concat()
    }
}

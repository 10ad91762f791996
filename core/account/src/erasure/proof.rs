//! SUMMARY    The proof of an erasure: what the control plane states and what the data plane counted, signed together.
//! STANDARDS  RFC 8032 §5.1 (Ed25519 over the document's bytes as they are), RFC 4648 §4; docs/runbooks/purge.md has the format
//! SECURITY   The key is derived from the master key for proofs alone: what signs manifests of exports signs no proof, and the other way
//!            round. Nothing is signed before the erasure has ended.
//! LIMITS     ERASURE_STATEMENT_BYTES_MAX
//! INVARIANTS The document is one line of JSON; the signature is over exactly these bytes.

use crate::{Accounts, Error, Result};
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base::{Kind, TenantId, Timestamp, limits::ERASURE_STATEMENT_BYTES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{Erasure, ErasurePhase};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// What the key that signs proofs is derived for; a change of it makes every proof a stranger's.
const CONTEXT: &str = "posthouse 2026 keys that sign proofs of erasure";
const FORMAT: &str = "posthouse erasure proof 1";
const ALGORITHM: &str = "Ed25519";
/// Bytes of the hash of a public key that are its id, as of the keys of manifests.
const KEY_ID_BYTES: usize = 16;

/// The public half of the key that signs proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofKey(pub Vec<u8>);

impl ProofKey {
    /// 32 hexadecimal digits: the first half of its SHA-256.
    pub fn id(&self) -> String {
        let hash = digest(&SHA256, &self.0);
        hash.as_ref().iter().take(KEY_ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Serialize)]
struct Document<'d> {
    format: &'d str,
    signed_at: Timestamp,
    erasure: &'d Erasure,
    statement: Value,
}

/// As it is given out: the document as text, since the signature is over its bytes.
#[derive(Serialize, Deserialize)]
struct Envelope {
    document: String,
    algorithm: String,
    key: String,
    public_key: String,
    signature: String,
}

impl Accounts {
    fn proof_pair(&self) -> Result<Ed25519KeyPair> {
        let seed = Zeroizing::new(blake3::derive_key(CONTEXT, &*self.0.master.0));
        Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| Error::corrupt("key that signs proofs"))
    }

    /// The key that signs proofs of this provider: every node has the same.
    pub fn proof_key(&self) -> Result<ProofKey> {
        Ok(ProofKey(self.proof_pair()?.public_key().as_ref().to_vec()))
    }

    /// The signed proof of an erasure that has ended. `Invalid`: it has not, or the statement is no JSON or too long.
    pub(crate) async fn erasure_proof(&self, tenant: TenantId, statement: &str) -> Result<String> {
        let invalid = |why: &str| Error::new(Kind::Invalid, why.to_owned());
        if statement.len() > ERASURE_STATEMENT_BYTES_MAX {
            return Err(Error::limit("ERASURE_STATEMENT_BYTES_MAX"));
        }
        let statement = serde_json::from_str(statement).map_err(|e| invalid(&format!("the statement: {e}")))?;
        let erasure = self.erasure_of(tenant).await?.ok_or_else(|| invalid("the tenant was not erased"))?;
        if erasure.phase != ErasurePhase::Done {
            return Err(invalid("the erasure has not ended"));
        }
        let document = Document { format: FORMAT, signed_at: self.clock().now(), erasure: &erasure, statement };
        let document = serde_json::to_string(&document).map_err(|e| invalid(&e.to_string()))?;
        let (pair, key) = (self.proof_pair()?, self.proof_key()?);
        let envelope = Envelope {
            algorithm: ALGORITHM.to_owned(),
            key: key.id(),
            public_key: STANDARD.encode(&key.0),
            signature: STANDARD.encode(pair.sign(document.as_bytes())),
            document,
        };
        serde_json::to_string(&envelope).map_err(|e| invalid(&e.to_string()))
    }
}

/// The document of a proof whose signature is by `trusted`. `Corrupt`: by another key, or one of the two was changed.
pub fn open_proof(proof: &str, trusted: &ProofKey) -> Result<Value> {
    let envelope: Envelope = serde_json::from_str(proof).map_err(|e| Error::corrupt(format!("proof: {e}")))?;
    if envelope.algorithm != ALGORITHM || envelope.key != trusted.id() {
        return Err(Error::corrupt("the proof is signed by a key that is not trusted here"));
    }
    let wrong = || Error::corrupt("the signature is not of this proof: one of the two was changed");
    let signature = STANDARD.decode(&envelope.signature).map_err(|_| wrong())?;
    UnparsedPublicKey::new(&ED25519, &trusted.0)
        .verify(envelope.document.as_bytes(), &signature)
        .map_err(|_| wrong())?;
    serde_json::from_str(&envelope.document).map_err(|e| Error::corrupt(format!("proof: {e}")))
}

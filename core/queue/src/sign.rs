//! SUMMARY    The signatures of a message that leaves: which domain answers for it, with which keys.
//! STANDARDS  RFC 6376 §5; RFC 7489 §3.1.1 (the domain of From is the one that is judged)
//! SECURITY   Signed is only what a user of the tenant submitted, whose From was checked at the door, or what the server wrote itself: never what
//!            another host brought and an alias sends on. Keys are opened in memory alone.
//! LIMITS     DKIM_SLICE_BYTES, DKIM_DOMAINS_KEPT_MAX
//! INVARIANTS Made anew for each attempt, by the keys that are active then: a message may wait longer than a retired key has its record. The
//!            message is not copied. A domain whose keys did not change costs one read.

use crate::Inner;
use account::{SigningKeys, record::QueueItem};
use base::{
    Address, Domain, TenantId,
    limits::{DKIM_DOMAINS_KEPT_MAX, DKIM_SLICE_BYTES},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use control::{DkimAlgorithm, DkimKey};
use mail::Error;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
use wire::{
    dkim::{Algorithm, Draft, Key, SignError},
    mime,
};

/// Keys that are ready to sign, by domain; taken only while what is stored is the same.
#[derive(Default)]
pub(crate) struct Signers(Mutex<HashMap<Domain, Kept>>);

/// Keys as they are stored, and ready.
type Kept = (SigningKeys, Arc<[Key]>);

impl Signers {
    fn ready(&self, domain: &Domain, stored: &SigningKeys) -> Option<Arc<[Key]>> {
        let kept = self.0.lock();
        kept.get(domain).filter(|(known, _)| known == stored).map(|(_, keys)| keys.clone())
    }

    fn keep(&self, domain: &Domain, stored: SigningKeys, keys: Arc<[Key]>) {
        let mut kept = self.0.lock();
        if kept.len() >= DKIM_DOMAINS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(domain.clone(), (stored, keys));
    }
}

/// The fields for the top of the message, empty when nobody signs it. `Err`: the store did not answer; try again.
pub(crate) async fn signatures(inner: &Inner, item: &QueueItem, message: &Bytes) -> Result<Bytes, Error> {
    for domain in domains(item, message) {
        let keys = keys(inner, TenantId(item.signer), &domain).await?;
        if keys.is_empty() {
            continue;
        }
        let signed = sign(inner, message, &domain, &keys).await;
        let result = if signed.is_ok() { "signed" } else { "unsigned" };
        metrics::counter!("posthouse_dkim_messages_total", "result" => result).increment(1);
        return Ok(signed.unwrap_or_else(|why| {
            tracing::warn!(%why, item = item.id, %domain, "a message goes without a signature");
            Bytes::new()
        }));
    }
    Ok(Bytes::new())
}

/// Domains that may answer for it, the best first: that of From, then that of the envelope's sender.
fn domains(item: &QueueItem, message: &[u8]) -> Vec<Domain> {
    if item.signer == 0 {
        return Vec::new();
    }
    let author = mime::originator(message).ok().and_then(|o| o.from.into_iter().next());
    let mut domains: Vec<Domain> = Vec::new();
    for address in author.into_iter().chain(Address::parse(&item.sender).ok()) {
        if !domains.contains(address.domain()) {
            domains.push(address.domain().clone());
        }
    }
    domains
}

async fn keys(inner: &Inner, tenant: TenantId, domain: &Domain) -> Result<Arc<[Key]>, Error> {
    let accounts = inner.mail.accounts();
    let Some(stored) = accounts.signing_keys(tenant, domain).await? else { return Ok(Arc::default()) };
    if let Some(keys) = inner.signers.ready(domain, &stored) {
        return Ok(keys);
    }
    let opened = accounts.open_signing_keys(&stored).unwrap_or_else(|error| {
        tracing::error!(%error, %domain, "keys that sign do not open");
        Vec::new()
    });
    let keys: Arc<[Key]> = opened.iter().filter_map(|key| read(domain, key)).collect();
    inner.signers.keep(domain, stored, keys.clone());
    Ok(keys)
}

fn read(domain: &Domain, key: &DkimKey) -> Option<Key> {
    let algorithm = match key.algorithm {
        DkimAlgorithm::RsaSha256 => Algorithm::RsaSha256,
        DkimAlgorithm::Ed25519Sha256 => Algorithm::Ed25519Sha256,
    };
    let der = STANDARD.decode(&key.private_key).unwrap_or_default();
    match Key::from_pkcs8(&key.selector, algorithm, &der) {
        Ok(key) => Some(key),
        Err(why) => {
            tracing::error!(%why, %domain, selector = key.selector, "a key that signs cannot be read");
            None
        }
    }
}

async fn sign(inner: &Inner, message: &Bytes, domain: &Domain, keys: &[Key]) -> Result<Bytes, SignError> {
    let mut draft = Draft::new(message)?;
    for piece in message.get(draft.body_at()..).unwrap_or_default().chunks(DKIM_SLICE_BYTES) {
        draft.push(piece);
        if piece.len() == DKIM_SLICE_BYTES {
            tokio::task::yield_now().await;
        }
    }
    draft.finish(domain, inner.mail.accounts().clock().now(), keys).map(Bytes::from)
}

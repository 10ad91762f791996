//! SUMMARY    Dynamic updates signed by a shared key.
//! STANDARDS  RFC 2136 §2, RFC 8945 (TSIG, hmac-sha256)
//! SECURITY   An answer that is not signed by the same key is not believed.

use super::{Publisher, Publishing, RecordChange};
use crate::{
    dns::{Kind, exchange, parse_name},
    records::txt_parts,
    rows::random,
};
use base::Clock;
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordType, TSigner,
        rdata::{TXT, tsig::TsigAlgorithm},
    },
};
use std::{net::SocketAddr, sync::Arc};

/// Seconds that our clock and the server's may differ (RFC 8945 §10).
const FUDGE_SECS: u16 = 300;
/// Seconds that others may remember what is published.
const TTL_SECS: u32 = 3600;

/// A server that takes updates.
pub struct Rfc2136 {
    pub server: SocketAddr,
    pub key_name: String,
    pub secret: Vec<u8>,
    pub clock: Arc<dyn Clock>,
}

impl Publisher for Rfc2136 {
    fn publish<'a>(&'a self, zone: &'a str, changes: &'a [RecordChange]) -> Publishing<'a> {
        Box::pin(async move {
            let signer = TSigner::new(
                self.secret.clone(),
                TsigAlgorithm::HmacSha256,
                Name::from_ascii(&self.key_name).map_err(|e| format!("key name: {e}"))?,
                FUDGE_SECS,
            )
            .map_err(|e| format!("key: {e}"))?;
            let mut message = update(zone, changes)?;
            let now = u64::try_from(self.clock.now().0 / 1000).unwrap_or(0);
            let mut verifier = message.finalize(&signer, now).map_err(|e| e.to_string())?.ok_or("not signed")?;
            let answer = exchange(self.server, &message.to_vec().map_err(|e| e.to_string())?).await?;
            let read = Message::from_vec(&answer).map_err(|e| format!("the DNS server's answer: {e}"))?;
            // A server that does not know the key cannot sign its refusal; a refusal is believed unsigned.
            if read.metadata.response_code != ResponseCode::NoError {
                return Err(format!("the DNS server refused the update: {}", read.metadata.response_code));
            }
            verifier.verify(&answer).map_err(|e| format!("the DNS server's answer is not signed by the key: {e}"))?;
            Ok(())
        })
    }
}

fn update(zone: &str, changes: &[RecordChange]) -> Result<Message, String> {
    let id = u16::from_be_bytes(random::<2>().map_err(|e| e.message)?);
    let mut message = Message::new(id, MessageType::Query, OpCode::Update);
    let mut query = Query::query(parse_name(zone)?, RecordType::SOA);
    query.set_query_class(DNSClass::IN);
    message.add_query(query);
    for change in changes {
        for content in &change.delete {
            let mut gone = record(change, content, 0)?;
            gone.dns_class = DNSClass::NONE;
            message.add_authority(gone);
        }
        for content in &change.add {
            message.add_authority(record(change, content, TTL_SECS)?);
        }
    }
    Ok(message)
}

fn record(change: &RecordChange, content: &str, ttl: u32) -> Result<Record, String> {
    let data = match change.kind {
        Kind::Txt => RData::TXT(TXT::from_bytes(txt_parts(content))),
        kind => RData::try_from_str(kind.wire(), content).map_err(|e| format!("{content}: {e}"))?,
    };
    Ok(Record::from_rdata(parse_name(&change.name)?, ttl, data))
}

//! SUMMARY    Names and records between their texts and the library's types.

use super::Kind;
use hickory_proto::rr::{Name, RData, Record, RecordType};

impl Kind {
    pub(crate) fn wire(self) -> RecordType {
        match self {
            Kind::Txt => RecordType::TXT,
            Kind::Mx => RecordType::MX,
            Kind::Cname => RecordType::CNAME,
            Kind::Srv => RecordType::SRV,
            Kind::Caa => RecordType::CAA,
            Kind::Tlsa => RecordType::TLSA,
        }
    }
}

/// A name with its last dot.
pub(crate) fn parse(name: &str) -> Result<Name, String> {
    let mut parsed = Name::from_ascii(name).map_err(|e| format!("{name}: {e}"))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// A record's content as compared and shown.
pub(crate) fn record(record: &Record) -> String {
    match &record.data {
        // The parts of a TXT record are one text (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
        RData::TXT(txt) => {
            let bytes: Vec<u8> = txt.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        RData::CAA(caa) => caa.to_string(),
        other => other.to_string().to_ascii_lowercase(),
    }
}

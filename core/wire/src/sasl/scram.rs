//! SUMMARY    Messages of SCRAM: the grammar, without the exchange.
//! STANDARDS  RFC 5802 §5.1, §7

use base64::{Engine, engine::general_purpose::STANDARD};

/// Channel binding flag of the GS2 header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flag {
    /// `n`: the client does not support it.
    No,
    /// `y`: the client does, and thinks that the server does not.
    NotOffered,
    /// `p=name`.
    Used(String),
}

/// client-first-message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst {
    pub flag: Flag,
    /// Header as sent, with its commas: it comes back in `c=`.
    pub gs2_header: String,
    pub authzid: Option<String>,
    pub user: String,
    pub nonce: String,
    /// client-first-message-bare.
    pub bare: String,
}

/// client-final-message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal {
    pub binding: Vec<u8>,
    pub nonce: String,
    pub proof: Vec<u8>,
    pub without_proof: String,
}

/// `=2C` and `=3D` of saslname.
pub(super) fn decode_name(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (c, rest) =
            if let Some(rest) = part.strip_prefix("2C") { (',', rest) } else { ('=', part.strip_prefix("3D")?) };
        out.push(c);
        out.push_str(rest);
    }
    if out.is_empty() || out.contains('\0') { None } else { Some(out) }
}

pub(super) fn encode_name(text: &str) -> String {
    text.replace('=', "=3D").replace(',', "=2C")
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

pub(super) fn client_first(message: &str) -> Option<ClientFirst> {
    let mut parts = message.splitn(3, ',');
    let (flag, authzid, bare) = (parts.next()?, parts.next()?, parts.next()?);
    let gs2_header = format!("{flag},{authzid},");
    let flag = match flag {
        "n" => Flag::No,
        "y" => Flag::NotOffered,
        other => {
            let name = other.strip_prefix("p=")?;
            let ok = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
            if ok { Flag::Used(name.to_owned()) } else { return None }
        }
    };
    let authzid = match authzid {
        "" => None,
        text => Some(decode_name(text.strip_prefix("a=")?)?),
    };
    // An `m=` before the name is a mandatory extension nobody knows: refused by not being `n=`.
    let mut attributes = bare.split(',');
    let user = decode_name(attributes.next()?.strip_prefix("n=")?)?;
    let nonce = attributes.next()?.strip_prefix("r=").filter(|n| is_nonce(n))?.to_owned();
    Some(ClientFirst { flag, gs2_header, authzid, user, nonce, bare: bare.to_owned() })
}

pub(super) fn client_final(message: &str) -> Option<ClientFinal> {
    let (without_proof, proof) = message.rsplit_once(",p=")?;
    let mut attributes = without_proof.split(',');
    let binding = STANDARD.decode(attributes.next()?.strip_prefix("c=")?).ok()?;
    let nonce = attributes.next()?.strip_prefix("r=")?.to_owned();
    Some(ClientFinal { binding, nonce, proof: STANDARD.decode(proof).ok()?, without_proof: without_proof.to_owned() })
}

/// server-first-message: nonce, salt, iterations.
pub(super) fn server_first(message: &str) -> Option<(String, Vec<u8>, u32)> {
    let mut attributes = message.split(',');
    let nonce = attributes.next()?.strip_prefix("r=").filter(|n| is_nonce(n))?.to_owned();
    let salt = STANDARD.decode(attributes.next()?.strip_prefix("s=")?).ok()?;
    Some((nonce, salt, attributes.next()?.strip_prefix("i=")?.parse().ok()?))
}

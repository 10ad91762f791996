//! SUMMARY    What the schema shows of a claim on a domain.

use crate::{
    input::{ChangeTerms, DestroyTerms},
    scalar::DateTime,
};
use async_graphql::{Enum, ID, InputObject, SimpleObject};
use tenants::Claim;

/// What a claim has come to.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::DomainState")]
pub enum DomainState {
    /// Said, not proven: no mailboxes, no mail.
    Claimed,
    /// Proven; public mail does not come here yet.
    Owned,
    /// Proven, and public mail comes here.
    Live,
    /// Proven once; something it needs has gone from DNS.
    Degraded,
    /// The proof was gone for too long: it takes no mail.
    Lost,
    /// Proven while another tenant holds the name.
    Contested,
    /// Given back.
    Released,
}

/// What ownership rests on.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Proof")]
pub enum DomainProof {
    None,
    /// The token was seen in DNS.
    Dns,
    /// The operator's word.
    Operator,
    /// It was here before claims were.
    Before,
}

/// The TXT record that proves a domain.
#[derive(SimpleObject, Clone)]
pub struct DomainChallenge {
    pub name: String,
    pub value: String,
}

/// A claim as a domain shows it.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) state: DomainState,
    pub(crate) proof: DomainProof,
    pub(crate) challenge: DomainChallenge,
    pub(crate) checked_at: Option<DateTime>,
    pub(crate) next_check_at: Option<DateTime>,
    pub(crate) failed_days: i64,
    pub(crate) contested_at: Option<DateTime>,
}

impl Shown {
    pub(crate) fn new(domain: &str, claim: &Claim) -> Self {
        Shown {
            state: claim.state.into(),
            proof: claim.proof.into(),
            challenge: DomainChallenge { name: tenants::challenge_name(domain), value: claim.challenge() },
            checked_at: claim.checked_at_ms.map(DateTime),
            next_check_at: claim.next_check_at_ms.map(DateTime),
            failed_days: claim.failed_days,
            contested_at: claim.contested_at_ms.map(DateTime),
        }
    }
}

/// How what is there stands to what should be.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Status")]
pub enum RecordStatus {
    Match,
    Conflict,
    Missing,
    /// Nobody could say. It changes nothing.
    Unknown,
}

/// What a record is for.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Facet")]
pub enum DomainFacet {
    Ownership,
    Receive,
    Send,
    Policy,
    ClientConfig,
}

/// A record of a domain: as it should be, and as it was seen.
#[derive(SimpleObject)]
pub struct DomainRecord {
    pub name: String,
    /// TXT, MX, CNAME, SRV, CAA, TLSA.
    #[graphql(name = "type")]
    pub kind: String,
    pub facet: DomainFacet,
    pub expected: Vec<String>,
    pub observed: Vec<String>,
    pub status: RecordStatus,
    /// What to do; empty when there is nothing to say.
    pub hint: String,
    /// What is there and should go.
    pub stale: Vec<String>,
    /// Whether its facet is incomplete without it.
    pub required: bool,
}

impl From<tenants::Checked> for DomainRecord {
    fn from(c: tenants::Checked) -> Self {
        DomainRecord {
            name: c.name,
            kind: c.kind.name().to_owned(),
            facet: c.facet.into(),
            expected: c.expected,
            observed: c.observed,
            status: c.status.into(),
            hint: c.hint,
            stale: c.stale,
            required: c.required,
        }
    }
}

/// How the records stand together, by what they are for.
#[derive(SimpleObject)]
pub struct DomainFacets {
    pub ownership: RecordStatus,
    pub receive: RecordStatus,
    pub send: RecordStatus,
    pub policy: RecordStatus,
    pub client_config: RecordStatus,
}

impl DomainFacets {
    pub(crate) fn new(records: &[tenants::Checked]) -> Self {
        let of = |facet| tenants::facet_status(records, facet).into();
        DomainFacets {
            ownership: of(tenants::Facet::Ownership),
            receive: of(tenants::Facet::Receive),
            send: of(tenants::Facet::Send),
            policy: of(tenants::Facet::Policy),
            client_config: of(tenants::Facet::ClientConfig),
        }
    }
}

/// What a DKIM key has come to.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::DkimState")]
pub enum DkimKeyState {
    /// To be published.
    Pending,
    /// Seen in DNS; it signs.
    Active,
    /// Signs no more; its record stays for mail under way.
    Retired,
    /// Its record says so.
    Revoked,
}

/// A key that signs a domain's mail, without what is private.
#[derive(SimpleObject)]
pub struct DkimKey {
    pub selector: String,
    /// RFC 6376 and RFC 8463: rsa-sha256 or ed25519-sha256.
    pub algorithm: String,
    pub state: DkimKeyState,
    /// The text of its record.
    pub record: String,
    pub created_at: DateTime,
    pub turned_at: DateTime,
}

impl From<tenants::DkimKeyShown> for DkimKey {
    fn from(k: tenants::DkimKeyShown) -> Self {
        let algorithm = match k.algorithm {
            control::DkimAlgorithm::RsaSha256 => "rsa-sha256",
            control::DkimAlgorithm::Ed25519Sha256 => "ed25519-sha256",
        };
        DkimKey {
            selector: k.selector,
            algorithm: algorithm.to_owned(),
            state: k.state.into(),
            record: k.record,
            created_at: DateTime(k.created_at_ms),
            turned_at: DateTime(k.turned_at_ms),
        }
    }
}

/// Something the holder of a domain is to hear.
#[derive(SimpleObject)]
pub struct DomainNotice {
    pub at: DateTime,
    /// PROVEN, PROOF_GONE, LOST, CONTESTED, MX_GONE, REFUSED, VOUCHED; more may come.
    pub kind: String,
    pub detail: String,
}

impl From<tenants::DomainNotice> for DomainNotice {
    fn from(n: tenants::DomainNotice) -> Self {
        DomainNotice { at: DateTime(n.at_ms), kind: n.kind, detail: n.detail }
    }
}

/// A change of one record.
#[derive(SimpleObject)]
pub struct DomainRecordChange {
    pub name: String,
    #[graphql(name = "type")]
    pub kind: String,
    pub delete: Vec<String>,
    pub add: Vec<String>,
}

impl From<tenants::RecordChange> for DomainRecordChange {
    fn from(c: tenants::RecordChange) -> Self {
        DomainRecordChange { name: c.name, kind: c.kind.name().to_owned(), delete: c.delete, add: c.add }
    }
}

/// Who may publish a tenant's records; the secret is never shown.
#[derive(SimpleObject)]
pub struct DnsCredential {
    pub tenant_id: ID,
    /// null: all domains of the tenant that have none of their own.
    pub domain: Option<String>,
    pub server: String,
    pub zone: Option<String>,
    pub key_name: String,
}

impl From<tenants::DnsCredential> for DnsCredential {
    fn from(c: tenants::DnsCredential) -> Self {
        DnsCredential {
            tenant_id: ID(c.tenant.to_string()),
            domain: c.domain,
            server: c.server,
            zone: c.zone,
            key_name: c.key_name,
        }
    }
}

/// A domain that is meant.
#[derive(InputObject)]
pub(crate) struct DomainCheckInput {
    pub(crate) name: String,
    /// Whose claim is meant, where several below the token's tenant claim the name.
    pub(crate) tenant_id: Option<ID>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainPublishInput {
    pub(crate) name: String,
    /// Whose claim is meant, where several below the token's tenant claim the name.
    pub(crate) tenant_id: Option<ID>,
    /// Records whose other content may be taken away, as `example.org MX`.
    #[graphql(default)]
    pub(crate) confirm: Vec<String>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DnsCredentialSetInput {
    pub(crate) tenant_id: ID,
    /// Missing: all domains of the tenant that have none of their own.
    pub(crate) domain: Option<String>,
    /// Address and port of the server that takes updates (RFC 2136): `192.0.2.1:53`.
    pub(crate) server: String,
    /// Zone that the records are in; the domain itself when missing.
    pub(crate) zone: Option<String>,
    /// Name of the TSIG key.
    pub(crate) key_name: String,
    /// The key for hmac-sha256, base64.
    pub(crate) secret: String,
    #[graphql(flatten)]
    pub(crate) terms: crate::input::CreateTerms,
}

#[derive(InputObject)]
pub(crate) struct DnsCredentialDeleteInput {
    pub(crate) tenant_id: ID,
    pub(crate) domain: Option<String>,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

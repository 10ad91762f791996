//! SUMMARY    Who may publish a tenant's records: set, shown without the secret, taken away.
//! SECURITY   The secret goes in and never comes out.

use super::{Publisher, Rfc2136};
use crate::{
    Actor, Code, Domain, Done, Error, Permission, Result, Service, Terms,
    actor::Object,
    db::{Connection, query},
    dns::is_private,
    rows::text,
    terms::{Request, Start},
};
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A credential to be kept.
#[derive(Clone)]
pub struct NewDnsCredential {
    pub tenant: TenantId,
    /// `None`: of all domains of the tenant that have none of their own.
    pub domain: Option<String>,
    /// `192.0.2.1:53`
    pub server: String,
    /// Zone that the records are in; the domain itself when missing.
    pub zone: Option<String>,
    pub key_name: String,
    /// Base64, for hmac-sha256.
    pub secret: String,
}

/// Without the secret.
impl std::fmt::Debug for NewDnsCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {:?} {:?} {:?}", self.tenant, self.domain, self.server, self.zone, self.key_name)
    }
}

/// A credential as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsCredential {
    pub tenant: TenantId,
    pub domain: Option<String>,
    pub server: String,
    pub zone: Option<String>,
    pub key_name: String,
}

pub(super) struct Access {
    pub(super) publisher: Box<dyn Publisher>,
    pub(super) zone: String,
}

impl Service {
    /// Keeps a credential; one for the same domain is replaced.
    pub async fn dns_credential_set(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewDnsCredential,
    ) -> Result<Done<DnsCredential>> {
        let invalid = |field, why: &str| Error::new(Code::Invalid, field, why);
        let secret = STANDARD.decode(new.secret.trim()).map_err(|_| invalid("secret", "The secret is base64"))?;
        if secret.len() < 16 {
            return Err(invalid("secret", "A secret has 16 bytes at least"));
        }
        hickory_proto::rr::Name::from_ascii(&new.key_name).map_err(|_| invalid("keyName", "A key has a DNS name"))?;
        self.server(&new.server)?;
        let parse = |name: &Option<String>| name.as_deref().map(|n| crate::domain::parse_name(n, "domain")).transpose();
        let (domain, zone) = (parse(&new.domain)?, parse(&new.zone)?);
        let passwords = [new.secret.as_str()];
        let request = Request::with_passwords("dnsCredentialSet", format!("{new:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let name = domain.as_ref().map_or("", base::Domain::as_str);
        let object = domain.as_ref().map_or(Object::Whole, |d| Object::Domain(d.as_str()));
        self.permit_on(&mut work.txn, actor, Permission::DomainWrite, new.tenant, object).await?;
        let sealing = self.domains.sealing_key.as_ref();
        let sealing = sealing.ok_or_else(|| invalid("", "The server keeps no secrets: it has no sealing key"))?;
        query(
            "INSERT INTO dns_credential (tenant, name, server, zone, key_name, secret, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, name) DO UPDATE SET server = $3, zone = $4, \
             key_name = $5, secret = $6, changed_at = $7",
        )
        .bind(new.tenant.to_string())
        .bind(name)
        .bind(&new.server)
        .bind(zone.as_ref().map_or("", base::Domain::as_str))
        .bind(&new.key_name)
        .bind(sealing.seal(&place(new.tenant, name), &secret)?)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, new.tenant, "dnsCredentialSet", name, &new.server).await?;
        let shown = DnsCredential {
            tenant: new.tenant,
            domain: domain.map(|d| d.as_str().to_owned()),
            server: new.server.clone(),
            zone: zone.map(|d| d.as_str().to_owned()),
            key_name: new.key_name.clone(),
        };
        self.finish(work, shown, &[]).await
    }

    /// Forgets the credential of a domain, or (`None`) the tenant's. `NotFound` when there is none.
    pub async fn dns_credential_delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        domain: Option<&str>,
    ) -> Result<Done<String>> {
        let domain = domain.map(|n| crate::domain::parse_name(n, "domain")).transpose()?;
        let name = domain.as_ref().map_or("", base::Domain::as_str);
        let request = Request::new("dnsCredentialDelete", format!("{tenant} {name}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let object = domain.as_ref().map_or(Object::Whole, |d| Object::Domain(d.as_str()));
        self.permit_on(&mut work.txn, actor, Permission::DomainWrite, tenant, object).await?;
        let gone = query("DELETE FROM dns_credential WHERE tenant = $1 AND name = $2")
            .bind(tenant.to_string())
            .bind(name)
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("domain"));
        }
        self.audit(&mut work.txn, actor, tenant, "dnsCredentialDelete", name, "").await?;
        self.finish(work, name.to_owned(), &[]).await
    }

    fn server(&self, text: &str) -> Result<SocketAddr> {
        let invalid = |why| Error::new(Code::Invalid, "server", why);
        let server: SocketAddr =
            text.parse().map_err(|_| invalid("A server is an address with a port: 192.0.2.1:53"))?;
        if server.port() == 0 {
            return Err(invalid("A port is a number from 1 to 65535"));
        }
        match is_private(server.ip()) && !self.domains.private_addresses {
            true => Err(invalid("The server is in private address space")),
            false => Ok(server),
        }
    }

    /// The way to change a domain's zone: its own credential, else its tenant's.
    pub(super) async fn publisher_of(&self, txn: &mut Connection, domain: &Domain) -> Result<Access> {
        let row =
            query("SELECT * FROM dns_credential WHERE tenant = $1 AND name IN ('', $2) ORDER BY name DESC LIMIT 1")
                .bind(domain.tenant.to_string())
                .bind(&domain.name)
                .fetch_optional(txn)
                .await?;
        let none = || Error::new(Code::Invalid, "", "There is no DNS credential for the domain: set one first");
        let (row, sealing) = row.zip(self.domains.sealing_key.as_ref()).ok_or_else(none)?;
        let (name, zone) = (text(&row, "name")?, text(&row, "zone")?);
        let publisher = Rfc2136 {
            server: self.server(&text(&row, "server")?)?,
            key_name: text(&row, "key_name")?,
            secret: sealing.open(&place(domain.tenant, &name), &text(&row, "secret")?)?,
            clock: self.clock().clone(),
        };
        let zone = if zone.is_empty() { domain.name.clone() } else { zone };
        Ok(Access { publisher: Box::new(publisher), zone })
    }
}

/// What a sealed secret is bound to.
fn place(tenant: TenantId, name: &str) -> String {
    format!("dns {tenant} {name}")
}

//! SUMMARY    Look-ups over the network: the servers of the domain and two resolvers, each asked the same.
//! LIMITS     LOOK_UP_TIMEOUT, LOOK_UPS_AT_ONCE, CNAME_HOPS_MAX

use super::{
    Dns, Kind, Look, Looking,
    ask::{Question, ask},
    combine::{Said, combine},
    limits::{ASK_TIMEOUT, CNAME_HOPS_MAX, LOOK_UP_TIMEOUT, LOOK_UPS_AT_ONCE},
    name,
};
use futures_util::future::join_all;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Who is asked, and how.
#[derive(Debug, Clone)]
pub struct DnsOptions {
    /// Recursive resolvers; two, so that one that lies or fails is noticed.
    pub resolvers: Vec<SocketAddr>,
    /// Port of the servers of domains: 53 but in tests.
    pub authoritative_port: u16,
    /// Whether servers of domains in private address space are asked.
    pub private_addresses: bool,
    /// Wait for one answer.
    pub ask_timeout: Duration,
}

impl Default for DnsOptions {
    fn default() -> Self {
        DnsOptions { resolvers: Vec::new(), authoritative_port: 53, private_addresses: false, ask_timeout: ASK_TIMEOUT }
    }
}

/// DNS over the network.
pub struct HickoryDns {
    pub(super) options: DnsOptions,
    pub(super) zones: Mutex<HashMap<Name, (Instant, Vec<SocketAddr>)>>,
    turns: Semaphore,
}

impl HickoryDns {
    pub fn new(options: DnsOptions) -> HickoryDns {
        HickoryDns { options, zones: Mutex::default(), turns: Semaphore::new(LOOK_UPS_AT_ONCE) }
    }

    async fn known(&self, name: &str, kind: Kind) -> Look {
        let Ok(name) = name::parse(name) else { return Look::Unknown("not a name".to_owned()) };
        let Ok(_turn) = self.turns.acquire().await else { return Look::Unknown("ending".to_owned()) };
        let authorities = self.authorities(&name).await;
        let theirs = join_all(authorities.iter().map(|server| self.of_server(*server, &name, kind)));
        let resolvers = join_all(self.options.resolvers.iter().map(|r| self.of_resolver(*r, &name, kind)));
        let (theirs, resolvers) = tokio::join!(theirs, resolvers);
        combine(&theirs, &resolvers)
    }

    async fn of_resolver(&self, server: SocketAddr, name: &Name, kind: Kind) -> Said {
        let question = Question { name, kind: kind.wire(), recurse: true };
        let records = ask(server, &question, self.options.ask_timeout).await?;
        match follow(&records, name, kind)? {
            Followed::Here(records) => Ok(records),
            // A resolver that leaves an alias open found nothing behind it.
            Followed::Elsewhere(_) => Ok(Vec::new()),
        }
    }

    /// Asks a server of the domain; an alias that leads out of its domain is followed with the resolvers' help.
    async fn of_server(&self, server: SocketAddr, name: &Name, kind: Kind) -> Said {
        let mut at = (server, name.clone());
        for _ in 0..CNAME_HOPS_MAX {
            let question = Question { name: &at.1, kind: kind.wire(), recurse: false };
            let records = ask(at.0, &question, self.options.ask_timeout).await?;
            let target = match follow(&records, &at.1, kind)? {
                Followed::Here(records) => return Ok(records),
                Followed::Elsewhere(target) => target,
            };
            let server = self.authorities(&target).await.into_iter().next();
            at = (server.ok_or_else(|| format!("the servers of {target} are not found"))?, target);
        }
        Err("too many aliases (CNAME_HOPS_MAX)".to_owned())
    }
}

enum Followed {
    Here(Vec<String>),
    /// The answer ends at an alias to this name.
    Elsewhere(Name),
}

/// The records of a type at a name, through the aliases that the answer itself has.
fn follow(records: &[Record], name: &Name, kind: Kind) -> Result<Followed, String> {
    let mut name = name.clone();
    for hop in 0..=CNAME_HOPS_MAX {
        let here = |r: &&Record| r.name.eq_ignore_root(&name);
        let found: Vec<&Record> = records.iter().filter(here).collect();
        let wanted = found.iter().filter(|r| r.record_type() == kind.wire());
        let texts: Vec<String> = wanted.map(|r| name::record(r)).collect();
        let alias = found.iter().find_map(|r| match &r.data {
            RData::CNAME(target) if kind.wire() != RecordType::CNAME => Some(target.0.clone()),
            _ => None,
        });
        match alias {
            Some(target) => name = target,
            None if texts.is_empty() && hop > 0 => return Ok(Followed::Elsewhere(name)),
            None => return Ok(Followed::Here(texts)),
        }
    }
    Err("too many aliases (CNAME_HOPS_MAX)".to_owned())
}

impl Dns for HickoryDns {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        Box::pin(async move {
            match tokio::time::timeout(LOOK_UP_TIMEOUT, self.known(name, kind)).await {
                Ok(look) => look,
                Err(_) => Look::Unknown("the look-up took too long (LOOK_UP_TIMEOUT)".to_owned()),
            }
        })
    }
}

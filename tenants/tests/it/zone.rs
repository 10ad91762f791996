//! SUMMARY    A real DNS server on loopback whose records a test changes, and a world of three of them: the domain's own server
//!            and two resolvers.

use hickory_proto::{
    op::{Metadata, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::TXT},
};
use hickory_server::{
    Server,
    net::runtime::Time,
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponseBuilder,
};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tenants::{
    DomainOptions, SealingKey, Setup,
    dns::{DnsOptions, HickoryDns},
};
use tokio::net::{TcpListener, UdpSocket};

#[derive(Default)]
struct State {
    records: HashMap<(String, RecordType), Vec<RData>>,
    /// Names that are answered with SERVFAIL; "" stands for all.
    failing: HashSet<String>,
    /// Questions that were answered.
    asked: usize,
}

/// The records of one server.
#[derive(Clone, Default)]
pub struct Zone(Arc<Mutex<State>>);

impl Zone {
    /// The records of a type at a name, instead of those that are there.
    pub fn set(&self, name: &str, kind: RecordType, values: &[&str]) {
        let data = |value: &&str| match kind {
            RecordType::TXT => RData::TXT(TXT::from_bytes(value.as_bytes().chunks(255).collect())),
            other => RData::try_from_str(other, value).unwrap(),
        };
        let mut state = self.0.lock().unwrap();
        let key = (name.to_lowercase(), kind);
        match values.is_empty() {
            true => state.records.remove(&key),
            false => state.records.insert(key, values.iter().map(data).collect()),
        };
    }

    pub fn fail(&self, name: &str, failing: bool) {
        let mut state = self.0.lock().unwrap();
        match failing {
            true => state.failing.insert(name.to_owned()),
            false => state.failing.remove(name),
        };
    }

    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    /// Begins to serve over UDP and TCP.
    pub async fn serve(&self) -> SocketAddr {
        for _ in 0..100 {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = tcp.local_addr().unwrap();
            let Ok(udp) = UdpSocket::bind(address).await else { continue };
            let mut server = Server::new(self.clone());
            server.register_socket(udp);
            server.register_listener(tcp, Duration::from_secs(5), 16);
            tokio::spawn(async move {
                let _ = server.block_until_done().await;
            });
            return address;
        }
        panic!("no port is free for both UDP and TCP");
    }

    fn answer(&self, name: &Name, kind: RecordType) -> (ResponseCode, Vec<Record>) {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        let text = |n: &Name| n.to_ascii().trim_end_matches('.').to_lowercase();
        if state.failing.contains(&text(name)) || state.failing.contains("") {
            return (ResponseCode::ServFail, Vec::new());
        }
        let (mut at, mut records) = (name.clone(), Vec::new());
        for _ in 0..8 {
            let of = |kind| state.records.get(&(text(&at), kind)).cloned().unwrap_or_default();
            let found = of(kind);
            records.extend(found.iter().map(|d| Record::from_rdata(at.clone(), 60, d.clone())));
            match of(RecordType::CNAME).first() {
                Some(RData::CNAME(target)) if kind != RecordType::CNAME => {
                    records.push(Record::from_rdata(at.clone(), 60, RData::CNAME(target.clone())));
                    at = target.0.clone();
                }
                _ => break,
            }
        }
        let known = state.records.keys().any(|(n, _)| *n == text(name));
        (if known { ResponseCode::NoError } else { ResponseCode::NXDomain }, records)
    }
}

impl RequestHandler for Zone {
    fn handle_request<'a, 'b, 'f, R, T>(
        &'a self,
        request: &'b Request,
        mut response: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let info = request.request_info().unwrap();
            let (name, kind) = (Name::from(info.query.name().clone()), info.query.query_type());
            let (code, records) = self.answer(&name, kind);
            let mut metadata = Metadata::response_from_request(info.metadata);
            metadata.authoritative = true;
            metadata.response_code = code;
            let built = MessageResponseBuilder::from_message_request(request);
            let empty: [Record; 0] = [];
            response.send_response(built.build(metadata, &records, &empty, &empty, &empty)).await.unwrap()
        })
    }
}

/// A domain's server and two resolvers.
pub struct World {
    pub authority: Zone,
    pub resolvers: [Zone; 2],
    pub options: DomainOptions,
}

impl World {
    pub async fn new() -> World {
        let (authority, one, two) = (Zone::default(), Zone::default(), Zone::default());
        let port = authority.serve().await.port();
        let dns = DnsOptions {
            resolvers: vec![one.serve().await, two.serve().await],
            authoritative_port: port,
            private_addresses: true,
            ask_timeout: Duration::from_millis(500),
        };
        let options = DomainOptions {
            setup: Setup { hostname: "mail.host.example".into(), ..Setup::default() },
            dns: Arc::new(HickoryDns::new(dns)),
            failed_days_max: 3,
            sealing_key: Some(SealingKey::new([7; 32])),
            ..DomainOptions::default()
        };
        World { authority, resolvers: [one, two], options }
    }

    /// Delegates a domain to the authority.
    pub fn delegate(&self, domain: &str) {
        for resolver in &self.resolvers {
            resolver.set(domain, RecordType::NS, &["ns.host.example."]);
            resolver.set("ns.host.example", RecordType::A, &["127.0.0.1"]);
        }
    }

    /// Records everywhere.
    pub fn publish(&self, name: &str, kind: RecordType, values: &[&str]) {
        for zone in self.resolvers.iter().chain([&self.authority]) {
            zone.set(name, kind, values);
        }
    }

    pub fn fail(&self, name: &str, failing: bool) {
        for zone in self.resolvers.iter().chain([&self.authority]) {
            zone.fail(name, failing);
        }
    }
}

//! SUMMARY    One question to one server: UDP, and TCP when the answer does not fit.
//! STANDARDS  RFC 1035 §4.2, RFC 6891, RFC 7766, RFC 5452 (port and id are random, the question is compared)
//! LIMITS     ASK_TIMEOUT, ASK_TRIES, UDP_BYTES_MAX, ANSWER_BYTES_MAX, ANSWER_RECORDS_MAX

use super::limits::{ANSWER_BYTES_MAX, ANSWER_RECORDS_MAX, ASK_TRIES, UDP_BYTES_MAX};
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, Record, RecordType},
};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// A question.
pub(crate) struct Question<'a> {
    pub(crate) name: &'a Name,
    pub(crate) kind: RecordType,
    /// Whether the server is to find the answer elsewhere.
    pub(crate) recurse: bool,
}

/// The answer section of a server that answered; empty when the name or the type is not there.
pub(crate) async fn ask(server: SocketAddr, question: &Question<'_>, wait: Duration) -> Result<Vec<Record>, String> {
    let mut why = String::new();
    for _ in 0..ASK_TRIES {
        match timeout(wait, over_udp(server, question)).await {
            Ok(Ok(answer)) if answer.metadata.truncation => {
                let whole = timeout(wait, over_tcp(server, question)).await;
                return taken(whole.map_err(|_| format!("{server} did not answer over TCP"))??);
            }
            Ok(Ok(answer)) => return taken(answer),
            Ok(Err(e)) => why = e,
            Err(_) => why = format!("{server} did not answer"),
        }
    }
    Err(why)
}

fn taken(answer: Message) -> Result<Vec<Record>, String> {
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain if answer.answers.len() <= ANSWER_RECORDS_MAX => {
            Ok(answer.answers)
        }
        ResponseCode::NoError | ResponseCode::NXDomain => Err("too many records (ANSWER_RECORDS_MAX)".to_owned()),
        code => Err(format!("a server answered {code}")),
    }
}

fn message(question: &Question<'_>) -> Result<(u16, Vec<u8>), String> {
    let id = u16::from_be_bytes(crate::rows::random::<2>().map_err(|e| e.message)?);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = question.recurse;
    message.add_query(Query::query(question.name.clone(), question.kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_BYTES_MAX);
    message.set_edns(edns);
    Ok((id, message.to_vec().map_err(|e| e.to_string())?))
}

/// Whether it answers what was asked.
fn answers(answer: &Message, id: u16, question: &Question<'_>) -> bool {
    let same = |q: &Query| q.name().eq_ignore_root(question.name) && q.query_type() == question.kind;
    answer.metadata.id == id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries.first().is_some_and(same)
}

async fn over_udp(server: SocketAddr, question: &Question<'_>) -> Result<Message, String> {
    let at = |e: std::io::Error| format!("{server}: {e}");
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await.map_err(at)?;
    socket.connect(server).await.map_err(at)?;
    let (id, bytes) = message(question)?;
    socket.send(&bytes).await.map_err(at)?;
    let mut buffer = vec![0u8; usize::from(UDP_BYTES_MAX)];
    loop {
        let read = socket.recv(&mut buffer).await.map_err(at)?;
        // What does not answer the question was sent by somebody else: the answer may still come.
        match Message::from_vec(buffer.get(..read).unwrap_or_default()) {
            Ok(answer) if answers(&answer, id, question) => return Ok(answer),
            _ => {}
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &Question<'_>) -> Result<Message, String> {
    let (id, bytes) = message(question)?;
    let answer = exchange(server, &bytes).await?;
    let answer = Message::from_vec(&answer).map_err(|e| format!("{server}: {e}"))?;
    match answers(&answer, id, question) {
        true => Ok(answer),
        false => Err(format!("{server} answered another question")),
    }
}

/// One message and its answer over TCP (RFC 1035 §4.2.2).
pub(crate) async fn exchange(server: SocketAddr, message: &[u8]) -> Result<Vec<u8>, String> {
    let at = |e: std::io::Error| format!("{server}: {e}");
    let mut stream = TcpStream::connect(server).await.map_err(at)?;
    let size = u16::try_from(message.len()).map_err(|_| "a message too long for TCP".to_owned())?;
    stream.write_all(&[&size.to_be_bytes(), message].concat()).await.map_err(at)?;
    let size = usize::from(stream.read_u16().await.map_err(at)?);
    if size > ANSWER_BYTES_MAX {
        return Err(format!("{server} answered too much (ANSWER_BYTES_MAX)"));
    }
    let mut answer = vec![0u8; size];
    stream.read_exact(&mut answer).await.map_err(at)?;
    Ok(answer)
}

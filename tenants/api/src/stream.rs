//! SUMMARY    Subscriptions on the wire: WebSocket at GET /graphql/ws, server-sent events by POST /graphql.
//! STANDARDS  graphql-transport-ws; graphql-sse (distinct connections); RFC 6455; HTML server-sent events
//! SECURITY   A WebSocket says who it is in connection_init, `{ "Authorization": "Bearer …" }`; until then nothing runs. It runs
//!            subscriptions only: queries and mutations go by POST, where each shows its token.
//! LIMITS     REQUEST_BYTES_MAX, SOCKET_SILENCE_MAX, SOCKET_MESSAGES_MAX, STREAM_QUEUE_MAX, STREAM_STALL_MAX
//! INVARIANTS A stream is driven by its server, not by its reader: it ends in time, also for a reader that takes nothing.

use crate::{
    ApiSchema, REQUEST_BYTES_MAX, Shared, bearer_token, coded, failure::top_level, people::visitor, refused, shape,
    subscription::Ticket,
};
use async_graphql::{
    Data, Executor, Pos, Request, Response, ServerError,
    async_trait::async_trait,
    http::{WebSocket as Protocol, WebSocketProtocols, WsMessage},
    parser::types::OperationType,
};
use axum::{
    Extension,
    extract::{
        ConnectInfo, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response as HttpResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, pin_mut, stream, stream::BoxStream};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::{interval, timeout},
};

/// The protocol that is spoken.
const PROTOCOL: &str = "graphql-transport-ws";
/// A socket whose client says nothing, not even a pong, for so long is closed (3008).
const SOCKET_SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often a socket is pinged; the first time it must have said who it is (4408).
const SOCKET_PING: Duration = Duration::from_secs(10);
/// Messages of one socket that wait; a client that sends more without waiting is closed (4429).
const SOCKET_MESSAGES_MAX: usize = 64;
/// Results that wait for one reader of server-sent events.
const STREAM_QUEUE_MAX: usize = 64;
/// How long a reader may take nothing while something waits for it; then its stream is dropped.
const STREAM_STALL_MAX: Duration = Duration::from_secs(10);

/// Tells a server's streams to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(pub(crate) Option<watch::Receiver<bool>>);

impl Stop {
    /// Returns when the server ends.
    async fn stopped(&mut self) {
        match &mut self.0 {
            // Whoever could have told has gone.
            Some(stop) => drop(stop.wait_for(|stop| *stop).await),
            None => std::future::pending().await,
        }
    }
}

/// Answers a request with server-sent events: `next` for each result, then `complete`.
pub(crate) fn events(schema: &ApiSchema, request: Request, stop: Stop) -> HttpResponse {
    let results = driven(schema.execute_stream(request), stop, STREAM_STALL_MAX);
    let next = |result: Response| {
        let data = serde_json::to_string(&coded(result)).unwrap_or_default();
        Ok::<_, Infallible>(Event::default().event("next").data(data))
    };
    let complete = stream::once(async { Ok(Event::default().event("complete").data("")) });
    Sse::new(results.map(next).chain(complete)).keep_alive(KeepAlive::default()).into_response()
}

/// Results as they come, by a task of their own: a reader that takes none within `stall` is dropped.
fn driven<T: Send + 'static>(
    results: impl Stream<Item = T> + Send + 'static,
    mut stop: Stop,
    stall: Duration,
) -> impl Stream<Item = T> {
    let (tell, told) = mpsc::channel(STREAM_QUEUE_MAX);
    tokio::spawn(async move {
        pin_mut!(results);
        loop {
            let result = tokio::select! {
                result = results.next() => result,
                () = tell.closed() => return,
                () = stop.stopped() => return,
            };
            let Some(result) = result else { return };
            if !matches!(timeout(stall, tell.send(result)).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    stream::unfold(told, |mut told| async move { told.recv().await.map(|result| (result, told)) })
}

pub(crate) async fn socket(
    State(shared): State<Shared>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> HttpResponse {
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(REQUEST_BYTES_MAX);
    if upgrade.selected_protocol().is_none() {
        return refused(StatusCode::BAD_REQUEST, "INVALID", "The WebSocket's protocol is graphql-transport-ws");
    }
    let peer = peer.map(|Extension(ConnectInfo(address))| address.ip());
    let ticket = Ticket::new(&headers, visitor::origin(peer, &headers, &shared.options.trusted_proxies));
    upgrade.on_upgrade(move |socket| serve(socket, shared, ticket))
}

/// What a socket has come to.
#[derive(Default)]
struct Standing {
    /// It said who it is.
    greeted: AtomicBool,
    /// It said so wrongly.
    turned_away: AtomicBool,
}

async fn serve(mut socket: WebSocket, shared: Shared, ticket: Ticket) {
    let standing = Arc::new(Standing::default());
    let (hear, heard) = mpsc::channel::<Vec<u8>>(SOCKET_MESSAGES_MAX);
    let messages = Box::pin(stream::unfold(heard, |mut heard| async move { heard.recv().await.map(|m| (m, heard)) }));
    let (service, greeting) = (shared.service.clone(), standing.clone());
    let init = move |payload: serde_json::Value| async move {
        let header = payload.get("Authorization").or(payload.get("authorization"));
        let ticket = ticket.with_token(header.and_then(|v| bearer_token(v.as_str()?)).unwrap_or_default());
        let actor = ticket.actor(&service).await.map_err(|e| {
            greeting.turned_away.store(true, Ordering::Relaxed);
            top_level("UNAUTHENTICATED", e.message)
        })?;
        greeting.greeted.store(true, Ordering::Relaxed);
        let mut data = Data::default();
        data.insert(actor);
        data.insert(ticket);
        Ok(data)
    };
    let answers =
        Protocol::new(Subscriptions(shared.schema), messages, WebSocketProtocols::GraphQLWS).on_connection_init(init);
    pin_mut!(answers);
    let (mut stop, mut ping, mut heard_at) = (shared.stop, interval(SOCKET_PING), Instant::now());
    ping.tick().await;
    let close = loop {
        tokio::select! {
            frame = socket.recv() => {
                heard_at = Instant::now();
                let message = match frame {
                    Some(Ok(Message::Text(text))) => text.as_str().as_bytes().to_vec(),
                    Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                if hear.try_send(message).is_err() {
                    break Some((4429, "too many messages at once (SOCKET_MESSAGES_MAX)".to_owned()));
                }
            }
            answer = answers.next() => match answer {
                Some(WsMessage::Text(text)) => if !said(&mut socket, Message::Text(text.into())).await { return },
                Some(WsMessage::Close(..)) if standing.turned_away.load(Ordering::Relaxed) => {
                    break Some((4403, "Forbidden".to_owned()));
                }
                Some(WsMessage::Close(code, why)) => break Some((code, why)),
                None => break None,
            },
            _ = ping.tick() => {
                if !standing.greeted.load(Ordering::Relaxed) {
                    break Some((4408, "Connection initialisation timeout".to_owned()));
                }
                if heard_at.elapsed() > SOCKET_SILENCE_MAX {
                    break Some((3008, "silent for too long (SOCKET_SILENCE_MAX)".to_owned()));
                }
                if !said(&mut socket, Message::Ping(Vec::new().into())).await { return }
            }
            () = stop.stopped() => break Some((1001, "the server ends".to_owned())),
        }
    };
    let frame = close.map(|(code, why)| CloseFrame { code, reason: why.into() });
    said(&mut socket, Message::Close(frame)).await;
}

/// Whether the client took it within STREAM_STALL_MAX.
async fn said(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(STREAM_STALL_MAX, socket.send(message)).await, Ok(Ok(())))
}

/// The schema, for subscriptions only.
#[derive(Clone)]
struct Subscriptions(ApiSchema);

#[async_trait]
impl Executor for Subscriptions {
    async fn execute(&self, _: Request) -> Response {
        elsewhere()
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        match subscribes(&request) {
            Ok(true) => self.0.execute_stream_with_session_data(request, session.unwrap_or_default()),
            Ok(false) => stream::once(async { elsewhere() }).boxed(),
            Err(e) => stream::once(async { coded(Response::from_errors(vec![e])) }).boxed(),
        }
    }
}

/// Whether a request asks for a subscription, and for nothing else. Errors: it cannot be read.
pub(crate) fn subscribes(request: &Request) -> Result<bool, ServerError> {
    let named = |name: Option<&str>| request.operation_name.as_deref().is_none_or(|asked| name == Some(asked));
    let document = shape::parse(&request.query)?;
    let mut asked = document.operations.iter().filter(|(name, _)| named(name.map(|n| n.as_str()))).peekable();
    Ok(asked.peek().is_some() && asked.all(|(_, o)| o.node.ty == OperationType::Subscription))
}

fn elsewhere() -> Response {
    let error = top_level("INVALID", "A WebSocket takes subscriptions; send queries and mutations by POST");
    Response::from_errors(vec![error.into_server_error(Pos::default())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    /// Tells when it is dropped.
    struct Dropped(Option<oneshot::Sender<()>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.take().map(|tell| tell.send(()));
        }
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_dropped_and_hears_no_more_than_what_waited() {
        let (tell, dropped) = oneshot::channel();
        let endless = stream::unfold((0u32, Dropped(Some(tell))), |(n, d)| async move { Some((n, (n + 1, d))) });
        let read = driven(endless, Stop::default(), Duration::from_millis(20));
        tokio::time::timeout(Duration::from_secs(30), dropped).await.expect("it is dropped").unwrap();
        let heard: Vec<u32> = read.collect().await;
        assert_eq!(heard, (0..64).collect::<Vec<_>>(), "STREAM_QUEUE_MAX");
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_server() {
        let (tell, stop) = watch::channel(false);
        let read = driven(stream::pending::<u32>(), Stop(Some(stop)), STREAM_STALL_MAX);
        tell.send(true).unwrap();
        assert_eq!(tokio::time::timeout(Duration::from_secs(30), read.count()).await, Ok(0));
    }
}

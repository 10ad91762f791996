//! SUMMARY    A lean GraphQL client: one keep-alive connection, one request at a time, and patience when it is throttled.
//! STANDARDS  RFC 9112 (HTTP/1.1), RFC 6750 (bearer tokens), GraphQL over HTTP
//! LIMITS     HEADER_LINES_MAX, BODY_BYTES_MAX, THROTTLED_MAX, TRIES_MAX
//! INVARIANTS Only requests with an idempotency key are repeated after a connection was lost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    error::{Error, Result, check, protocol},
    net::{Conn, Target},
};

/// Header lines of one answer.
const HEADER_LINES_MAX: usize = 100;
/// Bytes of one answer.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Times a request waits because it is throttled.
const THROTTLED_MAX: u32 = 1_000;
/// Times a request with a key is sent when connections are lost.
const TRIES_MAX: u32 = 20;
/// Pause before a lost connection is opened anew.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of one read.
const READ_BYTES: usize = 16 << 10;

/// Where the API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    target: Target,
    path: String,
}

impl Endpoint {
    /// `http://HOST:PORT/graphql`; the path may be left out.
    pub fn parse(url: &str) -> Result<Endpoint> {
        let rest = url.strip_prefix("http://").ok_or_else(|| check("the API's address begins with http://"))?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, "graphql"));
        if !address.contains(':') {
            return Err(check("the API's address names a port"));
        }
        let target = Target { address: address.to_owned(), tls: false, source: None };
        Ok(Endpoint { target, path: format!("/{path}") })
    }
}

impl Endpoint {
    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn url(&self) -> String {
        format!("http://{}{}", self.target.address, self.path)
    }
}

/// An answer as it came.
pub struct Answer {
    pub status: u16,
    /// Seconds to wait before asking again.
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

pub struct Client {
    endpoint: Endpoint,
    conn: Option<Conn>,
    out: Vec<u8>,
    /// Answers that said "later".
    pub throttled: u64,
    /// Connections that were lost and opened anew.
    pub reconnects: u64,
    /// Time from the last request that was answered to its answer, waits apart.
    pub took: Duration,
}

impl Client {
    pub fn new(endpoint: &Endpoint) -> Client {
        Client {
            endpoint: endpoint.clone(),
            conn: None,
            out: Vec::new(),
            throttled: 0,
            reconnects: 0,
            took: Duration::ZERO,
        }
    }

    /// The body of a request.
    pub fn body(text: &str, variables: &Value) -> Vec<u8> {
        json!({ "query": text, "variables": variables }).to_string().into_bytes()
    }

    /// Sends one request and reads its answer, whatever it says.
    pub async fn post(&mut self, token: &str, body: &[u8]) -> Result<Answer> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => Conn::open(&self.endpoint.target, READ_BYTES).await?,
        };
        self.out.clear();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.endpoint.path,
            self.endpoint.target.address,
            body.len()
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(body);
        conn.write(&self.out).await?;
        let answer = answer(&mut conn).await?;
        self.conn = Some(conn);
        Ok(answer)
    }

    /// The data of a query; waits while it is throttled.
    pub async fn query(&mut self, token: &str, text: &str, variables: &Value) -> Result<Value> {
        let body = Self::body(text, variables);
        for _ in 0..THROTTLED_MAX {
            let began = Instant::now();
            let answer = self.post(token, &body).await?;
            self.took = began.elapsed();
            if answer.status == 429 {
                self.throttled += 1;
                tokio::time::sleep(Duration::from_secs(answer.retry_after.unwrap_or(1))).await;
                continue;
            }
            let mut value: Value = serde_json::from_slice(&answer.body).map_err(|e| protocol(e.to_string()))?;
            if answer.status != 200 || value.get("errors").is_some() {
                return Err(Error::Refused { code: answer.status, text: value.to_string() });
            }
            return Ok(value.get_mut("data").map(Value::take).unwrap_or_default());
        }
        Err(check(format!("throttled {THROTTLED_MAX} times (THROTTLED_MAX)")))
    }

    /// The payload of a mutation `name(input: KIND!)`; an error when there are user errors. With a key in its input it is sent
    /// again when the connection is lost.
    pub async fn mutate(&mut self, token: &str, name: &str, fields: &str, input: &Value) -> Result<Value> {
        let kind = kind(name);
        let text = format!(
            "mutation($i: {kind}!) {{ r: {name}(input: $i) {{ {fields} userErrors {{ field message code }} }} }}"
        );
        let variables = json!({ "i": input });
        let mut tries = 0;
        loop {
            match self.query(token, &text, &variables).await {
                Err(Error::Io(_)) if input.get("idempotencyKey").is_some() && tries < TRIES_MAX => {
                    tries += 1;
                    self.reconnects += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(e) => return Err(e),
                Ok(mut data) => return payload(name, data.get_mut("r").map(Value::take)),
            }
        }
    }
}

/// The input type of a mutation.
fn kind(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain("Input".chars()).collect()
}

fn payload(name: &str, payload: Option<Value>) -> Result<Value> {
    let payload = payload.unwrap_or_default();
    match payload.get("userErrors").and_then(Value::as_array) {
        Some(errors) if errors.is_empty() => Ok(payload),
        Some(errors) => Err(check(format!("{name}: {}", Value::from(errors.clone())))),
        None => Err(protocol(format!("{name}: no payload"))),
    }
}

/// A text of an answer.
pub fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| protocol(format!("the answer has no {pointer}: {value}")))
}

/// Reads one answer. axum tells the length of every body it has whole, and ours are.
async fn answer(conn: &mut Conn) -> Result<Answer> {
    let line = conn.line().await?;
    let status =
        line.split(|b| *b == b' ').nth(1).and_then(|c| std::str::from_utf8(c).ok()).and_then(|c| c.parse().ok());
    let status = status.ok_or_else(|| protocol(format!("not an answer: {}", String::from_utf8_lossy(line))))?;
    let (mut length, mut retry_after) = (None, None);
    for _ in 0..HEADER_LINES_MAX {
        let line = String::from_utf8_lossy(conn.line().await?).into_owned();
        if line.is_empty() {
            let length = length.ok_or_else(|| protocol("an answer without Content-Length"))?;
            if length > BODY_BYTES_MAX {
                return Err(protocol(format!("an answer of {length} bytes (BODY_BYTES_MAX)")));
            }
            let mut body = Vec::with_capacity(length);
            conn.take(length, &mut body).await?;
            return Ok(Answer { status, retry_after, body });
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "retry-after" => retry_after = value.trim().parse().ok(),
            _ => {}
        }
    }
    Err(protocol(format!("more than {HEADER_LINES_MAX} header lines (HEADER_LINES_MAX)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_type_is_named_after_its_mutation() {
        assert_eq!(kind("mailboxesCreate"), "MailboxesCreateInput");
    }

    #[test]
    fn an_address_has_scheme_and_port() {
        assert_eq!(Endpoint::parse("http://127.0.0.1:80/graphql").unwrap().path, "/graphql");
        assert_eq!(Endpoint::parse("http://127.0.0.1:80").unwrap().path, "/graphql");
        assert!(Endpoint::parse("https://127.0.0.1:80").is_err() && Endpoint::parse("http://localhost").is_err());
    }

    #[test]
    fn user_errors_are_errors() {
        assert!(payload("x", Some(json!({ "userErrors": [] }))).is_ok());
        assert!(payload("x", Some(json!({ "userErrors": [{ "code": "TAKEN" }] }))).is_err());
        assert!(payload("x", None).is_err());
    }
}

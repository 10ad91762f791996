//! SUMMARY    The server's GraphQL API, as far as a driver needs it to set a run up: one request, one connection.
//! LIMITS     ANSWER_BYTES_MAX

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::error::{Result, check, protocol};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Where the API is, and who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Api {
    /// HOST:PORT, plain HTTP.
    pub address: String,
    pub token: String,
}

impl Api {
    /// Runs a mutation without variables; gives its payload. An error, also one of the user, is `Check`.
    pub async fn mutate(&self, name: &str, input: &str) -> Result<Value> {
        let query = format!("mutation {{ {name}(input: {input}) {{ userErrors {{ message }} }} }}");
        let body = json!({ "query": query }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.token,
            body.len(),
        );
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        // With `Connection: close` the body may still be chunked: the JSON is from the first brace to the last.
        let (head, rest) = answer.split_once("\r\n\r\n").ok_or_else(|| protocol("an answer without a body"))?;
        let json = rest.find('{').zip(rest.rfind('}')).and_then(|(from, to)| rest.get(from..=to));
        let json: Value = serde_json::from_str(json.unwrap_or_default())
            .map_err(|e| protocol(format!("{}: {e}", head.lines().next().unwrap_or_default())))?;
        let payload = json.pointer(&format!("/data/{name}")).cloned().unwrap_or(Value::Null);
        let refused = payload.get("userErrors").and_then(Value::as_array).is_none_or(|errors| !errors.is_empty());
        if refused { Err(check(format!("{name}: {json}"))) } else { Ok(payload) }
    }
}

//! SUMMARY    The two small clients the demo needs: GraphQL over HTTP, and SMTP.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Runs a mutation whose field is aliased `r`; gives that field. Refusals are errors.
pub async fn graphql(port: u16, token: &str, query: &str, variables: Value) -> Result<Value, String> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(port, &request).await.map_err(|e| format!("graphql: {e}"))?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("graphql: no body")?;
    let answer: Value = serde_json::from_str(body).map_err(|e| format!("graphql: {e}: {body}"))?;
    let result = answer.pointer("/data/r").filter(|r| !r.is_null()).ok_or_else(|| format!("graphql: {answer}"))?;
    match result.get("userErrors").and_then(Value::as_array) {
        Some(errors) if errors.is_empty() => Ok(result.clone()),
        _ => Err(format!("graphql: {result}")),
    }
}

async fn exchange(port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Delivers messages over one SMTP connection.
pub async fn smtp(port: u16, from: &str, messages: &[(&str, &str)]) -> Result<(), String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|e| format!("smtp: {e}"))?;
    let mut stream = BufReader::new(stream);
    expect(&mut stream, "220").await?;
    ask(&mut stream, "EHLO elsewhere.example", "250").await?;
    for (to, text) in messages {
        ask(&mut stream, &format!("MAIL FROM:<{from}>"), "250").await?;
        ask(&mut stream, &format!("RCPT TO:<{to}>"), "250").await?;
        ask(&mut stream, "DATA", "354").await?;
        let lines: Vec<String> =
            text.lines().map(|l| if l.starts_with('.') { format!(".{l}") } else { l.to_owned() }).collect();
        ask(&mut stream, &format!("{}\r\n.", lines.join("\r\n")), "250").await?;
    }
    ask(&mut stream, "QUIT", "221").await
}

async fn ask(stream: &mut BufReader<TcpStream>, line: &str, code: &str) -> Result<(), String> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.map_err(|e| format!("smtp: {e}"))?;
    expect(stream, code).await
}

async fn expect(stream: &mut BufReader<TcpStream>, code: &str) -> Result<(), String> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.map_err(|e| format!("smtp: {e}"))?;
        match line.get(3..4) {
            Some("-") => {}
            _ if line.starts_with(code) => return Ok(()),
            _ => return Err(format!("smtp: expected {code}, got {line:?}")),
        }
    }
}

//! SUMMARY    `load sink`: a host on the other side of the internet that takes every message, after a delay, and counts.
//! STANDARDS  RFC 5321, as much of it as a sender needs.
//! INVARIANTS Counted is what was answered with 250. A message that came twice is told: by its Message-ID.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::LocalSet,
};

use crate::{
    error::{Result, check},
    stats::per_second,
};

/// Longest line that is kept; what is behind it is read and dropped.
const LINE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct SinkArgs {
    /// Where it listens; the port is told in the first line of output.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Time between the end of a message and its 250.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Ends when so many messages were taken.
    #[arg(long)]
    messages: u64,
    /// Longest wait for them, seconds.
    #[arg(long, default_value_t = 600)]
    wait_s: u64,
}

#[derive(Debug, Serialize)]
struct Listening {
    port: u16,
}

#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    /// By the name in EHLO.
    senders: BTreeMap<String, u64>,
    ids: HashSet<Vec<u8>>,
    doubled: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

#[derive(Debug, Serialize)]
struct Report {
    messages: u64,
    doubled: u64,
    senders: BTreeMap<String, u64>,
    /// From the first message to the last.
    elapsed_s: f64,
    per_s: f64,
}

struct Sink {
    delay: Duration,
    expected: u64,
    seen: RefCell<Seen>,
    done: Notify,
}

pub async fn run(args: SinkArgs) -> Result<()> {
    let listener = TcpListener::bind(&args.listen).await?;
    say(&Listening { port: listener.local_addr()?.port() })?;
    let sink = Rc::new(Sink {
        delay: Duration::from_millis(args.delay_ms),
        expected: args.messages,
        seen: RefCell::default(),
        done: Notify::new(),
    });
    let sessions = LocalSet::new();
    let waited = sessions.run_until(async {
        let accept = tokio::task::spawn_local(accept(listener, sink.clone()));
        let waited = tokio::time::timeout(Duration::from_secs(args.wait_s), sink.done.notified()).await;
        accept.abort();
        waited
    });
    let waited = waited.await;
    let seen = sink.seen.borrow();
    let elapsed = seen.first.zip(seen.last).map_or(Duration::ZERO, |(first, last)| last - first);
    say(&Report {
        messages: seen.messages,
        doubled: seen.doubled,
        senders: seen.senders.clone(),
        elapsed_s: elapsed.as_secs_f64(),
        per_s: per_second(seen.messages, elapsed),
    })?;
    waited.map_err(|_| check(format!("{} of {} messages came", seen.messages, args.messages)))
}

fn say(line: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(line).map_err(|e| check(e.to_string()))?);
    Ok(())
}

async fn accept(listener: TcpListener, sink: Rc<Sink>) {
    while let Ok((stream, _)) = listener.accept().await {
        let sink = sink.clone();
        // A sender that goes in the midst of a message has not sent it.
        tokio::task::spawn_local(async move { sink.session(stream).await.unwrap_or_default() });
    }
}

impl Sink {
    async fn session(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.split();
        let mut reader = BufReader::new(reader);
        let mut name = String::new();
        answer(&mut writer, "220 sink\r\n").await?;
        while let Some(line) = line(&mut reader).await? {
            let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match word.as_slice() {
                b"EHLO" => {
                    name =
                        String::from_utf8_lossy(&line).split_ascii_whitespace().nth(1).unwrap_or_default().to_owned();
                    answer(&mut writer, "250-sink\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n").await?;
                }
                b"DATA" => {
                    answer(&mut writer, "354 go on\r\n").await?;
                    let Some(id) = message(&mut reader).await? else { return Ok(()) };
                    tokio::time::sleep(self.delay).await;
                    answer(&mut writer, "250 taken\r\n").await?;
                    self.count(&name, id);
                }
                b"QUIT" => return answer(&mut writer, "221 bye\r\n").await,
                _ => answer(&mut writer, "250 ok\r\n").await?,
            }
        }
        Ok(())
    }

    fn count(&self, name: &str, id: Vec<u8>) {
        let mut seen = self.seen.borrow_mut();
        let now = Instant::now();
        seen.first.get_or_insert(now);
        seen.last = Some(now);
        seen.messages += 1;
        *seen.senders.entry(name.to_owned()).or_default() += 1;
        if !id.is_empty() && !seen.ids.insert(id) {
            seen.doubled += 1;
        }
        if seen.messages >= self.expected {
            self.done.notify_one();
        }
    }
}

/// The Message-ID of a message that ended with a dot; empty if it has none.
async fn message(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>> {
    const FIELD: &[u8] = b"message-id:";
    let (mut id, mut header) = (Vec::new(), true);
    while let Some(line) = line(reader).await? {
        match line.as_slice() {
            b".\r\n" => return Ok(Some(id)),
            b"\r\n" => header = false,
            field if header && field.get(..FIELD.len()).is_some_and(|f| f.eq_ignore_ascii_case(FIELD)) => {
                id = field.get(FIELD.len()..).unwrap_or_default().trim_ascii().to_vec();
            }
            _ => {}
        }
    }
    Ok(None)
}

async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>> {
    use tokio::io::AsyncReadExt;
    let mut line = Vec::new();
    let read = reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    Ok((read > 0).then_some(line))
}

async fn answer(writer: &mut (impl AsyncWrite + Unpin), text: &str) -> Result<()> {
    writer.write_all(text.as_bytes()).await?;
    Ok(())
}

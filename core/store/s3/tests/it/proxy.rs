//! SUMMARY    Somebody between client and server who can be told to refuse, to be silent, or to cut answers.
//! INVARIANTS What it was told holds at once: connections of before are closed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Answers 503 to everything.
    Busy,
    /// Takes connections and says nothing.
    Silent,
    /// Closes connections as they come.
    Closed,
    /// Closes after so many bytes of answers.
    Cut(usize),
    /// Passes on what is asked, and closes when the answer comes.
    Swallow,
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            mode: Arc::new(watch::Sender::new(Mode::Pass)),
            connections: Arc::default(),
        };
        let own = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                own.connections.fetch_add(1, Ordering::SeqCst);
                let mut mode = own.mode.subscribe();
                tokio::spawn(async move {
                    let now = *mode.borrow_and_update();
                    tokio::select! {
                        _ = handle(now, client, server) => {}
                        _ = mode.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn handle(mode: Mode, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    match mode {
        Mode::Pass => {
            let mut server = TcpStream::connect(server).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        }
        Mode::Busy => busy(client).await?,
        Mode::Silent => std::future::pending().await,
        Mode::Closed => {}
        Mode::Cut(most) => answer(client, server, most).await?,
        Mode::Swallow => answer(client, server, 0).await?,
    }
    Ok(())
}

async fn busy(mut client: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let answer = format!("HTTP/1.1 503 Slow Down\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    client.write_all(answer.as_bytes()).await?;
    // What is still being sent is read, so that the answer is not lost in a reset.
    tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Passes on `most` bytes of what the server says, and closes with the next.
async fn answer(client: TcpStream, server: SocketAddr, most: usize) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let ((mut asks, mut hears), (mut answers, mut to_server)) = (client.into_split(), server.into_split());
    let up = tokio::spawn(async move { tokio::io::copy(&mut asks, &mut to_server).await });
    let (mut left, mut piece) = (most, vec![0; 64 * 1024]);
    loop {
        let read = answers.read(&mut piece).await?;
        let passed = read.min(left);
        hears.write_all(&piece[..passed]).await?;
        left -= passed;
        if read == 0 || passed < read {
            up.abort();
            return Ok(());
        }
    }
}

//! SUMMARY    The control socket DATA/ctl.sock of a running server: who holds the machine's account of the server may use it.
//! SECURITY   A Unix socket, not a token over HTTP: the file system already says who may read the master key and the mail, and who
//!            may is the operator; a token would be a second secret to lose, in shell histories and process lists, and the HTTP
//!            port may stand behind a proxy. The socket has mode 0600, and the kernel is asked for each caller's user: the
//!            server's own or root. A stolen operator token cannot reach it, and no network can.
//! LIMITS     CTL_LINE_BYTES_MAX, CTL_CONNECTIONS_MAX, REQUEST_TIMEOUT
//! INVARIANTS The socket is bound while the lock of the store, or of the folder, is held: what lies at its place is stale and is replaced.

use super::{
    desk::Desk,
    request::{Event, Request},
};
use base::limits::{CTL_CONNECTIONS_MAX, CTL_LINE_BYTES_MAX};
use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, watch},
};

/// Time for a request to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one event to be taken.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Events under way.
const EVENTS_PENDING_MAX: usize = 64;

/// The connection ended before the answer did.
const CUT_OFF: &str = "the server ended before it answered, turned this user away, or is busy with other ctl commands";

/// Where the socket of a data folder is.
pub fn path(data: &Path) -> PathBuf {
    data.join("ctl.sock")
}

/// The user of this process.
pub fn own_user() -> io::Result<u32> {
    Ok(UnixStream::pair()?.0.peer_cred()?.uid())
}

/// Removes the socket when the server ends.
pub struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        // It may be gone with its folder.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Binds the socket and answers until shutdown.
pub fn listen(data: &Path, desk: Desk, mut stop: watch::Receiver<bool>) -> io::Result<Bound> {
    let path = path(data);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    let bound = Bound(path.clone());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let own = own_user()?;
    let slots = Arc::new(Semaphore::new(CTL_CONNECTIONS_MAX));
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.changed() => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let user = stream.peer_cred().map(|c| c.uid());
            let (Ok(user), Ok(slot)) = (user, slots.clone().try_acquire_owned()) else { continue };
            if user != own && user != 0 {
                tracing::warn!(user, "ctl: another user was turned away");
                continue;
            }
            let desk = desk.clone();
            tokio::spawn(async move {
                // A caller that goes away needs no answer.
                let _ = serve(stream, user, &desk).await;
                drop(slot);
            });
        }
    });
    Ok(bound)
}

async fn serve(stream: UnixStream, user: u32, desk: &Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read).take(CTL_LINE_BYTES_MAX as u64);
    tokio::time::timeout(REQUEST_TIMEOUT, read.read_line(&mut line)).await??;
    let (events, mut pending) = mpsc::channel(EVENTS_PENDING_MAX);
    let who = format!("uid {user}");
    let answer = async {
        match serde_json::from_str::<Request>(&line) {
            Ok(request) => desk.run(&who, request, &events).await,
            Err(e) => {
                let other = format!("the server does not understand this ctl (is it another version?): {e}");
                let _ = events.send(Event::Failed(other)).await;
            }
        }
        drop(events);
    };
    let tell = async {
        while let Some(event) = pending.recv().await {
            let mut line = serde_json::to_vec(&event)?;
            line.push(b'\n');
            tokio::time::timeout(WRITE_TIMEOUT, write.write_all(&line)).await??;
        }
        // Ends the command when nobody reads.
        drop(pending);
        write.shutdown().await
    };
    tokio::join!(answer, tell).1
}

/// The server's side of a command, or `None` when no server answers at the socket.
pub async fn connect(data: &Path) -> Result<Option<UnixStream>, String> {
    let path = path(data);
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            Err(format!("{}: only the user the server runs as, or root, may use it", path.display()))
        }
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// Sends a request and hands over each event.
pub async fn ask(stream: UnixStream, request: &Request, mut take: impl FnMut(Event)) -> Result<(), String> {
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(request).map_err(|e| e.to_string())?;
    line.push(b'\n');
    write.write_all(&line).await.map_err(|_| CUT_OFF)?;
    let mut lines = BufReader::new(read).lines();
    let mut ended = false;
    while let Some(line) = lines.next_line().await.map_err(|_| CUT_OFF)? {
        let event: Event = serde_json::from_str(&line).map_err(|e| format!("the server's answer: {e}"))?;
        ended = matches!(event, Event::Done { .. } | Event::Failed(_));
        take(event);
    }
    if ended { Ok(()) } else { Err(CUT_OFF.to_owned()) }
}

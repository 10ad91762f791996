//! SUMMARY    Signals of the process: SIGTERM and Ctrl-C end it, SIGHUP reloads; and telling systemd how it stands.
//! STANDARDS  sd_notify(3): a datagram to the socket NOTIFY_SOCKET names
//! INVARIANTS A second signal to end does not wait for anything.

use crate::Failure;
use std::{
    future::Future,
    os::{linux::net::SocketAddrExt, unix::ffi::OsStrExt},
};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What the process is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Stop,
    Reload,
}

/// Signals, caught from `new` on.
pub struct Signals {
    term: Stream,
    int: Stream,
    hup: Stream,
}

impl Signals {
    pub fn new() -> Result<Signals, String> {
        let catch = |kind| signal(kind).map_err(|e| format!("signals: {e}"));
        let (term, int) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
        Ok(Signals { term, int, hup: catch(SignalKind::hangup())? })
    }

    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.term.recv() => Signal::Stop,
            _ = self.int.recv() => Signal::Stop,
            _ = self.hup.recv() => Signal::Reload,
        }
    }

    /// Waits for the end of `stopping`, unless it is asked to end once more.
    pub async fn unless_again(&mut self, stopping: impl Future<Output = ()>) -> Result<(), Failure> {
        let again = async { while self.next().await != Signal::Stop {} };
        tokio::select! {
            () = stopping => Ok(()),
            () = again => Err(Failure::Failed("ended at once by a second signal; what was acknowledged is stored".into())),
        }
    }
}

/// Tells systemd, when it started us as `Type=notify`. That it does not hear is logged, and no reason to end.
pub fn tell_systemd(state: &str) {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let told = || {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
            None => SocketAddr::from_pathname(&name)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)
    };
    if let Err(error) = told() {
        tracing::warn!(%error, "systemd could not be told");
    }
}

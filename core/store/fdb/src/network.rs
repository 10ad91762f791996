//! SUMMARY    The client's network thread: started once in a process, stopped when the process ends.
//! INVARIANTS A start that failed is not tried again: the client cannot. All stores of a process share library and thread.

use crate::failure::{OpenError, told};
use fdb_link::Library;
use foundationdb::api::{FdbApiBuilder, NetworkStop, get_max_api_version};
use parking_lot::Mutex;
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::JoinHandle,
};

/// The API version that this crate is built for.
const API_VERSION: i32 = 730;

enum Network {
    Fresh,
    Failed(String),
    Running { stop: NetworkStop, thread: JoinHandle<()> },
    Stopped,
}

static NETWORK: Mutex<Network> = Mutex::new(Network::Fresh);
static ENDED: AtomicBool = AtomicBool::new(false);

/// Loads the library and starts the thread, where that has not been done.
pub(crate) fn start(library: Option<&Path>) -> Result<Library, OpenError> {
    let mut network = NETWORK.lock();
    let library = fdb_link::load(library).map_err(OpenError::Library)?;
    if matches!(*network, Network::Fresh) {
        *network = run().unwrap_or_else(Network::Failed);
        if let Network::Running { .. } = *network {
            tracing::info!(library = %library.path.display(), version = %library.version, "FoundationDB's client runs");
        }
    }
    match &*network {
        Network::Running { .. } => Ok(library),
        Network::Failed(why) => Err(OpenError::Network(why.clone())),
        Network::Fresh | Network::Stopped => Err(OpenError::Network("the process is ending".to_owned())),
    }
}

/// Whether the thread has ended, so that nothing will ever be answered.
pub(crate) fn has_ended() -> bool {
    ENDED.load(Ordering::SeqCst)
}

#[allow(unsafe_code, reason = "the client asks for a promise that its thread is stopped before the process ends")]
fn run() -> Result<Network, String> {
    let newest = get_max_api_version();
    if newest < API_VERSION {
        return Err(format!("the library speaks API version {newest} at most, {API_VERSION} is needed"));
    }
    let (runner, wait) =
        FdbApiBuilder::default().build().and_then(foundationdb::api::NetworkBuilder::build).map_err(told)?;
    let body = move || {
        // SAFETY: `at_exit` stops the network before the process ends.
        let ended = unsafe { runner.run() };
        ENDED.store(true, Ordering::SeqCst);
        if let Err(why) = ended {
            tracing::error!(why = %told(why), "FoundationDB's client ended");
        }
    };
    let named = std::thread::Builder::new().name("fdb-network".to_owned());
    let thread = named.spawn(body).map_err(|why| why.to_string())?;
    let stop = wait.wait();
    // SAFETY: a function without arguments that neither unwinds nor ends the process.
    if unsafe { libc::atexit(at_exit) } != 0 {
        stop.stop().map_err(told)?;
        return Err("nothing can be run at the end of the process".to_owned());
    }
    Ok(Network::Running { stop, thread })
}

/// Runs after `main`, before the library's own destructors: it was loaded before this was registered.
extern "C" fn at_exit() {
    let network = std::mem::replace(&mut *NETWORK.lock(), Network::Stopped);
    if let Network::Running { stop, thread } = network
        && stop.stop().is_ok()
    {
        drop(thread.join());
    }
}

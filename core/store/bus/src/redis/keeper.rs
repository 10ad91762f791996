//! SUMMARY    Keeps one connection to Redis for the cells, and says at once when there is none.
//! LIMITS     BUS_CONNECT_MS_MAX, BUS_CHECK_MS, BUS_BACKOFF_MS_MIN, BUS_BACKOFF_MS_MAX, CELLS_ANSWER_MS_MAX
//! INVARIANTS Who asks for the connection never waits for it. A connection that failed once is not used again before it answered.

use super::connection_config;
use crate::limits::{BUS_BACKOFF_MS_MAX, BUS_BACKOFF_MS_MIN, BUS_CHECK_MS, BUS_CONNECT_MS_MAX, CELLS_ANSWER_MS_MAX};
use ::redis::{Client, aio::MultiplexedConnection, cmd};
use base::{Rng, SystemRng};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

enum State {
    Up(MultiplexedConnection),
    Down(String),
}

pub(super) struct Keeper {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    broken: Notify,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keeper {
    pub(super) fn start(client: Client) -> Self {
        let state = Mutex::new(State::Down("not connected yet".to_owned()));
        let shared = Arc::new(Shared { state, broken: Notify::new() });
        let task = tokio::spawn(keep(client, shared.clone()));
        Keeper { shared, task }
    }

    /// None while Redis is away.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        match &*self.shared.state.lock() {
            State::Up(connection) => Some(connection.clone()),
            State::Down(_) => None,
        }
    }

    /// It did not answer: nobody else waits for it until it does.
    pub(super) fn broke(&self, why: String) {
        *self.shared.state.lock() = State::Down(why);
        self.shared.broken.notify_one();
    }

    pub(super) fn health(&self) -> Result<(), String> {
        match &*self.shared.state.lock() {
            State::Up(_) => Ok(()),
            State::Down(why) => Err(format!("redis: {why}")),
        }
    }
}

async fn answers(connection: &mut MultiplexedConnection) -> Result<(), String> {
    match timeout(Duration::from_millis(CELLS_ANSWER_MS_MAX), cmd("PING").query_async::<String>(connection)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(why.to_string()),
        Err(_) => Err("no answer within CELLS_ANSWER_MS_MAX".to_owned()),
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, String> {
    let config = connection_config();
    let connect = client.get_multiplexed_async_connection_with_config(&config);
    let connected = timeout(Duration::from_millis(BUS_CONNECT_MS_MAX), connect).await;
    let mut connection =
        connected.map_err(|_| "no answer within BUS_CONNECT_MS_MAX")?.map_err(|why| why.to_string())?;
    answers(&mut connection).await?;
    Ok(connection)
}

async fn keep(client: Client, shared: Arc<Shared>) {
    let (rng, mut failures) = (SystemRng::default(), 0_u32);
    loop {
        let why = match connect(&client).await {
            Ok(mut connection) => {
                if failures > 0 {
                    tracing::info!(attempts = failures, "the shared rate cells are back");
                }
                failures = 0;
                *shared.state.lock() = State::Up(connection.clone());
                metrics::gauge!("cells_shared").set(1.0);
                until_it_breaks(&mut connection, &shared).await
            }
            Err(why) => why,
        };
        if failures == 0 {
            tracing::warn!(%why, "the shared rate cells are away: this process counts for itself");
        }
        metrics::gauge!("cells_shared").set(0.0);
        *shared.state.lock() = State::Down(why);
        failures = failures.saturating_add(1);
        let most_ms = (BUS_BACKOFF_MS_MIN << failures.min(16)).min(BUS_BACKOFF_MS_MAX);
        tokio::time::sleep(Duration::from_millis(most_ms - rng.below(most_ms / 2))).await;
    }
}

/// Why it is of no more use.
async fn until_it_breaks(connection: &mut MultiplexedConnection, shared: &Shared) -> String {
    loop {
        tokio::select! {
            () = shared.broken.notified() => {
                // A permit may be left from the connection before.
                match &*shared.state.lock() {
                    State::Up(_) => {}
                    State::Down(why) => return why.clone(),
                }
            }
            () = tokio::time::sleep(Duration::from_millis(BUS_CHECK_MS)) => {
                if let Err(why) = answers(connection).await {
                    return why;
                }
            }
        }
    }
}

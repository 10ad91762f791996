//! SUMMARY    This node among those that share the store: joins, says that it lives, takes over from the dead, leaves.
//! INVARIANTS An embedded store has no peers: whoever was there before is dead.

use crate::config::{Config, Role};
use account::{Accounts, Peers, TakenOver};
use base::Kind;
use std::time::Duration;

/// Between two beats, and two looks at the peers (NODE_BEATS_MISSED_MAX of which make a node dead).
const BEAT: Duration = Duration::from_secs(1);

/// Joins before anything is served.
pub async fn join(accounts: &Accounts, config: &Config) -> Result<(), String> {
    let why = |e: account::Error| format!("joining the store: {e}");
    let id = accounts.join(&config.hostname, &roles(config)).await.map_err(why)?;
    tracing::info!(%id, shared = config.store.is_shared(), "joined the store");
    if config.store.is_shared() {
        return Ok(());
    }
    match accounts.take_over_all().await {
        Ok(taken) => tell(taken),
        Err(error) => tracing::error!(%error, "what the process before left wait for the end of its leases"),
    }
    Ok(())
}

/// What this node does, as `ctl nodes` shows it.
fn roles(config: &Config) -> Vec<&'static str> {
    let (listen, has_control) = (&config.listen, config.role == Role::All);
    let all = [
        ("smtp-in", listen.smtp.is_some()),
        ("lmtp", listen.lmtp.is_some()),
        ("submission", listen.submission.is_some() || listen.submissions.is_some()),
        ("imap", listen.imap.is_some() || listen.imaps.is_some()),
        ("queue", config.queue.enabled),
        ("worker", config.upkeep.enabled),
        ("exports", config.exports),
        ("migrations", config.migrations.enabled),
        ("api", has_control && listen.http.is_some()),
        ("portal", has_control && config.portal.is_some()),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(role, _)| role).collect()
}

fn tell(TakenOver { nodes, items, parts }: TakenOver) {
    if nodes + items + parts > 0 {
        tracing::info!(nodes, items, parts, "took over queue items and unfinished copies of nodes that are gone");
        metrics::counter!("posthouse_nodes_taken_over_total").increment(nodes as u64);
    }
}

/// Beats and looks for as long as anything may be under way; for shared stores.
pub async fn run(accounts: Accounts, config: Config) {
    let mut peers = Peers::default();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match accounts.beat().await {
            Ok(()) => {}
            Err(error) if error.kind == Kind::TooOld => {
                tracing::warn!(node = %accounts.node(), "peers found this node dead: it begins anew");
                if let Err(why) = join(&accounts, &config).await {
                    tracing::warn!(%why, "not yet");
                }
                continue;
            }
            Err(error) => {
                // No look either: who cannot reach the store says nothing about others.
                tracing::warn!(%error, "this node cannot say that it lives");
                continue;
            }
        }
        match accounts.watch(&mut peers).await {
            Ok(taken) => tell(taken),
            Err(error) => tracing::warn!(%error, "looking after the other nodes"),
        }
        metrics::gauge!("posthouse_nodes").set(peers.count() as f64);
    }
}

/// When nothing is under way any more.
pub async fn leave(accounts: &Accounts) {
    if let Err(error) = accounts.leave().await {
        tracing::warn!(%error, "peers will take over in a few seconds");
    }
}

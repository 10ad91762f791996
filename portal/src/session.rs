//! SUMMARY    Sessions of the portal: begun, continued when an access token ends.
//! STANDARDS  RFC 9700 §4.14.2 (rotation of refresh tokens)
//! SECURITY   A refresh token is good once, and two tabs may want it at the same moment, or the answer that carried the next one may
//!            be lost: the first one asks, the others wait and get the same, and so does who comes later with the old cookie.
//!            Whoever stole an old cookie gets nothing that the cookie did not give when it was stolen.
//! LIMITS     ACCESS_MARGIN_MS, REFRESHED_LIFE, REFRESHED_MAX
//! INVARIANTS A request that is given up does not stop what it began: others wait for it.

use crate::{
    Portal,
    graph::{Asked, Client},
    operation::{SessionRefresh, session_refresh},
    state::Signed,
    trouble::Trouble,
};
use graphql_client::GraphQLQuery;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// An access token that ends so soon is replaced before it is used.
const ACCESS_MARGIN_MS: i64 = 60_000;
/// How long what a refresh token gave is kept.
const REFRESHED_LIFE: Duration = Duration::from_secs(900);
/// Refresh tokens that are remembered; beyond it those go first that are oldest.
const REFRESHED_MAX: usize = 10_000;

/// Tokens of a session.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) access_until_ms: i64,
    pub(crate) refresh: String,
}

type Told = Option<Result<Tokens, Trouble>>;

/// What refresh tokens gave.
#[derive(Default)]
pub(crate) struct Refreshes(Mutex<HashMap<String, (Instant, watch::Receiver<Told>)>>);

/// Milliseconds since 1970 of the system's clock.
pub(crate) fn system_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Milliseconds of a DateTime; 0 for what is none.
pub(crate) fn moment(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond)
}

impl Portal {
    /// Sees to an access token that is good for this request. Whether it is another one.
    pub(crate) async fn keep_fresh(self: &Arc<Self>, client: &Client, signed: &mut Signed) -> Result<bool, Trouble> {
        if self.now_ms() + ACCESS_MARGIN_MS < signed.access_until_ms {
            return Ok(false);
        }
        let mut told = self.refresh(client, &signed.refresh);
        let tokens = match told.wait_for(Option::is_some).await {
            Ok(told) => told.clone().unwrap_or(Err(Trouble::Broken))?,
            // Whoever asked ended without an answer: the next request asks again.
            Err(_) => {
                self.refreshes.0.lock().remove(&signed.refresh);
                return Err(Trouble::Broken);
            }
        };
        (signed.access, signed.access_until_ms, signed.refresh) =
            (tokens.access, tokens.access_until_ms, tokens.refresh);
        Ok(true)
    }

    /// What a refresh token gave, or will give.
    fn refresh(self: &Arc<Self>, client: &Client, refresh: &str) -> watch::Receiver<Told> {
        let mut kept = self.refreshes.0.lock();
        if let Some((_, told)) = kept.get(refresh) {
            return told.clone();
        }
        kept.retain(|_, (at, _)| at.elapsed() < REFRESHED_LIFE);
        if kept.len() >= REFRESHED_MAX {
            let oldest = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(token, _)| token.clone());
            oldest.map(|token| kept.remove(&token));
        }
        let (tell, told) = watch::channel(None);
        kept.insert(refresh.to_owned(), (Instant::now(), told.clone()));
        let (portal, client, refresh) = (self.clone(), client.clone(), refresh.to_owned());
        tokio::spawn(async move {
            let tokens = portal.ask_refresh(&client, &refresh).await;
            // Only a refusal is remembered; after a throttle or a failure the next request asks anew.
            if tokens.as_ref().is_err_and(|trouble| *trouble != Trouble::SignedOut) {
                portal.refreshes.0.lock().remove(&refresh);
            }
            tell.send_replace(Some(tokens));
        });
        told
    }

    async fn ask_refresh(&self, client: &Client, refresh: &str) -> Result<Tokens, Trouble> {
        let input = session_refresh::SessionRefreshInput { refresh_token: refresh.to_owned() };
        let body = SessionRefresh::build_query(session_refresh::Variables { input });
        let variables = serde_json::to_value(&body.variables).map_err(|_| Trouble::Broken)?;
        let asked = Asked { query: body.query, variables, token: None, tenant: None, client };
        let mut answer = self.graph.execute(asked).await;
        let data = answer.body.get_mut("data").map(serde_json::Value::take).unwrap_or_default();
        let Ok(data) = serde_json::from_value::<session_refresh::ResponseData>(data) else {
            return Err(Trouble::of(&answer.body));
        };
        let tokens = data.session_refresh.tokens.ok_or(Trouble::SignedOut)?;
        Ok(Tokens {
            access: tokens.access_token,
            access_until_ms: moment(&tokens.access_expires_at),
            refresh: tokens.refresh_token,
        })
    }
}

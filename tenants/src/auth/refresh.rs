//! SUMMARY    Refresh tokens: each is good once and gives the next one.
//! STANDARDS  RFC 9700 §4.14.2 (rotation, detection of reuse)
//! SECURITY   A refresh token that was used already ends the session: it, or the one that came after, was stolen. Tokens are
//!            made of the session and a count by a key, so none is stored.

use super::session::Seen;
use crate::{
    Code, Error, Result, Service,
    db::query,
    limits::SESSION_IDLE_LIFE,
    rows::{number, text},
};

/// What a sign-in is continued by.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub session: String,
    /// Bearer token of the API.
    pub access: String,
    pub access_expires_at_ms: i64,
    /// Gives the next pair, once.
    pub refresh: String,
    pub refresh_expires_at_ms: i64,
}

impl Service {
    pub(super) fn refresh_token(&self, session: &str, round: i64) -> String {
        format!("{session}.{round}.{}", self.keys.ticket(&["refresh", session, &round.to_string()]))
    }

    /// The next pair of tokens. `Unauthenticated` whatever is wrong; a token that was used already ends the session.
    pub async fn session_refresh(&self, refresh: &str, seen: &Seen) -> Result<Tokens> {
        let wrong = || Error::new(Code::Unauthenticated, "", "The refresh token is wrong, used, expired or revoked");
        let mut parts = refresh.split('.');
        let (Some(session), Some(round), Some(ticket), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        if !self.keys.is_ticket(&["refresh", session, round], ticket) {
            return Err(wrong());
        }
        let round: i64 = round.parse().map_err(|_| wrong())?;
        let now = self.now();
        let mut txn = self.begin().await?;
        let row = query("SELECT * FROM session WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2")
            .bind(session)
            .bind(now.0)
            .fetch_optional(&mut txn)
            .await?
            .ok_or_else(wrong)?;
        if number(&row, "round")? != round {
            query("UPDATE session SET revoked_at = $2 WHERE id = $1")
                .bind(session)
                .bind(now.0)
                .execute(&mut txn)
                .await?;
            self.rights_changed(&mut txn).await?;
            txn.commit().await?;
            self.auth.forget();
            tracing::warn!(session, "a refresh token came twice: the session is ended");
            return Err(wrong());
        }
        query("UPDATE session SET round = $2, last_used_at = $3, expires_at = $4, ip = $5, device = $6 WHERE id = $1")
            .bind(session)
            .bind(round + 1)
            .bind(now.0)
            .bind(now.plus(SESSION_IDLE_LIFE).0)
            .bind(seen.ip())
            .bind(seen.device())
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        self.tokens(session, &text(&row, "subject")?, round + 1)
    }
}

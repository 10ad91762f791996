//! SUMMARY    How a seller takes strangers: to whom it is open, what it offers first, which of its domains give free addresses.
//! LIMITS     SIGNUP_OFFERS_MAX, SIGNUP_PLANS_MAX, SIGNUPS_PER_DAY_MAX
//! INVARIANTS A seller that has said nothing is closed. A domain that is offered is shared, proven and the seller's own.

use super::not_open;
use crate::{
    Actor, Code, Done, Error, Feature, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    domain::parse_name,
    limits::{
        NAME_CHARS_MAX, SIGNUP_OFFERS_MAX, SIGNUP_PLANS_MAX, SIGNUP_REVIEW_SCORE, SIGNUPS_PER_DAY, SIGNUPS_PER_DAY_MAX,
    },
    rows::{number, text},
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// To whom signup is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignupMode {
    Open,
    /// To who has an invite code.
    Invite,
    Closed,
}

impl SignupMode {
    const EVERY: [(SignupMode, &'static str); 3] =
        [(SignupMode::Open, "OPEN"), (SignupMode::Invite, "INVITE"), (SignupMode::Closed, "CLOSED")];

    fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(mode, _)| *mode == self).map_or("CLOSED", |(_, name)| name)
    }

    fn parse(text: &str) -> SignupMode {
        Self::EVERY.iter().find(|(_, name)| *name == text).map_or(SignupMode::Closed, |(mode, _)| *mode)
    }
}

/// How a seller takes strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignupSettings {
    pub seller: TenantId,
    pub mode: SignupMode,
    /// Keys of the plans that are offered, the first one first.
    pub plans: Vec<String>,
    /// Domains that give free addresses.
    pub domains: Vec<String>,
    /// Signups in a day.
    pub per_day_max: i64,
    /// Risk from which on a person looks.
    pub review_score: i64,
    pub version: i64,
}

/// Changes; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct SignupSettingsPatch {
    pub mode: Option<SignupMode>,
    pub plans: Option<Vec<String>>,
    pub domains: Option<Vec<String>>,
    pub per_day_max: Option<i64>,
    pub review_score: Option<i64>,
}

/// What a stranger is told of a seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupOptions {
    pub seller: TenantId,
    pub mode: SignupMode,
    pub plans: Vec<String>,
    pub domains: Vec<String>,
}

impl Service {
    /// What a seller offers to strangers; the provider, when none is named. `NotOpen` where nobody can sign up.
    pub async fn signup_options(&self, seller: Option<TenantId>) -> Result<SignupOptions> {
        self.shop()?;
        let settings = self.open_seller(&mut self.pool().acquire().await?, seller).await?;
        let SignupSettings { seller, mode, plans, domains, .. } = settings;
        Ok(SignupOptions { seller, mode, plans, domains })
    }

    /// The settings of a seller that is open, to all or with a code. `NotOpen`.
    pub(super) async fn open_seller(&self, txn: &mut Connection, seller: Option<TenantId>) -> Result<SignupSettings> {
        let seller = match seller {
            Some(seller) => seller,
            None => {
                let root = query("SELECT id FROM tenant WHERE parent IS NULL").fetch_optional(&mut *txn).await?;
                crate::rows::id(&root.ok_or_else(not_open)?, "id")?
            }
        };
        let settings = self.settings_of(txn, seller).await?;
        // A seller that may not provision makes no customers.
        let can = crate::hold::standing(&self.seen_holds(txn, seller).await?).0;
        let is_off = !self.feature_of(txn, Feature::Signup, seller).await?.enabled;
        match settings.mode == SignupMode::Closed || !can.provision || is_off {
            true => Err(not_open()),
            false => Ok(settings),
        }
    }

    /// How a seller takes strangers, to whoever may make tenants below it.
    pub async fn signup_settings(&self, actor: &Actor, seller: TenantId) -> Result<SignupSettings> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantCreate, seller).await?;
        self.settings_of(&mut connection, seller).await
    }

    async fn settings_of(&self, txn: &mut Connection, seller: TenantId) -> Result<SignupSettings> {
        let row = query("SELECT * FROM signup_seller WHERE tenant = $1")
            .bind(seller.to_string())
            .fetch_optional(&mut *txn)
            .await?;
        let Some(row) = row else {
            return Ok(SignupSettings {
                seller,
                mode: SignupMode::Closed,
                plans: Vec::new(),
                domains: Vec::new(),
                per_day_max: SIGNUPS_PER_DAY,
                review_score: SIGNUP_REVIEW_SCORE,
                version: 0,
            });
        };
        // What was offered and is no more is not offered.
        let rows = query(
            "SELECT o.domain FROM signup_offer o JOIN domain d ON d.name = o.domain AND d.live = 1 AND d.shared = 1 \
             AND d.tenant = o.tenant WHERE o.tenant = $1 ORDER BY o.place",
        )
        .bind(seller.to_string())
        .fetch_all(txn)
        .await?;
        let domains = rows.iter().map(|row| text(row, "domain")).collect::<Result<_>>()?;
        from_row(&row, seller, domains)
    }

    /// Changes how a seller takes strangers.
    pub async fn signup_settings_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        patch: &SignupSettingsPatch,
    ) -> Result<Done<SignupSettings>> {
        let request = Request::new("signupSettingsUpdate", format!("{seller} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::TenantCreate, seller).await?;
        let now = self.settings_of(&mut work.txn, seller).await?;
        work.expect(now.version)?;
        let new = patched(&now, patch)?;
        query(
            "INSERT INTO signup_seller (tenant, mode, plans, per_day_max, review_score, version, updated_at) \
             VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (tenant) DO UPDATE SET mode = $2, plans = $3, per_day_max = $4, \
             review_score = $5, version = signup_seller.version + 1, updated_at = $6",
        )
        .bind(seller.to_string())
        .bind(new.mode.name())
        .bind(serde_json::Value::from(new.plans.clone()).to_string())
        .bind(new.per_day_max)
        .bind(new.review_score)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        if let Some(domains) = &patch.domains {
            self.replace_offers(&mut work.txn, seller, domains).await?;
        }
        let detail = format!("{} {:?} {:?}", new.mode.name(), new.plans, patch.domains);
        self.audit(&mut work.txn, actor, seller, "signupSettingsUpdate", &seller.to_string(), &detail).await?;
        let settings = self.settings_of(&mut work.txn, seller).await?;
        self.finish(work, settings, &[]).await
    }

    async fn replace_offers(&self, txn: &mut Connection, seller: TenantId, domains: &[String]) -> Result<()> {
        if domains.len() > SIGNUP_OFFERS_MAX {
            let message = format!("At most {SIGNUP_OFFERS_MAX} domains are offered (SIGNUP_OFFERS_MAX)");
            return Err(Error::new(Code::LimitReached, "domains", message));
        }
        query("DELETE FROM signup_offer WHERE tenant = $1").bind(seller.to_string()).execute(&mut *txn).await?;
        for (place, domain) in (0i64..).zip(domains) {
            let name = parse_name(domain, "domains")?;
            let shared = query(
                "SELECT 1 AS n FROM domain WHERE name = $1 AND tenant = $2 AND live = 1 AND shared = 1 AND alias_of IS NULL",
            );
            let shared = shared.bind(name.as_str()).bind(seller.to_string()).fetch_optional(&mut *txn).await?.is_some();
            if !shared {
                let message = format!("{} is no proven domain of the seller that it shares", name.as_str());
                return Err(Error::new(Code::Invalid, "domains", message));
            }
            query("INSERT INTO signup_offer (domain, tenant, place) VALUES ($1, $2, $3) ON CONFLICT (domain) DO UPDATE SET place = $3")
                .bind(name.as_str())
                .bind(seller.to_string())
                .bind(place)
                .execute(&mut *txn)
                .await?;
        }
        Ok(())
    }
}

fn from_row(row: &Row, seller: TenantId, domains: Vec<String>) -> Result<SignupSettings> {
    Ok(SignupSettings {
        seller,
        mode: SignupMode::parse(&text(row, "mode")?),
        plans: serde_json::from_str(&text(row, "plans")?).map_err(|_| super::damaged())?,
        domains,
        per_day_max: number(row, "per_day_max")?,
        review_score: number(row, "review_score")?,
        version: number(row, "version")?,
    })
}

fn patched(now: &SignupSettings, patch: &SignupSettingsPatch) -> Result<SignupSettings> {
    let plans = patch.plans.clone().unwrap_or_else(|| now.plans.clone());
    let key = |plan: &String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !plan.is_empty() && plan.len() <= NAME_CHARS_MAX && plan.bytes().all(plain)
    };
    if plans.len() > SIGNUP_PLANS_MAX || !plans.iter().all(key) {
        let message = format!("At most {SIGNUP_PLANS_MAX} keys or ids of plans (SIGNUP_PLANS_MAX)");
        return Err(Error::new(Code::Invalid, "plans", message));
    }
    let per_day_max = patch.per_day_max.unwrap_or(now.per_day_max);
    if !(1..=SIGNUPS_PER_DAY_MAX).contains(&per_day_max) {
        let message = format!("1 to {SIGNUPS_PER_DAY_MAX} a day (SIGNUPS_PER_DAY_MAX)");
        return Err(Error::new(Code::Invalid, "perDayMax", message));
    }
    let review_score = patch.review_score.unwrap_or(now.review_score);
    if review_score < 0 {
        return Err(Error::new(Code::Invalid, "reviewScore", "A risk is no negative number"));
    }
    let mode = patch.mode.unwrap_or(now.mode);
    Ok(SignupSettings { mode, plans, per_day_max, review_score, ..now.clone() })
}

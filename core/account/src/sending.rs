//! SUMMARY    Sending limits: one atomic reservation of a submission's recipients over everybody who answers for it.
//! LIMITS     ANCESTORS_MAX
//! INVARIANTS All or nothing, over credential, mailbox (of the user, and the one that was opened), domain of the sender, tenant and
//!            every tenant above, each by hour, by day, and by recipients that are new. The limits are read for each message. What
//!            never fits is `Forbidden`, what fits later `Throttled` and says when. What was not sent is given back. The control plane
//!            hears of a limit that was met, of each once an hour.

use crate::{Accounts, Error, Login, Result, rate::retry_hint, unit_of_work};
use base::{AccountId, Address, Kind, TenantId, limits::ANCESTORS_MAX};
use control::{EventKind, SendLimits};
use std::{collections::BTreeMap, time::Duration};
use store::{
    ephemeral::{Ask, Rate},
    kv::KvTxn,
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Who answers for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Credential(AccountId, String),
    Account(AccountId),
    Domain(String),
    Tenant(TenantId),
    Above(TenantId),
}

impl Level {
    fn key(&self, what: u8) -> Vec<u8> {
        let (tag, id) = match self {
            Level::Credential(account, id) => (b'c', [&account.0.to_be_bytes(), id.as_bytes()].concat()),
            Level::Account(account) => (b'a', account.0.to_be_bytes().to_vec()),
            Level::Domain(domain) => (b'd', domain.as_bytes().to_vec()),
            // What a tenant sends itself counts as what those below it send.
            Level::Tenant(tenant) | Level::Above(tenant) => (b't', tenant.0.to_be_bytes().to_vec()),
        };
        [[b's', what, tag].as_slice(), &id].concat()
    }

    fn name(&self) -> &'static str {
        match self {
            Level::Credential(..) => "this password",
            Level::Account(_) => "this mailbox",
            Level::Domain(_) => "this domain",
            Level::Tenant(_) => "your organisation",
            Level::Above(_) => "your provider",
        }
    }

    /// Whose event it is when the limit is met, for a sender of `tenant`.
    fn tenant(&self, tenant: TenantId) -> TenantId {
        match self {
            Level::Tenant(own) | Level::Above(own) => *own,
            Level::Credential(..) | Level::Account(_) | Level::Domain(_) => tenant,
        }
    }

    fn account(&self) -> Option<AccountId> {
        match self {
            Level::Credential(account, _) | Level::Account(account) => Some(*account),
            Level::Domain(_) | Level::Tenant(_) | Level::Above(_) => None,
        }
    }

    /// The same for those who look at it from outside.
    fn told(&self) -> String {
        match self {
            Level::Credential(_, id) => format!("of the credential {id}"),
            Level::Account(_) => "of the mailbox".to_owned(),
            Level::Domain(domain) => format!("of the domain {domain}"),
            Level::Tenant(_) => "of the tenant".to_owned(),
            Level::Above(_) => "of the tenant with those below it".to_owned(),
        }
    }
}

/// What of a level is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Hour,
    Day,
    New,
}

#[derive(Debug, Clone)]
struct Claim {
    key: Vec<u8>,
    cost: u32,
    rate: Rate,
    what: What,
    /// Who answers for the message.
    level: Level,
    /// The sender's.
    tenant: TenantId,
}

impl Claim {
    fn limit(&self) -> String {
        let max = self.rate.burst;
        match self.what {
            What::Hour => format!("{max} recipients per hour"),
            What::Day => format!("{max} recipients per day"),
            What::New => format!("{max} new recipients per day"),
        }
    }
}

/// What a submission has taken: give it back when it is not sent.
#[derive(Debug, Default)]
#[must_use = "what is not sent is given back"]
pub struct Reserved(Vec<Claim>);

fn claims(level: &Level, tenant: TenantId, limits: SendLimits, recipients: u32, new: u32) -> Vec<Claim> {
    let kinds = [
        (What::Hour, limits.per_hour, HOUR, recipients, b'h'),
        (What::Day, limits.per_day, DAY, recipients, b'd'),
        (What::New, limits.new_recipients_per_day, DAY, new, b'n'),
    ];
    let claim = |(what, max, per, cost, tag): (What, Option<u32>, Duration, u32, u8)| {
        let rate = Rate { burst: max?, per };
        Some(Claim { key: level.key(tag), cost, rate, what, level: level.clone(), tenant })
    };
    kinds.into_iter().filter_map(claim).collect()
}

fn asks(claims: &[Claim], cost: impl Fn(&Claim) -> u32) -> Vec<Ask<'_>> {
    claims.iter().map(|c| Ask { key: &c.key, cost: cost(c), rate: c.rate }).collect()
}

fn refusal(claim: &Claim, wait: Duration) -> Error {
    let (limit, who) = (claim.limit(), claim.level.name());
    if wait == Duration::MAX {
        return Error::new(Kind::Forbidden, format!("More recipients than the limit of {who} ever allows: {limit}"));
    }
    let text = format!("The limit of {who} is reached: {limit}. Try again {}", retry_hint(wait));
    Error::new(Kind::Throttled, text)
}

impl Accounts {
    /// Takes a message's recipients out of all limits, or none of any. Errors: `Throttled`, `Forbidden`, with a text for people.
    pub async fn reserve(&self, login: &Login, sender: Option<&Address>, recipients: &[&Address]) -> Result<Reserved> {
        let levels = self.levels(login, sender).await?;
        let (tenant, user) = login.user();
        let counts_new = levels.iter().any(|(_, limits)| limits.new_recipients_per_day.is_some());
        let new = if counts_new { self.count_new(tenant, user, recipients).await? } else { 0 };
        let count = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
        let claims: Vec<Claim> =
            levels.iter().flat_map(|(level, limits)| claims(level, tenant, *limits, count, new)).collect();
        self.claim(claims).await
    }

    /// Takes what aliases and groups of tenants send on to other hosts out of the limits of those tenants and of all above them:
    /// whoever writes to them does not send past these. All or none. Errors: `Throttled`, `Forbidden`.
    pub async fn reserve_forwards(&self, forwards: &BTreeMap<TenantId, u32>) -> Result<Reserved> {
        let mut claimed = Vec::new();
        for (tenant, count) in forwards {
            let mut txn = self.0.kv.begin_read();
            let levels = self.tenant_levels(&mut *txn, *tenant).await?;
            let of = |(level, limits): &(Level, SendLimits)| {
                claims(level, *tenant, SendLimits { new_recipients_per_day: None, ..*limits }, *count, 0)
            };
            claimed.extend(levels.iter().flat_map(of));
        }
        self.claim(claimed).await
    }

    async fn claim(&self, claims: Vec<Claim>) -> Result<Reserved> {
        if claims.is_empty() {
            return Ok(Reserved::default());
        }
        match self.0.sent.take_all(&asks(&claims, |c| c.cost)).await {
            Ok(()) => Ok(Reserved(claims)),
            Err(short) => {
                metrics::counter!("posthouse_send_limit_refusals_total").increment(1);
                let Some(claim) = claims.get(short.ask) else {
                    return Err(Error::new(Kind::Throttled, "Try again later"));
                };
                self.tell_of_limit(claim).await;
                Err(refusal(claim, short.wait))
            }
        }
    }

    /// Tells the control plane that a limit was met, unless it did within the hour. The refusal stands whether it can or not.
    async fn tell_of_limit(&self, claim: &Claim) {
        let key = [b"e".as_slice(), &claim.key].concat();
        let once = Ask { key: &key, cost: 1, rate: Rate { burst: 1, per: HOUR } };
        if self.0.sent.take_all(&[once]).await.is_err() {
            return;
        }
        let limit = format!("{} {}", claim.limit(), claim.level.told());
        let (tenant, account) = (claim.level.tenant(claim.tenant), claim.level.account());
        let noted: Result<()> = unit_of_work!(self, &[], self.op(), work => {
            let kind = EventKind::SendLimitReached { limit: limit.clone() };
            work.note_event(tenant, account, kind).await
        });
        if let Err(e) = noted {
            tracing::warn!(error = %e, %tenant, "a sending limit was met and the control plane is not told");
        }
    }

    /// Gives back `recipients` of a reservation that were not sent to; `None`: all.
    pub async fn unreserve(&self, reserved: Reserved, recipients: Option<u32>) {
        let back = |claim: &Claim| match (recipients, claim.what) {
            (None, _) => claim.cost,
            (Some(count), What::Hour | What::Day) => count.min(claim.cost),
            // Which of them were new is not known any more.
            (Some(_), What::New) => 0,
        };
        self.0.sent.give_back(&asks(&reserved.0, back)).await;
    }

    async fn levels(&self, login: &Login, sender: Option<&Address>) -> Result<Vec<(Level, SendLimits)>> {
        let mut txn = self.0.kv.begin_read();
        let (tenant, user) = login.user();
        let mut levels = Vec::new();
        if let Some(own) = self.standing_in(&mut *txn, tenant, user).await? {
            let used = own.profile.credentials.iter().find(|c| c.id == login.credential());
            levels.extend(used.map(|c| (Level::Credential(user, c.id.clone()), c.send)));
            levels.push((Level::Account(user), own.profile.send));
        }
        let opened = &login.standing.profile;
        if opened.id != user {
            levels.push((Level::Account(opened.id), opened.send));
        }
        let domain = match sender {
            Some(sender) => Some(sender.domain().as_str().to_owned()),
            None => opened.address.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
        };
        if let Some(domain) = domain
            && let Some(snapshot) = self.domain_in(&mut *txn, &domain).await?.filter(|d| d.tenant == tenant)
        {
            levels.push((Level::Domain(domain), snapshot.send));
        }
        levels.extend(self.tenant_levels(&mut *txn, tenant).await?);
        Ok(levels)
    }

    async fn tenant_levels(&self, txn: &mut dyn KvTxn, tenant: TenantId) -> Result<Vec<(Level, SendLimits)>> {
        let Some(entitlement) = self.entitlement_in(&mut *txn, tenant).await? else { return Ok(Vec::new()) };
        let mut levels = vec![(Level::Tenant(tenant), entitlement.send)];
        for above in entitlement.ancestors.iter().take(ANCESTORS_MAX) {
            if let Some(entitlement) = self.entitlement_in(&mut *txn, *above).await? {
                levels.push((Level::Above(*above), entitlement.send));
            }
        }
        Ok(levels)
    }
}

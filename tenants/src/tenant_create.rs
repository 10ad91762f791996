//! SUMMARY    A customer in one step: tenant, owner's token and, if asked, first domain and first mailbox.
//! INVARIANTS All of it or nothing. A dry run checks everything, answers with what would be, and leaves nothing.

use crate::{
    Access, Actor, Code, Done, Error, Limits, NewInvitation, NewMailbox, NewToken, Permission, Result, Selector,
    Service, StandardRole, Tenant, Terms,
    actor::Object,
    claim::By,
    db::{Connection, query},
    domain::parse_name,
    feature::Feature,
    limits::TREE_DEPTH_MAX,
    password,
    rows::{fresh_number, number, to_sql},
    tenant::parse_tenant_name,
    terms::{Request, Start},
    token::Maker,
    tree::depth_max,
};
use base::{Address, TenantId};
use control::Change;

/// A tenant to be made, below the actor's own or `parent`.
#[derive(Debug, Clone, Default)]
pub struct NewTenant {
    pub parent: Option<TenantId>,
    pub name: String,
    pub limits: Limits,
    /// First domain.
    pub domain: Option<String>,
    /// The operator vouches for it: without that it is only claimed.
    pub vouch: bool,
    /// First mailbox, on that domain.
    pub owner: Option<NewMailbox>,
    /// Who is invited as owner.
    pub owner_email: Option<String>,
}

/// What was made, or would be.
#[derive(Debug, Clone)]
pub struct TenantCreated {
    pub tenant: Tenant,
    /// Token of the owner, shown once; none in a dry run.
    pub token: Option<String>,
    /// Secret of the owner's invitation, shown once; none in a dry run.
    pub invitation: Option<String>,
}

/// What a repeated request is answered from: the tenant, ids of token and invitation.
type Made = (Tenant, Option<String>, Option<String>);

/// The parts of a request that need no database.
struct Ready {
    domain: Option<base::Domain>,
    owner: Option<(Address, Option<password::Verifiers>)>,
}

impl Service {
    /// Makes a tenant and a token of its owner. Repeating the request by its key shows the same token again.
    pub async fn tenant_create(&self, actor: &Actor, terms: &Terms, new: &NewTenant) -> Result<Done<TenantCreated>> {
        let ready = self.ready(new).await?;
        if new.vouch && !actor.is_operator() {
            return Err(Error::new(Code::Forbidden, "", "Only the operator vouches for a domain"));
        }
        let passwords: Vec<&str> = new.owner.iter().filter_map(|o| o.password.secret()).collect();
        let request = Request::with_passwords("tenantCreate", format!("{new:?}"), &passwords);
        let mut work = match self.start::<Made>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.with_secrets(done, terms.dry_run).await,
        };
        let parent = new.parent.unwrap_or(actor.tenant);
        self.permit(&mut work.txn, actor, Permission::TenantCreate, parent).await.map_err(|e| e.missing("parentId"))?;
        self.not_too_deep(&mut work.txn, parent).await?;
        self.grantable(&mut work.txn, parent, None, &new.limits).await?;
        let made = TenantId(fresh_number()?);
        self.insert_tenant(&mut work.txn, (made, parent), &new.name, &new.limits).await?;
        self.audit(&mut work.txn, actor, made, "tenantCreate", &made.to_string(), &new.name).await?;
        let mut batch = self.first_parts(&mut work.txn, actor, made, new, &ready).await?;
        batch.extend(self.entitlement_of_grantor(&mut work.txn, parent).await?);
        let token = self.owners_way_in(&mut work.txn, actor, parent, made, new).await?;
        let tenant = self.tenant_in(&mut work.txn, made).await?;
        let (token, invitation) = token;
        let done = self.finish(work, (tenant, token, invitation), &batch).await?;
        self.with_secrets(done, terms.dry_run).await
    }

    async fn with_secrets(&self, done: Done<Made>, dry_run: bool) -> Result<Done<TenantCreated>> {
        let (_, token, invitation) = &done.object;
        let token = match token {
            Some(token) if !dry_run => self.token_secret(token).await?,
            _ => None,
        };
        let invitation = match invitation {
            Some(id) if !dry_run => self.secret_of_invitation(id).await?,
            _ => None,
        };
        Ok(done.map(|(tenant, _, _)| TenantCreated { tenant, token, invitation }))
    }

    /// How the owner gets in: an invitation if an address is given, and a token. The token has what its maker has; the
    /// provider's people get none, as it would be a way around the tenant's consent.
    async fn owners_way_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        parent: TenantId,
        tenant: TenantId,
        new: &NewTenant,
    ) -> Result<(Option<String>, Option<String>)> {
        let mut invitation = None;
        if let Some(email) = &new.owner_email {
            let (email, role) = (email.clone(), StandardRole::Owner.name().to_owned());
            let new = NewInvitation { tenant, email, role, on: Selector::All };
            let made = self.insert_invitation(txn, actor, &new).await;
            invitation = Some(made.map_err(|e| Error { field: "ownerEmail", ..e })?);
        }
        // Nor does who is to have none of these below it.
        if actor.bound || !self.feature_of(txn, Feature::ApiTokens, tenant).await?.enabled {
            return Ok((None, invitation));
        }
        let powers = self.powers(txn, actor, parent, Object::Whole).await?;
        let owner = NewToken::new(tenant, "owner", Access::ReadWrite);
        Ok((Some(self.issue_token(txn, Maker::Tenant, &owner, powers).await?), invitation))
    }

    /// A tenant deeper than the tree is searched could never be reached.
    pub(crate) async fn not_too_deep(&self, txn: &mut Connection, parent: TenantId) -> Result<()> {
        let depth = query(
            "WITH RECURSIVE up (id, depth) AS (SELECT $1, 1 UNION ALL SELECT t.parent, up.depth + 1 FROM tenant t \
             JOIN up ON t.id = up.id WHERE t.parent IS NOT NULL AND up.depth < $2) SELECT MAX(depth) AS n FROM up",
        )
        .bind(parent.to_string())
        .bind(depth_max())
        .fetch_one(txn)
        .await?;
        if number(&depth, "n")? >= depth_max() {
            let message = format!("The tree has at most {TREE_DEPTH_MAX} levels (TREE_DEPTH_MAX)");
            return Err(Error::new(Code::LimitReached, "parentId", message));
        }
        Ok(())
    }

    async fn ready(&self, new: &NewTenant) -> Result<Ready> {
        parse_tenant_name(&new.name)?;
        let domain = new.domain.as_ref().map(|d| parse_name(d, "domain")).transpose()?;
        let mut owner = None;
        if let Some(mailbox) = &new.owner {
            let invalid = |why: String| Error::new(Code::Invalid, "ownerMailbox", why);
            let address = Address::parse(&mailbox.address).map_err(|e| invalid(e.to_string()))?;
            if domain.as_ref().map(base::Domain::as_str) != Some(address.domain().as_str()) {
                return Err(invalid("The first mailbox is on the first domain".into()));
            }
            if !new.vouch {
                return Err(invalid(
                    "A mailbox comes after its domain is proven, or the operator vouches for it".into(),
                ));
            }
            let verifiers = mailbox.password.verifiers(self.password_cost).await;
            owner = Some((address, verifiers.map_err(|e| Error { field: "ownerMailbox", ..e })?));
        }
        Ok(Ready { domain, owner })
    }

    async fn first_parts(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        new: &NewTenant,
        ready: &Ready,
    ) -> Result<Vec<Change>> {
        let mut batch = vec![self.entitlement(txn, tenant).await?];
        if let Some(domain) = &ready.domain {
            let at = |e| Error { field: "domain", ..e };
            if new.vouch {
                batch.extend(self.vouched(txn, tenant, domain).await.map_err(at)?);
                self.audit(txn, actor, tenant, "domainVouch", domain.as_str(), "").await?;
            } else {
                self.insert_claim(txn, tenant, domain, By::Tenant).await.map_err(at)?;
                self.audit(txn, actor, tenant, "domainCreate", domain.as_str(), "").await?;
            }
            batch.extend(self.domain_snapshot_of(txn, domain.as_str(), tenant).await?);
        }
        if let (Some(mailbox), Some((address, verifiers))) = (&new.owner, &ready.owner) {
            self.may_lead(txn, actor, tenant, &[address.canonical()], "ownerMailbox").await?;
            let made = self.insert_mailbox(txn, tenant, address, mailbox, verifiers.as_ref()).await;
            let account = made.map_err(|e| Error { field: "ownerMailbox", ..e })?;
            self.audit(txn, actor, tenant, "mailboxCreate", &account.to_string(), &address.canonical()).await?;
            batch.push(self.account_snapshot(txn, account).await?);
            batch.push(self.address_change(txn, address).await?);
        }
        Ok(batch)
    }

    /// The row of a tenant below another one.
    pub(crate) async fn insert_tenant(
        &self,
        txn: &mut Connection,
        (tenant, parent): (TenantId, TenantId),
        name: &str,
        limits: &Limits,
    ) -> Result<()> {
        query(
            "INSERT INTO tenant (id, parent, name, max_domains, max_mailboxes, storage_bytes_max, messages_per_hour_max, \
             recipients_per_day_max, new_recipients_per_day_max, storage_grace_bytes, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11)",
        )
        .bind(tenant.to_string())
        .bind(parent.to_string())
        .bind(name.trim())
        .bind(to_sql(limits.max_domains, "maxDomains")?)
        .bind(to_sql(limits.max_mailboxes, "maxMailboxes")?)
        .bind(to_sql(limits.storage_bytes_max, "storageBytesMax")?)
        .bind(to_sql(limits.messages_per_hour_max, "messagesPerHourMax")?)
        .bind(to_sql(limits.recipients_per_day_max, "recipientsPerDayMax")?)
        .bind(to_sql(limits.new_recipients_per_day_max, "newRecipientsPerDayMax")?)
        .bind(to_sql(Some(limits.storage_grace_bytes), "storageGraceBytes")?)
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }
}

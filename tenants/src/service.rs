//! SUMMARY    The handle: the database, the data plane, the signing key, the first start.

use crate::{
    Access, Actor, Code, DomainOptions, Error, NewToken, PasswordCost, Permissions, Result, Shop, WebhookRules,
    auth::{Attempts, AuthCache, Keys},
    db::{Connection, Database, Pool, Txn, query},
    event::Events,
    factor::relying_party,
    job::Jobs,
    oidc::{Fetch, Providers},
    outbox::Relay,
    rows::{fresh_number, random, text},
    token::Maker,
    tree::Lines,
};
use base::{Clock, TenantId, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::Control;
use std::sync::{Arc, OnceLock, RwLock};
use tokio::sync::OnceCell;
use webauthn_rs::prelude::Webauthn;

/// What the service stands on.
pub struct ServiceOptions {
    pub control: Arc<dyn Control>,
    pub clock: Arc<dyn Clock>,
    pub password_cost: PasswordCost,
    pub domains: DomainOptions,
}

/// How people sign in.
#[derive(Debug, Clone, Default)]
pub struct SignInOptions {
    /// Seals secrets at rest; without one, a key kept in the database does, which guards a copy of a table only.
    pub sealing_key: Option<[u8; 32]>,
    /// Where the portal stands, as `https://mail.example.org`; passkeys and identity providers need it.
    pub portal: Option<String>,
    /// Hosts of identity providers that may stand anywhere, in the operator's own network too, and without TLS.
    pub identity_hosts: Vec<String>,
}

/// The control plane. Share it by `Arc`.
pub struct Service {
    pool: Pool,
    clock: Arc<dyn Clock>,
    jwt_key: Vec<u8>,
    pub(crate) keys: Keys,
    pub(crate) auth: AuthCache,
    pub(crate) attempts: Attempts,
    /// Passwords of people that are verified at the same time.
    /// The portal as browsers know it, and its origin.
    pub(crate) webauthn: Option<Webauthn>,
    pub(crate) portal: Option<String>,
    pub(crate) fetch: Fetch,
    pub(crate) providers: Providers,
    /// A verifier of nobody's password, for the same work where nobody is.
    pub(crate) nobodys: OnceCell<String>,
    pub(crate) lines: Lines,
    pub(crate) relay: Relay,
    pub(crate) jobs: Jobs,
    pub(crate) events: Events,
    pub(crate) webhook_rules: RwLock<WebhookRules>,
    pub(crate) password_cost: PasswordCost,
    pub(crate) domains: DomainOptions,
    pub(crate) shop: OnceLock<Arc<dyn Shop>>,
}

/// What the first start made.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    pub provider: TenantId,
    /// Reaches every tenant. Shown now and never again.
    pub operator_token: String,
}

impl Service {
    /// Opens (or makes) the database and brings it to the newest schema.
    pub async fn open(database: Database, options: ServiceOptions) -> Result<Arc<Service>> {
        Service::open_with(database, options, SignInOptions::default()).await
    }

    /// The same, with what people need to sign in.
    pub async fn open_with(
        database: Database,
        options: ServiceOptions,
        sign_in: SignInOptions,
    ) -> Result<Arc<Service>> {
        let pool = Pool::open(database).await?;
        let jwt_key = setting(&pool, "jwt_key").await?;
        let sealing = match sign_in.sealing_key {
            Some(key) => key.to_vec(),
            None => setting(&pool, "sealing_key").await?,
        };
        let keys = Keys::new(&jwt_key, &sealing)?;
        same_key(&pool, &keys).await?;
        let relay = Relay::new(options.control);
        let service = Service {
            pool,
            clock: options.clock,
            keys,
            auth: AuthCache::new(),
            attempts: Attempts::new()?,
            webauthn: sign_in.portal.as_deref().map(relying_party).transpose()?,
            portal: sign_in.portal,
            fetch: Fetch::new(&sign_in.identity_hosts),
            providers: Providers::default(),
            nobodys: OnceCell::new(),
            jwt_key,
            lines: Lines::default(),
            relay,
            jobs: Jobs::default(),
            events: Events::default(),
            webhook_rules: RwLock::default(),
            password_cost: options.password_cost,
            domains: options.domains,
            shop: OnceLock::new(),
        };
        service.complete_claims().await?;
        Ok(Arc::new(service))
    }

    /// Makes the provider's tenant at the first start, and a new operator token each time it is asked.
    pub async fn bootstrap(&self, name: &str) -> Result<Bootstrap> {
        let mut txn = self.begin().await?;
        let known = query("SELECT id FROM tenant WHERE parent IS NULL").fetch_optional(&mut txn).await?;
        let provider = match known {
            Some(row) => crate::rows::id(&row, "id")?,
            None => {
                let id = TenantId(fresh_number()?);
                query("INSERT INTO tenant (id, name, version, created_at) VALUES ($1, $2, 1, $3)")
                    .bind(id.to_string())
                    .bind(name)
                    .bind(self.now().0)
                    .execute(&mut txn)
                    .await?;
                // What the provider writes itself (codes, invitations) is sent by its tenant.
                let change = self.entitlement(&mut txn, id).await?;
                self.tell(&mut txn, &[change]).await?;
                id
            }
        };
        let new = NewToken::new(provider, "operator", Access::ReadWrite);
        let token = self.issue_token(&mut txn, Maker::Start, &new, Permissions::all()).await?;
        txn.commit().await?;
        self.committed().await;
        let lost = || Error::new(Code::Internal, "", "the operator's token was lost");
        let operator_token = self.token_secret(&token).await?.ok_or_else(lost)?;
        Ok(Bootstrap { provider, operator_token })
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How many statements the database was asked since the start.
    pub fn statements(&self) -> u64 {
        self.pool.statements()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The time by the service's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where the portal stands, as browsers write it; `None`: there is none.
    pub fn portal_origin(&self) -> Option<&str> {
        self.portal.as_deref()
    }

    /// Name of the portal.
    pub(crate) fn portal_host(&self) -> Option<&str> {
        let host = self.portal.as_deref()?.split_once("://")?.1;
        host.split(['/', ':']).next()
    }

    pub(crate) fn jwt_key(&self) -> &[u8] {
        &self.jwt_key
    }

    /// A connection that reads for an actor: on PostgreSQL it sees what is of the actor's tenant and below it, and nothing else. The
    /// operator, and the provider's people, reach everything.
    pub async fn reader(&self, actor: &Actor) -> Result<Connection> {
        if actor.operator {
            return self.pool.acquire().await;
        }
        let depth = match self.lines.depth(actor.tenant) {
            Some(depth) => depth,
            None => self.line(&mut self.pool.acquire().await?, actor.tenant).await?.len(),
        };
        match depth {
            1 => self.pool.acquire().await,
            _ => self.pool.acquire_in(actor.tenant).await,
        }
    }

    /// A connection for the server's own work: it sees everything.
    pub async fn connection(&self) -> Result<Connection> {
        self.pool.acquire().await
    }

    /// A transaction that will write: it waits its turn at the beginning, so what it checks stays true until its commit.
    pub async fn begin(&self) -> Result<Txn> {
        self.pool.begin().await
    }
}

/// Refuses a sealing key that is not the one of the database: what is sealed by one does not open by the other.
async fn same_key(pool: &Pool, keys: &Keys) -> Result<()> {
    const NAME: &str = "sealing_check";
    let mut txn = pool.begin().await?;
    query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(NAME)
        .bind(keys.seal(NAME, NAME.as_bytes())?)
        .execute(&mut txn)
        .await?;
    let row = query("SELECT value FROM setting WHERE name = $1").bind(NAME).fetch_one(&mut txn).await?;
    txn.commit().await?;
    keys.open(NAME, &text(&row, "value")?).map(drop).map_err(|_| {
        let message =
            "The database's secrets are sealed by another key: bring the sealing.key of the process that began it";
        Error::new(Code::Invalid, "", message)
    })
}

/// A secret of 32 bytes kept in the database; made at the first start.
async fn setting(pool: &Pool, name: &str) -> Result<Vec<u8>> {
    let mut txn = pool.begin().await?;
    let fresh = STANDARD.encode(random::<32>()?);
    query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute(&mut txn)
        .await?;
    let row = query("SELECT value FROM setting WHERE name = $1").bind(name).fetch_one(&mut txn).await?;
    txn.commit().await?;
    STANDARD.decode(text(&row, "value")?).map_err(|_| Error::new(Code::Internal, "", "a stored secret is damaged"))
}

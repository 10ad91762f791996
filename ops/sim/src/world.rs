//! SUMMARY    A world from a seed: tenants with people, one shared store, and nodes that reach it through weather and a tap.
//! INVARIANTS All that lives across a crash is in the store. The quiet handle has neither weather nor caches: it tells the truth.

use crate::{
    clock::{SkewedClock, VirtualClock},
    post::RemoteHost,
    stores::{Backend, Stores},
    tap::{Fuse, Tap},
};
use account::{AccountOptions, AccountScope, Accounts, Login, MasterKey, Owner, Peers};
use base::{AccountId, Address, Clock, Rng, TenantId, rng::SeededRng};
use control::{
    AccountSnapshot, AddressSnapshot, Change, Control, CredentialKind, CredentialSnapshot, Destination, DomainSnapshot,
    EntitlementSnapshot,
};
use mail::Mail;
use parking_lot::Mutex;
use std::{fmt::Display, sync::Arc};
use store::{
    Kv,
    blob::FsObjects,
    faults::{FaultRates, Faulty},
};

const HOST: &str = "mail.sim.example";
/// A verifier that no password opens: the simulator takes the login of an exchange it need not make.
const VERIFIER: &str = "SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA";
/// Storage of the people who have a quota, bytes.
pub(crate) const QUOTA_BYTES: u64 = 24_000;

/// Limits that the tenant with a pool has, one after the other, bytes; `None`: for a while without.
const POOL_LIMITS: [Option<u64>; 6] = [Some(60_000), Some(30_000), None, Some(90_000), Some(0), Some(2_000_000)];
/// What incoming mail may use beyond them.
pub(crate) const POOL_GRACE_BYTES: u64 = 5_000;
/// People who share the pool.
const POOL_PEOPLE: u64 = 3;

/// Nodes of a world.
const NODES_MAX: u64 = 4;
/// How wrong the clock of a node may be set, milliseconds.
const CLOCK_SKEW_MS_MAX: u64 = 120_000;
/// Times a node tries to join in a storm.
const JOIN_ATTEMPTS_MAX: usize = 50;

/// Wraps the store below the weather: how tests spoil it.
pub type Spoil = fn(Arc<dyn Kv>) -> Arc<dyn Kv>;

/// What a world is made from.
#[derive(Clone)]
pub struct Options {
    pub seed: u64,
    /// Rounds of concurrent operations.
    pub rounds: usize,
    /// How the store fails; `None`: the seed decides.
    pub rates: Option<FaultRates>,
    pub spoil: Option<Spoil>,
    pub backend: Backend,
}

impl Options {
    pub fn new(seed: u64) -> Self {
        Options { seed, rounds: 30, rates: None, spoil: None, backend: Backend::default() }
    }
}

/// A mailbox user.
pub(crate) struct Person {
    pub(crate) tenant: TenantId,
    pub(crate) address: Address,
    pub(crate) scope: AccountScope<Owner>,
    pub(crate) login: Login,
    pub(crate) quota: Option<u64>,
    /// Shares the storage pool of its tenant with others.
    pub(crate) pooled: bool,
}

impl Person {
    /// Whether mail may be refused to it for want of room.
    pub(crate) fn may_be_full(&self) -> bool {
        self.quota.is_some() || self.pooled
    }
}

/// An alias and the people behind it.
pub(crate) struct Alias {
    pub(crate) address: Address,
    pub(crate) people: Vec<usize>,
}

/// A server process.
pub(crate) struct Node {
    pub(crate) mail: Mail,
    pub(crate) fuse: Arc<Fuse>,
    /// What it remembers of the others.
    pub(crate) peers: Mutex<Peers>,
}

/// Everything but what is expected of it.
pub(crate) struct World {
    pub(crate) rng: Arc<SeededRng>,
    pub(crate) people: Vec<Person>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tenants: u64,
    /// Limit of the last tenant's pool.
    pub(crate) pool_limit: Option<u64>,
    pool_version: u64,
    pub(crate) host: Mutex<RemoteHost>,
    /// Whether links to the store are slow at times, and cut.
    pub(crate) is_far: bool,
    kv: Arc<dyn Kv>,
    /// The same, failing as the store itself does.
    rough: Arc<dyn Kv>,
    rates: FaultRates,
    clock: Arc<dyn Clock>,
    folder: tempfile::TempDir,
}

pub(crate) fn said(e: impl Display) -> String {
    e.to_string()
}

impl World {
    pub(crate) async fn new(options: &Options) -> Result<Self, String> {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let rng = Arc::new(SeededRng::new(options.seed));
        let rates = options.rates.unwrap_or_else(|| match rng.below(4) {
            0 => FaultRates::default(),
            1 => FaultRates { conflict: 30, unknown_applied: 10, unknown_lost: 10, ..FaultRates::default() },
            2 => FaultRates { unknown_late: 150, ..FaultRates::STORMY },
            _ => FaultRates::STORMY,
        });
        let stores = Stores::open(&options.backend, &clock, rates, options.seed, options.spoil).await?;
        let Stores { quiet: kv, rough, rates } = stores;
        let folder = tempfile::tempdir().map_err(said)?;
        let mut world = World {
            tenants: 2 + rng.below(2),
            is_far: rng.below(2) == 0,
            rng,
            people: Vec::new(),
            aliases: Vec::new(),
            nodes: Vec::new(),
            pool_limit: None,
            pool_version: 1,
            host: Mutex::default(),
            kv,
            rough,
            rates,
            clock,
            folder,
        };
        world.populate().await?;
        for _ in 0..1 + world.rng.below(NODES_MAX) {
            let node = world.node().await?;
            world.nodes.push(node);
        }
        Ok(world)
    }

    /// Truth: the store without weather, seen by a process that has just begun.
    pub(crate) fn quiet(&self) -> Result<Mail, String> {
        self.mail(self.kv.clone(), self.rng.next_u64(), self.clock.clone())
    }

    /// What comes from here on meets no faults.
    pub(crate) fn clear_up(&mut self) {
        (self.rough, self.rates) = (self.kv.clone(), FaultRates::default());
    }

    /// The store itself.
    pub(crate) fn store(&self) -> Arc<dyn Kv> {
        self.kv.clone()
    }

    /// A process over a store of its own choice, which leads here.
    pub(crate) fn over(&self, kv: Arc<dyn Kv>) -> Result<Mail, String> {
        self.mail(kv, self.rng.next_u64(), self.clock.clone())
    }

    /// A server process that has just begun, and joined the others.
    pub(crate) async fn node(&self) -> Result<Node, String> {
        let fuse = Fuse::new(self.rng.next_u64());
        let faulty = Arc::new(Faulty::new(self.rough.clone(), self.rng.next_u64(), self.rates));
        let tap = Arc::new(Tap { inner: faulty, fuse: fuse.clone(), is_far: self.is_far });
        let ahead_ms = self.rng.below(2 * CLOCK_SKEW_MS_MAX) as i64 - CLOCK_SKEW_MS_MAX as i64;
        let clock = Arc::new(SkewedClock { right: self.clock.clone(), ahead_ms });
        let mail = self.mail(tap, self.rng.next_u64(), clock)?;
        let mut joined = mail.accounts().join("sim", &[]).await;
        for _ in 0..JOIN_ATTEMPTS_MAX {
            if joined.is_ok() {
                break;
            }
            joined = mail.accounts().join("sim", &[]).await;
        }
        joined.map_err(said)?;
        Ok(Node { mail, fuse, peers: Mutex::default() })
    }

    fn mail(&self, kv: Arc<dyn Kv>, seed: u64, clock: Arc<dyn Clock>) -> Result<Mail, String> {
        let accounts = Accounts::new(AccountOptions {
            kv,
            objects: Arc::new(FsObjects::open(self.folder.path()).map_err(said)?),
            master: MasterKey::new([7; 32]),
            clock,
            rng: Arc::new(SeededRng::new(seed)),
        });
        Ok(Mail::new(accounts, HOST))
    }

    async fn populate(&mut self) -> Result<(), String> {
        let quiet = self.quiet()?;
        for tenant in 1..=self.tenants {
            quiet.accounts().apply(tenant_changes(tenant)).await.map_err(|e| format!("{e:?}"))?;
        }
        let people = 4 + self.rng.below(3);
        for n in 0..people {
            let tenant = 1 + n % self.tenants;
            let quota = (n < 2).then_some(QUOTA_BYTES);
            self.add_person(&quiet, n, tenant, quota).await?;
        }
        self.tenants += 1;
        let pooled = self.tenants;
        quiet.accounts().apply(tenant_changes(pooled)).await.map_err(|e| format!("{e:?}"))?;
        for n in people..people + POOL_PEOPLE {
            self.add_person(&quiet, n, pooled, None).await?;
            self.people.last_mut().into_iter().for_each(|person| person.pooled = true);
        }
        self.change_pool().await?;
        // Across tenants; and one whose every target has a quota.
        for (name, members) in [("all", vec![0, 1, 3]), ("small", vec![0, 1])] {
            let targets = members.iter().filter_map(|n| self.people.get(*n)).map(|p| p.address.to_string()).collect();
            let row = address_row(name, 1, Destination::Forward(targets));
            quiet.accounts().apply(vec![row]).await.map_err(|e| format!("{e:?}"))?;
            let address = Address::parse(&format!("{name}@t1.example")).map_err(said)?;
            self.aliases.push(Alias { address, people: members });
        }
        Ok(())
    }
}

impl World {
    async fn add_person(&mut self, quiet: &Mail, n: u64, tenant: u64, quota: Option<u64>) -> Result<(), String> {
        let address = format!("p{n}@t{tenant}.example");
        quiet.accounts().apply(person_changes(n, tenant, &address, quota)).await.map_err(|e| format!("{e:?}"))?;
        let identity = quiet.accounts().scram(&address).await.map_err(said)?;
        let login = identity.ok_or("no login")?.proven().map_err(said)?;
        let address = Address::parse(&address).map_err(said)?;
        let (tenant, scope) = (TenantId(tenant), login.owner().map_err(said)?);
        self.people.push(Person { tenant, address, scope, login, quota, pooled: false });
        Ok(())
    }

    /// The pool gets another limit, or none for a while.
    pub(crate) async fn change_pool(&mut self) -> Result<(), String> {
        let at = (self.pool_version - 1) as usize % POOL_LIMITS.len();
        self.pool_limit = POOL_LIMITS.get(at).copied().flatten();
        self.pool_version += 1;
        let entitlement = EntitlementSnapshot {
            storage_bytes_max: self.pool_limit,
            storage_grace_bytes: POOL_GRACE_BYTES,
            expunged_days: expunged_days(self.tenants),
            ..EntitlementSnapshot::new(TenantId(self.tenants), self.pool_version)
        };
        let applied = self.quiet()?.accounts().apply(vec![Change::Entitlement(entitlement)]).await;
        applied.map_err(|e| format!("{e:?}"))
    }

    /// What the pool may hold at most: nothing more comes in beyond it, and what is there stays.
    pub(crate) fn pool_bytes_max(&self) -> u64 {
        match self.pool_limit {
            Some(0) => 0,
            Some(limit) => limit + POOL_GRACE_BYTES,
            None => u64::MAX,
        }
    }
}

/// Every other tenant keeps what is expunged.
fn expunged_days(tenant: u64) -> u32 {
    if tenant.is_multiple_of(2) { 7 } else { 0 }
}

fn tenant_changes(tenant: u64) -> Vec<Change> {
    let entitlement =
        EntitlementSnapshot { expunged_days: expunged_days(tenant), ..EntitlementSnapshot::new(TenantId(tenant), 1) };
    let domain = DomainSnapshot::new(format!("t{tenant}.example"), TenantId(tenant), 1);
    vec![Change::Entitlement(entitlement), Change::Domain(domain)]
}

fn address_row(local: &str, tenant: u64, destination: Destination) -> Change {
    Change::Address(AddressSnapshot {
        local: local.to_owned(),
        domain: format!("t{tenant}.example"),
        version: 1,
        tenant: TenantId(tenant),
        destination,
    })
}

fn person_changes(n: u64, tenant: u64, address: &str, quota: Option<u64>) -> Vec<Change> {
    let account = AccountId(100 + n);
    let verifier = CredentialSnapshot::new("c1", CredentialKind::Password, String::new(), VERIFIER.to_owned());
    let snapshot = AccountSnapshot {
        quota_bytes_max: quota,
        credentials: vec![verifier],
        ..AccountSnapshot::new(account, TenantId(tenant), 1, address)
    };
    vec![Change::Account(snapshot), address_row(&format!("p{n}"), tenant, Destination::Account(account))]
}

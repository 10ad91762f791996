//! SUMMARY    The keyspace registry: the only file that spells tags.
//! INVARIANTS Tags are never reused. Integers are big-endian, so that byte order is number order. Relative keys (type `Key`)
//!            know no tenant; `txn::TenantTxn` prepends it. System keys (`S …`) hold no mail data.
//!
//! ```text
//! S d <domain>                    -> DomainRecord          S e <tenant 8>            -> EntitlementRecord
//! S x <domain>                    -> SigningKeysRecord: keys that sign for it, sealed
//! S r <domain> 00 <localpart>     -> AddressRecord         S q <tenant 8> <due 8> <queue 8> -> ()   due index
//! S k <tenant 8> <acct 8> <credential 8> <queue 8> -> ()   parked items, by whom they wait for
//! S p <pack>                      -> pack info             S g <meta key>            -> staged blob, until its meta is written
//! S m <job>                       -> JobRecord: where an upkeep job stands, and who has its lease
//! S i                             -> id of the store (8)   S n                       -> batches applied, i64 little-endian (add)
//! S h <node 8>                    -> NodeRecord            S l <node 8> <tenant 8> <queue 8> -> ()  items that a node holds
//! S o <op 8>                      -> when (ms, 8), attempt (4): operation done (only on stores whose commit may be unknown)
//! S w                             -> mark of the master key (32)
//! S t <tenant 8> <job 8>          -> when there is something to be done (ms, 8): exports that are not shredded
//! S j <tenant 8> <job 8>          -> when there is something to be done (ms, 8), whether a node is at it (1), mailbox (8): migrations that have not ended
//! S u <tenant 8>                  -> ErasureRecord: the tenant is erased, and its id is never used again
//! S u <tenant 8> <pack 16>        -> (): a pack that held bytes of it, to be written anew without them
//! S b <backup 8>                  -> until when no pack is given up (ms, 8)    S z      -> the store is being restored
//! S v                             -> number of the last event     S v <seq 8> -> EventRecord
//! T <tenant 8> k                  -> wrapped data key      T <tenant> u              -> used bytes, i64 little-endian (add)
//! T <tenant> n                    -> number of emails, i64 little-endian (add)
//! T <tenant> o                    -> recipients with other hosts that were accepted, ever, i64 little-endian (add)
//! T <tenant> p                    -> PoolRecord            T <tenant> p <shard 2>    -> LeaseRecord
//! T <tenant> a <acct 8> s         -> AccountState          T <tenant> a <acct> p     -> ProfileRecord
//! T <tenant> a <acct> k           -> KeywordTable          T <tenant> a <acct> l     -> LogMarks: how old the change log is
//! T <tenant> a <acct> r <bucket 1> -> hashes of recipients it wrote to
//! T <tenant> a <acct> o <type> <id 8>            -> record: M mailbox, E email, F email card, T thread
//! T <tenant> a <acct> g <when 8> <email 8>       -> ExpungedRecord: in no mailbox, kept for a while
//! T <tenant> a <acct> i <source 8> f <folder 8>  -> MigratedFolder: a mailbox of another provider
//! T <tenant> a <acct> i <source 8> u <folder 8> <uidvalidity 4> <uid 4> -> Migrated: which email a message of it is
//! T <tenant> a <acct> n <parent 4> <name>        -> mailbox id (unique live names)
//! T <tenant> a <acct> h <hash 8>                 -> thread id (threading index)
//! T <tenant> a <acct> c <type> <modseq 8> <id 8> -> ChangeRecord
//! T <tenant> a <acct> m <mailbox 4> s            -> MailboxState (counters)
//! T <tenant> a <acct> m <mailbox 4> u <uid 4>    -> RowRecord
//! T <tenant> a <acct> m <mailbox 4> x <modseq 8> <uid 4> -> ()      VANISHED
//! T <tenant> b <blob 32>          -> blob meta             T <tenant> d <blob 32> <block 4> -> sealed block
//! T <tenant> l <blob 32> <owner>  -> ()  blob link         T <tenant> q <queue 8>    -> QueueItem
//! T <tenant> f <when it ended 8, newest first> <queue 8> -> QueueItem: what became of it
//! T <tenant> x <job 8> j          -> ExportRecord          T <tenant> x <job> a <n 4> -> ExportAccountRecord
//! T <tenant> x <job> f <n 4>      -> ExportFileRecord      T <tenant> x <job> s <stream 4> <segment 4> -> SegmentRecord
//! T <tenant> j <job 8>            -> MigrationRecord
//! ```

mod backup;
mod erasure;
mod export;
mod migrate;
mod migration;

pub(crate) use backup::*;
pub(crate) use erasure::*;
pub(crate) use export::*;
pub(crate) use migrate::*;
pub(crate) use migration::*;

use crate::{node::NodeId, queue::ParkedGroup, work::Origin};
use base::{AccountId, EmailId, JobId, MailboxId, ModSeq, OpId, QueueId, TenantId, ThreadId, Timestamp, Uid};
use store::kv::KeyRange;

/// Prefix byte of system keys.
pub(crate) const SYSTEM: u8 = b'S';
/// Prefix byte of tenant keys.
pub(crate) const TENANT: u8 = b'T';

/// A key relative to its tenant (or, for `system_*`, absolute).
pub(crate) type Key = Vec<u8>;

/// Length of `T || tenant`.
pub(crate) const TENANT_PREFIX_BYTES: usize = 9;

pub(crate) fn tenant_prefix(tenant: TenantId) -> [u8; TENANT_PREFIX_BYTES] {
    let mut out = [TENANT; TENANT_PREFIX_BYTES];
    for (to, from) in out.iter_mut().skip(1).zip(tenant.0.to_be_bytes()) {
        *to = from;
    }
    out
}

struct Builder(Vec<u8>);
impl Builder {
    fn new(tag: u8) -> Self {
        let mut v = Vec::with_capacity(40);
        v.push(tag);
        Builder(v)
    }
    fn tag(mut self, tag: u8) -> Self {
        self.0.push(tag);
        self
    }
    fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }
    fn u64(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }
    fn bytes(mut self, b: &[u8]) -> Self {
        self.0.extend_from_slice(b);
        self
    }
    fn done(self) -> Key {
        self.0
    }
}

/// The first key behind all that begin so: where "after this one" starts, also after the highest number.
fn behind(prefix: Builder) -> Key {
    KeyRange::prefix(&prefix.done()).to
}

// --- system keys (absolute) ---

pub(crate) fn system_domain(domain: &str) -> Key {
    Builder::new(SYSTEM).tag(b'd').bytes(domain.as_bytes()).done()
}
/// Keys that sign for a domain.
pub(crate) fn system_signing(domain: &str) -> Key {
    Builder::new(SYSTEM).tag(b'x').bytes(domain.as_bytes()).done()
}
pub(crate) fn system_entitlement(tenant: TenantId) -> Key {
    Builder::new(SYSTEM).tag(b'e').u64(tenant.0).done()
}
pub(crate) fn system_entitlements() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'e'])
}
/// Tenant of an entitlement key.
pub(crate) fn decode_entitlement(key: &[u8]) -> Option<TenantId> {
    (key.len() == 10).then(|| be64(key, 2).map(TenantId)).flatten()
}
pub(crate) fn system_address(domain: &str, local: &str) -> Key {
    Builder::new(SYSTEM).tag(b'r').bytes(domain.as_bytes()).tag(0).bytes(local.as_bytes()).done()
}
pub(crate) fn system_due(tenant: TenantId, due: Timestamp, queue: QueueId) -> Key {
    Builder::new(SYSTEM).tag(b'q').u64(tenant.0).u64(due_bits(due)).u64(queue.0).done()
}
pub(crate) fn system_due_all() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'q'])
}
/// Due entries of one tenant up to and including `until`.
pub(crate) fn system_due_until(tenant: TenantId, until: Timestamp) -> KeyRange {
    KeyRange {
        from: Builder::new(SYSTEM).tag(b'q').u64(tenant.0).done(),
        to: behind(Builder::new(SYSTEM).tag(b'q').u64(tenant.0).u64(due_bits(until))),
    }
}
/// Due entries of every tenant behind this one.
pub(crate) fn system_due_after(tenant: TenantId) -> KeyRange {
    KeyRange { from: behind(Builder::new(SYSTEM).tag(b'q').u64(tenant.0)), to: system_due_all().to }
}
/// Tenant, due time and item of a due-index key.
pub(crate) fn decode_due(key: &[u8]) -> Option<(TenantId, Timestamp, QueueId)> {
    if key.len() != 26 {
        return None;
    }
    let due = i64::try_from(be64(key, 10)?).ok()?;
    Some((TenantId(be64(key, 2)?), Timestamp(due), QueueId(be64(key, 18)?)))
}
pub(crate) fn system_master() -> Key {
    Builder::new(SYSTEM).tag(b'w').done()
}
pub(crate) fn system_nodes() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'h'])
}
pub(crate) fn system_node(node: NodeId) -> Key {
    Builder::new(SYSTEM).tag(b'h').u64(node.0).done()
}
/// Node of a node's key.
pub(crate) fn decode_node(key: &[u8]) -> Option<NodeId> {
    (key.len() == 10).then(|| be64(key, 2).map(NodeId)).flatten()
}
/// An item in the hands of a node.
pub(crate) fn system_held(node: NodeId, tenant: TenantId, queue: QueueId) -> Key {
    Builder::new(SYSTEM).tag(b'l').u64(node.0).u64(tenant.0).u64(queue.0).done()
}
/// All that a node holds.
pub(crate) fn system_held_by(node: NodeId) -> KeyRange {
    KeyRange::prefix(&Builder::new(SYSTEM).tag(b'l').u64(node.0).done())
}
/// Tenant and item of a key of what a node holds.
pub(crate) fn decode_held(key: &[u8]) -> Option<(TenantId, QueueId)> {
    (key.len() == 26).then_some(())?;
    Some((TenantId(be64(key, 10)?), QueueId(be64(key, 18)?)))
}
pub(crate) fn system_parked(group: ParkedGroup, queue: QueueId) -> Key {
    parked(group).u64(queue.0).done()
}
pub(crate) fn system_parked_group(group: ParkedGroup) -> KeyRange {
    KeyRange { from: parked(group).done(), to: behind(parked(group)) }
}
pub(crate) fn system_parked_all() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'k'])
}
/// Parked items of one tenant.
pub(crate) fn system_parked_of(tenant: TenantId) -> KeyRange {
    KeyRange::prefix(&Builder::new(SYSTEM).tag(b'k').u64(tenant.0).done())
}
fn parked(group: ParkedGroup) -> Builder {
    Builder::new(SYSTEM).tag(b'k').u64(group.tenant.0).u64(group.account.0).u64(group.credential)
}
/// Whether a key belongs to the index of parked items.
pub(crate) fn is_parked(key: &[u8]) -> bool {
    key.starts_with(&[SYSTEM, b'k'])
}
/// Group and item of a key of a parked item.
pub(crate) fn decode_parked(key: &[u8]) -> Option<(ParkedGroup, QueueId)> {
    (key.len() == 34).then_some(())?;
    let group =
        ParkedGroup { tenant: TenantId(be64(key, 2)?), account: AccountId(be64(key, 10)?), credential: be64(key, 18)? };
    Some((group, QueueId(be64(key, 26)?)))
}
pub(crate) fn system_packs() -> Key {
    vec![SYSTEM, b'p']
}
pub(crate) fn system_staging() -> Key {
    vec![SYSTEM, b'g']
}
pub(crate) fn system_job(job: &str) -> Key {
    Builder::new(SYSTEM).tag(b'm').bytes(job.as_bytes()).done()
}
/// The number that tells this store from every other.
pub(crate) fn system_store() -> Key {
    vec![SYSTEM, b'i']
}
/// Transactions of snapshots that were applied.
pub(crate) fn system_applied() -> Key {
    vec![SYSTEM, b'n']
}
pub(crate) fn system_ops() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'o'])
}
pub(crate) fn system_op(op: OpId) -> Key {
    Builder::new(SYSTEM).tag(b'o').u64(op.0).done()
}

pub(crate) fn system_event_counter() -> Key {
    vec![SYSTEM, b'v']
}
pub(crate) fn system_event(seq: u64) -> Key {
    Builder::new(SYSTEM).tag(b'v').u64(seq).done()
}
/// Events behind this one.
pub(crate) fn system_events_after(seq: u64) -> KeyRange {
    KeyRange { from: behind(Builder::new(SYSTEM).tag(b'v').u64(seq)), to: KeyRange::prefix(&system_event_counter()).to }
}

/// What one transaction of a copy under way has placed.
pub(crate) fn system_copy(tenant: TenantId, account: AccountId, op: OpId, part: u32) -> Key {
    Builder::new(SYSTEM).tag(b'c').u64(tenant.0).u64(account.0).u64(op.0).u32(part).done()
}
pub(crate) fn system_copies() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'c'])
}
pub(crate) fn system_copy_parts(tenant: TenantId, account: AccountId, op: OpId) -> KeyRange {
    KeyRange::prefix(&Builder::new(SYSTEM).tag(b'c').u64(tenant.0).u64(account.0).u64(op.0).done())
}
/// Tenant and account of a part of a copy.
pub(crate) fn decode_copy(key: &[u8]) -> Option<(TenantId, AccountId)> {
    (key.len() == 30).then_some(())?;
    Some((TenantId(be64(key, 2)?), AccountId(be64(key, 10)?)))
}

fn due_bits(due: Timestamp) -> u64 {
    u64::try_from(due.0).unwrap_or(0)
}

// --- tenant keys (relative) ---

pub(crate) fn data_key() -> Key {
    vec![b'k']
}
pub(crate) fn tenant_used_bytes() -> Key {
    vec![b'u']
}
pub(crate) fn tenant_emails() -> Key {
    vec![b'n']
}
/// Recipients with other hosts: what is charged by use.
pub(crate) fn tenant_recipients_out() -> Key {
    vec![b'o']
}
/// The storage pool of a tenant with a limit.
pub(crate) fn pool() -> Key {
    vec![b'p']
}
pub(crate) fn pool_lease(shard: u16) -> Key {
    Builder::new(b'p').bytes(&shard.to_be_bytes()).done()
}
/// Leases of every shard, without the pool itself.
pub(crate) fn pool_leases() -> KeyRange {
    KeyRange { from: pool_lease(0), to: KeyRange::prefix(b"p").to }
}
/// Shard of a lease key.
pub(crate) fn decode_pool_lease(key: &[u8]) -> Option<u16> {
    (key.len() == 3).then(|| key.get(1..)?.try_into().ok().map(u16::from_be_bytes)).flatten()
}
pub(crate) fn blob_meta() -> Key {
    vec![b'b']
}
pub(crate) fn blob_data() -> Key {
    vec![b'd']
}
pub(crate) fn blob_link() -> Key {
    vec![b'l']
}
pub(crate) fn queue_item(queue: QueueId) -> Key {
    Builder::new(b'q').u64(queue.0).done()
}
pub(crate) fn queue_items() -> KeyRange {
    KeyRange::prefix(b"q")
}
/// What became of an item.
pub(crate) fn queue_ended(at: Timestamp, queue: QueueId) -> Key {
    Builder::new(b'f').u64(!due_bits(at)).u64(queue.0).done()
}
/// Items that ended, newest first.
pub(crate) fn queue_all_ended() -> KeyRange {
    KeyRange::prefix(b"f")
}
/// Items that ended at `until` or before.
pub(crate) fn queue_ended_until(until: Timestamp) -> KeyRange {
    KeyRange { from: Builder::new(b'f').u64(!due_bits(until)).done(), to: queue_all_ended().to }
}

// --- account keys (relative to the tenant) ---

/// Types of records under `o` and of entries under `c`.
pub(crate) const MAILBOX: u8 = b'M';
pub(crate) const EMAIL: u8 = b'E';
pub(crate) const CARD: u8 = b'F';
pub(crate) const THREAD: u8 = b'T';
/// Types that have a change log.
pub(crate) const CHANGE_TYPES: [u8; 3] = [MAILBOX, EMAIL, THREAD];

fn account(acct: AccountId, tag: u8) -> Builder {
    Builder::new(b'a').u64(acct.0).tag(tag)
}
pub(crate) fn state(acct: AccountId) -> Key {
    account(acct, b's').done()
}
pub(crate) fn profile(acct: AccountId) -> Key {
    account(acct, b'p').done()
}
pub(crate) fn keywords(acct: AccountId) -> Key {
    account(acct, b'k').done()
}
pub(crate) fn log_marks(acct: AccountId) -> Key {
    account(acct, b'l').done()
}
pub(crate) fn known(acct: AccountId, bucket: u8) -> Key {
    account(acct, b'r').tag(bucket).done()
}
/// Every bucket of them.
pub(crate) fn all_known(acct: AccountId) -> KeyRange {
    KeyRange::prefix(&account(acct, b'r').done())
}
pub(crate) fn object(acct: AccountId, kind: u8, id: u64) -> Key {
    account(acct, b'o').tag(kind).u64(id).done()
}
pub(crate) fn email(acct: AccountId, id: EmailId) -> Key {
    object(acct, EMAIL, id.0)
}
pub(crate) fn card(acct: AccountId, id: EmailId) -> Key {
    object(acct, CARD, id.0)
}
/// Emails with ids in `from..=to`.
pub(crate) fn emails(acct: AccountId, from: EmailId, to: EmailId) -> KeyRange {
    KeyRange { from: email(acct, from), to: behind(account(acct, b'o').tag(EMAIL).u64(to.0)) }
}
/// Cards with ids in `from..=to`.
pub(crate) fn cards(acct: AccountId, from: EmailId, to: EmailId) -> KeyRange {
    KeyRange { from: card(acct, from), to: behind(account(acct, b'o').tag(CARD).u64(to.0)) }
}
/// An email that left its last mailbox.
pub(crate) fn expunged(acct: AccountId, at: Timestamp, id: EmailId) -> Key {
    account(acct, b'g').u64(due_bits(at)).u64(id.0).done()
}
/// All of them, oldest first.
pub(crate) fn all_expunged(acct: AccountId) -> KeyRange {
    KeyRange::prefix(&account(acct, b'g').done())
}
/// Those of `at` and before.
pub(crate) fn expunged_until(acct: AccountId, at: Timestamp) -> KeyRange {
    KeyRange { from: account(acct, b'g').done(), to: behind(account(acct, b'g').u64(due_bits(at))) }
}
/// When an email was expunged, and which.
pub(crate) fn decode_expunged(key: &[u8]) -> Option<(Timestamp, EmailId)> {
    let at = (key.len() == 26).then(|| i64::try_from(be64(key, 10)?).ok()).flatten()?;
    Some((Timestamp(at), EmailId(be64(key, 18)?)))
}
pub(crate) fn thread(acct: AccountId, id: ThreadId) -> Key {
    object(acct, THREAD, id.0)
}
pub(crate) fn mailbox(acct: AccountId, id: MailboxId) -> Key {
    object(acct, MAILBOX, u64::from(id.0))
}
pub(crate) fn objects(acct: AccountId, kind: u8) -> KeyRange {
    KeyRange::prefix(&account(acct, b'o').tag(kind).done())
}
/// Id of a record key.
pub(crate) fn decode_object(key: &[u8]) -> Option<u64> {
    (key.len() == 19).then(|| be64(key, 11)).flatten()
}
pub(crate) fn mailbox_name(acct: AccountId, parent: Option<MailboxId>, name: &str) -> Key {
    account(acct, b'n').u32(parent.map_or(0, |p| p.0)).bytes(name.as_bytes()).done()
}
/// Names of the children of a mailbox.
pub(crate) fn mailbox_children(acct: AccountId, parent: MailboxId) -> KeyRange {
    KeyRange::prefix(&account(acct, b'n').u32(parent.0).done())
}
pub(crate) fn thread_index(acct: AccountId, hash: u64) -> Key {
    account(acct, b'h').u64(hash).done()
}
pub(crate) fn change(acct: AccountId, kind: u8, modseq: ModSeq, id: u64) -> Key {
    account(acct, b'c').tag(kind).u64(modseq.0).u64(id).done()
}
/// Changes of one type after `since`.
pub(crate) fn changes_after(acct: AccountId, kind: u8, since: ModSeq) -> KeyRange {
    let prefix = KeyRange::prefix(&account(acct, b'c').tag(kind).done());
    KeyRange { from: behind(account(acct, b'c').tag(kind).u64(since.0)), to: prefix.to }
}
/// Changes of one type up to and including `floor`.
pub(crate) fn changes_until(acct: AccountId, kind: u8, floor: ModSeq) -> KeyRange {
    KeyRange { from: account(acct, b'c').tag(kind).done(), to: behind(account(acct, b'c').tag(kind).u64(floor.0)) }
}
/// Modseq and id of a change key.
pub(crate) fn decode_change(key: &[u8]) -> Option<(ModSeq, u64)> {
    (key.len() == 27).then(|| Some((ModSeq(be64(key, 11)?), be64(key, 19)?))).flatten()
}
fn in_mailbox(acct: AccountId, id: MailboxId, tag: u8) -> Builder {
    account(acct, b'm').u32(id.0).tag(tag)
}
/// Everything of an account.
pub(crate) fn account_all(acct: AccountId) -> KeyRange {
    KeyRange::prefix(&Builder::new(b'a').u64(acct.0).done())
}
/// Everything of the accounts with ids from `from` on.
pub(crate) fn accounts_from(from: AccountId) -> KeyRange {
    let all = KeyRange::prefix(b"a");
    KeyRange { from: Builder::new(b'a').u64(from.0).done(), to: all.to }
}
pub(crate) fn mailbox_state(acct: AccountId, id: MailboxId) -> Key {
    in_mailbox(acct, id, b's').done()
}
pub(crate) fn mailbox_all(acct: AccountId, id: MailboxId) -> KeyRange {
    KeyRange::prefix(&account(acct, b'm').u32(id.0).done())
}
pub(crate) fn row(acct: AccountId, id: MailboxId, uid: Uid) -> Key {
    in_mailbox(acct, id, b'u').u32(uid.0).done()
}
/// Rows with a uid of at least `from`.
pub(crate) fn rows_from(acct: AccountId, id: MailboxId, from: Uid) -> KeyRange {
    let prefix = KeyRange::prefix(&in_mailbox(acct, id, b'u').done());
    KeyRange { from: row(acct, id, from), to: prefix.to }
}
/// Uid of a row key.
pub(crate) fn decode_row(key: &[u8]) -> Option<Uid> {
    (key.len() == 19).then(|| be32(key, 15).map(Uid)).flatten()
}
pub(crate) fn vanished(acct: AccountId, id: MailboxId, modseq: ModSeq, uid: Uid) -> Key {
    in_mailbox(acct, id, b'x').u64(modseq.0).u32(uid.0).done()
}
/// VANISHED entries after `since`.
pub(crate) fn vanished_after(acct: AccountId, id: MailboxId, since: ModSeq) -> KeyRange {
    let prefix = KeyRange::prefix(&in_mailbox(acct, id, b'x').done());
    KeyRange { from: behind(in_mailbox(acct, id, b'x').u64(since.0)), to: prefix.to }
}
/// VANISHED entries up to and including `floor`.
pub(crate) fn vanished_until(acct: AccountId, id: MailboxId, floor: ModSeq) -> KeyRange {
    KeyRange { from: in_mailbox(acct, id, b'x').done(), to: behind(in_mailbox(acct, id, b'x').u64(floor.0)) }
}
/// Modseq and uid of a VANISHED key.
pub(crate) fn decode_vanished(key: &[u8]) -> Option<(ModSeq, Uid)> {
    (key.len() == 27).then(|| Some((ModSeq(be64(key, 15)?), Uid(be32(key, 23)?)))).flatten()
}

/// What a relative tenant key is, for `verify`: every stored key must decode to one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    DataKey,
    Counter,
    Pool,
    PoolLease(u16),
    BlobMeta,
    BlobData,
    BlobLink,
    QueueItem(QueueId),
    QueueEnded(QueueId),
    Export(JobId),
    ExportAccount(JobId, u32),
    ExportFile(JobId, u32),
    ExportSegment(JobId, u32, u32),
    Migration(JobId),
    Account(AccountId, AccountRow),
}

/// What a key of an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountRow {
    State,
    Profile,
    Keywords,
    LogMarks,
    Known,
    Expunged(Timestamp, EmailId),
    MigratedFolder(Origin),
    Migrated(Origin, u32, Uid),
    Mailbox(MailboxId),
    Email(EmailId),
    Card(EmailId),
    Thread(ThreadId),
    Name,
    ThreadIndex,
    Change(u8, ModSeq, u64),
    MailboxState(MailboxId),
    Message(MailboxId, Uid),
    Vanished(MailboxId, ModSeq, Uid),
}

/// Decodes a relative tenant key; `None` for a key the registry does not know.
pub(crate) fn decode(key: &[u8]) -> Option<Row> {
    match *key.first()? {
        b'k' if key.len() == 1 => Some(Row::DataKey),
        b'u' | b'n' | b'o' if key.len() == 1 => Some(Row::Counter),
        b'p' if key.len() == 1 => Some(Row::Pool),
        b'p' => decode_pool_lease(key).map(Row::PoolLease),
        b'b' if key.len() == 33 => Some(Row::BlobMeta),
        b'd' if key.len() == 37 => Some(Row::BlobData),
        b'l' if key.len() > 33 => Some(Row::BlobLink),
        b'q' if key.len() == 9 => Some(Row::QueueItem(QueueId(be64(key, 1)?))),
        b'f' if key.len() == 17 => Some(Row::QueueEnded(QueueId(be64(key, 9)?))),
        b'x' => export::decode(key),
        b'j' if key.len() == 9 => Some(Row::Migration(JobId(be64(key, 1)?))),
        b'a' => Some(Row::Account(AccountId(be64(key, 1)?), decode_account(key)?)),
        _ => None,
    }
}

fn decode_account(key: &[u8]) -> Option<AccountRow> {
    let len = key.len();
    match *key.get(9)? {
        b's' if len == 10 => Some(AccountRow::State),
        b'p' if len == 10 => Some(AccountRow::Profile),
        b'k' if len == 10 => Some(AccountRow::Keywords),
        b'l' if len == 10 => Some(AccountRow::LogMarks),
        b'r' if len == 11 => Some(AccountRow::Known),
        b'g' => decode_expunged(key).map(|(at, id)| AccountRow::Expunged(at, id)),
        b'i' => migrate::decode(key),
        b'o' => {
            let id = decode_object(key)?;
            match *key.get(10)? {
                MAILBOX => u32::try_from(id).ok().map(|id| AccountRow::Mailbox(MailboxId(id))),
                EMAIL => Some(AccountRow::Email(EmailId(id))),
                CARD => Some(AccountRow::Card(EmailId(id))),
                THREAD => Some(AccountRow::Thread(ThreadId(id))),
                _ => None,
            }
        }
        b'n' if len > 14 => Some(AccountRow::Name),
        b'h' if len == 18 => Some(AccountRow::ThreadIndex),
        b'c' => decode_change(key).and_then(|(m, id)| Some(AccountRow::Change(*key.get(10)?, m, id))),
        b'm' => {
            let id = MailboxId(be32(key, 10)?);
            match *key.get(14)? {
                b's' if len == 15 => Some(AccountRow::MailboxState(id)),
                b'u' => decode_row(key).map(|uid| AccountRow::Message(id, uid)),
                b'x' => decode_vanished(key).map(|(m, uid)| AccountRow::Vanished(id, m, uid)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Big-endian u64 at `at`.
pub(crate) fn be64(key: &[u8], at: usize) -> Option<u64> {
    key.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}
/// Big-endian u32 at `at`.
pub(crate) fn be32(key: &[u8], at: usize) -> Option<u32> {
    key.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod register_tests;
#[cfg(test)]
mod tests;

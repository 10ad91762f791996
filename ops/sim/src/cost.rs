//! SUMMARY    What operations cost the store: transactions, reads, rows and bytes written, counted at the store itself.
//! INVARIANTS Counts are the same on every machine; docs/scale.md reckons with them. Time is this machine's, of a store in memory.

use crate::world::{Options, World, said};
use base::{Address, MailboxId};
use bytes::Bytes;
use mail::{Accept, Change, EnvelopeRecipient, Expunge, Flags, Mail, Operation, Source};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use store::kv::{BoxFuture, CommitError, Durable, KeyRange, Kv, KvTxn, Page, PageLimit, Read, ReadError};

/// Times each operation is done; its mean is told.
const TIMES: u64 = 200;
pub(crate) const COMES_40: &str = "one of 40 kB";
pub(crate) const OPENED: &str = "a mailbox is opened, 50 rows listed";
pub(crate) const NEWS: &str = "a look for news, of which there are none";
pub(crate) const READ: &str = "a message of 400 kB is read";
pub(crate) const FLAG: &str = "a flag is set";
pub(crate) const FOR_ANOTHER_HOST: &str = "a message of 40 kB for another host is taken";
pub(crate) const REMOVED: &str = "a message is removed";
/// Rows that a client asks for when it opens a mailbox.
const LISTED: usize = 50;

/// What was counted, in all.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    transactions: AtomicU64,
    commits: AtomicU64,
    gets: AtomicU64,
    pages: AtomicU64,
    rows_read: AtomicU64,
    bytes_read: AtomicU64,
    rows_written: AtomicU64,
    bytes_written: AtomicU64,
}

/// Of one operation, on average.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub transactions: f64,
    /// Of these, those that wrote.
    pub commits: f64,
    /// Questions to the store: gets and pages.
    pub reads: f64,
    pub rows_read: f64,
    pub bytes_read: f64,
    /// Keys set, added to and cleared.
    pub rows_written: f64,
    /// Their keys and values.
    pub bytes_written: f64,
    /// Microseconds of one thread, in the median.
    pub micros: f64,
}

/// An operation and what it costs.
#[derive(Debug)]
pub struct Line {
    pub operation: &'static str,
    pub cost: Cost,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { transactions, commits, reads, rows_read, bytes_read, rows_written, bytes_written, micros: _ } =
            self.cost;
        write!(
            f,
            "| {} | {transactions:.1} | {commits:.1} | {reads:.1} | {rows_read:.0} | {bytes_read:.0} | {rows_written:.1} | {bytes_written:.0} |",
            self.operation
        )
    }
}

/// The heading of the lines.
pub const HEADING: &str = "| operation | transactions | commits | reads | rows read | bytes read | rows written | bytes written |\n|---|---|---|---|---|---|---|---|";

impl Counts {
    fn now(&self) -> [u64; 8] {
        let of = [
            &self.transactions,
            &self.commits,
            &self.gets,
            &self.pages,
            &self.rows_read,
            &self.bytes_read,
            &self.rows_written,
            &self.bytes_written,
        ];
        of.map(|count| count.load(Relaxed))
    }

    fn since(&self, before: [u64; 8]) -> Cost {
        let now = self.now();
        let mut each = [0.0; 8];
        for ((mean, now), before) in each.iter_mut().zip(now).zip(before) {
            *mean = (now - before) as f64 / TIMES as f64;
        }
        let [transactions, commits, gets, pages, rows_read, bytes_read, rows_written, bytes_written] = each;
        Cost {
            transactions,
            commits,
            reads: gets + pages,
            rows_read,
            bytes_read,
            rows_written,
            bytes_written,
            micros: 0.0,
        }
    }
}

/// A store that counts.
struct Counted {
    inner: Arc<dyn Kv>,
    counts: Arc<Counts>,
}

impl Counted {
    fn wrap(&self, inner: Box<dyn KvTxn>) -> Box<dyn KvTxn> {
        self.counts.transactions.fetch_add(1, Relaxed);
        Box::new(CountedTxn { inner, counts: self.counts.clone() })
    }
}

impl Kv for Counted {
    fn begin(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin())
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin_read())
    }
    fn commit_may_be_unknown(&self) -> bool {
        // As the stores that several nodes share.
        true
    }
    fn validates_at_submit(&self) -> bool {
        self.inner.validates_at_submit()
    }
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        self.inner.health()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

struct CountedTxn {
    inner: Box<dyn KvTxn>,
    counts: Arc<Counts>,
}

impl CountedTxn {
    fn wrote(&self, bytes: usize) {
        self.counts.rows_written.fetch_add(1, Relaxed);
        self.counts.bytes_written.fetch_add(bytes as u64, Relaxed);
    }

    fn read(&self, rows: usize, bytes: usize) {
        self.counts.rows_read.fetch_add(rows as u64, Relaxed);
        self.counts.bytes_read.fetch_add(bytes as u64, Relaxed);
    }
}

impl KvTxn for CountedTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        let key = key.to_vec();
        Box::pin(async move {
            let value = self.inner.get(&key, read).await?;
            self.counts.gets.fetch_add(1, Relaxed);
            self.read(usize::from(value.is_some()), key.len() + value.as_ref().map_or(0, Bytes::len));
            Ok(value)
        })
    }

    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let range = range.clone();
        Box::pin(async move {
            let page = self.inner.range(&range, limit, reverse, read).await?;
            self.counts.pages.fetch_add(1, Relaxed);
            self.read(page.rows.len(), page.rows.iter().map(|(key, value)| key.len() + value.len()).sum());
            Ok(page)
        })
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.wrote(key.len() + value.len());
        self.inner.set(key, value);
    }
    fn clear(&mut self, key: &[u8]) {
        self.wrote(key.len());
        self.inner.clear(key);
    }
    fn clear_range(&mut self, range: &KeyRange) {
        self.wrote(range.from.len() + range.to.len());
        self.inner.clear_range(range);
    }
    fn add(&mut self, key: &[u8], delta: i64) {
        self.wrote(key.len() + size_of::<i64>());
        self.inner.add(key, delta);
    }
    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.wrote(prefix.len() + suffix.len() + value.len());
        self.inner.set_versionstamped(prefix, suffix, value);
    }
    fn must_not_change(&mut self, range: &KeyRange) {
        self.inner.must_not_change(range);
    }
    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }
    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        if !self.inner.is_read_only() {
            self.counts.commits.fetch_add(1, Relaxed);
        }
        self.inner.submit()
    }
}

/// One world with one busy person in it.
struct Desk {
    world: World,
    mail: Mail,
    counts: Arc<Counts>,
    lines: Vec<Line>,
}

/// What operations cost.
pub fn measure() -> Result<Vec<Line>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(said)?.block_on(async {
        let counts = Arc::new(Counts::default());
        let options = Options { rates: Some(store::faults::FaultRates::default()), ..Options::new(1) };
        let world = World::new(&options).await?;
        let counted = Arc::new(Counted { inner: world.store(), counts: counts.clone() });
        let mail = world.over(counted)?;
        let mut desk = Desk { world, mail, counts, lines: Vec::new() };
        desk.all().await?;
        Ok(desk.lines)
    })
}

fn letter(number: u64, bytes: usize) -> Bytes {
    let mut text = format!(
        "From: A Friend <friend@elsewhere.example>\r\nTo: p2@t1.example\r\nSubject: letter {number}\r\n\
         Date: Tue, 03 Mar 2026 10:15:00 +0100\r\nMessage-ID: <l{number}@elsewhere.example>\r\n\r\n"
    );
    let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < bytes {
        word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text += &format!("{word:016x}\r\n");
    }
    text.into_bytes().into()
}

impl Desk {
    /// Somebody without a quota.
    fn person(&self) -> Result<&crate::world::Person, String> {
        self.world.people.iter().find(|p| !p.may_be_full()).ok_or_else(|| "nobody has room".to_owned())
    }

    async fn time<F: AsyncFnMut(&Mail, &crate::world::Person, u64) -> Result<(), String>>(
        &mut self,
        operation: &'static str,
        mut act: F,
    ) -> Result<(), String> {
        let before = self.counts.now();
        let mut times = Vec::new();
        for number in 0..TIMES {
            let begin = Instant::now();
            act(&self.mail, self.person()?, number).await.map_err(|why| format!("{operation}: {why}"))?;
            times.push(begin.elapsed().as_nanos() as f64 / 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        let micros = times.get(times.len() / 2).copied().unwrap_or_default();
        self.lines.push(Line { operation, cost: Cost { micros, ..self.counts.since(before) } });
        Ok(())
    }

    async fn all(&mut self) -> Result<(), String> {
        let inbox = {
            let person = self.person()?;
            let (address, scope) = (person.address.clone(), person.scope);
            deliver(&self.mail, &address, &letter(0, 1_000)).await?;
            let found = self.mail.mailboxes(&scope).await.map_err(said)?;
            found.into_iter().find(|m| m.path == "INBOX").map(|m| m.id).ok_or("no INBOX")?
        };
        for (name, bytes) in [("a message of 4 kB comes", 4_000), (COMES_40, 40_000), ("one of 400 kB", 400_000)] {
            self.time(name, async |mail, person, number| {
                deliver(mail, &person.address, &letter(number + bytes as u64, bytes)).await
            })
            .await?;
        }
        self.time(OPENED, async |mail, person, _| {
            let view = mail.open(&person.scope, inbox).await.map_err(said)?;
            std::hint::black_box(view.rows().take(LISTED).count());
            Ok(())
        })
        .await?;
        let view = self.mail.open(&self.person()?.scope, inbox).await.map_err(said)?;
        let newest = view.rows().last().map(|row| row.uid).ok_or("no message")?;
        self.time(NEWS, async |mail, person, _| mail.refresh(&person.scope, &view).await.map(drop).map_err(said))
            .await?;
        self.time(READ, async |mail, person, _| {
            let (_, row) = view.find(newest).ok_or("gone")?;
            mail.accounts().read(&person.scope).body(row.email, None).await.map(drop).map_err(said)
        })
        .await?;
        self.time(FLAG, async |mail, person, number| {
            let operation = if number % 2 == 0 { Operation::Add } else { Operation::Remove };
            let flags = Flags::from_names(["\\Seen"]);
            let change = Change { operation, flags, unchanged_since: None };
            mail.store_flags(&person.scope, inbox, &[newest], &change).await.map(drop).map_err(said)
        })
        .await?;
        self.time(FOR_ANOTHER_HOST, async |mail, person, number| {
            let to = [Address::parse("ok@elsewhere.example").map_err(said)?];
            let letter = crate::act::Letter { marker: number, bytes: letter(number + 7_000_000, 40_000) };
            crate::post::submit(mail, person, &letter, &to).await.map(drop).map_err(said)
        })
        .await?;
        self.expunge(inbox).await
    }

    async fn expunge(&mut self, inbox: MailboxId) -> Result<(), String> {
        let view = self.mail.open(&self.person()?.scope, inbox).await.map_err(said)?;
        let uids: Vec<base::Uid> = view.rows().map(|row| row.uid).collect();
        self.time(REMOVED, async |mail, person, number| {
            let uid = *uids.get(number as usize).ok_or("no message")?;
            mail.expunge(&person.scope, inbox, Expunge::All(&[uid])).await.map(drop).map_err(said)
        })
        .await
    }
}

async fn deliver(mail: &Mail, to: &Address, letter: &Bytes) -> Result<(), String> {
    let route = mail.accounts().route(to, account::Sender::Stranger).await.map_err(|e| format!("{e:?}"))?;
    let recipient = EnvelopeRecipient { address: to.clone(), route: Some(route), notify: 0, orcpt: String::new() };
    let recipients = [recipient];
    let accepted = mail.accept(Accept::new(Source::Relay, None, &recipients, letter)).await.map_err(said)?;
    accepted.results.into_iter().try_for_each(|result| result.map_err(said))
}

//! SUMMARY    The steps of an import: hash the passwords of a part, then make its mailboxes and aliases.
//! LIMITS     IMPORT_PART_ROWS, HASHES_AT_ONCE
//! INVARIANTS Hashing goes before the transaction. Rows without aliases, and with addresses that no other row asks for, go together, and each of them leaves what it would leave by
//!            itself. A refused row leaves nothing.

use super::{
    ImportedRow,
    file::{Line, Wanted},
    from_text, to_text,
    twice::Held,
};
use crate::{
    Actor, Code, Error, Item, ItemError, NewAlias, NewMailbox, NewPassword, PasswordCost, Result, Service,
    allocation::Limit,
    db::{Connection, query},
    job::{JobContext, JobKind, Step},
    mailbox_create::{FULL, Ready},
    rows::text,
};
use aws_lc_rs::hmac;
use base::TenantId;
use control::Change;
use serde::{Deserialize, Serialize};

/// Work of a hash that is thrown away.
const TRIAL_COST: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

pub(crate) struct MailboxImport;

/// What was asked for; the rows stand in their own table.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(super) tenant: TenantId,
    pub(super) check_only: bool,
    pub(super) all_or_nothing: bool,
    pub(super) rows: i64,
    pub(super) parts: i64,
}

/// The part that is next, and whether rows are only tried yet.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct At {
    part: i64,
    making: bool,
}

/// What came out.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Imported {
    made: i64,
    refused: i64,
    /// Rows that were only tried, and would be made.
    would: i64,
}

/// Whether rows are made, or only tried, after so many that could be made.
#[derive(Clone, Copy)]
enum Mode {
    Make,
    Try { before: u64 },
}

/// A row with what was prepared of it.
struct Prepared {
    line: Line,
    ready: Result<(Wanted, Ready)>,
}

impl JobKind for MailboxImport {
    const NAME: &'static str = "mailboxImport";
    type Input = Asked;
    type Cursor = At;
    type Output = Imported;

    async fn step(service: &Service, job: &mut JobContext<Self>) -> Result<Step> {
        if job.cursor.part == 0 && !job.cursor.making {
            job.cursor.making = !job.input.check_only && !job.input.all_or_nothing;
        }
        let passes = if job.input.all_or_nothing && !job.input.check_only { 2 } else { 1 };
        job.total = Some(job.input.rows.saturating_mul(passes));
        let (part, making) = (job.cursor.part, job.cursor.making);
        let prepared = prepare(service, job, part).await?;
        let (actor, tenant) = (job.actor.clone(), job.tenant);
        // What was only tried is not there: it counts against the limits all the same.
        let mode = if making { Mode::Make } else { Mode::Try { before: u64::try_from(job.output.would).unwrap_or(0) } };
        let rows = i64::try_from(prepared.len()).unwrap_or(i64::MAX);
        let held = match prepared.iter().any(|p| !p.line.shared.is_empty()) {
            true => held(service, &job.id, part).await?,
            false => Held::default(),
        };
        let txn = job.txn(service).await?;
        let (results, changes) = make(service, txn, &actor, tenant, prepared, (mode, held)).await?;
        let refused = results.iter().filter(|r| r.refused.is_some()).count();
        let refused = i64::try_from(refused).unwrap_or(i64::MAX);
        keep(service, job, part, &results).await?;
        job.tell(changes);
        job.done += rows;
        job.output.refused += refused;
        *(if making { &mut job.output.made } else { &mut job.output.would }) += rows - refused;
        job.cursor.part += 1;
        if job.cursor.part < job.input.parts {
            return Ok(Step::More);
        }
        // Every row was tried: now they are made, unless one was refused.
        if !making && !job.input.check_only && job.output.refused == 0 {
            job.cursor = At { part: 0, making: true };
            job.output = Imported::default();
            return Ok(Step::More);
        }
        let id = job.id.clone();
        service.forget_lines(job.txn(service).await?, &id).await?;
        Ok(Step::Done)
    }
}

/// Which of the addresses that several rows ask for the rows of the parts before have.
async fn held(service: &Service, job: &str, part: i64) -> Result<Held> {
    let mut connection = service.pool().acquire().await?;
    let rows = query("SELECT results FROM mailbox_import_part WHERE job = $1 AND part < $2 AND results IS NOT NULL")
        .bind(job)
        .bind(part)
        .fetch_all(&mut connection)
        .await?;
    let mut held = Held::default();
    for row in &rows {
        held.told(&from_text::<Vec<ImportedRow>>(&text(row, "results")?)?);
    }
    Ok(held)
}

/// Reads the rows of a part and hashes their passwords.
async fn prepare(service: &Service, job: &JobContext<MailboxImport>, part: i64) -> Result<Vec<Prepared>> {
    let mut connection = service.pool().acquire().await?;
    let row = query("SELECT lines FROM mailbox_import_part WHERE job = $1 AND part = $2 AND lines IS NOT NULL")
        .bind(&job.id)
        .bind(part)
        .fetch_optional(&mut connection)
        .await?;
    drop(connection);
    let row = row.ok_or_else(|| Error::new(Code::NotFound, "", "The rows of the file are not kept any more"))?;
    let clear = service.keys.open(&job.id, &text(&row, "lines")?)?;
    let damaged = |_| Error::new(Code::Internal, "", "the stored rows of an import are no text");
    let lines: Vec<Line> = from_text(&String::from_utf8(clear).map_err(damaged)?)?;
    let mut wanted = Vec::with_capacity(lines.len());
    for line in lines {
        let asked = match &line.refused {
            Some(e) => Err(Error::new(e.code, "", e.message.clone())),
            None => line.wanted(job.tenant),
        };
        let asked = asked.map(|mut w| {
            if w.generate {
                w.mailbox.password = NewPassword::Plain(generated(service.jwt_key(), &job.id, line.number));
            }
            w
        });
        wanted.push((line, asked));
    }
    let new: Vec<_> = wanted.iter().filter_map(|(_, w)| w.as_ref().ok()).map(|w| w.mailbox.clone()).collect();
    // What is only tried is taken back: its hashes need not be worth anything.
    let cost = if job.cursor.making { service.password_cost } else { TRIAL_COST };
    let mut ready = service.all_ready(&new, cost).await?.into_iter();
    let mut prepared = Vec::with_capacity(wanted.len());
    for (line, asked) in wanted {
        let ready = match asked {
            Err(e) => Err(e),
            Ok(wanted) => {
                let lost = || Err(Error::new(Code::Internal, "", "a prepared row was lost"));
                ready.next().unwrap_or_else(lost).map(|ready| (wanted, ready))
            }
        };
        prepared.push(Prepared { line, ready });
    }
    Ok(prepared)
}

/// Makes the rows of a part, or only tries to; what became of each, and what the data plane is to know.
async fn make(
    service: &Service,
    txn: &mut Connection,
    actor: &Actor,
    tenant: TenantId,
    rows: Vec<Prepared>,
    (mode, mut held): (Mode, Held),
) -> Result<(Vec<ImportedRow>, Vec<Change>)> {
    let mut made = Made { results: Vec::with_capacity(rows.len()), changes: Vec::new(), mode };
    if let Mode::Try { .. } = mode {
        txn.savepoint().await?;
    }
    let mut run = Run::default();
    for Prepared { line, ready } in rows {
        let at = made.results.len();
        let generated = ready.as_ref().is_ok_and(|(wanted, _)| wanted.generate);
        let ready = ready.and_then(|ready| held.free(&line).map(|()| ready));
        // What others ask for too is made by itself: those behind it are to know.
        let together = line.shared.is_empty();
        let Line { number: line, address, shared, .. } = line;
        made.results.push(ImportedRow { line, address, mailbox: None, generated, shared, refused: None });
        match ready {
            Ok((wanted, ready)) if wanted.aliases.is_empty() && together => run.add(at, wanted, ready),
            Ok((wanted, ready)) => {
                std::mem::take(&mut run).made(service, txn, actor, &mut made).await?;
                txn.savepoint().await?;
                let one = one(service, txn, actor, tenant, (&wanted, &ready), mode).await;
                if one.is_ok() {
                    txn.keep().await?
                } else {
                    txn.take_back().await?
                }
                made.told(at, one)?;
                held.told(made.results.get(at));
            }
            Err(e) => made.told(at, Err(e))?,
        }
    }
    run.made(service, txn, actor, &mut made).await?;
    if let Mode::Try { .. } = mode {
        txn.take_back().await?;
        made.changes.clear();
    }
    Ok((made.results, made.changes))
}

/// What became of rows so far.
struct Made {
    results: Vec<ImportedRow>,
    changes: Vec<Change>,
    mode: Mode,
}

impl Made {
    /// Writes down what became of a row; a failure of ours ends the part.
    fn told(&mut self, at: usize, one: Result<(String, Vec<Change>)>) -> Result<()> {
        match one {
            Err(e) if e.code == Code::Internal => return Err(e),
            Err(e) => self.ended(at, Err(e.into())),
            Ok((mailbox, changes)) => {
                self.changes.extend(changes);
                self.ended(at, Ok(mailbox));
            }
        }
        Ok(())
    }

    fn ended(&mut self, at: usize, mailbox: std::result::Result<String, ItemError>) {
        let Some(row) = self.results.get_mut(at) else { return };
        match mailbox {
            Ok(mailbox) => row.mailbox = matches!(self.mode, Mode::Make).then_some(mailbox),
            Err(e) => row.refused = Some(e),
        }
    }
}

/// Rows without aliases, one behind the other: made by few statements together.
#[derive(Default)]
struct Run {
    at: Vec<usize>,
    new: Vec<NewMailbox>,
    ready: Vec<Result<Ready>>,
}

impl Run {
    fn add(&mut self, at: usize, wanted: Wanted, ready: Ready) {
        self.at.push(at);
        self.new.push(wanted.mailbox);
        self.ready.push(Ok(ready));
    }

    async fn made(self, service: &Service, txn: &mut Connection, actor: &Actor, made: &mut Made) -> Result<()> {
        let before = if let Mode::Try { before } = made.mode { before } else { 0 };
        let (items, changes) = service.mailboxes_made(txn, actor, &self.new, &self.ready, before).await?;
        made.changes.extend(changes);
        for (at, item) in self.at.into_iter().zip(items) {
            made.ended(
                at,
                match item {
                    Item::Done(mailbox) => Ok(mailbox.id.to_string()),
                    Item::Refused(e) => Err(e),
                },
            );
        }
        Ok(())
    }
}

/// One row: its mailbox and its aliases, or nothing.
async fn one(
    service: &Service,
    txn: &mut Connection,
    actor: &Actor,
    tenant: TenantId,
    (wanted, ready): (&Wanted, &Ready),
    mode: Mode,
) -> Result<(String, Vec<Change>)> {
    if let Mode::Try { before } = mode {
        service.room_for(txn, tenant, Limit::Mailboxes, before + 1, "address", FULL).await?;
    }
    let (mailbox, mut changes) = service.mailbox_made(txn, actor, &wanted.mailbox, ready).await?;
    for alias in &wanted.aliases {
        let targets = vec![mailbox.address.clone()];
        let new = NewAlias { address: alias.clone(), targets, tenant: Some(tenant), ..NewAlias::default() };
        let made = service.alias_made(txn, actor, &new).await.map_err(|e| Error { field: "aliases", ..e })?;
        changes.extend(made.1);
    }
    Ok((mailbox.id.to_string(), changes))
}

/// Writes down what became of a part; its passwords go as soon as it is made.
async fn keep(
    service: &Service,
    job: &mut JobContext<MailboxImport>,
    part: i64,
    results: &[ImportedRow],
) -> Result<()> {
    let (id, making) = (job.id.clone(), job.cursor.making);
    query(
        "UPDATE mailbox_import_part SET results = $3, lines = CASE WHEN $4 = 1 THEN NULL ELSE lines END \
         WHERE job = $1 AND part = $2",
    )
    .bind(id)
    .bind(part)
    .bind(to_text(results)?)
    .bind(i64::from(making))
    .execute(job.txn(service).await?)
    .await?;
    Ok(())
}

/// The generated password of a row: 20 letters and digits, 100 bits, the same each time it is asked for.
pub(super) fn generated(key: &[u8], job: &str, line: u64) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("mailbox import\0{job}\0{line}").as_bytes());
    let letters = tag.as_ref().iter().take(20).filter_map(|b| LETTERS.get(usize::from(*b) % 32));
    let letters: Vec<char> = letters.map(|b| char::from(*b)).collect();
    letters.chunks(5).map(|g| g.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

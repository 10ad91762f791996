//! SUMMARY    An import from its beginning to its end: messages into batches, batches into mailboxes.
//! LIMITS     IMPORT_BATCH_EMAILS_MAX, IMPORT_BATCH_BYTES_MAX, IMPORT_KNOWN_MAX, IMPORT_INPUTS_MAX
//! INVARIANTS What is counted as imported is stored. An email that is in several mailboxes is placed once, in all of them that lack it.

use std::collections::{BTreeSet, HashMap, HashSet};

use account::{AccountScope, Owner};
use archive::{
    intake::{Identity, Start, Target},
    maildir::Keywords,
    metadata::{Place, Problem, Trouble, flag_of_keyword},
};
use base::{
    AccountId, Kind, MailboxId,
    limits::{IMPORT_BATCH_BYTES_MAX, IMPORT_BATCH_EMAILS_MAX, IMPORT_INPUTS_MAX, IMPORT_KNOWN_MAX},
};
use mail::{Error, Flags, Mail, NewPath, Placed, Placing, Result};

use crate::{
    archives::{Archive, refuse_two_exports},
    choice::choose,
    known::{Key, Known},
    lines::LineReader,
    mailboxes::Places,
    papers,
    report::{Failed, Progress, Report, problem},
    said::Said,
    source::Input,
};

/// Bytes that are worked on before others have their turn, and those that a message counts beside its own.
const TURN_BYTES: usize = 256 * 1024;
const TURN_MESSAGE_BYTES: usize = 8 * 1024;

/// What is wanted of an import.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// All goes below this mailbox; roles are names there.
    pub into: Option<NewPath>,
    /// The address of the account to be taken of archives that have several.
    pub only: Option<String>,
    /// Nothing is changed: the report says what would be.
    pub dry_run: bool,
}

/// Brings mail in.
pub struct Importer {
    mail: Mail,
}

/// Who is told how far it is.
pub(crate) type Telling<'t> = &'t mut (dyn FnMut(Progress) + Send);

/// An import under way.
pub(crate) struct Job<'a> {
    mail: &'a Mail,
    scope: &'a AccountScope<Owner>,
    dry_run: bool,
    pub(crate) said: &'a Said,
    pub(crate) lines: LineReader<'a>,
    places: Places<'a>,
    known: Known,
    /// Emails that are in several places and were met.
    seen: HashSet<Identity>,
    /// Emails that were found of each mailbox of an export.
    found: HashMap<(AccountId, MailboxId), u64>,
    batch: Vec<(Placing, Place)>,
    batch_bytes: usize,
    worked: usize,
    /// Letters of the Maildir that was read last: its archive, its number.
    pub(crate) letters: Option<(&'a Archive, usize, Keywords)>,
    pub(crate) report: Report,
    pub(crate) progress: Progress,
    telling: Telling<'a>,
}

impl Importer {
    pub fn new(mail: Mail) -> Self {
        Importer { mail }
    }

    /// Brings in what inputs have, several archives of one export together. `telling` hears how far it is, often. Errors: `Invalid` (an input is no
    /// mail, or has several accounts), `OverQuota`, `LimitExceeded`, `StorageFull`, `Unavailable`: what was imported before stays.
    pub async fn run(
        &self,
        scope: &AccountScope<Owner>,
        inputs: Vec<Input>,
        order: &Order,
        telling: &mut (dyn FnMut(Progress) + Send),
    ) -> std::result::Result<Report, Box<Failed>> {
        let mut report = Report::default();
        match self.work(scope, inputs, order, telling, &mut report).await {
            Ok(()) => Ok(report),
            Err(why) => Err(Box::new(Failed { why, report })),
        }
    }

    async fn work(
        &self,
        scope: &AccountScope<Owner>,
        inputs: Vec<Input>,
        order: &Order,
        telling: &mut (dyn FnMut(Progress) + Send),
        out: &mut Report,
    ) -> Result<()> {
        if inputs.len() > IMPORT_INPUTS_MAX {
            return Err(Error::new(Kind::LimitExceeded, "too many files and archives at once (IMPORT_INPUTS_MAX)"));
        }
        let mut archives = Vec::with_capacity(inputs.len());
        for input in inputs {
            archives.push(Archive::open(input).await?);
        }
        choose(&mut archives, order.only.as_deref())?;
        refuse_two_exports(&archives)?;
        papers::read(&archives, order.only.as_deref(), out).await;
        let said = Said::read(&archives, out).await?;
        let places = Places::new(&self.mail, scope, order.into.as_ref(), order.dry_run).await?;
        let bytes_total = archives.iter().map(|archive| archive.plan.bytes).sum();
        let mut job = Job {
            mail: &self.mail,
            scope,
            dry_run: order.dry_run,
            said: &said,
            lines: LineReader::new(&archives, &said),
            places,
            known: Known::default(),
            seen: HashSet::new(),
            found: HashMap::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            worked: 0,
            letters: None,
            report: std::mem::take(out),
            progress: Progress { bytes_total, ..Progress::default() },
            telling,
        };
        let ended = job.all(&archives).await;
        *out = job.report;
        ended
    }
}

impl<'a> Job<'a> {
    async fn all(&mut self, archives: &'a [Archive]) -> Result<()> {
        self.places.prepare(&self.said.mailboxes, &mut self.report).await?;
        for archive in archives {
            let plan = &archive.plan;
            self.report.passed_over += plan.passed_over.entries - plan.passed_over.names.len() as u64;
            plan.passed_over.names.iter().for_each(|name| self.report.pass(name));
            plan.problems.iter().for_each(|problem| self.report.tell(problem.clone()));
            self.report.problems_told += plan.problems_left_out;
            let mut pieces = None;
            for item in &plan.items {
                self.item(archive, item, &mut pieces).await?;
            }
        }
        self.flush().await?;
        for run in self.said.ledger.unclaimed(archives.iter().flat_map(|archive| &archive.plan.items)) {
            self.lines.begin(std::slice::from_ref(run));
            while let Some(line) = self.lines.next(&mut self.report).await {
                self.report.tell(line.without_message());
            }
            self.turn(TURN_MESSAGE_BYTES).await;
        }
        self.tell_of_missing();
        (self.telling)(self.progress);
        Ok(())
    }

    /// Tells of mailboxes of an export that have fewer emails here than they had there: an archive of the series is missing.
    fn tell_of_missing(&mut self) {
        for mailbox in self.said.mailboxes.iter() {
            let (account, id) = (mailbox.account_id, mailbox.id);
            let found = self.found.get(&(account.0, id.0)).copied().unwrap_or_default();
            if found < mailbox.total_emails {
                let (total, name) = (mailbox.total_emails, &mailbox.full_name);
                let why =
                    format!("of {total} emails of {name:?} {found} are here: is an archive of the export missing?");
                let place = Place { account_id: Some(account), mailbox_id: Some(id), ..Place::default() };
                self.report.tell(Problem { what: Trouble::Unmatched, place, why });
            }
        }
    }

    /// Lets others have their turn after so much work.
    pub(crate) async fn turn(&mut self, bytes: usize) {
        self.worked += bytes;
        if self.worked >= TURN_BYTES {
            self.worked = 0;
            (self.telling)(self.progress);
            tokio::task::yield_now().await;
        }
    }

    /// Takes a message that was read to its end.
    pub(crate) async fn message(&mut self, name: &str, start: Start, bytes: Vec<u8>) -> Result<()> {
        self.progress.messages += 1;
        self.turn(TURN_MESSAGE_BYTES).await;
        if start.identity.is_some_and(|identity| self.seen.contains(&identity)) {
            return Ok(());
        }
        let (mailboxes, deleted_in) = self.mailboxes_of(&start).await?;
        let key = self.key(&bytes).await?;
        let missing: Vec<MailboxId> = mailboxes.into_iter().filter(|at| !self.known.take(*at, key)).collect();
        let once = matches!(start.identity, Some(Identity::Ours { .. })) && start.placements.len() == 1;
        if let Some(identity) = start.identity.filter(|_| !once) {
            if self.seen.len() >= IMPORT_KNOWN_MAX {
                return Err(Error::new(
                    Kind::LimitExceeded,
                    "too many emails are in several folders (IMPORT_KNOWN_MAX)",
                ));
            }
            self.seen.insert(identity);
        }
        if missing.is_empty() {
            self.report.already_there += 1;
            return Ok(());
        }
        if self.dry_run {
            self.report.imported += 1;
            self.report.bytes += bytes.len() as u64;
            return Ok(());
        }
        if self.batch_bytes + bytes.len() > IMPORT_BATCH_BYTES_MAX {
            self.flush().await?;
        }
        let keywords = start.keywords.unwrap_or_default();
        let names = keywords.iter().map(String::as_str).filter(|keyword| *keyword != "$deleted").map(flag_of_keyword);
        let flags = Flags::from_names(names);
        self.batch_bytes += bytes.len();
        let received_at = start.received;
        let placing = Placing { bytes: bytes.into(), mailboxes: missing, deleted_in, flags, received_at };
        let place = problem(Trouble::Other, name, start.offset, "").place;
        self.batch.push((placing, place));
        if self.batch.len() >= IMPORT_BATCH_EMAILS_MAX || self.batch_bytes >= IMPORT_BATCH_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Where a message is to be, each once; and where it is deleted.
    async fn mailboxes_of(&mut self, start: &Start) -> Result<(Vec<MailboxId>, Vec<MailboxId>)> {
        let (mut mailboxes, mut deleted_in) = (Vec::new(), Vec::new());
        let is_deleted = |keywords: &BTreeSet<String>| keywords.contains("$deleted");
        let everywhere = start.keywords.as_ref().is_some_and(is_deleted);
        let of_copies = match start.identity {
            Some(Identity::Ours { account, email }) if start.placements.len() > 1 => {
                Some(self.said.deleted_in(account, email))
            }
            _ => None,
        };
        for placement in &start.placements {
            if let Target::Mailbox { account, mailbox } = placement.target {
                *self.found.entry((account, mailbox)).or_insert(0) += 1;
            }
            let id = self.places.find(&placement.target, &mut self.report).await?;
            self.known.load(self.mail, self.scope, id).await?;
            if !mailboxes.contains(&id) {
                mailboxes.push(id);
            }
            let is_deleted = match (&placement.target, of_copies) {
                (Target::Mailbox { mailbox, .. }, Some(copies)) => copies.contains(mailbox),
                _ => everywhere,
            };
            if is_deleted && !deleted_in.contains(&id) {
                deleted_in.push(id);
            }
        }
        Ok((mailboxes, deleted_in))
    }

    async fn key(&mut self, bytes: &[u8]) -> Result<Key> {
        match self.mail.accounts().blob_of(self.scope.tenant(), bytes).await {
            Ok(blob) => Ok(Key::of(&blob)),
            // The tenant has no mail yet, and a dry run makes no key for it.
            Err(e) if e.kind == Kind::NotFound && self.dry_run => Ok(Key::of(&[])),
            Err(e) => Err(e),
        }
    }

    /// Stores the batch.
    async fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let (new, places): (Vec<Placing>, Vec<Place>) = batch.into_iter().unzip();
        match self.mail.place(self.scope, &new).await {
            Ok(placed) => {
                for ((placing, place), placed) in new.iter().zip(places).zip(placed) {
                    self.placed(placing, place, placed);
                }
                Ok(())
            }
            // As many as there is room for; and what cannot be stored is found.
            Err(e) if matches!(e.kind, Kind::OverQuota | Kind::LimitExceeded) => {
                for (placing, place) in new.iter().zip(places) {
                    self.alone(placing, place).await?;
                }
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    async fn alone(&mut self, placing: &Placing, place: Place) -> Result<()> {
        match self.mail.place(self.scope, std::slice::from_ref(placing)).await {
            Ok(placed) => {
                self.placed(placing, place, placed.into_iter().next().unwrap_or_default());
                Ok(())
            }
            Err(e) if e.kind == Kind::LimitExceeded => {
                let why = format!("the message cannot be stored: {e}");
                self.report.tell(Problem { what: Trouble::MessageTooBig, place, why });
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    fn placed(&mut self, placing: &Placing, place: Place, placed: Placed) {
        self.report.imported += 1;
        self.report.bytes += placing.bytes.len() as u64;
        if !placed.left_out.is_empty() {
            let why = format!("there is no room for its keywords {} (KEYWORDS_MAX)", placed.left_out.join(", "));
            self.report.tell(Problem { what: Trouble::NotKept, place, why });
        }
    }
}

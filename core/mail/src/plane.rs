//! SUMMARY    The data plane as the control plane sees it: what `account` answers, and what needs mail.
//! SECURITY   Who may ask is decided by the control plane; it names tenant and account, and a key of another tenant is not reached.
//! LIMITS     EXPUNGED_PAGE_MAX, EXPUNGED_HEADER_BYTES, EXPUNGED_TEXT_CHARS_MAX
//! INVARIANTS Senders, subjects and names of mailboxes are read only where they are asked for.

mod export;
mod migration;

pub use migration::Sources;

use crate::{ExpungedMessage, Mail, MailboxInfo, Result};
use account::{AccountScope, Accounts, CanRead, Error, ExpungedId, ReadOnly};
use base::{
    AccountId, EmailId, JobId, Kind, TenantId, Timestamp,
    limits::{EXPUNGED_HEADER_BYTES, EXPUNGED_PAGE_MAX, EXPUNGED_TEXT_CHARS_MAX},
};
use control::{
    Change, Control, ControlError, ControlFuture, Erasure, ErasureOrder, Event, ExportOrder, ExportPapers,
    ExportPapersEnd, ExportPiece, ExportStanding, ExportSteer, ExportSteered, ExportedFile, ExpungedAsked,
    ExpungedEmail, ExpungedOrder, ExpungedPage, ExpungedPlace, ExpungedRestored, Hello, MigrationCheck,
    MigrationChecked, MigrationOrder, MigrationProblem, MigrationStanding, MigrationSteer, MigrationSteered,
    QueueActed, QueueAsked, QueueOrder, QueuePage, Usage,
};
use std::sync::Arc;
use wire::mime;

/// Handle on the data plane of this process.
#[derive(Clone)]
pub struct Plane(Mail, Option<Arc<dyn Sources>>);

impl Plane {
    pub fn new(mail: Mail) -> Self {
        Plane(mail, None)
    }

    /// The same, and it brings mail from other providers.
    pub fn with_sources(self, sources: Arc<dyn Sources>) -> Self {
        Plane(self.0, Some(sources))
    }

    fn accounts(&self) -> &Accounts {
        self.0.accounts()
    }

    async fn expunged_page(&self, asked: &ExpungedAsked) -> Result<ExpungedPage> {
        let scope = self.accounts().ordered(asked.tenant, asked.account).await?.read_only();
        let mut reader = self.accounts().read(&scope);
        let (state, since) = (reader.state().await?.unwrap_or_default(), reader.expunged_since().await?);
        let days = since.map(|(_, days)| days);
        let (mut kept, mut more) = self.0.expunged(&scope, asked.before.map(id)).await?;
        let limit = (asked.limit as usize).clamp(1, EXPUNGED_PAGE_MAX);
        more |= kept.len() > limit;
        kept.truncate(limit);
        let mailboxes = self.0.mailboxes(&scope).await?;
        let mut emails = Vec::with_capacity(kept.len());
        for message in &kept {
            let (from, subject) = match asked.contents {
                true => self.0.expunged_header(&scope, message.id).await?,
                false => Default::default(),
            };
            let mailboxes = if asked.contents { mailboxes.as_slice() } else { &[] };
            emails.push(told(message, mailboxes, from, subject));
        }
        let (kept_emails, kept_bytes) = match days {
            // What was kept before waits to be forgotten.
            Some(0) => (0, 0),
            Some(_) | None => (state.expunged_emails, state.expunged_bytes),
        };
        Ok(ExpungedPage { emails, more, kept_emails, kept_bytes, days })
    }

    async fn restore(&self, order: &ExpungedOrder) -> Result<ExpungedRestored> {
        let scope = self.accounts().ordered(order.tenant, order.account).await?;
        let ids: Vec<ExpungedId> = order.places.iter().copied().map(id).collect();
        if order.dry_run {
            return self.would_restore(&scope.read_only(), ids).await;
        }
        let done = self.0.restore_expunged(&scope, &ids).await?;
        Ok(ExpungedRestored {
            restored: done.placed.iter().map(|(id, ..)| place(*id)).collect(),
            gone: done.gone.into_iter().map(place).collect(),
            stopped: done.stopped.map(|why| why.context).unwrap_or_default(),
        })
    }
}

impl Plane {
    async fn would_restore(&self, scope: &AccountScope<ReadOnly>, ids: Vec<ExpungedId>) -> Result<ExpungedRestored> {
        let mut reader = self.accounts().read(scope);
        let since = reader.expunged_since().await?.map_or(Timestamp(0), |(since, _)| since);
        let mut done = ExpungedRestored::default();
        for id in ids {
            let is_kept = id.at >= since && reader.expunged_one(id).await?.is_some();
            if is_kept { &mut done.restored } else { &mut done.gone }.push(place(id));
        }
        Ok(done)
    }
}

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        self.accounts().hello()
    }
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        self.accounts().apply(batch)
    }
    fn usage(&self, tenant: TenantId) -> ControlFuture<'_, Usage> {
        self.accounts().usage(tenant)
    }
    fn account_usage(&self, tenant: TenantId, account: AccountId) -> ControlFuture<'_, Usage> {
        self.accounts().account_usage(tenant, account)
    }
    fn usages(&self, tenants: Vec<TenantId>) -> ControlFuture<'_, Vec<Usage>> {
        self.accounts().usages(tenants)
    }
    fn account_usages(&self, accounts: Vec<(TenantId, AccountId)>) -> ControlFuture<'_, Vec<Usage>> {
        self.accounts().account_usages(accounts)
    }
    fn events(&self, after: u64, limit: u32) -> ControlFuture<'_, Vec<Event>> {
        self.accounts().events(after, limit)
    }
    fn queue(&self, asked: QueueAsked) -> ControlFuture<'_, QueuePage> {
        Control::queue(self.accounts(), asked)
    }
    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        self.accounts().erase(order)
    }
    fn erasure(&self, tenant: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        self.accounts().erasure(tenant)
    }
    fn prove_erasure(&self, tenant: TenantId, statement: String) -> ControlFuture<'_, String> {
        self.accounts().prove_erasure(tenant, statement)
    }
    fn queue_act(&self, order: QueueOrder) -> ControlFuture<'_, QueueActed> {
        self.accounts().queue_act(order)
    }
    fn expunged(&self, asked: ExpungedAsked) -> ControlFuture<'_, ExpungedPage> {
        Box::pin(async move {
            match self.expunged_page(&asked).await {
                // An account that is not told of yet, or deleted, has nothing to bring back.
                Err(e) if e.kind == Kind::NotFound => Ok(ExpungedPage::default()),
                page => page.map_err(refused),
            }
        })
    }
    fn restore_expunged(&self, order: ExpungedOrder) -> ControlFuture<'_, ExpungedRestored> {
        Box::pin(async move {
            match self.restore(&order).await {
                Err(e) if e.kind == Kind::NotFound => {
                    Ok(ExpungedRestored { gone: order.places, ..ExpungedRestored::default() })
                }
                done => done.map_err(refused),
            }
        })
    }
    fn export(&self, order: ExportOrder) -> ControlFuture<'_, ()> {
        Box::pin(async move { self.ask_export(order).await.map_err(refused) })
    }
    fn export_papers(&self, papers: ExportPapers) -> ControlFuture<'_, ()> {
        Box::pin(async move { self.accounts().put_papers(papers).await.map_err(refused) })
    }
    fn export_papers_end(&self, end: ExportPapersEnd) -> ControlFuture<'_, ()> {
        Box::pin(async move { self.accounts().end_papers(end).await.map_err(refused) })
    }
    fn exports(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<ExportStanding>>> {
        Box::pin(async move { self.export_standings(&asked).await.map_err(refused) })
    }
    fn export_steer(&self, steer: ExportSteer) -> ControlFuture<'_, ExportSteered> {
        Box::pin(async move { self.steer_export(steer).await.map_err(refused) })
    }
    fn export_files(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<ExportedFile>> {
        Box::pin(async move { self.exported_files(tenant, job).await.map_err(refused) })
    }
    fn export_bytes(&self, piece: ExportPiece) -> ControlFuture<'_, Vec<u8>> {
        Box::pin(async move { self.export_piece(piece).await.map_err(gone) })
    }
    fn migrate(&self, order: MigrationOrder) -> ControlFuture<'_, ()> {
        Box::pin(self.begin_migration(order))
    }
    fn migrations(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<MigrationStanding>>> {
        Box::pin(async move { self.migration_standings(&asked).await })
    }
    fn migration_problems(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<MigrationProblem>> {
        Box::pin(self.problems_of_migration(tenant, job))
    }
    fn migration_steer(&self, steer: MigrationSteer) -> ControlFuture<'_, MigrationSteered> {
        Box::pin(self.steer_migration(steer))
    }
    fn migration_check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked> {
        Box::pin(self.look_at_source(check))
    }
}

impl Mail {
    /// Sender and subject of an expunged message, decoded and cut; empty texts where it has none, or has gone meanwhile.
    async fn expunged_header<R: CanRead>(&self, scope: &AccountScope<R>, id: ExpungedId) -> Result<(String, String)> {
        let mut reader = self.accounts().read(scope);
        let Some(kept) = reader.expunged_one(id).await? else { return Ok(Default::default()) };
        let head = reader.expunged_body(&kept, Some(0..EXPUNGED_HEADER_BYTES)).await?;
        let text = |name: &[u8]| {
            let text = mime::first(&head, name).map(mime::decode_text).unwrap_or_default();
            text.chars().filter(|c| !c.is_control() && !is_direction(*c)).take(EXPUNGED_TEXT_CHARS_MAX).collect()
        };
        Ok((text(b"From"), text(b"Subject")))
    }
}

/// Characters that turn the direction of what stands behind them (Unicode UAX #9), beyond the text itself.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn told(message: &ExpungedMessage, mailboxes: &[MailboxInfo], from: String, subject: String) -> ExpungedEmail {
    let mailbox = mailboxes.iter().find(|mailbox| mailbox.id == message.mailbox);
    ExpungedEmail {
        place: place(message.id),
        size_bytes: message.size_bytes,
        received_at: message.received_at,
        mailbox: mailbox.map(|mailbox| mailbox.path.clone()).unwrap_or_default(),
        from,
        subject,
    }
}

fn id(place: ExpungedPlace) -> ExpungedId {
    ExpungedId { at: place.at, email: EmailId(place.email) }
}

fn place(id: ExpungedId) -> ExpungedPlace {
    ExpungedPlace { at: id.at, email: id.email.0 }
}

/// What is not there any more will not be there later.
fn gone(e: Error) -> ControlError {
    if e.kind == Kind::NotFound { ControlError::Invalid(e.to_string()) } else { refused(e) }
}

fn refused(e: Error) -> ControlError {
    match e.kind {
        Kind::Invalid | Kind::LimitExceeded => ControlError::Invalid(e.to_string()),
        _ => ControlError::Unavailable(e.to_string()),
    }
}

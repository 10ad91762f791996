//! SUMMARY    Outgoing mail of a tenant, as the data plane has it: read, and acted upon item by item.
//! SECURITY   Rights are asked here and the tenant goes with every question: the data plane looks below its keys only. Mail is not
//!            dropped silently but by the operator.
//! INVARIANTS The data plane is not asked inside of a transaction: nobody waits for it but who asked. What was done is written into
//!            the audit log before it is answered; an order is repeated harmlessly
//!            (docs/decisions/0051-the-queue-is-seen-through-the-contract.md).

mod veil;

use crate::{
    Actor, Code, Done, Error, Permission, Result, Service, Terms,
    limits::REASON_CHARS_MAX,
    terms::{Request, Start},
};
use base::{QueueId, TenantId};
use control::{ControlError, QueueActed, QueueAction, QueueAsked, QueueFilter, QueueItem, QueueOrder, QueuePage};

impl Service {
    /// A page of what waits or ended, of a tenant, and of all below it where that is asked for.
    pub async fn queue(&self, actor: &Actor, asked: QueueAsked) -> Result<QueuePage> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::MailboxRead, asked.tenant).await?;
        self.may_look_for(&mut connection, actor, (asked.tenant, asked.below), &asked.filter).await?;
        drop(connection);
        let by_sender = asked.filter.sender.is_some();
        let page = self.relay.control.queue(asked).await.map_err(|e| away(e, "filter"))?;
        let mut connection = self.reader(actor).await?;
        let items = self.veiled(&mut connection, actor, page.items, by_sender).await?;
        Ok(QueuePage { items, next: page.next })
    }

    /// An item that waits, or that ended lately.
    pub async fn queue_item(&self, actor: &Actor, tenant: TenantId, item: QueueId) -> Result<QueueItem> {
        for ended in [false, true] {
            let filter = QueueFilter { item: Some(item), ..QueueFilter::default() };
            let asked = QueueAsked { tenant, below: false, ended, filter, after: None, limit: 1 };
            if let Some(found) = self.queue(actor, asked).await?.items.pop() {
                return Ok(found);
            }
        }
        Err(Error::not_found("itemId"))
    }

    /// Does something about an item that waits. `InUse` while it is being sent.
    pub async fn queue_item_act(
        &self,
        actor: &Actor,
        terms: &Terms,
        (tenant, item): (TenantId, QueueId),
        action: QueueAction,
    ) -> Result<Done<QueueItem>> {
        let name = checked(&action)?;
        let request = || Request::new(name, format!("{tenant} {item} {action:?}"));
        let mut work = match self.start(actor, terms, request()).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::MailboxUpdate, tenant).await?;
        if action == QueueAction::Drop && !actor.operator {
            return Err(Error::new(Code::Forbidden, "silently", "Only the operator drops mail without a word"));
        }
        work.txn.rollback().await?;
        let order = QueueOrder { tenant, item, action: action.clone(), dry_run: terms.dry_run };
        let object = match self.relay.control.queue_act(order).await.map_err(|e| away(e, "reason"))? {
            QueueActed::Done(object) => *object,
            QueueActed::UnderWay => {
                return Err(Error::new(Code::InUse, "itemId", "It is being sent right now: ask again in a moment"));
            }
            QueueActed::Unknown => return Err(Error::not_found("itemId")),
        };
        let mut work = match self.start(actor, terms, request()).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.audit(&mut work.txn, actor, tenant, name, &item.to_string(), &detail(&action, &object)).await?;
        self.finish(work, object, &[]).await
    }
}

/// The name of an action whose reason can be shown.
fn checked(action: &QueueAction) -> Result<&'static str> {
    let (name, reason) = match action {
        QueueAction::Retry => ("queueItemRetry", None),
        QueueAction::Hold { reason } => ("queueItemHold", Some(reason)),
        QueueAction::Release => ("queueItemRelease", None),
        QueueAction::Return { reason } => ("queueItemCancel", Some(reason)),
        QueueAction::Drop => ("queueItemCancel", None),
    };
    let bad =
        |r: &String| r.trim().is_empty() || r.chars().count() > REASON_CHARS_MAX || r.chars().any(char::is_control);
    if reason.is_some_and(bad) {
        let message = format!("A reason is one line of at most {REASON_CHARS_MAX} characters (REASON_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "reason", message));
    }
    Ok(name)
}

/// What the audit log says of it: who gets the mail is not said.
fn detail(action: &QueueAction, item: &QueueItem) -> String {
    let to = &item.domain;
    match action {
        QueueAction::Retry | QueueAction::Release => format!("for {to}"),
        QueueAction::Hold { reason } => format!("for {to}: {reason}"),
        QueueAction::Return { reason } => format!("for {to}, returned: {reason}"),
        QueueAction::Drop => format!("for {to}, dropped"),
    }
}

fn away(e: ControlError, field: &'static str) -> Error {
    match e {
        ControlError::Unavailable(why) => {
            tracing::warn!(%why, "the data plane does not tell of its queue");
            Error::new(Code::Unavailable, "", "The mail server does not answer: ask again in a moment")
        }
        ControlError::Invalid(why) => Error::new(Code::Invalid, field, why),
    }
}

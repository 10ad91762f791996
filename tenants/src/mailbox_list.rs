//! SUMMARY    Mailboxes of a tenant: searched, sorted, page by page.
//! INVARIANTS A cursor holds what the list is sorted by and the id: a page goes on where the last one ended, whatever was
//!            renamed or deleted meanwhile.

use crate::{
    Actor, Code, Error, Mailbox, Page, Permission, Result, Service,
    db::Value,
    kind,
    limits::NAME_CHARS_MAX,
    mailbox::shown,
    page::{LAST, Statements},
    rows::like,
};
use base::{AccountId, TenantId};
use control::AccountKind;

/// The rows of a list: tenant, state, range of addresses, name, domain, kind; what of them the actor reaches.
macro_rules! scope {
    () => {
        "mailbox m WHERE tenant = $1 AND address >= $3 AND address < $4 AND ($5 = '' OR name_key LIKE $5 ESCAPE '!') \
         AND ($6 = '' OR domain = $6) AND ($8 = 'whole' OR id IN (SELECT value FROM json_each($9)) \
         OR domain IN (SELECT value FROM json_each($10))) AND ($7 = '' OR kind = $7) AND CASE $2 WHEN 'live' THEN live = 1 \
         WHEN 'deleted' THEN live = 0 AND purge_at IS NOT NULL WHEN 'restricted' THEN live = 1 AND EXISTS \
         (SELECT 1 FROM hold h WHERE h.subject = m.id AND h.released_at IS NULL) ELSE live = 1 AND NOT EXISTS \
         (SELECT 1 FROM hold h WHERE h.subject = m.id AND h.released_at IS NULL) END"
    };
}

/// Statements in the order of a column, then of the id.
macro_rules! sorted {
    ($key:literal, $after:literal, $way:literal, $before:literal, $back:literal) => {
        Statements {
            forward: concat!(
                shown!(),
                " FROM ",
                scope!(),
                " AND (",
                $key,
                ", id) ",
                $after,
                " ($11, $12) ORDER BY ",
                $key,
                " ",
                $way,
                ", id ",
                $way,
                " LIMIT $13"
            ),
            backward: concat!(
                shown!(),
                " FROM ",
                scope!(),
                " AND (",
                $key,
                ", id) ",
                $before,
                " ($11, $12) ORDER BY ",
                $key,
                " ",
                $back,
                ", id ",
                $back,
                " LIMIT $13"
            ),
            count: concat!("SELECT COUNT(*) AS n FROM ", scope!()),
        }
    };
}
/// Which mailboxes a list has.
#[derive(Debug, Clone, Default)]
pub struct MailboxFilter {
    /// Addresses that begin so.
    pub address: Option<String>,
    /// Display names that contain this, in any case.
    pub name: Option<String>,
    /// On this domain.
    pub domain: Option<String>,
    pub kind: Option<AccountKind>,
    /// `None`: those that are not deleted.
    pub state: Option<MailboxState>,
}

/// What a mailbox is in the course of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum MailboxState {
    Active,
    /// Holds take something from it.
    Restricted,
    /// Can be restored until it is purged.
    Deleted,
}

/// What a list of mailboxes is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MailboxSort {
    #[default]
    Id,
    Address,
    Name,
    CreatedAt,
}

/// An order of a list of mailboxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailboxOrder {
    pub by: MailboxSort,
    pub descending: bool,
}

impl MailboxOrder {
    /// Where a mailbox stands in the list.
    pub fn cursor(self, mailbox: &Mailbox) -> String {
        let id = mailbox.id;
        match self.by {
            MailboxSort::Id => id.to_string(),
            MailboxSort::Address => format!("{}|{id}", mailbox.address),
            MailboxSort::Name => format!("{}|{id}", mailbox.display_name.to_lowercase()),
            MailboxSort::CreatedAt => format!("{}|{id}", mailbox.created_at_ms),
        }
    }

    /// The values a page begins after, or ends before.
    fn from(self, page: &Page) -> Result<Vec<Value>> {
        let upward = self.descending == page.backward;
        let Some(cursor) = &page.cursor else {
            let key = match (self.by, upward) {
                (MailboxSort::CreatedAt, true) => i64::MIN.into(),
                (MailboxSort::CreatedAt, false) => i64::MAX.into(),
                (_, true) => "".into(),
                (_, false) => LAST.into(),
            };
            return Ok(vec![key, if upward { "" } else { LAST }.into()]);
        };
        let (key, id) = match self.by {
            MailboxSort::Id => (cursor.as_str(), cursor.as_str()),
            _ => cursor.rsplit_once('|').ok_or_else(|| page.not_a_cursor())?,
        };
        let id: AccountId = id.parse().map_err(|_| page.not_a_cursor())?;
        let key = match self.by {
            MailboxSort::CreatedAt => key.parse::<i64>().map_err(|_| page.not_a_cursor())?.into(),
            MailboxSort::Id => id.to_string().into(),
            MailboxSort::Address | MailboxSort::Name => key.into(),
        };
        Ok(vec![key, id.to_string().into()])
    }

    fn statements(self) -> Statements {
        match (self.by, self.descending) {
            (MailboxSort::Id, false) => sorted!("id", ">", "", "<", "DESC"),
            (MailboxSort::Id, true) => sorted!("id", "<", "DESC", ">", ""),
            (MailboxSort::Address, false) => sorted!("address", ">", "", "<", "DESC"),
            (MailboxSort::Address, true) => sorted!("address", "<", "DESC", ">", ""),
            (MailboxSort::Name, false) => sorted!("name_key", ">", "", "<", "DESC"),
            (MailboxSort::Name, true) => sorted!("name_key", "<", "DESC", ">", ""),
            (MailboxSort::CreatedAt, false) => sorted!("created_at", ">", "", "<", "DESC"),
            (MailboxSort::CreatedAt, true) => sorted!("created_at", "<", "DESC", ">", ""),
        }
    }
}

impl MailboxFilter {
    /// What the statements are told after the tenant.
    fn values(&self) -> Result<Vec<String>> {
        let prefix = self.address.as_deref().unwrap_or("").trim().to_lowercase();
        let name = self.name.as_deref().unwrap_or("").to_lowercase();
        if prefix.chars().count() > NAME_CHARS_MAX || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("A search has at most {NAME_CHARS_MAX} characters (NAME_CHARS_MAX)");
            return Err(Error::new(Code::Invalid, "filter", message));
        }
        let state = match self.state {
            None => "live",
            Some(MailboxState::Active) => "active",
            Some(MailboxState::Restricted) => "restricted",
            Some(MailboxState::Deleted) => "deleted",
        };
        let domain = match &self.domain {
            None => String::new(),
            Some(name) => match base::Domain::parse(name) {
                Ok(name) => name.as_str().to_owned(),
                Err(e) => return Err(Error::new(Code::Invalid, "filter", e.to_string())),
            },
        };
        let pattern = if name.is_empty() { name } else { format!("%{}%", like(&name)) };
        let kind = self.kind.map_or("", kind::name).to_owned();
        Ok(vec![state.to_owned(), prefix.clone(), format!("{prefix}{LAST}"), pattern, domain, kind])
    }
}

impl Service {
    /// Mailboxes of a tenant by id, a page of those that are not deleted; and how many there are.
    pub async fn mailboxes(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Mailbox>, i64)> {
        self.mailboxes_where(actor, tenant, &MailboxFilter::default(), MailboxOrder::default(), page).await
    }

    /// Mailboxes of a tenant that a filter finds, in an order, a page of them; and how many there are.
    pub async fn mailboxes_where(
        &self,
        actor: &Actor,
        tenant: TenantId,
        filter: &MailboxFilter,
        order: MailboxOrder,
        page: &Page,
    ) -> Result<(Vec<Mailbox>, i64)> {
        let mut scope = vec![tenant.to_string()];
        scope.extend(filter.values()?);
        let mut connection = self.reader(actor).await?;
        let reach = self.reach(&mut connection, actor, Permission::MailboxRead, tenant).await?;
        scope.push(if reach.whole { "whole".to_owned() } else { String::new() });
        scope.extend([reach.mailbox_list(), reach.domain_list()]);
        let (rows, count) = page.rows(&mut connection, &order.statements(), &scope, order.from(page)?).await?;
        Ok((self.mailboxes_of(&mut connection, &rows).await?, count))
    }
}

//! SUMMARY    Users of a directory: one, those of a page, those that a key finds.
//! LIMITS     pages are the caller's to bound

use super::{DirectoryKey, DirectoryUser, missing, parsed};
use crate::{
    Actor, Error, Mailbox, Permission, Result, Service,
    db::{Connection, Query, Row, query},
    mailbox::shown,
    rows::number,
};
use base::{AccountId, Address, TenantId};

/// Which rows are users of a tenant that the actor reaches (`$1` to `$4`: `Scope`).
macro_rules! scope {
    () => {
        "WHERE m.tenant = $1 AND m.live = 1 AND m.kind = 'person' AND ($2 = 'whole' OR m.id IN (SELECT value FROM json_each($3)) \
         OR m.domain IN (SELECT value FROM json_each($4))) "
    };
}

/// These, with what the directory keeps of them.
macro_rules! users {
    ($rest:literal) => {
        concat!(
            shown!(),
            ", d.external_id, d.given_name, d.family_name FROM mailbox m \
             LEFT JOIN directory_entry d ON d.mailbox = m.id ",
            scope!(),
            $rest
        )
    };
}

/// What an actor reaches of its own tenant, as the statements are told.
#[derive(Clone)]
struct Scope([String; 4]);

impl Scope {
    /// All of a tenant: what is reached of it is asked otherwise.
    fn whole(tenant: TenantId) -> Scope {
        Scope([tenant.to_string(), "whole".to_owned(), "[]".to_owned(), "[]".to_owned()])
    }

    fn query(self, sql: &'static str) -> Query {
        self.0.into_iter().fold(query(sql), Query::bind)
    }
}

impl Service {
    /// Users from an offset on, by id, and how many there are.
    pub async fn directory_page(
        &self,
        actor: &Actor,
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<DirectoryUser>, usize)> {
        let mut connection = self.reader(actor).await?;
        let scope = self.directory_scope(&mut connection, actor).await?;
        let count = scope.clone().query(concat!("SELECT COUNT(*) AS n FROM mailbox m ", scope!()));
        let count = count.fetch_one(&mut connection).await?;
        let rows = scope
            .query(users!("ORDER BY m.id LIMIT $5 OFFSET $6"))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(i64::try_from(offset).unwrap_or(i64::MAX))
            .fetch_all(&mut connection)
            .await?;
        let total = usize::try_from(number(&count, "n")?).unwrap_or(0);
        Ok((self.directory_of(&mut connection, &rows).await?, total))
    }

    /// Users behind one, by id: for who looks at all of them.
    pub async fn directory_scan(
        &self,
        actor: &Actor,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<DirectoryUser>> {
        let mut connection = self.reader(actor).await?;
        let scope = self.directory_scope(&mut connection, actor).await?;
        let rows = scope
            .query(users!("AND m.id > $5 ORDER BY m.id LIMIT $6"))
            .bind(after.map(|a| a.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&mut connection)
            .await?;
        self.directory_of(&mut connection, &rows).await
    }

    /// The users that a key finds.
    pub async fn directory_find(&self, actor: &Actor, key: &DirectoryKey) -> Result<Vec<DirectoryUser>> {
        let (sql, value) = match key {
            DirectoryKey::Id(id) => (users!("AND m.id = $5"), parsed(id).map(|id| id.to_string())),
            DirectoryKey::UserName(name) => {
                (users!("AND m.address = $5"), Address::parse(name).ok().map(|a| a.canonical()))
            }
            DirectoryKey::ExternalId(id) => (users!("AND d.external_id = $5 ORDER BY m.id"), Some(id.clone())),
        };
        let mut connection = self.reader(actor).await?;
        let scope = self.directory_scope(&mut connection, actor).await?;
        // PostgreSQL knows no zero bytes in texts, and no row has one.
        let Some(value) = value.filter(|v| !v.contains('\0')) else { return Ok(Vec::new()) };
        let rows = scope.query(sql).bind(value).fetch_all(&mut connection).await?;
        self.directory_of(&mut connection, &rows).await
    }

    /// One user.
    pub async fn directory_user(&self, actor: &Actor, account: AccountId) -> Result<DirectoryUser> {
        let mut connection = self.reader(actor).await?;
        self.directory_in(&mut connection, actor, Permission::MailboxRead, account).await
    }

    /// A user of the actor's own tenant.
    pub(super) async fn directory_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        account: AccountId,
    ) -> Result<DirectoryUser> {
        let rows = Scope::whole(actor.tenant)
            .query(users!("AND m.id = $5"))
            .bind(account.to_string())
            .fetch_all(&mut *txn)
            .await?;
        let user = self.directory_of(txn, &rows).await?.pop().ok_or_else(|| missing(()))?;
        let reached: Result<Mailbox> = self.mailbox_in(txn, actor, permission, account).await;
        reached.map(|_| user)
    }

    async fn directory_scope(&self, txn: &mut Connection, actor: &Actor) -> Result<Scope> {
        let reach = self.reach(txn, actor, Permission::MailboxRead, actor.tenant).await?;
        let whole = if reach.whole { "whole" } else { "" };
        Ok(Scope([actor.tenant.to_string(), whole.to_owned(), reach.mailbox_list(), reach.domain_list()]))
    }

    async fn directory_of(&self, txn: &mut Connection, rows: &[Row]) -> Result<Vec<DirectoryUser>> {
        let mailboxes = self.mailboxes_of(txn, rows).await?;
        let user = |(row, mailbox): (&Row, Mailbox)| -> std::result::Result<DirectoryUser, Error> {
            Ok(DirectoryUser {
                mailbox,
                external_id: row.text("external_id")?,
                given_name: row.text("given_name")?,
                family_name: row.text("family_name")?,
                created_at_ms: number(row, "created_at")?,
            })
        };
        rows.iter().zip(mailboxes).map(user).collect()
    }
}

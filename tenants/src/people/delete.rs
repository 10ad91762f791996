//! SUMMARY    A person goes: all of it, at its own wish.
//! SECURITY   Only the person itself does it, with a factor verified a moment ago. What it made by its rights ends with them. The audit
//!            logs of its tenants keep what it did, under an id that leads nowhere any more.
//! INVARIANTS A tenant that has an owner keeps one: its last owner hands it over first, unless somebody else had accepted that in
//!            its name (people/member.rs).

use crate::{
    Actor, Done, Result, Service, Terms,
    db::{Connection, query},
    rows::{id, text},
    terms::{Request, Start},
};
use base::TenantId;

impl Service {
    /// Deletes the person who asks, with its memberships, factors, links and sign-ins; gives its id. `LastOwner`. Repeating the
    /// request is not possible: what it was signed in by is gone with it, and no key can tell who asks (`Unauthenticated`).
    pub async fn person_delete(&self, actor: &Actor, terms: &Terms) -> Result<Done<String>> {
        let mut work = match self.start_own(actor, terms, Request::new("personDelete", String::new())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        work.expect(person.version)?;
        let rows =
            query("SELECT id FROM membership WHERE person = $1").bind(&person.id).fetch_all(&mut work.txn).await?;
        for row in &rows {
            self.leave(&mut work.txn, actor, &text(row, "id")?).await?;
        }
        self.end_factors(&mut work.txn, &person.id).await?;
        for sql in [
            "DELETE FROM session WHERE subject = $1",
            "DELETE FROM ceremony WHERE subject = $1",
            "DELETE FROM support_use WHERE principal = $1",
            "DELETE FROM password_request WHERE email_key = (SELECT email_key FROM person WHERE id = $1)",
            "DELETE FROM person WHERE id = $1",
        ] {
            query(sql).bind(&person.id).execute(&mut work.txn).await?;
        }
        query("DELETE FROM outgoing_notice WHERE recipient = $1 AND tenant IS NULL")
            .bind(&person.email)
            .execute(&mut work.txn)
            .await?;
        work.rights = true;
        self.finish(work, person.id, &[]).await
    }

    /// Ends one membership of the person who asks.
    async fn leave(&self, txn: &mut Connection, actor: &Actor, member: &str) -> Result<()> {
        let now = self.member_row(txn, member).await?;
        query("DELETE FROM membership WHERE id = $1").bind(member).execute(&mut *txn).await?;
        if !now.inherited {
            self.keeps_an_owner(txn, &now).await?;
        }
        self.end_what_was_made(txn, &now.person.id, now.tenant).await?;
        self.audit(txn, actor, now.tenant, "personDelete", member, &now.person.id).await
    }

    /// Tenants that a person is a member of.
    pub(crate) async fn tenants_of_person(&self, txn: &mut Connection, person: &str) -> Result<Vec<TenantId>> {
        let rows = query("SELECT DISTINCT tenant FROM membership WHERE person = $1 ORDER BY tenant");
        let rows = rows.bind(person).fetch_all(txn).await?;
        rows.iter().map(|row| id(row, "tenant")).collect()
    }
}

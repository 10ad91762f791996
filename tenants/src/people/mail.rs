//! SUMMARY    Whoever gets at a person's mail could become that person: it takes all that the person may.
//! STANDARDS  docs/decisions/0025-people-and-their-rights.md (whose mail it is)
//! SECURITY   A secret for a forgotten password, and one that accepts an invitation, go by mail. So every door that makes a credential of a
//!            mailbox, or leads mail elsewhere, asks here. A refusal says that somebody has more rights, not who.
//! INVARIANTS What another tenant gave counts only when the person agreed (its address is proved): nobody locks mailboxes of others
//!            by inviting their users, or by leading addresses to them.

use super::{
    email_key,
    leading::{Ends, Leading, local_of},
};
use crate::{
    Actor, Code, Error, Mailbox, Permission, Permissions, Result, Selector, Service, StandardRole,
    actor::Object,
    address::base_of,
    db::{Connection, Row, query},
    rows::{domain_of, id, json_list, number, text},
};
use base::TenantId;
use control::HoldKind;
use std::collections::BTreeSet;

/// What somebody whose address leads there may do, or is invited to.
struct Right {
    person: Option<String>,
    email: String,
    tenant: TenantId,
    on: Selector,
    permissions: Permissions,
    /// Whether the person has shown that it wants this.
    agreed: bool,
}

impl Service {
    /// Refuses to make a credential of a mailbox, or to let others read it: while a security hold is on it, to whoever could not end
    /// that; and to whoever has less than a person whose mail the mailbox, or one it may open, gets.
    pub(crate) async fn may_open(&self, txn: &mut Connection, actor: &Actor, mailbox: &Mailbox) -> Result<()> {
        self.not_stolen(txn, actor, mailbox).await?;
        if actor.user() == Some(mailbox.id) {
            return Ok(());
        }
        let mut ends = vec![mailbox.address.clone()];
        let opened = query(
            "SELECT m.address FROM delegate d JOIN mailbox m ON m.id = d.mailbox AND m.live = 1 \
             WHERE d.account = $1 AND d.may_open = 1",
        )
        .bind(mailbox.id.to_string())
        .fetch_all(&mut *txn)
        .await?;
        for row in &opened {
            ends.push(text(row, "address")?);
        }
        self.may_lead(txn, actor, mailbox.tenant, &ends, "").await
    }

    /// Refuses to change where mail for addresses of a tenant goes to whoever has less than a person whose mail that is.
    pub(crate) async fn may_lead(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        addresses: &[String],
        field: &'static str,
    ) -> Result<()> {
        match self.of_who_has_more(txn, actor, tenant, addresses).await?.is_empty() {
            true => Ok(()),
            false => Err(more_rights(field)),
        }
    }

    /// The same for mail to a domain that no address of its own takes.
    pub(crate) async fn may_catch(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        domain: &str,
    ) -> Result<()> {
        if everywhere(actor) {
            return Ok(());
        }
        let mut leading = Leading::default();
        self.all_names(txn, domain, &Ends::from([0]), &mut leading).await?;
        match self.refused(txn, actor, tenant, &[], &leading).await?.is_empty() {
            true => Ok(()),
            false => Err(more_rights("name")),
        }
    }

    /// Those of the addresses, by their places, that get mail of somebody with more rights than the actor has.
    pub(crate) async fn of_who_has_more(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        addresses: &[String],
    ) -> Result<BTreeSet<usize>> {
        if everywhere(actor) || addresses.is_empty() {
            return Ok(Ends::new());
        }
        let leading = self.leading_to(txn, tenant, addresses).await?;
        self.refused(txn, actor, tenant, addresses, &leading).await
    }

    /// A security hold says that somebody else may be the one who asks: nobody makes credentials who could not end it.
    pub(crate) async fn not_stolen(&self, txn: &mut Connection, actor: &Actor, mailbox: &Mailbox) -> Result<()> {
        let (domain, key) = (domain_of(&mailbox.address), mailbox.id.to_string());
        let object = Object::Mailbox { id: mailbox.id, domain };
        if self.allows(txn, actor, Permission::MailboxHold, mailbox.tenant, object).await? {
            return Ok(());
        }
        let mut own = self.holds_on(txn, &[domain, key.as_str()]).await?;
        let all = [self.seen_holds(txn, mailbox.tenant).await?, own.of(domain), own.of(&key)].concat();
        match all.iter().find(|h| h.kind == HoldKind::Security) {
            None => Ok(()),
            Some(hold) => {
                let message = format!("A security hold is on the mailbox: {} {}", hold.reason, hold.next_step);
                Err(Error::new(Code::Forbidden, "", message.trim_end()))
            }
        }
    }

    /// Those of the ends that mail of somebody with more rights leads to.
    async fn refused(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        addresses: &[String],
        leading: &Leading,
    ) -> Result<Ends> {
        let line = self.line(txn, tenant).await?;
        let mut rights = self.rights_of_people(txn, leading).await?;
        rights.extend(self.rights_of_invited(txn, &line, leading).await?);
        rights.retain(|r| r.agreed || line.contains(&r.tenant));
        // The person herself.
        rights.retain(|r| r.person.is_none() || r.person.as_deref() != actor.itself());
        let rows = self.rows_of(txn, leading, &rights).await?;
        let mut refused = Ends::new();
        for right in &rights {
            let ends = leading.ends_of(&right.email, &rows);
            if ends.is_subset(&refused) {
                continue;
            }
            let opened: BTreeSet<&str> = ends.iter().filter_map(|n| addresses.get(*n)).map(String::as_str).collect();
            if self.exceeds(txn, actor, right, &opened).await? {
                refused.extend(ends);
            }
        }
        Ok(refused)
    }

    async fn rights_of_people(&self, txn: &mut Connection, leading: &Leading) -> Result<Vec<Right>> {
        let rows = query(
            "SELECT p.id AS person, p.email_key AS email, p.verified, m.tenant, m.role, m.on_kind, m.on_list, r.permissions \
             FROM person p JOIN membership m ON m.person = p.id LEFT JOIN role r ON r.id = m.role WHERE p.id IN (\
             SELECT id FROM person WHERE email_key IN (SELECT value FROM json_each($1)) UNION \
             SELECT id FROM person WHERE base_key IN (SELECT value FROM json_each($1)) UNION \
             SELECT id FROM person WHERE domain IN (SELECT value FROM json_each($2)))",
        )
        .bind(json_list(&leading.addresses.keys().collect::<Vec<_>>()))
        .bind(json_list(&leading.domains.keys().collect::<Vec<_>>()))
        .fetch_all(txn)
        .await?;
        let right = |row: &Row| {
            right_of(row, text(row, "email")?, number(row, "verified")? != 0)
                .and_then(|right| Ok(Right { person: row.text("person")?, ..right }))
        };
        rows.iter().map(right).collect()
    }

    /// What open invitations of a tenant and those above it give: their secrets go by mail.
    async fn rights_of_invited(
        &self,
        txn: &mut Connection,
        line: &[TenantId],
        leading: &Leading,
    ) -> Result<Vec<Right>> {
        let rows = query(
            "SELECT i.email, i.tenant, i.role, i.on_kind, i.on_list, r.permissions FROM invitation i \
             LEFT JOIN role r ON r.id = i.role WHERE i.tenant IN (SELECT value FROM json_each($1)) \
             AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > $2",
        )
        .bind(json_list(line))
        .bind(self.now().0)
        .fetch_all(txn)
        .await?;
        let mut rights = Vec::new();
        for row in &rows {
            let email = email_key(&text(row, "email")?)?;
            let base = base_of(&email);
            let named = [Some(&email), base.as_ref()].into_iter().flatten().any(|a| leading.addresses.contains_key(a));
            if named || leading.domains.contains_key(domain_of(&email)) {
                rights.push(right_of(row, email, false)?);
            }
        }
        Ok(rights)
    }

    /// Of the addresses whose domains have a catch-all, those that there are by themselves: domain, local part.
    async fn rows_of(
        &self,
        txn: &mut Connection,
        leading: &Leading,
        rights: &[Right],
    ) -> Result<BTreeSet<(String, String)>> {
        let asked = rights.iter().filter(|r| leading.domains.contains_key(domain_of(&r.email)));
        let locals: BTreeSet<String> = asked
            .flat_map(|r| [Some(r.email.clone()), base_of(&r.email)])
            .flatten()
            .map(|address| local_of(&address).to_owned())
            .collect();
        if locals.is_empty() {
            return Ok(BTreeSet::new());
        }
        let rows = query(
            "SELECT domain, local FROM address WHERE domain IN (SELECT value FROM json_each($1)) \
             AND local IN (SELECT value FROM json_each($2))",
        )
        .bind(json_list(&leading.domains.keys().collect::<Vec<_>>()))
        .bind(json_list(&locals.into_iter().collect::<Vec<_>>()))
        .fetch_all(txn)
        .await?;
        let mut found = BTreeSet::new();
        for row in &rows {
            if let Some((name, _)) = leading.domains.get(&text(row, "domain")?) {
                found.insert((name.clone(), text(row, "local")?));
            }
        }
        Ok(found)
    }

    /// Whether a right is more than the actor has. What a mailbox gives anyway to whoever opens it is none more.
    async fn exceeds(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        right: &Right,
        opened: &BTreeSet<&str>,
    ) -> Result<bool> {
        match &right.on {
            Selector::All => {
                let powers = self.powers(txn, actor, right.tenant, Object::Whole).await?;
                return Ok(!powers.covers(right.permissions));
            }
            Selector::Domains(names) => {
                for name in names {
                    let powers = self.powers(txn, actor, right.tenant, Object::Domain(name)).await?;
                    if !powers.covers(right.permissions) {
                        return Ok(true);
                    }
                }
            }
            Selector::Mailboxes(accounts) => {
                for account in accounts {
                    let row = query("SELECT address FROM mailbox WHERE id = $1 AND live = 1").bind(account.to_string());
                    let Some(row) = row.fetch_optional(&mut *txn).await? else { continue };
                    let address = text(&row, "address")?;
                    let anyway = match opened.contains(address.as_str()) {
                        true => StandardRole::MailboxUser.permissions(),
                        false => Permissions::NONE,
                    };
                    let object = Object::Mailbox { id: *account, domain: domain_of(&address) };
                    let powers = self.powers(txn, actor, right.tenant, object).await?;
                    if !powers.covers(right.permissions.beyond(anyway)) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}

/// The operator's own: there is nothing more.
fn everywhere(actor: &Actor) -> bool {
    let all = |g: &crate::Grant| g.on == Selector::All && g.permissions.covers(Permissions::all());
    actor.operator && !actor.bound && actor.grants.iter().any(all)
}

pub(crate) fn more_rights(field: &'static str) -> Error {
    let message = "This is the mail of somebody with more rights: ask an owner of the tenant, or the provider";
    Error::new(Code::Forbidden, field, message)
}

fn right_of(row: &Row, email: String, agreed: bool) -> Result<Right> {
    let permissions = match StandardRole::by_name(&text(row, "role")?) {
        Some(role) => role.permissions(),
        None => Permissions::parse(&row.text("permissions")?.unwrap_or_default())?,
    };
    Ok(Right { person: None, email, tenant: id(row, "tenant")?, on: Selector::of_row(row)?, permissions, agreed })
}

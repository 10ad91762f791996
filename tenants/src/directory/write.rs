//! SUMMARY    Users made, changed and deleted by a directory, by the same steps as everywhere.
//! INVARIANTS Each change has the audit entry that it has elsewhere. What is as it is asked for is not written again, so a request
//!            that is repeated changes nothing.

use super::{DirectoryPatch, DirectoryUser, Entry, INACTIVE, NewDirectoryUser, inactive};
use crate::{
    Actor, Code, Done, Error, Mailbox, MailboxPatch, NewMailbox, NewPassword, OldAddress, Permission, Result, Service,
    Subject, Terms,
    db::{Connection, query},
    mailbox_create::ready,
    password,
    rows::{id, json_list, text},
    terms::{Request, Start},
};
use base::{AccountId, Address};
use control::Change;

impl Service {
    /// Makes a user with its mailbox, on a domain of the actor's own tenant. `Taken`, `LimitReached`, `NotFound` (domain).
    pub async fn directory_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewDirectoryUser,
    ) -> Result<Done<DirectoryUser>> {
        let entry = Entry {
            external_id: new.external_id.clone(),
            given_name: new.given_name.clone(),
            family_name: new.family_name.clone(),
        };
        let entry = entry.checked()?;
        let mailbox = new_mailbox(actor, new);
        let ready = ready(&mailbox, self.password_cost).await?;
        let passwords: Vec<&str> = new.password.iter().map(String::as_str).collect();
        let request = Request::with_passwords("directoryCreate", format!("{new:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (made, mut batch) = self.mailbox_made(&mut work.txn, actor, &mailbox, &ready).await?;
        if made.tenant != actor.tenant {
            return Err(Error::not_found("address"));
        }
        self.write_entry(&mut work.txn, &made, &entry).await?;
        if !new.active {
            batch.extend(self.switch(&mut work.txn, actor, &made, false).await?);
        }
        let user = self.directory_in(&mut work.txn, actor, Permission::MailboxRead, made.id).await?;
        self.finish(work, user, &batch).await
    }

    /// Changes a user: all of it or nothing.
    pub async fn directory_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: AccountId,
        patch: &DirectoryPatch,
    ) -> Result<Done<DirectoryUser>> {
        let passwords: Vec<&str> = patch.password.iter().map(String::as_str).collect();
        let verifiers = match &patch.password {
            Some(password) => Some(password::verifiers(password, self.password_cost).await?),
            None => None,
        };
        let request = Request::with_passwords("directoryUpdate", format!("{account} {patch:?}"), &passwords);
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let user = self.directory_in(&mut work.txn, actor, Permission::MailboxRead, account).await?;
        work.expect(user.mailbox.version)?;
        let mut batch = self.change_address(&mut work.txn, actor, &user, patch).await?;
        let named = self.change_names(&mut work.txn, actor, &user, patch).await?;
        if let Some(verifiers) = &verifiers {
            let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MailboxPassword, account).await?;
            self.may_open(&mut work.txn, actor, &mailbox).await?;
            self.replace_password(&mut work.txn, actor, &mailbox, verifiers).await?;
            self.directory_told(&mut work.txn, actor, &mailbox, "mailboxSetPassword").await?;
        }
        if named || verifiers.is_some() {
            batch.push(self.account_snapshot(&mut work.txn, account).await?);
        }
        if let Some(active) = patch.active.filter(|active| *active != user.is_active()) {
            batch.extend(self.switch(&mut work.txn, actor, &user.mailbox, active).await?);
        }
        let user = self.directory_in(&mut work.txn, actor, Permission::MailboxRead, account).await?;
        self.finish(work, user, &batch).await
    }

    /// Deletes a user's mailbox.
    pub async fn directory_delete(&self, actor: &Actor, terms: &Terms, account: AccountId) -> Result<Done<Mailbox>> {
        let mut connection = self.reader(actor).await?;
        self.directory_in(&mut connection, actor, Permission::MailboxRead, account).await?;
        drop(connection);
        self.mailbox_delete(actor, terms, account).await
    }

    async fn change_address(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        user: &DirectoryUser,
        patch: &DirectoryPatch,
    ) -> Result<Vec<Change>> {
        let Some(name) = &patch.user_name else { return Ok(Vec::new()) };
        let new = Address::parse(name).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        if new.canonical() == user.mailbox.address {
            return Ok(Vec::new());
        }
        let mailbox = self.mailbox_in(txn, actor, Permission::MailboxUpdate, user.mailbox.id).await?;
        self.take_back_alias(txn, &mailbox, &new).await?;
        self.renamed(txn, actor, &mailbox, &new, OldAddress::Alias).await
    }

    /// A mailbox may have an address again that leads to it and nowhere else: one it had before.
    async fn take_back_alias(&self, txn: &mut Connection, mailbox: &Mailbox, address: &Address) -> Result<()> {
        let alias = query(
            "SELECT 1 AS n FROM address WHERE domain = $1 AND local = $2 AND tenant = $3 AND kind = 'forward' AND targets = $4",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .bind(mailbox.tenant.to_string())
        .bind(json_list(&[&mailbox.address]))
        .fetch_optional(&mut *txn)
        .await?;
        if alias.is_some() {
            self.leave_address(txn, address).await?;
        }
        Ok(())
    }

    /// The names and the directory's identifier; whether any of them is another one.
    async fn change_names(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        user: &DirectoryUser,
        patch: &DirectoryPatch,
    ) -> Result<bool> {
        let known = Entry {
            external_id: user.external_id.clone(),
            given_name: user.given_name.clone(),
            family_name: user.family_name.clone(),
        };
        let wanted = Entry {
            external_id: patch.external_id.clone().unwrap_or(known.external_id.clone()),
            given_name: patch.given_name.clone().unwrap_or(known.given_name.clone()),
            family_name: patch.family_name.clone().unwrap_or(known.family_name.clone()),
        };
        let display_name = patch.display_name.clone().filter(|name| *name != user.mailbox.display_name);
        if wanted == known && display_name.is_none() {
            return Ok(false);
        }
        let mailbox = self.mailbox_in(txn, actor, Permission::MailboxUpdate, user.mailbox.id).await?;
        // What was there before stays.
        let new =
            |wanted: &Option<String>, known: &Option<String>| wanted.clone().filter(|w| Some(w) != known.as_ref());
        let external_id = new(&wanted.external_id, &known.external_id);
        let given_name = new(&wanted.given_name, &known.given_name);
        let family_name = new(&wanted.family_name, &known.family_name);
        Entry { external_id, given_name, family_name }.checked()?;
        self.write_entry(txn, &mailbox, &wanted).await?;
        self.apply_patch(txn, &mailbox, &MailboxPatch { display_name, ..MailboxPatch::default() }).await?;
        self.directory_told(txn, actor, &mailbox, "mailboxUpdate").await?;
        Ok(true)
    }

    async fn write_entry(&self, txn: &mut Connection, mailbox: &Mailbox, entry: &Entry) -> Result<()> {
        query(
            "INSERT INTO directory_entry (mailbox, tenant, external_id, given_name, family_name) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (mailbox) DO UPDATE SET external_id = $3, given_name = $4, family_name = $5",
        )
        .bind(mailbox.id.to_string())
        .bind(mailbox.tenant.to_string())
        .bind(entry.external_id.clone())
        .bind(entry.given_name.clone())
        .bind(entry.family_name.clone())
        .execute(txn)
        .await?;
        Ok(())
    }

    async fn directory_told(&self, txn: &mut Connection, actor: &Actor, of: &Mailbox, action: &str) -> Result<()> {
        self.audit(txn, actor, of.tenant, action, &of.id.to_string(), &of.address).await
    }

    /// Places the directory's hold, or ends it. `Forbidden` when a tenant above placed it.
    async fn switch(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        mailbox: &Mailbox,
        active: bool,
    ) -> Result<Vec<Change>> {
        self.mailbox_in(txn, actor, Permission::MailboxHold, mailbox.id).await?;
        let (subject, object) = (Subject::Mailbox(mailbox.id), mailbox.id.to_string());
        if active {
            let open = "SELECT id, placed_by_tenant FROM hold WHERE subject = $1 AND kind = 'admin' AND code = $2 \
                        AND released_at IS NULL";
            for row in query(open).bind(&object).bind(INACTIVE).fetch_all(&mut *txn).await? {
                if !self.is_above(&mut *txn, actor, id(&row, "placed_by_tenant")?).await? {
                    return Err(Error::new(
                        Code::Forbidden,
                        "",
                        "A tenant above switched the mailbox off; only it can end that",
                    ));
                }
                self.end_hold(&mut *txn, &text(&row, "id")?).await?;
            }
            self.audit(txn, actor, mailbox.tenant, "holdRelease", &object, INACTIVE).await?;
        } else {
            let hold = self.place_hold(txn, actor, mailbox.tenant, &subject, &inactive()).await?;
            let detail = format!("{INACTIVE} {}", hold.reason);
            self.audit(txn, actor, mailbox.tenant, "holdPlace", &object, &detail).await?;
        }
        self.changes_of(txn, &subject).await
    }
}

/// The mailbox of a user.
fn new_mailbox(actor: &Actor, new: &NewDirectoryUser) -> NewMailbox {
    NewMailbox {
        address: new.user_name.clone(),
        display_name: new.display_name.clone(),
        password: new.password.clone().map_or(NewPassword::Unset, NewPassword::Plain),
        tenant: Some(actor.tenant),
        ..NewMailbox::default()
    }
}

//! SUMMARY    The rows of many new mailboxes: a few statements for all of them that stand on one domain.
//! LIMITS     the tenant's max_mailboxes, counted once and then counted down; BULK_ITEMS_MAX
//! INVARIANTS What is refused was never written, or is taken back. Each mailbox gets what `mailbox_create` gives it: its rows, an
//!            audit entry, its snapshots.

use crate::{
    Actor, Code, Domain, Error, Item, Mailbox, MailboxState, NewMailbox, Permission, Result, Service,
    allocation::{Limit, Room},
    bulk::lifted,
    db::{Connection, Many, query},
    hold::standing,
    kind,
    local_part::given_out,
    mailbox_create::{FULL, Ready},
    password::Verifiers,
    people::more_rights,
    rows::{fresh_id, fresh_number, json_list, short, text, to_sql},
    snapshot::address_snapshot,
};
use base::{AccountId, Address, TenantId};
use control::{AccountSnapshot, Capabilities, Change, CredentialKind, CredentialSnapshot, Restriction};
use std::collections::HashSet;

/// An item of a bulk: which one it is, what is wanted, and what needed no database.
type Asked<'a> = (usize, &'a NewMailbox, &'a Ready);

/// A mailbox that will be made.
struct Planned<'a> {
    at: usize,
    id: AccountId,
    new: &'a NewMailbox,
    address: &'a Address,
    quota: Option<i64>,
    /// With the id it gets.
    credential: Option<(String, &'a Verifiers)>,
}

/// What became of the items so far.
struct Outcome {
    items: Vec<Option<Item<Mailbox>>>,
    batch: Vec<Change>,
    /// Mailboxes that are not there and count against the limit all the same.
    before: u64,
}

/// What holds for every new account on a domain.
type Standing = (Capabilities, String, Vec<Restriction>);

impl Service {
    /// Makes what can be made, beside `before` others that only count: a result for each item, in their order, and what the data
    /// plane is to know.
    pub(crate) async fn mailboxes_made(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &[NewMailbox],
        ready: &[Result<Ready>],
        before: u64,
    ) -> Result<(Vec<Item<Mailbox>>, Vec<Change>)> {
        let mut outcome = Outcome { items: new.iter().map(|_| None).collect(), batch: Vec::new(), before };
        let mut able: Vec<Asked<'_>> = Vec::with_capacity(new.len());
        for (at, (new, ready)) in new.iter().zip(ready).enumerate() {
            match ready {
                Ok(ready) => able.push((at, new, ready)),
                Err(e) => outcome.refuse(at, e.clone())?,
            }
        }
        // In their order, so that the last ones are those that find no room.
        for group in able.chunk_by(|(_, _, a), (_, _, b)| a.address.domain() == b.address.domain()) {
            self.group_made(txn, actor, group, &mut outcome).await?;
        }
        let lost = || Error::new(Code::Internal, "", "an item of a bulk was lost");
        let items = outcome.items.into_iter().map(|item| item.ok_or_else(lost)).collect::<Result<_>>()?;
        Ok((items, outcome.batch))
    }

    /// The same for items on one domain.
    async fn group_made(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        group: &[Asked<'_>],
        outcome: &mut Outcome,
    ) -> Result<()> {
        let Some((_, _, first)) = group.first() else { return Ok(()) };
        let name = first.address.domain().as_str();
        if self.is_entangled(txn, name).await? {
            return self.one_by_one(txn, actor, group, outcome).await;
        }
        let domain = match self.domain_in(txn, actor, Permission::MailboxCreate, name).await {
            Ok(domain) => domain,
            Err(e) => return group.iter().try_for_each(|(at, _, _)| outcome.refuse(*at, e.clone().of_address())),
        };
        let planned = self.plan(txn, actor, &domain, group, outcome).await?;
        if planned.is_empty() {
            return Ok(());
        }
        let now_ms = self.now().0;
        self.insert_planned(txn, domain.tenant, &planned, now_ms).await?;
        self.audit_planned(txn, actor, domain.tenant, &planned).await?;
        outcome.batch.extend(self.planned_snapshots(txn, &domain, &planned).await?);
        for one in planned {
            let (at, mailbox) = (one.at, one.shown(domain.tenant, now_ms));
            if let Some(item) = outcome.items.get_mut(at) {
                *item = Some(Item::Done(mailbox));
            }
        }
        Ok(())
    }

    /// Whether who owns an address of a domain, or whether it is free, takes a look elsewhere: it is shared, or has other names.
    async fn is_entangled(&self, txn: &mut Connection, domain: &str) -> Result<bool> {
        let row = query(
            "SELECT 1 AS n FROM domain WHERE (name = $1 AND (shared = 1 OR alias_of IS NOT NULL)) OR alias_of = $1 LIMIT 1",
        )
        .bind(domain)
        .fetch_optional(txn)
        .await?;
        Ok(row.is_some())
    }

    async fn one_by_one(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        group: &[Asked<'_>],
        outcome: &mut Outcome,
    ) -> Result<()> {
        for (at, new, ready) in group {
            txn.savepoint().await?;
            match self.made_beside(txn, actor, (new, ready), outcome.before).await {
                Ok((mailbox, changes)) => {
                    txn.keep().await?;
                    outcome.batch.extend(changes);
                    if let Some(item) = outcome.items.get_mut(*at) {
                        *item = Some(Item::Done(mailbox));
                    }
                }
                Err(e) => {
                    outcome.refuse(*at, e)?;
                    txn.take_back().await?;
                }
            }
        }
        Ok(())
    }

    async fn made_beside(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        (new, ready): (&NewMailbox, &Ready),
        before: u64,
    ) -> Result<(Mailbox, Vec<Change>)> {
        let (mailbox, changes) = self.mailbox_made(txn, actor, new, ready).await?;
        if before > 0 {
            self.room_for(txn, mailbox.tenant, Limit::Mailboxes, before, "address", FULL).await?;
        }
        Ok((mailbox, changes))
    }

    /// Which of the items can be made.
    async fn plan<'a>(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        domain: &Domain,
        group: &[Asked<'a>],
        outcome: &mut Outcome,
    ) -> Result<Vec<Planned<'a>>> {
        let mut room = self.room(txn, domain.tenant, Limit::Mailboxes, FULL).await?;
        room.left = if room.left == u64::MAX { u64::MAX } else { room.left.saturating_sub(outcome.before) };
        let locals: Vec<String> = group.iter().map(|(_, _, r)| r.address.canonical_local()).collect();
        let mut taken = self.not_free(txn, domain, &locals).await?;
        let addresses: Vec<String> = group.iter().map(|(_, _, r)| r.address.canonical()).collect();
        let refused = self.of_who_has_more(txn, actor, domain.tenant, &addresses).await?;
        let mut planned = Vec::with_capacity(group.len());
        for (n, (asked, local)) in group.iter().zip(locals).enumerate() {
            match planned_one(*asked, domain.tenant, &room, !taken.contains(&local)) {
                Err(e) => outcome.refuse(asked.0, e)?,
                Ok(_) if refused.contains(&n) => outcome.refuse(asked.0, more_rights("address"))?,
                Ok(one) => {
                    room.left = room.left.saturating_sub(1);
                    taken.insert(local);
                    planned.push(one);
                }
            }
        }
        Ok(planned)
    }

    /// Those of the local parts that nobody can get: in use, or once another tenant's.
    async fn not_free(&self, txn: &mut Connection, domain: &Domain, locals: &[String]) -> Result<HashSet<String>> {
        let rows = query(
            "SELECT local FROM address WHERE domain = $1 AND local IN (SELECT value FROM json_each($2)) \
             AND NOT (kind = 'tombstone' AND tenant = $3)",
        )
        .bind(&domain.name)
        .bind(json_list(locals))
        .bind(domain.tenant.to_string())
        .fetch_all(txn)
        .await?;
        rows.iter().map(|r| text(r, "local")).collect()
    }

    async fn insert_planned(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        planned: &[Planned<'_>],
        now: i64,
    ) -> Result<()> {
        let tenant = tenant.to_string();
        let mut mailboxes = Many::new(
            "INSERT INTO mailbox (id, tenant, address, domain, display_name, name_key, quota_bytes_max, kind, send_per_hour, \
             send_per_day, send_new_per_day, live, version, created_at)",
            "",
        );
        let mut credentials =
            Many::new("INSERT INTO credential (id, tenant, mailbox, kind, label, argon2, scram, created_at)", "");
        // As `own_address` makes them.
        let mut addresses = Many::new(
            "INSERT INTO address (domain, local, tenant, kind, account, enabled, label, note, site, version)",
            "ON CONFLICT (domain, local) DO UPDATE SET kind = excluded.kind, account = excluded.account, enabled = 1, label = '', \
             note = '', site = '', posting = NULL, version = address.version + 1 \
             WHERE address.kind = 'tombstone' AND address.tenant = excluded.tenant",
        );
        for one in planned {
            let (account, domain, send) = (one.id.to_string(), one.address.domain().as_str(), one.new.send);
            mailboxes.row([
                (&account).into(),
                (&tenant).into(),
                one.address.canonical().into(),
                domain.into(),
                (&one.new.display_name).into(),
                one.new.display_name.to_lowercase().into(),
                one.quota.into(),
                kind::name(one.new.kind).into(),
                send.per_hour.map(i64::from).into(),
                send.per_day.map(i64::from).into(),
                send.new_recipients_per_day.map(i64::from).into(),
                1_i64.into(),
                1_i64.into(),
                now.into(),
            ]);
            if let Some((credential, verifiers)) = &one.credential {
                credentials.row([
                    credential.into(),
                    (&tenant).into(),
                    (&account).into(),
                    "password".into(),
                    "password".into(),
                    (&verifiers.argon2).into(),
                    (&verifiers.scram).into(),
                    now.into(),
                ]);
            }
            let (local, empty) = (one.address.canonical_local(), "");
            addresses.row([
                domain.into(),
                local.into(),
                (&tenant).into(),
                "account".into(),
                account.into(),
                1_i64.into(),
                empty.into(),
                empty.into(),
                empty.into(),
                1_i64.into(),
            ]);
        }
        mailboxes.execute(txn).await?;
        credentials.execute(txn).await?;
        match addresses.execute(txn).await? {
            made if made == planned.len() as u64 => Ok(()),
            _ => Err(Error::new(Code::Internal, "", "an address that was free is not")),
        }
    }

    async fn audit_planned(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        planned: &[Planned<'_>],
    ) -> Result<()> {
        let objects: Vec<_> = planned.iter().map(|one| (one.id.to_string(), one.address.canonical())).collect();
        self.audit_each(txn, actor, tenant, "mailboxCreate", &objects).await
    }

    /// What the data plane is to know of mailboxes that are new: nothing is held on them, and nobody else opens them.
    async fn planned_snapshots(
        &self,
        txn: &mut Connection,
        domain: &Domain,
        planned: &[Planned<'_>],
    ) -> Result<Vec<Change>> {
        let held = standing(&self.holds_on(txn, &[domain.name.as_str()]).await?.of(&domain.name));
        let led_to = self.led_to(txn, planned).await?;
        let mut batch = Vec::with_capacity(planned.len() * 2);
        for one in planned {
            // An address may be led to before there is a mailbox behind it.
            batch.push(match led_to.contains(&one.address.canonical()) {
                true => self.account_snapshot(txn, one.id).await?,
                false => one.snapshot(domain.tenant, &held),
            });
        }
        let locals: Vec<String> = planned.iter().map(|p| p.address.canonical_local()).collect();
        let rows = query("SELECT * FROM address WHERE domain = $1 AND local IN (SELECT value FROM json_each($2))")
            .bind(&domain.name)
            .bind(json_list(&locals))
            .fetch_all(txn)
            .await?;
        for row in &rows {
            batch.push(address_snapshot(row)?);
        }
        Ok(batch)
    }

    /// Those of the addresses that others lead to.
    async fn led_to(&self, txn: &mut Connection, planned: &[Planned<'_>]) -> Result<HashSet<String>> {
        let addresses: Vec<String> = planned.iter().map(|p| p.address.canonical()).collect();
        let rows =
            query("SELECT DISTINCT target FROM address_target WHERE target IN (SELECT value FROM json_each($1))")
                .bind(json_list(&addresses))
                .fetch_all(txn)
                .await?;
        rows.iter().map(|r| text(r, "target")).collect()
    }
}

impl Planned<'_> {
    fn snapshot(&self, tenant: TenantId, (capabilities, reason, restrictions): &Standing) -> Change {
        let credentials = self.credential.iter().map(|(id, v)| {
            CredentialSnapshot::new(id.clone(), CredentialKind::Password, v.argon2.clone(), v.scram.clone())
        });
        Change::Account(AccountSnapshot {
            display_name: self.new.display_name.clone(),
            capabilities: *capabilities,
            reason: reason.clone(),
            restrictions: restrictions.clone(),
            quota_bytes_max: self.new.quota_bytes_max,
            kind: self.new.kind,
            send: self.new.send,
            credentials: credentials.collect(),
            ..AccountSnapshot::new(self.id, tenant, 1, self.address.canonical())
        })
    }

    fn shown(&self, tenant: TenantId, now_ms: i64) -> Mailbox {
        Mailbox {
            id: self.id,
            tenant,
            address: self.address.canonical(),
            display_name: self.new.display_name.clone(),
            quota_bytes_max: self.new.quota_bytes_max,
            kind: self.new.kind,
            state: MailboxState::Active,
            send: self.new.send,
            has_password: self.credential.is_some(),
            holds: Vec::new(),
            created_at_ms: now_ms,
            deleted_at_ms: None,
            purge_at_ms: None,
            version: 1,
            ended_app_passwords: 0,
        }
    }
}

impl Outcome {
    /// Writes a refusal down; a failure of ours ends the whole.
    fn refuse(&mut self, at: usize, e: Error) -> Result<()> {
        let mut refused = Vec::new();
        lifted::<_, ()>(&mut refused, Err(e))?;
        if let Some(item) = self.items.get_mut(at) {
            *item = refused.pop();
        }
        Ok(())
    }
}

fn planned_one<'a>((at, new, ready): Asked<'a>, tenant: TenantId, room: &Room, free: bool) -> Result<Planned<'a>> {
    if new.tenant.is_some_and(|wanted| wanted != tenant) {
        return Err(Error::not_found("tenantId"));
    }
    short(&new.display_name, "displayName")?;
    given_out(&ready.address.canonical_local())?;
    let quota = to_sql(new.quota_bytes_max, "quotaBytesMax")?;
    if !free {
        return Err(Error::new(Code::Taken, "address", "The address is in use, or was somebody else's"));
    }
    if room.left == 0 {
        return Err(Error::new(Code::LimitReached, "address", room.full));
    }
    let credential = ready.verifiers.as_ref().map(|v| Ok::<_, Error>((fresh_id("crd_")?, v))).transpose()?;
    Ok(Planned { at, id: AccountId(fresh_number()?), new, address: &ready.address, quota, credential })
}

//! SUMMARY    What the provider's people see of mail of a tenant that has not let them in: how it goes, not who writes to whom.
//! SECURITY   The local parts of correspondents, the Message-ID and answers that quote them are left out, and none of these can be
//!            searched for (docs/decisions/0026-the-provider-asks-before-it-looks.md).

use crate::{
    Actor, Code, Error, Permission, Result, Service,
    db::{Connection, query},
    rows::{id, json_list, text},
};
use base::{AccountId, TenantId};
use control::{QueueFilter, QueueItem};
use std::collections::{BTreeSet, HashMap};

/// What stands for what is not shown.
const VEIL: &str = "…";

impl Service {
    /// Refuses conditions that would tell who writes to whom, where the actor does not see that.
    pub(super) async fn may_look_for(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        (tenant, below): (TenantId, bool),
        filter: &QueueFilter,
    ) -> Result<()> {
        let field = match filter {
            QueueFilter { recipient: Some(_), .. } => "recipient",
            QueueFilter { message_id: Some(_), .. } => "messageId",
            _ => return Ok(()),
        };
        let open = if below { !actor.bound } else { self.sees_correspondents(txn, actor, tenant).await? };
        match open {
            true => Ok(()),
            false => {
                let message =
                    "Who writes to whom is seen with the tenant's consent only: its owner grants support access";
                Err(Error::new(Code::Forbidden, field, message))
            }
        }
    }

    /// The items as the actor may see them. With a sender named, those whose sender is not shown are left out.
    pub(super) async fn veiled(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        items: Vec<QueueItem>,
        by_sender: bool,
    ) -> Result<Vec<QueueItem>> {
        if !actor.bound {
            return Ok(items);
        }
        let own = self.mailbox_addresses(txn, &items).await?;
        let mut open: HashMap<TenantId, bool> = HashMap::new();
        let mut shown = Vec::with_capacity(items.len());
        for item in items {
            let sees = match open.get(&item.tenant) {
                Some(sees) => *sees,
                None => {
                    let sees = self.sees_correspondents(txn, actor, item.tenant).await?;
                    open.insert(item.tenant, sees);
                    sees
                }
            };
            // A mailbox is a part of the contract, by its own address; its other ones, and who wrote from elsewhere, are not.
            let by_mailbox =
                item.account.and_then(|a| own.get(&a)).is_some_and(|a| a.eq_ignore_ascii_case(&item.sender));
            match sees {
                true => shown.push(item),
                false if by_sender && !by_mailbox => {}
                false => shown.push(veil(item, by_mailbox)),
            }
        }
        Ok(shown)
    }

    /// Addresses of the mailboxes that submitted the items.
    async fn mailbox_addresses(&self, txn: &mut Connection, items: &[QueueItem]) -> Result<HashMap<AccountId, String>> {
        let accounts: BTreeSet<String> = items.iter().filter_map(|i| i.account).map(|a| a.to_string()).collect();
        let accounts: Vec<String> = accounts.into_iter().collect();
        let rows = query("SELECT id, address FROM mailbox WHERE id IN (SELECT value FROM json_each($1))")
            .bind(json_list(&accounts))
            .fetch_all(txn)
            .await?;
        rows.iter().map(|row| Ok((id(row, "id")?, text(row, "address")?))).collect()
    }

    async fn sees_correspondents(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<bool> {
        let line = self.line(txn, tenant).await?;
        Ok(self.consented(actor, Permission::AddressRead, &line))
    }
}

fn veil(mut item: QueueItem, by_mailbox: bool) -> QueueItem {
    let locals: Vec<String> = item.recipients.iter().filter_map(|r| local_part(&r.address)).collect();
    for recipient in &mut item.recipients {
        recipient.address = veil_address(&recipient.address);
        recipient.reply = veil_text(&recipient.reply, &locals);
    }
    for answer in &mut item.answers {
        answer.reply = veil_text(&answer.reply, &locals);
    }
    item.message_id.clear();
    if !by_mailbox {
        item.sender = veil_address(&item.sender);
    }
    item
}

fn local_part(address: &str) -> Option<String> {
    address.rsplit_once('@').map(|(local, _)| local.to_lowercase())
}

/// Keeps the domain.
fn veil_address(address: &str) -> String {
    address.rsplit_once('@').map_or_else(String::new, |(_, domain)| format!("{VEIL}@{domain}"))
}

/// Leaves addresses out of what a remote host said, and local parts that stand alone.
fn veil_text(text: &str, locals: &[String]) -> String {
    let ends = |c: char| c.is_whitespace() || "<>()[]{}\"'`,;:!?=".contains(c);
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        let bare = word.trim_end_matches('.').to_lowercase();
        match word.contains('@') {
            true => out.push_str(&veil_address(word)),
            false if locals.contains(&bare) => out.push_str(VEIL),
            false => out.push_str(word),
        }
        out.extend(piece.strip_prefix(word));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_said_names_no_correspondent() {
        let locals = ["bob.lee".to_owned()];
        for (said, shown) in [
            ("550 5.1.1 <bob.lee@b.example>: unknown", "550 5.1.1 <…@b.example>: unknown"),
            ("550 no user Bob.Lee here", "550 no user … here"),
            ("550 to=other@c.example;why", "550 to=…@c.example;why"),
            ("450 bob.lee.", "450 …"),
            ("250 2.0.0 queued", "250 2.0.0 queued"),
        ] {
            assert_eq!(veil_text(said, &locals), shown);
        }
        assert_eq!(veil_address(""), "", "the null sender");
    }
}

//! SUMMARY    A part of an import: hash its passwords, then make its mailboxes and aliases, each row by itself.
//! LIMITS     IMPORT_PART_ROWS, HASHES_AT_ONCE
//! INVARIANTS Hashing goes before the transaction. A refused row leaves nothing of itself. What is only tried leaves nothing at all.

use super::{
    ImportedRow,
    file::{Line, Wanted},
};
use crate::{
    Actor, Code, Error, NewAlias, NewPassword, PasswordCost, Result, Service, db::Connection, mailbox_create::Ready,
};
use aws_lc_rs::hmac;
use base::TenantId;
use control::Change;

/// Work of a hash that is thrown away.
const TRIAL_COST: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

/// A row with what was prepared of it.
pub(crate) struct Prepared {
    line: Line,
    ready: Result<(Wanted, Ready)>,
}

impl Service {
    /// Reads what the rows ask for and hashes their passwords; needs no transaction.
    pub(crate) async fn import_prepared(
        &self,
        tenant: TenantId,
        import: &str,
        lines: &[Line],
        making: bool,
    ) -> Result<Vec<Prepared>> {
        let mut wanted = Vec::with_capacity(lines.len());
        for line in lines {
            let asked = match &line.refused {
                Some(e) => Err(Error::new(e.code, "", e.message.clone())),
                None => line.wanted(tenant),
            };
            let asked = asked.map(|mut w| {
                if w.generate {
                    w.mailbox.password = NewPassword::Plain(generated(self.jwt_key(), import, line.number));
                }
                w
            });
            wanted.push((line.clone(), asked));
        }
        let new: Vec<_> = wanted.iter().filter_map(|(_, w)| w.as_ref().ok()).map(|w| w.mailbox.clone()).collect();
        // What is only tried is taken back: its hashes need not be worth anything.
        let cost = if making { self.password_cost } else { TRIAL_COST };
        let mut ready = self.all_ready(&new, cost).await?.into_iter();
        let mut prepared = Vec::with_capacity(wanted.len());
        for (line, asked) in wanted {
            let ready = match asked {
                Err(e) => Err(e),
                Ok(wanted) => {
                    let lost = || Err(Error::new(Code::Internal, "", "a prepared row was lost"));
                    ready.next().unwrap_or_else(lost).map(|ready| (wanted, ready))
                }
            };
            prepared.push(Prepared { line, ready });
        }
        Ok(prepared)
    }

    /// Makes the prepared rows, or only tries to; what became of each, and what the data plane is to know.
    pub(crate) async fn import_made(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        rows: Vec<Prepared>,
        making: bool,
    ) -> Result<(Vec<ImportedRow>, Vec<Change>)> {
        let (mut results, mut changes) = (Vec::with_capacity(rows.len()), Vec::new());
        if !making {
            txn.savepoint().await?;
        }
        for Prepared { line, ready } in rows {
            let generated = ready.as_ref().is_ok_and(|(wanted, _)| wanted.generate);
            txn.savepoint().await?;
            let made = match ready {
                Ok((wanted, ready)) => one(self, txn, actor, tenant, &wanted, &ready).await,
                Err(e) => Err(e),
            };
            let (mailbox, refused) = match made {
                Ok((mailbox, told)) => {
                    txn.keep().await?;
                    changes.extend(told);
                    (making.then_some(mailbox), None)
                }
                Err(e) if e.code == Code::Internal => return Err(e),
                Err(e) => {
                    txn.take_back().await?;
                    (None, Some(e.into()))
                }
            };
            results.push(ImportedRow { line: line.number, address: line.address, mailbox, generated, refused });
        }
        if !making {
            txn.take_back().await?;
            changes.clear();
        }
        Ok((results, changes))
    }
}

/// One row: its mailbox and its aliases, or nothing.
async fn one(
    service: &Service,
    txn: &mut Connection,
    actor: &Actor,
    tenant: TenantId,
    wanted: &Wanted,
    ready: &Ready,
) -> Result<(String, Vec<Change>)> {
    let (mailbox, mut changes) = service.mailbox_made(txn, actor, &wanted.mailbox, ready).await?;
    for alias in &wanted.aliases {
        let targets = vec![mailbox.address.clone()];
        let new = NewAlias { address: alias.clone(), targets, tenant: Some(tenant), ..NewAlias::default() };
        let made = service.alias_made(txn, actor, &new).await.map_err(|e| Error { field: "aliases", ..e })?;
        changes.extend(made.1);
    }
    Ok((mailbox.id.to_string(), changes))
}

/// The generated password of a row: 20 letters and digits, 100 bits, the same each time it is asked for.
pub(crate) fn generated(key: &[u8], job: &str, line: u64) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("mailbox import\0{job}\0{line}").as_bytes());
    let letters = tag.as_ref().iter().take(20).filter_map(|b| LETTERS.get(usize::from(*b) % 32));
    let letters: Vec<char> = letters.map(|b| char::from(*b)).collect();
    letters.chunks(5).map(|g| g.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

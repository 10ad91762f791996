//! SUMMARY    The owner of a tenant that came by signup.
//! SECURITY   Whoever signed up has shown that mail to the address reaches it. Whoever is a person by that address already keeps its
//!            password and its factors; one whose address was never proved gives way, as it does to a forgotten password.

use super::{email_key, person::NewPerson};
use crate::{Result, Selector, Service, StandardRole, db::Connection, db::query};
use base::TenantId;

/// Who signed up.
pub(crate) struct SignedUp<'a> {
    pub(crate) email: &'a str,
    pub(crate) locale: &'a str,
    pub(crate) argon2: &'a str,
}

impl Service {
    /// Makes whoever signed up the owner of a new tenant; whether the person was there before, and keeps its password.
    pub(crate) async fn owner_signed_up(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        who: &SignedUp<'_>,
    ) -> Result<bool> {
        let known = self.person_of(txn, &email_key(who.email)?).await?;
        let (person, keeps) = match known {
            None => {
                let (argon2, verified) = (Some(who.argon2), true);
                let new = NewPerson { email: who.email, name: "", locale: who.locale, argon2, verified };
                (self.insert_person(txn, &new).await?.id, false)
            }
            Some((person, argon2)) if person.verified => (person.id, argon2.is_some()),
            Some((person, _)) => {
                self.end_factors(txn, &person.id).await?;
                self.inherit(txn, &person.id).await?;
                query("UPDATE person SET verified = 1 WHERE id = $1").bind(&person.id).execute(&mut *txn).await?;
                self.replace_argon2(txn, &person.id, who.argon2).await?;
                self.end_sessions(txn, &person.id, None).await?;
                (person.id, false)
            }
        };
        self.join(txn, &person, tenant, StandardRole::Owner.name(), &Selector::All).await?;
        self.rights_changed(txn).await?;
        Ok(keeps)
    }
}

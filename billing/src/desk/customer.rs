//! SUMMARY    Customers: who pays, where invoices go.
//! LIMITS     CUSTOMER_NAME_CHARS_MAX, TAX_IDS_MAX, TAX_ID_CHARS_MAX, LANGUAGE_BYTES_MAX
//! INVARIANTS A contact is elsewhere when it is set: warnings reach it though all that we host for the customer has stopped (T1).

use super::{
    Billing, Bought, BoughtItem, Customer, CustomerPatch, PlanShown,
    call::Call,
    door::no_customer,
    store::{CustomerRow, customer_row, refused},
};
use crate::{Choice, NewCustomer, TrueSubscription, country::is_country, plan::check_key};
use base::{Address, TenantId};
use tenants::{
    Actor, Code, Done, Error, Page, Permission, Result, Tenant, Terms, only_seen,
    sql::{Connection, LAST, Request, Start, Statements, query},
};

pub const CUSTOMER_NAME_CHARS_MAX: usize = 200;
pub const TAX_IDS_MAX: usize = 5;
/// Characters of each part of a tax id: of its kind, and of the number.
pub const TAX_ID_CHARS_MAX: usize = 30;
/// Bytes of a language tag (RFC 5646 §4.4.1).
pub const LANGUAGE_BYTES_MAX: usize = 35;

/// Those of signups that were given up are none: they have no tenant, and nothing was billed.
const CUSTOMERS: Statements = Statements {
    forward: "SELECT c.* FROM customer c WHERE c.seller = $1 AND (EXISTS (SELECT 1 FROM tenant t WHERE t.id = c.tenant) OR \
              EXISTS (SELECT 1 FROM invoice i WHERE i.tenant = c.tenant)) AND c.tenant > $2 ORDER BY c.tenant LIMIT $3",
    backward: "SELECT c.* FROM customer c WHERE c.seller = $1 AND (EXISTS (SELECT 1 FROM tenant t WHERE t.id = c.tenant) OR \
               EXISTS (SELECT 1 FROM invoice i WHERE i.tenant = c.tenant)) AND c.tenant < $2 ORDER BY c.tenant DESC LIMIT $3",
    count: "SELECT COUNT(*) AS n FROM customer c WHERE c.seller = $1 AND (EXISTS (SELECT 1 FROM tenant t WHERE t.id = c.tenant) \
            OR EXISTS (SELECT 1 FROM invoice i WHERE i.tenant = c.tenant))",
};

impl Billing {
    /// The customer that a tenant is; `None`: it never was one.
    pub async fn customer(&self, actor: &Actor, tenant: TenantId) -> Result<Option<Customer>> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        Ok(self.customer_in(&mut connection, tenant).await?.map(|row| row.customer))
    }

    /// Customers of a seller, by tenant.
    pub async fn customers(&self, actor: &Actor, seller: TenantId, page: &Page) -> Result<(Vec<Customer>, i64)> {
        let mut connection = self.service.reader(actor).await?;
        self.service.permit(&mut connection, actor, Permission::BillingRead, seller).await?;
        let from = match &page.cursor {
            Some(id) => id.parse::<TenantId>().map_err(|_| page.not_a_cursor())?.to_string(),
            None if page.backward => LAST.to_owned(),
            None => String::new(),
        };
        let (rows, count) = page.rows(&mut connection, &CUSTOMERS, &[seller.to_string()], vec![from.into()]).await?;
        let shown = rows.iter().map(|row| customer_row(row).map(|row| row.customer));
        Ok((shown.collect::<Result<_>>()?, count))
    }

    /// Makes a tenant a customer of its parent, or changes one. The address must not be one of our own hosted domains.
    pub async fn customer_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        patch: &CustomerPatch,
    ) -> Result<Done<Customer>> {
        let request = Request::while_held("customerUpdate", format!("{tenant} {patch:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        let known = self.customer_in(&mut work.txn, tenant).await?;
        work.expect(known.as_ref().map_or(0, |row| row.customer.version))?;
        let was = match known {
            Some(row) => row,
            None => self.new_customer(&self.service.tenant_in(&mut work.txn, tenant).await?)?,
        };
        let mut row = CustomerRow { customer: patched(&was.customer, patch)?, ..was.clone() };
        if row.customer.email != was.customer.email {
            self.elsewhere(&mut work.txn, &row.customer.email).await?;
        }
        if row.customer.email.is_empty() {
            return Err(Error::new(
                Code::Invalid,
                "email",
                "A customer has an address elsewhere, for invoices and warnings",
            ));
        }
        if let Some(provider) = &patch.provider {
            self.may_choose(&mut work.txn, actor, &was, provider).await?;
            row.customer.provider.clone_from(provider);
        }
        if let Some(list) = &patch.price_list {
            self.may_price(&mut work.txn, actor, &was).await?;
            row.customer.price_list = price_list(list.as_deref())?;
        }
        self.save_customer(&mut work.txn, &row).await?;
        let wanted = new_customer(&row.customer);
        if row.provider_id.is_some() && wanted != new_customer(&was.customer) {
            self.put_call(&mut work.txn, tenant, &Call::UpdateCustomer { new: wanted }).await?;
        }
        let object = tenant.to_string();
        self.service.audit(&mut work.txn, actor, tenant, "customerUpdate", &object, &format!("{patch:?}")).await?;
        let row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
        self.service.finish(work, row.customer, &[]).await
    }

    /// Subscriptions in the mirror, the newest first; with those that ended.
    pub async fn subscriptions(&self, actor: &Actor, tenant: TenantId) -> Result<Vec<Bought>> {
        let mut reader = self.service.reader(actor).await?;
        self.may_see(&mut reader, actor, tenant).await?;
        let Some(row) = self.customer_in(&mut reader, tenant).await? else { return Ok(Vec::new()) };
        let all = self.subscriptions_in(&mut reader, tenant).await?;
        drop(reader);
        // Plans are the seller's, above whoever asks.
        let mut connection = self.service.connection().await?;
        let mut bought = Vec::with_capacity(all.len());
        for subscription in all.into_iter().rev() {
            bought.push(self.bought(&mut connection, row.customer.seller, tenant, subscription).await?);
        }
        Ok(bought)
    }

    /// A subscription of a tenant as it is shown.
    pub(crate) async fn bought(
        &self,
        connection: &mut Connection,
        seller: TenantId,
        tenant: TenantId,
        subscription: TrueSubscription,
    ) -> Result<Bought> {
        let plan = self.plan_bought(connection, seller, &subscription).await?;
        let title = |key: &str| plan.plan.component(key).map_or_else(|| key.to_owned(), |c| c.title.clone());
        let items = subscription.items.iter().map(|item| BoughtItem {
            component: item.component.clone(),
            title: title(&item.component),
            quantity: item.quantity,
        });
        let items = items.collect();
        let (currency, interval) = (subscription.currency, subscription.interval);
        let choice = Choice { plan: plan.plan.clone(), items: subscription.items, currency, interval };
        Ok(Bought {
            id: subscription.id,
            tenant,
            status: subscription.status,
            items,
            currency,
            interval,
            total: choice.total().map_err(refused)?,
            period: subscription.period,
            trial_ends_at: subscription.trial_ends_at,
            ends_at: subscription.ends_at,
            ended_at: subscription.ended_at,
            created_at: subscription.created_at,
            plan,
        })
    }

    /// The version of a plan that a subscription is of. `Internal` for one that the seller never made.
    pub(crate) async fn plan_bought(
        &self,
        connection: &mut Connection,
        seller: TenantId,
        subscription: &TrueSubscription,
    ) -> Result<PlanShown> {
        let (key, version) = &subscription.plan;
        let plan = self.plan_of(connection, seller, (key, *version)).await?;
        plan.ok_or_else(|| {
            let message = format!("{} is of plan {key} {version}, which its seller has not", subscription.id);
            Error::new(Code::Internal, "", message)
        })
    }

    /// A customer of a tenant's parent that nothing is known of but its name.
    pub(crate) fn new_customer(&self, tenant: &Tenant) -> Result<CustomerRow> {
        let nobody = || Error::new(Code::Invalid, "tenantId", "Nobody sells to the provider's own tenant");
        let seller = tenant.parent.ok_or_else(nobody)?;
        Ok(CustomerRow::new(tenant.id, seller, self.options.provider, tenant.name.clone()))
    }

    /// Refuses an address of a domain that is hosted here. `Invalid`.
    async fn elsewhere(&self, txn: &mut Connection, email: &str) -> Result<()> {
        if self.is_hosted(txn, email).await? {
            let message = "We host this domain: give an address elsewhere, which works when your mail here does not";
            return Err(Error::new(Code::Invalid, "email", message));
        }
        Ok(())
    }

    /// Whether an address is of a domain that somebody has proven here.
    pub(crate) async fn is_hosted(&self, txn: &mut Connection, email: &str) -> Result<bool> {
        let Ok(address) = Address::parse(email) else { return Ok(false) };
        let known = query("SELECT 1 AS n FROM domain WHERE name = $1 AND live = 1").bind(address.domain().as_str());
        Ok(known.fetch_optional(txn).await?.is_some())
    }

    /// Whether somebody may say by which prices a customer buys: who sells to it.
    async fn may_price(&self, txn: &mut Connection, actor: &Actor, was: &CustomerRow) -> Result<()> {
        if !self.service.is_above(txn, actor, was.customer.seller).await? {
            return Err(Error::new(Code::Forbidden, "priceList", "Who sells decides by which prices you buy"));
        }
        self.may_sell(txn, actor, was.customer.seller).await
    }

    /// Whether a customer may be sent to another provider: by the seller, while nothing was bought.
    async fn may_choose(&self, txn: &mut Connection, actor: &Actor, was: &CustomerRow, provider: &str) -> Result<()> {
        self.provider(provider)?;
        if was.customer.provider == provider {
            return Ok(());
        }
        if !self.service.is_above(txn, actor, was.customer.seller).await? {
            return Err(Error::new(Code::Forbidden, "provider", "Who sells decides by which provider you pay"));
        }
        self.may_sell(txn, actor, was.customer.seller).await?;
        let bought = self.subscriptions_in(txn, was.customer.tenant).await?;
        if was.provider_id.is_some() || !bought.is_empty() {
            let message = "It is known to its payment provider already and stays there";
            return Err(Error::new(Code::Invalid, "provider", message));
        }
        Ok(())
    }
}

/// The name of a price list. `Invalid`.
pub(crate) fn price_list(list: Option<&str>) -> Result<Option<String>> {
    let Some(list) = list else { return Ok(None) };
    check_key("priceList", list).map_err(|e| Error::new(Code::Invalid, "priceList", e.message))?;
    Ok(Some(list.to_owned()))
}

/// As a provider knows it.
pub(crate) fn new_customer(customer: &Customer) -> NewCustomer {
    NewCustomer {
        tenant: customer.tenant,
        email: customer.email.clone(),
        name: customer.name.clone(),
        country: customer.country.clone(),
        tax_ids: customer.tax_ids.clone(),
    }
}

/// The customer with what is changed of it, checked; the provider is another matter.
fn patched(now: &Customer, patch: &CustomerPatch) -> Result<Customer> {
    let mut next = now.clone();
    if let Some(email) = &patch.email {
        next.email = address(email)?;
    }
    if let Some(name) = &patch.name {
        next.name = line(name)?;
    }
    if let Some(country) = &patch.country {
        next.country = country.as_deref().map(as_country).transpose()?;
    }
    if let Some(ids) = &patch.tax_ids {
        next.tax_ids = as_tax_ids(ids)?;
    }
    if let Some(language) = &patch.language {
        next.language = as_language(language)?;
    }
    Ok(next)
}

/// An address that mail goes to. `Invalid`.
pub(crate) fn address(email: &str) -> Result<String> {
    let invalid = |message: String| Error::new(Code::Invalid, "email", message);
    let email = email.trim();
    let address = Address::parse(email).map_err(|e| invalid(e.to_string()))?;
    if address.domain().is_literal() || !address.domain().as_str().contains('.') || email.chars().any(char::is_control)
    {
        return Err(invalid("An address at a domain of the internet".to_owned()));
    }
    Ok(email.to_owned())
}

fn line(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > CUSTOMER_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let message =
            format!("A name of one line, 1 to {CUSTOMER_NAME_CHARS_MAX} characters (CUSTOMER_NAME_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "name", message));
    }
    if only_seen(name) != name {
        return Err(Error::new(Code::Invalid, "name", "A name has no characters that are not seen, or turn the line"));
    }
    Ok(name.to_owned())
}

fn as_country(country: &str) -> Result<String> {
    match is_country(country) {
        true => Ok(country.to_owned()),
        false => Err(Error::new(
            Code::Invalid,
            "country",
            "There is no such country: two capital letters, as DE (ISO 3166-1)",
        )),
    }
}

fn as_tax_ids(ids: &[String]) -> Result<Vec<String>> {
    let invalid = |message: String| Error::new(Code::Invalid, "taxIds", message);
    if ids.len() > TAX_IDS_MAX {
        return Err(invalid(format!("At most {TAX_IDS_MAX} (TAX_IDS_MAX)")));
    }
    let short = |part: &str| (1..=TAX_ID_CHARS_MAX).contains(&part.len());
    let is_kind = |b: u8| b.is_ascii_lowercase() || b == b'_';
    let is_number = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'/');
    for (n, id) in ids.iter().enumerate() {
        let fits = id.split_once(':').is_some_and(|(kind, number)| {
            short(kind) && short(number) && kind.bytes().all(is_kind) && number.bytes().all(is_number)
        });
        if !fits {
            return Err(invalid("Each as kind:NUMBER, like eu_vat:DE123456789 (TAX_ID_CHARS_MAX)".to_owned()));
        }
        if ids.iter().take(n).any(|other| other == id) {
            return Err(invalid("One is named twice".to_owned()));
        }
    }
    Ok(ids.to_vec())
}

fn as_language(tag: &str) -> Result<String> {
    let part = |p: &str| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
    if tag.len() > LANGUAGE_BYTES_MAX || !tag.split('-').all(part) {
        return Err(Error::new(Code::Invalid, "language", "A language tag, as en or de-CH"));
    }
    Ok(tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_of_a_customer_is_told_by_field() {
        for bad in ["", "ann", "ann@[192.0.2.1]", "ann@localhost", "a\nb@x.example"] {
            assert_eq!(address(bad).unwrap_err().field, "email", "{bad:?}");
        }
        assert_eq!(address(" ann@x.example ").unwrap(), "ann@x.example");
        for bad in ["de", "D", "DEU", "D1", "ZZ", "UK"] {
            assert_eq!(as_country(bad).unwrap_err().field, "country");
        }
        for bad in ["DE123", "eu_vat:", "EU:1", "eu_vat:de 1", ":1"] {
            assert_eq!(as_tax_ids(&[bad.to_owned()]).unwrap_err().field, "taxIds", "{bad}");
        }
        let twice = vec!["eu_vat:DE1".to_owned(); 2];
        assert!(as_tax_ids(&twice).is_err());
        assert!(as_tax_ids(&twice[..1]).is_ok());
        for bad in ["", "de_DE", "a-very-long-language-tag-that-nobody-has-ever-seen"] {
            assert_eq!(as_language(bad).unwrap_err().field, "language");
        }
    }
}

//! SUMMARY    Rows of billing, read and written.
//! INVARIANTS Statements only; what a row means is decided elsewhere. A body that cannot be read is `Internal`, never skipped.

use super::{Billing, Customer, PlanShown};
use crate::{Phase, Plan, TrueInvoice, TrueSubscription};
use base::{TenantId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use tenants::{
    Code, Error, Result,
    sql::{Connection, Row, id, number, optional, query, text},
};

/// A customer with what is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerRow {
    pub customer: Customer,
    /// The provider's id of it.
    pub provider_id: Option<String>,
    pub trial_ends_at: Option<Timestamp>,
    pub unpaid_since: Option<Timestamp>,
    /// When its stage or a concession is to be looked at again.
    pub look_at: Option<Timestamp>,
    /// When it is to be compared with the provider.
    pub sync_at: Option<Timestamp>,
}

impl CustomerRow {
    /// A customer that nothing is known of but its name.
    pub(crate) fn new(tenant: TenantId, seller: TenantId, provider: &str, name: String) -> CustomerRow {
        CustomerRow {
            customer: Customer {
                tenant,
                seller,
                provider: provider.to_owned(),
                email: String::new(),
                name,
                country: None,
                tax_ids: Vec::new(),
                language: "en".to_owned(),
                card: None,
                trial_spent: false,
                price_list: None,
                free_plan: None,
                phase: FIRST_PHASE,
                closed_at: None,
                synced_at: None,
                version: 0,
            },
            provider_id: None,
            trial_ends_at: None,
            unpaid_since: None,
            look_at: None,
            sync_at: None,
        }
    }
}

impl Billing {
    pub(crate) async fn customer_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<CustomerRow>> {
        let row =
            query("SELECT * FROM customer WHERE tenant = $1").bind(tenant.to_string()).fetch_optional(txn).await?;
        row.as_ref().map(customer_row).transpose()
    }

    pub(crate) async fn customer_of(
        &self,
        txn: &mut Connection,
        provider: &str,
        provider_id: &str,
    ) -> Result<Option<CustomerRow>> {
        let row = query("SELECT * FROM customer WHERE provider = $1 AND provider_id = $2")
            .bind(provider)
            .bind(provider_id)
            .fetch_optional(txn)
            .await?;
        row.as_ref().map(customer_row).transpose()
    }

    /// Writes a customer, a new one or over the one that is there; its version rises.
    pub(crate) async fn save_customer(&self, txn: &mut Connection, row: &CustomerRow) -> Result<()> {
        let c = &row.customer;
        let ms = |at: Option<Timestamp>| at.map(|at| at.0);
        query(
            "INSERT INTO customer (tenant, seller, provider, provider_id, email, name, country, tax_ids, language, card, free_plan, \
             trial_spent, trial_ends_at, unpaid_since, closed_at, phase, look_at, sync_at, synced_at, version, created_at, price_list) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 1, $20, $21) \
             ON CONFLICT (tenant) DO UPDATE SET seller = $2, provider = $3, provider_id = $4, email = $5, name = $6, country = $7, \
             tax_ids = $8, language = $9, card = $10, free_plan = $11, trial_spent = $12, trial_ends_at = $13, unpaid_since = $14, \
             closed_at = $15, phase = $16, look_at = $17, sync_at = $18, synced_at = $19, price_list = $21, \
             version = customer.version + 1",
        )
        .bind(c.tenant.to_string())
        .bind(c.seller.to_string())
        .bind(&c.provider)
        .bind(row.provider_id.as_ref())
        .bind(&c.email)
        .bind(&c.name)
        .bind(c.country.as_ref())
        .bind(to_body(&c.tax_ids)?)
        .bind(&c.language)
        .bind(c.card.as_ref())
        .bind(c.free_plan.as_ref())
        .bind(i64::from(c.trial_spent))
        .bind(ms(row.trial_ends_at))
        .bind(ms(row.unpaid_since))
        .bind(ms(c.closed_at))
        .bind(to_word(&c.phase)?)
        .bind(ms(row.look_at))
        .bind(ms(row.sync_at))
        .bind(ms(c.synced_at))
        .bind(self.service.now().0)
        .bind(c.price_list.as_ref())
        .execute(txn)
        .await
        .map(drop)
    }

    /// A version of a plan, whoever sells it.
    pub(crate) async fn plan_in(&self, txn: &mut Connection, plan: &str) -> Result<Option<PlanShown>> {
        let row = query("SELECT * FROM plan WHERE id = $1").bind(plan).fetch_optional(txn).await?;
        row.as_ref().map(plan_row).transpose()
    }

    /// A version of a seller's plan by key and number.
    pub(crate) async fn plan_of(
        &self,
        txn: &mut Connection,
        seller: TenantId,
        (key, version): (&str, u32),
    ) -> Result<Option<PlanShown>> {
        let row = query("SELECT * FROM plan WHERE tenant = $1 AND key = $2 AND number = $3")
            .bind(seller.to_string())
            .bind(key)
            .bind(i64::from(version))
            .fetch_optional(txn)
            .await?;
        row.as_ref().map(plan_row).transpose()
    }

    /// Subscriptions in the mirror, the oldest first.
    pub(crate) async fn subscriptions_in(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
    ) -> Result<Vec<TrueSubscription>> {
        let rows = query("SELECT body FROM subscription WHERE tenant = $1 ORDER BY created_at, id")
            .bind(tenant.to_string())
            .fetch_all(txn)
            .await?;
        rows.iter().map(|row| of_body(row, "body")).collect()
    }

    /// Invoices in the mirror, the oldest first.
    pub(crate) async fn invoices_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<TrueInvoice>> {
        let rows = query("SELECT body FROM invoice WHERE tenant = $1 ORDER BY issued_at, id")
            .bind(tenant.to_string())
            .fetch_all(txn)
            .await?;
        rows.iter().map(|row| of_body(row, "body")).collect()
    }
}

pub(crate) fn customer_row(row: &Row) -> Result<CustomerRow> {
    let at = |column: &str| -> Result<Option<Timestamp>> { Ok(optional(row, column)?.map(Timestamp)) };
    let maybe = |column: &str| row.text(column);
    Ok(CustomerRow {
        customer: Customer {
            tenant: id(row, "tenant")?,
            seller: id(row, "seller")?,
            provider: text(row, "provider")?,
            email: text(row, "email")?,
            name: text(row, "name")?,
            country: maybe("country")?,
            tax_ids: of_body(row, "tax_ids")?,
            language: text(row, "language")?,
            card: maybe("card")?,
            trial_spent: number(row, "trial_spent")? != 0,
            price_list: maybe("price_list")?,
            free_plan: maybe("free_plan")?,
            phase: of_word(row, "phase")?,
            closed_at: at("closed_at")?,
            synced_at: at("synced_at")?,
            version: number(row, "version")?,
        },
        provider_id: maybe("provider_id")?,
        trial_ends_at: at("trial_ends_at")?,
        unpaid_since: at("unpaid_since")?,
        look_at: at("look_at")?,
        sync_at: at("sync_at")?,
    })
}

pub(crate) fn plan_row(row: &Row) -> Result<PlanShown> {
    let plan: Plan = of_body(row, "body")?;
    Ok(PlanShown {
        id: text(row, "id")?,
        seller: id(row, "tenant")?,
        state: of_word(row, "state")?,
        price_list: row.text("price_list")?,
        plan,
        created_at: Timestamp(number(row, "created_at")?),
        version: number(row, "version")?,
    })
}

/// A phase that nothing was looked at for yet.
pub(crate) const FIRST_PHASE: Phase = Phase::Active;

/// A body as it is stored.
pub(crate) fn to_body<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(damaged)
}

pub(crate) fn of_body<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_str(&text(row, column)?).map_err(damaged)
}

/// An enum without parts as the word that stands in a column.
pub(crate) fn to_word<T: Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value).map_err(damaged)? {
        serde_json::Value::String(word) => Ok(word),
        _ => Err(Error::new(Code::Internal, "", "a word was expected")),
    }
}

pub(crate) fn of_word<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(text(row, column)?)).map_err(damaged)
}

pub(crate) fn damaged(e: serde_json::Error) -> Error {
    Error::new(Code::Internal, "", format!("a row of billing: {e}"))
}

/// What the pure middle refuses, as the API tells it.
pub(crate) fn refused(error: crate::Error) -> Error {
    use crate::Kind;
    let code = match error.kind {
        Kind::Invalid | Kind::Currency | Kind::Overflow => Code::Invalid,
        Kind::Unlawful => Code::Forbidden,
    };
    Error::new(code, "", error.to_string())
}

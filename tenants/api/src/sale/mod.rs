//! SUMMARY    Billing in the schema: what is sold, bought, owed, paid and given, over the billing desk.
//! SECURITY   The desk asks for the permission of each; what an actor does not reach does not exist. A webhook is believed by its
//!            signature alone (hook.rs).
//! INVARIANTS Without a desk every field here answers BILLING_OFF. What makes or moves money names an idempotency key.

mod books;
mod checkout;
mod concession;
mod coupon;
mod customer;
pub(crate) mod hook;
mod invoice;
mod plan;
mod policy;
mod provider;
mod standing;
mod subscription;

use crate::{failure::top_level, scalar::ByteSize};
use async_graphql::{Context, Enum, MergedObject, Result, SimpleObject};
use billing::Billing;
use std::sync::Arc;
use tenants::{Code, Error, Limits};

#[derive(MergedObject, Default)]
pub struct SaleQuery(
    plan::PlanQuery,
    coupon::CouponQuery,
    customer::CustomerQuery,
    subscription::SubscriptionQuery,
    checkout::CheckoutQuery,
    invoice::InvoiceQuery,
    concession::ConcessionQuery,
    policy::PolicyQuery,
    standing::StandingQuery,
    books::BooksQuery,
    provider::ProviderQuery,
);

#[derive(MergedObject, Default)]
pub struct SaleMutation(
    plan::PlanMutation,
    coupon::CouponMutation,
    customer::CustomerMutation,
    subscription::SubscriptionMutation,
    checkout::CheckoutMutation,
    invoice::InvoiceMutation,
    concession::ConcessionMutation,
    policy::PolicyMutation,
    provider::ProviderMutation,
);

/// Cost of a field that asks a payment provider.
const PROVIDER_COST: usize = 50;

/// The billing desk, where there is one.
fn desk<'c>(ctx: &Context<'c>) -> Result<&'c Arc<Billing>> {
    ctx.data_opt::<Arc<Billing>>().ok_or_else(|| top_level("BILLING_OFF", "This server has no billing"))
}

fn invalid(field: &'static str, message: impl Into<String>) -> Error {
    Error::new(Code::Invalid, field, message)
}

/// How often something is paid.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::Interval")]
pub enum BillingInterval {
    Month,
    Year,
}

/// Where a customer stands between paying and being gone, in this order.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::Phase")]
pub enum BillingPhase {
    Trial,
    Active,
    /// A payment failed or is late; all works.
    PastDue,
    /// It sends less.
    Grace,
    /// It does not send to others.
    Suspended,
    /// It reads, receives and exports.
    ReadOnly,
    /// It reads and exports; undone by paying, or by its owner who closed it.
    Closing,
    /// Its data may be destroyed now.
    Purging,
}

/// What a customer may have; null = unlimited.
#[derive(SimpleObject, Clone)]
pub struct BillingLimits {
    pub max_domains: Option<u64>,
    pub max_mailboxes: Option<u64>,
    /// Of all mailboxes together.
    pub storage_bytes_max: Option<ByteSize>,
    /// Recipients in an hour.
    pub messages_per_hour_max: Option<u64>,
    /// Recipients in a day.
    pub recipients_per_day_max: Option<u64>,
    /// Recipients in a day that an account never wrote to before.
    pub new_recipients_per_day_max: Option<u64>,
    /// What incoming mail may use beyond the storage limit before it is refused.
    pub storage_grace_bytes: ByteSize,
}

impl From<Limits> for BillingLimits {
    fn from(limits: Limits) -> Self {
        BillingLimits {
            max_domains: limits.max_domains,
            max_mailboxes: limits.max_mailboxes,
            storage_bytes_max: limits.storage_bytes_max.map(ByteSize),
            messages_per_hour_max: limits.messages_per_hour_max,
            recipients_per_day_max: limits.recipients_per_day_max,
            new_recipients_per_day_max: limits.new_recipients_per_day_max,
            storage_grace_bytes: ByteSize(limits.storage_grace_bytes),
        }
    }
}

//! SUMMARY    Mutations: `nounVerb(input)` to a payload with the object and `userErrors`.

mod alias;
mod announcement;
mod audit;
mod brand;
mod dns;
mod domain;
mod export;
mod factor;
mod feature;
mod group;
mod hold;
mod identity;
mod import;
mod job;
mod mailbox;
mod masked;
mod member;
mod migration;
mod password;
mod queue;
mod recovery;
mod secret;
mod service_account;
mod session;
mod sharing;
mod signup;
mod signup_desk;
mod support;
mod tenant;
mod webhook;

use crate::sale::SaleMutation;
use async_graphql::{ID, MaybeUndefined, MergedObject};
use base::{AccountId, TenantId};
use tenants::Error;

#[derive(MergedObject, Default)]
pub struct Mutation(
    tenant::TenantMutation,
    domain::DomainMutation,
    dns::DnsMutation,
    mailbox::MailboxMutation,
    alias::AliasMutation,
    group::GroupMutation,
    masked::MaskedMutation,
    sharing::SharingMutation,
    secret::SecretMutation,
    job::JobMutation,
    import::ImportMutation,
    hold::HoldMutation,
    member::MemberMutation,
    service_account::ServiceAccountMutation,
    session::SessionMutation,
    factor::FactorMutation,
    identity::IdentityMutation,
    password::PasswordMutation,
    support::SupportMutation,
    webhook::WebhookMutation,
    queue::QueueMutation,
    recovery::RecoveryMutation,
    export::ExportMutation,
    migration::MigrationMutation,
    audit::AuditMutation,
    SaleMutation,
    signup::SignupMutation,
    signup_desk::SignupDeskMutation,
    announcement::AnnouncementMutation,
    feature::FeatureMutation,
    brand::BrandMutation,
);

pub(crate) fn tenant_id(id: &ID) -> tenants::Result<TenantId> {
    tenant_id_of("tenantId", id)
}

/// The id of a tenant that stands in another field.
pub(crate) fn tenant_id_of(field: &'static str, id: &ID) -> tenants::Result<TenantId> {
    id.parse().map_err(|_| Error::not_found(field))
}

fn account_id(id: &ID) -> tenants::Result<AccountId> {
    id.parse().map_err(|_| Error::not_found("mailboxId"))
}

/// What a field of a patch asks for: nothing, `Some(None)` for null, a value.
pub(crate) fn wanted<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

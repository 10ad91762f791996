//! SUMMARY    What mutations of aliases, groups, masked addresses, other names of domains and delegates take.

use super::{ChangeTerms, CreateTerms, DestroyTerms, ErrorPolicy};
use crate::types::GroupPosting;
use async_graphql::{ID, InputObject};
use tenants::{AliasPatch, Error, MaskedPatch, NewAlias, NewGroup};

/// An address that leads to others.
#[derive(InputObject)]
pub(crate) struct AliasInput {
    pub(crate) address: String,
    /// 1 to 100 addresses, here or elsewhere.
    pub(crate) targets: Vec<String>,
    /// What it is for.
    #[graphql(default)]
    pub(crate) label: String,
    /// Mail for one that is switched off is refused.
    #[graphql(default = true)]
    pub(crate) enabled: bool,
    /// Whose it is on a shared domain; the token's own tenant when missing.
    pub(crate) tenant_id: Option<ID>,
}

/// A tenant that is asked for.
pub(crate) fn tenant_of(id: Option<&ID>) -> tenants::Result<Option<base::TenantId>> {
    id.map(|id| id.parse().map_err(|_| Error::not_found("tenantId"))).transpose()
}

impl TryFrom<AliasInput> for NewAlias {
    type Error = Error;
    fn try_from(input: AliasInput) -> tenants::Result<Self> {
        let tenant = tenant_of(input.tenant_id.as_ref())?;
        let AliasInput { address, targets, label, enabled, .. } = input;
        Ok(NewAlias { address, targets, label, disabled: !enabled, tenant })
    }
}

#[derive(InputObject)]
pub(crate) struct AliasCreateInput {
    #[graphql(flatten)]
    pub(crate) alias: AliasInput,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

#[derive(InputObject)]
pub(crate) struct AliasesCreateInput {
    /// At most 100.
    pub(crate) aliases: Vec<AliasInput>,
    pub(crate) error_policy: ErrorPolicy,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

/// What is left out stays.
#[derive(InputObject)]
pub(crate) struct AliasUpdateInput {
    pub(crate) address: String,
    /// 1 to 100 addresses, here or elsewhere.
    pub(crate) targets: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    /// Mail for one that is switched off is refused.
    pub(crate) enabled: Option<bool>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

impl AliasUpdateInput {
    pub(crate) fn patch(&self) -> AliasPatch {
        AliasPatch { targets: self.targets.clone(), label: self.label.clone(), enabled: self.enabled }
    }
}

#[derive(InputObject)]
pub(crate) struct AliasDeleteInput {
    pub(crate) address: String,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

/// One address with many members.
#[derive(InputObject)]
pub(crate) struct GroupCreateInput {
    pub(crate) address: String,
    #[graphql(default)]
    pub(crate) name: String,
    /// Addresses, here or elsewhere; other groups too, but not in a round.
    #[graphql(default)]
    pub(crate) members: Vec<String>,
    pub(crate) posting: GroupPosting,
    /// Whose it is on a shared domain; the token's own tenant when missing.
    pub(crate) tenant_id: Option<ID>,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

impl GroupCreateInput {
    pub(crate) fn group(&self) -> tenants::Result<NewGroup> {
        Ok(NewGroup {
            address: self.address.clone(),
            name: self.name.clone(),
            members: self.members.clone(),
            posting: self.posting.into(),
            tenant: tenant_of(self.tenant_id.as_ref())?,
        })
    }
}

/// What is left out stays.
#[derive(InputObject)]
pub(crate) struct GroupUpdateInput {
    pub(crate) address: String,
    pub(crate) name: Option<String>,
    pub(crate) posting: Option<GroupPosting>,
    /// Mail for one that is switched off is refused.
    pub(crate) enabled: Option<bool>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct GroupMembersInput {
    pub(crate) address: String,
    pub(crate) members: Vec<String>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct GroupDeleteInput {
    pub(crate) address: String,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

/// A random address for one site.
#[derive(InputObject)]
pub(crate) struct MaskedAddressCreateInput {
    pub(crate) mailbox_id: ID,
    /// A domain of the mailbox's tenant, or a shared one; the mailbox's own when missing.
    pub(crate) domain: Option<String>,
    #[graphql(default)]
    pub(crate) label: String,
    #[graphql(default)]
    pub(crate) note: String,
    /// Whom it is given to.
    #[graphql(default)]
    pub(crate) site: String,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

/// What is left out stays.
#[derive(InputObject)]
pub(crate) struct MaskedAddressUpdateInput {
    pub(crate) address: String,
    pub(crate) label: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) site: Option<String>,
    /// Mail for one that is switched off is refused.
    pub(crate) enabled: Option<bool>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

impl MaskedAddressUpdateInput {
    pub(crate) fn patch(&self) -> MaskedPatch {
        let (label, note, site) = (self.label.clone(), self.note.clone(), self.site.clone());
        MaskedPatch { label, note, site, enabled: self.enabled }
    }
}

#[derive(InputObject)]
pub(crate) struct MaskedAddressDeleteInput {
    pub(crate) address: String,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainAliasCreateInput {
    /// The domain that becomes another name.
    pub(crate) name: String,
    /// The domain whose addresses it gets.
    pub(crate) alias_of: String,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainAliasRemoveInput {
    pub(crate) name: String,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainShareInput {
    pub(crate) name: String,
    /// Whether tenants below may have addresses on it. Those are never given to anybody else again.
    pub(crate) shared: bool,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DelegateAddInput {
    pub(crate) mailbox_id: ID,
    /// Another mailbox of the same tenant.
    pub(crate) delegate_id: ID,
    /// Opening the mailbox with their own login.
    #[graphql(default)]
    pub(crate) open: bool,
    /// Changing what they open.
    #[graphql(default)]
    pub(crate) write: bool,
    /// Sending from the mailbox's addresses with their own login.
    #[graphql(default)]
    pub(crate) send_as: bool,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DelegateRemoveInput {
    pub(crate) mailbox_id: ID,
    pub(crate) delegate_id: ID,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct SendAsInput {
    pub(crate) mailbox_id: ID,
    /// An alias, group or mailbox of the same tenant.
    pub(crate) address: String,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

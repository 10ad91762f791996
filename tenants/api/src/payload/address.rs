//! SUMMARY    What mutations of groups, masked addresses, other names of domains, delegates and deleted mailboxes answer.

use crate::types::{Domain, Group, Mailbox, Masked, Tenant};

object_payload!(GroupCreatePayload, GroupCreateUserError, GroupCreateErrorCode, [NotFound, Taken, LimitReached], group: Group);
object_payload!(GroupUpdatePayload, GroupUpdateUserError, GroupUpdateErrorCode, [NotFound, StaleObject], group: Group);
object_payload!(
    GroupMembersAddPayload, GroupMembersAddUserError, GroupMembersAddErrorCode, [NotFound, StaleObject, LimitReached], group: Group
);
object_payload!(
    GroupMembersRemovePayload, GroupMembersRemoveUserError, GroupMembersRemoveErrorCode, [NotFound, StaleObject, LimitReached],
    group: Group
);
object_payload!(GroupDeletePayload, GroupDeleteUserError, GroupDeleteErrorCode, [NotFound, StaleObject, InUse], group: Group);
object_payload!(
    MaskedAddressCreatePayload, MaskedAddressCreateUserError, MaskedAddressCreateErrorCode, [NotFound, LimitReached, FeatureOff],
    masked_address: Masked
);
object_payload!(
    MaskedAddressUpdatePayload, MaskedAddressUpdateUserError, MaskedAddressUpdateErrorCode, [NotFound, StaleObject],
    masked_address: Masked
);
object_payload!(
    MaskedAddressDeletePayload, MaskedAddressDeleteUserError, MaskedAddressDeleteErrorCode, [NotFound, StaleObject, InUse],
    masked_address: Masked
);
object_payload!(
    DomainAliasCreatePayload, DomainAliasCreateUserError, DomainAliasCreateErrorCode, [NotFound, StaleObject, Taken, InUse],
    domain: Domain
);
object_payload!(
    DomainAliasRemovePayload, DomainAliasRemoveUserError, DomainAliasRemoveErrorCode, [NotFound, StaleObject], domain: Domain
);
object_payload!(DomainSharePayload, DomainShareUserError, DomainShareErrorCode, [NotFound, StaleObject, InUse], domain: Domain);
object_payload!(
    DelegateAddPayload, DelegateAddUserError, DelegateAddErrorCode, [NotFound, StaleObject, LimitReached], mailbox: Mailbox
);
object_payload!(DelegateRemovePayload, DelegateRemoveUserError, DelegateRemoveErrorCode, [NotFound, StaleObject], mailbox: Mailbox);
object_payload!(SendAsAddPayload, SendAsAddUserError, SendAsAddErrorCode, [NotFound, StaleObject, LimitReached], mailbox: Mailbox);
object_payload!(SendAsRemovePayload, SendAsRemoveUserError, SendAsRemoveErrorCode, [NotFound, StaleObject], mailbox: Mailbox);
object_payload!(
    MailboxRestorePayload, MailboxRestoreUserError, MailboxRestoreErrorCode, [NotFound, StaleObject, Taken, LimitReached],
    mailbox: Mailbox
);
object_payload!(MailboxPurgePayload, MailboxPurgeUserError, MailboxPurgeErrorCode, [NotFound, StaleObject, Held], mailbox: Mailbox);
object_payload!(
    MailboxRetentionSetPayload, MailboxRetentionSetUserError, MailboxRetentionSetErrorCode, [NotFound, StaleObject], tenant: Tenant
);

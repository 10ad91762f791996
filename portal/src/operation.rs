//! SUMMARY    The operations of the pages, each checked against tenants/api/schema.graphql when it is compiled.
//! INVARIANTS One operation stands in each document, as the API asks of who has not signed in. An operation that does not fit the schema does not compile; neither does a page that reads what was not asked for.

use crate::form::Refusal;
use graphql_client::GraphQLQuery;
use serde::Serialize;

/// Bytes in decimal, as the API gives and takes them.
pub(crate) type ByteSize = String;
/// A moment in UTC (RFC 3339).
pub(crate) type DateTime = String;
/// An amount with its currency, as `12.50 EUR`.
pub(crate) type Money = String;
/// What a job says of its outcome.
#[allow(clippy::upper_case_acronyms, reason = "the name of the scalar")]
pub(crate) type JSON = serde_json::Value;

/// Compiled again when the schema changes.
const _: &str = include_str!("../../tenants/api/schema.graphql");

macro_rules! operations {
    ($($file:tt: $name:ident;)*) => { $(
        #[derive(GraphQLQuery)]
        #[graphql(
            schema_path = "../tenants/api/schema.graphql",
            query_path = $file,
            response_derives = "Debug, Clone, PartialEq, Eq, Serialize",
            variables_derives = "Debug, Clone",
            skip_serializing_none
        )]
        pub(crate) struct $name;
    )* };
}

operations! {
    "operations/session_create.graphql": SessionCreate;
    "operations/session_refresh.graphql": SessionRefresh;
    "operations/session_revoke.graphql": SessionRevoke;
    "operations/session_step_up.graphql": SessionStepUp;
    "operations/whoami.graphql": Whoami;
    "operations/place.graphql": Place;
    "operations/password_forgot.graphql": PasswordForgot;
    "operations/password_reset.graphql": PasswordReset;
    "operations/invitation_accept.graphql": InvitationAccept;
    "operations/signup_options.graphql": SignupOptions;
    "operations/signup_shown.graphql": SignupShown;
    "operations/signup_challenge.graphql": SignupChallenge;
    "operations/name_available.graphql": NameAvailable;
    "operations/signup_begin.graphql": SignupBegin;
    "operations/signup_contact.graphql": SignupContact;
    "operations/signup_verify.graphql": SignupVerify;
    "operations/signup_choose.graphql": SignupChoose;
    "operations/signup_checkout.graphql": SignupCheckout;
    "operations/signup_finish.graphql": SignupFinish;
    "operations/signup_abandon.graphql": SignupAbandon;
    "operations/brand.graphql": Brand;
    "operations/brand_logos.graphql": BrandLogos;
    "operations/branding_seen.graphql": BrandingSeen;
    "operations/branding_logos.graphql": BrandingLogos;
    "operations/branding_shown.graphql": BrandingShown;
    "operations/branding_allow.graphql": BrandingAllow;
    "operations/branding_update.graphql": BrandingUpdate;
    "operations/branding_logo_set.graphql": BrandingLogoSet;
    "operations/branding_logo_remove.graphql": BrandingLogoRemove;
    "operations/home.graphql": Home;
    "operations/home_billing.graphql": HomeBilling;
    "operations/domains.graphql": Domains;
    "operations/domain_shown.graphql": DomainShown;
    "operations/domain_zone.graphql": DomainZone;
    "operations/domain_create.graphql": DomainCreate;
    "operations/domain_check.graphql": DomainCheck;
    "operations/domain_delete.graphql": DomainDelete;
    "operations/mailboxes.graphql": Mailboxes;
    "operations/mailbox_shown.graphql": MailboxShown;
    "operations/mailbox_aliases.graphql": MailboxAliases;
    "operations/mailbox_named.graphql": MailboxNamed;
    "operations/domain_choice.graphql": DomainChoice;
    "operations/mailbox_create.graphql": MailboxCreate;
    "operations/mailbox_update.graphql": MailboxUpdate;
    "operations/mailbox_set_password.graphql": MailboxSetPassword;
    "operations/mailbox_suspend.graphql": MailboxSuspend;
    "operations/mailbox_resume.graphql": MailboxResume;
    "operations/mailbox_delete.graphql": MailboxDelete;
    "operations/mailbox_restore.graphql": MailboxRestore;
    "operations/alias_create.graphql": AliasCreate;
    "operations/alias_delete.graphql": AliasDelete;
    "operations/security.graphql": Security;
    "operations/factors.graphql": Factors;
    "operations/person_set_password.graphql": PersonSetPassword;
    "operations/person_delete.graphql": PersonDelete;
    "operations/privacy.graphql": Privacy;
    "operations/privacy_file.graphql": PrivacyFile;
    "operations/exports.graphql": Exports;
    "operations/export_shown.graphql": ExportShown;
    "operations/export_request.graphql": ExportRequest;
    "operations/export_pause.graphql": ExportPause;
    "operations/export_resume.graphql": ExportResume;
    "operations/export_cancel.graphql": ExportCancel;
    "operations/export_link_create.graphql": ExportLinkCreate;
    "operations/export_link_revoke.graphql": ExportLinkRevoke;
    "operations/migrations.graphql": Migrations;
    "operations/migration_shown.graphql": MigrationShown;
    "operations/migration_look.graphql": MigrationLook;
    "operations/migration_start.graphql": MigrationStart;
    "operations/migration_start_many.graphql": MigrationStartMany;
    "operations/migration_pause.graphql": MigrationPause;
    "operations/migration_resume.graphql": MigrationResume;
    "operations/migration_end.graphql": MigrationEnd;
    "operations/mailbox_retention_set.graphql": MailboxRetentionSet;
    "operations/email_recovery_set.graphql": EmailRecoverySet;
    "operations/recoverable_emails.graphql": RecoverableEmails;
    "operations/emails_recover.graphql": EmailsRecover;
    "operations/totp_enroll.graphql": TotpEnroll;
    "operations/totp_confirm.graphql": TotpConfirm;
    "operations/factor_remove.graphql": FactorRemove;
    "operations/recovery_codes_create.graphql": RecoveryCodesCreate;
    "operations/members.graphql": Members;
    "operations/roles.graphql": Roles;
    "operations/api_tokens.graphql": ApiTokens;
    "operations/webhooks.graphql": Webhooks;
    "operations/webhook_shown.graphql": WebhookShown;
    "operations/audit.graphql": Audit;
    "operations/support_grants.graphql": SupportGrants;
    "operations/identity_providers.graphql": IdentityProviders;
    "operations/why.graphql": Why;
    "operations/job_shown.graphql": JobShown;
    "operations/member_invite.graphql": MemberInvite;
    "operations/invitation_resend.graphql": InvitationResend;
    "operations/invitation_revoke.graphql": InvitationRevoke;
    "operations/member_update.graphql": MemberUpdate;
    "operations/member_remove.graphql": MemberRemove;
    "operations/ownership_transfer.graphql": OwnershipTransfer;
    "operations/role_create.graphql": RoleCreate;
    "operations/role_update.graphql": RoleUpdate;
    "operations/role_delete.graphql": RoleDelete;
    "operations/api_token_create.graphql": ApiTokenCreate;
    "operations/api_token_revoke.graphql": ApiTokenRevoke;
    "operations/service_account_create.graphql": ServiceAccountCreate;
    "operations/service_account_update.graphql": ServiceAccountUpdate;
    "operations/service_account_delete.graphql": ServiceAccountDelete;
    "operations/webhook_create.graphql": WebhookCreate;
    "operations/webhook_update.graphql": WebhookUpdate;
    "operations/webhook_rotate_secret.graphql": WebhookRotateSecret;
    "operations/webhook_delete.graphql": WebhookDelete;
    "operations/webhook_delivery_retry.graphql": WebhookDeliveryRetry;
    "operations/audit_export.graphql": AuditExport;
    "operations/support_grant_create.graphql": SupportGrantCreate;
    "operations/support_grant_revoke.graphql": SupportGrantRevoke;
    "operations/identity_provider_create.graphql": IdentityProviderCreate;
    "operations/identity_provider_delete.graphql": IdentityProviderDelete;
    "operations/job_cancel.graphql": JobCancel;
    "operations/aliases.graphql": Aliases;
    "operations/groups.graphql": Groups;
    "operations/group_shown.graphql": GroupShown;
    "operations/masked_addresses.graphql": MaskedAddresses;
    "operations/mailbox_sharing.graphql": MailboxSharing;
    "operations/app_passwords.graphql": AppPasswords;
    "operations/mailbox_by_address.graphql": MailboxByAddress;
    "operations/domain_settings.graphql": DomainSettings;
    "operations/mailbox_import_result.graphql": MailboxImportResult;
    "operations/alias_update.graphql": AliasUpdate;
    "operations/group_create.graphql": GroupCreate;
    "operations/group_update.graphql": GroupUpdate;
    "operations/group_members_add.graphql": GroupMembersAdd;
    "operations/group_members_remove.graphql": GroupMembersRemove;
    "operations/group_delete.graphql": GroupDelete;
    "operations/masked_address_create.graphql": MaskedAddressCreate;
    "operations/masked_address_update.graphql": MaskedAddressUpdate;
    "operations/masked_address_delete.graphql": MaskedAddressDelete;
    "operations/delegate_add.graphql": DelegateAdd;
    "operations/delegate_remove.graphql": DelegateRemove;
    "operations/send_as_add.graphql": SendAsAdd;
    "operations/send_as_remove.graphql": SendAsRemove;
    "operations/domain_update.graphql": DomainUpdate;
    "operations/domain_alias_create.graphql": DomainAliasCreate;
    "operations/domain_alias_remove.graphql": DomainAliasRemove;
    "operations/app_password_create.graphql": AppPasswordCreate;
    "operations/app_password_revoke.graphql": AppPasswordRevoke;
    "operations/mailbox_import.graphql": MailboxImport;
    "operations/mailbox_import_passwords.graphql": MailboxImportPasswords;
    "operations/mailbox_purge.graphql": MailboxPurge;
    "operations/passkey_challenge.graphql": PasskeyChallenge;
    "operations/passkey_register.graphql": PasskeyRegister;
    "operations/passkey_register_finish.graphql": PasskeyRegisterFinish;
    "operations/billing_reach.graphql": BillingReach;
    "operations/tenants_below.graphql": TenantsBelow;
    "operations/billing_shown.graphql": BillingShown;
    "operations/billing_place.graphql": BillingPlace;
    "operations/usage_shown.graphql": UsageShown;
    "operations/plans.graphql": Plans;
    "operations/plan_shown.graphql": PlanShown;
    "operations/billing_quote.graphql": BillingQuote;
    "operations/checkout_shown.graphql": CheckoutShown;
    "operations/invoices.graphql": Invoices;
    "operations/coupons.graphql": Coupons;
    "operations/billing_customers.graphql": BillingCustomers;
    "operations/billing_customer_shown.graphql": BillingCustomerShown;
    "operations/billing_rehearsal.graphql": BillingRehearsal;
    "operations/payment_events.graphql": PaymentEvents;
    "operations/payment_calls.graphql": PaymentCalls;
    "operations/billing_drift.graphql": BillingDrift;
    "operations/checkout_open.graphql": CheckoutOpen;
    "operations/checkout_close.graphql": CheckoutClose;
    "operations/card_page_open.graphql": CardPageOpen;
    "operations/subscription_change.graphql": SubscriptionChange;
    "operations/subscription_cancel.graphql": SubscriptionCancel;
    "operations/subscription_resume.graphql": SubscriptionResume;
    "operations/debt_pay.graphql": DebtPay;
    "operations/invoice_pay.graphql": InvoicePay;
    "operations/invoice_paper.graphql": InvoicePaper;
    "operations/invoice_refund.graphql": InvoiceRefund;
    "operations/invoice_receive.graphql": InvoiceReceive;
    "operations/billing_policy.graphql": BillingPolicy;
    "operations/billing_policy_update.graphql": BillingPolicyUpdate;
    "operations/credit_grant.graphql": CreditGrant;
    "operations/billing_customer_update.graphql": BillingCustomerUpdate;
    "operations/tenant_close.graphql": TenantClose;
    "operations/tenant_reopen.graphql": TenantReopen;
    "operations/plan_create.graphql": PlanCreate;
    "operations/plan_update.graphql": PlanUpdate;
    "operations/coupon_create.graphql": CouponCreate;
    "operations/coupon_update.graphql": CouponUpdate;
    "operations/concession_add.graphql": ConcessionAdd;
    "operations/concession_end.graphql": ConcessionEnd;
    "operations/payment_event_retry.graphql": PaymentEventRetry;
    "operations/billing_sync.graphql": BillingSync;
    "operations/signups.graphql": Signups;
    "operations/signup_approve.graphql": SignupApprove;
    "operations/signup_refuse.graphql": SignupRefuse;
    "operations/signup_settings.graphql": SignupSettings;
    "operations/signup_settings_update.graphql": SignupSettingsUpdate;
    "operations/signup_invites.graphql": SignupInvites;
    "operations/signup_invite_create.graphql": SignupInviteCreate;
    "operations/signup_invite_revoke.graphql": SignupInviteRevoke;
    "operations/announcements.graphql": Announcements;
    "operations/announcements_shown.graphql": AnnouncementsShown;
    "operations/announcement_create.graphql": AnnouncementCreate;
    "operations/announcement_update.graphql": AnnouncementUpdate;
    "operations/announcement_end.graphql": AnnouncementEnd;
    "operations/announcement_dismiss.graphql": AnnouncementDismiss;
    "operations/console_reach.graphql": ConsoleReach;
    "operations/feature_flags.graphql": FeatureFlags;
    "operations/feature_flag_set.graphql": FeatureFlagSet;
    "operations/feature_flag_clear.graphql": FeatureFlagClear;
    "operations/holds.graphql": Holds;
    "operations/held_subject.graphql": HeldSubject;
    "operations/tenant_named.graphql": TenantNamed;
    "operations/tenants_named.graphql": TenantsNamed;
    "operations/hold_place.graphql": HoldPlace;
    "operations/hold_release.graphql": HoldRelease;
    "operations/queue_items.graphql": QueueItems;
    "operations/queue_item_shown.graphql": QueueItemShown;
    "operations/queue_item_retry.graphql": QueueItemRetry;
    "operations/queue_item_hold.graphql": QueueItemHold;
    "operations/queue_item_release.graphql": QueueItemRelease;
    "operations/queue_item_cancel.graphql": QueueItemCancel;
}

/// An error of any mutation: all have the same fields, and each an enum of codes of its own.
pub(crate) fn refusal(field: String, message: String, code: &impl Serialize) -> Refusal {
    let code = serde_json::to_value(code).ok().and_then(|c| c.as_str().map(str::to_owned));
    Refusal { field, message, code: code.unwrap_or_default() }
}

/// The refusals of a payload.
macro_rules! refusals {
    ($payload:expr) => {
        $payload
            .user_errors
            .into_iter()
            .map(|e| $crate::operation::refusal(e.field, e.message, &e.code))
            .collect::<Vec<$crate::form::Refusal>>()
    };
}
pub(crate) use refusals;

//! SUMMARY    The operations of the pages, each checked against tenants/api/schema.graphql when it is compiled.
//! INVARIANTS One operation stands in each document, as the API asks of who has not signed in. An operation that does not fit the schema does not compile; neither does a page that reads what was not asked for.

use crate::form::Refusal;
use graphql_client::GraphQLQuery;
use serde::Serialize;

/// Bytes in decimal, as the API gives and takes them.
pub(crate) type ByteSize = String;
/// A moment in UTC (RFC 3339).
pub(crate) type DateTime = String;

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
    "operations/home.graphql": Home;
    "operations/domains.graphql": Domains;
    "operations/domain_shown.graphql": DomainShown;
    "operations/domain_zone.graphql": DomainZone;
    "operations/domain_create.graphql": DomainCreate;
    "operations/domain_check.graphql": DomainCheck;
    "operations/domain_delete.graphql": DomainDelete;
    "operations/mailboxes.graphql": Mailboxes;
    "operations/mailbox_shown.graphql": MailboxShown;
    "operations/mailbox_aliases.graphql": MailboxAliases;
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
    "operations/totp_enroll.graphql": TotpEnroll;
    "operations/totp_confirm.graphql": TotpConfirm;
    "operations/factor_remove.graphql": FactorRemove;
    "operations/recovery_codes_create.graphql": RecoveryCodesCreate;
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

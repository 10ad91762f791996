//! SUMMARY    The pages: each asks its operations and fills its template.
//! INVARIANTS What a page shows is what the API answered; nothing is remembered between two requests.

pub(crate) mod access;
pub(crate) mod addresses;
pub(crate) mod announcement;
pub(crate) mod authenticator;
pub(crate) mod billing;
pub(crate) mod branding;
pub(crate) mod bulk;
pub(crate) mod domain;
pub(crate) mod domain_list;
pub(crate) mod export;
pub(crate) mod home;
pub(crate) mod identity;
pub(crate) mod import;
pub(crate) mod landing;
pub(crate) mod mailbox;
pub(crate) mod mailbox_end;
pub(crate) mod mailbox_list;
pub(crate) mod mailbox_new;
pub(crate) mod offer;
pub(crate) mod organisation;
pub(crate) mod own;
pub(crate) mod passkey;
pub(crate) mod password;
pub(crate) mod privacy;
pub(crate) mod recover;
pub(crate) mod recovery_codes;
pub(crate) mod security;
pub(crate) mod sell;
pub(crate) mod set_up;
pub(crate) mod sign_in;
pub(crate) mod signup;
pub(crate) mod tenant_names;
pub(crate) mod trace;
pub(crate) mod trouble;
pub(crate) mod user;

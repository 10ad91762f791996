//! SUMMARY    People, memberships, roles, invitations, tokens and sessions in the schema.
//! SECURITY   Secrets come out once, from the mutation that made them.

pub(crate) mod object;
pub(crate) mod oidc;
pub(crate) mod viewer;
pub(crate) mod visitor;

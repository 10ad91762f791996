//! SUMMARY    The control plane without its API: a real SQLite file, a recording data plane.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod allocation;
mod alternate;
mod audit;
mod authenticator;
mod bulk;
mod capability;
mod catch_all;
mod claim;
mod console;
mod delegate;
mod delete;
mod desk;
mod factor;
mod gone;
mod group;
mod hold;
mod import;
mod job;
mod local_part;
mod mailbox;
mod masked;
mod outbox;
mod ownership;
mod page;
mod people;
mod persons_mail;
mod raw;
mod reach;
mod rename;
mod resend;
mod send_as;
mod session;
mod signup;
mod signup_guard;
mod stolen;
mod support;
mod tenant_create;
mod terms;
mod token;
mod usage;
mod verify;
mod webhook;
mod zone;

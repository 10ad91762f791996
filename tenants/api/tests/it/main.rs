//! SUMMARY    The API as a hosting company uses it, over the router, on a real SQLite file and a recording data plane.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod authorisation;
mod brand;
mod bulk;
mod cost;
mod desk_work;
mod door;
mod export;
mod hold;
mod idp;
mod isolation;
mod lookup;
mod mailbox_list;
mod migration;
mod oidc;
mod page;
mod papers;
mod people;
mod plane;
mod provision;
mod queue;
mod recipes;
mod recovery;
mod sale;
mod scim;
mod shape;
mod signup;
mod statements;
mod streams;
mod terms;
mod terms_of_people;
mod terms_of_sale;
mod variables;

#[test]
fn the_committed_schema_is_the_one_that_is_served() {
    let committed = include_str!("../../schema.graphql");
    assert!(committed == api::sdl(), "run: cargo run -p api --example schema > tenants/api/schema.graphql");
}

//! SUMMARY    The adapter against a Stripe of our own, over HTTP.

mod buy;
mod catalog;
mod failure;
mod life;
mod money;
mod webhook;
mod world;

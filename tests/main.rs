//! The tests of the deployer from outside, in one executable: each would link every SDK again.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod cli;
mod deployed_releases;
mod dev;
mod documented;
mod features;
mod killed;
mod local_stage;
mod plan;
mod provisioning;
mod seed;
mod site_release;
mod support;
mod templates;
mod walls;

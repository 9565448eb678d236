//! Helpers of the tests: a local stage, a browser, and servers that stand in for AWS.

pub(crate) mod browser;
pub(crate) mod fake_account;
pub(crate) mod fake_aws;
pub(crate) mod fake_storage;
pub(crate) mod loopback;
pub(crate) mod proxy;
pub(crate) mod stage;
pub(crate) mod visitor;

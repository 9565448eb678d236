//! A client that is made at its first use: to make one costs a tenth of a millisecond, and no verb needs all of them.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;

/// A client of a service, or what it takes to make one.
#[derive(Clone)]
pub struct Lazy<C> {
    config: Arc<SdkConfig>,
    make: fn(&SdkConfig) -> C,
    made: OnceLock<C>,
}

impl<C> Lazy<C> {
    pub(super) fn new(config: &Arc<SdkConfig>, make: fn(&SdkConfig) -> C) -> Self {
        Self {
            config: Arc::clone(config),
            make,
            made: OnceLock::new(),
        }
    }
}

impl<C> Deref for Lazy<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.made.get_or_init(|| (self.make)(&self.config))
    }
}

impl<C: fmt::Debug> fmt::Debug for Lazy<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.made.fmt(formatter)
    }
}

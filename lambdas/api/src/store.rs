//! Where factories are kept, in the domain's verbs.

use std::future::Future;

use domain::{Factory, FactoryId, NewFactory};

pub mod dynamo;
pub mod memory;

/// The most factories of one page.
pub const PAGE: usize = 1_000;

/// Keeps factories. Every write is refused when the factory is not at the revision it was made for.
pub trait FactoryStore: Send + Sync + 'static {
    /// Asks the store for something cheap.
    ///
    /// # Errors
    /// Returns why it does not answer.
    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns up to [`PAGE`] factories in the order of their ids, from the one after `after`.
    ///
    /// # Errors
    /// Returns why the store does not answer.
    fn list(
        &self,
        after: Option<FactoryId>,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Returns a factory, or `None` if it is not there or was removed.
    ///
    /// # Errors
    /// Returns why the store does not answer.
    fn find(
        &self,
        id: FactoryId,
    ) -> impl Future<Output = Result<Option<Factory>, StoreError>> + Send;

    /// Keeps the first revision of a factory, with the request that it came from.
    ///
    /// # Errors
    /// Returns why the store does not answer.
    fn create(
        &self,
        new: &NewFactory,
        factory: &Factory,
    ) -> impl Future<Output = Result<Creation, StoreError>> + Send;

    /// Replaces the revision before `next` by `next`.
    ///
    /// # Errors
    /// Returns why the store does not answer.
    fn update(&self, next: &Factory) -> impl Future<Output = Result<Write, StoreError>> + Send;

    /// Removes the factory at `revision`, and keeps it for undo until `expires` (seconds since 1970).
    ///
    /// # Errors
    /// Returns why the store does not answer.
    fn remove(
        &self,
        id: FactoryId,
        revision: u64,
        expires: u64,
    ) -> impl Future<Output = Result<Write, StoreError>> + Send;

    /// Undoes a removal that has not expired at `now` (seconds since 1970), and returns the factory.
    /// Returns one that is there as it is, and `None` if there is nothing to restore.
    ///
    /// # Errors
    /// Returns why the store does not answer.
    fn restore(
        &self,
        id: FactoryId,
        now: u64,
    ) -> impl Future<Output = Result<Option<Factory>, StoreError>> + Send;
}

/// Some factories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of their ids.
    pub factories: Vec<Factory>,
    /// The id that the next page comes after, or `None` if this is the last page.
    pub last: Option<FactoryId>,
}

/// The outcome of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The factory is there now.
    Created,
    /// The same request had created it before; so it stands now.
    Repeated(Factory),
    /// Another request created a factory with this id.
    Taken,
    /// A factory with this id was created and removed.
    Removed,
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// It stands.
    Done,
    /// The factory is at another revision; so it stands now.
    Stale(Factory),
    /// The factory is not there.
    Gone,
}

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out or out of reach: trying again helps.
    #[error("the store is unavailable")]
    Unavailable(#[source] anyhow::Error),
    /// Anything else: trying again does not help.
    #[error("the store failed")]
    Broken(#[source] anyhow::Error),
}

//! The store of the factories, as a trait with the domain's verbs.

use std::future::Future;

use domain::{Factory, FactoryId, NewFactory, UserName};

pub mod dynamo;
pub mod memory;

/// The most factories of one page.
pub const PAGE: usize = 1_000;

/// Stores factories. It refuses every write that was made for another revision than the current one.
pub trait FactoryStore: Send + Sync + 'static {
    /// Checks with a cheap read that the store responds.
    ///
    /// # Errors
    /// Returns why the store does not respond.
    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns up to [`PAGE`] factories in the order of their ids, from the one after `after`.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn list(
        &self,
        after: Option<FactoryId>,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Returns a factory, or `None` if it does not exist or was removed.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn find(
        &self,
        id: FactoryId,
    ) -> impl Future<Output = Result<Option<Factory>, StoreError>> + Send;

    /// Returns the number of factories that are not removed. Writes of the last second may be missing.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn count(&self) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Stores the first revision of a factory together with its creation request.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn create(
        &self,
        new: &NewFactory,
        factory: &Factory,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send;

    /// Replaces the revision before `next` by `next`.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn update(
        &self,
        next: &Factory,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Replaces the revision before `next` by `next`, and keeps the numbers that it replaces for an undo.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn update_numbers(
        &self,
        next: &Factory,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Returns the numbers that the last draw of a factory replaced, or `None` if there is no such factory or it has drawn
    /// only once.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn find_replaced(
        &self,
        id: FactoryId,
    ) -> impl Future<Output = Result<Option<Vec<i64>>, StoreError>> + Send;

    /// Removes a factory, and keeps its data for an undo.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn remove(
        &self,
        removal: &Removal,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Undoes a removal that has not expired at `now` (seconds since 1970), as a write of `by`, and returns the factory.
    /// Returns a factory that is not removed unchanged, and `None` if there is nothing to restore.
    ///
    /// # Errors
    /// Returns why the store failed.
    fn restore(
        &self,
        id: FactoryId,
        now: u64,
        by: Option<UserName>,
    ) -> impl Future<Output = Result<Option<Factory>, StoreError>> + Send;
}

/// The removal of a factory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The factory.
    pub id: FactoryId,
    /// The revision that is removed.
    pub revision: u64,
    /// The time until which it can be undone, in seconds since 1970.
    pub expires: u64,
    /// The user that removes it; `None` if nobody is signed in.
    pub by: Option<UserName>,
}

/// One page of the list of factories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The factories in the order of their ids.
    pub factories: Vec<Factory>,
    /// The id that the next page comes after, or `None` if this is the last page.
    pub last: Option<FactoryId>,
}

/// The outcome of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The factory was created.
    Created,
    /// The same request has created the factory before; this is its current state.
    Repeated(Factory),
    /// Another request created a factory with this id.
    Taken,
    /// A factory with this id was created and removed.
    Removed,
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The write succeeded.
    Done,
    /// The same write succeeded before.
    Repeated,
    /// The factory is at another revision; this is its current state.
    Stale(Factory),
    /// The factory does not exist or was removed.
    Gone,
}

/// The reason why a request to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out or out of reach: a retry can help.
    #[error("the store is unavailable")]
    Unavailable(#[source] anyhow::Error),
    /// Any other error: a retry does not help.
    #[error("the store failed")]
    Broken(#[source] anyhow::Error),
}

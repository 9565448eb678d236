//! Stores factories in this process, for tests and for running the API without a table.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::factory::CreationRequest;
use domain::{Factory, FactoryId, NewFactory, UserName};

use super::{CreateOutcome, FactoryStore, PAGE, Page, Removal, StoreError, WriteOutcome};

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<BTreeMap<FactoryId, StoredFactory>>,
}

#[derive(Debug)]
struct StoredFactory {
    factory: Factory,
    request: CreationRequest,
    /// The numbers that the last draw replaced.
    replaced: Option<Vec<i64>>,
    /// The time from which a removed factory can no longer be restored; `None` if it is not removed.
    expires: Option<u64>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<FactoryId, StoredFactory>> {
        // A panic cannot leave a write half done, so a poisoned lock is still usable.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `write` with the factory if it exists at `revision`.
    fn write_at(
        &self,
        id: FactoryId,
        revision: u64,
        write: impl FnOnce(&mut StoredFactory),
    ) -> WriteOutcome {
        let mut kept = self.lock();
        match kept.get_mut(&id) {
            None => WriteOutcome::Gone,
            Some(kept) if kept.expires.is_some() => WriteOutcome::Gone,
            Some(kept) if kept.factory.revision != revision => {
                WriteOutcome::Stale(kept.factory.clone())
            }
            Some(kept) => {
                write(kept);
                WriteOutcome::Done
            }
        }
    }
}

impl FactoryStore for MemoryStore {
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(&self, after: Option<FactoryId>) -> Result<Page, StoreError> {
        let kept = self.lock();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut present = kept
            .range((start, Bound::Unbounded))
            .filter(|(_, kept)| kept.expires.is_none())
            .map(|(_, kept)| kept.factory.clone());
        let factories: Vec<Factory> = present.by_ref().take(PAGE).collect();
        let more = present.next().is_some();
        let last = factories.last().filter(|_| more).map(|factory| factory.id);
        Ok(Page { factories, last })
    }

    async fn find(&self, id: FactoryId) -> Result<Option<Factory>, StoreError> {
        let kept = self.lock();
        let present = kept.get(&id).filter(|kept| kept.expires.is_none());
        Ok(present.map(|kept| kept.factory.clone()))
    }

    async fn count(&self) -> Result<usize, StoreError> {
        let kept = self.lock();
        Ok(kept.values().filter(|kept| kept.expires.is_none()).count())
    }

    async fn create(
        &self,
        new: &NewFactory,
        factory: &Factory,
    ) -> Result<CreateOutcome, StoreError> {
        let mut kept = self.lock();
        Ok(match kept.get(&new.id) {
            Some(existing) if existing.expires.is_some() => CreateOutcome::Removed,
            Some(existing) if existing.request == new.request() => {
                CreateOutcome::Repeated(existing.factory.clone())
            }
            Some(_) => CreateOutcome::Taken,
            None => {
                let created = StoredFactory {
                    factory: factory.clone(),
                    request: new.request(),
                    replaced: None,
                    expires: None,
                };
                kept.insert(new.id, created);
                CreateOutcome::Created
            }
        })
    }

    async fn update(&self, next: &Factory) -> Result<WriteOutcome, StoreError> {
        Ok(self.write_at(next.id, next.revision - 1, |kept| {
            kept.factory = next.clone()
        }))
    }

    async fn update_numbers(&self, next: &Factory) -> Result<WriteOutcome, StoreError> {
        Ok(self.write_at(next.id, next.revision - 1, |kept| {
            kept.replaced = Some(kept.factory.numbers().to_vec());
            kept.factory = next.clone();
        }))
    }

    async fn find_replaced(&self, id: FactoryId) -> Result<Option<Vec<i64>>, StoreError> {
        let kept = self.lock();
        let present = kept.get(&id).filter(|kept| kept.expires.is_none());
        Ok(present.and_then(|kept| kept.replaced.clone()))
    }

    async fn remove(&self, removal: &Removal) -> Result<WriteOutcome, StoreError> {
        let (id, revision) = (removal.id, removal.revision);
        let write = self.write_at(id, revision, |kept| {
            kept.factory.revision += 1;
            kept.factory.changed_by = removal.by.clone();
            kept.expires = Some(removal.expires);
        });
        let removed = self.lock().get(&id).map(|kept| kept.factory.revision);
        Ok(match write {
            WriteOutcome::Gone if removed == revision.checked_add(1) => WriteOutcome::Repeated,
            other => other,
        })
    }

    async fn restore(
        &self,
        id: FactoryId,
        now: u64,
        by: Option<UserName>,
    ) -> Result<Option<Factory>, StoreError> {
        let mut kept = self.lock();
        Ok(match kept.get_mut(&id) {
            None => None,
            Some(kept) => match kept.expires {
                None => Some(kept.factory.clone()),
                Some(expires) if expires <= now => None,
                Some(_) => {
                    kept.factory.revision += 1;
                    kept.factory.changed_by = by;
                    kept.expires = None;
                    Some(kept.factory.clone())
                }
            },
        })
    }
}

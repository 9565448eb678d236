//! The table with its stream: conditional writes, and reads by pages between which others write.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use anyhow::{Result, ensure};
use domain::factory::UNDO_SECONDS;
use domain::heartbeat::HeartbeatItem;
use domain::item::FactoryItem;
use domain::{Bounds, Count, Edit, Factory, FactoryChange, FactoryId, Name, NewFactory};
use websocket::hub::TableContent;
use websocket::table::ReadTable;

/// A table that all parts share.
#[derive(Clone, Debug, Default)]
pub struct Table(Arc<Mutex<TableState>>);

/// The content of the table.
#[derive(Debug, Default)]
pub struct TableState {
    /// The items by the number of their factory.
    pub items: BTreeMap<u8, FactoryItem>,
    /// The records of the stream that were not handed over yet, each with the time of its write in seconds.
    pub stream: Vec<(u64, StreamImage)>,
    /// The numbers whose items an operator has deleted: nobody makes their ids again.
    pub deleted: BTreeSet<u8>,
    /// Whether the next page cannot be read.
    pub fails: bool,
}

/// The new image of a record of the stream.
#[derive(Clone, Debug)]
pub enum StreamImage {
    /// The item of a factory.
    Factory(Box<FactoryItem>),
    /// The heartbeat.
    Heartbeat(HeartbeatItem),
}

/// Returns the id of a factory.
pub fn id_of(number: u8) -> FactoryId {
    FactoryId::from_random(number.into())
}

impl Table {
    /// Returns the content.
    pub fn lock(&self) -> MutexGuard<'_, TableState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the items whose numbers are in one half to the content.
    fn read_half(&self, upper: bool, content: &mut TableContent) -> Result<()> {
        let mut state = self.lock();
        ensure!(
            !std::mem::take(&mut state.fails),
            "the table does not answer"
        );
        for (number, item) in &state.items {
            if (*number >= 3) == upper {
                content.changes.push(item.clone().into_change()?);
            }
        }
        Ok(())
    }
}

impl ReadTable for Table {
    async fn read(&self) -> Result<TableContent> {
        let mut content = TableContent::default();
        Turn::default().await;
        self.read_half(false, &mut content)?;
        Turn::default().await;
        self.read_half(true, &mut content)?;
        Turn::default().await;
        Ok(content)
    }
}

/// Waits until it is asked a second time.
#[derive(Debug, Default)]
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl TableState {
    /// Returns the factories that are not removed.
    pub fn factories(&self) -> Vec<Factory> {
        let changes = self
            .items
            .values()
            .filter_map(|item| item.clone().into_change().ok());
        let present = changes.filter_map(|change| match change {
            FactoryChange::Changed { factory } => Some(factory),
            FactoryChange::Removed { .. } => None,
        });
        present.collect()
    }

    /// Returns a factory that is not removed.
    pub fn find(&self, number: u8) -> Option<Factory> {
        let item = self.items.get(&number).filter(|item| !item.deleted)?;
        item.clone().into_factory().ok()
    }

    /// Creates the factory, or edits it. A removed one is left alone.
    pub fn write(&mut self, number: u8, now: u64) {
        let next = match self.items.get(&number) {
            None if self.deleted.contains(&number) => return,
            None => created(number, now),
            Some(item) if item.deleted => return,
            Some(item) => edited(item),
        };
        if let Some(next) = next {
            self.put(number, FactoryItem::from_factory(&next, None), now);
        }
    }

    /// Edits the factory under the condition that it is at the revision that the writer has seen.
    pub fn write_at(&mut self, number: u8, seen: u64, now: u64) {
        if self
            .find(number)
            .is_some_and(|factory| factory.revision == seen)
        {
            self.write(number, now);
        }
    }

    /// Removes the factory.
    pub fn remove(&mut self, number: u8, now: u64) {
        let Some(item) = self.items.get(&number).filter(|item| !item.deleted) else {
            return;
        };
        let removed = FactoryItem {
            deleted: true,
            revision: item.revision + 1,
            expires: Some(now + UNDO_SECONDS),
            ..item.clone()
        };
        self.put(number, removed, now);
    }

    /// Undoes a removal that has not expired.
    pub fn restore(&mut self, number: u8, now: u64) {
        let is_meant = |item: &&FactoryItem| item.expires.is_some_and(|expires| expires > now);
        let Some(item) = self.items.get(&number).filter(is_meant) else {
            return;
        };
        let restored = FactoryItem {
            deleted: false,
            revision: item.revision + 1,
            expires: None,
            ..item.clone()
        };
        self.put(number, restored, now);
    }

    /// Deletes the items that have expired. The publisher gets no record of it.
    pub fn expire(&mut self, now: u64) {
        let is_kept = |item: &FactoryItem| item.expires.is_none_or(|expires| expires > now);
        self.items.retain(|_, item| is_kept(item));
    }

    /// An operator deletes an item. Nobody is told: the publisher ignores the record of it.
    pub fn delete(&mut self, number: u8) {
        let is_about = |image: &StreamImage| match image {
            StreamImage::Factory(item) => item.sk == id_of(number),
            StreamImage::Heartbeat(_) => false,
        };
        let is_under_way = self.stream.iter().any(|(_, image)| is_about(image));
        if !is_under_way && self.items.remove(&number).is_some() {
            self.deleted.insert(number);
        }
    }

    /// Writes the heartbeat of a server.
    pub fn beat(&mut self, server: &str, now: u64) {
        let heartbeat = HeartbeatItem::new(server, now);
        self.stream.push((now, StreamImage::Heartbeat(heartbeat)));
    }

    fn put(&mut self, number: u8, item: FactoryItem, now: u64) {
        let image = StreamImage::Factory(Box::new(item.clone()));
        self.stream.push((now, image));
        self.items.insert(number, item);
    }
}

fn created(number: u8, now: u64) -> Option<Factory> {
    let new = NewFactory {
        id: id_of(number),
        name: "new".parse().ok()?,
        bounds: Bounds::new(0, 9).ok()?,
        count: Count::new(1).ok()?,
    };
    new.first_revision(vec![4], now).ok()
}

fn edited(item: &FactoryItem) -> Option<Factory> {
    let name: Option<Name> = format!("edit {}", item.revision).parse().ok();
    let edit = Edit {
        name,
        ..Edit::default()
    };
    item.clone().into_factory().ok()?.edited(&edit).ok()
}

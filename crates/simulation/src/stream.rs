//! The event source mapping: it calls the real publisher with the records of the stream, and goes on where that failed.

use std::sync::Mutex;

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use publisher::batch::TopicMessage;
use publisher::handler::{BatchResponse, publish_changes};
use publisher::publish::Publish;

use crate::now::now_or_never;
use crate::step::PublishFault;
use crate::table::{StreamImage, TableState};

/// The most calls for one record, after which it becomes a dead letter.
const ATTEMPTS: u8 = 3;

/// The mapping of one stream.
#[derive(Debug, Default)]
pub struct Mapping {
    /// The calls so far for the first record.
    attempts: u8,
    /// The number of dead letters.
    pub dead: usize,
}

impl Mapping {
    /// Calls the publisher with up to `records` records, and returns the messages that the topic took.
    pub fn call(
        &mut self,
        table: &mut TableState,
        records: u8,
        fault: PublishFault,
    ) -> Vec<String> {
        let taken = usize::from(records).min(table.stream.len());
        if taken == 0 {
            return Vec::new();
        }
        let batch = table.stream[..taken].iter().enumerate();
        let records = batch.map(|(place, (_, image))| record(place, image));
        let mut event = Event::default();
        event.records = records.collect();
        let topic = FaultyTopic::new(fault);
        let response = now_or_never(publish_changes(&topic, "build", event)).unwrap_or_default();
        let done = match fault {
            PublishFault::LostResult => 0,
            _ => first_failure(&response).unwrap_or(taken),
        };
        table.stream.drain(..done);
        self.count(table, done, taken);
        topic.into_messages()
    }

    /// Counts the attempts of the first record that is left, and gives it up after the last one.
    fn count(&mut self, table: &mut TableState, done: usize, taken: usize) {
        let before = if done == 0 { self.attempts } else { 0 };
        self.attempts = if done < taken { before + 1 } else { 0 };
        if self.attempts == ATTEMPTS {
            table.stream.remove(0);
            self.attempts = 0;
            self.dead += 1;
        }
    }
}

fn first_failure(response: &BatchResponse) -> Option<usize> {
    let failures = response.batch_item_failures.iter();
    let places = failures.filter_map(|failure| failure.item_identifier.parse().ok());
    places.min()
}

fn record(place: usize, image: &StreamImage) -> EventRecord {
    let mut record = EventRecord::default();
    "MODIFY".clone_into(&mut record.event_name);
    record.change.sequence_number = Some(place.to_string());
    // Every item can be written.
    record.change.new_image = match image {
        StreamImage::Factory(item) => serde_dynamo::to_item(item),
        StreamImage::Heartbeat(item) => serde_dynamo::to_item(item),
    }
    .unwrap_or_default();
    record
}

/// The topic, with a fault.
#[derive(Debug)]
struct FaultyTopic {
    fault: PublishFault,
    taken: Mutex<Vec<String>>,
}

impl FaultyTopic {
    fn new(fault: PublishFault) -> Self {
        Self {
            fault,
            taken: Mutex::default(),
        }
    }

    fn into_messages(self) -> Vec<String> {
        self.taken.into_inner().unwrap_or_default()
    }

    fn takes(&self, place: usize) -> bool {
        match self.fault {
            PublishFault::None | PublishFault::LostResult => true,
            PublishFault::All => false,
            PublishFault::One(refused) => place != usize::from(refused) - 2,
        }
    }
}

impl Publish for FaultyTopic {
    async fn publish<'a>(&self, messages: &'a [TopicMessage]) -> Vec<&'a TopicMessage> {
        let (taken, refused): (Vec<_>, Vec<_>) = messages
            .iter()
            .enumerate()
            .partition(|(place, _)| self.takes(*place));
        if let Ok(mut kept) = self.taken.lock() {
            kept.extend(taken.into_iter().map(|(_, message)| message.text.clone()));
        }
        refused.into_iter().map(|(_, message)| message).collect()
    }
}

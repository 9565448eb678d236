//! A page: the way of `site/src/api/socket.ts` from one connection to the next, and what the page shows.

use std::collections::{BTreeMap, HashMap, VecDeque};

use domain::message::LiveMessage;
use domain::{Factory, FactoryId};
use serde::Serialize;
use websocket::hub::{Backlog, Resume};

use crate::known::{Change, KnownFactories, Receipt, TreeMessage};
use crate::server::Server;

/// The server's answer to a page that asks for a sign of life.
const PONG: &str = r#"{"type":"pong"}"#;

/// The messages under way from which a server's write waits.
const PIPE: usize = 8;

/// One thing that a page was given, and its effect.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The thing that the page was given.
    pub given: Given,
    /// The changes, by id.
    pub changes: Vec<Change>,
    /// The factories that only the API can tell about, by id.
    pub doubtful: Vec<FactoryId>,
}

/// One thing that a page was given.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Given {
    /// A message of the live channel, or a list.
    Message(TreeMessage),
    /// A factory, by the API.
    Factory(Factory),
    /// A removal, by the API.
    Removal(FactoryId, u64),
}

/// One connection, with both of its ends.
#[derive(Debug)]
struct Connection {
    /// The place of the server, and the name of its run.
    server: (usize, String),
    /// The position up to which the server has written.
    position: u64,
    /// The messages under way.
    pipe: VecDeque<String>,
    /// Whether the page has asked for a sign of life.
    is_asked: bool,
    /// The newest revision of each factory in the messages that the page has read.
    read: HashMap<FactoryId, u64>,
}

/// A tree that is not complete yet.
#[derive(Debug, Default)]
struct ArrivingTree {
    factories: BTreeMap<FactoryId, Factory>,
    position: Option<u64>,
}

/// A page of the simulation.
#[derive(Debug, Default)]
pub struct Page {
    known: KnownFactories,
    connection: Option<Connection>,
    resume: Option<Resume>,
    arriving: Option<ArrivingTree>,
    /// The factories that only the API can tell about.
    pub doubtful: Vec<FactoryId>,
    /// The least revision at which each factory may be shown.
    floors: HashMap<FactoryId, u64>,
    /// The number of messages that newer ones replaced on the way to this page.
    pub coalesced: usize,
    /// How often a server ended the connection because the page was too far behind.
    pub left_behind: usize,
    /// Everything that the page was given, if it is recorded.
    pub events: Option<Vec<Event>>,
}

impl Page {
    /// Returns the factories that the page shows.
    pub fn factories(&self) -> Vec<Factory> {
        self.known.factories().cloned().collect()
    }

    /// Returns a factory that the page shows.
    pub fn find(&self, id: FactoryId) -> Option<&Factory> {
        self.known.find(id)
    }

    /// Returns the place of the server to which the page is connected.
    pub fn server(&self) -> Option<usize> {
        self.connection
            .as_ref()
            .map(|connection| connection.server.0)
    }

    /// Connects to a server; the page names its position, which the server may know.
    ///
    /// # Errors
    /// Returns the rule that the server breaks.
    pub fn connect(&mut self, place: usize, server: &Server) -> Result<(), String> {
        self.cut();
        let initial = server.hub.initial_messages(self.resume.as_ref());
        server.check(&initial)?;
        let position = initial.position;
        let texts = initial.texts();
        let pipe = texts.iter().map(|text| text.as_str().to_owned());
        self.connection = Some(Connection {
            server: (place, server.name.clone()),
            position,
            pipe: pipe.collect(),
            is_asked: false,
            read: HashMap::new(),
        });
        self.serve(server)
    }

    /// The connection breaks.
    pub fn cut(&mut self) {
        self.connection = None;
        self.arriving = None;
    }

    /// The server writes what fits.
    ///
    /// # Errors
    /// Returns the rule that the server breaks.
    pub fn serve(&mut self, server: &Server) -> Result<(), String> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        if connection.server.1 != server.name {
            self.cut();
            return Ok(());
        }
        while connection.pipe.len() < PIPE {
            match server.hub.backlog_after(connection.position) {
                Backlog::Next { texts, .. } if texts.is_empty() => {
                    if std::mem::take(&mut connection.is_asked) {
                        connection.pipe.push_back(PONG.to_owned());
                    }
                    return Ok(());
                }
                Backlog::Next {
                    texts,
                    position,
                    coalesced,
                } => {
                    self.coalesced += coalesced;
                    let texts = texts.iter().map(|text| text.as_str().to_owned());
                    connection.pipe.extend(texts);
                    connection.position = position;
                }
                Backlog::TooFarBehind => {
                    self.left_behind += 1;
                    self.cut();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The page reads up to `count` messages. Returns whether it read any.
    ///
    /// # Errors
    /// Returns the rule that is broken.
    pub fn receive(&mut self, count: u8) -> Result<bool, String> {
        for read in 0..count {
            let next = self
                .connection
                .as_mut()
                .and_then(|connection| connection.pipe.pop_front());
            let Some(text) = next else {
                return Ok(read > 0);
            };
            self.read(&text)?;
        }
        Ok(true)
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        if text == PONG {
            return self.complete();
        }
        match serde_json::from_str(text).map_err(|error| error.to_string())? {
            LiveMessage::Hello { server, .. } => {
                if self
                    .resume
                    .as_ref()
                    .is_some_and(|resume| resume.server != server)
                {
                    self.resume = None;
                }
                Ok(())
            }
            LiveMessage::Snapshot {
                factories,
                last,
                position,
            } => {
                self.collect(factories, last.then_some(position));
                Ok(())
            }
            LiveMessage::Changed { factory, position } => {
                self.note_read(factory.id, factory.revision)?;
                self.change(TreeMessage::Changed { factory })?;
                self.advance(position)
            }
            LiveMessage::Removed {
                id,
                revision,
                position,
            } => {
                self.note_read(id, revision)?;
                self.change(TreeMessage::Removed { id, revision })?;
                self.advance(position)
            }
        }
    }

    /// Notes what a connection told; it tells nothing twice, and nothing older than it told before.
    fn note_read(&mut self, id: FactoryId, revision: u64) -> Result<(), String> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        match connection.read.insert(id, revision) {
            Some(before) if before >= revision => {
                Err(format!("{id} told at {revision} after {before}"))
            }
            _ => Ok(()),
        }
    }

    fn collect(&mut self, factories: Vec<Factory>, last: Option<u64>) {
        let arriving = self.arriving.get_or_insert_default();
        for factory in factories {
            if let Some(connection) = &mut self.connection {
                connection.read.insert(factory.id, factory.revision);
            }
            arriving.factories.insert(factory.id, factory);
        }
        if last.is_some() {
            arriving.position = last;
            if let Some(connection) = &mut self.connection {
                connection.is_asked = true;
            }
        }
    }

    fn complete(&mut self) -> Result<(), String> {
        let Some(ArrivingTree {
            factories,
            position: Some(position),
        }) = self.arriving.take()
        else {
            return Ok(());
        };
        self.resume = self.connection.as_ref().map(|connection| Resume {
            server: connection.server.1.clone(),
            position,
        });
        let factories = factories.into_values().collect();
        self.give(TreeMessage::Snapshot { factories })
    }

    fn change(&mut self, message: TreeMessage) -> Result<(), String> {
        let Some(arriving) = &mut self.arriving else {
            return self.give(message);
        };
        match message {
            TreeMessage::Changed { factory } => {
                arriving.factories.insert(factory.id, factory);
            }
            TreeMessage::Removed { id, .. } => {
                arriving.factories.remove(&id);
            }
            TreeMessage::Snapshot { .. } => {}
        }
        Ok(())
    }

    fn advance(&mut self, position: u64) -> Result<(), String> {
        if let Some(arriving) = &mut self.arriving {
            arriving.position = arriving.position.map(|_| position);
        } else if let Some(resume) = &mut self.resume {
            if position <= resume.position {
                return Err(format!("position {position} after {}", resume.position));
            }
            resume.position = position;
        }
        Ok(())
    }

    /// Applies a message of the channel, or a list.
    ///
    /// # Errors
    /// Returns the rule that the page breaks.
    pub fn give(&mut self, message: TreeMessage) -> Result<(), String> {
        let receipt = self.known.receive(&message);
        if let TreeMessage::Removed { id, revision } = message {
            self.raise_floor(id, revision + 1);
        }
        self.doubtful.extend(&receipt.doubtful);
        self.note(Given::Message(message), receipt)
    }

    /// Applies the API's answer about a factory that the page knows or has asked about.
    ///
    /// # Errors
    /// Returns the rule that the page breaks.
    pub fn learn(&mut self, id: FactoryId, found: Option<Factory>) -> Result<(), String> {
        self.doubtful.retain(|doubtful| *doubtful != id);
        if let Some(factory) = found {
            let change = self.known.learn(&factory);
            return self.note(Given::Factory(factory), Receipt::from(change));
        }
        let Some(revision) = self.find(id).map(|factory| factory.revision + 1) else {
            return Ok(());
        };
        let change = self.known.learn_removal(id, revision);
        self.raise_floor(id, revision + 1);
        self.note(Given::Removal(id, revision), Receipt::from(change))
    }

    fn raise_floor(&mut self, id: FactoryId, floor: u64) {
        let known = self.floors.entry(id).or_default();
        *known = floor.max(*known);
    }

    fn note(&mut self, given: Given, receipt: Receipt) -> Result<(), String> {
        for Change(id, _, after) in &receipt.changes {
            let floor = self.floors.get(id).copied().unwrap_or_default();
            let Some(after) = *after else { continue };
            if after < floor {
                return Err(format!("a page shows {id} at {after} again, after {floor}"));
            }
            self.raise_floor(*id, after);
        }
        if let Some(events) = &mut self.events {
            let Receipt { changes, doubtful } = receipt;
            events.push(Event {
                given,
                changes,
                doubtful,
            });
        }
        Ok(())
    }
}

impl From<Option<Change>> for Receipt {
    fn from(change: Option<Change>) -> Self {
        Self {
            changes: change.into_iter().collect(),
            doubtful: Vec::new(),
        }
    }
}

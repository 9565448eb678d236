//! Everything that takes part, the effect of each step, and the rules.

use std::time::{Duration, Instant};

use domain::FactoryId;

use crate::known::TreeMessage;
use crate::page::{Event, Page};
use crate::server::{LIMITS, Server};
use crate::step::{PAGES, Pause, PublishFault, SERVERS, Step};
use crate::stream::Mapping;
use crate::table::{Table, id_of};

/// The edits of [`Step::WriteOften`]: more than a connection gets one by one; two such steps exceed the history.
const MANY: usize = LIMITS.coalesce_above + 6;

/// The time for which the stream keeps a record, in seconds (`MaximumRecordAgeInSeconds` in `templates/api.yaml`).
const RECORD_AGE: u64 = 3_600;

/// The most connections of a page until it has read everything, though nothing changes any more.
const CONNECTIONS: usize = 4;

/// How often a schedule came to what is rare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The messages that newer ones replaced on the way to a slow page.
    pub coalesced: usize,
    /// The connections that a server ended because the page was too far behind.
    pub left_behind: usize,
    /// The items that were deleted without a removal.
    pub deleted: usize,
    /// The comparisons of servers and table before the last read of the table.
    pub compared_without_upkeep: usize,
}

/// Everything that takes part.
#[derive(Debug)]
pub struct World {
    table: Table,
    mapping: Mapping,
    servers: [Server; SERVERS],
    runs: usize,
    pages: [Page; PAGES],
    /// The revision that the last writer of each factory saw.
    seen: [u64; 8],
    start: Instant,
    /// The seconds since the start.
    now: u64,
    /// The seconds by which each server's clock is ahead.
    ahead: [u64; SERVERS],
    compared_without_upkeep: usize,
}

/// Runs a schedule and lets everything settle.
///
/// # Errors
/// Returns the first rule that is broken.
pub fn run(steps: &[Step]) -> Result<Reached, String> {
    let mut world = World::new();
    world.run(steps)?;
    Ok(world.reached())
}

/// Runs a schedule that breaks no rule, and returns what each page was given.
///
/// # Errors
/// Returns the first rule that is broken.
pub fn recorded(steps: &[Step]) -> Result<Vec<Vec<Event>>, String> {
    let mut world = World::new();
    for page in &mut world.pages {
        page.events = Some(Vec::new());
    }
    world.run(steps)?;
    let pages = world.pages.iter_mut();
    Ok(pages.filter_map(|page| page.events.take()).collect())
}

impl World {
    /// Returns a world whose servers have loaded the empty table, and whose pages are connected.
    fn new() -> Self {
        let (table, start) = (Table::default(), Instant::now());
        let server = |place: usize| Server::start(format!("i-{place}"), &table, start);
        let mut world = Self {
            servers: std::array::from_fn(server),
            mapping: Mapping::default(),
            table,
            runs: 0,
            pages: Default::default(),
            seen: [0; 8],
            start,
            now: 0,
            ahead: [0; SERVERS],
            compared_without_upkeep: 0,
        };
        for server in &mut world.servers {
            server.settle(start);
        }
        world
    }

    fn reached(&self) -> Reached {
        Reached {
            coalesced: self.pages.iter().map(|page| page.coalesced).sum(),
            left_behind: self.pages.iter().map(|page| page.left_behind).sum(),
            deleted: self.table.lock().deleted.len(),
            compared_without_upkeep: self.compared_without_upkeep,
        }
    }

    fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        for page in 0..PAGES {
            self.take(Step::Connect(page, page % SERVERS))?;
        }
        for step in steps {
            self.take(*step)?;
        }
        self.publish_all();
        if self.mapping.dead == 0 && !steps.iter().any(|step| step.loses_changes()) {
            self.compare_without_upkeep()?;
        }
        self.settle()
    }

    fn publish_all(&mut self) {
        while !self.table.lock().stream.is_empty() {
            self.publish(100, PublishFault::None);
        }
    }

    /// Compares the servers with the table when all messages have come, and before a read of the table mends anything.
    fn compare_without_upkeep(&mut self) -> Result<(), String> {
        for server in 0..SERVERS {
            let now = self.clock(server);
            self.servers[server].drain(now);
        }
        self.compared_without_upkeep += 1;
        let expected = self.table.lock().factories().len();
        self.compare_servers(expected)
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Write(_)
            | Step::WriteOften(_)
            | Step::Remove(_)
            | Step::Restore(_)
            | Step::WriteAgain(_)
            | Step::Expire => self.write(step),
            Step::Delete(number) => self.delete(number),
            Step::Publish(records, fault) => self.publish(records, fault),
            Step::Deliver(server, pick) => self.poll(server, pick, false),
            Step::DeliverTwice(server, pick) => self.poll(server, pick, true),
            Step::Lose(server, pick) => self.servers[server].lose(pick),
            Step::Beat(server) => self.beat(server),
            Step::FallBack(server) => {
                let now = self.clock(server);
                self.servers[server].fall_back(now);
            }
            Step::Upkeep(server) => self.servers[server].keep_up(),
            Step::Read(server) => self.read(server),
            Step::FailRead(server) => {
                self.table.lock().fails = true;
                self.read(server);
                self.table.lock().fails = false;
            }
            Step::Restart(server) => self.restart(server),
            Step::LoseQueue(server) => self.servers[server].queue = None,
            Step::Unsubscribe(server) => self.servers[server].is_subscribed = false,
            Step::Wait(pause) => self.wait(pause),
            Step::Freeze(server) => self.ahead[server] += Pause::Minute.seconds(),
            Step::Connect(..)
            | Step::Cut(_)
            | Step::Serve(_)
            | Step::Receive(..)
            | Step::Ask(..)
            | Step::Poll(_) => return self.take_of_page(step),
        }
        Ok(())
    }

    fn write(&mut self, step: Step) {
        let mut table = self.table.lock();
        match step {
            Step::Write(number) => {
                let seen = table.find(number).map(|factory| factory.revision);
                self.seen[usize::from(number)] = seen.unwrap_or_default();
                table.write(number, self.now);
            }
            Step::WriteOften(number) => {
                for _ in 0..MANY {
                    table.write(number, self.now);
                }
            }
            Step::Remove(number) => table.remove(number, self.now),
            Step::Restore(number) => table.restore(number, self.now),
            Step::WriteAgain(number) => {
                table.write_at(number, self.seen[usize::from(number)], self.now);
            }
            _ => table.expire(self.now),
        }
    }

    /// Deletes an item that every server has and of which nothing is under way: an operator deletes what is at rest.
    ///
    /// A page that has an item from the API alone, because its server lost the message, would keep it until its next
    /// snapshot: that server has nothing to remove.
    fn delete(&mut self, number: u8) {
        let id = id_of(number);
        let mut table = self.table.lock();
        let Some(revision) = table.find(number).map(|factory| factory.revision) else {
            return;
        };
        let is_at_rest = |server: &Server| !server.awaits(id) && server.knows(id, revision);
        if self.servers.iter().all(is_at_rest) {
            table.delete(number);
        }
    }

    fn publish(&mut self, records: u8, fault: PublishFault) {
        // A crowd of records is handed over at once, as a hundred are.
        let many = self.table.lock().stream.len() >= MANY;
        let records = if many { 100 } else { records };
        let messages = self.mapping.call(&mut self.table.lock(), records, fault);
        for message in messages {
            for server in &mut self.servers {
                server.enqueue(&message);
            }
        }
    }

    fn poll(&mut self, server: usize, pick: u8, again: bool) {
        let now = self.clock(server);
        let server = &mut self.servers[server];
        // A poll takes up to ten messages.
        let crowd = server.queue.as_ref().map_or(0, Vec::len);
        for _ in 0..(if crowd < MANY { 1 } else { 10 }) {
            server.poll(pick, again, now);
        }
    }

    fn beat(&mut self, server: usize) {
        let now = self.clock(server);
        if self.servers[server].beat(now) {
            self.table.lock().beat(&self.servers[server].name, self.now);
        }
    }

    fn read(&mut self, server: usize) {
        let now = self.clock(server);
        self.servers[server].read(now);
    }

    fn restart(&mut self, server: usize) {
        self.runs += 1;
        let name = format!("i-{server}-{}", self.runs);
        self.servers[server] = Server::start(name, &self.table, self.clock(server));
        for page in &mut self.pages {
            if page.server() == Some(server) {
                page.cut();
            }
        }
    }

    fn clock(&self, server: usize) -> Instant {
        self.start + Duration::from_secs(self.now + self.ahead[server])
    }

    fn wait(&mut self, pause: Pause) {
        self.now += pause.seconds();
        let oldest = self.now.saturating_sub(RECORD_AGE);
        self.table
            .lock()
            .stream
            .retain(|(written, _)| *written >= oldest);
        if pause.seconds() > 60 {
            let passed = Duration::from_secs(pause.seconds());
            for server in &mut self.servers {
                server.drop_all_under_way(passed);
            }
        }
        if pause == Pause::TwoDays {
            // A server that lives so long has done its upkeep.
            for server in 0..SERVERS {
                let now = self.clock(server);
                self.servers[server].settle(now);
            }
        }
    }

    fn take_of_page(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Connect(page, server) if self.servers[server].is_loaded() => {
                self.pages[page].connect(server, &self.servers[server])?;
            }
            Step::Cut(page) => self.pages[page].cut(),
            Step::Serve(page) => {
                if let Some(server) = self.pages[page].server() {
                    self.pages[page].serve(&self.servers[server])?;
                }
            }
            Step::Receive(page, count) => {
                self.pages[page].receive(count)?;
                self.settle_doubts(page)?;
            }
            Step::Ask(page, number) => self.ask(page, number)?,
            Step::Poll(page) if self.pages[page].server().is_none() => {
                let factories = self.table.lock().factories();
                self.pages[page].give(TreeMessage::Snapshot { factories })?;
                self.settle_doubts(page)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn ask(&mut self, page: usize, number: u8) -> Result<(), String> {
        let found = self.table.lock().find(number);
        self.pages[page].learn(id_of(number), found)
    }

    fn settle_doubts(&mut self, page: usize) -> Result<(), String> {
        for id in self.pages[page].doubtful.clone() {
            let number = number_of(id);
            self.ask(page, number)?;
        }
        Ok(())
    }

    /// Ends all faults, hands over what is left, and compares everybody with the table.
    fn settle(&mut self) -> Result<(), String> {
        for server in 0..SERVERS {
            let now = self.clock(server);
            self.servers[server].settle(now);
        }
        let expected = self.table.lock().factories();
        for page in 0..PAGES {
            self.catch_up(page)?;
            let shown = self.pages[page].factories();
            if shown != expected {
                return Err(format!(
                    "page {page} shows {shown:?}, the table has {expected:?}"
                ));
            }
        }
        self.compare_servers(expected.len())
    }

    /// A page reads everything, and connects again whenever its connection ends.
    fn catch_up(&mut self, page: usize) -> Result<(), String> {
        let place = self.pages[page].server().unwrap_or(page % SERVERS);
        self.pages[page].serve(&self.servers[place])?;
        for _ in 0..CONNECTIONS {
            if self.pages[page].server().is_none() {
                self.pages[page].connect(place, &self.servers[place])?;
            }
            while self.pages[page].receive(u8::MAX)? {
                self.settle_doubts(page)?;
                self.pages[page].serve(&self.servers[place])?;
            }
            if self.pages[page].server().is_some() {
                return Ok(());
            }
        }
        Err(format!("page {page} lost {CONNECTIONS} connections"))
    }

    fn compare_servers(&self, expected: usize) -> Result<(), String> {
        for (place, server) in self.servers.iter().enumerate() {
            let mut page = Page::default();
            page.connect(place, server)?;
            while page.receive(u8::MAX)? {
                page.serve(server)?;
            }
            if page.factories() != self.table.lock().factories()
                || server.hub.factories() != expected
            {
                return Err(format!("{} differs from the table", server.name));
            }
        }
        Ok(())
    }
}

/// Returns the number of a factory.
fn number_of(id: FactoryId) -> u8 {
    (0..u8::MAX)
        .find(|number| id_of(*number) == id)
        .unwrap_or(u8::MAX)
}

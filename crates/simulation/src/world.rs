//! Everything that takes part, the effect of each step, and the rules.

use std::time::{Duration, Instant};

use domain::FactoryId;

use crate::known::TreeMessage;
use crate::page::{Event, Page};
use crate::server::Server;
use crate::step::{PAGES, Pause, PublishFault, SERVERS, Step};
use crate::stream::Mapping;
use crate::table::{Table, id_of};

/// The edits of [`Step::WriteOften`]: more than a connection gets one by one.
const MANY: usize = websocket::hub::history::COALESCE_ABOVE + 16;

/// The time for which the stream keeps a record, in seconds (`MaximumRecordAgeInSeconds` in `templates/api.yaml`).
const RECORD_AGE: u64 = 3_600;

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
}

/// Runs a schedule and lets everything settle.
///
/// # Errors
/// Returns the first rule that is broken.
pub fn run(steps: &[Step]) -> Result<(), String> {
    World::new().run(steps)
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
        };
        for server in &mut world.servers {
            server.settle(start);
        }
        world
    }

    fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        for page in 0..PAGES {
            self.take(Step::Connect(page, page % SERVERS))?;
        }
        for step in steps {
            self.take(*step)?;
        }
        self.settle()
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Write(_)
            | Step::WriteOften(_)
            | Step::Remove(_)
            | Step::Restore(_)
            | Step::WriteAgain(_)
            | Step::Expire => self.write(step),
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

    fn publish(&mut self, records: u8, fault: PublishFault) {
        // A crowd of records is handed over at once, as a hundred are.
        let many = self.table.lock().stream.len() > MANY / 2;
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
        for _ in 0..(crowd / 8).max(1) {
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
        while !self.table.lock().stream.is_empty() {
            self.publish(100, PublishFault::None);
        }
        for server in 0..SERVERS {
            let now = self.clock(server);
            self.servers[server].settle(now);
        }
        let expected = self.table.lock().factories();
        for page in 0..PAGES {
            let place = self.pages[page].server().unwrap_or(page % SERVERS);
            if self.pages[page].server().is_none() {
                self.pages[page].connect(place, &self.servers[place])?;
            }
            self.pages[page].serve(&self.servers[place])?;
            if self.pages[page].server().is_none() {
                self.pages[page].connect(place, &self.servers[place])?;
            }
            while self.pages[page].receive(u8::MAX)? {
                self.settle_doubts(page)?;
                self.pages[page].serve(&self.servers[place])?;
            }
            let shown = self.pages[page].factories();
            if shown != expected {
                return Err(format!(
                    "page {page} shows {shown:?}, the table has {expected:?}"
                ));
            }
        }
        self.compare_servers(expected.len())
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

//! A deterministic simulation: one server between the table and its clients, under many schedules.
//!
//! The queue delivers late, in any order, twice or never, and the three parts of a read of the table lie
//! anywhere between. A schedule is data, so the test can print the shortest one that fails.

use std::collections::BTreeMap;

use super::*;

/// The number of schedules. Each of them has its own seed.
const SCHEDULES: u64 = 2_000;

/// The number of steps of a schedule.
const STEPS: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A person creates, edits or restores a factory.
    Write(u8),
    /// A person removes one of the factories.
    Remove(usize),
    /// The table deletes one of the items, if its factory was removed and its last message is long gone.
    Expire(usize),
    /// The queue delivers one of the messages.
    Deliver(usize),
    /// The queue delivers one of the messages, and will deliver it again.
    DeliverTwice(usize),
    /// One of the messages is lost.
    Lose(usize),
    /// The server notes what it knows, and begins to read the table.
    Know,
    /// The table answers.
    Read,
    /// The server compares.
    Reconcile,
    /// A client connects, or connects again where it was.
    Connect(usize),
    /// A client receives all that waits for it.
    Receive(usize),
}

/// The generator of schedules: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % limit
    }

    fn step(&mut self) -> Step {
        let id = u8::try_from(self.below(32)).unwrap();
        let pick = usize::try_from(self.below(64)).unwrap();
        match self.below(30) {
            0..4 => Step::Write(id),
            4..8 => Step::Remove(pick),
            8 => Step::Expire(pick),
            9..14 => Step::Deliver(pick),
            14..18 => Step::DeliverTwice(pick),
            18 => Step::Lose(pick),
            19..21 => Step::Know,
            21..23 => Step::Read,
            23..26 => Step::Reconcile,
            26 => Step::Connect(pick),
            _ => Step::Receive(pick),
        }
    }
}

/// Everything that takes part, in one process and without a clock.
struct World {
    table: BTreeMap<u8, FactoryChange>,
    expired: HashSet<u8>,
    messages: Vec<(u8, FactoryChange)>,
    hub: Hub,
    known: Option<HashMap<FactoryId, u64>>,
    content: Option<TableContent>,
    clients: [Client; 2],
    /// The newest revision that the server was told of each factory.
    told: HashMap<FactoryId, u64>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            table: BTreeMap::new(),
            expired: HashSet::new(),
            messages: Vec::new(),
            hub: loaded(&[]),
            known: None,
            content: None,
            clients: Default::default(),
            told: HashMap::new(),
        };
        for client in &mut world.clients {
            client.connect(&world.hub, false);
        }
        world
    }

    fn run(steps: &[Step]) -> Result<(), String> {
        let mut world = Self::new();
        for step in steps {
            world.take(*step)?;
            world.check_the_server()?;
        }
        world.settle()
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Write(id) => self.write(id, changed),
            Step::Remove(pick) => {
                let present = self.ids(|change| matches!(change, FactoryChange::Changed { .. }));
                if let Some(place) = pick.checked_rem(present.len()) {
                    self.write(present[place], removed);
                }
            }
            Step::Expire(pick) => self.expire(pick),
            Step::Deliver(pick) => {
                if let Some(place) = pick.checked_rem(self.messages.len()) {
                    let (_, change) = self.messages.swap_remove(place);
                    self.deliver(change);
                }
            }
            Step::DeliverTwice(pick) => {
                if let Some(place) = pick.checked_rem(self.messages.len()) {
                    self.deliver(self.messages[place].1.clone());
                }
            }
            Step::Lose(pick) => {
                if let Some(place) = pick.checked_rem(self.messages.len()) {
                    self.messages.swap_remove(place);
                }
            }
            Step::Know => {
                (self.known, self.content) = (Some(self.hub.known_revisions()), None);
            }
            Step::Read => self.content = self.known.as_ref().map(|_| self.read()),
            Step::Reconcile => self.reconcile(),
            Step::Connect(client) => self.connect(client % 2),
            Step::Receive(client) => self.receive(client % 2)?,
        }
        Ok(())
    }

    /// The ids of the items of one kind.
    fn ids(&self, is_meant: fn(&FactoryChange) -> bool) -> Vec<u8> {
        let meant = self.table.iter().filter(|(_, change)| is_meant(change));
        meant.map(|(id, _)| *id).collect()
    }

    fn write(&mut self, id: u8, change: fn(u8, u64) -> FactoryChange) {
        if self.expired.contains(&id) {
            return;
        }
        let revision = self.table.get(&id).map_or(0, FactoryChange::revision) + 1;
        self.table.insert(id, change(id, revision));
        self.messages.push((id, change(id, revision)));
    }

    /// A day passes between a removal and its expiry: no message of the factory and no read is under way. The id of an
    /// expired factory is not used again.
    fn expire(&mut self, pick: usize) {
        let removed = self.ids(|change| matches!(change, FactoryChange::Removed { .. }));
        let Some(place) = pick.checked_rem(removed.len()) else {
            return;
        };
        let id = removed[place];
        let is_quiet = self.messages.iter().all(|(other, _)| *other != id);
        if is_quiet && self.known.is_none() {
            self.table.remove(&id);
            self.expired.insert(id);
        }
    }

    fn deliver(&mut self, change: FactoryChange) {
        self.tell(&change);
        self.hub.apply(change);
    }

    fn tell(&mut self, change: &FactoryChange) {
        let told = self.told.entry(change.id()).or_default();
        *told = change.revision().max(*told);
    }

    fn read(&self) -> TableContent {
        TableContent {
            changes: self.table.values().cloned().collect(),
            ..TableContent::default()
        }
    }

    fn reconcile(&mut self) {
        if let (Some(known), Some(content)) = (&self.known, self.content.take()) {
            self.hub.reconcile(known, content.clone());
            self.known = None;
            for change in &content.changes {
                self.tell(change);
            }
        }
    }

    fn connect(&mut self, client: usize) {
        // Half of the clients remember where they were.
        let resume = self.clients[client].position.is_multiple_of(2);
        if !resume {
            self.clients[client] = Client::default();
        }
        self.clients[client].connect(&self.hub, resume);
    }

    fn receive(&mut self, client: usize) -> Result<(), String> {
        let client = &mut self.clients[client];
        loop {
            let backlog = self.hub.backlog_after(client.position);
            let Backlog::Next {
                texts, position, ..
            } = backlog
            else {
                return Err("a client is too far behind".to_owned());
            };
            if texts.is_empty() {
                return Ok(());
            }
            for text in &texts {
                if client.apply(text) == Effect::Stale {
                    return Err(format!("told twice, or older: {text}"));
                }
            }
            client.position = position;
        }
    }

    /// The server never shows what is older than it was told, and so no factory whose removal it was told.
    fn check_the_server(&self) -> Result<(), String> {
        let state = self.hub.read();
        let mut ghosts = state.tree.factories();
        match ghosts.find(|factory| self.told.get(&factory.id) > Some(&factory.revision)) {
            Some(ghost) => Err(format!("came back: {ghost:?}")),
            None => Ok(()),
        }
    }

    /// Delivers what is left, reads the table once more, and compares everybody with the table.
    fn settle(mut self) -> Result<(), String> {
        for (_, change) in std::mem::take(&mut self.messages) {
            self.deliver(change);
        }
        for step in [Step::Know, Step::Read, Step::Reconcile] {
            self.take(step)?;
        }
        self.check_the_server()?;
        let table = loaded(&self.read().changes);
        let expected = factories(&table.read().tree);
        for client in 0..self.clients.len() {
            self.receive(client)?;
            let shown = factories(&self.clients[client].tree);
            if shown != expected {
                return Err(format!(
                    "a client shows {shown:?}, the table has {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

/// Leaves out steps as long as the schedule fails.
fn shortest(mut steps: Vec<Step>) -> Vec<Step> {
    let mut place = 0;
    while place < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(place);
        if World::run(&fewer).is_err() {
            (steps, place) = (fewer, 0);
        } else {
            place += 1;
        }
    }
    steps
}

#[test]
fn no_schedule_brings_a_removed_factory_back_or_tells_anything_twice() {
    let mut failed = Vec::new();
    for seed in 0..SCHEDULES {
        let mut random = Random(seed);
        let steps: Vec<_> = (0..STEPS).map(|_| random.step()).collect();
        if World::run(&steps).is_err() {
            failed.push((seed, steps));
        }
    }

    if let Some((seed, steps)) = failed.first() {
        let steps = shortest(steps.clone());
        let fault = World::run(&steps).unwrap_err();
        panic!(
            "{} of {SCHEDULES} schedules; seed {seed}: {steps:#?}: {fault}",
            failed.len()
        );
    }
}

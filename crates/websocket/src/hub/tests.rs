//! The messages of the hub, as a client of the page applies them.

use domain::{Bounds, Factory};

use super::*;

fn changed(id: u8, revision: u64) -> FactoryChange {
    let factory = Factory::new(
        FactoryId::from_random(u128::from(id)),
        format!("{id} at {revision}").parse().unwrap(),
        Bounds::new(0, 9).unwrap(),
        vec![],
        revision,
    );
    FactoryChange::Changed {
        factory: factory.unwrap(),
    }
}

fn removed(id: u8, revision: u64) -> FactoryChange {
    FactoryChange::Removed {
        id: FactoryId::from_random(u128::from(id)),
        revision,
    }
}

fn loaded(changes: &[FactoryChange]) -> Hub {
    let hub = Hub::new("build", "server");
    let content = TableContent {
        changes: changes.to_vec(),
        ..TableContent::default()
    };
    hub.reconcile(&HashMap::new(), content);
    hub
}

fn factories(tree: &Tree) -> Vec<Factory> {
    tree.factories().cloned().collect()
}

/// A client that, like the page, keeps only the state that it has received.
#[derive(Default)]
struct Client {
    tree: Tree,
    position: u64,
    positions: Vec<u64>,
}

impl Client {
    fn connect(&mut self, hub: &Hub, resume: bool) {
        let resume = resume.then(|| Resume {
            server: "server".to_owned(),
            position: self.position,
        });
        let welcome = hub.initial_messages(resume.as_ref());
        for text in &welcome.texts() {
            self.receive(text);
        }
        self.position = welcome.position;
    }

    /// Receives all waiting messages, and returns false if the client is too far behind.
    fn receive_all(&mut self, hub: &Hub) -> bool {
        loop {
            match hub.backlog_after(self.position) {
                Backlog::TooFarBehind => return false,
                Backlog::Next { texts, .. } if texts.is_empty() => return true,
                Backlog::Next {
                    texts, position, ..
                } => {
                    for text in &texts {
                        self.receive(text);
                    }
                    self.position = position;
                }
            }
        }
    }

    fn receive(&mut self, text: &TextFrame) {
        let effect = self.apply(text);
        assert_eq!(
            effect,
            Effect::Applied,
            "sent twice, or older than the known revision"
        );
    }

    /// Applies a message, and returns whether it had anything new.
    fn apply(&mut self, text: &TextFrame) -> Effect {
        let (change, position) = match serde_json::from_str(text.as_str()).unwrap() {
            LiveMessage::Hello { .. } => return Effect::Applied,
            LiveMessage::Snapshot { factories, .. } => {
                if self.position == 0 {
                    self.positions.clear();
                }
                for factory in factories {
                    self.tree.apply(FactoryChange::Changed { factory });
                }
                return Effect::Applied;
            }
            LiveMessage::Changed { factory, position } => {
                (FactoryChange::Changed { factory }, position)
            }
            LiveMessage::Removed {
                id,
                revision,
                position,
            } => (FactoryChange::Removed { id, revision }, position),
        };
        self.positions.push(position);
        self.tree.apply(change)
    }
}

#[test]
fn a_new_client_gets_hello_and_the_tree() {
    let hub = loaded(&[changed(1, 4), removed(2, 9)]);

    let welcome = hub.initial_messages(None);

    let texts = welcome.texts();
    let texts: Vec<_> = texts.iter().map(TextFrame::as_str).collect();
    assert_eq!(
        texts[0],
        r#"{"type":"hello","build":"build","server":"server"}"#
    );
    assert!(
        texts[1].starts_with(r#"{"type":"snapshot","factories":[{"id":"#),
        "{}",
        texts[1]
    );
    assert!(
        texts[1].ends_with(r#"],"last":true,"position":0}"#),
        "{}",
        texts[1]
    );
    assert_eq!((texts.len(), hub.factories()), (2, 1));
}

#[test]
fn a_change_is_sent_once_with_its_position() {
    let hub = loaded(&[changed(1, 4)]);
    let position = hub.watch_position();

    assert_eq!(hub.apply(removed(1, 5)), Effect::Applied);
    assert_eq!(hub.apply(removed(1, 5)), Effect::Stale);
    assert_eq!(hub.apply(changed(1, 4)), Effect::Stale);

    assert_eq!(*position.borrow(), 1);
    let Backlog::Next {
        texts, position: 1, ..
    } = hub.backlog_after(0)
    else {
        panic!("not sent");
    };
    assert!(
        texts[0].as_str().ends_with(r#""revision":5,"position":1}"#),
        "{:?}",
        texts[0]
    );
    assert_eq!(texts.len(), 1);
}

#[test]
fn a_client_that_reconnects_gets_exactly_the_changes_that_it_missed() {
    let hub = loaded(&[]);
    let mut client = Client::default();
    client.connect(&hub, false);
    hub.apply(changed(1, 1));
    client.receive_all(&hub);
    for revision in 2..=4 {
        hub.apply(changed(1, revision));
    }

    client.connect(&hub, true);
    client.receive_all(&hub);

    assert_eq!(client.positions, [1, 2, 3, 4]);
}

#[test]
fn a_client_with_an_unknown_run_or_a_future_position_gets_the_whole_tree() {
    let hub = loaded(&[changed(1, 1)]);
    hub.apply(changed(1, 2));

    for (server, position) in [("server-before", 1), ("server", 2)] {
        let resume = Resume {
            server: server.to_owned(),
            position,
        };
        assert_eq!(
            hub.initial_messages(Some(&resume)).texts().len(),
            2,
            "{server} {position}"
        );
    }
    let resume = Resume {
        server: "server".to_owned(),
        position: 1,
    };
    assert_eq!(hub.initial_messages(Some(&resume)).texts().len(), 1);
}

#[test]
fn a_slow_client_gets_coalesced_changes_then_is_too_far_behind_and_others_are_not() {
    let hub = loaded(&[]);
    let (mut slow, mut quick) = (Client::default(), Client::default());
    slow.connect(&hub, false);
    quick.connect(&hub, false);
    let apply = |revisions: std::ops::RangeInclusive<u64>, quick: &mut Client| {
        for revision in revisions {
            hub.apply(changed(u8::try_from(revision % 7).unwrap(), revision));
            assert!(quick.receive_all(&hub));
        }
    };

    apply(1..=1_000, &mut quick);
    assert!(slow.receive_all(&hub));
    assert_eq!(
        slow.positions.len(),
        7,
        "the newest change of each of seven factories"
    );
    assert_eq!(factories(&slow.tree), factories(&quick.tree));

    apply(1_001..=1_001 + history::CAPACITY as u64, &mut quick);
    assert!(!slow.receive_all(&hub));
    assert!(
        quick
            .positions
            .iter()
            .copied()
            .eq(1..=1_001 + history::CAPACITY as u64)
    );
}

#[test]
fn a_factory_whose_item_was_deleted_is_removed() {
    let hub = loaded(&[changed(1, 4), changed(2, 1), changed(3, 1)]);
    let known = hub.known_revisions();
    hub.apply(changed(4, 1));

    let content = TableContent {
        changes: vec![changed(2, 2)],
        unreadable: vec![changed(3, 1).id()],
    };
    hub.reconcile(&known, content);

    let mut client = Client::default();
    client.connect(&hub, false);
    let revisions: Vec<_> = client
        .tree
        .factories()
        .map(|factory| (factory.id, factory.revision))
        .collect();
    let mut expected = vec![
        (changed(2, 2).id(), 2),
        (changed(3, 1).id(), 1),
        (changed(4, 1).id(), 1),
    ];
    expected.sort_unstable();
    assert_eq!(
        revisions, expected,
        "1 is removed; 3 is only unreadable; 4 was created during the read"
    );
}

#[test]
fn the_hub_remembers_a_removal_while_the_table_has_its_item() {
    let hub = loaded(&[removed(1, 5)]);

    assert_eq!(hub.apply(changed(1, 4)), Effect::Stale);
    assert!(hub.is_loaded() && !Hub::new("b", "s").is_loaded());
}

#[test]
fn a_removal_that_is_newer_than_the_read_is_not_forgotten() {
    let hub = loaded(&[]);
    let known = hub.known_revisions();
    let read = TableContent::default();
    hub.apply(changed(1, 1));
    hub.apply(removed(1, 2));

    hub.reconcile(&known, read);

    assert_eq!(hub.apply(changed(1, 1)), Effect::Stale, "it comes back");
    assert_eq!(hub.factories(), 0);
}

#[test]
fn a_removal_whose_item_has_expired_is_forgotten() {
    let hub = loaded(&[removed(1, 5), changed(2, 1)]);

    hub.reconcile(&hub.known_revisions(), TableContent::default());
    assert_eq!(
        hub.known_revisions(),
        HashMap::from([(changed(2, 1).id(), 2)])
    );
    hub.reconcile(&hub.known_revisions(), TableContent::default());
    assert_eq!(hub.known_revisions(), HashMap::new());
}

#[test]
fn what_brings_nothing_new_wakes_no_connection() {
    let hub = loaded(&[changed(1, 4)]);
    let mut position = hub.watch_position();
    hub.apply(changed(1, 5));
    assert_eq!(*position.borrow_and_update(), 1);

    hub.apply(changed(1, 5));
    hub.apply(changed(1, 3));
    let content = TableContent {
        changes: vec![changed(1, 5)],
        ..TableContent::default()
    };
    hub.reconcile(&hub.known_revisions(), content);

    assert!(!position.has_changed().unwrap());
    hub.apply(removed(1, 6));
    assert!(position.has_changed().unwrap());
}

mod any_history;

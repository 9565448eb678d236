//! The final state of a client, whatever happens in between.

use domain::{Bounds, Factory};

use super::*;

fn changed(id: u8, revision: u64) -> Change {
    let factory = Factory::new(
        FactoryId::from_random(u128::from(id)),
        format!("{id} at {revision}").parse().unwrap(),
        Bounds::new(0, 9).unwrap(),
        vec![],
        revision,
    );
    Change::Changed {
        factory: factory.unwrap(),
    }
}

fn removed(id: u8, revision: u64) -> Change {
    Change::Removed {
        id: FactoryId::from_random(u128::from(id)),
        revision,
    }
}

fn loaded(changes: &[Change]) -> Hub {
    let hub = Hub::new("build", "server");
    let content = TableContent {
        changes: changes.to_vec(),
        ..TableContent::default()
    };
    hub.reconcile(HashSet::new(), content);
    hub
}

fn factories(tree: &Tree) -> Vec<Factory> {
    tree.factories().cloned().collect()
}

/// A client as the page is one: it keeps what it was told, and nothing else.
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
        let welcome = hub.welcome(resume.as_ref());
        for text in &welcome.texts {
            self.hear(text);
        }
        self.position = welcome.position;
    }

    /// Takes everything that is waiting, and says whether the thread was lost.
    fn take(&mut self, hub: &Hub) -> bool {
        loop {
            match hub.after(self.position) {
                Backlog::Lost => return false,
                Backlog::Next { texts, .. } if texts.is_empty() => return true,
                Backlog::Next {
                    texts, position, ..
                } => {
                    for text in &texts {
                        self.hear(text);
                    }
                    self.position = position;
                }
            }
        }
    }

    fn hear(&mut self, text: &Utf8Bytes) {
        let (change, position) = match serde_json::from_str(text.as_str()).unwrap() {
            Message::Hello { .. } => return,
            Message::Snapshot { factories, .. } => {
                if self.position == 0 {
                    self.positions.clear();
                }
                for factory in factories {
                    self.tree.apply(Change::Changed { factory });
                }
                return;
            }
            Message::Changed { factory, position } => (Change::Changed { factory }, position),
            Message::Removed {
                id,
                revision,
                position,
            } => (Change::Removed { id, revision }, position),
        };
        self.positions.push(position);
        assert_eq!(
            self.tree.apply(change),
            Effect::Applied,
            "told twice, or something older"
        );
    }
}

#[test]
fn a_new_client_is_greeted_and_shown_the_tree() {
    let hub = loaded(&[changed(1, 4), removed(2, 9)]);

    let welcome = hub.welcome(None);

    let texts: Vec<_> = welcome.texts.iter().map(Utf8Bytes::as_str).collect();
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
fn a_change_is_told_once_with_its_position() {
    let hub = loaded(&[changed(1, 4)]);
    let position = hub.watch_position();

    assert_eq!(hub.apply(removed(1, 5)), Effect::Applied);
    assert_eq!(hub.apply(removed(1, 5)), Effect::Stale);
    assert_eq!(hub.apply(changed(1, 4)), Effect::Stale);

    assert_eq!(*position.borrow(), 1);
    let Backlog::Next {
        texts, position: 1, ..
    } = hub.after(0)
    else {
        panic!("not told");
    };
    assert!(
        texts[0].ends_with(r#""revision":5,"position":1}"#),
        "{}",
        texts[0]
    );
    assert_eq!(texts.len(), 1);
}

#[test]
fn a_client_that_comes_back_gets_exactly_what_it_missed() {
    let hub = loaded(&[]);
    let mut client = Client::default();
    client.connect(&hub, false);
    hub.apply(changed(1, 1));
    client.take(&hub);
    for revision in 2..=4 {
        hub.apply(changed(1, revision));
    }

    client.connect(&hub, true);
    client.take(&hub);

    assert_eq!(client.positions, [1, 2, 3, 4]);
}

#[test]
fn a_client_of_another_run_or_of_the_future_gets_the_whole_tree() {
    let hub = loaded(&[changed(1, 1)]);
    hub.apply(changed(1, 2));

    for (server, position) in [("server-before", 1), ("server", 2)] {
        let resume = Resume {
            server: server.to_owned(),
            position,
        };
        assert_eq!(
            hub.welcome(Some(&resume)).texts.len(),
            2,
            "{server} {position}"
        );
    }
    let resume = Resume {
        server: "server".to_owned(),
        position: 1,
    };
    assert_eq!(hub.welcome(Some(&resume)).texts.len(), 1);
}

#[test]
fn a_slow_client_is_coalesced_then_loses_the_thread_and_others_do_not() {
    let hub = loaded(&[]);
    let (mut slow, mut quick) = (Client::default(), Client::default());
    slow.connect(&hub, false);
    quick.connect(&hub, false);
    let tell = |revisions: std::ops::RangeInclusive<u64>, quick: &mut Client| {
        for revision in revisions {
            hub.apply(changed(u8::try_from(revision % 7).unwrap(), revision));
            assert!(quick.take(&hub));
        }
    };

    tell(1..=1_000, &mut quick);
    assert!(slow.take(&hub));
    assert_eq!(
        slow.positions.len(),
        7,
        "the newest of each of seven factories"
    );
    assert_eq!(factories(&slow.tree), factories(&quick.tree));

    tell(1_001..=1_001 + history::CAPACITY as u64, &mut quick);
    assert!(!slow.take(&hub));
    assert!(
        quick
            .positions
            .iter()
            .copied()
            .eq(1..=1_001 + history::CAPACITY as u64)
    );
}

#[test]
fn what_was_deleted_behind_our_back_is_removed() {
    let hub = loaded(&[changed(1, 4), changed(2, 1), changed(3, 1)]);
    let known = hub.known();
    hub.apply(changed(4, 1));

    let content = TableContent {
        changes: vec![changed(2, 2)],
        unreadable: vec![changed(3, 1).id()],
    };
    hub.reconcile(known, content);

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
        "1 is gone; 3 is only unreadable; 4 came during the read"
    );
}

#[test]
fn a_removal_is_remembered_while_the_table_has_it() {
    let hub = loaded(&[removed(1, 5)]);

    assert_eq!(hub.apply(changed(1, 4)), Effect::Stale);
    assert!(hub.is_loaded() && !Hub::new("b", "s").is_loaded());
}

mod any_history;

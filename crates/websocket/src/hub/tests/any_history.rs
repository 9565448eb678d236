//! A property test: for any history of changes, clients that connect, wait and reconnect end with the same tree.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The queue delivers a change of one factory: the next revision, or an earlier one again.
    Deliver {
        id: u8,
        removes: bool,
        back: u64,
    },
    Connect {
        client: usize,
        resume: bool,
    },
    Receive {
        client: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..5, any::<bool>(), 0_u64..3)
            .prop_map(|(id, removes, back)| Step::Deliver { id, removes, back }),
        1 => (0_usize..3, any::<bool>()).prop_map(|(client, resume)| Step::Connect { client, resume }),
        2 => (0_usize..3).prop_map(|client| Step::Receive { client }),
    ]
}

/// Returns the change of a revision, which is always the same for the same id and revision.
fn change_at(
    id: u8,
    revision: u64,
    removed_at: &mut HashSet<(u8, u64)>,
    removes: bool,
) -> FactoryChange {
    if removes && revision.is_multiple_of(3) {
        removed_at.insert((id, revision));
    }
    if removed_at.contains(&(id, revision)) {
        removed(id, revision)
    } else {
        changed(id, revision)
    }
}

proptest! {
    #[test]
    fn every_client_ends_with_the_hubs_tree(steps in prop::collection::vec(step(), 0..200)) {
        let hub = loaded(&[changed(0, 1), changed(9, 3)]);
        let mut clients: [Client; 3] = Default::default();
        for client in &mut clients {
            client.connect(&hub, false);
        }
        let (mut revisions, mut removed_at) = ([1_u64; 5], HashSet::new());
        for step in steps {
            match step {
                Step::Deliver { id, removes, back } => {
                    let newest = &mut revisions[usize::from(id)];
                    let revision = if back == 0 { *newest + 1 } else { newest.saturating_sub(back - 1).max(1) };
                    let is_new = revision > *newest;
                    *newest = revision.max(*newest);
                    hub.apply(change_at(id, revision, &mut removed_at, removes && is_new));
                }
                Step::Connect { client, resume: true } => clients[client].connect(&hub, true),
                Step::Connect { client, resume: false } => {
                    clients[client] = Client::default();
                    clients[client].connect(&hub, false);
                }
                Step::Receive { client } => prop_assert!(clients[client].receive_all(&hub)),
            }
        }
        let mut fresh = Client::default();
        fresh.connect(&hub, false);
        fresh.receive_all(&hub);
        for client in &mut clients {
            prop_assert!(client.receive_all(&hub));
            prop_assert_eq!(factories(&client.tree), factories(&fresh.tree));
            prop_assert_eq!(client.position, *hub.watch_position().borrow());
        }
        prop_assert_eq!(fresh.tree.len(), hub.factories());
    }
}

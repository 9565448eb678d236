//! The whole tree as messages, which many connections share.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use domain::{Factory, Tree};

use crate::compressed_frame::compressed;
use crate::text_frame::TextFrame;

/// The approximate size of one piece in bytes; the contract allows 64 KiB.
///
/// The kernel takes about as much at once (`listener::SocketOptions`), and all connections share the piece.
pub const PIECE_BYTES: usize = 16 * 1024;

/// The tree at a position, as messages that are ready to send.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) pieces: Arc<[TextFrame]>,
    /// The pieces compressed, once a client wanted them so.
    compressed: Arc<OnceLock<Box<[Bytes]>>>,
    pub(super) position: u64,
}

impl Snapshot {
    pub(super) fn of(tree: &Tree, position: u64) -> Self {
        let groups = grouped(tree.factories().map(json_of));
        let last = groups.len().saturating_sub(1);
        let pieces = groups
            .iter()
            .enumerate()
            .map(|(place, group)| piece(group, place == last, position).into())
            .collect();
        Self {
            pieces,
            compressed: Arc::default(),
            position,
        }
    }

    /// Returns no pieces: those of a client that has the tree of this position.
    pub(super) fn nothing(position: u64) -> Self {
        Self {
            pieces: Arc::default(),
            compressed: Arc::default(),
            position,
        }
    }

    /// Returns the pieces, compressed. The first caller compresses them, and the others wait for it: about 2 ms for a
    /// thousand factories.
    pub(super) fn compressed(&self) -> &[Bytes] {
        let compress = || self.pieces.iter().map(|piece| compressed(piece.as_str()));
        self.compressed.get_or_init(|| compress().collect())
    }
}

fn json_of(factory: &Factory) -> String {
    // Every factory can be serialised.
    serde_json::to_string(factory).unwrap_or_default()
}

/// Joins factories with commas into groups of about [`PIECE_BYTES`]. Returns one empty group if there are none.
fn grouped(factories: impl Iterator<Item = String>) -> Vec<String> {
    let mut groups = vec![String::new()];
    for factory in factories {
        let open = groups
            .last_mut()
            .filter(|group| group.is_empty() || group.len() + factory.len() < PIECE_BYTES);
        match open {
            Some(group) if group.is_empty() => *group = factory,
            Some(group) => {
                group.push(',');
                group.push_str(&factory);
            }
            None => groups.push(factory),
        }
    }
    groups
}

/// Writes the JSON of a `domain::message::LiveMessage::Snapshot` around factories that are already JSON.
fn piece(factories: &str, last: bool, position: u64) -> String {
    format!(
        r#"{{"type":"snapshot","factories":[{factories}],"last":{last},"position":{position}}}"#
    )
}

#[cfg(test)]
mod tests {
    use domain::message::{LiveMessage, MAX_BYTES};
    use domain::{Bounds, FactoryChange, FactoryId};

    use super::*;

    /// Returns a tree of factories of the largest possible size.
    fn tree(factories: u128) -> Tree {
        let mut tree = Tree::default();
        let bounds = Bounds::new(-1_000_000_000, -1_000_000_000).unwrap();
        for number in 0..factories {
            let factory = Factory::new(
                FactoryId::from_random(number),
                "🏭".repeat(64).parse().unwrap(),
                bounds,
                vec![-1_000_000_000; 15],
                u64::MAX,
            );
            tree.apply(FactoryChange::Changed {
                factory: factory.unwrap().by(Some("🏭".repeat(128).parse().unwrap())),
            });
        }
        tree
    }

    fn pieces(tree: &Tree) -> Vec<(Vec<Factory>, bool)> {
        let snapshot = Snapshot::of(tree, 7);
        snapshot
            .pieces
            .iter()
            .map(|text| match serde_json::from_str(text.as_str()).unwrap() {
                LiveMessage::Snapshot {
                    factories,
                    last,
                    position: 7,
                } => (factories, last),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn an_empty_tree_is_one_last_piece() {
        assert_eq!(pieces(&Tree::default()), [(vec![], true)]);
    }

    #[test]
    fn the_pieces_have_every_factory_once_and_only_the_last_is_marked() {
        let tree = tree(500);
        let pieces = pieces(&tree);

        let factories = pieces.iter().flat_map(|(factories, _)| factories);
        assert!(factories.eq(tree.factories()));
        let ends = pieces.iter().rev().map(|(_, last)| *last);
        assert!(ends.eq(std::iter::once(true).chain(vec![false; pieces.len() - 1])));
        assert!(pieces.len() > 10);
    }

    #[test]
    fn no_piece_is_larger_than_the_contract_allows() {
        let snapshot = Snapshot::of(&tree(500), u64::MAX);

        for piece in snapshot.pieces.iter() {
            assert!(
                piece.as_str().len() <= PIECE_BYTES + 128,
                "{}",
                piece.as_str().len()
            );
        }
        const { assert!(PIECE_BYTES + 128 <= MAX_BYTES) };
    }
}

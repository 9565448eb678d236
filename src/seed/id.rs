//! The ids of the factories of a seed. In: a name, or an id of the file. Out: a UUID that is the same in every run.

use sha2::{Digest, Sha256};

pub(super) fn is_uuid(text: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(place, byte)| match hyphens.contains(&place) {
                true => byte == b'-',
                false => byte.is_ascii_hexdigit(),
            })
}

/// Returns the id of the factory that has a name for the n-th time in its file: a UUID of version 8 (RFC 9562), made of both.
/// So a factory keeps its id when others come before it or its bounds change.
pub(super) fn id_of(name: &str, number: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("factory-tree seed {number} {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}

//! The digest of a plan, and the parts that differ between two plans. Pure.
//!
//! Each part (a template with its parameters, a stack's state in CloudFormation, an artifact, the site) is
//! hashed by itself, so that a plan that no longer holds can say which part moved; the digest is the hash
//! of all. SHA-256 throughout (FIPS 180-4).

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::content::hex;

/// The fields of a saved plan that a comparison with a new plan needs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct SavedPlan {
    /// The stage that it is of.
    pub stage: String,
    /// The digest of all parts.
    pub digest: String,
    /// A hash of each part.
    pub parts: BTreeMap<String, String>,
}

/// Returns the hash of one part. The length of each word is hashed before it, so that no two lists of
/// words look the same.
pub fn part<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }
    hex(&hash.finalize())
}

/// Returns the digest of all parts.
pub fn digest(parts: &BTreeMap<String, String>) -> String {
    part(
        parts
            .iter()
            .flat_map(|(name, hash)| [name.as_str(), hash.as_str()]),
    )
}

/// Returns what differs between a saved plan and one made now: the parts' names. Empty means that the
/// saved plan holds.
pub fn changed_parts(
    saved: &SavedPlan,
    stage: &str,
    parts: &BTreeMap<String, String>,
) -> Vec<String> {
    if saved.stage != stage {
        return vec![format!("it is a plan of stage {}", saved.stage)];
    }
    let differing: Vec<String> = saved
        .parts
        .keys()
        .chain(parts.keys().filter(|name| !saved.parts.contains_key(*name)))
        .filter(|name| saved.parts.get(*name) != parts.get(*name))
        .cloned()
        .collect();
    if differing.is_empty() && saved.digest != digest(parts) {
        return vec!["the plan file itself".to_owned()];
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
        let rows = rows.iter();
        rows.map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned()))
            .collect()
    }

    fn saved(rows: &[(&str, &str)]) -> SavedPlan {
        let parts = parts(rows);
        SavedPlan {
            stage: "prod".to_owned(),
            digest: digest(&parts),
            parts,
        }
    }

    #[test]
    fn what_moved_is_named() {
        let before = saved(&[("site", "1"), ("stack api", "1")]);
        let now = parts(&[("site", "2"), ("stack api", "1"), ("stack auth", "1")]);
        assert_eq!(changed_parts(&before, "prod", &now), ["site", "stack auth"]);
        assert!(changed_parts(&before, "prod", &before.parts).is_empty());
        assert_eq!(
            changed_parts(&before, "test", &before.parts),
            ["it is a plan of stage prod"]
        );
    }

    #[test]
    fn a_file_that_somebody_has_changed_is_noticed() {
        let mut before = saved(&[("site", "1")]);
        before.digest = "another".to_owned();
        let now = before.parts.clone();
        assert_eq!(
            changed_parts(&before, "prod", &now),
            ["the plan file itself"]
        );
    }

    #[test]
    fn words_do_not_run_into_each_other() {
        assert_ne!(part(["ab", "c"]), part(["a", "bc"]));
        assert_ne!(part(["a", ""]), part(["a"]));
    }
}

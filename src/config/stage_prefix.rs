//! The prefix of the names of a stage's stacks, and of all that CloudFormation names after them. In: the names of a project
//! and of two stages. Out: whether a policy could tell their resources apart. No policy is written here.

/// The number of characters of a stack's name that every name made of it is sure to keep. Of the types in our templates,
/// buckets have the shortest names (63 characters). CloudFormation keeps 13 for a random end and shares the rest between the
/// stack's name and the logical id: 25 remain for the stack's name, and 24 are counted on, because the rule is not published.
/// Source: names that were seen (KensioSoftware/yulin, issue 1113).
pub const KEPT_CHARACTERS: usize = 24;

/// The stacks that a stage may have beside those of own templates.
pub const STACKS: [&str; 9] = [
    "api",
    "certificate",
    "certificate-us-east-1",
    "data",
    "dns",
    "foundation",
    "live-appsync",
    "site",
    "websocket",
];

/// Another stage of the same file, or all stages of a pattern, in AWS, where its names and ours may meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherStage {
    /// Its name, or the pattern.
    pub name: String,
    /// How the names of its stacks begin.
    pub stack_prefix: String,
    /// The domain of its site; of a pattern, with the pattern in the place of the stage's name.
    pub domain: String,
}

/// Returns as much of a prefix as every name is sure to keep.
pub fn kept(prefix: &str) -> &str {
    &prefix[..prefix.len().min(KEPT_CHARACTERS)]
}

/// Returns why the names of two stages cannot be told apart, which have these prefixes; `None` if they can.
/// A prefix may begin with the other one: policies deny the other stage's names then.
pub(super) fn clash(one: &str, other: &str) -> Option<String> {
    if kept(one) == kept(other) {
        return Some(format!(
            "the names of their roles, functions and buckets keep {KEPT_CHARACTERS} characters, `{}`, and nothing of \
             them tells the stages apart",
            kept(one)
        ));
    }
    let taken = |ours: &str, theirs: &str| {
        let stacks = STACKS.iter().map(|stack| format!("{ours}{stack}-"));
        let begins_as_ours = kept(theirs).starts_with(ours);
        let mut same = stacks.filter(|names| begins_as_ours && names.starts_with(kept(theirs)));
        same.next()
    };
    let names = taken(one, other).or_else(|| taken(other, one))?;
    Some(format!(
        "`{names}` begins the names of a stack of the one and of all stacks of the other"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_begins_with_another_is_no_clash() {
        assert_eq!(clash("factory-tree-prod-", "factory-tree-prod-eu-"), None);
        assert_eq!(clash("tree-prod-", "tree-preview-"), None);
    }

    #[test]
    fn the_prefix_of_a_stage_may_not_be_the_stack_of_another() {
        assert!(clash("tree-prod-", "tree-prod-data-").is_some());
        assert!(clash("tree-prod-site-", "tree-prod-").is_some());
        assert_eq!(clash("tree-prod-", "tree-prod-lake-"), None);
    }
}

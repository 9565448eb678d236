//! In: the environment. Out: the stage that it names.

/// Returns the stage that `FACTORY_TREE_STAGE` names; an empty value names none.
pub fn stage_of_environment() -> Option<String> {
    std::env::var("FACTORY_TREE_STAGE")
        .ok()
        .filter(|name| !name.is_empty())
}

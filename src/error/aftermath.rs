//! In: a stack whose change failed. Out: its state after that, in words for the error's hint.

/// What became of a stack whose change failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// CloudFormation refused the change before it touched the stack.
    Untouched,
    /// CloudFormation began with the change, and has undone it.
    RolledBack,
    /// CloudFormation began with the change, and has not undone it.
    LeftHalfway,
}

impl Aftermath {
    /// Returns what became of the stack, as a part of a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Untouched => "nothing of this stack was changed",
            Self::RolledBack => "what this run had changed of this stack is rolled back",
            Self::LeftHalfway => {
                "the stack is not rolled back, and `factory-tree recover` leads it out if a deploy does not"
            }
        }
    }
}

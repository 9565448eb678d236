//! Everything that a deploy would do, as data: what `factory-tree plan` prints, writes to a file and is
//! held against later. The fields are an interface that scripts rely on; new ones may be added, none is
//! ever renamed.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::costs::IdleCosts;
use super::names::NameChange;
use super::stage::SIGN_IN;
use crate::template::ResourceChange;

/// The changes that a deploy of a stage would make.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The stage.
    pub stage: String,
    /// `changes`, or `unchanged` when there is nothing to do.
    pub outcome: &'static str,
    /// The digest of all parts: equal digests, the same deploy.
    pub digest: String,
    /// Every stack, each after those it needs.
    pub stacks: Vec<StackPreview>,
    /// Stacks of own templates that are deployed and have no template any more: a deploy leaves them as they are.
    pub undescribed: Vec<UndescribedStack>,
    /// Every artifact.
    pub artifacts: Vec<ArtifactPreview>,
    /// The site's files.
    pub site: SitePreview,
    /// The costs of a month without visitors; `None` of a stage on this machine.
    pub idle_costs: Option<IdleCosts>,
    /// Zones, records and certificates that are touched.
    pub names: Vec<NameChange>,
    /// A hash of each thing that decides what a deploy does, by what it is.
    pub parts: BTreeMap<String, String>,
}

/// A deployed stack of a template that is no longer there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndescribedStack {
    /// Short name.
    pub name: String,
    /// Its name in CloudFormation.
    pub stack: String,
}

impl Display for UndescribedStack {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let why = if self.name == SIGN_IN {
            "nobody signs in any more (`sign_in`), and it holds the users"
        } else {
            "no template describes it any more"
        };
        write!(
            formatter,
            "stack {}: {why}; it stays as it is until `teardown`, or until {} is deleted in \
             CloudFormation",
            self.name, self.stack
        )
    }
}

/// The changes that a deploy would make to a stack.
#[derive(Clone, Debug, Serialize)]
pub struct StackPreview {
    /// Short name.
    pub name: String,
    /// Its name in CloudFormation.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// The action on the stack.
    pub action: StackAction,
    /// Parameters whose value exists only after another stack is made.
    pub known_after_deploy: Vec<String>,
    /// The changes of its resources.
    pub changes: Vec<ResourceChange>,
    /// The outputs that change. Empty for a stack that is new.
    pub outputs: Vec<OutputChange>,
}

/// A change of what a stack puts out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputChange {
    /// The output's name.
    pub name: String,
    /// Its value now; `None` if there is no such output.
    pub before: Option<String>,
    /// Its value then, as far as it is known; `None` if it goes.
    pub after: Option<String>,
}

/// The action of a deploy on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StackAction {
    /// It is new.
    Create,
    /// It is changed.
    Update,
    /// There is nothing to do.
    Unchanged,
    /// The remains of a failed creation or deletion are deleted; then it is new.
    Recreate,
    /// It is deleted: another stack takes its place.
    Delete,
}

impl StackAction {
    /// Returns the word that people see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unchanged => "unchanged",
            Self::Recreate => "recreate",
            Self::Delete => "delete",
        }
    }

    /// Returns whether everything in the stack is new.
    pub fn is_from_nothing(self) -> bool {
        matches!(self, Self::Create | Self::Recreate)
    }
}

/// An artifact, now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArtifactPreview {
    /// `api`, `publisher`, `websocket`, or the name of an own Lambda.
    pub name: String,
    /// The content id that is deployed; `None` if none is.
    pub before: Option<String>,
    /// The content id that would be.
    pub after: String,
}

/// The site's files, now and then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SitePreview {
    /// Files that are new.
    pub add: Vec<String>,
    /// Files whose content changes.
    pub change: Vec<String>,
    /// The number of unchanged files.
    pub unchanged: usize,
    /// Paths that are taken out of the caches afterwards.
    pub invalidate: Vec<String>,
    /// Files that are no part of the site any more and still answer.
    pub remain: Vec<RemainingFile>,
}

/// A file that is no part of the site any more and still answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemainingFile {
    /// Its path from the site's root.
    pub path: String,
    /// The number of further releases after which no kept one has it; `None` where the release records may not be read.
    pub releases: Option<usize>,
    /// The time before which it is not deleted: pages of a release that was live may be open for a day. `None`: a day
    /// after the next release, or not known.
    pub until: Option<String>,
}

impl Preview {
    /// Returns whether a deploy would change anything.
    pub fn has_changes(&self) -> bool {
        self.outcome != UNCHANGED
    }
}

const UNCHANGED: &str = "unchanged";

/// Returns the word for the whole: `changes` or `unchanged`.
pub fn outcome(stacks: &[StackPreview], site: &SitePreview) -> &'static str {
    let idle = stacks
        .iter()
        .all(|stack| stack.action == StackAction::Unchanged);
    if idle && site.add.is_empty() && site.change.is_empty() {
        UNCHANGED
    } else {
        "changes"
    }
}

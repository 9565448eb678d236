//! The change of one resource by a deploy. Both origins of changes (our own difference of templates and
//! CloudFormation's change set) use these types; nothing is decided here.

use serde::Serialize;

/// A change of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its type, for example `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The action on it.
    pub action: ChangeAction,
    /// The origin of this knowledge.
    pub seen_by: ChangeOrigin,
    /// The properties that change: of a resource that is added, all of them, each with its whole value. Empty for a
    /// resource that is deleted or imported as a whole.
    pub properties: Vec<PropertyChange>,
    /// The impact on its data; `None` if it holds no data, or keeps it.
    pub data: Option<DataImpact>,
    /// Access that it widens, in words.
    pub broadens: Vec<String>,
}

/// An action on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    /// It is new.
    Add,
    /// It is changed and stays what it is.
    Modify,
    /// A new one takes its place.
    Replace,
    /// A new one may take its place: CloudFormation knows that only while it works.
    MayReplace,
    /// It goes.
    Delete,
    /// It was there before, outside any stack, and becomes the stack's.
    Import,
}

/// A change of one property (or attribute) of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    /// Where, from the resource's root, with dots: `Properties.Code.S3Key`.
    pub path: String,
    /// The present value; `None` if there is none, or the origin does not know it.
    pub before: Option<String>,
    /// The future value; `None` if there will be none, or the origin does not know it.
    pub after: Option<String>,
    /// Whether this change alone has the resource replaced.
    pub recreates: Recreates,
    /// The origin of this knowledge.
    pub seen_by: ChangeOrigin,
    /// Whether CloudFormation, asked, does not see it: it will not act on this.
    pub ignored: bool,
}

/// Whether a change of a property has its resource replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Recreates {
    /// It does not, or nobody says so.
    #[default]
    Never,
    /// It may.
    Maybe,
    /// It does.
    Always,
}

/// The origin of the knowledge of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOrigin {
    /// Our own difference between the template deployed now and the one that would be sent.
    Template,
    /// CloudFormation.
    ChangeSet,
    /// Both.
    Both,
}

impl ChangeOrigin {
    /// Returns the word that people see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::ChangeSet => "change set",
            Self::Both => "both",
        }
    }
}

/// The impact of a resource's end on its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DataImpact {
    /// It goes with it.
    Lost,
    /// The old resource stays, outside the stack.
    Retained,
    /// A snapshot of it is made.
    Snapshot,
}

impl ResourceChange {
    /// Returns whether data goes, or may go, with this change.
    pub fn is_destructive(&self) -> bool {
        self.data == Some(DataImpact::Lost)
    }

    /// Returns whether the resource, as it is now, will be gone or may be.
    pub fn removes_old_resource(&self) -> bool {
        matches!(
            self.action,
            ChangeAction::Replace | ChangeAction::MayReplace | ChangeAction::Delete
        )
    }
}

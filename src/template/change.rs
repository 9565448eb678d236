//! What a deploy does to one resource, in our words. Both witnesses (our own difference of templates and
//! CloudFormation's change set) speak in these; nothing is decided here.

use serde::Serialize;

/// A change of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its type, for example `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is done to it.
    #[serde(rename = "action")]
    pub act: ChangeAction,
    /// Who saw it.
    pub seen_by: ChangeOrigin,
    /// Which of its properties change. Empty for what is added, deleted or imported as a whole.
    pub properties: Vec<PropertyChange>,
    /// What becomes of what it holds; `None` if it holds no data, or keeps it.
    pub data: Option<DataImpact>,
    /// Access that it widens, in words.
    pub broadens: Vec<String>,
}

/// What is done to a resource.
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
    /// What is there now; `None` if nothing is, or the witness does not say.
    pub before: Option<String>,
    /// What will be there; `None` if nothing will, or the witness does not say.
    pub after: Option<String>,
    /// Whether this change alone has the resource replaced.
    pub recreates: Recreates,
    /// Who saw it.
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

/// Who saw a change.
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

/// What becomes of what a resource holds, when the resource goes.
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
            self.act,
            ChangeAction::Replace | ChangeAction::MayReplace | ChangeAction::Delete
        )
    }
}

//! The language of CloudFormation templates. In: the text of templates, and values of parameters. Out: the
//! resources that a template describes with these values, the changes between two of them, and whether a change
//! destroys data or widens access. Pure: no stage, no clock, no disk but the templates' folder, no network, and
//! nothing else of the deployer.

mod body;
mod broadening;
mod change;
mod check;
mod difference;
mod digest;
mod document;
mod loss;
mod render;
mod retained;
mod templates;
mod union;

pub use body::Body;
pub use broadening::with_broadening;
pub use change::{
    ChangeAction, ChangeOrigin, DataImpact, PropertyChange, Recreates, ResourceChange,
};
pub use check::{TemplateFault, circles, faults, faults_with, refused_value};
pub use difference::difference;
pub use digest::DIGEST;
pub use document::document;
pub use loss::{DataConsent, data_impact, describe_loss, refused_losses, touches_data};
pub use render::{AFTER_DEPLOY, Rendered, function, render, shown, text};
pub use retained::{Retained, retained};
pub use templates::{MAX_OBJECT_BYTES, MAX_REQUEST_BYTES, TEMPLATES, Template, Templates};
pub use union::union;

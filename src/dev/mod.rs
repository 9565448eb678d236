//! What `dev` knows of saves. In: the sources, looked at again and again. Out: what was saved, which part
//! of the stage it belongs to, and the line that tells of a round. Nothing is built or deployed here.

mod round;
mod saves;
mod sources;

pub use round::{Quiet, report_deployed, report_failure};
pub use saves::{Saves, saves};
pub use sources::{SourceSnapshot, Sources};

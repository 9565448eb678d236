//! The saves that `dev` follows. In: snapshots of the sources. Out: the files that were saved, the part that
//! of the stage it belongs to, and the line that describes a round. Nothing is built or deployed here.

mod round;
mod saves;
mod sources;

pub use round::{Quiet, report_deployed, report_failure};
pub use saves::{Saves, saves};
pub use sources::{SourceSnapshot, Sources};

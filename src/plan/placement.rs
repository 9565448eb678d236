//! The facts of a region that a stack is given and keeps: its zones and the image of its servers. Which ones they are is asked
//! of AWS where the stack is provisioned or previewed. Pure.

use super::{ParameterSource, Parameters};
use crate::config::StageSettings;

/// A fact of the region that a parameter carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementFact {
    /// One of the two zones, and the one that the stage's settings ask for.
    Zone {
        /// Which of the two.
        place: ZonePlace,
        /// The zone in the settings.
        wanted: Option<String>,
    },
    /// The id of the image that servers start from.
    Image {
        /// The processor, such as `x86_64`.
        architecture: String,
    },
}

/// Which of the two zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZonePlace {
    /// The first.
    First,
    /// The second.
    Second,
}

/// Returns the parameters that carry the zones and the image.
pub(super) fn placement(settings: &StageSettings) -> Parameters {
    let [first, second] = match &settings.servers.zones {
        Some(zones) => zones.clone().map(|zone| Some(zone.to_string())),
        None => [None, None],
    };
    let zone = |place, wanted| PlacementFact::Zone { place, wanted };
    let image = PlacementFact::Image {
        architecture: settings.architecture().name().to_owned(),
    };
    let facts = [
        ("ZoneA", zone(ZonePlace::First, first)),
        ("ZoneB", zone(ZonePlace::Second, second)),
        ("ImageId", image),
    ];
    let sources = facts.map(|(name, fact)| (name.to_owned(), ParameterSource::Placement(fact)));
    sources.into()
}

//! The properties of artifacts that parameters carry, and the names that the parameters have. Pure.

/// The artifact of the WebSocket server.
pub const SERVER: &str = "websocket";

/// A property of an artifact that a parameter may carry. The text is the artifact's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArtifactFact {
    /// The key of its archive in the artifact bucket.
    Key(String),
    /// Its content id.
    Build(String),
}

impl ArtifactFact {
    /// Returns the properties of an artifact.
    pub fn of(artifact: &str) -> [Self; 2] {
        [
            Self::Key(artifact.to_owned()),
            Self::Build(artifact.to_owned()),
        ]
    }

    /// Returns the name of the parameter that carries it: `ApiKey` and `ApiBuild` of `api`.
    pub fn parameter(&self) -> String {
        match self {
            Self::Key(name) if name == SERVER => "BundleKey".to_owned(),
            Self::Build(name) if name == SERVER => "ServerBuild".to_owned(),
            Self::Key(name) => format!("{}Key", camel_case(name)),
            Self::Build(name) => format!("{}Build", camel_case(name)),
        }
    }
}

/// Returns a name as templates write it, where only letters and digits may stand: `image-resizer` is `ImageResizer`.
pub(super) fn camel_case(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_named_after_its_artifact() {
        let names = ["api", "image-resizer", "count_all", SERVER];
        let names = names.map(|name| {
            ArtifactFact::of(name)
                .map(|fact| fact.parameter())
                .join(" ")
        });
        insta::assert_snapshot!(names.join("\n"), @r"
        ApiKey ApiBuild
        ImageResizerKey ImageResizerBuild
        CountAllKey CountAllBuild
        BundleKey ServerBuild
        ");
    }
}

//! The facts that a job of continuous integration publishes. In: the environment. Out: commit and person.

/// A job of GitHub Actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinuousIntegration {
    /// The commit that started the job.
    pub commit: Option<String>,
    /// The person who did.
    pub actor: Option<String>,
}

impl ContinuousIntegration {
    /// Returns the job in which this program runs, or `None` outside of any.
    pub fn detect() -> Option<Self> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Source: GitHub Docs, "Variables reference", default environment variables.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let filled = |name| variable(name).filter(|value| !value.is_empty());
        (filled("GITHUB_ACTIONS")? == "true").then(|| Self {
            commit: filled("GITHUB_SHA"),
            actor: filled("GITHUB_ACTOR"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_known_by_its_variables_and_nothing_is_believed_outside_of_one() {
        let job = |name: &str| match name {
            "GITHUB_ACTIONS" => Some("true".to_owned()),
            "GITHUB_SHA" => Some("5656322".to_owned()),
            "GITHUB_ACTOR" => Some(String::new()),
            _ => None,
        };
        let read = ContinuousIntegration::read(job).unwrap();
        assert_eq!(
            (read.commit.as_deref(), read.actor),
            (Some("5656322"), None)
        );
        let outside = |name: &str| job(name).filter(|_| name != "GITHUB_ACTIONS");
        assert_eq!(ContinuousIntegration::read(outside), None);
    }
}
